/* What the queue driver asks: the text of a message that exists, and the names of more messages
 * than it holds. A text is made from the instance's state each time, so it can't disagree with it.
 */
#include "flow/flow_int.h"

#include "core/message.h"

#include <stdlib.h>
#include <string.h>

#define REFILL_MESSAGES (QUEUE_WINDOW_MAX / 2) /* read at a time */

struct message_visit {
    struct visit visit;
    flow_message_reply *reply;
    void *context;
    int64_t generation, attempt;
    size_t task_len;
    char task[];
};

static bool is_current(const struct instance *i, int task, const struct message_visit *m)
{
    return task >= 0 && instance_has_message(i, (uint32_t)task) &&
           i->tasks[task].generation == m->generation && i->tasks[task].attempt == m->attempt;
}

static enum err write(struct flow *f, const struct instance *i, uint32_t task, struct slice *json)
{
    jmp_buf edge;
    arena_reset(&f->scratch);
    f->scratch.edge = &edge;
    if (setjmp(edge) != 0) {
        f->scratch.edge = NULL;
        return ERR_MEMORY;
    }
    *json = message_write(&f->scratch, i, task, &f->keys);
    f->scratch.edge = NULL;
    return ERR_NONE;
}

static void answer(struct flow *f, struct visit *v, struct entry *e, enum err err)
{
    struct message_visit *m = LINK_OWNER(v, struct message_visit, visit);
    struct slice json = SLICE_NONE;
    if (err == ERR_UNKNOWN_INSTANCE)
        err = ERR_NOT_FOUND;
    if (err == ERR_NONE) {
        int task = template_find_task(e->i->template, -1, (struct slice){m->task, m->task_len});
        err = is_current(e->i, task, m) ? write(f, e->i, (uint32_t)task, &json) : ERR_NOT_FOUND;
    }
    m->reply(m->context, err, json);
    free(m);
}

void flow_message(struct flow *f, const struct queue_message *q, flow_message_reply *reply,
                  void *context)
{
    struct message_visit *m = malloc(sizeof *m + q->task.len);
    struct entry *e = m == NULL ? NULL : entry_get(f, q->instance);
    if (e == NULL) {
        free(m);
        reply(context, ERR_MEMORY, SLICE_NONE);
        return;
    }
    *m = (struct message_visit){.visit = {.run = answer}, .reply = reply, .context = context};
    m->generation = q->generation;
    m->attempt = q->attempt;
    m->task_len = q->task.len;
    memcpy(m->task, q->task.at, q->task.len);
    entry_visit(f, e, &m->visit);
}

/* --- more than the driver holds --- */

/* How far the rows of a queue have been offered. What is in flight is still among them, so that
 * each refill goes on from here and not from the start. */
struct place {
    size_t queue_len, cursor_len;
    char bytes[]; /* the queue's name, then the store's cursor */
};

static struct slice queue_of(const struct place *p)
{
    return (struct slice){p->bytes, p->queue_len};
}

static struct slice find_cursor(const struct flow *f, struct slice queue)
{
    const struct place *p = map_find(&f->places, queue);
    return p == NULL ? SLICE_NONE : (struct slice){p->bytes + p->queue_len, p->cursor_len};
}

static void forget_place(struct flow *f, struct slice queue)
{
    free(map_remove(&f->places, queue));
}

/* Where memory is short the next refill begins at the start again. */
static void keep_place(struct flow *f, struct slice queue, struct slice cursor)
{
    forget_place(f, queue);
    struct place *p = malloc(sizeof *p + queue.len + cursor.len);
    if (p == NULL)
        return;
    p->queue_len = queue.len;
    p->cursor_len = cursor.len;
    memcpy(p->bytes, queue.at, queue.len);
    memcpy(p->bytes + queue.len, cursor.at, cursor.len);
    if (map_put(&f->places, queue_of(p), p) != ERR_NONE)
        free(p);
}

void messages_drop(struct flow *f)
{
    size_t cursor = 0;
    struct place *p;
    while ((p = map_next(&f->places, &cursor)) != NULL)
        free(p);
}

struct refill {
    struct visit visit;
    flow_refill_reply *reply;
    void *context;
    size_t queue_len;
    char queue[];
};

static void finish(struct refill *r, enum err err, bool has_more)
{
    r->reply(r->context, err, has_more);
    free(r);
}

/* False: the driver holds no more now. */
static bool offer_all(struct flow *f, const struct store_request *r)
{
    for (uint32_t k = 0; k < r->ready_count && f->config.queue != NULL; k++) {
        const struct store_ready *x = &r->ready[k];
        struct queue_message m = {.queue = x->queue, .instance = x->instance, .task = x->task};
        m.item = x->item;
        m.generation = x->generation;
        m.attempt = x->attempt;
        m.visible_at_ms = x->at_ms;
        m.visibility_ms = x->visibility_ms;
        if (f->config.queue->ops->offer(f->config.queue, &m) != ERR_NONE)
            return false;
    }
    return true;
}

/* Names from rows that were just written, so they are as new as what was acknowledged. What the
 * driver has already, or what has ended since, changes nothing. */
static void ready_read(struct flow *f, struct ask *q)
{
    struct refill *r = q->context;
    struct slice queue = {r->queue, r->queue_len};
    bool is_all = q->r.err == ERR_NONE && offer_all(f, &q->r);
    bool has_more = q->r.err == ERR_NONE && (!is_all || q->r.next.at != NULL);
    if (is_all && has_more)
        keep_place(f, queue, q->r.next);
    else if (is_all || q->r.err != ERR_NONE)
        forget_place(f, queue);
    finish(r, q->r.err, has_more);
}

static bool fill(struct flow *f, struct ask *q, struct refill *r)
{
    jmp_buf edge;
    q->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    q->r.id = (struct slice){r->queue, r->queue_len};
    q->r.after = slice_copy(&q->arena, find_cursor(f, q->r.id));
    q->r.limit = REFILL_MESSAGES;
    q->context = r;
    q->arena.edge = NULL;
    return true;
}

static void flushed(struct flow *f, struct visit *v, struct entry *e, enum err err)
{
    struct refill *r = LINK_OWNER(v, struct refill, visit);
    struct ask *q = err == ERR_NONE ? ask_new(f, STORE_READY, ready_read) : NULL;
    (void)e;
    if (q != NULL && fill(f, q, r)) {
        ask_submit(f, q);
        return;
    }
    if (q != NULL)
        ask_free(q);
    finish(r, err == ERR_NONE ? ERR_MEMORY : err, false);
}

void flow_refill(struct flow *f, struct slice queue, flow_refill_reply *reply, void *context)
{
    struct refill *r = malloc(sizeof *r + queue.len);
    if (r == NULL) {
        reply(context, ERR_MEMORY, false);
        return;
    }
    *r = (struct refill){.visit = {.run = flushed}, .reply = reply, .context = context};
    r->queue_len = queue.len;
    memcpy(r->queue, queue.at, queue.len);
    rows_flush(f, &r->visit);
}
