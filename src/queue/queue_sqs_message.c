/* Task messages that Amazon SQS does not have yet: only their names. Before it stands the engine's
 * offer, after it queue_sqs_send.c. An attempt that is offered again is one message; a newer one
 * takes the place of an older. */
#include "queue/queue_sqs_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define KEY_SEPARATOR '\x1f'

int far_message_compare(const struct queue_message *a, const struct queue_message *b)
{
    if (a->generation != b->generation)
        return a->generation < b->generation ? -1 : 1;
    return (a->attempt > b->attempt) - (a->attempt < b->attempt);
}

size_t far_message_key_bytes(const struct queue_message *m)
{
    return m->instance.len + m->task.len + sizeof m->item + 2;
}

void far_message_write_key(char *out, const struct queue_message *m)
{
    memcpy(out, &m->item, sizeof m->item);
    out += sizeof m->item;
    memcpy(out, m->instance.at, m->instance.len);
    out += m->instance.len;
    *out++ = KEY_SEPARATOR;
    memcpy(out, m->task.at, m->task.len);
    out[m->task.len] = KEY_SEPARATOR;
}

static struct far_message *find(const struct queue_sqs *q, const struct queue_message *m)
{
    char key[1024];
    assert(far_message_key_bytes(m) <= sizeof key);
    far_message_write_key(key, m);
    return map_find(&q->messages, (struct slice){key, far_message_key_bytes(m)});
}

/* --- making and freeing --- */

static void set_texts(struct far_message *m, const struct queue_message *n, struct far_queue *w)
{
    m->name = *n;
    m->name.queue = w->text;
    m->key = (struct slice){m->bytes, far_message_key_bytes(n)};
    far_message_write_key(m->bytes, n);
    m->name.instance.at = m->bytes + sizeof n->item;
    m->name.task.at = m->name.instance.at + n->instance.len + 1;
}

static int64_t pos_of(const struct queue_message *m)
{
    bool is_told = m->pos > 0 && m->pos < (uint64_t)TIME_NEVER;
    return is_told ? (int64_t)m->pos : TIME_NEVER;
}

static struct far_message *make(struct queue_sqs *q, struct far_queue *w,
                                const struct queue_message *n)
{
    struct far_message *m = calloc(1, sizeof *m + far_message_key_bytes(n));
    if (m == NULL)
        return NULL;
    set_texts(m, n, w);
    m->queue = w;
    m->owner = q;
    m->timer.kind = FAR_TIMER_MESSAGE;
    m->offered_at_ms = q->now_ms;
    uint64_t serial = ++q->serials;
    if (heap_put(&q->times, &m->timer.entry, TIME_NEVER, serial) == ERR_NONE &&
        heap_put(&q->unsent, &m->unsent, pos_of(n), serial) == ERR_NONE &&
        map_put(&q->messages, m->key, m) == ERR_NONE) {
        w->unsent++;
        list_append(&q->all_messages, &m->all);
        return m;
    }
    heap_remove(&q->times, &m->timer.entry);
    heap_remove(&q->unsent, &m->unsent);
    free(m);
    return NULL;
}

/* It counts no more; what has its pointer still may use it. */
static void forget(struct queue_sqs *q, struct far_message *m)
{
    if (m->is_withdrawn)
        return;
    m->is_withdrawn = true;
    (void)map_remove(&q->messages, m->key);
    heap_remove(&q->times, &m->timer.entry);
    heap_remove(&q->unsent, &m->unsent);
    m->queue->unsent--;
}

static void unlink_message(struct far_message *m)
{
    if (m->state == FAR_READY)
        list_remove(&m->queue->ready, &m->link);
    else if (m->state == FAR_TEXTED)
        list_remove(&m->queue->texts, &m->link);
}

void far_message_end(struct queue_sqs *q, struct far_message *m)
{
    forget(q, m);
    unlink_message(m);
    list_remove(&q->all_messages, &m->all);
    free(m->text);
    free(m);
}

/* One that is out, for its text or to be sent, is freed when it comes back. */
static void drop(struct queue_sqs *q, struct far_message *m)
{
    if (m->state == FAR_ASKED || m->state == FAR_SENDING)
        forget(q, m);
    else
        far_message_end(q, m);
}

/* --- placing --- */

static void set_time(struct queue_sqs *q, struct far_message *m, int64_t at_ms)
{
    enum err e = heap_put(&q->times, &m->timer.entry, at_ms, m->timer.entry.tie);
    assert(e == ERR_NONE); /* it lies in the heap: it is only moved */
}

void far_message_place(struct queue_sqs *q, struct far_message *m, bool at_front)
{
    set_time(q, m, TIME_NEVER);
    m->state = FAR_READY;
    if (at_front)
        list_prepend(&m->queue->ready, &m->link);
    else
        list_append(&m->queue->ready, &m->link);
    far_queue_mark(q, m->queue);
}

void far_message_hold(struct queue_sqs *q, struct far_message *m, int64_t until_ms)
{
    m->state = FAR_HELD;
    set_time(q, m, until_ms);
}

/* Later than Amazon SQS can delay a message, and at all in a FIFO queue, it waits here. */
static void place_first(struct queue_sqs *q, struct far_message *m)
{
    int64_t delay_ms = m->queue->name.is_fifo ? 0 : QUEUE_DELAY_S_MAX * 1000;
    int64_t at_ms = m->name.visible_at_ms - delay_ms;
    if (at_ms > q->now_ms)
        far_message_hold(q, m, at_ms);
    else
        far_message_place(q, m, false);
}

/* --- what the engine tells --- */

static enum err offer_again(struct queue_sqs *q, struct far_message *m,
                            const struct queue_message *n)
{
    if (n->visibility_ms > 0)
        m->name.visibility_ms = n->visibility_ms;
    if (pos_of(n) < m->unsent.at_ms)
        return heap_put(&q->unsent, &m->unsent, pos_of(n), m->unsent.tie);
    return ERR_NONE;
}

enum err far_message_offer(struct queue_sqs *q, const struct queue_message *n)
{
    struct far_message *old = find(q, n);
    int newer = old == NULL ? 1 : far_message_compare(n, &old->name);
    if (newer == 0)
        return offer_again(q, old, n);
    if (newer < 0)
        return ERR_NONE;
    struct far_queue *w = far_queue_obtain(q, n->queue);
    if (w == NULL)
        return ERR_MEMORY;
    w->is_declared = true;
    if (w->visibility_s == 0)
        w->visibility_s = (n->visibility_ms + 999) / 1000;
    if (old != NULL)
        drop(q, old);
    struct far_message *m = make(q, w, n);
    if (m == NULL)
        return ERR_MEMORY;
    place_first(q, m);
    return ERR_NONE;
}

void far_message_withdraw(struct queue_sqs *q, const struct queue_message *n)
{
    struct far_message *m = find(q, n);
    if (m != NULL && far_message_compare(&m->name, n) <= 0)
        drop(q, m);
}

uint64_t far_message_unsent_pos(const struct queue_sqs *q)
{
    const struct heap_entry *first = heap_first(&q->unsent);
    return first == NULL || first->at_ms == TIME_NEVER ? UINT64_MAX : (uint64_t)first->at_ms;
}

void far_message_free_all(struct queue_sqs *q)
{
    struct link *k;
    while ((k = list_first(&q->all_messages)) != NULL)
        far_message_end(q, LINK_OWNER(k, struct far_message, all));
}

/* --- texts --- */

/* U+FFFE and U+FFFF may stand in JSON but not in a message. */
static bool is_forbidden(struct slice s, size_t at)
{
    return s.len - at >= 3 && memcmp(s.at + at, "\xef\xbf", 2) == 0 &&
           (unsigned char)s.at[at + 2] >= 0xbe;
}

struct slice far_message_body(struct arena *a, struct slice json)
{
    const char *found = memmem(json.at, json.len, "\xef\xbf", 2);
    struct text t = text_new(a, 2 * json.len + 1);
    if (found == NULL)
        return json;
    for (size_t k = 0; k < json.len; k++) {
        if (is_forbidden(json, k)) {
            text_put_c(&t, (unsigned char)json.at[k + 2] == 0xbe ? "\\ufffe" : "\\uffff");
            k += 2;
        } else {
            text_put_char(&t, json.at[k]);
        }
    }
    return text_slice(&t);
}
