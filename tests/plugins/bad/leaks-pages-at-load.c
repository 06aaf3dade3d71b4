/* SPDX-License-Identifier: MIT
 * Each time that it is loaded, pages stay in use. */
#include <string.h>
#include <sys/mman.h>

#include "base.h"

static void lose_pages(void) {
    void *pages = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages != MAP_FAILED) {
        memset(pages, 1, 1 << 20);
    }
}

BAD(lose_pages())
