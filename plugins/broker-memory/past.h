/* SPDX-License-Identifier: MIT
 * What was published, as the host asks for it: positions of publishes, repetitions by their keys, and what
 * histories have. Belongs to the hub thread. */
#ifndef BROKER_MEMORY_PAST_H
#define BROKER_MEMORY_PAST_H

#include <stdbool.h>

#include "histories.h"
#include "seen.h"

struct past {
    const struct wshub_host *host;
    struct histories histories;
    struct seen seen;
};

/* `random`: two numbers that nobody knows. `most`: bytes of all that is kept. */
void past_init(struct past *past, const struct wshub_host *host, const uint64_t random[2], uint64_t most);
void past_free(struct past *past);

/* Was the message taken before, under its key? Then its position is told. */
bool past_repeats(struct past *past, const struct wshub_message *message, wshub_token token);
/* Keeps a message of a channel with a history, gives it its position (which points into the history, until
 * the next call) and tells that. WSHUB_OK, or as histories_append; without room for its key WSHUB_NO_MEMORY.
 */
int past_put(struct past *past, struct wshub_message *message, wshub_token token);
/* Tells what is asked for. WSHUB_OK, WSHUB_NO_MEMORY. */
int past_tell(struct past *past, const struct wshub_history_query *query, wshub_token token);

#endif
