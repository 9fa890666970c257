/* Lets chosen system calls of a process, or of one that it starts, fail: a library
 * for injector.py.
 *
 * A seccomp filter sends every call to a listener of ours (seccomp_unotify(2)), which
 * lets it go on or answers in the kernel's place; a call that is answered is not
 * executed. The filter follows into children and through execve(); unlike a tracer
 * it stops nobody who isn't meant, and costs 2 us a call.
 *
 * A process is a child of the caller's: it calls become_supervised(), then does what
 * is to be disturbed. The caller answers its calls in supervise(), all its life long,
 * or from job to job: a process that works off jobs waits for each in recvmsg(), and
 * calls getsid() where a job proper begins and ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS /* Linux 6.6, newer than Debian 12's headers */
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1UL
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

#define MOST_THEN 64
#define MOST_PROCESSES 9
#define PATH_BYTES 120
/* A child of the process may outlive it by this much. */
#define GRACE_MS 2000

/* What is to fail. A call counts where its process does: the first (0), or the n-th that
 * the first has started; -1 for none. The nth call of a number fails with an error;
 * afterwards all calls of the numbers in `then` do, `limit` calls in all. */
struct plan {
    int process, number, nth, error, limit;
    int then_count;
    int then[MOST_THEN];
};

struct call {
    int process, number;
    char path[PATH_BYTES]; /* what openat() names */
};

/* What came of it; `failed_syncs` are those of the calls that failed which would have made
 * something durable. `status` is waitpid()'s, where it has ended. `calls` has room for
 * `most_calls`, and gets every call that counts. */
struct report {
    int failed, failed_syncs, has_ended, ended_late, status;
    int call_count, most_calls;
    struct call *calls;
};

/* A process and those that it started. The caller sets pid, whether it works off jobs,
 * and zeros. */
struct supervised {
    pid_t pid;
    int has_jobs, pidfd, listener;
    uint64_t waiting; /* the recvmsg() that waits for the next job */
    pid_t processes[MOST_PROCESSES];
    int process_count;
};

struct run {
    struct supervised *supervised;
    const struct plan *plan;
    struct report *report;
    bool counts; /* not while a job is taken or given back */
    bool is_over;
    int counted; /* calls of the plan's number, in its process */
};

/* In the child. `listener` is in memory shared with the parent, who waits for it to change
 * from 0: every call with which the child could say so is supervised already. */
int become_supervised(volatile int *listener)
{
    struct sock_filter everything = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    const struct sock_fprog program = {1, &everything};

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return -1;
    const long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                            &program);
    *listener = fd < 0 ? -1 : (int)fd;
    return fd < 0 ? -1 : 0;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* In the parent: takes the child's listener. Returns 0, or -1. */
int begin_supervision(struct supervised *supervised, volatile int *listener)
{
    const int64_t deadline_ms = now_ms() + 5000;

    supervised->listener = -1;
    supervised->processes[0] = supervised->pid;
    supervised->process_count = 1;
    supervised->pidfd = (int)syscall(SYS_pidfd_open, supervised->pid, 0);
    while (*listener == 0 && now_ms() < deadline_ms)
        sched_yield();
    if (*listener > 0)
        supervised->listener = (int)syscall(SYS_pidfd_getfd, supervised->pidfd, *listener, 0);
    if (supervised->listener < 0)
        return -1;
    /* Wakes the process on this processor: 2 us a call and not 40. */
    ioctl(supervised->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
    return 0;
}

/* 0 for the first process, n for the n-th that it started. */
static int process_index(struct supervised *supervised, pid_t pid)
{
    for (int i = 0; i < supervised->process_count; i++)
        if (supervised->processes[i] == pid)
            return i;
    if (supervised->process_count < MOST_PROCESSES)
        supervised->processes[supervised->process_count++] = pid;
    return supervised->process_count - 1;
}

static void read_path(const struct seccomp_notif *call, char *path)
{
    const struct iovec here = {path, PATH_BYTES - 1};
    struct iovec there = {(void *)(uintptr_t)call->data.args[1], PATH_BYTES - 1};
    /* What lies behind the page's end need not be mapped. */
    const size_t to_page_end = 4096 - (uintptr_t)there.iov_base % 4096;

    memset(path, 0, PATH_BYTES);
    if (to_page_end < there.iov_len)
        there.iov_len = to_page_end;
    process_vm_readv((pid_t)call->pid, &here, 1, &there, 1, 0);
}

static void note_call(struct report *report, int process, const struct seccomp_notif *call)
{
    if (report->call_count >= report->most_calls)
        return;
    struct call *noted = &report->calls[report->call_count++];
    noted->process = process;
    noted->number = call->data.nr;
    noted->path[0] = '\0';
    if (call->data.nr == SYS_openat)
        read_path(call, noted->path);
}

static bool has_to_fail(struct run *run, int process, int number)
{
    const struct plan *plan = run->plan;

    if (process != plan->process || run->report->failed >= plan->limit)
        return false;
    if (run->report->failed > 0)
        for (int i = 0; i < plan->then_count; i++)
            if (plan->then[i] == number)
                return true;
    return number == plan->number && ++run->counted == plan->nth;
}

static bool is_sync(int number)
{
    return number == SYS_fsync || number == SYS_fdatasync || number == SYS_msync;
}

static int let_go_on(const struct supervised *supervised, uint64_t id)
{
    const struct seccomp_notif_resp answer = {
        .id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

    return ioctl(supervised->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

/* Takes what a process with jobs says by its calls; whether it was that. */
static bool is_a_sign(struct run *run, int process, const struct seccomp_notif *call)
{
    if (!run->supervised->has_jobs || process != 0)
        return false;
    if (call->data.nr == SYS_recvmsg) {
        run->supervised->waiting = call->id;
        run->is_over = true;
        return true;
    }
    if (call->data.nr != SYS_getsid)
        return false;
    run->counts = !run->counts;
    let_go_on(run->supervised, call->id);
    return true;
}

static void answer_call(struct run *run)
{
    struct seccomp_notif call;

    memset(&call, 0, sizeof call);
    /* Fails where the process was killed meanwhile, or a signal came. */
    if (ioctl(run->supervised->listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0)
        return;
    const int process = process_index(run->supervised, (pid_t)call.pid);
    if (is_a_sign(run, process, &call))
        return;
    if (run->counts)
        note_call(run->report, process, &call);
    if (run->counts && has_to_fail(run, process, call.data.nr)) {
        const struct seccomp_notif_resp answer = {.id = call.id, .error = -run->plan->error};
        run->report->failed++;
        run->report->failed_syncs += is_sync(call.data.nr);
        ioctl(run->supervised->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    } else {
        let_go_on(run->supervised, call.id);
    }
}

static void collect(struct run *run)
{
    waitpid(run->supervised->pid, &run->report->status, 0);
    run->report->has_ended = 1;
}

/* Kills them all, and waits for the first. */
void end_supervision(struct supervised *supervised)
{
    for (int i = 0; i < supervised->process_count; i++)
        kill(supervised->processes[i], SIGKILL);
    waitpid(supervised->pid, NULL, 0);
}

/* Answers calls until a job is done, or all processes have ended. */
static void follow(struct run *run, int64_t deadline_ms)
{
    struct supervised *supervised = run->supervised;
    struct report *report = run->report;
    struct pollfd waited[2] = {{supervised->listener, POLLIN, 0}, {supervised->pidfd, POLLIN, 0}};

    while (!run->is_over) {
        const int64_t left_ms = deadline_ms - now_ms();
        if (left_ms <= 0) {
            report->ended_late = 1;
            end_supervision(supervised);
            report->has_ended = 1;
            return;
        }
        if (poll(waited, report->has_ended ? 1 : 2, (int)left_ms) <= 0)
            continue;
        if ((waited[0].revents & POLLIN) != 0) {
            answer_call(run);
        } else if (!report->has_ended && (waited[1].revents & POLLIN) != 0) {
            collect(run);
            run->is_over = supervised->process_count == 1;
            if (deadline_ms > now_ms() + GRACE_MS)
                deadline_ms = now_ms() + GRACE_MS;
        } else if (waited[0].revents != 0) { /* nobody has the filter any more */
            if (!report->has_ended)
                collect(run);
            run->is_over = true;
        }
    }
}

/* Answers calls for one job, or to the end of a process without jobs, for limit_ms at most;
 * then it is killed. A process with jobs is left waiting for the next. */
void supervise(struct supervised *supervised, const struct plan *plan, int limit_ms,
               struct report *report)
{
    struct run run = {supervised, plan, report, !supervised->has_jobs, false, 0};

    if (supervised->waiting != 0)
        let_go_on(supervised, supervised->waiting);
    supervised->waiting = 0;
    follow(&run, now_ms() + limit_ms);
    if (report->has_ended) {
        close(supervised->listener);
        close(supervised->pidfd);
    }
}
