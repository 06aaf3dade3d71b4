/* SPDX-License-Identifier: MIT
 * Versions and symbols of the plugin ABI. C99, self-contained, as every header of this folder.
 *
 * A change that an existing plugin would notice raises the major number; anything appended raises the minor
 * one.
 *
 * Change log
 *   1.0  First, not frozen before wshub 1.0. Brokers: open, close, subscribe, unsubscribe, publish.
 *        Missing still: subscribing anew when a link comes up again; payloads that are not JSON.
 */
#ifndef WSHUB_ABI_H
#define WSHUB_ABI_H

#define WSHUB_ABI_MAJOR 1
#define WSHUB_ABI_MINOR 0

#if defined(__GNUC__)
#define WSHUB_EXPORT __attribute__((visibility("default")))
#else
#define WSHUB_EXPORT
#endif

#endif
