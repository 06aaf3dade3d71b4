// SPDX-License-Identifier: MIT
// Subscribers of channels with a history, on the workers of hub_fixture.h: each has a story of what it was
// told, in its order. Offsets of messages, "gN" a gap behind which N stands, "nN" that not all of what it has
// missed can be had, and it goes on behind N, "xS" an answer with the status S, "p" a message without a
// position.
#pragma once

#include "hub/asks.h"
#include "hub_fixture.h"

enum { READERS = 64 };

struct reader {
    struct recovery recovery; // first
    struct fixture *fixture;
    struct claim *claim;
    struct position confirmed; // where its claim stood then
    struct position at;        // what it has
    bool is_asked, is_live;
    unsigned parts;
    bool stays_slow; // it is not done with the answers that it gets
    uint64_t owed;   // bytes of those
    size_t most;     // messages of an answer that it takes; 0: all
    size_t heaviest; // of what its answers have kept in memory
    char story[8192];
};

static struct reader *readers[READERS];

// What a test wants to see of everything that is told: 'm' a message, 'g' a gap, 'n' not all can be had.
// NULL: nothing.
static void (*reader_told)(struct reader *reader, char what, const struct position *position);

static inline void tell(struct reader *reader, const char *what, uint64_t number) {
    size_t length = strlen(reader->story);
    snprintf(reader->story + length, sizeof reader->story - length, "%s%s%llu", length > 0 ? " " : "", what,
             (unsigned long long)number);
    assert_true(strlen(reader->story) + 32 < sizeof reader->story);
}

static inline void told(struct reader *reader, char what) {
    if (reader_told) {
        reader->story[0] = '\0'; // it would be long
        reader_told(reader, what, &reader->at);
    }
}

static inline void on_reader_message(struct worker *worker, const struct channel_ticket *ticket,
                                     const struct message *message) {
    worker->delivered += message_weight(message);
    for (size_t i = 0; i < READERS; i++) {
        struct reader *reader = readers[i];
        if (!reader || !reader->claim || &reader->claim->ticket != ticket || !reader->is_live) {
            continue;
        }
        if (message->kind == MESSAGE_GAP) {
            tell(reader, "g", message->offset);
            position_set(&reader->at, message_epoch(message), message->offset);
            told(reader, 'g');
        } else if (message->epoch_length == 0) {
            tell(reader, "p", 0);
        } else if (!message->is_last) {
            tell(reader, "", message->offset);
            position_set(&reader->at, message_epoch(message), message->offset);
            told(reader, 'm');
        }
    }
}

static inline void ask_again(struct reader *reader) {
    struct recovery *recovery = &reader->recovery;
    *recovery = (struct recovery){
        .mail.kind = MAIL_RECOVER,
        .worker = reader->claim->ticket.worker,
        .ticket = &reader->claim->ticket,
        .since = reader->at,
        .sent = recovery->sent,
    };
    reader->is_asked = true;
    mailbox_post(hub_mailbox(reader->fixture->instance.hub), &recovery->mail);
}

// As core/hub/catchup.c does.
static inline void take_part(struct reader *reader) {
    struct recovery *recovery = &reader->recovery;
    uint32_t until = recovery->until;
    size_t weight = recovery->found ? found_weight(recovery->found) : 0;
    reader->heaviest = weight > reader->heaviest ? weight : reader->heaviest;
    if (reader->most > 0 && until - recovery->from > reader->most) {
        until = recovery->from + (uint32_t)reader->most;
    }
    for (uint32_t i = recovery->from; i < until; i++) {
        const struct message *message = found_at(recovery->found, i);
        assert_true(position_is_of(&reader->at, message_epoch(message)));
        tell(reader, "", message->offset);
        reader->at.offset = message->offset;
        told(reader, 'm');
        recovery->sent++;
    }
    if (recovery->whole && until == recovery->until) {
        assert_int_equal(reader->at.offset, recovery->position.offset);
        reader->is_live = true;
    }
}

// It is done with what it has got.
static inline void pay(struct reader *reader) {
    reader->fixture->workers[reader->recovery.worker].delivered += reader->owed;
    reader->owed = 0;
}

static inline void on_reader_answer(struct reader *reader) {
    struct recovery *recovery = &reader->recovery;
    reader->is_asked = false;
    reader->parts++;
    reader->owed += recovery->weight;
    if (!reader->stays_slow) {
        pay(reader);
    }
    if (recovery->status == WSHUB_NOT_FOUND ||
        (recovery->status == WSHUB_OK && reader->at.epoch_length == 0)) {
        reader->at = recovery->position;
        reader->is_live = true;
        if (recovery->status == WSHUB_NOT_FOUND) {
            tell(reader, "n", recovery->position.offset);
            told(reader, 'n');
        }
    } else if (recovery->status != WSHUB_OK) {
        tell(reader, "x", (uint64_t)-recovery->status);
    } else {
        take_part(reader);
    }
    found_unref(recovery->found);
    if (recovery->status == WSHUB_OK && !reader->is_live && reader->claim) {
        ask_again(reader);
    }
}

static inline void on_reader_mail(struct worker *worker, struct mail *mail) {
    if (mail->kind == MAIL_RECOVERED) {
        struct recovery *recovery = (struct recovery *)(void *)mail;
        for (struct recovery *next; recovery; recovery = next) {
            next = recovery->next;
            assert_int_equal(recovery->worker, worker->index);
            on_reader_answer((struct reader *)(void *)recovery);
        }
    }
}

// A claim of its own worker; it asks for what comes after `since`, an offset under `epoch`; NULL: it goes on
// from where its claim stood.
static inline struct reader *reader_new(struct fixture *f, struct claim *claim, const char *epoch,
                                        uint64_t since) {
    struct reader *reader = calloc(1, sizeof *reader);
    size_t i = 0;
    assert_non_null(reader);
    f->on_delivery = on_reader_message;
    f->on_other = on_reader_mail;
    reader->fixture = f;
    reader->claim = claim;
    while (readers[i]) {
        assert_true(++i < READERS);
    }
    readers[i] = reader;
    if (epoch) {
        position_set(&reader->at, (struct span){epoch, strlen(epoch)}, since);
        ask_again(reader);
    } else {
        reader->at = reader->confirmed;
        reader->is_live = true;
    }
    return reader;
}

static inline void reader_free(struct reader *reader) {
    assert_false(reader->is_asked);
    for (size_t i = 0; i < READERS; i++) {
        readers[i] = readers[i] == reader ? NULL : readers[i];
    }
    free(reader);
}

static inline bool is_live(void *reader) {
    return ((struct reader *)reader)->is_live;
}

static inline bool has_answer(void *reader) {
    return !((struct reader *)reader)->is_asked;
}

static inline void wait_story(struct reader *reader, const char *story);

struct story_wait {
    struct reader *reader;
    const char *story;
};

static inline bool is_told_so(void *context) {
    struct story_wait *wait = context;
    return strlen(wait->reader->story) >= strlen(wait->story) && !wait->reader->is_asked;
}

// Until that is what it was told.
static inline void wait_story(struct reader *reader, const char *story) {
    struct story_wait wait = {reader, story};
    run_until(reader->fixture->loop, is_told_so, &wait);
    run_rounds(reader->fixture->loop);
    assert_string_equal(reader->story, story);
}

// ---- channels whose broker keeps histories

static const char *volatile ROOM = "room"; // gcc 12 warns of the hash of a literal

// `plugin`: keeper or dense.
static inline void set_up_histories_of(struct fixture *f, const char *plugin, const char *more) {
    char config[1024];
    snprintf(config, sizeof config,
             "brokers: [{name: main, plugin: %s}]\nregistry: {enabled: off}\n"
             "channels: [{match: \"room*\", history: {size: 1000, ttl: 1h}}]\n%s",
             plugin, more);
    make(f, config);
    f->fake->keeps_pasts = true;
    assert_true(hub_start(f->instance.hub, fake_load, on_failure, f));
    run_rounds(f->loop);
}

static inline void set_up_histories(struct fixture *f, const char *more) {
    set_up_histories_of(f, "keeper", more);
}

// A claim that tells where it stands once it is confirmed.
static inline struct claim *come_to(struct fixture *f, unsigned worker, const char *name,
                                    struct position *position) {
    struct claim *claim = come(f, worker, name);
    claim->ticket.position = position;
    return claim;
}

static inline struct reader *reader_on(struct fixture *f, struct claim *claim) {
    struct reader *reader = reader_new(f, claim, NULL, 0);
    reader->at = *claim->ticket.position;
    claim->ticket.position = &reader->confirmed;
    return reader;
}

// A subscriber of a worker of its own that is there by now.
static inline struct reader *reads_room(struct fixture *f, unsigned worker) {
    struct position position;
    struct claim *claim = come_to(f, worker, ROOM, &position);
    wait_answered(claim, WSHUB_OK);
    return reader_on(f, claim);
}

// The fake broker has one message more, which arrives.
static inline void bring(struct fixture *f, const char *payload) {
    fake_deliver_stored(f->fake, ROOM, fake_store(f->fake, ROOM, payload));
}

static inline void bring_many(struct fixture *f, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        bring(f, "x");
    }
    run_rounds(f->loop);
}

static inline size_t questions(const struct fixture *f) {
    return f->fake->counts[FAKE_HISTORY];
}
