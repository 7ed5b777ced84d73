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

#define LIST_SQL_BYTES_MAX 2048

static int64_t limit_and_one(const struct store_request *r)
{
    return r->limit == 0 ? -1 : (int64_t)r->limit + 1;
}

/* --- instances: started_at_ms:n, newest first --- */

struct condition { /* a filter that is asked for */
    const char *sql;
    struct slice text;
};

#define CONDITIONS 6

static void conditions_of(const struct store_filter *f, struct condition out[CONDITIONS])
{
    out[0] = (struct condition){" AND template = ?", f->template};
    out[1] = (struct condition){" AND status = ?", f->status};
    out[2] = (struct condition){" AND key = ?", f->key};
    out[3] = (struct condition){" AND stage = ?", f->stage};
    out[4] = (struct condition){" AND business_status = ?", f->business_status};
    out[5] = (struct condition){" AND is_open AND queue <> ?", f->not_queue};
}

static char *list_sql(const struct store_request *r, const struct condition *conditions)
{
    struct text t = text_new(r->arena, LIST_SQL_BYTES_MAX);

    text_put_c(&t, "SELECT n, id, template, version, key, status, stage, business_status, "
                   "started_at_ms, updated_at_ms, wake_at_ms, is_open, shares_key, rev, queue "
                   "FROM instances WHERE (started_at_ms, n) < (?, ?)");
    for (int i = 0; i < CONDITIONS; i++) {
        if (conditions[i].text.at != NULL) {
            text_put_c(&t, conditions[i].sql);
        }
    }
    if (r->filter.version != 0) {
        text_put_c(&t, " AND version = ?");
    }
    if (r->filter.since_ms != 0) {
        text_put_c(&t, " AND updated_at_ms >= ?");
    }
    text_put_c(&t, " ORDER BY started_at_ms DESC, n DESC LIMIT ?");
    return text_c(&t);
}

static void bind_list(struct query *q, const struct store_request *r,
                      const struct condition *conditions)
{
    for (int i = 0; i < CONDITIONS; i++) {
        if (conditions[i].text.at != NULL) {
            query_text(q, conditions[i].text);
        }
    }
    if (r->filter.version != 0) {
        query_int(q, r->filter.version);
    }
    if (r->filter.since_ms != 0) {
        query_int(q, r->filter.since_ms);
    }
    query_int(q, limit_and_one(r));
}

enum err read_list(struct lane *l, struct store_request *r)
{
    struct condition conditions[CONDITIONS];
    int64_t at_ms, n;
    void *rows = NULL;
    enum err err = cursor_read_list(r->after, &at_ms, &n);

    if (err != ERR_NONE) {
        return err;
    }
    conditions_of(&r->filter, conditions);
    struct query q = query_of_text(l, list_sql(r, conditions));
    query_int(&q, at_ms);
    query_int(&q, n);
    bind_list(&q, r, conditions);
    while (err == ERR_NONE && query_next(&q)) {
        if (r->limit != 0 && r->row_count == r->limit) {
            struct text t = text_new(r->arena, TIME_TEXT_BYTES * 2);
            text_printf(&t, "%lld:%lld", (long long)at_ms, (long long)n);
            r->next = text_slice(&t);
            break;
        }
        struct store_row *row = grow_one(r->arena, &rows, &r->row_count, sizeof(*row));
        err = read_row(&q, r->arena, row);
        at_ms = row->started_at_ms;
        n = query_get_int(&q, 0);
    }
    r->rows = rows;
    return err != ERR_NONE ? err : query_err(&q);
}

/* --- task messages --- */

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
        item->queue = query_copy(&q, r->arena, 0);
        item->at_ms = query_get_int(&q, 1);
        item->instance = query_copy(&q, r->arena, 2);
        item->task = query_copy(&q, r->arena, 3);
        item->item = query_get_int(&q, 4);
        item->generation = query_get_int(&q, 5);
        item->attempt = query_get_int(&q, 6);
        item->visibility_ms = query_get_int(&q, 7);
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
