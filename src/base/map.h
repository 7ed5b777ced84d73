/* A hash table from a slice to a pointer, open addressing, for long-lived things in one thread.
 * The key's bytes are borrowed: they must live inside, or as long as, the value. */
#ifndef SWM_BASE_MAP_H
#define SWM_BASE_MAP_H

#include "base/err.h"
#include "base/slice.h"

struct map_slot {
    struct slice key; /* at == NULL: free */
    void *value;
    uint64_t hash;
};

struct map {
    struct map_slot *slots;
    size_t count, capacity;
    uint64_t seed;
};

/* seed: any number, random where keys come from outside. No memory is taken yet. */
void map_init(struct map *m, uint64_t seed);
void map_drop(struct map *m);
void *map_find(const struct map *m, struct slice key); /* NULL: none */
/* Puts or replaces. ERR_MEMORY leaves the map as it was. */
enum err map_put(struct map *m, struct slice key, void *value) MUST_USE;
void *map_remove(struct map *m, struct slice key); /* what was there, or NULL */
/* Iteration: start with *cursor = 0; NULL at the end. The map may not be changed meanwhile. */
void *map_next(const struct map *m, size_t *cursor);

#endif
