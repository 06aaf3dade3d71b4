// SPDX-License-Identifier: MIT
// The memory broker under a host that is nothing but this file: it needs no hub.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/builtin.h"
#include "scarce_memory.h"
#include "wshub/wshub.h"

enum { ROOM_FOR = 4096 };

struct host {
    struct wshub_host table;
    const struct wshub_broker *broker;
    void *self;
    int links, deliveries, deliver_status;
    enum wshub_link_state link;
    wshub_token completed; // the last
    int completions, status;
    char last[64]; // channel=payload of the last delivery
    char sender[64];
    uint32_t flags;       // of the last delivery
    wshub_token before;   // completed when it came
    uint64_t last_values; // the option
    int logged;
};

static void on_log(void *self, enum wshub_log_level level, const char *text) {
    struct host *host = self;
    (void)level;
    (void)text;
    host->logged++;
}

static uint64_t on_option_number(void *self, const char *name) {
    assert_true(strcmp(name, "last_values") == 0 || strcmp(name, "history") == 0);
    return ((struct host *)self)->last_values;
}

static int on_deliver(void *self, const struct wshub_message *message) {
    struct host *host = self;
    host->deliveries++;
    host->flags = message->flags;
    host->before = host->completed;
    snprintf(host->last, sizeof host->last, "%.*s=%.*s", (int)message->channel.length,
             (const char *)message->channel.data, (int)message->payload.length,
             (const char *)message->payload.data);
    snprintf(host->sender, sizeof host->sender, "%.*s", (int)message->sender.length,
             (const char *)message->sender.data);
    return host->deliver_status;
}

static void on_complete(void *self, wshub_token token, int status) {
    struct host *host = self;
    host->completions++;
    host->completed = token;
    host->status = status;
}

static void on_link(void *self, enum wshub_link_state state, const char *reason) {
    struct host *host = self;
    (void)reason;
    host->links++;
    host->link = state;
}

static void set_up_with(struct host *host, uint64_t last_values) {
    *host = (struct host){.broker = builtin_find("memory")->broker, .last_values = last_values};
    host->table = (struct wshub_host){
        .struct_size = sizeof host->table,
        .abi_minor = WSHUB_ABI_MINOR,
        .self = host,
        .log = on_log,
        .option_number = on_option_number,
        .deliver = on_deliver,
        .complete = on_complete,
        .link = on_link,
    };
    assert_int_equal(host->broker->open(&host->table, &host->self), WSHUB_OK);
}

static void set_up(struct host *host) {
    set_up_with(host, 65536);
}

static struct wshub_bytes bytes(const char *text) {
    return (struct wshub_bytes){text, strlen(text)};
}

static void assert_completed(struct host *host, int count, wshub_token token) {
    assert_int_equal(host->completions, count);
    assert_int_equal(host->completed, token);
    assert_int_equal(host->status, WSHUB_OK);
}

static int publish_flagged(struct host *host, uint32_t flags, const char *channel, const char *payload,
                           wshub_token token) {
    const struct wshub_message message = {
        .struct_size = sizeof message,
        .flags = flags,
        .channel = bytes(channel),
        .payload = bytes(payload),
        .sender = bytes("me"),
    };
    return host->broker->publish(host->self, &message, token);
}

static int publish(struct host *host, const char *channel, const char *payload, wshub_token token) {
    return publish_flagged(host, 0, channel, payload, token);
}

static int keep(struct host *host, const char *channel, const char *payload, wshub_token token) {
    return publish_flagged(host, WSHUB_MESSAGE_LAST_VALUE, channel, payload, token);
}

static void it_describes_itself(void **state) {
    const struct wshub_plugin *plugin = builtin_find("memory");
    (void)state;
    assert_int_equal(plugin->magic, WSHUB_PLUGIN_MAGIC);
    assert_int_equal(plugin->abi_major, WSHUB_ABI_MAJOR);
    assert_true(plugin->abi_minor <= WSHUB_ABI_MINOR);
    assert_int_equal(plugin->struct_size, sizeof *plugin);
    assert_string_equal(plugin->name, "memory");
    assert_int_equal(plugin->broker->struct_size, sizeof *plugin->broker);
    assert_int_equal(plugin->broker->capabilities, WSHUB_BROKER_ORDERED | WSHUB_BROKER_HISTORY |
                                                       WSHUB_BROKER_LAST_VALUE | WSHUB_BROKER_IDEMPOTENT);
}

static void it_is_up_at_once(void **state) {
    struct host host;
    (void)state;
    set_up(&host);
    assert_int_equal(host.links, 1);
    assert_int_equal(host.link, WSHUB_LINK_UP);
    host.broker->close(host.self);
}

static void what_is_subscribed_is_delivered(void **state) {
    struct host host;
    (void)state;
    set_up(&host);
    assert_int_equal(publish(&host, "room", "1", 11), WSHUB_OK);
    assert_completed(&host, 1, 11);
    assert_int_equal(host.deliveries, 0);
    assert_int_equal(host.broker->subscribe(host.self, bytes("room"), 12), WSHUB_OK);
    assert_completed(&host, 2, 12);
    assert_int_equal(publish(&host, "room", "2", 13), WSHUB_OK);
    assert_completed(&host, 3, 13);
    assert_string_equal(host.last, "room=2");
    assert_string_equal(host.sender, "me");
    assert_int_equal(publish(&host, "roo", "3", 14), WSHUB_OK);
    assert_int_equal(publish(&host, "room2", "4", 15), WSHUB_OK);
    assert_int_equal(host.deliveries, 1);
    assert_int_equal(host.broker->unsubscribe(host.self, bytes("room"), 16), WSHUB_OK);
    assert_completed(&host, 6, 16);
    assert_int_equal(publish(&host, "room", "5", 17), WSHUB_OK);
    assert_int_equal(host.deliveries, 1);
    host.broker->close(host.self);
}

static void asking_twice_is_answered_like_once(void **state) {
    struct host host;
    (void)state;
    set_up(&host);
    assert_int_equal(host.broker->subscribe(host.self, bytes("room"), 1), WSHUB_OK);
    assert_int_equal(host.broker->subscribe(host.self, bytes("room"), 2), WSHUB_OK);
    assert_completed(&host, 2, 2);
    publish(&host, "room", "1", 3);
    assert_int_equal(host.deliveries, 1); // not twice
    assert_int_equal(host.broker->unsubscribe(host.self, bytes("room"), 4), WSHUB_OK);
    publish(&host, "room", "2", 5);
    assert_int_equal(host.deliveries, 1);
    assert_int_equal(host.broker->unsubscribe(host.self, bytes("room"), 6), WSHUB_OK);
    assert_completed(&host, 6, 6);
    host.broker->close(host.self);
}

// P2: what was not taken is not confirmed.
static void a_delivery_that_is_not_taken_fails_the_publish(void **state) {
    struct host host;
    (void)state;
    set_up(&host);
    host.broker->subscribe(host.self, bytes("room"), 1);
    host.deliver_status = WSHUB_NO_MEMORY;
    assert_int_equal(publish(&host, "room", "1", 2), WSHUB_NO_MEMORY);
    assert_completed(&host, 1, 1); // not the publish
    host.broker->close(host.self);
}

static void many_channels_and_an_early_end(void **state) {
    struct host host;
    char name[32];
    (void)state;
    set_up(&host);
    for (int i = 0; i < ROOM_FOR; i++) {
        snprintf(name, sizeof name, "room:%d", i);
        assert_int_equal(host.broker->subscribe(host.self, bytes(name), 1), WSHUB_OK);
    }
    for (int i = 0; i < ROOM_FOR; i += 2) {
        snprintf(name, sizeof name, "room:%d", i);
        assert_int_equal(host.broker->unsubscribe(host.self, bytes(name), 1), WSHUB_OK);
    }
    for (int i = 0; i < ROOM_FOR; i++) {
        snprintf(name, sizeof name, "room:%d", i);
        publish(&host, name, "1", 1);
    }
    assert_int_equal(host.deliveries, ROOM_FOR / 2);
    host.broker->close(host.self); // with half of them subscribed
}

// ---- last values

static void a_last_value_comes_with_each_subscribe(void **state) {
    struct host host;
    (void)state;
    set_up(&host);
    assert_int_equal(keep(&host, "room", "1", 1), WSHUB_OK);
    assert_int_equal(publish(&host, "room", "not kept", 2), WSHUB_OK);
    assert_int_equal(host.deliveries, 0); // nobody is there
    for (wshub_token token = 10; token < 12; token++) {
        assert_int_equal(host.broker->subscribe(host.self, bytes("room"), token), WSHUB_OK);
        assert_int_equal(host.completed, token);
        assert_string_equal(host.last, "room=1");
        assert_string_equal(host.sender, "me");
        assert_int_equal(host.flags, WSHUB_MESSAGE_LAST_VALUE);
        assert_int_not_equal(host.before, token); // before it is confirmed
    }
    assert_int_equal(host.deliveries, 2);
    assert_int_equal(keep(&host, "room", "2", 13), WSHUB_OK);
    assert_string_equal(host.last, "room=2");
    assert_int_equal(host.flags, 0); // published now
    assert_int_equal(host.broker->subscribe(host.self, bytes("other"), 14), WSHUB_OK);
    assert_int_equal(host.deliveries, 3);
    host.broker->unsubscribe(host.self, bytes("room"), 15);
    host.broker->subscribe(host.self, bytes("room"), 16);
    assert_string_equal(host.last, "room=2");
    assert_int_equal(host.flags, WSHUB_MESSAGE_LAST_VALUE);
    host.broker->close(host.self);
}

static void an_empty_message_takes_it_away(void **state) {
    struct host host;
    (void)state;
    set_up(&host);
    assert_int_equal(keep(&host, "room", "", 1), WSHUB_OK);
    assert_int_equal(keep(&host, "room", "1", 2), WSHUB_OK);
    assert_int_equal(keep(&host, "room", "", 3), WSHUB_OK);
    assert_int_equal(host.broker->subscribe(host.self, bytes("room"), 4), WSHUB_OK);
    assert_int_equal(host.deliveries, 0);
    host.broker->close(host.self);
}

static void the_oldest_make_room(void **state) {
    struct host host;
    char name[32];
    (void)state;
    set_up_with(&host, 4096);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(keep(&host, "first", "renewed", 1), WSHUB_OK); // and so never the oldest
        snprintf(name, sizeof name, "room:%d", i);
        assert_int_equal(keep(&host, name, "1", 1), WSHUB_OK);
    }
    assert_int_equal(host.logged, 1);
    host.broker->subscribe(host.self, bytes("room:0"), 2);
    assert_int_equal(host.deliveries, 0);
    host.broker->subscribe(host.self, bytes("first"), 3);
    host.broker->subscribe(host.self, bytes("room:99"), 4);
    assert_int_equal(host.deliveries, 2);
    host.broker->close(host.self);
}

static void what_is_more_than_all_may_take_is_refused(void **state) {
    char large[2048];
    struct host host;
    (void)state;
    memset(large, '1', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    set_up_with(&host, 1024);
    assert_int_equal(keep(&host, "room", "1", 1), WSHUB_OK);
    host.completions = 0;
    assert_int_equal(keep(&host, "room", large, 2), WSHUB_TOO_LARGE);
    assert_int_equal(host.completions, 0);
    host.broker->subscribe(host.self, bytes("room"), 3);
    assert_string_equal(host.last, "room=1"); // as if it had not been
    host.broker->close(host.self);
}

static void a_last_value_that_is_not_taken_fails_the_subscribe(void **state) {
    struct host host;
    (void)state;
    set_up(&host);
    keep(&host, "room", "1", 1);
    host.deliver_status = WSHUB_NO_MEMORY;
    assert_int_equal(host.broker->subscribe(host.self, bytes("room"), 2), WSHUB_NO_MEMORY);
    assert_completed(&host, 1, 1);
    host.deliver_status = WSHUB_OK;
    publish(&host, "room", "2", 3);
    assert_int_equal(host.deliveries, 1); // it left no trace
    host.broker->close(host.self);
}

static void without_memory_nothing_is_kept(void **state) {
    struct host host;
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    set_up(&host);
    for (size_t allowed = 0;; allowed++) {
        memory_allowed = allowed;
        int status = keep(&host, "room", "1", 1);
        memory_allowed = SIZE_MAX;
        if (status == WSHUB_OK) {
            assert_true(allowed > 0);
            break;
        }
        assert_int_equal(status, WSHUB_NO_MEMORY);
        assert_int_equal(host.completions, 0);
    }
    memory_allowed = 0;
    int replaced = keep(&host, "room", "2", 2);
    memory_allowed = SIZE_MAX;
    assert_int_equal(replaced, WSHUB_NO_MEMORY);
    host.broker->subscribe(host.self, bytes("room"), 3);
    assert_string_equal(host.last, "room=1");
    host.broker->close(host.self);
}

static void without_memory_it_says_so(void **state) {
    struct host host;
    void *self = NULL;
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    set_up(&host);
    memory_allowed = 0;
    int opened = host.broker->open(&host.table, &self);
    memory_allowed = SIZE_MAX;
    assert_int_equal(opened, WSHUB_NO_MEMORY);
    for (size_t allowed = 0;; allowed++) {
        memory_allowed = allowed;
        int status = host.broker->subscribe(host.self, bytes("room"), 1);
        memory_allowed = SIZE_MAX;
        if (status == WSHUB_OK) {
            assert_true(allowed > 0);
            break;
        }
        assert_int_equal(status, WSHUB_NO_MEMORY);
        assert_int_equal(host.completions, 0);
        assert_int_equal(publish(&host, "room", "1", 2), WSHUB_OK);
        assert_int_equal(host.deliveries, 0); // no half of a subscription
        host.completions = 0;
    }
    publish(&host, "room", "1", 2);
    assert_int_equal(host.deliveries, 1);
    host.broker->close(host.self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_describes_itself),
        cmocka_unit_test(it_is_up_at_once),
        cmocka_unit_test(what_is_subscribed_is_delivered),
        cmocka_unit_test(asking_twice_is_answered_like_once),
        cmocka_unit_test(a_delivery_that_is_not_taken_fails_the_publish),
        cmocka_unit_test(many_channels_and_an_early_end),
        cmocka_unit_test(a_last_value_comes_with_each_subscribe),
        cmocka_unit_test(an_empty_message_takes_it_away),
        cmocka_unit_test(the_oldest_make_room),
        cmocka_unit_test(what_is_more_than_all_may_take_is_refused),
        cmocka_unit_test(a_last_value_that_is_not_taken_fails_the_subscribe),
        cmocka_unit_test(without_memory_nothing_is_kept),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
