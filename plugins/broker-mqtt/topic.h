/* SPDX-License-Identifier: MIT
 * Names as topics, one to one. Pure.
 *
 *     PREFIX/chat:room:1                 the channel chat:room:1
 *     PREFIX/$registry/ws/conn/4f2c      the registry's key ws:conn:4f2c
 *     PREFIX/$registry/ws/user/9b/%2F/a  the key ws:user:9b/a
 *     PREFIX/$inbox/CLIENT               where a client sends to itself
 *
 * What stands before the '/' of a key is a level of its own, so that a filter finds a group exactly.
 * What MQTT would read otherwise is written %XX: '+' and '#', a '/' that would make an empty level, a '$' at
 * the beginning (so no channel is one of the others), the code points that MQTT forbids, and '%' itself. */
#ifndef MQTT_TOPIC_H
#define MQTT_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

#include "wshub/message.h"

enum {
    TOPIC_PREFIX_MOST = 64,
    TOPIC_CHANNEL_MOST = 255, /* bytes of a channel's name */
    TOPIC_KEY_MOST = 128,
    TOPIC_SIZE = TOPIC_PREFIX_MOST + 16 + 3 * TOPIC_CHANNEL_MOST /* holds every topic, terminated */
};

enum topic_kind { TOPIC_FOREIGN, TOPIC_CHANNEL, TOPIC_KEY, TOPIC_INBOX };

bool topic_is_prefix(const char *text, size_t length);

/* Each writes a terminated topic of at most TOPIC_SIZE bytes. False: the name is longer than it may be. */
bool topic_of_channel(char *out, struct wshub_bytes prefix, struct wshub_bytes channel);
bool topic_of_key(char *out, struct wshub_bytes prefix, struct wshub_bytes key);
bool topic_of_inbox(char *out, struct wshub_bytes prefix, const char *client_id);
/* A filter for all keys that begin with `part`, and maybe for some that do not; for no others where it ends
 * with its first '/'. */
bool topic_of_keys(char *out, struct wshub_bytes prefix, struct wshub_bytes part);

/* What a topic is. Of a channel or a key, the name goes to `name`, which holds TOPIC_CHANNEL_MOST bytes. A
 * key's that we would not have written so is foreign. */
enum topic_kind topic_read(const char *topic, struct wshub_bytes prefix, char *name, size_t *length);

/* Texts of any bytes as printable ASCII and back. `out` holds three times the length and a NUL; unescaping is
 * done in place. False: what stands there was not escaped by us. */
void topic_escape_text(char *out, struct wshub_bytes text);
bool topic_unescape_text(char *text, size_t *length);

#endif
