/* The words after pam_tfa.so in a PAM file. */
#ifndef PAM_TFA_OPTIONS_H
#define PAM_TFA_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <security/pam_modules.h>

struct options {
    uint32_t relayed;        /* bits of enum wire_option, sent to the back end */
    bool nodelay;
    bool quiet;
    bool debug;
    const char *config;      /* absolute path, or NULL; points into argv */
    const char *prompt_text; /* or NULL; points into argv */
};

/* Reads argv into *options. Returns PAM_SUCCESS, or PAM_SERVICE_ERR after one log
 * line that names the first word that can't be honoured and what to do about it. */
int options_parse(pam_handle_t *pamh, int argc, const char **argv, struct options *options);

#endif
