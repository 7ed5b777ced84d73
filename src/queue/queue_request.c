/* Requests to the store: made, sent, taken back. Before it stand those who need something durable
 * or read; after it the store. What a finished request means is its own `finish`. */
#include "queue/queue_local_int.h"

#include <assert.h>
#include <stdlib.h>

bool scratch_run(struct queue_local *q, void (*work)(void *context), void *context)
{
    jmp_buf edge;
    arena_reset(&q->scratch);
    q->scratch.edge = &edge;
    if (setjmp(edge) != 0) {
        q->scratch.edge = NULL;
        return false;
    }
    work(context);
    q->scratch.edge = NULL;
    return true;
}

static bool fill_guarded(struct request *r, struct slice queue,
                         void (*fill)(struct request *r, const void *from), const void *from)
{
    jmp_buf edge;
    r->arena.edge = &edge;
    if (setjmp(edge) != 0) {
        r->arena.edge = NULL;
        return false;
    }
    r->queue = slice_copy(&r->arena, queue);
    r->store.id = r->queue;
    if (fill != NULL)
        fill(r, from);
    r->arena.edge = NULL;
    return true;
}

struct request *request_make(struct queue_local *q, enum store_op op, struct slice queue,
                             void (*fill)(struct request *r, const void *from), const void *from)
{
    struct request *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    arena_init(&r->arena, WORK_BYTES_MAX);
    r->store.op = op;
    r->store.arena = &r->arena;
    r->store.owner = q;
    list_append(&q->requests, &r->link);
    if (fill_guarded(r, queue, fill, from))
        return r;
    request_free(q, r);
    return NULL;
}

void request_submit(struct queue_local *q, struct request *r, const struct work_queue *w)
{
    assert(r->finish != NULL);
    r->queue_serial = w == NULL ? 0 : w->serial;
    q->store->ops->submit(q->store, &r->store);
}

struct work_queue *request_queue(const struct queue_local *q, const struct request *r)
{
    struct work_queue *w = queue_find(q, r->queue);
    return w != NULL && w->serial == r->queue_serial ? w : NULL;
}

void request_free(struct queue_local *q, struct request *r)
{
    list_remove(&q->requests, &r->link);
    arena_drop(&r->arena);
    free(r);
}

void queue_local_stored(struct queue_local *q, struct store_request *s)
{
    struct request *r = LINK_OWNER(s, struct request, store);
    assert(s->owner == q);
    r->finish(q, r);
    request_free(q, r);
}
