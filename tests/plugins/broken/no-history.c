/* SPDX-License-Identifier: MIT */
#include "broken.h"

BROKEN(broker.capabilities |= WSHUB_BROKER_HISTORY)
