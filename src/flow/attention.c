/* What somebody should look at: instances that failed, people's tasks beyond their due time, tasks
 * that fail and are tried again. The latter two have entries beside the row, found by the time from
 * which they count; each is described from its instance. Nothing here changes anything. */
#include "flow/query_int.h"

#include <assert.h>

int64_t attention_at(const struct instance *i, uint32_t task, struct slice *queue)
{
    const struct task_state *s = &i->tasks[task];
    if (i->status != INSTANCE_RUNNING)
        return TIME_NEVER;
    if (instance_is_in_inbox(i, task)) {
        *queue = SLICE(STORE_LATE);
        int64_t due_at_ms = instance_due_at(i, task);
        return due_at_ms > 0 ? due_at_ms : TIME_NEVER;
    }
    bool is_tried = s->status == TASK_RETRYING || task_status_is_out((enum task_status)s->status);
    if (!is_tried || s->tries == 0)
        return TIME_NEVER;
    *queue = SLICE(STORE_RETRYING);
    return s->tries >= ATTENTION_TRIES ? s->first_at_ms
                                       : time_add(s->first_at_ms, ATTENTION_RETRY_MS);
}

/* --- what is found --- */

enum kind { KIND_FAILED, KIND_OVERDUE, KIND_RETRYING, KIND_COUNT };

static const char *const kind_names[KIND_COUNT] = {"failed", "overdue", "retrying"};

struct item {
    enum kind kind;
    struct slice instance, task; /* task absent: the one that failed */
};

struct attention {
    struct item *items;
    uint32_t count, capacity, at;
    int64_t counts[KIND_COUNT];
    bool has_more[KIND_COUNT];
    enum kind kind; /* whose question is out */
};

/* --- one item in words --- */

static void put_error(struct text *t, struct slice error, struct slice message)
{
    text_put_c(t, error.len > 0 ? ": " : "");
    text_put(t, error);
    text_put_c(t, error.len > 0 && message.len > 0 ? ": " : "");
    text_put(t, error.len > 0 ? message : SLICE(""));
}

static struct slice explain_task(struct query *q, enum kind kind, const struct instance *i, int n)
{
    const struct task *t = &i->template->tasks[n];
    const struct task_state *s = &i->tasks[n];
    struct text out = text_new(&q->arena, ERROR_MESSAGE_BYTES_MAX + 1024);
    struct slice who = t->assignee.len > 0 ? t->assignee : t->group;
    text_put(&out, t->name);
    if (kind == KIND_OVERDUE) {
        text_put_c(&out, " is overdue; it waits for ");
        text_put(&out, who.len > 0 ? who : SLICE("a person"));
    } else if (kind == KIND_RETRYING) {
        text_printf(&out, " failed %lld of %u times and is tried again", (long long)s->tries,
                    t->retry.max_attempts);
        put_error(&out, s->error, s->message);
    } else {
        text_printf(&out, " failed for good in attempt %lld of %u", (long long)s->tries,
                    t->retry.max_attempts);
        put_error(&out, s->error, s->message);
    }
    return text_slice(&out);
}

static struct slice explain_instance(struct query *q, const struct instance *i)
{
    struct text out = text_new(&q->arena, ERROR_MESSAGE_BYTES_MAX + 1024);
    text_put_c(&out, "The instance failed");
    put_error(&out, i->error, i->message);
    return text_slice(&out);
}

static void put_task(struct query *q, enum kind kind, const struct instance *i, int n)
{
    struct json_out *o = &q->out;
    const struct task *t = &i->template->tasks[n];
    const struct task_state *s = &i->tasks[n];
    json_put_string(o, "stage", i->template->stages[t->stage].name);
    json_put_string(o, "task", t->name);
    json_put_text(o, "task_status", vocab_name(VOCAB_TASK_STATUS, (int)s->status));
    json_put_some(o, "assignee", t->assignee.len > 0 ? t->assignee : t->group);
    json_put_number(o, "tries", s->tries);
    json_put_number(o, "max_attempts", t->retry.max_attempts);
    json_put_some(o, "error", s->error);
    json_put_time(o, "since", kind == KIND_FAILED ? s->finished_at_ms : s->first_at_ms);
    json_put_time(o, "due_at", kind == KIND_OVERDUE ? instance_due_at(i, (uint32_t)n) : 0);
    json_put_time(o, "retry_at", s->status == TASK_RETRYING ? s->retry_at_ms : 0);
    json_put_string(o, "reason", explain_task(q, kind, i, n));
}

static int find_failed(const struct instance *i)
{
    for (uint32_t k = 0; k < i->template->task_count; k++)
        if (i->tasks[k].status == TASK_FAILED)
            return (int)k;
    return -1;
}

/* What it was found for may have passed meanwhile. */
static bool is_still(const struct query *q, enum kind kind, const struct instance *i, int n)
{
    struct slice queue;
    if (kind == KIND_FAILED)
        return i->status == INSTANCE_FAILED;
    return n >= 0 && attention_at(i, (uint32_t)n, &queue) <= q->f->now_ms;
}

static void put_item(struct query *q, void *argument)
{
    const struct instance *i = argument;
    const struct item *item = &q->attention->items[q->attention->at];
    struct json_out *o = &q->out;
    int n = item->kind == KIND_FAILED ? find_failed(i)
                                      : template_find_task(i->template, -1, item->task);
    if (!is_still(q, item->kind, i, n))
        return;
    json_object(o);
    json_put_text(o, "kind", kind_names[item->kind]);
    json_put_string(o, "instance", i->id);
    json_put_string(o, "template", i->template_name);
    json_put_number(o, "version", i->version);
    json_put_some(o, "key", i->key);
    if (n >= 0) {
        put_task(q, item->kind, i, n);
    } else {
        json_put_time(o, "since", i->finished_at_ms);
        json_put_string(o, "reason", explain_instance(q, i));
    }
    json_object_end(o);
}

/* --- each in turn --- */

static void begin(struct query *q, void *argument)
{
    const struct attention *x = argument;
    json_object(&q->out);
    for (int k = 0; k < KIND_COUNT; k++) {
        json_key(&q->out, kind_names[k]);
        json_object(&q->out);
        json_put_number(&q->out, "count", x->counts[k]);
        json_put_boolean(&q->out, "more", x->has_more[k]);
        json_object_end(&q->out);
    }
    json_key(&q->out, "items");
    json_array(&q->out);
}

static void end(struct query *q, void *argument)
{
    (void)argument;
    json_array_end(&q->out);
    json_object_end(&q->out);
}

static void describe_next(struct query *q);

static void described(struct flow *f, struct visit *v, struct entry *e, enum err err)
{
    struct query *q = LINK_OWNER(v, struct query, visit);
    (void)f;
    if (err == ERR_NONE && !query_guard(q, put_item, e->i))
        err = ERR_MEMORY;
    if (err != ERR_NONE && err != ERR_UNKNOWN_INSTANCE) {
        query_answer(q, err, SLICE_NONE);
        return;
    }
    q->attention->at++;
    describe_next(q);
}

/* Entries in memory answer at once, so this loops and does not recurse. */
static void describe_next(struct query *q)
{
    struct attention *x = q->attention;
    while (x->at < x->count) {
        struct entry *e = entry_get(q->f, x->items[x->at].instance);
        if (e != NULL && !entry_is_fresh(q->f, e)) {
            q->visit.run = described;
            entry_visit_fresh(q->f, e, &q->visit);
            return;
        }
        if (e == NULL || !query_guard(q, put_item, e->i)) {
            query_answer(q, ERR_MEMORY, SLICE_NONE);
            return;
        }
        x->at++;
    }
    if (query_guard(q, end, NULL))
        query_answer(q, ERR_NONE, json_out_slice(&q->out));
    else
        query_answer(q, ERR_MEMORY, SLICE_NONE);
}

/* --- the questions: how many failed, which, then what is due of the other kinds --- */

static void add_item(struct query *q, struct slice instance, struct slice task)
{
    struct attention *x = q->attention;
    assert(x->count < x->capacity);
    x->items[x->count++] =
        (struct item){x->kind, slice_copy(&q->arena, instance), slice_copy(&q->arena, task)};
}

static void keep_found(struct query *q, void *argument)
{
    const struct store_request *r = argument;
    struct attention *x = q->attention;
    for (uint32_t k = 0; k < r->count_count; k++)
        x->counts[x->kind] += (int64_t)r->counts[k].count;
    x->has_more[x->kind] |= r->is_more;
    for (uint32_t k = 0; k < r->row_count; k++)
        add_item(q, r->rows[k].id, SLICE_NONE);
    for (uint32_t k = 0; k < r->ready_count; k++)
        add_item(q, r->ready[k].instance, r->ready[k].task);
}

static ask_done found;

static void ask_for(struct query *q, enum store_op op)
{
    static const struct slice failed = {"FAILED", 6};
    struct ask *a = query_ask(q, op, found);
    if (a == NULL)
        return;
    a->r.filter.status = (struct store_any){&failed, 1};
    a->r.id = q->attention->kind == KIND_OVERDUE ? SLICE(STORE_LATE) : SLICE(STORE_RETRYING);
    a->r.at_ms = q->f->now_ms;
    a->r.limit = q->q.limit;
    a->r.look_max = op == STORE_MATCHES ? COUNT_LOOK_MAX : ATTENTION_COUNT_MAX;
    ask_submit(q->f, a);
}

static void found(struct flow *f, struct ask *a)
{
    struct query *q = a->context;
    struct attention *x = q->attention;
    enum err err = a->r.err;
    (void)f;
    if (err == ERR_NONE && !query_guard(q, keep_found, &a->r))
        err = ERR_MEMORY;
    if (err != ERR_NONE) {
        query_answer(q, err, SLICE_NONE);
        return;
    }
    if (a->r.op == STORE_MATCHES) {
        ask_for(q, STORE_LIST);
    } else if (++x->kind < KIND_COUNT) {
        ask_for(q, STORE_OVERDUE);
    } else if (query_guard(q, begin, x)) {
        describe_next(q);
    } else {
        query_answer(q, ERR_MEMORY, SLICE_NONE);
    }
}

static void make(struct query *q, void *argument)
{
    (void)argument;
    q->attention = arena_alloc(&q->arena, sizeof *q->attention);
    *q->attention = (struct attention){.capacity = KIND_COUNT * q->q.limit};
    q->attention->items =
        arena_array(&q->arena, q->attention->capacity, sizeof *q->attention->items);
    q->out = json_out_new(&q->arena, ANSWER_BYTES_MAX);
}

void query_attention(struct query *q)
{
    if (query_guard(q, make, NULL))
        ask_for(q, STORE_MATCHES);
    else
        query_answer(q, ERR_MEMORY, SLICE_NONE);
}
