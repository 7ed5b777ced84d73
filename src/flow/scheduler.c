/* The scheduler: steps what waits for an instance on a working copy, makes the records, and hands
 * them to the store as one commit. Comes after arrive and load, before relay. It answers nobody and
 * tells nobody: that is relay's, after the commit is durable. */
#include "flow/flow_int.h"

#include "base/log.h"
#include "core/check.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Beside its texts an instance's arena holds its tables and what the texts' ends waste. */
#define TEXT_BYTES_MAX (INSTANCE_BYTES_MAX / 4 * 3)

struct encoding { /* the records of one commit as they are made */
    struct commit *c;
    struct ask *q;
    struct payload_list payloads;
    struct arrival *current; /* being stepped; in no list */
    struct list again;       /* starts that are about another instance after all */
};

static void check(const struct instance *i)
{
    const char *broken = check_instance(i);
    if (broken == NULL)
        return;
    log_line(LOG_ERROR, "flow", "instance %.*s breaks %s", SLICE_ARG(i->id), broken);
    abort();
}

static uint64_t encode(struct encoding *n, const struct event *e, const struct outcome *o)
{
    struct instance *work = n->c->work;
    struct store_record *r = &n->q->r.records[n->q->r.record_count++];
    r->bytes = record_encode(n->c->arena, work, e, o, &n->payloads);
    r->seq = work->seq;
    r->at_ms = work->at_ms;
    r->event = slice_of(vocab_name(VOCAB_EVENT_KIND, (int)e->kind));
    r->verdict = slice_of(vocab_name(VOCAB_VERDICT, (int)o->verdict));
    r->is_act = event_is_act(e, template_is_for_people(work->template, e->stage, e->task));
    return work->seq;
}

/* --- identical repeats --- */

static uint64_t name_of(const struct event *e, const struct outcome *o)
{
    uint64_t h = slice_hash(e->task) ^ ((uint64_t)e->kind << 56) ^ ((uint64_t)o->verdict << 48);
    return h ^ (uint64_t)e->generation << 24 ^ (uint64_t)e->attempt;
}

static void keep_repeat(struct repeat *r, struct arena *a, const struct event *e,
                        const struct outcome *o)
{
    arena_reset(a);
    r->e = (struct event){.kind = e->kind, .generation = e->generation, .attempt = e->attempt};
    r->e.task = slice_copy(a, e->task);
    r->e.source = slice_copy(a, e->source);
    r->out = (struct outcome){.verdict = o->verdict, .reason = slice_copy(a, o->reason)};
}

static void flush_repeat(struct encoding *n, struct entry *e)
{
    if (e->repeat.unrecorded == 0)
        return;
    e->repeat.out.count = e->repeat.unrecorded;
    e->repeat.out.at_ms = n->c->work->at_ms;
    (void)encode(n, &e->repeat.e, &e->repeat.out);
    n->c->repeats = e->repeat.unrecorded;
    e->repeat.unrecorded = 0;
}

/* Whether this verdict is one more of the same and is only counted. */
static bool is_one_more(struct entry *e, const struct event *ev, const struct outcome *o)
{
    struct repeat *r = &e->repeat;
    bool can_repeat = o->verdict == VERDICT_DUPLICATE || o->verdict == VERDICT_STALE;
    uint64_t what = can_repeat ? name_of(ev, o) | 1 : 0;
    if (what == 0 || what != r->what) {
        r->what = what;
        r->in_a_row = 1;
        return false;
    }
    return ++r->in_a_row > REPEATS_RECORDED_MAX;
}

/* --- one arrival --- */

static size_t count_text_bytes(const struct instance *i)
{
    size_t bytes = i->input.len + i->output.len + i->message.len;
    for (uint32_t k = 0; k < i->template->task_count; k++) {
        const struct task_state *s = &i->tasks[k];
        bytes += s->input.len + s->output.len + s->error.len + s->message.len;
    }
    return bytes;
}

/* An event that would make the instance larger than its limit is refused by its size. The clock and
 * a cancel bring next to nothing and always pass. */
static void step_within(struct commit *c, const struct arrival *v, struct step_time time,
                        struct outcome *o)
{
    struct instance *before = c->work;
    bool can_grow = v->e.kind != EVENT_WAKE && v->e.kind != EVENT_CANCEL;
    if (can_grow && count_text_bytes(before) > TEXT_BYTES_MAX / 2)
        c->work = instance_borrow(c->arena, before);
    step(c->arena, c->work, &v->e, time, o);
    if (c->work == before || count_text_bytes(c->work) <= TEXT_BYTES_MAX)
        return;
    c->work = before;
    *o = (struct outcome){.verdict = VERDICT_TOO_LARGE, .at_ms = o->at_ms};
    o->reason = SLICE("the data of the instance would be larger than 12 MiB");
}

static void step_one(struct flow *f, struct commit *c, const struct arrival *v, struct outcome *o)
{
    struct step_time time = {f->now_ms, f->grace_from_ms};
    if (v->blocked_by[0] != '\0') {
        struct text why = text_new(c->arena, REASON_BYTES_MAX);
        text_put_c(&why, "the key is held by another open instance: ");
        text_put(&why, (struct slice){v->blocked_by, HASH_ID_CHARS});
        *o = (struct outcome){.verdict = VERDICT_REFUSED, .reason = text_slice(&why)};
        o->at_ms = f->now_ms > c->work->at_ms ? f->now_ms : c->work->at_ms;
    } else if (v->e.dry_run) {
        step(c->arena, instance_borrow(c->arena, c->work), &v->e, time, o);
        o->is_unrecorded = true;
        o->effect_count = 0;
    } else {
        step_within(c, v, time, o);
    }
}

static const struct slice *name_replayed(struct commit *c, const struct outcome *o)
{
    struct slice *names = arena_array(c->arena, o->replayed_count, sizeof *names);
    for (uint32_t k = 0; k < o->replayed_count; k++)
        names[k] = c->work->template->tasks[o->replayed[k]].id;
    return names;
}

/* There is no instance: the sys chain takes the arrival, with a reason that outlives this commit.
 */
static void leave_to_sys(struct flow *f, struct arrival *v, const struct outcome *o, jmp_buf *edge)
{
    v->arena.edge = edge;
    struct slice reason = slice_copy(&v->arena, o->reason);
    v->arena.edge = NULL;
    sys_add(f, v, o->verdict, reason, SLICE_NONE);
}

/* A start that came here because this instance had its key, which has ended meanwhile. */
static bool is_start_of_another(const struct instance *work, const struct arrival *v)
{
    return v->is_forwarded && work->seq > 0 &&
           !instance_status_is_open((enum instance_status)work->status);
}

/* Takes one arrival into the commit, or sends it on when it is not about this instance. */
static void take(struct flow *f, struct entry *e, struct encoding *n, struct arrival *v)
{
    struct commit *c = n->c;
    struct outcome *o = &c->outcomes[c->count];
    if (v->e.kind == EVENT_WAKE)
        e->is_wake_pending = false;
    if (is_start_of_another(c->work, v)) {
        list_append(&n->again, &v->link);
        return;
    }
    step_one(f, c, v, o);
    if (c->work->status == INSTANCE_NONE && o->verdict != VERDICT_APPLIED) {
        leave_to_sys(f, v, o, c->arena->edge);
        return;
    }
    check(c->work);
    c->arrivals[c->count] = v;
    c->replayed[c->count] = name_replayed(c, o);
    if (!o->is_unrecorded) {
        if (is_one_more(e, &v->e, o)) {
            if (e->repeat.unrecorded++ == 0)
                keep_repeat(&e->repeat, &e->repeat_arena, &v->e, o);
            rows_dirty(f, e, f->last_pos + 1);
        } else {
            flush_repeat(n, e);
            c->seqs[c->count] = encode(n, &v->e, o);
        }
    }
    c->count++;
}

/* --- the commit --- */

static bool needs_row(const struct entry *e, const struct instance *work)
{
    bool was_open = instance_status_is_open((enum instance_status)e->i->status);
    bool is_open = instance_status_is_open((enum instance_status)work->status);
    return e->i->seq == 0 || was_open != is_open;
}

static void add_row(struct flow *f, struct entry *e, struct encoding *n)
{
    struct store_request *r = &n->q->r;
    r->rows = arena_alloc(&n->q->arena, sizeof *r->rows);
    rows_make(f, &n->q->arena, n->c->work, r->rows, &n->payloads);
    r->rows->had_ready = e->has_ready_rows || e->is_flushing; /* whose entries may come before */
    r->row_count = 1;
    n->c->has_row = true;
}

/* The arrivals of a failed commit, in their order, before those that came meanwhile. */
static void put_back(struct entry *e, struct commit *c)
{
    for (uint32_t k = c->count; k > 0; k--)
        list_prepend(&e->pending, &c->arrivals[k - 1]->link);
}

static void fail_commit(struct flow *f, struct commit *c, enum err err)
{
    for (uint32_t k = 0; k < c->count; k++)
        arrival_fail(f, c->arrivals[k], err);
}

/* A start whose key is taken is about the instance that has it; a reopening is refused. */
static void redirect(struct flow *f, struct entry *e, struct commit *c, struct slice holder)
{
    struct entry *other = e->i->seq == 0 ? entry_get(f, holder) : NULL;
    for (uint32_t k = 0; k < c->count; k++) {
        struct arrival *v = c->arrivals[k];
        if (other != NULL && v->e.kind == EVENT_START) {
            v->is_forwarded = true;
            arrive_at(f, other, v);
            continue;
        }
        if (other != NULL) {
            arrive_unknown(f, v, SLICE("there is no such instance"));
            continue;
        }
        bool is_opening = v->e.kind == EVENT_REPLAY_TASK || v->e.kind == EVENT_REPLAY_STAGE;
        if (is_opening && holder.len == HASH_ID_CHARS)
            memcpy(v->blocked_by, holder.at, HASH_ID_CHARS);
    }
    if (other == NULL)
        put_back(e, c);
}

static void committed(struct flow *f, struct ask *q)
{
    struct entry *e = q->entry;
    struct commit *c = q->context;
    e->state = ENTRY_IDLE;
    list_remove(&f->committing, &c->link);
    if (q->r.err != ERR_NONE)
        e->repeat.unrecorded += c->repeats;
    switch (q->r.err) {
    case ERR_NONE:
        relay_committed(f, e, c, q);
        break;
    case ERR_CONFLICT:
        f->stats.conflicts++;
        put_back(e, c);
        e->is_in_conflict = true;
        if (f->is_shared && e->i->seq > 0)
            entry_refresh(f, e);
        else
            entry_reload(f, e);
        break;
    case ERR_EXISTS:
        redirect(f, e, c, q->r.value);
        entry_rest(f, e);
        break;
    default: /* often nothing is known: what is cached may be behind the store */
        if (q->r.err != ERR_CLOSING)
            log_line(LOG_WARN, "flow", "a commit of %.*s failed: %s", SLICE_ARG(e->id),
                     err_text(q->r.err));
        if (!q->r.is_refused) { /* its records may stand */
            rows_dirty(f, e, c->after_pos + 1);
            unsent_doubt(f, e, c);
        }
        fail_commit(f, c, q->r.err);
        entry_reload(f, e);
        break;
    }
}

static void submit(struct flow *f, struct entry *e, struct encoding *n)
{
    struct ask *q = n->q;
    q->r.id = e->id;
    q->entry = e;
    q->context = n->c;
    n->c->after_pos = f->last_pos;
    list_append(&f->committing, &n->c->link);
    e->state = ENTRY_COMMITTING;
    f->stats.commits++;
    f->stats.records += q->r.record_count;
    ask_submit(f, q);
}

/* Nothing to store: dry runs, wakes that found nothing, counted repeats. */
static void answer_now(struct flow *f, struct entry *e, struct encoding *n)
{
    if (n->c->count > 0 && n->c->arrivals[0]->e.kind == EVENT_WAKE)
        guest_note_early(f, e);
    relay_unstored(f, e, n->c);
    ask_free(n->q);
    supervisor_note(f, e);
    entry_rest(f, e);
}

/* The store looks whether the key is free when it is told of an open instance: what would close it
 * again comes with the next commit. */
static bool has_opened(const struct entry *e, const struct commit *c)
{
    return !instance_status_is_open((enum instance_status)e->i->status) &&
           instance_status_is_open((enum instance_status)c->work->status);
}

static void take_all(struct flow *f, struct entry *e, struct encoding *n)
{
    struct link *k;
    while (n->c->count < n->c->capacity && !has_opened(e, n->c) &&
           (k = list_take(&e->pending)) != NULL) {
        n->current = LINK_OWNER(k, struct arrival, link);
        take(f, e, n, n->current);
        n->current = NULL;
    }
    if (e->is_repeat_due)
        flush_repeat(n, e);
    e->is_repeat_due = false;
}

/* Room for what waits now; one record more is for repeats that were counted. */
static void make_room(struct encoding *n, const struct entry *e)
{
    struct arena *a = &n->q->arena;
    uint32_t most =
        e->pending.count < COMMIT_EVENTS_MAX ? (uint32_t)e->pending.count : COMMIT_EVENTS_MAX;
    struct commit *c = arena_alloc(a, sizeof *c);
    *c = (struct commit){.arena = a, .capacity = most};
    c->arrivals = arena_array(a, most, sizeof(struct arrival *));
    c->outcomes = arena_array(a, most, sizeof *c->outcomes);
    c->seqs = arena_array(a, most, sizeof *c->seqs);
    c->replayed = arena_array(a, most, sizeof(const struct slice *));
    n->q->r.records = arena_array(a, most + 1, sizeof *n->q->r.records);
    c->work = instance_borrow(a, e->i);
    n->c = c;
}

static bool open_commit(struct flow *f, struct encoding *n, const struct entry *e)
{
    jmp_buf edge;
    *n = (struct encoding){.q = ask_new(f, STORE_COMMIT, committed)};
    list_init(&n->again);
    if (n->q == NULL)
        return false;
    n->q->arena.edge = &edge;
    if (setjmp(edge) != 0) {
        ask_free(n->q);
        return false;
    }
    make_room(n, e);
    n->q->arena.edge = NULL;
    return true;
}

static void give_up(struct flow *f, struct entry *e, struct encoding *n)
{
    struct link *k;
    log_line(LOG_WARN, "flow", "memory is short for instance %.*s", SLICE_ARG(e->id));
    e->is_wake_pending = false;
    e->repeat.unrecorded += n->c->repeats;
    fail_commit(f, n->c, ERR_MEMORY);
    if (n->current != NULL)
        arrival_fail(f, n->current, ERR_MEMORY);
    while ((k = list_take(&n->again)) != NULL || (k = list_take(&e->pending)) != NULL)
        arrival_fail(f, LINK_OWNER(k, struct arrival, link), ERR_MEMORY);
    ask_free(n->q);
    entry_reload(f, e); /* the wake-up time and what was heard are worked out anew */
}

/* Everything of a commit that takes memory. False: it is short. */
static bool prepare(struct flow *f, struct entry *e, struct encoding *n)
{
    jmp_buf edge;
    n->q->arena.edge = e->repeat_arena.edge = &edge;
    if (setjmp(edge) != 0) {
        e->repeat_arena.edge = NULL;
        return false;
    }
    take_all(f, e, n);
    if (n->q->r.record_count > 0) {
        if (needs_row(e, n->c->work))
            add_row(f, e, n);
        apart_put(&n->q->r, &n->payloads);
    }
    n->q->arena.edge = e->repeat_arena.edge = NULL;
    return true;
}

static void row_is_written(struct flow *f, struct visit *w, struct entry *e, enum err err)
{
    struct arrival *v = LINK_OWNER(w, struct arrival, row_wait);
    (void)e;
    if (err == ERR_NONE)
        arrive_again(f, v);
    else
        arrival_fail(f, v, err);
}

/* The row of this instance, which has ended, still holds the key that a start wants. */
static void start_after_row(struct flow *f, struct entry *e, struct arrival *v)
{
    if (!f->is_shared) {
        arrive_again(f, v); /* the commit that ended it has written its row */
        return;
    }
    rows_dirty(f, e, f->last_pos + 1);
    v->row_wait = (struct visit){.run = row_is_written};
    rows_flush(f, &v->row_wait);
}

/* Where nothing is recorded, no append tells that another node has been here: the store is asked
 * before such an answer. */
static bool must_ask_first(const struct flow *f, const struct entry *e)
{
    uint32_t looked_at = 0;
    if (!f->is_shared || e->i->seq == 0 || e->checked_at_ms == f->now_ms)
        return false;
    struct link *k = list_first(&e->pending);
    for (; k != NULL && looked_at < COMMIT_EVENTS_MAX; k = list_after(&e->pending, k)) {
        const struct arrival *v = LINK_OWNER(k, struct arrival, link);
        bool is_reminder = v->e.kind == EVENT_WAKE && !e->is_wake_pending;
        if (v->e.dry_run || v->e.kind == EVENT_HEARTBEAT || is_reminder)
            return true;
        looked_at++;
    }
    return false;
}

/* A blank entry is for starts: what else came to it is about an instance that others know. */
static bool is_for_others(const struct entry *e)
{
    struct link *k = list_first(&e->pending);
    return e->i->seq == 0 && k != NULL &&
           LINK_OWNER(k, struct arrival, link)->e.kind != EVENT_START;
}

void scheduler_run(struct flow *f, struct entry *e)
{
    struct encoding n;
    struct link *k;
    assert(e->state == ENTRY_IDLE);
    if (entry_is_stale(f, e) || must_ask_first(f, e)) {
        entry_refresh(f, e);
        return;
    }
    if (is_for_others(e)) {
        entry_reload(f, e);
        return;
    }
    if (!open_commit(f, &n, e)) {
        entry_run_later(f, e); /* memory is short: tried again in the next round */
        return;
    }
    if (!prepare(f, e, &n))
        give_up(f, e, &n);
    else if (n.q->r.record_count > 0)
        submit(f, e, &n);
    else
        answer_now(f, e, &n);
    while ((k = list_take(&n.again)) != NULL)
        start_after_row(f, e, LINK_OWNER(k, struct arrival, link));
}
