/* SPDX-License-Identifier: MIT
 * The broker of a hub that stands alone: what is published comes straight back. Last values and histories
 * live as long as the process. */
#ifndef BROKER_MEMORY_H
#define BROKER_MEMORY_H

#include "wshub/wshub.h"

const struct wshub_plugin *broker_memory_plugin(void);

#endif
