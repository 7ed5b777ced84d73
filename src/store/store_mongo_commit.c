/* Commits: everything that waits goes in one unordered bulk, one document a commit. The insert of
 * the document INSTANCE:SEQ decides; whoever comes second is told "duplicate key". A commit whose
 * reply was lost is inserted again and then meets its own document, which it knows by its commit
 * id.
 *
 * Where an instance opens, its key is reserved first: a row that only says so, with the document
 * that is to follow inside it, so that anybody can complete what was begun. Nothing here may answer
 * before a majority has it. */
#include "store/store_mongo_int.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum state { TO_RESERVE, TO_MEET, TO_INSERT, TO_LOOK, DONE };

struct item { /* one request of a batch */
    struct store_request *r;
    bson_t *document;
    int64_t commit;
    uint64_t pos; /* of this try */
    enum state state;
    bool may_stand; /* of an earlier try nothing is known */
};

struct batch {
    struct lane *lane;
    struct item items[BATCH_COMMITS_MAX];
    uint32_t of[BATCH_COMMITS_MAX]; /* items of the bulk that is out */
    uint32_t count;
    struct arena *arena; /* of the batch */
};

int64_t mongo_random(void)
{
    int64_t id = 0;
    (void)!getrandom(&id, sizeof id, 0);
    return id;
}

static bson_t *make_document(struct lane *l, struct arena *a, const struct store_request *r,
                             int64_t commit)
{
    bson_t *b = bson_new(), list, one;
    bool has_act = false;
    put_text(b, "_id", name_record(a, r->id, r->records[0].seq));
    put_text(b, "instance", r->id);
    bson_append_int64(b, "seq", -1, (int64_t)r->records[0].seq);
    bson_append_int64(b, "position", -1, 0); /* each try has its own */
    put_text(b, "node", r->node.at != NULL ? r->node : slice_of(l->store->node));
    bson_append_int64(b, "commit", -1, commit);
    bson_append_array_begin(b, "records", -1, &list);
    for (uint32_t k = 0; k < r->record_count; k++) {
        const struct store_record *x = &r->records[k];
        char key[16];
        (void)snprintf(key, sizeof key, "%u", (unsigned)k);
        bson_append_document_begin(&list, key, -1, &one);
        bson_append_int64(&one, "seq", -1, (int64_t)x->seq);
        bson_append_date_time(&one, "at", -1, x->at_ms);
        put_text(&one, "event", x->event);
        put_text(&one, "verdict", x->verdict);
        if (x->is_act)
            bson_append_bool(&one, "is_act", -1, true);
        has_act |= x->is_act;
        bson_append_binary(&one, "record", -1, BSON_SUBTYPE_BINARY, (const uint8_t *)x->bytes.at,
                           (uint32_t)x->bytes.len);
        bson_append_document_end(&list, &one);
    }
    bson_append_array_end(b, &list);
    if (has_act)
        bson_append_bool(b, "has_act", -1, true);
    return b;
}

static void set_position(bson_t *document, uint64_t pos)
{
    bson_iter_t it;
    if (bson_iter_init_find(&it, document, "position"))
        bson_iter_overwrite_int64(&it, (int64_t)pos);
}

static bool has_to_reserve(const struct store_request *r)
{
    return r->row_count > 0 && r->rows[0].is_open && !r->rows[0].shares_key &&
           r->rows[0].key.at != NULL;
}

static void finish(struct item *x, enum err err)
{
    x->state = DONE;
    x->r->err = err;
}

static void finish_done(struct item *x, uint64_t pos)
{
    for (uint32_t k = 0; k < x->r->record_count; k++)
        x->r->records[k].pos = pos + k * POS_UNIT;
    x->r->last_pos = pos + (x->r->record_count - 1) * POS_UNIT;
    finish(x, ERR_NONE);
}

static uint32_t gather(struct batch *b, enum state state)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < b->count; k++)
        if (b->items[k].state == state)
            b->of[n++] = k;
    return n;
}

/* --- reserving keys --- */

/* A new instance's row, or the mark in the row of one that opens again. A row as of this record or
 * a later one, or that holds a commit of this number, is left out by the condition, and the insert
 * that follows meets it by its name: neither is given a key, and what it holds is not dropped. */
static void add_reservation(mongoc_bulk_operation_t *bulk, struct lane *l, const struct item *x)
{
    const struct store_request *r = x->r;
    const struct store_row *row = r->rows;
    int64_t seq = (int64_t)r->records[0].seq;
    bson_t selector = BSON_INITIALIZER, update = BSON_INITIALIZER, set, first, opts, no;
    bson_error_t error;
    put_text(&selector, "_id", r->id);
    bson_append_document_begin(&selector, "rev", -1, &set);
    bson_append_int64(&set, "$lt", -1, seq);
    bson_append_document_end(&selector, &set);
    bson_append_document_begin(&selector, "held_seq", -1, &set);
    bson_append_document_begin(&set, "$not", -1, &no);
    bson_append_int64(&no, "$gte", -1, seq);
    bson_append_document_end(&set, &no);
    bson_append_document_end(&selector, &set);
    bson_append_document_begin(&update, "$set", -1, &set);
    bson_append_bool(&set, "is_open", -1, true);
    bson_append_bool(&set, "holds_key", -1, true);
    bson_append_document(&set, "pending", -1, x->document);
    bson_append_int64(&set, "held_seq", -1, seq);
    put_date(&set, "wake_at", mongo_now_ms(l->store) + PENDING_MS);
    put_text(&set, "node", r->node);
    bson_append_document_end(&update, &set);
    bson_append_document_begin(&update, "$setOnInsert", -1, &first);
    put_text(&first, "template", row->template);
    put_text(&first, "key", row->key);
    put_date(&first, "started_at", row->started_at_ms);
    bson_append_int64(&first, "rev", -1, 0);
    bson_append_document_end(&update, &first);
    bson_init(&opts);
    bson_append_bool(&opts, "upsert", -1, true);
    (void)mongoc_bulk_operation_update_one_with_opts(bulk, &selector, &update, &opts, &error);
    bson_destroy(&opts);
    bson_destroy(&selector);
    bson_destroy(&update);
}

static mongoc_bulk_operation_t *new_bulk(struct lane *l, enum collection in)
{
    bson_t opts = BSON_INITIALIZER;
    bson_append_bool(&opts, "ordered", -1, false);
    mongoc_bulk_operation_t *bulk =
        mongoc_collection_create_bulk_operation_with_opts(l->collections[in], &opts);
    bson_destroy(&opts);
    return bulk;
}

static void run_bulk(struct batch *b, mongoc_bulk_operation_t *bulk, struct write_result *out)
{
    bson_t reply;
    bson_error_t error = {0};
    bool is_done = mongoc_bulk_operation_execute(bulk, &reply, &error) != 0;
    read_result(&reply, &error, is_done, b->arena, out);
    bson_destroy(&reply);
    mongoc_bulk_operation_destroy(bulk);
}

static bool has_record(void *context, const bson_t *b)
{
    (void)b;
    *(bool *)context = true;
    return false;
}

/* The key is another's. Where the record is there as well, that is said first. */
static enum err refuse_key(struct lane *l, struct store_request *r)
{
    bson_t filter = BSON_INITIALIZER;
    bool is_there = false;
    struct arena *scratch = l->arena;
    l->arena = r->arena; /* where the holder's name goes */
    enum err err = mongo_find_holder(l, r, r->rows);
    l->arena = scratch;
    put_text(&filter, "_id", name_record(r->arena, r->id, r->records[0].seq));
    if (err == ERR_EXISTS) {
        err = mongo_find(l, &(struct find){C_EVENTS, &filter, NULL, has_record, &is_there});
        if (err == ERR_NONE)
            err = is_there ? ERR_CONFLICT : ERR_EXISTS;
    }
    bson_destroy(&filter);
    return err;
}

/* False: nothing is known of the bulk; it is made again. */
static bool reserve(struct batch *b)
{
    struct write_result w;
    uint32_t n = gather(b, TO_RESERVE);
    if (n == 0)
        return true;
    mongoc_bulk_operation_t *bulk = new_bulk(b->lane, C_INSTANCES);
    for (uint32_t k = 0; k < n; k++)
        add_reservation(bulk, b->lane, &b->items[b->of[k]]);
    run_bulk(b, bulk, &w);
    if (!w.is_known)
        return false;
    for (uint32_t k = 0; k < n; k++) {
        struct item *x = &b->items[b->of[k]];
        const struct write_error *e = find_error(&w, k);
        enum err err = ERR_NONE;
        if (e != NULL && e->code == CODE_DUPLICATE && is_about_index(e, "instances_open"))
            err = refuse_key(b->lane, x->r);
        else if (e != NULL && e->code == CODE_DUPLICATE)
            x->state = TO_MEET;
        else if (e != NULL)
            err = ERR_STORE;
        if (err != ERR_NONE) /* none: the holder has let go meanwhile; reserved again */
            finish(x, err);
        else if (e == NULL)
            x->state = TO_INSERT;
    }
    return true;
}

struct meeting { /* with the row that was there before a reservation */
    struct lane *lane;
    int64_t commit;
    bool is_there;
    enum err err;
};

static bool meet(void *context, const bson_t *row)
{
    struct meeting *m = context;
    bson_t pending;
    m->is_there = true;
    if (get_document(row, "pending", &pending) && get_int(&pending, "commit") != m->commit)
        m->err = mongo_complete(m->lane, &pending);
    return false;
}

/* The row is newer, or holds a commit of this number: ours, of a try before, or another's, which is
 * brought about, whoever sent it. Then the record tells. */
static bool meet_rows(struct batch *b)
{
    bool is_known = true;
    uint32_t n = gather(b, TO_MEET);
    for (uint32_t k = 0; k < n; k++) {
        struct item *x = &b->items[b->of[k]];
        struct meeting m = {.lane = b->lane, .commit = x->commit};
        bson_t filter = BSON_INITIALIZER;
        put_text(&filter, "_id", x->r->id);
        enum err err = mongo_find(b->lane, &(struct find){C_INSTANCES, &filter, NULL, meet, &m});
        bson_destroy(&filter);
        is_known &= err == ERR_NONE && m.err == ERR_NONE;
        if (err == ERR_NONE && m.err == ERR_NONE)
            x->state = m.is_there ? TO_INSERT : TO_RESERVE;
    }
    return is_known;
}

/* --- inserting --- */

/* The server said no to this one. Where its key is reserved, or an earlier try may have come
 * through, that decides nothing. */
static void refuse(struct item *x, const struct write_error *e)
{
    x->r->is_refused = !x->may_stand && !has_to_reserve(x->r);
    log_line(LOG_WARN, "mongo", "a record of %.*s was refused: %s", SLICE_ARG(x->r->id),
             e->message);
    finish(x, ERR_STORE);
}

static bool insert(struct batch *b)
{
    const bson_t *documents[BATCH_COMMITS_MAX];
    bson_t reply, opts = BSON_INITIALIZER;
    bson_error_t error = {0};
    struct write_result w;
    uint32_t n = gather(b, TO_INSERT);
    if (n == 0) {
        bson_destroy(&opts);
        return true;
    }
    for (uint32_t k = 0; k < n; k++)
        documents[k] = b->items[b->of[k]].document;
    bson_append_bool(&opts, "ordered", -1, false);
    bool is_done = mongoc_collection_insert_many(b->lane->collections[C_EVENTS], documents, n,
                                                 &opts, &reply, &error);
    read_result(&reply, &error, is_done, b->arena, &w);
    bson_destroy(&reply);
    bson_destroy(&opts);
    if (!w.is_known)
        log_line(LOG_WARN, "mongo", "%u commits are tried again: %s", (unsigned)n, w.message);
    for (uint32_t k = 0; k < n; k++) {
        struct item *x = &b->items[b->of[k]];
        const struct write_error *e = find_error(&w, k);
        if (e != NULL && e->code == CODE_DUPLICATE)
            x->state = TO_LOOK; /* whose is it? */
        else if (e != NULL && w.is_known)
            refuse(x, e);
        else if (w.is_known)
            finish_done(x, x->pos);
        else
            x->may_stand = true;
    }
    return w.is_known;
}

static bool take_commit(void *context, const bson_t *d)
{
    struct batch *b = context;
    struct slice name = get_text(d, b->arena, "_id");
    for (uint32_t k = 0; k < b->count; k++) {
        struct item *x = &b->items[k];
        if (x->state != TO_LOOK ||
            !slice_eq(name, name_record(b->arena, x->r->id, x->r->records[0].seq)))
            continue;
        if (get_int(d, "commit") == x->commit)
            finish_done(x, (uint64_t)get_int(d, "position"));
        else
            finish(x, ERR_CONFLICT);
    }
    return true;
}

/* Reads what a majority has under the names that were there already. What it does not have yet may
 * still vanish with a primary that fails: that is inserted again. */
static bool look(struct batch *b)
{
    bson_t filter = BSON_INITIALIZER, in, list;
    uint32_t n = gather(b, TO_LOOK);
    bson_t *opts =
        BCON_NEW("projection", "{", "commit", BCON_INT32(1), "position", BCON_INT32(1), "}");
    bson_append_document_begin(&filter, "_id", -1, &in);
    bson_append_array_begin(&in, "$in", -1, &list);
    for (uint32_t k = 0; k < n; k++) {
        const struct store_request *r = b->items[b->of[k]].r;
        char key[16];
        (void)snprintf(key, sizeof key, "%u", (unsigned)k);
        put_text(&list, key, name_record(b->arena, r->id, r->records[0].seq));
    }
    bson_append_array_end(&in, &list);
    bson_append_document_end(&filter, &in);
    enum err err =
        n == 0 ? ERR_NONE
               : mongo_find(b->lane, &(struct find){C_EVENTS, &filter, opts, take_commit, b});
    bson_destroy(&filter);
    bson_destroy(opts);
    n = gather(b, TO_LOOK);
    for (uint32_t k = 0; k < n; k++)
        b->items[b->of[k]].state = TO_INSERT;
    return err == ERR_NONE && n == 0;
}

/* --- a batch --- */

static void fill(struct batch *b, struct list *requests)
{
    struct link *k = list_first(requests);
    for (; k != NULL; k = list_after(requests, k)) {
        struct store_request *r = LINK_OWNER(k, struct store_request, link);
        struct item *x = &b->items[b->count++];
        r->value = SLICE_NONE;
        r->is_row_written = r->is_refused = false;
        *x = (struct item){.r = r, .commit = mongo_random()};
        x->document = make_document(b->lane, b->arena, r, x->commit);
        x->state = has_to_reserve(r) ? TO_RESERVE : TO_INSERT;
        if (r->record_count > COMMIT_RECORDS_MAX)
            finish(x, ERR_TOO_LARGE);
    }
}

/* Positions of now for what is not done, so that none comes to be long after its time. */
static void number(struct batch *b)
{
    for (uint32_t k = 0; k < b->count; k++) {
        struct item *x = &b->items[k];
        if (x->state == DONE)
            continue;
        x->pos = mongo_take_pos(b->lane, x->r->record_count);
        set_position(x->document, x->pos);
    }
}

static bool is_over(const struct batch *b)
{
    for (uint32_t k = 0; k < b->count; k++)
        if (b->items[k].state != DONE)
            return false;
    return true;
}

static void run(struct batch *b)
{
    struct store_request *requests[BATCH_COMMITS_MAX];
    int64_t until_ms = mongo_steady_ms() + COMMIT_WAIT_MS;
    unsigned tries = 0;
    enum err err;
    for (uint32_t k = 0; k < b->count; k++)
        requests[k] = b->items[k].r;
    do
        err = mongo_put_payloads(b->lane, requests, b->count);
    while (err != ERR_NONE && mongo_wait(b->lane, until_ms, &tries));
    while (err == ERR_NONE && !is_over(b)) {
        number(b);
        bool is_known = reserve(b) && meet_rows(b) && insert(b) && look(b);
        if (!is_known && !mongo_wait(b->lane, until_ms, &tries))
            break;
    }
    for (uint32_t k = 0; k < b->count; k++)
        if (b->items[k].state != DONE)
            finish(&b->items[k], ERR_STORE); /* unknown: it may stand */
}

void mongo_commit(struct lane *l, struct list *requests)
{
    struct batch *b = calloc(1, sizeof *b);
    struct arena scratch;
    struct link *k = list_first(requests);
    if (b == NULL) {
        for (; k != NULL; k = list_after(requests, k))
            LINK_OWNER(k, struct store_request, link)->err = ERR_MEMORY;
        return;
    }
    jmp_buf edge;
    arena_init(&scratch, BATCH_BYTES_MAX * 4);
    scratch.edge = &edge;
    b->lane = l;
    b->arena = &scratch;
    l->arena = &scratch;
    if (setjmp(edge) == 0) {
        fill(b, requests);
        run(b);
    } else { /* whatever was out may stand */
        for (k = list_first(requests); k != NULL; k = list_after(requests, k))
            LINK_OWNER(k, struct store_request, link)->err = ERR_MEMORY;
    }
    for (uint32_t n = 0; n < b->count; n++)
        if (b->items[n].document != NULL)
            bson_destroy(b->items[n].document);
    mongo_settle_pos(l);
    arena_drop(&scratch);
    free(b);
}

enum err mongo_complete(struct lane *l, const bson_t *pending)
{
    bson_error_t error;
    bson_t *document = bson_copy(pending), records;
    uint32_t count = get_document(pending, "records", &records) ? bson_count_keys(&records) : 1;
    set_position(document, mongo_take_pos(l, count));
    bool is_done =
        mongoc_collection_insert_one(l->collections[C_EVENTS], document, NULL, NULL, &error);
    bson_destroy(document);
    return is_done || error.code == CODE_DUPLICATE ? ERR_NONE : mongo_err(&error);
}
