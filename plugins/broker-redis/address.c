/* SPDX-License-Identifier: MIT */
#include "address.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

bool address_of_number(struct address *address, const char *text, unsigned port) {
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char service[16];
    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(text, service, &hints, &found) != 0) {
        return false;
    }
    *address = (struct address){.length = found->ai_addrlen};
    memcpy(&address->storage, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
}

bool address_of_path(struct address *address, const char *path) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof name.sun_path) {
        return false;
    }
    strcpy(name.sun_path, path);
    *address = (struct address){.length = sizeof name};
    memcpy(&address->storage, &name, sizeof name);
    return true;
}

void address_print(const struct address *address, char *out, size_t size) {
    const struct sockaddr *name = (const struct sockaddr *)&address->storage;
    char host[64], service[16];
    if (name->sa_family == AF_UNIX) {
        snprintf(out, size, "%s", ((const struct sockaddr_un *)(const void *)name)->sun_path);
    } else if (getnameinfo(name, address->length, host, sizeof host, service, sizeof service,
                           NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        snprintf(out, size, "an address of family %d", name->sa_family);
    } else {
        snprintf(out, size, name->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, service);
    }
}
