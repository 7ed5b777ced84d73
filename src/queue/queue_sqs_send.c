/* Sending task messages: asks for the texts of those that are next, gathers them and sends up to
 * ten at a time. While requests of a queue are in flight its next ones gather. Before it stands
 * queue_sqs_message.c, after it calls. An answer that says nothing of a message, or none at all,
 * means that it is sent again: repeats harm nobody. */
#include "queue/queue_sqs_int.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

/* Messages of a queue whose text is in memory: those in flight and the next batch. */
#define PIPELINE ((FAR_SENDS_PER_QUEUE_MAX + 1) * QUEUE_BATCH_MAX)
#define TEXT_AGAIN_MS 1000 /* after an error of the engine */

struct batch { /* from its gathering to its answer */
    struct queue_sqs *owner;
    struct far_message *messages[QUEUE_BATCH_MAX];
    uint8_t md5[QUEUE_BATCH_MAX][16];
    uint32_t count;
};

/* --- texts --- */

static void keep_text(struct queue_sqs *q, struct far_message *m, struct slice json)
{
    m->text = malloc(json.len + 1);
    if (m->text == NULL) {
        far_message_hold(q, m, time_add(q->now_ms, TEXT_AGAIN_MS));
        return;
    }
    memcpy(m->text, json.at, json.len);
    m->text_len = json.len;
    m->state = FAR_TEXTED;
    list_append(&m->queue->texts, &m->link);
    far_queue_mark(q, m->queue);
}

static void take_text(void *context, enum err err, struct slice json)
{
    struct far_message *m = context;
    struct queue_sqs *q = m->owner;
    m->queue->asked--;
    far_queue_mark(q, m->queue);
    if (m->is_withdrawn || err == ERR_NOT_FOUND)
        far_message_end(q, m);
    else if (err != ERR_NONE)
        far_message_hold(q, m, time_add(q->now_ms, TEXT_AGAIN_MS));
    else
        keep_text(q, m, json);
}

static void ask_texts(struct queue_sqs *q, struct far_queue *w)
{
    struct link *k;
    while (w->asked + w->texts.count + w->sending < PIPELINE &&
           (k = list_take(&w->ready)) != NULL) {
        struct far_message *m = LINK_OWNER(k, struct far_message, link);
        m->state = FAR_ASKED;
        w->asked++;
        q->engine.read_message(q->engine.context, &m->name, take_text, m);
    }
}

/* Of what could not be sent only the name is kept: memory stays bounded, and what has ended
 * meanwhile is not sent at all. */
static void drop_text(struct far_message *m)
{
    free(m->text);
    m->text = NULL;
    m->text_len = 0;
}

/* --- writing a batch --- */

struct slice far_send_dedup_id(struct arena *a, const struct queue_message *m)
{
    uint8_t digest[SHA256_BYTES];
    struct text t = text_new(a, 2048);
    char *out = arena_alloc(a, HASH_ID_CHARS);
    text_put(&t, m->instance);
    text_put_char(&t, '\n');
    text_put(&t, m->task);
    text_printf(&t, "\n%lld\n%lld\n%lld", (long long)m->item, (long long)m->generation,
                (long long)m->attempt);
    hash_sha256(text_slice(&t), digest);
    hash_id(digest, out);
    return (struct slice){out, HASH_ID_CHARS};
}

static int64_t delay_s(const struct queue_sqs *q, const struct far_message *m)
{
    int64_t ms = m->name.visible_at_ms - q->now_ms;
    int64_t s = ms <= 0 ? 0 : (ms + 999) / 1000;
    return s > QUEUE_DELAY_S_MAX ? QUEUE_DELAY_S_MAX : s;
}

static void put_entry(struct json_out *o, struct batch *b, uint32_t k)
{
    const struct far_message *m = b->messages[k];
    char id[2] = {(char)('0' + k), '\0'};
    struct slice body = far_message_body(o->text.arena, (struct slice){m->text, m->text_len});
    hash_md5(body, b->md5[k]);
    json_object(o);
    json_put_text(o, "Id", id);
    json_put_string(o, "MessageBody", body);
    if (m->queue->name.is_fifo) {
        json_put_string(o, "MessageGroupId", m->name.instance);
        json_put_string(o, "MessageDeduplicationId", far_send_dedup_id(o->text.arena, &m->name));
    } else if (delay_s(b->owner, m) > 0) {
        json_put_number(o, "DelaySeconds", delay_s(b->owner, m));
    }
    json_object_end(o);
}

static void fill(struct json_out *o, const void *from)
{
    struct batch *b = (struct batch *)(uintptr_t)from;
    json_key(o, "Entries");
    json_array(o);
    for (uint32_t k = 0; k < b->count; k++)
        put_entry(o, b, k);
    json_array_end(o);
}

/* --- what became of it --- */

static void back(struct queue_sqs *q, struct far_message *m, int64_t wait_ms)
{
    drop_text(m);
    if (m->is_withdrawn)
        far_message_end(q, m);
    else if (wait_ms > 0)
        far_message_hold(q, m, time_add(q->now_ms, wait_ms));
    else
        far_message_place(q, m, true);
}

/* In the order they were in, before the others. */
static void back_all(struct queue_sqs *q, struct batch *b, int64_t wait_ms)
{
    for (uint32_t k = b->count; k > 0; k--)
        back(q, b->messages[k - 1], wait_ms);
}

static int index_of(yyjson_val *entry, const struct batch *b)
{
    struct slice id = json_get_text(entry, "Id");
    int k = id.len == 1 ? id.at[0] - '0' : -1;
    return k >= 0 && (uint32_t)k < b->count ? k : -1;
}

static bool is_whole(const struct batch *b, int k, yyjson_val *entry)
{
    uint8_t md5[16];
    return hex_decode(json_get_text(entry, "MD5OfMessageBody"), md5, sizeof md5) &&
           memcmp(md5, b->md5[k], sizeof md5) == 0;
}

static void mark_sent(struct queue_sqs *q, struct batch *b, yyjson_val *entries)
{
    yyjson_arr_iter it = yyjson_arr_iter_with(entries);
    yyjson_val *v;
    while (yyjson_is_arr(entries) && (v = yyjson_arr_iter_next(&it)) != NULL) {
        int k = index_of(v, b);
        if (k < 0 || b->messages[k] == NULL || !is_whole(b, k, v))
            continue;
        far_message_end(q, b->messages[k]);
        b->messages[k] = NULL;
    }
}

static void retry(struct queue_sqs *q, struct far_message *m, enum far_outcome outcome)
{
    m->failures++;
    back(q, m, far_backoff_ms(q, outcome, m->failures));
}

static void mark_failed(struct queue_sqs *q, struct far_call *c, struct batch *b)
{
    yyjson_val *entries = json_get(c->answer, "Failed"), *v;
    yyjson_arr_iter it = yyjson_arr_iter_with(entries);
    while (yyjson_is_arr(entries) && (v = yyjson_arr_iter_next(&it)) != NULL) {
        int k = index_of(v, b);
        bool is_ours = false;
        if (k < 0 || b->messages[k] == NULL)
            continue;
        (void)json_get_bool(v, "SenderFault", &is_ours);
        c->code = json_get_text(v, "Code");
        c->message = json_get_text(v, "Message");
        c->outcome = far_call_judge(c->code, is_ours ? 400 : 500);
        retry(q, b->messages[k], c->outcome);
        b->messages[k] = NULL;
    }
}

/* What is not mentioned may be there or not. */
static void mark_rest(struct queue_sqs *q, struct batch *b)
{
    for (uint32_t k = 0; k < b->count; k++)
        if (b->messages[k] != NULL)
            retry(q, b->messages[k], FAR_AGAIN);
}

static void fail(struct queue_sqs *q, struct far_call *c, struct batch *b)
{
    struct far_queue *w = c->queue;
    back_all(q, b, 0);
    if (c->outcome == FAR_NO_QUEUE)
        far_queue_forget_url(w);
    if (c->outcome == FAR_TOO_LONG && w->batch_bytes_max > FAR_OLD_BATCH_BYTES_MAX)
        w->batch_bytes_max = FAR_OLD_BATCH_BYTES_MAX;
    far_queue_fail(q, w, c);
}

static void unblock(struct queue_sqs *q)
{
    struct link *k;
    while ((k = list_take(&q->blocked)) != NULL)
        list_append(&q->busy, k);
}

static void sent(struct queue_sqs *q, struct far_call *c)
{
    struct batch *b = c->context;
    struct far_queue *w = c->queue;
    w->sends--;
    q->sends--;
    w->sending -= b->count;
    if (c->outcome == FAR_OK) {
        mark_sent(q, b, json_get(c->answer, "Successful"));
        mark_failed(q, c, b);
        mark_rest(q, b);
        if (c->outcome == FAR_OK)
            far_queue_works(q, w);
        else
            far_queue_note(q, w, c);
    } else {
        fail(q, c, b);
    }
    free(b);
    far_queue_mark(q, w);
    unblock(q);
}

/* --- gathering --- */

static void gather(struct far_queue *w, struct batch *b)
{
    size_t bytes = 0;
    struct link *k;
    while (b->count < QUEUE_BATCH_MAX && (k = list_first(&w->texts)) != NULL) {
        struct far_message *m = LINK_OWNER(k, struct far_message, link);
        if (b->count > 0 && bytes + m->text_len > w->batch_bytes_max)
            return;
        list_remove(&w->texts, k);
        m->state = FAR_SENDING;
        bytes += m->text_len;
        b->messages[b->count++] = m;
    }
}

static bool send_batch(struct queue_sqs *q, struct far_queue *w)
{
    struct batch *b = calloc(1, sizeof *b);
    if (b == NULL)
        return false;
    b->owner = q;
    gather(w, b);
    struct far_ask ask = {
        .action = FAR_SEND, .queue = w, .fill = fill, .from = b, .done = sent, .context = b};
    if (far_call_begin(q, &ask) == NULL) {
        back_all(q, b, TEXT_AGAIN_MS);
        free(b);
        return false;
    }
    w->sending += b->count;
    w->sends++;
    q->sends++;
    return true;
}

/* A full batch goes as soon as there is room, a smaller one when none of the queue is on its way.
 */
static bool is_due(const struct far_queue *w)
{
    return w->texts.count > 0 && w->sends < FAR_SENDS_PER_QUEUE_MAX &&
           (w->sends == 0 || w->texts.count >= QUEUE_BATCH_MAX);
}

void far_send_round(struct queue_sqs *q, struct far_queue *w)
{
    if (w->unsent == 0 || !far_queue_is_ready(q, w))
        return;
    ask_texts(q, w);
    while (is_due(w)) {
        if (q->sends >= FAR_SENDS_MAX) {
            list_remove(&q->busy, &w->busy);
            list_append(&q->blocked, &w->busy);
            return;
        }
        if (!send_batch(q, w)) {
            far_queue_wake_at(q, w, time_add(q->now_ms, TEXT_AGAIN_MS));
            return;
        }
        ask_texts(q, w);
    }
}

void far_send_close(struct queue_sqs *q)
{
    for (struct link *k = list_first(&q->calls), *next; k != NULL; k = next) {
        struct far_call *c = LINK_OWNER(k, struct far_call, link);
        next = list_after(&q->calls, k);
        if (c->action != FAR_SEND)
            continue;
        free(c->context);
        far_call_drop(c);
    }
}
