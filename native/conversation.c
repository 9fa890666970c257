#include "conversation.h"

#include <stdlib.h>
#include <string.h>

#include <security/pam_modules.h>

#include "wire.h"

_Static_assert(sizeof((struct conversation_answer *)0)->text == WIRE_MAX_ANSWER_BYTES + 1,
               "the longest answer and its NUL");

/* Longest text that goes into one PAM message; the same limit as on the wire. */
#define TEXT_BYTES (WIRE_MAX_TEXT_BYTES + 1)

/* One round of the host's conversation with a single message. *response is the
 * host's malloc'ed text, or NULL; the caller frees it. */
static int converse(pam_handle_t *pamh, int style, const char *text, size_t length,
                    char **response)
{
    char copy[TEXT_BYTES];
    const void *item = NULL;
    struct pam_response *responses = NULL;
    const struct pam_message message = {style, copy};
    const struct pam_message *messages = &message;

    *response = NULL;
    if (length >= sizeof copy)
        return PAM_CONV_ERR;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (pam_get_item(pamh, PAM_CONV, &item) != PAM_SUCCESS || item == NULL)
        return PAM_CONV_ERR;
    const struct pam_conv *conversation = item;
    if (conversation->conv == NULL)
        return PAM_CONV_ERR;
    const int result = conversation->conv(1, &messages, &responses, conversation->appdata_ptr);
    if (responses == NULL)
        return result == PAM_SUCCESS ? PAM_SUCCESS : PAM_CONV_ERR;
    /* A host that fails may still have filled this in; its text may be a code. */
    *response = responses->resp;
    free(responses);
    return result == PAM_SUCCESS ? PAM_SUCCESS : PAM_CONV_ERR;
}

static void wipe_and_free(char *text)
{
    if (text == NULL)
        return;
    explicit_bzero(text, strlen(text));
    free(text);
}

/* Programs with one input field answer our prompt with the password again; it must
 * neither be counted as a wrong code nor leave this process. The comparison takes
 * no longer for a longer common beginning. */
static bool equals_authtok(pam_handle_t *pamh, const char *text, size_t length)
{
    const void *authtok = NULL;

    if (pam_get_item(pamh, PAM_AUTHTOK, &authtok) != PAM_SUCCESS || authtok == NULL)
        return false;
    if (length == 0 || strlen(authtok) != length)
        return false;
    unsigned char difference = 0;
    for (size_t i = 0; i < length; i++)
        difference |= (unsigned char)(text[i] ^ ((const char *)authtok)[i]);
    return difference == 0;
}

static void take_answer(pam_handle_t *pamh, const char *response,
                        struct conversation_answer *answer)
{
    const size_t length = strnlen(response, sizeof answer->text);

    if (length > WIRE_MAX_ANSWER_BYTES) {
        answer->unusable = WIRE_UNUSABLE_TOO_LONG;
    } else if (equals_authtok(pamh, response, length)) {
        answer->unusable = WIRE_UNUSABLE_EQUALS_AUTHTOK;
    } else {
        memcpy(answer->text, response, length);
        answer->length = length;
    }
}

int conversation_ask(pam_handle_t *pamh, const char *text, size_t length, bool echo,
                     struct conversation_answer *answer)
{
    char *response = NULL;
    int result = converse(pamh, echo ? PAM_PROMPT_ECHO_ON : PAM_PROMPT_ECHO_OFF, text, length,
                          &response);

    memset(answer, 0, sizeof *answer);
    if (result == PAM_SUCCESS && response == NULL)
        result = PAM_CONV_ERR; /* success without an answer: the client is gone */
    if (result == PAM_SUCCESS)
        take_answer(pamh, response, answer);
    wipe_and_free(response);
    return result;
}

void conversation_show(pam_handle_t *pamh, const char *text, size_t length, bool is_error)
{
    char *response = NULL;

    (void)converse(pamh, is_error ? PAM_ERROR_MSG : PAM_TEXT_INFO, text, length, &response);
    wipe_and_free(response);
}

void conversation_forget(struct conversation_answer *answer)
{
    explicit_bzero(answer, sizeof *answer);
}
