/* The chain of arrivals that name no instance: bytes that are no event, unknown templates, keys and
 * tokens, and template applies. It has its own records under "_sys:NODE". It is limited in rate:
 * what comes beyond is answered with its verdict and counted in the next record, so that nobody
 * fills the disk with rubbish. */
#include "flow/flow_int.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define SYS_RECORDS_PER_COMMIT 64

struct sys_commit {
    struct arrival *arrivals[SYS_RECORDS_PER_COMMIT];
    uint32_t count;
    struct chain_head head; /* after these records */
    uint64_t surplus;       /* counted in them */
};

static void answer(struct flow *f, struct arrival *v, uint64_t seq, enum err err)
{
    struct flow_answer a = {.err = err, .verdict = v->out.verdict, .reason = v->out.reason};
    if (v->own_done != NULL)
        v->own_done(f, v->context, err);
    a.template = v->e.template;
    a.key = v->e.key;
    a.task = v->e.task;
    a.seq = seq;
    if (err != ERR_NONE)
        a.reason = slice_of(err_text(err));
    if (v->own_done != NULL)
        v->reply = NULL;
    arrival_answer(f, v, &a);
}

/* True: this second's records are used up. */
static bool is_too_many(struct flow *f)
{
    int64_t second = f->now_ms / 1000;
    if (second != f->sys_second) {
        f->sys_second = second;
        f->sys_this_second = 0;
    }
    return ++f->sys_this_second > SYS_RECORDS_PER_S_MAX;
}

void sys_add(struct flow *f, struct arrival *v, enum verdict verdict, struct slice reason,
             struct slice data)
{
    v->out = (struct outcome){.verdict = verdict, .reason = reason};
    v->data = data;
    if (is_too_many(f)) {
        f->sys_surplus++;
        answer(f, v, 0, ERR_NONE);
        return;
    }
    list_append(&f->sys_pending, &v->link);
}

void sys_add_own(struct flow *f, struct arrival *v, struct slice data,
                 void (*done)(struct flow *f, void *context, enum err err), void *context)
{
    v->out = (struct outcome){.verdict = VERDICT_APPLIED};
    v->data = data;
    v->own_done = done;
    v->context = context;
    list_append(&f->sys_pending, &v->link);
}

/* --- the head of the chain --- */

static void head_read(struct flow *f, struct ask *q)
{
    enum err err = q->r.err == ERR_NOT_FOUND ? ERR_NONE : q->r.err;
    f->is_sys_committing = false;
    f->sys_head = (struct chain_head){0};
    if (err == ERR_NONE && q->r.record_count > 0) {
        const struct store_record *last = &q->r.records[0];
        f->sys_head.seq = last->seq;
        f->sys_head.at_ms = last->at_ms;
        hash_sha256(last->bytes, f->sys_head.hash);
    }
    if (f->state == FLOW_STARTING)
        flow_start_step_done(f, err);
    else
        f->is_sys_lost = err != ERR_NONE;
}

void sys_load(struct flow *f)
{
    struct ask *q = ask_new(f, STORE_RECORDS, head_read);
    if (q == NULL) {
        f->is_sys_lost = true;
        if (f->state == FLOW_STARTING)
            flow_start_step_done(f, ERR_MEMORY);
        return;
    }
    f->is_sys_lost = false;
    f->is_sys_committing = true; /* nothing is appended until the head is known */
    q->r.id = f->sys_id;
    q->r.newest_first = true;
    q->r.limit = 1;
    ask_submit(f, q);
}

/* --- committing --- */

static void put_back(struct flow *f, struct sys_commit *c)
{
    for (uint32_t k = c->count; k > 0; k--)
        list_prepend(&f->sys_pending, &c->arrivals[k - 1]->link);
    f->sys_surplus += c->surplus;
}

static void tell(struct flow *f, const struct ask *q)
{
    for (uint32_t k = 0; f->config.tell != NULL && k < q->r.record_count; k++)
        f->config.tell(f->config.tell_context, f->sys_id, &q->r.records[k]);
}

static void committed(struct flow *f, struct ask *q)
{
    struct sys_commit *c = q->context;
    f->is_sys_committing = false;
    if (q->r.err == ERR_CONFLICT) {
        put_back(f, c);
        sys_load(f);
        return;
    }
    if (q->r.err == ERR_NONE) {
        f->sys_head = c->head;
        if (q->r.last_pos > f->last_pos)
            f->last_pos = q->r.last_pos;
        tell(f, q);
    }
    for (uint32_t k = 0; k < c->count; k++)
        answer(f, c->arrivals[k], q->r.records[k].seq, q->r.err);
    if (q->r.err != ERR_NONE)
        sys_load(f);
}

static void encode_one(struct flow *f, struct ask *q, struct sys_commit *c, struct arrival *v)
{
    struct store_record *r = &q->r.records[q->r.record_count++];
    v->out.at_ms = f->now_ms;
    if (c->surplus > 0 && q->r.record_count == 1)
        v->out.count = c->surplus + 1;
    r->bytes = record_encode_sys(&q->arena, &c->head, &v->e, &v->out, v->data);
    r->seq = c->head.seq;
    r->at_ms = c->head.at_ms;
    r->event = slice_of(vocab_name(VOCAB_EVENT_KIND, (int)v->e.kind));
    r->verdict = slice_of(vocab_name(VOCAB_VERDICT, (int)v->out.verdict));
    r->is_act = v->own_done != NULL && event_is_act(&v->e, false);
}

static bool encode(struct flow *f, struct ask *q)
{
    struct link *k;
    jmp_buf edge;
    q->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    struct sys_commit *c = arena_alloc(&q->arena, sizeof *c);
    q->context = c;
    c->head = f->sys_head;
    c->surplus = f->sys_surplus;
    q->r.records = arena_array(&q->arena, SYS_RECORDS_PER_COMMIT, sizeof *q->r.records);
    while (c->count < SYS_RECORDS_PER_COMMIT && (k = list_take(&f->sys_pending)) != NULL) {
        c->arrivals[c->count] = LINK_OWNER(k, struct arrival, link);
        c->count++;
        encode_one(f, q, c, c->arrivals[c->count - 1]);
    }
    f->sys_surplus = 0;
    q->arena.edge = NULL;
    return true;
}

void sys_round(struct flow *f)
{
    if (f->is_sys_lost)
        sys_load(f);
    if (f->is_sys_committing || list_first(&f->sys_pending) == NULL)
        return;
    struct ask *q = ask_new(f, STORE_COMMIT, committed);
    if (q == NULL)
        return;
    if (!encode(f, q)) {
        if (q->context != NULL)
            put_back(f, q->context);
        ask_free(q);
        return;
    }
    q->r.id = f->sys_id;
    f->is_sys_committing = true;
    f->stats.commits++;
    f->stats.records += q->r.record_count;
    ask_submit(f, q);
}

void sys_drop(struct flow *f)
{
    struct link *k;
    while ((k = list_take(&f->sys_pending)) != NULL)
        answer(f, LINK_OWNER(k, struct arrival, link), 0, ERR_CLOSING);
}
