/* Events in: which instance does one mean? By token, by id, by key; a start by its template. Comes
 * after decode; what follows is the scheduler, or the sys chain where there is no instance. */
#include "flow/flow_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ARRIVAL_BYTES_MAX (4 * EVENT_BYTES_MAX)
#define SPARE_ARRIVALS_MAX 512
#define ARRIVALS_MAX 200000 /* in all instances together */

static void copy_texts(struct arena *a, struct event *e)
{
    struct slice *const texts[] = {&e->id,       &e->source,   &e->actor, &e->reason, &e->token,
                                   &e->instance, &e->template, &e->key,   &e->stage,  &e->task,
                                   &e->input,    &e->output,   &e->error, &e->message};
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        *texts[k] = slice_copy(a, *texts[k]);
}

static void drop_arrival(struct arrival *v)
{
    arena_drop(&v->arena);
    free(v);
}

static void free_arrival(struct flow *f, struct arrival *v)
{
    if (f->spare_arrivals.count >= SPARE_ARRIVALS_MAX) {
        drop_arrival(v);
        return;
    }
    v->arena.edge = NULL;
    arena_reset(&v->arena);
    list_prepend(&f->spare_arrivals, &v->link);
}

void arrivals_drop_spare(struct flow *f)
{
    struct link *k;
    while ((k = list_take(&f->spare_arrivals)) != NULL)
        drop_arrival(LINK_OWNER(k, struct arrival, link));
}

static bool take_copy(struct arrival *v, const struct event *e)
{
    jmp_buf edge;
    v->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    v->e = *e;
    copy_texts(&v->arena, &v->e);
    v->arena.edge = NULL;
    return true;
}

struct arrival *arrival_new(struct flow *f, const struct event *e, flow_reply *reply, void *context)
{
    struct link *k = list_take(&f->spare_arrivals);
    struct arrival *v = k != NULL ? LINK_OWNER(k, struct arrival, link) : calloc(1, sizeof *v);
    if (v == NULL)
        return NULL;
    struct arena arena = v->arena;
    *v = (struct arrival){.arena = arena, .reply = reply, .context = context};
    if (k == NULL)
        arena_init(&v->arena, ARRIVAL_BYTES_MAX);
    if (take_copy(v, e))
        return v;
    free_arrival(f, v);
    return NULL;
}

void arrival_answer(struct flow *f, struct arrival *v, const struct flow_answer *answer)
{
    if (answer->err == ERR_NONE)
        f->stats.events_by_verdict[answer->verdict]++;
    f->arrivals_in_flight--;
    if (v->reply != NULL)
        v->reply(v->context, answer);
    free_arrival(f, v);
}

void arrival_fail(struct flow *f, struct arrival *v, enum err err)
{
    struct flow_answer answer = {.err = err, .reason = slice_of(err_text(err))};
    arrival_answer(f, v, &answer);
}

/* A reminder of what is no more there is no news. */
void arrive_unknown(struct flow *f, struct arrival *v, struct slice why)
{
    if (v->e.kind == EVENT_WAKE) {
        arrival_answer(f, v, &(struct flow_answer){.verdict = VERDICT_UNKNOWN, .reason = why});
        return;
    }
    sys_add(f, v, VERDICT_UNKNOWN, why, SLICE_NONE);
}

void arrive_at(struct flow *f, struct entry *e, struct arrival *v)
{
    if (e->pending.count >= PENDING_EVENTS_MAX) {
        arrival_fail(f, v, ERR_OVERLOAD);
        return;
    }
    list_append(&e->pending, &v->link);
    if (e->state == ENTRY_BROKEN)
        entry_load(f, e);
    else
        entry_run_later(f, e);
}

/* --- which instance a text means --- */

struct search { /* a key that is looked up in the store */
    struct flow *f;
    seek_found *found;
    void *context;
};

static void key_found(struct flow *f, struct ask *q)
{
    struct search *s = q->context;
    if (q->r.err == ERR_NONE && q->r.row_count > 0) {
        struct entry *e = entry_get(f, q->r.rows[0].id);
        s->found(f, s->context, e, e == NULL ? ERR_MEMORY : ERR_NONE, SLICE_NONE);
    } else if (q->r.err == ERR_NOT_FOUND || q->r.err == ERR_NONE) {
        s->found(f, s->context, NULL, ERR_UNKNOWN_INSTANCE, SLICE("there is no such instance"));
    } else {
        s->found(f, s->context, NULL, q->r.err, SLICE_NONE);
    }
    free(s);
}

static bool are_of_one_template(const struct store_request *r)
{
    for (uint32_t k = 1; k < r->row_count; k++)
        if (!slice_eq(r->rows[k].template, r->rows[0].template))
            return false;
    return true;
}

static bool name_it(struct ask *q, struct slice key, struct slice template)
{
    jmp_buf edge;
    q->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    q->r.key = q->r.filter.key = slice_copy(&q->arena, key);
    q->r.template = slice_copy(&q->arena, template);
    q->arena.edge = NULL;
    return true;
}

static void ask_store(struct flow *f, struct ask *q, struct slice key, struct slice template,
                      struct search *s)
{
    if (q == NULL || !name_it(q, key, template)) {
        s->found(f, s->context, NULL, ERR_MEMORY, SLICE_NONE);
        free(s);
        if (q != NULL)
            ask_free(q);
        return;
    }
    q->context = s;
    ask_submit(f, q);
}

static void ask_key(struct flow *f, struct slice key, struct slice template, struct search *s)
{
    ask_store(f, ask_new(f, STORE_LOAD, key_found), key, template, s);
}

/* Instances of several templates may have the same key: then it names none. */
static void templates_listed(struct flow *f, struct ask *q)
{
    struct search *s = q->context;
    if (q->r.err == ERR_NONE && q->r.row_count > 0 && are_of_one_template(&q->r)) {
        ask_key(f, q->r.filter.key, q->r.rows[0].template, s);
        return;
    }
    enum err err = q->r.err;
    struct slice why = SLICE_NONE;
    if (err == ERR_NONE && q->r.row_count == 0) {
        err = ERR_UNKNOWN_INSTANCE;
        why = SLICE("there is no such instance");
    } else if (err == ERR_NONE) {
        err = ERR_REFUSED;
        why = SLICE("instances of several templates have this key: name it as TEMPLATE/KEY");
    }
    s->found(f, s->context, NULL, err, why);
    free(s);
}

static void ask_templates(struct flow *f, struct slice key, struct search *s)
{
    struct ask *q = ask_new(f, STORE_LIST, templates_listed);
    if (q != NULL) {
        q->r.limit = LIST_LIMIT_DEFAULT;
        q->r.filter.with_new = true; /* one that has just been started has its key */
    }
    ask_store(f, q, key, SLICE_NONE, s);
}

static void seek_key(struct flow *f, struct slice key, struct slice template, seek_found *found,
                     void *context)
{
    struct entry *open = template.len > 0 ? entry_find_open(f, template, key) : NULL;
    if (open != NULL) {
        entry_touch(f, open);
        found(f, context, open, ERR_NONE, SLICE_NONE);
        return;
    }
    struct search *s = malloc(sizeof *s);
    if (s == NULL) {
        found(f, context, NULL, ERR_MEMORY, SLICE_NONE);
        return;
    }
    *s = (struct search){f, found, context};
    if (template.len > 0)
        ask_key(f, key, template, s);
    else
        ask_templates(f, key, s);
}

void seek_by_key(struct flow *f, struct slice text, struct slice template, seek_found *found,
                 void *context)
{
    struct slice head, tail;
    slice_cut(text, '/', &head, &tail);
    const struct template *t = tail.at == NULL ? NULL : flow_template(f, head, 0);
    if (template.len == 0 && t != NULL)
        seek_key(f, tail, t->name, found, context);
    else
        seek_key(f, text, template, found, context);
}

/* An id is told from a key by its form; a key of that form is found second (entry.c, query.c). */
static bool looks_like_id(struct slice text)
{
    if (text.len != HASH_ID_CHARS)
        return false;
    for (size_t k = 0; k < text.len; k++) {
        char c = text.at[k];
        bool is_ours = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
        if (!is_ours || c == 'i' || c == 'l' || c == 'o' || c == 'u')
            return false;
    }
    return true;
}

void seek(struct flow *f, struct slice text, struct slice template, seek_found *found,
          void *context)
{
    if (template.len == 0 && looks_like_id(text)) {
        struct entry *e = entry_get(f, text);
        found(f, context, e, e == NULL ? ERR_MEMORY : ERR_NONE, SLICE_NONE);
        return;
    }
    seek_by_key(f, text, template, found, context);
}

/* --- starts --- */

struct way {              /* where an arrival goes */
    enum verdict verdict; /* not applied: to the sys chain, with this */
    struct slice why;
    bool is_template_missing; /* another node may have applied it */
    const struct template *template;
    struct slice id, key; /* of a start */
};

static void find_start(struct arrival *v, struct way *w)
{
    if (step_start_key(&v->arena, w->template, &v->e, &w->key, &w->why) != ERR_NONE)
        w->verdict = VERDICT_INVALID;
    w->id = step_instance_id(&v->arena, w->template->name, v->e.id);
}

static void go_start(struct flow *f, struct arrival *v, const struct way *w)
{
    const struct template *t = w->template;
    struct entry *e = entry_find(f, w->id);
    v->is_forwarded = false;
    if (e == NULL && w->key.len > 0 && t->on_duplicate != ON_DUPLICATE_START) {
        e = entry_find_open(f, t->name, w->key);
        v->is_forwarded = e != NULL;
    }
    if (e != NULL && e->state == ENTRY_BROKEN && e->doubt_seq == 1 && !entry_make_blank(f, e, t)) {
        arrival_fail(f, v, ERR_MEMORY);
        return;
    }
    if (e == NULL)
        e = entry_new_blank(f, w->id, t); /* the append tells when it is not the first */
    if (e == NULL)
        arrival_fail(f, v, ERR_MEMORY);
    else
        arrive_at(f, e, v);
}

static void give_id(struct flow *f, struct arrival *v)
{
    uint8_t bytes[16];
    for (int half = 0; half < 2; half++) {
        uint64_t r = flow_random(f);
        memcpy(bytes + 8 * half, &r, 8);
    }
    v->e.id = hex_encode(&v->arena, bytes, sizeof bytes);
}

static void found(struct flow *f, void *context, struct entry *e, enum err err, struct slice why)
{
    struct arrival *v = context;
    if (e != NULL)
        arrive_at(f, e, v);
    else if (err == ERR_UNKNOWN_INSTANCE)
        arrive_unknown(f, v, why);
    else if (err == ERR_REFUSED)
        sys_add(f, v, VERDICT_REFUSED, why, SLICE_NONE);
    else
        arrival_fail(f, v, err);
}

/* A token says everything about its address; what the sender wrote beside it does not count. */
static bool take_token(struct flow *f, struct arrival *v)
{
    struct token t;
    if (!token_decode(&v->arena, &f->keys, v->e.token, &t))
        return false;
    v->is_key_tried = true; /* it names an id for certain */
    v->e.is_by_token = true;
    v->e.instance = t.instance;
    v->e.task = t.task;
    v->e.stage = SLICE_NONE;
    v->e.item = t.item;
    v->e.generation = t.generation;
    v->e.attempt = t.attempt;
    v->e.token = v->e.template = v->e.key = SLICE_NONE; /* a token is never stored */
    return true;
}

static void find_way(struct flow *f, struct arrival *v, struct way *w)
{
    struct event *e = &v->e;
    if (e->id.len == 0 && e->kind != EVENT_WAKE)
        give_id(f, v);
    if (e->token.len > 0 && !take_token(f, v)) {
        e->token = SLICE_NONE;
        w->verdict = VERDICT_INVALID;
        w->why = SLICE("the token is not one of ours");
        return;
    }
    if (e->template.len == 0)
        return;
    w->template = flow_template(f, e->template, 0);
    if (w->template == NULL && f->is_shared && !v->is_template_sought) {
        w->is_template_missing = true;
    } else if (w->template == NULL) {
        w->verdict = VERDICT_UNKNOWN;
        w->why = SLICE("there is no such template");
    } else if (e->kind == EVENT_START) {
        find_start(v, w);
    }
}

static void go(struct flow *f, struct arrival *v, const struct way *w)
{
    const struct event *e = &v->e;
    if (w->is_template_missing) {
        v->is_template_sought = true;
        list_append(&f->template_arrivals, &v->link);
        catalog_refresh(f);
    } else if (w->verdict != VERDICT_APPLIED) {
        sys_add(f, v, w->verdict, w->why, SLICE_NONE);
    } else if (e->kind == EVENT_START) {
        go_start(f, v, w);
    } else if (e->instance.len > 0) {
        seek(f, e->instance, SLICE_NONE, found, v);
    } else {
        seek(f, e->key, w->template == NULL ? SLICE_NONE : w->template->name, found, v);
    }
}

/* What an address takes memory for: the id, the token, the key of a start. False: it is short. */
static bool prepare(struct flow *f, struct arrival *v, struct way *w)
{
    jmp_buf edge;
    v->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    find_way(f, v, w);
    v->arena.edge = NULL;
    return true;
}

void arrive_by_key(struct flow *f, struct arrival *v)
{
    v->is_key_tried = true;
    seek_by_key(f, v->e.instance, SLICE_NONE, found, v);
}

void arrive_again(struct flow *f, struct arrival *v)
{
    struct way way = {.verdict = VERDICT_APPLIED};
    if (prepare(f, v, &way))
        go(f, v, &way);
    else
        arrival_fail(f, v, ERR_MEMORY);
}

void flow_arrive(struct flow *f, const struct event *e, flow_reply *reply, void *context)
{
    struct flow_answer answer = {.err = flow_write_refusal(f)};
    struct arrival *v = NULL;
    if (answer.err == ERR_NONE && f->arrivals_in_flight >= ARRIVALS_MAX)
        answer.err = ERR_OVERLOAD;
    if (answer.err == ERR_NONE && (v = arrival_new(f, e, reply, context)) == NULL)
        answer.err = ERR_MEMORY;
    if (answer.err != ERR_NONE) {
        answer.reason = slice_of(err_text(answer.err));
        if (reply != NULL)
            reply(context, &answer);
        return;
    }
    f->arrivals_in_flight++;
    arrive_again(f, v);
}

static bool keep_bad(struct flow *f, struct arrival *v, struct flow_bad *b)
{
    jmp_buf edge;
    v->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    if (v->e.id.len == 0)
        give_id(f, v);
    struct text quoted = text_new(&v->arena, 8 * SYS_BODY_BYTES_MAX);
    text_put_json(&quoted, event_brief(&v->arena, b->body));
    b->body = text_slice(&quoted);
    b->reason = slice_copy(&v->arena, b->reason);
    v->arena.edge = NULL;
    return true;
}

void flow_arrive_bad(struct flow *f, const struct event *e, const struct flow_bad *bad,
                     flow_reply *reply, void *context)
{
    struct flow_answer answer = {.err = flow_write_refusal(f)};
    struct arrival *v = answer.err == ERR_NONE ? arrival_new(f, e, reply, context) : NULL;
    struct flow_bad b = *bad;
    if (answer.err == ERR_NONE && (v == NULL || !keep_bad(f, v, &b)))
        answer.err = ERR_MEMORY;
    if (answer.err != ERR_NONE) {
        answer.reason = slice_of(err_text(answer.err));
        if (v != NULL)
            free_arrival(f, v);
        if (reply != NULL)
            reply(context, &answer);
        return;
    }
    f->arrivals_in_flight++;
    sys_add(f, v, b.verdict, b.reason, b.body);
}
