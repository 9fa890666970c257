/* Points in time on the monotonic clock, in milliseconds. */
#ifndef PAM_TFA_DEADLINE_H
#define PAM_TFA_DEADLINE_H

#include <stdint.h>
#include <time.h>

/* From the start and from each answer to the back end's next word. With the time
 * to end a helper, a login ends within 5 s of the last answer. */
#define ANSWER_LIMIT_MS 4500
/* From the daemon's connection to its HELLO. */
#define HELLO_LIMIT_MS 2000

static inline int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
