// SPDX-License-Identifier: MIT
// The auth plugins of this instance, in the order of the configuration. Asks them one after the other until
// one decides, each with its deadline. Belongs to the hub thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct auth;
struct auth_query;
struct buf;
struct chain;
struct config;
struct log;
struct loop;
struct plugin;

typedef bool (*chain_load_fn)(struct plugin *plugin, const char *name, const struct config *config,
                              struct buf *why);
// Called exactly once for every chain_ask, possibly before that returns. The answer stands in the query.
typedef void (*chain_done_fn)(void *context, struct auth_query *query);

// Loads and opens them all. NULL: one of them cannot be used, which was logged. Borrows all of it.
struct chain *chain_new(struct loop *loop, const struct log *log, const struct config *config,
                        const char *instance_id, chain_load_fn load_fn);
// Settles what is under way with AUTH_CLOSED, closes the plugins. NULL is fine.
void chain_free(struct chain *chain);

void chain_ask(struct chain *chain, struct auth_query *query, chain_done_fn done, void *context);
// Ends what is over its deadline. To be called some times a second.
void chain_expire(struct chain *chain);
// SIGHUP: every plugin that can reads its files again. How many that are.
size_t chain_reload(struct chain *chain);

size_t chain_count(const struct chain *chain);
struct auth *chain_plugin(const struct chain *chain, size_t i); // for the metrics
