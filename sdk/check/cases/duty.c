// SPDX-License-Identifier: MIT
#include "cases/duty.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases/shown.h"

void duty_expect(struct check *check, int status, const char *verb, const char *when) {
    if (status != WSHUB_OK) {
        check_fail(check, "%s: %s was answered with %s", when, verb, shown_status(status).text);
    }
}

struct wshub_bytes duty_channel(struct check *check, const char *name, unsigned number) {
    char text[64];
    snprintf(text, sizeof text, "%s-%u", name, number);
    return check_channel(check, text);
}

static void expect_arrival(struct peer *peer, struct wshub_bytes channel, const char *payload,
                           const char *when) {
    struct check *check = peer_check(peer);
    if (!peer_wait_arrivals(peer, 1, 5000)) {
        check_fail(check, "%s: a message was published on a channel that is subscribed, and did not arrive",
                   when);
    }
    const struct arrival *first = &peer_arrivals(peer)->items[0];
    struct wshub_bytes on = {first->channel, first->channel_length},
                       came = {first->payload, first->payload_length};
    if (on.length != channel.length || memcmp(on.data, channel.data, on.length) != 0) {
        check_fail(check, "%s: a message for %s arrived on %s", when, shown_bytes(channel).text,
                   shown_bytes(on).text);
    }
    if (came.length != strlen(payload) || memcmp(came.data, payload, came.length) != 0) {
        check_fail(check, "%s: %s was published, %s arrived", when, payload, shown_bytes(came).text);
    }
}

static struct wshub_bytes next_channel(struct check *check) {
    char name[32];
    snprintf(name, sizeof name, "duty-%04x", (unsigned)(check_random(check) & 0xFFFF));
    return check_channel(check, name);
}

void duty_message(struct peer *peer, const char *when) {
    struct check *check = peer_check(peer);
    struct wshub_bytes channel = next_channel(check);
    char payload[40];
    snprintf(payload, sizeof payload, "{\"n\":%llu}", (unsigned long long)check_random(check));
    struct wshub_message message = message_of(channel, payload);
    peer_forget(peer);
    duty_expect(check, peer_subscribe(peer, channel), "subscribe", when);
    duty_expect(check, peer_publish(peer, &message), "publish", when);
    expect_arrival(peer, channel, payload, when);
    duty_expect(check, peer_unsubscribe(peer, channel), "unsubscribe", when);
    peer_forget(peer);
}

void duty_registry(struct peer *peer, const char *when) {
    struct check *check = peer_check(peer);
    char key[64], own[128], *value = NULL;
    struct peer_entries entries = {0};
    if (!check_can(check, WSHUB_BROKER_REGISTRY)) {
        return;
    }
    snprintf(key, sizeof key, "kit:duty:%llx", (unsigned long long)check_random(check));
    snprintf(own, sizeof own, "%s%s", WSHUB_INSTANCE_KEY, peer_instance_id(peer));
    duty_expect(check, peer_registry_set(peer, key, "{\"duty\":1}", 60000), "registry_set", when);
    duty_expect(check, peer_registry_get(peer, key, &value), "registry_get", when);
    if (!value || strcmp(value, "{\"duty\":1}") != 0) {
        check_fail(check, "%s: registry_set made {\"duty\":1}, registry_get told %s", when,
                   value ? shown_bytes(bytes_of(value)).text : "nothing");
    }
    free(value);
    duty_expect(check, peer_registry_list(peer, key, &entries), "registry_list", when);
    if (entries.count != 1) {
        check_fail(check, "%s: registry_list told %zu entries, expected 1", when, entries.count);
    }
    peer_entries_free(&entries);
    duty_expect(check, peer_registry_delete(peer, key), "registry_delete", when);
    int status = peer_heartbeat(peer, own, "{}", 60000);
    duty_expect(check, status == WSHUB_NOT_FOUND ? WSHUB_OK : status, "heartbeat", when);
    duty_expect(check, peer_registry_delete(peer, own), "registry_delete", when);
}

static void read_history(struct peer *peer, struct wshub_bytes channel, const char *when) {
    struct wshub_history_query query = {
        .struct_size = sizeof query, .channel = channel, .size = 3, .ttl = 60000, .limit = 3};
    struct arrivals found = {0};
    struct peer_position position = {0};
    duty_expect(peer_check(peer), peer_history(peer, &query, &found, &position), "history", when);
    if (found.count == 0 || position.newest == 0) {
        check_fail(peer_check(peer), "%s: a message was published with a history, which has %zu messages",
                   when, found.count);
    }
    arrivals_free(&found);
}

void duty_kept(struct peer *peer, const char *when) {
    struct check *check = peer_check(peer);
    bool history = check_can(check, WSHUB_BROKER_HISTORY), last = check_can(check, WSHUB_BROKER_LAST_VALUE);
    struct wshub_bytes channel = check_channel(check, "duty-kept");
    struct wshub_message message = message_of(channel, "{\"kept\":true}");
    message.history_size = history ? 3 : 0;
    message.history_ttl = history ? 60000 : 0;
    message.flags = last ? WSHUB_MESSAGE_LAST_VALUE : 0;
    if (!history && !last) {
        return;
    }
    peer_forget(peer);
    duty_expect(check, peer_publish(peer, &message), "publish", when);
    if (history) {
        read_history(peer, channel, when);
    }
    duty_expect(check, peer_subscribe(peer, channel), "subscribe", when);
    if (last && !peer_wait_arrivals(peer, 1, 5000)) {
        check_fail(check, "%s: the last value was kept, and did not come after the subscribe", when);
    }
    duty_expect(check, peer_unsubscribe(peer, channel), "unsubscribe", when);
    peer_forget(peer);
}

void duty_do(struct peer *peer, const char *when) {
    duty_message(peer, when);
    duty_registry(peer, when);
}
