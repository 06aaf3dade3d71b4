/* SPDX-License-Identifier: MIT
 * A broker for the wshub instances of one machine, without a server: they meet in a folder.
 *
 * Each has a datagram socket there. To publish is to send to all of them, and a message is taken once they
 * all have it; the kernel keeps datagrams whole and in order. An instance delivers of it what it has
 * subscribed.
 *
 * A socket that is full is tried again each millisecond, before anything else is sent. One that stays full
 * belongs to an instance that hangs: its file is deleted. Whose file is gone says so (link), and joins anew.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <glob.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <wshub/envelope.h>
#include <wshub/wshub.h>

enum {
    LOOK = 500,               /* ms between two looks at one's own file */
    AGAIN = 1,                /* ms until a socket that is full is tried again */
    TRIES = 2000,             /* and how often */
    BATCH = 64,               /* datagrams that are read before others have their turn */
    PAYLOAD_MOST = 128 << 10, /* bytes: what the buffer of a socket has room for */
    PACKET_MOST = 255 + 1 + WSHUB_ENVELOPE_HEAD + WSHUB_ENVELOPE_MOST + PAYLOAD_MOST,
    WAITING_MOST = 64 << 20, /* bytes of all packets */
};

struct packet { /* a message that not everybody has yet */
    STAILQ_ENTRY(packet) next;
    wshub_token token;
    struct sockaddr_un last; /* everybody up to this one has it, in the order of their names */
    unsigned tries;          /* with the next one */
    size_t length;
    char bytes[]; /* channel, a NUL, envelope, payload */
};

struct member { /* this instance */
    const struct wshub_host *host;
    const char *folder;
    struct wshub_timer *timer;
    struct wshub_watch *watch; /* of fd; NULL: it has no socket in the folder */
    int fd;
    struct sockaddr_un own;
    STAILQ_HEAD(, packet) waiting;
    size_t waiting_bytes;
    void *channels; /* that it has subscribed: a tree of tsearch(3) */
    char received[PACKET_MOST];
};

static int compare(const void *left, const void *right) {
    return strcmp(left, right);
}

/* Confirmed at once: whoever publishes from now on sends to this instance too. */
static int member_subscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    struct member *member = self;
    char *name = strndup(channel.data, channel.length);
    char **found = name ? tsearch(name, &member->channels, compare) : NULL;
    if (!found || *found != name) {
        free(name); /* there is no memory, or the name is there already */
    }
    if (found) {
        member->host->complete(member->host->self, token, WSHUB_OK);
    }
    return found ? WSHUB_OK : WSHUB_NO_MEMORY;
}

static int member_unsubscribe(void *self, struct wshub_bytes channel, wshub_token token) {
    struct member *member = self;
    char key[256] = "";
    memcpy(key, channel.data, channel.length);
    char **found = tfind(key, &member->channels, compare);
    if (found) {
        char *name = *found;
        tdelete(key, &member->channels, compare);
        free(name);
    }
    member->host->complete(member->host->self, token, WSHUB_OK);
    return WSHUB_OK;
}

static void deliver(struct member *member, const char *bytes, size_t length) {
    const size_t head = strnlen(bytes, length) + 1;
    struct wshub_message message = {.struct_size = sizeof message, .channel = {bytes, head - 1}};
    if (head <= length && tfind(bytes, &member->channels, compare)) {
        wshub_envelope_read((struct wshub_bytes){bytes + head, length - head}, &message);
        member->host->deliver(member->host->self, &message);
    }
}

static void on_readable(void *context, unsigned events) {
    struct member *member = context;
    int left = events ? BATCH : 0;
    ssize_t length;
    while (left-- > 0 && (length = recv(member->fd, member->received, sizeof member->received, 0)) > 0) {
        deliver(member, member->received, (size_t)length);
    }
}

static int send_to(struct packet *packet, int fd, const struct sockaddr_un *to) {
    if (sendto(fd, packet->bytes, packet->length, 0, (const struct sockaddr *)to, sizeof *to) < 0) {
        if (errno == EAGAIN && packet->tries++ < TRIES) {
            return WSHUB_TIMEOUT; /* it is full */
        }
        if (errno != EAGAIN && errno != ECONNREFUSED && errno != ENOENT) {
            return WSHUB_UNAVAILABLE;
        }
        unlink(to->sun_path); /* it hangs, or has crashed; or it is gone already */
    }
    packet->tries = 0;
    packet->last = *to;
    return WSHUB_OK;
}

/* What an instance has not read takes room in the socket it was sent from: hence a new one each time. */
static int send_to_others(const struct member *member, struct packet *packet) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    glob_t found = {0};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    snprintf(to.sun_path, sizeof to.sun_path, "%s/wshub-[0-9]*-0x*", member->folder);
    int status = fd >= 0 && glob(to.sun_path, 0, NULL, &found) == 0 ? WSHUB_OK : WSHUB_UNAVAILABLE;
    for (size_t i = 0; status == WSHUB_OK && i < found.gl_pathc; i++) {
        snprintf(to.sun_path, sizeof to.sun_path, "%s", found.gl_pathv[i]);
        if (strcmp(to.sun_path, packet->last.sun_path) > 0 &&
            strcmp(to.sun_path, member->own.sun_path) != 0) {
            status = send_to(packet, fd, &to);
        }
    }
    globfree(&found);
    close(fd);
    return status;
}

static void send_waiting(struct member *member) {
    const struct wshub_host *host = member->host;
    for (struct packet *packet; (packet = STAILQ_FIRST(&member->waiting)) != NULL;) {
        wshub_token token = packet->token;
        int status = send_to_others(member, packet);
        if (status == WSHUB_TIMEOUT) {
            host->timer_start(host->self, member->timer, AGAIN);
            return;
        }
        STAILQ_REMOVE_HEAD(&member->waiting, next);
        member->waiting_bytes -= packet->length;
        free(packet);
        host->complete(host->self, token, status); /* last: it may call publish */
    }
}

static int member_publish(void *self, const struct wshub_message *message, wshub_token token) {
    struct member *member = self;
    const size_t envelope = wshub_envelope_size(message), head = message->channel.length + 1 + envelope;
    const size_t length = head + message->payload.length;
    if (envelope == 0 || message->payload.length > PAYLOAD_MOST) {
        return WSHUB_TOO_LARGE;
    }
    struct packet *packet = member->waiting_bytes < WAITING_MOST ? malloc(sizeof *packet + length) : NULL;
    if (!packet) {
        return WSHUB_NO_MEMORY;
    }
    *packet = (struct packet){.token = token, .length = length};
    memcpy(packet->bytes, message->channel.data, message->channel.length);
    packet->bytes[message->channel.length] = '\0';
    wshub_envelope_write(message, packet->bytes + head - envelope, envelope);
    if (message->payload.length > 0) {
        memcpy(packet->bytes + head, message->payload.data, message->payload.length);
    }
    member->waiting_bytes += length;
    STAILQ_INSERT_TAIL(&member->waiting, packet, next);
    deliver(member, packet->bytes, length); /* to its own clients */
    if (packet == STAILQ_FIRST(&member->waiting)) {
        send_waiting(member);
    }
    return WSHUB_OK;
}

static void leave(struct member *member) {
    if (member->watch) {
        member->host->watch_free(member->host->self, member->watch);
        member->watch = NULL;
        unlink(member->own.sun_path);
        close(member->fd);
        tdestroy(member->channels, free);
        member->channels = NULL;
    }
}

static void join(struct member *member) {
    const struct wshub_host *host = member->host;
    struct sockaddr_un *own = &member->own;
    struct stat status; /* of the folder: where others can write, they can listen */
    own->sun_family = AF_UNIX;
    snprintf(own->sun_path, sizeof own->sun_path, "%s/wshub-%d-%p", member->folder, getpid(), (void *)member);
    member->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mkdir(member->folder, 0700);
    unlink(own->sun_path); /* of one that has crashed, with the same numbers */
    errno = EPERM;
    if (lstat(member->folder, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
        (status.st_mode & (S_IWGRP | S_IWOTH)) == 0 && bind(member->fd, (void *)own, sizeof *own) == 0) {
        member->watch = host->watch_new(host->self, member->fd, on_readable, member);
    }
    if (member->watch) {
        host->watch_set(host->self, member->watch, WSHUB_WATCH_READ);
        host->link(host->self, WSHUB_LINK_UP, NULL);
    } else {
        char reason[128];
        snprintf(reason, sizeof reason, "%s: %s", member->folder, strerror(errno));
        host->link(host->self, WSHUB_LINK_DOWN, reason);
        close(member->fd);
    }
}

static void on_timer(void *context) {
    struct member *member = context;
    const struct wshub_host *host = member->host;
    host->timer_start(host->self, member->timer, LOOK);
    if (member->watch && access(member->own.sun_path, F_OK) != 0) {
        leave(member);
        host->link(host->self, WSHUB_LINK_DOWN, "the socket of this instance is gone from its folder");
    }
    if (!member->watch) {
        join(member);
    }
    send_waiting(member);
}

static int member_open(const struct wshub_host *host, void **self) {
    struct member *member = calloc(1, sizeof *member);
    if (!member || !(member->timer = host->timer_new(host->self, on_timer, member))) {
        free(member);
        return WSHUB_NO_MEMORY;
    }
    member->host = host;
    member->folder = host->option_text(host->self, "folder");
    STAILQ_INIT(&member->waiting);
    host->timer_start(host->self, member->timer, 0);
    *self = member;
    return WSHUB_OK;
}

static void member_close(void *self) {
    struct member *member = self;
    leave(member);
    member->host->timer_free(member->host->self, member->timer);
    for (struct packet *packet; (packet = STAILQ_FIRST(&member->waiting)) != NULL;) {
        STAILQ_REMOVE_HEAD(&member->waiting, next);
        free(packet);
    }
    free(member);
}

static int check(const struct wshub_host *host) {
    const char *folder = host->option_text(host->self, "folder");
    if (folder[0] == '/' && strlen(folder) <= 64 && !strpbrk(folder, "*?[\\")) {
        return WSHUB_OK;
    }
    host->option_refuse(host->self, "folder", "an absolute path of at most 64 bytes, without * ? [ \\");
    return WSHUB_INVALID;
}

static const struct wshub_option options[] = {
    {"folder", "where the instances meet", "/tmp/wshub", NULL, WSHUB_OPTION_TEXT, 0, 0, 0},
};

static const struct wshub_broker broker = {
    .struct_size = sizeof broker,
    .max_payload = PAYLOAD_MOST,
    .check = check,
    .open = member_open,
    .close = member_close,
    .subscribe = member_subscribe,
    .unsubscribe = member_unsubscribe,
    .publish = member_publish,
};

static const struct wshub_plugin plugin = {
    .magic = WSHUB_PLUGIN_MAGIC,
    .abi_major = 1,
    .abi_minor = 0,
    .struct_size = sizeof plugin,
    .name = "unix",
    .version = "1.0",
    .summary = "the instances of one machine, without a server",
    .options = options,
    .option_count = 1,
    .option_size = sizeof options[0],
    .broker = &broker,
};

const struct wshub_plugin *wshub_plugin_entry(void) {
    return &plugin;
}
