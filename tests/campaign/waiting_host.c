/* A PAM host that tells its driver when it is asked, and waits for the answer.
 *
 *   waiting_host SERVICE USER
 *
 * Standard output: "?TEXT" for a prompt, "-TEXT" for a message, "=NUMBER" for the
 * result. Standard input: one line for each prompt.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <security/pam_appl.h>

static char *read_line(void)
{
    char line[600];

    if (fgets(line, sizeof line, stdin) == NULL)
        return NULL;
    line[strcspn(line, "\n")] = '\0';
    return strdup(line);
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses,
                    void *data)
{
    (void)data;
    *responses = calloc((size_t)count, sizeof **responses);
    for (int i = 0; i < count; i++) {
        const int style = messages[i]->msg_style;
        const int is_prompt = style == PAM_PROMPT_ECHO_OFF || style == PAM_PROMPT_ECHO_ON;

        printf("%c%s\n", is_prompt ? '?' : '-', messages[i]->msg);
        fflush(stdout);
        if (is_prompt && ((*responses)[i].resp = read_line()) == NULL)
            return PAM_CONV_ERR;
    }
    return PAM_SUCCESS;
}

static void no_delay(int result, unsigned delay_us, void *data)
{
    (void)result, (void)delay_us, (void)data;
}

int main(int argc, char **argv)
{
    const struct pam_conv conversation = {converse, NULL};
    pam_handle_t *pamh = NULL;

    if (argc != 3 || pam_start(argv[1], argv[2], &conversation, &pamh) != PAM_SUCCESS)
        return 2;
    pam_set_item(pamh, PAM_FAIL_DELAY, (const void *)no_delay);
    const int result = pam_authenticate(pamh, 0);
    printf("=%d\n", result);
    fflush(stdout);
    pam_end(pamh, result);
    return 0;
}
