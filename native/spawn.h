/* The helper process of one login: start it, end it. */
#ifndef PAM_TFA_SPAWN_H
#define PAM_TFA_SPAWN_H

#include <stdbool.h>

#define HELPER_SOCKET_FD 3

/* Starts the program `path` with `socket_fd` as its file descriptor 3 and nothing
 * else of this process: no environment, no other descriptor, own session, default
 * signals, limits of its own; with full root ids where the effective uid is 0.
 *
 * Returns a pidfd that spawn_end() closes, or -1 with errno set. A host that ignores
 * SIGCHLD, handles it or waits for any child may be told of this one or collect it
 * first; nothing here depends on who does. Safe in threads. */
int spawn_helper(const char *path, int socket_fd);

/* Kills the helper, collects it, and closes the pidfd. Waits at most a quarter of a second
 * for a process that the kernel can't end yet. */
void spawn_end(int pidfd);

#endif
