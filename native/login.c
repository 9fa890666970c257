#include "login.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>

#include "back_end.h"
#include "conversation.h"
#include "deadline.h"
#include "log.h"
#include "wire.h"

/* The one sentence of the module's own: shown where no back end could say it. */
static const char unavailable_text[] = "Two-factor login is unavailable.";

struct login {
    pam_handle_t *pamh;
    const struct options *options;
    bool silent;
    uint8_t nonce[WIRE_NONCE_BYTES];
    struct wire_writer request;
    struct back_end back_end;
    int64_t deadline_ms;
    bool shown; /* the user has seen something: no other back end may begin again */
};

/* What the relay came to. `failure` is NULL where the back end gave a verdict or
 * the conversation failed; else it says, for the log, what the back end did. */
struct relay_result {
    int pam_result;
    const char *failure;
};

static int pam_result_of(uint8_t code)
{
    switch (code) {
    case WIRE_CODE_SUCCESS:
        return PAM_SUCCESS;
    case WIRE_CODE_IGNORE:
        return PAM_IGNORE;
    case WIRE_CODE_REFUSED:
        return PAM_AUTH_ERR;
    case WIRE_CODE_LOCKED:
        return PAM_MAXTRIES;
    case WIRE_CODE_CONVERSATION_FAILED:
        return PAM_CONV_ERR;
    case WIRE_CODE_MISCONFIGURED:
        return PAM_SERVICE_ERR;
    default:
        return PAM_AUTHINFO_UNAVAIL;
    }
}

static void put_item(struct login *login, enum wire_tag tag, int item_type)
{
    const void *item = NULL;

    if (pam_get_item(login->pamh, item_type, &item) == PAM_SUCCESS && item != NULL)
        wire_put(&login->request, tag, item, strnlen(item, WIRE_MAX_ITEM_BYTES));
}

static void put_text(struct login *login, enum wire_tag tag, const char *text)
{
    if (text != NULL)
        wire_put(&login->request, tag, text, strlen(text));
}

/* No account has a name this long; an empty one is nobody's either. */
static void put_user(struct login *login, const char *user)
{
    const size_t length = strnlen(user, WIRE_MAX_ITEM_BYTES + 1);

    wire_put(&login->request, WIRE_USER, user, length > WIRE_MAX_ITEM_BYTES ? 0 : length);
}

static bool build_request(struct login *login, const char *user)
{
    ssize_t length;
    do
        length = getrandom(login->nonce, sizeof login->nonce, 0);
    while (length < 0 && errno == EINTR);
    if (length != sizeof login->nonce)
        return false;
    wire_begin(&login->request, WIRE_REQUEST);
    wire_put(&login->request, WIRE_NONCE, login->nonce, sizeof login->nonce);
    wire_put_uint32(&login->request, WIRE_OPTIONS, login->options->relayed);
    put_user(login, user);
    put_item(login, WIRE_SERVICE, PAM_SERVICE);
    put_item(login, WIRE_RHOST, PAM_RHOST);
    put_item(login, WIRE_RUSER, PAM_RUSER);
    put_item(login, WIRE_TTY, PAM_TTY);
    put_text(login, WIRE_CONFIG, login->options->config);
    put_text(login, WIRE_PROMPT_TEXT, login->options->prompt_text);
    return !login->request.overflow;
}

/* A host may take its time to show a text; that is not the back end's. */
static void show(struct login *login, const char *text, size_t length, bool is_error)
{
    const int64_t before_ms = now_ms();

    login->shown = true;
    if (!login->silent)
        conversation_show(login->pamh, text, length, is_error);
    login->deadline_ms += now_ms() - before_ms;
}

static bool send_answer(struct login *login, const struct conversation_answer *answer)
{
    struct wire_writer message;

    wire_begin(&message, WIRE_ANSWER);
    if (answer->unusable != 0)
        wire_put_byte(&message, WIRE_UNUSABLE, answer->unusable);
    else
        wire_put(&message, WIRE_TEXT, answer->text, answer->length);
    const bool sent = back_end_send(&login->back_end, &message);
    explicit_bzero(&message, sizeof message);
    return sent;
}

/* Relays one prompt and its answer; the time limit begins again with the answer. */
static struct relay_result relay_prompt(struct login *login,
                                        const struct wire_back_end_message *prompt)
{
    struct conversation_answer answer;
    struct relay_result result = {PAM_SUCCESS, NULL};

    result.pam_result = conversation_ask(login->pamh, (const char *)prompt->text.bytes,
                                         prompt->text.length, prompt->style == 1, &answer);
    login->deadline_ms = now_ms() + ANSWER_LIMIT_MS;
    if (result.pam_result != PAM_SUCCESS)
        log_line(login->pamh, LOG_NOTICE, "no answer to the prompt: the client went away");
    if (result.pam_result == PAM_SUCCESS && !send_answer(login, &answer)) {
        result.pam_result = PAM_AUTHINFO_UNAVAIL;
        result.failure = "was gone when the answer came";
    }
    conversation_forget(&answer);
    return result;
}

static struct relay_result take_verdict(const struct login *login,
                                        const struct wire_back_end_message *verdict)
{
    struct relay_result result = {pam_result_of(verdict->code), NULL};
    const bool lets_in = result.pam_result == PAM_SUCCESS || result.pam_result == PAM_IGNORE;

    if (verdict->code < WIRE_CODE_SUCCESS || verdict->code > WIRE_CODE_MISCONFIGURED)
        result.failure = "gave a verdict that there is not";
    if (lets_in && memcmp(verdict->nonce, login->nonce, sizeof login->nonce) != 0) {
        result.pam_result = PAM_AUTHINFO_UNAVAIL;
        result.failure = "answered another request";
    }
    return result;
}

static struct relay_result relay(struct login *login)
{
    uint8_t buffer[WIRE_MAX_MESSAGE_BYTES];
    struct wire_back_end_message message;
    struct relay_result result = {PAM_AUTHINFO_UNAVAIL, NULL};

    if (!back_end_send(&login->back_end, &login->request)) {
        result.failure = "did not take the request";
        return result;
    }
    for (;;) {
        if (!back_end_receive(&login->back_end, login->deadline_ms, buffer, &message,
                              &result.failure))
            return result;
        switch (message.type) {
        case WIRE_VERDICT:
            return take_verdict(login, &message);
        case WIRE_MESSAGE:
            show(login, (const char *)message.text.bytes, message.text.length,
                 message.style == 1);
            break;
        case WIRE_PROMPT: {
            login->shown = true;
            const struct relay_result asked = relay_prompt(login, &message);
            if (asked.pam_result != PAM_SUCCESS)
                return asked;
            break;
        }
        default:
            result.failure = "sent a message out of turn";
            return result;
        }
    }
}

static struct relay_result relay_and_close(struct login *login, const char *name)
{
    const struct relay_result result = relay(login);

    back_end_close(&login->back_end, login->deadline_ms);
    if (result.failure != NULL)
        log_line(login->pamh, LOG_ERR, "%s %s", name, result.failure);
    return result;
}

/* The daemon where there is one; the helper where there is none, or where the
 * daemon failed before the user saw anything. */
static struct relay_result run_back_ends(struct login *login)
{
    struct relay_result result = {PAM_AUTHINFO_UNAVAIL, "no back end"};

    if (back_end_open_daemon(login->pamh, &login->back_end)) {
        result = relay_and_close(login, "the daemon");
        if (result.failure == NULL || login->shown)
            return result;
    }
    if (back_end_open_helper(login->pamh, &login->back_end, login->deadline_ms))
        result = relay_and_close(login, "the helper");
    return result;
}

int login_run(pam_handle_t *pamh, const struct options *options, bool silent)
{
    struct login login = {.pamh = pamh, .options = options, .silent = silent};
    const char *user = NULL;

    const int got_user = pam_get_user(pamh, &user, NULL);
    if (got_user != PAM_SUCCESS || user == NULL)
        return got_user == PAM_CONV_ERR ? PAM_CONV_ERR : PAM_AUTH_ERR;
    /* Only now: a host that has no name yet asks for it, and a person types. */
    login.deadline_ms = now_ms() + ANSWER_LIMIT_MS;
    struct relay_result result = {PAM_AUTHINFO_UNAVAIL, "no random number for the request"};
    if (build_request(&login, user))
        result = run_back_ends(&login);
    else
        log_line(pamh, LOG_ERR, "the request could not be built");
    if (result.failure != NULL && !options->quiet)
        show(&login, unavailable_text, sizeof unavailable_text - 1, true);
    if (options->debug)
        log_line(pamh, LOG_DEBUG, "result: %s", pam_strerror(pamh, result.pam_result));
    return result.failure != NULL && options->quiet ? PAM_AUTH_ERR : result.pam_result;
}
