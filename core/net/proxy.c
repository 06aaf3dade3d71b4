// SPDX-License-Identifier: MIT
#include "net/proxy.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

static enum proxy_result refuse(struct proxy_header *header, const char *why) {
    header->why = why;
    return PROXY_WRONG;
}

static struct in6_addr mapped(const void *v4) {
    struct in6_addr ip = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(ip.s6_addr + 12, v4, 4);
    return ip;
}

// ---- version 1: PROXY TCP4 192.0.2.7 198.51.100.1 35646 80\r\n ----

static const char v1_start[] = "PROXY ";
enum { V1_START = sizeof v1_start - 1, V1_FIELDS = 5 };

// The next word of a line whose words stand behind single spaces. False: there is none, or it is too long to
// be right.
static bool next_word(const char **line, const char *end, char word[INET6_ADDRSTRLEN]) {
    const char *space = memchr(*line, ' ', (size_t)(end - *line));
    size_t length = (size_t)((space ? space : end) - *line);
    if (length == 0 || length >= INET6_ADDRSTRLEN || memchr(*line, '\0', length)) {
        return false;
    }
    memcpy(word, *line, length);
    word[length] = '\0';
    *line = space ? space + 1 : end;
    return true;
}

static bool is_port(const char *text) {
    unsigned value = 0;
    size_t digits = strspn(text, "0123456789");
    for (size_t i = 0; i < digits && i < 5; i++) {
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    return digits > 0 && digits <= 5 && text[digits] == '\0' && value <= 65535 &&
           (text[0] != '0' || digits == 1);
}

static bool read_ip(int family, const char *text, struct in6_addr *ip) {
    struct in_addr v4;
    if (family == AF_INET6) {
        return inet_pton(AF_INET6, text, ip) == 1;
    }
    if (inet_pton(AF_INET, text, &v4) != 1) {
        return false;
    }
    *ip = mapped(&v4);
    return true;
}

// From the protocol on, without CRLF.
static bool read_line(const char *line, const char *end, struct in6_addr *source) {
    char words[V1_FIELDS][INET6_ADDRSTRLEN];
    struct in6_addr destination;
    if (!next_word(&line, end, words[0])) {
        return false;
    }
    if (strcmp(words[0], "UNKNOWN") == 0) {
        return true; // whatever follows
    }
    int family = strcmp(words[0], "TCP4") == 0 ? AF_INET : AF_INET6;
    if (family == AF_INET6 && strcmp(words[0], "TCP6") != 0) {
        return false;
    }
    for (size_t i = 1; i < V1_FIELDS; i++) {
        if (!next_word(&line, end, words[i])) {
            return false;
        }
    }
    return line == end && end[-1] != ' ' && read_ip(family, words[1], source) &&
           read_ip(family, words[2], &destination) && is_port(words[3]) && is_port(words[4]);
}

static enum proxy_result take_v1(struct proxy_header *header) {
    const char *line = (const char *)header->bytes;
    size_t length = header->length;
    if (line[length - 1] != '\n') {
        return length < PROXY_V1_MAX
                   ? PROXY_MORE
                   : refuse(header, "The line of its PROXY protocol header is longer than 107 bytes.");
    }
    struct in6_addr source = {0};
    if (length < V1_START + 2 || line[length - 2] != '\r' ||
        !read_line(line + V1_START, line + length - 2, &source)) {
        return refuse(header, "The line of its PROXY protocol header cannot be read.");
    }
    header->source = source;
    return PROXY_DONE;
}

// ---- version 2: a signature, version and command, family and transport, the length of what follows ----

static const uint8_t v2_start[] = {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};
enum { V2_START = sizeof v2_start, V2_FIXED = V2_START + 4 };
enum { V2_LOCAL = 0, V2_PROXY = 1 };       // commands
enum { V2_STREAM = 1, V2_TRANSPORTS = 3 }; // beside them there are unspecified ones and datagrams

// Two addresses and two ports; those of UNIX sockets are two paths.
static const struct family {
    uint8_t addresses; // bytes that a header of this family has at least
    uint8_t ip;        // of these, of the source's IP address, which come first; 0: it has none
} families[] = {{0, 0}, {12, 4}, {36, 16}, {216, 0}};
enum { V2_FAMILIES = sizeof families / sizeof families[0] };

// The bytes that are kept of such a header: the fixed ones, and those of the source's address.
static size_t kept_of(const struct proxy_header *header) {
    bool is_local = (header->bytes[V2_START] & 0xf) == V2_LOCAL;
    bool is_stream = (header->bytes[V2_START + 1] & 0xf) == V2_STREAM;
    return is_local || !is_stream ? 0 : families[header->bytes[V2_START + 1] >> 4].ip;
}

static const char *check_v2(const uint8_t *fixed, size_t rest) {
    unsigned command = fixed[0] & 0xf, family = fixed[1] >> 4, transport = fixed[1] & 0xf;
    if (fixed[0] >> 4 != 2) {
        return "Its PROXY protocol header is of another version than 1 and 2.";
    }
    if (command > V2_PROXY || family >= V2_FAMILIES || transport >= V2_TRANSPORTS) {
        return "Its PROXY protocol header has a command or a family that is not defined.";
    }
    if (rest > PROXY_V2_MAX - V2_FIXED) {
        return "Its PROXY protocol header is longer than 4096 bytes.";
    }
    if (command == V2_PROXY && transport != 0 && rest < families[family].addresses) {
        return "Its PROXY protocol header is too short for its addresses.";
    }
    return NULL;
}

static void read_v2(struct proxy_header *header) {
    const uint8_t *ip = header->bytes + V2_FIXED;
    if (header->length == V2_FIXED + 4) {
        header->source = mapped(ip);
    } else if (header->length == V2_FIXED + 16) {
        memcpy(&header->source, ip, sizeof header->source);
    }
}

static enum proxy_result take_v2(struct proxy_header *header) {
    if (header->length < V2_FIXED) {
        return PROXY_MORE;
    }
    const uint8_t *fixed = header->bytes + V2_START;
    size_t rest = (size_t)fixed[2] << 8 | fixed[3];
    const char *why = header->length == V2_FIXED ? check_v2(fixed, rest) : NULL;
    if (why) {
        return refuse(header, why);
    }
    size_t kept = kept_of(header);
    if (header->length < V2_FIXED + kept) {
        return PROXY_MORE;
    }
    read_v2(header);
    header->skip = (uint16_t)(rest - kept);
    return header->skip == 0 ? PROXY_DONE : PROXY_MORE;
}

// ---- both ----

static enum proxy_result take(struct proxy_header *header, uint8_t byte) {
    size_t at = header->length;
    bool is_v1 = (at == 0 ? byte : header->bytes[0]) == 'P';
    const uint8_t *start = is_v1 ? (const uint8_t *)v1_start : v2_start;
    size_t start_length = is_v1 ? (size_t)V1_START : (size_t)V2_START;
    if (at < start_length && byte != start[at]) {
        return refuse(header, "It does not begin with a PROXY protocol header.");
    }
    header->bytes[header->length++] = byte;
    if (header->length <= start_length) {
        return PROXY_MORE;
    }
    return is_v1 ? take_v1(header) : take_v2(header);
}

enum proxy_result proxy_feed(struct proxy_header *header, const char *data, size_t length, size_t *used) {
    enum proxy_result result = PROXY_MORE;
    *used = 0;
    while (result == PROXY_MORE && *used < length) {
        size_t left = length - *used, step = header->skip < left ? header->skip : left;
        if (step == 0) {
            result = take(header, (uint8_t)data[(*used)++]);
            continue;
        }
        *used += step;
        header->skip = (uint16_t)(header->skip - step);
        result = header->skip == 0 ? PROXY_DONE : PROXY_MORE;
    }
    return result;
}
