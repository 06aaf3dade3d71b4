/* SPDX-License-Identifier: MIT
 * Asks for ABI 1.0, where there are no auth plugins. */
#include "base.h"

BAD(base_plugin.abi_minor = 0)
