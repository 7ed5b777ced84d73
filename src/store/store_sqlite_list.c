/* The reads of the SQLite store that go on by a cursor: instances by filter, task messages of a
 * queue, foreign messages of a queue. The reader's thread comes here from store_sqlite_read.c,
 * inside its read transaction.
 *
 * A cursor is the sort key of the last element given: what comes or goes meanwhile makes nothing
 * appear twice and nothing be skipped. To callers it is opaque. */
#include "store/cursor.h"
#include "store/grow.h"
#include "store/store_sqlite_int.h"

#include "base/text.h"

static int64_t limit_and_one(const struct store_request *r)
{
    return r->limit == 0 ? -1 : (int64_t)r->limit + 1;
}

/* --- instances: started_at_ms:n, newest first --- */

#define LIST_COLUMNS                                                                               \
    "n, id, template, version, key, status, stage, business_status, started_at_ms, "               \
    "updated_at_ms, wake_at_ms, is_open, shares_key, rev, queue"
#define COLUMN_STARTED 8
#define COLUMN_MATCHES 15

static struct slice place_of(struct arena *a, int64_t at_ms, int64_t n)
{
    struct text t = text_new(a, TIME_TEXT_BYTES * 2);

    text_printf(&t, "%lld:%lld", (long long)at_ms, (long long)n);
    return text_slice(&t);
}

/* Walks until the page is full and another one is there, or too many do not match. */
static enum err walk_list(struct query *q, struct store_request *r)
{
    void *rows = NULL;
    enum err err = ERR_NONE;
    int64_t at_ms = 0, n = 0; /* the last one looked at, once the page is full the last given */
    uint32_t passed = 0;

    while (err == ERR_NONE && query_next(q)) {
        bool is_full = r->limit != 0 && r->row_count == r->limit;
        bool is_match = query_get_int(q, COLUMN_MATCHES) != 0;
        if ((is_full && is_match) || (r->look_max != 0 && passed == r->look_max)) {
            r->next = place_of(r->arena, at_ms, n);
            break;
        }
        if (!is_full) {
            at_ms = query_get_int(q, COLUMN_STARTED);
            n = query_get_int(q, 0);
        }
        passed += !is_match;
        if (is_match) {
            struct store_row *row = grow_one(r->arena, &rows, &r->row_count, sizeof(*row));
            err = read_row(q, r->arena, row);
        }
    }
    r->rows = rows;
    return err != ERR_NONE ? err : query_err(q);
}

enum err read_list(struct lane *l, struct store_request *r)
{
    struct filter_sql sql = {.arena = r->arena, .columns = LIST_COLUMNS};
    enum err err = cursor_read_list(r->after, &sql.at_ms, &sql.n);

    if (err != ERR_NONE) {
        return err;
    }
    filter_write(l, &sql, &r->filter);
    text_put_c(&sql.text, " ORDER BY started_at_ms DESC, n DESC");
    struct query q = query_of_text(l, text_c(&sql.text));
    filter_bind(&q, &sql);
    return walk_list(&q, r);
}

/* --- task messages --- */

void read_ready_entry(const struct query *q, struct arena *a, struct store_ready *item)
{
    item->queue = query_copy(q, a, 0);
    item->at_ms = query_get_int(q, 1);
    item->instance = query_copy(q, a, 2);
    item->task = query_copy(q, a, 3);
    item->item = query_get_int(q, 4);
    item->generation = query_get_int(q, 5);
    item->attempt = query_get_int(q, 6);
    item->visibility_ms = query_get_int(q, 7);
}

enum err read_ready(struct lane *l, struct store_request *r)
{
    struct store_ready last;
    void *items = NULL;
    enum err err = cursor_read_ready(r->after, &last);

    if (err != ERR_NONE) {
        return err;
    }
    struct query q = query_of(l, r->id.at != NULL ? SQL_READY_OF_QUEUE : SQL_READY_OF_ALL);
    query_text(&q, r->id.at != NULL ? r->id : last.queue);
    query_int(&q, last.at_ms);
    query_text(&q, last.instance);
    query_text(&q, last.task);
    query_int(&q, last.item);
    query_int(&q, limit_and_one(r));
    while (query_next(&q)) {
        if (r->limit != 0 && r->ready_count == r->limit) {
            r->next = cursor_of_ready(r->arena, &last);
            break;
        }
        struct store_ready *item = grow_one(r->arena, &items, &r->ready_count, sizeof(*item));
        read_ready_entry(&q, r->arena, item);
        last = *item;
    }
    r->ready = items;
    return query_err(&q);
}

/* --- foreign messages: n --- */

enum err read_messages(struct lane *l, struct store_request *r)
{
    int64_t n = 0;
    void *items = NULL;

    if (r->after.at != NULL && !slice_to_int(r->after, &n)) {
        return ERR_INVALID;
    }
    struct query q = query_of(l, SQL_MESSAGES);
    query_text(&q, r->id);
    query_int(&q, n);
    query_int(&q, limit_and_one(r));
    while (query_next(&q)) {
        if (r->limit != 0 && r->message_count == r->limit) {
            struct text t = text_new(r->arena, TIME_TEXT_BYTES);
            text_put_int(&t, n);
            r->next = text_slice(&t);
            break;
        }
        struct store_message *m = grow_one(r->arena, &items, &r->message_count, sizeof(*m));
        n = query_get_int(&q, 0);
        *m = (struct store_message){
            .queue = query_copy(&q, r->arena, 1),
            .id = query_copy(&q, r->arena, 2),
            .body = query_copy(&q, r->arena, 3),
            .attributes = query_copy(&q, r->arena, 4),
            .sent_at_ms = query_get_int(&q, 5),
            .visible_at_ms = query_get_int(&q, 6),
        };
    }
    r->messages = items;
    return query_err(&q);
}
