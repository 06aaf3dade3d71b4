// SPDX-License-Identifier: MIT
#include "host/tokens.h"

#include <assert.h>
#include <stdlib.h>

const char *const operation_names[OPERATIONS] = {
    [OPERATION_SUBSCRIBE] = "subscribe",    [OPERATION_UNSUBSCRIBE] = "unsubscribe",
    [OPERATION_PUBLISH] = "publish",        [OPERATION_SET] = "registry_set",
    [OPERATION_DELETE] = "registry_delete", [OPERATION_GET] = "registry_get",
    [OPERATION_LIST] = "registry_list",     [OPERATION_HEARTBEAT] = "heartbeat",
    [OPERATION_HISTORY] = "history",        [OPERATION_AUTHENTICATE] = "authenticate",
    [OPERATION_REFRESH] = "refresh",        [OPERATION_AUTHORIZE] = "authorize",
};

static struct call *make(struct tokens *tokens) {
    if ((tokens->count & (tokens->count - 1)) == 0) {
        size_t size = tokens->count ? tokens->count * (size_t)2 : 1;
        struct call **all = realloc(tokens->all, size * sizeof(struct call *));
        if (!all) {
            return NULL;
        }
        tokens->all = all;
    }
    struct call *call = calloc(1, sizeof *call);
    if (call) {
        call->index = tokens->count;
        tokens->all[tokens->count++] = call;
    }
    return call;
}

struct call *tokens_new(struct tokens *tokens, enum operation operation) {
    struct call *call = tokens->spare;
    if (call) {
        tokens->spare = call->next;
    } else if (!(call = make(tokens))) {
        return NULL;
    }
    *call = (struct call){.index = call->index, .generation = call->generation + 1, .operation = operation};
    tokens->flying++;
    return call;
}

uint64_t tokens_of(const struct call *call) {
    return (uint64_t)call->generation << 32 | call->index;
}

struct call *tokens_find(const struct tokens *tokens, uint64_t token, const char **why) {
    uint32_t index = (uint32_t)token, generation = (uint32_t)(token >> 32);
    struct call *call = index < tokens->count ? tokens->all[index] : NULL;
    if (!call || generation == 0 || generation > call->generation) {
        *why = "which the host never gave out";
        return NULL;
    }
    if (generation < call->generation) {
        *why = "which had ended before";
        return NULL;
    }
    return call;
}

struct call *tokens_flying(const struct tokens *tokens, uint64_t token, const char **why) {
    static const char *const reasons[] = {
        [CALL_COMPLETED] = "which was completed already",
        [CALL_REFUSED] = "which the slot had refused",
    };
    struct call *call = tokens_find(tokens, token, why);
    if (call && call->end != CALL_FLIES) {
        *why = reasons[call->end];
        return NULL;
    }
    return call;
}

void tokens_end(struct tokens *tokens, struct call *call, enum call_end end, int status) {
    assert(call->end == CALL_FLIES);
    call->end = end;
    call->status = status;
    tokens->flying--;
}

// It stays as it ended until its place is needed, so that a second completion is known for what it is.
void tokens_forget(struct tokens *tokens, struct call *call) {
    assert(call->end != CALL_FLIES);
    free(call->subject);
    free(call->told);
    call->subject = NULL;
    call->told = NULL;
    call->held = false;
    call->next = tokens->spare;
    tokens->spare = call;
}

void tokens_free(struct tokens *tokens) {
    for (uint32_t i = 0; i < tokens->count; i++) {
        free(tokens->all[i]->subject);
        free(tokens->all[i]->told);
        free(tokens->all[i]);
    }
    free(tokens->all);
    *tokens = (struct tokens){0};
}
