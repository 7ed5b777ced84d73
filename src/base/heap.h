/* A min-heap of intrusive entries ordered by time. An entry knows its place, so it can be moved or
 * removed in O(log n). One thread. */
#ifndef SWM_BASE_HEAP_H
#define SWM_BASE_HEAP_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct heap_entry {
    int64_t at_ms;
    uint64_t tie; /* order among equal times: the smaller first */
    size_t place; /* 0: not in a heap, else index + 1 */
};

struct heap {
    struct heap_entry **entries;
    size_t count, capacity;
};

void heap_init(struct heap *h);
void heap_drop(struct heap *h);
/* Adds the entry, or moves it when it is in this heap already. ERR_MEMORY: it is not in the heap.
 */
enum err heap_put(struct heap *h, struct heap_entry *e, int64_t at_ms, uint64_t tie) MUST_USE;
void heap_remove(struct heap *h, struct heap_entry *e); /* nothing when it is not in */
struct heap_entry *heap_first(const struct heap *h);    /* NULL: empty */

#endif
