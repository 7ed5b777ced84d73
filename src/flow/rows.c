/* Rows behind: the store's rows are a cache of folding the records, written some time after them,
 * so that many records of one instance cost one row. Comes after the relay; what lists show and
 * what a crash leaves to be read again hangs on it, no truth does. */
#include "flow/flow_int.h"

#include <string.h>

#define ROWS_PER_WRITE 256
#define ROWS_BYTES_MAX INSTANCE_BYTES_MAX /* of a write, before its last row is made */
#define FLUSH_RETRY_MS 1000               /* after a failed write: the disk may be full */
#define FLUSH_AGAIN_MS 5 /* when all that is dirty has a commit or a load in flight */
#define STATE_EVERY 1000 /* records; where rows end is stated so often even if none is behind */

void rows_dirty(struct flow *f, struct entry *e, uint64_t first_pos)
{
    if (link_is_in(&e->dirty)) {
        if (first_pos < e->first_dirty_pos)
            e->first_dirty_pos = first_pos;
        return;
    }
    e->first_dirty_pos = first_pos;
    e->dirty_at_ms = f->now_ms;
    e->dirty_stamp = ++f->stamps;
    list_append(&f->dirty, &e->dirty);
}

void rows_put_off(struct flow *f, struct entry *e)
{
    if (!link_is_in(&e->dirty))
        return;
    uint64_t pos = e->first_dirty_pos;
    list_remove(&f->dirty, &e->dirty);
    rows_dirty(f, e, pos);
}

/* Only a task that is on its way has entries beside the row. */
static bool may_have_entries(const struct instance *i, uint32_t task)
{
    enum task_status status = (enum task_status)i->tasks[task].status;
    return status == TASK_RETRYING || task_status_is_out(status);
}

static struct store_ready ready_of(const struct instance *i, uint32_t task)
{
    const struct task *t = &i->template->tasks[task];
    const struct task_state *s = &i->tasks[task];
    return (struct store_ready){.queue = template_queue_name(t->queue),
                                .instance = i->id,
                                .task = t->id,
                                .at_ms = s->sent_at_ms,
                                .generation = s->generation,
                                .attempt = s->attempt,
                                .visibility_ms = relay_visibility_ms(t)};
}

/* Names of messages serve a queue that derives them. */
static void add_ready(const struct flow *f, struct arena *a, const struct instance *i,
                      struct store_row *row)
{
    bool is_derived = f->config.queue == NULL || f->config.queue->ops->is_derived;
    uint32_t count = 0;
    for (uint32_t k = 0; k < i->template->task_count; k++)
        count += may_have_entries(i, k);
    struct store_ready *ready = arena_array(a, READY_PER_TASK_MAX * count + 1, sizeof *ready);
    int64_t inbox_at_ms = count > 0 ? inbox_place(i) : TIME_NEVER;
    for (uint32_t k = 0; k < i->template->task_count; k++) {
        if (!may_have_entries(i, k))
            continue;
        struct store_ready r = ready_of(i, k);
        if (is_derived && instance_has_message(i, k))
            ready[row->ready_count++] = r;
        r.at_ms = inbox_at_ms;
        if (instance_is_in_inbox(i, k))
            row->ready_count += inbox_entries(a, i, k, &r, &ready[row->ready_count]);
        r.at_ms = attention_at(i, k, &r.queue);
        if (r.at_ms != TIME_NEVER)
            ready[row->ready_count++] = r;
    }
    row->ready = ready;
}

void rows_make(struct flow *f, struct arena *a, const struct instance *i, struct store_row *row,
               struct payload_list *payloads)
{
    int stage = instance_current_stage(i);
    *row = (struct store_row){.id = i->id, .template = i->template_name, .version = i->version};
    row->key = i->key.len > 0 ? i->key : SLICE_NONE;
    row->status = slice_of(vocab_name(VOCAB_INSTANCE_STATUS, (int)i->status));
    row->stage = stage < 0 ? SLICE_NONE : i->template->stages[stage].name;
    row->business_status = i->business_status.len > 0 ? i->business_status : SLICE_NONE;
    row->started_at_ms = i->started_at_ms;
    row->updated_at_ms = i->at_ms;
    row->wake_at_ms = instance_wake_at(i, f->grace_from_ms);
    row->is_open = instance_status_is_open((enum instance_status)i->status);
    row->shares_key = i->template->on_duplicate == ON_DUPLICATE_START;
    row->rev = i->seq;
    row->queue = f->config.queue_name;
    row->state = state_encode(a, i, payloads);
    add_ready(f, a, i, row);
}

/* Commits that bring their rows leave nothing dirty, but a start after a crash must not read all
 * that they ever wrote. Where the store is shared, the node's beat states it. */
static bool is_statement_due(const struct flow *f)
{
    uint64_t most = f->state == FLOW_DRAINING ? 1 : STATE_EVERY;
    return !f->is_shared && rows_done_pos(f) >= f->stated_pos + most;
}

bool rows_are_idle(const struct flow *f)
{
    return list_first(&f->dirty) == NULL && (f->state != FLOW_DRAINING || !is_statement_due(f));
}

/* A row in a shared store costs as much as several records, so that it waits for more of them where
 * nobody looks at lists. What is behind is held in memory, and read again after a crash. */
static bool is_lazy(const struct flow *f)
{
    return f->is_shared && !f->config.is_guest && !cluster_is_looked_at(f);
}

static int64_t flush_at(const struct flow *f, const struct entry *e)
{
    return e->dirty_at_ms + (is_lazy(f) ? ROW_LAZY_MS : ROW_FLUSH_MS);
}

static bool is_flush_due(const struct flow *f)
{
    size_t most = is_lazy(f) ? ROWS_LAZY_MAX : ROWS_PER_WRITE;
    struct link *k = list_first(&f->dirty);
    if (f->now_ms < f->flush_after_ms)
        return false;
    if (k == NULL)
        return is_statement_due(f);
    const struct entry *e = LINK_OWNER(k, struct entry, dirty);
    bool is_now = f->config.is_guest && list_first(&f->committing) == NULL;
    return is_now || list_first(&f->flush_waiters) != NULL || f->state == FLOW_DRAINING ||
           f->dirty.count >= most || f->now_ms >= flush_at(f, e);
}

static uint64_t before(uint64_t pos, uint64_t first)
{
    return first > pos ? pos : first == 0 ? 0 : first - 1;
}

uint64_t rows_sent_pos(const struct flow *f)
{
    uint64_t pos = before(f->last_pos, relay_unsent_pos(f));
    struct link *oldest = list_first(&f->committing);
    if (oldest != NULL)
        pos = before(pos, LINK_OWNER(oldest, struct commit, link)->after_pos + 1);
    return pos;
}

uint64_t rows_done_pos(const struct flow *f)
{
    uint64_t pos = rows_sent_pos(f);
    for (struct link *k = list_first(&f->dirty); k != NULL; k = list_after(&f->dirty, k))
        pos = before(pos, LINK_OWNER(k, struct entry, dirty)->first_dirty_pos);
    if (f->is_flushing)
        pos = before(pos, f->flushing_pos);
    return pos;
}

struct flush {                          /* what was known when a write of rows was made */
    uint64_t first_pos[ROWS_PER_WRITE]; /* of the records that each row has now */
    uint64_t next_pos;                  /* of those that come after */
};

/* Everything that was dirty when the first of them came is written: what came later is not theirs
 * to wait for. */
static bool can_waiter_run(const struct flow *f)
{
    struct link *k = list_first(&f->flush_waiters), *dirty = list_first(&f->dirty);
    if (k == NULL)
        return false;
    uint64_t stamp = LINK_OWNER(k, struct visit, link)->stamp;
    return (dirty == NULL || LINK_OWNER(dirty, struct entry, dirty)->dirty_stamp > stamp) &&
           (!f->is_flushing || f->flushing_stamp > stamp);
}

static void run_flush_waiters(struct flow *f)
{
    while (can_waiter_run(f)) {
        struct visit *v = LINK_OWNER(list_take(&f->flush_waiters), struct visit, link);
        v->run(f, v, NULL, ERR_NONE);
    }
}

static void fail_flush_waiters(struct flow *f, enum err err)
{
    struct link *k;
    while ((k = list_take(&f->flush_waiters)) != NULL) {
        struct visit *v = LINK_OWNER(k, struct visit, link);
        v->run(f, v, NULL, err);
    }
}

/* An entry may have been read again meanwhile, or be gone. */
static void row_written(struct flow *f, struct ask *q, uint32_t k)
{
    const struct flush *w = q->context;
    const struct store_row *row = &q->r.rows[k];
    struct entry *e = entry_find(f, row->id);
    if (e == NULL)
        return;
    e->is_flushing = false;
    if (q->r.err == ERR_NONE && row->rev > e->row_rev) {
        e->row_rev = row->rev;
        e->has_ready_rows = row->ready_count > 0;
    }
    bool is_behind = e->i == NULL || e->i->seq > e->row_rev;
    if (is_behind)
        rows_dirty(f, e, q->r.err == ERR_NONE ? w->next_pos : w->first_pos[k]);
}

static void rows_written(struct flow *f, struct ask *q)
{
    f->is_flushing = false;
    for (uint32_t k = 0; k < q->r.row_count; k++)
        row_written(f, q, k);
    if (q->r.err == ERR_NONE) {
        f->stats.rows_written += q->r.row_count;
        f->stated_pos = q->r.folded_pos;
    } else {
        f->flush_after_ms = f->now_ms + FLUSH_RETRY_MS;
        fail_flush_waiters(f, q->r.err);
    }
}

/* The rows' texts are copies: the instances go on while the rows are written. */
static void fill(struct flow *f, struct ask *q)
{
    struct payload_list payloads = {0};
    struct flush *w = arena_alloc(&q->arena, sizeof *w);
    q->context = w;
    w->next_pos = f->last_pos + 1;
    struct link *k = list_first(&f->dirty), *next;
    q->r.rows = arena_array(&q->arena, ROWS_PER_WRITE, sizeof *q->r.rows);
    for (; k != NULL && q->r.row_count < ROWS_PER_WRITE; k = next) {
        if (q->arena.used_bytes > ROWS_BYTES_MAX)
            break; /* the others are written next */
        next = list_after(&f->dirty, k);
        struct entry *e = LINK_OWNER(k, struct entry, dirty);
        if (!entry_is_here(e))
            continue;
        e->is_repeat_due = e->repeat.unrecorded > 0;
        entry_run_later(f, e);
        struct store_row *row = &q->r.rows[q->r.row_count];
        rows_make(f, &q->arena, instance_copy(&q->arena, e->i), row, &payloads);
        row->had_ready = e->has_ready_rows;
        w->first_pos[q->r.row_count++] = e->first_dirty_pos;
    }
    apart_put(&q->r, &payloads);
}

static bool fill_rows(struct flow *f, struct ask *q)
{
    jmp_buf edge;
    q->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    fill(f, q);
    q->arena.edge = NULL;
    return true;
}

/* All that are dirty wait to be tried again. */
static bool are_broken(const struct flow *f)
{
    for (struct link *k = list_first(&f->dirty); k != NULL; k = list_after(&f->dirty, k))
        if (LINK_OWNER(k, struct entry, dirty)->state != ENTRY_BROKEN)
            return false;
    return true;
}

static void flush_rows(struct flow *f)
{
    if (f->is_flushing || !is_flush_due(f))
        return;
    bool is_any_dirty = list_first(&f->dirty) != NULL;
    struct ask *q = ask_new(f, STORE_ROWS, rows_written);
    bool is_filled = q != NULL && fill_rows(f, q);
    if (!is_filled || (q->r.row_count == 0 && is_any_dirty)) {
        bool is_soon = is_filled && !are_broken(f);
        f->flush_after_ms = f->now_ms + (is_soon ? FLUSH_AGAIN_MS : FLUSH_RETRY_MS);
        if (q != NULL)
            ask_free(q);
        return;
    }
    f->flushing_stamp = f->flushing_pos = UINT64_MAX;
    for (uint32_t k = 0; k < q->r.row_count; k++) {
        struct entry *e = entry_find(f, q->r.rows[k].id);
        list_remove(&f->dirty, &e->dirty);
        if (e->first_dirty_pos < f->flushing_pos)
            f->flushing_pos = e->first_dirty_pos;
        e->is_flushing = true;
        if (e->dirty_stamp < f->flushing_stamp)
            f->flushing_stamp = e->dirty_stamp;
    }
    q->r.node = f->config.node;
    q->r.folded_pos = f->is_shared ? 0 : rows_done_pos(f);
    f->is_flushing = true;
    ask_submit(f, q);
}

void rows_flush(struct flow *f, struct visit *v)
{
    v->stamp = f->stamps;
    list_append(&f->flush_waiters, &v->link);
}

/* While draining nothing is woken, but what is still to be written must be read. */
static void load_broken(struct flow *f)
{
    struct link *k = list_first(&f->dirty), *next;
    for (; k != NULL; k = next) {
        next = list_after(&f->dirty, k);
        struct entry *e = LINK_OWNER(k, struct entry, dirty);
        if (e->state != ENTRY_BROKEN || e->wake.at_ms > f->now_ms)
            continue;
        heap_remove(&f->wakes, &e->wake);
        entry_load(f, e);
    }
}

void rows_round(struct flow *f)
{
    if (f->state == FLOW_DRAINING)
        load_broken(f);
    flush_rows(f);
    run_flush_waiters(f);
}

int64_t rows_next(const struct flow *f)
{
    struct link *k = list_first(&f->dirty);
    if (can_waiter_run(f) || (is_flush_due(f) && !f->is_flushing))
        return f->now_ms;
    if (k == NULL || f->is_flushing)
        return TIME_NEVER;
    int64_t at_ms = list_first(&f->flush_waiters) != NULL || f->state == FLOW_DRAINING
                        ? f->now_ms
                        : flush_at(f, LINK_OWNER(k, struct entry, dirty));
    return at_ms < f->flush_after_ms ? f->flush_after_ms : at_ms;
}
