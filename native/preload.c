#include "preload.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

#ifndef PAM_TFA_PRELOADED_LIBRARIES
#define PAM_TFA_PRELOADED_LIBRARIES
#endif

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
    pthread_t thread;

    if (pthread_create(&thread, NULL, load, NULL) == 0)
        pthread_detach(thread);
}
