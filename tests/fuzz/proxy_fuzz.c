// SPDX-License-Identifier: MIT
// A PROXY protocol header whole and the same in pieces: the same answer, the same address, the same end.
#include <stdint.h>
#include <string.h>

#include "net/proxy.h"
#include "pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum proxy_result feed(struct proxy_header *header, struct pieces pieces, size_t *used) {
    enum proxy_result result = PROXY_MORE;
    *used = 0;
    while (pieces.left > 0 && result == PROXY_MORE) {
        size_t taken, length;
        char *piece = pieces_take(&pieces, &length);
        result = proxy_feed(header, piece, length, &taken);
        FUZZ_CHECK(taken <= length && (result != PROXY_MORE || taken == length));
        *used += taken;
        free(piece);
    }
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct proxy_header whole = {0}, split = {0};
    size_t used_whole, used_split;
    enum proxy_result result = feed(&whole, pieces_whole(data, size), &used_whole);
    FUZZ_CHECK(feed(&split, pieces_random(data, size), &used_split) == result);
    FUZZ_CHECK(used_whole == used_split && whole.why == split.why);
    FUZZ_CHECK(IN6_ARE_ADDR_EQUAL(&whole.source, &split.source));
    FUZZ_CHECK((result == PROXY_WRONG) == (whole.why != NULL));
    FUZZ_CHECK(result == PROXY_DONE || used_whole == size || whole.why);
    FUZZ_CHECK(used_whole <= (size > 0 && data[0] == 'P' ? PROXY_V1_MAX : PROXY_V2_MAX));
    return 0;
}
