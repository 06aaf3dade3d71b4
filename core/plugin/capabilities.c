// SPDX-License-Identifier: MIT
#include "plugin/capabilities.h"

#include <stddef.h>

#include "wshub/broker.h"

#define CAPABILITY(macro, name) \
    { macro, name, #macro }

const struct capability capabilities[] = {
    CAPABILITY(WSHUB_BROKER_ORDERED, "ordered"),
    CAPABILITY(WSHUB_BROKER_REGISTRY, "registry"),
    CAPABILITY(WSHUB_BROKER_HISTORY, "history"),
    CAPABILITY(WSHUB_BROKER_LAST_VALUE, "last_value"),
    CAPABILITY(WSHUB_BROKER_IDEMPOTENT, "idempotent"),
    CAPABILITY(WSHUB_BROKER_DENSE, "dense"),
    {0, NULL, NULL},
};
