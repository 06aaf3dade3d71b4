/* SPDX-License-Identifier: MIT */
#include "broken.h"

BROKEN(options[0].low = 2097152)
