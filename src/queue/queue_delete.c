/* What a worker does with a receipt: delete the message, or change how long it is hidden. Before it
 * stand the doors; after it, for a foreign message, the store, and for a task message that nobody
 * answered, the engine, which records it. It must not answer before that is durable. */
#include "queue/queue_local_int.h"

#include <stdlib.h>
#include <string.h>

struct reading {
    struct queue_local *q;
    struct slice text;
    struct receipt receipt;
    bool is_receipt;
};

static void read_receipt(void *context)
{
    struct reading *r = context;
    r->is_receipt = receipt_read(&r->q->scratch, r->text, &r->receipt);
}

/* ERR_INVALID: not a receipt of this queue. Its texts live in the scratch arena. */
static enum err take(struct queue_local *q, struct slice queue, struct slice text,
                     struct receipt *out)
{
    struct reading r = {.q = q, .text = text};
    if (!q->is_ready)
        return ERR_OVERLOAD;
    if (queue_find_open(q, queue) == NULL)
        return ERR_UNKNOWN_QUEUE;
    if (!scratch_run(q, read_receipt, &r))
        return ERR_MEMORY;
    *out = r.receipt;
    return r.is_receipt && slice_eq(r.receipt.queue, queue) ? ERR_NONE : ERR_INVALID;
}

/* --- deleting --- */

struct removal { /* of a task message: until the engine has recorded it */
    struct link link;
    struct queue_local *local;
    queue_front_done *done;
    void *context;
    uint64_t serial;
    size_t key_len;
    char key[];
};

static void take_deleted(void *context, enum err err)
{
    struct removal *r = context;
    struct queue_local *q = r->local;
    struct message *m = map_find(&q->tasks, (struct slice){r->key, r->key_len});
    if (err == ERR_NOT_FOUND)
        err = ERR_NONE; /* nothing of it is left to delete */
    if (m != NULL && m->serial == r->serial) {
        if (err == ERR_NONE)
            message_free(q, m);
        else
            message_undo_delete(q, m);
    }
    list_remove(&q->removals, &r->link);
    r->done(r->context, err, slice_of(err_text(err)));
    free(r);
}

static void remove_task(struct queue_local *q, struct message *m, queue_front_done *done,
                        void *context)
{
    struct removal *r = calloc(1, sizeof *r + m->key.len);
    if (r == NULL) {
        done(context, ERR_MEMORY, slice_of(err_text(ERR_MEMORY)));
        return;
    }
    r->local = q;
    r->done = done;
    r->context = context;
    r->serial = m->serial;
    r->key_len = m->key.len;
    memcpy(r->key, m->key.at, m->key.len);
    list_append(&q->removals, &r->link);
    message_begin_delete(q, m);
    q->engine.deleted(q->engine.context, &m->name, take_deleted, r);
}

void receipt_free_removals(struct queue_local *q)
{
    struct link *k;
    while ((k = list_take(&q->removals)) != NULL)
        free(LINK_OWNER(k, struct removal, link));
}

static void remove_foreign(struct queue_local *q, struct work_queue *w, struct slice id,
                           queue_front_done *done, void *context)
{
    struct message *m = map_find(&w->foreign, id);
    if (!foreign_delete(q, w, id, done, context))
        done(context, ERR_MEMORY, slice_of(err_text(ERR_MEMORY)));
    else if (m != NULL)
        message_begin_delete(q, m);
}

void receipt_remove(struct queue_front *f, struct slice queue, struct slice receipt,
                    queue_front_done *done, void *context)
{
    struct queue_local *q = local_of_front(f);
    struct receipt r;
    enum err err = take(q, queue, receipt, &r);
    if (err != ERR_NONE) {
        done(context, err, slice_of(err_text(err)));
        return;
    }
    struct work_queue *w = queue_find_open(q, queue);
    struct message *m = receipt_find(q, w, &r);
    /* From before a restart, and stored but not read since: nobody else has received it. */
    bool is_stored = !r.is_task && r.nonce != q->nonce && map_find(&w->foreign, r.id) == NULL;
    if (m != NULL && m->is_task)
        remove_task(q, m, done, context);
    else if (m != NULL || is_stored)
        remove_foreign(q, w, r.id, done, context);
    else
        done(context, ERR_NONE, SLICE_NONE);
}

/* --- visibility --- */

enum err receipt_set_visibility(struct queue_front *f, struct slice queue, struct slice receipt,
                                int64_t visibility_ms)
{
    struct queue_local *q = local_of_front(f);
    struct receipt r;
    enum err err = take(q, queue, receipt, &r);
    if (err != ERR_NONE)
        return err;
    struct message *m = receipt_find(q, queue_find_open(q, queue), &r);
    if (m == NULL || m->state != MESSAGE_IN_FLIGHT || r.nonce != q->nonce)
        return ERR_REFUSED;
    int64_t until_ms = time_add(q->now_ms, visibility_ms);
    if (until_ms > time_add(m->received_at_ms, QUEUE_VISIBILITY_S_MAX * 1000LL))
        return ERR_TOO_LARGE;
    if (visibility_ms > 0)
        m->hides_ms = visibility_ms; /* a later sign of life hides it as long */
    message_hide(q, m, until_ms);
    return ERR_NONE;
}
