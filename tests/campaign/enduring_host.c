/* A PAM host that lives long and serves many: one process, a whole plan of transactions.
 *
 *   enduring_host SERVICE PLAN WARM-UP in-turn
 *   enduring_host SERVICE PLAN WARM-UP threads NUMBER
 *   enduring_host SERVICE PLAN WARM-UP forks NUMBER
 *
 * PLAN is a file with a line for each transaction, "USER ANSWER": the answer in
 * hexadecimal behind an "=", "-" for an answer that is NULL, "!" for a conversation
 * that fails. The first WARM-UP lines come before the first snapshot.
 *
 * Thread T of N runs every N-th line from the T-th on. With forks, so many children
 * at a time run a line each while the parent runs every (N+1)-th itself; the parent
 * has done the warm-up before, so that its children are forked from a user of the module.
 *
 * Output: one JSON object, see report(). All memory of the host's own is taken before the
 * first snapshot, so that what grows is libpam's and the modules'.
 */
#include <ctype.h>
#include <dirent.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <security/pam_appl.h>

#define MAX_LINES 20000
#define MAX_AT_ONCE 64
#define ANSWER_BYTES 640
#define NOT_RUN (-1)

struct line {
    char user[64];
    char answer[2 * ANSWER_BYTES]; /* as in the plan */
};

/* What a transaction came to. Shared with forked children. */
struct result {
    int authenticated, credentials, account;
    int disturbed; /* mask, SIGCHLD or (in a process with one thread) descriptors differ */
};

struct snapshot {
    long private_kb;
    size_t heap_bytes; /* allocated and not freed */
    int descriptors, threads, children;
    int child_handler_is_default;
    int blocked_signals;
};

static struct line lines[MAX_LINES];
static struct result *results;
static int line_count, warm_up, at_once;
static const char *service;
static bool threaded;

static void fail(const char *what)
{
    perror(what);
    _exit(100);
}

static int entries_of(const char *directory)
{
    DIR *opened = opendir(directory);
    int count = -2; /* . and .. */

    if (opened == NULL)
        fail(directory);
    while (readdir(opened) != NULL)
        count++;
    closedir(opened);
    return count;
}

/* Every child of any thread, zombies among them. */
static int count_children(void)
{
    DIR *tasks = opendir("/proc/self/task");
    int count = 0;

    for (struct dirent *task; tasks != NULL && (task = readdir(tasks)) != NULL;) {
        char path[300];
        int pid;

        snprintf(path, sizeof path, "/proc/self/task/%s/children", task->d_name);
        FILE *list = isdigit((unsigned char)task->d_name[0]) ? fopen(path, "r") : NULL;
        while (list != NULL && fscanf(list, "%d", &pid) == 1)
            count++;
        if (list != NULL)
            fclose(list);
    }
    if (tasks == NULL)
        fail("/proc/self/task");
    closedir(tasks);
    return count;
}

static long private_kilobytes(void)
{
    FILE *rollup = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    long sum = 0, number;

    if (rollup == NULL)
        fail("/proc/self/smaps_rollup");
    while (fgets(line, sizeof line, rollup) != NULL)
        if (sscanf(line, "Private_Clean: %ld", &number) == 1 ||
            sscanf(line, "Private_Dirty: %ld", &number) == 1)
            sum += number;
    fclose(rollup);
    return sum;
}

static int count_blocked(void)
{
    sigset_t mask;
    int count = 0;

    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    for (int number = 1; number < NSIG; number++)
        count += sigismember(&mask, number) == 1;
    return count;
}

static bool child_handler_is_default(void)
{
    struct sigaction action;

    sigaction(SIGCHLD, NULL, &action);
    return action.sa_handler == SIG_DFL && action.sa_flags == 0;
}

static struct snapshot take_snapshot(void)
{
    return (struct snapshot){
        .heap_bytes = mallinfo2().uordblks,
        .private_kb = private_kilobytes(),
        .descriptors = entries_of("/proc/self/fd"),
        .threads = entries_of("/proc/self/task"),
        .children = count_children(),
        .child_handler_is_default = child_handler_is_default(),
        .blocked_signals = count_blocked(),
    };
}

static char *decode_answer(const char *hexadecimal)
{
    char *answer = calloc(1, strlen(hexadecimal) / 2 + 1);
    unsigned value;

    for (size_t i = 0; answer != NULL && sscanf(hexadecimal + 2 * i, "%2x", &value) == 1; i++)
        answer[i] = (char)value;
    return answer;
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses,
                    void *data)
{
    const struct line *line = data;

    *responses = calloc((size_t)count, sizeof **responses);
    for (int i = 0; i < count; i++) {
        const int style = messages[i]->msg_style;

        if (style != PAM_PROMPT_ECHO_OFF && style != PAM_PROMPT_ECHO_ON)
            continue;
        if (line->answer[0] == '=')
            (*responses)[i].resp = decode_answer(line->answer + 1);
        if (line->answer[0] == '!') {
            free(*responses);
            *responses = NULL;
            return PAM_CONV_ERR;
        }
    }
    return PAM_SUCCESS;
}

static void no_delay(int result, unsigned delay_us, void *data)
{
    (void)result, (void)delay_us, (void)data;
}

/* Returns the handle, for pam_end(); NULL where there is none. */
static pam_handle_t *open_transaction(int number)
{
    const struct line *line = &lines[number];
    struct result *result = &results[number];
    const struct pam_conv conversation = {converse, (void *)line};
    pam_handle_t *pamh = NULL;

    if (pam_start(service, line->user, &conversation, &pamh) != PAM_SUCCESS)
        return NULL;
    pam_set_item(pamh, PAM_FAIL_DELAY, (const void *)no_delay);
    /* Both also after a refusal: a host that does so must not grow either. */
    result->authenticated = pam_authenticate(pamh, 0);
    result->credentials = pam_setcred(pamh, PAM_ESTABLISH_CRED);
    result->account = pam_acct_mgmt(pamh, 0);
    return pamh;
}

static void transact(int number)
{
    pam_handle_t *pamh = open_transaction(number);

    if (pamh != NULL)
        pam_end(pamh, results[number].authenticated);
}

static void run_line(int number)
{
    const int descriptors = threaded ? 0 : entries_of("/proc/self/fd");
    const int blocked = count_blocked();

    transact(number);
    results[number].disturbed = blocked != count_blocked() || !child_handler_is_default() ||
                                (!threaded && descriptors != entries_of("/proc/self/fd"));
}

struct range {
    int first, end, step;
};

static void *run_range(void *data)
{
    const struct range *range = data;

    for (int number = range->first; number < range->end; number += range->step)
        run_line(number);
    return NULL;
}

static void run_threads(int first, int end)
{
    pthread_t threads[MAX_AT_ONCE];
    struct range ranges[MAX_AT_ONCE];

    for (int i = 0; i < at_once; i++) {
        ranges[i] = (struct range){first + i, end, at_once};
        if (pthread_create(&threads[i], NULL, run_range, &ranges[i]) != 0)
            fail("pthread_create");
    }
    for (int i = 0; i < at_once; i++)
        pthread_join(threads[i], NULL);
}

/* A child for each line of a group, a line for the parent, then all are waited for. The
 * handle of the first line stays open meanwhile, so that the modules stay loaded and the
 * children find in them whatever their parent's call has left there. */
static void run_forks(int first, int end)
{
    pam_handle_t *kept = open_transaction(first);

    for (int number = first + 1; number < end;) {
        pid_t pids[MAX_AT_ONCE];
        int children = 0;

        for (; children < at_once && number + 1 < end; children++, number++) {
            pids[children] = fork();
            if (pids[children] < 0)
                fail("fork");
            if (pids[children] == 0) {
                run_line(number);
                _exit(0);
            }
        }
        run_line(number++);
        /* By their numbers: a child that the module forgot must stay to be counted. */
        while (children-- > 0)
            if (waitpid(pids[children], NULL, 0) < 0)
                fail("waitpid");
    }
    pam_end(kept, results[first].authenticated);
}

static void read_plan(const char *path)
{
    FILE *plan = fopen(path, "r");

    if (plan == NULL)
        fail(path);
    while (line_count < MAX_LINES &&
           fscanf(plan, "%63s %1279s", lines[line_count].user, lines[line_count].answer) == 2)
        line_count++;
    fclose(plan);
    /* Shared with children; touched now so that it is no growth later. */
    results = mmap(NULL, MAX_LINES * sizeof *results, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (results == MAP_FAILED)
        fail("mmap");
    for (int i = 0; i < MAX_LINES; i++)
        results[i] = (struct result){NOT_RUN, NOT_RUN, NOT_RUN, 0};
}

static void report_snapshot(const char *name, const struct snapshot *snapshot)
{
    printf("\"%s\":{\"private_kb\":%ld,\"heap_bytes\":%zu,\"descriptors\":%d,\"threads\":%d,"
           "\"children\":%d,\"child_handler_is_default\":%d,\"blocked_signals\":%d},",
           name, snapshot->private_kb, snapshot->heap_bytes, snapshot->descriptors,
           snapshot->threads, snapshot->children, snapshot->child_handler_is_default,
           snapshot->blocked_signals);
}

static void report(const struct snapshot *before, const struct snapshot *after)
{
    printf("{");
    report_snapshot("before", before);
    report_snapshot("after", after);
    printf("\"results\":[");
    for (int i = 0; i < line_count; i++)
        printf("%s[%d,%d,%d,%d]", i > 0 ? "," : "", results[i].authenticated,
               results[i].credentials, results[i].account, results[i].disturbed);
    printf("]}\n");
}

int main(int argc, char **argv)
{
    if (argc < 5 || (strcmp(argv[4], "in-turn") != 0 && argc != 6))
        return 2;
    service = argv[1];
    read_plan(argv[2]);
    warm_up = atoi(argv[3]);
    at_once = argc == 6 ? atoi(argv[5]) : 1;
    threaded = strcmp(argv[4], "threads") == 0;
    if (warm_up < 0 || warm_up > line_count || at_once < 1 || at_once > MAX_AT_ONCE)
        return 2;
    struct range all = {0, warm_up, 1};
    take_snapshot(); /* what it allocates for good is no growth */
    if (threaded)
        run_threads(0, warm_up);
    else
        run_range(&all);
    const struct snapshot before = take_snapshot();
    all = (struct range){warm_up, line_count, 1};
    if (threaded)
        run_threads(warm_up, line_count);
    else if (strcmp(argv[4], "forks") == 0)
        run_forks(warm_up, line_count);
    else
        run_range(&all);
    const struct snapshot after = take_snapshot();
    report(&before, &after);
    return 0;
}
