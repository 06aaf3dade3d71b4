// SPDX-License-Identifier: MIT
// What comes over the control channel. Whatever is read is well formed, and is written and read again as the
// same.
#include <assert.h>
#include <string.h>

#include "auth/identity.h"
#include "auth/revocations.h"
#include "util/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct revocation one, other;
    char scratch[IDENTITY_TEXT_MAX], again[IDENTITY_TEXT_MAX];
    struct buf out = {0};
    if (!revocation_read(&one, (struct span){(const char *)data, size}, scratch)) {
        return 0;
    }
    assert(one.id.length > 0 && one.id.length <= IDENTITY_TEXT_MAX);
    assert(one.kind == REVOKE_USER || one.kind == REVOKE_TOKEN);
    revocation_write(&out, &one);
    assert(!out.failed && revocation_read(&other, (struct span){out.data, out.length}, again));
    assert(one.kind == other.kind && one.at == other.at && one.until == other.until);
    assert(one.id.length == other.id.length && memcmp(one.id.data, other.id.data, one.id.length) == 0);
    buf_free(&out);
    return 0;
}
