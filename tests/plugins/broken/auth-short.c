/* SPDX-License-Identifier: MIT */
#include "broken_auth.h"

BROKEN(auth.struct_size = offsetof(struct wshub_auth, reload))
