/* SPDX-License-Identifier: MIT
 * Versions and symbols of the plugin ABI. C99, self-contained, as every header of this folder.
 *
 * The promise: a plugin built against 1.x loads into every hub whose ABI is 1.y with y >= the minor that the
 * plugin asks for. Tables only grow at their ends, and each begins with its struct_size, so that a hub reads
 * what both sides know. What an existing plugin would notice raises the major number.
 *
 * Change log
 *   1.0  Brokers: check, open, close, subscribe, unsubscribe, publish, registry_set, registry_delete,
 *        registry_get, registry_list, heartbeat. Host: log, options, post, deliver, complete, entry, link,
 *        timers, watches, lose. Declared options.
 *   1.1  Brokers: history, WSHUB_BROKER_HISTORY, WSHUB_BROKER_LAST_VALUE. Host: timeout, message, position.
 *        Messages: previous, history_size, history_ttl, WSHUB_MESSAGE_LAST_VALUE.
 *   1.2  Auth plugins: wshub/auth.h, `auth` of the descriptor. Host: identify, explain. WSHUB_PASS,
 *        WSHUB_EXPIRED.
 *   1.3  Brokers: WSHUB_BROKER_IDEMPOTENT, WSHUB_BROKER_DENSE, groups of registry keys. Host: position of a
 *        publish. Messages: key, key_ttl.
 */
#ifndef WSHUB_ABI_H
#define WSHUB_ABI_H

#define WSHUB_ABI_MAJOR 1
#define WSHUB_ABI_MINOR 3

#if defined(__GNUC__)
#define WSHUB_EXPORT __attribute__((visibility("default")))
#else
#define WSHUB_EXPORT
#endif

#endif
