/* SPDX-License-Identifier: MIT */
#include "broken.h"

BROKEN(plugin.broker = NULL)
