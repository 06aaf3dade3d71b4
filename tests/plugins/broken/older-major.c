/* SPDX-License-Identifier: MIT */
#include "broken.h"

BROKEN(plugin.abi_major = 0)
