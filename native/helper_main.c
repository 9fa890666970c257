/* pam-tfa-helper: the back end of one login, when no daemon runs.
 *
 * The module starts it with a socket as file descriptor 3. It makes sure of its own
 * process, waits for one of the host's slots, and only then starts an interpreter
 * that takes nothing from its surroundings. Its exit status means nothing: the
 * module believes messages on the socket and nothing else.
 */
#include <Python.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/close_range.h>

#include "deadline.h"
#include "preload.h"
#include "spawn.h"

#ifndef PAM_TFA_SLOT_DIRECTORY
#define PAM_TFA_SLOT_DIRECTORY "/run/pam-tfa/slots"
#endif
#define RUN_DIRECTORY "/run/pam-tfa"
/* At most this many helpers start at once on a host; the rest wait for their turn. */
#define SLOT_COUNT 8
/* Leaves time to start and to ask within ANSWER_LIMIT_MS. */
#define SLOT_WAIT_MS 2500

/* Made by the cffi embedding (build_helper.py). */
extern int pam_tfa_serve(int socket_fd, int slot_fd);

static bool is_set_id(void)
{
    return getuid() != geteuid() || getgid() != getegid();
}

static bool has_socket(void)
{
    int type = 0;
    socklen_t size = sizeof type;

    return getsockopt(HELPER_SOCKET_FD, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
           type == SOCK_SEQPACKET;
}

/* A caller may have lowered the priority that the host gave us by inheritance; a
 * slow helper would hold a record's lock for long. Failure costs speed alone. */
static void normal_priority(void)
{
    const struct sched_param parameters = {0};
    const int io_priority_process = 1;

    sched_setscheduler(0, SCHED_OTHER, &parameters);
    setpriority(PRIO_PROCESS, 0, 0);
    syscall(SYS_ioprio_set, io_priority_process, 0, 0);
}

/* False where this process can't be made safe. */
static bool harden(void)
{
    if (is_set_id() || !has_socket() || clearenv() != 0)
        return false;
    /* No core file, no ptrace by whoever shares the uid: it will hold secrets. */
    if (prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return false;
    if (close_range(HELPER_SOCKET_FD + 1, ~0U, 0) != 0 || chdir("/") != 0)
        return false;
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a write beyond a caller's limit fails instead */
    normal_priority();
    return true;
}

static int open_slot(int number)
{
    char path[sizeof PAM_TFA_SLOT_DIRECTORY + 16];

    snprintf(path, sizeof path, "%s/%d", PAM_TFA_SLOT_DIRECTORY, number);
    return open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/* Whether the directory of the slots is there and root's alone. */
static bool slot_directory_ready(void)
{
    struct stat entry;

    umask(022);
    if ((mkdir(RUN_DIRECTORY, 0755) != 0 && errno != EEXIST) ||
        (mkdir(PAM_TFA_SLOT_DIRECTORY, 0700) != 0 && errno != EEXIST)) {
        umask(077);
        return false;
    }
    umask(077);
    return lstat(PAM_TFA_SLOT_DIRECTORY, &entry) == 0 && S_ISDIR(entry.st_mode) &&
           entry.st_uid == 0 && (entry.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Tries each slot once, beginning at a different one in each process. Returns its
 * descriptor, -1 where all are taken; *usable is false where there are none. */
static int try_slots(bool *usable)
{
    *usable = false;
    for (int i = 0; i < SLOT_COUNT; i++) {
        const int fd = open_slot((int)((getpid() + i) % SLOT_COUNT));
        if (fd < 0)
            continue;
        *usable = true;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return fd;
        close(fd);
    }
    return -1;
}

/* Starting interpreters is what an overload of logins would drown in, so SLOT_COUNT
 * do at once and the rest wait for their turn. The kernel gives a slot back when its
 * holder dies; a holder gives it back itself before a person types.
 *
 * Slots protect the host's speed, not the login: without any (no /run), and where
 * none comes free in time (somebody may freeze the processes of his own cgroup, with
 * our helpers in them), the helper goes on.
 *
 * Returns the slot's descriptor, or -1. */
static int wait_for_slot(void)
{
    const struct timespec pause = {0, 5000000};
    const int64_t deadline_ms = now_ms() + SLOT_WAIT_MS;
    bool usable = geteuid() == 0 && slot_directory_ready();

    while (usable && now_ms() < deadline_ms) {
        const int fd = try_slots(&usable);
        if (fd >= 0)
            return fd;
        nanosleep(&pause, NULL);
    }
    return -1;
}

static PyStatus set_search_path(PyConfig *config)
{
    static const wchar_t *const entries[] = {PAM_TFA_PYTHON_PATH};
    PyStatus status = PyStatus_Ok();

    config->module_search_paths_set = 1;
    for (size_t i = 0; i < sizeof entries / sizeof *entries && !PyStatus_Exception(status); i++)
        status = PyWideStringList_Append(&config->module_search_paths, entries[i]);
    return status;
}

/* Everything that Python would look for is given, so that it looks for nothing. */
static PyStatus set_paths(PyConfig *config)
{
    const struct {
        wchar_t **field;
        const wchar_t *value;
    } paths[] = {
        {&config->program_name, PAM_TFA_PYTHON_EXECUTABLE},
        {&config->executable, PAM_TFA_PYTHON_EXECUTABLE},
        {&config->base_executable, PAM_TFA_PYTHON_EXECUTABLE},
        {&config->prefix, PAM_TFA_PYTHON_PREFIX},
        {&config->base_prefix, PAM_TFA_PYTHON_PREFIX},
        {&config->exec_prefix, PAM_TFA_PYTHON_PREFIX},
        {&config->base_exec_prefix, PAM_TFA_PYTHON_PREFIX},
    };
    PyStatus status = set_search_path(config);

    for (size_t i = 0; i < sizeof paths / sizeof *paths && !PyStatus_Exception(status); i++)
        status = PyConfig_SetString(config, paths[i].field, paths[i].value);
    return status;
}

/* Starts an interpreter without environment, site, user directories, arguments,
 * signal handlers and bytecode writing. */
static bool start_interpreter(void)
{
    PyPreConfig preconfig;
    PyConfig config;

    PyPreConfig_InitIsolatedConfig(&preconfig);
    preconfig.utf8_mode = 1;
    if (PyStatus_Exception(Py_PreInitialize(&preconfig)))
        return false;
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    config.write_bytecode = 0;
    config.install_signal_handlers = 0;
    config.pathconfig_warnings = 0;
    PyStatus status = set_paths(&config);
    if (!PyStatus_Exception(status))
        status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status))
        return false;
    PyGC_Disable(); /* a process that ends with its login leaves no cycles to anybody */
    return true;
}

int main(void)
{
    if (!harden())
        return 1;
    const int slot_fd = wait_for_slot();
    preload_libraries();
    /* _exit(): the thread may be at work yet. */
    if (!start_interpreter())
        _exit(1);
    const int result = pam_tfa_serve(HELPER_SOCKET_FD, slot_fd);
    /* What was decided is durable and sent: tearing the interpreter down would only
     * keep the user waiting. */
    _exit(result);
}
