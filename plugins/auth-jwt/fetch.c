/* SPDX-License-Identifier: MIT */
#include "fetch.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POLL_MS = 1000 };

struct fetch {
    struct fetch_setup setup;
    CURLM *multi;
    atomic_bool stopped;
    struct fetch_result *result; /* of the one under way */
    bool too_large;
    char error[CURL_ERROR_SIZE];
};

/* ---- urls ---- */

static bool is_loopback(const char *host) {
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 || strncmp(host, "127.", 4) == 0;
}

static const char *check_scheme(const char *scheme, const char *host, bool plain_http) {
    if (strcmp(scheme, "https") == 0) {
        return NULL;
    }
    if (strcmp(scheme, "http") != 0) {
        return "a url that begins with https://";
    }
    return plain_http || is_loopback(host) ? NULL
                                           : "https://: with http:// whoever is on the way could put in keys "
                                             "of his own (if that is fine, "
                                             "`jwks_plain_http: true` says so)";
}

const char *fetch_check_url(const char *url, bool plain_http) {
    static const char malformed[] = "a url such as https://example.com/.well-known/jwks.json";
    CURLU *parsed = curl_url();
    char *scheme = NULL, *host = NULL, *user = NULL;
    const char *wrong = malformed;
    if (parsed && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        bool named = curl_url_get(parsed, CURLUPART_USER, &user, 0) == CURLUE_OK;
        wrong = named ? "a url without user and password" : check_scheme(scheme, host, plain_http);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_url_cleanup(parsed);
    return wrong;
}

void fetch_place(const char *url, char *place, size_t size) {
    CURLU *parsed = curl_url();
    char *host = NULL, *port = NULL;
    snprintf(place, size, "jwks_url");
    if (parsed && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        snprintf(place, size, "%s:%s", host, port);
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parsed);
}

/* ---- life ---- */

struct fetch *fetch_new(const struct fetch_setup *setup) {
    struct fetch *fetch = calloc(1, sizeof *fetch);
    if (!fetch) {
        return NULL;
    }
    fetch->setup = *setup;
    atomic_init(&fetch->stopped, false);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(fetch);
        return NULL;
    }
    fetch->multi = curl_multi_init();
    if (!fetch->multi) {
        curl_global_cleanup();
        free(fetch);
        return NULL;
    }
    return fetch;
}

void fetch_free(struct fetch *fetch) {
    if (fetch) {
        curl_multi_cleanup(fetch->multi);
        curl_global_cleanup();
        free(fetch);
    }
}

void fetch_stop(struct fetch *fetch) {
    atomic_store(&fetch->stopped, true);
    curl_multi_wakeup(fetch->multi);
}

/* ---- a GET ---- */

static size_t take(char *data, size_t size, size_t count, void *context) {
    struct fetch *fetch = context;
    struct fetch_result *result = fetch->result;
    const size_t length = size * count;
    fetch->too_large = result->length + length > FETCH_BYTES_MOST;
    char *text = fetch->too_large ? NULL : realloc(result->text, result->length + length + 1);
    if (!text) {
        return 0; /* ends it */
    }
    memcpy(text + result->length, data, length);
    result->text = text;
    result->length += length;
    text[result->length] = 0;
    return length;
}

/* Quick exit: a resolver that hangs is left behind rather than waited for, which the module allows by never
 * being unmapped. */
static CURL *prepare(struct fetch *fetch) {
    const struct fetch_setup *setup = &fetch->setup;
    CURL *easy = curl_easy_init();
    bool ok = easy && curl_easy_setopt(easy, CURLOPT_URL, setup->url) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_PROXY, setup->proxy ? setup->proxy : "") == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)setup->timeout) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_USERAGENT, "wshub") == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch->error) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch) == CURLE_OK &&
              (!setup->ca_file || curl_easy_setopt(easy, CURLOPT_CAINFO, setup->ca_file) == CURLE_OK);
    if (!ok) {
        curl_easy_cleanup(easy);
        return NULL;
    }
    return easy;
}

static CURLcode run(struct fetch *fetch) {
    int running = 1, left;
    while (running && !atomic_load(&fetch->stopped)) {
        if (curl_multi_perform(fetch->multi, &running) != CURLM_OK ||
            (running && curl_multi_poll(fetch->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK)) {
            return CURLE_OUT_OF_MEMORY;
        }
    }
    const CURLMsg *message = curl_multi_info_read(fetch->multi, &left);
    return message ? message->data.result : CURLE_ABORTED_BY_CALLBACK;
}

static void explain(struct fetch *fetch, CURL *easy, CURLcode code) {
    struct fetch_result *result = fetch->result;
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (fetch->too_large) {
        snprintf(result->why, sizeof result->why, "the answer is larger than 256 KiB");
    } else if (code != CURLE_OK) {
        snprintf(result->why, sizeof result->why, "%s",
                 *fetch->error ? fetch->error : curl_easy_strerror(code));
    } else if (status != 200) {
        snprintf(result->why, sizeof result->why, "the answer is HTTP %ld, expected 200%s", status,
                 status / 100 == 3 ? " (redirects are not followed)" : "");
    } else if (!result->text) {
        snprintf(result->why, sizeof result->why, "the answer is empty");
    }
}

void fetch_get(struct fetch *fetch, struct fetch_result *result) {
    CURL *easy = prepare(fetch);
    *result = (struct fetch_result){0};
    fetch->result = result;
    fetch->too_large = false;
    fetch->error[0] = 0;
    if (!easy || curl_multi_add_handle(fetch->multi, easy) != CURLM_OK) {
        snprintf(result->why, sizeof result->why, "out of memory");
        curl_easy_cleanup(easy);
        return;
    }
    explain(fetch, easy, run(fetch));
    curl_multi_remove_handle(fetch->multi, easy);
    curl_easy_cleanup(easy);
    result->stopped = atomic_load(&fetch->stopped);
    if (*result->why) {
        free(result->text);
        result->text = NULL;
    }
}
