/* The relay: after a commit is durable, and only then, the cached state moves on, messages are
 * offered and withdrawn, streams are told, and last of all senders are answered. */
#include "flow/flow_int.h"

#include "base/log.h"

#include <string.h>

#define GARBAGE_BYTES (16 * 1024) /* an arena may hold so much more than twice what is needed */
#define VISIBILITY_MS_MAX (12LL * 3600 * 1000)

int64_t relay_visibility_ms(const struct task *t)
{
    bool is_stated =
        t->timeout.running_ms > 0 && t->timeout.running_ms != RUNNING_TIMEOUT_MS_DEFAULT;
    return is_stated ? time_min(t->timeout.running_ms, VISIBILITY_MS_MAX) : 0;
}

static bool is_derived(const struct flow *f)
{
    return f->config.queue != NULL && f->config.queue->ops->is_derived;
}

static struct queue_message message_of(const struct flow *f, const struct instance *i,
                                       uint32_t task)
{
    const struct task *t = &i->template->tasks[task];
    const struct task_state *s = &i->tasks[task];
    struct queue_message m = {.queue = t->queue, .instance = i->id, .task = t->id};
    if (is_derived(f))
        m.queue = template_queue_name(t->queue);
    m.generation = s->generation;
    m.attempt = s->attempt;
    m.visible_at_ms = s->sent_at_ms;
    m.visibility_ms = relay_visibility_ms(t);
    return m;
}

/* False: the queue could not take the name of the message. */
static bool offer(struct flow *f, const struct instance *i, uint32_t task, uint64_t pos)
{
    struct queue_message m = message_of(f, i, task);
    if (!instance_has_message(i, task) || f->config.queue == NULL)
        return true;
    m.pos = pos;
    if (f->config.queue->ops->offer(f->config.queue, &m) == ERR_NONE)
        return true;
    log_line(LOG_WARN, "flow", "memory is short: a message of %.*s waits in the store",
             SLICE_ARG(i->id));
    return false;
}

uint64_t relay_unsent_pos(const struct flow *f)
{
    bool can_lag = f->config.queue != NULL && f->config.queue->ops->unsent_pos != NULL;
    uint64_t pos = can_lag ? f->config.queue->ops->unsent_pos(f->config.queue) : UINT64_MAX;
    return pos < unsent_pos(f) ? pos : unsent_pos(f);
}

/* A task that a worker has begun was sent. */
static bool may_be_unsent(const struct entry *e, uint32_t task)
{
    const struct task_state *s = &e->i->tasks[task];
    return s->status == TASK_SCHEDULED && s->sent_at_ms >= e->unsent_from_ms;
}

void relay_loaded(struct flow *f, struct entry *e)
{
    bool is_all = true;
    uint64_t pos = link_is_in(&e->unsent) ? e->unsent_pos : f->last_pos + 1;
    if (unsent_is_in_doubt(f, e))
        return;
    for (uint32_t k = 0; k < e->i->template->task_count; k++)
        if (is_derived(f) || may_be_unsent(e, k))
            is_all &= offer(f, e->i, k, pos);
    if (is_all || is_derived(f)) /* a derived queue reads its window again */
        unsent_settled(f, e);
}

/* What a step withdrew is whatever the cached state, still as it was, has out. */
static void withdraw(struct flow *f, const struct instance *before, uint32_t task)
{
    struct queue_message m = message_of(f, before, task);
    if (f->config.queue != NULL && before->template->tasks[task].queue.len > 0)
        f->config.queue->ops->withdraw(f->config.queue, &m);
}

static void extend(struct flow *f, const struct instance *i, uint32_t task)
{
    struct queue_message m = message_of(f, i, task);
    if (f->config.queue != NULL && instance_has_message(i, task))
        f->config.queue->ops->extend(f->config.queue, &m, f->now_ms);
}

static void send(struct flow *f, struct entry *e, uint32_t task, uint64_t pos)
{
    if (!offer(f, e->i, task, pos))
        unsent_keep(f, e, e->i->tasks[task].sent_at_ms, pos);
}

static void relay_before(struct flow *f, struct entry *e, const struct outcome *o)
{
    for (uint32_t k = 0; k < o->effect_count; k++)
        if (o->effects[k].kind == EFFECT_WITHDRAW)
            withdraw(f, e->i, o->effects[k].task);
}

static void relay_after(struct flow *f, struct entry *e, const struct outcome *o, uint64_t pos)
{
    for (uint32_t k = 0; k < o->effect_count; k++) {
        if (o->effects[k].kind == EFFECT_SEND)
            send(f, e, o->effects[k].task, pos);
        else if (o->effects[k].kind == EFFECT_EXTEND)
            extend(f, e->i, o->effects[k].task);
    }
}

/* The cached state takes the changes that the records hold, with texts of its own. */
static void apply(struct entry *e, const struct outcome *o)
{
    for (uint32_t k = 0; k < o->change_count; k++) {
        struct change c = o->changes[k];
        c.to.text = slice_copy(&e->arena, c.to.text);
        instance_apply(e->i, &c, o->at_ms);
    }
}

static void take_head(struct instance *i, const struct instance *work)
{
    i->seq = work->seq;
    i->at_ms = work->at_ms;
    memcpy(i->hash, work->hash, SHA256_BYTES);
    if (i->recent_next == work->recent_next && i->recent_count == work->recent_count)
        return;
    memcpy(i->recent, work->recent, sizeof i->recent);
    i->recent_count = work->recent_count;
    i->recent_next = work->recent_next;
}

/* Texts that were replaced stay in an arena until it is copied tight. */
static void collect_garbage(struct flow *f, struct entry *e)
{
    if (e->arena.used_bytes < 2 * e->fresh_bytes + GARBAGE_BYTES)
        return;
    f->tight.edge = e->arena.edge;
    f->tight.bytes_max = e->arena.bytes_max;
    struct instance *copy = instance_copy(&f->tight, e->i);
    struct arena loose = e->arena;
    e->arena = f->tight;
    e->i = copy;
    copy->arena = &e->arena;
    f->tight = loose;
    arena_drop(&f->tight);
    e->fresh_bytes = e->arena.used_bytes;
}

static void answer(struct flow *f, struct entry *e, const struct commit *c, uint32_t index)
{
    const struct outcome *o = &c->outcomes[index];
    const struct instance *i = e->i;
    struct flow_answer answer = {.err = ERR_NONE, .verdict = o->verdict, .reason = o->reason};
    answer.instance = e->id;
    answer.template = i->template_name;
    answer.key = i->key;
    answer.version = i->version;
    answer.status = slice_of(vocab_name(VOCAB_INSTANCE_STATUS, (int)i->status));
    answer.task = c->arrivals[index]->e.task;
    answer.seq = c->seqs[index];
    answer.tasks = c->replayed[index];
    answer.task_count = o->replayed_count;
    arrival_answer(f, c->arrivals[index], &answer);
}

void relay_unstored(struct flow *f, struct entry *e, const struct commit *c)
{
    for (uint32_t k = 0; k < c->count; k++)
        if (c->seqs[k] == 0)
            relay_after(f, e, &c->outcomes[k], f->last_pos + 1);
    for (uint32_t k = 0; k < c->count; k++)
        answer(f, e, c, k);
}

static void tell(struct flow *f, struct entry *e, const struct ask *q)
{
    for (uint32_t k = 0; f->config.tell != NULL && k < q->r.record_count; k++)
        f->config.tell(f->config.tell_context, e->id, &q->r.records[k]);
}

/* Memory can run short while the cache takes the changes; the store has them, so it is asked. */
static bool move_on(struct flow *f, struct entry *e, struct commit *c, uint64_t pos)
{
    jmp_buf edge;
    e->arena.edge = &edge;
    if (setjmp(edge) != 0) {
        e->arena.edge = NULL;
        arena_drop(&f->tight);
        return false;
    }
    for (uint32_t k = 0; k < c->count; k++) {
        relay_before(f, e, &c->outcomes[k]);
        if (c->seqs[k] > 0)
            apply(e, &c->outcomes[k]);
        relay_after(f, e, &c->outcomes[k], pos);
    }
    take_head(e->i, c->work);
    collect_garbage(f, e);
    e->arena.edge = NULL;
    return true;
}

static void run_visits(struct flow *f, struct entry *e)
{
    struct link *k;
    while ((k = list_take(&e->visits)) != NULL) {
        struct visit *v = LINK_OWNER(k, struct visit, link);
        v->run(f, v, e, ERR_NONE);
    }
}

void relay_committed(struct flow *f, struct entry *e, struct commit *c, struct ask *q)
{
    uint64_t first_pos = c->after_pos + 1; /* at least; stores number in their own ways */
    if (q->r.last_pos > f->last_pos)
        f->last_pos = q->r.last_pos;
    bool is_known = move_on(f, e, c, first_pos);
    if (!is_known && c->count > 0)
        unsent_keep(f, e, c->outcomes[0].at_ms, first_pos);
    entry_count(f, e);
    e->is_ours = true;
    e->is_in_conflict = false;
    e->checked_at_ms = f->now_ms;
    if (is_known && e->is_taken)
        relay_loaded(f, e);
    e->is_taken = e->is_taken && !is_known;
    if (q->r.is_row_written) {
        e->row_rev = c->work->seq;
        e->has_ready_rows = q->r.rows[0].ready_count > 0;
        list_remove(&f->dirty, &e->dirty);
    } else {
        rows_dirty(f, e, first_pos);
    }
    if (is_known) {
        entry_set_open(f, e);
        supervisor_note(f, e);
    }
    tell(f, e, q);
    for (uint32_t k = 0; k < c->count; k++)
        answer(f, e, c, k);
    run_visits(f, e);
    if (is_known)
        entry_run_later(f, e);
    else
        entry_reload(f, e);
}
