/* SPDX-License-Identifier: MIT */
#include "broken.h"

BROKEN(plugin.abi_minor = WSHUB_ABI_MINOR + 7)
