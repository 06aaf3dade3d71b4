/* SPDX-License-Identifier: MIT */
#include "broken.h"

BROKEN(plugin.option_count = UINT32_MAX)
