/* The engine as a whole: opened, started, driven round by round, drained, closed. A round collects
 * what the store has finished, takes what is due, steps what waits, and makes room. */
#include "flow/flow_int.h"

#include "base/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define COMPLETIONS_PER_CALL 64
#define SPARE_ASKS_MAX 256
#define SCRATCH_BYTES_MAX (4 * INSTANCE_BYTES_MAX)

uint64_t flow_random(struct flow *f)
{
    f->rng += 0x9e3779b97f4a7c15U; /* splitmix64 */
    uint64_t z = f->rng;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

/* --- questions to the store --- */

/* Requests and their arenas are used again: most of what a commit costs would be new pages. */
struct ask *ask_new(struct flow *f, enum store_op op, ask_done *done)
{
    struct link *k = list_take(&f->spare_asks);
    struct ask *q = k != NULL ? LINK_OWNER(k, struct ask, link) : calloc(1, sizeof *q);
    if (q == NULL)
        return NULL;
    struct arena arena = q->arena;
    *q = (struct ask){.arena = arena, .f = f, .done = done};
    if (k == NULL)
        arena_init(&q->arena, SCRATCH_BYTES_MAX);
    q->r.op = op;
    q->r.arena = &q->arena;
    q->r.owner = q;
    if (f->is_shared)
        q->r.node = f->config.node;
    return q;
}

void ask_submit(struct flow *f, struct ask *q)
{
    list_append(&f->asks, &q->link);
    q->is_kept = false;
    if (f->state != FLOW_CLOSING) /* when closing, drop_asks answers it */
        f->config.store->ops->submit(f->config.store, &q->r);
}

static void drop_ask(struct ask *q)
{
    arena_drop(&q->arena);
    free(q);
}

void ask_free(struct ask *q)
{
    struct flow *f = q->f;
    assert(!link_is_in(&q->link)); /* the store has it, or it was given back before */
    if (f->spare_asks.count >= SPARE_ASKS_MAX) {
        drop_ask(q);
        return;
    }
    q->arena.edge = NULL;
    arena_reset(&q->arena);
    list_prepend(&f->spare_asks, &q->link);
}

static void note_health(struct flow *f, enum err err)
{
    bool is_store = err == ERR_STORE || err == ERR_DISK_FULL || err == ERR_CORRUPT;
    if (is_store || err == ERR_NONE)
        f->stats.store_err = err;
}

static void take_answer(struct flow *f, struct ask *q)
{
    q->done(f, q);
    if (!q->is_kept)
        ask_free(q);
}

/* A node that was silent may be finished and forgotten: what it sends and answers now nobody would
 * finish after it. So its commits wait until it is heard again. */
static void take_unheard(struct flow *f)
{
    struct link *k;
    while (cluster_is_heard(f) && (k = list_take(&f->unheard)) != NULL)
        take_answer(f, LINK_OWNER(k, struct ask, link));
}

static void collect(struct flow *f)
{
    struct store_request *done[COMPLETIONS_PER_CALL];
    size_t count;
    do {
        count = f->config.store->ops->complete(f->config.store, done, COMPLETIONS_PER_CALL);
        for (size_t k = 0; k < count; k++) {
            struct ask *q = done[k]->owner;
            list_remove(&f->asks, &q->link);
            note_health(f, q->r.err);
            if (q->r.op == STORE_COMMIT && !cluster_is_heard(f))
                list_append(&f->unheard, &q->link);
            else
                take_answer(f, q);
        }
    } while (count == COMPLETIONS_PER_CALL);
    take_unheard(f);
}

/* --- opening and starting --- */

static bool name_node(struct flow *f)
{
    struct slice node = f->config.node.len > 0 ? f->config.node : SLICE("local");
    struct text id = text_new(&f->own, NAME_BYTES_MAX + 8);
    text_put_c(&id, STORE_CHAIN);
    text_put(&id, node);
    f->sys_id = text_slice(&id);
    return !id.is_cut;
}

static bool name_within(struct flow *f)
{
    jmp_buf edge;
    f->own.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    bool is_named = name_node(f);
    f->own.edge = NULL;
    return is_named;
}

enum err flow_open(const struct flow_config *config, struct flow **out)
{
    struct flow *f = calloc(1, sizeof *f);
    *out = NULL;
    if (f == NULL)
        return ERR_MEMORY;
    f->config = *config;
    if (f->config.cache_bytes_max == 0)
        f->config.cache_bytes_max = CACHE_BYTES_MAX;
    f->rng = config->seed;
    f->is_shared = config->store->ops->is_shared;
    arena_init(&f->scratch, SCRATCH_BYTES_MAX);
    arena_init(&f->own, EVENT_BYTES_MAX);
    map_init(&f->families, flow_random(f));
    map_init(&f->aliases, flow_random(f));
    map_init(&f->entries, flow_random(f));
    map_init(&f->open_keys, flow_random(f));
    map_init(&f->far_wakes, flow_random(f));
    map_init(&f->places, flow_random(f));
    map_init(&f->access.keys, flow_random(f));
    heap_init(&f->wakes);
    struct list *const lists[] = {&f->applies,
                                  &f->run,
                                  &f->lru,
                                  &f->dirty,
                                  &f->asks,
                                  &f->unheard,
                                  &f->sys_pending,
                                  &f->flush_waiters,
                                  &f->spare_asks,
                                  &f->spare_arrivals,
                                  &f->committing,
                                  &f->unsent,
                                  &f->template_arrivals,
                                  &f->template_loads,
                                  &f->retention.removals,
                                  &f->imports};
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++)
        list_init(lists[k]);
    if (!name_within(f) || cluster_open(f) != ERR_NONE) {
        flow_close(f);
        return ERR_MEMORY;
    }
    *out = f;
    return ERR_NONE;
}

void flow_set_queue(struct flow *f, struct queue *q)
{
    f->config.queue = q;
}

bool flow_is_ready(const struct flow *f)
{
    return f->state == FLOW_READY;
}

enum err flow_refusal(const struct flow *f)
{
    if (f->state == FLOW_STARTING)
        return ERR_OVERLOAD;
    return f->state == FLOW_READY ? ERR_NONE : ERR_CLOSING;
}

enum err flow_write_refusal(const struct flow *f)
{
    enum err err = flow_refusal(f);
    return err == ERR_NONE && cluster_is_deaf(f) ? ERR_STORE : err;
}

enum err flow_start_error(const struct flow *f)
{
    return f->start_err;
}

/* Until it is read, what the row lacks counts as dirty: nothing may be stated beyond it. */
static enum err read_behind_one(struct flow *f, const struct store_row *row, uint64_t folded_pos)
{
    struct entry *e = entry_get(f, row->id);
    if (e == NULL)
        return ERR_MEMORY;
    e->must_load = true;
    unsent_keep(f, e, row->updated_at_ms, folded_pos + 1);
    rows_dirty(f, e, folded_pos + 1);
    return ERR_NONE;
}

/* Instances whose records the rows do not have yet, page by page; each is loaded, and so comes to
 * be written behind. */
static void behind_read(struct flow *f, struct ask *q)
{
    enum err err = q->r.err;
    f->stated_pos = q->r.folded_pos;
    for (uint32_t k = 0; k < q->r.row_count && err == ERR_NONE; k++)
        if (!store_is_chain(q->r.rows[k].id))
            err = read_behind_one(f, &q->r.rows[k], q->r.folded_pos);
    if (q->r.last_pos > f->last_pos)
        f->last_pos = q->r.last_pos;
    int64_t from = 0;
    bool has_more = err == ERR_NONE && slice_to_int(q->r.next, &from);
    struct ask *more = has_more ? ask_new(f, STORE_BEHIND, behind_read) : NULL;
    if (!has_more || more == NULL) {
        flow_start_step_done(f, has_more ? ERR_MEMORY : err);
        return;
    }
    more->r.limit = LIST_LIMIT_MAX;
    more->r.seq = (uint64_t)from;
    ask_submit(f, more);
}

/* In a shared store each node's beat says how far it is: cluster.c. */
static void read_behind(struct flow *f)
{
    if (f->is_shared) {
        cluster_start(f);
        return;
    }
    struct ask *q = ask_new(f, STORE_BEHIND, behind_read);
    if (q == NULL) {
        flow_start_step_done(f, ERR_MEMORY);
        return;
    }
    q->r.limit = LIST_LIMIT_MAX;
    ask_submit(f, q);
}

static void key_read(struct flow *f, struct ask *q)
{
    f->keys.count = 1;
    f->keys.keys[0].id = 1;
    enum err err = q->r.err;
    if (err == ERR_NONE && !hex_decode(q->r.value, f->keys.keys[0].bytes, SHA256_BYTES))
        err = ERR_CORRUPT;
    flow_start_step_done(f, err);
}

static bool offer_key(struct flow *f, struct ask *q)
{
    jmp_buf edge;
    q->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    q->r.id = SLICE(FLOW_TOKEN_KEY);
    q->r.key = hex_encode(&q->arena, f->config.fresh_key, SHA256_BYTES);
    q->arena.edge = NULL;
    return true;
}

static void read_key(struct flow *f)
{
    struct ask *q = ask_new(f, STORE_META, key_read);
    if (q != NULL && offer_key(f, q)) {
        ask_submit(f, q);
        return;
    }
    if (q != NULL)
        ask_free(q);
    flow_start_step_done(f, ERR_MEMORY);
}

/* The start is a row of steps, each begun when the one before is done: templates before instances,
 * since an instance can't be read without its template. */
void flow_start_step_done(struct flow *f, enum err err)
{
    static void (*const steps[])(struct flow *) = {read_key, access_load, catalog_load, sys_load,
                                                   read_behind};
    if (f->state != FLOW_STARTING || f->start_err != ERR_NONE)
        return;
    f->start_err = err;
    if (err != ERR_NONE)
        return;
    if (f->start_step == sizeof steps / sizeof *steps) {
        f->state = FLOW_READY;
        f->window_next_ms = f->now_ms;
        bool is_missed = f->config.is_guest ? false
                         : f->is_shared     ? !cluster_has_peers(f)
                                            : f->last_pos > 0;
        f->grace_from_ms = is_missed ? f->now_ms : 0;
        return;
    }
    steps[f->start_step++](f);
}

void flow_start(struct flow *f, int64_t now_ms)
{
    f->now_ms = now_ms;
    f->state = FLOW_STARTING;
    flow_start_step_done(f, ERR_NONE);
}

/* --- the round --- */

static void run_entries(struct flow *f)
{
    struct link *k;
    size_t left = cluster_is_heard(f) ? f->run.count : 0;
    for (; left > 0 && (k = list_take(&f->run)) != NULL; left--) {
        struct entry *e = LINK_OWNER(k, struct entry, run);
        if (e->state == ENTRY_IDLE && e->i != NULL)
            scheduler_run(f, e);
    }
}

void flow_round(struct flow *f, int64_t now_ms)
{
    if (now_ms > f->now_ms)
        f->now_ms = now_ms;
    collect(f);
    cluster_round(f);
    if (f->state == FLOW_STARTING)
        return;
    catalog_round(f);
    moved_round(f);
    retention_round(f);
    import_round(f);
    access_round(f);
    unsent_round(f);
    supervisor_round(f);
    run_entries(f);
    sys_round(f);
    entry_shrink_cache(f);
}

int64_t flow_next(const struct flow *f)
{
    int64_t at_ms = time_min(supervisor_next(f), cluster_next(f));
    at_ms = time_min(at_ms, time_min(moved_next(f), access_due(f)));
    at_ms = time_min(at_ms, time_min(retention_next(f), import_next(f)));
    at_ms = time_min(at_ms, unsent_next(f));
    bool can_run = list_first(&f->run) != NULL && cluster_is_heard(f);
    bool has_work = can_run || catalog_has_work(f) ||
                    (list_first(&f->sys_pending) != NULL && !f->is_sys_committing);
    if (f->state == FLOW_STARTING)
        return cluster_next(f);
    return has_work ? f->now_ms : at_ms;
}

void flow_drain(struct flow *f)
{
    if (f->state == FLOW_READY)
        f->state = FLOW_DRAINING;
}

bool flow_is_quiet(const struct flow *f)
{
    return list_first(&f->asks) == NULL && list_first(&f->unheard) == NULL &&
           f->arrivals_in_flight == 0 && !f->is_applying;
}

bool flow_is_idle(const struct flow *f)
{
    return flow_is_quiet(f) && rows_are_idle(f) && cluster_has_left(f);
}

/* --- closing --- */

static void drop_arrivals(struct flow *f, struct list *l)
{
    struct link *k;
    while ((k = list_take(l)) != NULL)
        arrival_fail(f, LINK_OWNER(k, struct arrival, link), ERR_CLOSING);
}

static void drop_visits(struct flow *f, struct list *l)
{
    struct link *k;
    while ((k = list_take(l)) != NULL) {
        struct visit *v = LINK_OWNER(k, struct visit, link);
        v->run(f, v, NULL, ERR_CLOSING);
    }
}

/* What the store never gave back is dropped with what it was for. The store is closed, or has lost
 * it: it touches the requests no more. */
static void drop_asks(struct flow *f)
{
    struct link *k;
    while ((k = list_take(&f->asks)) != NULL || (k = list_take(&f->unheard)) != NULL) {
        struct ask *q = LINK_OWNER(k, struct ask, link);
        q->r.err = ERR_CLOSING;
        take_answer(f, q);
    }
}

void flow_close(struct flow *f)
{
    struct link *k;
    f->state = FLOW_CLOSING;
    drop_asks(f);
    sys_drop(f);
    drop_visits(f, &f->flush_waiters);
    while ((k = list_first(&f->lru)) != NULL) {
        struct entry *e = LINK_OWNER(k, struct entry, lru);
        drop_arrivals(f, &e->pending);
        drop_visits(f, &e->visits);
        entry_drop(f, e);
    }
    supervisor_drop(f);
    cluster_drop(f);
    moved_drop(f);
    retention_drop(f);
    import_drop(f);
    catalog_drop(f);
    access_drop(f);
    messages_drop(f);
    map_drop(&f->entries);
    map_drop(&f->open_keys);
    map_drop(&f->far_wakes);
    map_drop(&f->places);
    while ((k = list_take(&f->spare_asks)) != NULL)
        drop_ask(LINK_OWNER(k, struct ask, link));
    arrivals_drop_spare(f);
    arena_drop(&f->scratch);
    arena_drop(&f->own);
    free(f);
}

void flow_get_stats(const struct flow *f, struct flow_stats *out)
{
    struct heap_entry *first = heap_first(&f->wakes);
    *out = f->stats;
    out->cached_instances = f->entries.count;
    out->cached_bytes = f->cached_bytes;
    out->waiting_events = f->arrivals_in_flight;
    out->dirty_rows = f->dirty.count;
    struct link *k = list_first(&f->dirty);
    out->behind_ms = k == NULL ? 0 : f->now_ms - LINK_OWNER(k, struct entry, dirty)->dirty_at_ms;
    out->next_wake_at_ms = first == NULL ? TIME_NEVER : first->at_ms;
}

const struct token_keys *flow_token_keys(const struct flow *f)
{
    return &f->keys;
}
