// SPDX-License-Identifier: MIT
// abi-run FILE.so: drives a broker plugin that carries messages within one process, or an auth plugin that
// takes the tokens of v1_2, under a host that is nothing but run_host.c. What a plugin does not claim (the
// registry, a history, options of v1_0) is not asked of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dlfcn.h>

#include "run_host.h"

// ---- calls ----

static struct wshub_bytes bytes(const char *text) {
    return (struct wshub_bytes){text, strlen(text)};
}

static wshub_token begin(struct host *host) {
    host->completed = false;
    host->identity[0] = host->explanation[0] = '\0';
    return ++host->token;
}

// What became of a call that has answered `returned`.
static int settle(struct host *host, int returned) {
    if (returned != WSHUB_OK) {
        assert_false(host->completed);
        return returned;
    }
    for (uint64_t end = run_host_now() + DEADLINE_MS; !host->completed; run_host_turn(host)) {
        assert_true(run_host_now() < end);
    }
    return host->status;
}

// For ABI 1.3: with a key, into a history of three messages.
static int publish_once(struct host *host, const char *payload, const char *key) {
    struct wshub_message message = {
        .struct_size = sizeof message,
        .history_size = 3,
        .history_ttl = DEADLINE_MS,
        .channel = bytes("past"),
        .payload = bytes(payload),
        .key = bytes(key),
        .key_ttl = DEADLINE_MS,
    };
    host->positions = 0;
    return settle(host, host->broker->publish(host->self, &message, begin(host)));
}

// `size`: of the channel's history; 0: it has none.
static int publish_kept(struct host *host, uint32_t flags, uint64_t size, const char *channel,
                        const char *payload) {
    struct wshub_message message = {
        .struct_size = sizeof message,
        .flags = flags,
        .history_size = size,
        .history_ttl = size > 0 ? DEADLINE_MS : 0,
        .channel = bytes(channel),
        .payload = bytes(payload),
        .sender = bytes("anna-1"),
        .sender_user = bytes("anna"),
        .exclude = bytes("anna-1 bert-2"),
    };
    return settle(host, host->broker->publish(host->self, &message, begin(host)));
}

static int publish(struct host *host, const char *channel, const char *payload) {
    return publish_kept(host, 0, 0, channel, payload);
}

static const char *history(struct host *host, uint32_t flags, uint64_t after, uint64_t limit, uint64_t ttl) {
    const struct wshub_history_query query = {
        .struct_size = sizeof query,
        .flags = flags,
        .channel = bytes("past"),
        .size = 3,
        .ttl = ttl,
        .after = after,
        .limit = limit,
    };
    host->found[0] = '\0';
    host->positions = 0;
    assert_int_equal(settle(host, host->broker->history(host->self, &query, begin(host))), WSHUB_OK);
    assert_int_equal(host->positions, 1);
    return host->found;
}

static int subscribe(struct host *host, const char *channel) {
    return settle(host, host->broker->subscribe(host->self, bytes(channel), begin(host)));
}

static int unsubscribe(struct host *host, const char *channel) {
    return settle(host, host->broker->unsubscribe(host->self, bytes(channel), begin(host)));
}

static int set(struct host *host, const char *key, const char *value, uint64_t ttl) {
    return settle(host, host->broker->registry_set(host->self, bytes(key), bytes(value), ttl, begin(host)));
}

static int get(struct host *host, const char *key) {
    host->entries = 0;
    return settle(host, host->broker->registry_get(host->self, bytes(key), begin(host)));
}

static unsigned list(struct host *host, const char *prefix) {
    host->entries = 0;
    assert_int_equal(settle(host, host->broker->registry_list(host->self, bytes(prefix), begin(host))),
                     WSHUB_OK);
    return host->entries;
}

static int heartbeat(struct host *host, const char *key, uint64_t ttl) {
    return settle(host, host->broker->heartbeat(host->self, bytes(key), bytes("{}"), ttl, begin(host)));
}

// A client with this token; of the rest as much as shows whether each member stands in its place.
static struct wshub_request request_of(const char *token) {
    static const struct wshub_pair headers[] = {{{"host", 4}, {"hub", 3}}, {{"x-last", 6}, {"value", 5}}};
    static const struct wshub_pair cookies[] = {{{"session", 7}, {"s3cret", 6}}};
    static const struct wshub_bytes subprotocols[] = {{"wshub.json.v1", 13}, {"two", 3}, {"three", 5}};
    return (struct wshub_request){
        .struct_size = sizeof(struct wshub_request),
        .token_source = WSHUB_TOKEN_QUERY,
        .method = bytes("GET"),
        .path = bytes("/ws"),
        .query = bytes("a=1&b"),
        .headers = headers,
        .header_count = 2,
        .cookies = cookies,
        .cookie_count = 1,
        .subprotocols = subprotocols,
        .subprotocol_count = 3,
        .address = bytes("127.0.0.1"),
        .connection_id = bytes("anna-1"),
        .protocol = bytes("wshub.json.v1"),
        .token = bytes(token),
    };
}

static int authenticate(struct host *host, const char *token) {
    const struct wshub_request request = request_of(token);
    return settle(host, host->auth->authenticate(host->self, &request, begin(host)));
}

static int refresh(struct host *host, const char *token) {
    const struct wshub_request request = request_of(token);
    return settle(host, host->auth->refresh(host->self, &request, begin(host)));
}

static int authorize(struct host *host, uint32_t verb, const char *name, size_t size) {
    static const char payload[TEXT];
    const struct wshub_operation operation = {
        .struct_size = sizeof operation,
        .verb = verb,
        .name = bytes(name),
        .user = bytes("anna"),
        .token_id = bytes("v1_2"),
        .connection_id = bytes("anna-1"),
        .data = {payload, size},
    };
    return settle(host, host->auth->authorize(host->self, &operation, begin(host)));
}

// ---- opening and closing ----

static const struct wshub_plugin *plugin_of_test;
static struct host host_of_test;

// The library stays loaded, or LeakSanitizer could not name what it lost.
static const struct wshub_plugin *load(const char *file) {
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    const struct wshub_plugin *(*entry)(void) = NULL;
    if (library) {
        *(void **)&entry = dlsym(library, "wshub_plugin_entry");
    }
    if (!entry) {
        fprintf(stderr, "%s\n", dlerror());
    }
    return entry ? entry() : NULL;
}

static int open_auth(struct host *host) {
    run_host_take_brokers(&host->table);
    assert_int_equal(host->auth->open(&host->table, &host->self), WSHUB_OK);
    return 0;
}

static int open_broker(struct host *host) {
    assert_int_equal(host->broker->open(&host->table, &host->self), WSHUB_OK);
    for (uint64_t end = run_host_now() + DEADLINE_MS; host->link != WSHUB_LINK_UP; run_host_turn(host)) {
        assert_true(run_host_now() < end);
    }
    return 0;
}

static int set_up(void **state) {
    struct host *host = *state = &host_of_test;
    const struct wshub_plugin *plugin = plugin_of_test;
    *host = (struct host){
        .table = run_host_services, .plugin = plugin, .broker = plugin->broker, .auth = plugin->auth};
    host->table.self = host;
    return host->auth ? open_auth(host) : open_broker(host);
}

// Nothing stays behind.
static int tear_down(void **state) {
    struct host *host = *state;
    (host->auth ? host->auth->close : host->broker->close)(host->self);
    for (unsigned i = 0; i < MOST; i++) {
        assert_false(host->timers[i].used);
        assert_false(host->watches[i].used);
    }
    return 0;
}

// ---- tests ----

static void test_descriptor(void **state) {
    const struct wshub_plugin *plugin = ((struct host *)*state)->plugin;
    assert_int_equal(plugin->magic, WSHUB_PLUGIN_MAGIC);
    assert_int_equal(plugin->abi_major, 1);
    assert_true(plugin->abi_minor <= WSHUB_ABI_MINOR);
    assert_int_equal(plugin->flags, 0);
    assert_non_null(plugin->name);
    assert_non_null(plugin->version);
    assert_non_null(plugin->summary);
    assert_true(plugin->option_count == 0 || plugin->option_size == sizeof *plugin->options);
}

static void test_messages(void **state) {
    struct host *host = *state;
    assert_int_equal(publish(host, "room:1", "1"), WSHUB_OK);
    assert_int_equal(host->deliveries, 0); // nobody wants it
    assert_int_equal(subscribe(host, "room:1"), WSHUB_OK);
    assert_int_equal(subscribe(host, "room:1"), WSHUB_OK); // asked again
    assert_int_equal(publish(host, "room:1", "{\"n\": 2}"), WSHUB_OK);
    assert_int_equal(publish(host, "room:2", "3"), WSHUB_OK);
    assert_int_equal(host->deliveries, 1);
    assert_string_equal(host->delivered, "room:1|{\"n\": 2}|anna-1|anna|anna-1 bert-2");
    assert_int_equal(unsubscribe(host, "room:1"), WSHUB_OK);
    assert_int_equal(unsubscribe(host, "room:1"), WSHUB_OK);
    assert_int_equal(publish(host, "room:1", "4"), WSHUB_OK);
    assert_int_equal(host->deliveries, 1);
}

// What is subscribed and in flight goes with it; the sanitizers look.
static void test_closes_in_the_middle(void **state) {
    struct host *host = *state;
    struct wshub_message message = {.struct_size = sizeof message, .channel = bytes("room:1")};
    assert_int_equal(subscribe(host, "room:1"), WSHUB_OK);
    assert_int_equal(host->broker->publish(host->self, &message, begin(host)), WSHUB_OK);
}

static void test_registry(void **state) {
    struct host *host = *state;
    if (!(host->broker->capabilities & WSHUB_BROKER_REGISTRY)) {
        skip();
    }
    assert_int_equal(get(host, "ws:conn:1"), WSHUB_NOT_FOUND);
    assert_int_equal(set(host, "ws:conn:1", "{}", 60000), WSHUB_OK);
    assert_int_equal(set(host, "ws:conn:1", "{\"user\":1}", 60000), WSHUB_OK);
    assert_int_equal(set(host, "ws:conn:2", "{}", 60000), WSHUB_OK);
    assert_int_equal(get(host, "ws:conn:1"), WSHUB_OK);
    assert_int_equal(host->entries, 1);
    assert_string_equal(host->entry, "ws:conn:1={\"user\":1}");
    assert_int_equal(list(host, "ws:conn:"), 2);
    assert_int_equal(list(host, "ws:conn:2"), 1);
    assert_int_equal(list(host, "ws:instance:"), 0);
    assert_int_equal(settle(host, host->broker->registry_delete(host->self, bytes("ws:conn:1"), begin(host))),
                     WSHUB_OK);
    assert_int_equal(get(host, "ws:conn:1"), WSHUB_NOT_FOUND);
}

static void test_heartbeat(void **state) {
    struct host *host = *state;
    if (!(host->broker->capabilities & WSHUB_BROKER_REGISTRY)) {
        skip();
    }
    assert_int_equal(heartbeat(host, "ws:instance:a", 60000), WSHUB_NOT_FOUND);
    assert_int_equal(heartbeat(host, "ws:instance:a", 1), WSHUB_OK);
    for (uint64_t end = run_host_now() + DEADLINE_MS; get(host, "ws:instance:a") != WSHUB_NOT_FOUND;
         run_host_turn(host)) {
        assert_true(run_host_now() < end);
    }
    assert_int_equal(heartbeat(host, "ws:instance:a", 60000), WSHUB_NOT_FOUND);
}

static void test_last_value(void **state) {
    struct host *host = *state;
    if (!(host->broker->capabilities & WSHUB_BROKER_LAST_VALUE)) {
        skip();
    }
    assert_int_equal(publish_kept(host, WSHUB_MESSAGE_LAST_VALUE, 0, "tick", "1"), WSHUB_OK);
    assert_int_equal(publish(host, "tick", "not kept"), WSHUB_OK);
    assert_int_equal(subscribe(host, "tick"), WSHUB_OK);
    assert_int_equal(host->deliveries, 1);
    assert_string_equal(host->delivered, "tick|1|anna-1|anna|anna-1 bert-2");
    assert_int_equal(host->flags, WSHUB_MESSAGE_LAST_VALUE);
    assert_int_equal(publish_kept(host, WSHUB_MESSAGE_LAST_VALUE, 0, "tick", "2"), WSHUB_OK);
    assert_int_equal(host->deliveries, 2);
    assert_int_equal(host->flags, 0); // it is live
    assert_int_equal(unsubscribe(host, "tick"), WSHUB_OK);
    assert_int_equal(subscribe(host, "tick"), WSHUB_OK);
    assert_string_equal(host->delivered, "tick|2|anna-1|anna|anna-1 bert-2");
    assert_int_equal(publish_kept(host, WSHUB_MESSAGE_LAST_VALUE, 0, "tick", ""), WSHUB_OK);
    assert_int_equal(unsubscribe(host, "tick"), WSHUB_OK);
    host->deliveries = 0;
    assert_int_equal(subscribe(host, "tick"), WSHUB_OK);
    assert_int_equal(host->deliveries, 0);
}

static void test_history(void **state) {
    struct host *host = *state;
    if (!(host->broker->capabilities & WSHUB_BROKER_HISTORY)) {
        skip();
    }
    assert_string_equal(history(host, 0, 0, 9, DEADLINE_MS), "0-0");
    assert_int_equal(subscribe(host, "past"), WSHUB_OK);
    for (char payload[] = "a"; payload[0] <= 'e'; payload[0]++) {
        assert_int_equal(publish_kept(host, 0, 3, "past", payload), WSHUB_OK);
    }
    assert_int_equal(publish(host, "past", "not kept"), WSHUB_OK);
    assert_int_equal(host->offset, 0);
    assert_string_equal(history(host, 0, 0, 9, DEADLINE_MS), "c@3<2 d@4<3 e@5<4 3-5");
    assert_string_equal(history(host, 0, 3, 1, DEADLINE_MS), "d@4<3 3-5");
    assert_string_equal(history(host, WSHUB_HISTORY_BACKWARDS, 0, 2, DEADLINE_MS), "e@5<4 d@4<3 3-5");
    assert_string_equal(history(host, WSHUB_HISTORY_BACKWARDS, 4, 9, DEADLINE_MS), "c@3<2 3-5");
    assert_string_equal(history(host, 0, 0, 0, DEADLINE_MS), "3-5");
    assert_string_equal(history(host, 0, 0, 9, 0), "0-5"); // all have expired
    assert_int_equal(publish_kept(host, WSHUB_MESSAGE_LAST_VALUE, 3, "past", "f"), WSHUB_OK);
    assert_int_equal(host->offset, 6);
    assert_int_equal(host->flags, 0);
}

static void test_position_of_a_publish(void **state) {
    struct host *host = *state;
    if (host->plugin->abi_minor < 3 || !(host->broker->capabilities & WSHUB_BROKER_HISTORY)) {
        skip();
    }
    assert_int_equal(subscribe(host, "past"), WSHUB_OK);
    for (uint64_t n = 1; n <= 5; n++) {
        assert_int_equal(publish_once(host, "1", ""), WSHUB_OK);
        assert_int_equal(host->positions, 1);
        assert_int_equal(host->newest, n);
        assert_int_equal(host->offset, n);
        assert_string_not_equal(host->epoch, "");
    }
    host->positions = 0;
    assert_int_equal(publish(host, "past", "not kept"), WSHUB_OK);
    assert_int_equal(host->positions, 0);
    assert_string_equal(host->epoch, "");
}

static void test_keys(void **state) {
    struct host *host = *state;
    if (!(host->broker->capabilities & WSHUB_BROKER_IDEMPOTENT)) {
        skip();
    }
    assert_int_equal(subscribe(host, "past"), WSHUB_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(publish_once(host, "a", "first"), WSHUB_OK);
        assert_int_equal(host->newest, 1);
    }
    assert_int_equal(host->deliveries, 1);
    assert_int_equal(publish_once(host, "b", "second"), WSHUB_OK);
    assert_int_equal(publish_once(host, "a", "first"), WSHUB_OK);
    assert_int_equal(host->newest, 1);
    assert_int_equal(host->deliveries, 2);
    assert_string_equal(history(host, 0, 0, 9, DEADLINE_MS), "a@1<0 b@2<1 1-2");
}

// Positions of the history of another broker.
static void test_carries_positions(void **state) {
    struct host *host = *state;
    struct wshub_message message = {
        .struct_size = sizeof message,
        .channel = bytes("room:1"),
        .epoch = bytes("another"),
        .offset = 44,
    };
    if (host->plugin->abi_minor < 3) {
        skip();
    }
    assert_int_equal(subscribe(host, "room:1"), WSHUB_OK);
    assert_int_equal(settle(host, host->broker->publish(host->self, &message, begin(host))), WSHUB_OK);
    assert_int_equal(host->deliveries, 1);
    assert_string_equal(host->epoch, "another");
    assert_int_equal(host->offset, 44);
}

static void test_groups(void **state) {
    struct host *host = *state;
    if (host->plugin->abi_minor < 3 || !(host->broker->capabilities & WSHUB_BROKER_REGISTRY)) {
        skip();
    }
    assert_int_equal(set(host, "ws:user:a/1", "{}", 60000), WSHUB_OK);
    assert_int_equal(set(host, "ws:user:a/2", "{}", 60000), WSHUB_OK);
    assert_int_equal(set(host, "ws:user:ab/1", "{}", 60000), WSHUB_OK);
    assert_int_equal(set(host, "ws:user:a", "{}", 60000), WSHUB_OK);
    assert_int_equal(list(host, "ws:user:a/"), 2);
    assert_int_equal(list(host, "ws:user:a/2"), 1);
    assert_string_equal(host->entry, "ws:user:a/2={}");
    assert_int_equal(list(host, "ws:user:b/"), 0);
    assert_int_equal(list(host, "ws:user:"), 4);
    assert_int_equal(
        settle(host, host->broker->registry_delete(host->self, bytes("ws:user:a/1"), begin(host))), WSHUB_OK);
    assert_int_equal(list(host, "ws:user:a/"), 1);
}

static void test_check(void **state) {
    struct host *host = *state;
    int (*check)(const struct wshub_host *) = host->auth ? host->auth->check : host->broker->check;
    if (!check) {
        skip();
    }
    assert_int_equal(check(&host->table), WSHUB_OK);
    assert_int_equal(host->refusals, 0);
    if (strcmp(host->plugin->name, "v1_1") != 0) {
        host->title = "";
        assert_int_equal(check(&host->table), WSHUB_INVALID);
        assert_int_equal(host->refusals, 1);
    }
}

static void test_authenticate(void **state) {
    static const char *const tokens[] = {"now:anna", "later:anna", "post:anna"};
    struct host *host = *state;
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        assert_int_equal(authenticate(host, tokens[i]), WSHUB_OK);
        assert_string_equal(host->identity,
                            "anna|v1_2|\"source=2 method=GET path=/ws query=5 headers=2 header=x-last "
                            "cookies=1 cookie=session subprotocols=3 subprotocol=wshub.json.v1 "
                            "address=127.0.0.1 connection=anna-1 protocol=wshub.json.v1 reloads=0\"|1|"
                            "4102444800000|2|room:*=d/0|user:{user}=3/0|as:*{user}=1/1|*=10/0");
        assert_string_equal(host->explanation, "everybody is welcome");
    }
    assert_int_equal(authenticate(host, ""), WSHUB_PASS);
    assert_int_equal(authenticate(host, "nonsense"), WSHUB_PASS);
    assert_string_equal(host->identity, "");
    assert_int_equal(authenticate(host, "some:anna"), WSHUB_DENIED);
    assert_string_equal(host->explanation, "there is no such way");
    assert_int_equal(authenticate(host, "old:anna"), WSHUB_EXPIRED);
    assert_string_equal(host->explanation, "it was good once");
}

static void test_refresh(void **state) {
    struct host *host = *state;
    assert_int_equal(refresh(host, "later:anna"), WSHUB_OK);
    assert_true(strncmp(host->identity, "anna|", 5) == 0);
    assert_int_equal(refresh(host, "nonsense"), WSHUB_DENIED);
}

static void test_authorize(void **state) {
    struct host *host = *state;
    assert_int_equal(authorize(host, WSHUB_VERB_PUBLISH, "anna:wall", 100), WSHUB_OK);
    assert_int_equal(authorize(host, WSHUB_VERB_PUBLISH, "anna:wall", 101), WSHUB_DENIED);
    assert_string_equal(host->explanation, "it is too much");
    assert_int_equal(authorize(host, WSHUB_VERB_PUBLISH, "bert:wall", 1), WSHUB_DENIED);
    assert_string_equal(host->explanation, "it is not theirs");
    assert_int_equal(authorize(host, WSHUB_VERB_SEND, "anna:wall", 1), WSHUB_INTERNAL);
}

static void test_reload(void **state) {
    struct host *host = *state;
    unsigned lines = host->lines;
    host->auth->reload(host->self);
    assert_int_equal(host->lines, lines + 1);
    assert_int_equal(authenticate(host, "now:anna"), WSHUB_OK);
    assert_non_null(strstr(host->identity, " reloads=1\"|"));
}

static void test_closes_undecided(void **state) {
    static const char *const tokens[] = {"never:anna", "later:anna", "post:anna"};
    struct host *host = *state;
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        const struct wshub_request request = request_of(tokens[i]);
        assert_int_equal(host->auth->authenticate(host->self, &request, begin(host)), WSHUB_OK);
        assert_false(host->completed);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE.so\n", argv[0]);
        return 2;
    }
    const struct CMUnitTest broker[] = {
        TEST(descriptor), TEST(messages),  TEST(closes_in_the_middle),
        TEST(registry),   TEST(heartbeat), TEST(last_value),
        TEST(history),    TEST(check),     TEST(position_of_a_publish),
        TEST(keys),       TEST(groups),    TEST(carries_positions),
    };
    const struct CMUnitTest auth[] = {
        TEST(descriptor), TEST(authenticate),     TEST(refresh), TEST(authorize),
        TEST(reload),     TEST(closes_undecided), TEST(check),
    };
    plugin_of_test = load(argv[1]);
    if (!plugin_of_test) {
        return 1;
    }
    return plugin_of_test->auth ? cmocka_run_group_tests(auth, NULL, NULL)
                                : cmocka_run_group_tests(broker, NULL, NULL);
}
