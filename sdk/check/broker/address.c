// SPDX-License-Identifier: MIT
#include "broker/address.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check_priv.h"

enum { HOST = 256, PORT = 16 };

// HOST:PORT or [HOST]:PORT.
static bool split(const char *text, char host[HOST], char port[PORT]) {
    const bool bracketed = text[0] == '[';
    const char *colon = strrchr(text, ':');
    const char *begin = text + bracketed;
    if (!colon || colon == begin || strlen(colon + 1) >= PORT) {
        return false;
    }
    const size_t length = (size_t)(colon - begin) - bracketed;
    if (length == 0 || length >= HOST || (bracketed && colon[-1] != ']')) {
        return false;
    }
    memcpy(host, begin, length);
    host[length] = '\0';
    strcpy(port, colon + 1);
    return true;
}

static bool answers(const struct sockaddr *name, socklen_t length) {
    int fd = socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool ok = fd >= 0 && connect(fd, name, length) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

const struct addrinfo *address_choose(const struct addrinfo *found) {
    for (const struct addrinfo *each = found; each && found->ai_next; each = each->ai_next) {
        if (answers(each->ai_addr, each->ai_addrlen)) {
            return each;
        }
    }
    return found;
}

void address_of_broker(struct check *check, struct address *address) {
    const char *text = check->settings.address;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char host[HOST], port[PORT];
    if (!text) {
        check_skip(check, "%s.address is not in the configuration", check->settings.section);
    }
    if (!split(text, host, port)) {
        check_fail(check, "%s.address is '%s', expected HOST:PORT", check->settings.section, text);
    }
    int error = getaddrinfo(host, port, &hints, &found);
    if (error) {
        check_fail(check, "%s.address '%s': %s", check->settings.section, text, gai_strerror(error));
    }
    const struct addrinfo *chosen = address_choose(found);
    memcpy(&address->name, chosen->ai_addr, chosen->ai_addrlen);
    address->length = chosen->ai_addrlen;
    freeaddrinfo(found);
}

bool address_answers(struct check *check) {
    struct address address;
    if (!check->settings.address) {
        return true;
    }
    address_of_broker(check, &address);
    return answers((const struct sockaddr *)&address.name, address.length);
}
