/* SPDX-License-Identifier: MIT */
#include "broken_auth.h"

/* Of a size that has no auth yet: what stands behind is not looked at. */
BROKEN(plugin.struct_size = offsetof(struct wshub_plugin, auth))
