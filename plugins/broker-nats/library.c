/* SPDX-License-Identifier: MIT
 * The only variables of this plugin that are not an open broker's: the library has global state, and its open
 * and close must not run at the same time. */
#include "library.h"

#include <nats/nats.h>
#include <openssl/ssl.h>
#include <pthread.h>

enum { CLOSE_MS = 2000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned users;
/* OpenSSL's, still known to contexts that others have made. Nobody reads it: volatile, so that it is kept all
 * the same and is no leak. */
static struct stack_st_SSL_COMP *volatile methods;

/* nats.c 3.4, once it has used TLS, frees OpenSSL's list of compression methods when the process ends, and
 * OpenSSL frees it again: the process crashes where OpenSSL was there before nats.c, as in a hub. Nobody
 * compresses TLS any more. */
static void hide_methods(void) {
    if (SSL_COMP_get_compression_methods()) {
        methods = SSL_COMP_set0_compression_methods(NULL);
    }
}

bool library_enter(void) {
    pthread_mutex_lock(&lock);
    const bool open = users > 0 || nats_Open(-1) == NATS_OK;
    users += open;
    hide_methods();
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
