/* SPDX-License-Identifier: MIT */
#include "broken.h"

BROKEN(plugin.flags = 0x4)
