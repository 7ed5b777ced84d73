/* The reads of the SQLite store that are looked up by name or position; lists that go on by a
 * cursor are in store_sqlite_list.c. The reader's thread comes here with one request at a time and
 * hands it back afterwards. Each request is one short read transaction, so that a row and its
 * records belong together and the write-ahead log is never held for long. Nothing here can write:
 * the connection is open for reading only. */
#include "store/grow.h"
#include "store/store_sqlite_int.h"

/* LIMIT's operand: none of its own is -1. */
static int64_t limit_of(const struct store_request *r)
{
    return r->limit == 0 ? -1 : (int64_t)r->limit;
}

static struct store_row *add_row(struct store_request *r)
{
    void *rows = r->rows;
    struct store_row *row = grow_one(r->arena, &rows, &r->row_count, sizeof(*row));

    r->rows = rows;
    *row = (struct store_row){.wake_at_ms = TIME_NEVER};
    return row;
}

static void add_record(struct store_request *r, const struct query *q)
{
    void *records = r->records;
    struct store_record *rec = grow_one(r->arena, &records, &r->record_count, sizeof(*rec));

    r->records = records;
    *rec = (struct store_record){
        .instance = query_copy(q, r->arena, 0),
        .seq = (uint64_t)query_get_int(q, 1),
        .at_ms = query_get_int(q, 2),
        .event = query_copy(q, r->arena, 3),
        .verdict = query_copy(q, r->arena, 4),
        .bytes = query_copy(q, r->arena, 5),
        .pos = (uint64_t)query_get_int(q, 6),
        .is_act = query_get_int(q, 7) != 0,
    };
}

static enum err add_records(struct store_request *r, struct query *q)
{
    while (query_next(q)) {
        add_record(r, q);
    }
    return query_err(q);
}

enum err read_row(const struct query *q, struct arena *a, struct store_row *row)
{
    *row = (struct store_row){
        .id = query_copy(q, a, 1),
        .template = query_copy(q, a, 2),
        .version = query_get_int(q, 3),
        .key = query_copy(q, a, 4),
        .status = query_copy(q, a, 5),
        .stage = query_copy(q, a, 6),
        .business_status = query_copy(q, a, 7),
        .started_at_ms = query_get_int(q, 8),
        .updated_at_ms = query_get_int(q, 9),
        .wake_at_ms = query_get(q, 10).at == NULL ? TIME_NEVER : query_get_int(q, 10),
        .is_open = query_get_int(q, 11) != 0,
        .shares_key = query_get_int(q, 12) != 0,
        .rev = (uint64_t)query_get_int(q, 13),
        .queue = query_copy(q, a, 14),
    };
    return row->id.at == NULL ? ERR_CORRUPT : ERR_NONE;
}

static struct query find_row(struct lane *l, const struct store_request *r)
{
    struct query q;

    if (r->id.at != NULL) {
        q = query_of(l, SQL_ROW_BY_ID);
        query_text(&q, r->id);
    } else if (r->template.at == NULL) {
        q = query_of(l, SQL_ROW_BY_KEY);
        query_text(&q, r->key);
    } else {
        q = query_of(l, SQL_ROW_BY_TEMPLATE_KEY);
        query_text(&q, r->key);
        query_text(&q, r->template);
    }
    return q;
}

static enum err records_after(struct lane *l, struct store_request *r, struct slice id,
                              uint64_t seq)
{
    struct query q = query_of(l, SQL_RECORDS);

    query_text(&q, id);
    query_int(&q, (int64_t)seq + 1);
    query_int(&q, -1);
    return add_records(r, &q);
}

static enum err load(struct lane *l, struct store_request *r)
{
    if (r->seq > 0) {
        return records_after(l, r, r->id, r->seq);
    }
    struct query row = find_row(l, r);
    struct slice id = r->id;
    uint64_t rev = 0;

    if (query_next(&row)) {
        struct store_row *found = add_row(r);
        enum err err = read_row(&row, r->arena, found);
        if (err != ERR_NONE) {
            return err;
        }
        found->state = query_copy(&row, r->arena, 15);
        id = found->id;
        rev = found->rev;
    }
    enum err err = query_next(&row) ? ERR_NONE : query_err(&row);
    if (err != ERR_NONE || id.at == NULL) {
        return err != ERR_NONE ? err : ERR_NOT_FOUND;
    }
    err = records_after(l, r, id, rev);
    return err == ERR_NONE && r->row_count + r->record_count == 0 ? ERR_NOT_FOUND : err;
}

static enum err payloads(struct lane *l, struct store_request *r)
{
    for (uint32_t i = 0; i < r->payload_count; i++) {
        struct query q = query_of(l, SQL_PAYLOAD_GET);
        query_blob(&q, r->payloads[i].digest, SHA256_BYTES);
        r->payloads[i].text = SLICE_NONE;
        if (query_next(&q)) {
            r->payloads[i].text = query_copy(&q, r->arena, 0);
            sqlite3_reset(q.stmt);
        }
        enum err err = query_err(&q);
        if (err != ERR_NONE) {
            return err;
        }
    }
    return ERR_NONE;
}

static enum err records(struct lane *l, struct store_request *r)
{
    struct query q = query_of(l, r->newest_first ? SQL_RECORDS_BEFORE : SQL_RECORDS);
    bool is_from_end = r->newest_first && r->seq == 0;

    query_text(&q, r->id);
    query_int(&q, is_from_end ? INT64_MAX : (int64_t)r->seq);
    query_int(&q, limit_of(r));
    return add_records(r, &q);
}

static enum err find_last_pos(struct lane *l, uint64_t *pos)
{
    struct query q = query_of(l, SQL_LAST_POS);

    if (query_next(&q)) {
        *pos = (uint64_t)query_get_int(&q, 0);
        sqlite3_reset(q.stmt);
    }
    return query_err(&q);
}

/* The first record of a time, by halves: times grow with positions, some of which are gone. */
static enum err find_time(struct lane *l, int64_t at_ms, uint64_t last_pos, int64_t *first_pos)
{
    int64_t low = 0, high = (int64_t)last_pos + 1;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        struct query q = query_of(l, SQL_AT_OR_AFTER);
        query_int(&q, middle);
        if (!query_next(&q)) {
            if (query_err(&q) != ERR_NONE) {
                return query_err(&q);
            }
            high = middle;
        } else if (query_get_int(&q, 1) < at_ms) {
            low = query_get_int(&q, 0) + 1;
        } else {
            high = middle;
        }
        sqlite3_reset(q.stmt);
    }
    *first_pos = low;
    return ERR_NONE;
}

static enum err feed(struct lane *l, struct store_request *r)
{
    static const enum sql texts[2][2] = {{SQL_FEED, SQL_FEED_BEFORE}, {SQL_ACTS, SQL_ACTS_BEFORE}};
    int64_t pos = r->newest_first && r->pos == 0 ? INT64_MAX : (int64_t)r->pos;
    enum err err = find_last_pos(l, &r->last_pos);

    if (err == ERR_NONE && r->pos == 0 && r->at_ms > 0) {
        err = find_time(l, r->at_ms, r->last_pos, &pos);
        pos -= r->newest_first ? 0 : 1;
    }
    if (err != ERR_NONE) {
        return err;
    }
    struct query q = query_of(l, texts[r->acts_only][r->newest_first]);
    query_int(&q, pos);
    query_int(&q, limit_of(r));
    return add_records(r, &q);
}

static enum err names(struct lane *l, struct store_request *r)
{
    for (uint32_t k = 0; k < r->id_count; k++) {
        struct query q = query_of(l, SQL_NAME);
        query_text(&q, r->ids[k]);
        if (query_next(&q)) {
            struct store_row *row = add_row(r);
            row->id = query_copy(&q, r->arena, 0);
            row->template = query_copy(&q, r->arena, 1);
            row->key = query_copy(&q, r->arena, 2);
            sqlite3_reset(q.stmt);
        }
        if (query_err(&q) != ERR_NONE) {
            return query_err(&q);
        }
    }
    return ERR_NONE;
}

static enum err counts(struct lane *l, struct store_request *r)
{
    struct query q = query_of(l, SQL_COUNTS);
    void *items = NULL;

    while (query_next(&q)) {
        struct store_count *c = grow_one(r->arena, &items, &r->count_count, sizeof(*c));
        c->template = query_copy(&q, r->arena, 0);
        c->version = query_get_int(&q, 1);
        c->status = query_copy(&q, r->arena, 2);
        c->count = (uint64_t)query_get_int(&q, 3);
    }
    r->counts = items;
    return query_err(&q);
}

static enum err due(struct lane *l, struct store_request *r)
{
    struct query q = query_of(l, SQL_DUE);

    query_int(&q, r->at_ms);
    query_int(&q, limit_of(r));
    while (query_next(&q)) {
        struct store_row *row = add_row(r);
        row->id = query_copy(&q, r->arena, 0);
        row->template = query_copy(&q, r->arena, 1);
        row->wake_at_ms = query_get_int(&q, 2);
    }
    return query_err(&q);
}

static enum err meta(struct lane *l, struct store_request *r)
{
    struct query q = query_of(l, SQL_META_GET);

    query_text(&q, r->id);
    if (query_next(&q)) {
        r->value = query_copy(&q, r->arena, 0);
        sqlite3_reset(q.stmt);
    }
    return query_err(&q);
}

static enum err find_folded_pos(struct lane *l, uint64_t *pos)
{
    struct query q = query_of(l, SQL_META_GET);
    int64_t folded = 0;

    *pos = 0;
    query_text(&q, SLICE(META_FOLDED));
    if (query_next(&q)) {
        if (!slice_to_int(query_get(&q, 0), &folded)) {
            return ERR_CORRUPT;
        }
        *pos = (uint64_t)folded;
        sqlite3_reset(q.stmt);
    }
    return query_err(&q);
}

/* One instance more than asked for is looked at: its first position is where the next goes on. */
static enum err behind(struct lane *l, struct store_request *r)
{
    enum err err = find_folded_pos(l, &r->folded_pos);
    if (err == ERR_NONE) {
        err = find_last_pos(l, &r->last_pos);
    }
    if (err != ERR_NONE) {
        return err;
    }
    struct query q = query_of(l, SQL_BEHIND);
    query_int(&q, (int64_t)(r->seq > r->folded_pos ? r->seq : r->folded_pos + 1));
    query_int(&q, r->limit == 0 ? -1 : (int64_t)r->limit + 1);
    while (query_next(&q)) {
        if (r->limit != 0 && r->row_count == r->limit) {
            r->next = query_copy(&q, r->arena, 1);
            sqlite3_reset(q.stmt);
            break;
        }
        struct store_row *row = add_row(r);
        row->id = query_copy(&q, r->arena, 0);
        row->updated_at_ms = query_get_int(&q, 2);
    }
    return query_err(&q);
}

static enum err templates(struct lane *l, struct store_request *r)
{
    struct query q = query_of(l, SQL_TEMPLATES);
    void *items = NULL;

    query_int(&q, r->at_ms == 0 ? INT64_MIN : r->at_ms);
    while (query_next(&q)) {
        struct store_template *t = grow_one(r->arena, &items, &r->template_count, sizeof(*t));
        *t = (struct store_template){
            .name = query_copy(&q, r->arena, 0),
            .version = query_get_int(&q, 1),
            .alias = query_copy(&q, r->arena, 2),
            .digest_hex = query_copy(&q, r->arena, 3),
            .source = query_copy(&q, r->arena, 4),
            .applied_by = query_copy(&q, r->arena, 5),
            .note = query_copy(&q, r->arena, 6),
            .applied_at_ms = query_get_int(&q, 7),
        };
    }
    r->templates = items;
    return query_err(&q);
}

static enum err queues(struct lane *l, struct store_request *r)
{
    struct query q = query_of(l, SQL_QUEUES);
    void *items = NULL;

    while (query_next(&q)) {
        struct store_queue *queue = grow_one(r->arena, &items, &r->queue_count, sizeof(*queue));
        *queue = (struct store_queue){
            .name = query_copy(&q, r->arena, 0),
            .attributes = query_copy(&q, r->arena, 1),
            .created_at_ms = query_get_int(&q, 2),
            .modified_at_ms = query_get_int(&q, 3),
        };
    }
    r->queues = items;
    return query_err(&q);
}

static enum err keys(struct lane *l, struct store_request *r)
{
    struct query q = query_of(l, SQL_KEYS);
    void *items = NULL;

    while (query_next(&q)) {
        struct store_key *key = grow_one(r->arena, &items, &r->key_count, sizeof(*key));
        key->id = query_copy(&q, r->arena, 0);
        key->body = query_copy(&q, r->arena, 1);
    }
    r->keys = items;
    return query_err(&q);
}

static enum err expired(struct lane *l, struct store_request *r)
{
    struct query q = query_of(l, SQL_EXPIRED);

    query_int(&q, r->at_ms);
    query_int(&q, limit_of(r));
    while (query_next(&q)) {
        add_row(r)->id = query_copy(&q, r->arena, 0);
    }
    return query_err(&q);
}

/* One more than asked for is looked at, to know whether there are more. */
static enum err chains(struct lane *l, struct store_request *r)
{
    struct query q = query_of(l, SQL_CHAINS);

    query_text(&q, r->after.at != NULL ? r->after : SLICE(STORE_CHAIN));
    query_int(&q, r->limit == 0 ? -1 : (int64_t)r->limit + 1);
    while (query_next(&q)) {
        if (r->limit != 0 && r->row_count == r->limit) {
            r->next = r->rows[r->row_count - 1].id;
            sqlite3_reset(q.stmt);
            break;
        }
        add_row(r)->id = query_copy(&q, r->arena, 0);
    }
    return query_err(&q);
}

static enum err (*const reads[STORE_OP_COUNT])(struct lane *, struct store_request *) = {
    [STORE_LOAD] = load,
    [STORE_PAYLOADS] = payloads,
    [STORE_RECORDS] = records,
    [STORE_FEED] = feed,
    [STORE_LIST] = read_list,
    [STORE_COUNTS] = counts,
    [STORE_DUE] = due,
    [STORE_BEHIND] = behind,
    [STORE_READY] = read_ready,
    [STORE_TEMPLATES] = templates,
    [STORE_QUEUES] = queues,
    [STORE_MESSAGES] = read_messages,
    [STORE_META] = meta,
    [STORE_KEYS] = keys,
    [STORE_EXPIRED] = expired,
    [STORE_CHAINS] = chains,
    [STORE_NAMES] = names,
    [STORE_MATCHES] = read_matches,
    [STORE_ACTIVITY] = read_activity,
    [STORE_OVERDUE] = read_overdue,
};

/* Results start empty; PAYLOADS' are asked for by what the request brings. */
static void clear_results(struct store_request *r)
{
    r->rows = NULL;
    r->records = NULL;
    r->row_count = r->record_count = r->ready_count = r->template_count = 0;
    r->queue_count = r->message_count = r->count_count = r->key_count = 0;
    r->bucket_count = 0;
    r->whole_from_ms = 0;
    r->is_more = false;
    r->next = r->value = SLICE_NONE;
}

void read_request(struct lane *l, struct store_request *r)
{
    jmp_buf edge;
    jmp_buf *const outer = r->arena->edge;

    clear_results(r);
    r->arena->edge = &edge;
    if (setjmp(edge) == 0) {
        struct query begin = query_of(l, SQL_READ);
        r->err = query_run(&begin);
        if (r->err == ERR_NONE) {
            r->err = reads[r->op](l, r);
        }
    } else {
        r->err = ERR_MEMORY;
    }
    r->arena->edge = outer;
    lane_settle(l);
    if (!sqlite3_get_autocommit(l->db)) {
        struct query end = query_of(l, SQL_COMMIT);
        enum err err = query_run(&end);
        (void)err; /* ending a read transaction cannot lose anything */
    }
}
