// SPDX-License-Identifier: MIT
// hold: connections with channels that stay while somebody else does something to the server or its broker.
// "holding" on stdout says that all is there. It goes on answering until stdin ends, which it also does when
// the one that started it dies.
#include "load/load.h"

#include <poll.h>
#include <stdio.h>

enum { TURN_MS = 50, LAST_WORDS_MS = 500 };

static bool stdin_ended(void) {
    char ignored[64];
    struct pollfd readable = {.fd = 0, .events = POLLIN};
    return poll(&readable, 1, 0) > 0 && fgets(ignored, sizeof ignored, stdin) == NULL;
}

int scenario_hold(struct load *load) {
    const struct load_options *options = &load->options;
    uint32_t connections = (uint32_t)options->connections;
    uint32_t channels = connections * (uint32_t)options->per_connection;
    if (client_connect(&load->client, connections, CLIENT_NO_CHANNEL, (uint32_t)options->in_flight) < 0 ||
        load_subscribe(load, 0, channels) < 0)
        return -1;
    load->client.expects_gaps = true;
    puts("holding");
    fflush(stdout);
    while (!stdin_ended())
        if (client_turn(&load->client, TURN_MS) < 0 ||
            client_check_deadline(&load->client, "the end of stdin") < 0)
            return -1;
    if (client_idle(&load->client, LAST_WORDS_MS) < 0)
        return -1;
    report_number(load->report, "connections", connections);
    report_number(load->report, "channels", channels);
    report_number(load->report, "gaps", (double)load->client.gaps);
    return 0;
}
