#include "preload.h"

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stddef.h>

#ifndef PAM_TFA_PRELOADED_LIBRARIES
#define PAM_TFA_PRELOADED_LIBRARIES
#endif

/* The usual 8 MB, and an arena of malloc's for each thread, would count against limits
 * that a caller has set on memory, and Python would go short of it. */
#define STACK_BYTES (256 << 10)

static const char *const libraries[] = {PAM_TFA_PRELOADED_LIBRARIES NULL};

static void *load(void *unused)
{
    (void)unused;
    for (size_t i = 0; libraries[i] != NULL; i++)
        dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);
    return NULL;
}

void preload_libraries(void)
{
    pthread_attr_t attributes;
    pthread_t thread;

    mallopt(M_ARENA_MAX, 1);
    if (pthread_attr_init(&attributes) != 0)
        return;
    if (pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0)
        pthread_create(&thread, &attributes, load, NULL);
    pthread_attr_destroy(&attributes);
}
