/* Reads an instance into its entry: from its row and the records that the row does not have, or,
 * where nodes share the store, only what others appended. Comes after arrive, before the scheduler.
 * It folds; it must not decide anything. */
#include "flow/flow_int.h"

#include "base/log.h"

#include <assert.h>
#include <string.h>

#define RELOAD_MS 1000 /* between two tries to read again what was in memory */

static enum err find_template(struct flow *f, const struct entry *e, const struct store_request *r,
                              const struct template **out)
{
    struct arena *scratch = &f->scratch;
    struct slice name;
    int64_t version;
    enum err err;
    if (r->row_count > 0) {
        err = state_template(scratch, r->rows[0].state, &name, &version);
    } else {
        struct record first;
        err = record_decode(scratch, r->records[0].bytes, &first);
        if (err == ERR_NONE)
            err = record_template(&first, &name, &version);
    }
    if (err != ERR_NONE)
        return err;
    *out = flow_template(f, name, version);
    if (*out == NULL && f->is_shared && !e->is_template_sought)
        return ERR_UNKNOWN_TEMPLATE; /* another node may have applied it meanwhile */
    return *out == NULL ? ERR_CORRUPT : ERR_NONE;
}

/* What LOAD found, as an instance in the entry's arena. */
static enum err decode(struct flow *f, struct entry *e, const struct store_request *r,
                       const struct payload_list *payloads)
{
    const struct template *t;
    struct arena *scratch = &f->scratch;
    enum err err = find_template(f, e, r, &t);
    if (err != ERR_NONE)
        return err;
    struct instance *i = instance_new(&e->arena, e->id, t);
    if (r->row_count > 0)
        err = state_decode(scratch, r->rows[0].state, i, payloads);
    for (uint32_t k = 0; k < r->record_count && err == ERR_NONE; k++) {
        struct record record;
        err = record_decode(scratch, r->records[k].bytes, &record);
        if (err == ERR_NONE)
            err = record_fold(scratch, i, &record, payloads);
    }
    e->i = i;
    return err;
}

/* That there is no instance is told to those who waited when it was asked for: what came later may
 * know one that was made meanwhile. Starts are kept in *starts: they may make it. */
static void fail_waiting(struct flow *f, struct entry *e, enum err err, struct list *starts)
{
    struct link *k;
    bool is_unknown = err == ERR_UNKNOWN_INSTANCE;
    size_t visits = is_unknown ? e->visits_asked : e->visits.count;
    size_t arrivals = is_unknown ? e->arrivals_asked : e->pending.count;
    for (; visits > 0 && (k = list_take(&e->visits)) != NULL; visits--) {
        struct visit *v = LINK_OWNER(k, struct visit, link);
        v->run(f, v, NULL, err);
    }
    for (; arrivals > 0 && (k = list_take(&e->pending)) != NULL; arrivals--) {
        struct arrival *v = LINK_OWNER(k, struct arrival, link);
        if (err == ERR_UNKNOWN_INSTANCE && v->e.kind == EVENT_START)
            list_append(starts, &v->link);
        else if (err == ERR_UNKNOWN_INSTANCE && v->e.instance.len > 0 && !v->is_key_tried)
            arrive_by_key(f, v);
        else if (err == ERR_UNKNOWN_INSTANCE)
            arrive_unknown(f, v, SLICE("there is no such instance"));
        else
            arrival_fail(f, v, err);
    }
}

static void not_loaded(struct flow *f, struct entry *e, enum err err)
{
    struct list starts;
    struct link *k;
    list_init(&starts);
    if (err != ERR_UNKNOWN_INSTANCE && err != ERR_CLOSING)
        log_line(LOG_ERROR, "flow", "instance %.*s cannot be loaded: %s", SLICE_ARG(e->id),
                 err_text(err));
    fail_waiting(f, e, err, &starts);
    e->is_wake_pending = false; /* it was among them */
    bool owes = err == ERR_NEWER && (link_is_in(&e->dirty) || link_is_in(&e->unsent));
    bool may_come = owes || unsent_is_in_doubt(f, e) || (e->must_load && err_is_retryable(err));
    bool is_kept = may_come && f->state != FLOW_CLOSING &&
                   heap_put(&f->wakes, &e->wake, f->now_ms + RELOAD_MS, 0) == ERR_NONE;
    bool is_late = list_first(&e->pending) != NULL || list_first(&e->visits) != NULL;
    if (is_kept)
        e->state = ENTRY_BROKEN;
    else if (is_late)
        entry_load(f, e);
    else
        entry_drop(f, e);
    while ((k = list_take(&starts)) != NULL)
        arrive_again(f, LINK_OWNER(k, struct arrival, link));
}

static void settle(struct flow *f, struct entry *e)
{
    if (e->is_taken)
        rows_dirty(f, e, f->last_pos + 1); /* so that the others see whose it is */
    e->is_taken = false;
    relay_loaded(f, e);
    supervisor_note(f, e);
}

static void loaded(struct flow *f, struct entry *e, enum err err)
{
    if (err == ERR_UNKNOWN_TEMPLATE) {
        e->is_template_sought = true;
        list_append(&f->template_loads, &e->run);
        catalog_refresh(f);
        return;
    }
    if (err != ERR_NONE) {
        not_loaded(f, e, err);
        return;
    }
    e->state = ENTRY_IDLE;
    e->must_load = e->is_template_sought = e->is_orphan_sought = false;
    e->checked_at_ms = f->now_ms;
    entry_count(f, e);
    if (e->repeat.unrecorded > 0)
        rows_dirty(f, e, f->last_pos + 1);
    entry_set_open(f, e);
    settle(f, e);
    struct link *k;
    while ((k = list_take(&e->visits)) != NULL) {
        struct visit *v = LINK_OWNER(k, struct visit, link);
        v->run(f, v, e, ERR_NONE);
    }
    entry_run_later(f, e);
}

static bool is_own(const struct flow *f, struct slice node)
{
    return slice_eq(node, f->config.node);
}

/* A guest knows who lives while the others know of it. */
static bool is_orphan(const struct flow *f, const struct store_record *r)
{
    bool is_known = !f->config.is_guest || (guest_may_wake(f) && cluster_is_heard(f));
    return f->is_shared && is_known && !cluster_is_living(f, r->node);
}

/* What the row lacks and a node appended that lives no more may have come after that node's work
 * was finished: its messages are anybody's to send, unless the node has said that they are out. */
static bool take_orphans(struct flow *f, struct entry *e, const struct store_request *r)
{
    bool is_any = false;
    for (uint32_t k = 0; k < r->record_count; k++) {
        const struct store_record *x = &r->records[k];
        if (!is_orphan(f, x))
            continue;
        if (!cluster_has_sent(f, x->node, x->pos))
            unsent_keep(f, e, x->at_ms, f->last_pos + 1);
        is_any = true;
    }
    return is_any;
}

/* Whose the instance is, and whether its row must be written: a row that lacks what another node
 * appended is that node's to write, while it lives. */
static void take_owner(struct flow *f, struct entry *e, const struct store_request *r)
{
    const struct store_row *row = r->row_count > 0 ? r->rows : NULL;
    const struct store_record *last = r->record_count > 0 ? &r->records[r->record_count - 1] : NULL;
    bool is_behind = last != NULL;
    if (f->is_shared && !e->is_ours) {
        is_behind = row != NULL && row->is_unsettled;
        for (uint32_t k = 0; k < r->record_count; k++)
            is_behind |= is_own(f, r->records[k].node);
    }
    if (f->is_shared && !e->is_taken)
        e->is_ours = last != NULL  ? is_own(f, last->node)
                     : row != NULL ? is_own(f, row->node)
                                   : e->is_ours;
    if (is_behind)
        rows_dirty(f, e, last != NULL ? r->records[0].pos : f->last_pos + 1);
    else if (row != NULL)
        list_remove(&f->dirty, &e->dirty);
}

/* The instance from what the store found; with payloads when it refers to some. */
static enum err build(struct flow *f, struct entry *e, struct ask *load,
                      const struct payload_list *payloads)
{
    jmp_buf edge;
    arena_drop(&e->arena);
    arena_reset(&f->scratch);
    e->arena.edge = f->scratch.edge = &edge;
    enum err err = ERR_MEMORY;
    if (setjmp(edge) == 0)
        err = decode(f, e, &load->r, payloads);
    e->arena.edge = f->scratch.edge = NULL;
    if (err != ERR_NONE) {
        e->i = NULL;
        arena_drop(&e->arena);
        return err;
    }
    bool has_row = load->r.row_count > 0;
    e->row_rev = has_row ? load->r.rows[0].rev : 0;
    e->has_ready_rows = true; /* there may be some */
    e->fresh_bytes = e->arena.used_bytes;
    take_owner(f, e, &load->r);
    if (take_orphans(f, e, &load->r))
        rows_dirty(f, e, load->r.records[0].pos);
    return ERR_NONE;
}

/* A node that has left in order may have written the row after it was read here. */
static bool must_look_again(const struct flow *f, struct entry *e, const struct store_request *r)
{
    bool was_sought = e->is_orphan_sought;
    for (uint32_t k = 0; k < r->record_count && !e->is_taken; k++)
        e->is_orphan_sought |= is_orphan(f, &r->records[k]);
    return e->is_orphan_sought && !was_sought;
}

/* What a later version went on with, this node cannot write. It owes its row until that one has
 * written it: else what it appended would look like what a dead node left. */
static void leave_to_newer(struct flow *f, struct entry *e, const struct store_request *r)
{
    bool is_owed = false;
    for (uint32_t k = 0; k < r->record_count; k++)
        is_owed |= is_own(f, r->records[k].node);
    if (is_owed)
        rows_put_off(f, e);
    else
        list_remove(&f->dirty, &e->dirty);
}

static void payloads_read(struct flow *f, struct ask *q)
{
    struct entry *e = q->entry;
    struct ask *load = q->context;
    struct payload_list payloads = {0};
    enum err err = apart_take(q, &payloads);
    if (err == ERR_NONE && must_look_again(f, e, &load->r)) {
        ask_free(load);
        entry_load(f, e);
        return;
    }
    if (err == ERR_NONE)
        err = build(f, e, load, &payloads);
    if (err == ERR_NEWER)
        leave_to_newer(f, e, &load->r);
    ask_free(load);
    loaded(f, e, err);
}

static void load_read(struct flow *f, struct ask *q)
{
    struct entry *e = q->entry;
    struct payload_list refs = {0}, none = {0};
    enum err err = q->r.err == ERR_NOT_FOUND ? ERR_UNKNOWN_INSTANCE : q->r.err;
    if (err == ERR_NONE && q->r.row_count + q->r.record_count == 0)
        err = ERR_UNKNOWN_INSTANCE;
    if (err == ERR_NONE)
        err = apart_refs(&q->arena, &q->r, &refs);
    if (err == ERR_NONE && must_look_again(f, e, &q->r)) {
        entry_load(f, e);
        return;
    }
    struct ask *texts =
        err == ERR_NONE && refs.count > 0 ? apart_ask(f, &refs, payloads_read) : NULL;
    if (texts != NULL) {
        q->is_kept = true; /* until they are here */
        texts->entry = e;
        texts->context = q;
        ask_submit(f, texts);
        return;
    }
    if (err == ERR_NONE)
        err = refs.count > 0 ? ERR_MEMORY : build(f, e, q, &none);
    if (err == ERR_NEWER)
        leave_to_newer(f, e, &q->r);
    loaded(f, e, err);
}

void entry_load(struct flow *f, struct entry *e)
{
    struct ask *q = ask_new(f, STORE_LOAD, load_read);
    list_remove(&f->run, &e->run);
    e->state = ENTRY_LOADING;
    e->i = NULL;
    e->arrivals_asked = e->pending.count;
    e->visits_asked = e->visits.count;
    f->stats.loads++;
    if (q == NULL) {
        loaded(f, e, ERR_MEMORY);
        return;
    }
    q->entry = e;
    q->r.id = e->id;
    ask_submit(f, q);
}

/* --- what other nodes appended --- */

/* What a node left behind is read with the row, which tells whether it was finished. */
static bool is_next(const struct flow *f, const struct entry *e, const struct store_request *r)
{
    for (uint32_t k = 0; k < r->record_count; k++)
        if (r->records[k].seq != e->i->seq + 1 + k || is_orphan(f, &r->records[k]))
            return false;
    return true;
}

/* False: memory is short, and the instance is half of what it was. */
static bool fold_on(struct flow *f, struct entry *e, const struct store_request *r)
{
    struct payload_list none = {0};
    jmp_buf edge;
    enum err err = ERR_NONE;
    arena_reset(&f->scratch);
    e->arena.edge = f->scratch.edge = &edge;
    if (setjmp(edge) != 0) {
        e->arena.edge = f->scratch.edge = NULL;
        return false;
    }
    for (uint32_t k = 0; k < r->record_count && err == ERR_NONE; k++) {
        struct record record;
        err = record_decode(&f->scratch, r->records[k].bytes, &record);
        if (err == ERR_NONE)
            err = record_fold(&f->scratch, e->i, &record, &none);
    }
    e->arena.edge = f->scratch.edge = NULL;
    return err == ERR_NONE;
}

static void news_read(struct flow *f, struct ask *q)
{
    struct entry *e = q->entry;
    struct payload_list refs = {0};
    enum err err = q->r.err;
    bool is_in_conflict = e->is_in_conflict;
    e->is_in_conflict = false;
    if (err == ERR_NONE)
        err = apart_refs(&q->arena, &q->r, &refs);
    bool is_whole = err != ERR_NONE || refs.count > 0 || !is_next(f, e, &q->r) ||
                    (is_in_conflict && q->r.record_count == 0);
    if (is_whole || !fold_on(f, e, &q->r)) {
        entry_load(f, e); /* by the long way */
        return;
    }
    if (q->r.record_count > 0)
        take_owner(f, e, &q->r);
    loaded(f, e, ERR_NONE);
}

void entry_refresh(struct flow *f, struct entry *e)
{
    bool is_open = instance_status_is_open((enum instance_status)e->i->status);
    assert(e->state == ENTRY_IDLE && e->i->seq > 0);
    e->must_load |= e->is_ours;
    list_remove(&f->run, &e->run);
    /* One that has ended may have been removed by another node: its row tells. */
    struct ask *q = is_open ? ask_new(f, STORE_LOAD, news_read) : NULL;
    if (q == NULL) {
        entry_load(f, e);
        return;
    }
    e->state = ENTRY_LOADING;
    f->stats.loads++;
    q->entry = e;
    q->r.id = e->id;
    q->r.seq = e->i->seq;
    ask_submit(f, q);
}

void entry_take_over(struct flow *f, struct entry *e, int64_t unsent_from_ms)
{
    e->is_taken = e->is_ours = e->must_load = true;
    unsent_keep(f, e, unsent_from_ms, f->last_pos + 1);
    f->stats.taken_over++;
    bool is_idle = e->state == ENTRY_IDLE && entry_is_here(e);
    if (is_idle && f->is_shared)
        entry_refresh(f, e);
    else if (is_idle)
        settle(f, e);
    else if (e->state == ENTRY_BROKEN)
        entry_load(f, e);
}

void entry_reload(struct flow *f, struct entry *e)
{
    heap_remove(&f->wakes, &e->wake);
    list_remove(&f->run, &e->run);
    entry_close_key(f, e);
    e->is_wake_pending = false;
    e->must_load = true;
    entry_load(f, e);
}
