// SPDX-License-Identifier: MIT
#include "api/revoke.h"

#include <string.h>

#include "auth/identity.h"
#include "auth/revocations.h"
#include "config/config.h"
#include "config/units.h"
#include "hub/instance.h"
#include "hub/orders.h"
#include "protocol/json.h"
#include "util/clock.h"
#include "util/utf8.h"
#include "ws/ws.h"
#include "wshub/status.h"

enum { TARGET_USER = REVOKE_USER, TARGET_TOKEN = REVOKE_TOKEN, FOR = REVOKE_KINDS, NAMES };

#define FOR_MIN UINT64_C(1000) // ms
#define FOR_DEFAULT (UINT64_C(3600) * 1000)
#define FOR_MAX (UINT64_C(30) * 24 * 3600 * 1000)

static void refuse(struct ws *ws, const char *message) {
    ws_refuse(ws, 400, "", "bad_request", message);
}

static bool read_for(const struct json_member *member, uint64_t *milliseconds) {
    char text[UNITS_TEXT_SIZE];
    *milliseconds = FOR_DEFAULT;
    if (member->type == JSON_ABSENT) {
        return true;
    }
    if (member->type != JSON_STRING || !member->text || member->text_length >= sizeof text ||
        memchr(member->text, '\0', member->text_length)) {
        return false;
    }
    memcpy(text, member->text, member->text_length);
    text[member->text_length] = '\0';
    return units_parse(UNIT_DURATION, text, milliseconds) && *milliseconds >= FOR_MIN &&
           *milliseconds <= FOR_MAX;
}

// What no plugin could have told of a client either.
static bool is_id(const struct json_member *member) {
    return member->type == JSON_STRING && member->text && member->text_length > 0 &&
           member->text_length <= IDENTITY_TEXT_MAX && !utf8_has_control(member->text, member->text_length);
}

// NULL, or what is wrong, for a person. The id points into what was read.
static const char *read_order(const struct json_member members[NAMES], struct revocation *revocation) {
    bool user = members[TARGET_USER].type != JSON_ABSENT, token = members[TARGET_TOKEN].type != JSON_ABSENT;
    const struct json_member *target = &members[token ? TARGET_TOKEN : TARGET_USER];
    uint64_t milliseconds;
    if (user == token) {
        return "expected exactly one of \"user\" and \"token\" (a token's id)";
    }
    if (!is_id(target)) {
        return "\"user\" and \"token\" are strings of 1 to 255 bytes without control characters";
    }
    if (!read_for(&members[FOR], &milliseconds)) {
        return "\"for\" is a duration such as \"1h\", from 1s to 720h: how long the credentials are refused";
    }
    revocation->kind = token ? REVOKE_TOKEN : REVOKE_USER;
    revocation->id = (struct span){target->text, target->text_length};
    revocation->at = clock_wall_ms();
    revocation->until = revocation->at + milliseconds;
    return NULL;
}

static void handle_body(struct ws *ws, struct json_reader *reader, struct http_text body) {
    static const char *const names[NAMES] = {[TARGET_USER] = "user", [TARGET_TOKEN] = "token", [FOR] = "for"};
    struct json_member members[NAMES];
    struct revocation revocation;
    enum json_result result = json_read_strictly(reader, body.data, body.length, names, NAMES, members);
    if (result == JSON_NO_MEMORY) {
        ws_refuse(ws, 503, "Retry-After: 1\r\n", "internal", "out of memory");
    } else if (result == JSON_DUPLICATE) {
        refuse(ws, "a member stands there twice");
    } else if (result == JSON_UNKNOWN) {
        refuse(ws, "expected \"user\" or \"token\", and perhaps \"for\": this version knows no other member");
    } else if (result != JSON_OK) {
        refuse(ws, "the body is not a JSON object such as {\"user\":\"42\"}");
    } else {
        const char *wrong = read_order(members, &revocation);
        if (wrong) {
            refuse(ws, wrong);
        } else if (!orders_revoke(ws, &revocation)) {
            ws_refuse(ws, 503, "Retry-After: 1\r\n", "internal", "out of memory");
        }
    }
}

void revoke_handle(const struct instance *instance, struct ws *ws, const struct http_request *request) {
    if (instance->config->auth.mode != CONFIG_AUTH_PLUGINS) {
        ws_refuse(ws, 404, "", "not_found", "without auth plugins there is nobody to revoke");
        return;
    }
    struct json_reader *reader = json_reader_new();
    if (!reader) {
        ws_refuse(ws, 503, "Retry-After: 1\r\n", "internal", "out of memory");
        return;
    }
    handle_body(ws, reader, request->body);
    json_reader_free(reader);
}

void revoke_taken(struct ws *ws, int status) {
    static const char body[] = "{\"status\":\"ok\"}\n";
    static const struct {
        int status;
        const char *code, *message;
    } answers[] = {
        {WSHUB_UNAVAILABLE, "broker_unavailable",
         "revoked on this instance; the broker is not reachable, so others do not know: try again"},
        {WSHUB_TIMEOUT, "timeout",
         "revoked on this instance; the broker did not answer, so others may not know: try again"},
        {WSHUB_CLOSED, "draining", "revoked on this instance, which is shutting down: try another one"},
        {WSHUB_NO_MEMORY, "internal",
         "not remembered on this instance: out of memory, or there are as many as it keeps: try again"},
        {0, "internal", "revoked on this instance; the broker refused it, the log may say why: try again"},
    };
    if (status == WSHUB_OK) {
        ws_respond(ws, 200, "application/json", "", body, sizeof body - 1);
        return;
    }
    size_t i = 0;
    while (answers[i].status != status && answers[i].status != 0) {
        i++;
    }
    ws_refuse(ws, 503, "Retry-After: 1\r\n", answers[i].code, answers[i].message);
}
