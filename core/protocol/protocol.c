// SPDX-License-Identifier: MIT
#include "protocol/protocol.h"

#include "protocol/native.h"

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
};

// The input is UTF-8 already. C1 controls, U+0080 to U+009F, are C2 80 to C2 9F.
static bool has_control_character(struct span name) {
    for (size_t i = 0; i < name.length; i++) {
        unsigned char c = (unsigned char)name.data[i];
        unsigned char next = i + 1 < name.length ? (unsigned char)name.data[i + 1] : 0;
        if (c < 0x20 || c == 0x7f || (c == 0xc2 && next < 0xa0)) {
            return true;
        }
    }
    return false;
}

const char *channel_name_error(struct span name) {
    if (name.length == 0) {
        return "a channel needs a name";
    }
    if (name.length > CHANNEL_NAME_MAX) {
        return "a channel's name has at most 255 bytes";
    }
    return has_control_character(name) ? "a channel's name has no control characters" : NULL;
}
