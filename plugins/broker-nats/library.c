/* SPDX-License-Identifier: MIT
 * The one global variable of this plugin, because the library has global state, and its open and close must
 * not run at the same time. */
#include "library.h"

#include <nats/nats.h>
#include <pthread.h>

enum { CLOSE_MS = 2000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned users;

bool library_enter(void) {
    pthread_mutex_lock(&lock);
    const bool open = users > 0 || nats_Open(-1) == NATS_OK;
    users += open;
    pthread_mutex_unlock(&lock);
    return open;
}

void library_leave(void) {
    pthread_mutex_lock(&lock);
    if (--users == 0) {
        nats_CloseAndWait(CLOSE_MS);
    }
    pthread_mutex_unlock(&lock);
    nats_ReleaseThreadMemory();
}
