/* SPDX-License-Identifier: MIT */
#include "broken.h"

BROKEN(broker.subscribe = NULL)
