/* SPDX-License-Identifier: MIT */
#include "broken.h"

BROKEN(options[1].words = "calm||brisk")
