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

static void add_count(struct store_request *r, const struct query *q, void **items)
{
    struct store_count *c = grow_one(r->arena, items, &r->count_count, sizeof(*c));

    c->status = query_copy(q, r->arena, 0);
    c->count = (uint64_t)query_get_int(q, 1);
    if (c->count == 0) {
        r->count_count--;
    }
}

static enum err sum_counts(struct lane *l, struct store_request *r, struct filter_sql *sql)
{
    void *items = NULL;
    struct query q = query_of_text(l, text_c(&sql->text));

    filter_bind(&q, sql);
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

    if (filter_write_counts(&sql, &r->filter)) {
        return sum_counts(l, r, &sql);
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
        uint64_t count = (uint64_t)query_get_int(&q, 1);
        buckets_add(r, query_get_int(&q, 2), query_get(&q, 0), count);
        counted += count;
        if (query_get_int(&q, 2) < oldest_ms) {
            oldest_ms = query_get_int(&q, 2);
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
