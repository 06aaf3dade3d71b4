/* SPDX-License-Identifier: MIT */
#include "broken_auth.h"

BROKEN(auth.close = NULL)
