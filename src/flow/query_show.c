/* One instance as people see it: its stages and tasks, now or as of an event or a time; its graph;
 * why it does not move. */
#include "flow/query_int.h"

#include "core/layout.h"

#include <string.h>

/* --- JSON --- */

static void put_data(struct query *q, struct slice input, struct slice output)
{
    if (q->q.brief)
        return;
    json_put_raw(&q->out, "input", input);
    json_put_raw(&q->out, "output", output);
}

static void put_task(struct query *q, const struct instance *i, uint32_t task)
{
    struct json_out *o = &q->out;
    const struct task *t = &i->template->tasks[task];
    const struct task_state *s = &i->tasks[task];
    int64_t wake_at_ms = instance_task_wake_at(i, task, q->f->grace_from_ms, NULL);
    json_object(o);
    json_put_string(o, "name", t->name);
    json_put_string(o, "id", t->id);
    json_put_text(o, "kind", vocab_name(VOCAB_TASK_KIND, (int)t->kind));
    json_put_some(o, "queue", t->queue);
    json_put_text(o, "status", vocab_name(VOCAB_TASK_STATUS, (int)s->status));
    json_put_number(o, "generation", s->generation);
    json_put_number(o, "attempt", s->attempt);
    json_put_number(o, "max_attempts", t->retry.max_attempts);
    put_data(q, s->input, s->output);
    json_put_some(o, "error", s->error);
    json_put_some(o, "message", s->message);
    json_put_time(o, "sent_at", s->sent_at_ms);
    json_put_time(o, "started_at", s->started_at_ms);
    json_put_time(o, "finished_at", s->finished_at_ms);
    json_put_time(o, "wake_at", wake_at_ms == TIME_NEVER ? 0 : wake_at_ms);
    json_put_some(o, "assignee", t->assignee);
    json_put_some(o, "group", t->group);
    json_put_time(o, "due_at", instance_due_at(i, task));
    json_object_end(o);
}

static bool is_shown(const struct query *q, const struct instance *i, uint32_t task)
{
    return q->q.task.len == 0 || slice_eq(q->q.task, i->template->tasks[task].id);
}

static void put_stage(struct query *q, const struct instance *i, uint32_t stage)
{
    struct json_out *o = &q->out;
    const struct stage *t = &i->template->stages[stage];
    json_object(o);
    json_put_string(o, "name", t->name);
    json_put_text(o, "status", vocab_name(VOCAB_STAGE_STATUS, (int)i->stages[stage].status));
    json_put_time(o, "started_at", i->stages[stage].started_at_ms);
    json_put_time(o, "finished_at", i->stages[stage].finished_at_ms);
    json_key(o, "tasks");
    json_array(o);
    for (uint32_t k = 0; k < t->task_count; k++)
        if (is_shown(q, i, t->first_task + k))
            put_task(q, i, t->first_task + k);
    json_array_end(o);
    json_object_end(o);
}

static void put_head(struct json_out *o, const struct instance *i)
{
    int stage = instance_current_stage(i);
    struct store_row row = {.id = i->id, .template = i->template_name, .version = i->version};
    row.key = i->key.len > 0 ? i->key : SLICE_NONE;
    row.status = slice_of(vocab_name(VOCAB_INSTANCE_STATUS, (int)i->status));
    row.stage = stage < 0 ? SLICE_NONE : i->template->stages[stage].name;
    row.business_status = i->business_status.len > 0 ? i->business_status : SLICE_NONE;
    row.started_at_ms = i->started_at_ms;
    row.updated_at_ms = i->at_ms;
    query_put_summary(o, &row);
}

static void put_instance(struct query *q, void *argument)
{
    const struct instance *i = argument;
    struct json_out *o = &q->out;
    bool is_paused = i->status == INSTANCE_PAUSED;
    json_object(o);
    put_head(o, i);
    json_put_number(o, "revision", (int64_t)i->seq);
    put_data(q, i->input, i->output);
    json_put_some(o, "error", i->error);
    json_put_some(o, "message", i->message);
    json_put_time(o, "finished_at", i->finished_at_ms);
    json_put_time(o, "deadline_at", i->deadline_at_ms);
    json_put_time(o, "paused_at", i->paused_at_ms);
    json_put_time(o, "resume_at", i->resume_at_ms);
    json_put_string(o, "timers",
                    is_paused ? slice_of(vocab_name(VOCAB_TIMERS, (int)i->timers)) : SLICE_NONE);
    json_key(o, "stages");
    json_array(o);
    for (uint32_t k = 0; k < i->template->stage_count; k++)
        put_stage(q, i, k);
    json_array_end(o);
    json_object_end(o);
}

/* --- the graph --- */

static struct layout_paint paint_of(struct arena *a, const struct instance *i)
{
    const struct template *t = i->template;
    enum task_status *tasks = arena_array(a, t->task_count + 1, sizeof *tasks);
    enum stage_status *stages = arena_array(a, t->stage_count + 1, sizeof *stages);
    uint32_t *attempts = arena_array(a, t->task_count + 1, sizeof *attempts);
    uint32_t *generations = arena_array(a, t->task_count + 1, sizeof *generations);
    for (uint32_t k = 0; k < t->task_count; k++) {
        tasks[k] = (enum task_status)i->tasks[k].status;
        attempts[k] = (uint32_t)i->tasks[k].attempt;
        generations[k] = (uint32_t)i->tasks[k].generation;
    }
    for (uint32_t k = 0; k < t->stage_count; k++)
        stages[k] = (enum stage_status)i->stages[k].status;
    return (struct layout_paint){tasks, stages, attempts, generations};
}

static void put_graph(struct query *q, void *argument)
{
    const struct instance *i = argument;
    struct layout_paint paint = paint_of(&q->arena, i);
    bool is_svg = q->q.what == FLOW_GRAPH;
    json_raw(&q->out, is_svg ? layout_svg(&q->arena, i->template, &paint)
                             : layout_json(&q->arena, i->template, &paint));
}

/* --- why it does not move --- */

static void put_time_words(struct text *t, int64_t at_ms)
{
    char at[TIME_TEXT_BYTES];
    size_t len = time_format(at_ms, at);
    text_put(t, (struct slice){at, len});
}

static void explain_out(struct text *t, const struct instance *i, uint32_t task)
{
    const struct task *m = &i->template->tasks[task];
    const struct task_state *s = &i->tasks[task];
    if (m->kind == TASK_KIND_HUMAN) {
        struct slice who = m->assignee.len > 0 ? m->assignee : m->group;
        text_put_c(t, "waits for ");
        text_put(t, who.len > 0 ? who : SLICE("a person"));
        text_put_c(t, " since ");
    } else {
        text_put_c(t, s->message_deleted
                          ? "had its message deleted without an answer; it was sent to "
                      : s->status == TASK_RUNNING ? "is being worked on; it was sent to "
                                                  : "waits for a worker on queue ");
        text_put(t, m->queue);
        text_put_c(t, " since ");
    }
    put_time_words(t, s->status == TASK_RUNNING ? s->started_at_ms : s->sent_at_ms);
    text_printf(t, ", attempt %lld of %u", (long long)s->tries + 1, m->retry.max_attempts);
}

static void explain_due(struct text *t, const struct instance *i, uint32_t task, int64_t grace_ms)
{
    const char *what;
    int64_t at_ms = instance_task_wake_at(i, task, grace_ms, &what);
    if (at_ms == TIME_NEVER)
        return;
    if (strcmp(what, "retry") == 0)
        text_put_c(t, "; it is tried again at ");
    else
        text_printf(t, "; its %s timeout ends at ", what);
    put_time_words(t, at_ms);
}

static void put_line(struct query *q, struct text *t)
{
    json_string(&q->out, text_slice(t));
}

static void explain_pending(struct text *t, const struct instance *i, uint32_t task)
{
    const struct task *m = &i->template->tasks[task];
    unsigned count = 0;
    text_put_c(t, "waits for ");
    for (uint32_t k = 0; k < m->needs_count; k++)
        if (i->tasks[m->needs[k]].status != TASK_COMPLETED) {
            text_put_c(t, count++ > 0 ? ", " : "");
            text_put(t, i->template->tasks[m->needs[k]].name);
        }
    if (count == 0)
        text_put_c(t, i->status == INSTANCE_PAUSED ? "the end of the pause" : "its stage");
}

static void explain_task(struct query *q, const struct instance *i, uint32_t task)
{
    const struct task_state *s = &i->tasks[task];
    struct text t = text_new(&q->arena, 4096);
    text_put_c(&t, "Task ");
    text_put(&t, i->template->tasks[task].name);
    text_put_char(&t, ' ');
    if (s->status == TASK_PENDING)
        explain_pending(&t, i, task);
    else if (task_status_is_out((enum task_status)s->status))
        explain_out(&t, i, task);
    else if (s->status == TASK_RETRYING)
        text_printf(&t, "failed in attempt %lld of %u", (long long)s->tries,
                    i->template->tasks[task].retry.max_attempts);
    else
        text_put_c(&t, "failed for good");
    if (s->error.len > 0) {
        text_put_c(&t, " (");
        text_put(&t, s->error);
        text_put_c(&t, s->message.len > 0 ? ": " : "");
        text_put(&t, s->message);
        text_put_c(&t, ")");
    }
    explain_due(&t, i, task, q->f->grace_from_ms);
    text_put_c(&t, ".");
    put_line(q, &t);
}

static bool is_worth_explaining(const struct instance *i, uint32_t task)
{
    const struct task_state *s = &i->tasks[task];
    bool is_reached = i->stages[i->template->tasks[task].stage].status != STAGE_PENDING;
    return is_reached && s->status != TASK_COMPLETED && s->status != TASK_CANCELLED;
}

static void explain_instance(struct query *q, const struct instance *i)
{
    struct text t = text_new(&q->arena, 8192);
    text_put_c(&t, "The instance is ");
    text_put_c(&t, vocab_name(VOCAB_INSTANCE_STATUS, (int)i->status));
    if (i->finished_at_ms > 0) {
        text_put_c(&t, " since ");
        put_time_words(&t, i->finished_at_ms);
    }
    if (i->status == INSTANCE_PAUSED) {
        text_put_c(&t, " since ");
        put_time_words(&t, i->paused_at_ms);
        text_put_c(&t, i->timers == TIMERS_RUN ? "; its timers run on" : "; its timers are frozen");
        text_put_c(&t, i->resume_at_ms > 0 ? "; it goes on by itself at "
                                           : "; it goes on when it is resumed");
        if (i->resume_at_ms > 0)
            put_time_words(&t, i->resume_at_ms);
    }
    if (i->error.len > 0) {
        text_put_c(&t, ": ");
        text_put(&t, i->error);
        text_put_c(&t, i->message.len > 0 ? ": " : "");
        text_put(&t, i->message);
    }
    text_put_c(&t,
               i->status == INSTANCE_FAILED ? ". Replaying the failed task goes on with it." : ".");
    put_line(q, &t);
}

static void put_explanation(struct query *q, void *argument)
{
    const struct instance *i = argument;
    json_object(&q->out);
    json_put_string(&q->out, "instance", i->id);
    json_put_text(&q->out, "status", vocab_name(VOCAB_INSTANCE_STATUS, (int)i->status));
    json_key(&q->out, "lines");
    json_array(&q->out);
    explain_instance(q, i);
    for (uint32_t k = 0; k < i->template->task_count; k++)
        if (is_worth_explaining(i, k))
            explain_task(q, i, k);
    json_array_end(&q->out);
    json_object_end(&q->out);
}

/* --- now, or as of then --- */

void query_show_now(struct query *q, const struct instance *i)
{
    bool is_graph = q->q.what == FLOW_GRAPH || q->q.what == FLOW_LAYOUT;
    void (*part)(struct query *, void *) = is_graph                    ? put_graph
                                           : q->q.what == FLOW_EXPLAIN ? put_explanation
                                                                       : put_instance;
    if (q->q.task.len > 0 && template_find_task(i->template, -1, q->q.task) < 0) {
        query_answer(q, ERR_UNKNOWN_TASK, SLICE_NONE);
        return;
    }
    q->out = json_out_new(&q->arena, ANSWER_BYTES_MAX);
    query_end(q, ERR_NONE, part, (void *)(uintptr_t)i);
}

/* Ends before the first record that is later than what is asked for. */
static bool is_before(struct walk *w, const struct record *r, const struct store_record *stored,
                      const struct payload_list *payloads)
{
    const struct flow_query *q = &w->query->q;
    (void)stored;
    (void)payloads;
    return q->at_seq > 0 ? r->seq <= q->at_seq : r->at_ms <= q->at_ms;
}

static void walked(struct walk *w, enum err err)
{
    struct query *q = w->query;
    if (err != ERR_NONE)
        query_answer(q, err, SLICE_NONE);
    else if (w->i == NULL || w->i->seq == 0)
        query_answer(q, ERR_NOT_FOUND, SLICE("the instance did not exist then"));
    else
        query_show_now(q, w->i);
}

static void walk_from(struct query *q, const struct template *t, uint64_t seq)
{
    struct walk *w = walk_new(q, q->q.id, t, seq);
    if (w == NULL) {
        query_answer(q, ERR_MEMORY, SLICE_NONE);
        return;
    }
    w->take = is_before;
    w->done = walked;
    walk_on(w);
}

/* The newest snapshot that is not later than a time, by halving: any moment costs a few reads. */
struct search {
    uint64_t low, high; /* numbers of snapshots; 0: the first record */
    const struct template *template;
};

static void search_on(struct query *q);

static void probed(struct flow *f, struct ask *a)
{
    struct query *q = a->context;
    struct search *s = q->search;
    uint64_t middle = (s->low + s->high + 1) / 2;
    (void)f;
    if (a->r.err != ERR_NONE) {
        query_answer(q, a->r.err, SLICE_NONE);
        return;
    }
    if (a->r.record_count > 0 && a->r.records[0].at_ms <= q->q.at_ms)
        s->low = middle;
    else
        s->high = middle - 1;
    search_on(q);
}

static void search_on(struct query *q)
{
    struct search *s = q->search;
    if (s->low == s->high) {
        walk_from(q, s->template, s->low * SNAPSHOT_EVERY);
        return;
    }
    struct ask *a = query_ask(q, STORE_RECORDS, probed);
    if (a == NULL)
        return;
    a->r.id = q->q.id;
    a->r.seq = (s->low + s->high + 1) / 2 * SNAPSHOT_EVERY;
    a->r.limit = 1;
    ask_submit(q->f, a);
}

static void make_search(struct query *q, void *argument)
{
    const struct instance *i = argument;
    q->search = arena_alloc(&q->arena, sizeof *q->search);
    *q->search = (struct search){0, i->seq / SNAPSHOT_EVERY, i->template};
}

void query_show(struct query *q, struct entry *e)
{
    if (q->q.at_seq == 0 && q->q.at_ms == 0)
        query_show_now(q, e->i);
    else if (q->q.at_seq > 0)
        walk_from(q, e->i->template, q->q.at_seq < e->i->seq ? q->q.at_seq : e->i->seq);
    else if (query_guard(q, make_search, e->i))
        search_on(q);
    else
        query_answer(q, ERR_MEMORY, SLICE_NONE);
}
