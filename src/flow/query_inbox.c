/* What waits for people: the inbox entries of the rows, each described from its instance. First
 * what is overdue, then what is due, then the oldest: entries have the time that this makes, so
 * that a page is read along an index. Nothing here changes anything. */
#include "flow/query_int.h"

#include "core/schema.h"

#include <string.h>

#define FOR_ASSIGNEE STORE_INBOX "/a/"
#define FOR_GROUP STORE_INBOX "/g/"
#define OF_TEMPLATE STORE_INBOX "/t/"
#define ALL_TIME_MS 253402300799999 /* the end of the year 9999 */

struct inbox {
    struct slice queue;        /* whose entries are read */
    struct store_ready *ready; /* a page of them; what is left to describe */
    uint32_t ready_count, ready_at;
    uint32_t looked, found;
    struct slice next;
};

/* --- entries --- */

/* What has no due time comes as if it was due after the longest one. Those of an instance come
 * together, by the nearest of them. */
int64_t inbox_place(const struct instance *i)
{
    int64_t nearest_ms = TIME_NEVER;
    for (uint32_t k = 0; k < i->template->task_count; k++) {
        if (!instance_is_in_inbox(i, k))
            continue;
        int64_t at_ms = instance_due_at(i, k);
        if (at_ms == 0)
            at_ms = time_add(i->tasks[k].sent_at_ms, DURATION_MS_MAX);
        nearest_ms = time_min(nearest_ms, at_ms);
    }
    return nearest_ms;
}

static struct slice name_queue(struct arena *a, const char *prefix, struct slice name)
{
    struct text t = text_new(a, strlen(prefix) + name.len + 1);
    text_put_c(&t, prefix);
    text_put(&t, name);
    return text_slice(&t);
}

uint32_t inbox_entries(struct arena *a, const struct instance *i, uint32_t task,
                       const struct store_ready *base, struct store_ready *out)
{
    const struct task *t = &i->template->tasks[task];
    uint32_t count = 2;
    out[0] = *base;
    out[0].queue = SLICE(STORE_INBOX);
    out[1] = out[2] = out[0];
    out[1].queue = name_queue(a, OF_TEMPLATE, i->template_name);
    if (t->assignee.len > 0)
        out[count++].queue = name_queue(a, FOR_ASSIGNEE, t->assignee);
    else if (t->group.len > 0)
        out[count++].queue = name_queue(a, FOR_GROUP, t->group);
    return count;
}

/* --- one task --- */

static bool is_asked(const struct query *q, const struct instance *i, uint32_t task)
{
    const struct flow_query *f = &q->q;
    const struct task *t = &i->template->tasks[task];
    int64_t due_at_ms = instance_due_at(i, task);
    return instance_is_in_inbox(i, task) &&
           (f->assignee.len == 0 || slice_eq(f->assignee, t->assignee)) &&
           (f->group.len == 0 || slice_eq(f->group, t->group)) &&
           (f->template.len == 0 || slice_eq(f->template, i->template_name)) &&
           (!f->overdue_only || (due_at_ms > 0 && due_at_ms <= q->f->now_ms));
}

static void put_task(struct query *q, void *argument)
{
    const struct instance *i = argument;
    struct inbox *w = q->inbox;
    int task = template_find_task(i->template, -1, w->ready[w->ready_at].task);
    if (task < 0 || !is_asked(q, i, (uint32_t)task))
        return;
    const struct task *t = &i->template->tasks[task];
    const struct task_state *s = &i->tasks[task];
    struct json_out *o = &q->out;
    int64_t due_at_ms = instance_due_at(i, (uint32_t)task);
    w->found++;
    json_object(o);
    json_put_string(o, "instance", i->id);
    json_put_string(o, "template", i->template_name);
    json_put_number(o, "version", i->version);
    json_put_some(o, "key", i->key);
    json_put_text(o, "instance_status", vocab_name(VOCAB_INSTANCE_STATUS, (int)i->status));
    json_put_string(o, "stage", i->template->stages[t->stage].name);
    json_put_string(o, "task", t->id);
    json_put_text(o, "status", vocab_name(VOCAB_TASK_STATUS, (int)s->status));
    json_put_some(o, "assignee", t->assignee);
    json_put_some(o, "group", t->group);
    json_put_number(o, "generation", s->generation);
    json_put_number(o, "attempt", s->attempt);
    json_put_time(o, "since", s->sent_at_ms);
    json_put_time(o, "due_at", due_at_ms);
    json_put_boolean(o, "overdue", due_at_ms > 0 && due_at_ms <= q->f->now_ms);
    json_put_raw(o, "form", t->form == NULL ? SLICE_NONE : schema_source(t->form));
    json_put_raw(o, "input", s->input);
    json_object_end(o);
}

/* --- page by page --- */

static void ask_page(struct query *q);
static void describe_next(struct query *q);

static void end(struct query *q, void *argument)
{
    (void)argument;
    json_array_end(&q->out);
    json_put_some(&q->out, "next", q->inbox->next);
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
    q->inbox->ready_at++;
    describe_next(q);
}

static void page_described(struct query *q)
{
    struct inbox *w = q->inbox;
    if (w->next.len == 0 || w->found >= q->q.limit || w->looked >= INBOX_LOOK_MAX)
        query_end(q, ERR_NONE, end, NULL);
    else
        ask_page(q);
}

/* Entries in memory answer at once, so this loops and does not recurse. */
static void describe_next(struct query *q)
{
    struct inbox *w = q->inbox;
    while (w->ready_at < w->ready_count) {
        struct entry *e = entry_get(q->f, w->ready[w->ready_at].instance);
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
        w->ready_at++;
    }
    page_described(q);
}

/* The entries are in order of time: behind the first that is not due yet nothing is overdue. */
static void keep_ready(struct query *q, void *argument)
{
    const struct store_request *r = argument;
    struct inbox *w = q->inbox;
    w->ready = arena_array(&q->arena, r->ready_count + 1, sizeof *w->ready);
    w->ready_count = w->ready_at = 0;
    w->next = r->next.at == NULL ? SLICE_NONE : slice_copy(&q->arena, r->next);
    for (uint32_t k = 0; k < r->ready_count; k++) {
        if (q->q.overdue_only && r->ready[k].at_ms > q->f->now_ms) {
            w->next = SLICE_NONE;
            break;
        }
        w->ready[w->ready_count].instance = slice_copy(&q->arena, r->ready[k].instance);
        w->ready[w->ready_count++].task = slice_copy(&q->arena, r->ready[k].task);
    }
    w->looked += r->ready_count;
}

static void page_read(struct flow *f, struct ask *a)
{
    struct query *q = a->context;
    enum err err = a->r.err;
    (void)f;
    if (err == ERR_NONE && !query_guard(q, keep_ready, &a->r))
        err = ERR_MEMORY;
    if (err == ERR_NONE)
        describe_next(q);
    else
        query_answer(q, err, SLICE_NONE);
}

static struct ask *new_ask(struct query *q, enum store_op op, ask_done *done)
{
    struct ask *a = query_ask(q, op, done);
    if (a != NULL)
        a->r.id = q->inbox->queue;
    return a;
}

static void ask_page(struct query *q)
{
    struct inbox *w = q->inbox;
    struct ask *a = new_ask(q, STORE_READY, page_read);
    if (a == NULL)
        return;
    a->r.after = w->looked == 0 ? q->q.after : w->next;
    if (a->r.after.len == 0)
        a->r.after = SLICE_NONE;
    a->r.limit = q->q.limit - w->found;
    ask_submit(q->f, a);
}

/* --- how many --- */

static void begin_list(struct query *q, void *argument)
{
    const struct store_request *counted = argument;
    json_object(&q->out);
    if (counted != NULL) {
        json_put_number(&q->out, "count", (int64_t)counted->counts[0].count);
        json_put_boolean(&q->out, "more", counted->is_more);
    }
    json_key(&q->out, "tasks");
    json_array(&q->out);
}

static void counted(struct flow *f, struct ask *a)
{
    struct query *q = a->context;
    enum err err = a->r.err;
    (void)f;
    if (err == ERR_NONE && !query_guard(q, begin_list, &a->r))
        err = ERR_MEMORY;
    if (err == ERR_NONE)
        ask_page(q);
    else
        query_answer(q, err, SLICE_NONE);
}

static void begin(struct query *q, void *argument)
{
    const struct flow_query *f = &q->q;
    (void)argument;
    q->inbox = arena_alloc(&q->arena, sizeof *q->inbox);
    *q->inbox = (struct inbox){.queue = SLICE(STORE_INBOX)};
    if (f->assignee.len > 0)
        q->inbox->queue = name_queue(&q->arena, FOR_ASSIGNEE, f->assignee);
    else if (f->group.len > 0)
        q->inbox->queue = name_queue(&q->arena, FOR_GROUP, f->group);
    else if (f->template.len > 0)
        q->inbox->queue = name_queue(&q->arena, OF_TEMPLATE, f->template);
}

/* One filter alone is a list of its own, whose entries are counted; of two, the second one is
 * looked for among those of the first. */
static bool is_counted(const struct flow_query *q)
{
    int filters = (q->assignee.len > 0) + (q->group.len > 0) + (q->template.len > 0);
    return q->after.len == 0 && filters <= 1;
}

void query_inbox(struct query *q)
{
    q->out = json_out_new(&q->arena, ANSWER_BYTES_MAX);
    if (!query_guard(q, begin, NULL)) {
        query_answer(q, ERR_MEMORY, SLICE_NONE);
        return;
    }
    if (!is_counted(&q->q)) {
        if (query_guard(q, begin_list, NULL))
            ask_page(q);
        else
            query_answer(q, ERR_MEMORY, SLICE_NONE);
        return;
    }
    struct ask *a = new_ask(q, STORE_OVERDUE, counted);
    if (a == NULL)
        return;
    a->r.at_ms = q->q.overdue_only ? q->f->now_ms : ALL_TIME_MS;
    a->r.limit = 1;
    a->r.look_max = INBOX_COUNT_MAX;
    ask_submit(q->f, a);
}
