// SPDX-License-Identifier: MIT
// Between the plugin and a broker that speaks TCP: a relay that a case can turn against the plugin. It runs
// in a process of its own, so that it moves on while the plugin keeps the case's thread.
//
// While a relay is there, ${BROKER} in the options of the configuration is its address; otherwise it is
// broker.address of the configuration.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "check.h"

struct relay;

struct relay *relay_start(struct check *check); // before the peers are opened; ends with the case
// Whether peers that are opened from now on go through it; at first they do.
void relay_lead(struct relay *relay, bool through);
void relay_cut(struct relay *relay);                       // resets all connections, now
void relay_refuse(struct relay *relay);                    // and all that come
void relay_freeze(struct relay *relay);                    // nothing moves, nothing ends
void relay_cut_after(struct relay *relay, uint64_t bytes); // of what the broker sends, from now: mid-message
void relay_slow(struct relay *relay, uint64_t bytes_per_second);
void relay_heal(struct relay *relay); // as at first

// The commands of the configuration; a command that fails, or does not end within its time, fails the case.
void broker_stop(struct check *check);
void broker_pause(struct check *check);
void broker_resume(struct check *check);
void broker_restart(struct check *check); // there again, and empty
