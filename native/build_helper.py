"""Write the C half of pam-tfa-helper that calls Python: cffi's embedding API.

Usage: build_helper.py OUTPUT.c

cffi's generated function returns 0 when its start-up code or the call fails, and 0
would be PAM_SUCCESS. That is why nothing reads the number that it returns: the
module believes messages on the socket alone.
"""

import sys

import cffi

EMBEDDING_API = "int pam_tfa_serve(int socket_fd, int slot_fd);"

# Runs inside the helper when pam_tfa_serve() is first called. The helper has no
# standard error, so that what fails here is said in the log or not at all.
START_UP = """
from _pam_tfa_helper import ffi


def log_failure(error_type, error, traceback):
    import syslog

    where = ""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        where = f"{code.co_filename}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    # The type and the place, never the text: it could hold what the user typed.
    syslog.openlog("pam-tfa-helper", syslog.LOG_PID, syslog.LOG_AUTHPRIV)
    syslog.syslog(syslog.LOG_ERR, f"pam_tfa: helper failed: {error_type.__name__} at {where}")


@ffi.def_extern(error=1, onerror=log_failure)
def pam_tfa_serve(socket_fd, slot_fd):
    from pam_tfa.service.helper import serve

    return serve(socket_fd, slot_fd)
"""


def main() -> None:
    """Write the C file that the command line names."""
    builder = cffi.FFI()
    builder.embedding_api(EMBEDDING_API)
    builder.set_source("_pam_tfa_helper", "")
    builder.embedding_init_code(START_UP)
    builder.emit_c_code(sys.argv[1])


if __name__ == "__main__":
    main()
