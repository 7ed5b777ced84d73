/* A hash table with open addressing and linear probing; removal shifts back, so there are no
 * tombstones and a table's age does not slow it. */
#include "base/map.h"

#include <stdlib.h>

#define FIRST_CAPACITY 16

void map_init(struct map *m, uint64_t seed)
{
    *m = (struct map){.seed = seed};
}

void map_drop(struct map *m)
{
    free(m->slots);
    map_init(m, m->seed);
}

/* FNV-1a, then mixed with the seed so that colliding keys can't be prepared outside. */
static uint64_t hash_of(const struct map *m, struct slice key)
{
    uint64_t h = slice_hash(key) ^ m->seed;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93U;
    h ^= h >> 32;
    return h;
}

/* The slot of the key, or the free one where it would go. */
static size_t find_slot(const struct map *m, struct slice key, uint64_t hash)
{
    size_t at = (size_t)hash & (m->capacity - 1);
    while (m->slots[at].key.at != NULL &&
           (m->slots[at].hash != hash || !slice_eq(m->slots[at].key, key)))
        at = (at + 1) & (m->capacity - 1);
    return at;
}

void *map_find(const struct map *m, struct slice key)
{
    if (m->count == 0)
        return NULL;
    const struct map_slot *s = &m->slots[find_slot(m, key, hash_of(m, key))];
    return s->key.at == NULL ? NULL : s->value;
}

static enum err grow(struct map *m)
{
    struct map bigger = {.seed = m->seed};
    bigger.capacity = m->capacity == 0 ? FIRST_CAPACITY : m->capacity * 2;
    bigger.count = m->count;
    bigger.slots = calloc(bigger.capacity, sizeof *bigger.slots);
    if (bigger.slots == NULL)
        return ERR_MEMORY;
    for (size_t k = 0; k < m->capacity; k++)
        if (m->slots[k].key.at != NULL)
            bigger.slots[find_slot(&bigger, m->slots[k].key, m->slots[k].hash)] = m->slots[k];
    free(m->slots);
    *m = bigger;
    return ERR_NONE;
}

enum err map_put(struct map *m, struct slice key, void *value)
{
    if (key.at == NULL)
        key.at = "";
    if ((m->count + 1) * 4 > m->capacity * 3 && grow(m) != ERR_NONE)
        return ERR_MEMORY;
    uint64_t hash = hash_of(m, key);
    struct map_slot *s = &m->slots[find_slot(m, key, hash)];
    if (s->key.at == NULL)
        m->count++;
    *s = (struct map_slot){key, value, hash};
    return ERR_NONE;
}

/* Moves back what was pushed beyond the hole. */
static void close_hole(struct map *m, size_t hole)
{
    size_t mask = m->capacity - 1;
    for (size_t at = (hole + 1) & mask; m->slots[at].key.at != NULL; at = (at + 1) & mask) {
        size_t home = (size_t)m->slots[at].hash & mask;
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        m->slots[hole] = m->slots[at];
        hole = at;
    }
    m->slots[hole] = (struct map_slot){.value = NULL};
}

void *map_remove(struct map *m, struct slice key)
{
    if (m->count == 0)
        return NULL;
    size_t at = find_slot(m, key, hash_of(m, key));
    if (m->slots[at].key.at == NULL)
        return NULL;
    void *value = m->slots[at].value;
    close_hole(m, at);
    m->count--;
    return value;
}

void *map_next(const struct map *m, size_t *cursor)
{
    while (*cursor < m->capacity) {
        const struct map_slot *s = &m->slots[(*cursor)++];
        if (s->key.at != NULL)
            return s->value;
    }
    return NULL;
}
