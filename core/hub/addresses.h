// SPDX-License-Identifier: MIT
// How many connections each address has, over all workers (limits.connections_per_address). Any thread; the
// one lock in the hub, taken only when that limit is set, once per connection and once per close.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct address_table;

struct address_table *addresses_new(uint64_t limit); // NULL: no memory
void addresses_free(struct address_table *table);    // NULL is fine
// False: the address has its share already, or there is no memory to count one more.
bool addresses_take(struct address_table *table, const struct in6_addr *address);
void addresses_release(struct address_table *table, const struct in6_addr *address);
