/* The timeline of one instance: what its records say about attempts, stages and pauses, from when
 * to when and how each ended. Each is told once, in the page that holds the record that ended it;
 * what is not over is told where the page ends at the newest record. Data are not here: the
 * instance as of the record that ended an attempt (`seq`) has them.
 *
 * The walk hands over the state before each record; what the record before it changed is seen by
 * comparing with what is remembered of the tasks. */
#include "flow/query_int.h"

struct task_seen {
    int64_t status, generation, attempt;
    int64_t sent_at_ms, started_at_ms;
};

struct timeline {
    const struct template *template;
    struct task_seen *tasks;
    struct stage_state *stages;
    int64_t status, paused_at_ms;
    uint64_t seq;          /* of the record up to which this is what was seen */
    enum event_kind event; /* of that record */
    struct json_out stages_out, pauses_out, marks_out;
};

/* --- what is told --- */

static void put_attempt(struct json_out *o, const struct timeline *t, uint32_t task,
                        const struct task_seen *seen)
{
    json_put_string(o, "task", t->template->tasks[task].id);
    json_put_number(o, "generation", seen->generation);
    json_put_number(o, "attempt", seen->attempt);
    json_put_time(o, "sent_at", seen->sent_at_ms);
    json_put_time(o, "started_at", seen->started_at_ms);
}

static const char *end_of(const struct timeline *t, const struct task_seen *seen,
                          const struct task_state *s)
{
    if (s->generation != seen->generation)
        return "replayed";
    if (s->status == TASK_COMPLETED)
        return "completed";
    if (s->status == TASK_CANCELLED)
        return "cancelled";
    if (t->event == EVENT_PENDING)
        return "put_back";
    return slice_has_prefix(s->error, SLICE("Timeout.")) ? "timed_out" : "failed";
}

static void put_end(struct query *q, uint32_t task, const struct task_seen *seen,
                    const struct instance *i)
{
    struct json_out *o = &q->out;
    const struct task_state *s = &i->tasks[task];
    const char *how = end_of(q->timeline, seen, s);
    bool has_error = how[0] == 'f' || how[0] == 't';
    bool is_retried = s->generation == seen->generation && s->status == TASK_RETRYING;
    json_object(o);
    put_attempt(o, q->timeline, task, seen);
    json_put_time(o, "ended_at", i->at_ms);
    json_put_text(o, "ended", how);
    json_put_string(o, "error", has_error && s->error.len > 0 ? s->error : SLICE_NONE);
    json_put_string(o, "message", has_error && s->message.len > 0 ? s->message : SLICE_NONE);
    json_put_time(o, "retry_at", is_retried ? s->retry_at_ms : 0);
    json_put_number(o, "seq", (int64_t)i->seq);
    json_object_end(o);
}

static void put_stage(struct query *q, uint32_t stage, const struct stage_state *s, uint64_t seq)
{
    struct json_out *o = &q->timeline->stages_out;
    json_object(o);
    json_put_string(o, "stage", q->timeline->template->stages[stage].name);
    json_put_text(o, "status", vocab_name(VOCAB_STAGE_STATUS, (int)s->status));
    json_put_time(o, "started_at", s->started_at_ms);
    json_put_time(o, "finished_at", s->finished_at_ms);
    json_key(o, "seq");
    seq > 0 ? json_number(o, (int64_t)seq) : json_null(o);
    json_object_end(o);
}

static void put_pause(struct query *q, int64_t from_ms, int64_t to_ms, uint64_t seq)
{
    struct json_out *o = &q->timeline->pauses_out;
    json_object(o);
    json_put_time(o, "from", from_ms);
    json_put_time(o, "to", to_ms);
    json_key(o, "seq");
    seq > 0 ? json_number(o, (int64_t)seq) : json_null(o);
    json_object_end(o);
}

/* What a reader looks for on the way: people's doings, and what was not applied. */
static bool is_mark(const struct record *r, enum event_kind kind)
{
    bool is_control = kind == EVENT_START || kind == EVENT_PAUSE || kind == EVENT_RESUME ||
                      kind == EVENT_CANCEL || kind == EVENT_REPLAY_TASK ||
                      kind == EVENT_REPLAY_STAGE;
    return is_control || !slice_eq_text(r->verdict, vocab_name(VOCAB_VERDICT, VERDICT_APPLIED));
}

/* --- what the records did --- */

static void compare_task(struct query *q, uint32_t task, const struct instance *i, bool is_told)
{
    struct task_seen *seen = &q->timeline->tasks[task];
    const struct task_state *s = &i->tasks[task];
    bool was_out = task_status_is_out((enum task_status)seen->status);
    bool is_same = s->generation == seen->generation && s->attempt == seen->attempt;
    bool is_over = was_out && !(is_same && task_status_is_out((enum task_status)s->status));
    bool is_unsent = !was_out && s->status == TASK_FAILED && seen->status != TASK_FAILED &&
                     seen->status != TASK_RETRYING;
    if (is_unsent) /* it failed before it could be sent */
        *seen = (struct task_seen){.generation = s->generation, .attempt = s->attempt};
    if ((is_over || is_unsent) && is_told)
        put_end(q, task, seen, i);
    *seen =
        (struct task_seen){s->status, s->generation, s->attempt, s->sent_at_ms, s->started_at_ms};
}

static void compare_stage(struct query *q, uint32_t stage, const struct instance *i, bool is_told)
{
    struct stage_state *seen = &q->timeline->stages[stage];
    const struct stage_state *now = &i->stages[stage];
    bool is_over = now->finished_at_ms != 0 && now->finished_at_ms != seen->finished_at_ms;
    bool is_reset = seen->status == STAGE_ACTIVE && now->status == STAGE_PENDING;
    struct stage_state reset = {STAGE_PENDING, seen->started_at_ms, i->at_ms};
    if ((is_over || is_reset) && is_told)
        put_stage(q, stage, is_over ? now : &reset, i->seq);
    *seen = *now;
}

/* Tells what the last folded record ended, where that record is of the page. */
static void compare(struct query *q, const struct instance *i)
{
    struct timeline *t = q->timeline;
    bool is_told = i->seq >= q->page.first && i->seq <= q->page.last;
    if (t->seq == i->seq)
        return;
    for (uint32_t k = 0; k < t->template->task_count; k++)
        compare_task(q, k, i, is_told);
    for (uint32_t k = 0; k < t->template->stage_count; k++)
        compare_stage(q, k, i, is_told);
    if (t->status == INSTANCE_PAUSED && i->status != INSTANCE_PAUSED && is_told)
        put_pause(q, t->paused_at_ms, i->at_ms, i->seq);
    t->status = i->status;
    t->paused_at_ms = i->paused_at_ms;
    t->seq = i->seq;
}

static bool take(struct walk *w, const struct record *r, const struct store_record *stored,
                 const struct payload_list *payloads)
{
    struct query *q = w->query;
    int kind = vocab_find(VOCAB_EVENT_KIND, r->event);
    (void)stored;
    (void)payloads;
    compare(q, w->i);
    if (r->seq > q->page.last)
        return false;
    q->timeline->event = kind < 0 ? EVENT_NONE : (enum event_kind)kind;
    if (r->seq < q->page.first || !is_mark(r, q->timeline->event))
        return true;
    json_object(&q->timeline->marks_out);
    query_put_brief(&q->timeline->marks_out, r);
    json_object_end(&q->timeline->marks_out);
    return true;
}

/* --- the answer --- */

static void put_open(struct query *q, const struct instance *i)
{
    const struct timeline *t = q->timeline;
    for (uint32_t k = 0; k < t->template->task_count; k++) {
        if (!task_status_is_out((enum task_status)i->tasks[k].status))
            continue;
        json_object(&q->out);
        put_attempt(&q->out, t, k, &t->tasks[k]);
        json_put_time(&q->out, "ended_at", 0);
        json_put_string(&q->out, "ended", SLICE_NONE);
        json_object_end(&q->out);
    }
    for (uint32_t k = 0; k < t->template->stage_count; k++)
        if (i->stages[k].status == STAGE_ACTIVE)
            put_stage(q, k, &i->stages[k], 0);
    if (i->status == INSTANCE_PAUSED)
        put_pause(q, i->paused_at_ms, 0, 0);
}

static void put_part(struct query *q, const char *name, struct json_out *part)
{
    json_array_end(part);
    json_put_raw(&q->out, name, json_out_slice(part));
}

static void finish(struct query *q, void *argument)
{
    struct instance *i = argument;
    struct timeline *t = q->timeline;
    if (i != NULL)
        compare(q, i);
    if (i != NULL && q->page.last >= q->page.revision)
        put_open(q, i);
    json_array_end(&q->out);
    put_part(q, "stages", &t->stages_out);
    put_part(q, "pauses", &t->pauses_out);
    put_part(q, "marks", &t->marks_out);
    query_put_next(q);
    json_object_end(&q->out);
}

static void walked(struct walk *w, enum err err)
{
    query_end(w->query, err, finish, w->i);
}

static struct json_out new_part(struct query *q)
{
    struct json_out o = json_out_new(&q->arena, ANSWER_BYTES_MAX);
    json_array(&o);
    return o;
}

static void begin(struct query *q, void *argument)
{
    const struct instance *i = argument;
    const struct template *template = i->template;
    struct timeline *t = arena_alloc(&q->arena, sizeof *t);
    *t = (struct timeline){.template = template};
    t->tasks = arena_array(&q->arena, template->task_count + 1, sizeof *t->tasks);
    t->stages = arena_array(&q->arena, template->stage_count + 1, sizeof *t->stages);
    t->stages_out = new_part(q);
    t->pauses_out = new_part(q);
    t->marks_out = new_part(q);
    q->timeline = t;
    json_object(&q->out);
    json_put_number(&q->out, "first", (int64_t)q->page.first);
    json_put_number(&q->out, "last", (int64_t)q->page.last);
    json_key(&q->out, "attempts");
    json_array(&q->out);
}

void query_timeline(struct query *q, struct entry *e)
{
    uint64_t at = q->q.at_seq;
    query_page(q, at > 0 && at < e->i->seq ? at : e->i->seq);
    q->out = json_out_new(&q->arena, ANSWER_BYTES_MAX);
    struct walk *w = NULL;
    if (query_guard(q, begin, e->i))
        w = walk_new(q, q->q.id, e->i->template, q->page.first - 1);
    if (w == NULL) {
        query_answer(q, ERR_MEMORY, SLICE_NONE);
        return;
    }
    w->take = take;
    w->done = walked;
    walk_on(w);
}
