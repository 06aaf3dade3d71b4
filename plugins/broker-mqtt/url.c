/* SPDX-License-Identifier: MIT */
#include "url.h"

#include <stdlib.h>
#include <string.h>

const char *const URL_NO_MEMORY = "memory for it";

/* A part of the text. */
struct part {
    const char *at;
    size_t length;
};

static struct part part_of(const char *at, const char *end) {
    return (struct part){at, (size_t)(end - at)};
}

static int hex(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes %XX in place. False: a bad one, or a NUL, which no C string can hold. */
static bool decode(char *text) {
    char *out = text;
    for (; *text; text++) {
        int c = (unsigned char)*text;
        if (c == '%') {
            int high = hex(text[1]), low = high < 0 ? -1 : hex(text[2]);
            if (low < 0 || (c = high << 4 | low) == 0) {
                return false;
            }
            text += 2;
        }
        *out++ = (char)c;
    }
    *out = 0;
    return true;
}

static const char *take_decoded(char **out, struct part part, const char *expected) {
    *out = strndup(part.at, part.length);
    return !*out ? URL_NO_MEMORY : decode(*out) ? NULL : expected;
}

/* "user", or "user:password". */
static const char *take_user(struct url *url, struct part part) {
    const char *colon = memchr(part.at, ':', part.length);
    const char *end = part.at + part.length;
    struct part name = part_of(part.at, colon ? colon : end);
    if (name.length == 0) {
        return "a user name before the password, as in user:password@";
    }
    const char *wrong =
        take_decoded(&url->username, name, "a user name with %XX for what is not a letter or digit");
    if (!wrong && colon) {
        wrong = take_decoded(&url->password, part_of(colon + 1, end),
                             "a password with %XX for what is not a letter or digit");
    }
    return wrong;
}

static bool take_port(struct part part, unsigned *port) {
    unsigned value = 0;
    for (size_t i = 0; i < part.length; i++) {
        if (part.at[i] < '0' || part.at[i] > '9' ||
            (value = value * 10 + (unsigned)(part.at[i] - '0')) > 65535) {
            return false;
        }
    }
    *port = value;
    return value > 0;
}

static bool is_host(struct part name) {
    for (size_t i = 0; i < name.length; i++) {
        if (name.at[i] <= ' ' || name.at[i] == 0x7f || strchr("/?#@[]", name.at[i])) {
            return false;
        }
    }
    return name.length > 0 && name.length <= 255;
}

/* "host", "host:port" or "[address]:port", to the end of the text. */
static const char *take_server(struct url *url, const char *text) {
    static const char expected[] = "a host, and a port if need be, as in mqtt://127.0.0.1:1883";
    const char *end = text + strlen(text);
    const bool bracket = *text == '[';
    const char *stop = strchr(text, bracket ? ']' : ':');
    end = end > text && end[-1] == '/' ? end - 1 : end;
    if (bracket && !stop) {
        return expected;
    }
    struct part name = part_of(text + bracket, stop ? stop : end);
    const char *rest = stop ? stop + bracket : end;
    url->port = url->tls ? URL_PORT_TLS : URL_PORT;
    if (!is_host(name) || (rest < end && (*rest != ':' || !take_port(part_of(rest + 1, end), &url->port)))) {
        return expected;
    }
    url->host = strndup(name.at, name.length);
    return url->host ? NULL : URL_NO_MEMORY;
}

/* The user comes before the last '@': a host has none. */
static const char *take_authority(struct url *url, const char *text) {
    const char *at = strrchr(text, '@');
    const char *wrong = at ? take_user(url, part_of(text, at)) : NULL;
    return wrong ? wrong : take_server(url, at ? at + 1 : text);
}

const char *url_read(struct url *url, const char *text) {
    static const struct {
        const char *prefix;
        bool tls;
    } schemes[] = {{"mqtt://", false}, {"mqtts://", true}};
    *url = (struct url){0};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t length = strlen(schemes[i].prefix);
        if (strncmp(text, schemes[i].prefix, length) == 0) {
            url->tls = schemes[i].tls;
            const char *wrong = take_authority(url, text + length);
            if (wrong) {
                url_free(url);
            }
            return wrong;
        }
    }
    return "mqtt:// or mqtts:// with a server behind it, as in mqtt://127.0.0.1:1883";
}

void url_free(struct url *url) {
    free(url->host);
    free(url->username);
    free(url->password);
    *url = (struct url){0};
}
