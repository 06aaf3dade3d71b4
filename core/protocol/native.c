// SPDX-License-Identifier: MIT
// What clients say. What the hub says is in native_encode.c.
#include "protocol/native.h"

#include <string.h>

#include "hub/position.h"
#include "protocol/json.h"
#include "util/random.h"

enum {
    ID_MAX = 128,
    EXCLUDE_MAX = 32,
    CONNECTION_ID = RANDOM_ID_LENGTH,
    KEY_MAX = 64,
    USER_MAX = 255,
    HISTORY_LIMIT_MAX = 1000,
};

enum member {
    M_OP,
    M_ID,
    M_CHANNEL,
    M_DATA,
    M_EXCLUDE,
    M_SINCE,
    M_TO,
    M_TOKEN,
    M_KEY,
    M_LIMIT,
    M_REVERSE,
    M_COUNT,
    MEMBERS,
};
static const char *const member_names[MEMBERS] = {
    [M_OP] = "op",           [M_ID] = "id",       [M_CHANNEL] = "channel", [M_DATA] = "data",
    [M_EXCLUDE] = "exclude", [M_SINCE] = "since", [M_TO] = "to",           [M_TOKEN] = "token",
    [M_KEY] = "key",         [M_LIMIT] = "limit", [M_REVERSE] = "reverse", [M_COUNT] = "count",
};

#define BIT(member) (1u << (member))

static const struct op {
    const char *name;
    enum verb verb;
    unsigned needs, takes; // takes: beside what it needs
} ops[] = {
    {"subscribe", VERB_SUBSCRIBE, BIT(M_CHANNEL), BIT(M_SINCE)},
    {"unsubscribe", VERB_UNSUBSCRIBE, BIT(M_CHANNEL), 0},
    {"publish", VERB_PUBLISH, BIT(M_CHANNEL) | BIT(M_DATA), BIT(M_EXCLUDE) | BIT(M_KEY)},
    {"history", VERB_HISTORY, BIT(M_CHANNEL), BIT(M_SINCE) | BIT(M_LIMIT) | BIT(M_REVERSE)},
    {"presence", VERB_PRESENCE, BIT(M_CHANNEL), BIT(M_COUNT)},
    {"send", VERB_SEND, BIT(M_TO) | BIT(M_DATA), BIT(M_EXCLUDE)},
    {"connect", VERB_CONNECT, BIT(M_TOKEN), 0},
    {"refresh", VERB_REFRESH, BIT(M_TOKEN), 0},
    {"ping", VERB_PING, 0, 0},
};

#define SINCE_WRONG "\"since\" must be an object with \"epoch\" and \"offset\""
#define TO_WRONG "\"to\" must have a \"user\" or a \"connection\", and not both"

// What each member must be; a type of JSON_ABSENT takes any.
static const struct {
    enum json_type type;
    const char *missing, *wrong;
} expected[MEMBERS] = {
    [M_CHANNEL] = {JSON_STRING, "this op needs a \"channel\"", "\"channel\" must be a string"},
    [M_DATA] = {JSON_ABSENT, "this op needs \"data\"", ""},
    [M_EXCLUDE] = {JSON_ARRAY, "", "\"exclude\" must be an array of connection ids"},
    [M_SINCE] = {JSON_OBJECT, "", SINCE_WRONG},
    [M_TO] = {JSON_OBJECT, "this op needs a \"to\" with a \"user\" or a \"connection\"",
              "\"to\" must be an object"},
    [M_TOKEN] = {JSON_STRING, "this op needs a \"token\"", "\"token\" must be a string"},
    [M_KEY] = {JSON_STRING, "", "\"key\" must be a string"},
    [M_LIMIT] = {JSON_NUMBER, "", "\"limit\" must be a number"},
    [M_REVERSE] = {JSON_BOOL, "", "\"reverse\" must be true or false"},
    [M_COUNT] = {JSON_BOOL, "", "\"count\" must be true or false"},
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

static const char *check_members(const struct json_member *members, const struct op *op) {
    for (int i = M_CHANNEL; i < MEMBERS; i++) {
        if (members[i].type == JSON_ABSENT) {
            if (op->needs & BIT(i)) {
                return expected[i].missing;
            }
        } else if (!((op->needs | op->takes) & BIT(i))) {
            continue; // whatever it is
        } else if (expected[i].type != JSON_ABSENT && members[i].type != expected[i].type) {
            return expected[i].wrong;
        } else if (expected[i].type == JSON_STRING && !members[i].text) {
            return "a string holds half of a surrogate pair";
        }
    }
    bool is_empty = (op->needs & BIT(M_TOKEN)) && members[M_TOKEN].text_length == 0;
    return is_empty ? "\"token\" must not be empty" : NULL;
}

// ---- what members hold: NULL, or what is wrong with it ----

static struct span text_of(const struct json_member *member) {
    return (struct span){member->text, member->text_length};
}

static bool is_printable(struct span text) {
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~') {
            return false;
        }
    }
    return text.length > 0;
}

// Digits and nothing else: no sign, no fraction, no exponent.
static bool read_whole(const struct json_member *member, uint64_t *value) {
    *value = 0;
    for (size_t i = 0; i < member->raw_length; i++) {
        unsigned digit = (unsigned char)member->raw[i] - (unsigned)'0';
        if (digit > 9 || *value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        *value = *value * 10 + digit;
    }
    return true;
}

// What stands in an object that is a member. JSON_NO_MEMORY becomes the operation's error.
static bool read_object(struct json_reader *json, const struct json_member *object, const char *const *names,
                        size_t count, struct json_member *members, struct operation *operation) {
    enum json_result result = json_read_within(json, object->raw, object->raw_length, names, count, members);
    if (result == JSON_NO_MEMORY) {
        operation->error = ERROR_INTERNAL;
    }
    return result == JSON_OK;
}

static const char *read_since(struct json_reader *json, const struct json_member *since,
                              struct operation *operation) {
    static const char *const names[] = {"epoch", "offset"};
    struct json_member members[2];
    if (!read_object(json, since, names, 2, members, operation) || members[0].type != JSON_STRING ||
        !members[0].text || members[1].type != JSON_NUMBER) {
        return SINCE_WRONG;
    }
    operation->has_position = true;
    operation->epoch = text_of(&members[0]);
    if (!is_printable(operation->epoch) || operation->epoch.length > EPOCH_MAX) {
        return "an \"epoch\" has 1 to 64 printable characters of ASCII";
    }
    return read_whole(&members[1], &operation->offset)
               ? NULL
               : "an \"offset\" is a whole number from 0 to 18446744073709551615";
}

static bool is_connection_id(struct span text) {
    for (size_t i = 0; i < text.length; i++) {
        if (!memchr("0123456789abcdef", text.data[i], 16)) {
            return false;
        }
    }
    return text.length == CONNECTION_ID;
}

static const char *read_to(struct json_reader *json, const struct json_member *to,
                           struct operation *operation) {
    static const char *const names[] = {"user", "connection"};
    struct json_member members[2];
    if (!read_object(json, to, names, 2, members, operation) ||
        (members[0].type == JSON_ABSENT) == (members[1].type == JSON_ABSENT)) {
        return TO_WRONG;
    }
    const struct json_member *one = &members[members[0].type == JSON_ABSENT];
    if (one->type != JSON_STRING || !one->text) {
        return "\"user\" and \"connection\" are strings";
    }
    if (one == &members[1]) {
        operation->to_connection = text_of(one);
        return is_connection_id(text_of(one)) ? NULL : "\"connection\" must be a connection id";
    }
    operation->to_user = text_of(one);
    return one->text_length > 0 && one->text_length <= USER_MAX ? NULL : "a \"user\" has 1 to 255 bytes";
}

static const char *read_key(const struct json_member *key, struct operation *operation) {
    operation->key = text_of(key);
    return is_printable(operation->key) && key->text_length <= KEY_MAX
               ? NULL
               : "a \"key\" has 1 to 64 printable characters of ASCII, and no blanks";
}

static const char *read_limit(const struct json_member *limit, struct operation *operation) {
    uint64_t value;
    if (!read_whole(limit, &value) || value > HISTORY_LIMIT_MAX) {
        return "\"limit\" is a whole number up to 1000";
    }
    operation->has_limit = true;
    operation->limit = (uint32_t)value;
    return NULL;
}

static const char *skip_blanks(const char *at) {
    return at + strspn(at, " \t\r\n");
}

enum { EXCLUDE_SIZE = EXCLUDE_MAX * (CONNECTION_ID + 1) };

// `raw` is a valid JSON array. Writes its connection_ids with a blank between two.
static const char *read_exclude(const char *raw, char out[EXCLUDE_SIZE], struct operation *operation) {
    const char *at = skip_blanks(raw + 1);
    size_t length = 0;
    while (*at != ']') {
        if (length == EXCLUDE_SIZE || at[0] != '"' || strspn(at + 1, "0123456789abcdef") != CONNECTION_ID ||
            at[1 + CONNECTION_ID] != '"') {
            return "\"exclude\" must be an array of at most 32 connection ids";
        }
        memcpy(out + length, at + 1, CONNECTION_ID);
        out[length + CONNECTION_ID] = ' ';
        length += CONNECTION_ID + 1;
        at = skip_blanks(at + CONNECTION_ID + 2);
        at = *at == ',' ? skip_blanks(at + 1) : at;
    }
    operation->exclude = (struct span){out, length > 0 ? length - 1 : 0};
    return NULL;
}

static bool is_true(const struct json_member *member) {
    return member->type == JSON_BOOL && member->raw[0] == 't';
}

// Of the members that the op knows.
static const char *read_members(struct json_reader *json, const struct json_member *members, unsigned known,
                                char exclude[EXCLUDE_SIZE], struct operation *operation) {
    const char *wrong = NULL;
    for (int i = M_EXCLUDE; i < MEMBERS && !wrong; i++) {
        if (members[i].type == JSON_ABSENT || !(known & BIT(i))) {
            continue;
        }
        switch ((enum member)i) {
        case M_EXCLUDE:
            wrong = read_exclude(members[i].raw, exclude, operation);
            break;
        case M_SINCE:
            wrong = read_since(json, &members[i], operation);
            break;
        case M_TO:
            wrong = read_to(json, &members[i], operation);
            break;
        case M_KEY:
            wrong = read_key(&members[i], operation);
            break;
        case M_LIMIT:
            wrong = read_limit(&members[i], operation);
            break;
        case M_REVERSE:
            operation->backwards = is_true(&members[i]);
            break;
        case M_COUNT:
            operation->count_only = is_true(&members[i]);
            break;
        default: // taken as they are
            break;
        }
    }
    return wrong;
}

// ---- one operation ----

static const char *const json_errors[] = {
    [JSON_INVALID] = "not one JSON object",
    [JSON_DUPLICATE] = "a member stands there twice",
};

// Where its answer goes: *id; or what is wrong with it.
static const char *read_id(const struct json_member *member, struct span *id) {
    if (member->type == JSON_ABSENT) {
        return NULL;
    }
    if (member->type != JSON_NUMBER && member->type != JSON_STRING) {
        return "\"id\" must be a number or a string";
    }
    if (member->raw_length > ID_MAX) {
        return "\"id\" has at most 128 bytes";
    }
    *id = (struct span){member->raw, member->raw_length};
    return NULL;
}

static struct operation understand(struct json_reader *json, const struct json_member *members,
                                   char exclude[EXCLUDE_SIZE]) {
    struct span id = {0};
    const char *wrong = read_id(&members[M_ID], &id);
    if (wrong) {
        return refusal(id, ERROR_BAD_REQUEST, wrong);
    }
    if (members[M_OP].type != JSON_STRING || !members[M_OP].text) {
        return refusal(id, ERROR_BAD_REQUEST, "\"op\" must be a string");
    }
    const struct op *op = find_op(&members[M_OP]);
    if (!op) {
        return refusal(id, ERROR_UNKNOWN_OP,
                       "known ops are subscribe, unsubscribe, publish, history, presence, send, connect, "
                       "refresh and ping");
    }
    struct operation operation = {
        .verb = op->verb,
        .id = id,
        .channel = text_of(&members[M_CHANNEL]),
        .data = {members[M_DATA].raw, members[M_DATA].raw_length},
        .token = text_of(&members[M_TOKEN]),
    };
    wrong = check_members(members, op);
    if (!wrong) {
        wrong = read_members(json, members, op->needs | op->takes, exclude, &operation);
    }
    if (wrong && operation.error == ERROR_INTERNAL) {
        return refusal((struct span){0}, ERROR_INTERNAL, "out of memory");
    }
    return wrong ? refusal(id, ERROR_BAD_REQUEST, wrong) : operation;
}

void native_decode(struct json_reader *json, const char *data, size_t length,
                   void (*fn)(void *context, const struct operation *operation), void *context) {
    struct json_member members[MEMBERS];
    struct operation operation;
    char exclude[EXCLUDE_SIZE];
    enum json_result result = json_read(json, data, length, member_names, MEMBERS, members);
    if (result == JSON_OK) {
        operation = understand(json, members, exclude);
    } else if (result == JSON_NO_MEMORY) {
        operation = refusal((struct span){0}, ERROR_INTERNAL, "out of memory");
    } else {
        operation = refusal((struct span){0}, ERROR_BAD_REQUEST, json_errors[result]);
    }
    fn(context, &operation);
}
