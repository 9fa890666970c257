/* The entry points of the module, and nothing else. */
#include <syslog.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>

#include "login.h"
#include "options.h"

#define ENTRY_POINT __attribute__((visibility("default")))

/* Random around this, as libpam does it; a host may replace it (PAM_FAIL_DELAY). */
#define FAIL_DELAY_US 2000000

ENTRY_POINT int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    struct options options;
    int result = options_parse(pamh, argc, argv, &options);

    if (result != PAM_SUCCESS)
        return result;
    result = login_run(pamh, &options, (flags & PAM_SILENT) != 0);
    /* Not where the back end failed: that login has waited already. */
    if ((result == PAM_AUTH_ERR || result == PAM_MAXTRIES) && !options.nodelay)
        pam_fail_delay(pamh, FAIL_DELAY_US);
    return result;
}

/* PAM_SUCCESS and not PAM_IGNORE: libpam runs the same control values for setcred
 * as for authenticate, and denies a stack whose only answers are PAM_IGNORE. */
ENTRY_POINT int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh, (void)flags, (void)argc, (void)argv;
    return PAM_SUCCESS;
}

/* The rest has nothing to do here. PAM_IGNORE, so that a line in the wrong place
 * neither refuses nor grants anything. */
ENTRY_POINT int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh, (void)flags, (void)argc, (void)argv;
    return PAM_IGNORE;
}

ENTRY_POINT int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh, (void)flags, (void)argc, (void)argv;
    return PAM_IGNORE;
}

ENTRY_POINT int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh, (void)flags, (void)argc, (void)argv;
    return PAM_IGNORE;
}

ENTRY_POINT int pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh, (void)flags, (void)argc, (void)argv;
    return PAM_IGNORE;
}
