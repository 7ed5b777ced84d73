/* Takes in an instance with its chain of records. The chain is decoded and folded first: what does
 * not give an instance never reaches the store. Then its records are appended like those of any
 * commit, while its entry is in the cache without a state, so that whatever arrives for it waits
 * for the whole of it. At the end it is loaded as one that another node has left. Nothing here may
 * change a byte of a record. */
#include "flow/import.h"

#include "flow/flow_int.h"

#include "core/check.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define IMPORTS_MAX 8
#define APPEND_RECORDS 64 /* in one commit */
#define AGAIN_MS 1000

struct import {
    struct link link;
    struct visit visit; /* until it is known whether the instance is there */
    struct flow *f;
    struct import_chain chain;
    import_reply *reply;
    void *context;
    struct arena arena, scratch; /* of all of it; of one record */
    struct instance *i;          /* after the last record */
    struct store_record *records;
    struct payload_list payloads, row_payloads;
    struct store_row row;   /* after the first commit's records: reserves the key */
    struct entry *entry;    /* while it is held */
    uint32_t done;          /* records that are there */
    bool is_absent, is_new; /* there is no such instance; some of it was appended here */
    int64_t again_at_ms;    /* an append failed half-way: when to look how far it came; 0: no */
    struct slice why;
    enum err err;
};

/* --- the end --- */

static void free_import(struct import *w)
{
    list_remove(&w->f->imports, &w->link);
    arena_drop(&w->arena);
    arena_drop(&w->scratch);
    free(w);
}

static void answer(struct import *w, enum err err, enum verdict verdict)
{
    struct import_answer a = {.err = err, .verdict = verdict, .why = w->why};
    if (err == ERR_NONE) {
        a.key = w->i->key;
        a.status = slice_of(vocab_name(VOCAB_INSTANCE_STATUS, (int)w->i->status));
    }
    w->f->arrivals_in_flight--;
    w->reply(w->context, &a);
    free_import(w);
}

/* The entry is loaded as what the store has of it, which may be nothing. */
static void fail(struct import *w, enum err err, struct slice why)
{
    struct flow *f = w->f;
    struct entry *e = w->entry;
    w->why = why;
    w->entry = NULL;
    if (e != NULL && f->state != FLOW_CLOSING) {
        list_remove(&f->dirty, &e->dirty);
        entry_load(f, e);
    }
    answer(w, err, VERDICT_REFUSED);
}

static void recorded(struct flow *f, void *context, enum err err)
{
    (void)f;
    (void)err; /* the instance is there, recorded here or not */
    answer(context, ERR_NONE, VERDICT_APPLIED);
}

static bool describe(struct import *w, struct slice *data)
{
    jmp_buf edge;
    w->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    struct json_out o = json_out_new(&w->arena, SYS_BODY_BYTES_MAX);
    json_object(&o);
    json_put_number(&o, "version", w->i->version);
    json_put_text(&o, "status", vocab_name(VOCAB_INSTANCE_STATUS, (int)w->i->status));
    json_put_number(&o, "last_seq", (int64_t)w->i->seq);
    json_put_string(&o, "last_hash", hex_encode(&w->arena, w->i->hash, SHA256_BYTES));
    json_object_end(&o);
    *data = json_out_slice(&o);
    w->arena.edge = NULL;
    return true;
}

/* All of it is there: what it has out is sent, and it is woken when it is due. */
static void come_alive(struct import *w)
{
    struct flow *f = w->f;
    struct entry *e = w->entry;
    struct slice data = SLICE_NONE;
    struct event imported = {.kind = EVENT_INSTANCE_IMPORTED,
                             .actor = w->chain.actor,
                             .instance = w->chain.instance,
                             .template = w->i->template_name,
                             .key = w->i->key};
    w->entry = NULL;
    entry_take_over(f, e, 0);
    entry_load(f, e);
    struct arrival *v = describe(w, &data) ? arrival_new(f, &imported, NULL, NULL) : NULL;
    if (v == NULL) {
        answer(w, ERR_NONE, VERDICT_APPLIED);
        return;
    }
    f->arrivals_in_flight++;
    sys_add_own(f, v, data, recorded, w);
}

/* --- appending --- */

static void append(struct import *w);
static void look(struct import *w);

static void tell(struct import *w, const struct ask *q)
{
    const struct flow_config *c = &w->f->config;
    for (uint32_t k = 0; c->tell != NULL && k < q->r.record_count; k++)
        c->tell(c->tell_context, w->chain.instance, &q->r.records[k]);
}

static void appended(struct flow *f, struct ask *q)
{
    struct import *w = q->context;
    if (q->r.err == ERR_NONE) {
        w->done += q->r.record_count;
        w->is_new = true;
        if (q->r.last_pos > f->last_pos)
            f->last_pos = q->r.last_pos;
        tell(w, q);
        if (w->done == w->chain.record_count)
            come_alive(w);
        else
            append(w);
    } else if (f->state == FLOW_CLOSING) {
        fail(w, ERR_CLOSING, SLICE_NONE);
    } else if (q->r.err == ERR_EXISTS && w->done == 0) {
        fail(w, ERR_EXISTS, SLICE("another open instance has its key"));
    } else if (q->r.err == ERR_CONFLICT || w->is_new) {
        w->again_at_ms = f->now_ms + (q->r.err == ERR_CONFLICT ? 0 : AGAIN_MS);
    } else {
        fail(w, q->r.err, SLICE_NONE);
    }
}

static bool fill(struct import *w, struct ask *q)
{
    jmp_buf edge;
    uint32_t left = w->chain.record_count - w->done;
    bool is_first = w->done == 0;
    q->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    q->r.records = &w->records[w->done];
    q->r.record_count = left < APPEND_RECORDS ? left : APPEND_RECORDS;
    if (is_first && instance_status_is_open((enum instance_status)w->i->status)) {
        q->r.rows = &w->row;
        q->r.row_count = 1;
        for (uint32_t k = 0; k < w->row_payloads.count; k++)
            payload_add(&q->arena, &w->payloads, w->row_payloads.items[k].text,
                        w->row_payloads.items[k].digest);
    }
    if (!w->is_new)
        apart_put(&q->r, &w->payloads);
    q->arena.edge = NULL;
    return true;
}

static void append(struct import *w)
{
    struct flow *f = w->f;
    struct ask *q = ask_new(f, STORE_COMMIT, appended);
    if (q == NULL || !fill(w, q)) {
        if (q != NULL)
            ask_free(q);
        w->again_at_ms = f->now_ms + AGAIN_MS;
        return;
    }
    rows_dirty(f, w->entry, f->last_pos + 1); /* until its row is written */
    q->r.id = w->chain.instance;
    q->context = w;
    f->stats.commits++;
    f->stats.records += q->r.record_count;
    ask_submit(f, q);
}

/* --- what is there already --- */

static bool is_same(const struct import *w, const struct store_request *r)
{
    for (uint32_t k = 0; k < r->record_count; k++)
        if (r->records[k].seq != k + 1 || !slice_eq(r->records[k].bytes, w->records[k].bytes))
            return false;
    return true;
}

/* A part of it is there and nothing has followed: the rest can. */
static void go_on(struct import *w)
{
    struct flow *f = w->f;
    struct entry *e = entry_find(f, w->chain.instance);
    if (w->entry == NULL && e != NULL && entry_is_here(e) && entry_can_drop(e) &&
        e->i->seq == w->done) {
        entry_hold(f, e);
        w->entry = e;
    }
    if (w->entry != NULL)
        append(w);
    else
        fail(w, ERR_OVERLOAD, SLICE_NONE); /* something is happening to it */
}

static void looked(struct flow *f, struct ask *q)
{
    struct import *w = q->context;
    if (f->state == FLOW_CLOSING) {
        fail(w, ERR_CLOSING, SLICE_NONE);
    } else if (q->r.err != ERR_NONE && q->r.err != ERR_NOT_FOUND && w->is_new) {
        w->again_at_ms = f->now_ms + AGAIN_MS;
    } else if (q->r.err != ERR_NONE && q->r.err != ERR_NOT_FOUND) {
        fail(w, q->r.err, SLICE_NONE);
    } else if (!is_same(w, &q->r)) {
        fail(w, ERR_EXISTS, SLICE("the instance is there, with other records"));
    } else if (q->r.record_count < w->chain.record_count) {
        w->done = q->r.record_count;
        go_on(w);
    } else if (w->entry != NULL) {
        come_alive(w);
    } else {
        answer(w, ERR_NONE, VERDICT_DUPLICATE);
    }
}

static void look(struct import *w)
{
    struct ask *q = ask_new(w->f, STORE_RECORDS, looked);
    if (q == NULL) {
        fail(w, ERR_MEMORY, SLICE_NONE);
        return;
    }
    q->r.id = w->chain.instance;
    q->r.limit = w->chain.record_count;
    q->context = w;
    ask_submit(w->f, q);
}

static void sought(struct flow *f, struct visit *v, struct entry *e, enum err err)
{
    struct import *w = LINK_OWNER(v, struct import, visit);
    (void)f;
    (void)e;
    if (err == ERR_NONE)
        look(w);
    else if (err == ERR_UNKNOWN_INSTANCE)
        w->is_absent = true; /* its entry goes now; a round later there can be another */
    else
        fail(w, err, SLICE_NONE);
}

static void seek_it(struct import *w)
{
    struct entry *e = entry_get(w->f, w->chain.instance);
    w->is_absent = false;
    w->visit.run = sought;
    if (e == NULL)
        fail(w, ERR_MEMORY, SLICE_NONE);
    else
        entry_visit_fresh(w->f, e, &w->visit);
}

static void begin(struct import *w)
{
    struct flow *f = w->f;
    if (entry_find(f, w->chain.instance) != NULL) {
        seek_it(w); /* somebody asked for it meanwhile */
        return;
    }
    w->is_absent = false;
    w->entry = entry_new_blank(f, w->chain.instance, w->i->template);
    if (w->entry == NULL) {
        fail(w, ERR_MEMORY, SLICE_NONE);
        return;
    }
    entry_hold(f, w->entry);
    append(w);
}

/* --- the chain --- */

static void refuse(struct import *w, enum err err, const char *format, uint64_t number)
{
    struct text t = text_new(&w->arena, REASON_BYTES_MAX);
    text_printf(&t, format, (unsigned long long)number);
    w->why = text_slice(&t);
    w->err = err;
}

/* A record does not say whether its sender had a token. */
static bool is_act(const struct instance *i, const struct record *r)
{
    int kind = vocab_find(VOCAB_EVENT_KIND, r->event);
    struct event e = {.kind = kind > 0 ? (enum event_kind)kind : EVENT_NONE};
    return event_is_act(&e, template_is_for_people(i->template, r->stage, r->task));
}

static void fold_record(struct import *w, uint32_t k)
{
    struct record r;
    struct slice bytes = w->chain.records[k];
    struct store_record *out = &w->records[k];
    arena_reset(&w->scratch);
    enum err err = record_decode(&w->scratch, bytes, &r);
    if (err == ERR_NONE)
        err = record_fold(&w->scratch, w->i, &r, &w->payloads);
    if (err != ERR_NONE) {
        refuse(w, ERR_INVALID, "record %llu is not the one that belongs there", k + 1);
        return;
    }
    *out = (struct store_record){.seq = r.seq, .at_ms = r.at_ms, .bytes = bytes};
    out->event = slice_copy(&w->arena, r.event);
    out->verdict = slice_copy(&w->arena, r.verdict);
    out->is_act = is_act(w->i, &r);
}

static void find_template(struct import *w)
{
    const struct template *t = flow_template(w->f, w->chain.template, w->chain.version);
    if (t == NULL)
        refuse(w, ERR_UNKNOWN_TEMPLATE, "there is no version %llu of its template",
               (uint64_t)w->chain.version);
    else if (memcmp(t->digest, w->chain.digest, SHA256_BYTES) != 0)
        refuse(w, ERR_UNKNOWN_TEMPLATE, "version %llu of its template has another content here",
               (uint64_t)w->chain.version);
    else
        w->i = instance_new(&w->arena, w->chain.instance, t);
}

static void check_whole(struct import *w)
{
    const struct instance *i = w->i;
    bool is_of_template = slice_eq(i->template_name, i->template->name) &&
                          i->version == (int64_t)i->template->version;
    if (!is_of_template || i->status == INSTANCE_NONE || check_instance(i) != NULL)
        refuse(w, ERR_INVALID, "its %llu records do not give an instance of its template",
               w->chain.record_count);
}

static void read_chain(struct import *w)
{
    const struct import_chain *c = &w->chain;
    bool is_id = c->instance.len > 0 && c->instance.len <= HASH_ID_CHARS &&
                 c->instance.at[0] != '_' && slice_is_utf8(c->instance);
    w->records = arena_array(&w->arena, c->record_count + 1, sizeof *w->records);
    if (!is_id || c->record_count == 0)
        refuse(w, ERR_INVALID, "it has %llu records, or its id is none", c->record_count);
    for (uint32_t k = 0; k < c->payload_count && w->err == ERR_NONE; k++) {
        uint8_t digest[SHA256_BYTES];
        hash_sha256(c->payloads[k], digest);
        payload_add(&w->arena, &w->payloads, c->payloads[k], digest);
    }
    if (w->err == ERR_NONE)
        find_template(w);
    for (uint32_t k = 0; k < c->record_count && w->err == ERR_NONE; k++) {
        fold_record(w, k);
        bool is_first_commit = k + 1 == APPEND_RECORDS || k + 1 == c->record_count;
        if (is_first_commit && k < APPEND_RECORDS && w->err == ERR_NONE)
            rows_make(w->f, &w->arena, w->i, &w->row, &w->row_payloads);
    }
    w->row.is_open = true; /* where it is used at all */
    if (w->err == ERR_NONE)
        check_whole(w);
}

/* Memory is short, or the chain is too large to be held. */
static bool read_within(struct import *w)
{
    jmp_buf edge;
    w->arena.edge = w->scratch.edge = &edge;
    bool is_read = setjmp(edge) == 0;
    if (is_read)
        read_chain(w);
    w->arena.edge = w->scratch.edge = NULL;
    return is_read;
}

/* --- the door --- */

void flow_import(struct flow *f, const struct import_chain *chain, import_reply *reply,
                 void *context)
{
    enum err err = flow_write_refusal(f);
    if (err == ERR_NONE && f->imports.count >= IMPORTS_MAX)
        err = ERR_OVERLOAD;
    struct import *w = err == ERR_NONE ? calloc(1, sizeof *w) : NULL;
    if (w == NULL) {
        struct import_answer a = {.err = err == ERR_NONE ? ERR_MEMORY : err};
        reply(context, &a);
        return;
    }
    w->f = f;
    w->chain = *chain;
    w->reply = reply;
    w->context = context;
    arena_init(&w->arena, 4 * INSTANCE_BYTES_MAX);
    arena_init(&w->scratch, WORK_BYTES_MAX);
    list_append(&f->imports, &w->link);
    f->arrivals_in_flight++;
    if (!read_within(w))
        fail(w, ERR_MEMORY, SLICE_NONE);
    else if (w->err != ERR_NONE)
        answer(w, w->err, VERDICT_INVALID);
    else
        seek_it(w);
}

static bool is_due(const struct import *w, int64_t now_ms)
{
    return w->is_absent || (w->again_at_ms != 0 && now_ms >= w->again_at_ms);
}

void import_round(struct flow *f)
{
    struct link *k = list_first(&f->imports), *next;
    for (; k != NULL; k = next) {
        struct import *w = LINK_OWNER(k, struct import, link);
        next = list_after(&f->imports, k);
        if (!is_due(w, f->now_ms))
            continue;
        w->again_at_ms = 0;
        if (w->is_absent)
            begin(w);
        else
            look(w);
    }
}

int64_t import_next(const struct flow *f)
{
    int64_t at_ms = TIME_NEVER;
    for (struct link *k = list_first(&f->imports); k != NULL; k = list_after(&f->imports, k)) {
        const struct import *w = LINK_OWNER(k, struct import, link);
        if (w->is_absent)
            return f->now_ms;
        if (w->again_at_ms != 0)
            at_ms = time_min(at_ms, w->again_at_ms);
    }
    return at_ms;
}

void import_drop(struct flow *f)
{
    struct link *k;
    while ((k = list_first(&f->imports)) != NULL)
        fail(LINK_OWNER(k, struct import, link), ERR_CLOSING, SLICE_NONE);
}
