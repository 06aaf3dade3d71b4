/* SPDX-License-Identifier: MIT */
#include "broken.h"

BROKEN(broker.publish = NULL)
