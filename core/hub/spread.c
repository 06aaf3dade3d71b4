// SPDX-License-Identifier: MIT
// Published at once, for those that listen, and once more when the registry has the entry: whoever began to
// listen too late for the first message, and has read the registry too early for the entry, gets the second.
// What is known here and not found in the registry is spread again: the broker has lost its memory, or was
// away when it was revoked.
#include "hub/control_priv.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/identity.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/random.h"

enum {
    SPREAD_WINDOW = 64,      // under way at once
    SPREAD_RETRY_MS = 10000, // when some of it has failed
    SPREAD_REST_MS = 1000,   // what is over so soon is left alone
    KEY_SIZE = sizeof CONTROL_KEY_PREFIX + RANDOM_ID_LENGTH
};

// An order to revoke, on its way to the broker and the registry.
struct order {
    struct control *control;
    struct revoke_request *request; // NULL: nobody's; what is known here is spread again
    struct buf text;
    unsigned pending; // calls in flight, and whoever is about to make some
    int status;       // the first failure
};

// ---- this instance revokes ----

// Of what is revoked, for the id may hold anything and be long. A hash that nobody can find collisions of: an
// entry must not take another's place.
static struct wshub_bytes key_of(const struct revocation *revocation, char text[KEY_SIZE]) {
    uint8_t digest[EVP_MAX_MD_SIZE];
    char bytes[1 + IDENTITY_TEXT_MAX], id[RANDOM_ID_LENGTH + 1];
    bytes[0] = (char)revocation->kind;
    memcpy(bytes + 1, revocation->id.data, revocation->id.length);
    if (EVP_Digest(bytes, 1 + revocation->id.length, digest, NULL, EVP_sha256(), NULL) != 1) {
        return (struct wshub_bytes){NULL, 0};
    }
    random_id_format(digest, id); // its first 128 bits
    int length = snprintf(text, KEY_SIZE, CONTROL_KEY_PREFIX "%s", id);
    return (struct wshub_bytes){text, (size_t)length};
}

static void answer(struct control *control, struct revoke_request *request, int status) {
    request->status = status;
    request->mail.kind = MAIL_REVOKE_TAKEN;
    hub_post(control->hub, request->worker, &request->mail);
}

// What a client has ordered it may order again; this nobody else tries.
static void end_spreading(struct control *control, int status) {
    control->spreads--;
    if (status != WSHUB_OK && status != WSHUB_UNAVAILABLE) { // a link that comes up is reason enough
        control_read_later(control, SPREAD_RETRY_MS);
    }
}

static void forget(struct order *order) {
    if (order) {
        buf_free(&order->text);
        free(order);
    }
}

static void release(struct order *order, int status) {
    order->status = order->status == WSHUB_OK ? status : order->status;
    if (--order->pending > 0) {
        return;
    }
    if (order->request) {
        answer(order->control, order->request, order->status);
    } else {
        end_spreading(order->control, order->status);
    }
    forget(order);
}

static void on_published(void *context, void *argument, int status) {
    struct control *control = context;
    struct order *order = argument;
    control->in_flight_spread_publishes -= !order->request;
    release(order, status);
}

static void publish(struct order *order) {
    const struct wshub_message message = {
        .struct_size = sizeof message,
        .channel = {CONTROL_CHANNEL, sizeof CONTROL_CHANNEL - 1},
        .payload = {order->text.data, order->text.length},
    };
    order->pending++;
    order->control->in_flight_spread_publishes += !order->request;
    broker_publish(order->control->slot->broker, &message, NULL,
                   (struct broker_reply){on_published, order->control, order});
}

static void on_kept(void *context, void *argument, int status) {
    struct control *control = context;
    struct order *order = argument;
    control->in_flight_spread_sets -= !order->request;
    if (status == WSHUB_OK) {
        publish(order); // for who has read the registry just before
    }
    release(order, status == WSHUB_UNSUPPORTED ? WSHUB_OK : status);
}

// At least as long as it lasts, and of few different lengths: a broker may need a place of its own for each
// (a NATS bucket). An entry that is over says so itself.
static uint64_t ttl_of(const struct revocation *revocation) {
    enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE };
    static const uint64_t lengths[] = {
        MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, 24 * HOUR, UINT64_C(7) * 24 * HOUR, UINT64_C(30) * 24 * HOUR};
    const size_t last = sizeof lengths / sizeof *lengths - 1;
    size_t i = 0;
    while (i < last && lengths[i] < revocation->until - revocation->at) {
        i++;
    }
    return lengths[i];
}

static void keep(struct order *order, const struct revocation *revocation) {
    char text[KEY_SIZE];
    struct wshub_bytes key = key_of(revocation, text);
    order->pending++;
    order->control->in_flight_spread_sets += !order->request;
    if (key.length == 0) {
        on_kept(order->control, order, WSHUB_INTERNAL);
        return;
    }
    broker_registry_set(order->control->keeper->broker, key,
                        (struct wshub_bytes){order->text.data, order->text.length}, ttl_of(revocation),
                        (struct broker_reply){on_kept, order->control, order});
}

// Pending once, by the caller. NULL: no memory.
static struct order *make_order(struct control *control, struct revoke_request *request,
                                const struct revocation *revocation) {
    struct order *order = calloc(1, sizeof *order);
    if (!order) {
        return NULL;
    }
    *order = (struct order){.control = control, .request = request, .pending = 1};
    revocation_write(&order->text, revocation);
    if (order->text.failed) {
        forget(order);
        return NULL;
    }
    return order;
}

static void tell_log(const struct control *control, const struct revocation *revocation) {
    log_info(control_log(control), "revoked",
             log_bytes(revocation_kind_names[revocation->kind], revocation->id.data, revocation->id.length),
             log_number("for_ms", revocation->until - revocation->at));
}

void control_revoke(struct control *control, struct revoke_request *request) {
    int status = control_follow(control, &request->revocation, REVOCATIONS_MAX);
    // As it is known here by now: one that is longer already must not be made shorter elsewhere.
    const struct revocation *known =
        revocations_find(control->revocations, request->revocation.kind, request->revocation.id);
    const struct revocation *revocation = known ? known : &request->revocation;
    struct order *order = make_order(control, request, revocation);
    tell_log(control, &request->revocation);
    if (!order) {
        answer(control, request, WSHUB_NO_MEMORY);
        return;
    }
    if (control->keeper && status == WSHUB_OK) { // else there would be more in it than anybody can read
        keep(order, revocation);
    }
    publish(order);
    release(order, status);
}

// ---- what is known here is spread again ----

static void spread_one(struct control *control, const struct revocation *revocation) {
    struct order *order = make_order(control, NULL, revocation);
    control->spreads++;
    if (!order) {
        end_spreading(control, WSHUB_NO_MEMORY);
        return;
    }
    keep(order, revocation);
    release(order, WSHUB_OK);
}

void control_spread(struct control *control) {
    uint64_t soon = clock_wall_ms() + SPREAD_REST_MS;
    while (control->spreading && control->spreads < SPREAD_WINDOW && broker_is_up(control->keeper->broker)) {
        const struct revocation *revocation = revocations_next_missing(control->revocations);
        if (!revocation) {
            control->spreading = false;
        } else if (revocation->until > soon) {
            spread_one(control, revocation);
        }
    }
}
