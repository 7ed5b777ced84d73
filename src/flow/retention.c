/* Retention: a finished instance that was last changed long enough ago is removed whole, a few in a
 * round, so that nobody is held up. What stays of it is a record in the sys chain with the hash of
 * its last record; it is durable before anything is removed. Meanwhile the instance's entry is in
 * the cache without a state, so that whatever arrives for it waits, and finds afterwards that it is
 * gone. Where nodes share the store, each looks after its share; two that remove the same are
 * harmless. Nothing here may touch what could still change. */
#include "flow/flow_int.h"

#include <stdlib.h>
#include <string.h>

struct removal {
    struct link link;
    struct visit visit; /* until the instance is in memory */
    char id_text[HASH_ID_CHARS];
    struct slice id;
    struct entry *entry; /* while it is held; it is not dropped then */
    bool is_loaded, is_over;
};

static void free_removal(struct flow *f, struct removal *w)
{
    list_remove(&f->retention.removals, &w->link);
    free(w);
}

/* What waited goes on: it finds the instance, or that there is none. */
static void let_go(struct flow *f, struct removal *w)
{
    w->is_over = true;
    if (f->state != FLOW_CLOSING)
        entry_load(f, w->entry);
    w->entry = NULL;
}

/* --- removing --- */

static void removed(struct flow *f, struct ask *q)
{
    struct removal *w = q->context;
    if (q->r.err == ERR_NONE)
        f->stats.removed++;
    else
        f->retention.kept++;
    let_go(f, w);
}

static void recorded(struct flow *f, void *context, enum err err)
{
    struct removal *w = context;
    struct ask *q =
        err == ERR_NONE && f->state != FLOW_CLOSING ? ask_new(f, STORE_REMOVE, removed) : NULL;
    if (q == NULL) {
        f->retention.kept++;
        let_go(f, w);
        return;
    }
    q->r.id = w->id;
    q->context = w;
    ask_submit(f, q);
}

static bool describe(struct arrival *v, const struct instance *i, struct slice *data)
{
    jmp_buf edge;
    v->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    struct json_out o = json_out_new(&v->arena, SYS_BODY_BYTES_MAX);
    json_object(&o);
    json_put_number(&o, "version", i->version);
    json_put_text(&o, "status", vocab_name(VOCAB_INSTANCE_STATUS, (int)i->status));
    json_put_time(&o, "updated_at", i->at_ms);
    json_put_number(&o, "last_seq", (int64_t)i->seq);
    json_put_string(&o, "last_hash", hex_encode(&v->arena, i->hash, SHA256_BYTES));
    json_object_end(&o);
    *data = json_out_slice(&o);
    v->arena.edge = NULL;
    return true;
}

static int64_t expired_before(const struct flow *f)
{
    return f->now_ms - f->config.retention_ms;
}

static bool must_go(const struct flow *f, const struct entry *e)
{
    return e != NULL && entry_can_drop(e) && entry_is_here(e) &&
           !instance_status_is_open((enum instance_status)e->i->status) &&
           e->i->at_ms < expired_before(f);
}

/* The instance is in memory now, if it was there to be read. */
static void remove_one(struct flow *f, struct removal *w)
{
    struct entry *e = entry_find(f, w->id);
    bool goes = must_go(f, e);
    struct arrival *v = NULL;
    struct slice data;
    if (goes) {
        struct event gone = {.kind = EVENT_INSTANCE_REMOVED,
                             .source = SLICE("retention"),
                             .instance = e->id,
                             .template = e->i->template_name,
                             .key = e->i->key};
        v = arrival_new(f, &gone, NULL, NULL);
    }
    f->arrivals_in_flight += v != NULL;
    if (v != NULL && !describe(v, e->i, &data)) {
        arrival_fail(f, v, ERR_MEMORY);
        v = NULL;
    }
    if (v == NULL) {
        f->retention.kept += e != NULL;
        w->is_over = true;
        return;
    }
    w->entry = e;
    entry_hold(f, e);
    sys_add_own(f, v, data, recorded, w);
}

/* --- finding --- */

static void loaded(struct flow *f, struct visit *v, struct entry *e, enum err err)
{
    (void)f;
    (void)e;
    (void)err; /* where it is not there, that is seen then */
    LINK_OWNER(v, struct removal, visit)->is_loaded = true;
}

static bool load(struct flow *f, struct slice id)
{
    struct removal *w = id.len > HASH_ID_CHARS ? NULL : calloc(1, sizeof *w);
    struct entry *e = w == NULL ? NULL : entry_get(f, id);
    if (e == NULL) {
        free(w);
        return false;
    }
    memcpy(w->id_text, id.at, id.len);
    w->id = (struct slice){w->id_text, id.len};
    w->visit.run = loaded;
    list_append(&f->retention.removals, &w->link);
    entry_visit_fresh(f, e, &w->visit);
    return true;
}

static void expired_read(struct flow *f, struct ask *q)
{
    struct retention *t = &f->retention;
    t->is_asked = false;
    t->kept = 0;
    for (uint32_t k = 0; k < q->r.row_count && q->r.err == ERR_NONE; k++)
        if (cluster_is_mine(f, q->r.rows[k].id) && !load(f, q->r.rows[k].id))
            t->kept++;
    bool has_more = q->r.err == ERR_NONE && q->r.row_count == q->r.limit;
    int64_t look_ms = time_min(RETENTION_LOOK_MS, f->config.retention_ms / 2);
    int64_t soon_ms = f->config.is_guest ? 0 : RETENTION_EVERY_MS;
    t->at_ms = f->now_ms + (has_more ? soon_ms : look_ms);
}

/* What could not be removed the last time is among what is read: room is left for more. */
static void look(struct flow *f)
{
    struct retention *t = &f->retention;
    struct ask *q = ask_new(f, STORE_EXPIRED, expired_read);
    t->at_ms = f->now_ms + RETENTION_EVERY_MS;
    if (q == NULL)
        return;
    t->is_asked = true;
    q->r.at_ms = expired_before(f);
    q->r.limit = RETENTION_PAGE + t->kept;
    if (q->r.limit > LIST_LIMIT_MAX)
        q->r.limit = LIST_LIMIT_MAX;
    ask_submit(f, q);
}

/* --- the round --- */

static bool is_on(const struct flow *f)
{
    return f->state == FLOW_READY && f->config.retention_ms > 0 && !f->config.is_still &&
           guest_may_tidy(f);
}

void retention_round(struct flow *f)
{
    struct link *k = list_first(&f->retention.removals), *next;
    for (; k != NULL; k = next) {
        next = list_after(&f->retention.removals, k);
        struct removal *w = LINK_OWNER(k, struct removal, link);
        if (w->is_loaded && is_on(f) && w->entry == NULL && !w->is_over)
            remove_one(f, w);
        if (w->is_over || (w->is_loaded && w->entry == NULL))
            free_removal(f, w);
    }
    bool is_idle = !f->retention.is_asked && list_first(&f->retention.removals) == NULL;
    if (is_on(f) && is_idle && f->now_ms >= f->retention.at_ms)
        look(f);
}

int64_t retention_next(const struct flow *f)
{
    const struct list *l = &f->retention.removals;
    for (struct link *k = list_first(l); k != NULL; k = list_after(l, k)) {
        const struct removal *w = LINK_OWNER(k, struct removal, link);
        if (w->is_over || (w->is_loaded && w->entry == NULL))
            return f->now_ms;
    }
    bool is_idle = !f->retention.is_asked && list_first(l) == NULL;
    return is_on(f) && is_idle ? f->retention.at_ms : TIME_NEVER;
}

void retention_drop(struct flow *f)
{
    struct link *k;
    while ((k = list_first(&f->retention.removals)) != NULL)
        free_removal(f, LINK_OWNER(k, struct removal, link));
}
