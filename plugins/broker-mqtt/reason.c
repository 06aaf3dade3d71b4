/* SPDX-License-Identifier: MIT */
#include "reason.h"

#include <stddef.h>

static const struct reason {
    int code;
    enum wshub_status status;
    const char *text;
} reasons[] = {
    {0x81, WSHUB_INTERNAL, "malformed packet"},
    {0x82, WSHUB_INTERNAL, "protocol error"},
    {0x83, WSHUB_DENIED, "refused for a reason of the server's own"},
    {0x84, WSHUB_UNSUPPORTED, "the server does not speak MQTT 5, and this plugin nothing else"},
    {0x85, WSHUB_DENIED, "the server does not take this client id: set `client_id`"},
    {0x86, WSHUB_DENIED, "bad user name or password"},
    {0x87, WSHUB_DENIED, "not authorized"},
    {0x88, WSHUB_UNAVAILABLE, "server unavailable"},
    {0x89, WSHUB_UNAVAILABLE, "server busy"},
    {0x8A, WSHUB_DENIED, "banned by the server"},
    {0x8B, WSHUB_UNAVAILABLE, "the server is shutting down"},
    {0x8C, WSHUB_DENIED, "bad authentication method"},
    {0x8D, WSHUB_UNAVAILABLE, "the server has not heard of us for too long (keepalive)"},
    {0x8E, WSHUB_UNAVAILABLE, "another client has connected with the same client id"},
    {0x8F, WSHUB_INVALID, "the server does not take this topic filter"},
    {0x90, WSHUB_INVALID, "the server does not take this topic"},
    {0x91, WSHUB_INTERNAL, "packet identifier in use"},
    {0x93, WSHUB_INTERNAL, "more in flight than the server allows"},
    {0x95, WSHUB_TOO_LARGE, "larger than the server takes (max_packet_size, message_size_limit)"},
    {0x96, WSHUB_UNAVAILABLE, "more messages than the server allows"},
    {0x97, WSHUB_UNAVAILABLE, "a quota of the server is used up"},
    {0x98, WSHUB_UNAVAILABLE, "closed by an administrator"},
    {0x99, WSHUB_INVALID, "the server does not take this payload"},
    {0x9A, WSHUB_UNSUPPORTED,
     "the server keeps no retained messages, which the registry needs (retain_available)"},
    {0x9B, WSHUB_UNSUPPORTED, "the server does not take this QoS: set `qos: 0` and `delivery_qos: 0`"},
    {0x9C, WSHUB_UNAVAILABLE, "the server says to use another one"},
    {0x9D, WSHUB_UNAVAILABLE, "the server has moved"},
    {0x9F, WSHUB_UNAVAILABLE, "too many connections in a short time"},
    {0xA0, WSHUB_UNAVAILABLE, "connected for longer than the server allows"},
    {0xA2, WSHUB_UNSUPPORTED, "the server takes no subscriptions with wildcards, which registry lists need"},
};

static const struct reason *find(int code) {
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].code == code) {
            return &reasons[i];
        }
    }
    return NULL;
}

enum wshub_status reason_status(int reason) {
    const struct reason *known = find(reason);
    if (reason < 0) {
        return (enum wshub_status)reason;
    }
    return reason < REASON_REFUSED ? WSHUB_OK : known ? known->status : WSHUB_DENIED;
}

const char *reason_text(int reason) {
    static const struct {
        int status;
        const char *text;
    } own[] = {
#define REASON_STATUS(value, name, text) {value, text},
        WSHUB_STATUS_MAP(REASON_STATUS)
#undef REASON_STATUS
    };
    const struct reason *known = find(reason);
    for (size_t i = 0; reason < 0 && i < sizeof own / sizeof *own; i++) {
        if (own[i].status == reason) {
            return own[i].text;
        }
    }
    return known ? known->text : "refused without a reason";
}
