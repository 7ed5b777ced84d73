/* A binary min-heap of intrusive entries. */
#include "base/heap.h"

#include <stdbool.h>
#include <stdlib.h>

#define FIRST_CAPACITY 64

void heap_init(struct heap *h)
{
    *h = (struct heap){.entries = NULL};
}

void heap_drop(struct heap *h)
{
    for (size_t k = 0; k < h->count; k++)
        h->entries[k]->place = 0;
    free(h->entries);
    heap_init(h);
}

static bool is_before(const struct heap_entry *a, const struct heap_entry *b)
{
    return a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->tie < b->tie);
}

static void put_at(struct heap *h, size_t index, struct heap_entry *e)
{
    h->entries[index] = e;
    e->place = index + 1;
}

static void rise(struct heap *h, size_t index)
{
    struct heap_entry *e = h->entries[index];
    while (index > 0 && is_before(e, h->entries[(index - 1) / 2])) {
        put_at(h, index, h->entries[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    put_at(h, index, e);
}

static void sink(struct heap *h, size_t index)
{
    struct heap_entry *e = h->entries[index];
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= h->count)
            break;
        if (child + 1 < h->count && is_before(h->entries[child + 1], h->entries[child]))
            child++;
        if (!is_before(h->entries[child], e))
            break;
        put_at(h, index, h->entries[child]);
        index = child;
    }
    put_at(h, index, e);
}

static enum err make_room(struct heap *h)
{
    if (h->count < h->capacity)
        return ERR_NONE;
    size_t capacity = h->capacity == 0 ? FIRST_CAPACITY : h->capacity * 2;
    struct heap_entry **grown = realloc(h->entries, capacity * sizeof(struct heap_entry *));
    if (grown == NULL)
        return ERR_MEMORY;
    h->entries = grown;
    h->capacity = capacity;
    return ERR_NONE;
}

enum err heap_put(struct heap *h, struct heap_entry *e, int64_t at_ms, uint64_t tie)
{
    if (e->place == 0) {
        if (make_room(h) != ERR_NONE)
            return ERR_MEMORY;
        put_at(h, h->count++, e);
    }
    e->at_ms = at_ms;
    e->tie = tie;
    rise(h, e->place - 1);
    sink(h, e->place - 1);
    return ERR_NONE;
}

void heap_remove(struct heap *h, struct heap_entry *e)
{
    if (e->place == 0)
        return;
    size_t index = e->place - 1;
    struct heap_entry *last = h->entries[--h->count];
    e->place = 0;
    if (last == e)
        return;
    put_at(h, index, last);
    rise(h, index);
    sink(h, last->place - 1);
}

struct heap_entry *heap_first(const struct heap *h)
{
    return h->count == 0 ? NULL : h->entries[0];
}
