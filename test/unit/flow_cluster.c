/* Several engines over one store, each with its own clock hand, queue and cache: what they do about
 * each other's records, and about one that falls silent. */
#include "harness.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/time.h"
#include "flow/flow.h"
#include "store/store_mem.h"

#include <stdio.h>
#include <string.h>

#define NODES 3
#define START_MS 1700000000000
#define DONE_MAX 256
#define SENT_MAX 256
#define ROUNDS_MAX 5000

struct sent { /* a message that a node gave to its queue */
    char task[16];
    int64_t generation, attempt;
    struct slice instance;
};

struct node {
    struct store store;
    struct queue queue;
    struct flow *flow;
    char name[8];
    struct store_request *done[DONE_MAX]; /* answers it has not collected */
    unsigned done_count;
    bool is_stopped;     /* it gets no rounds */
    bool is_queue_lost;  /* messages are taken and not sent */
    uint64_t unsent_pos; /* of the first of those */
    struct sent sent[SENT_MAX];
    unsigned sent_count;
};

static struct rig {
    struct store *mem;
    struct arena arena;
    int64_t now_ms;
    struct node nodes[NODES];
    unsigned answers, events;
    struct flow_answer last;
} rig;

static int64_t retention_ms; /* of nodes that begin */

static const char template[] = "name: pair\n"
                               "stages:\n"
                               "  - name: one\n"
                               "    tasks:\n"
                               "      - {name: a, queue: qa, retry: {max_attempts: 5, delay: 5s, "
                               "jitter: none}}\n"
                               "      - {name: b, queue: qb}\n"
                               "  - name: two\n"
                               "    tasks:\n"
                               "      - {name: c, queue: qc}\n";

static void submit(struct store *s, struct store_request *r)
{
    struct node *n = (struct node *)(void *)s;
    struct store_request *done = NULL;
    rig.mem->ops->submit(rig.mem, r);
    CHECK_INT(rig.mem->ops->complete(rig.mem, &done, 1), 1);
    CHECK(n->done_count < DONE_MAX);
    n->done[n->done_count++] = done;
}

static size_t complete(struct store *s, struct store_request **done, size_t max)
{
    struct node *n = (struct node *)(void *)s;
    size_t count = n->done_count < max ? n->done_count : max;
    memcpy(done, n->done, count * sizeof(struct store_request *));
    n->done_count -= (unsigned)count;
    memmove(n->done, n->done + count, n->done_count * sizeof(struct store_request *));
    return count;
}

static int wake_fd(const struct store *s)
{
    (void)s;
    return -1;
}

static void close_nothing(struct store *s)
{
    (void)s;
}

static const struct store_ops store_ops = {.name = "rig",
                                           .submit = submit,
                                           .complete = complete,
                                           .wake_fd = wake_fd,
                                           .close = close_nothing,
                                           .is_shared = true};

static struct node *node_of(const struct queue *q)
{
    return (struct node *)(void *)((char *)(uintptr_t)q - offsetof(struct node, queue));
}

static enum err offer(struct queue *q, const struct queue_message *m)
{
    struct node *n = node_of(q);
    struct sent *s = &n->sent[n->sent_count];
    if (n->is_queue_lost) {
        n->unsent_pos = m->pos < n->unsent_pos ? m->pos : n->unsent_pos;
        return ERR_NONE;
    }
    CHECK(n->sent_count < SENT_MAX && m->task.len < sizeof s->task);
    *s = (struct sent){.generation = m->generation, .attempt = m->attempt};
    memcpy(s->task, m->task.at, m->task.len);
    s->instance = slice_copy(&rig.arena, m->instance);
    n->sent_count++;
    return ERR_NONE;
}

static void withdraw(struct queue *q, const struct queue_message *m)
{
    (void)q, (void)m;
}

static void extend(struct queue *q, const struct queue_message *m, int64_t now_ms)
{
    (void)q, (void)m, (void)now_ms;
}

static uint64_t unsent_pos(const struct queue *q)
{
    return node_of(q)->unsent_pos;
}

static const struct queue_ops outside = {.name = "outside",
                                         .offer = offer,
                                         .withdraw = withdraw,
                                         .extend = extend,
                                         .unsent_pos = unsent_pos};
static const struct queue_ops derived = {
    .name = "derived", .offer = offer, .withdraw = withdraw, .extend = extend, .is_derived = true};

/* --- lives --- */

static void run_all(void)
{
    for (int k = 0; k < 60; k++)
        for (unsigned n = 0; n < NODES; n++)
            if (rig.nodes[n].flow != NULL && !rig.nodes[n].is_stopped)
                flow_round(rig.nodes[n].flow, rig.now_ms);
}

static void wait_ms(int64_t ms)
{
    int64_t end_ms = rig.now_ms + ms;
    run_all();
    for (int k = 0; k < ROUNDS_MAX && rig.now_ms < end_ms; k++) {
        int64_t next = end_ms;
        for (unsigned n = 0; n < NODES; n++)
            if (rig.nodes[n].flow != NULL && !rig.nodes[n].is_stopped)
                next = time_min(next, flow_next(rig.nodes[n].flow));
        rig.now_ms = next > rig.now_ms ? next : rig.now_ms + 1;
        run_all();
    }
}

static struct node *begin_with(unsigned which, const char *name, const struct queue_ops *queue,
                               const char *queue_name)
{
    struct node *n = &rig.nodes[which];
    char info[64];
    *n = (struct node){.store.ops = &store_ops, .queue.ops = queue, .unsent_pos = UINT64_MAX};
    (void)snprintf(n->name, sizeof n->name, "%s", name);
    int len = snprintf(info, sizeof info, "{\"queue\":\"%s\"}", queue_name);
    struct flow_config c = {.store = &n->store, .queue = &n->queue, .node = slice_of(n->name)};
    c.info = slice_copy(&rig.arena, (struct slice){info, (size_t)len});
    c.queue_name = slice_copy(&rig.arena, slice_of(queue_name));
    c.seed = which + 1;
    c.retention_ms = retention_ms;
    memset(c.fresh_key, 42, sizeof c.fresh_key);
    CHECK(flow_open(&c, &n->flow) == ERR_NONE);
    flow_start(n->flow, rig.now_ms);
    for (int k = 0; k < 50; k++)
        flow_round(n->flow, rig.now_ms);
    return n;
}

static struct node *begin(unsigned which, const char *name)
{
    struct node *n = begin_with(which, name, &outside, "one");
    for (int k = 0; k < 11; k++) /* until the others have seen it */
        wait_ms(100);
    CHECK(flow_is_ready(n->flow));
    return n;
}

static void die(struct node *n)
{
    n->done_count = 0;
    flow_close(n->flow);
    n->flow = NULL;
}

static void take_applied(void *context, const struct flow_applied *answer)
{
    *(struct flow_applied *)context = *answer;
}

static void apply(struct node *n, const char *source, bool created)
{
    struct flow_applied applied = {.err = ERR_COUNT};
    struct flow_source s = {SLICE("t.yaml"), slice_of(source), SLICE("tester"), SLICE_NONE};
    flow_apply(n->flow, &s, take_applied, &applied);
    run_all();
    CHECK(applied.err == ERR_NONE && applied.created == created);
}

static void open_rig(void)
{
    rig = (struct rig){.now_ms = START_MS};
    arena_init(&rig.arena, 64u << 20);
    CHECK(store_mem_open(&rig.mem) == ERR_NONE);
    store_mem_share(rig.mem);
    apply(begin(0, "a"), template, true);
    (void)begin(1, "b");
    wait_ms(600); /* each has seen the other */
}

static void close_rig(void)
{
    for (unsigned n = 0; n < NODES; n++)
        if (rig.nodes[n].flow != NULL)
            die(&rig.nodes[n]);
    rig.mem->ops->close(rig.mem);
    arena_drop(&rig.arena);
}

/* --- what tests do --- */

static void take_answer(void *context, const struct flow_answer *a)
{
    (void)context;
    rig.answers++;
    rig.last = *a;
    rig.last.instance = slice_copy(&rig.arena, a->instance);
    rig.last.reason = slice_copy(&rig.arena, a->reason);
    rig.last.status = slice_copy(&rig.arena, a->status);
}

static enum verdict send_to(struct node *n, struct event e)
{
    char id[16];
    unsigned before = rig.answers;
    int len = snprintf(id, sizeof id, "e%u", rig.events++);
    e.id = slice_copy(&rig.arena, (struct slice){id, (size_t)len});
    e.source = SLICE("test");
    event_sum(&rig.arena, &e);
    flow_arrive(n->flow, &e, take_answer, NULL);
    for (int k = 0; k < 10 && rig.answers == before; k++)
        wait_ms(100);
    CHECK(rig.answers == before + 1 && rig.last.err == ERR_NONE);
    return rig.last.verdict;
}

static struct slice start_at(struct node *n, const char *key)
{
    struct event e = {.kind = EVENT_START, .template = SLICE("pair"), .key = slice_of(key)};
    CHECK(send_to(n, e) == VERDICT_APPLIED);
    return rig.last.instance;
}

static enum verdict answer_at(struct node *n, enum event_kind kind, struct slice instance,
                              const char *task)
{
    return send_to(
        n, (struct event){
               .kind = kind, .instance = instance, .task = slice_of(task), .error = SLICE("E")});
}

static unsigned count_sent(const char *task)
{
    unsigned count = 0;
    for (unsigned n = 0; n < NODES; n++)
        for (unsigned k = 0; k < rig.nodes[n].sent_count; k++)
            count += strcmp(rig.nodes[n].sent[k].task, task) == 0;
    return count;
}

static void take_json(void *context, enum err err, struct slice json)
{
    CHECK(err == ERR_NONE);
    *(struct slice *)context = slice_copy(&rig.arena, json);
}

static yyjson_val *read_at(struct node *n, struct flow_query q)
{
    struct slice json = SLICE_NONE;
    yyjson_val *root = NULL;
    flow_read(n->flow, &q, take_json, &json);
    wait_ms(300);
    CHECK(json_read(&rig.arena, json, 64u << 20, 200, NULL, &root) == ERR_NONE);
    return root;
}

static struct slice status_at(struct node *n, struct slice id)
{
    return json_get_text(read_at(n, (struct flow_query){.what = FLOW_SHOW, .id = id}), "status");
}

static uint64_t count_conflicts(void)
{
    uint64_t count = 0;
    for (unsigned n = 0; n < NODES; n++) {
        struct flow_stats s = {0};
        if (rig.nodes[n].flow != NULL)
            flow_get_stats(rig.nodes[n].flow, &s);
        count += s.conflicts;
    }
    return count;
}

TEST(an_instance_may_be_answered_at_any_node)
{
    open_rig();
    struct node *a = &rig.nodes[0], *b = &rig.nodes[1];
    struct slice id = start_at(a, "K");
    CHECK(answer_at(b, EVENT_COMPLETED, id, "a") == VERDICT_APPLIED);
    CHECK(answer_at(a, EVENT_COMPLETED, id, "b") == VERDICT_APPLIED); /* its cache is behind */
    CHECK(count_conflicts() == 1);
    CHECK_TEXT(status_at(b, id), "RUNNING");
    CHECK(answer_at(b, EVENT_COMPLETED, id, "c") == VERDICT_APPLIED);
    CHECK_TEXT(status_at(a, id), "COMPLETED");
    CHECK(count_sent("a") == 1 && count_sent("b") == 1 && count_sent("c") == 1);
    id = start_at(a, "L");
    CHECK(answer_at(b, EVENT_COMPLETED, id, "a") == VERDICT_APPLIED);
    wait_ms(2000); /* what was checked so long ago is read on before a step */
    CHECK(answer_at(a, EVENT_COMPLETED, id, "b") == VERDICT_APPLIED);
    CHECK(count_conflicts() == 1);
    close_rig();
}

TEST(an_unsent_message_of_a_dead_node_is_sent_by_another)
{
    open_rig();
    rig.nodes[0].is_queue_lost = true;
    struct slice id = start_at(&rig.nodes[0], "K");
    wait_ms(1000);
    CHECK_INT(count_sent("a"), 0);
    die(&rig.nodes[0]);
    wait_ms(3500);
    CHECK_INT(count_sent("a"), 1);
    CHECK_INT(count_sent("b"), 1);
    CHECK_TEXT(rig.nodes[1].sent[0].instance.at == NULL ? SLICE("") : rig.nodes[1].sent[0].instance,
               slice_text(&rig.arena, id));
    struct flow_node nodes[4];
    CHECK_INT(flow_nodes(rig.nodes[1].flow, nodes, 4), 1); /* and the dead one is forgotten */
    close_rig();
}

TEST(what_a_dead_node_had_sent_is_not_sent_again)
{
    open_rig();
    (void)start_at(&rig.nodes[0], "K");
    wait_ms(1500); /* its beat says so */
    die(&rig.nodes[0]);
    wait_ms(5000);
    CHECK(count_sent("a") == 1 && count_sent("b") == 1);
    close_rig();
}

TEST(a_retry_that_a_dead_node_waited_for_is_made_by_another)
{
    open_rig();
    struct slice id = start_at(&rig.nodes[0], "K");
    CHECK(answer_at(&rig.nodes[0], EVENT_FAILED, id, "a") == VERDICT_APPLIED);
    wait_ms(1000);
    die(&rig.nodes[0]);
    wait_ms(3000);
    CHECK_INT(count_sent("a"), 1);
    wait_ms(1000 + 500); /* due 5 s after the failure */
    CHECK_INT(count_sent("a"), 2);
    close_rig();
}

TEST(a_wake_up_is_made_once_while_all_live)
{
    open_rig();
    struct slice id = start_at(&rig.nodes[0], "K");
    CHECK(answer_at(&rig.nodes[1], EVENT_FAILED, id, "a") == VERDICT_APPLIED);
    wait_ms(5600);
    CHECK_INT(count_sent("a"), 2);
    CHECK_INT(count_conflicts(), 0);
    close_rig();
}

TEST(a_node_that_hung_is_told_by_the_append)
{
    open_rig();
    struct slice id = start_at(&rig.nodes[0], "K");
    CHECK(answer_at(&rig.nodes[0], EVENT_FAILED, id, "a") == VERDICT_APPLIED);
    wait_ms(1000);
    rig.nodes[0].is_stopped = true;
    wait_ms(9000);
    CHECK_INT(count_sent("a"), 2);
    rig.nodes[0].is_stopped = false;
    wait_ms(5000);
    CHECK_INT(count_sent("a"), 2);
    CHECK(answer_at(&rig.nodes[0], EVENT_COMPLETED, id, "a") == VERDICT_APPLIED);
    close_rig();
}

TEST(a_template_applied_at_one_node_is_started_at_another)
{
    open_rig();
    apply(&rig.nodes[0], "name: other\nstages: [{name: s, tasks: [{name: t, queue: q}]}]\n", true);
    struct event e = {.kind = EVENT_START, .template = SLICE("other")};
    CHECK(send_to(&rig.nodes[1], e) == VERDICT_APPLIED);
    apply(&rig.nodes[1], "name: other\nstages: [{name: s, tasks: [{name: t, queue: r}]}]\n", true);
    apply(&rig.nodes[0], "name: other\nstages: [{name: s, tasks: [{name: t, queue: q}]}]\n", true);
    CHECK_INT(flow_template(rig.nodes[0].flow, SLICE("other"), 0)->version, 3);
    apply(&rig.nodes[1], "name: other\nstages: [{name: s, tasks: [{name: t, queue: q}]}]\n", false);
    close_rig();
}

TEST(a_key_is_free_as_soon_as_its_holder_has_ended_elsewhere)
{
    open_rig();
    struct slice id = start_at(&rig.nodes[0], "K");
    struct event e = {.kind = EVENT_START, .template = SLICE("pair"), .key = SLICE("K")};
    CHECK(send_to(&rig.nodes[1], e) == VERDICT_DUPLICATE);
    CHECK(slice_eq(rig.last.instance, id));
    CHECK(answer_at(&rig.nodes[1], EVENT_CANCEL, id, "") == VERDICT_APPLIED);
    CHECK(send_to(&rig.nodes[0], e) == VERDICT_APPLIED);
    CHECK(!slice_eq(rig.last.instance, id));
    close_rig();
}

TEST(a_node_that_stops_leaves_nothing_behind)
{
    open_rig();
    (void)start_at(&rig.nodes[0], "K");
    flow_drain(rig.nodes[0].flow);
    wait_ms(1500);
    CHECK(flow_is_idle(rig.nodes[0].flow));
    die(&rig.nodes[0]);
    struct flow_node nodes[4];
    wait_ms(600);
    CHECK_INT(flow_nodes(rig.nodes[1].flow, nodes, 4), 1);
    struct flow_stats s;
    wait_ms(4000);
    flow_get_stats(rig.nodes[1].flow, &s);
    CHECK_INT(s.taken_over, 0);
    close_rig();
}

TEST(built_in_queues_have_one_owner)
{
    open_rig();
    struct node *c = begin_with(2, "c", &derived, "builtin");
    wait_ms(4000);
    CHECK(!flow_is_ready(c->flow) && flow_start_error(c->flow) == ERR_BUSY);
    for (unsigned n = 0; n < NODES; n++) /* but after a crash it may start again */
        die(&rig.nodes[n]);
    c = begin_with(2, "d", &derived, "builtin");
    wait_ms(4000);
    CHECK(flow_is_ready(c->flow));
    close_rig();
}

TEST(messages_on_another_queue_driver_are_sent_again)
{
    open_rig();
    (void)start_at(&rig.nodes[0], "K");
    wait_ms(1000);
    die(&rig.nodes[0]);
    die(&rig.nodes[1]);
    wait_ms(3000);
    struct node *c = begin_with(2, "c", &outside, "two");
    wait_ms(5000);
    CHECK(flow_is_ready(c->flow));
    CHECK(count_sent("a") == 2 && count_sent("b") == 2);
    close_rig();
}

TEST(what_one_node_removed_is_gone_at_the_others)
{
    retention_ms = 20000;
    open_rig();
    retention_ms = 0;
    struct slice ids[8];
    for (unsigned k = 0; k < 8; k++) {
        char key[8];
        (void)snprintf(key, sizeof key, "K%u", k);
        ids[k] = start_at(&rig.nodes[k % 2], key);
        CHECK(answer_at(&rig.nodes[k % 2], EVENT_CANCEL, ids[k], "") == VERDICT_APPLIED);
        CHECK_TEXT(status_at(&rig.nodes[0], ids[k]), "CANCELLED"); /* both have it in memory */
        CHECK_TEXT(status_at(&rig.nodes[1], ids[k]), "CANCELLED");
    }
    wait_ms(60000);
    struct flow_stats at_a, at_b;
    flow_get_stats(rig.nodes[0].flow, &at_a);
    flow_get_stats(rig.nodes[1].flow, &at_b);
    CHECK(at_a.removed > 0 && at_b.removed > 0);
    CHECK_INT(at_a.removed + at_b.removed, 8);
    for (unsigned k = 0; k < 8; k++)
        CHECK(answer_at(&rig.nodes[k % 2], EVENT_REPLAY_TASK, ids[k], "a") == VERDICT_UNKNOWN);
    bool is_ok = false;
    CHECK(json_get_bool(read_at(&rig.nodes[0], (struct flow_query){.what = FLOW_VERIFY}), "ok",
                        &is_ok) &&
          is_ok);
    close_rig();
}
