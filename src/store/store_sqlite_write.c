/* The writes of the SQLite store. The writer's thread comes here with a batch of requests, which
 * become one transaction with one sync of the log; it hands them back afterwards.
 *
 * A request that is refused must leave nothing and harm no other. So a refusal is found before
 * anything of the request is written; where something was (a row further on breaks a rule, memory
 * runs short), the whole transaction is undone and each request gets its own. Nothing here may set
 * a good result that a failing COMMIT does not take back. */
#include "store/store_sqlite_int.h"

#include <assert.h>
#include <stdio.h>

static struct store_request *request_of(struct link *k)
{
    return LINK_OWNER(k, struct store_request, link);
}

static enum err run_alone(struct lane *l, enum sql which)
{
    struct query q = query_of(l, which);

    return query_run(&q);
}

/* --- what a request writes --- */

static enum err put_record(struct lane *l, struct store_record *rec, struct slice instance)
{
    struct store_sqlite *s = l->store;
    struct query q = query_of(l, SQL_EVENT_PUT);

    query_int(&q, (int64_t)(s->last_pos + 1));
    query_text(&q, instance);
    query_int(&q, (int64_t)rec->seq);
    query_int(&q, rec->at_ms);
    query_text(&q, rec->event);
    query_text(&q, rec->verdict);
    query_text(&q, rec->bytes);
    if (rec->is_act) {
        query_int(&q, 1);
    } else {
        query_text(&q, SLICE_NONE);
    }
    enum err err = query_run(&q);
    if (q.rc == SQLITE_CONSTRAINT_UNIQUE) {
        return ERR_CONFLICT;
    }
    if (err == ERR_NONE) {
        rec->pos = ++s->last_pos;
    }
    return err;
}

static enum err put_ready(struct lane *l, const struct store_row *row)
{
    enum err err = ERR_NONE;

    if (row->had_ready) {
        struct query q = query_of(l, SQL_READY_DROP);
        query_text(&q, row->id);
        err = query_run(&q);
    }
    for (uint32_t i = 0; i < row->ready_count && err == ERR_NONE; i++) {
        struct query q = query_of(l, SQL_READY_PUT);
        query_text(&q, row->ready[i].queue);
        query_int(&q, row->ready[i].at_ms);
        query_text(&q, row->id);
        query_text(&q, row->ready[i].task);
        query_int(&q, row->ready[i].item);
        query_int(&q, row->ready[i].generation);
        query_int(&q, row->ready[i].attempt);
        query_int(&q, row->ready[i].visibility_ms);
        err = query_run(&q);
    }
    return err;
}

static void bind_row(struct query *q, const struct store_row *row)
{
    query_text(q, row->id);
    query_text(q, row->template);
    query_int(q, row->version);
    query_text(q, row->key);
    query_text(q, row->status);
    query_text(q, row->stage);
    query_text(q, row->business_status);
    query_int(q, row->started_at_ms);
    query_int(q, row->updated_at_ms);
    if (row->wake_at_ms == TIME_NEVER) {
        query_text(q, SLICE_NONE);
    } else {
        query_int(q, row->wake_at_ms);
    }
    query_int(q, row->is_open);
    query_int(q, row->shares_key);
    query_int(q, (int64_t)row->rev);
    query_text(q, row->queue);
    query_text(q, row->state);
}

static enum err put_row(struct lane *l, const struct store_row *row)
{
    struct query q = query_of(l, SQL_ROW_PUT);

    bind_row(&q, row);
    enum err err = query_run(&q);
    if (q.rc == SQLITE_CONSTRAINT_UNIQUE) {
        return ERR_EXISTS;
    }
    return err != ERR_NONE ? err : put_ready(l, row);
}

static enum err put_payloads(struct lane *l, const struct store_request *r)
{
    enum err err = ERR_NONE;

    for (uint32_t i = 0; i < r->payload_count && err == ERR_NONE; i++) {
        struct query q = query_of(l, SQL_PAYLOAD_PUT);
        query_blob(&q, r->payloads[i].digest, SHA256_BYTES);
        query_text(&q, r->payloads[i].text);
        err = query_run(&q);
    }
    return err;
}

/* ERR_EXISTS: another open instance has the row's key; its id is in the request's value. */
static enum err check_key(struct lane *l, struct store_request *r, const struct store_row *row)
{
    if (!row->is_open || row->shares_key || row->key.at == NULL) {
        return ERR_NONE;
    }
    struct query q = query_of(l, SQL_OPEN_ID);
    query_text(&q, row->template);
    query_text(&q, row->key);
    query_text(&q, row->id);
    if (query_next(&q)) {
        r->value = query_copy(&q, r->arena, 0);
        sqlite3_reset(q.stmt);
        return ERR_EXISTS;
    }
    return query_err(&q);
}

static enum err check_seq(struct lane *l, struct slice instance, uint64_t seq)
{
    struct query q = query_of(l, SQL_EVENT_HAS);

    query_text(&q, instance);
    query_int(&q, (int64_t)seq);
    if (query_next(&q)) {
        sqlite3_reset(q.stmt);
        return ERR_CONFLICT;
    }
    return query_err(&q);
}

/* The records are last of what can be refused, except the first of them, which is the commit. */
static enum err commit(struct lane *l, struct store_request *r)
{
    enum err err = r->row_count > 0 ? check_key(l, r, &r->rows[0]) : ERR_NONE;

    if (err == ERR_EXISTS && r->record_count > 0 &&
        check_seq(l, r->id, r->records[0].seq) == ERR_CONFLICT) {
        err = ERR_CONFLICT;
    }
    for (uint32_t i = 0; i < r->record_count && err == ERR_NONE; i++) {
        err = put_record(l, &r->records[i], r->id);
    }
    if (err == ERR_NONE && r->row_count > 0) {
        err = put_row(l, &r->rows[0]);
    }
    if (err == ERR_NONE) {
        err = put_payloads(l, r);
    }
    r->last_pos = l->store->last_pos;
    r->is_row_written = err == ERR_NONE && r->row_count > 0;
    return err;
}

static enum err put_pos(struct lane *l, struct slice name, uint64_t pos)
{
    char text[24];
    struct query q = query_of(l, SQL_META_SET);
    int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)pos);

    query_text(&q, name);
    query_text(&q, (struct slice){text, (size_t)len});
    return query_run(&q);
}

/* A row written behind may come after a commit's own row, which is newer: then it says nothing. */
static bool is_outdated(struct lane *l, const struct store_row *row, enum err *err)
{
    struct query q = query_of(l, SQL_ROW_NEWER);

    query_text(&q, row->id);
    query_int(&q, (int64_t)row->rev);
    bool is = query_next(&q);
    if (is) {
        sqlite3_reset(q.stmt);
    } else {
        *err = query_err(&q);
    }
    return is;
}

static enum err write_rows(struct lane *l, struct store_request *r)
{
    enum err err = ERR_NONE;

    for (uint32_t i = 0; i < r->row_count && err == ERR_NONE; i++) {
        if (is_outdated(l, &r->rows[i], &err) || err != ERR_NONE) {
            continue;
        }
        err = check_key(l, r, &r->rows[i]);
        if (err == ERR_NONE) {
            err = put_row(l, &r->rows[i]);
        }
    }
    if (err == ERR_NONE) {
        err = put_payloads(l, r);
    }
    if (err == ERR_NONE && r->folded_pos > l->store->folded_pos) {
        err = put_pos(l, SLICE(META_FOLDED), r->folded_pos);
        l->store->folded_pos = r->folded_pos;
    }
    return err;
}

/* Positions are not given twice, also where the newest records go. */
static enum err remove_instance(struct lane *l, struct store_request *r)
{
    static const enum sql drops[] = {SQL_EVENTS_DROP, SQL_READY_DROP, SQL_ROW_DROP};
    enum err err = put_pos(l, SLICE(META_LAST), l->store->last_pos);

    for (size_t i = 0; i < sizeof(drops) / sizeof(drops[0]) && err == ERR_NONE; i++) {
        struct query q = query_of(l, drops[i]);
        query_text(&q, r->id);
        err = query_run(&q);
    }
    return err;
}

static enum err (*const writes[STORE_OP_COUNT])(struct lane *, struct store_request *) = {
    [STORE_COMMIT] = commit,
    [STORE_ROWS] = write_rows,
    [STORE_TEMPLATE_PUT] = put_template,
    [STORE_QUEUE_PUT] = put_queue,
    [STORE_QUEUE_DELETE] = put_queue_drop,
    [STORE_MESSAGE_PUT] = put_messages,
    [STORE_MESSAGE_DELETE] = put_messages_drop,
    [STORE_PURGE] = put_purge,
    [STORE_META] = put_meta,
    [STORE_KEY_PUT] = put_key,
    [STORE_REMOVE] = remove_instance,
};

/* META without a value only reads. */
bool write_is_for(const struct store_request *r)
{
    return writes[r->op] != NULL && (r->op != STORE_META || r->key.at != NULL);
}

/* --- one transaction --- */

enum outcome {
    BATCH_DONE,   /* every request has its result */
    BATCH_UNDONE, /* nothing was written; one of them failed half-way */
};

/* A failed sync means that the kernel may have dropped what it could not write: trying again could
 * succeed without the bytes being there. */
static void notice_sync(struct store_sqlite *s, int rc)
{
    if (rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC) {
        s->is_stopped = true;
    }
}

static void fail_all(struct list *batch, enum err err)
{
    for (struct link *k = list_first(batch); k != NULL; k = list_after(batch, k)) {
        request_of(k)->err = err;
    }
}

static void roll_back(struct store_sqlite *s, uint64_t folded_pos)
{
    lane_settle(&s->writer);
    if (!sqlite3_get_autocommit(s->writer.db)) {
        enum err err = run_alone(&s->writer, SQL_ROLLBACK);
        /* Rolling back needs no room and no disk; were it to fail, the next BEGIN would. */
        (void)err;
    }
    s->last_pos = s->committed_pos;
    s->folded_pos = folded_pos;
}

/* Runs one request inside the transaction. False: it failed with something of it written. */
static bool run_in(struct store_sqlite *s, struct store_request *r)
{
    sqlite3 *db = s->writer.db;
    int changes = sqlite3_total_changes(db);
    jmp_buf edge;
    jmp_buf *const outer = r->arena->edge;

    r->value = SLICE_NONE;
    r->arena->edge = &edge;
    if (setjmp(edge) == 0) {
        r->err = writes[r->op](&s->writer, r);
    } else {
        r->err = ERR_MEMORY;
        lane_settle(&s->writer);
    }
    r->arena->edge = outer;
    if (r->err == ERR_NONE) {
        return true;
    }
    notice_sync(s, sqlite3_extended_errcode(db));
    return !s->is_stopped && !sqlite3_get_autocommit(db) && sqlite3_total_changes(db) == changes;
}

static enum outcome try_batch(struct store_sqlite *s, struct list *batch)
{
    uint64_t folded_pos = s->folded_pos;
    enum err err = run_alone(&s->writer, SQL_BEGIN);

    if (err != ERR_NONE) {
        roll_back(s, folded_pos);
        fail_all(batch, err);
        return BATCH_DONE;
    }
    for (struct link *k = list_first(batch); k != NULL; k = list_after(batch, k)) {
        if (!run_in(s, request_of(k))) {
            roll_back(s, folded_pos);
            return BATCH_UNDONE;
        }
    }
    struct query q = query_of(&s->writer, SQL_COMMIT);
    err = query_run(&q);
    if (err != ERR_NONE) {
        notice_sync(s, q.rc);
        roll_back(s, folded_pos);
        fail_all(batch, err);
        return BATCH_DONE;
    }
    if (s->last_pos != s->committed_pos) {
        s->committed_pos = s->last_pos;
        folder_note_pos(s);
    }
    return BATCH_DONE;
}

/* A transaction for each request. Undone alone, a request keeps the error it met. */
static void write_one_by_one(struct store_sqlite *s, struct list *batch)
{
    struct list one, finished;

    list_init(&one);
    list_init(&finished);
    while (list_first(batch) != NULL) {
        list_append(&one, list_take(batch));
        struct store_request *r = request_of(list_first(&one));
        if (s->is_stopped) {
            r->err = ERR_STORE;
        } else {
            enum outcome outcome = try_batch(s, &one);
            assert(outcome == BATCH_DONE || r->err != ERR_NONE);
        }
        list_append(&finished, list_take(&one));
    }
    while (list_first(&finished) != NULL) {
        list_append(batch, list_take(&finished));
    }
}

void write_batch(struct store_sqlite *s, struct list *batch)
{
    if (s->is_stopped) {
        fail_all(batch, ERR_STORE);
    } else if (try_batch(s, batch) == BATCH_UNDONE) {
        write_one_by_one(s, batch);
    }
}

/* After the batch was handed back, so that nobody waits for it but the next batch. A reader or a
 * backup may hold the log: then the rest is copied later, and not tried again for every batch. */
void write_checkpoint(struct store_sqlite *s)
{
    int in_log = 0, copied = 0;

    if (s->wal_pages < CHECKPOINT_PAGES) {
        s->checkpoint_at_pages = CHECKPOINT_PAGES; /* the log has started anew */
    }
    if (s->is_stopped || s->wal_pages < s->checkpoint_at_pages) {
        return;
    }
    int rc =
        sqlite3_wal_checkpoint_v2(s->writer.db, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_log, &copied);
    notice_sync(s, rc);
    s->checkpoint_at_pages = s->wal_pages + CHECKPOINT_AGAIN_PAGES;
}
