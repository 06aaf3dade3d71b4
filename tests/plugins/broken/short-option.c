/* SPDX-License-Identifier: MIT */
#include "broken.h"

BROKEN(plugin.option_size = offsetof(struct wshub_option, high))
