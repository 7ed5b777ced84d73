/* The engines of the cluster runner, and what stands between them and the world: a store that hands
 * each its own answers, and a queue that lies outside and only takes notes. */
#include "nodes.h"

#include "base/json.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define ROUNDS_MAX 20000
#define PATIENCE_MS 20 /* between two looks at a store with threads of its own */

/* --- the store between --- */

static struct node *node_of(struct store *s)
{
    return (struct node *)(void *)s;
}

static void submit(struct store *s, struct store_request *r)
{
    struct node *node = node_of(s);
    struct nodes *n = node->of;
    assert(n->loan_count < sizeof n->loans / sizeof *n->loans);
    n->loans[n->loan_count++] = (struct loan){r, node};
    node->lent++;
    node->under->ops->submit(node->under, r);
}

/* What is finished goes to who asked for it. */
static void sort_out(struct nodes *n, struct store_request *r)
{
    size_t k = 0;
    while (k < n->loan_count && n->loans[k].request != r)
        k++;
    assert(k < n->loan_count);
    list_append(&n->loans[k].node->done, &r->link);
    n->loans[k] = n->loans[--n->loan_count];
}

static size_t complete(struct store *s, struct store_request **done, size_t max)
{
    struct node *node = node_of(s);
    struct store_request *found[64];
    size_t count = node->under->ops->complete(node->under, found, 64);
    for (size_t k = 0; k < count; k++)
        sort_out(node->of, found[k]);
    struct link *k;
    for (count = 0; count < max && (k = list_take(&node->done)) != NULL; count++)
        done[count] = LINK_OWNER(k, struct store_request, link);
    node->lent -= count;
    return count;
}

static int no_fd(const struct store *s)
{
    (void)s;
    return -1;
}

static void close_nothing(struct store *s)
{
    (void)s;
}

static const struct store_ops store_ops = {.name = "nodes",
                                           .submit = submit,
                                           .complete = complete,
                                           .wake_fd = no_fd,
                                           .close = close_nothing,
                                           .is_shared = true};

/* --- the queue --- */

static struct node *node_with(struct queue *q)
{
    return (struct node *)(void *)((char *)q - offsetof(struct node, queue));
}

static enum err offer(struct queue *q, const struct queue_message *m)
{
    struct node *node = node_with(q);
    struct nodes *n = node->of;
    for (size_t k = 0; k < n->offer_count; k++) {
        struct offer *o = &n->offers[k];
        if (slice_eq(o->instance, m->instance) && slice_eq(o->task, m->task) &&
            o->generation == m->generation && o->attempt == m->attempt) {
            o->times++;
            return ERR_NONE;
        }
    }
    assert(n->offer_count < sizeof n->offers / sizeof *n->offers);
    n->offers[n->offer_count++] = (struct offer){.instance = slice_copy(n->arena, m->instance),
                                                 .task = slice_copy(n->arena, m->task),
                                                 .generation = m->generation,
                                                 .attempt = m->attempt,
                                                 .node = (unsigned)(node - n->node),
                                                 .times = 1};
    return ERR_NONE;
}

static void withdraw(struct queue *q, const struct queue_message *m)
{
    struct nodes *n = node_with(q)->of;
    assert(n->withdrawn_count < sizeof n->withdrawn / sizeof *n->withdrawn);
    n->withdrawn[n->withdrawn_count++] = slice_copy(n->arena, m->task);
}

static void extend(struct queue *q, const struct queue_message *m, int64_t now_ms)
{
    (void)q;
    (void)m;
    (void)now_ms;
}

static const struct queue_ops queue_ops = {
    .name = "notes", .offer = offer, .withdraw = withdraw, .extend = extend};

/* --- lives --- */

void nodes_open(struct nodes *n, struct arena *a, struct store *const under[NODES])
{
    *n = (struct nodes){.arena = a};
    for (unsigned k = 0; k <= NODES; k++) {
        struct node *node = &n->node[k];
        *node = (struct node){.store.ops = &store_ops, .queue.ops = &queue_ops, .of = n};
        node->under = under[k % NODES];
        list_init(&node->done);
    }
}

static bool is_ready(const struct nodes *n)
{
    for (unsigned k = 0; k < NODES; k++)
        if (n->node[k].flow != NULL && !flow_is_ready(n->node[k].flow))
            return false;
    return true;
}

void nodes_start(struct nodes *n, unsigned first, unsigned count, unsigned life)
{
    for (unsigned k = first; k < first + count; k++) {
        struct node *node = &n->node[k];
        char name[32];
        int len = snprintf(name, sizeof name, "%c%u", 'a' + (int)k, life);
        struct flow_config config = {.store = &node->store, .queue = &node->queue, .seed = k + 1};
        config.node = slice_copy(n->arena, (struct slice){name, (size_t)len});
        config.info = SLICE("{\"queue\":\"notes\"}");
        memset(config.fresh_key, 'a' + (int)k, sizeof config.fresh_key);
        enum err err = flow_open(&config, &node->flow);
        assert(err == ERR_NONE);
        flow_start(node->flow, n->now_ms);
    }
    nodes_rest(n, first);
    for (int k = 0; k < 20 && !is_ready(n);
         k++) { /* until those that live have seen the new ones */
        n->now_ms += 100;
        nodes_rest(n, first);
    }
    n->is_stuck |= !is_ready(n);
}

/* A store with threads of its own takes its time. */
static void wait_for_store(const struct nodes *n)
{
    struct pollfd fds[NODES];
    nfds_t count = 0;
    for (unsigned k = 0; k < NODES; k++) {
        int fd = n->node[k].under->ops->wake_fd(n->node[k].under);
        if (n->node[k].lent > 0 && fd >= 0)
            fds[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    if (count > 0)
        (void)poll(fds, count, PATIENCE_MS);
}

static void run_round(struct nodes *n, unsigned k)
{
    if (n->node[k].flow != NULL)
        flow_round(n->node[k].flow, n->now_ms);
}

void nodes_drive(struct nodes *n, unsigned node, const bool *is_done)
{
    unsigned rounds = 0;
    for (; rounds < ROUNDS_MAX && !*is_done; rounds++) {
        run_round(n, node);
        if (!*is_done && flow_next(n->node[node].flow) > n->now_ms)
            wait_for_store(n);
    }
    n->is_stuck |= rounds == ROUNDS_MAX;
}

static bool is_at_rest(const struct nodes *n)
{
    for (unsigned k = 0; k < NODES; k++)
        if (n->node[k].lent > 0)
            return false;
    return nodes_next(n) > n->now_ms;
}

void nodes_rest(struct nodes *n, unsigned first)
{
    unsigned rounds = 0;
    do {
        for (unsigned k = 0; k < NODES; k++)
            run_round(n, (first + k) % NODES);
        if (nodes_next(n) > n->now_ms)
            wait_for_store(n);
    } while (!is_at_rest(n) && ++rounds < ROUNDS_MAX);
    n->is_stuck |= rounds == ROUNDS_MAX;
}

int64_t nodes_next(const struct nodes *n)
{
    int64_t at_ms = INT64_MAX;
    for (unsigned k = 0; k < NODES; k++) {
        int64_t next_ms = n->node[k].flow == NULL ? INT64_MAX : flow_next(n->node[k].flow);
        at_ms = next_ms < at_ms ? next_ms : at_ms;
    }
    return at_ms;
}

static bool have_left(const struct nodes *n)
{
    for (unsigned k = 0; k < NODES; k++)
        if (n->node[k].flow != NULL && !flow_is_idle(n->node[k].flow))
            return false;
    return true;
}

void nodes_leave(struct nodes *n)
{
    unsigned rounds = 0;
    for (unsigned k = 0; k < NODES; k++)
        if (n->node[k].flow != NULL)
            flow_drain(n->node[k].flow);
    for (; rounds < ROUNDS_MAX && !have_left(n); rounds++) {
        for (unsigned k = 0; k < NODES; k++)
            run_round(n, k);
        wait_for_store(n);
        if (rounds % 8 == 7)
            n->now_ms += 5;
    }
    n->is_stuck |= rounds == ROUNDS_MAX;
}

void nodes_close(struct nodes *n)
{
    for (unsigned k = 0; k < NODES; k++)
        if (n->node[k].flow != NULL)
            flow_close(n->node[k].flow);
}

enum err nodes_ask(struct nodes *n, struct store_request *r)
{
    struct node *eye = &n->node[NODES];
    struct store_request *done = NULL;
    unsigned rounds = 0;
    submit(&eye->store, r);
    for (; complete(&eye->store, &done, 1) == 0 && rounds < ROUNDS_MAX; rounds++) {
        struct pollfd fd = {.fd = eye->under->ops->wake_fd(eye->under), .events = POLLIN};
        if (fd.fd >= 0)
            (void)poll(&fd, 1, PATIENCE_MS);
    }
    assert(done == r);
    return r->err;
}

/* --- messages --- */

void nodes_take_json(void *context, enum err err, struct slice json)
{
    struct nodes_reading *r = context;
    *r = (struct nodes_reading){true, err, slice_copy(r->arena, json), r->arena};
}

static bool names_offer(const struct nodes *n, struct arena *a, const struct offer *o,
                        struct slice json)
{
    const struct flow *other = n->node[(o->node + 1) % NODES].flow;
    struct token t;
    yyjson_val *root;
    return json_read(a, json, MESSAGE_BYTES_MAX, JSON_DEPTH_MAX, NULL, &root) == ERR_NONE &&
           token_decode(a, flow_token_keys(other), json_get_text(root, "token"), &t) &&
           slice_eq(t.instance, o->instance) && slice_eq(t.task, o->task) &&
           t.generation == o->generation && t.attempt == o->attempt;
}

struct slice nodes_read_messages(struct nodes *n, struct arena *a)
{
    struct slice wrong = SLICE_NONE;
    for (size_t k = 0; k < n->offer_count; k++) {
        struct offer *o = &n->offers[k];
        struct nodes_reading r = {.arena = a};
        struct queue_message m = {.instance = o->instance, .task = o->task};
        if (o->is_read)
            continue;
        o->is_read = true;
        m.generation = o->generation;
        m.attempt = o->attempt;
        flow_message(n->node[o->node].flow, &m, nodes_take_json, &r);
        nodes_drive(n, o->node, &r.is_here);
        bool is_gone = r.is_here && r.err == ERR_NOT_FOUND;
        if (!is_gone && (!r.is_here || r.err != ERR_NONE || !names_offer(n, a, o, r.json)))
            wrong = o->task;
    }
    return wrong;
}
