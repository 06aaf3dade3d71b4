// SPDX-License-Identifier: MIT
// Shared by metrics.c, metrics_auth.c, metrics_history.c and metrics_presence.c; nobody else's.
#pragma once

struct buf;
struct instance;

// The two lines that begin a family.
void metrics_family(struct buf *out, const char *name, const char *type, const char *help);
void metrics_write_presence(struct buf *out, const struct instance *instance);
void metrics_write_auth(struct buf *out, const struct instance *instance);
void metrics_write_history(struct buf *out, const struct instance *instance);
