/* The built-in queues' frame: opening, the round, and what the engine tells of its task messages.
 * Before it stand the engine, which offers and withdraws, and the doors; after it the other files
 * of this room. It must not call the engine or a client while the engine is calling it: what
 * follows from an offer happens in the next round. */
#include "queue/queue_local.h"

#include "queue/queue_local_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct queue_local *local_of(struct queue *base)
{
    return (struct queue_local *)(void *)base;
}

struct queue_local *local_of_front(struct queue_front *f)
{
    return (struct queue_local *)(void *)((char *)f - offsetof(struct queue_local, front));
}

void mark_busy(struct queue_local *q, struct work_queue *w)
{
    if (!link_is_in(&w->busy))
        list_append(&q->busy, &w->busy);
}

/* --- what the engine tells --- */

/* <0: `a` is an earlier attempt than `b`. */
static int compare_attempts(const struct queue_message *a, const struct queue_message *b)
{
    if (a->generation != b->generation)
        return a->generation < b->generation ? -1 : 1;
    return (a->attempt > b->attempt) - (a->attempt < b->attempt);
}

static enum err drop_offer(struct work_queue *w)
{
    w->is_spilled = true;
    w->has_dropped = true;
    return ERR_MEMORY;
}

static enum err offer(struct queue *base, const struct queue_message *n)
{
    struct queue_local *q = local_of(base);
    struct message *old = message_find(q, n);
    int newer = old == NULL ? 1 : compare_attempts(n, &old->name);
    if (newer == 0 && n->visibility_ms > 0)
        old->name.visibility_ms = n->visibility_ms; /* a name read from a row does not state it */
    if (newer <= 0)
        return ERR_NONE;
    struct work_queue *w = queue_obtain(q, n->queue);
    if (w == NULL)
        return ERR_MEMORY;
    w->is_declared = true;
    if (old != NULL)
        message_free(q, old);
    if (w->tasks_waiting >= QUEUE_WINDOW_MAX)
        return drop_offer(w);
    struct message *m = message_make_task(q, w, n);
    if (m == NULL)
        return drop_offer(w);
    w->offers_taken++;
    message_place(q, m, n->visible_at_ms);
    return ERR_NONE;
}

static void withdraw(struct queue *base, const struct queue_message *n)
{
    struct queue_local *q = local_of(base);
    struct message *m = message_find(q, n);
    if (m != NULL && compare_attempts(&m->name, n) <= 0)
        message_free(q, m);
}

/* One that became visible again, or was so after a restart, is hidden too: its worker is alive. */
static void extend(struct queue *base, const struct queue_message *n, int64_t now_ms)
{
    struct queue_local *q = local_of(base);
    struct message *m = message_find(q, n);
    if (m == NULL || compare_attempts(&m->name, n) != 0 ||
        (m->state != MESSAGE_IN_FLIGHT && m->state != MESSAGE_VISIBLE))
        return;
    int64_t hides_ms = m->hides_ms;
    if (hides_ms == 0)
        hides_ms = n->visibility_ms > 0 ? n->visibility_ms : m->queue->settings.visibility_s * 1000;
    queue_local_set_time(q, now_ms);
    message_hide(q, m, time_add(q->now_ms, hides_ms));
}

static const struct queue_ops queue_ops = {
    .name = "built in", .offer = offer, .withdraw = withdraw, .extend = extend, .is_derived = true};

static const struct queue_front_ops front_ops = {.create = queue_create,
                                                 .set = queue_set,
                                                 .drop = queue_drop,
                                                 .purge = foreign_purge,
                                                 .info = queue_info,
                                                 .next = queue_next,
                                                 .send = foreign_send,
                                                 .receive = poll_begin,
                                                 .cancel = poll_cancel,
                                                 .remove = receipt_remove,
                                                 .set_visibility = receipt_set_visibility,
                                                 .peek = poll_peek};

/* --- the round --- */

void queue_local_set_time(struct queue_local *q, int64_t now_ms)
{
    if (now_ms > q->now_ms)
        q->now_ms = now_ms;
}

static void run_timer(struct queue_local *q, struct timer *t)
{
    enum err e = heap_put(&q->times, &t->entry, TIME_NEVER, t->entry.tie);
    assert(e == ERR_NONE);
    if (t->kind == TIMER_MESSAGE)
        message_place(q, (struct message *)(void *)t, q->now_ms);
    else if (t->kind == TIMER_POLL)
        poll_end(q, (struct poll *)(void *)t);
    else
        mark_busy(q, (struct work_queue *)(void *)t);
}

static void set_queue_timer(struct queue_local *q, struct work_queue *w)
{
    int64_t at_ms = page_next(w);
    if (w->is_spilled && !w->is_refilling && w->refill_at_ms > q->now_ms)
        at_ms = time_min(at_ms, w->refill_at_ms);
    if (w->is_unread && !w->is_reading && w->read_at_ms > q->now_ms)
        at_ms = time_min(at_ms, w->read_at_ms);
    enum err e = heap_put(&q->times, &w->timer.entry, at_ms, w->serial);
    assert(e == ERR_NONE);
}

static void run_queue(struct queue_local *q, struct work_queue *w)
{
    page_expire(q, w);
    poll_serve(q, w);
    window_top_up(q, w);
    page_top_up(q, w);
    set_queue_timer(q, w);
}

/* What a queue's turn makes busy again has its turn in the next round: no queue keeps the loop. */
void queue_local_round(struct queue_local *q, int64_t now_ms)
{
    queue_local_set_time(q, now_ms);
    struct heap_entry *first;
    while ((first = heap_first(&q->times)) != NULL && first->at_ms <= q->now_ms)
        run_timer(q, (struct timer *)(void *)first);
    for (size_t left = q->busy.count; left > 0 && q->busy.count > 0; left--)
        run_queue(q, LINK_OWNER(list_take(&q->busy), struct work_queue, busy));
}

int64_t queue_local_next(const struct queue_local *q)
{
    if (q->busy.count > 0)
        return q->now_ms;
    const struct heap_entry *first = heap_first(&q->times);
    return first == NULL ? TIME_NEVER : first->at_ms;
}

/* --- opening and closing --- */

enum err queue_local_open(const struct queue_local_config *config, struct queue_local **out)
{
    struct queue_local *q = calloc(1, sizeof *q);
    if (q == NULL)
        return ERR_MEMORY;
    q->port.ops = &queue_ops;
    q->front.ops = &front_ops;
    q->store = config->store;
    q->engine = config->engine;
    q->nonce = config->seed;
    q->now_ms = config->now_ms;
    map_init(&q->queues, config->seed);
    map_init(&q->tasks, config->seed);
    map_init(&q->polls, config->seed);
    heap_init(&q->times);
    list_init(&q->busy);
    list_init(&q->picking);
    list_init(&q->requests);
    list_init(&q->removals);
    arena_init(&q->scratch, WORK_BYTES_MAX);
    struct work_queue *events = queue_obtain(q, SLICE(QUEUE_EVENTS));
    if (events == NULL) {
        queue_local_close(q);
        return ERR_MEMORY;
    }
    events->is_declared = true;
    *out = q;
    return ERR_NONE;
}

struct queue *queue_local_queue(struct queue_local *q)
{
    return &q->port;
}

struct queue_front *queue_local_front(struct queue_local *q)
{
    return &q->front;
}

void queue_local_start(struct queue_local *q)
{
    assert(!q->is_started);
    q->is_started = true;
    struct request *r = request_make(q, STORE_QUEUES, SLICE_NONE, NULL, NULL);
    if (r == NULL) {
        q->start_error = ERR_MEMORY;
        return;
    }
    r->store.id = SLICE_NONE;
    r->finish = queue_take_rows;
    request_submit(q, r, NULL);
}

bool queue_local_is_ready(const struct queue_local *q)
{
    return q->is_ready;
}

enum err queue_local_start_error(const struct queue_local *q)
{
    return q->start_error;
}

enum err queue_local_declare(struct queue_local *q, struct slice name)
{
    struct work_queue *w = queue_obtain(q, name);
    if (w == NULL)
        return ERR_MEMORY;
    w->is_declared = true;
    return ERR_NONE;
}

void queue_local_drain(struct queue_local *q)
{
    q->is_draining = true;
    for (size_t i = 0; i < q->name_count; i++)
        poll_end_all(q, q->names[i], ERR_NONE);
}

static void free_polls(struct queue_local *q)
{
    while (q->polls.count > 0) {
        struct poll *p;
        for (size_t cursor = 0; (p = map_next(&q->polls, &cursor)) != NULL; cursor--)
            poll_free(q, p);
    }
}

void queue_local_close(struct queue_local *q)
{
    struct link *k;
    if (q == NULL)
        return;
    while ((k = list_first(&q->requests)) != NULL)
        request_free(q, LINK_OWNER(k, struct request, link));
    receipt_free_removals(q);
    free_polls(q);
    queue_free_messages(q, &q->tasks);
    while (q->name_count > 0)
        queue_free(q, q->names[q->name_count - 1]);
    free(q->names);
    map_drop(&q->queues);
    map_drop(&q->tasks);
    map_drop(&q->polls);
    heap_drop(&q->times);
    arena_drop(&q->scratch);
    free(q);
}
