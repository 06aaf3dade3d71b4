/* SPDX-License-Identifier: MIT */
#include "broken.h"

BROKEN(plugin.struct_size = offsetof(struct wshub_plugin, broker))
