// SPDX-License-Identifier: MIT
// What operations.c and questions.c share; nobody else's.
#pragma once

#include "config/config.h"
#include "hub/worker_priv.h"
#include "wshub/auth.h"

void operations_refuse(struct session *session, const struct operation *operation, enum error_code code,
                       const char *detail);
// What the rules and grants say of it. False: it was refused, or a plugin is asked, after which the operation
// is done again.
bool operations_check(struct session *session, const struct operation *operation, enum wshub_verb verb,
                      enum config_who who);
// The same, where the channel may be no good.
bool operations_check_channel(struct session *session, const struct operation *operation,
                              enum wshub_verb verb, enum config_who who);
// Its data, from this session, to the operation's channel. NULL: no memory.
struct message *operations_message(const struct session *session, const struct operation *operation);

// ---- questions.c ----

void questions_do_history(struct session *session, const struct operation *operation);
void questions_do_presence(struct session *session, const struct operation *operation);
void questions_do_send(struct session *session, const struct operation *operation);
