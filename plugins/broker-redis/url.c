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

static char *copy(struct part part) {
    return strndup(part.at, part.length);
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
    *out = copy(part);
    return !*out ? URL_NO_MEMORY : decode(*out) ? NULL : expected;
}

/* A whole number of at most `most`; false: it is none. */
static bool take_number(struct part part, unsigned most, unsigned *out) {
    unsigned value = 0;
    for (size_t i = 0; i < part.length; i++) {
        if (part.at[i] < '0' || part.at[i] > '9') {
            return false;
        }
        value = value * 10 + (unsigned)(part.at[i] - '0');
        if (value > most) {
            return false;
        }
    }
    *out = value;
    return part.length > 0;
}

static const char *take_database(struct url *url, struct part part) {
    unsigned number;
    if (!take_number(part, URL_DATABASE_MOST, &number)) {
        return "the number of a database after the host, as in redis://127.0.0.1:6379/0";
    }
    url->database = (int)number;
    return NULL;
}

/* "user", "user:password" or ":password". */
static const char *take_user(struct url *url, struct part part) {
    const char *colon = memchr(part.at, ':', part.length);
    const char *end = part.at + part.length;
    const char *wrong = NULL;
    struct part name = part_of(part.at, colon ? colon : end);
    if (name.length) {
        wrong = take_decoded(&url->username, name, "a user name with %XX for what is not a letter or digit");
    }
    if (!wrong && colon) {
        wrong = take_decoded(&url->password, part_of(colon + 1, end),
                             "a password with %XX for what is not a letter or digit");
    }
    return !wrong && url->username && !url->password ? "a password behind the user name, as in user:password@"
                                                     : wrong;
}

bool url_read_place(const char *text, size_t length, unsigned fallback, char **host, unsigned *port) {
    const char *end = text + length;
    const bool bracket = length > 0 && text[0] == '[';
    const char *stop = memchr(text, bracket ? ']' : ':', length);
    if (bracket && !stop) {
        return false;
    }
    struct part name = part_of(text + bracket, stop ? stop : end);
    const char *rest = stop ? stop + bracket : end;
    *port = fallback;
    if (rest < end && (*rest != ':' || !take_number(part_of(rest + 1, end), 65535, port) || *port == 0)) {
        return false;
    }
    if (name.length == 0 || name.length > 255) {
        return false;
    }
    for (size_t i = 0; i < name.length; i++) {
        if (name.at[i] <= ' ' || name.at[i] == 0x7f || strchr("/?#@[]", name.at[i])) {
            return false;
        }
    }
    return (*host = copy(name)) != NULL;
}

static const char *take_server(struct url *url, struct part rest) {
    const char *end = rest.at + rest.length;
    const char *slash = memchr(rest.at, '/', rest.length);
    struct part place = part_of(rest.at, slash ? slash : end);
    if (!url_read_place(place.at, place.length, URL_PORT, &url->host, &url->port)) {
        return "a host and a port, as in redis://127.0.0.1:6379";
    }
    return slash && slash + 1 < end ? take_database(url, part_of(slash + 1, end)) : NULL;
}

static const char *take_path(struct url *url, struct part rest) {
    static const char key[] = "db=";
    const char *end = rest.at + rest.length;
    const char *question = memchr(rest.at, '?', rest.length);
    if (rest.length == 0 || rest.at[0] != '/') {
        return "an absolute path behind unix://, as in unix:///run/redis/redis.sock";
    }
    const char *wrong = take_decoded(&url->host, part_of(rest.at, question ? question : end),
                                     "a path with %XX for what is not a letter or digit");
    if (wrong || !question) {
        return wrong;
    }
    if (strncmp(question + 1, key, strlen(key)) != 0) {
        return "nothing but db=NUMBER behind the path of the socket";
    }
    return take_database(url, part_of(question + 1 + strlen(key), end));
}

/* The user comes before the last '@' of what stands before the first '/': a host has none of them. */
static const char *take_authority(struct url *url, const char *text) {
    const char *slash = strchr(text, '/');
    struct part before = part_of(text, slash ? slash : text + strlen(text));
    const char *at = memrchr(before.at, '@', before.length);
    const char *wrong = at ? take_user(url, part_of(text, at)) : NULL;
    const char *rest = at ? at + 1 : text;
    if (wrong) {
        return wrong;
    }
    struct part place = {rest, strlen(rest)};
    return url->unix_socket ? take_path(url, place) : take_server(url, place);
}

const char *url_read(struct url *url, const char *text) {
    static const struct {
        const char *prefix;
        bool unix_socket, tls;
    } schemes[] = {{"redis://", false, false}, {"rediss://", false, true}, {"unix://", true, false}};
    *url = (struct url){.database = URL_NO_DATABASE};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t length = strlen(schemes[i].prefix);
        if (strncmp(text, schemes[i].prefix, length) == 0) {
            url->unix_socket = schemes[i].unix_socket;
            url->tls = schemes[i].tls;
            const char *wrong = take_authority(url, text + length);
            if (wrong) {
                url_free(url);
            }
            return wrong;
        }
    }
    return "redis://, rediss:// or unix:// with a server behind it, as in redis://127.0.0.1:6379";
}

void url_free(struct url *url) {
    free(url->host);
    free(url->username);
    free(url->password);
    *url = (struct url){.database = URL_NO_DATABASE};
}
