/* SPDX-License-Identifier: MIT
 * What a plugin says of itself. A shared object exports exactly one function, wshub_plugin_entry, which only
 * returns a pointer to a constant of this type: it is called before anything is known of the plugin, and
 * nothing may happen in it. */
#ifndef WSHUB_PLUGIN_H
#define WSHUB_PLUGIN_H

#include <stdint.h>

#include "wshub/abi.h"
#include "wshub/auth.h"
#include "wshub/broker.h"
#include "wshub/option.h"

#define WSHUB_PLUGIN_MAGIC UINT32_C(0x62757377) /* "wsub", little-endian */

struct wshub_plugin {
    /* Frozen: these stand here in every version of the ABI. */
    uint32_t magic;       /* WSHUB_PLUGIN_MAGIC */
    uint16_t abi_major;   /* 1: what it was written for, as a number, not as a macro of the header */
    uint16_t abi_minor;   /* the lowest minor it works with: its author's choice, likewise a number */
    uint32_t struct_size; /* sizeof(struct wshub_plugin), as the plugin knows it */
    uint32_t flags;       /* 0 */

    const char *name;    /* as configurations call it, and its file without .so: a-z 0-9 _ - */
    const char *version; /* its own */
    const char *summary; /* one line for a person */

    const struct wshub_option *options; /* NULL: none */
    uint32_t option_count;
    uint32_t option_size; /* sizeof(struct wshub_option), as the plugin knows it */

    const struct wshub_broker *broker; /* NULL: not a broker */
    /* Since ABI 1.2. */
    const struct wshub_auth *auth; /* NULL: not an auth plugin */
};

#ifdef __cplusplus
extern "C" {
#endif

WSHUB_EXPORT const struct wshub_plugin *wshub_plugin_entry(void);

#ifdef __cplusplus
}
#endif

#endif
