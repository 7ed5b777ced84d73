/* Those who do the tasks: they answer, twice, late, wrongly or never. A message that a worker has
 * received is hidden for a while and comes again unless it is withdrawn, or, in the queue outside,
 * deleted once the answer is acknowledged. */
#include "sim.h"

#include "base/time.h"

#include <stdio.h>
#include <string.h>

#define VISIBILITY_MS 30000

static struct slice large_output(struct sim *s)
{
    size_t bytes = PAYLOAD_INLINE_BYTES_MAX + 1 + sim_random(s, 1000);
    char *text = arena_alloc(&s->arena, bytes);
    memset(text, 'a' + (int)sim_random(s, 26), bytes);
    text[0] = text[bytes - 1] = '"';
    return (struct slice){text, bytes};
}

struct answer { /* to one message; it is deleted with the last answer, where that is due */
    struct slice token;
    unsigned message;
};

static void answer_with(struct sim *s, const struct answer *a, enum event_kind kind, int64_t in_ms)
{
    struct event e = {.kind = kind, .token = a->token};
    bool is_last = kind != EVENT_STARTED && kind != EVENT_HEARTBEAT;
    if (kind == EVENT_COMPLETED && sim_once_in(s, 20))
        e.output = large_output(s); /* stored apart, by its digest */
    else if (kind == EVENT_COMPLETED)
        e.output = actors_keep(s, "{\"n\":%lu}", (unsigned long)sim_random(s, 1000), 0);
    if (kind == EVENT_FAILED)
        e.error = sim_once_in(s, 2) ? SLICE("Busy") : SLICE("Broken");
    actors_send(s, e, in_ms, is_last ? a->message : 0);
}

static void work(struct sim *s, const struct answer *a)
{
    int64_t takes_ms = 10 + (int64_t)sim_random(s, 15000);
    uint64_t mood = s->is_calm ? 100 : sim_random(s, 100);
    if (mood < 8)
        return; /* dies */
    if (mood < 35) {
        answer_with(s, a, EVENT_STARTED, (int64_t)sim_random(s, 20));
        for (unsigned k = 1; k < 4; k++)
            answer_with(s, a, EVENT_HEARTBEAT, takes_ms * k / 4);
        if (mood < 12)
            return; /* dies, having said that it lives */
    }
    if (mood < 50)
        answer_with(s, a, EVENT_FAILED, takes_ms);
    else if (mood < 54)
        answer_with(s, a, EVENT_PENDING, takes_ms);
    else
        answer_with(s, a, EVENT_COMPLETED, takes_ms);
    if (mood > 54 && mood < 58)
        answer_with(s, a, EVENT_FAILED, takes_ms + 50); /* changes its mind */
    for (unsigned k = 0; mood == 59 && k < 2 * REPEATS_RECORDED_MAX; k++)
        answer_with(s, a, EVENT_COMPLETED, takes_ms + 60 + k); /* says it again and again */
}

/* --- built in: the engine is asked for the text --- */

struct delivery {
    struct sim_node *node;
    uint64_t life;
    struct queue_message m;
};

static void delivered(void *context, enum err err, struct slice json)
{
    struct delivery *d = context;
    struct sim_node *n = d->node;
    struct sim *s = n->sim;
    if (n->life != d->life || nodes_verb(n, "deliver") || err != ERR_NONE)
        return;
    s->deliveries++;
    if (!oracle_is_sent(s, &d->m))
        sim_fail(s, "delivered before it was committed: instance %.*s task %.*s",
                 SLICE_ARG(d->m.instance), SLICE_ARG(d->m.task));
    arena_reset(&s->scratch);
    yyjson_val *root;
    if (json_read(&s->scratch, json, MESSAGE_BYTES_MAX, 200, NULL, &root) != ERR_NONE) {
        sim_fail(s, "a message is not JSON");
        return;
    }
    struct answer a = {.token = slice_copy(&s->arena, json_get_text(root, "token"))};
    work(s, &a);
}

static void receive_built_in(struct sim_node *n, const struct sim_message *m)
{
    struct delivery *d = arena_alloc(&n->sim->arena, sizeof *d);
    *d = (struct delivery){.node = n, .life = n->life};
    d->m = (struct queue_message){.queue = m->queue,
                                  .instance = m->instance,
                                  .task = m->task,
                                  .generation = m->generation,
                                  .attempt = m->attempt};
    flow_message(n->flow, &d->m, delivered, d);
}

static void refilled(void *context, enum err err, bool has_more)
{
    struct delivery *d = context;
    struct sim_node *n = d->node;
    (void)has_more;
    if (n->life != d->life)
        return;
    n->is_refilling = false;
    n->refilled_at_ms = err == ERR_NONE ? n->sim->now_ms : 0;
}

/* After a start the messages are only in the store: each poll of an unread queue asks for them. */
static void refill(struct sim_node *n)
{
    struct sim *s = n->sim;
    if (n->is_refilling || (n->refilled_at_ms > 0 && !sim_once_in(s, 40)))
        return;
    char name[8];
    (void)snprintf(name, sizeof name, "q%u", (unsigned)sim_random(s, 4));
    n->is_refilling = true;
    struct delivery *d = arena_alloc(&s->arena, sizeof *d);
    *d = (struct delivery){.node = n, .life = n->life};
    flow_refill(n->flow, slice_of(name), refilled, d);
}

/* --- outside: the text is there --- */

static void receive_outside(struct sim *s, const struct sim_message *m)
{
    struct answer a = {m->token, (unsigned)(m - s->messages) + 1};
    s->deliveries++;
    work(s, &a);
}

static struct sim_message *find_visible(struct sim *s)
{
    while (s->is_cluster && s->first_message < s->message_count &&
           !s->messages[s->first_message].is_here)
        s->first_message++; /* what is deleted outside stays so */
    unsigned count = s->message_count - s->first_message;
    uint64_t first = sim_random(s, count);
    for (unsigned k = 0; k < count; k++) {
        struct sim_message *m = &s->messages[s->first_message + (k + first) % count];
        if (m->is_here && m->visible_at_ms <= s->now_ms)
            return m;
    }
    return NULL;
}

void workers_round(struct sim *s)
{
    struct sim_node *n = s->is_cluster ? NULL : nodes_pick(s);
    if (s->now_ms < s->next_poll_ms || s->send_count > SIM_SENDS_MAX - 200)
        return;
    s->next_poll_ms = s->now_ms + 5 + (int64_t)sim_random(s, s->is_calm ? 20 : 500);
    if (n != NULL)
        refill(n);
    struct sim_message *m = n == NULL || !n->is_crashed ? find_visible(s) : NULL;
    if (m == NULL)
        return;
    m->visible_at_ms = s->now_ms + (sim_once_in(s, 4) ? 1000 : VISIBILITY_MS);
    if (s->is_cluster)
        receive_outside(s, m);
    else if (n != NULL)
        receive_built_in(n, m);
}
