/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "client.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "clock.h"

/* One call at a time, and the connection that libcurl finds for it. */
struct lane {
    CURL *easy;
    struct client *client;
    struct call *call; /* NULL: idle */
    struct lane *idle; /* the next one */
    char *answer;
    size_t length, capacity;
    bool too_large;
};

struct client {
    const struct wshub_host *host;
    const struct settings *settings;
    CURLM *multi;
    struct curl_slist *headers;
    struct wshub_timer *curl_timer, *deadline_timer;
    struct call *first, **last; /* waiting for a lane, and so by deadline */
    size_t in_flight;           /* in lanes and waiting */
    struct lane *idle;
    size_t lane_count;
    struct lane lanes[];
};

/* A socket of libcurl's. */
struct socket {
    struct client *client;
    curl_socket_t fd;
    struct wshub_watch *watch;
};

/* ---- calls ---- */

static void settle(struct client *client, struct call *call, long status, const struct lane *lane,
                   const char *why) {
    client->in_flight--;
    call->fn(call, status, lane ? lane->answer : NULL, lane ? lane->length : 0, why);
}

static uint64_t left_of(const struct call *call) {
    uint64_t now = clock_ms();
    return call->deadline > now ? call->deadline - now : 0;
}

static struct call *take_first(struct client *client) {
    struct call *call = client->first;
    client->first = call->next;
    if (!client->first) {
        client->last = &client->first;
    }
    return call;
}

static bool start(struct lane *lane, struct call *call) {
    lane->length = 0;
    lane->too_large = false;
    lane->call = call;
    return curl_easy_setopt(lane->easy, CURLOPT_POSTFIELDS, call->body) == CURLE_OK &&
           curl_easy_setopt(lane->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->length) == CURLE_OK &&
           curl_multi_add_handle(lane->client->multi, lane->easy) == CURLM_OK;
}

static void make_idle(struct lane *lane) {
    lane->call = NULL;
    lane->idle = lane->client->idle;
    lane->client->idle = lane;
}

/* Not left to libcurl, which forgets a transfer when it runs out of memory in the wrong place. */
static void watch_deadlines(struct client *client) {
    const struct wshub_host *host = client->host;
    const struct call *next = client->first;
    for (size_t i = 0; i < client->lane_count; i++) {
        const struct call *call = client->lanes[i].call;
        next = call && (!next || call->deadline < next->deadline) ? call : next;
    }
    if (next) {
        host->timer_start(host->self, client->deadline_timer, left_of(next));
    } else {
        host->timer_stop(host->self, client->deadline_timer);
    }
}

/* Calls to lanes. */
static void dispatch(struct client *client) {
    while (client->first && client->idle) {
        struct lane *lane = client->idle;
        struct call *call = take_first(client);
        client->idle = lane->idle;
        if (!start(lane, call)) {
            make_idle(lane);
            settle(client, call, 0, NULL, "out of memory");
        }
    }
    watch_deadlines(client);
}

int client_post(struct client *client, struct call *call) {
    if (client->in_flight >= client->settings->in_flight) {
        return WSHUB_UNAVAILABLE;
    }
    client->in_flight++;
    call->deadline = clock_ms() + client->settings->timeout;
    call->next = NULL;
    *client->last = call;
    client->last = &call->next;
    dispatch(client);
    return WSHUB_OK;
}

/* ---- libcurl on the host's loop ---- */

static void finish(struct lane *lane, const char *why) {
    struct client *client = lane->client;
    struct call *call = lane->call;
    long status = 0;
    curl_easy_getinfo(lane->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(client->multi, lane->easy);
    curl_easy_setopt(lane->easy, CURLOPT_POSTFIELDS, ""); /* it was borrowed */
    make_idle(lane); /* what comes next may take it, and does not write to it before this has returned */
    settle(client, call, why ? 0 : status, why ? NULL : lane, why);
}

static const char *why_not(const struct lane *lane, CURLcode result) {
    return lane->too_large      ? "the backend's answer is larger than answer_size"
           : result != CURLE_OK ? curl_easy_strerror(result)
                                : NULL;
}

static void on_deadline(void *context) {
    struct client *client = context;
    for (size_t i = 0; i < client->lane_count; i++) {
        struct lane *lane = &client->lanes[i];
        if (lane->call && left_of(lane->call) == 0) {
            finish(lane, "the backend did not answer in time");
        }
    }
    while (client->first && left_of(client->first) == 0) {
        settle(client, take_first(client), 0, NULL,
               "the backend is too slow: no connection was free in time");
    }
    dispatch(client);
}

/* Not from within a callback of libcurl's: calls that end may start others. */
static void harvest(struct client *client) {
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(client->multi, &left)) != NULL;) {
        if (message->msg == CURLMSG_DONE) {
            struct lane *lane = NULL;
            CURLcode result = message->data.result;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&lane);
            finish(lane, why_not(lane, result));
        }
    }
    dispatch(client);
}

static void on_curl_timer(void *context) {
    struct client *client = context;
    int running;
    curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    harvest(client);
}

static int on_timeout(CURLM *multi, long ms, void *context) {
    const struct client *client = context;
    const struct wshub_host *host = client->host;
    (void)multi;
    if (ms < 0) {
        host->timer_stop(host->self, client->curl_timer);
    } else {
        host->timer_start(host->self, client->curl_timer, (uint64_t)ms);
    }
    return 0;
}

static void on_watch(void *context, unsigned events) {
    struct socket *socket = context;
    struct client *client = socket->client; /* the socket may be gone after the next line */
    int running, mask = (events & WSHUB_WATCH_READ ? CURL_CSELECT_IN : 0) |
                        (events & WSHUB_WATCH_WRITE ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(client->multi, socket->fd, mask, &running);
    harvest(client);
}

static struct socket *socket_new(struct client *client, curl_socket_t fd) {
    struct socket *socket = calloc(1, sizeof *socket);
    if (socket) {
        socket->client = client;
        socket->fd = fd;
        socket->watch = client->host->watch_new(client->host->self, fd, on_watch, socket);
    }
    if (socket && !socket->watch) {
        free(socket);
        return NULL;
    }
    return socket;
}

static void socket_free(struct socket *socket) {
    if (socket) {
        socket->client->host->watch_free(socket->client->host->self, socket->watch);
        free(socket);
    }
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *assigned) {
    struct client *client = context;
    struct socket *socket = assigned;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        socket_free(socket);
        return 0;
    }
    if (!socket) {
        socket = socket_new(client, fd);
        if (!socket) {
            return 0; /* its call will run out of time; an error would end every call there is */
        }
        curl_multi_assign(client->multi, fd, socket);
    }
    client->host->watch_set(client->host->self, socket->watch,
                            (what & CURL_POLL_IN ? WSHUB_WATCH_READ : 0U) |
                                (what & CURL_POLL_OUT ? WSHUB_WATCH_WRITE : 0U));
    return 0;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *context) {
    struct lane *lane = context;
    size_t length = size * count, most = lane->client->settings->answer_size;
    if (length > most - lane->length) {
        lane->too_large = true;
        return 0;
    }
    if (length > lane->capacity - lane->length) {
        size_t capacity = 2 * (lane->length + length);
        char *answer = realloc(lane->answer, capacity);
        if (!answer) {
            return 0;
        }
        lane->answer = answer;
        lane->capacity = capacity;
    }
    memcpy(lane->answer + lane->length, bytes, length);
    lane->length += length;
    return length;
}

/* ---- life ---- */

static bool add_header(struct client *client, const char *text) {
    struct curl_slist *longer = curl_slist_append(client->headers, text);
    client->headers = longer ? longer : client->headers;
    return longer != NULL;
}

static bool add_headers(struct client *client) {
    bool added = add_header(client, "Content-Type: application/json") &&
                 add_header(client, "Accept: application/json") &&
                 add_header(client, "Expect:"); /* no 100-continue */
    const char *secret = client->settings->secret;
    if (added && secret && *secret) {
        size_t size = sizeof "Authorization: Bearer " + strlen(secret);
        char *text = malloc(size);
        added =
            text && snprintf(text, size, "Authorization: Bearer %s", secret) > 0 && add_header(client, text);
        free(text);
    }
    return added;
}

/* What is the same for every call. Nothing of the environment (proxies, .netrc), no redirects: questions hold
 * secrets, and go to this url alone. QUICK_EXIT: else a name server that does not answer would hold up the
 * hub thread, which libcurl lets wait for its look-up even when the time for it is over. */
static bool lane_open(struct lane *lane, struct client *client) {
    const struct settings *settings = client->settings;
    CURL *easy = lane->easy = curl_easy_init();
    lane->client = client;
    return easy && curl_easy_setopt(easy, CURLOPT_URL, settings->url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, client->headers) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, "wshub-auth-http/0.1") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, lane) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PRIVATE, lane) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
           (!settings->ca_file || curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file) == CURLE_OK);
}

static bool open_all(struct client *client) {
    const struct wshub_host *host = client->host;
    client->multi = curl_multi_init();
    client->curl_timer = host->timer_new(host->self, on_curl_timer, client);
    client->deadline_timer = host->timer_new(host->self, on_deadline, client);
    if (!client->multi || !client->curl_timer || !client->deadline_timer || !add_headers(client)) {
        return false;
    }
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)client->settings->connections);
    for (; client->lane_count < client->settings->connections; client->lane_count++) {
        struct lane *lane = &client->lanes[client->lane_count];
        if (!lane_open(lane, client)) {
            curl_easy_cleanup(lane->easy);
            return false;
        }
        make_idle(lane);
    }
    return true;
}

struct client *client_new(const struct wshub_host *host, const struct settings *settings) {
    struct client *client = calloc(1, sizeof *client + settings->connections * sizeof client->lanes[0]);
    if (!client) {
        return NULL;
    }
    client->host = host;
    client->settings = settings;
    client->last = &client->first;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(client);
        return NULL;
    }
    if (!open_all(client)) {
        client_free(client);
        return NULL;
    }
    return client;
}

static void drop(struct call *call) {
    call->fn(call, -1, NULL, 0, NULL);
}

void client_free(struct client *client) {
    if (!client) {
        return;
    }
    const struct wshub_host *host = client->host;
    for (size_t i = 0; i < client->lane_count; i++) {
        struct lane *lane = &client->lanes[i];
        if (lane->call) {
            curl_multi_remove_handle(client->multi, lane->easy);
            drop(lane->call);
        }
        curl_easy_cleanup(lane->easy);
        free(lane->answer);
    }
    while (client->first) {
        drop(take_first(client));
    }
    curl_multi_cleanup(client->multi); /* with the connections that it has kept, and their watches */
    curl_slist_free_all(client->headers);
    host->timer_free(host->self, client->curl_timer);
    host->timer_free(host->self, client->deadline_timer);
    free(client);
    curl_global_cleanup();
}
