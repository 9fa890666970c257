/* One login in a fresh process, timed from inside.
 *
 *   login_host SERVICE USER ANSWER WAIT_MS
 *
 * pam_start(), pam_authenticate(), pam_end(); each prompt is answered with ANSWER,
 * WAIT_MS after it came. Prints one JSON object. Times are nanoseconds since
 * pam_start() was called; -1 where it did not happen. Reading this process's memory
 * happens between pam_authenticate() and pam_end() and is in no time.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <security/pam_appl.h>

struct answering {
    const char *answer;
    long wait_ms;
    int64_t prompt_ns;
    int64_t answered_ns;
};

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses,
                    void *data)
{
    struct answering *answering = data;
    const struct timespec wait = {answering->wait_ms / 1000, answering->wait_ms % 1000 * 1000000};

    *responses = calloc((size_t)count, sizeof **responses);
    for (int i = 0; i < count; i++) {
        const int style = messages[i]->msg_style;

        if (style != PAM_PROMPT_ECHO_OFF && style != PAM_PROMPT_ECHO_ON)
            continue;
        answering->prompt_ns = clock_ns(CLOCK_MONOTONIC);
        nanosleep(&wait, NULL);
        (*responses)[i].resp = strdup(answering->answer);
        answering->answered_ns = clock_ns(CLOCK_MONOTONIC);
    }
    return PAM_SUCCESS;
}

static long field_kb(const char *text, const char *name)
{
    const char *found = strstr(text, name);

    return found != NULL ? strtol(found + strlen(name), NULL, 10) : -1;
}

struct memory {
    long clean_kb; /* pages of files that no other process has mapped just now */
    long dirty_kb; /* what this process has written */
};

/* What this process holds that no other one shares. -1 where it can't be read. */
static struct memory private_memory(void)
{
    static char text[4096];
    const int fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return (struct memory){-1, -1};
    const ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length <= 0)
        return (struct memory){-1, -1};
    return (struct memory){field_kb(text, "\nPrivate_Clean:"), field_kb(text, "\nPrivate_Dirty:")};
}

static int64_t cpu_of_children_ns(const struct rusage *usage)
{
    return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * INT64_C(1000000000) +
           (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * INT64_C(1000);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    struct answering answering = {argv[3], strtol(argv[4], NULL, 10), -1, -1};
    const struct pam_conv conversation = {converse, &answering};
    pam_handle_t *pamh = NULL;
    struct rusage children;

    const int64_t cpu_at_start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    const int64_t start = clock_ns(CLOCK_MONOTONIC);
    if (pam_start(argv[1], argv[2], &conversation, &pamh) != PAM_SUCCESS)
        return 3;
    const int result = pam_authenticate(pamh, 0);
    const int64_t authenticated = clock_ns(CLOCK_MONOTONIC);
    const int64_t cpu_at_result = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

    const struct memory memory = private_memory();

    const int64_t cpu_before_end = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    const int64_t before_end = clock_ns(CLOCK_MONOTONIC);
    pam_end(pamh, result);
    const int64_t ending = clock_ns(CLOCK_MONOTONIC) - before_end;
    const int64_t cpu_ending = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_before_end;

    getrusage(RUSAGE_CHILDREN, &children);
    const int prompted = answering.prompt_ns >= 0;
    printf("{\"result\":%d,\"prompt_ns\":%jd,\"answered_ns\":%jd,\"end_ns\":%jd,"
           "\"cpu_ns\":%jd,\"clean_kb\":%ld,\"dirty_kb\":%ld}\n",
           result, (intmax_t)(prompted ? answering.prompt_ns - start : -1),
           (intmax_t)(prompted ? answering.answered_ns - start : -1),
           (intmax_t)(authenticated - start + ending),
           (intmax_t)(cpu_at_result - cpu_at_start + cpu_ending + cpu_of_children_ns(&children)),
           memory.clean_kb, memory.dirty_kb);
    return 0;
}
