/* A hash table with open addressing and linear probing; removal shifts back, so there are no
 * tombstones and a table's age does not slow it. */
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

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

static uint64_t rotate(uint64_t n, int bits)
{
    return n << bits | n >> (64 - bits);
}

static void mix(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void mix_in(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    mix(v);
    v[0] ^= word;
}

/* SipHash-1-3 keyed with the seed: who doesn't know the seed can't prepare keys that collide,
 * which a seed added to a plain hash would not prevent. */
static uint64_t hash_of(const struct map *m, struct slice key)
{
    uint64_t v[4] = {m->seed ^ 0x736f6d6570736575U, ~m->seed ^ 0x646f72616e646f6dU,
                     m->seed ^ 0x6c7967656e657261U, ~m->seed ^ 0x7465646279746573U};
    uint64_t word;
    size_t k = 0;
    for (; key.len - k >= sizeof word; k += sizeof word) {
        memcpy(&word, key.at + k, sizeof word);
        mix_in(v, word);
    }
    word = 0;
    if (k < key.len)
        memcpy(&word, key.at + k, key.len - k);
    mix_in(v, word ^ (uint64_t)key.len << 56);
    v[2] ^= 0xff;
    for (int round = 0; round < 3; round++)
        mix(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
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
