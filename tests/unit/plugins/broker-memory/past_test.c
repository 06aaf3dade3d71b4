// SPDX-License-Identifier: MIT
// Histories of the memory broker, as a hub sees them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memory.h"
#include "scarce_memory.h"

struct host {
    struct wshub_host table;
    const struct wshub_broker *broker;
    void *self;
    uint64_t history; // the option
    int deliver_status, completions, logged;
    struct {
        int count;
        uint64_t offset, previous;
        size_t key_length;
        char epoch[65];
    } delivered; // the last of count
    struct {
        int count;
        uint64_t oldest, newest;
        char epoch[65];
    } position;      // the same
    char found[256]; // payload@offset<previous, a blank behind each
};

static void on_log(void *self, enum wshub_log_level level, const char *text) {
    (void)text;
    assert_int_equal(level, WSHUB_LOG_WARN);
    ((struct host *)self)->logged++;
}

static uint64_t on_option_number(void *self, const char *name) {
    return strcmp(name, "history") == 0 ? ((struct host *)self)->history : 65536;
}

static void copy_epoch(char to[65], struct wshub_bytes epoch) {
    assert_in_range(epoch.length, 1, 64);
    snprintf(to, 65, "%.*s", (int)epoch.length, (const char *)epoch.data);
}

static int on_deliver(void *self, const struct wshub_message *message) {
    struct host *host = self;
    host->delivered.count++;
    host->delivered.offset = message->offset;
    host->delivered.previous = message->previous;
    host->delivered.key_length = message->key.length;
    copy_epoch(host->delivered.epoch, message->epoch);
    return host->deliver_status;
}

static void on_complete(void *self, wshub_token token, int status) {
    (void)token;
    assert_int_equal(status, WSHUB_OK);
    ((struct host *)self)->completions++;
}

static void on_link(void *self, enum wshub_link_state state, const char *reason) {
    (void)self;
    (void)reason;
    assert_int_equal(state, WSHUB_LINK_UP);
}

static void on_message(void *self, wshub_token token, const struct wshub_message *message) {
    struct host *host = self;
    size_t length = strlen(host->found);
    assert_int_equal(token, 5);
    assert_memory_equal(message->channel.data, "room", 4);
    snprintf(host->found + length, sizeof host->found - length, "%.*s@%d<%d ", (int)message->payload.length,
             (const char *)message->payload.data, (int)message->offset, (int)message->previous);
}

static void on_position(void *self, wshub_token token, struct wshub_bytes epoch, uint64_t oldest,
                        uint64_t newest) {
    struct host *host = self;
    (void)token;
    host->position.count++;
    host->position.oldest = oldest;
    host->position.newest = newest;
    copy_epoch(host->position.epoch, epoch);
}

static void set_up_with(struct host *host, uint64_t history, uint32_t minor) {
    *host = (struct host){.broker = broker_memory_plugin()->broker, .history = history};
    host->table = (struct wshub_host){
        .struct_size = sizeof host->table,
        .abi_minor = minor,
        .self = host,
        .log = on_log,
        .option_number = on_option_number,
        .deliver = on_deliver,
        .complete = on_complete,
        .link = on_link,
        .message = on_message,
        .position = on_position,
    };
    assert_int_equal(host->broker->open(&host->table, &host->self), WSHUB_OK);
    assert_int_equal(host->broker->subscribe(host->self, (struct wshub_bytes){"room", 4}, 1), WSHUB_OK);
    host->completions = 0;
}

static void set_up(struct host *host) {
    set_up_with(host, 1 << 20, WSHUB_ABI_MINOR);
}

static int publish(struct host *host, const char *payload, const char *key) {
    const struct wshub_message message = {
        .struct_size = sizeof message,
        .channel = {"room", 4},
        .payload = {payload, strlen(payload)},
        .history_size = 10,
        .history_ttl = 60000,
        .key = {key, strlen(key)},
        .key_ttl = 60000,
    };
    return host->broker->publish(host->self, &message, 3);
}

static const char *ask(struct host *host, uint32_t flags, uint64_t after, uint64_t limit) {
    const struct wshub_history_query query = {
        .struct_size = sizeof query,
        .flags = flags,
        .channel = {"room", 4},
        .size = 10,
        .ttl = 60000,
        .after = after,
        .limit = limit,
    };
    host->found[0] = '\0';
    assert_int_equal(host->broker->history(host->self, &query, 5), WSHUB_OK);
    return host->found;
}

static void a_publish_hears_what_its_subscribers_see(void **state) {
    struct host host;
    (void)state;
    set_up(&host);
    ask(&host, 0, 0, 0);
    assert_int_equal(host.position.newest, 0); // but it has an epoch, to come back to
    char before[65];
    strcpy(before, host.position.epoch);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(publish(&host, "1", ""), WSHUB_OK);
        assert_int_equal(host.position.newest, i);
        assert_int_equal(host.position.oldest, 0);
        assert_int_equal(host.delivered.offset, i);
        assert_int_equal(host.delivered.previous, i - 1);
        assert_string_equal(host.delivered.epoch, before);
        assert_string_equal(host.position.epoch, before);
    }
    host.broker->close(host.self);
}

static void a_history_is_read_both_ways(void **state) {
    struct host host;
    (void)state;
    set_up(&host);
    assert_string_equal(ask(&host, 0, 0, 9), "");
    for (char payload[] = "a"; payload[0] <= 'o'; payload[0]++) {
        publish(&host, payload, "");
    }
    assert_string_equal(ask(&host, 0, 0, 2), "f@6<5 g@7<6 ");
    assert_int_equal(host.position.oldest, 6);
    assert_int_equal(host.position.newest, 15);
    assert_string_equal(ask(&host, 0, 3, 1), "f@6<5 "); // what it would have begun with is gone
    assert_string_equal(ask(&host, 0, 13, 9), "n@14<13 o@15<14 ");
    assert_string_equal(ask(&host, 0, 15, 9), "");
    assert_string_equal(ask(&host, 0, 1000, 9), "");
    assert_string_equal(ask(&host, 0, UINT64_MAX, 9), "");
    assert_string_equal(ask(&host, WSHUB_HISTORY_BACKWARDS, 0, 2), "o@15<14 n@14<13 ");
    assert_string_equal(ask(&host, WSHUB_HISTORY_BACKWARDS, 8, 9), "g@7<6 f@6<5 ");
    assert_string_equal(ask(&host, WSHUB_HISTORY_BACKWARDS, 6, 9), "");
    assert_string_equal(ask(&host, WSHUB_HISTORY_BACKWARDS, 1, 9), "");
    assert_string_equal(ask(&host, WSHUB_HISTORY_BACKWARDS, 1000, 1), "o@15<14 ");
    host.broker->close(host.self);
}

static void a_key_is_taken_once(void **state) {
    struct host host;
    (void)state;
    set_up(&host);
    publish(&host, "1", "");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(publish(&host, "2", "k"), WSHUB_OK);
        assert_int_equal(host.position.newest, 2);
        assert_string_equal(host.position.epoch, host.delivered.epoch);
        assert_int_equal(host.completions, 2 + i);
        assert_int_equal(host.delivered.count, 2);
        assert_int_equal(host.delivered.key_length, 0); // nobody else's concern
    }
    publish(&host, "3", "l");
    assert_string_equal(ask(&host, 0, 0, 9), "1@1<0 2@2<1 3@3<2 ");
    host.broker->close(host.self);
}

static void what_stands_in_the_history_is_taken(void **state) {
    struct host host;
    (void)state;
    set_up(&host);
    host.deliver_status = WSHUB_NO_MEMORY;
    assert_int_equal(publish(&host, "1", ""), WSHUB_OK);
    assert_int_equal(host.completions, 1);
    assert_string_equal(ask(&host, 0, 0, 9), "1@1<0 ");
    host.broker->close(host.self);
}

static void an_older_hub_is_told_no_position_of_publishes(void **state) {
    struct host host;
    (void)state;
    set_up_with(&host, 1 << 20, 2);
    assert_int_equal(publish(&host, "1", ""), WSHUB_OK);
    assert_int_equal(host.position.count, 0);
    assert_int_equal(host.delivered.offset, 1);
    host.broker->close(host.self);
}

static void too_much_is_said_once(void **state) {
    struct host host;
    char key[32];
    (void)state;
    set_up_with(&host, 4096, WSHUB_ABI_MINOR);
    for (int i = 0; i < 100; i++) {
        publish(&host,
                "0123456789012345678901234567890123456789012345678901234567890123456789"
                "0123456789012345678901234567890123456789012345678901234567890123456789"
                "0123456789012345678901234567890123456789012345678901234567890123456789"
                "0123456789012345678901234567890123456789012345678901234567890123456789"
                "0123456789012345678901234567890123456789012345678901234567890123456789",
                "");
    }
    assert_int_equal(host.logged, 1);
    int status = WSHUB_OK;
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "%d", i);
        status = publish(&host, "1", key);
    }
    assert_int_equal(status, WSHUB_NO_MEMORY);
    assert_int_equal(host.logged, 2);
    assert_int_equal(publish(&host, "1", "0"), WSHUB_OK); // the first is still known
    host.broker->close(host.self);
}

// It is taken as a whole, or not at all.
static void without_memory_a_key_may_come_again(void **state) {
    struct host host;
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    set_up(&host);
    for (size_t allowed = 0;; allowed++) {
        memory_allowed = allowed;
        int status = publish(&host, "1", "k");
        memory_allowed = SIZE_MAX;
        if (status == WSHUB_OK) {
            assert_true(allowed > 3);
            break;
        }
        assert_int_equal(status, WSHUB_NO_MEMORY);
        assert_int_equal(host.completions, 0);
        assert_int_equal(host.delivered.count, 0);
    }
    assert_int_equal(host.delivered.count, 1);
    assert_string_equal(ask(&host, 0, 0, 9), "1@1<0 ");
    host.broker->close(host.self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_publish_hears_what_its_subscribers_see),
        cmocka_unit_test(a_history_is_read_both_ways),
        cmocka_unit_test(a_key_is_taken_once),
        cmocka_unit_test(what_stands_in_the_history_is_taken),
        cmocka_unit_test(an_older_hub_is_told_no_position_of_publishes),
        cmocka_unit_test(too_much_is_said_once),
        cmocka_unit_test(without_memory_a_key_may_come_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
