// SPDX-License-Identifier: MIT
#include "config/forms.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "config/keys.h"
#include "net/address.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

enum { NAME_LONGEST = 64, MATCH_LONGEST = 255, ORIGIN_LONGEST = 512 };

static bool fits_address(const char *text, const char **why) {
    struct address address;
    return address_parse(&address, text, why);
}

static bool fits_name(const char *text, const char **why) {
    (void)why;
    size_t length = strspn(text, LETTERS DIGITS "._-");
    return length > 0 && length <= NAME_LONGEST && text[length] == '\0';
}

// An origin has no path: one that ends in / would never equal what a browser sends.
static bool fits_origin(const char *text, const char **why) {
    if (strcmp(text, "same-host") == 0 || strcmp(text, "*") == 0) {
        return true;
    }
    size_t scheme = strspn(text, LETTERS DIGITS "+.-");
    if (scheme == 0 || strncmp(text + scheme, "://", 3) != 0) {
        *why = "the scheme is missing";
        return false;
    }
    const char *host = text + scheme + 3;
    if (strchr(host, '/')) {
        *why = "an origin has no path";
        return false;
    }
    size_t length = strspn(host, LETTERS DIGITS ".-_:[]");
    return length > 0 && host[length] == '\0' && strlen(text) <= ORIGIN_LONGEST;
}

static bool is_printable(const char *text) {
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool fits_path(const char *text, const char **why) {
    (void)why;
    return text[0] != '\0' && strlen(text) < PATH_MAX && is_printable(text);
}

static bool fits_match(const char *text, const char **why) {
    (void)why;
    return text[0] != '\0' && strlen(text) <= MATCH_LONGEST && is_printable(text);
}

const struct form form_address = {fits_address,
                                  "an address such as 127.0.0.1:8000, \"[::1]:8000\" or unix:/path"};
const struct form form_name = {fits_name, "a name of 1 to 64 characters of A-Z a-z 0-9 . _ -"};
const struct form form_origin = {fits_origin,
                                 "an origin: same-host, \"*\" or one such as https://app.example.com"};
const struct form form_plugin = {fits_path, "a plugin's name, such as memory, or a path to a .so"};
const struct form form_folder = {fits_path, "the path of a folder, such as /opt/wshub/plugins"};
const struct form form_match = {fits_match, "a channel's name of 1 to 255 bytes, with * for any part of it"};
