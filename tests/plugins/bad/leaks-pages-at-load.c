/* SPDX-License-Identifier: MIT
 * Each time that it is loaded, pages stay mapped. */
#include <sys/mman.h>

#include "base.h"

static void *pages;

BAD(pages = mmap(NULL, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); (void)pages)
