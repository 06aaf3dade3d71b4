// SPDX-License-Identifier: MIT
#include "hub/history.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "hub/asks.h"
#include "hub/hub_priv.h"
#include "hub/message.h"
#include "hub/rules.h"
#include "util/map.h"

// One question, of all who have asked it.
struct history_query {
    struct read read; // a page of it
    struct hub *hub;
    struct history_query *previous, *next; // of all
    struct request *first, *last;          // linked by next_waiting; their asks are alike
    struct found *found;                   // of the pages so far
    struct position newest;
    uint64_t oldest;
    uint32_t left; // messages to be found
    bool is_full;  // no more bytes
    bool is_known; // to the table: others may join
    UT_hash_handle hh;
    size_t key_length;
    char key[];
};

// ---- the same question ----

struct key {
    struct position since;
    uint32_t limit;
    bool backwards;
};

static size_t key_size(const struct ask *ask) {
    return sizeof(struct key) + ask->channel.length;
}

static void write_key(char *out, const struct ask *ask) {
    struct key key;
    memset(&key, 0, sizeof key); // what lies between its members counts too
    key.since.offset = ask->since.offset;
    key.since.epoch_length = ask->since.epoch_length;
    memcpy(key.since.epoch, ask->since.epoch, ask->since.epoch_length);
    key.limit = ask->limit;
    key.backwards = ask->backwards;
    memcpy(out, &key, sizeof key);
    memcpy(out + sizeof key, ask->channel.data, ask->channel.length);
}

static void append(struct history_query *query, struct request *request) {
    request->next_waiting = NULL;
    *(query->last ? &query->last->next_waiting : &query->first) = request;
    query->last = request;
}

static void close_entry(struct history_query *query) {
    if (query->is_known) {
        HASH_DEL(query->hub->queries, query);
        query->is_known = false;
    }
}

// ---- answers ----

static void answer_one(struct hub *hub, struct request *request, int status) {
    request->status = status;
    request->mail.kind = MAIL_ANSWERED;
    hub_post(hub, request->worker, &request->mail);
}

static bool has_more(const struct history_query *query) {
    size_t count = query->found ? found_count(query->found) : 0;
    if (count == 0) {
        return false;
    }
    uint64_t last = found_at(query->found, count - 1)->offset;
    return query->read.backwards ? query->oldest < last : last < query->newest.offset;
}

static void end(struct history_query *query, int status) {
    struct hub *hub = query->hub;
    close_entry(query);
    for (struct request *request = query->first, *next; request; request = next) {
        next = request->next_waiting;
        request->position = query->newest;
        if (status == WSHUB_OK && query->found) {
            found_ref(query->found);
            request->ask->found = query->found;
            request->ask->more = has_more(query);
        }
        answer_one(hub, request, status);
    }
    found_unref(query->found);
    read_forget(&query->read);
    *(query->previous ? &query->previous->next : &hub->histories) = query->next;
    if (query->next) {
        query->next->previous = query->previous;
    }
    free(query);
}

// ---- pages ----

static uint64_t bytes_most(const struct history_query *query) {
    return query->hub->instance->config->limits.outbox / 2;
}

static void ask_page(struct history_query *query) {
    const struct ask *ask = query->first->ask;
    struct rule rule = rules_find(query->hub->instance->config, ask->channel);
    query->read.limit = query->left < READ_MESSAGES_MAX ? query->left : READ_MESSAGES_MAX;
    reads_ask(&query->hub->brokers[rule.history_broker].reads, &query->read, READ_MISSED);
}

// Forwards, what came right behind the place that was asked for, or behind the page before, must still be
// there; else the answer would look like all of it.
static bool is_proven(const struct history_query *query) {
    const struct found *found = query->read.found;
    uint64_t after = query->read.after, oldest = query->oldest;
    bool is_from_anywhere = query->first->ask->since.epoch_length == 0 && !query->found;
    if (query->read.backwards || is_from_anywhere || (oldest > 0 && oldest <= after)) {
        return true;
    }
    if (!found || found_count(found) == 0) {
        return query->newest.offset <= after;
    }
    const struct message *first = found_at(found, 0);
    return first->offset == after + 1 || first->previous == after;
}

// False: no memory.
static bool take_page(struct history_query *query) {
    const struct found *page = query->read.found;
    size_t count = page ? found_count(page) : 0;
    if (count > 0 && !query->found && !(query->found = found_new(count))) {
        return false;
    }
    for (size_t i = 0; i < count && !query->is_full; i++) {
        struct message *message = found_at(page, i);
        uint64_t weight = found_weight(query->found) + message_weight(message);
        query->is_full = found_count(query->found) > 0 && weight > bytes_most(query);
        if (!query->is_full && !found_add(query->found, message)) {
            return false;
        }
    }
    query->left -= count < query->left ? (uint32_t)count : query->left;
    query->is_full |= !query->read.is_full || query->left == 0;
    return true;
}

// `before`: of the page before, or where it was asked from; none: any epoch will do.
static int judge(const struct history_query *query, const struct position *before) {
    if (before->epoch_length > 0 && !position_is_of(before, position_epoch(&query->newest))) {
        return WSHUB_NOT_FOUND;
    }
    return is_proven(query) ? WSHUB_OK : WSHUB_NOT_FOUND;
}

static void on_page(void *context, struct read *read, int status) {
    struct history_query *query = context;
    const struct position before = query->found ? query->newest : query->first->ask->since;
    if (status != WSHUB_OK) {
        end(query, status);
        return;
    }
    query->newest = read->position;
    query->oldest = read->oldest;
    status = judge(query, &before);
    if (status == WSHUB_OK && !take_page(query)) {
        status = WSHUB_NO_MEMORY;
    }
    if (status != WSHUB_OK || query->is_full) {
        end(query, status);
        return;
    }
    read->after = found_at(query->found, found_count(query->found) - 1)->offset;
    ask_page(query);
}

// ---- questions ----

// The first page is asked now: nobody may join any more, for what he has seen published may be missing in it.
static void on_begin(void *context) {
    close_entry(context);
}

// Backwards from before the first message there is nothing: the broker would begin at the end.
static uint32_t most_of(const struct ask *ask) {
    bool is_at_start = ask->since.epoch_length > 0 && ask->since.offset == 0;
    return ask->backwards && is_at_start ? 0 : ask->limit;
}

static struct history_query *make(struct hub *hub, const struct ask *ask, const struct rule *rule) {
    size_t length = key_size(ask);
    struct history_query *query = calloc(1, sizeof *query + length);
    if (!query) {
        return NULL;
    }
    query->hub = hub;
    query->key_length = length;
    write_key(query->key, ask);
    query->left = most_of(ask);
    query->read = (struct read){
        .done = on_page,
        .begin = on_begin,
        .context = query,
        .channel = {query->key + sizeof(struct key), ask->channel.length},
        .size = rule->history_size,
        .ttl = rule->history_ttl,
        .after = ask->since.offset,
        .backwards = ask->backwards,
    };
    query->next = hub->histories;
    if (query->next) {
        query->next->previous = query;
    }
    hub->histories = query;
    return query;
}

// Without memory for the table it stays out of it: nobody joins.
static void open_entry(struct history_query *query, uint32_t hash) {
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, query->hub->queries, query->key, query->key_length, hash, query);
    query->is_known = query->hh.tbl != NULL;
}

void history_ask(struct hub *hub, struct request *request) {
    const struct ask *ask = request->ask;
    struct rule rule = rules_find(hub->instance->config, ask->channel);
    struct history_query *query = NULL;
    char key[sizeof(struct key) + UINT8_MAX];
    size_t length = key_size(ask);
    if (rule.history_size == 0 || length > sizeof key) {
        answer_one(hub, request, WSHUB_UNSUPPORTED);
        return;
    }
    write_key(key, ask);
    uint32_t hash = map_hash(key, length, hub->instance->hash_seed);
    HASH_FIND_BYHASHVALUE(hh, hub->queries, key, length, hash, query);
    if (query) {
        append(query, request);
    } else if ((query = make(hub, ask, &rule))) {
        append(query, request);
        open_entry(query, hash);
        ask_page(query);
    } else {
        answer_one(hub, request, WSHUB_NO_MEMORY);
    }
}

// What was under way at the brokers has been settled by them.
void history_free(struct hub *hub) {
    while (hub->histories) {
        read_cancel(&hub->histories->read);
        end(hub->histories, WSHUB_CLOSED);
    }
}
