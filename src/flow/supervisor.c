/* The supervisor: turns "due" into events. It has no rules of its own: a wake is stepped like any
 * event and may find nothing to do.
 *
 * Wake-ups of cached instances lie in the heap as part of their entries. Those of the others are in
 * their rows; the near ones are read into the heap too, one window after another. */
#include "flow/flow_int.h"

#include <stdlib.h>
#include <string.h>

#define TEMPLATES_COUNTED 64

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

void supervisor_drop(struct flow *f)
{
    size_t cursor = 0;
    struct far_wake *w;
    heap_drop(&f->wakes);
    while ((w = map_next(&f->far_wakes, &cursor)) != NULL)
        free(w);
}

/* --- the round --- */

void supervisor_round(struct flow *f)
{
    if (f->state == FLOW_STARTING)
        return;
    bool is_waking = f->state == FLOW_READY && !f->config.is_still && guest_may_wake(f);
    if (is_waking && !f->is_shared)
        read_window(f);
    if (is_waking)
        take_due(f);
    rows_round(f);
}

int64_t supervisor_next(const struct flow *f)
{
    int64_t at_ms = rows_next(f);
    struct heap_entry *first = heap_first(&f->wakes);
    bool is_waking = f->state == FLOW_READY && !f->config.is_still && guest_may_wake(f);
    if (is_waking && first != NULL)
        at_ms = time_min(at_ms, first->at_ms);
    if (is_waking && !f->is_window_asked && !f->is_shared)
        at_ms = time_min(at_ms, f->window_next_ms);
    return at_ms;
}
