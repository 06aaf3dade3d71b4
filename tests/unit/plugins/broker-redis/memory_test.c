// SPDX-License-Identifier: MIT
// Slots that find no memory say so, keep nothing, and work again when there is some.
#include "redis_fixture.h"
#include "scarce_memory.h"

static struct redis_server server;

static int start(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    redis_server_start(&server, NULL);
    return 0;
}

static int stop(void **state) {
    (void)state;
    redis_server_stop(&server);
    return 0;
}

typedef int (*slot_fn)(void *self, wshub_token token);

static const struct wshub_broker *broker(void) {
    return wshub_plugin_entry()->broker;
}

static int subscribe(void *self, wshub_token token) {
    return broker()->subscribe(self, (struct wshub_bytes){"room", 4}, token);
}

static int publish(void *self, wshub_token token) {
    static char exclude[2000]; // an envelope that is allocated
    const struct wshub_message message = {.struct_size = sizeof message,
                                          .channel = {"room", 4},
                                          .payload = {"1", 1},
                                          .exclude = {exclude, sizeof exclude}};
    return broker()->publish(self, &message, token);
}

static int beat(void *self, wshub_token token) {
    return broker()->heartbeat(self, (struct wshub_bytes){"k", 1}, (struct wshub_bytes){"v", 1}, 1000, token);
}

static int get(void *self, wshub_token token) {
    return broker()->registry_get(self, (struct wshub_bytes){"k", 1}, token);
}

static int list(void *self, wshub_token token) {
    return broker()->registry_list(self, (struct wshub_bytes){"k", 1}, token);
}

// With no allocation, then with one, and so on until it works. Returns how many it took.
static size_t starve(slot_fn slot) {
    for (size_t allowed = 0;; allowed++) {
        struct plugin_host *host = open_up(OPTIONS("url", server.url));
        host->last++;
        host->pending++;
        memory_allowed = allowed;
        int status = slot(host->self, host->last);
        memory_allowed = SIZE_MAX;
        if (status == WSHUB_OK) {
            int ended = plugin_host_wait(host, host->last);
            assert_true(ended == WSHUB_OK || ended == WSHUB_NOT_FOUND);
            plugin_host_free(host);
            return allowed;
        }
        assert_int_equal(status, WSHUB_NO_MEMORY);
        assert_false(host->calls[host->last].done);
        assert_int_equal(host->links, 1);
        assert_ends(host, plugin_host_set(host, "k", "v", 1000), WSHUB_OK); // it goes on
        plugin_host_free(host);
    }
}

static void slots_without_memory(void **state) {
    static const slot_fn slots[] = {subscribe, publish, get, list};
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        assert_true(starve(slots[i]) > 0);
    }
    starve(beat); // which finds room in what the handshake has left
}

// The C library may fail a look-up that it has begun: what it reads must not be freed.
static void looking_up_without_memory(void **state) {
    enum { ALLOCATIONS = 40 };
    char url[64];
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    snprintf(url, sizeof url, "redis://localhost:%u", server.port);
    for (size_t allowed = 0; allowed < ALLOCATIONS; allowed++) {
        struct plugin_host *host = plugin_host_new(
            wshub_plugin_entry(), OPTIONS("url", url, "reconnect_min", "1ms", "reconnect_max", "2ms"));
        void *self = NULL;
        memory_allowed = allowed;
        int status = broker()->open(&host->table, &self);
        memory_allowed = SIZE_MAX;
        host->self = self;
        if (status == WSHUB_OK) {
            plugin_host_wait_link(host, WSHUB_LINK_UP);
        }
        plugin_host_free(host);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_without_memory),
        cmocka_unit_test(looking_up_without_memory),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
