/* SPDX-License-Identifier: MIT
 * The SSL object is made here rather than by hiredis: until 1.2 at least it can check the chain of the
 * server's certificate, but not whose certificate it is. */
#include "tls.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "settings.h"

struct tls {
    SSL_CTX *context;
};

const char *tls_missing(void) {
    return NULL;
}

static const char *last_error(void) {
    const char *text = ERR_reason_error_string(ERR_get_error());
    ERR_clear_error();
    return text ? text : "an error without a name";
}

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
    if (settings->tls_key && SSL_CTX_use_PrivateKey_file(context, settings->tls_key, SSL_FILETYPE_PEM) != 1) {
        return "tls_key";
    }
    return NULL;
}

struct tls *tls_new(const struct settings *settings, char *why, size_t size) {
    struct tls *tls = calloc(1, sizeof *tls);
    if (!tls || !(tls->context = SSL_CTX_new(TLS_client_method()))) {
        snprintf(why, size, "out of memory");
        free(tls);
        return NULL;
    }
    SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
    SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(tls->context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    const char *option = load(tls->context, settings);
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

static int expect_name(SSL *ssl, const char *name) {
    unsigned char address[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
    }
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

struct ssl_st *tls_begin(struct tls *tls, struct redisContext *context, const char *name, char *why,
                         size_t size) {
    SSL *ssl = SSL_new(tls->context);
    if (!ssl || !expect_name(ssl, name)) {
        snprintf(why, size, "TLS: %s", last_error());
        SSL_free(ssl);
        return NULL;
    }
    if (redisInitiateSSL(context, ssl) != REDIS_OK) {
        snprintf(why, size, "TLS: %s", context->errstr);
        tls_explain(ssl, why, size);
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}

bool tls_wants_read(const struct ssl_st *ssl) {
    return SSL_want_read(ssl);
}

void tls_explain(const struct ssl_st *ssl, char *why, size_t size) {
    long verdict = SSL_get_verify_result(ssl);
    if (verdict != X509_V_OK) {
        snprintf(why, size, "the server's certificate is not to be trusted: %s",
                 X509_verify_cert_error_string(verdict));
    } else if (ERR_peek_error()) {
        snprintf(why, size, "TLS: %s", last_error());
    }
}
