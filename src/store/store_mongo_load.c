/* Instances by id: the row and the records beyond it, or only what is beyond a seq that is known.
 * It is what nodes at work ask for most, so that one question asks for many instances. Loads by key
 * and all other reads are store_mongo_read.c's. */
#include "store/store_mongo_int.h"

#include "base/text.h"

#include <stdio.h>

struct loads {
    struct lane *lane;
    struct list *batch;
    struct arena scratch;
};

static struct store_request *request_of(struct link *k)
{
    return LINK_OWNER(k, struct store_request, link);
}

bool mongo_is_load(const struct store_request *r)
{
    return r->op == STORE_LOAD && r->id.at != NULL;
}

/* From which seq on records are read. */
static uint64_t first_seq(const struct store_request *r)
{
    return (r->seq != 0 ? r->seq : r->row_count > 0 ? r->rows[0].rev : 0) + 1;
}

/* Memory that is short is the matter of one request. */
static void take_for(struct store_request *r, const bson_t *b, bool is_row)
{
    jmp_buf edge;
    jmp_buf *const outer = r->arena->edge;
    r->arena->edge = &edge;
    if (setjmp(edge) != 0)
        r->err = ERR_MEMORY;
    else if (is_row)
        mongo_take_row(r, b);
    else
        mongo_take_records(r, b, first_seq(r));
    r->arena->edge = outer;
}

static void deal_out(struct loads *x, const bson_t *b, const char *name, bool is_row)
{
    bson_iter_t it;
    uint32_t len;
    if (!bson_iter_init_find(&it, b, name) || !BSON_ITER_HOLDS_UTF8(&it))
        return;
    const char *text = bson_iter_utf8(&it, &len);
    struct slice id = {text, len};
    for (struct link *k = list_first(x->batch); k != NULL; k = list_after(x->batch, k)) {
        struct store_request *r = request_of(k);
        bool is_asked = r->err == ERR_NONE && !(is_row && r->seq != 0);
        if (is_asked && slice_eq(r->id, id))
            take_for(r, b, is_row);
    }
}

/* --- rows --- */

static bool take_row(void *context, const bson_t *b)
{
    deal_out(context, b, "_id", true);
    return true;
}

static enum err find_rows(struct loads *x)
{
    bson_t filter = BSON_INITIALIZER, in, ids;
    unsigned count = 0;
    bson_append_document_begin(&filter, "_id", -1, &in);
    bson_append_array_begin(&in, "$in", -1, &ids);
    for (struct link *k = list_first(x->batch); k != NULL; k = list_after(x->batch, k)) {
        char key[16];
        if (request_of(k)->seq != 0)
            continue;
        (void)snprintf(key, sizeof key, "%u", count++);
        put_text(&ids, key, request_of(k)->id);
    }
    bson_append_array_end(&in, &ids);
    bson_append_document_end(&filter, &in);
    enum err err = ERR_NONE;
    if (count > 0)
        err = mongo_find(x->lane, &(struct find){C_INSTANCES, &filter, NULL, take_row, x});
    bson_destroy(&filter);
    return err;
}

/* A row that only reserves its key is none; the record that it stands for is completed. */
static void settle_row(struct loads *x, struct store_request *r)
{
    jmp_buf edge;
    jmp_buf *const outer = r->arena->edge;
    if (r->row_count == 0 || r->err != ERR_NONE)
        return;
    x->lane->arena = r->arena;
    r->arena->edge = &edge;
    r->err = setjmp(edge) == 0 ? mongo_complete_pending(x->lane, r) : ERR_MEMORY;
    r->arena->edge = outer;
    x->lane->arena = &x->scratch;
    if (r->rows[0].rev == 0)
        r->row_count = 0;
}

/* --- records --- */

static bool take_record(void *context, const bson_t *b)
{
    deal_out(context, b, "instance", false);
    return true;
}

static void put_ranges(bson_t *filter, struct loads *x)
{
    bson_t ranges, range;
    unsigned count = 0;
    bson_append_array_begin(filter, "$or", -1, &ranges);
    for (struct link *k = list_first(x->batch); k != NULL; k = list_after(x->batch, k)) {
        const struct store_request *r = request_of(k);
        char key[16];
        (void)snprintf(key, sizeof key, "%u", count++);
        bson_append_document_begin(&ranges, key, -1, &range);
        put_record_range(&range, &x->scratch, r->id, first_seq(r));
        bson_append_document_end(&ranges, &range);
    }
    bson_append_array_end(filter, &ranges);
}

/* False: memory is short. */
static bool make_filter(bson_t *filter, struct loads *x)
{
    jmp_buf edge;
    x->scratch.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    put_ranges(filter, x);
    return true;
}

/* In the order of the key, so that each instance's come in the order of seq. */
static enum err find_records(struct loads *x)
{
    bson_t filter = BSON_INITIALIZER;
    bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}");
    enum err err = ERR_MEMORY;
    if (make_filter(&filter, x))
        err = mongo_find(x->lane, &(struct find){C_EVENTS, &filter, opts, take_record, x});
    bson_destroy(&filter);
    bson_destroy(opts);
    return err;
}

/* --- all of it --- */

static enum err try_loads(struct loads *x)
{
    for (struct link *k = list_first(x->batch); k != NULL; k = list_after(x->batch, k)) {
        mongo_clear_results(request_of(k));
        request_of(k)->err = ERR_NONE;
    }
    enum err err = find_rows(x);
    for (struct link *k = list_first(x->batch); k != NULL && err == ERR_NONE;
         k = list_after(x->batch, k)) {
        settle_row(x, request_of(k));
        if (request_of(k)->err == ERR_STORE)
            err = ERR_STORE;
    }
    return err == ERR_NONE ? find_records(x) : err;
}

void mongo_read_loads(struct lane *l, struct list *batch)
{
    struct loads x = {.lane = l, .batch = batch};
    int64_t until_ms = mongo_steady_ms() + READ_WAIT_MS;
    unsigned tries = 0;
    enum err err;
    arena_init(&x.scratch, BATCH_BYTES_MAX);
    l->arena = &x.scratch;
    do {
        arena_reset(&x.scratch);
        err = try_loads(&x);
    } while (err == ERR_STORE && mongo_wait(l, until_ms, &tries));
    for (struct link *k = list_first(batch); k != NULL; k = list_after(batch, k)) {
        struct store_request *r = request_of(k);
        bool is_nothing = r->seq == 0 && r->row_count + r->record_count == 0;
        r->value = SLICE_NONE;
        if (err != ERR_NONE)
            r->err = err;
        else if (r->err == ERR_NONE && is_nothing)
            r->err = ERR_NOT_FOUND;
    }
    mongo_settle_pos(l);
    l->arena = NULL;
    arena_drop(&x.scratch);
}
