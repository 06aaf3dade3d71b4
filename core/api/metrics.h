// SPDX-License-Identifier: MIT
#pragma once

struct buf;
struct instance;

// Appends every metric as Prometheus text (exposition format 0.0.4). Any thread: it reads counters.
void metrics_write(struct buf *out, const struct instance *instance);
