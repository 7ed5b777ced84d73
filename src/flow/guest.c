/* A node that works only while somebody wants something of it, as in AWS Lambda: between two visits
 * nothing of it runs. While a visit may write, it is among the nodes like any other, so that what
 * it leaves unfinished when it is cut off is finished by others. When all of it is done it leaves
 * them, which is why it may sleep as long as it likes: nothing of its own is outstanding, and it
 * owns no wake-up. Those are looked after by a visit that comes regularly, the tick; what is due
 * before the next one is told to the queue as a reminder, which may get lost or come twice. */
#include "flow/cluster_int.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define TICK_SLACK_MS 5000 /* a tick may come so much later than it should */
#define EARLY_MS 2000      /* a reminder may come so much too early */

static bool is_visited(const struct flow *f, enum flow_visit what)
{
    return f->config.is_guest && f->guest.is_in && f->guest.what >= what;
}

bool guest_may_wake(const struct flow *f)
{
    return !f->config.is_guest || is_visited(f, FLOW_WRITES);
}

bool guest_may_tidy(const struct flow *f)
{
    return !f->config.is_guest || is_visited(f, FLOW_TICKS);
}

/* --- coming --- */

void flow_enter(struct flow *f, int64_t now_ms, enum flow_visit what)
{
    struct guest *g = &f->guest;
    if (now_ms > f->now_ms)
        f->now_ms = now_ms;
    g->is_in = true;
    g->what = what;
    g->is_tick_due = what == FLOW_TICKS;
    f->cluster->beat_at_ms = f->now_ms;
    f->cluster->take_over_at_ms = f->now_ms;
    f->retention.at_ms = f->moved.at_ms = f->now_ms;
    g->is_old = f->now_ms >= g->fresh_at_ms + FRESH_MS;
    if (!g->is_old)
        return;
    g->fresh_at_ms = f->now_ms;
    catalog_refresh(f);
    if (!f->access.is_reading)
        access_load(f);
}

bool flow_is_fresh(const struct flow *f)
{
    return !f->guest.is_old || (!f->is_catalog_asked && !f->access.is_reading);
}

/* --- the tick --- */

struct waking {
    struct visit visit;
};

static void wake_here(struct flow *f, struct visit *v, struct entry *e, enum err err)
{
    struct waking *w = LINK_OWNER(v, struct waking, visit);
    free(w);
    if (e == NULL || err != ERR_NONE)
        return;
    e->is_ours = true;
    supervisor_note(f, e);
}

static void wake(struct flow *f, struct slice id)
{
    struct waking *w = malloc(sizeof *w);
    struct entry *e = w == NULL ? NULL : entry_get(f, id);
    if (e == NULL) {
        free(w);
        return; /* memory is short: the next tick finds it again */
    }
    w->visit = (struct visit){.run = wake_here};
    entry_visit_fresh(f, e, &w->visit);
}

static bool remind(struct flow *f, struct slice id, int64_t at_ms)
{
    const struct queue *q = f->config.queue;
    return q != NULL && q->ops->remind != NULL &&
           q->ops->remind(f->config.queue, id, at_ms) == ERR_NONE;
}

/* Servers that share the store wake their own, in time. */
static bool is_watched(const struct flow *f, const struct store_row *row)
{
    return f->now_ms < row->wake_at_ms + NODE_SILENT_MS && cluster_is_watching(f, row->node);
}

/* Some are woken here; where there are many the rest goes to others of our kind. */
static void due_read(struct flow *f, struct ask *q)
{
    uint32_t woken = 0;
    f->guest.is_due_asked = false;
    if (q->r.err != ERR_NONE)
        log_line(LOG_WARN, "flow", "what is due could not be read: %s", err_text(q->r.err));
    for (uint32_t k = 0; k < q->r.row_count && q->r.err == ERR_NONE; k++) {
        const struct store_row *row = &q->r.rows[k];
        bool is_due = row->wake_at_ms <= f->now_ms;
        if (is_watched(f, row))
            continue;
        if ((is_due && woken < TICK_WAKES_MAX) ||
            (!remind(f, row->id, row->wake_at_ms) && is_due)) {
            wake(f, row->id);
            woken++;
        }
    }
}

static void ask_due(struct flow *f)
{
    struct ask *q = ask_new(f, STORE_DUE, due_read);
    f->guest.is_tick_due = false;
    if (q == NULL)
        return;
    f->guest.is_due_asked = true;
    q->r.at_ms = f->now_ms + f->config.tick_ms + TICK_SLACK_MS;
    q->r.limit = TICK_ROWS_MAX;
    ask_submit(f, q);
}

void guest_round(struct flow *f)
{
    if (f->guest.is_tick_due && f->state == FLOW_READY && cluster_is_heard(f))
        ask_due(f);
}

/* A reminder may come a moment too early; then another one is sent. */
void guest_note_early(struct flow *f, struct entry *e)
{
    int64_t at_ms = entry_is_here(e) ? instance_wake_at(e->i, f->grace_from_ms) : TIME_NEVER;
    if (f->config.is_guest && at_ms < f->now_ms + EARLY_MS)
        e->is_ours = true;
}

/* --- going --- */

static bool is_tick_over(const struct flow *f)
{
    const struct guest *g = &f->guest;
    return g->what != FLOW_TICKS ||
           (!g->is_tick_due && !g->is_due_asked && takeover_is_over(f) &&
            retention_next(f) > f->now_ms && list_first(&f->retention.removals) == NULL &&
            moved_next(f) > f->now_ms);
}

static bool has_work(const struct flow *f)
{
    struct heap_entry *first = heap_first(&f->wakes);
    bool is_due = first != NULL && first->at_ms <= f->now_ms && guest_may_wake(f);
    return is_due || list_first(&f->run) != NULL || list_first(&f->dirty) != NULL ||
           list_first(&f->unsent) != NULL || list_first(&f->sys_pending) != NULL ||
           list_first(&f->applies) != NULL || list_first(&f->imports) != NULL;
}

bool flow_is_settled(const struct flow *f)
{
    return flow_is_quiet(f) && relay_unsent_pos(f) == UINT64_MAX && !has_work(f) && is_tick_over(f);
}

/* What is due before the next tick is told; from here on nothing is this node's to wake. */
static void give_up_wakes(struct flow *f)
{
    struct heap_entry *first;
    int64_t until_ms = f->now_ms + f->config.tick_ms + TICK_SLACK_MS;
    while ((first = heap_first(&f->wakes)) != NULL && first->tie != UINT64_MAX) {
        struct entry *e = LINK_OWNER(first, struct entry, wake);
        if (first->at_ms <= until_ms)
            (void)remind(f, e->id, first->at_ms); /* else the tick */
        heap_remove(&f->wakes, &e->wake);
        e->is_ours = false;
    }
}

static void left(struct flow *f, struct ask *q)
{
    (void)q; /* at worst the others find a node that has left nothing behind */
    f->guest.is_leaving = false;
}

void flow_leave(struct flow *f)
{
    bool was_present = f->cluster->heard_at_ms != 0;
    struct ask *q = was_present ? ask_new(f, STORE_NODE_DROP, left) : NULL;
    give_up_wakes(f);
    f->guest.is_in = false;
    f->cluster->heard_at_ms = 0;
    if (q == NULL)
        return;
    f->guest.is_leaving = true;
    q->r.id = f->config.node;
    ask_submit(f, q);
}

bool flow_has_left(const struct flow *f)
{
    return !f->guest.is_leaving;
}
