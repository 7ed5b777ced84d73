/* Receives: what is visible is picked, its text asked for, and handed over if the client is still
 * there; else the receive waits. Before it stand the doors, after it the engine, which knows the
 * texts. A message must never be hidden for a client that does not get it, and every receive is
 * answered once or cancelled. */
#include "queue/queue_local_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- the life of a receive --- */

static struct slice handle_key(const uint64_t *handle)
{
    return (struct slice){(const char *)handle, sizeof *handle};
}

struct poll *poll_make(struct queue_local *q, struct work_queue *w, uint32_t max, int64_t until_ms)
{
    struct poll *p = calloc(1, sizeof *p + max * sizeof p->slots[0]);
    if (p == NULL)
        return NULL;
    p->timer.kind = TIMER_POLL;
    p->local = q;
    p->queue = w;
    p->max = max;
    p->until_ms = until_ms;
    p->handle = ++q->serials;
    if (heap_put(&q->times, &p->timer.entry, until_ms, p->handle) != ERR_NONE ||
        map_put(&q->polls, handle_key(&p->handle), p) != ERR_NONE) {
        heap_remove(&q->times, &p->timer.entry);
        free(p);
        return NULL;
    }
    return p;
}

void poll_free(struct queue_local *q, struct poll *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->slots[i].message != NULL)
            p->slots[i].message->slot = NULL;
        free(p->slots[i].text);
    }
    if (p->is_parked)
        list_remove(&p->queue->polls, &p->link);
    else
        list_remove(&q->picking, &p->link);
    heap_remove(&q->times, &p->timer.entry);
    map_remove(&q->polls, handle_key(&p->handle));
    free(p);
}

/* Answers without messages, and ends it. */
static void answer(struct queue_local *q, struct poll *p, enum err err)
{
    queue_front_received *reply = p->receive.reply;
    void *context = p->receive.context;
    poll_free(q, p);
    reply(context, err, NULL, 0);
}

static void park(struct queue_local *q, struct poll *p, bool is_first)
{
    p->is_parked = true;
    if (is_first)
        list_prepend(&p->queue->polls, &p->link);
    else
        list_append(&p->queue->polls, &p->link);
    mark_busy(q, p->queue);
}

static bool is_there(const struct poll *p)
{
    return p->receive.is_connected == NULL || p->receive.is_connected(p->receive.context);
}

static void give_back_all(struct queue_local *q, struct poll *p)
{
    for (uint32_t i = p->count; i > 0; i--) {
        if (p->slots[i - 1].message != NULL)
            message_give_back(q, p->slots[i - 1].message);
    }
}

/* --- handing over --- */

static void write_delivery(struct poll_slot *slot)
{
    struct queue_local *q = slot->poll->local;
    const struct message *m = slot->message;
    struct queue_delivery *d = &slot->delivery;
    d->receipt = receipt_write(&q->scratch, q, m);
    d->sent_at_ms = m->sent_at_ms;
    d->first_received_at_ms = m->first_received_at_ms;
    d->receives = m->receives;
    d->is_task = m->is_task;
    if (m->is_task) {
        message_write_id(m, slot->id);
        d->id = (struct slice){slot->id, HASH_ID_CHARS};
    } else {
        d->id = m->key;
        d->body = m->body;
        d->attributes = m->attributes;
    }
}

static void write_deliveries(void *context)
{
    struct poll *p = context;
    for (uint32_t i = 0; i < p->count; i++)
        write_delivery(&p->slots[i]);
}

static void count_receive(struct queue_local *q, struct poll *p, int64_t step)
{
    for (uint32_t i = 0; i < p->count; i++) {
        struct message *m = p->slots[i].message;
        m->receives += step;
        if (m->receives == 1 && step > 0)
            m->first_received_at_ms = q->now_ms;
        else if (m->receives == 0)
            m->first_received_at_ms = 0;
    }
}

static int64_t hides_ms(const struct poll *p, const struct message *m)
{
    if (p->receive.visibility_ms >= 0)
        return p->receive.visibility_ms;
    if (m->is_task && m->name.visibility_ms > 0)
        return m->name.visibility_ms;
    return m->queue->settings.visibility_s * 1000;
}

static void hide_all(struct queue_local *q, struct poll *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        struct message *m = p->slots[i].message;
        m->received_at_ms = q->now_ms;
        m->hides_ms = hides_ms(p, m);
        message_hide(q, m, time_add(q->now_ms, m->hides_ms));
    }
}

static void hand_over(struct queue_local *q, struct poll *p)
{
    if (!is_there(p)) {
        give_back_all(q, p);
        answer(q, p, ERR_NONE);
        return;
    }
    count_receive(q, p, 1);
    if (!scratch_run(q, write_deliveries, p)) {
        count_receive(q, p, -1);
        give_back_all(q, p);
        answer(q, p, ERR_MEMORY);
        return;
    }
    hide_all(q, p);
    struct queue_delivery d[QUEUE_RECEIVES_MAX];
    for (uint32_t i = 0; i < p->count; i++)
        d[i] = p->slots[i].delivery;
    p->receive.reply(p->receive.context, ERR_NONE, d, p->count);
    poll_free(q, p);
}

/* --- picking --- */

/* What went away meanwhile or can't be read leaves the pick. */
static void settle(struct queue_local *q, struct poll *p)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        struct poll_slot *slot = &p->slots[i];
        struct message *m = slot->message;
        if (m != NULL && slot->err == ERR_NONE) {
            p->slots[kept] = *slot;
            m->slot = &p->slots[kept++];
            continue;
        }
        free(slot->text);
        if (m != NULL && slot->err == ERR_NOT_FOUND) {
            message_free(q, m);
        } else if (m != NULL) {
            p->err = slot->err;
            message_place(q, m, time_add(q->now_ms, RETRY_MS));
        }
    }
    p->count = kept;
}

/* Nothing of what was picked is left. */
static void go_on(struct queue_local *q, struct poll *p)
{
    if (p->queue == NULL) {
        answer(q, p, ERR_UNKNOWN_QUEUE);
        return;
    }
    bool is_over = p->until_ms <= q->now_ms || q->is_draining;
    if (is_over && (p->queue->visible.count == 0 || p->is_last)) {
        answer(q, p, p->err);
        return;
    }
    p->is_last = is_over;
    list_remove(&q->picking, &p->link);
    park(q, p, true);
}

static void finish(struct queue_local *q, struct poll *p)
{
    if (p->is_peek) {
        peek_finish(q, p);
        return;
    }
    if (p->is_cancelled) {
        poll_free(q, p);
        return;
    }
    settle(q, p);
    if (p->count > 0)
        hand_over(q, p);
    else
        go_on(q, p);
}

static void take_text(void *context, enum err err, struct slice json)
{
    struct poll_slot *slot = context;
    struct poll *p = slot->poll;
    char *text = err == ERR_NONE ? malloc(json.len + 1) : NULL;
    slot->err = err == ERR_NONE && text == NULL ? ERR_MEMORY : err;
    if (text != NULL && json.len > 0)
        memcpy(text, json.at, json.len);
    free(slot->text);
    slot->text = text;
    slot->delivery.body = (struct slice){text, json.len};
    if (--p->outstanding == 0)
        finish(p->local, p);
}

void poll_ask(struct poll_slot *slot, const struct queue_message *m)
{
    struct queue_local *q = slot->poll->local;
    slot->poll->outstanding++;
    q->engine.read_message(q->engine.context, m, take_text, slot);
}

void poll_asked(struct poll *p)
{
    if (--p->outstanding == 0)
        finish(p->local, p);
}

/* Answers may come at once: nothing is finished before all have been asked for. */
static void ask(struct poll *p)
{
    p->outstanding = 1;
    for (uint32_t i = 0; i < p->count; i++) {
        const struct message *m = p->slots[i].message;
        if (m != NULL && m->is_task)
            poll_ask(&p->slots[i], &m->name);
    }
    poll_asked(p);
}

static void pick(struct queue_local *q, struct poll *p)
{
    struct work_queue *w = p->queue;
    struct link *first;
    p->is_parked = false;
    p->count = 0;
    list_append(&q->picking, &p->link);
    size_t bytes = 0;
    while (p->count < p->max && w->in_flight < QUEUE_INFLIGHT_MAX &&
           (first = list_first(&w->visible)) != NULL) {
        struct message *m = LINK_OWNER(first, struct message, place);
        bytes += m->body.len + m->attributes.len;
        if (bytes > RECEIVE_BYTES_MAX && p->count > 0)
            break;
        struct poll_slot *slot = &p->slots[p->count++];
        *slot = (struct poll_slot){.poll = p, .message = m};
        message_set_state(q, m, MESSAGE_READING);
        m->slot = slot;
    }
    ask(p);
}

static bool can_pick(const struct work_queue *w)
{
    return w->visible.count > 0 && w->in_flight < QUEUE_INFLIGHT_MAX;
}

void poll_serve(struct queue_local *q, struct work_queue *w)
{
    struct link *first;
    while ((first = list_first(&w->polls)) != NULL) {
        struct poll *p = LINK_OWNER(first, struct poll, link);
        if (!can_pick(w) && !p->is_last)
            return;
        if (!can_pick(w) || !is_there(p)) {
            answer(q, p, ERR_NONE);
            continue;
        }
        list_remove(&w->polls, &p->link);
        pick(q, p);
    }
}

/* --- from outside --- */

/* More is in flight than may be, or than memory is granted for. */
static bool is_full(const struct queue_local *q, const struct work_queue *w)
{
    bool is_starved = w->is_unread && !w->is_reading && w->in_flight > 0 && w->visible.count == 0 &&
                      !foreign_has_room(q, w, 1);
    return w->in_flight >= QUEUE_INFLIGHT_MAX || is_starved;
}

static enum err check(struct queue_local *q, const struct work_queue *w, int64_t wait_ms)
{
    if (!q->is_ready)
        return ERR_OVERLOAD;
    if (w == NULL)
        return ERR_UNKNOWN_QUEUE;
    if (queue_is_events(w->name))
        return ERR_REFUSED;
    return (wait_ms == 0 && is_full(q, w)) || q->polls.count >= LONG_POLLS_MAX ? ERR_OVERLOAD
                                                                               : ERR_NONE;
}

uint64_t poll_begin(struct queue_front *f, const struct queue_receive *r)
{
    struct queue_local *q = local_of_front(f);
    struct work_queue *w = queue_find_open(q, r->queue);
    int64_t wait_ms = r->wait_ms < 0 && w != NULL ? w->settings.wait_s * 1000 : r->wait_ms;
    if (q->is_draining)
        wait_ms = 0;
    enum err err = check(q, w, wait_ms);
    assert(r->max >= 1 && r->max <= QUEUE_RECEIVES_MAX);
    if (err == ERR_NONE)
        poll_serve(q, w); /* those who wait come first */
    struct poll *p = err == ERR_NONE ? poll_make(q, w, r->max, time_add(q->now_ms, wait_ms)) : NULL;
    if (p == NULL) {
        r->reply(r->context, err == ERR_NONE ? ERR_MEMORY : err, NULL, 0);
        return 0;
    }
    p->receive = *r;
    uint64_t handle = p->handle;
    if (can_pick(w))
        pick(q, p);
    else if (wait_ms == 0)
        answer(q, p, ERR_NONE);
    else
        park(q, p, false);
    return map_find(&q->polls, handle_key(&handle)) == NULL ? 0 : handle;
}

void poll_cancel(struct queue_front *f, uint64_t handle)
{
    struct queue_local *q = local_of_front(f);
    struct poll *p = map_find(&q->polls, handle_key(&handle));
    if (p == NULL)
        return;
    if (p->is_parked) {
        poll_free(q, p);
        return;
    }
    p->is_cancelled = true; /* texts that were asked for are still to come */
    give_back_all(q, p);
}

/* What became visible in the same round is still for it; so that it is found, it goes first. */
void poll_end(struct queue_local *q, struct poll *p)
{
    if (!p->is_parked)
        return;
    if (p->queue->visible.count == 0) {
        answer(q, p, ERR_NONE);
        return;
    }
    p->is_last = true;
    list_remove(&p->queue->polls, &p->link);
    park(q, p, true);
}

void poll_end_all(struct queue_local *q, struct work_queue *w, enum err err)
{
    struct link *k;
    while ((k = list_first(&w->polls)) != NULL)
        answer(q, LINK_OWNER(k, struct poll, link), err);
    for (k = list_first(&q->picking); k != NULL; k = list_after(&q->picking, k)) {
        struct poll *p = LINK_OWNER(k, struct poll, link);
        if (p->queue == w && err != ERR_NONE)
            p->queue = NULL;
    }
}
