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

static struct queue_message message_of(const struct instance *i, uint32_t task)
{
    const struct task *t = &i->template->tasks[task];
    const struct task_state *s = &i->tasks[task];
    struct queue_message m = {.queue = t->queue, .instance = i->id, .task = t->id};
    m.generation = s->generation;
    m.attempt = s->attempt;
    m.visible_at_ms = s->sent_at_ms;
    m.visibility_ms = relay_visibility_ms(t);
    return m;
}

static void offer(struct flow *f, const struct instance *i, uint32_t task)
{
    struct queue_message m = message_of(i, task);
    if (!instance_has_message(i, task) || f->config.queue == NULL)
        return;
    if (f->config.queue->ops->offer(f->config.queue, &m) != ERR_NONE)
        log_line(LOG_WARN, "flow", "memory is short: a message of %.*s waits in the store",
                 SLICE_ARG(i->id));
}

void relay_offer_all(struct flow *f, const struct instance *i)
{
    for (uint32_t k = 0; k < i->template->task_count; k++)
        offer(f, i, k);
}

/* What a step withdrew is whatever the cached state, still as it was, has out. */
static void withdraw(struct flow *f, const struct instance *before, uint32_t task)
{
    struct queue_message m = message_of(before, task);
    if (f->config.queue != NULL && before->template->tasks[task].queue.len > 0)
        f->config.queue->ops->withdraw(f->config.queue, &m);
}

static void extend(struct flow *f, const struct instance *i, uint32_t task)
{
    struct queue_message m = message_of(i, task);
    if (f->config.queue != NULL && instance_has_message(i, task))
        f->config.queue->ops->extend(f->config.queue, &m, f->now_ms);
}

static void relay_before(struct flow *f, struct entry *e, const struct outcome *o)
{
    for (uint32_t k = 0; k < o->effect_count; k++)
        if (o->effects[k].kind == EFFECT_WITHDRAW)
            withdraw(f, e->i, o->effects[k].task);
}

static void relay_after(struct flow *f, struct entry *e, const struct outcome *o)
{
    for (uint32_t k = 0; k < o->effect_count; k++) {
        if (o->effects[k].kind == EFFECT_SEND)
            offer(f, e->i, o->effects[k].task);
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
            relay_after(f, e, &c->outcomes[k]);
    for (uint32_t k = 0; k < c->count; k++)
        answer(f, e, c, k);
}

static void tell(struct flow *f, struct entry *e, const struct ask *q)
{
    for (uint32_t k = 0; f->config.tell != NULL && k < q->r.record_count; k++)
        f->config.tell(f->config.tell_context, e->id, &q->r.records[k]);
}

/* Memory can run short while the cache takes the changes; the store has them, so it is asked. */
static bool move_on(struct flow *f, struct entry *e, struct commit *c)
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
        relay_after(f, e, &c->outcomes[k]);
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
    uint64_t first_pos = q->r.last_pos - q->r.record_count + 1;
    if (q->r.last_pos > f->last_pos)
        f->last_pos = q->r.last_pos;
    bool is_known = move_on(f, e, c);
    entry_count(f, e);
    if (c->has_row) {
        e->row_rev = c->work->seq;
        e->has_ready_rows = q->r.rows[0].ready_count > 0;
        list_remove(&f->dirty, &e->dirty);
    } else {
        supervisor_dirty(f, e, first_pos);
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
