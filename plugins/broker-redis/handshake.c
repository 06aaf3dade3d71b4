/* SPDX-License-Identifier: MIT */
#include "handshake.h"

#include <stdio.h>
#include <string.h>

#include "reply.h"

/* A server that does not know AUTH repeats its arguments, or as much of them as it has room for. */
static bool gives_away(const struct account *account, const redisReply *reply) {
    return (account->password[0] && strstr(reply->str, account->password)) ||
           strstr(reply->str, "unknown command");
}

static bool refused(const struct handshake *handshake, const redisReply *reply, const char *command) {
    char reason[CONNECTION_REASON];
    reply_error_text(reply, command, reason, sizeof reason);
    connection_lose(handshake->connection, reason);
    return true;
}

static bool on_auth(void *owner, const struct pending *pending, const redisReply *reply) {
    const struct handshake *handshake = pending->work;
    (void)owner;
    if (reply && reply_is_error(reply)) {
        if (gives_away(handshake->account, reply)) {
            connection_lose(handshake->connection, "AUTH: the server refused it");
            return true;
        }
        return refused(handshake, reply, "AUTH");
    }
    return !reply || reply_is_status(reply, "OK");
}

static bool on_select(void *owner, const struct pending *pending, const redisReply *reply) {
    char command[32];
    const struct handshake *handshake = pending->work;
    (void)owner;
    if (reply && reply_is_error(reply)) {
        snprintf(command, sizeof command, "SELECT %d", handshake->account->database);
        return refused(handshake, reply, command);
    }
    return !reply || reply_is_status(reply, "OK");
}

/* A server that minds may have it without a name. */
static bool on_name(void *owner, const struct pending *pending, const redisReply *reply) {
    (void)owner;
    (void)pending;
    return !reply || reply_is_status(reply, "OK") || reply_is_error(reply);
}

static bool on_role(void *owner, const struct pending *pending, const redisReply *reply) {
    const struct handshake *handshake = pending->work;
    char reason[CONNECTION_REASON];
    (void)owner;
    if (!reply) {
        return true;
    }
    if (reply_is_error(reply)) {
        return handshake->sentinel ? refused(handshake, reply, "ROLE") : true;
    }
    if (!reply_is_array(reply, 1) || !reply_is_string(reply->element[0])) {
        return false;
    }
    if (!reply_says(reply->element[0], "master")) {
        snprintf(reason, sizeof reason,
                 handshake->sentinel ? "the Sentinels name %s, which is no master"
                                     : "%s is a replica, not a master",
                 handshake->connection->place);
        connection_lose(handshake->connection, reason);
    }
    return true;
}

static bool on_ping(void *owner, const struct pending *pending, const redisReply *reply) {
    const struct handshake *handshake = pending->work;
    if (!reply) {
        return true;
    }
    if (reply_is_error(reply) && !reply_is_unwritable(reply)) {
        return refused(handshake, reply, "PING");
    }
    if (!reply_is_error(reply) && !reply_is_status(reply, "PONG")) {
        return false;
    }
    handshake->on_ready(owner);
    return true;
}

static int send_auth(struct handshake *handshake) {
    const struct account *account = handshake->account;
    struct argument arguments[3] = {ARGUMENT("AUTH")};
    size_t count = 1;
    if (!account->password) {
        return WSHUB_OK;
    }
    if (account->username) {
        arguments[count++] = (struct argument)ARGUMENT(account->username);
    }
    arguments[count++] = (struct argument)ARGUMENT(account->password);
    return connection_send(handshake->connection, arguments, count,
                           (struct pending){.fn = on_auth, .work = handshake});
}

static int send_select(struct handshake *handshake) {
    char number[16];
    if (handshake->account->database == 0) {
        return WSHUB_OK;
    }
    snprintf(number, sizeof number, "%d", handshake->account->database);
    const struct argument arguments[] = {ARGUMENT("SELECT"), ARGUMENT(number)};
    return connection_send(handshake->connection, arguments, 2,
                           (struct pending){.fn = on_select, .work = handshake});
}

static int send_name(struct handshake *handshake) {
    const struct argument arguments[] = {ARGUMENT("CLIENT"), ARGUMENT("SETNAME"), ARGUMENT(handshake->name)};
    return handshake->name[0] ? connection_send(handshake->connection, arguments, 3,
                                                (struct pending){.fn = on_name, .work = handshake})
                              : WSHUB_OK;
}

static int send_role(struct handshake *handshake) {
    const struct argument arguments[] = {ARGUMENT("ROLE")};
    return handshake->master ? connection_send(handshake->connection, arguments, 1,
                                               (struct pending){.fn = on_role, .work = handshake})
                             : WSHUB_OK;
}

static int send_ping(struct handshake *handshake) {
    const struct argument arguments[] = {ARGUMENT("PING")};
    return connection_send(handshake->connection, arguments, 1,
                           (struct pending){.fn = on_ping, .work = handshake});
}

void handshake_begin(struct handshake *handshake) {
    /* The name comes last: what a server says to whom it does not let in is its answer to the first command,
     * and that must be one whose refusal counts. */
    int (*const steps[])(struct handshake *) = {send_auth, send_select, send_role, send_ping, send_name};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (steps[i](handshake) != WSHUB_OK) {
            connection_lose(handshake->connection, "out of memory");
            return;
        }
    }
}
