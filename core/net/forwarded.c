// SPDX-License-Identifier: MIT
#include "net/forwarded.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

#include "net/http.h"
#include "net/networks.h"

// Takes the last element off a list, without white space around it.
static struct http_text last_element(struct http_text *list) {
    const char *comma = memrchr(list->data, ',', list->length);
    const char *start = comma ? comma + 1 : list->data, *end = list->data + list->length;
    list->length = comma ? (size_t)(comma - list->data) : 0;
    return http_text_trim((struct http_text){start, (size_t)(end - start)});
}

// Without the port that some proxies add: `192.0.2.7:1234`, `[2001:db8::1]:1234`, and the brackets alone.
static struct http_text without_port(struct http_text text) {
    const char *end = text.data + text.length;
    const char *bracket = text.length > 0 && text.data[0] == '[' ? memchr(text.data, ']', text.length) : NULL;
    const char *colon = memchr(text.data, ':', text.length);
    if (bracket && (bracket + 1 == end || bracket[1] == ':')) {
        return (struct http_text){text.data + 1, (size_t)(bracket - text.data - 1)};
    }
    if (colon && !memchr(colon + 1, ':', (size_t)(end - colon - 1))) { // one alone: no IPv6 address
        text.length = (size_t)(colon - text.data);
    }
    return text;
}

static bool read_ip(struct http_text text, struct in6_addr *ip) {
    struct network network;
    char host[INET6_ADDRSTRLEN];
    const char *why;
    text = without_port(text);
    if (text.length >= sizeof host || memchr(text.data, '/', text.length)) {
        return false;
    }
    memcpy(host, text.data, text.length);
    host[text.length] = '\0';
    // The unspecified address stands for a UNIX socket.
    if (!network_parse(&network, host, &why) || IN6_IS_ADDR_UNSPECIFIED(&network.ip)) {
        return false;
    }
    *ip = network.ip;
    return true;
}

// Walks one header. False: the client is found.
static bool walk(struct http_text list, const struct networks *trusted, struct in6_addr *client) {
    while (list.length > 0) {
        struct http_text element = last_element(&list);
        if (element.length == 0) {
            continue;
        }
        if (!networks_contain(trusted, client) || !read_ip(element, client)) {
            return false;
        }
    }
    return networks_contain(trusted, client);
}

struct in6_addr forwarded_client(const struct http_request *request, const struct networks *trusted,
                                 struct in6_addr peer) {
    struct in6_addr client = peer;
    bool more = networks_contain(trusted, &peer);
    for (size_t i = request->header_count; more && i > 0; i--) {
        const struct http_header *header = &request->headers[i - 1];
        if (http_text_is_nocase(header->name, "x-forwarded-for")) {
            more = walk(header->value, trusted, &client);
        }
    }
    return client;
}
