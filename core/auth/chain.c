// SPDX-License-Identifier: MIT
// A plugin that fails ends the chain: were it skipped, whoever can make it fail would come to the laxer one
// behind it.
#include "auth/chain.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/identity.h"
#include "auth/query.h"
#include "config/config.h"
#include "loop/loop.h"
#include "plugin/auth.h"
#include "plugin/options.h"
#include "plugin/plugin.h"
#include "util/buf.h"
#include "util/log.h"
#include "util/throttle.h"

struct link {
    struct plugin plugin;
    struct options *options;
    struct auth *auth;
};

struct chain {
    struct loop *loop;
    const struct log *log;
    struct link *links;
    size_t count;
    bool closing;
    struct throttle refusals, failures;
};

struct asking { // a question under way
    struct chain *chain;
    struct auth_query *query;
    chain_done_fn done;
    void *context;
    unsigned plugin; // whose turn it is
};

// ---- the log: who was refused, and why; never with what ----

static struct wshub_bytes address_of(const struct auth_query *query) {
    return query->request.address.length > 0 ? query->request.address : (struct wshub_bytes){"unix", 4};
}

static void tell_refusal(struct chain *chain, const struct asking *asking, const char *reason) {
    struct wshub_bytes address = address_of(asking->query);
    if (throttle_pass(&chain->refusals, loop_now(chain->loop))) {
        log_info(chain->log, "credentials refused",
                 log_text("auth", auth_name(chain->links[asking->plugin].auth)),
                 log_bytes("address", address.data, address.length), log_text("reason", reason));
    }
}

static bool has_authorization(const struct auth_query *query) {
    static const char name[] = "authorization"; // as the query has it
    for (uint64_t i = 0; i < query->request.header_count; i++) {
        struct wshub_bytes header = query->request.headers[i].name;
        if (header.length == sizeof name - 1 && memcmp(header.data, name, header.length) == 0) {
            return true;
        }
    }
    return false;
}

// Without any credentials it is nobody's attempt, and the client may show some later. NULL: that is it.
static const char *undecided_text(const struct auth_query *query) {
    if (query->request.token.length > 0) {
        return "no auth plugin knows such ones";
    }
    return has_authorization(query) ? "the header Authorization is not one `Bearer TOKEN`" : NULL;
}

static void tell_undecided(struct chain *chain, const struct asking *asking) {
    struct wshub_bytes address = address_of(asking->query);
    const char *reason = undecided_text(asking->query);
    if (reason && throttle_pass(&chain->refusals, loop_now(chain->loop))) {
        log_info(chain->log, "credentials refused", log_bytes("address", address.data, address.length),
                 log_text("reason", reason));
    }
}

static const char *failure_text(int status) {
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {WSHUB_TIMEOUT, "no answer within timeouts.auth"},
        {WSHUB_UNAVAILABLE, "what it needs is not available now, or too much is under way"},
        {WSHUB_NO_MEMORY, "out of memory"},
        {WSHUB_INTERNAL, "an error inside the plugin"},
        {WSHUB_PASS, "it passes on what only it can decide"},
        {WSHUB_EXPIRED, "it says expired of an operation, which is allowed or denied"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].status == status) {
            return texts[i].text;
        }
    }
    return "it answered with a status that decides nothing";
}

static void tell_failure(struct chain *chain, const struct asking *asking, int status,
                         const char *explanation) {
    static const char *const questions[] = {
        [AUTH_CONNECT] = "authenticate", [AUTH_REFRESH] = "refresh", [AUTH_OPERATION] = "authorize"};
    if (throttle_pass(&chain->failures, loop_now(chain->loop))) {
        log_warn(chain->log, "auth plugin failed: nobody is let in by that",
                 log_text("auth", auth_name(chain->links[asking->plugin].auth)),
                 log_text("slot", questions[asking->query->question]),
                 log_text("reason", explanation ? explanation : failure_text(status)));
    }
}

static void tell_untold(struct chain *chain) {
    uint64_t now = loop_now(chain->loop);
    uint64_t refusals = throttle_settle(&chain->refusals, now);
    uint64_t failures = throttle_settle(&chain->failures, now);
    if (refusals > 0) {
        log_info(chain->log, "more credentials were refused than are logged one by one",
                 log_number("not_logged", refusals));
    }
    if (failures > 0) {
        log_warn(chain->log, "auth plugins failed more often than is logged one by one",
                 log_number("not_logged", failures));
    }
}

// ---- one question ----

static void settle(struct asking *asking, enum auth_verdict verdict) {
    struct auth_query *query = asking->query;
    query->verdict = verdict;
    if (verdict == AUTH_YES) {
        query->plugin = asking->plugin;
    }
    asking->done(asking->context, query);
    free(asking);
}

static enum auth_verdict verdict_of(enum auth_question question, int status) {
    switch (status) {
    case WSHUB_OK:
        return AUTH_YES;
    case WSHUB_DENIED:
        return AUTH_NO;
    case WSHUB_EXPIRED:
        return question == AUTH_OPERATION ? AUTH_FAILED : AUTH_EXPIRED;
    case WSHUB_PASS:
        return question == AUTH_CONNECT ? AUTH_UNDECIDED : AUTH_FAILED;
    default:
        return AUTH_FAILED;
    }
}

static bool is_same_user(const struct identity *a, const struct identity *b) {
    struct span one = identity_user(a), other = identity_user(b);
    return one.length == other.length && (one.length == 0 || memcmp(one.data, other.data, one.length) == 0);
}

static void replace_identity(struct auth_query *query, struct identity *identity) {
    identity_unref(query->identity);
    query->identity = identity;
}

static void tell(struct asking *asking, enum auth_verdict verdict, int status, const char *explanation) {
    bool logged = asking->query->question != AUTH_OPERATION; // a refused operation is everyday life
    if (verdict == AUTH_FAILED) {
        tell_failure(asking->chain, asking, status, explanation);
    } else if (verdict == AUTH_UNDECIDED) {
        tell_undecided(asking->chain, asking);
    } else if (logged && (verdict == AUTH_NO || verdict == AUTH_EXPIRED)) {
        const char *plain = verdict == AUTH_EXPIRED ? "expired" : "denied";
        tell_refusal(asking->chain, asking, explanation ? explanation : plain);
    }
}

static void ask(struct asking *asking);

static void on_answer(void *context, void *argument, int status, struct identity *identity,
                      const char *explanation) {
    struct chain *chain = context;
    struct asking *asking = argument;
    struct auth_query *query = asking->query;
    enum auth_verdict verdict = chain->closing ? AUTH_CLOSED : verdict_of(query->question, status);
    if (verdict == AUTH_UNDECIDED && asking->plugin + 1 < chain->count) {
        asking->plugin++;
        ask(asking);
        return;
    }
    if (verdict == AUTH_YES && query->question != AUTH_OPERATION && !identity) {
        verdict = AUTH_FAILED;
        status = WSHUB_INTERNAL;
    } else if (verdict == AUTH_YES && query->question == AUTH_REFRESH &&
               !is_same_user(query->identity, identity)) {
        verdict = AUTH_NO;
        explanation = "the new credentials are of another user";
    }
    if (verdict == AUTH_YES && query->question != AUTH_OPERATION) {
        replace_identity(query, identity);
    } else {
        identity_unref(identity);
    }
    tell(asking, verdict, status, explanation);
    settle(asking, verdict);
}

static void ask(struct asking *asking) {
    struct auth *auth = asking->chain->links[asking->plugin].auth;
    struct auth_reply reply = {on_answer, asking->chain, asking};
    switch (asking->query->question) {
    case AUTH_CONNECT:
        auth_authenticate(auth, &asking->query->request, reply);
        break;
    case AUTH_REFRESH:
        auth_refresh(auth, &asking->query->request, reply);
        break;
    case AUTH_OPERATION:
        auth_authorize(auth, &asking->query->operation, reply);
        break;
    }
}

void chain_ask(struct chain *chain, struct auth_query *query, chain_done_fn done, void *context) {
    struct asking *asking = chain->closing ? NULL : malloc(sizeof *asking);
    if (!asking) {
        query->verdict = chain->closing ? AUTH_CLOSED : AUTH_FAILED;
        done(context, query);
        return;
    }
    *asking = (struct asking){
        .chain = chain,
        .query = query,
        .done = done,
        .context = context,
        .plugin = query->question == AUTH_CONNECT ? 0 : query->plugin,
    };
    assert(asking->plugin < chain->count);
    ask(asking);
}

void chain_expire(struct chain *chain) {
    for (size_t i = 0; i < chain->count; i++) {
        auth_expire(chain->links[i].auth);
    }
    tell_untold(chain);
}

size_t chain_reload(struct chain *chain) {
    size_t count = 0;
    for (size_t i = 0; i < chain->count; i++) {
        if (chain->links[i].plugin.about.auth->reload) {
            auth_reload(chain->links[i].auth);
            count++;
        }
    }
    return count;
}

size_t chain_count(const struct chain *chain) {
    return chain->count;
}

struct auth *chain_plugin(const struct chain *chain, size_t i) {
    return chain->links[i].auth;
}

// ---- life ----

static bool load(struct link *link, const struct config *config, size_t index, chain_load_fn load_fn,
                 struct buf *why) {
    const struct config_plugin *entry = &config->auth.items[index];
    char text[32];
    snprintf(text, sizeof text, "auth[%zu]", index);
    const struct options_place place = {"configuration", text, entry->line, entry->column};
    if (!load_fn(&link->plugin, entry->plugin, config, why) || !plugin_is(&link->plugin, PLUGIN_AUTH, why)) {
        return false;
    }
    link->options = options_read(&link->plugin.about, entry, &place, why);
    return link->options != NULL;
}

static bool add(struct chain *chain, const struct config *config, const char *instance_id,
                chain_load_fn load_fn) {
    size_t index = chain->count;
    struct link *link = &chain->links[index];
    struct buf why = {0};
    bool loaded = load(link, config, index, load_fn, &why);
    if (!loaded) {
        buf_append(&why, "", 1);
        log_error(chain->log, "auth plugin cannot be used", log_text("auth", config->auth.items[index].name),
                  log_text("reason", why.failed ? "out of memory" : why.data));
    }
    buf_free(&why);
    const struct auth_setup setup = {
        .name = config->auth.items[index].name,
        .instance_id = instance_id,
        .plugin = &link->plugin,
        .options = link->options,
        .loop = chain->loop,
        .log = chain->log,
        .timeout = config->timeouts.auth,
    };
    link->auth = loaded ? auth_open(&setup) : NULL;
    chain->count++; // what there is of it is given back with the others
    return link->auth != NULL;
}

struct chain *chain_new(struct loop *loop, const struct log *log, const struct config *config,
                        const char *instance_id, chain_load_fn load_fn) {
    struct chain *chain = calloc(1, sizeof *chain);
    struct link *links = calloc(config->auth.count, sizeof *links);
    if (!chain || !links) {
        log_error(log, "out of memory");
        free(chain);
        free(links);
        return NULL;
    }
    *chain = (struct chain){.loop = loop, .log = log, .links = links};
    while (chain->count < config->auth.count) {
        if (!add(chain, config, instance_id, load_fn)) {
            chain_free(chain);
            return NULL;
        }
    }
    return chain;
}

void chain_free(struct chain *chain) {
    if (!chain) {
        return;
    }
    chain->closing = true;
    for (size_t i = 0; i < chain->count; i++) {
        auth_close(chain->links[i].auth);
        chain->links[i].auth = NULL;
    }
    for (size_t i = 0; i < chain->count; i++) {
        options_free(chain->links[i].options);
        plugin_unload(&chain->links[i].plugin);
    }
    free(chain->links);
    free(chain);
}
