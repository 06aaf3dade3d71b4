/* SPDX-License-Identifier: MIT */
#include "broken_auth.h"

BROKEN(auth.flags = 8)
