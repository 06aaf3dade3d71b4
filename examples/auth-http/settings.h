/* SPDX-License-Identifier: MIT
 * The options. */
#ifndef AUTH_HTTP_SETTINGS_H
#define AUTH_HTTP_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "question.h"

extern const struct wshub_option settings_options[];
enum { SETTINGS_OPTIONS = 14 };

struct settings { /* texts are the host's, until close */
    const char *url, *secret, *ca_file;
    struct question_chosen chosen;
    bool ask_anonymous, authorize;
    uint64_t timeout; /* ms, for a whole answer; below host->timeout */
    uint64_t connections, in_flight, answer_size;
    uint64_t cache_ttl, refusal_ttl, cache_size; /* ms, ms, entries */
};

/* WSHUB_OK; WSHUB_INVALID: what is wrong with an option was refused. Within check or open. */
int settings_read(struct settings *settings, const struct wshub_host *host);
/* Do questions leave this machine without TLS? */
bool settings_in_clear(const struct settings *settings);

#endif
