/* The reads of the SQLite store that count: instances by filter, those that began and ended by
 * time, ready entries that are due. Each looks at a bounded number of rows or index entries. The
 * reader's thread comes here from store_sqlite_read.c, inside its read transaction. */
#include "store/buckets.h"
#include "store/grow.h"
#include "store/store_sqlite_int.h"

static int64_t look_max_of(const struct store_request *r)
{
    return r->look_max == 0 ? INT64_MAX : (int64_t)r->look_max;
}

/* --- instances by filter --- */

static void put_list(struct text *t, const char *column, const struct store_any *any)
{
    for (uint32_t i = 0; i < any->count; i++) {
        text_printf(t, i == 0 ? " AND %s IN (?" : ", ?", column);
    }
    text_put_c(t, any->count > 0 ? ")" : "");
}

static void bind_list(struct query *q, const struct store_any *any)
{
    for (uint32_t i = 0; i < any->count; i++) {
        query_text(q, any->texts[i]);
    }
}

static void add_count(struct store_request *r, const struct query *q, void **items)
{
    struct store_count *c = grow_one(r->arena, items, &r->count_count, sizeof(*c));

    c->status = query_copy(q, r->arena, 0);
    c->count = (uint64_t)query_get_int(q, 1);
    if (c->count == 0) {
        r->count_count--;
    }
}

/* Templates, versions and statuses are counted already. */
static bool is_counted(const struct store_filter *f)
{
    return f->stage.count == 0 && f->business_status.count == 0 && f->key.at == NULL &&
           f->key_prefix.at == NULL && f->since_ms == 0 && f->until_ms == 0 &&
           f->started_since_ms == 0 && f->started_until_ms == 0 && f->not_queue.at == NULL;
}

static enum err sum_counts(struct lane *l, struct store_request *r)
{
    struct text t = text_new(r->arena, 4096);
    void *items = NULL;

    text_put_c(&t, "SELECT status, sum(count) FROM counts WHERE 1");
    put_list(&t, "template", &r->filter.template);
    put_list(&t, "status", &r->filter.status);
    text_put_c(&t, r->filter.version != 0 ? " AND version = ?" : "");
    text_put_c(&t, " GROUP BY status ORDER BY status");
    struct query q = query_of_text(l, text_c(&t));
    bind_list(&q, &r->filter.template);
    bind_list(&q, &r->filter.status);
    if (r->filter.version != 0) {
        query_int(&q, r->filter.version);
    }
    while (query_next(&q)) {
        add_count(r, &q, &items);
    }
    r->counts = items;
    return query_err(&q);
}

enum err read_matches(struct lane *l, struct store_request *r)
{
    struct filter_sql sql = {
        .arena = r->arena, .columns = "status", .at_ms = INT64_MAX, .n = INT64_MAX};
    int64_t looked = 0;
    void *items = NULL;

    if (is_counted(&r->filter)) {
        return sum_counts(l, r);
    }
    filter_write(l, &sql, &r->filter);
    struct text t = text_new(r->arena, sql.text.len + 256);
    text_put_c(&t, "SELECT coalesce(status, '') AS s, sum(m), count(*) FROM (SELECT * FROM "
                   "(SELECT NULL AS status, NULL AS m WHERE 0 UNION ALL ");
    text_put(&t, text_slice(&sql.text));
    text_put_c(&t, ") LIMIT ?) GROUP BY s ORDER BY s");
    struct query q = query_of_text(l, text_c(&t));
    filter_bind(&q, &sql);
    query_int(&q, look_max_of(r));
    while (query_next(&q)) {
        add_count(r, &q, &items);
        looked += query_get_int(&q, 2);
    }
    r->counts = items;
    r->is_more = looked >= look_max_of(r);
    return query_err(&q);
}

/* --- activity --- */

static enum err count_moments(struct lane *l, struct store_request *r, enum sql which)
{
    struct query q = query_of(l, which);
    uint64_t counted = 0;
    int64_t oldest_ms = INT64_MAX;

    query_int(&q, r->at_ms);
    query_int(&q, look_max_of(r));
    query_int(&q, r->at_ms);
    query_int(&q, r->width_ms);
    while (query_next(&q)) {
        uint64_t count = (uint64_t)query_get_int(&q, 2);
        buckets_add(r, query_get_int(&q, 3), query_get(&q, 1), count);
        counted += count;
        if (query_get_int(&q, 3) < oldest_ms) {
            oldest_ms = query_get_int(&q, 3);
        }
    }
    if (counted > 0) {
        buckets_note_end(r, counted, oldest_ms);
    }
    return query_err(&q);
}

enum err read_activity(struct lane *l, struct store_request *r)
{
    enum err err = count_moments(l, r, SQL_BEGAN);

    if (err == ERR_NONE) {
        err = count_moments(l, r, SQL_ENDED);
    }
    buckets_sort(r);
    return err;
}

/* --- ready entries that are due --- */

static enum err count_overdue(struct lane *l, struct store_request *r)
{
    struct query q = query_of(l, SQL_OVERDUE_COUNT);

    query_text(&q, r->id);
    query_int(&q, r->at_ms);
    query_int(&q, r->look_max == 0 ? INT64_MAX : (int64_t)r->look_max + 1);
    r->counts = arena_array(r->arena, 1, sizeof(*r->counts));
    r->count_count = 1;
    if (query_next(&q)) {
        r->counts[0].count = (uint64_t)query_get_int(&q, 0);
        sqlite3_reset(q.stmt);
    }
    if (r->look_max != 0 && r->counts[0].count > r->look_max) {
        r->is_more = true;
        r->counts[0].count = r->look_max;
    }
    return query_err(&q);
}

enum err read_overdue(struct lane *l, struct store_request *r)
{
    struct query q = query_of(l, SQL_OVERDUE);
    void *items = NULL;

    query_text(&q, r->id);
    query_int(&q, r->at_ms);
    query_int(&q, r->limit == 0 ? -1 : (int64_t)r->limit);
    while (query_next(&q)) {
        struct store_ready *item = grow_one(r->arena, &items, &r->ready_count, sizeof(*item));
        read_ready_entry(&q, r->arena, item);
    }
    r->ready = items;
    return query_err(&q) != ERR_NONE ? query_err(&q) : count_overdue(l, r);
}
