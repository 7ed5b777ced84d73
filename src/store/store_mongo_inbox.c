/* What waits for people, in order of time: along one index, so that a hundred thousand cost a page
 * no more than a hundred. The entries of one instance have one time, which is in its row as well:
 * an index over an array gives no order. Beside it the names of instances for those who show
 * records. The reading lanes come here. */
#include "store/store_mongo_int.h"

#include "store/cursor.h"
#include "store/grow.h"

#include <stdlib.h>

struct inbox {
    struct store_request *r;
    struct store_ready last; /* where the page before ended */
};

static int by_task(const void *a, const void *b)
{
    const struct store_ready *x = a, *y = b;
    int order = slice_compare(x->task, y->task);
    return order != 0 ? order : (x->item > y->item) - (x->item < y->item);
}

static bool is_before(const struct inbox *x, const struct store_ready *entry)
{
    return entry->at_ms == x->last.at_ms && slice_eq(entry->instance, x->last.instance) &&
           by_task(entry, &x->last) <= 0;
}

/* The entries of one row that are in the queue, in order. */
static bool take_row(void *context, const bson_t *row)
{
    struct inbox *x = context;
    struct store_request *r = x->r;
    struct store_ready *found = NULL;
    bson_t list, one;
    bson_iter_t it;
    uint32_t count = 0, len;
    const uint8_t *bytes;
    if (!get_document(row, "ready", &list) || !bson_iter_init(&it, &list))
        return true;
    while (bson_iter_next(&it)) {
        void *items = found;
        bson_iter_document(&it, &len, &bytes);
        if (!bson_init_static(&one, bytes, len))
            continue;
        struct store_ready entry = mongo_ready_entry(row, &one, r->arena);
        if (!slice_eq(entry.queue, r->id) || is_before(x, &entry))
            continue;
        struct store_ready *out = grow_one(r->arena, &items, &count, sizeof *out);
        found = items;
        *out = entry;
    }
    if (count > 0)
        qsort(found, count, sizeof *found, by_task);
    for (uint32_t k = 0; k < count; k++)
        if (!mongo_add_ready(r, &found[k]))
            return false;
    return true;
}

static void put_range(bson_t *filter, const struct store_ready *last)
{
    bson_t list, one, range;
    bson_append_document_begin(filter, "inbox_at", -1, &range);
    bson_append_date_time(&range, "$gte", -1, last->at_ms);
    bson_append_document_end(filter, &range);
    bson_append_array_begin(filter, "$or", -1, &list);
    bson_append_document_begin(&list, "0", -1, &one);
    bson_append_document_begin(&one, "inbox_at", -1, &range);
    bson_append_date_time(&range, "$gt", -1, last->at_ms);
    bson_append_document_end(&one, &range);
    bson_append_document_end(&list, &one);
    bson_append_document_begin(&list, "1", -1, &one);
    bson_append_document_begin(&one, "_id", -1, &range);
    put_text(&range, "$gte", last->instance);
    bson_append_document_end(&one, &range);
    bson_append_document_end(&list, &one);
    bson_append_array_end(filter, &list);
}

enum err mongo_inbox(struct lane *l, struct store_request *r)
{
    struct inbox x = {.r = r};
    bson_t filter = BSON_INITIALIZER;
    enum err err = cursor_read_ready(r->after, &x.last);
    if (err != ERR_NONE)
        return err;
    bson_t *opts = BCON_NEW("sort", "{", "inbox_at", BCON_INT32(1), "_id", BCON_INT32(1), "}",
                            "projection", "{", "ready", BCON_INT32(1), "}");
    if (r->limit != 0)
        bson_append_int64(opts, "limit", -1, (int64_t)r->limit + 1);
    put_text(&filter, "ready.queue", r->id);
    put_range(&filter, &x.last);
    r->ready = NULL;
    err = mongo_find(l, &(struct find){C_INSTANCES, &filter, opts, take_row, &x});
    bson_destroy(&filter);
    bson_destroy(opts);
    return err;
}

/* --- names --- */

static bool take_name(void *context, const bson_t *b)
{
    struct store_request *r = context;
    void *rows = r->rows;
    struct store_row *row = grow_one(r->arena, &rows, &r->row_count, sizeof *row);
    r->rows = rows;
    r->err = get_row(b, r->arena, row);
    return r->err == ERR_NONE;
}

enum err mongo_names_of(struct lane *l, struct store_request *r)
{
    if (r->id_count == 0)
        return ERR_NONE;
    bson_t filter = BSON_INITIALIZER;
    bson_t *opts =
        BCON_NEW("projection", "{", "template", BCON_INT32(1), "key", BCON_INT32(1), "}");
    mongo_put_any(&filter, "_id", &(struct store_any){r->ids, r->id_count});
    r->err = ERR_NONE;
    enum err err = mongo_find(l, &(struct find){C_INSTANCES, &filter, opts, take_name, r});
    bson_destroy(&filter);
    bson_destroy(opts);
    return err == ERR_NONE ? r->err : err;
}
