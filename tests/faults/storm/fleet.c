// SPDX-License-Identifier: MIT
#include "storm/fleet.h"

#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load/clock.h"

#define MS UINT64_C(1000000)
enum { START_MS = 30000, END_MS = 15000, STEP_US = 5000 };

static const char readyz[] = "GET /readyz HTTP/1.1\r\nHost: storm\r\nConnection: close\r\n\r\n";

static int complain(const char *what, const char *about) {
    fprintf(stderr, "wshub-storm: %s%s\n", what, about);
    return -1;
}

static const char *program(const char *variable, const char *unsaid) {
    const char *named = getenv(variable);
    return named && *named ? named : unsaid;
}

static bool on_disk(const struct fleet *fleet) {
    return strcmp(fleet->options->persist, "none") != 0;
}

// ---- brokers ----

enum { TEXT_PORT, TEXT_CONFIG, TEXT_PRELOAD, TEXT_CLOCK }; // of server.texts

// In a network of its own behind `nsenter`, and with --clock behind `env`, which preloads the library. Both
// are gone by then: the pid is the program's.
static void arguments_set(const struct fleet *fleet, struct server *server, const char *const *arguments) {
    const struct netns *netns = &fleet->networks[fleet->broker_count];
    size_t count = 0;
    if (strcmp(server->address, netns->address) == 0) {
        const char *const words[] = {"nsenter", "-t", netns->pid, "-n"};
        for (; count < sizeof words / sizeof *words; count++)
            server->arguments[count] = words[count];
    }
    if (fleet->options->clock) {
        snprintf(server->clock, sizeof server->clock, "%s/%s.clock", fleet->folder, server->name);
        snprintf(server->texts[TEXT_PRELOAD], SERVER_PATH, "LD_PRELOAD=%s", fleet->options->clock);
        snprintf(server->texts[TEXT_CLOCK], SERVER_PATH, "STORM_CLOCK=%s/%s.clock", fleet->folder,
                 server->name);
        server->arguments[count++] = "env";
        server->arguments[count++] = server->texts[TEXT_PRELOAD];
        server->arguments[count++] = server->texts[TEXT_CLOCK];
    }
    for (size_t i = 0; arguments[i] && count + 1 < SERVER_ARGUMENTS; i++)
        server->arguments[count++] = arguments[i];
}

static FILE *config_open(struct fleet *fleet, struct server *server, char *path) {
    snprintf(path, SERVER_PATH, "%s/%s.conf", fleet->folder, server->name);
    return fopen(path, "w");
}

static int redis_prepare(struct fleet *fleet, struct server *server) {
    snprintf(server->texts[TEXT_PORT], SERVER_PATH, "%u", server->port);
    const char *const arguments[] = {
        program("WSHUB_REDIS_BIN", "redis-server"),
        "--port",
        server->texts[TEXT_PORT],
        "--bind",
        server->address,
        "--protected-mode",
        "no",
        "--save",
        "",
        "--dir",
        fleet->folder,
        "--appendonly",
        on_disk(fleet) ? "yes" : "no",
        "--appendfsync",
        on_disk(fleet) ? fleet->options->persist : "no",
        NULL,
    };
    arguments_set(fleet, server, arguments);
    server->words = (struct probe_words){"PING\r\n", "+PONG"};
    return 0;
}

static int nats_prepare(struct fleet *fleet, struct server *server) {
    FILE *file = config_open(fleet, server, server->texts[TEXT_CONFIG]);
    if (!file)
        return complain("cannot write to ", fleet->folder);
    fprintf(file,
            "listen: \"%s:%u\"\n"
            "jetstream: { store_dir: \"%s/jetstream\", max_mem: 1GB, max_file: 4GB }\n",
            server->address, server->port, fleet->folder);
    fclose(file);
    const char *const arguments[] = {program("WSHUB_NATS_BIN", "nats-server"), "-c",
                                     server->texts[TEXT_CONFIG], NULL};
    arguments_set(fleet, server, arguments);
    server->words = (struct probe_words){NULL, "INFO"};
    return 0;
}

static int mosquitto_prepare(struct fleet *fleet, struct server *server) {
    FILE *file = config_open(fleet, server, server->texts[TEXT_CONFIG]);
    if (!file)
        return complain("cannot write to ", fleet->folder);
    fprintf(file,
            "user root\npersistence %s\nautosave_interval 1\npersistence_location %s/\n"
            "max_queued_messages 1000000\nlistener %u %s\nallow_anonymous true\n",
            on_disk(fleet) ? "true" : "false", fleet->folder, server->port, server->address);
    fclose(file);
    const char *found = access("/usr/sbin/mosquitto", X_OK) == 0 ? "/usr/sbin/mosquitto" : "mosquitto";
    const char *const arguments[] = {program("WSHUB_MOSQUITTO_BIN", found), "-c", server->texts[TEXT_CONFIG],
                                     NULL};
    arguments_set(fleet, server, arguments);
    server->words = (struct probe_words){NULL, NULL};
    return 0;
}

static const struct broker {
    const char *name, *scheme, *plugin;
    int (*prepare)(struct fleet *fleet, struct server *server);
} broker_kinds[BROKER_KINDS] = {
    [BROKER_NONE] = {"memory", "", "memory", NULL},
    [BROKER_REDIS] = {"redis", "redis", "redis", redis_prepare},
    [BROKER_NATS] = {"nats", "nats", "nats", nats_prepare},
    [BROKER_MQTT] = {"mosquitto", "mqtt", "mqtt", mosquitto_prepare},
};

static void server_name(struct fleet *fleet, struct server *server, const char *name) {
    snprintf(server->name, sizeof server->name, "%s", name);
    snprintf(server->address, sizeof server->address, "127.0.0.1");
    snprintf(server->log, sizeof server->log, "%s/%s.log", fleet->folder, server->name);
    server->port = server_free_port();
}

static int broker_add(struct fleet *fleet, enum broker_kind kind) {
    struct server *server = &fleet->brokers[fleet->broker_count];
    const struct broker *broker = &broker_kinds[kind];
    struct netns *netns = &fleet->networks[fleet->broker_count];
    server_name(fleet, server, broker->name);
    if (fleet->apart && netns_add(netns, fleet->broker_count) < 0)
        return complain("cannot make a network for ", broker->name);
    if (fleet->apart)
        memcpy(server->address, netns->address, sizeof server->address);
    fleet->kinds[fleet->broker_count] = kind;
    if (broker->prepare(fleet, server) < 0 || server_start(server) < 0)
        return complain("cannot start ", broker->name);
    if (fleet->relayed && relay_start(&fleet->relays[fleet->broker_count], server->port) < 0)
        return complain("cannot start a relay before ", broker->name);
    fleet->broker_count++;
    return 0;
}

static int brokers_add(struct fleet *fleet) {
    enum broker_kind live = fleet->backend->live, history = fleet->backend->history;
    if (live != BROKER_NONE && broker_add(fleet, live) < 0)
        return -1;
    bool via = fleet->options->history && history != live && history != BROKER_NONE;
    return via ? broker_add(fleet, history) : 0;
}

// ---- hubs ----

// Options by which a plugin knows that what its server has confirmed outlives the server's process.
static const char *durable(const struct fleet *fleet, enum broker_kind kind) {
    if (kind == BROKER_NATS && on_disk(fleet))
        return ", jetstream: file";
    if (kind == BROKER_REDIS && fleet->options->history && strcmp(fleet->options->persist, "always") == 0)
        return ", restarts: lossless";
    return "";
}

static void write_brokers(const struct fleet *fleet, FILE *file) {
    fprintf(file, "brokers:\n");
    if (fleet->broker_count == 0)
        fprintf(file, "  - {name: live, plugin: memory}\n");
    for (unsigned i = 0; i < fleet->broker_count; i++) {
        const struct server *server = &fleet->brokers[i];
        const struct broker *broker = &broker_kinds[fleet->kinds[i]];
        fprintf(file, "  - {name: %s, plugin: %s, options: {url: \"%s://%s:%u\"%s}}\n", i ? "kept" : "live",
                broker->plugin, broker->scheme, server->address,
                fleet->relayed ? fleet->relays[i].port : server->port, durable(fleet, fleet->kinds[i]));
    }
}

static void write_channels(const struct fleet *fleet, FILE *file) {
    const struct storm_options *options = fleet->options;
    fprintf(file, "channels:\n  - match: \"storm:*\"\n");
    if (!options->history)
        return;
    fprintf(file, "    history: {size: %" PRIu64 ", ttl: 1h%s}\n", options->history_size,
            fleet->broker_count > 1 ? ", via: kept" : "");
    fprintf(file, "recovery: {messages: %" PRIu64 ", check: %" PRIu64 "ms}\n", options->history_size,
            options->check_ms);
}

static int hub_configure(const struct fleet *fleet, const struct server *server, const char *path) {
    const struct storm_options *options = fleet->options;
    FILE *file = fopen(path, "w");
    if (!file)
        return complain("cannot write ", path);
    fprintf(file, "listen: \"%s:%u\"\nauth: none\nworkers: %" PRIu64 "\ninstance_id: %s\n", server->address,
            server->port, options->workers, server->name);
    write_brokers(fleet, file);
    write_channels(fleet, file);
    fprintf(file,
            "limits: {outbox: %" PRIu64 "B, channels_per_connection: 1000}\n"
            "timeouts: {broker: %" PRIu64 "ms}\n"
            "registry: {instance_ttl: %" PRIu64 "ms, heartbeat: %" PRIu64 "ms, connection_ttl: 10s}\n"
            "drain: {delay: 0s, window: %" PRIu64 "ms, timeout: %" PRIu64 "ms}\n",
            options->outbox, options->broker_timeout_ms, options->instance_ttl_ms,
            options->instance_ttl_ms / 4, options->drain_ms, options->drain_ms + 5000);
    return fclose(file) == 0 ? 0 : complain("cannot write ", path);
}

static int hub_add(struct fleet *fleet) {
    struct server *server = &fleet->hubs[fleet->hub_count];
    char name[16];
    snprintf(name, sizeof name, "hub-%u", ++fleet->hub_count);
    server_name(fleet, server, name);
    snprintf(server->texts[TEXT_CONFIG], SERVER_PATH, "%s/%s.yaml", fleet->folder, name);
    const char *const arguments[] = {fleet->options->hub, "serve", "-c", server->texts[TEXT_CONFIG], NULL};
    arguments_set(fleet, server, arguments);
    server->words = (struct probe_words){readyz, "HTTP/1.1 200"};
    server->strict = true;
    if (hub_configure(fleet, server, server->texts[TEXT_CONFIG]) < 0)
        return -1;
    return server_start(server) < 0 ? complain("cannot start ", fleet->options->hub) : 0;
}

static int hub_given(struct fleet *fleet, const char *word) {
    struct server *server = &fleet->hubs[fleet->hub_count];
    unsigned port = 0;
    if (fleet->hub_count == FLEET_HUBS || sscanf(word, "%15[0-9.]:%u", server->address, &port) != 2 ||
        port == 0 || port > UINT16_MAX)
        return complain("--url: expected ADDRESS:PORT, found ", word);
    server->port = (uint16_t)port;
    server->ready = true;
    snprintf(server->name, sizeof server->name, "hub-%u", ++fleet->hub_count);
    return 0;
}

static int hubs_given(struct fleet *fleet, const char *list) {
    char words[512];
    snprintf(words, sizeof words, "%s", list);
    for (char *rest = words, *word; (word = strsep(&rest, ","));)
        if (hub_given(fleet, word) < 0)
            return -1;
    return 0;
}

// ---- all ----

bool fleet_all_ready(const struct fleet *fleet) {
    for (unsigned i = 0; i < fleet->broker_count; i++)
        if (!fleet->brokers[i].ready)
            return false;
    for (unsigned i = 0; i < fleet->hub_count; i++)
        if (!fleet->hubs[i].ready)
            return false;
    return true;
}

void fleet_doubt(struct fleet *fleet) {
    for (unsigned i = 0; i < fleet->hub_count && fleet->ours; i++)
        fleet->hubs[i].ready = false;
}

static void tick_one(struct fleet *fleet, struct server *server, uint64_t now_ns) {
    if (server_tick(server, now_ns) || fleet->ended[0])
        return;
    int status = server->process.status;
    snprintf(fleet->ended, sizeof fleet->ended, "%.15s ended %s, %s %d", server->name,
             server->wanted ? "by itself" : "badly", WIFSIGNALED(status) ? "signal" : "status",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

void fleet_tick(struct fleet *fleet, uint64_t now_ns) {
    for (unsigned i = 0; i < fleet->broker_count; i++)
        tick_one(fleet, &fleet->brokers[i], now_ns);
    for (unsigned i = 0; i < fleet->hub_count; i++)
        tick_one(fleet, &fleet->hubs[i], now_ns);
}

static int wait_until_ready(struct fleet *fleet) {
    uint64_t until = clock_now_ns() + START_MS * MS;
    while (!fleet_all_ready(fleet)) {
        fleet_tick(fleet, clock_now_ns());
        if (fleet->ended[0])
            return complain("at the start: ", fleet->ended);
        if (clock_now_ns() > until)
            return complain("not all servers are ready after 30 s; see ", fleet->folder);
        usleep(STEP_US);
    }
    return 0;
}

// A sanitizer's report shall not look like a hub that had to cut a client.
static void mark_sanitizers(void) {
    static const char *const names[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"};
    char options[1024];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *before = getenv(names[i]);
        snprintf(options, sizeof options, "%s%sexitcode=99", before ? before : "", before ? ":" : "");
        setenv(names[i], options, 1);
    }
}

int fleet_start(struct fleet *fleet, const struct storm_options *options, const struct backend *backend,
                bool relayed, bool apart) {
    *fleet = (struct fleet){.options = options, .backend = backend, .ours = !options->url};
    fleet->relayed = relayed;
    fleet->apart = apart;
    if (options->url)
        return hubs_given(fleet, options->url);
    snprintf(fleet->folder, sizeof fleet->folder, "%s/wshub-storm-XXXXXX", options->folder);
    if (!mkdtemp(fleet->folder))
        return complain("cannot make a folder in ", options->folder);
    if (brokers_add(fleet) < 0 || wait_until_ready(fleet) < 0)
        return -1;
    mark_sanitizers();
    for (uint64_t i = 0; i < options->instances; i++)
        if (hub_add(fleet) < 0)
            return -1;
    return wait_until_ready(fleet);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

unsigned fleet_cut_drains(const struct fleet *fleet) {
    unsigned cut = 0;
    for (unsigned i = 0; i < fleet->hub_count; i++)
        cut += fleet->hubs[i].cut + server_was_cut(&fleet->hubs[i]);
    return cut;
}

static bool hubs_run(struct fleet *fleet) {
    for (unsigned i = 0; i < fleet->hub_count; i++)
        if (fleet->hubs[i].process.pid)
            return true;
    return false;
}

void fleet_end_hubs(struct fleet *fleet) {
    uint64_t until = clock_now_ns() + END_MS * MS;
    for (unsigned i = 0; i < fleet->hub_count && fleet->ours; i++)
        if (fleet->hubs[i].process.pid)
            server_end(&fleet->hubs[i], SIGTERM);
    while (fleet->ours && hubs_run(fleet) && clock_now_ns() < until) {
        fleet_tick(fleet, clock_now_ns());
        usleep(STEP_US);
    }
    if (fleet->ours && hubs_run(fleet) && !fleet->ended[0])
        snprintf(fleet->ended, sizeof fleet->ended, "a hub does not end");
}

void fleet_stop(struct fleet *fleet, bool keep) {
    for (unsigned i = 0; i < fleet->hub_count && fleet->ours; i++)
        server_stop(&fleet->hubs[i]);
    for (unsigned i = 0; i < fleet->broker_count; i++) {
        server_stop(&fleet->brokers[i]);
        relay_stop(&fleet->relays[i]);
        netns_remove(&fleet->networks[i]);
    }
    if (fleet->folder[0] && !keep)
        nftw(fleet->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    else if (fleet->folder[0])
        fprintf(stderr, "wshub-storm: configurations and logs are in %s\n", fleet->folder);
}

bool fleet_cut(struct fleet *fleet) {
    for (unsigned i = 0; i < fleet->broker_count && fleet->relayed; i++)
        relay_cut(&fleet->relays[i]);
    return fleet->relayed && fleet->broker_count > 0;
}

void fleet_link(const struct fleet *fleet, bool up) {
    for (unsigned i = 0; i < fleet->broker_count && fleet->apart; i++)
        netns_link(&fleet->networks[i], up);
}

bool fleet_shift_clock(const struct fleet *fleet, const struct server *server, int64_t seconds) {
    char path[SERVER_PATH + 8];
    snprintf(path, sizeof path, "%s.new", server->clock);
    FILE *file = fleet->options->clock && fleet->ours ? fopen(path, "w") : NULL;
    if (!file)
        return false;
    fprintf(file, "%" PRId64 "\n", seconds);
    return fclose(file) == 0 && rename(path, server->clock) == 0;
}
