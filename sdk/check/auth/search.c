// SPDX-License-Identifier: MIT
#include "auth/search.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

enum { WINDOW = 1 << 20, LINE = 512 };
#define MAPPING_MAX ((uint64_t)1 << 30) // what is larger is reserved, not used

void search_make(struct check *check, struct search_marker *marker) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
    marker->veil = (unsigned char)(0x80 | (check_random(check) & 0x7F));
    for (size_t i = 0; i < SEARCH_LENGTH; i++) {
        unsigned char letter = (unsigned char)letters[check_random(check) % 32];
        marker->veiled[i] = letter ^ marker->veil;
    }
}

void search_unveil(const struct search_marker *marker, char *out) {
    for (size_t i = 0; i < SEARCH_LENGTH; i++) {
        ((volatile char *)out)[i] = (char)(marker->veiled[i] ^ marker->veil);
    }
}

// The first bytes of a block go when it is freed: what counts is the second half.
enum { LOOKED_FOR = SEARCH_LENGTH / 2 };

static bool is_at(const struct search_marker *marker, const unsigned char *at) {
    const unsigned char *veiled = marker->veiled + SEARCH_LENGTH - LOOKED_FOR;
    for (size_t i = 0; i < LOOKED_FOR; i++) {
        if ((at[i] ^ marker->veil) != veiled[i]) {
            return false;
        }
    }
    return true;
}

static unsigned count_in(const struct search_marker *marker, const unsigned char *window, size_t length) {
    const unsigned char first = marker->veiled[SEARCH_LENGTH - LOOKED_FOR] ^ marker->veil;
    const unsigned char *end = window + length, *at = window;
    unsigned count = 0;
    while (at + LOOKED_FOR <= end && (at = memchr(at, first, (size_t)(end - at) - LOOKED_FOR + 1))) {
        count += is_at(marker, at);
        at++;
    }
    return count;
}

// Windows overlap, so that nothing is lost between two.
static unsigned count_mapping(const struct search_marker *marker, int memory, uint64_t from, uint64_t to,
                              unsigned char *window) {
    unsigned count = 0;
    while (from + LOOKED_FOR <= to) {
        size_t wanted = to - from < WINDOW ? (size_t)(to - from) : WINDOW;
        ssize_t n = pread(memory, window, wanted, (off_t)from);
        if (n < LOOKED_FOR) {
            break;
        }
        count += count_in(marker, window, (size_t)n);
        from += (uint64_t)n - (LOOKED_FOR - 1);
    }
    return count;
}

static void look(const struct search_marker *marker, FILE *maps, int memory, unsigned char *window,
                 unsigned *count, char *out, size_t size) {
    char line[LINE];
    while (fgets(line, sizeof line, maps)) {
        unsigned long long from, to;
        char rights[8], name[256] = "";
        int parts = sscanf(line, "%llx-%llx %7s %*s %*s %*s %255[^\n]", &from, &to, rights, name);
        bool is_window = from <= (uintptr_t)window && (uintptr_t)window < to;
        if (parts < 3 || strncmp(rights, "rw", 2) != 0 || to - from > MAPPING_MAX || is_window) {
            continue;
        }
        unsigned here = count_mapping(marker, memory, from, to, window);
        *count += here;
        if (here > 0) {
            snprintf(out, size, "%s", name);
        }
    }
}

bool search_count(const struct search_marker *marker, unsigned *count, char *out, size_t size) {
    // Shared, so that the kernel does not join it with a neighbour that is to be looked at.
    unsigned char *window = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    FILE *maps = fopen("/proc/self/maps", "re");
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    bool ok = window != MAP_FAILED && maps && memory >= 0;
    *count = 0;
    if (ok) {
        look(marker, maps, memory, window, count, out, size);
    }
    if (memory >= 0) {
        close(memory);
    }
    if (maps) {
        fclose(maps);
    }
    if (window != MAP_FAILED) {
        munmap(window, WINDOW);
    }
    return ok;
}
