/* The reads that count: instances by template and status, by filter, by time, ready entries that
 * are due. The reading lanes come here from store_mongo_read.c. Each is a pipeline that an index
 * bounds or that looks at so many documents at most. */
#include "store/buckets.h"
#include "store/grow.h"
#include "store/store_mongo_int.h"

#include <stdlib.h>

static bool take_count(void *context, const bson_t *b)
{
    struct store_request *r = context;
    void *items = r->counts;
    bson_t id;
    struct store_count *c = grow_one(r->arena, &items, &r->count_count, sizeof *c);
    r->counts = items;
    if (!get_document(b, "_id", &id))
        return true;
    c->template = get_text(&id, r->arena, "template");
    c->status = get_text(&id, r->arena, "status");
    if (c->template.at == NULL)
        c->template = SLICE("");
    if (c->status.at == NULL)
        c->status = SLICE("");
    c->version = get_int(&id, "version");
    c->count = (uint64_t)get_int(b, "count");
    return true;
}

enum err mongo_counts(struct lane *l, struct store_request *r)
{
    bson_t *pipeline =
        BCON_NEW("pipeline", "[", "{", "$match", "{", "rev", "{", "$gt", BCON_INT64(0), "}", "}",
                 "}", "{", "$group", "{", "_id", "{", "template", BCON_UTF8("$template"), "version",
                 BCON_UTF8("$version"), "status", BCON_UTF8("$status"), "}", "count", "{", "$sum",
                 BCON_INT64(1), "}", "}", "}", "{", "$sort", "{", "_id.template", BCON_INT32(1),
                 "_id.version", BCON_INT32(1), "_id.status", BCON_INT32(1), "}", "}", "]");
    r->counts = NULL;
    enum err err = mongo_aggregate(l, pipeline, take_count, r);
    bson_destroy(pipeline);
    return err;
}

/* --- instances by filter --- */

static bool take_match(void *context, const bson_t *b)
{
    struct store_request *r = context;
    void *items = r->counts;
    struct store_count *c = grow_one(r->arena, &items, &r->count_count, sizeof *c);
    r->counts = items;
    c->status = get_text(b, r->arena, "_id");
    if (c->status.at == NULL)
        c->status = SLICE("");
    c->count = (uint64_t)get_int(b, "count");
    return true;
}

static int64_t look_max_of(const struct store_request *r)
{
    return r->look_max == 0 ? INT32_MAX : (int64_t)r->look_max;
}

enum err mongo_matches(struct lane *l, struct store_request *r)
{
    bson_t filter = BSON_INITIALIZER;
    mongo_put_filter(&filter, r->arena, &r->filter);
    bson_t *pipeline =
        BCON_NEW("pipeline", "[", "{", "$match", BCON_DOCUMENT(&filter), "}", "{", "$limit",
                 BCON_INT64(look_max_of(r)), "}", "{", "$group", "{", "_id", BCON_UTF8("$status"),
                 "count", "{", "$sum", BCON_INT64(1), "}", "}", "}", "{", "$sort", "{", "_id",
                 BCON_INT32(1), "}", "}", "]");
    int64_t sum = 0;
    r->counts = NULL;
    enum err err = mongo_aggregate(l, pipeline, take_match, r);
    bson_destroy(pipeline);
    bson_destroy(&filter);
    for (uint32_t k = 0; k < r->count_count; k++)
        sum += (int64_t)r->counts[k].count;
    r->is_more = sum >= look_max_of(r);
    return err;
}

/* --- activity --- */

struct moments {
    struct store_request *r;
    uint64_t counted;
    int64_t oldest_ms;
};

static bool take_moments(void *context, const bson_t *b)
{
    struct moments *m = context;
    bson_t id;
    int64_t at_ms = get_int(b, "at");
    struct slice status =
        get_document(b, "_id", &id) ? get_text(&id, m->r->arena, "status") : SLICE_NONE;
    if (status.len == 0)
        status = SLICE_NONE;
    buckets_add(m->r, at_ms, status, (uint64_t)get_int(b, "count"));
    m->counted += (uint64_t)get_int(b, "count");
    if (at_ms < m->oldest_ms)
        m->oldest_ms = at_ms;
    return true;
}

/* Along an index alone, the newest so many; a time of each bucket stands for it. */
static enum err count_moments(struct lane *l, struct store_request *r, const char *field,
                              const char *status)
{
    char at[32];
    struct moments m = {.r = r, .oldest_ms = INT64_MAX};
    bson_t fields = BSON_INITIALIZER; /* no more than the index has */
    bson_append_int32(&fields, "_id", -1, 0);
    bson_append_int32(&fields, field, -1, 1);
    if (status[0] == '$')
        bson_append_int32(&fields, status + 1, -1, 1);
    (void)snprintf(at, sizeof at, "$%s", field);
    bson_t *pipeline = BCON_NEW(
        "pipeline", "[", "{", "$match", "{", field, "{", "$gte", BCON_DATE_TIME(r->at_ms), "}", "}",
        "}", "{", "$sort", "{", field, BCON_INT32(-1), "}", "}", "{", "$limit",
        BCON_INT64(look_max_of(r)), "}", "{", "$project", BCON_DOCUMENT(&fields), "}", "{",
        "$group", "{", "_id", "{", "nth", "{", "$floor", "{", "$divide", "[", "{", "$subtract", "[",
        BCON_UTF8(at), BCON_DATE_TIME(r->at_ms), "]", "}", BCON_INT64(r->width_ms), "]", "}", "}",
        "status", BCON_UTF8(status), "}", "count", "{", "$sum", BCON_INT64(1), "}", "at", "{",
        "$min", BCON_UTF8(at), "}", "}", "}", "]");
    enum err err = mongo_aggregate(l, pipeline, take_moments, &m);
    bson_destroy(pipeline);
    bson_destroy(&fields);
    if (m.counted > 0)
        buckets_note_end(r, m.counted, m.oldest_ms);
    return err;
}

enum err mongo_activity(struct lane *l, struct store_request *r)
{
    r->buckets = NULL;
    enum err err = count_moments(l, r, "started_at", "");
    if (err == ERR_NONE)
        err = count_moments(l, r, "ended_at", "$status");
    buckets_sort(r);
    return err;
}

/* --- ready entries that are due --- */

static int by_time(const void *a, const void *b)
{
    const struct store_ready *x = a, *y = b;
    int order = (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
    return order != 0 ? order : slice_compare(x->instance, y->instance);
}

static bool take_overdue(void *context, const bson_t *b)
{
    struct store_request *r = context;
    void *items = r->ready;
    bson_t x;
    if (!get_document(b, "ready", &x))
        return true;
    struct store_ready *out = grow_one(r->arena, &items, &r->ready_count, sizeof *out);
    r->ready = items;
    *out = mongo_ready_entry(b, &x, r->arena);
    return true;
}

static bool take_overdue_count(void *context, const bson_t *b)
{
    struct store_request *r = context;
    r->counts[0].count = (uint64_t)get_int(b, "count");
    return false;
}

/* The index gives them in order of time, but a sort over it would read all: the first so many are
 * taken, then sorted. */
enum err mongo_overdue(struct lane *l, struct store_request *r)
{
    bson_t match = BSON_INITIALIZER, one, range;
    int64_t count_max = r->look_max == 0 ? INT32_MAX : (int64_t)r->look_max + 1;
    put_text(&match, "queue", r->id);
    bson_append_document_begin(&match, "at", -1, &range);
    bson_append_date_time(&range, "$lte", -1, r->at_ms);
    bson_append_document_end(&match, &range);
    bson_init(&one);
    put_text(&one, "ready.queue", r->id);
    bson_append_document_begin(&one, "ready.at", -1, &range);
    bson_append_date_time(&range, "$lte", -1, r->at_ms);
    bson_append_document_end(&one, &range);
    bson_t *list = BCON_NEW("pipeline", "[", "{", "$match", "{", "ready", "{", "$elemMatch",
                            BCON_DOCUMENT(&match), "}", "}", "}", "{", "$limit",
                            BCON_INT64(r->limit == 0 ? INT32_MAX : (int64_t)r->limit), "}", "{",
                            "$project", "{", "ready", BCON_INT32(1), "}", "}", "{", "$unwind",
                            BCON_UTF8("$ready"), "}", "{", "$match", BCON_DOCUMENT(&one), "}", "]");
    bson_t *count = BCON_NEW(
        "pipeline", "[", "{", "$match", "{", "ready", "{", "$elemMatch", BCON_DOCUMENT(&match), "}",
        "}", "}", "{", "$limit", BCON_INT64(count_max), "}", "{", "$project", "{", "ready",
        BCON_INT32(1), "}", "}", "{", "$unwind", BCON_UTF8("$ready"), "}", "{", "$match",
        BCON_DOCUMENT(&one), "}", "{", "$count", BCON_UTF8("count"), "}", "]");
    r->ready = NULL;
    r->counts = arena_array(r->arena, 1, sizeof *r->counts);
    r->count_count = 1;
    enum err err = mongo_aggregate(l, list, take_overdue, r);
    if (err == ERR_NONE)
        err = mongo_aggregate(l, count, take_overdue_count, r);
    bson_destroy(list);
    bson_destroy(count);
    bson_destroy(&match);
    bson_destroy(&one);
    if (r->ready_count > 0)
        qsort(r->ready, r->ready_count, sizeof *r->ready, by_time);
    if (r->limit != 0 && r->ready_count > r->limit)
        r->ready_count = r->limit;
    r->is_more = r->look_max != 0 && r->counts[0].count > r->look_max;
    if (r->is_more)
        r->counts[0].count = r->look_max;
    return err;
}
