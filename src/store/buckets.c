/* Puts what a driver counted into buckets of time. Drivers come here with times or with sums of
 * one bucket; nothing here knows where they are from. */
#include "store/buckets.h"

#include "store/grow.h"

#include <stdlib.h>

static int64_t start_of(const struct store_request *r, int64_t at_ms)
{
    return at_ms - (at_ms - r->at_ms) % r->width_ms;
}

void buckets_add(struct store_request *r, int64_t at_ms, struct slice status, uint64_t count)
{
    int64_t start_ms = start_of(r, at_ms);
    void *items = r->buckets;

    for (uint32_t i = 0; i < r->bucket_count; i++) {
        struct store_bucket *b = &r->buckets[i];
        bool is_same = (b->status.at == NULL) == (status.at == NULL) && slice_eq(b->status, status);
        if (b->at_ms == start_ms && is_same) {
            b->count += count;
            return;
        }
    }
    struct store_bucket *b = grow_one(r->arena, &items, &r->bucket_count, sizeof(*b));
    *b = (struct store_bucket){start_ms, slice_copy(r->arena, status), count};
    r->buckets = items;
}

void buckets_note_end(struct store_request *r, uint64_t counted, int64_t oldest_ms)
{
    int64_t whole_from_ms = start_of(r, oldest_ms) + r->width_ms;

    if (r->look_max != 0 && counted >= r->look_max && whole_from_ms > r->whole_from_ms) {
        r->whole_from_ms = whole_from_ms;
    }
}

static int by_time(const void *a, const void *b)
{
    const struct store_bucket *x = a, *y = b;
    int order = (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);

    return order != 0 ? order : slice_compare(x->status, y->status);
}

void buckets_sort(struct store_request *r)
{
    if (r->bucket_count > 0) {
        qsort(r->buckets, r->bucket_count, sizeof(*r->buckets), by_time);
    }
}
