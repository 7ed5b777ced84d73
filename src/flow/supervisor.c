/* The supervisor: turns "due" into events, and writes rows behind. It has no rules of its own: a
 * wake is stepped like any event and may find nothing to do.
 *
 * Wake-ups of cached instances lie in the heap as part of their entries. Those of the others are in
 * their rows; the near ones are read into the heap too, one window after another. */
#include "flow/flow_int.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_PER_WRITE 256
#define TEMPLATES_COUNTED 64
#define FLUSH_RETRY_MS 1000 /* after a failed write: the disk may be full */
#define FLUSH_AGAIN_MS 5    /* when all that is dirty has a commit or a load in flight */
#define STATE_EVERY 1000    /* records; where rows end is stated so often even if none is behind */

/* --- wake-ups --- */

static void forget_far(struct flow *f, struct slice id)
{
    struct far_wake *w = map_remove(&f->far_wakes, id);
    if (w == NULL)
        return;
    heap_remove(&f->wakes, &w->wake);
    free(w);
}

void supervisor_note(struct flow *f, struct entry *e)
{
    forget_far(f, e->id);
    bool is_known = e->i != NULL && e->is_ours;
    int64_t at_ms = is_known ? instance_wake_at(e->i, f->grace_from_ms) : TIME_NEVER;
    if (at_ms == TIME_NEVER || e->is_wake_pending)
        heap_remove(&f->wakes, &e->wake);
    else if (heap_put(&f->wakes, &e->wake, at_ms, slice_hash(e->id)) != ERR_NONE)
        f->window_next_ms = f->now_ms; /* the row tells again */
}

void supervisor_add_far(struct flow *f, struct slice id, int64_t at_ms)
{
    if (id.len > HASH_ID_CHARS || entry_find(f, id) != NULL || map_find(&f->far_wakes, id) != NULL)
        return;
    struct far_wake *w = calloc(1, sizeof *w);
    if (w == NULL)
        return;
    memcpy(w->id_text, id.at, id.len);
    w->id = (struct slice){w->id_text, id.len};
    w->wake.tie = UINT64_MAX; /* marks what is no entry; see take_due */
    if (map_put(&f->far_wakes, w->id, w) != ERR_NONE) {
        free(w);
        return;
    }
    if (heap_put(&f->wakes, &w->wake, at_ms, UINT64_MAX) != ERR_NONE) {
        (void)map_remove(&f->far_wakes, w->id);
        free(w);
    }
}

void supervisor_evicted(struct flow *f, struct entry *e)
{
    int64_t at_ms = e->is_ours ? instance_wake_at(e->i, f->grace_from_ms) : TIME_NEVER;
    char id[HASH_ID_CHARS];
    struct slice name = {id, e->id.len};
    memcpy(id, e->id.at, e->id.len);
    if (at_ms > f->window_end_ms || at_ms == TIME_NEVER)
        return;
    (void)map_remove(&f->entries, e->id); /* so that it counts as far */
    supervisor_add_far(f, name, at_ms);
}

static void window_read(struct flow *f, struct ask *q)
{
    f->is_window_asked = false;
    if (q->r.err != ERR_NONE) {
        f->window_next_ms = f->now_ms + 1000;
        return;
    }
    for (uint32_t k = 0; k < q->r.row_count; k++)
        supervisor_add_far(f, q->r.rows[k].id, q->r.rows[k].wake_at_ms);
    f->window_next_ms = f->window_end_ms - WAKE_WINDOW_MS / 2;
    if (q->r.row_count < WAKE_WINDOW_MAX)
        return;
    f->window_end_ms = q->r.rows[q->r.row_count - 1].wake_at_ms;
    f->window_next_ms = f->window_end_ms; /* when these are done, the next */
}

static void read_window(struct flow *f)
{
    if (f->is_window_asked || f->now_ms < f->window_next_ms || f->state == FLOW_DRAINING)
        return;
    struct ask *q = ask_new(f, STORE_DUE, window_read);
    if (q == NULL)
        return;
    f->is_window_asked = true;
    f->window_end_ms = f->now_ms + WAKE_WINDOW_MS;
    q->r.at_ms = f->window_end_ms;
    q->r.limit = WAKE_WINDOW_MAX;
    ask_submit(f, q);
}

static void woken(void *context, const struct flow_answer *answer)
{
    (void)context;
    (void)answer;
}

static void send_wake(struct flow *f, struct entry *e)
{
    struct event wake = {.kind = EVENT_WAKE, .source = SLICE("clock")};
    if (e->pending.count >= PENDING_EVENTS_MAX)
        return; /* the commit of what waits looks at the clock again */
    struct arrival *v = arrival_new(f, &wake, woken, NULL);
    if (v == NULL) {
        supervisor_note(f, e); /* memory is short: it stays due */
        return;
    }
    f->arrivals_in_flight++;
    e->is_wake_pending = true;
    arrive_at(f, e, v);
}

/* So many wakes of one template may be taken in a round; a storm of one holds up no other. */
struct shares {
    struct {
        const struct template *template;
        unsigned count;
    } of[TEMPLATES_COUNTED];
    unsigned templates;
};

static bool has_share(struct shares *s, const struct template *t)
{
    unsigned k = 0;
    while (k < s->templates && s->of[k].template != t)
        k++;
    if (k == TEMPLATES_COUNTED)
        return true;
    if (k == s->templates) {
        s->of[k].template = t;
        s->of[k].count = 0;
        s->templates++;
    }
    return ++s->of[k].count <= WAKES_PER_TEMPLATE_MAX;
}

static void take_due(struct flow *f)
{
    struct shares shares = {.templates = 0};
    struct entry *late[WAKES_PER_ROUND_MAX];
    unsigned late_count = 0;
    for (unsigned k = 0; k < WAKES_PER_ROUND_MAX; k++) {
        struct heap_entry *first = heap_first(&f->wakes);
        if (first == NULL || first->at_ms > f->now_ms)
            break;
        if (first->tie == UINT64_MAX) {
            struct far_wake *w = LINK_OWNER(first, struct far_wake, wake);
            char id[HASH_ID_CHARS];
            struct slice name = {id, w->id.len};
            memcpy(id, w->id.at, w->id.len);
            forget_far(f, name);
            struct entry *e = entry_get(f, name); /* when it is loaded, it is due again */
            if (e != NULL && e->state != ENTRY_LOADING)
                supervisor_note(f, e);
            continue;
        }
        struct entry *e = LINK_OWNER(first, struct entry, wake);
        heap_remove(&f->wakes, &e->wake);
        if (e->state == ENTRY_BROKEN)
            entry_load(f, e);
        else if (e->i != NULL && !has_share(&shares, e->i->template))
            late[late_count++] = e;
        else
            send_wake(f, e);
    }
    for (unsigned k = 0; k < late_count; k++)
        supervisor_note(f, late[k]);
}

/* --- rows behind --- */

void supervisor_dirty(struct flow *f, struct entry *e, uint64_t first_pos)
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

/* Names of messages serve a queue that derives them. */
static void add_ready(const struct flow *f, struct arena *a, const struct instance *i,
                      struct store_row *row)
{
    bool is_derived = f->config.queue == NULL || f->config.queue->ops->is_derived;
    struct store_ready *ready = arena_array(a, 3 * i->template->task_count + 1, sizeof *ready);
    for (uint32_t k = 0; k < i->template->task_count; k++) {
        const struct task *t = &i->template->tasks[k];
        struct slice queue = template_queue_name(t->queue);
        struct store_ready r = {.queue = queue, .instance = i->id, .task = t->id};
        r.at_ms = i->tasks[k].sent_at_ms;
        r.generation = i->tasks[k].generation;
        r.attempt = i->tasks[k].attempt;
        r.visibility_ms = relay_visibility_ms(t);
        if (is_derived && instance_has_message(i, k))
            ready[row->ready_count++] = r;
        r.queue = SLICE(STORE_INBOX);
        if (instance_is_in_inbox(i, k))
            ready[row->ready_count++] = r;
        r.at_ms = attention_at(i, k, &r.queue);
        if (r.at_ms != TIME_NEVER)
            ready[row->ready_count++] = r;
    }
    row->ready = ready;
}

void supervisor_make_row(struct flow *f, struct arena *a, const struct instance *i,
                         struct store_row *row, struct payload_list *payloads)
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
    return !f->is_shared && supervisor_done_pos(f) >= f->stated_pos + most;
}

bool supervisor_is_idle(const struct flow *f)
{
    return list_first(&f->dirty) == NULL && (f->state != FLOW_DRAINING || !is_statement_due(f));
}

static bool is_flush_due(const struct flow *f)
{
    struct link *k = list_first(&f->dirty);
    if (f->now_ms < f->flush_after_ms)
        return false;
    if (k == NULL)
        return is_statement_due(f);
    const struct entry *e = LINK_OWNER(k, struct entry, dirty);
    bool is_now = f->config.is_guest && list_first(&f->committing) == NULL;
    return is_now || list_first(&f->flush_waiters) != NULL || f->state == FLOW_DRAINING ||
           f->dirty.count >= ROWS_PER_WRITE || f->now_ms >= e->dirty_at_ms + ROW_FLUSH_MS;
}

static uint64_t before(uint64_t pos, uint64_t first)
{
    return first > pos ? pos : first == 0 ? 0 : first - 1;
}

uint64_t supervisor_done_pos(const struct flow *f)
{
    uint64_t pos = before(f->last_pos, relay_unsent_pos(f));
    struct link *oldest = list_first(&f->committing);
    if (oldest != NULL)
        pos = before(pos, LINK_OWNER(oldest, struct commit, link)->after_pos + 1);
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
        supervisor_dirty(f, e, q->r.err == ERR_NONE ? w->next_pos : w->first_pos[k]);
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
        next = list_after(&f->dirty, k);
        struct entry *e = LINK_OWNER(k, struct entry, dirty);
        if (!entry_is_here(e))
            continue;
        e->is_repeat_due = e->repeat.unrecorded > 0;
        entry_run_later(f, e);
        struct store_row *row = &q->r.rows[q->r.row_count];
        supervisor_make_row(f, &q->arena, instance_copy(&q->arena, e->i), row, &payloads);
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

static void flush_rows(struct flow *f)
{
    if (f->is_flushing || !is_flush_due(f))
        return;
    bool is_any_dirty = list_first(&f->dirty) != NULL;
    struct ask *q = ask_new(f, STORE_ROWS, rows_written);
    bool is_filled = q != NULL && fill_rows(f, q);
    if (!is_filled || (q->r.row_count == 0 && is_any_dirty)) {
        f->flush_after_ms = f->now_ms + (is_filled ? FLUSH_AGAIN_MS : FLUSH_RETRY_MS);
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
    q->r.folded_pos = f->is_shared ? 0 : supervisor_done_pos(f);
    f->is_flushing = true;
    ask_submit(f, q);
}

void supervisor_flush(struct flow *f, struct visit *v)
{
    v->stamp = f->stamps;
    list_append(&f->flush_waiters, &v->link);
}

void supervisor_drop(struct flow *f)
{
    size_t cursor = 0;
    struct far_wake *w;
    heap_drop(&f->wakes);
    while ((w = map_next(&f->far_wakes, &cursor)) != NULL)
        free(w);
}

/* --- the round --- */

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

void supervisor_round(struct flow *f)
{
    if (f->state == FLOW_STARTING)
        return;
    if (f->state == FLOW_DRAINING)
        load_broken(f);
    bool is_waking = f->state == FLOW_READY && !f->config.is_still && guest_may_wake(f);
    if (is_waking && !f->is_shared)
        read_window(f);
    if (is_waking)
        take_due(f);
    flush_rows(f);
    run_flush_waiters(f);
}

static int64_t next_flush(const struct flow *f)
{
    struct link *k = list_first(&f->dirty);
    if (can_waiter_run(f) || (is_flush_due(f) && !f->is_flushing))
        return f->now_ms;
    if (k == NULL || f->is_flushing)
        return TIME_NEVER;
    int64_t at_ms = list_first(&f->flush_waiters) != NULL || f->state == FLOW_DRAINING
                        ? f->now_ms
                        : LINK_OWNER(k, struct entry, dirty)->dirty_at_ms + ROW_FLUSH_MS;
    return at_ms < f->flush_after_ms ? f->flush_after_ms : at_ms;
}

int64_t supervisor_next(const struct flow *f)
{
    int64_t at_ms = next_flush(f);
    struct heap_entry *first = heap_first(&f->wakes);
    bool is_waking = f->state == FLOW_READY && !f->config.is_still && guest_may_wake(f);
    if (is_waking && first != NULL)
        at_ms = time_min(at_ms, first->at_ms);
    if (is_waking && !f->is_window_asked && !f->is_shared)
        at_ms = time_min(at_ms, f->window_next_ms);
    return at_ms;
}
