/* Reads: the door, and those that are one question to the store. What needs an instance is in
 * query_show.c and query_events.c, what walks through records in query_walk.c. Nothing here changes
 * anything. */
#include "flow/query_int.h"

#include <stdlib.h>
#include <string.h>

static void free_query(struct query *q)
{
    if (q->walk != NULL)
        walk_free(q->walk);
    arena_drop(&q->arena);
    free(q);
}

void query_answer(struct query *q, enum err err, struct slice json)
{
    if (q->reply != NULL)
        q->reply(q->context, err, json);
    free_query(q);
}

bool query_guard(struct query *q, void (*part)(struct query *q, void *argument), void *argument)
{
    jmp_buf edge;
    q->arena.edge = &edge;
    if (setjmp(edge) != 0) {
        q->arena.edge = NULL;
        return false;
    }
    part(q, argument);
    q->arena.edge = NULL;
    return true;
}

struct ask *query_ask(struct query *q, enum store_op op, ask_done *done)
{
    struct ask *a = ask_new(q->f, op, done);
    if (a == NULL)
        query_answer(q, ERR_MEMORY, SLICE_NONE);
    else
        a->context = q;
    return a;
}

void query_end(struct query *q, enum err err, void (*part)(struct query *q, void *argument),
               void *argument)
{
    if (err == ERR_NONE && !query_guard(q, part, argument))
        err = ERR_MEMORY;
    query_answer(q, err, err == ERR_NONE ? json_out_slice(&q->out) : SLICE_NONE);
}

void query_finish(struct query *q, void (*part)(struct query *q, void *argument), struct ask *a)
{
    q->out = json_out_new(&q->arena, ANSWER_BYTES_MAX);
    query_end(q, a->r.err, part, &a->r);
}

/* --- lists and numbers --- */

void query_put_summary(struct json_out *o, const struct store_row *row)
{
    json_put_string(o, "instance", row->id);
    json_put_string(o, "template", row->template);
    json_put_number(o, "version", row->version);
    json_put_string(o, "key", row->key);
    json_put_string(o, "status", row->status);
    json_put_string(o, "stage", row->stage);
    json_put_string(o, "business_status", row->business_status);
    json_put_time(o, "started_at", row->started_at_ms);
    json_put_time(o, "updated_at", row->updated_at_ms);
}

static void put_list(struct query *q, void *argument)
{
    const struct store_request *r = argument;
    json_object(&q->out);
    json_key(&q->out, "instances");
    json_array(&q->out);
    for (uint32_t k = 0; k < r->row_count; k++) {
        json_object(&q->out);
        query_put_summary(&q->out, &r->rows[k]);
        json_object_end(&q->out);
    }
    json_array_end(&q->out);
    json_put_string(&q->out, "next", r->next);
    json_object_end(&q->out);
}

static void list_read(struct flow *f, struct ask *a)
{
    (void)f;
    query_finish(a->context, put_list, a);
}

/* --- records --- */

void query_put_brief(struct json_out *o, const struct record *r)
{
    json_put_number(o, "seq", (int64_t)r->seq);
    json_put_string(o, "event", r->event);
    json_put_string(o, "verdict", r->verdict);
    json_put_string(o, "reason", r->why.len > 0 ? r->why : r->reason);
    json_put_time(o, "at", r->at_ms);
    json_put_string(o, "source", r->source);
    json_put_string(o, "actor", r->actor);
    json_put_string(o, "event_id", r->id);
    json_put_string(o, "stage", r->stage);
    json_put_string(o, "task", r->task);
    json_key(o, "generation");
    r->generation > 0 ? json_number(o, r->generation) : json_null(o);
    json_key(o, "attempt");
    r->attempt > 0 ? json_number(o, r->attempt) : json_null(o);
    if (r->why.len > 0 && r->reason.len > 0)
        json_put_string(o, "comment", r->reason);
    if (r->count > 1)
        json_put_number(o, "count", r->count);
}

void query_put_record(struct json_out *o, const struct record *r, struct slice changes)
{
    query_put_brief(o, r);
    if (r->data != NULL)
        json_put_raw(o, "data", json_write(o->text.arena, r->data));
    json_put_raw(o, "changes", changes.len > 0 ? changes : SLICE("[]"));
    json_put_string(o, "hash", hex_encode(o->text.arena, r->hash, SHA256_BYTES));
}

bool query_is_any(const struct store_any *any, struct slice value)
{
    for (uint32_t k = 0; k < any->count; k++)
        if (slice_eq(any->texts[k], value))
            return true;
    return any->count == 0;
}

bool query_is_asked(const struct flow_query *q, const struct record *r)
{
    bool is_of_task = q->task.len == 0 || slice_eq(q->task, r->task);
    return is_of_task && query_is_any(&q->verdict, r->verdict) && query_is_any(&q->event, r->event);
}

static void put_done(struct query *q, void *argument)
{
    (void)argument;
    json_object(&q->out);
    json_put_string(&q->out, "file", q->q.id);
    json_object_end(&q->out);
}

static void backup_done(struct flow *f, struct ask *a)
{
    (void)f;
    query_finish(a->context, put_done, a);
}

/* --- the door --- */

static void ask(struct query *q, enum store_op op, ask_done *done)
{
    struct ask *a = query_ask(q, op, done);
    if (a == NULL)
        return;
    a->r.id = q->q.id;
    a->r.filter = q->q.filter;
    a->r.limit = q->q.limit;
    a->r.look_max = op == STORE_LIST ? LIST_LOOK_MAX : 0;
    a->r.newest_first = q->q.newest_first;
    a->r.after = q->q.after;
    ask_submit(q->f, a);
}

static void flushed(struct flow *f, struct visit *v, struct entry *e, enum err err)
{
    struct query *q = LINK_OWNER(v, struct query, visit);
    (void)f;
    (void)e;
    if (err != ERR_NONE)
        query_answer(q, err, SLICE_NONE);
    else if (q->q.what == FLOW_LIST)
        ask(q, STORE_LIST, list_read);
    else if (q->q.what == FLOW_COUNT)
        query_count(q);
    else if (q->q.what == FLOW_ACTIVITY)
        query_activity(q);
    else if (q->q.what == FLOW_ATTENTION)
        query_attention(q);
    else if (q->q.what == FLOW_STATS)
        ask(q, STORE_COUNTS, query_counts_read);
    else if (q->q.what == FLOW_INBOX)
        query_inbox(q);
    else if (q->q.what == FLOW_BACKUP)
        ask(q, STORE_BACKUP, backup_done);
    else
        query_verify(q);
}

static seek_found sought;

static void rewrite(struct query *q, struct entry *e)
{
    rows_dirty(q->f, e, q->f->last_pos + 1);
    query_answer(q, ERR_NONE, SLICE("{}"));
}

static void loaded(struct flow *f, struct visit *v, struct entry *e, enum err err)
{
    struct query *q = LINK_OWNER(v, struct query, visit);
    if (err == ERR_UNKNOWN_INSTANCE && !q->is_key_tried) {
        q->is_key_tried = true; /* it has the form of an id, but may be a key */
        seek_by_key(f, q->q.id, SLICE_NONE, sought, q);
        return;
    }
    if (err != ERR_NONE)
        query_answer(q, err, SLICE_NONE);
    else if (q->q.what == FLOW_EVENTS && q->q.brief)
        query_brief(q, e);
    else if (q->q.what == FLOW_EVENTS)
        query_events(q, e);
    else if (q->q.what == FLOW_TIMELINE)
        query_timeline(q, e);
    else if (q->q.what == FLOW_VERIFY)
        query_verify(q);
    else if (q->q.what == FLOW_EXPORT)
        query_export(q, e);
    else if (q->q.what == FLOW_REWRITE)
        rewrite(q, e);
    else
        query_show(q, e);
}

static void keep_id(struct query *q, void *argument)
{
    q->q.id = slice_copy(&q->arena, *(const struct slice *)argument);
}

static void sought(struct flow *f, void *context, struct entry *e, enum err err, struct slice why)
{
    struct query *q = context;
    if (e != NULL && query_guard(q, keep_id, &e->id))
        entry_visit_fresh(f, e, &q->visit);
    else
        query_answer(q, e != NULL ? ERR_MEMORY : err, why);
}

static void copy_any(struct arena *a, struct store_any *any)
{
    struct slice *texts = arena_array(a, any->count + 1, sizeof *texts);
    for (uint32_t k = 0; k < any->count; k++)
        texts[k] = slice_copy(a, any->texts[k]);
    any->texts = texts;
}

/* A store finds a template's instances by their status as well; "any" names them all. */
static void name_statuses(struct arena *a, struct store_filter *f)
{
    struct slice *texts = arena_array(a, INSTANCE_STATUS_COUNT, sizeof *texts);
    if (f->template.count == 0 || f->status.count > 0)
        return;
    for (int s = INSTANCE_RUNNING; s < INSTANCE_STATUS_COUNT; s++)
        texts[f->status.count++] = slice_of(vocab_name(VOCAB_INSTANCE_STATUS, s));
    f->status.texts = texts;
}

void flow_query_copy(struct arena *a, const struct flow_query *from, struct flow_query *out)
{
    struct store_filter *f = &out->filter;
    struct slice *const texts[] = {&out->id,  &out->after,   &out->actor,    &out->template,
                                   &out->key, &out->task,    &out->assignee, &out->group,
                                   &f->key,   &f->key_prefix};
    struct store_any *const lists[] = {&out->verdict, &out->event, &out->source,       &f->template,
                                       &f->status,    &f->stage,   &f->business_status};
    *out = *from;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        *texts[k] = slice_copy(a, *texts[k]);
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++)
        copy_any(a, lists[k]);
}

static void copy_query(struct query *q, void *argument)
{
    flow_query_copy(&q->arena, argument, &q->q);
    name_statuses(&q->arena, &q->q.filter);
    if (q->q.limit == 0)
        q->q.limit = LIST_LIMIT_DEFAULT;
    if (q->q.limit > LIST_LIMIT_MAX)
        q->q.limit = LIST_LIMIT_MAX;
}

static struct query *new_query(struct flow *f, const struct flow_query *from)
{
    struct query *q = calloc(1, sizeof *q);
    if (q == NULL)
        return NULL;
    arena_init(&q->arena, 2 * (size_t)ANSWER_BYTES_MAX);
    q->f = f;
    if (query_guard(q, copy_query, (void *)(uintptr_t)from))
        return q;
    free_query(q);
    return NULL;
}

static bool is_about_all(const struct flow_query *q)
{
    switch (q->what) {
    case FLOW_LIST:
    case FLOW_COUNT:
    case FLOW_ACTIVITY:
    case FLOW_ATTENTION:
    case FLOW_STATS:
    case FLOW_INBOX:
    case FLOW_BACKUP:
        return true;
    default:
        return q->what == FLOW_VERIFY && q->id.len == 0;
    }
}

void flow_read(struct flow *f, const struct flow_query *from, flow_read_reply *reply, void *context)
{
    enum err err = flow_refusal(f);
    struct query *q = err == ERR_NONE ? new_query(f, from) : NULL;
    if (q == NULL) {
        reply(context, err == ERR_NONE ? ERR_MEMORY : err, SLICE_NONE);
        return;
    }
    q->reply = reply;
    q->context = context;
    bool is_of_all = is_about_all(from);
    if (is_of_all && from->what != FLOW_VERIFY && from->what != FLOW_BACKUP)
        f->looked_at_ms = f->now_ms;
    q->visit.run = is_of_all ? flushed : loaded;
    if (from->what == FLOW_FEED)
        query_feed(q);
    else if (is_of_all)
        rows_flush(f, &q->visit);
    else
        seek(f, q->q.id, SLICE_NONE, sought, q);
}
