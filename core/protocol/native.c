// SPDX-License-Identifier: MIT
#include "protocol/native.h"

#include <inttypes.h>
#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

#include "hub/message.h"
#include "protocol/json.h"
#include "util/buf.h"
#include "util/random.h"
#include "util/utf8.h"

// ---- decoding ----

enum { ID_MAX = 128, EXCLUDE_MAX = 32, CONNECTION_ID = RANDOM_ID_LENGTH };

enum member { M_OP, M_ID, M_CHANNEL, M_DATA, M_EXCLUDE, M_SINCE, M_TO, M_TOKEN, MEMBERS };
static const char *const member_names[MEMBERS] = {"op",      "id",    "channel", "data",
                                                  "exclude", "since", "to",      "token"};

#define NEEDS(member) (1u << (member))

static const struct op {
    const char *name;
    enum verb verb;
    unsigned needs;
} ops[] = {
    {"subscribe", VERB_SUBSCRIBE, NEEDS(M_CHANNEL)},
    {"unsubscribe", VERB_UNSUBSCRIBE, NEEDS(M_CHANNEL)},
    {"publish", VERB_PUBLISH, NEEDS(M_CHANNEL) | NEEDS(M_DATA)},
    {"history", VERB_HISTORY, NEEDS(M_CHANNEL)},
    {"presence", VERB_PRESENCE, NEEDS(M_CHANNEL)},
    {"send", VERB_SEND, NEEDS(M_TO) | NEEDS(M_DATA)},
    {"connect", VERB_CONNECT, NEEDS(M_TOKEN)},
    {"refresh", VERB_REFRESH, NEEDS(M_TOKEN)},
    {"ping", VERB_PING, 0},
};

// What each member must be; a type of JSON_ABSENT takes any.
static const struct {
    enum json_type type;
    const char *missing, *wrong;
} expected[MEMBERS] = {
    [M_CHANNEL] = {JSON_STRING, "this op needs a \"channel\"", "\"channel\" must be a string"},
    [M_DATA] = {JSON_ABSENT, "this op needs \"data\"", ""},
    [M_EXCLUDE] = {JSON_ARRAY, "", "\"exclude\" must be an array of connection ids"},
    [M_SINCE] = {JSON_OBJECT, "", "\"since\" must be an object with \"epoch\" and \"offset\""},
    [M_TO] = {JSON_OBJECT, "this op needs a \"to\" with a \"user\" or a \"connection\"",
              "\"to\" must be an object"},
    [M_TOKEN] = {JSON_STRING, "this op needs a \"token\"", "\"token\" must be a string"},
};

static struct operation refusal(struct span id, enum error_code error, const char *detail) {
    return (struct operation){.verb = VERB_NONE, .id = id, .error = error, .detail = detail};
}

static const struct op *find_op(const struct json_member *member) {
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (member->text_length == strlen(ops[i].name) &&
            memcmp(member->text, ops[i].name, member->text_length) == 0) {
            return &ops[i];
        }
    }
    return NULL;
}

static const char *check_members(const struct json_member *members, unsigned needs) {
    for (int i = M_CHANNEL; i < MEMBERS; i++) {
        if (members[i].type == JSON_ABSENT) {
            if (needs & NEEDS(i)) {
                return expected[i].missing;
            }
        } else if (expected[i].type != JSON_ABSENT && members[i].type != expected[i].type) {
            return expected[i].wrong;
        } else if (expected[i].type == JSON_STRING && !members[i].text) {
            return "a string holds half of a surrogate pair";
        }
    }
    bool is_empty = (needs & NEEDS(M_TOKEN)) && members[M_TOKEN].text_length == 0;
    return is_empty ? "\"token\" must not be empty" : NULL;
}

static const char *const json_errors[] = {
    [JSON_INVALID] = "not one JSON object",
    [JSON_DUPLICATE] = "a member stands there twice",
};

static struct operation understand(const struct json_member *members) {
    const struct json_member *id = &members[M_ID];
    struct span answer_to = {0};
    if (id->type == JSON_NUMBER || id->type == JSON_STRING) {
        if (id->raw_length > ID_MAX) {
            return refusal(answer_to, ERROR_BAD_REQUEST, "\"id\" has at most 128 bytes");
        }
        answer_to = (struct span){id->raw, id->raw_length};
    } else if (id->type != JSON_ABSENT) {
        return refusal(answer_to, ERROR_BAD_REQUEST, "\"id\" must be a number or a string");
    }
    if (members[M_OP].type != JSON_STRING || !members[M_OP].text) {
        return refusal(answer_to, ERROR_BAD_REQUEST, "\"op\" must be a string");
    }
    const struct op *op = find_op(&members[M_OP]);
    if (!op) {
        return refusal(answer_to, ERROR_UNKNOWN_OP,
                       "known ops are subscribe, unsubscribe, publish, history, presence, send, connect, "
                       "refresh and ping");
    }
    const char *wrong = check_members(members, op->needs);
    if (wrong) {
        return refusal(answer_to, ERROR_BAD_REQUEST, wrong);
    }
    return (struct operation){
        .verb = op->verb,
        .id = answer_to,
        .channel = {members[M_CHANNEL].text, members[M_CHANNEL].text_length},
        .data = {members[M_DATA].raw, members[M_DATA].raw_length},
        .token = {members[M_TOKEN].text, members[M_TOKEN].text_length},
        .has_position = members[M_SINCE].type != JSON_ABSENT,
    };
}

static const char *skip_blanks(const char *at) {
    return at + strspn(at, " \t\r\n");
}

// `raw` is a valid JSON array. Writes its connection_ids with a blank between two. SIZE_MAX: it holds
// anything else, or more than EXCLUDE_MAX.
static size_t read_exclude(const char *raw, char out[EXCLUDE_MAX * (CONNECTION_ID + 1)]) {
    const char *at = skip_blanks(raw + 1);
    size_t length = 0;
    while (*at != ']') {
        if (length == EXCLUDE_MAX * (CONNECTION_ID + 1) || at[0] != '"' ||
            strspn(at + 1, "0123456789abcdef") != CONNECTION_ID || at[1 + CONNECTION_ID] != '"') {
            return SIZE_MAX;
        }
        memcpy(out + length, at + 1, CONNECTION_ID);
        out[length + CONNECTION_ID] = ' ';
        length += CONNECTION_ID + 1;
        at = skip_blanks(at + CONNECTION_ID + 2);
        at = *at == ',' ? skip_blanks(at + 1) : at;
    }
    return length > 0 ? length - 1 : 0;
}

void native_decode(struct json_reader *json, const char *data, size_t length,
                   void (*fn)(void *context, const struct operation *operation), void *context) {
    struct json_member members[MEMBERS];
    struct operation operation;
    char exclude[EXCLUDE_MAX * (CONNECTION_ID + 1)];
    enum json_result result = json_read(json, data, length, member_names, MEMBERS, members);
    if (result == JSON_OK) {
        operation = understand(members);
        if (operation.verb == VERB_PUBLISH && members[M_EXCLUDE].type == JSON_ARRAY) {
            operation.exclude = (struct span){exclude, read_exclude(members[M_EXCLUDE].raw, exclude)};
        }
        if (operation.exclude.length == SIZE_MAX) {
            operation = refusal(operation.id, ERROR_BAD_REQUEST,
                                "\"exclude\" must be an array of at most 32 connection ids");
        }
    } else if (result == JSON_NO_MEMORY) {
        operation = refusal((struct span){0}, ERROR_INTERNAL, "out of memory");
    } else {
        operation = refusal((struct span){0}, ERROR_BAD_REQUEST, json_errors[result]);
    }
    fn(context, &operation);
}

// ---- encoding ----

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

static void encode_ok(struct buf *out, const struct event *event) {
    put(out, "{\"op\":\"ok\"");
    put_id(out, event->id);
    put_channel(out, event->channel);
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

static void put_base64(struct buf *out, struct span bytes) {
    if (bytes.length < INT_MAX / 2 && buf_reserve(out, bytes.length / 3 * 4 + 8)) {
        out->length += (size_t)EVP_EncodeBlock((unsigned char *)out->data + out->length,
                                               (const unsigned char *)bytes.data, (int)bytes.length);
    }
}

static void put_payload(struct buf *out, enum payload_form form, struct span payload) {
    switch (form) {
    case PAYLOAD_JSON:
        put(out, ",\"data\":");
        buf_append(out, payload.data, payload.length);
        break;
    case PAYLOAD_TEXT:
        put(out, ",\"text\":");
        buf_json_string(out, payload.data, payload.length);
        break;
    case PAYLOAD_BINARY:
        put(out, ",\"base64\":\"");
        put_base64(out, payload);
        put(out, "\"");
        break;
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

static void encode_message(struct buf *out, const struct event *event) {
    put(out, "{\"op\":\"message\"");
    put_channel(out, message_channel(event->message));
    put_payload(out, event->form, event->payload);
    put_from(out, event->message);
    if (event->is_last) {
        put(out, ",\"last\":true");
    }
}

static void encode_gap(struct buf *out, const struct event *event) {
    put(out, "{\"op\":\"gap\"");
    put_channel(out, event->channel);
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
        [EVENT_WELCOME] = encode_welcome,   [EVENT_OK] = encode_ok,
        [EVENT_ERROR] = encode_error,       [EVENT_MESSAGE] = encode_message,
        [EVENT_GAP] = encode_gap,           [EVENT_UNSUBSCRIBED] = encode_unsubscribed,
        [EVENT_EXPIRING] = encode_expiring, [EVENT_CLOSING] = encode_closing,
    };
    encoders[event->kind](out, event);
    buf_append(out, "}", 1);
}
