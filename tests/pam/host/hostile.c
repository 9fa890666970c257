#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void require(bool ok, const char *what)
{
    if (!ok) {
        dprintf(2, "host: %s: %s\n", what, strerror(errno));
        _exit(100);
    }
}

static void set_handler(int number, void (*handler)(int), int flags)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = flags;
    sigaction(number, &action, NULL); /* fails for KILL and STOP */
}

static void nothing(int number)
{
    (void)number;
}

static void collect_children(int number)
{
    const int error = errno;

    (void)number;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    errno = error;
}

/* Takes every child there is, those without an exit signal too. */
static void *collect_all_children(void *unused)
{
    const struct timespec pause = {0, 200000};

    for (;;) {
        while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
            ;
        nanosleep(&pause, NULL);
    }
    return unused;
}

static void start_collector(void)
{
    pthread_t thread;

    require(pthread_create(&thread, NULL, collect_all_children, NULL) == 0, "thread");
    pthread_detach(thread);
}

/* Interrupts every system call that can be interrupted. */
static void start_storm(void)
{
    const struct itimerval often = {{0, 1000}, {0, 1000}};

    set_handler(SIGALRM, nothing, 0);
    require(setitimer(ITIMER_REAL, &often, NULL) == 0, "timer");
}

static void block_signals(void)
{
    sigset_t all;

    sigfillset(&all);
    require(pthread_sigmask(SIG_SETMASK, &all, NULL) == 0, "mask");
}

static void handle_all_signals(void (*handler)(int))
{
    for (int number = 1; number < NSIG; number++)
        set_handler(number, handler, SA_NODEFER);
}

static void close_standard(void)
{
    for (int fd = 0; fd < 3; fd++)
        close(fd);
}

/* Leaves so many descriptors free below the limit. */
static void use_descriptors_but(int free_count)
{
    int last = -1;

    for (int fd; (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;)
        last = fd;
    for (; free_count > 0; free_count--)
        close(last--);
}

/* "NUMBER=VALUE": the soft and, unless `soft_only`, the hard limit. */
static void lower_limit(const char *value, bool soft_only)
{
    char *end = NULL;
    const int resource = (int)strtol(value, &end, 10);
    const rlim_t wanted = strtoull(end + 1, NULL, 10);
    struct rlimit limit;

    require(getrlimit((__rlimit_resource_t)resource, &limit) == 0, "getrlimit");
    limit.rlim_cur = wanted;
    if (!soft_only)
        limit.rlim_max = wanted;
    require(setrlimit((__rlimit_resource_t)resource, &limit) == 0, "setrlimit");
}

bool hostile_takes_value(const char *option)
{
    static const char *const names[] = {"--chdir", "--umask", "--locale", "--limit",
                                        "--soft-limit", "--free-descriptors"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(option, names[i]) == 0)
            return true;
    return false;
}

bool make_hostile(const char *option, const char *value)
{
    if (strcmp(option, "--ignore-sigchld") == 0)
        set_handler(SIGCHLD, SIG_IGN, 0);
    else if (strcmp(option, "--steal-children") == 0)
        set_handler(SIGCHLD, collect_children, SA_RESTART);
    else if (strcmp(option, "--steal-all-children") == 0)
        start_collector();
    else if (strcmp(option, "--signal-storm") == 0)
        start_storm();
    else if (strcmp(option, "--block-signals") == 0)
        block_signals();
    else if (strcmp(option, "--handle-signals") == 0)
        handle_all_signals(nothing);
    else if (strcmp(option, "--ignore-signals") == 0)
        handle_all_signals(SIG_IGN);
    else if (strcmp(option, "--close-standard") == 0)
        close_standard();
    else if (strcmp(option, "--free-descriptors") == 0)
        use_descriptors_but(atoi(value));
    else if (strcmp(option, "--limit") == 0)
        lower_limit(value, false);
    else if (strcmp(option, "--soft-limit") == 0)
        lower_limit(value, true);
    else if (strcmp(option, "--chdir") == 0)
        require(chdir(value) == 0, value);
    else if (strcmp(option, "--umask") == 0)
        umask((mode_t)strtol(value, NULL, 8));
    else if (strcmp(option, "--locale") == 0)
        require(setlocale(LC_ALL, value) != NULL, value);
    else
        return false;
    return true;
}
