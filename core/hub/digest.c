// SPDX-License-Identifier: MIT
#include "hub/digest.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <string.h>

#include "util/random.h"

_Static_assert((int)DIGEST_LENGTH == (int)RANDOM_ID_LENGTH, "it is written as identifiers are");

bool digest_of(struct span text, struct span second, char out[DIGEST_LENGTH + 1]) {
    uint8_t digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
              EVP_DigestUpdate(context, text.data, text.length) == 1;
    if (ok && second.length > 0) {
        ok = EVP_DigestUpdate(context, "", 1) == 1 &&
             EVP_DigestUpdate(context, second.data, second.length) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(context, digest, NULL) == 1;
    EVP_MD_CTX_free(context);
    if (ok) {
        random_id_format(digest, out); // its first 128 bits
    }
    return ok;
}

bool digest_user_channel(struct span user, char out[DIGEST_USER_LENGTH + 1]) {
    memcpy(out, DIGEST_USER_PREFIX, sizeof DIGEST_USER_PREFIX - 1);
    return digest_of(user, (struct span){0}, out + sizeof DIGEST_USER_PREFIX - 1);
}
