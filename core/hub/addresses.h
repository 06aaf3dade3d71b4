// SPDX-License-Identifier: MIT
// How many connections each address has, over all workers (limits.connections_per_address). Any thread; the
// one lock in the hub, taken only when that limit is set, twice per connection and twice per close.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct address_table;

// What an address may have: sockets of any kind up to the limit and ADDRESS_SPARE_SOCKETS more (for health
// checks, and for connections that are refused in words), WebSockets up to the limit.
enum address_use { ADDRESS_SOCKET, ADDRESS_WEBSOCKET, ADDRESS_USES };
enum { ADDRESS_SPARE_SOCKETS = 16 };

struct address_table *addresses_new(uint64_t limit, uint64_t hash_seed); // NULL: no memory
void addresses_free(struct address_table *table);                        // NULL is fine
// False: the address has its share already, or there is no memory to count one more.
bool addresses_take(struct address_table *table, const struct in6_addr *address, enum address_use use);
void addresses_release(struct address_table *table, const struct in6_addr *address, enum address_use use);
