// SPDX-License-Identifier: MIT
// Brokers that deliver from within publish: what the hub lends them stays whole, and what they say is
// believed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "hub_fixture.h"
#include "plugin/probe.h"
#include "wshub/wshub.h"

// Completes first, then hands on the very bytes that it was lent, to a channel of its choice. Everything else
// succeeds.
struct relay {
    const struct wshub_host *host;
    const char *to;          // NULL: the channel that was published to
    struct request *request; // what the test published
    unsigned refs_after_answer;
};

static struct relay relay;

static int relay_open(const struct wshub_host *host, void **self) {
    relay.host = host;
    *self = &relay;
    host->link(host->self, WSHUB_LINK_UP, NULL);
    return WSHUB_OK;
}

static void relay_close(void *self) {
    (void)self;
}

static int relay_take(void *self, struct wshub_bytes channel, wshub_token token) {
    (void)self;
    (void)channel;
    relay.host->complete(relay.host->self, token, WSHUB_OK);
    return WSHUB_OK;
}

static int relay_publish(void *self, const struct wshub_message *message, wshub_token token) {
    struct wshub_message copy = *message;
    bool is_probe =
        message->channel.length > sizeof PROBE_RESERVED_PREFIX &&
        memcmp(message->channel.data, PROBE_RESERVED_PREFIX, sizeof PROBE_RESERVED_PREFIX - 1) == 0;
    (void)self;
    if (relay.to && !is_probe) {
        copy.channel = (struct wshub_bytes){relay.to, strlen(relay.to)};
    }
    relay.host->complete(relay.host->self, token, WSHUB_OK);
    if (!is_probe) {
        relay.refs_after_answer = atomic_load(&relay.request->message->refs);
    }
    return relay.host->deliver(relay.host->self, &copy);
}

static const struct wshub_broker relay_broker = {
    .struct_size = sizeof relay_broker,
    .open = relay_open,
    .close = relay_close,
    .subscribe = relay_take,
    .unsubscribe = relay_take,
    .publish = relay_publish,
};
static const struct wshub_plugin relay_plugin = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = WSHUB_ABI_MAJOR,
    .struct_size = sizeof relay_plugin,
    .name = "relay",
    .version = "1",
    .broker = &relay_broker,
};

static bool load_relay(struct plugin *plugin, const char *name, const struct config *config,
                       struct buf *why) {
    (void)name;
    (void)config;
    return plugin_adopt(plugin, &relay_plugin, "built in", why);
}

static void publish(struct fixture *f, const char *channel) {
    struct request *request = calloc(1, sizeof *request);
    const struct wshub_message message = {
        .struct_size = sizeof message,
        .channel = {channel, strlen(channel)},
        .payload = {"1", 1},
    };
    assert_non_null(request);
    request->mail.kind = MAIL_PUBLISH;
    request->message = message_new(&message, WORKERS);
    assert_non_null(request->message);
    relay.request = request;
    mailbox_post(hub_mailbox(f->instance.hub), &request->mail);
    run_rounds(f->loop);
    assert_int_equal(f->published[1], 1);
}

static void start_relay(struct fixture *f, const char *to) {
    relay = (struct relay){.to = to};
    make(f, ONE_BROKER);
    assert_true(hub_start(f->instance.hub, load_relay, on_failure, f));
}

static void the_channel_is_the_one_that_the_broker_says(void **state) {
    struct fixture f;
    (void)state;
    start_relay(&f, "there");
    struct claim *claim = come(&f, 0, "there");
    wait_answered(claim, WSHUB_OK);
    publish(&f, "here");
    assert_int_equal(f.workers[0].deliveries, 1);
    assert_string_equal(f.workers[0].last_channel, "there");
    leave(claim);
    tear_down(&f);
}

static void the_message_is_lent_until_the_slot_returns(void **state) {
    struct fixture f;
    (void)state;
    start_relay(&f, NULL);
    struct claim *claim = come(&f, 0, "here");
    wait_answered(claim, WSHUB_OK);
    publish(&f, "here");
    assert_in_range(relay.refs_after_answer, 2,
                    2); // the request's, which its worker may drop now, and the hub's
    assert_int_equal(f.workers[0].deliveries, 1);
    assert_string_equal(f.workers[0].last_channel, "here");
    leave(claim);
    tear_down(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_channel_is_the_one_that_the_broker_says),
        cmocka_unit_test(the_message_is_lent_until_the_slot_returns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
