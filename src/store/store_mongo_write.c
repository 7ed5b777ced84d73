/* The writes that are no commits: rows behind, templates, queues, foreign messages, keys, nodes.
 * Each lane comes here with one request. A row of an older revision changes nothing: the filter of
 * its update finds no row, and the insert that would follow meets the row that is there. */
#include "store/store_mongo_int.h"

#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

static bool insert_new(struct lane *l, enum collection in, const bson_t *b, enum err *err)
{
    bson_error_t error;
    *err = ERR_NONE;
    if (mongoc_collection_insert_one(l->collections[in], b, NULL, NULL, &error))
        return true;
    if (error.code != CODE_DUPLICATE)
        *err = mongo_err(&error);
    return false;
}

static enum err upsert(struct lane *l, enum collection in, struct slice id, bson_t *update)
{
    bson_t selector = BSON_INITIALIZER, opts = BSON_INITIALIZER;
    bson_error_t error;
    put_text(&selector, "_id", id);
    bson_append_bool(&opts, "upsert", -1, true);
    bool is_done =
        mongoc_collection_update_one(l->collections[in], &selector, update, &opts, NULL, &error);
    bson_destroy(&selector);
    bson_destroy(&opts);
    return is_done ? ERR_NONE : mongo_err(&error);
}

static enum err delete_by(struct lane *l, enum collection in, const bson_t *filter, int64_t *count)
{
    bson_t reply;
    bson_error_t error;
    bool is_done = mongoc_collection_delete_many(l->collections[in], filter, NULL, &reply, &error);
    if (count != NULL)
        *count = get_int(&reply, "deletedCount");
    bson_destroy(&reply);
    return is_done ? ERR_NONE : mongo_err(&error);
}

/* --- payloads --- */

enum err mongo_put_payloads(struct lane *l, struct store_request *const *requests, size_t count)
{
    bson_t opts = BSON_INITIALIZER, reply;
    bson_error_t error = {0};
    size_t n = 0;
    bson_append_bool(&opts, "ordered", -1, false);
    mongoc_bulk_operation_t *bulk =
        mongoc_collection_create_bulk_operation_with_opts(l->collections[C_PAYLOADS], &opts);
    for (size_t k = 0; k < count; k++) {
        for (uint32_t p = 0; p < requests[k]->payload_count; p++, n++) {
            const struct store_payload *x = &requests[k]->payloads[p];
            bson_t b = BSON_INITIALIZER;
            bson_append_binary(&b, "_id", -1, BSON_SUBTYPE_BINARY, x->digest, SHA256_BYTES);
            put_text(&b, "body", x->text);
            (void)mongoc_bulk_operation_insert_with_opts(bulk, &b, NULL, &error);
            bson_destroy(&b);
        }
    }
    enum err err = ERR_NONE;
    if (n > 0) {
        bool is_done = mongoc_bulk_operation_execute(bulk, &reply, &error) != 0;
        if (!is_done && error.code != CODE_DUPLICATE)
            err = mongo_err(&error);
        bson_destroy(&reply);
    }
    mongoc_bulk_operation_destroy(bulk);
    bson_destroy(&opts);
    return err;
}

/* --- rows --- */

static bool take_holder(void *context, const bson_t *b)
{
    struct store_request *r = context;
    r->value = get_text(b, r->arena, "_id");
    return false;
}

enum err mongo_find_holder(struct lane *l, struct store_request *r, const struct store_row *row)
{
    bson_t filter = BSON_INITIALIZER;
    put_text(&filter, "template", row->template);
    put_text(&filter, "key", row->key);
    bson_append_bool(&filter, "holds_key", -1, true);
    r->value = SLICE_NONE;
    enum err err = mongo_find(l, &(struct find){C_INSTANCES, &filter, NULL, take_holder, r});
    bson_destroy(&filter);
    if (err != ERR_NONE || r->value.at == NULL || slice_eq(r->value, row->id))
        return err;
    return ERR_EXISTS;
}

struct rows { /* those of a request that are to be written now */
    const struct store_row **rows, **met;
    uint32_t count;
};

static void add_row(mongoc_bulk_operation_t *bulk, struct store_request *r,
                    const struct store_row *row)
{
    bson_t selector = BSON_INITIALIZER, document = BSON_INITIALIZER, opts = BSON_INITIALIZER, rev,
           no;
    bson_error_t error;
    put_text(&selector, "_id", row->id);
    bson_append_document_begin(&selector, "rev", -1, &rev);
    bson_append_int64(&rev, "$lte", -1, (int64_t)row->rev);
    bson_append_document_end(&selector, &rev);
    bson_append_document_begin(&selector, "held_seq", -1,
                               &rev); /* nor than what reserved the key */
    bson_append_document_begin(&rev, "$not", -1, &no);
    bson_append_int64(&no, "$gt", -1, (int64_t)row->rev);
    bson_append_document_end(&rev, &no);
    bson_append_document_end(&selector, &rev);
    put_row(&document, r, row);
    bson_append_bool(&opts, "upsert", -1, true);
    (void)mongoc_bulk_operation_replace_one_with_opts(bulk, &selector, &document, &opts, &error);
    bson_destroy(&selector);
    bson_destroy(&document);
    bson_destroy(&opts);
}

/* Leaves in `of` the rows that met another. */
static enum err take_row_errors(struct lane *l, struct store_request *r,
                                const struct write_result *w, struct rows *of)
{
    enum err err = ERR_NONE;
    uint32_t met = 0;
    for (uint32_t k = 0; k < w->error_count && err == ERR_NONE; k++) {
        const struct write_error *e = &w->errors[k];
        const struct store_row *row = of->rows[e->index];
        if (e->code == CODE_DUPLICATE && is_about_index(e, "instances_open"))
            err = mongo_find_holder(l, r, row);
        else if (e->code != CODE_DUPLICATE)
            err = ERR_STORE;
        if (e->code == CODE_DUPLICATE)
            of->met[met++] = row;
    }
    of->count = met;
    memcpy(of->rows, of->met, met * sizeof(const struct store_row *));
    return err;
}

static enum err write_rows_once(struct lane *l, struct store_request *r, struct rows *of)
{
    bson_t opts = BSON_INITIALIZER, reply;
    bson_error_t error = {0};
    struct write_result w;
    bson_append_bool(&opts, "ordered", -1, false);
    mongoc_bulk_operation_t *bulk =
        mongoc_collection_create_bulk_operation_with_opts(l->collections[C_INSTANCES], &opts);
    for (uint32_t k = 0; k < of->count; k++)
        add_row(bulk, r, of->rows[k]);
    bool is_done = mongoc_bulk_operation_execute(bulk, &reply, &error) != 0;
    read_result(&reply, &error, is_done, r->arena, &w);
    bson_destroy(&reply);
    mongoc_bulk_operation_destroy(bulk);
    bson_destroy(&opts);
    if (!w.is_known) {
        log_line(LOG_WARN, "mongo", "rows are written again: %s", w.message);
        return ERR_STORE;
    }
    return take_row_errors(l, r, &w, of);
}

/* A row that is newer is met by its name, and all is well. So is one that came to be in between: by
 * the second time it is known which it is. */
static enum err write_rows(struct lane *l, struct store_request *r)
{
    struct rows of = {.count = r->row_count};
    of.rows = arena_array(r->arena, r->row_count, sizeof(const struct store_row *));
    of.met = arena_array(r->arena, r->row_count, sizeof(const struct store_row *));
    for (uint32_t k = 0; k < r->row_count; k++)
        of.rows[k] = &r->rows[k];
    enum err err = mongo_put_payloads(l, &r, 1);
    for (int tries = 0; tries < 2 && err == ERR_NONE && of.count > 0; tries++)
        err = write_rows_once(l, r, &of);
    return err;
}

/* --- templates, queues, messages, meta, keys --- */

static bool take_value(void *context, const bson_t *b)
{
    struct store_request *r = context;
    r->value = get_text(b, r->arena, "value");
    return false;
}

static enum err read_meta(struct lane *l, struct store_request *r, struct slice id)
{
    bson_t filter = BSON_INITIALIZER;
    put_text(&filter, "_id", id);
    r->value = SLICE_NONE;
    enum err err = mongo_find(l, &(struct find){C_META, &filter, NULL, take_value, r});
    bson_destroy(&filter);
    return err;
}

/* What is there stays; *value is what is stored then. */
static enum err add_meta(struct lane *l, struct store_request *r, struct slice id,
                         struct slice value)
{
    enum err err = read_meta(l, r, id);
    if (err != ERR_NONE || r->value.at != NULL || value.at == NULL)
        return err;
    struct slice copy = slice_copy(r->arena, value); /* what it takes is there before it stands */
    bson_t b = BSON_INITIALIZER;
    put_text(&b, "_id", id);
    put_text(&b, "value", value);
    bool is_new = insert_new(l, C_META, &b, &err);
    bson_destroy(&b);
    r->value = copy;
    return err == ERR_NONE && !is_new ? read_meta(l, r, id) : err;
}

static enum err put_meta(struct lane *l, struct store_request *r)
{
    return add_meta(l, r, r->id, r->key);
}

struct sought { /* a version, and whether this very request put it there */
    int64_t id;
    bool is_there, is_ours;
};

static bool take_version(void *context, const bson_t *b)
{
    struct sought *x = context;
    x->is_there = true;
    x->is_ours = get_int(b, "put") == x->id;
    return false;
}

static bool take_is_there(void *context, const bson_t *b)
{
    (void)b;
    *(bool *)context = true;
    return false;
}

static enum err put_template(struct lane *l, struct store_request *r)
{
    const struct store_template *t = &r->templates[0];
    struct text id = text_new(r->arena, t->name.len + 32);
    bson_t b = BSON_INITIALIZER, filter = BSON_INITIALIZER;
    struct sought seen = {.id = l->request_id};
    enum err err;
    text_put(&id, t->name);
    text_printf(&id, "@%lld", (long long)t->version);
    put_text(&filter, "_id", text_slice(&id));
    err = mongo_find(l, &(struct find){C_TEMPLATES, &filter, NULL, take_version, &seen});
    if (err == ERR_NONE && seen.is_there && !seen.is_ours)
        err = ERR_CONFLICT;
    if (err == ERR_NONE && t->alias.at != NULL) { /* whoever has it first keeps it */
        struct text alias = text_new(r->arena, t->alias.len + 16);
        text_put_c(&alias, "alias:");
        text_put(&alias, t->alias);
        err = add_meta(l, r, text_slice(&alias), t->name);
        if (err == ERR_NONE && !slice_eq(r->value, t->name))
            err = ERR_EXISTS;
        r->value = SLICE_NONE;
    }
    put_text(&b, "_id", text_slice(&id));
    put_text(&b, "name", t->name);
    bson_append_int64(&b, "version", -1, t->version);
    put_text(&b, "alias", t->alias);
    put_text(&b, "digest", t->digest_hex);
    put_text(&b, "source", t->source);
    put_text(&b, "applied_by", t->applied_by);
    put_text(&b, "note", t->note);
    put_date(&b, "applied_at", t->applied_at_ms);
    bson_append_int64(&b, "put", -1, l->request_id);
    if (err == ERR_NONE && !seen.is_there && !insert_new(l, C_TEMPLATES, &b, &err) &&
        err == ERR_NONE)
        err = ERR_STORE; /* whose it is, is seen at the next try */
    bson_destroy(&b);
    bson_destroy(&filter);
    return err;
}

static enum err put_queue(struct lane *l, struct store_request *r)
{
    const struct store_queue *q = &r->queues[0];
    bson_t update = BSON_INITIALIZER, set;
    bson_append_document_begin(&update, "$set", -1, &set);
    put_text(&set, "attributes", q->attributes);
    put_date(&set, "created_at", q->created_at_ms);
    put_date(&set, "modified_at", q->modified_at_ms);
    bson_append_document_end(&update, &set);
    enum err err = upsert(l, C_QUEUES, q->name, &update);
    bson_destroy(&update);
    return err;
}

static enum err purge(struct lane *l, struct store_request *r)
{
    bson_t filter = BSON_INITIALIZER;
    put_text(&filter, "queue", r->id);
    enum err err = delete_by(l, C_MESSAGES, &filter, NULL);
    bson_destroy(&filter);
    return err;
}

static enum err delete_id(struct lane *l, enum collection in, struct slice id)
{
    bson_t filter = BSON_INITIALIZER;
    put_text(&filter, "_id", id);
    enum err err = delete_by(l, in, &filter, NULL);
    bson_destroy(&filter);
    return err;
}

static enum err drop_queue(struct lane *l, struct store_request *r)
{
    enum err err = delete_id(l, C_QUEUES, r->id);
    return err == ERR_NONE ? purge(l, r) : err;
}

static struct slice message_id(struct arena *a, const struct store_message *m)
{
    struct text t = text_new(a, m->queue.len + m->id.len + 2);
    text_put(&t, m->queue);
    text_put_char(&t, '/'); /* in no queue's name */
    text_put(&t, m->id);
    return text_slice(&t);
}

/* The request stands as a whole: the documents go in order, and one that was not written is written
 * by whoever sends the request again. */
static enum err put_messages(struct lane *l, struct store_request *r)
{
    enum err err = ERR_NONE;
    for (uint32_t k = 0; k < r->message_count && err == ERR_NONE; k++) {
        const struct store_message *m = &r->messages[k];
        bson_t update = BSON_INITIALIZER, set, first;
        bson_append_document_begin(&update, "$set", -1, &set);
        put_text(&set, "queue", m->queue);
        put_text(&set, "id", m->id);
        put_text(&set, "body", m->body);
        put_text(&set, "attributes", m->attributes);
        put_date(&set, "sent_at", m->sent_at_ms);
        put_date(&set, "visible_at", m->visible_at_ms);
        bson_append_document_end(&update, &set);
        bson_append_document_begin(&update, "$setOnInsert", -1, &first);
        bson_append_int64(&first, "n", -1, (int64_t)mongo_take_pos(l, 1));
        bson_append_document_end(&update, &first);
        err = upsert(l, C_MESSAGES, message_id(r->arena, m), &update);
        bson_destroy(&update);
    }
    return err;
}

static enum err drop_messages(struct lane *l, struct store_request *r)
{
    enum err err = ERR_NONE;
    for (uint32_t k = 0; k < r->message_count && err == ERR_NONE; k++)
        err = delete_id(l, C_MESSAGES, message_id(r->arena, &r->messages[k]));
    return err;
}

static enum err put_key(struct lane *l, struct store_request *r)
{
    bson_t update = BSON_INITIALIZER, set;
    bson_append_document_begin(&update, "$set", -1, &set);
    put_text(&set, "body", r->keys[0].body);
    bson_append_document_end(&update, &set);
    enum err err = upsert(l, C_KEYS, r->keys[0].id, &update);
    bson_destroy(&update);
    return err;
}

/* --- nodes --- */

static enum err put_node(struct lane *l, struct store_request *r)
{
    const struct store_node node = r->nodes[0];
    uint64_t settled_pos = mongo_settled_pos(l->store);
    int64_t sent_ms = mongo_boot_ms();
    bson_t update = BSON_INITIALIZER, set, now;
    bson_append_document_begin(&update, "$set", -1, &set);
    put_text(&set, "info", node.info);
    bson_append_int64(&set, "folded_position", -1, (int64_t)node.folded_pos);
    bson_append_int64(&set, "sent_position", -1, (int64_t)node.sent_pos);
    bson_append_int64(&set, "settled_position", -1, (int64_t)settled_pos);
    put_date(&set, "looked_at", node.looked_at_ms);
    bson_append_document_end(&update, &set);
    bson_append_document_begin(&update, "$currentDate", -1, &now);
    bson_append_bool(&now, "seen_at", -1, true); /* the server's own clock */
    bson_append_document_end(&update, &now);
    enum err err = upsert(l, C_NODES, node.id, &update);
    bson_destroy(&update);
    if (err == ERR_NONE)
        err = mongo_nodes(l, r);
    for (uint32_t k = 0; k < r->node_count && err == ERR_NONE; k++)
        if (slice_eq(r->nodes[k].id, node.id))
            mongo_check_time(l, sent_ms, r->nodes[k].seen_at_ms);
    return err;
}

static enum err drop_node(struct lane *l, struct store_request *r)
{
    bson_t filter = BSON_INITIALIZER;
    int64_t count = 0;
    bool is_there = false;
    put_text(&filter, "_id", r->id);
    if (r->at_ms != 0)
        put_date(&filter, "seen_at", r->at_ms);
    enum err err = delete_by(l, C_NODES, &filter, &count);
    bson_reinit(&filter);
    put_text(&filter, "_id", r->id);
    if (err == ERR_NONE && count == 0 && r->at_ms != 0)
        err = mongo_find(l, &(struct find){C_NODES, &filter, NULL, take_is_there, &is_there});
    bson_destroy(&filter);
    return err == ERR_NONE && is_there ? ERR_CONFLICT : err;
}

/* The records first: a row without records is removed by whoever comes next. */
static enum err remove_instance(struct lane *l, struct store_request *r)
{
    bson_t filter = BSON_INITIALIZER;
    put_record_range(&filter, r->arena, r->id, 0);
    enum err err = delete_by(l, C_EVENTS, &filter, NULL);
    bson_destroy(&filter);
    return err == ERR_NONE ? delete_id(l, C_INSTANCES, r->id) : err;
}

static enum err back_up(struct lane *l, struct store_request *r)
{
    (void)l;
    (void)r;
    return ERR_REFUSED; /* the database has means of its own */
}

static enum err (*const writes[STORE_OP_COUNT])(struct lane *, struct store_request *) = {
    [STORE_ROWS] = write_rows,
    [STORE_TEMPLATE_PUT] = put_template,
    [STORE_QUEUE_PUT] = put_queue,
    [STORE_QUEUE_DELETE] = drop_queue,
    [STORE_MESSAGE_PUT] = put_messages,
    [STORE_MESSAGE_DELETE] = drop_messages,
    [STORE_PURGE] = purge,
    [STORE_META] = put_meta,
    [STORE_KEY_PUT] = put_key,
    [STORE_NODE_PUT] = put_node,
    [STORE_NODE_DROP] = drop_node,
    [STORE_REMOVE] = remove_instance,
    [STORE_BACKUP] = back_up,
};

static void try_write(struct lane *l, struct store_request *r)
{
    jmp_buf edge;
    jmp_buf *const outer = r->arena->edge;
    r->arena->edge = &edge;
    r->value = SLICE_NONE;
    r->err = setjmp(edge) == 0 ? writes[r->op](l, r) : ERR_MEMORY;
    r->arena->edge = outer;
}

/* A primary that changes takes a few seconds. Each of these writes may be made twice. */
void mongo_write(struct lane *l, struct store_request *r)
{
    struct store_node *nodes = r->nodes; /* brought; what is read takes their place */
    int64_t until_ms = mongo_steady_ms() + (l->kind == LANE_BEAT ? READ_WAIT_MS : COMMIT_WAIT_MS);
    unsigned tries = 0;
    l->arena = r->arena;
    l->request_id = mongo_random();
    do {
        r->nodes = nodes;
        try_write(l, r);
    } while (r->err == ERR_STORE && mongo_wait(l, until_ms, &tries));
    mongo_settle_pos(l);
}
