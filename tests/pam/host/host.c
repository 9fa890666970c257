/* A PAM host for tests: makes itself as awkward as its options say, runs
 * transactions, and prints what came of them as one JSON object.
 *
 *   host SERVICE USER[,USER...] [--reply TEXT]... [--threads N] [--rounds N]
 *        [--fork] [hostile options, see hostile.c] [--late] [more of them]
 *
 * What stands behind --late happens with the modules loaded, before pam_authenticate. Thread
 * number T logs in user number T modulo their number; each transaction takes as many
 * of the replies as there are for each; the reply "-" is a line of standard input.
 * --fork runs the last round in a child.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <security/pam_appl.h>

#include "hostile.h"
#include "snapshot.h"

#define OUTPUT_FD 200
#define MAX_REPLIES 256
#define MAX_LATE 32
#define MAX_USERS 64
#define TRANSCRIPT_BYTES 4096

struct plan {
    const char *service;
    char *users[MAX_USERS];
    int user_count;
    const char *replies[MAX_REPLIES];
    int reply_count;
    char **late;
    int late_count;
    int threads, rounds;
    bool fork;
};

struct transaction {
    const struct plan *plan;
    int thread, round;
    int next_reply, last_reply;
    char transcript[TRANSCRIPT_BYTES]; /* JSON */
    bool snapshots;
};

static struct plan plan = {.threads = 1, .rounds = 1};
static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;

static void fail(const char *what)
{
    dprintf(2, "host: %s\n", what);
    _exit(100);
}

static void append_json(char *buffer, const char *text)
{
    size_t at = strlen(buffer);

    for (; *text != '\0' && at < TRANSCRIPT_BYTES - 16; text++)
        if ((unsigned char)*text < 0x20 || *text == '"' || *text == '\\')
            at += (size_t)sprintf(buffer + at, "\\u%04x", (unsigned char)*text);
        else
            buffer[at++] = *text;
    buffer[at] = '\0';
}

static void note(struct transaction *transaction, int style, const char *text)
{
    char *buffer = transaction->transcript;

    sprintf(buffer + strlen(buffer), "%s[%d,\"", buffer[0] != '\0' ? "," : "", style);
    append_json(buffer, text);
    strcat(buffer, "\"]");
}

/* The text of a reply; "-" stands for a line of standard input. */
static char *reply_text(const char *reply)
{
    char line[1024];

    if (strcmp(reply, "-") != 0)
        return strdup(reply);
    if (fgets(line, sizeof line, stdin) == NULL)
        return NULL;
    line[strcspn(line, "\n")] = '\0';
    return strdup(line);
}

static int converse(int count, const struct pam_message **messages,
                    struct pam_response **responses, void *data)
{
    struct transaction *transaction = data;
    struct pam_response *answers = calloc((size_t)count, sizeof *answers);

    if (answers == NULL)
        return PAM_BUF_ERR;
    for (int i = 0; i < count; i++) {
        const int style = messages[i]->msg_style;

        note(transaction, style, messages[i]->msg);
        if (style != PAM_PROMPT_ECHO_OFF && style != PAM_PROMPT_ECHO_ON)
            continue;
        if (transaction->next_reply >= transaction->last_reply) {
            free(answers);
            return PAM_CONV_ERR;
        }
        answers[i].resp = reply_text(transaction->plan->replies[transaction->next_reply++]);
    }
    *responses = answers;
    return PAM_SUCCESS;
}

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void do_late(const struct plan *what)
{
    for (int i = 0; i < what->late_count; i++) {
        const char *option = what->late[i];
        const bool valued = hostile_takes_value(option);

        if (!make_hostile(option, valued ? what->late[i + 1] : NULL))
            fail(option);
        i += valued;
    }
}

static void no_delay(int result, unsigned delay_us, void *data)
{
    (void)result, (void)delay_us, (void)data;
}

static void report(struct transaction *transaction, int result, int setcred, double seconds)
{
    pthread_mutex_lock(&output);
    dprintf(OUTPUT_FD,
            "{\"thread\":%d,\"round\":%d,\"result\":%d,\"setcred\":%d,\"seconds\":%.3f,"
            "\"transcript\":[%s]}\n",
            transaction->thread,
            transaction->round, result, setcred, seconds, transaction->transcript);
    pthread_mutex_unlock(&output);
}

static void snapshot(const struct transaction *transaction, const char *name)
{
    if (!transaction->snapshots)
        return;
    dprintf(OUTPUT_FD, "{\"%s\":", name);
    write_snapshot(OUTPUT_FD);
    dprintf(OUTPUT_FD, "}\n");
}

static void run_transaction(struct transaction *transaction)
{
    const struct plan *what = transaction->plan;
    const char *user = what->users[transaction->thread % what->user_count];
    const struct pam_conv conversation = {converse, transaction};
    void (*const delay)(int, unsigned, void *) = no_delay;
    pam_handle_t *pamh = NULL;
    const void *delay_item;

    if (pam_start(what->service, user, &conversation, &pamh) != PAM_SUCCESS)
        fail("pam_start");
    memcpy(&delay_item, &delay, sizeof delay_item);
    pam_set_item(pamh, PAM_FAIL_DELAY, delay_item);
    /* Has libpam read its files and load the modules, which it needs descriptors for. */
    pam_acct_mgmt(pamh, 0);
    do_late(what);
    snapshot(transaction, "before");
    const double began_s = now_s();
    const int result = pam_authenticate(pamh, 0);
    const double ended_s = now_s();
    snapshot(transaction, "after");
    const int setcred = result == PAM_SUCCESS ? pam_setcred(pamh, PAM_ESTABLISH_CRED) : -1;
    report(transaction, result, setcred, ended_s - began_s);
    pam_end(pamh, result);
}

static void *run_thread(void *data)
{
    const int thread = (int)(long)data;
    const int each = plan.reply_count / (plan.threads * plan.rounds);

    for (int round = 0; round < plan.rounds; round++) {
        const int first = (thread * plan.rounds + round) * each;
        struct transaction transaction = {
            .plan = &plan,
            .thread = thread,
            .round = round,
            .next_reply = first,
            .last_reply = first + each,
            .snapshots = plan.threads == 1,
        };
        pid_t child = -1;

        if (plan.fork && round == plan.rounds - 1 && (child = fork()) > 0) {
            waitpid(child, NULL, 0);
            continue;
        }
        run_transaction(&transaction);
        if (child == 0)
            _exit(0);
    }
    return NULL;
}

static void run(void)
{
    pthread_t threads[MAX_USERS];

    if (plan.threads == 1) {
        run_thread(NULL);
        return;
    }
    for (int i = 0; i < plan.threads; i++)
        if (pthread_create(&threads[i], NULL, run_thread, (void *)(long)i) != 0)
            fail("pthread_create");
    for (int i = 0; i < plan.threads; i++)
        pthread_join(threads[i], NULL);
    struct transaction last = {.snapshots = true};
    snapshot(&last, "end");
}

static void take_users(char *list)
{
    for (char *name = strtok(list, ","); name != NULL; name = strtok(NULL, ","))
        if (plan.user_count < MAX_USERS)
            plan.users[plan.user_count++] = name;
}

static void take_options(int argc, char **argv)
{
    for (int i = 3; i < argc; i++) {
        const char *option = argv[i];

        if (strcmp(option, "--late") == 0) {
            plan.late = argv + i + 1;
            plan.late_count = argc - i - 1;
            return;
        }
        if (strcmp(option, "--fork") == 0)
            plan.fork = true;
        else if (strcmp(option, "--reply") == 0 && plan.reply_count < MAX_REPLIES)
            plan.replies[plan.reply_count++] = argv[++i];
        else if (strcmp(option, "--threads") == 0)
            plan.threads = atoi(argv[++i]);
        else if (strcmp(option, "--rounds") == 0)
            plan.rounds = atoi(argv[++i]);
        else if (hostile_takes_value(option))
            make_hostile(option, argv[++i]);
        else if (!make_hostile(option, NULL))
            fail(option);
    }
}

int main(int argc, char **argv)
{
    if (argc < 3 || dup3(STDOUT_FILENO, OUTPUT_FD, O_CLOEXEC) < 0)
        fail("usage: host SERVICE USER[,USER...] [OPTION]...");
    plan.service = argv[1];
    take_users(argv[2]);
    take_options(argc, argv);
    run();
    return 0;
}
