/* Task messages beyond those held: when few are left, the engine is asked to offer more. The round
 * comes here; after it stands the engine, which reads its store. A queue must never be asked for
 * twice at once, nor at every turn when nothing comes of it. */
#include "queue/queue_local_int.h"

#define LOW_WATER (QUEUE_WINDOW_MAX / 4)

static void wait_a_little(struct queue_local *q, struct work_queue *w)
{
    w->refill_at_ms = time_add(q->now_ms, RETRY_MS);
    mark_busy(q, w); /* sets its timer */
}

/* The queue lives on: what templates name is never dropped. */
static void take_refill(void *context, enum err err, bool has_more)
{
    struct work_queue *w = context;
    w->is_refilling = false;
    if (err == ERR_NONE)
        w->is_spilled = has_more || w->has_dropped;
    if (w->is_spilled && (err != ERR_NONE || w->offers_taken == w->offers_before))
        wait_a_little(w->local, w);
}

void window_top_up(struct queue_local *q, struct work_queue *w)
{
    if (!w->is_spilled || w->is_refilling || w->tasks_waiting >= LOW_WATER ||
        q->now_ms < w->refill_at_ms)
        return;
    w->is_refilling = true;
    w->has_dropped = false;
    w->offers_before = w->offers_taken;
    q->engine.refill(q->engine.context, w->name, take_refill, w);
}
