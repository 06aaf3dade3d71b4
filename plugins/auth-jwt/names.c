/* SPDX-License-Identifier: MIT */
#include "names.h"

enum { NAME_MOST = 255 };

bool name_is_good(const char *text, size_t length) {
    const unsigned char *at = (const unsigned char *)text;
    for (size_t i = 0; i < length; i++) {
        bool c1 = at[i] == 0xc2 && i + 1 < length && at[i + 1] < 0xa0; /* U+0080 to U+009F */
        if (at[i] < 0x20 || at[i] == 0x7f || c1) {
            return false;
        }
    }
    return length > 0 && length <= NAME_MOST;
}
