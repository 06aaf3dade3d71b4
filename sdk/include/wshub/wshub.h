/* SPDX-License-Identifier: MIT
 * Everything a plugin needs, in one include. */
#ifndef WSHUB_WSHUB_H
#define WSHUB_WSHUB_H

#include "wshub/abi.h"
#include "wshub/auth.h"
#include "wshub/broker.h"
#include "wshub/host.h"
#include "wshub/message.h"
#include "wshub/option.h"
#include "wshub/plugin.h"
#include "wshub/status.h"

#endif
