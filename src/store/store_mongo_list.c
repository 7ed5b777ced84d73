/* The reads that go on by a cursor, and small whole collections. The reading lanes come here from
 * store_mongo_read.c. A cursor is the sort key of the last element given: what comes or goes
 * meanwhile makes nothing appear twice and nothing be skipped. */
#include "store/store_mongo_int.h"

#include "base/text.h"
#include "store/cursor.h"
#include "store/grow.h"

#include <stdio.h>
#include <string.h>

/* --- instances: "started_at_ms:id", newest first --- */

static bool read_cursor(struct slice after, int64_t *at_ms, struct slice *id)
{
    struct slice head;
    if (after.at == NULL)
        return true;
    slice_cut(after, ':', &head, id);
    return slice_to_int(head, at_ms) && id->len > 0;
}

static void put_after(bson_t *filter, int64_t at_ms, struct slice id)
{
    bson_t list, one, range;
    bson_append_array_begin(filter, "$or", -1, &list);
    bson_append_document_begin(&list, "0", -1, &one);
    bson_append_document_begin(&one, "started_at", -1, &range);
    bson_append_date_time(&range, "$lt", -1, at_ms);
    bson_append_document_end(&one, &range);
    bson_append_document_end(&list, &one);
    bson_append_document_begin(&list, "1", -1, &one);
    bson_append_date_time(&one, "started_at", -1, at_ms);
    bson_append_document_begin(&one, "_id", -1, &range);
    put_text(&range, "$lt", id);
    bson_append_document_end(&one, &range);
    bson_append_document_end(&list, &one);
    bson_append_array_end(filter, &list);
}

void mongo_put_any(bson_t *b, const char *name, const struct store_any *any)
{
    bson_t in, list;
    char key[16];
    if (any->count == 1)
        put_text(b, name, any->texts[0]);
    if (any->count < 2)
        return;
    bson_append_document_begin(b, name, -1, &in);
    bson_append_array_begin(&in, "$in", -1, &list);
    for (uint32_t k = 0; k < any->count; k++) {
        (void)snprintf(key, sizeof key, "%u", (unsigned)k);
        put_text(&list, key, any->texts[k]);
    }
    bson_append_array_end(&in, &list);
    bson_append_document_end(b, &in);
}

static void put_times(bson_t *b, const char *name, int64_t since_ms, int64_t until_ms)
{
    bson_t range;
    if (since_ms == 0 && until_ms == 0)
        return;
    bson_append_document_begin(b, name, -1, &range);
    if (since_ms != 0)
        bson_append_date_time(&range, "$gte", -1, since_ms);
    if (until_ms != 0)
        bson_append_date_time(&range, "$lt", -1, until_ms);
    bson_append_document_end(b, &range);
}

static void put_prefix(bson_t *b, struct arena *a, struct slice prefix)
{
    struct text end = text_new(a, prefix.len + 8);
    bson_t range;
    text_put(&end, prefix);
    text_put_c(&end, "\xf4\x8f\xbf\xbf"); /* the last character there is */
    bson_append_document_begin(b, "key", -1, &range);
    put_text(&range, "$gte", prefix);
    put_text(&range, "$lt", text_slice(&end));
    bson_append_document_end(b, &range);
}

void mongo_put_filter(bson_t *b, struct arena *a, const struct store_filter *f)
{
    bson_t range;
    mongo_put_any(b, "template", &f->template);
    mongo_put_any(b, "status", &f->status);
    mongo_put_any(b, "stage", &f->stage);
    mongo_put_any(b, "business_status", &f->business_status);
    put_text(b, "key", f->key);
    if (f->key_prefix.at != NULL)
        put_prefix(b, a, f->key_prefix);
    if (f->version != 0)
        bson_append_int64(b, "version", -1, f->version);
    put_times(b, "updated_at", f->since_ms, f->until_ms);
    put_times(b, "started_at", f->started_since_ms, f->started_until_ms);
    if (f->not_queue.at != NULL) {
        bson_append_bool(b, "is_open", -1, true);
        bson_append_document_begin(b, "queue", -1, &range);
        put_text(&range, "$ne", f->not_queue);
        bson_append_bool(&range, "$exists", -1, true);
        bson_append_document_end(b, &range);
    }
    if (f->with_new)
        return;
    bson_append_document_begin(b, "rev", -1, &range);
    bson_append_int64(&range, "$gt", -1, 0);
    bson_append_document_end(b, &range);
}

static bool take_row(void *context, const bson_t *b)
{
    struct store_request *r = context;
    if (r->limit != 0 && r->row_count == r->limit) {
        const struct store_row *last = &r->rows[r->row_count - 1];
        struct text t = text_new(r->arena, last->id.len + TIME_TEXT_BYTES);
        text_printf(&t, "%lld:%.*s", (long long)last->started_at_ms, SLICE_ARG(last->id));
        r->next = text_slice(&t);
        return false;
    }
    void *rows = r->rows;
    struct store_row *row = grow_one(r->arena, &rows, &r->row_count, sizeof *row);
    r->rows = rows;
    r->err = get_row(b, r->arena, row);
    return r->err == ERR_NONE;
}

enum err mongo_list(struct lane *l, struct store_request *r)
{
    bson_t filter = BSON_INITIALIZER;
    int64_t at_ms = 0;
    struct slice id = SLICE_NONE;
    if (!read_cursor(r->after, &at_ms, &id))
        return ERR_INVALID;
    bson_t *opts = BCON_NEW("sort", "{", "started_at", BCON_INT32(-1), "_id", BCON_INT32(-1), "}",
                            "projection", "{", "state", BCON_INT32(0), "ready", BCON_INT32(0),
                            "pending", BCON_INT32(0), "}");
    if (r->limit != 0)
        bson_append_int64(opts, "limit", -1, (int64_t)r->limit + 1);
    mongo_put_filter(&filter, r->arena, &r->filter);
    if (r->after.at != NULL)
        put_after(&filter, at_ms, id);
    r->err = ERR_NONE;
    enum err err = mongo_find(l, &(struct find){C_INSTANCES, &filter, opts, take_row, r});
    bson_destroy(&filter);
    bson_destroy(opts);
    return err == ERR_NONE ? r->err : err;
}

/* --- task messages --- */

enum err mongo_aggregate(struct lane *l, const bson_t *pipeline,
                         bool (*take)(void *context, const bson_t *b), void *context)
{
    mongoc_cursor_t *cursor = mongoc_collection_aggregate(l->collections[C_INSTANCES],
                                                          MONGOC_QUERY_NONE, pipeline, NULL, NULL);
    return mongo_walk(l, cursor, &(struct find){.take = take, .context = context});
}

struct store_ready mongo_ready_entry(const bson_t *row, const bson_t *x, struct arena *a)
{
    return (struct store_ready){.queue = get_text(x, a, "queue"),
                                .instance = get_text(row, a, "_id"),
                                .task = get_text(x, a, "task"),
                                .item = get_int(x, "item"),
                                .at_ms = get_int(x, "at"),
                                .generation = get_int(x, "generation"),
                                .attempt = get_int(x, "attempt"),
                                .visibility_ms = get_int(x, "visibility_ms")};
}

bool mongo_add_ready(struct store_request *r, const struct store_ready *entry)
{
    void *items = r->ready;
    if (r->limit != 0 && r->ready_count == r->limit) {
        r->next = cursor_of_ready(r->arena, &r->ready[r->ready_count - 1]);
        return false;
    }
    struct store_ready *out = grow_one(r->arena, &items, &r->ready_count, sizeof *out);
    r->ready = items;
    *out = *entry;
    return true;
}

static bool take_ready(void *context, const bson_t *b)
{
    struct store_request *r = context;
    bson_t x;
    if (!get_document(b, "ready", &x))
        return true;
    struct store_ready entry = mongo_ready_entry(b, &x, r->arena);
    return mongo_add_ready(r, &entry);
}

/* A place is compared field by field, in the order of the sort. */
static void put_place(bson_t *match, const struct store_ready *last, bool with_queue)
{
    static const char *const fields[] = {"ready.queue", "ready.at", "_id", "ready.task",
                                         "ready.item"};
    bson_t list, one, range;
    uint32_t n = 0;
    bson_append_array_begin(match, "$or", -1, &list);
    for (int upto = with_queue ? 0 : 1; upto < 5; upto++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%u", (unsigned)n++);
        bson_append_document_begin(&list, key, -1, &one);
        for (int k = with_queue ? 0 : 1; k <= upto; k++) {
            bson_t *place = &one;
            const char *name = fields[k];
            if (k == upto) {
                bson_append_document_begin(&one, fields[k], -1, &range);
                place = &range;
                name = "$gt";
            }
            if (k == 1)
                bson_append_date_time(place, name, -1, last->at_ms);
            else if (k == 4)
                bson_append_int64(place, name, -1, last->item);
            else
                put_text(place, name, k == 0 ? last->queue : k == 2 ? last->instance : last->task);
            if (k == upto)
                bson_append_document_end(&one, &range);
        }
        bson_append_document_end(&list, &one);
    }
    bson_append_array_end(match, &list);
}

enum err mongo_ready(struct lane *l, struct store_request *r)
{
    struct store_ready last;
    enum err err = cursor_read_ready(r->after, &last);
    if (err != ERR_NONE)
        return err;
    if (r->id.at != NULL && slice_has_prefix(r->id, SLICE(STORE_INBOX)))
        return mongo_inbox(l, r);
    bson_t match = BSON_INITIALIZER, rest = BSON_INITIALIZER, exists;
    if (r->id.at != NULL) {
        put_text(&match, "ready.queue", r->id);
        put_text(&rest, "ready.queue", r->id);
    } else {
        bson_append_document_begin(&match, "ready", -1, &exists);
        bson_append_bool(&exists, "$exists", -1, true);
        bson_append_document_end(&match, &exists);
    }
    if (r->after.at != NULL)
        put_place(&rest, &last, r->id.at == NULL);
    int64_t limit = r->limit == 0 ? INT32_MAX : (int64_t)r->limit + 1;
    bson_t *pipeline = BCON_NEW(
        "pipeline", "[", "{", "$match", BCON_DOCUMENT(&match), "}", "{", "$project", "{", "ready",
        BCON_INT32(1), "}", "}", "{", "$unwind", BCON_UTF8("$ready"), "}", "{", "$match",
        BCON_DOCUMENT(&rest), "}", "{", "$sort", "{", "ready.queue", BCON_INT32(1), "ready.at",
        BCON_INT32(1), "_id", BCON_INT32(1), "ready.task", BCON_INT32(1), "ready.item",
        BCON_INT32(1), "}", "}", "{", "$limit", BCON_INT64(limit), "}", "]");
    r->ready = NULL;
    err = mongo_aggregate(l, pipeline, take_ready, r);
    bson_destroy(pipeline);
    bson_destroy(&match);
    bson_destroy(&rest);
    return err;
}

/* --- small collections, whole --- */

static bool take_template(void *context, const bson_t *b)
{
    struct store_request *r = context;
    void *items = r->templates;
    struct store_template *t = grow_one(r->arena, &items, &r->template_count, sizeof *t);
    r->templates = items;
    *t = (struct store_template){.name = get_text(b, r->arena, "name"),
                                 .alias = get_text(b, r->arena, "alias"),
                                 .version = get_int(b, "version"),
                                 .digest_hex = get_text(b, r->arena, "digest"),
                                 .source = get_text(b, r->arena, "source"),
                                 .applied_by = get_text(b, r->arena, "applied_by"),
                                 .note = get_text(b, r->arena, "note"),
                                 .applied_at_ms = get_int(b, "applied_at")};
    return true;
}

enum err mongo_templates(struct lane *l, struct store_request *r)
{
    bson_t filter = BSON_INITIALIZER, range;
    bson_t *opts = BCON_NEW("sort", "{", "name", BCON_INT32(1), "version", BCON_INT32(1), "}");
    if (r->at_ms > 0) {
        bson_append_document_begin(&filter, "applied_at", -1, &range);
        bson_append_date_time(&range, "$gte", -1, r->at_ms);
        bson_append_document_end(&filter, &range);
    }
    r->templates = NULL;
    enum err err = mongo_find(l, &(struct find){C_TEMPLATES, &filter, opts, take_template, r});
    bson_destroy(&filter);
    bson_destroy(opts);
    return err;
}

static enum err find_all(struct lane *l, enum collection in,
                         bool (*take)(void *context, const bson_t *b), struct store_request *r)
{
    bson_t filter = BSON_INITIALIZER;
    bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}");
    enum err err = mongo_find(l, &(struct find){in, &filter, opts, take, r});
    bson_destroy(&filter);
    bson_destroy(opts);
    return err;
}

static bool take_queue(void *context, const bson_t *b)
{
    struct store_request *r = context;
    void *items = r->queues;
    struct store_queue *q = grow_one(r->arena, &items, &r->queue_count, sizeof *q);
    r->queues = items;
    q->name = get_text(b, r->arena, "_id");
    q->attributes = get_text(b, r->arena, "attributes");
    q->created_at_ms = get_int(b, "created_at");
    q->modified_at_ms = get_int(b, "modified_at");
    return true;
}

enum err mongo_queues(struct lane *l, struct store_request *r)
{
    r->queues = NULL;
    return find_all(l, C_QUEUES, take_queue, r);
}

static bool take_key(void *context, const bson_t *b)
{
    struct store_request *r = context;
    void *items = r->keys;
    struct store_key *k = grow_one(r->arena, &items, &r->key_count, sizeof *k);
    r->keys = items;
    k->id = get_text(b, r->arena, "_id");
    k->body = get_text(b, r->arena, "body");
    return true;
}

enum err mongo_keys(struct lane *l, struct store_request *r)
{
    r->keys = NULL;
    return find_all(l, C_KEYS, take_key, r);
}

static bool take_chain(void *context, const bson_t *b)
{
    struct store_request *r = context;
    void *items = r->rows;
    struct store_row *row = grow_one(r->arena, &items, &r->row_count, sizeof *row);
    r->rows = items;
    *row = (struct store_row){.id = get_text(b, r->arena, "instance"), .wake_at_ms = TIME_NEVER};
    return true;
}

/* From the first document of one chain to that of the next: none of the others is looked at. */
enum err mongo_chains(struct lane *l, struct store_request *r)
{
    bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}", "projection", "{", "instance",
                            BCON_INT32(1), "}", "limit", BCON_INT64(1));
    struct slice after = r->after;
    enum err err = ERR_NONE;
    uint32_t before;
    do {
        bson_t filter = BSON_INITIALIZER, range;
        struct text from = text_new(r->arena, after.len + sizeof STORE_CHAIN);
        text_put(&from, after.at != NULL ? after : SLICE(STORE_CHAIN));
        if (after.at != NULL)
            text_put_char(&from, ';'); /* the character after ':' */
        bson_append_document_begin(&filter, "_id", -1, &range);
        put_text(&range, "$gte", text_slice(&from));
        put_text(&range, "$lt", SLICE("_sys;"));
        bson_append_document_end(&filter, &range);
        before = r->row_count;
        err = mongo_find(l, &(struct find){C_EVENTS, &filter, opts, take_chain, r});
        bson_destroy(&filter);
        if (r->row_count > before)
            after = r->rows[before].id;
    } while (err == ERR_NONE && r->row_count > before && r->row_count != r->limit);
    if (r->row_count > before)
        r->next = after;
    bson_destroy(opts);
    return err;
}

static bool take_node(void *context, const bson_t *b)
{
    struct store_request *r = context;
    void *items = r->nodes;
    struct store_node *n = grow_one(r->arena, &items, &r->node_count, sizeof *n);
    r->nodes = items;
    n->id = get_text(b, r->arena, "_id");
    n->info = get_text(b, r->arena, "info");
    n->seen_at_ms = get_int(b, "seen_at");
    n->folded_pos = (uint64_t)get_int(b, "folded_position");
    n->sent_pos = (uint64_t)get_int(b, "sent_position");
    n->looked_at_ms = get_int(b, "looked_at");
    return true;
}

enum err mongo_nodes(struct lane *l, struct store_request *r)
{
    r->nodes = NULL;
    r->node_count = 0;
    return find_all(l, C_NODES, take_node, r);
}

/* --- foreign messages: the cursor is n --- */

struct messages {
    struct store_request *r;
    int64_t last;
};

static bool take_message(void *context, const bson_t *b)
{
    struct messages *x = context;
    struct store_request *r = x->r;
    void *items = r->messages;
    if (r->limit != 0 && r->message_count == r->limit) {
        struct text t = text_new(r->arena, TIME_TEXT_BYTES);
        text_put_int(&t, x->last);
        r->next = text_slice(&t);
        return false;
    }
    struct store_message *m = grow_one(r->arena, &items, &r->message_count, sizeof *m);
    r->messages = items;
    *m = (struct store_message){.queue = get_text(b, r->arena, "queue"),
                                .id = get_text(b, r->arena, "id"),
                                .body = get_text(b, r->arena, "body"),
                                .attributes = get_text(b, r->arena, "attributes"),
                                .sent_at_ms = get_int(b, "sent_at"),
                                .visible_at_ms = get_int(b, "visible_at")};
    x->last = get_int(b, "n");
    return true;
}

enum err mongo_messages(struct lane *l, struct store_request *r)
{
    bson_t filter = BSON_INITIALIZER, range;
    struct messages x = {.r = r};
    int64_t after = 0;
    if (r->after.at != NULL && !slice_to_int(r->after, &after))
        return ERR_INVALID;
    bson_t *opts = BCON_NEW("sort", "{", "n", BCON_INT32(1), "}");
    put_text(&filter, "queue", r->id);
    bson_append_document_begin(&filter, "n", -1, &range);
    bson_append_int64(&range, "$gt", -1, after);
    bson_append_document_end(&filter, &range);
    if (r->limit != 0)
        bson_append_int64(opts, "limit", -1, (int64_t)r->limit + 1);
    r->messages = NULL;
    enum err err = mongo_find(l, &(struct find){C_MESSAGES, &filter, opts, take_message, &x});
    bson_destroy(&filter);
    bson_destroy(opts);
    return err;
}
