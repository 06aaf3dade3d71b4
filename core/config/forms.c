// SPDX-License-Identifier: MIT
#include "config/forms.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "config/keys.h"
#include "net/address.h"
#include "net/networks.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

// RFC 9110 section 5.6.2.
#define TOKEN LETTERS DIGITS "!#$%&'*+-.^_`|~"

enum {
    NAME_LONGEST = 64,
    API_KEY_SHORTEST = 16,
    API_KEY_LONGEST = 512,
    MATCH_LONGEST = 255,
    ORIGIN_LONGEST = 512
};

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

static bool fits_network(const char *text, const char **why) {
    struct network network;
    return network_parse(&network, text, why);
}

// As it can stand behind `Bearer` in a header.
static bool fits_api_key(const char *text, const char **why) {
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return false;
        }
    }
    if (length < API_KEY_SHORTEST) {
        *why = "it is too short";
    }
    return length >= API_KEY_SHORTEST && length <= API_KEY_LONGEST;
}

static bool is_of(const char *text, const char *characters) {
    size_t length = strspn(text, characters);
    return length <= NAME_LONGEST && text[length] == '\0';
}

static bool fits_parameter(const char *text, const char **why) {
    (void)why;
    return is_of(text, LETTERS DIGITS "._-");
}

static bool fits_token(const char *text, const char **why) {
    (void)why;
    return is_of(text, TOKEN);
}

const struct form form_address = {
    .fits = fits_address, .expected = "an address such as 127.0.0.1:8000, \"[::1]:8000\" or unix:/path"};
const struct form form_name = {.fits = fits_name,
                               .expected = "a name of 1 to 64 characters of A-Z a-z 0-9 . _ -"};
const struct form form_origin = {
    .fits = fits_origin, .expected = "an origin: same-host, \"*\" or one such as https://app.example.com"};
const struct form form_plugin = {.fits = fits_path,
                                 .expected = "a plugin's name, such as memory, or a path to a .so"};
const struct form form_auth = {.fits = fits_path,
                               .expected = "a plugin's name, such as jwt, or a path to a .so"};
const struct form form_folder = {.fits = fits_path,
                                 .expected = "the path of a folder, such as /opt/wshub/plugins"};
const struct form form_match = {.fits = fits_match,
                                .expected = "a channel's name of 1 to 255 bytes, with * for any part of it"};
const struct form form_network = {
    .fits = fits_network,
    .expected = "an address or a network such as 192.0.2.7, 10.0.0.0/8 or \"2001:db8::/32\", or unix"};
const struct form form_api_key = {
    .fits = fits_api_key,
    .expected = "a key of 16 to 512 printable ASCII characters without spaces, from openssl rand -hex 32 say",
    .secret = true};
const struct form form_parameter = {
    .fits = fits_parameter,
    .expected = "a name of at most 64 characters of A-Z a-z 0-9 . _ -, or \"\" for nowhere"};
const struct form form_cookie = {
    .fits = fits_token,
    .expected = "the name of a cookie: at most 64 letters, digits or !#$%&'*+-.^_`|~, or \"\" for nowhere"};
const struct form form_prefix = {
    .fits = fits_token,
    .expected =
        "the beginning of a subprotocol: at most 64 letters, digits or !#$%&'*+-.^_`|~, or \"\" for nowhere"};
