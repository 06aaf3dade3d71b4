// SPDX-License-Identifier: MIT
#include "hub/addresses.h"

#include <pthread.h>
#include <stdlib.h>

#include "util/map.h"

struct entry {
    uint64_t counts[ADDRESS_USES];
    UT_hash_handle hh;
    struct in6_addr address;
};

struct address_table {
    pthread_mutex_t lock;
    struct entry *entries;
    uint64_t limits[ADDRESS_USES];
    uint64_t hash_seed;
};

struct address_table *addresses_new(uint64_t limit, uint64_t hash_seed) {
    struct address_table *table = calloc(1, sizeof *table);
    if (table) {
        pthread_mutex_init(&table->lock, NULL);
        table->limits[ADDRESS_SOCKET] = limit + ADDRESS_SPARE_SOCKETS;
        table->limits[ADDRESS_WEBSOCKET] = limit;
        table->hash_seed = hash_seed;
    }
    return table;
}

void addresses_free(struct address_table *table) {
    struct entry *entry, *next;
    if (!table) {
        return;
    }
    HASH_ITER(hh, table->entries, entry, next) {
        HASH_DEL(table->entries, entry);
        free(entry);
    }
    pthread_mutex_destroy(&table->lock);
    free(table);
}

static struct entry *find(struct address_table *table, const struct in6_addr *address, uint32_t hash) {
    struct entry *entry = NULL;
    HASH_FIND_BYHASHVALUE(hh, table->entries, address, sizeof *address, hash, entry);
    return entry;
}

static struct entry *find_or_make(struct address_table *table, const struct in6_addr *address) {
    uint32_t hash = map_hash(address, sizeof *address, table->hash_seed);
    struct entry *entry = find(table, address, hash);
    if (entry || !(entry = calloc(1, sizeof *entry))) {
        return entry;
    }
    entry->address = *address;
    MAP_ADD(table->entries, &entry->address, sizeof entry->address, hash, entry);
    if (!entry->hh.tbl) {
        free(entry);
        return NULL;
    }
    return entry;
}

static void free_if_unused(struct address_table *table, struct entry *entry) {
    if (entry->counts[ADDRESS_SOCKET] == 0 && entry->counts[ADDRESS_WEBSOCKET] == 0) {
        HASH_DEL(table->entries, entry);
        free(entry);
    }
}

bool addresses_take(struct address_table *table, const struct in6_addr *address, enum address_use use) {
    pthread_mutex_lock(&table->lock);
    struct entry *entry = find_or_make(table, address);
    bool taken = entry && entry->counts[use] < table->limits[use];
    if (taken) {
        entry->counts[use]++;
    } else if (entry) {
        free_if_unused(table, entry);
    }
    pthread_mutex_unlock(&table->lock);
    return taken;
}

void addresses_release(struct address_table *table, const struct in6_addr *address, enum address_use use) {
    pthread_mutex_lock(&table->lock);
    struct entry *entry = find(table, address, map_hash(address, sizeof *address, table->hash_seed));
    if (entry && entry->counts[use] > 0) {
        entry->counts[use]--;
        free_if_unused(table, entry);
    }
    pthread_mutex_unlock(&table->lock);
}
