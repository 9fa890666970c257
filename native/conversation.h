/* What the back end wants to show and ask, through the host's conversation. */
#ifndef PAM_TFA_CONVERSATION_H
#define PAM_TFA_CONVERSATION_H

#include <stdbool.h>
#include <stddef.h>

#include <security/pam_modules.h>

/* The answer of a user. It may be a code: wipe it with conversation_forget(). */
struct conversation_answer {
    char text[513];        /* ends in NUL; empty where `unusable` is not 0 */
    size_t length;
    unsigned char unusable; /* 0, or a value of enum wire_unusable */
};

/* Asks for one line. `text` has `length` bytes and no NUL.
 * Returns PAM_SUCCESS with *answer filled, or PAM_CONV_ERR. */
int conversation_ask(pam_handle_t *pamh, const char *text, size_t length, bool echo,
                     struct conversation_answer *answer);

/* Shows text as information or as an error. A host that can't show it does not
 * change the outcome, so there is nothing to return. */
void conversation_show(pam_handle_t *pamh, const char *text, size_t length, bool is_error);

void conversation_forget(struct conversation_answer *answer);

#endif
