#include "back_end.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "deadline.h"
#include "log.h"
#include "spawn.h"

#ifndef PAM_TFA_HELPER
#error "PAM_TFA_HELPER: absolute path of pam-tfa-helper"
#endif
#ifndef PAM_TFA_SOCKET_DIRECTORY
#define PAM_TFA_SOCKET_DIRECTORY "/run/pam-tfa"
#endif
#define SOCKET_PATH PAM_TFA_SOCKET_DIRECTORY "/pam-tfad.sock"

/* Hosts run with 0-2 closed; a socket there would be written to as if it were the
 * standard output. */
#define LOWEST_FD 3
/* Room for a host that was started with all its descriptors in use. */
#define DESCRIPTOR_LIMIT 4096

/* Moves a descriptor above the standard ones; -1 where that fails. */
static int above_standard(int fd)
{
    if (fd < 0 || fd >= LOWEST_FD)
        return fd;
    const int moved = fcntl(fd, F_DUPFD_CLOEXEC, LOWEST_FD);
    close(fd);
    return moved;
}

/* Never NULL, which would stand for "no failure". */
static const char *reason_of(int error)
{
    const char *description = strerrordesc_np(error);

    return description != NULL ? description : "failed for an unknown reason";
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

bool back_end_send(const struct back_end *back_end, const struct wire_writer *message)
{
    if (message->overflow)
        return false;
    ssize_t sent;
    do /* The buffer of a fresh socket has room for all that we ever send. */
        sent = send(back_end->socket_fd, message->bytes, message->length,
                    MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)message->length;
}

/* SO_RCVTIMEO and not poll(): poll() fails where RLIMIT_NOFILE is 0. */
static ssize_t receive_until(int fd, int64_t deadline_ms, uint8_t *buffer)
{
    for (;;) {
        const int64_t left_ms = deadline_ms - now_ms();
        if (left_ms <= 0) {
            errno = ETIMEDOUT;
            return -1;
        }
        const struct timeval limit = {left_ms / 1000, left_ms % 1000 * 1000};
        if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0)
            return -1;
        const ssize_t length = recv(fd, buffer, WIRE_MAX_MESSAGE_BYTES, MSG_TRUNC);
        if (length >= 0 || (errno != EINTR && errno != EAGAIN))
            return length;
    }
}

bool back_end_receive(const struct back_end *back_end, int64_t deadline_ms, uint8_t *buffer,
                      struct wire_back_end_message *message, const char **reason)
{
    const ssize_t length = receive_until(back_end->socket_fd, deadline_ms, buffer);

    if (length < 0 && errno == ETIMEDOUT)
        *reason = "did not answer in time";
    else if (length == 0 || (length < 0 && errno == ECONNRESET))
        *reason = "ended without an answer";
    else if (length < 0)
        *reason = reason_of(errno);
    else if (length > WIRE_MAX_MESSAGE_BYTES || !wire_decode(buffer, (size_t)length, message))
        *reason = "sent something that is not a message of the protocol";
    else
        return true;
    return false;
}

static bool receive_hello(const struct back_end *back_end, int64_t deadline_ms,
                          const char **reason)
{
    uint8_t buffer[WIRE_MAX_MESSAGE_BYTES];
    struct wire_back_end_message message;

    if (!back_end_receive(back_end, deadline_ms, buffer, &message, reason))
        return false;
    *reason = "did not begin with a hello";
    return message.type == WIRE_HELLO;
}

/* Whether the socket's path is root's alone; *stranger where somebody else's is in
 * the way, which is worth a log line. */
static bool socket_is_roots(bool *stranger)
{
    struct stat directory, entry;

    *stranger = false;
    if (lstat(PAM_TFA_SOCKET_DIRECTORY, &directory) != 0 || lstat(SOCKET_PATH, &entry) != 0)
        return false;
    *stranger = !S_ISDIR(directory.st_mode) || directory.st_uid != 0 ||
                (directory.st_mode & (S_IWGRP | S_IWOTH)) != 0 || !S_ISSOCK(entry.st_mode) ||
                entry.st_uid != 0;
    return !*stranger;
}

static int connect_daemon(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SOCKET_PATH};
    const int fd =
        above_standard(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));

    if (fd < 0)
        return -1;
    /* Not blocking: a full backlog fails at once instead of hanging. */
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        fcntl(fd, F_SETFL, 0) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool peer_is_root(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && size == sizeof peer &&
           peer.uid == 0;
}

bool back_end_open_daemon(pam_handle_t *pamh, struct back_end *back_end)
{
    const char *reason = "is not root's";
    bool stranger;

    *back_end = (struct back_end){-1, -1};
    const bool is_roots = socket_is_roots(&stranger);
    if (stranger)
        log_line(pamh, LOG_ALERT, "%s or its directory is not root's alone: not used",
                 SOCKET_PATH);
    if (!is_roots)
        return false;
    back_end->socket_fd = connect_daemon();
    if (back_end->socket_fd < 0)
        return false;
    if (peer_is_root(back_end->socket_fd) &&
        receive_hello(back_end, now_ms() + HELLO_LIMIT_MS, &reason))
        return true;
    log_line(pamh, LOG_WARNING, "the daemon behind %s %s: using the helper", SOCKET_PATH,
               reason);
    back_end_close(back_end, now_ms()); /* there is no helper */
    return false;
}

/* Opens socket pair and helper; false with errno set. */
static bool start_helper(struct back_end *back_end)
{
    int pair[2];

    *back_end = (struct back_end){-1, -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    pair[0] = above_standard(pair[0]);
    pair[1] = above_standard(pair[1]);
    if (pair[0] >= 0 && pair[1] >= 0)
        back_end->helper_pidfd = spawn_helper(PAM_TFA_HELPER, pair[1]);
    const int error = errno;
    close_fd(&pair[1]);
    back_end->socket_fd = pair[0];
    errno = error;
    return back_end->helper_pidfd >= 0;
}

/* More descriptors for this process: beyond the hard limit where root may, else up
 * to it. False where neither gives more. */
static bool raise_descriptor_limit(const struct rlimit *before)
{
    const struct rlimit beyond = {DESCRIPTOR_LIMIT, before->rlim_max < DESCRIPTOR_LIMIT
                                                        ? DESCRIPTOR_LIMIT
                                                        : before->rlim_max};
    const struct rlimit up_to = {before->rlim_max, before->rlim_max};

    return setrlimit(RLIMIT_NOFILE, &beyond) == 0 ||
           (before->rlim_cur < before->rlim_max && setrlimit(RLIMIT_NOFILE, &up_to) == 0);
}

/* A caller may have left the host no free descriptor (ulimit -n). It gets room for
 * the time of opening; then the limit is as it was. */
static bool start_helper_above_limit(struct back_end *back_end)
{
    struct rlimit before;

    if (getrlimit(RLIMIT_NOFILE, &before) != 0 || !raise_descriptor_limit(&before))
        return false;
    const bool started = start_helper(back_end);
    const int error = errno;
    const bool restored = setrlimit(RLIMIT_NOFILE, &before) == 0;
    errno = error;
    return started && restored;
}

bool back_end_open_helper(pam_handle_t *pamh, struct back_end *back_end, int64_t deadline_ms)
{
    const char *reason;

    bool started = start_helper(back_end);
    /* EINVAL: a limit so low that no number above the standard ones is allowed. */
    if (!started && (errno == EMFILE || errno == EINVAL)) {
        back_end_close(back_end, deadline_ms);
        started = start_helper_above_limit(back_end);
    }
    if (!started)
        reason = reason_of(errno);
    else if (receive_hello(back_end, deadline_ms, &reason))
        return true;
    log_line(pamh, LOG_ERR, "the helper %s: %s", PAM_TFA_HELPER, reason);
    back_end_close(back_end, deadline_ms);
    return false;
}

void back_end_close(struct back_end *back_end, int64_t deadline_ms)
{
    close_fd(&back_end->socket_fd);
    if (back_end->helper_pidfd >= 0)
        spawn_end(back_end->helper_pidfd, deadline_ms);
    back_end->helper_pidfd = -1;
}
