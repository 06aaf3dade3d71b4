/* SPDX-License-Identifier: MIT */
#include "broken.h"

BROKEN(options[0].fallback = "4GiB")
