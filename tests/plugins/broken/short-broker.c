/* SPDX-License-Identifier: MIT */
#include "broken.h"

BROKEN(broker.struct_size = offsetof(struct wshub_broker, heartbeat))
