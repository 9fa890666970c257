/* Times a program from its start, or the helper to its prompt and its verdict.
 *
 *   process_timer command PROGRAM [ARGUMENT...]
 *   process_timer helper PROGRAM USER ANSWER WAIT_MS
 *
 * Prints one JSON object. Times are nanoseconds since the start; "cpu" is processor
 * time that the program has used by then; the answer is sent WAIT_MS after the
 * prompt. Written in C because a child's peak of resident memory begins at that of
 * the process that started it (exec_mmap() in Linux), and Python's would hide ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../native/wire.h"

#define HELPER_SOCKET_FD 3

struct started {
    pid_t pid;
    clockid_t cpu_clock;
    int64_t start_ns;
    int socket_fd;
};

static const uint8_t nonce[WIRE_NONCE_BYTES] = {1, 2, 3, 4};

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now = {0, 0};

    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void fail(const char *what)
{
    fprintf(stderr, "process_timer: %s\n", what);
    exit(1);
}

/* Starts a program with nothing but the standard descriptors, at /dev/null, and
 * perhaps a socket as descriptor 3; without environment, as the module does. */
static struct started start(char **argv, int socket_fd)
{
    char *const environment[] = {NULL};
    struct started started = {.socket_fd = -1};
    posix_spawn_file_actions_t actions;

    posix_spawn_file_actions_init(&actions);
    if (socket_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, socket_fd, HELPER_SOCKET_FD);
    for (int fd = 0; fd < HELPER_SOCKET_FD; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    started.start_ns = clock_ns(CLOCK_MONOTONIC);
    if (posix_spawn(&started.pid, argv[0], &actions, NULL, argv, environment) != 0)
        fail("the program can't be started");
    posix_spawn_file_actions_destroy(&actions);
    clock_getcpuclockid(started.pid, &started.cpu_clock);
    return started;
}

static int64_t since(const struct started *started)
{
    return clock_ns(CLOCK_MONOTONIC) - started->start_ns;
}

/* Waits for the end and prints the object's last fields. */
static int finish(const struct started *started)
{
    struct rusage usage;
    int status;

    if (wait4(started->pid, &status, 0, &usage) != started->pid)
        fail("wait4");
    const int64_t end_ns = since(started);
    const int64_t cpu_ns =
        (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000000) +
        (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * INT64_C(1000);
    printf("\"end_ns\":%jd,\"cpu_ns\":%jd,\"peak_kb\":%ld,\"status\":%d}\n", (intmax_t)end_ns,
           (intmax_t)cpu_ns, usage.ru_maxrss, status);
    return 0;
}

static void send_message(const struct started *started, const struct wire_writer *message)
{
    if (message->overflow ||
        send(started->socket_fd, message->bytes, message->length, MSG_NOSIGNAL) !=
            (ssize_t)message->length)
        fail("the helper takes no message");
}

static void send_request(const struct started *started, const char *user)
{
    struct wire_writer request;

    wire_begin(&request, WIRE_REQUEST);
    wire_put(&request, WIRE_NONCE, nonce, sizeof nonce);
    wire_put(&request, WIRE_USER, user, strlen(user));
    wire_put_uint32(&request, WIRE_OPTIONS, 0);
    wire_put(&request, WIRE_SERVICE, "bench", 5);
    send_message(started, &request);
}

static void send_answer(const struct started *started, const char *answer, long wait_ms)
{
    const struct timespec wait = {wait_ms / 1000, wait_ms % 1000 * 1000000};
    struct wire_writer message;

    nanosleep(&wait, NULL);
    printf("\"answered_ns\":%jd,", (intmax_t)since(started));
    wire_begin(&message, WIRE_ANSWER);
    wire_put(&message, WIRE_TEXT, answer, strlen(answer));
    send_message(started, &message);
}

/* Reads up to a message of a type; prints when it came, and the processor time. */
static uint8_t await(const struct started *started, enum wire_type type, const char *name)
{
    static uint8_t buffer[WIRE_MAX_MESSAGE_BYTES];
    struct wire_back_end_message message;

    do {
        const ssize_t length = recv(started->socket_fd, buffer, sizeof buffer, 0);
        if (length <= 0 || !wire_decode(buffer, (size_t)length, &message))
            fail("the helper ended, or sent no message of the protocol");
        if (message.type == WIRE_VERDICT && type != WIRE_VERDICT)
            fail("the helper gave its verdict too early");
    } while (message.type != type);
    const int64_t at_ns = since(started);
    printf("\"%s_ns\":%jd,\"%s_cpu_ns\":%jd,", name, (intmax_t)at_ns, name,
           (intmax_t)clock_ns(started->cpu_clock));
    return message.code;
}

static int time_helper(char *program, const char *user, const char *answer, long wait_ms)
{
    char *argv[] = {program, NULL};
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        fail("socketpair");
    /* Out of the way of the number that the helper gets it under. */
    const int theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, HELPER_SOCKET_FD + 1);
    struct started started = start(argv, theirs);
    close(theirs);
    close(pair[1]);
    started.socket_fd = pair[0];
    printf("{");
    await(&started, WIRE_HELLO, "hello");
    send_request(&started, user);
    await(&started, WIRE_PROMPT, "prompt");
    send_answer(&started, answer, wait_ms);
    printf("\"verdict\":%d,", await(&started, WIRE_VERDICT, "verdict"));
    close(started.socket_fd);
    return finish(&started);
}

int main(int argc, char **argv)
{
    if (argc >= 3 && strcmp(argv[1], "command") == 0) {
        const struct started started = start(argv + 2, -1);
        printf("{");
        return finish(&started);
    }
    if (argc == 6 && strcmp(argv[1], "helper") == 0)
        return time_helper(argv[2], argv[3], argv[4], strtol(argv[5], NULL, 10));
    return 2;
}
