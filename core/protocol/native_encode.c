// SPDX-License-Identifier: MIT
// What the hub says, as JSON.
#include "protocol/native.h"

#include <inttypes.h>
#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

#include "hub/asks.h"
#include "hub/message.h"
#include "util/buf.h"
#include "util/utf8.h"

static void put(struct buf *out, const char *text) {
    buf_puts(out, text);
}

static void put_string(struct buf *out, const char *text) {
    buf_json_string(out, text, strlen(text));
}

static void put_id(struct buf *out, struct span id) {
    if (id.length > 0) {
        put(out, ",\"id\":");
        buf_append(out, id.data, id.length);
    }
}

static void put_channel(struct buf *out, struct span channel) {
    if (channel.length > 0) {
        put(out, ",\"channel\":");
        buf_json_string(out, channel.data, channel.length);
    }
}

static void put_expires(struct buf *out, uint64_t expires_in) {
    if (expires_in > 0) {
        buf_printf(out, ",\"expires_in_ms\":%" PRIu64, expires_in);
    }
}

static void put_position(struct buf *out, const char *name, const struct position *position) {
    if (position && position->epoch_length > 0) {
        put(out, name);
        put(out, "{\"epoch\":");
        buf_json_string(out, position->epoch, position->epoch_length);
        buf_printf(out, ",\"offset\":%" PRIu64 "}", position->offset);
    }
}

static void put_base64(struct buf *out, struct span bytes) {
    if (bytes.length < INT_MAX / 2 && buf_reserve(out, bytes.length / 3 * 4 + 8)) {
        out->length += (size_t)EVP_EncodeBlock((unsigned char *)out->data + out->length,
                                               (const unsigned char *)bytes.data, (int)bytes.length);
    }
}

static void put_payload(struct buf *out, enum payload_form form, struct span payload) {
    switch (form) {
    case PAYLOAD_JSON:
        put(out, "\"data\":");
        buf_append(out, payload.data, payload.length);
        break;
    case PAYLOAD_TEXT:
        put(out, "\"text\":");
        buf_json_string(out, payload.data, payload.length);
        break;
    case PAYLOAD_BINARY:
        put(out, "\"base64\":\"");
        put_base64(out, payload);
        put(out, "\"");
        break;
    }
}

static void put_offset(struct buf *out, const struct message *message) {
    if (message->epoch_length > 0) {
        buf_printf(out, ",\"offset\":%" PRIu64, message->offset);
    }
}

// What a broker hands over as a sender may be anything.
static void put_from(struct buf *out, const struct message *message) {
    struct span sender = message_sender(message), user = message_user(message);
    bool has_sender = sender.length > 0 && utf8_is_valid(sender.data, sender.length);
    bool has_user = user.length > 0 && utf8_is_valid(user.data, user.length);
    if (!has_sender && !has_user) {
        return;
    }
    put(out, ",\"from\":{");
    if (has_sender) {
        put(out, "\"connection\":");
        buf_json_string(out, sender.data, sender.length);
    }
    if (has_user) {
        put(out, has_sender ? ",\"user\":" : "\"user\":");
        buf_json_string(out, user.data, user.length);
    }
    put(out, "}");
}

static void encode_welcome(struct buf *out, const struct event *event) {
    put(out, "{\"op\":\"welcome\",\"connection\":");
    put_string(out, event->connection);
    put(out, ",\"instance\":");
    put_string(out, event->instance);
    buf_printf(out, ",\"ping_interval_ms\":%u", event->milliseconds);
    if (event->user.length > 0) {
        put(out, ",\"user\":");
        buf_json_string(out, event->user.data, event->user.length);
    }
    put_expires(out, event->expires_in);
}

static void put_item(struct buf *out, const struct page_item *item) {
    put(out, "{");
    put_payload(out, item->form, item->payload);
    put_offset(out, item->message);
    put_from(out, item->message);
    put(out, "}");
}

static void put_page(struct buf *out, const struct page *page) {
    struct position next = *page->next;
    bool more = page->more;
    put(out, ",\"messages\":[");
    size_t start = out->length;
    for (size_t i = 0; i < page->count; i++) {
        size_t end = out->length;
        put(out, i > 0 ? "," : "");
        put_item(out, &page->items[i]);
        if (i > 0 && out->length - start > page->room) {
            out->length = end;
            next.offset = page->items[i - 1].message->offset;
            more = true;
            break;
        }
    }
    put(out, "]");
    if (more) {
        put(out, ",\"more\":true");
        put_position(out, ",\"next\":", &next);
    }
}

static void put_members(struct buf *out, const struct ask *ask) {
    if (!ask->count_only) {
        put(out, ",\"members\":");
        buf_append(out, ask->members ? ask->members : "[]", ask->members ? ask->members_length : 2);
    }
    buf_printf(out, ",\"connections\":%" PRIu64 ",\"users\":%" PRIu64, ask->connections, ask->users);
}

static void encode_ok(struct buf *out, const struct event *event) {
    put(out, "{\"op\":\"ok\"");
    put_id(out, event->id);
    put_channel(out, event->channel);
    put_position(out, ",\"position\":", event->position);
    if (event->recovered != RECOVERED_NOT_ASKED) {
        put(out, event->recovered == RECOVERED_YES ? ",\"recovered\":true" : ",\"recovered\":false");
    }
    if (event->page) {
        put_page(out, event->page);
    }
    if (event->ask) {
        put_members(out, event->ask);
    }
    put_expires(out, event->expires_in);
}

static void encode_error(struct buf *out, const struct event *event) {
    put(out, "{\"op\":\"error\"");
    put_id(out, event->id);
    put(out, ",\"code\":");
    put_string(out, error_words[event->error].name);
    put(out, ",\"message\":");
    put_string(out, event->detail);
    put(out, error_words[event->error].retry ? ",\"retry\":true" : ",\"retry\":false");
}

static void encode_message(struct buf *out, const struct event *event) {
    put(out, "{\"op\":\"message\"");
    put_channel(out, message_channel(event->message));
    put(out, ",");
    put_payload(out, event->form, event->payload);
    put_offset(out, event->message);
    put_from(out, event->message);
    if (event->is_last) {
        put(out, ",\"last\":true");
    }
}

static void encode_gap(struct buf *out, const struct event *event) {
    put(out, "{\"op\":\"gap\"");
    put_channel(out, event->channel);
    put_position(out, ",\"position\":", event->position);
}

static void put_member(struct buf *out, const struct event *event) {
    put_channel(out, message_channel(event->message));
    put(out, ",\"member\":");
    buf_append(out, event->payload.data, event->payload.length);
}

static void encode_join(struct buf *out, const struct event *event) {
    put(out, "{\"op\":\"join\"");
    put_member(out, event);
}

static void encode_leave(struct buf *out, const struct event *event) {
    put(out, "{\"op\":\"leave\"");
    put_member(out, event);
}

static void encode_direct(struct buf *out, const struct event *event) {
    put(out, "{\"op\":\"direct\",");
    put_payload(out, event->form, event->payload);
    put_from(out, event->message);
}

static void encode_unsubscribed(struct buf *out, const struct event *event) {
    put(out, "{\"op\":\"unsubscribed\"");
    put_channel(out, event->channel);
    put(out, ",\"code\":");
    put_string(out, event->word);
}

static void encode_expiring(struct buf *out, const struct event *event) {
    put(out, "{\"op\":\"expiring\"");
    put_expires(out, event->expires_in);
}

static void encode_closing(struct buf *out, const struct event *event) {
    put(out, "{\"op\":\"closing\",\"code\":");
    put_string(out, event->word);
    if (event->may_return) {
        buf_printf(out, ",\"reconnect_after_ms\":%u", event->milliseconds);
    }
}

void native_encode(struct buf *out, const struct event *event) {
    static void (*const encoders[])(struct buf *, const struct event *) = {
        [EVENT_WELCOME] = encode_welcome, [EVENT_OK] = encode_ok,
        [EVENT_ERROR] = encode_error,     [EVENT_MESSAGE] = encode_message,
        [EVENT_GAP] = encode_gap,         [EVENT_UNSUBSCRIBED] = encode_unsubscribed,
        [EVENT_JOIN] = encode_join,       [EVENT_LEAVE] = encode_leave,
        [EVENT_DIRECT] = encode_direct,   [EVENT_EXPIRING] = encode_expiring,
        [EVENT_CLOSING] = encode_closing,
    };
    encoders[event->kind](out, event);
    buf_append(out, "}", 1);
}
