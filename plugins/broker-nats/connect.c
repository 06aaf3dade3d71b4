/* SPDX-License-Identifier: MIT */
#include "connect.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "session.h"

enum { NAME = 160, PINGS_OUT = 2 };

/* The first of a row of calls that fails ends it. */
#define TRY(status, call)          \
    do {                           \
        if ((status) == NATS_OK) { \
            (status) = (call);     \
        }                          \
    } while (0)

static natsStatus set_place(natsOptions *options, const struct settings *settings,
                            const struct server *server) {
    char place[SERVER_PLACE], url[SERVER_PLACE + 8];
    server_print(server, place);
    snprintf(url, sizeof url, "%s://%s", settings->servers.tls ? "tls" : "nats", place);
    return natsOptions_SetURL(options, url);
}

/* One that another server has told of takes whom the first of the urls takes. */
static natsStatus set_login(natsOptions *options, const struct settings *settings,
                            const struct server *server) {
    const struct server *login = server->discovered ? &settings->servers.all[0] : server;
    const char *user = login->user ? login->user : settings->user;
    const char *password = login->user ? login->password : settings->password;
    natsStatus status = NATS_OK;
    if (user && password) {
        TRY(status, natsOptions_SetUserInfo(options, user, password));
    } else if (user) {
        TRY(status, natsOptions_SetToken(options, user));
    }
    if (settings->token) {
        TRY(status, natsOptions_SetToken(options, settings->token));
    }
    if (settings->credentials) {
        TRY(status, natsOptions_SetUserCredentialsFromFiles(options, settings->credentials, NULL));
    }
    if (settings->nkey) {
        TRY(status, natsOptions_SetNKeyFromSeed(options, settings->nkey, settings->nkey_seed));
    }
    return status;
}

static bool is_address(const char *host) {
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* Servers tell of each other by address; their certificates have names. */
static const char *name_of(const struct settings *settings, const struct server *server) {
    if (settings->tls_name) {
        return settings->tls_name;
    }
    return server->discovered && is_address(server->host) ? settings->servers.all[0].host : server->host;
}

static natsStatus set_tls(natsOptions *options, const struct settings *settings) {
    natsStatus status = natsOptions_SetSecure(options, true);
    if (settings->tls_ca) {
        TRY(status, natsOptions_LoadCATrustedCertificates(options, settings->tls_ca));
    }
    if (settings->tls_cert) {
        TRY(status, natsOptions_LoadCertificatesChain(options, settings->tls_cert, settings->tls_key));
    }
    if (!settings->tls_verify) {
        TRY(status, natsOptions_SkipServerVerification(options, true));
    }
    return status;
}

static natsStatus set_name(natsOptions *options, const struct settings *settings, const char *instance_id) {
    char name[NAME];
    snprintf(name, sizeof name, "wshub-%s", instance_id);
    return natsOptions_SetName(options, settings->name ? settings->name : name);
}

/* One thread delivers for all subscriptions of the process, so what a connection reads keeps its order. */
static natsStatus set_ways(natsOptions *options, const struct settings *settings) {
    natsStatus status = natsOptions_UseGlobalMessageDelivery(options, true);
    TRY(status, natsOptions_SetAllowReconnect(options, false));
    TRY(status, natsOptions_SetTimeout(options, (int64_t)settings->connect_timeout));
    TRY(status, natsOptions_SetSendAsap(options, true)); /* else everything waits a millisecond for more */
    TRY(status, natsOptions_SetWriteDeadline(options, SESSION_WRITE_MS));
    TRY(status, natsOptions_SetPingInterval(options, (int64_t)settings->ping_interval));
    TRY(status, natsOptions_SetMaxPingsOut(options, PINGS_OUT));
    return status;
}

natsStatus connect_options(natsOptions **options, const struct settings *settings,
                           const struct server *server, const char *instance_id) {
    natsStatus status = natsOptions_Create(options);
    TRY(status, set_place(*options, settings, server));
    TRY(status, set_name(*options, settings, instance_id));
    TRY(status, set_ways(*options, settings));
    TRY(status, set_login(*options, settings, server));
    if (settings->tls_verify) { /* a server may want TLS though the url does not say so */
        TRY(status, natsOptions_SetExpectedHostname(*options, name_of(settings, server)));
    }
    if (settings->servers.tls) {
        TRY(status, set_tls(*options, settings));
    }
    return status;
}
