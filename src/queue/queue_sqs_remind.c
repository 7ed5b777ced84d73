/* Reminders: delayed messages that ask for a Wake event of an instance. They are gathered until the
 * round and sent together, many instances of the same second in one message; nobody waits for them
 * and what does not come out is no loss: whoever looks for due instances finds them. Before it
 * stands the engine's offer of them, after it queue_sqs_front.c. */
#include "queue/queue_sqs_int.h"

#include <stdlib.h>
#include <string.h>

#define INSTANCES_PER_MESSAGE 100
#define MESSAGE_BYTES (INSTANCES_PER_MESSAGE * (NAME_BYTES_MAX + 40))

struct far_reminder {
    int64_t delay_s;
    size_t id_len;
    char id[NAME_BYTES_MAX];
};

struct batch { /* messages of one request */
    struct arena arena;
    struct queue_send messages[QUEUE_BATCH_MAX];
    uint32_t count;
};

enum err far_remind(struct queue_sqs *q, struct slice instance, int64_t at_ms)
{
    if (q->timers == NULL || instance.len > NAME_BYTES_MAX)
        return ERR_REFUSED;
    if (q->reminder_count == q->reminder_capacity) {
        size_t capacity = q->reminder_capacity == 0 ? 64 : 2 * q->reminder_capacity;
        struct far_reminder *grown = realloc(q->reminders, capacity * sizeof *grown);
        if (grown == NULL)
            return ERR_MEMORY;
        q->reminders = grown;
        q->reminder_capacity = capacity;
    }
    struct far_reminder *r = &q->reminders[q->reminder_count++];
    int64_t delay_s = at_ms <= q->now_ms ? 0 : (at_ms - q->now_ms + 999) / 1000;
    r->delay_s = time_min(delay_s, QUEUE_DELAY_S_MAX);
    r->id_len = instance.len;
    memcpy(r->id, instance.at, instance.len);
    return ERR_NONE;
}

static int by_delay(const void *a, const void *b)
{
    int64_t left = ((const struct far_reminder *)a)->delay_s;
    int64_t right = ((const struct far_reminder *)b)->delay_s;
    return left < right ? -1 : left > right;
}

/* A message for the first of these and those that follow it in the same second; how many. */
static size_t write_message(struct arena *a, const struct far_reminder *r, size_t count,
                            struct queue_send *out)
{
    struct json_out o = json_out_new(a, MESSAGE_BYTES);
    size_t k = 0;
    json_array(&o);
    for (; k < count && k < INSTANCES_PER_MESSAGE && r[k].delay_s == r[0].delay_s; k++) {
        json_object(&o);
        json_put_text(&o, "event", "Wake");
        json_put_string(&o, "instance", (struct slice){r[k].id, r[k].id_len});
        json_object_end(&o);
    }
    json_array_end(&o);
    *out = (struct queue_send){.body = json_out_slice(&o), .delay_ms = r[0].delay_s * 1000};
    return k;
}

static void send_batch(struct queue_sqs *q, struct batch *b)
{
    struct far_request what = {.action = FAR_SEND, .messages = b->messages, .count = b->count};
    if (b->count > 0)
        far_front_tell(q, q->timers, &what);
    b->count = 0;
    arena_reset(&b->arena);
}

static void send_all(struct queue_sqs *q, struct batch *b)
{
    for (size_t k = 0; k < q->reminder_count;) {
        k += write_message(&b->arena, &q->reminders[k], q->reminder_count - k,
                           &b->messages[b->count]);
        if (++b->count == QUEUE_BATCH_MAX)
            send_batch(q, b);
    }
    send_batch(q, b);
}

void far_remind_round(struct queue_sqs *q)
{
    struct batch b = {.count = 0};
    jmp_buf edge;
    if (q->reminder_count == 0)
        return;
    qsort(q->reminders, q->reminder_count, sizeof *q->reminders, by_delay);
    arena_init(&b.arena, WORK_BYTES_MAX);
    b.arena.edge = &edge;
    if (setjmp(edge) == 0)
        send_all(q, &b);
    arena_drop(&b.arena);
    q->reminder_count = 0;
}
