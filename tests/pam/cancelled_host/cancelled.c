/* A host that cancels a thread which is about to start a helper. The cancellation may
 * take effect in the host, never in the child that borrows its memory.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "spawn.h"

static pid_t host;

static void on_cancel(void *unused)
{
    (void)unused;
    puts(getpid() == host ? "cancelled in the host" : "cancelled in the child");
    fflush(stdout);
}

static void *start_helper(void *program)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0)
        abort();
    pthread_cleanup_push(on_cancel, NULL);
    /* Cancelled by now, but nothing has acted on it: spawn_helper() comes first. */
    const int pidfd = spawn_helper(program, pair[1]);
    puts(pidfd >= 0 ? "started" : "not started");
    fflush(stdout);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    spawn_end(pidfd, 0);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    pthread_testcancel();
    pthread_cleanup_pop(0);
    return NULL;
}

static void *wait_for_cancel(void *program)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    usleep(300000);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    return start_helper(program);
}

int main(int argc, char **argv)
{
    pthread_t thread;

    if (argc != 2)
        return 2;
    host = getpid();
    if (pthread_create(&thread, NULL, wait_for_cancel, argv[1]) != 0)
        return 2;
    usleep(100000);
    pthread_cancel(thread);
    pthread_join(thread, NULL);
    puts("alive");
    return 0;
}
