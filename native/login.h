/* One login: from the PAM items to the back end's verdict. */
#ifndef PAM_TFA_LOGIN_H
#define PAM_TFA_LOGIN_H

#include <stdbool.h>

#include <security/pam_modules.h>

#include "options.h"

/* Runs the login and returns PAM's result; everything was shown and logged.
 * `silent` is PAM_SILENT: prompts only. */
int login_run(pam_handle_t *pamh, const struct options *options, bool silent);

#endif
