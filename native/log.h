/* Lines in the host's log. */
#ifndef PAM_TFA_LOG_H
#define PAM_TFA_LOG_H

#include <security/pam_modules.h>

/* Writes one line at `priority` (LOG_ERR, ...) of LOG_AUTHPRIV, in the form of
 * pam_syslog(): "pam_tfa(SERVICE:auth): ...". Leaves the host's descriptors and its
 * own syslog() as they are. A line that can't be written is lost. */
void log_line(pam_handle_t *pamh, int priority, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
