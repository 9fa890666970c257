/* The connection to the back end: the daemon's socket, or a helper of our own. */
#ifndef PAM_TFA_BACK_END_H
#define PAM_TFA_BACK_END_H

#include <stdbool.h>
#include <stdint.h>

#include <security/pam_modules.h>

#include "wire.h"

struct back_end {
    int socket_fd; /* -1 where there is none */
    int helper_pidfd; /* -1 for the daemon */
};

/* Each opens a connection on which the back end has said HELLO. Returns true, and
 * *back_end is to be closed; or false with nothing left open. */
bool back_end_open_daemon(pam_handle_t *pamh, struct back_end *back_end);
bool back_end_open_helper(pam_handle_t *pamh, struct back_end *back_end, int64_t deadline_ms);

bool back_end_send(const struct back_end *back_end, const struct wire_writer *message);

/* Waits for one message until the deadline. `buffer` has WIRE_MAX_MESSAGE_BYTES
 * bytes and must outlive *message, which points into it. Returns false for the end
 * of the connection, the deadline, and anything that is not a message; *reason then
 * says which, for the log. */
bool back_end_receive(const struct back_end *back_end, int64_t deadline_ms, uint8_t *buffer,
                      struct wire_back_end_message *message, const char **reason);

/* Closes the connection; a helper is killed and collected, see spawn_end(). */
void back_end_close(struct back_end *back_end, int64_t deadline_ms);

#endif
