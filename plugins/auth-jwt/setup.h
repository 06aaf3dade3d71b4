/* SPDX-License-Identifier: MIT
 * Options and the keys that they name, read and judged together: the same at check, at open, on SIGHUP and by
 * `wshub token verify`. */
#ifndef JWT_SETUP_H
#define JWT_SETUP_H

#include "settings.h"
#include "sources.h"

struct keys;

/* WSHUB_OK, and *keys is a reference; WSHUB_INVALID after option_refuse; WSHUB_NO_MEMORY. */
int setup_read(const struct wshub_host *host, struct settings *settings, struct keys **keys);

/* The keys alone, anew: what sources_read gives, if every algorithm still has one. */
struct keys *setup_read_keys(struct sources_result *result, const struct settings *settings);

#endif
