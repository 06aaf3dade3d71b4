/* SPDX-License-Identifier: MIT
 * What a plugin says of itself. A shared object exports exactly one function, wshub_plugin_entry, which only
 * returns a pointer to a constant of this type. */
#ifndef WSHUB_PLUGIN_H
#define WSHUB_PLUGIN_H

#include <stdint.h>

#include "wshub/abi.h"
#include "wshub/broker.h"

#define WSHUB_PLUGIN_MAGIC UINT32_C(0x62757377) /* "wsub", little-endian */

struct wshub_plugin {
    /* Frozen: these stand here in every version of the ABI. */
    uint32_t magic;       /* WSHUB_PLUGIN_MAGIC */
    uint16_t abi_major;   /* WSHUB_ABI_MAJOR of the headers it was written for */
    uint16_t abi_minor;   /* the lowest minor it works with: its author's choice, not the header's */
    uint32_t struct_size; /* sizeof(struct wshub_plugin) */
    uint32_t flags;       /* 0 */

    const char *name;                  /* as configurations call it */
    const char *version;               /* its own */
    const struct wshub_broker *broker; /* NULL: not a broker */
};

WSHUB_EXPORT const struct wshub_plugin *wshub_plugin_entry(void);

#endif
