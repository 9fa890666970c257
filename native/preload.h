#ifndef PRELOAD_H
#define PRELOAD_H

/* Has a thread map the libraries that the answer will need (libcrypto, cryptography's
 * binding), while this one starts the interpreter: 5 ms of a login, on a machine that
 * has a second processor. Nothing waits for it, and nothing depends on it: whoever
 * imports one of them gets what is mapped, or maps it. */
void preload_libraries(void);

#endif
