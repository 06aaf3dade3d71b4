// SPDX-License-Identifier: MIT
#include "hub/addresses.h"

#include <pthread.h>
#include <stdlib.h>

#include "util/map.h"

struct entry {
    UT_hash_handle hh;
    struct in6_addr address;
    uint64_t count;
};

struct address_table {
    pthread_mutex_t lock;
    struct entry *entries;
    uint64_t limit;
};

struct address_table *addresses_new(uint64_t limit) {
    struct address_table *table = calloc(1, sizeof *table);
    if (table) {
        pthread_mutex_init(&table->lock, NULL);
        table->limit = limit;
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

static struct entry *find_or_make(struct address_table *table, const struct in6_addr *address) {
    struct entry *entry = NULL;
    HASH_FIND(hh, table->entries, address, sizeof *address, entry);
    if (entry || !(entry = calloc(1, sizeof *entry))) {
        return entry;
    }
    entry->address = *address;
    HASH_ADD(hh, table->entries, address, sizeof entry->address, entry);
    if (!entry->hh.tbl) {
        free(entry);
        return NULL;
    }
    return entry;
}

bool addresses_take(struct address_table *table, const struct in6_addr *address) {
    pthread_mutex_lock(&table->lock);
    struct entry *entry = find_or_make(table, address);
    bool taken = entry && entry->count < table->limit;
    if (taken) {
        entry->count++;
    }
    pthread_mutex_unlock(&table->lock);
    return taken;
}

void addresses_release(struct address_table *table, const struct in6_addr *address) {
    struct entry *entry = NULL;
    pthread_mutex_lock(&table->lock);
    HASH_FIND(hh, table->entries, address, sizeof *address, entry);
    if (entry && --entry->count == 0) {
        HASH_DEL(table->entries, entry);
        free(entry);
    }
    pthread_mutex_unlock(&table->lock);
}
