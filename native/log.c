/* pam_syslog() would leave a descriptor open in the host: the lowest free one, which
 * is the standard output of a host that has closed 0-2. closelog() would close it,
 * and with it the connection and the name that the host had chosen for itself. So
 * this connects, sends and closes, as syslog(3) does otherwise.
 */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 1024
/* A log that takes nothing must not hold a login up. */
#define SEND_LIMIT_MS 200

/* The caller of a set-uid host chooses its name, and whoever knocks chooses others:
 * nothing of it may begin a line or reach the terminal of who reads the log. */
static void replace_unprintable(char *line)
{
    for (; *line != '\0'; line++)
        if ((unsigned char)*line < 0x20 || (unsigned char)*line >= 0x7f)
            *line = '?';
}

/* The local time, with English names whatever the host's locale (RFC 3164). */
static void write_time(char *buffer, size_t size)
{
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const time_t now_s = time(NULL);
    struct tm now;

    if (localtime_r(&now_s, &now) == NULL || now.tm_mon < 0 || now.tm_mon > 11)
        memset(&now, 0, sizeof now);
    snprintf(buffer, size, "%.3s %2d %02d:%02d:%02d", months[now.tm_mon], now.tm_mday,
             now.tm_hour, now.tm_min, now.tm_sec);
}

static void send_line(const char *line)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    const struct timeval limit = {0, SEND_LIMIT_MS * 1000};
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    /* Not again after a signal: a host's timer could keep it from ever ending. */
    (void)!sendto(fd, line, strlen(line), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                  sizeof address);
    close(fd);
}

void log_line(pam_handle_t *pamh, int priority, const char *format, ...)
{
    const void *service = NULL;
    char stamp[64], text[LINE_BYTES], line[LINE_BYTES + 256];
    va_list arguments;

    if (pam_get_item(pamh, PAM_SERVICE, &service) != PAM_SUCCESS || service == NULL)
        service = "unknown";
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    write_time(stamp, sizeof stamp);
    snprintf(line, sizeof line, "<%d>%s %.64s[%d]: pam_tfa(%.64s:auth): %s",
             LOG_AUTHPRIV | priority, stamp, program_invocation_short_name, (int)getpid(),
             (const char *)service, text);
    replace_unprintable(line);
    send_line(line);
}
