/* SPDX-License-Identifier: MIT */
#include "broken.h"

BROKEN(plugin.magic = 0x12345678)
