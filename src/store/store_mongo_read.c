/* The reads that are looked up by name or position; lists that go on by a cursor are in
 * store_mongo_list.c. The reading lanes come here with one request each. What they read a majority
 * has; it may be behind by the time it is used: the append tells. */
#include "store/store_mongo_int.h"

#include "base/text.h"
#include "store/grow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct store_row *add_row(struct store_request *r)
{
    void *rows = r->rows;
    struct store_row *row = grow_one(r->arena, &rows, &r->row_count, sizeof *row);
    r->rows = rows;
    *row = (struct store_row){.wake_at_ms = TIME_NEVER};
    return row;
}

/* --- records --- */

struct reading { /* of documents into records, those within the bounds */
    struct store_request *r;
    uint64_t seq_from, seq_to; /* to: before this one; 0: no bound */
    uint64_t pos_from, pos_to; /* beyond, before; 0: no bound */
    uint32_t limit;
    int64_t at_from_ms, at_to_ms; /* from then on, before; 0: no bound */
    bool acts_only;
};

static bool is_wanted(const struct reading *x, uint64_t seq, uint64_t pos)
{
    return seq >= x->seq_from && (x->seq_to == 0 || seq < x->seq_to) && pos > x->pos_from &&
           (x->pos_to == 0 || pos < x->pos_to);
}

static bool is_in_time(const struct reading *x, const bson_t *one)
{
    int64_t at_ms = get_int(one, "at");
    return at_ms >= x->at_from_ms && (x->at_to_ms == 0 || at_ms < x->at_to_ms) &&
           (!x->acts_only || get_bool(one, "is_act"));
}

static void add_record(struct reading *x, const bson_t *d, const bson_t *one, uint64_t pos)
{
    struct store_request *r = x->r;
    void *records = r->records;
    struct store_record *rec = grow_one(r->arena, &records, &r->record_count, sizeof *rec);
    r->records = records;
    *rec = (struct store_record){.instance = get_text(d, r->arena, "instance"),
                                 .seq = (uint64_t)get_int(one, "seq"),
                                 .at_ms = get_int(one, "at"),
                                 .event = get_text(one, r->arena, "event"),
                                 .verdict = get_text(one, r->arena, "verdict"),
                                 .bytes = get_text(one, r->arena, "record"),
                                 .node = get_text(d, r->arena, "node"),
                                 .pos = pos,
                                 .is_act = get_bool(one, "is_act")};
}

static bool take_within(struct reading *x, const bson_t *d)
{
    struct store_request *r = x->r;
    bson_t list, one, views[COMMIT_RECORDS_MAX];
    bson_iter_t it;
    uint32_t len, count = 0, k;
    const uint8_t *bytes;
    uint64_t first = (uint64_t)get_int(d, "position");
    if (!get_document(d, "records", &list) || !bson_iter_init(&it, &list))
        return true;
    while (bson_iter_next(&it) && count < COMMIT_RECORDS_MAX) {
        bson_iter_document(&it, &len, &bytes);
        if (bson_init_static(&one, bytes, len))
            bson_init_static(&views[count++], bytes, len);
    }
    for (uint32_t n = 0; n < count && (x->limit == 0 || r->record_count < x->limit); n++) {
        k = r->newest_first ? count - 1 - n : n;
        uint64_t pos = first + k * POS_UNIT;
        if (is_wanted(x, (uint64_t)get_int(&views[k], "seq"), pos) && is_in_time(x, &views[k]))
            add_record(x, d, &views[k], pos);
    }
    return x->limit == 0 || r->record_count < x->limit;
}

static bool take_document(void *context, const bson_t *d)
{
    return take_within(context, d);
}

void mongo_take_records(struct store_request *r, const bson_t *d, uint64_t from)
{
    struct reading x = {.r = r, .seq_from = from};
    (void)take_within(&x, d);
}

static enum err find_documents(struct lane *l, struct reading *x, const bson_t *filter,
                               const char *order)
{
    bson_t opts = BSON_INITIALIZER, sort;
    bson_append_document_begin(&opts, "sort", -1, &sort);
    bson_append_int32(&sort, order, -1, x->r->newest_first ? -1 : 1);
    bson_append_document_end(&opts, &sort);
    bool is_by_time = x->at_from_ms != 0 || x->at_to_ms != 0; /* any number may be passed over */
    if (x->limit != 0 && !is_by_time)
        bson_append_int64(&opts, "limit", -1, (int64_t)x->limit + COMMIT_RECORDS_MAX);
    enum err err = mongo_find(l, &(struct find){C_EVENTS, filter, &opts, take_document, x});
    bson_destroy(&opts);
    return err;
}

/* Records from a seq on, where commits begin at that seq. */
static enum err read_from(struct lane *l, struct store_request *r, struct slice id, uint64_t seq)
{
    struct reading x = {.r = r, .seq_from = seq};
    bson_t filter = BSON_INITIALIZER;
    put_record_range(&filter, r->arena, id, seq);
    enum err err = find_documents(l, &x, &filter, "_id");
    bson_destroy(&filter);
    return err;
}

static bool take_seq(void *context, const bson_t *b)
{
    *(uint64_t *)context = (uint64_t)get_int(b, "seq");
    return false;
}

/* The first seq of the commit that holds a record. */
static enum err find_commit(struct lane *l, struct store_request *r, uint64_t seq, uint64_t *first)
{
    struct text from = text_new(r->arena, r->id.len + 2);
    bson_t filter = BSON_INITIALIZER, range;
    bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(-1), "}", "limit", BCON_INT64(1),
                            "projection", "{", "seq", BCON_INT32(1), "}");
    text_put(&from, r->id);
    text_put_char(&from, ':');
    bson_append_document_begin(&filter, "_id", -1, &range);
    put_text(&range, "$gt", text_slice(&from));
    put_text(&range, "$lte", name_record(r->arena, r->id, seq));
    bson_append_document_end(&filter, &range);
    put_text(&filter, "instance", r->id);
    *first = seq;
    enum err err = mongo_find(l, &(struct find){C_EVENTS, &filter, opts, take_seq, first});
    bson_destroy(&filter);
    bson_destroy(opts);
    return err;
}

static enum err records(struct lane *l, struct store_request *r)
{
    struct reading x = {.r = r, .limit = r->limit};
    bson_t filter = BSON_INITIALIZER;
    uint64_t first = 0;
    enum err err = ERR_NONE;
    if (r->newest_first) {
        x.seq_to = r->seq;
    } else {
        x.seq_from = r->seq;
        err = r->seq > 1 ? find_commit(l, r, r->seq, &first) : ERR_NONE;
    }
    if (r->newest_first && r->seq > 0) {
        struct text from = text_new(r->arena, r->id.len + 2);
        bson_t range;
        text_put(&from, r->id);
        text_put_char(&from, ':');
        bson_append_document_begin(&filter, "_id", -1, &range);
        put_text(&range, "$gt", text_slice(&from));
        put_text(&range, "$lt", name_record(r->arena, r->id, r->seq));
        bson_append_document_end(&filter, &range);
        put_text(&filter, "instance", r->id);
    } else {
        put_record_range(&filter, r->arena, r->id, first);
    }
    if (err == ERR_NONE)
        err = find_documents(l, &x, &filter, "_id");
    bson_destroy(&filter);
    return err;
}

/* A record's time is that of the round in which its event arrived, its position that of the commit:
 * a little later. */
static uint64_t find_time(const struct store_request *r, struct reading *x)
{
    if (!r->newest_first) {
        x->at_from_ms = r->at_ms;
        return POS_OF_MS(r->at_ms > MARGIN_MS ? r->at_ms - MARGIN_MS : 0);
    }
    x->at_to_ms = r->at_ms;
    return POS_OF_MS(r->at_ms + COMMIT_WAIT_MS);
}

static enum err feed(struct lane *l, struct store_request *r)
{
    struct reading x = {.r = r, .limit = r->limit, .acts_only = r->acts_only};
    const uint64_t most = (uint64_t)COMMIT_RECORDS_MAX * POS_UNIT;
    bson_t filter = BSON_INITIALIZER, range;
    uint64_t pos = r->pos;
    if (r->pos == 0 && r->at_ms > 0)
        pos = find_time(r, &x);
    if (r->acts_only)
        bson_append_bool(&filter, "has_act", -1, true);
    bson_append_document_begin(&filter, "position", -1, &range);
    if (r->newest_first) {
        x.pos_to = r->pos;
        bson_append_int64(&range, "$lt", -1, pos == 0 ? INT64_MAX : (int64_t)pos);
    } else {
        x.pos_from = r->pos;
        bson_append_int64(&range, "$gt", -1, pos > most ? (int64_t)(pos - most) : 0);
    }
    bson_append_document_end(&filter, &range);
    enum err err = mongo_find_end(l, &r->last_pos);
    if (err == ERR_NONE)
        err = find_documents(l, &x, &filter, "position");
    bson_destroy(&filter);
    return err;
}

/* --- one instance --- */

void mongo_take_row(struct store_request *r, const bson_t *b)
{
    bson_t pending;
    struct store_row *row = add_row(r);
    r->err = get_row(b, r->arena, row);
    if (row->state.at == NULL)
        row->rev = 0;                         /* all of it is in the records */
    if (get_document(b, "pending", &pending)) /* kept until it is completed */
        r->value = slice_copy(r->arena,
                              (struct slice){(const char *)bson_get_data(&pending), pending.len});
}

static bool take_row(void *context, const bson_t *b)
{
    mongo_take_row(context, b);
    return false;
}

static enum err find_row_by_key(struct lane *l, struct store_request *r, bool holds_key)
{
    bson_t filter = BSON_INITIALIZER;
    bson_t *opts = BCON_NEW("sort", "{", "started_at", BCON_INT32(-1), "_id", BCON_INT32(-1), "}",
                            "limit", BCON_INT64(1));
    put_text(&filter, "key", r->key);
    put_text(&filter, "template", r->template);
    if (holds_key)
        bson_append_bool(&filter, "is_open", -1, true);
    r->err = ERR_NONE;
    enum err err = mongo_find(l, &(struct find){C_INSTANCES, &filter, opts, take_row, r});
    bson_destroy(&filter);
    bson_destroy(opts);
    return err == ERR_NONE ? r->err : err;
}

enum err mongo_complete_pending(struct lane *l, struct store_request *r)
{
    bson_t pending;
    if (r->value.at == NULL ||
        !bson_init_static(&pending, (const uint8_t *)r->value.at, r->value.len))
        return ERR_NONE;
    r->value = SLICE_NONE;
    return mongo_complete(l, &pending);
}

/* By key; by id they are read many at a time, in store_mongo_load.c. */
static enum err load(struct lane *l, struct store_request *r)
{
    enum err err = find_row_by_key(l, r, true);
    if (err == ERR_NONE && r->row_count == 0)
        err = find_row_by_key(l, r, false);
    if (err == ERR_NONE && r->row_count == 0)
        err = ERR_NOT_FOUND;
    if (err == ERR_NONE)
        err = mongo_complete_pending(l, r);
    return err == ERR_NONE ? read_from(l, r, r->rows[0].id, r->rows[0].rev + 1) : err;
}

static bool take_payload(void *context, const bson_t *b)
{
    struct store_request *r = context;
    struct slice digest = get_text(b, r->arena, "_id");
    for (uint32_t k = 0; k < r->payload_count; k++)
        if (digest.len == SHA256_BYTES && memcmp(digest.at, r->payloads[k].digest, digest.len) == 0)
            r->payloads[k].text = get_text(b, r->arena, "body");
    return true;
}

static enum err payloads(struct lane *l, struct store_request *r)
{
    bson_t filter = BSON_INITIALIZER, in, list;
    bson_append_document_begin(&filter, "_id", -1, &in);
    bson_append_array_begin(&in, "$in", -1, &list);
    for (uint32_t k = 0; k < r->payload_count; k++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%u", (unsigned)k);
        r->payloads[k].text = SLICE_NONE;
        bson_append_binary(&list, key, -1, BSON_SUBTYPE_BINARY, r->payloads[k].digest,
                           SHA256_BYTES);
    }
    bson_append_array_end(&in, &list);
    bson_append_document_end(&filter, &in);
    enum err err = mongo_find(l, &(struct find){C_PAYLOADS, &filter, NULL, take_payload, r});
    bson_destroy(&filter);
    return err;
}

/* --- what is due, what is behind, what is old --- */

static bool take_due(void *context, const bson_t *b)
{
    struct store_request *r = context;
    struct store_row *row = add_row(r);
    bson_iter_t it;
    row->id = get_text(b, r->arena, "_id");
    row->template = get_text(b, r->arena, "template");
    row->wake_at_ms = get_int(b, "wake_at");
    row->node = get_text(b, r->arena, "node");
    row->is_unsettled = bson_iter_init_find(&it, b, "pending");
    return true;
}

static enum err rows_until(struct lane *l, struct store_request *r, const char *field, bool or_at)
{
    bson_t filter = BSON_INITIALIZER, range, opts = BSON_INITIALIZER, sort, fields;
    bson_append_document_begin(&filter, field, -1, &range);
    bson_append_date_time(&range, or_at ? "$lte" : "$lt", -1, r->at_ms);
    bson_append_document_end(&filter, &range);
    bson_append_document_begin(&opts, "sort", -1, &sort);
    bson_append_int32(&sort, field, -1, 1);
    bson_append_document_end(&opts, &sort);
    bson_append_document_begin(&opts, "projection", -1, &fields);
    BSON_APPEND_INT32(&fields, "template", 1);
    BSON_APPEND_INT32(&fields, "wake_at", 1);
    BSON_APPEND_INT32(&fields, "node", 1);
    BSON_APPEND_INT32(&fields, "pending.seq", 1);
    bson_append_document_end(&opts, &fields);
    if (r->limit != 0)
        bson_append_int64(&opts, "limit", -1, r->limit);
    enum err err = mongo_find(l, &(struct find){C_INSTANCES, &filter, &opts, take_due, r});
    bson_destroy(&filter);
    bson_destroy(&opts);
    return err;
}

static enum err due(struct lane *l, struct store_request *r)
{
    return rows_until(l, r, "wake_at", true);
}

static enum err expired(struct lane *l, struct store_request *r)
{
    return rows_until(l, r, "ended_at", false);
}

static bool take_behind(void *context, const bson_t *b)
{
    struct store_request *r = context;
    struct slice id = get_text(b, r->arena, "instance");
    uint64_t pos = (uint64_t)get_int(b, "position");
    bson_t list, first;
    for (uint32_t k = 0; k < r->row_count; k++)
        if (slice_eq(r->rows[k].id, id))
            return true;
    if (r->limit != 0 && r->row_count == r->limit) {
        struct text t = text_new(r->arena, TIME_TEXT_BYTES);
        text_put_int(&t, (int64_t)pos);
        r->next = text_slice(&t);
        return false;
    }
    struct store_row *row = add_row(r);
    row->id = id;
    if (get_document(b, "records", &list) && get_document(&list, "0", &first))
        row->updated_at_ms = get_int(&first, "at");
    return true;
}

static bool take_folded(void *context, const bson_t *b)
{
    *(uint64_t *)context = (uint64_t)get_int(b, "folded_position");
    return false;
}

static enum err behind(struct lane *l, struct store_request *r)
{
    bson_t filter = BSON_INITIALIZER, range;
    bson_t *opts =
        BCON_NEW("sort", "{", "position", BCON_INT32(1), "}", "projection", "{", "instance",
                 BCON_INT32(1), "position", BCON_INT32(1), "records.at", BCON_INT32(1), "}");
    struct slice node = r->node;
    put_text(&filter, "_id", node);
    enum err err =
        mongo_find(l, &(struct find){C_NODES, &filter, NULL, take_folded, &r->folded_pos});
    uint64_t from = r->seq > r->folded_pos ? r->seq : r->folded_pos + 1;
    bson_reinit(&filter);
    if (node.at != NULL)
        put_text(&filter, "node", node);
    bson_append_document_begin(&filter, "position", -1, &range);
    bson_append_int64(&range, "$gte", -1, (int64_t)from);
    bson_append_document_end(&filter, &range);
    r->last_pos = mongo_settled_pos(l->store);
    if (err == ERR_NONE)
        err = mongo_find(l, &(struct find){C_EVENTS, &filter, opts, take_behind, r});
    bson_destroy(&filter);
    bson_destroy(opts);
    return err;
}

static enum err (*const reads[STORE_OP_COUNT])(struct lane *, struct store_request *) = {
    [STORE_LOAD] = load,
    [STORE_PAYLOADS] = payloads,
    [STORE_RECORDS] = records,
    [STORE_FEED] = feed,
    [STORE_NAMES] = mongo_names_of,
    [STORE_LIST] = mongo_list,
    [STORE_COUNTS] = mongo_counts,
    [STORE_DUE] = due,
    [STORE_BEHIND] = behind,
    [STORE_READY] = mongo_ready,
    [STORE_TEMPLATES] = mongo_templates,
    [STORE_QUEUES] = mongo_queues,
    [STORE_MESSAGES] = mongo_messages,
    [STORE_KEYS] = mongo_keys,
    [STORE_EXPIRED] = expired,
    [STORE_CHAINS] = mongo_chains,
    [STORE_MATCHES] = mongo_matches,
    [STORE_ACTIVITY] = mongo_activity,
    [STORE_OVERDUE] = mongo_overdue,
};

/* Results start empty; PAYLOADS' are asked for by what the request brings. */
void mongo_clear_results(struct store_request *r)
{
    r->rows = NULL;
    r->records = NULL;
    r->row_count = r->record_count = r->ready_count = r->template_count = 0;
    r->queue_count = r->message_count = r->count_count = r->key_count = 0;
    r->bucket_count = 0;
    r->whole_from_ms = 0;
    r->is_more = false;
    r->folded_pos = 0;
    r->next = r->value = SLICE_NONE;
}

static enum err try_read(struct lane *l, struct store_request *r)
{
    jmp_buf edge;
    jmp_buf *const outer = r->arena->edge;
    mongo_clear_results(r);
    l->arena = r->arena;
    r->arena->edge = &edge;
    enum err err = setjmp(edge) == 0 ? reads[r->op](l, r) : ERR_MEMORY;
    r->arena->edge = outer;
    return err;
}

/* A primary that changes takes a few seconds. */
void mongo_read(struct lane *l, struct store_request *r)
{
    int64_t until_ms = mongo_steady_ms() + READ_WAIT_MS;
    unsigned tries = 0;
    enum err err;
    do
        err = try_read(l, r);
    while (err == ERR_STORE && mongo_wait(l, until_ms, &tries));
    r->err = err;
    mongo_settle_pos(l);
    if (r->op != STORE_PAYLOADS && r->op != STORE_LOAD)
        return;
    r->value = SLICE_NONE;
}
