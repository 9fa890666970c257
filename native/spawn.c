/* Starting a process inside somebody else's process: a PAM host may have threads,
 * handle or ignore SIGCHLD, wait for any child, keep the caller's real uid, and run
 * under limits that an unprivileged caller has set (docs/THREATS.md).
 *
 * fork() would run the host's atfork handlers and copy its memory; posix_spawn()
 * can't change ids or limits. clone() with CLONE_VM|CLONE_VFORK does neither: the
 * child borrows this thread's memory until it executes the helper. While it does,
 * only plain system calls are safe: glibc's setresuid() and its like would signal
 * the host's other threads, so those go through syscall().
 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/close_range.h>

#include "deadline.h"

#define CHILD_STACK_BYTES 16384
#define END_WAIT_MS 250

struct child_plan {
    const char *path;
    int socket_fd;
    bool is_root;
    volatile int error; /* errno of the child's failure, seen here: the memory is shared */
};

/* As much as may be had: root without CAP_SYS_RESOURCE (in a container, say) can't
 * raise a hard limit, and nobody but root can. */
static void raise_limit(int resource, rlim_t wanted)
{
    struct rlimit limit = {wanted, wanted};

    if (setrlimit(resource, &limit) == 0 || getrlimit(resource, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(resource, &limit);
}

/* An unprivileged caller's limits would starve the helper: ulimit -f 0 makes every
 * write fail, -v keeps it from being executed at all. What can't be raised is left:
 * the helper then fails, and a failure denies. */
static void set_limits(void)
{
    static const struct {
        int resource;
        rlim_t wanted;
    } limits[] = {
        {RLIMIT_AS, RLIM_INFINITY},    {RLIMIT_DATA, RLIM_INFINITY},
        {RLIMIT_FSIZE, RLIM_INFINITY}, {RLIMIT_NPROC, RLIM_INFINITY},
        {RLIMIT_STACK, 8 << 20},       {RLIMIT_NOFILE, 256},
        {RLIMIT_CPU, 60},              {RLIMIT_CORE, 0},
    };

    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        raise_limit(limits[i].resource, limits[i].wanted);
}

/* A caller may signal every process whose real uid is his. */
static bool take_root_ids(void)
{
    if (syscall(SYS_setresgid, 0, 0, 0) != 0)
        return false;
    /* Refused in user namespaces that forbid it; extra groups of root are harmless. */
    if (syscall(SYS_setgroups, 0, NULL) != 0 && errno != EPERM)
        return false;
    return syscall(SYS_setresuid, 0, 0, 0) == 0;
}

static bool arrange_descriptors(int socket_fd)
{
    /* Out of the way of 0-3 first, so that nothing is overwritten unseen. */
    const int moved = fcntl(socket_fd, F_DUPFD, HELPER_SOCKET_FD + 1);

    if (moved < 0)
        return false;
    for (int fd = 0; fd < HELPER_SOCKET_FD; fd++) {
        close(fd);
        if (open("/dev/null", O_RDWR) != fd)
            return false;
    }
    return dup2(moved, HELPER_SOCKET_FD) == HELPER_SOCKET_FD &&
           close_range(HELPER_SOCKET_FD + 1, ~0U, 0) == 0;
}

static void default_signals(void)
{
    struct sigaction action;
    sigset_t none;

    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &action, NULL); /* fails for KILL, STOP and libc's own */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Runs in the host's memory; see above. Never returns. */
static int child_main(void *argument)
{
    struct child_plan *plan = argument;
    char *const argv[] = {(char *)"pam-tfa-helper", NULL};
    char *const envp[] = {NULL};

    /* A session of its own: no terminal, so that ^Z and ^C don't reach it. */
    setsid();
    if ((plan->is_root && !take_root_ids()) || !arrange_descriptors(plan->socket_fd) ||
        chdir("/") != 0) {
        plan->error = errno;
        _exit(126);
    }
    set_limits();
    default_signals();
    execve(plan->path, argv, envp);
    plan->error = errno;
    _exit(127);
}

int spawn_helper(const char *path, int socket_fd)
{
    _Alignas(16) char stack[CHILD_STACK_BYTES];
    struct child_plan plan = {path, socket_fd, geteuid() == 0, 0};
    sigset_t all, before;
    int pidfd = -1, cancel_state;

    /* Neither a handler of the host nor a thread's cancellation, which open() and
     * close() would act upon, may run in the child, on the host's memory. */
    sigfillset(&all);
    if (pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state) != 0 ||
        pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return -1;
    /* No exit signal (the low byte is 0): a child that fails before it executes the
     * helper goes unseen by the host. execve() sets SIGCHLD again. */
    const pid_t pid = clone(child_main, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_PIDFD,
                            &plan, &pidfd);
    const int error = pid < 0 ? errno : plan.error;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_setcancelstate(cancel_state, NULL);
    if (pid >= 0 && error != 0)
        spawn_end(pidfd, now_ms());
    errno = error;
    return error != 0 ? -1 : pidfd;
}

static bool collect(int pidfd)
{
    siginfo_t info;

    memset(&info, 0, sizeof info);
    if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | __WALL) != 0)
        return errno != EINTR; /* ECHILD: a host that collects everything was faster */
    return info.si_pid != 0;
}

/* Waits for the end of a process, which its pidfd tells. */
static void wait_for_end(int pidfd, int64_t limit_ms)
{
    struct pollfd end = {pidfd, POLLIN, 0};

    poll(&end, 1, limit_ms > 0 ? (int)limit_ms : 0);
}

void spawn_end(int pidfd, int64_t deadline_ms)
{
    const struct timespec pause = {0, 1000000};

    if (deadline_ms < now_ms())
        deadline_ms = now_ms();
    deadline_ms += END_WAIT_MS;
    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    wait_for_end(pidfd, deadline_ms - now_ms());
    /* poll() fails where a caller has set RLIMIT_NOFILE to 0, and a process that
     * somebody traces has ended before it can be collected. */
    while (!collect(pidfd) && now_ms() < deadline_ms)
        nanosleep(&pause, NULL);
    close(pidfd);
}
