// SPDX-License-Identifier: MIT
#include "serve.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/config.h"
#include "hub/addresses.h"
#include "hub/hub.h"
#include "hub/instance.h"
#include "hub/worker.h"
#include "loop/loop.h"
#include "net/address.h"
#include "net/listener.h"
#include "plugin/folders.h"
#include "plugin/plugin.h"
#include "util/buf.h"
#include "util/log.h"
#include "util/random.h"
#include "ws/upgrade.h"

// Descriptors that are no client's: for logs, brokers and health checks; for each worker's loop and mailbox.
enum { SPARE_DESCRIPTORS = 48, DESCRIPTORS_PER_WORKER = 8 };

struct server {
    struct instance instance;
    struct loop *loop; // the hub thread's, which is the main thread
    struct address *addresses;
    struct stat *files; // of those that are UNIX sockets: which file is ours
    bool all_loopback;
    int exit_code;
};

// ---- what the machine allows ----

static unsigned count_workers(const struct config *config) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t workers = config->workers ? config->workers : (uint64_t)(cores > 0 ? cores : 1);
    return workers > WORKERS_MAX ? WORKERS_MAX : (unsigned)workers;
}

static void set_connection_limit(struct instance *instance) {
    struct rlimit files;
    instance->connection_limit = instance->config->limits.connections;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) {
        return;
    }
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    uint64_t spare = SPARE_DESCRIPTORS + count_workers(instance->config) *
                                             (DESCRIPTORS_PER_WORKER + instance->config->listen.count);
    uint64_t room = files.rlim_cur > 2 * spare ? files.rlim_cur - spare : files.rlim_cur / 2;
    if (room < instance->connection_limit) {
        instance->connection_limit = room;
        log_info(instance->log, "connections limited by the limit of open files",
                 log_number("open_files", files.rlim_cur), log_number("connections", room));
    }
}

static void set_identity(struct instance *instance) {
    uint8_t random[RANDOM_ID_BYTES];
    char id[RANDOM_ID_LENGTH + 1];
    random_bytes(random, sizeof random);
    random_id_format(random, id);
    instance->hash_seed = random_u64();
    instance->started = time(NULL);
    bool automatic = strcmp(instance->config->instance_id, "auto") == 0;
    snprintf(instance->id, sizeof instance->id, "%.*s", automatic ? 16 : INSTANCE_ID_MAX,
             automatic ? id : instance->config->instance_id);
}

// ---- listeners ----

// Every worker gets a socket of its own; a UNIX socket is one for all.
static bool listen_on(struct server *server, struct address *address) {
    struct instance *instance = &server->instance;
    bool is_unix = address->storage.ss_family == AF_UNIX;
    char why[512];
    int fd = -1;
    for (unsigned i = 0; i < instance->worker_count; i++) {
        fd = is_unix && i > 0 ? dup(fd) : listener_bind(address, i == 0, why, sizeof why);
        if (fd < 0) {
            log_error(instance->log, why);
            return false;
        }
        if (!worker_listen(instance->workers[i], fd)) {
            log_error(instance->log, "out of memory");
            return false;
        }
    }
    return true;
}

static bool read_addresses(struct server *server) {
    const struct config *config = server->instance.config;
    server->addresses = calloc(config->listen.count, sizeof *server->addresses);
    server->files = calloc(config->listen.count, sizeof *server->files);
    server->all_loopback = true;
    for (size_t i = 0; server->addresses && i < config->listen.count; i++) {
        const char *why;
        if (!address_parse(&server->addresses[i], config->listen.items[i], &why)) {
            log_error(server->instance.log, "listen address is wrong",
                      log_text("address", config->listen.items[i]), log_text("reason", why));
            return false;
        }
        server->all_loopback &= address_is_loopback(&server->addresses[i]);
    }
    return server->addresses && server->files;
}

// What stands at this address, if it is a UNIX socket's; all zero otherwise.
static struct stat file_of(const struct address *address) {
    struct stat status;
    const char *path = ((const struct sockaddr_un *)&address->storage)->sun_path;
    bool found = address->storage.ss_family == AF_UNIX && lstat(path, &status) == 0;
    return found ? status : (struct stat){0};
}

// By its time as well: a new file often gets the number of the one just removed.
static bool is_same_file(const struct stat *a, const struct stat *b) {
    return a->st_ino != 0 && a->st_ino == b->st_ino && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool listen_everywhere(struct server *server) {
    for (size_t i = 0; i < server->instance.config->listen.count; i++) {
        if (!listen_on(server, &server->addresses[i])) {
            return false;
        }
        server->files[i] = file_of(&server->addresses[i]);
    }
    return true;
}

static void announce(const struct server *server) {
    const struct instance *instance = &server->instance;
    for (size_t i = 0; i < instance->config->listen.count; i++) {
        char text[ADDRESS_TEXT_SIZE];
        char url[ADDRESS_TEXT_SIZE + 16];
        address_format(&server->addresses[i], text, sizeof text);
        snprintf(url, sizeof url, "http://%s/", text);
        bool is_unix = server->addresses[i].storage.ss_family == AF_UNIX;
        log_event(instance->log, LOG_INFO, "listening",
                  (const struct log_field[]){log_text("address", text),
                                             log_number("workers", instance->worker_count),
                                             log_text("url", url)},
                  is_unix ? 2 : 3);
        if (instance->page && !is_unix) {
            printf("wshub %s  page: %s  (Ctrl-C drains and stops)\n", WSHUB_VERSION, url);
            fflush(stdout);
        }
    }
}

// A successor may have its own file there by now, which stays.
static void remove_unix_sockets(const struct server *server) {
    for (size_t i = 0; server->files && i < server->instance.config->listen.count; i++) {
        struct stat now = file_of(&server->addresses[i]);
        if (is_same_file(&server->files[i], &now)) {
            unlink(((const struct sockaddr_un *)&server->addresses[i].storage)->sun_path);
        }
    }
}

// ---- the end ----

static void on_drained(void *context, const struct hub_ending *ending) {
    struct server *server = context;
    bool clean = ending->lost_bytes == 0 && ending->unsettled == 0;
    log_event(server->instance.log, clean ? LOG_INFO : LOG_ERROR, "drained",
              (const struct log_field[]){
                  log_number("connections", ending->drained), log_number("forced", ending->forced),
                  log_number("lost_bytes", ending->lost_bytes), log_number("unsettled", ending->unsettled)},
              4);
    server->exit_code = clean ? 0 : 1;
    loop_stop(server->loop);
}

// The first signal drains, the second hurries, the third leaves everything where it stands.
static void on_signal(void *context) {
    struct server *server = context;
    if (!hub_drain(server->instance.hub)) {
        log_error(server->instance.log, "third signal: leaving at once");
        _exit(1);
    }
}

static void on_failure(void *context) {
    struct server *server = context;
    server->exit_code = 1;
    loop_stop(server->loop);
}

// Service managers send it for "read your files again", terminals when they close. Neither is a reason to
// die.
static void on_hangup(void *context) {
    struct server *server = context;
    const struct log *log = server->instance.log;
    size_t plugins = hub_reload(server->instance.hub);
    if (plugins > 0) {
        log_info(log, "SIGHUP: auth plugins read their files again; the configuration is read only at start",
                 log_number("plugins", plugins));
    } else {
        log_info(log, "SIGHUP: this version reads its configuration only at start");
    }
}

// ---- threads ----

static bool make_workers(struct server *server) {
    struct instance *instance = &server->instance;
    unsigned count = count_workers(instance->config);
    for (unsigned i = 0; i < count; i++) {
        instance->workers[i] = worker_new(instance, i);
        if (!instance->workers[i]) {
            return false;
        }
        instance->worker_count++;
    }
    return true;
}

static unsigned start_workers(struct server *server) {
    unsigned started = 0;
    while (started < server->instance.worker_count && worker_start(server->instance.workers[started])) {
        started++;
    }
    return started;
}

static bool load_plugin(struct plugin *plugin, const char *name, const struct config *config,
                        struct buf *why) {
    struct folders folders;
    if (!folders_make(&folders, &config->plugin_path)) {
        buf_puts(why, "out of memory");
        return false;
    }
    bool loaded = plugin_load(plugin, name, folders.items, folders.count, why);
    folders_free(&folders);
    return loaded;
}

// Before any other thread, a plugin's too, so that none of them gets these. A signal that comes after the end
// stays pending: it has nothing left to ask for.
static bool take_signals(struct server *server) {
    return loop_on_signal(server->loop, SIGTERM, on_signal, server) == 0 &&
           loop_on_signal(server->loop, SIGINT, on_signal, server) == 0 &&
           loop_on_signal(server->loop, SIGHUP, on_hangup, server) == 0;
}

static bool set_up(struct server *server) {
    struct instance *instance = &server->instance;
    const struct config *config = instance->config;
    if (!upgrade_self_test()) {
        log_error(instance->log,
                  "OpenSSL does not compute SHA-1, which the WebSocket handshake needs: RFC 6455 4.2.2");
        return false;
    }
    server->loop = loop_new();
    if (!server->loop || !take_signals(server) || !read_addresses(server)) {
        return false;
    }
    instance->page =
        config->page == CONFIG_PAGE_ON || (config->page == CONFIG_PAGE_AUTO && server->all_loopback);
    if (config->limits.connections_per_address > 0) {
        instance->addresses = addresses_new(config->limits.connections_per_address, instance->hash_seed);
        if (!instance->addresses) {
            return false;
        }
    }
    if (!networks_init(&instance->proxies, config->proxies.trusted.items, config->proxies.trusted.count)) {
        return false;
    }
    instance->hub = hub_new(server->loop, instance);
    if (!instance->hub) {
        return false;
    }
    hub_on_drained(instance->hub, on_drained, server);
    return make_workers(server) && hub_start(instance->hub, load_plugin, on_failure, server) &&
           listen_everywhere(server);
}

static void run(struct server *server) {
    unsigned started = start_workers(server);
    if (started == server->instance.worker_count) {
        announce(server);
        loop_run(server->loop);
    }
    for (unsigned i = 0; i < started; i++) {
        worker_join(server->instance.workers[i]);
    }
}

int serve(const struct config *config, const struct log *log) {
    struct server server = {.exit_code = 1};
    struct instance *instance = &server.instance;
    instance->config = config;
    instance->log = log;
    signal(SIGPIPE, SIG_IGN);
    set_identity(instance);
    set_connection_limit(instance);
    if (set_up(&server)) {
        run(&server);
    }
    hub_free(instance->hub);
    for (unsigned i = 0; i < instance->worker_count; i++) {
        worker_free(instance->workers[i]);
    }
    loop_free(server.loop);
    remove_unix_sockets(&server);
    addresses_free(instance->addresses);
    networks_free(&instance->proxies);
    free(server.addresses);
    free(server.files);
    return server.exit_code;
}
