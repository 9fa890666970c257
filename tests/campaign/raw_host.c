/* A PAM host that relays bytes as they are: names of 64 KB, answers of 1 MB, conversations
 * that lie.
 *
 *   raw_host SERVICE
 *
 * Numbers are 4 bytes, big-endian; text is a number, its length, and that many bytes.
 * Standard input: orders, one transaction each: how many PAM items, then each item's
 * number and text. While a transaction asks: replies, each a kind (see enum), a
 * number and a text.
 * Standard output, one line each: "?HEX" a prompt, "-HEX" a message, and at a
 * transaction's end "=RESULT HEAP DESCRIPTORS".
 */
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>

#include <security/pam_appl.h>

#define HIGHEST_FD 256

enum kind {
    TEXT,         /* a response; the number is its resp_retcode */
    NO_TEXT,      /* a response without a text */
    NO_RESPONSES, /* PAM_SUCCESS, and the pointer to the responses not touched */
    FAILURE,      /* a response with the text, and the number is what the conversation returns */
    GONE,         /* as a client that went away: the number, and the pointer not touched */
};

static bool read_bytes(void *buffer, size_t length)
{
    return fread(buffer, 1, length, stdin) == length;
}

static uint32_t read_number(void)
{
    uint8_t bytes[4];

    if (!read_bytes(bytes, sizeof bytes))
        exit(3);
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The caller frees it. */
static char *read_text(void)
{
    const uint32_t length = read_number();
    char *text = malloc((size_t)length + 1);

    if (text == NULL || !read_bytes(text, length))
        exit(4);
    text[length] = '\0';
    return text;
}

static void print_text(char mark, const char *text)
{
    putchar(mark);
    for (; *text != '\0'; text++)
        printf("%02x", (unsigned char)*text);
    putchar('\n');
    fflush(stdout);
}

static int reply(struct pam_response **responses)
{
    const enum kind kind = read_number();
    const int number = (int)read_number();
    char *text = read_text();

    if (kind == TEXT || kind == NO_TEXT || kind == FAILURE)
        *responses = calloc(1, sizeof **responses);
    if (kind == TEXT || kind == FAILURE)
        (*responses)->resp = text;
    else
        free(text);
    if (kind == TEXT)
        (*responses)->resp_retcode = number;
    return kind == FAILURE || kind == GONE ? number : PAM_SUCCESS;
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses,
                    void *data)
{
    (void)data;
    if (count != 1)
        return PAM_CONV_ERR;
    const int style = messages[0]->msg_style;
    const bool asks = style == PAM_PROMPT_ECHO_OFF || style == PAM_PROMPT_ECHO_ON;

    print_text(asks ? '?' : '-', messages[0]->msg);
    if (asks)
        return reply(responses);
    *responses = calloc(1, sizeof **responses);
    return PAM_SUCCESS;
}

static void no_delay(int result, unsigned delay_us, void *data)
{
    (void)result, (void)delay_us, (void)data;
}

static int count_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < HIGHEST_FD; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static int transact(const char *service, uint32_t item_count)
{
    const struct pam_conv conversation = {converse, NULL};
    pam_handle_t *pamh = NULL;

    if (pam_start(service, NULL, &conversation, &pamh) != PAM_SUCCESS)
        exit(5);
    pam_set_item(pamh, PAM_FAIL_DELAY, (const void *)no_delay);
    for (; item_count > 0; item_count--) {
        const int item = (int)read_number();
        char *text = read_text();

        if (pam_set_item(pamh, item, text) != PAM_SUCCESS)
            exit(6);
        free(text);
    }
    const int result = pam_authenticate(pamh, 0);
    pam_end(pamh, result);
    return result;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    for (;;) {
        const int next = getchar();

        if (next == EOF)
            return 0;
        ungetc(next, stdin);
        const int result = transact(argv[1], read_number());
        printf("=%d %zu %d\n", result, mallinfo2().uordblks, count_descriptors());
        fflush(stdout);
    }
}
