#include "options.h"

#include <string.h>
#include <syslog.h>

#include "log.h"
#include "wire.h"

struct flag_option {
    const char *word;
    uint32_t relayed_bit;
};

static const struct flag_option flag_options[] = {
    {"nullok", WIRE_OPTION_NULLOK},
    {"echo", WIRE_OPTION_ECHO},
    {"echo_verification_code", WIRE_OPTION_ECHO}, /* pam_google_authenticator's name */
    {"decoy", WIRE_OPTION_DECOY},
    {"quiet", WIRE_OPTION_QUIET},
    {"debug", WIRE_OPTION_DEBUG},
};

struct refused_option {
    const char *word; /* ends in '=' where the option takes a value */
    const char *advice;
};

#define NOT_YET "this version does not offer it yet; remove the word"

static const struct refused_option refused_options[] = {
    {"secret=", "records are in the store of pam-tfa; import the old file, then remove the word"},
    {"user=", "records belong to root and are checked by root; remove the word"},
    {"allowed_perm=", "records are always root's, mode 0600; remove the word"},
    {"no_strict_owner", "records are always root's, mode 0600; remove the word"},
    {"allow_readonly", "a code that can't be marked as used is never accepted; remove the word"},
    {"enroll", NOT_YET},
    {"try_first_pass", NOT_YET},
    {"use_first_pass", NOT_YET},
    {"forward_pass", NOT_YET},
    {"split_pass", NOT_YET},
    {"use_split", NOT_YET},
    {"app_password", NOT_YET},
    {"remember=", NOT_YET},
    {"grace_period=", NOT_YET},
    {"break_glass", NOT_YET},
    {"noskewadj", NOT_YET},
    {"no_increment_hotp", NOT_YET},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The text after `name` (which ends in '=') where `word` is such an option. */
static const char *value_of(const char *word, const char *name)
{
    const size_t length = strlen(name);

    return strncmp(word, name, length) == 0 ? word + length : NULL;
}

static bool parse_flag(const char *word, struct options *options)
{
    if (strcmp(word, "nodelay") == 0) {
        options->nodelay = true;
        return true;
    }
    for (size_t i = 0; i < COUNT(flag_options); i++)
        if (strcmp(word, flag_options[i].word) == 0) {
            options->relayed |= flag_options[i].relayed_bit;
            return true;
        }
    return false;
}

static const char *config_error(const char *path)
{
    if (path[0] != '/')
        return "needs an absolute path";
    return strlen(path) > WIRE_MAX_ITEM_BYTES ? "is longer than 1024 bytes" : NULL;
}

/* A prompt goes to terminals as it is: no control character may stand in it. */
static const char *prompt_error(const char *text)
{
    const size_t length = strlen(text);

    if (length == 0 || length > WIRE_MAX_PROMPT_TEXT_BYTES)
        return "needs 1 to 255 bytes of text";
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return "must not hold control characters";
    return NULL;
}

/* Takes `word` where it is an option with a value. Returns true where it was one;
 * *error then says what is wrong with the value, or is NULL. */
static bool parse_valued(const char *word, struct options *options, const char **error)
{
    const char *value = value_of(word, "config=");

    if (value != NULL) {
        options->config = value;
        *error = config_error(value);
        return true;
    }
    value = value_of(word, "prompt=");
    if (value == NULL)
        value = value_of(word, "authtok_prompt="); /* pam_google_authenticator's name */
    if (value == NULL)
        return false;
    options->prompt_text = value;
    *error = prompt_error(value);
    return true;
}

static const char *advice_for(const char *word)
{
    for (size_t i = 0; i < COUNT(refused_options); i++) {
        const char *name = refused_options[i].word;
        const size_t length = strlen(name);
        const bool same = name[length - 1] == '=' ? strncmp(word, name, length) == 0
                                                  : strcmp(word, name) == 0;
        if (same)
            return refused_options[i].advice;
    }
    return "there is no such option; see pam_tfa.so's options in the README";
}

int options_parse(pam_handle_t *pamh, int argc, const char **argv, struct options *options)
{
    memset(options, 0, sizeof *options);
    for (int i = 0; i < argc; i++) {
        const char *error = NULL;

        if (!parse_flag(argv[i], options) && !parse_valued(argv[i], options, &error))
            error = advice_for(argv[i]);
        if (error != NULL) {
            log_line(pamh, LOG_ERR, "login refused: option \"%.200s\" of pam_tfa.so: %s",
                     argv[i], error);
            return PAM_SERVICE_ERR;
        }
    }
    options->quiet = (options->relayed & WIRE_OPTION_QUIET) != 0;
    options->debug = (options->relayed & WIRE_OPTION_DEBUG) != 0;
    return PAM_SUCCESS;
}
