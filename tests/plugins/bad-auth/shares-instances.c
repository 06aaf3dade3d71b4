/* SPDX-License-Identifier: MIT
 * Knows one instance, the last that was opened. */
#include "base.h"

static struct instance *last;

static int open_last(const struct wshub_host *host, void **self) {
    int status = base_open(host, self);
    last = status == WSHUB_OK ? *self : NULL;
    return status;
}

static void leave(void *self) {
    base_close(self);
    last = last == self ? NULL : last;
}

static int authenticate(void *self, const struct wshub_request *request, wshub_token token) {
    (void)self;
    return last ? base_authenticate(last, request, token) : WSHUB_UNAVAILABLE;
}

BAD((base_auth.open = open_last, base_auth.close = leave, base_auth.authenticate = authenticate))
