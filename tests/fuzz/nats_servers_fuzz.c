// SPDX-License-Identifier: MIT
// Fuzzes the url of the nats plugin, and what servers tell of each other.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pieces.h"
#include "servers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_all(const struct servers *servers) {
    FUZZ_CHECK(servers->count <= SERVERS_MOST);
    for (unsigned i = 0; i < servers->count; i++) {
        const struct server *server = &servers->all[i];
        char place[SERVER_PLACE];
        FUZZ_CHECK(*server->host && server->port > 0 && server->port < 65536);
        FUZZ_CHECK(!server->password || server->user);
        server_print(server, place);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct servers servers = {0}, told = {0};
    char *text = malloc(size + 1);
    FUZZ_CHECK(text);
    memcpy(text, data, size);
    text[size] = 0;
    if (!servers_read(&servers, text)) {
        FUZZ_CHECK(servers.count > 0);
        check_all(&servers);
    }
    servers_free(&servers);
    FUZZ_CHECK(!servers_read(&told, "nats://127.0.0.1"));
    servers_add(&told, text);
    check_all(&told);
    servers_free(&told);
    free(text);
    return 0;
}
