/* SPDX-License-Identifier: MIT */
#include "tls.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "settings.h"

struct tls {
    SSL_CTX *context;
    const char *server_name; /* NULL: an address, which is not told to the server */
    long verdict;            /* of the server's certificate: X509_V_OK until something is wrong with it */
};

static const char *last_error(void) {
    const char *text = ERR_reason_error_string(ERR_get_error());
    ERR_clear_error();
    return text ? text : "an error without a name";
}

/* ---- what OpenSSL calls ---- */

static struct tls *tls_of(const SSL *ssl) {
    return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

static int on_certificate(int good, X509_STORE_CTX *store) {
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    if (!good) {
        tls_of(ssl)->verdict = X509_STORE_CTX_get_error(store);
    }
    return good;
}

/* libmosquitto has just put the address that it connects to there. */
static void on_state(const SSL *ssl, int where, int result) {
    (void)result;
    if (where & SSL_CB_HANDSHAKE_START) {
        SSL_set_tlsext_host_name((SSL *)(uintptr_t)ssl, tls_of(ssl)->server_name);
    }
}

/* ---- the context ---- */

/* NULL: all is well; else the name of the option that cannot be used. */
static const char *load(SSL_CTX *context, const struct settings *settings) {
    int trusted = settings->tls_ca ? SSL_CTX_load_verify_locations(context, settings->tls_ca, NULL)
                                   : SSL_CTX_set_default_verify_paths(context);
    if (trusted != 1) {
        return "tls_ca";
    }
    if (settings->tls_cert && SSL_CTX_use_certificate_chain_file(context, settings->tls_cert) != 1) {
        return "tls_cert";
    }
    if (settings->tls_key &&
        (SSL_CTX_use_PrivateKey_file(context, settings->tls_key, SSL_FILETYPE_PEM) != 1 ||
         SSL_CTX_check_private_key(context) != 1)) {
        return "tls_key";
    }
    return NULL;
}

/* Every connection of the context expects it. */
static bool expect_name(struct tls *tls, const char *name) {
    unsigned char address[sizeof(struct in6_addr)];
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(tls->context);
    if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
    }
    tls->server_name = name;
    return X509_VERIFY_PARAM_set1_host(param, name, 0) == 1;
}

static void set_up(struct tls *tls, bool verify) {
    SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
    SSL_CTX_set_mode(tls->context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_app_data(tls->context, tls);
    SSL_CTX_set_verify(tls->context, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                       verify ? on_certificate : NULL);
    SSL_CTX_set_info_callback(tls->context, on_state);
}

struct tls *tls_new(const struct settings *settings, char *why, size_t size) {
    struct tls *tls = calloc(1, sizeof *tls);
    ERR_clear_error();
    if (!tls || !(tls->context = SSL_CTX_new(TLS_client_method()))) {
        snprintf(why, size, "out of memory");
        free(tls);
        return NULL;
    }
    set_up(tls, settings->tls_verify);
    const char *option = load(tls->context, settings);
    if (!option && !expect_name(tls, settings->tls_server_name)) {
        option = "tls_server_name";
    }
    if (option) {
        snprintf(why, size, "%s cannot be used: %s", option, last_error());
        tls_free(tls);
        return NULL;
    }
    return tls;
}

void tls_free(struct tls *tls) {
    if (tls) {
        SSL_CTX_free(tls->context);
        free(tls);
    }
}

struct ssl_ctx_st *tls_context(const struct tls *tls) {
    return tls->context;
}

void tls_begin(struct tls *tls) {
    tls->verdict = X509_V_OK;
    ERR_clear_error();
}

void tls_explain(const struct tls *tls, char *why, size_t size) {
    if (tls->verdict != X509_V_OK) {
        snprintf(why, size, "the server's certificate is not to be trusted: %s",
                 X509_verify_cert_error_string(tls->verdict));
    }
}
