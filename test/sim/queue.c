/* The queues. The built-in one holds what its engine offers until that is withdrawn. The one
 * outside knows no engine: each node asks the text of what it was offered, sends it, and hears, or
 * does not hear, that it has arrived; there a message stays until a worker deletes it, and may come
 * twice. */
#include "sim.h"

#include "base/time.h"

#include <assert.h>
#include <string.h>

#define HIDDEN_AFTER_SIGN_MS 30000
#define SEND_AGAIN_MS 200

static struct sim_node *node_of(const struct queue *q)
{
    return LINK_OWNER(q, struct sim_node, queue);
}

static struct sim_message *add_message(struct sim *s, const struct queue_message *m)
{
    assert(s->message_count < SIM_MESSAGES_MAX);
    struct sim_message *added = &s->messages[s->message_count++];
    added->queue = slice_copy(&s->arena, m->queue);
    added->instance = slice_copy(&s->arena, m->instance);
    added->task = slice_copy(&s->arena, m->task);
    return added;
}

static void show(struct sim_message *to, const struct queue_message *m)
{
    to->generation = m->generation;
    to->attempt = m->attempt;
    to->visible_at_ms = m->visible_at_ms;
    to->is_here = true;
}

/* --- built in --- */

static struct sim_message *find_message(struct sim *s, const struct queue_message *m)
{
    for (unsigned k = 0; k < s->message_count; k++)
        if (slice_eq(s->messages[k].instance, m->instance) &&
            slice_eq(s->messages[k].task, m->task))
            return &s->messages[k];
    return NULL;
}

static void check_offer(struct sim *s, const struct queue_message *m)
{
    if (!oracle_is_sent(s, m))
        sim_fail(s, "sent before the commit: instance %.*s task %.*s attempt %lld",
                 SLICE_ARG(m->instance), SLICE_ARG(m->task), (long long)m->attempt);
}

static enum err offer(struct queue *q, const struct queue_message *m)
{
    struct sim_node *n = node_of(q);
    if (nodes_verb(n, "offer"))
        return ERR_NONE;
    check_offer(n->sim, m);
    struct sim_message *known = find_message(n->sim, m);
    bool is_same = known != NULL && known->is_here && known->generation == m->generation &&
                   known->attempt == m->attempt;
    if (!is_same)
        show(known != NULL ? known : add_message(n->sim, m), m);
    return ERR_NONE;
}

static void withdraw(struct queue *q, const struct queue_message *m)
{
    struct sim_node *n = node_of(q);
    struct sim_message *known = find_message(n->sim, m);
    if (nodes_verb(n, "withdraw") || known == NULL)
        return;
    bool is_covered = known->generation < m->generation ||
                      (known->generation == m->generation && known->attempt <= m->attempt);
    if (is_covered)
        known->is_here = false;
}

static void extend(struct queue *q, const struct queue_message *m, int64_t now_ms)
{
    struct sim_message *known = find_message(node_of(q)->sim, m);
    if (known != NULL)
        known->visible_at_ms = now_ms + HIDDEN_AFTER_SIGN_MS;
}

/* --- outside: what a node has been offered and not sent --- */

static struct sim_unsent *find_unsent(struct sim_node *n, const struct queue_message *m)
{
    for (unsigned k = 0; k < n->unsent_count; k++) {
        struct sim_unsent *u = &n->unsent[k];
        if (u->state != UNSENT_FREE && u->m.attempt == m->attempt &&
            u->m.generation == m->generation && slice_eq(u->m.instance, m->instance) &&
            slice_eq(u->m.task, m->task))
            return u;
    }
    return NULL;
}

static struct sim_unsent *add_unsent(struct sim_node *n)
{
    unsigned k = 0;
    while (k < n->unsent_count && n->unsent[k].state != UNSENT_FREE)
        k++;
    assert(k < SIM_UNSENT_MAX);
    if (k == n->unsent_count)
        n->unsent_count++;
    n->unsent[k] = (struct sim_unsent){.state = UNSENT_WAITING, .stamp = ++n->stamps};
    return &n->unsent[k];
}

static enum err remind_outside(struct queue *q, struct slice instance, int64_t at_ms)
{
    struct sim_node *n = (struct sim_node *)(void *)((char *)q - offsetof(struct sim_node, queue));
    if (!nodes_verb(n, "remind"))
        nodes_remind(n->sim, instance, at_ms);
    return ERR_NONE;
}

static enum err offer_outside(struct queue *q, const struct queue_message *m)
{
    struct sim_node *n = node_of(q);
    struct sim *s = n->sim;
    if (nodes_verb(n, "offer"))
        return ERR_NONE;
    check_offer(s, m);
    if (!s->is_calm && !s->is_gentle && sim_once_in(s, 300))
        return ERR_MEMORY; /* its siblings of the same moment come again with it */
    struct sim_unsent *u = find_unsent(n, m);
    if (u != NULL && u->m.pos > m->pos)
        u->m.pos = m->pos;
    if (u != NULL)
        return ERR_NONE;
    u = add_unsent(n);
    u->m = *m;
    u->m.queue = slice_copy(&s->arena, m->queue);
    u->m.instance = slice_copy(&s->arena, m->instance);
    u->m.task = slice_copy(&s->arena, m->task);
    u->at_ms = s->now_ms > m->visible_at_ms ? s->now_ms : m->visible_at_ms;
    u->at_ms += s->is_calm ? 0 : (int64_t)sim_random(s, 30);
    return ERR_NONE;
}

static void withdraw_outside(struct queue *q, const struct queue_message *m)
{
    struct sim_node *n = node_of(q);
    if (nodes_verb(n, "withdraw"))
        return;
    for (unsigned k = 0; k < n->unsent_count; k++) {
        struct sim_unsent *u = &n->unsent[k];
        bool is_covered = u->m.generation < m->generation ||
                          (u->m.generation == m->generation && u->m.attempt <= m->attempt);
        bool is_waiting = u->state == UNSENT_WAITING || u->state == UNSENT_ASKED;
        if (is_waiting && is_covered && slice_eq(u->m.instance, m->instance) &&
            slice_eq(u->m.task, m->task))
            u->state = UNSENT_FREE;
    }
}

static void extend_outside(struct queue *q, const struct queue_message *m, int64_t now_ms)
{
    (void)q; /* it has been received: the worker extends it itself */
    (void)m;
    (void)now_ms;
}

static uint64_t unsent_pos(const struct queue *q)
{
    const struct sim_node *n = node_of(q);
    uint64_t pos = UINT64_MAX;
    for (unsigned k = 0; k < n->unsent_count; k++)
        if (n->unsent[k].state != UNSENT_FREE && n->unsent[k].m.pos < pos)
            pos = n->unsent[k].m.pos;
    return pos;
}

/* --- outside: sending --- */

struct asked {
    struct sim_node *node;
    uint64_t life;
    unsigned place, stamp;
};

static int64_t wire_ms(struct sim *s)
{
    if (s->is_calm)
        return 0;
    return (int64_t)sim_random(s, s->is_gentle || !sim_once_in(s, 20) ? 40 : 4000);
}

static void texted(void *context, enum err err, struct slice json)
{
    const struct asked *a = context;
    struct sim_node *n = a->node;
    struct sim *s = n->sim;
    struct sim_unsent *u = &n->unsent[a->place];
    yyjson_val *root;
    if (n->life != a->life || nodes_verb(n, "text") || u->stamp != a->stamp ||
        u->state != UNSENT_ASKED)
        return;
    u->state = err == ERR_NOT_FOUND ? UNSENT_FREE : UNSENT_WAITING;
    u->at_ms = s->now_ms + SEND_AGAIN_MS;
    if (err != ERR_NONE)
        return;
    arena_reset(&s->scratch);
    if (json_read(&s->scratch, json, MESSAGE_BYTES_MAX, 200, NULL, &root) != ERR_NONE) {
        sim_fail(s, "a message is not JSON");
        return;
    }
    u->token = slice_copy(&s->arena, json_get_text(root, "token"));
    u->key = slice_copy(&s->arena, json_get_text(root, "idempotency_key"));
    u->state = UNSENT_ON_WIRE;
    u->at_ms = s->now_ms + wire_ms(s);
}

static void ask_text(struct sim_node *n, unsigned place)
{
    struct sim *s = n->sim;
    struct sim_unsent *u = &n->unsent[place];
    struct asked *a = arena_alloc(&s->arena, sizeof *a);
    *a = (struct asked){n, n->life, place, u->stamp};
    u->state = UNSENT_ASKED;
    flow_message(n->flow, &u->m, texted, a);
}

static void deliver(struct sim_node *n, struct sim_unsent *u)
{
    struct sim *s = n->sim;
    unsigned copies = !s->is_calm && sim_once_in(s, 20) ? 2 : 1;
    whole_note_sent(n, u);
    for (; copies > 0; copies--) {
        struct sim_message *m = add_message(s, &u->m);
        show(m, &u->m);
        m->token = u->token;
        m->visible_at_ms = s->now_ms;
    }
}

/* A request to the queue: it arrives or not, and that is heard or not. */
static void arrive(struct sim_node *n, struct sim_unsent *u)
{
    struct sim *s = n->sim;
    bool is_cut = n->queue_cut_until_ms > s->now_ms;
    bool is_lost = !s->is_calm && (is_cut || sim_once_in(s, 40));
    bool is_unheard = !s->is_calm && !s->is_gentle && sim_once_in(s, 60);
    if (!is_lost)
        deliver(n, u);
    u->state = UNSENT_ARRIVED;
    u->is_heard = !is_lost && !is_unheard;
    u->is_sent_again |= !u->is_heard && !is_lost;
    u->at_ms = s->now_ms + wire_ms(s);
}

static void hear(struct sim *s, struct sim_unsent *u)
{
    u->state = u->is_heard ? UNSENT_FREE : UNSENT_WAITING;
    u->at_ms = s->now_ms + SEND_AGAIN_MS + (int64_t)sim_random(s, 1000);
}

static void move_on(struct sim_node *n, unsigned place)
{
    struct sim_unsent *u = &n->unsent[place];
    bool is_alive = !n->is_crashed && !nodes_is_frozen(n);
    if (u->at_ms > n->sim->now_ms || u->state == UNSENT_FREE)
        return;
    if (u->state == UNSENT_ON_WIRE)
        arrive(n, u);
    else if (u->state == UNSENT_ARRIVED && is_alive)
        hear(n->sim, u);
    else if (u->state == UNSENT_WAITING && is_alive)
        ask_text(n, place);
}

void queue_round(struct sim *s)
{
    for (unsigned i = 0; i < s->node_count && s->is_cluster; i++)
        for (unsigned k = 0; k < s->nodes[i].unsent_count; k++)
            move_on(&s->nodes[i], k);
}

int64_t queue_next(const struct sim *s)
{
    int64_t at_ms = TIME_NEVER;
    for (unsigned i = 0; i < s->node_count; i++) {
        const struct sim_node *n = &s->nodes[i];
        for (unsigned k = 0; k < n->unsent_count; k++) {
            const struct sim_unsent *u = &n->unsent[k];
            bool moves_alone = u->state == UNSENT_ON_WIRE;
            bool moves = u->state == UNSENT_ARRIVED || u->state == UNSENT_WAITING;
            if (moves_alone || (moves && !n->is_crashed && !nodes_is_frozen(n)))
                at_ms = time_min(at_ms, u->at_ms);
        }
    }
    return at_ms;
}

/* What is on the wire gets there or not. */
void queue_forget(struct sim_node *n)
{
    struct sim *s = n->sim;
    for (unsigned k = 0; k < n->unsent_count; k++)
        if (n->unsent[k].state == UNSENT_ON_WIRE && sim_once_in(s, 2))
            deliver(n, &n->unsent[k]);
    n->unsent_count = 0;
    n->is_refilling = false;
    n->refilled_at_ms = 0;
    if (!s->is_cluster)
        s->message_count = 0; /* a built-in queue is as dead as its engine */
}

void queue_attach(struct sim_node *n)
{
    static const struct queue_ops built_in = {.name = "simulated",
                                              .offer = offer,
                                              .withdraw = withdraw,
                                              .extend = extend,
                                              .is_derived = true};
    static const struct queue_ops outside = {.name = "outside",
                                             .offer = offer_outside,
                                             .withdraw = withdraw_outside,
                                             .extend = extend_outside,
                                             .remind = remind_outside,
                                             .unsent_pos = unsent_pos};
    n->queue.ops = n->sim->is_cluster ? &outside : &built_in;
}
