/* SPDX-License-Identifier: MIT
 * Says that its link is up again, and it never was. */
#include "base.h"

static struct wshub_host copy;
static const struct wshub_host *theirs;

static void link_again(void *self, enum wshub_link_state state, const char *reason) {
    theirs->link(self, state == WSHUB_LINK_UP ? WSHUB_LINK_RESUMED : state, reason);
}

static int open_wrapped(const struct wshub_host *host, void **self) {
    theirs = host;
    copy = base_host(host);
    copy.link = link_again;
    return base_open(&copy, self);
}

BAD(base_broker.open = open_wrapped)
