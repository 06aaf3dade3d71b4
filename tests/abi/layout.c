// SPDX-License-Identifier: MIT
// The layout of ABI 1.2 on a 64-bit machine: where each member stands, its type, and every value that crosses
// the border. Compiled with the hub, so that a header that breaks a plugin out there does not build.
//
// A line that is here is never changed within ABI 1. A table that grows at its end gets lines for what is new
// and another size; anything else needs ABI 2.
#include <stddef.h>

#include "wshub/wshub.h"

_Static_assert(sizeof(void *) == 8 && sizeof(long) == 8, "this file knows LP64 only");

#define SIZE(table, size) _Static_assert(sizeof(struct table) == (size), #table ": size is not " #size)

// The offset, the member, and its type exactly: a slot with another argument is a break as well.
#define MEMBER(table, offset, member, ...)                                                              \
    _Static_assert(offsetof(struct table, member) == (offset), #table "." #member ": not at " #offset); \
    _Static_assert(_Generic(((struct table *)0)->member, __VA_ARGS__ : 1, default : 0),                 \
                   #table "." #member ": not a " #__VA_ARGS__)

#define VALUE(name, value) _Static_assert((name) == (value), #name ": not " #value)

// ---- plugin.h ----

MEMBER(wshub_plugin, 0, magic, uint32_t);
MEMBER(wshub_plugin, 4, abi_major, uint16_t);
MEMBER(wshub_plugin, 6, abi_minor, uint16_t);
MEMBER(wshub_plugin, 8, struct_size, uint32_t);
MEMBER(wshub_plugin, 12, flags, uint32_t);
MEMBER(wshub_plugin, 16, name, const char *);
MEMBER(wshub_plugin, 24, version, const char *);
MEMBER(wshub_plugin, 32, summary, const char *);
MEMBER(wshub_plugin, 40, options, const struct wshub_option *);
MEMBER(wshub_plugin, 48, option_count, uint32_t);
MEMBER(wshub_plugin, 52, option_size, uint32_t);
MEMBER(wshub_plugin, 56, broker, const struct wshub_broker *);
MEMBER(wshub_plugin, 64, auth, const struct wshub_auth *);
SIZE(wshub_plugin, 72);

VALUE(WSHUB_PLUGIN_MAGIC, 0x62757377);
VALUE(WSHUB_ABI_MAJOR, 1);
_Static_assert(_Generic(&wshub_plugin_entry, const struct wshub_plugin *(*)(void) : 1, default : 0),
               "wshub_plugin_entry has another type");

// ---- broker.h ----

MEMBER(wshub_broker, 0, struct_size, uint32_t);
MEMBER(wshub_broker, 4, capabilities, uint32_t);
MEMBER(wshub_broker, 8, max_payload, uint64_t);
MEMBER(wshub_broker, 16, check, int (*)(const struct wshub_host *));
MEMBER(wshub_broker, 24, open, int (*)(const struct wshub_host *, void **));
MEMBER(wshub_broker, 32, close, void (*)(void *));
MEMBER(wshub_broker, 40, subscribe, int (*)(void *, struct wshub_bytes, uint64_t));
MEMBER(wshub_broker, 48, unsubscribe, int (*)(void *, struct wshub_bytes, uint64_t));
MEMBER(wshub_broker, 56, publish, int (*)(void *, const struct wshub_message *, uint64_t));
MEMBER(wshub_broker, 64, registry_set,
       int (*)(void *, struct wshub_bytes, struct wshub_bytes, uint64_t, uint64_t));
MEMBER(wshub_broker, 72, registry_delete, int (*)(void *, struct wshub_bytes, uint64_t));
MEMBER(wshub_broker, 80, registry_get, int (*)(void *, struct wshub_bytes, uint64_t));
MEMBER(wshub_broker, 88, registry_list, int (*)(void *, struct wshub_bytes, uint64_t));
MEMBER(wshub_broker, 96, heartbeat,
       int (*)(void *, struct wshub_bytes, struct wshub_bytes, uint64_t, uint64_t));
MEMBER(wshub_broker, 104, history, int (*)(void *, const struct wshub_history_query *, uint64_t));
SIZE(wshub_broker, 112);

MEMBER(wshub_history_query, 0, struct_size, uint32_t);
MEMBER(wshub_history_query, 4, flags, uint32_t);
MEMBER(wshub_history_query, 8, channel, struct wshub_bytes);
MEMBER(wshub_history_query, 24, size, uint64_t);
MEMBER(wshub_history_query, 32, ttl, uint64_t);
MEMBER(wshub_history_query, 40, after, uint64_t);
MEMBER(wshub_history_query, 48, limit, uint64_t);
SIZE(wshub_history_query, 56);
VALUE(WSHUB_HISTORY_BACKWARDS, 1);
_Static_assert(sizeof WSHUB_INSTANCE_KEY == 13, "the key of an instance's entry begins otherwise");

VALUE(WSHUB_BROKER_ORDERED, 1);
VALUE(WSHUB_BROKER_REGISTRY, 2);
VALUE(WSHUB_BROKER_HISTORY, 4);
VALUE(WSHUB_BROKER_LAST_VALUE, 8);
VALUE(WSHUB_BROKER_IDEMPOTENT, 16);
VALUE(WSHUB_BROKER_DENSE, 32);

// ---- auth.h ----

MEMBER(wshub_auth, 0, struct_size, uint32_t);
MEMBER(wshub_auth, 4, flags, uint32_t);
MEMBER(wshub_auth, 8, check, int (*)(const struct wshub_host *));
MEMBER(wshub_auth, 16, open, int (*)(const struct wshub_host *, void **));
MEMBER(wshub_auth, 24, close, void (*)(void *));
MEMBER(wshub_auth, 32, authenticate, int (*)(void *, const struct wshub_request *, uint64_t));
MEMBER(wshub_auth, 40, refresh, int (*)(void *, const struct wshub_request *, uint64_t));
MEMBER(wshub_auth, 48, authorize, int (*)(void *, const struct wshub_operation *, uint64_t));
MEMBER(wshub_auth, 56, reload, void (*)(void *));
SIZE(wshub_auth, 64);

MEMBER(wshub_request, 0, struct_size, uint32_t);
MEMBER(wshub_request, 4, token_source, uint32_t);
MEMBER(wshub_request, 8, method, struct wshub_bytes);
MEMBER(wshub_request, 24, path, struct wshub_bytes);
MEMBER(wshub_request, 40, query, struct wshub_bytes);
MEMBER(wshub_request, 56, headers, const struct wshub_pair *);
MEMBER(wshub_request, 64, header_count, uint64_t);
MEMBER(wshub_request, 72, cookies, const struct wshub_pair *);
MEMBER(wshub_request, 80, cookie_count, uint64_t);
MEMBER(wshub_request, 88, subprotocols, const struct wshub_bytes *);
MEMBER(wshub_request, 96, subprotocol_count, uint64_t);
MEMBER(wshub_request, 104, address, struct wshub_bytes);
MEMBER(wshub_request, 120, connection_id, struct wshub_bytes);
MEMBER(wshub_request, 136, protocol, struct wshub_bytes);
MEMBER(wshub_request, 152, token, struct wshub_bytes);
SIZE(wshub_request, 168);

MEMBER(wshub_pair, 0, name, struct wshub_bytes);
MEMBER(wshub_pair, 16, value, struct wshub_bytes);
SIZE(wshub_pair, 32); // stands in arrays: never grows

MEMBER(wshub_operation, 0, struct_size, uint32_t);
MEMBER(wshub_operation, 4, verb, uint32_t);
MEMBER(wshub_operation, 8, name, struct wshub_bytes);
MEMBER(wshub_operation, 24, user, struct wshub_bytes);
MEMBER(wshub_operation, 40, token_id, struct wshub_bytes);
MEMBER(wshub_operation, 56, connection_id, struct wshub_bytes);
MEMBER(wshub_operation, 72, data, struct wshub_bytes);
SIZE(wshub_operation, 88);

MEMBER(wshub_identity, 0, struct_size, uint32_t);
MEMBER(wshub_identity, 4, ask, uint32_t);
MEMBER(wshub_identity, 8, user, struct wshub_bytes);
MEMBER(wshub_identity, 24, token_id, struct wshub_bytes);
MEMBER(wshub_identity, 40, info, struct wshub_bytes);
MEMBER(wshub_identity, 56, issued, uint64_t);
MEMBER(wshub_identity, 64, expires, uint64_t);
MEMBER(wshub_identity, 72, grants, const struct wshub_grant *);
MEMBER(wshub_identity, 80, grant_count, uint64_t);
SIZE(wshub_identity, 88);

MEMBER(wshub_grant, 0, pattern, struct wshub_bytes);
MEMBER(wshub_grant, 16, verbs, uint32_t);
MEMBER(wshub_grant, 20, flags, uint32_t);
SIZE(wshub_grant, 24); // stands in arrays: never grows

VALUE(WSHUB_VERB_SUBSCRIBE, 1);
VALUE(WSHUB_VERB_PUBLISH, 2);
VALUE(WSHUB_VERB_PRESENCE, 4);
VALUE(WSHUB_VERB_HISTORY, 8);
VALUE(WSHUB_VERB_SEND, 16);
VALUE(WSHUB_GRANT_EXACT, 1);
VALUE(WSHUB_TOKEN_NONE, 0);
VALUE(WSHUB_TOKEN_HEADER, 1);
VALUE(WSHUB_TOKEN_QUERY, 2);
VALUE(WSHUB_TOKEN_COOKIE, 3);
VALUE(WSHUB_TOKEN_SUBPROTOCOL, 4);
VALUE(WSHUB_TOKEN_MESSAGE, 5);

// ---- host.h ----

MEMBER(wshub_host, 0, struct_size, uint32_t);
MEMBER(wshub_host, 4, abi_minor, uint32_t);
MEMBER(wshub_host, 8, self, void *);
MEMBER(wshub_host, 16, instance_id, const char *);
MEMBER(wshub_host, 24, name, const char *);
MEMBER(wshub_host, 32, log, void (*)(void *, enum wshub_log_level, const char *));
MEMBER(wshub_host, 40, option_text, const char *(*)(void *, const char *));
MEMBER(wshub_host, 48, option_number, uint64_t (*)(void *, const char *));
MEMBER(wshub_host, 56, option_refuse, void (*)(void *, const char *, const char *));
MEMBER(wshub_host, 64, post, int (*)(void *, void (*)(void *), void *));
MEMBER(wshub_host, 72, deliver, int (*)(void *, const struct wshub_message *));
MEMBER(wshub_host, 80, complete, void (*)(void *, uint64_t, int));
MEMBER(wshub_host, 88, entry, void (*)(void *, uint64_t, struct wshub_bytes, struct wshub_bytes));
MEMBER(wshub_host, 96, link, void (*)(void *, enum wshub_link_state, const char *));
MEMBER(wshub_host, 104, timer_new, struct wshub_timer *(*)(void *, void (*)(void *), void *));
MEMBER(wshub_host, 112, timer_start, void (*)(void *, struct wshub_timer *, uint64_t));
MEMBER(wshub_host, 120, timer_stop, void (*)(void *, struct wshub_timer *));
MEMBER(wshub_host, 128, timer_free, void (*)(void *, struct wshub_timer *));
MEMBER(wshub_host, 136, watch_new, struct wshub_watch *(*)(void *, int, void (*)(void *, unsigned), void *));
MEMBER(wshub_host, 144, watch_set, void (*)(void *, struct wshub_watch *, unsigned));
MEMBER(wshub_host, 152, watch_free, void (*)(void *, struct wshub_watch *));
MEMBER(wshub_host, 160, lose, void (*)(void *, struct wshub_bytes));
MEMBER(wshub_host, 168, timeout, uint64_t);
MEMBER(wshub_host, 176, message, void (*)(void *, uint64_t, const struct wshub_message *));
MEMBER(wshub_host, 184, position, void (*)(void *, uint64_t, struct wshub_bytes, uint64_t, uint64_t));
MEMBER(wshub_host, 192, identify, int (*)(void *, uint64_t, const struct wshub_identity *));
MEMBER(wshub_host, 200, explain, void (*)(void *, uint64_t, const char *));
SIZE(wshub_host, 208);

VALUE(sizeof(wshub_token), 8);
VALUE(sizeof(enum wshub_log_level), 4);
VALUE(WSHUB_LOG_DEBUG, 0);
VALUE(WSHUB_LOG_INFO, 1);
VALUE(WSHUB_LOG_WARN, 2);
VALUE(WSHUB_LOG_ERROR, 3);
VALUE(sizeof(enum wshub_link_state), 4);
VALUE(WSHUB_LINK_DOWN, 0);
VALUE(WSHUB_LINK_UP, 1);
VALUE(WSHUB_LINK_RESUMED, 2);
VALUE(WSHUB_LINK_RESUBSCRIBED, 3);
VALUE(WSHUB_WATCH_READ, 1);
VALUE(WSHUB_WATCH_WRITE, 2);

// ---- message.h ----

MEMBER(wshub_bytes, 0, data, const void *);
MEMBER(wshub_bytes, 8, length, size_t);
SIZE(wshub_bytes, 16); // passed by value: never grows

MEMBER(wshub_message, 0, struct_size, uint32_t);
MEMBER(wshub_message, 4, flags, uint32_t);
MEMBER(wshub_message, 8, channel, struct wshub_bytes);
MEMBER(wshub_message, 24, payload, struct wshub_bytes);
MEMBER(wshub_message, 40, sender, struct wshub_bytes);
MEMBER(wshub_message, 56, sender_user, struct wshub_bytes);
MEMBER(wshub_message, 72, exclude, struct wshub_bytes);
MEMBER(wshub_message, 88, epoch, struct wshub_bytes);
MEMBER(wshub_message, 104, offset, uint64_t);
MEMBER(wshub_message, 112, previous, uint64_t);
MEMBER(wshub_message, 120, history_size, uint64_t);
MEMBER(wshub_message, 128, history_ttl, uint64_t);
MEMBER(wshub_message, 136, key, struct wshub_bytes);
MEMBER(wshub_message, 152, key_ttl, uint64_t);
SIZE(wshub_message, 160);
VALUE(WSHUB_MESSAGE_LAST_VALUE, 1);

// ---- option.h ----

MEMBER(wshub_option, 0, name, const char *);
MEMBER(wshub_option, 8, help, const char *);
MEMBER(wshub_option, 16, fallback, const char *);
MEMBER(wshub_option, 24, words, const char *);
MEMBER(wshub_option, 32, type, uint32_t);
MEMBER(wshub_option, 36, flags, uint32_t);
MEMBER(wshub_option, 40, low, uint64_t);
MEMBER(wshub_option, 48, high, uint64_t);
SIZE(wshub_option, 56);

VALUE(WSHUB_OPTION_TEXT, 0);
VALUE(WSHUB_OPTION_WORD, 1);
VALUE(WSHUB_OPTION_BOOL, 2);
VALUE(WSHUB_OPTION_NUMBER, 3);
VALUE(WSHUB_OPTION_DURATION, 4);
VALUE(WSHUB_OPTION_SIZE, 5);
VALUE(WSHUB_OPTION_REQUIRED, 1);
VALUE(WSHUB_OPTION_SECRET, 2);

// ---- status.h ----

VALUE(WSHUB_OK, 0);
VALUE(WSHUB_NO_MEMORY, -1);
VALUE(WSHUB_INVALID, -2);
VALUE(WSHUB_UNAVAILABLE, -3);
VALUE(WSHUB_TIMEOUT, -4);
VALUE(WSHUB_DENIED, -5);
VALUE(WSHUB_TOO_LARGE, -6);
VALUE(WSHUB_UNSUPPORTED, -7);
VALUE(WSHUB_CLOSED, -8);
VALUE(WSHUB_INTERNAL, -9);
VALUE(WSHUB_NOT_FOUND, -10);
VALUE(WSHUB_PASS, -11);
VALUE(WSHUB_EXPIRED, -12);
