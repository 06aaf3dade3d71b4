// SPDX-License-Identifier: MIT
#include "api/keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "config/config.h"
#include "net/http.h"

struct digest { // of equal length, whatever the key's
    uint8_t bytes[EVP_MAX_MD_SIZE];
};

static bool hash(struct digest *digest, const char *text, size_t length) {
    memset(digest, 0, sizeof *digest);
    return EVP_Digest(text, length, digest->bytes, NULL, EVP_sha256(), NULL) == 1;
}

// Exactly one such header, or it could be another one that a proxy has looked at.
static bool find_bearer(const struct http_request *request, struct http_text *key) {
    static const char scheme[] = "Bearer ";
    size_t count, length = sizeof scheme - 1;
    const struct http_text *header = http_header(request, "authorization", &count);
    if (!header || count != 1 || header->length <= length || strncasecmp(header->data, scheme, length) != 0) {
        return false;
    }
    *key = (struct http_text){header->data + length, header->length - length};
    for (; key->length > 0 && *key->data == ' '; key->length--) {
        key->data++;
    }
    return key->length > 0;
}

bool keys_fit(const struct config *config, const struct http_request *request, bool *shown) {
    struct http_text key;
    struct digest theirs, ours;
    *shown = find_bearer(request, &key);
    if (!*shown || !hash(&theirs, key.data, key.length)) {
        return false;
    }
    bool fits = false;
    for (size_t i = 0; i < config->api.keys.count; i++) { // all of them, also behind one that fits
        const char *item = config->api.keys.items[i];
        fits |= hash(&ours, item, strlen(item)) && CRYPTO_memcmp(&theirs, &ours, sizeof ours) == 0;
    }
    OPENSSL_cleanse(&ours, sizeof ours);
    return fits;
}
