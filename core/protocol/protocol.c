// SPDX-License-Identifier: MIT
#include "protocol/protocol.h"

#include "protocol/native.h"
#include "util/utf8.h"

const struct protocol protocols[PROTOCOL_COUNT] = {
    [PROTOCOL_NATIVE] =
        {
            .path = "/ws",
            .subprotocol = "wshub.json.v1",
            .decode = native_decode,
            .encode = native_encode,
        },
};

const struct error_word error_words[ERROR_COUNT] = {
    [ERROR_NONE] = {"none", false},
    [ERROR_BAD_REQUEST] = {"bad_request", false},
    [ERROR_TOO_LARGE] = {"too_large", false},
    [ERROR_UNAUTHENTICATED] = {"unauthenticated", false},
    [ERROR_DENIED] = {"denied", false},
    [ERROR_TOKEN_EXPIRED] = {"token_expired", false},
    [ERROR_UNKNOWN_OP] = {"unknown_op", false},
    [ERROR_NOT_SUBSCRIBED] = {"not_subscribed", false},
    [ERROR_ALREADY_SUBSCRIBED] = {"already_subscribed", false},
    [ERROR_LIMIT] = {"limit", false},
    [ERROR_RATE_LIMITED] = {"rate_limited", true},
    [ERROR_UNSUPPORTED] = {"unsupported", false},
    [ERROR_BROKER_UNAVAILABLE] = {"broker_unavailable", true},
    [ERROR_TIMEOUT] = {"timeout", true},
    [ERROR_INTERNAL] = {"internal", true},
    [ERROR_NOT_FOUND] = {"not_found", false},
};

const char *channel_name_error(struct span name) {
    if (name.length == 0) {
        return "a channel needs a name";
    }
    if (name.length > CHANNEL_NAME_MAX) {
        return "a channel's name has at most 255 bytes";
    }
    return utf8_has_control(name.data, name.length) ? "a channel's name has no control characters" : NULL;
}
