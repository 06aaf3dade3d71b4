// SPDX-License-Identifier: MIT
#include "host/edge.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

void *edge_put(struct check *check, struct edge *edge, const void *table, size_t length) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t readable = (length + page - 1) / page * page;
    size_t rounded = (length + 7) & ~(size_t)7;
    edge->size = readable + page;
    edge->pages = mmap(NULL, edge->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (edge->pages == MAP_FAILED || mprotect(edge->pages + readable, page, PROT_NONE) < 0) {
        check_fail(check, "the kit has no memory left");
    }
    return memcpy(edge->pages + readable - rounded, table, length);
}

void edge_free(struct edge *edge) {
    munmap(edge->pages, edge->size);
    *edge = (struct edge){0};
}
