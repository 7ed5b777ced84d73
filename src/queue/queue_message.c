/* One message: made, moved between its states, forgotten; and its receipts. Whoever offers, sends,
 * receives or deletes comes here; after it stand only lists and the heap. It must keep the counts
 * of its queue true, so that every change of state goes through message_set_state. */
#include "queue/queue_local_int.h"

#include "base/hash.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- names --- */

static bool add_piece(struct task_key *key, struct slice s)
{
    if (s.len > KEY_BYTES_LIMIT - key->len)
        return false;
    if (s.len > 0)
        memcpy(key->bytes + key->len, s.at, s.len);
    key->len += s.len;
    return true;
}

/* "item\ninstance\ntask" */
bool key_make(struct task_key *key, const struct queue_message *m)
{
    key->len = (size_t)snprintf(key->bytes, sizeof key->bytes, "%" PRId64 "\n", m->item);
    return add_piece(key, m->instance) && add_piece(key, SLICE("\n")) && add_piece(key, m->task);
}

struct message *message_find(struct queue_local *q, const struct queue_message *m)
{
    struct task_key key;
    if (!key_make(&key, m))
        return NULL;
    return map_find(&q->tasks, (struct slice){key.bytes, key.len});
}

void message_write_id(const struct message *m, char out[HASH_ID_CHARS])
{
    char text[KEY_BYTES_LIMIT + 64];
    uint8_t digest[SHA256_BYTES];
    int len = snprintf(text, sizeof text, "%" PRId64 "\n%" PRId64 "\n%.*s", m->name.generation,
                       m->name.attempt, SLICE_ARG(m->key));
    assert(len > 0 && (size_t)len < sizeof text);
    hash_sha256((struct slice){text, (size_t)len}, digest);
    hash_id(digest, out);
}

/* --- making and forgetting --- */

static struct message *make(struct queue_local *q, struct work_queue *w, size_t bytes)
{
    struct message *m = calloc(1, sizeof *m + bytes);
    if (m == NULL)
        return NULL;
    m->timer.kind = TIMER_MESSAGE;
    m->queue = w;
    m->state = MESSAGE_NEW;
    m->serial = ++q->serials;
    if (heap_put(&q->times, &m->timer.entry, TIME_NEVER, m->serial) != ERR_NONE) {
        free(m);
        return NULL;
    }
    return m;
}

static struct message *give_up(struct queue_local *q, struct message *m)
{
    heap_remove(&q->times, &m->timer.entry);
    free(m);
    return NULL;
}

struct message *message_make_task(struct queue_local *q, struct work_queue *w,
                                  const struct queue_message *from)
{
    struct task_key key;
    bool is_short = key_make(&key, from);
    assert(is_short); /* the engine's names are */
    struct message *m = make(q, w, key.len);
    if (m == NULL)
        return NULL;
    memcpy(m->bytes, key.bytes, key.len);
    m->key = (struct slice){m->bytes, key.len};
    m->is_task = true;
    m->name = *from;
    m->name.queue = w->name;
    struct slice rest, item;
    slice_cut(m->key, '\n', &item, &rest);
    m->name.instance = (struct slice){rest.at, from->instance.len};
    m->name.task = (struct slice){rest.at + from->instance.len + 1, from->task.len};
    m->sent_at_ms = from->visible_at_ms > 0 ? from->visible_at_ms : q->now_ms;
    return map_put(&q->tasks, m->key, m) == ERR_NONE ? m : give_up(q, m);
}

static struct slice put_bytes(struct message *m, size_t *used, struct slice s)
{
    struct slice copy = {m->bytes + *used, s.len};
    if (s.at == NULL)
        return SLICE_NONE;
    if (s.len > 0)
        memcpy(m->bytes + *used, s.at, s.len);
    *used += s.len;
    return copy;
}

struct message *message_make_foreign(struct queue_local *q, struct work_queue *w,
                                     const struct store_message *from)
{
    size_t used = 0, bytes = from->id.len + from->body.len + from->attributes.len;
    struct message *m = make(q, w, bytes);
    if (m == NULL)
        return NULL;
    m->key = put_bytes(m, &used, from->id);
    m->body = put_bytes(m, &used, from->body);
    m->attributes = put_bytes(m, &used, from->attributes);
    m->sent_at_ms = from->sent_at_ms;
    m->visible_at_ms = from->visible_at_ms;
    if (map_put(&w->foreign, m->key, m) != ERR_NONE)
        return give_up(q, m);
    list_append(&w->ages, &m->age);
    w->foreign_bytes += used;
    q->foreign_bytes += used;
    return m;
}

void message_free(struct queue_local *q, struct message *m)
{
    struct work_queue *w = m->queue;
    message_set_state(q, m, MESSAGE_GONE);
    heap_remove(&q->times, &m->timer.entry);
    if (m->is_task) {
        map_remove(&q->tasks, m->key);
    } else {
        size_t bytes = m->key.len + m->body.len + m->attributes.len;
        map_remove(&w->foreign, m->key);
        list_remove(&w->ages, &m->age);
        w->foreign_bytes -= bytes;
        q->foreign_bytes -= bytes;
    }
    free(m);
}

/* --- states --- */

static bool is_in_flight(enum message_state s)
{
    return s == MESSAGE_READING || s == MESSAGE_IN_FLIGHT || s == MESSAGE_DELETING;
}

static bool is_waiting(enum message_state s)
{
    return s == MESSAGE_VISIBLE || s == MESSAGE_DELAYED;
}

static void count(struct message *m, int64_t step)
{
    struct work_queue *w = m->queue;
    w->in_flight += is_in_flight(m->state) ? step : 0;
    w->delayed += m->state == MESSAGE_DELAYED ? step : 0;
    if (m->is_task && is_waiting(m->state))
        w->tasks_waiting += (uint32_t)step;
    if (!m->is_task && m->state == MESSAGE_VISIBLE)
        w->foreign_visible += step;
}

void message_set_state(struct queue_local *q, struct message *m, enum message_state state)
{
    count(m, -1);
    list_remove(&m->queue->visible, &m->place);
    if (m->state == MESSAGE_READING && m->slot != NULL) {
        m->slot->message = NULL;
        m->slot = NULL;
    }
    m->state = state;
    count(m, 1);
    if (state == MESSAGE_VISIBLE)
        list_append(&m->queue->visible, &m->place);
    mark_busy(q, m->queue);
}

static void set_timer(struct queue_local *q, struct message *m, int64_t at_ms)
{
    enum err e = heap_put(&q->times, &m->timer.entry, at_ms, m->serial);
    assert(e == ERR_NONE); /* it is in the heap already */
}

void message_place(struct queue_local *q, struct message *m, int64_t visible_at_ms)
{
    bool is_now = visible_at_ms <= q->now_ms;
    m->visible_at_ms = visible_at_ms;
    set_timer(q, m, is_now ? TIME_NEVER : visible_at_ms);
    message_set_state(q, m, is_now ? MESSAGE_VISIBLE : MESSAGE_DELAYED);
}

void message_hide(struct queue_local *q, struct message *m, int64_t until_ms)
{
    if (until_ms <= q->now_ms) {
        message_place(q, m, q->now_ms);
        return;
    }
    m->visible_at_ms = until_ms;
    set_timer(q, m, until_ms);
    message_set_state(q, m, MESSAGE_IN_FLIGHT);
}

void message_give_back(struct queue_local *q, struct message *m)
{
    message_set_state(q, m, MESSAGE_VISIBLE);
    list_remove(&m->queue->visible, &m->place);
    list_prepend(&m->queue->visible, &m->place);
}

void message_begin_delete(struct queue_local *q, struct message *m)
{
    set_timer(q, m, TIME_NEVER);
    message_set_state(q, m, MESSAGE_DELETING);
}

void message_undo_delete(struct queue_local *q, struct message *m)
{
    if (m->state == MESSAGE_DELETING)
        message_hide(q, m, m->visible_at_ms);
}

/* --- receipts --- */

/* A receipt names the message, which receive of it, and this life of the process, so that one from
 * before a restart is not taken for one of now. Lines; the task's name, which may hold anything, is
 * last. */
struct slice receipt_write(struct arena *a, const struct queue_local *q, const struct message *m)
{
    struct text t = text_new(a, 2 * KEY_BYTES_LIMIT);
    text_printf(&t, "%c\n%" PRIu64 "\n%" PRId64 "\n", m->is_task ? 't' : 'f', q->nonce,
                m->receives);
    text_put(&t, m->queue->name);
    if (m->is_task)
        text_printf(&t, "\n%" PRId64 "\n%" PRId64, m->name.generation, m->name.attempt);
    text_put_char(&t, '\n');
    text_put(&t, m->key);
    return base64url_encode(a, text_slice(&t));
}

static bool take_number(struct slice *rest, int64_t *out)
{
    struct slice line;
    if (rest->at == NULL)
        return false;
    slice_cut(*rest, '\n', &line, rest);
    return slice_to_int(line, out);
}

static bool take_line(struct slice *rest, struct slice *out)
{
    if (rest->at == NULL)
        return false;
    slice_cut(*rest, '\n', out, rest);
    return true;
}

static bool take_unsigned(struct slice *rest, uint64_t *out)
{
    struct slice line;
    if (!take_line(rest, &line) || line.len == 0 || line.len > 20)
        return false;
    *out = 0;
    for (size_t i = 0; i < line.len; i++) {
        if (line.at[i] < '0' || line.at[i] > '9')
            return false;
        *out = *out * 10 + (uint64_t)(line.at[i] - '0');
    }
    return true;
}

bool receipt_read(struct arena *a, struct slice text, struct receipt *out)
{
    struct slice rest, kind;
    *out = (struct receipt){0};
    if (text.len == 0 || text.len > 4 * KEY_BYTES_LIMIT || !base64url_decode(a, text, &rest) ||
        !take_line(&rest, &kind) || !take_unsigned(&rest, &out->nonce) ||
        !take_number(&rest, &out->receives) || !take_line(&rest, &out->queue))
        return false;
    out->is_task = slice_eq_text(kind, "t");
    if (!out->is_task) {
        out->id = rest;
        return slice_eq_text(kind, "f") && rest.len > 0;
    }
    struct queue_message *n = &out->name;
    if (!take_number(&rest, &n->generation) || !take_number(&rest, &n->attempt) ||
        !take_number(&rest, &n->item) || !take_line(&rest, &n->instance) || rest.len == 0)
        return false;
    n->task = rest;
    n->queue = out->queue;
    return true;
}

/* As Amazon SQS does it: the receipt of the latest receive is good, also after its visibility has
 * ended; an older one is not. After a restart one from before it is good until the message is
 * received again. */
struct message *receipt_find(struct queue_local *q, struct work_queue *w, const struct receipt *r)
{
    struct message *m = r->is_task ? message_find(q, &r->name) : map_find(&w->foreign, r->id);
    if (m == NULL || m->queue != w || m->state == MESSAGE_GONE)
        return NULL;
    if (m->is_task &&
        (m->name.generation != r->name.generation || m->name.attempt != r->name.attempt))
        return NULL;
    return r->nonce == q->nonce ? (r->receives == m->receives ? m : NULL)
                                : (m->receives == 0 ? m : NULL);
}
