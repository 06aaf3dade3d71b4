/* SPDX-License-Identifier: MIT
 * Each time that it is loaded, a descriptor stays open. */
#include <sys/eventfd.h>

#include "base.h"

static int lost;

BAD(lost = eventfd(0, EFD_CLOEXEC); (void)lost)
