// SPDX-License-Identifier: MIT
// Whose address a connection has: the peer's own, or the one that a trusted proxy names, in a PROXY protocol
// header or in X-Forwarded-For. It is settled before anybody asks for it: limits, auth plugins, registry.
#include "config/config.h"
#include "hub/addresses.h"
#include "hub/worker_priv.h"
#include "net/forwarded.h"
#include "net/networks.h"
#include "util/log.h"

// Sockets count from their first moment: one address must not take all descriptors by saying nothing. Those
// of a proxy are many clients', each of which counts once it is known. A UNIX socket's peers have no address.
bool peers_admit(struct instance *instance, const struct in6_addr *ip, bool *admitted) {
    if (!instance->addresses || IN6_IS_ADDR_UNSPECIFIED(ip) || networks_contain(&instance->proxies, ip)) {
        return true;
    }
    *admitted = addresses_take(instance->addresses, ip, ADDRESS_SOCKET);
    return *admitted;
}

bool peers_say_first(const struct instance *instance, const struct in6_addr *ip) {
    return instance->config->proxies.protocol == CONFIG_PROXY_PROTOCOL_ON &&
           networks_contain(&instance->proxies, ip);
}

static bool take_address(struct session *session, const struct in6_addr *ip) {
    bool admitted = false;
    if (!peers_admit(session->worker->instance, ip, &admitted)) {
        return false;
    }
    session->address = *ip;
    session->admitted = admitted;
    return true;
}

bool peers_proxied(struct ws *ws, const struct in6_addr *source, const char *why) {
    struct session *session = (struct session *)(void *)ws; // ws is the first member
    bool taken = source && (IN6_IS_ADDR_UNSPECIFIED(source) || take_address(session, source));
    if (!taken) {
        counter_add(&session->worker->stats.refused, 1);
        log_debug(session->worker->instance->log, "connection of a proxy refused",
                  log_text("reason", source ? "too many connections from this address" : why));
    }
    return taken;
}

bool peers_forwarded(struct session *session, const struct http_request *request) {
    const struct networks *proxies = &session->worker->instance->proxies;
    struct in6_addr client = forwarded_client(request, proxies, session->address);
    return IN6_ARE_ADDR_EQUAL(&client, &session->address) || take_address(session, &client);
}
