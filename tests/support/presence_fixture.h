// SPDX-License-Identifier: MIT
// Beside hub_fixture.h: members of this instance, what other instances say of theirs, and who asks.
#pragma once

#include "hub/asks.h"
#include "hub/digest.h"
#include "hub_fixture.h"

#define PRESENCE                                \
    "brokers: [{name: main, plugin: keeper}]\n" \
    "channels: [{match: 'room*', presence: true}, {match: 'user*', presence: {per: user}}]\n"
#define ROOM "room:1"
#define FIRST "0000000000000001.1" // an incarnation of a process; and others
#define SECOND "0000000000000001.2"
#define OTHER_PROCESS "0000000000000002.1"

enum { HEARTBEAT_MS = 200, PATIENCE_MS = 400 };

// What was answered last.
static struct answer {
    unsigned count;
    int status;
    uint64_t connections, users;
    char members[2048];
} answered;

static inline void take_answer(struct worker *worker, struct mail *mail) {
    struct request *request = (struct request *)(void *)mail;
    assert_int_equal(mail->kind, MAIL_ANSWERED);
    assert_int_equal(worker->index, request->worker);
    answered.count++;
    answered.status = request->status;
    answered.connections = request->ask->connections;
    answered.users = request->ask->users;
    snprintf(answered.members, sizeof answered.members, "%.*s", (int)request->ask->members_length,
             request->ask->members ? request->ask->members : "");
    if (request->message) {
        message_unref(request->message);
    }
    ask_free(request->ask);
    free(request);
}

static inline void prepare_presence(struct fixture *f) {
    answered = (struct answer){0};
    make(f, PRESENCE);
    f->on_other = take_answer;
    f->config.unsubscribe_linger = 0;
    f->config.registry.connection_ttl = LONG;
    f->config.registry.heartbeat = HEARTBEAT_MS;
    f->config.registry.instance_ttl = HEARTBEAT_MS + PATIENCE_MS;
}

static inline void set_up_presence(struct fixture *f) {
    prepare_presence(f);
    assert_true(hub_start(f->instance.hub, fake_load, on_failure, f));
    run_rounds(f->loop);
}

// ---- this instance's members

static inline struct membership *new_membership(unsigned number, const char *channel, const char *user,
                                                const char *info) {
    struct membership *membership =
        calloc(1, sizeof *membership + strlen(channel) + strlen(user) + strlen(info) + 1);
    assert_non_null(membership);
    membership->enter.kind = MAIL_JOIN;
    membership->leave.kind = MAIL_LEAVE;
    membership->id[0] = (uint8_t)(number >> 8);
    membership->id[15] = (uint8_t)number;
    membership->channel_length = (uint8_t)strlen(channel);
    membership->user_length = (uint8_t)strlen(user);
    membership->info_length = (uint16_t)strlen(info);
    sprintf(membership->bytes, "%s%s%s", channel, user, info);
    return membership;
}

static inline struct membership *join_as(struct fixture *f, unsigned number, const char *channel,
                                         const char *user, const char *info) {
    struct membership *membership = new_membership(number, channel, user, info);
    mailbox_post(hub_mailbox(f->instance.hub), &membership->enter);
    return membership;
}

static inline struct membership *joins(struct fixture *f, unsigned number) {
    struct membership *membership = join_as(f, number, ROOM, "", "");
    run_rounds(f->loop);
    return membership;
}

// The hub frees it.
static inline void quits(struct fixture *f, struct membership *membership) {
    mailbox_post(hub_mailbox(f->instance.hub), &membership->leave);
    run_rounds(f->loop);
}

// ---- asking

static inline struct request *request_new_for(enum mail_kind kind, struct ask *ask) {
    struct request *request = calloc(1, sizeof *request);
    assert_non_null(request);
    assert_non_null(ask);
    request->mail.kind = (int)kind;
    request->worker = 1;
    request->ask = ask;
    return request;
}

static inline void ask_who(struct fixture *f, const char *channel) {
    struct ask *ask = ask_new((struct span){channel, strlen(channel)}, (struct span){0});
    mailbox_post(hub_mailbox(f->instance.hub), &request_new_for(MAIL_PRESENCE, ask)->mail);
    run_rounds(f->loop);
}

static inline bool is_answered_more(void *context) {
    return answered.count > *(unsigned *)context;
}

// Who is there, as the numbers of the connections; asked for, and awaited.
static inline const char *who_is_there(struct fixture *f, const char *channel) {
    static char numbers[256];
    unsigned count = answered.count, found[64], n = 0;
    ask_who(f, channel);
    if (answered.count == count) {
        run_until(f->loop, is_answered_more, &count);
    }
    assert_int_equal(answered.status, WSHUB_OK);
    numbers[0] = '\0';
    for (const char *at = answered.members; (at = strstr(at, "\"connection\":\"")); at += 40) {
        found[n++] = (unsigned)strtoul((char[]){at[43], at[44], at[45], 0}, NULL, 16);
    }
    for (unsigned number = 0; number < 4096; number++) {
        for (unsigned i = 0; i < n; i++) {
            if (found[i] == number) {
                sprintf(numbers + strlen(numbers), "%s%u", numbers[0] ? " " : "", number);
            }
        }
    }
    return numbers;
}

// ---- other instances

static inline const char *digest(const char *text) {
    static char out[DIGEST_LENGTH + 1];
    assert_true(digest_of((struct span){text, strlen(text)}, (struct span){0}, out));
    return out;
}

static inline void connection_text(unsigned number, char text[33]) {
    snprintf(text, 33, "%02x%028x%02x", number >> 8 & 0xff, 0, number & 0xff);
}

static inline void announce(struct fixture *f, const char *instance, const char *incarnation,
                            const char *word, unsigned number, const char *more) {
    char id[33], channel[128], text[512];
    connection_text(number, id);
    snprintf(channel, sizeof channel, "$wshub:presence:%s", digest(ROOM));
    snprintf(text, sizeof text, "{\"instance\":\"%s\",\"incarnation\":\"%s\",\"%s\":\"%s\"%s}", instance,
             incarnation, word, id, more);
    fake_deliver(f->fake, channel, text);
    run_rounds(f->loop);
}

// Entries of the registry: the text of both belongs to the table.
struct table {
    char keys[FAKE_ENTRIES][128], values[FAKE_ENTRIES][256];
};

static inline void put(struct fixture *f, struct table *table, const char *key, const char *value) {
    size_t i = 0;
    while (i < f->fake->entry_count && strcmp(f->fake->entries[i].key, key) != 0) {
        i++;
    }
    assert_true(i < FAKE_ENTRIES);
    snprintf(table->keys[i], sizeof table->keys[i], "%s", key);
    snprintf(table->values[i], sizeof table->values[i], "%s", value);
    f->fake->entries[i] = (struct fake_entry){table->keys[i], table->values[i]};
    f->fake->entry_count += i == f->fake->entry_count;
}

static inline void drop_entries(struct fixture *f, const char *prefix) {
    // An entry keeps its place in the table: one that has gone gets a key that nobody looks for.
    for (size_t i = 0; i < f->fake->entry_count; i++) {
        if (strncmp(f->fake->entries[i].key, prefix, strlen(prefix)) == 0) {
            ((char *)(uintptr_t)f->fake->entries[i].key)[0] = '-';
        }
    }
}

static inline void put_member(struct fixture *f, struct table *table, const char *instance,
                              const char *incarnation, unsigned number) {
    char id[33], key[128], value[256];
    connection_text(number, id);
    snprintf(key, sizeof key, "ws:presence:%s/%s", digest(ROOM), id);
    snprintf(value, sizeof value, "{\"instance\":\"%s\",\"incarnation\":\"%s\",\"channel\":\"" ROOM "\"}",
             instance, incarnation);
    put(f, table, key, value);
}

static inline void drop_member(struct fixture *f, unsigned number) {
    char id[33], key[128];
    connection_text(number, id);
    snprintf(key, sizeof key, "ws:presence:%s/%s", digest(ROOM), id);
    drop_entries(f, key);
}

static inline void put_instance(struct fixture *f, struct table *table, const char *instance,
                                const char *incarnation, unsigned beat) {
    char key[128], value[256];
    snprintf(key, sizeof key, "ws:instance:%s", instance);
    snprintf(value, sizeof value, "{\"version\":\"1\",\"incarnation\":\"%s\",\"beat\":%u}", incarnation,
             beat);
    put(f, table, key, value);
}

// ---- what a worker was told

static inline bool has_story(void *context) {
    const void **wanted = context;
    return strcmp(((const struct worker *)wanted[0])->story, wanted[1]) == 0;
}

#define await_story(f_, worker_, story_)                           \
    do {                                                           \
        const void *wanted_[] = {&(f_)->workers[worker_], story_}; \
        if (!has_story(wanted_)) {                                 \
            run_until((f_)->loop, has_story, wanted_);             \
        }                                                          \
        run_rounds((f_)->loop);                                    \
        assert_string_equal((f_)->workers[worker_].story, story_); \
    } while (0)
