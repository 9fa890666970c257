/* Runs a program and kills it as it enters the n-th call of one system call.
 *
 *   kill_at_call CALL-NUMBER N PROGRAM [ARGUMENT...]
 *
 * Exit status: 137 where it was killed, 0 where it ended before.
 *
 * A seccomp filter stops the program at that call alone, so that all others cost
 * nothing; strace's --seccomp-bpf does the same, but loses injected signals. The
 * kernel does not execute a call at which its process was killed.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#define KILLED_STATUS 137

static void become_traced(unsigned call, char **command)
{
    struct sock_filter instructions[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof instructions / sizeof *instructions, instructions};

    if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0 || raise(SIGSTOP) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
        perror("kill_at_call");
        _exit(2);
    }
    execv(command[0], command);
    perror(command[0]);
    _exit(2);
}

/* Whether the stop is one of the calls that are counted. */
static int is_counted(int status)
{
    return status >> 8 == (SIGTRAP | (PTRACE_EVENT_SECCOMP << 8));
}

/* What the program gets of a stop: nothing of those that tracing itself makes. */
static int signal_to_deliver(int status)
{
    const int number = WSTOPSIG(status);

    return number == SIGTRAP || number == SIGSTOP ? 0 : number;
}

static int follow(pid_t pid, long kill_at)
{
    long count = 0;
    int status;

    for (;;) {
        if (waitpid(pid, &status, 0) < 0)
            return errno == EINTR ? 3 : 2;
        if (WIFSIGNALED(status))
            return WTERMSIG(status) == SIGKILL ? KILLED_STATUS : 3;
        if (WIFEXITED(status))
            return WEXITSTATUS(status) == 2 ? 2 : 0;
        if (is_counted(status) && ++count == kill_at)
            kill(pid, SIGKILL);
        else
            ptrace(PTRACE_CONT, pid, 0, signal_to_deliver(status));
    }
}

int main(int argc, char **argv)
{
    int status;

    if (argc < 4)
        return 2;
    const pid_t pid = fork();
    if (pid == 0)
        become_traced((unsigned)atoi(argv[1]), argv + 3);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
        ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL) != 0 ||
        ptrace(PTRACE_CONT, pid, 0, 0) != 0)
        return 2;
    return follow(pid, atol(argv[2]));
}
