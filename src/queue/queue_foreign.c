/* Messages that somebody sent, as against task messages: stored before the sender is answered, held
 * in memory as far as there is room, forgotten when the store has deleted them. Before it stand the
 * doors, after it the store and queue_page.c, which reads what was not held. It must never show a
 * message that is not stored. */
#include "queue/queue_local_int.h"

#include <assert.h>

bool foreign_has_room(const struct queue_local *q, const struct work_queue *w, size_t bytes)
{
    if (w->foreign.count == 0)
        return true;
    return w->foreign.count < QUEUE_WINDOW_MAX + (size_t)w->in_flight &&
           w->foreign_bytes + bytes <= FOREIGN_QUEUE_BYTES_MAX &&
           q->foreign_bytes + bytes <= FOREIGN_BYTES_MAX;
}

/* --- deleting --- */

/* A page that is being read may still show it: until then it is remembered. */
void foreign_forget(struct queue_local *q, struct message *m)
{
    struct work_queue *w = m->queue;
    if (!w->is_reading) {
        message_free(q, m);
        return;
    }
    message_set_state(q, m, MESSAGE_GONE);
    list_remove(&w->ages, &m->age);
    list_append(&w->ghosts, &m->age);
}

static void fill_delete(struct request *r, const void *id)
{
    r->store.messages = arena_alloc(&r->arena, sizeof *r->store.messages);
    r->store.messages[0].queue = r->queue;
    r->store.messages[0].id = slice_copy(&r->arena, *(const struct slice *)id);
    r->store.message_count = 1;
}

static void finish_delete(struct queue_local *q, struct request *r)
{
    struct work_queue *w = request_queue(q, r);
    struct message *m = w == NULL ? NULL : map_find(&w->foreign, r->store.messages[0].id);
    if (m != NULL && m->state != MESSAGE_GONE) {
        if (r->store.err == ERR_NONE)
            foreign_forget(q, m);
        else
            message_undo_delete(q, m);
    }
    r->done(r->context, r->store.err, slice_of(err_text(r->store.err)));
}

bool foreign_delete(struct queue_local *q, struct work_queue *w, struct slice id,
                    queue_front_done *done, void *context)
{
    struct request *r = request_make(q, STORE_MESSAGE_DELETE, w->name, fill_delete, &id);
    if (r == NULL)
        return false;
    r->finish = finish_delete;
    r->done = done;
    r->context = context;
    request_submit(q, r, w);
    return true;
}

void foreign_forget_all(struct queue_local *q, struct work_queue *w, uint64_t serial)
{
    struct link *k = list_first(&w->ages);
    while (k != NULL) {
        struct message *m = LINK_OWNER(k, struct message, age);
        k = list_after(&w->ages, k);
        if (m->serial < serial)
            message_free(q, m);
    }
    w->foreign_beyond = 0;
    w->is_unread = true; /* what was sent meanwhile and not held */
    mark_busy(q, w);
}

static void finish_purge(struct queue_local *q, struct request *r)
{
    struct work_queue *w = request_queue(q, r);
    if (w != NULL) {
        w->purges--;
        mark_busy(q, w);
    }
    if (w != NULL && r->store.err == ERR_NONE)
        foreign_forget_all(q, w, r->serial);
    r->done(r->context, r->store.err, slice_of(err_text(r->store.err)));
}

/* What a template's tasks are is not the purger's to decide: task messages stay. */
void foreign_purge(struct queue_front *f, struct slice name, queue_front_done *done, void *context)
{
    struct queue_local *q = local_of_front(f);
    struct work_queue *w = queue_find_open(q, name);
    if (w == NULL || !q->is_ready) {
        enum err err = q->is_ready ? ERR_UNKNOWN_QUEUE : ERR_OVERLOAD;
        done(context, err, slice_of(err_text(err)));
        return;
    }
    struct request *r = request_make(q, STORE_PURGE, w->name, NULL, NULL);
    if (r == NULL) {
        done(context, ERR_MEMORY, slice_of(err_text(ERR_MEMORY)));
        return;
    }
    r->finish = finish_purge;
    r->done = done;
    r->context = context;
    r->serial = w->purge_serial = ++q->serials;
    w->purges++;
    w->is_void = w->is_reading;
    request_submit(q, r, w);
}

/* --- sending --- */

struct sending {
    struct queue_local *q;
    struct work_queue *w;
    const struct queue_send *messages;
    uint32_t count;
};

static void fill_put(struct request *r, const void *from)
{
    const struct sending *s = from;
    r->store.messages = arena_array(&r->arena, s->count, sizeof *r->store.messages);
    r->store.message_count = s->count;
    for (uint32_t i = 0; i < s->count; i++) {
        const struct queue_send *m = &s->messages[i];
        int64_t delay_ms = m->delay_ms < 0 ? s->w->settings.delay_s * 1000 : m->delay_ms;
        struct store_message *out = &r->store.messages[i];
        out->queue = r->queue;
        out->id = slice_copy(&r->arena, m->id);
        out->body = slice_copy(&r->arena, m->body);
        if (m->attributes.at != NULL)
            out->attributes = slice_copy(&r->arena, m->attributes);
        out->sent_at_ms = s->q->now_ms;
        out->visible_at_ms = time_add(s->q->now_ms, delay_ms);
    }
}

static void leave_in_store(struct work_queue *w)
{
    w->foreign_beyond++;
    w->is_unread = true;
    w->is_sent_beyond = w->is_reading;
}

/* Where older ones are not held yet it waits behind them in the store. */
static void hold(struct queue_local *q, struct work_queue *w, const struct request *r,
                 const struct store_message *from)
{
    const struct message *known = map_find(&w->foreign, from->id);
    size_t bytes = from->id.len + from->body.len + from->attributes.len;
    struct message *m = NULL;
    if (known != NULL && known->state != MESSAGE_GONE)
        return;
    if (known == NULL && !w->is_unread && r->serial > w->purge_serial &&
        foreign_has_room(q, w, bytes))
        m = message_make_foreign(q, w, from);
    if (m == NULL)
        leave_in_store(w);
    else
        message_place(q, m, from->visible_at_ms);
}

static void finish_put(struct queue_local *q, struct request *r)
{
    struct work_queue *w = request_queue(q, r);
    for (uint32_t i = 0; w != NULL && r->store.err == ERR_NONE && i < r->store.message_count; i++)
        hold(q, w, r, &r->store.messages[i]);
    if (w != NULL)
        mark_busy(q, w);
    r->done(r->context, r->store.err, slice_of(err_text(r->store.err)));
}

static enum err check(const struct sending *s, const char **why)
{
    *why = "the server is starting";
    if (!s->q->is_ready)
        return ERR_OVERLOAD;
    *why = err_text(ERR_UNKNOWN_QUEUE);
    if (s->w == NULL)
        return ERR_UNKNOWN_QUEUE;
    *why = "what is sent to swm-events are events: POST /v1/events takes them, or the SQS protocol";
    if (queue_is_events(s->w->name))
        return ERR_REFUSED;
    *why = "the message is larger than the queue's MaximumMessageSize";
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->messages[i].body.len > (size_t)s->w->settings.size_max)
            return ERR_TOO_LARGE;
    }
    *why = "the queue is full";
    bool is_full =
        (int64_t)s->w->foreign.count + s->w->foreign_beyond + s->count > QUEUE_FOREIGN_MAX;
    return is_full ? ERR_OVERLOAD : ERR_NONE;
}

void foreign_send(struct queue_front *f, const struct queue_send *m, uint32_t count,
                  queue_front_done *done, void *context)
{
    struct queue_local *q = local_of_front(f);
    assert(count > 0);
    struct sending s = {q, queue_find_open(q, m[0].queue), m, count};
    const char *why;
    enum err err = check(&s, &why);
    if (err != ERR_NONE) {
        done(context, err, slice_of(why));
        return;
    }
    struct request *r = NULL;
    if (queue_keep(q, s.w)) /* first the queue: what comes back after a restart needs one */
        r = request_make(q, STORE_MESSAGE_PUT, s.w->name, fill_put, &s);
    if (r == NULL) {
        done(context, ERR_MEMORY, slice_of(err_text(ERR_MEMORY)));
        return;
    }
    r->finish = finish_put;
    r->done = done;
    r->context = context;
    r->serial = ++q->serials;
    request_submit(q, r, s.w);
}
