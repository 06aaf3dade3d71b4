/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "settings.h"

#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

const struct wshub_option settings_options[SETTINGS_OPTIONS] = {
    {"url", "of the backend, which is sent a POST for each question: http:// or https://", NULL, NULL,
     WSHUB_OPTION_TEXT, WSHUB_OPTION_REQUIRED, 0, 0},
    {"secret", "shows the backend that it is the hub who asks: Authorization: Bearer", NULL, NULL,
     WSHUB_OPTION_TEXT, WSHUB_OPTION_SECRET, 0, 0},
    {"ca_file", "authorities to trust with https, a PEM file; else the system's", NULL, NULL,
     WSHUB_OPTION_TEXT, 0, 0, 0},
    {"headers", "names of request headers that the backend is told", "", NULL, WSHUB_OPTION_TEXT, 0, 0, 0},
    {"cookies", "names of cookies that the backend is told", "", NULL, WSHUB_OPTION_TEXT, 0, 0, 0},
    {"ask_anonymous", "also for clients with neither a token nor such a cookie; else they pass", "false",
     NULL, WSHUB_OPTION_BOOL, 0, 0, 0},
    {"authorize", "ask for every operation that no grant covers, where a channel says granted", "false", NULL,
     WSHUB_OPTION_BOOL, 0, 0, 0},
    {"timeout", "for an answer, below timeouts.auth; unsaid: four fifths of that", NULL, NULL,
     WSHUB_OPTION_DURATION, 0, 10, 600000},
    {"connections", "to the backend at once", "16", NULL, WSHUB_OPTION_NUMBER, 0, 1, 256},
    {"in_flight", "questions at once; one more fails", "5000", NULL, WSHUB_OPTION_NUMBER, 0, 1, 100000},
    {"answer_size", "largest answer that is read", "64KiB", NULL, WSHUB_OPTION_SIZE, 0, 128,
     16 * 1024 * 1024},
    {"cache_ttl", "how long a yes is given again without asking; 0s: not", "10s", NULL, WSHUB_OPTION_DURATION,
     0, 0, 86400000},
    {"refusal_ttl", "the same for a no", "1s", NULL, WSHUB_OPTION_DURATION, 0, 0, 86400000},
    {"cache_size", "answers that are kept", "10000", NULL, WSHUB_OPTION_NUMBER, 0, 1, 10000000},
};

static int refuse(const struct wshub_host *host, const char *name, const char *expected) {
    host->option_refuse(host->self, name, expected);
    return WSHUB_INVALID;
}

static char *part(CURLU *url, CURLUPart which) {
    char *text = NULL;
    return curl_url_get(url, which, &text, 0) == CURLUE_OK ? text : NULL;
}

/* NULL, or what was expected. */
static const char *examine(CURLU *url, const char *text) {
    if (curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK) {
        return "a URL such as https://app.example.com/wshub";
    }
    char *scheme = part(url, CURLUPART_SCHEME), *user = part(url, CURLUPART_USER);
    bool http = scheme && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    const char *error = !http ? "http:// or https://" : user ? "no user in it: use the option secret" : NULL;
    curl_free(scheme);
    curl_free(user);
    return error;
}

static int check_url(const struct settings *settings, const struct wshub_host *host) {
    CURLU *url = curl_url();
    if (!url) {
        return WSHUB_NO_MEMORY;
    }
    const char *error = examine(url, settings->url);
    curl_url_cleanup(url);
    return error ? refuse(host, "url", error) : WSHUB_OK;
}

/* As a value of an HTTP header. */
static bool is_printable(const char *text) {
    while (*text >= ' ' && *text <= '~') {
        text++;
    }
    return *text == '\0';
}

int settings_read(struct settings *settings, const struct wshub_host *host) {
    void *self = host->self;
    *settings = (struct settings){
        .url = host->option_text(self, "url"),
        .secret = host->option_text(self, "secret"),
        .ca_file = host->option_text(self, "ca_file"),
        .chosen = {host->option_text(self, "headers"), host->option_text(self, "cookies")},
        .ask_anonymous = host->option_number(self, "ask_anonymous") != 0,
        .authorize = host->option_number(self, "authorize") != 0,
        .timeout = host->option_number(self, "timeout"),
        .connections = host->option_number(self, "connections"),
        .in_flight = host->option_number(self, "in_flight"),
        .answer_size = host->option_number(self, "answer_size"),
        .cache_ttl = host->option_number(self, "cache_ttl"),
        .refusal_ttl = host->option_number(self, "refusal_ttl"),
        .cache_size = host->option_number(self, "cache_size"),
    };
    if (settings->timeout == 0) {
        settings->timeout = host->timeout / 5 * 4;
    }
    if (host->timeout > 0 && settings->timeout >= host->timeout) { /* a check may not know it */
        return refuse(host, "timeout", "less than timeouts.auth, or the hub gives up first");
    }
    if (settings->secret && !is_printable(settings->secret)) {
        return refuse(host, "secret", "printable characters of ASCII");
    }
    if (settings->ca_file && access(settings->ca_file, R_OK) != 0) {
        return refuse(host, "ca_file", "a PEM file that can be read");
    }
    return check_url(settings, host);
}

bool settings_in_clear(const struct settings *settings) {
    CURLU *url = curl_url();
    bool in_clear = false;
    if (url && curl_url_set(url, CURLUPART_URL, settings->url, 0) == CURLUE_OK) {
        char *scheme = part(url, CURLUPART_SCHEME), *host = part(url, CURLUPART_HOST);
        in_clear = scheme && host && strcmp(scheme, "http") == 0 && strcmp(host, "localhost") != 0 &&
                   strncmp(host, "127.", 4) != 0 && strcmp(host, "[::1]") != 0;
        curl_free(scheme);
        curl_free(host);
    }
    curl_url_cleanup(url);
    return in_clear;
}
