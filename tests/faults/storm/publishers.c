// SPDX-License-Identifier: MIT
#include "storm/publishers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storm/words.h"

#define SECOND UINT64_C(1000000000)
#define MS UINT64_C(1000000)
enum { AGAIN_LEAST_MS = 100, AGAIN_MOST_MS = 500, BURST_MOST = 1000, DATA_MOST = 60001 };

// ---- sending ----

static struct publish *publish_of(const struct publisher *publisher, uint32_t publish) {
    return &publisher->member.storm->ledger.publishes[publish];
}

static void send_it(struct publisher *publisher, struct pending *pending) {
    struct storm *storm = publisher->member.storm;
    struct publish *publish = publish_of(publisher, pending->publish);
    char data[DATA_MOST], key[64] = "";
    if (storm->options.keys)
        snprintf(key, sizeof key, ",\"key\":\"storm-%" PRIu64 "-%u\"", storm->options.seed, pending->publish);
    member_data(storm, pending->publish, data);
    publish->last_ns = storm->now_ns;
    publish->first_ns = publish->attempts ? publish->first_ns : storm->now_ns;
    publisher->crowd->repeated += publish->attempts > 0;
    publish->attempts++;
    publish->connection = publisher->member.connection;
    pending->again_ns = 0;
    member_say(&publisher->member,
               "{\"op\":\"publish\",\"id\":%u,\"channel\":\"storm:%u\",\"data\":\"%s\"%s}", pending->publish,
               publish->channel, data, key);
}

static void publish_new(struct publisher *publisher) {
    struct storm *storm = publisher->member.storm;
    uint32_t channel = (uint32_t)random_below(&storm->random, storm->options.channels);
    uint32_t publish = ledger_publish(&storm->ledger, channel, publisher->number);
    if (publish == PUBLISH_NONE)
        return;
    struct pending *pending = &publisher->pending[publisher->pending_count++];
    *pending = (struct pending){.publish = publish};
    send_it(publisher, pending);
}

// Whose turn it is among those who can. NULL: nobody can.
static struct publisher *next_publisher(struct publishers *publishers) {
    for (uint32_t i = 0; i < publishers->count; i++) {
        struct publisher *publisher = &publishers->all[publishers->turn++ % publishers->count];
        if (publisher->member.welcomed && publisher->pending_count < publishers->storm->options.window)
            return publisher;
    }
    return NULL;
}

static void publish_due(struct publishers *publishers) {
    uint64_t step_ns = SECOND / publishers->storm->options.rate;
    for (int i = 0; i < BURST_MOST && publishers->due_ns <= publishers->storm->now_ns; i++) {
        struct publisher *publisher = next_publisher(publishers);
        publishers->due_ns += step_ns;
        if (publisher)
            publish_new(publisher);
        else
            publishers->skipped++;
    }
}

static void send_again(struct publisher *publisher) {
    uint64_t now_ns = publisher->member.storm->now_ns;
    for (uint32_t i = 0; i < publisher->pending_count && publisher->member.welcomed; i++)
        if (publisher->pending[i].again_ns && now_ns >= publisher->pending[i].again_ns)
            send_it(publisher, &publisher->pending[i]);
}

// ---- answers ----

static struct pending *pending_of(struct publisher *publisher, uint64_t publish) {
    for (uint32_t i = 0; i < publisher->pending_count; i++)
        if (publisher->pending[i].publish == publish)
            return &publisher->pending[i];
    return NULL;
}

static void settled(struct publisher *publisher, struct pending *pending) {
    size_t behind = (size_t)(publisher->pending + --publisher->pending_count - pending);
    memmove(pending, pending + 1, behind * sizeof *pending);
}

static void on_ok(struct publisher *publisher, const struct words *words, const char *text, size_t length) {
    struct storm *storm = publisher->member.storm;
    uint64_t id;
    if (!word_number(words->id, &id) || (id != PING_ID && id >= storm->ledger.publish_count)) {
        member_strange(&publisher->member, text, length);
        return;
    }
    if (id == PING_ID)
        return;
    struct pending *pending = pending_of(publisher, id);
    struct publish *publish = publish_of(publisher, (uint32_t)id);
    if (!pending || pending->again_ns) {
        publish->answered_twice = true;
        return;
    }
    if (word_number(words->offset, &publish->offset))
        publish->epoch = ledger_epoch(&storm->ledger, publish->channel, words->epoch.at, words->epoch.length);
    if (storm->options.history && !publish->epoch)
        member_strange(&publisher->member, text, length);
    publish->acked_ns = storm->peers.now_ns;
    publish->state = PUBLISH_ACKED;
    publisher->crowd->acked++;
    settled(publisher, pending);
}

static void on_error(struct publisher *publisher, const struct words *words, const char *text,
                     size_t length) {
    struct storm *storm = publisher->member.storm;
    uint64_t id;
    struct pending *pending = word_number(words->id, &id) ? pending_of(publisher, id) : NULL;
    if (!pending || !words->retry) {
        member_strange(&publisher->member, text, length);
        return;
    }
    if (storm->options.keys) {
        pending->again_ns =
            storm->now_ns + random_between(&storm->random, AGAIN_LEAST_MS, AGAIN_MOST_MS) * MS;
        return;
    }
    publish_of(publisher, pending->publish)->state = PUBLISH_REFUSED;
    publisher->crowd->refused++;
    settled(publisher, pending);
}

static void on_text(struct peer *peer, const char *text, size_t length) {
    struct publisher *publisher = (struct publisher *)(void *)peer;
    struct words words;
    bool read = words_read(text, length, &words);
    if (read && word_is(words.op, "ok"))
        on_ok(publisher, &words, text, length);
    else if (read && word_is(words.op, "error"))
        on_error(publisher, &words, text, length);
    else if (read && word_is(words.op, "welcome"))
        member_welcome(&publisher->member);
    else if (read && word_is(words.op, "closing"))
        publisher->member.after_ms = words.reconnect_after_ms;
    else
        member_strange(&publisher->member, text, length);
}

// Without keys nobody can tell what became of them, and a repetition might be a second one.
static void on_gone(struct peer *peer, unsigned code) {
    struct publisher *publisher = (struct publisher *)(void *)peer;
    if (!publisher->member.storm->options.keys)
        publisher->pending_count = 0;
    for (uint32_t i = 0; i < publisher->pending_count; i++)
        publisher->pending[i].again_ns = 1; // at the welcome
    member_gone(&publisher->member, code);
}

// ---- all of them ----

static const struct peer_calls calls = {on_text, on_gone};

int publishers_open(struct publishers *publishers, struct storm *storm, unsigned spread_ms) {
    *publishers = (struct publishers){.storm = storm};
    publishers->all = calloc(storm->options.publishers, sizeof *publishers->all);
    if (!publishers->all)
        return -1;
    for (uint32_t i = 0; i < storm->options.publishers; i++) {
        struct publisher *publisher = &publishers->all[i];
        uint64_t open_ns = storm->now_ns + random_below(&storm->random, spread_ms + 1) * MS;
        member_init(&publisher->member, storm, &calls, open_ns);
        publisher->crowd = publishers;
        publisher->number = i;
        publisher->pending = calloc(storm->options.window, sizeof *publisher->pending);
        if (!publisher->pending)
            return -1;
        publishers->count++;
    }
    return 0;
}

void publishers_leave(struct publishers *publishers) {
    for (uint32_t i = 0; i < publishers->count; i++)
        peer_leave(&publishers->all[i].member.peer);
}

bool publishers_are_gone(const struct publishers *publishers) {
    for (uint32_t i = 0; i < publishers->count; i++)
        if (publishers->all[i].member.peer.state != PEER_CLOSED)
            return false;
    return true;
}

void publishers_close(struct publishers *publishers) {
    for (uint32_t i = 0; i < publishers->count; i++)
        peer_cut(&publishers->all[i].member.peer);
    for (uint32_t i = 0; i < publishers->count; i++)
        free(publishers->all[i].pending);
    free(publishers->all);
}

void publishers_start(struct publishers *publishers) {
    publishers->publishing = true;
    publishers->due_ns = publishers->storm->now_ns;
}

void publishers_stop(struct publishers *publishers) {
    publishers->publishing = false;
}

void publishers_tick(struct publishers *publishers) {
    for (uint32_t i = 0; i < publishers->count; i++) {
        member_tick(&publishers->all[i].member);
        if (publishers->storm->options.keys)
            send_again(&publishers->all[i]);
    }
    if (publishers->publishing)
        publish_due(publishers);
}

bool publishers_all_welcomed(const struct publishers *publishers) {
    for (uint32_t i = 0; i < publishers->count; i++)
        if (!publishers->all[i].member.welcomed)
            return false;
    return true;
}

uint32_t publishers_pending(const struct publishers *publishers) {
    uint32_t pending = 0;
    for (uint32_t i = 0; i < publishers->count; i++)
        pending += publishers->all[i].pending_count;
    return pending;
}
