/* The helper process of one login: start it, end it. */
#ifndef PAM_TFA_SPAWN_H
#define PAM_TFA_SPAWN_H

#include <stdbool.h>
#include <stdint.h>

#define HELPER_SOCKET_FD 3

/* Starts the program `path` with `socket_fd` as its file descriptor 3 and nothing
 * else of this process: no environment, no other descriptor, own session, default
 * signals, limits of its own; with full root ids where the effective uid is 0.
 *
 * Returns a pidfd that spawn_end() closes, or -1 with errno set. A host that ignores
 * SIGCHLD, handles it or waits for any child may be told of this one or collect it
 * first; nothing here depends on who does. Safe in threads. */
int spawn_helper(const char *path, int socket_fd);

/* Kills the helper, collects it, and closes the pidfd. Where the machine is too busy to
 * end it at once, waits until the deadline and a quarter of a second more: what is not
 * collected by then stays in the host as a zombie. */
void spawn_end(int pidfd, int64_t deadline_ms);

#endif
