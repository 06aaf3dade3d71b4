/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "base64.h"

json_t *json_object_of(const char *text, size_t length) {
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    if (object && !json_is_object(object)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *json_object_of_base64(const char *text, size_t length) {
    json_t *object = NULL;
    unsigned char *decoded = malloc(BASE64_ROOM(length));
    if (decoded) {
        ptrdiff_t size = base64_decode(decoded, text, length, BASE64_URL);
        object = size < 0 ? NULL : json_object_of((const char *)decoded, (size_t)size);
        OPENSSL_cleanse(decoded, BASE64_ROOM(length));
    }
    free(decoded);
    return object;
}

const char *json_text(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

bool json_is_no_text(const json_t *object, const char *name) {
    const json_t *member = json_object_get(object, name);
    return member && !json_is_string(member);
}
