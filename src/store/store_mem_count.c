/* The memory store's filter, and its reads that count. store_mem_read.c comes here; the rules of
 * that file hold. */
#include "store/buckets.h"
#include "store/grow.h"
#include "store/store_mem_int.h"

#include <stdlib.h>

static bool is_any(const struct store_any *any, struct slice s)
{
    for (uint32_t i = 0; i < any->count; i++) {
        if (s.at != NULL && slice_eq(any->texts[i], s)) {
            return true;
        }
    }
    return any->count == 0;
}

static bool is_in_time(const struct store_row *row, const struct store_filter *f)
{
    return (f->since_ms == 0 || row->updated_at_ms >= f->since_ms) &&
           (f->until_ms == 0 || row->updated_at_ms < f->until_ms) &&
           (f->started_since_ms == 0 || row->started_at_ms >= f->started_since_ms) &&
           (f->started_until_ms == 0 || row->started_at_ms < f->started_until_ms);
}

bool mem_passes(const struct store_row *row, const struct store_filter *f)
{
    return is_any(&f->template, row->template) && is_any(&f->status, row->status) &&
           is_any(&f->stage, row->stage) && is_any(&f->business_status, row->business_status) &&
           (f->key.at == NULL || slice_eq(f->key, row->key)) &&
           (f->key_prefix.at == NULL ||
            (row->key.at != NULL && slice_has_prefix(row->key, f->key_prefix))) &&
           (f->version == 0 || f->version == row->version) && is_in_time(row, f) &&
           (f->not_queue.at == NULL ||
            (row->is_open && row->queue.at != NULL && !slice_eq(row->queue, f->not_queue)));
}

static void add_match(struct store_request *r, struct slice status)
{
    void *items = r->counts;

    for (uint32_t i = 0; i < r->count_count; i++) {
        if (slice_eq(r->counts[i].status, status)) {
            r->counts[i].count++;
            return;
        }
    }
    struct store_count *c = grow_one(r->arena, &items, &r->count_count, sizeof(*c));
    *c = (struct store_count){.status = mem_copy(r->arena, status), .count = 1};
    r->counts = items;
}

static int by_status(const void *a, const void *b)
{
    return slice_compare(((const struct store_count *)a)->status,
                         ((const struct store_count *)b)->status);
}

enum err mem_read_matches(struct store_mem *s, struct store_request *r)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < s->data.instance_count && !r->is_more; i++) {
        const struct mem_instance *it = s->data.instances[i];
        if (!mem_is_row(it) || !mem_passes(it->row, &r->filter)) {
            continue;
        }
        if (r->look_max != 0 && found++ == r->look_max) {
            r->is_more = true;
        } else {
            add_match(r, it->row->status.at == NULL ? SLICE("") : it->row->status);
        }
    }
    if (r->count_count > 0) {
        qsort(r->counts, r->count_count, sizeof(*r->counts), by_status);
    }
    return ERR_NONE;
}

/* --- activity --- */

struct moment {
    int64_t at_ms;
    struct slice status;
};

static int newest_first(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;

    return (x->at_ms < y->at_ms) - (x->at_ms > y->at_ms);
}

static void count_moments(struct store_request *r, struct moment *moments, uint32_t count)
{
    if (count > 0) {
        qsort(moments, count, sizeof(*moments), newest_first);
    }
    if (r->look_max != 0 && count > r->look_max) {
        count = r->look_max;
    }
    for (uint32_t i = 0; i < count; i++) {
        buckets_add(r, moments[i].at_ms, moments[i].status, 1);
    }
    if (count > 0) {
        buckets_note_end(r, count, moments[count - 1].at_ms);
    }
}

enum err mem_read_activity(struct store_mem *s, struct store_request *r)
{
    struct moment *began = arena_array(r->arena, s->data.instance_count, sizeof(*began));
    struct moment *ended = arena_array(r->arena, s->data.instance_count, sizeof(*ended));
    uint32_t began_count = 0, ended_count = 0;

    for (uint32_t i = 0; i < s->data.instance_count; i++) {
        const struct store_row *row = s->data.instances[i]->row;
        if (!mem_is_row(s->data.instances[i])) {
            continue;
        }
        if (row->started_at_ms >= r->at_ms) {
            began[began_count++] = (struct moment){row->started_at_ms, SLICE_NONE};
        }
        if (!row->is_open && row->updated_at_ms >= r->at_ms) {
            ended[ended_count++] = (struct moment){row->updated_at_ms, row->status};
        }
    }
    count_moments(r, began, began_count);
    count_moments(r, ended, ended_count);
    buckets_sort(r);
    return ERR_NONE;
}

/* --- ready entries that are due --- */

static int oldest_first(const void *a, const void *b)
{
    const struct store_ready *x = a, *y = b;
    int order = (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);

    return order != 0 ? order : slice_compare(x->instance, y->instance);
}

static void add_overdue_of(struct store_request *r, const struct store_row *row, void **items)
{
    for (uint32_t i = 0; i < row->ready_count; i++) {
        const struct store_ready *it = &row->ready[i];
        if (!slice_eq(it->queue, r->id) || it->at_ms > r->at_ms) {
            continue;
        }
        struct store_ready *copy = grow_one(r->arena, items, &r->ready_count, sizeof(*copy));
        *copy = *it;
        copy->queue = mem_copy(r->arena, it->queue);
        copy->instance = mem_copy(r->arena, it->instance);
        copy->task = mem_copy(r->arena, it->task);
    }
}

enum err mem_read_overdue(struct store_mem *s, struct store_request *r)
{
    void *items = NULL;

    for (uint32_t i = 0; i < s->data.instance_count; i++) {
        if (s->data.instances[i]->row != NULL) {
            add_overdue_of(r, s->data.instances[i]->row, &items);
        }
    }
    r->ready = items;
    if (r->ready_count > 0) {
        qsort(r->ready, r->ready_count, sizeof(*r->ready), oldest_first);
    }
    r->counts = arena_array(r->arena, 1, sizeof(*r->counts));
    r->count_count = 1;
    r->is_more = r->look_max != 0 && r->ready_count > r->look_max;
    r->counts[0].count = r->is_more ? r->look_max : r->ready_count;
    if (r->limit != 0 && r->ready_count > r->limit) {
        r->ready_count = r->limit;
    }
    return ERR_NONE;
}
