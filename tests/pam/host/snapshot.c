#include "snapshot.h"

#include <locale.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#define HIGHEST_FD 1024

static void write_signals(int fd)
{
    dprintf(fd, "\"dispositions\":[");
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;

        memset(&action, 0, sizeof action);
        sigaction(number, NULL, &action);
        dprintf(fd, "%s[%d,%ju,%d]", number > 1 ? "," : "", number,
                (uintmax_t)(uintptr_t)action.sa_handler, action.sa_flags);
    }
    dprintf(fd, "],\"blocked\":[0");
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    for (int number = 1; number < NSIG; number++)
        if (sigismember(&mask, number) == 1)
            dprintf(fd, ",%d", number);
    dprintf(fd, "],");
}

static void write_limits(int fd)
{
    dprintf(fd, "\"limits\":[");
    for (int resource = 0; resource < RLIMIT_NLIMITS; resource++) {
        struct rlimit limit = {0, 0};

        getrlimit((__rlimit_resource_t)resource, &limit);
        dprintf(fd, "%s[%d,%ju,%ju]", resource > 0 ? "," : "", resource,
                (uintmax_t)limit.rlim_cur, (uintmax_t)limit.rlim_max);
    }
    dprintf(fd, "],");
}

static void write_descriptors(int fd)
{
    dprintf(fd, "\"descriptors\":[-1");
    for (int candidate = 0; candidate < HIGHEST_FD; candidate++) {
        const int flags = fcntl(candidate, F_GETFD);

        if (flags >= 0)
            dprintf(fd, ",[%d,%d]", candidate, flags);
    }
    dprintf(fd, "],");
}

static void write_ids(int fd)
{
    uid_t ruid, euid, suid;
    gid_t rgid, egid, sgid;

    getresuid(&ruid, &euid, &suid);
    getresgid(&rgid, &egid, &sgid);
    dprintf(fd, "\"ids\":[%u,%u,%u,%u,%u,%u,%d],", ruid, euid, suid, rgid, egid, sgid,
            getgroups(0, NULL));
}

/* Whether there is any child, dead or alive, that this process could wait for. */
static int has_children(void)
{
    siginfo_t info;

    memset(&info, 0, sizeof info);
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0 ? 1 : 0;
}

void write_snapshot(int fd)
{
    char cwd[4096] = "";
    struct itimerval timer;
    const mode_t mask = umask(0);

    umask(mask);
    if (getcwd(cwd, sizeof cwd) == NULL)
        snprintf(cwd, sizeof cwd, "errno %d", errno);
    memset(&timer, 0, sizeof timer);
    getitimer(ITIMER_REAL, &timer);
    dprintf(fd, "{");
    write_signals(fd);
    write_limits(fd);
    write_descriptors(fd);
    write_ids(fd);
    dprintf(fd,
            "\"umask\":%u,\"cwd\":\"%s\",\"locale\":\"%s\",\"children\":%d,"
            "\"dumpable\":%d,\"no_new_privs\":%d,\"nice\":%d,\"session\":%d,\"interval_us\":%ld}",
            (unsigned)mask, cwd, setlocale(LC_ALL, NULL), has_children(),
            prctl(PR_GET_DUMPABLE), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
            getpriority(PRIO_PROCESS, 0), getsid(0), (long)timer.it_interval.tv_usec);
}
