/* Verification: for every instance, or one, the records' numbers and hashes, and that folding them
 * gives the present state. One instance after another, one page of records after another, so that
 * it goes on beside everything else. */
#include "flow/query_int.h"

#include <string.h>

#define IDS_PER_PAGE 200
#define PROBLEMS_SHOWN_MAX 100

static void next_instance(struct query *q);

struct problem {
    struct slice id;
    uint64_t seq;
    const char *what;
};

static void put_problem(struct query *q, void *argument)
{
    const struct problem *p = argument;
    if (q->problems++ >= PROBLEMS_SHOWN_MAX)
        return;
    json_object(&q->out);
    json_put_string(&q->out, "instance", p->id);
    json_put_number(&q->out, "seq", (int64_t)p->seq);
    json_put_text(&q->out, "problem", p->what);
    json_object_end(&q->out);
}

static void note(struct query *q, struct slice id, uint64_t seq, const char *what)
{
    struct problem p = {id, seq, what};
    if (!query_guard(q, put_problem, &p))
        q->problems++; /* counted, if not shown */
}

static bool count_record(struct walk *w, const struct record *r, const struct store_record *stored,
                         const struct payload_list *payloads)
{
    (void)stored;
    (void)payloads;
    w->query->events++;
    w->query->removed += w->template == NULL && slice_eq_text(r->event, "InstanceRemoved");
    return true;
}

struct states {
    const struct instance *folded, *present;
    bool is_same;
};

static void compare(struct query *q, void *argument)
{
    struct states *s = argument;
    struct payload_list none = {0};
    struct arena *a = &q->f->scratch;
    arena_reset(a);
    a->edge = q->arena.edge;
    struct slice folded = state_encode(a, s->folded, &none);
    struct slice present = state_encode(a, s->present, &none);
    s->is_same = slice_eq(folded, present);
    a->edge = NULL;
}

/* The instance may have moved on while its records were read: then the walk goes on too. */
static void check_present(struct query *q, struct walk *w, const struct instance *present)
{
    struct states s = {w->i, present, false};
    if (w->i == NULL || w->i->seq > present->seq)
        note(q, w->id, present->seq, "its newest records are missing");
    else if (!query_guard(q, compare, &s))
        note(q, w->id, present->seq, "memory was short; verify it again");
    else if (!s.is_same)
        note(q, w->id, w->i->seq, "folding the changes does not give the present state");
}

static void present_loaded(struct flow *f, struct visit *v, struct entry *e, enum err err)
{
    struct query *q = LINK_OWNER(v, struct query, visit);
    struct walk *w = q->walk;
    (void)f;
    if (err == ERR_CLOSING || err == ERR_STORE) {
        query_answer(q, err, SLICE_NONE);
        return;
    }
    if (err == ERR_NONE && w->i != NULL && e->i->seq > w->i->seq) {
        walk_on(w);
        return;
    }
    if (err == ERR_NONE)
        check_present(q, w, e->i);
    else if (err != ERR_UNKNOWN_INSTANCE) /* kept long enough, it was removed meanwhile */
        note(q, w->id, 0, err_text(err));
    walk_free(w);
    next_instance(q);
}

static void walked(struct walk *w, enum err err)
{
    struct query *q = w->query;
    if (err == ERR_STORE || err == ERR_CLOSING) {
        query_answer(q, err, SLICE_NONE);
        return;
    }
    if (err == ERR_NONE && w->template != NULL) {
        struct entry *e = entry_get(q->f, w->id);
        q->visit.run = present_loaded;
        if (e != NULL) {
            entry_visit_fresh(q->f, e, &q->visit);
            return;
        }
        err = ERR_MEMORY;
    }
    if (err != ERR_NONE)
        note(q, w->id, w->next - 1,
             err == ERR_CORRUPT ? "the record is not the one that was written, or is missing"
                                : err_text(err));
    walk_free(w);
    next_instance(q);
}

static void walk_one(struct query *q, struct slice id, const struct template *t)
{
    struct walk *w = walk_new(q, id, t, 1);
    q->instances += t != NULL;
    if (w == NULL) {
        query_answer(q, ERR_MEMORY, SLICE_NONE);
        return;
    }
    w->take = count_record;
    w->done = walked;
    walk_on(w);
}

static void end(struct query *q, void *argument)
{
    (void)argument;
    struct slice problems = json_out_slice(&q->out);
    struct json_out o = json_out_new(&q->arena, ANSWER_BYTES_MAX);
    json_object(&o);
    json_put_boolean(&o, "ok", q->problems == 0);
    json_put_number(&o, "instances", (int64_t)q->instances);
    json_put_number(&o, "events", (int64_t)q->events);
    json_put_number(&o, "removed", (int64_t)q->removed);
    struct text list = text_new(&q->arena, ANSWER_BYTES_MAX);
    text_put(&list, problems);
    text_put_char(&list, ']');
    json_put_raw(&o, "problems", text_slice(&list));
    json_object_end(&o);
    q->out = o;
}

/* --- one after another --- */

static void copy_page(struct query *q, void *argument)
{
    const struct store_request *r = argument;
    q->ids = arena_array(&q->arena, (size_t)r->row_count + 1, sizeof *q->ids);
    q->id_count = r->row_count;
    q->id_at = 0;
    for (uint32_t k = 0; k < r->row_count; k++)
        q->ids[k] = slice_copy(&q->arena, r->rows[k].id);
    q->cursor = slice_copy(&q->arena, r->next);
}

static void page_read(struct flow *f, struct ask *a)
{
    struct query *q = a->context;
    enum err err = a->r.err;
    (void)f;
    if (err == ERR_NONE && !query_guard(q, copy_page, &a->r))
        err = ERR_MEMORY;
    if (err == ERR_NONE)
        next_instance(q);
    else
        query_answer(q, err, SLICE_NONE);
}

/* First of instances, then of what belongs to none: each node that ever wrote has its own chain. */
static void read_page(struct query *q)
{
    struct ask *a = query_ask(q, q->is_of_chains ? STORE_CHAINS : STORE_LIST, page_read);
    if (a == NULL)
        return;
    a->r.limit = IDS_PER_PAGE;
    a->r.after = q->cursor;
    ask_submit(q->f, a);
}

/* An instance's template version is told by its state, so it is loaded first. */
static void one_loaded(struct flow *f, struct visit *v, struct entry *e, enum err err)
{
    struct query *q = LINK_OWNER(v, struct query, visit);
    struct slice id = q->ids[q->id_at - 1];
    (void)f;
    if (err == ERR_NONE) {
        walk_one(q, id, e->i->template);
    } else if (err == ERR_CLOSING) {
        query_answer(q, err, SLICE_NONE);
    } else if (err == ERR_UNKNOWN_INSTANCE) {
        next_instance(q); /* kept long enough, it was removed after the list was read */
    } else {
        q->instances++;
        note(q, id, 0, "it cannot be loaded: its row or its records are damaged");
        next_instance(q);
    }
}

static void next_instance(struct query *q)
{
    if (q->is_one) {
        query_end(q, ERR_NONE, end, NULL);
    } else if (q->id_at < q->id_count && q->is_of_chains) {
        walk_one(q, q->ids[q->id_at++], NULL);
    } else if (q->id_at < q->id_count) {
        struct entry *e = entry_get(q->f, q->ids[q->id_at++]);
        q->visit.run = one_loaded;
        if (e == NULL)
            query_answer(q, ERR_MEMORY, SLICE_NONE);
        else
            entry_visit_fresh(q->f, e, &q->visit);
    } else if (q->cursor.len > 0) {
        read_page(q);
    } else if (!q->is_of_chains) {
        q->is_of_chains = true;
        read_page(q);
    } else {
        query_end(q, ERR_NONE, end, NULL);
    }
}

static void begin(struct query *q, void *argument)
{
    (void)argument;
    q->out = json_out_new(&q->arena, ANSWER_BYTES_MAX);
    json_array(&q->out);
}

void query_verify(struct query *q)
{
    if (!query_guard(q, begin, NULL)) {
        query_answer(q, ERR_MEMORY, SLICE_NONE);
        return;
    }
    struct entry *e = q->q.id.len > 0 ? entry_find(q->f, q->q.id) : NULL;
    q->is_one = e != NULL;
    if (e != NULL)
        walk_one(q, q->q.id, e->i->template);
    else
        read_page(q);
}
