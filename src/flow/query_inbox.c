/* What waits for people: the inbox entries of the rows, each described from its instance. */
#include "flow/query_int.h"

#include "core/schema.h"

static void describe_next(struct query *q);

static void put_task(struct query *q, void *argument)
{
    const struct instance *i = argument;
    const struct store_ready *r = &q->ready[q->ready_at];
    int task = template_find_task(i->template, -1, r->task);
    if (task < 0 || !instance_is_in_inbox(i, (uint32_t)task))
        return;
    const struct task *t = &i->template->tasks[task];
    const struct task_state *s = &i->tasks[task];
    if (q->q.assignee.len > 0 && !slice_eq(q->q.assignee, t->assignee) &&
        !slice_eq(q->q.assignee, t->group))
        return;
    struct json_out *o = &q->out;
    json_object(o);
    json_put_string(o, "instance", i->id);
    json_put_string(o, "template", i->template_name);
    json_put_string(o, "key", i->key.len > 0 ? i->key : SLICE_NONE);
    json_put_string(o, "stage", i->template->stages[t->stage].name);
    json_put_string(o, "task", t->id);
    json_put_text(o, "status", vocab_name(VOCAB_TASK_STATUS, (int)s->status));
    json_put_string(o, "assignee", t->assignee.len > 0 ? t->assignee : SLICE_NONE);
    json_put_string(o, "group", t->group.len > 0 ? t->group : SLICE_NONE);
    json_put_time(o, "since", s->sent_at_ms);
    json_put_time(o, "due_at", t->due_ms > 0 ? time_add(s->sent_at_ms, t->due_ms) : 0);
    json_put_raw(o, "form", t->form == NULL ? SLICE_NONE : schema_source(t->form));
    json_put_raw(o, "input", s->input);
    json_object_end(o);
}

static void end(struct query *q, void *argument)
{
    (void)argument;
    json_array_end(&q->out);
    json_object_end(&q->out);
}

static void described(struct flow *f, struct visit *v, struct entry *e, enum err err)
{
    struct query *q = LINK_OWNER(v, struct query, visit);
    (void)f;
    if (err == ERR_NONE && !query_guard(q, put_task, e->i))
        err = ERR_MEMORY;
    if (err != ERR_NONE && err != ERR_UNKNOWN_INSTANCE) {
        query_answer(q, err, SLICE_NONE);
        return;
    }
    q->ready_at++;
    describe_next(q);
}

/* Entries in memory answer at once, so this loops and does not recurse. */
static void describe_next(struct query *q)
{
    while (q->ready_at < q->ready_count) {
        struct entry *e = entry_get(q->f, q->ready[q->ready_at].instance);
        if (e == NULL) {
            query_answer(q, ERR_MEMORY, SLICE_NONE);
            return;
        }
        if (!entry_is_fresh(q->f, e)) {
            q->visit.run = described;
            entry_visit_fresh(q->f, e, &q->visit);
            return;
        }
        if (!query_guard(q, put_task, e->i)) {
            query_answer(q, ERR_MEMORY, SLICE_NONE);
            return;
        }
        q->ready_at++;
    }
    if (query_guard(q, end, NULL))
        query_answer(q, ERR_NONE, json_out_slice(&q->out));
    else
        query_answer(q, ERR_MEMORY, SLICE_NONE);
}

static void keep_ready(struct query *q, void *argument)
{
    const struct store_request *r = argument;
    q->ready = arena_array(&q->arena, r->ready_count + 1, sizeof *q->ready);
    q->ready_count = r->ready_count;
    for (uint32_t k = 0; k < r->ready_count; k++) {
        q->ready[k].instance = slice_copy(&q->arena, r->ready[k].instance);
        q->ready[k].task = slice_copy(&q->arena, r->ready[k].task);
    }
    json_object(&q->out);
    json_key(&q->out, "tasks");
    json_array(&q->out);
}

static void ready_read(struct flow *f, struct ask *a)
{
    struct query *q = a->context;
    enum err err = a->r.err;
    (void)f;
    q->out = json_out_new(&q->arena, ANSWER_BYTES_MAX);
    if (err == ERR_NONE && !query_guard(q, keep_ready, &a->r))
        err = ERR_MEMORY;
    if (err == ERR_NONE)
        describe_next(q);
    else
        query_answer(q, err, SLICE_NONE);
}

void query_inbox(struct query *q)
{
    struct ask *a = ask_new(q->f, STORE_READY, ready_read);
    if (a == NULL) {
        query_answer(q, ERR_MEMORY, SLICE_NONE);
        return;
    }
    a->r.id = SLICE(STORE_INBOX);
    a->r.limit = q->q.limit;
    a->context = q;
    ask_submit(q->f, a);
}
