/* Nodes that sleep between visits: what they leave to others, and what they owe to the clock. */
#include "harness.h"

#include "base/arena.h"
#include "base/time.h"
#include "core/limits.h"
#include "flow/flow.h"
#include "store/store_mem.h"
#include "store_view.h"

#include <stdio.h>
#include <string.h>

#define GUESTS 2
#define START_MS 1700000000000
#define TICK_MS 60000

struct guest {
    struct store_view store;
    struct queue queue;
    struct flow *flow;
    bool is_queue_lost; /* messages are taken and not sent */
    uint64_t unsent_pos;
    unsigned sent, reminded;
    int64_t reminded_at_ms;    /* the last of them */
    struct slice *reminded_of; /* where there is room for all of them */
};

static struct rig {
    struct store *mem;
    struct arena arena;
    int64_t now_ms;
    struct guest guests[GUESTS];
    unsigned answers;
    struct flow_answer last;
    struct slice instance;
} rig;

static const char template[] = "name: one\n"
                               "stages:\n"
                               "  - name: only\n"
                               "    tasks:\n"
                               "      - {name: a, queue: qa, retry: {max_attempts: 9, delay: 5s, "
                               "backoff: 1, jitter: none}}\n";

static struct guest *guest_of(const struct queue *q)
{
    return (struct guest *)(void *)((char *)(uintptr_t)q - offsetof(struct guest, queue));
}

static enum err offer(struct queue *q, const struct queue_message *m)
{
    struct guest *g = guest_of(q);
    if (g->is_queue_lost)
        g->unsent_pos = m->pos < g->unsent_pos ? m->pos : g->unsent_pos;
    else
        g->sent++;
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

static enum err remind(struct queue *q, struct slice instance, int64_t at_ms)
{
    struct guest *g = guest_of(q);
    CHECK(instance.len > 0);
    if (g->reminded_of != NULL)
        g->reminded_of[g->reminded] = slice_copy(&rig.arena, instance);
    g->reminded++;
    g->reminded_at_ms = at_ms;
    return ERR_NONE;
}

static uint64_t unsent_pos(const struct queue *q)
{
    return guest_of(q)->unsent_pos;
}

static const struct queue_ops queue_ops = {.name = "outside",
                                           .offer = offer,
                                           .withdraw = withdraw,
                                           .extend = extend,
                                           .remind = remind,
                                           .unsent_pos = unsent_pos};

/* --- lives ------------------------------------------------------------------------------------ */

static void run(struct guest *g)
{
    for (int k = 0; k < 200; k++)
        flow_round(g->flow, rig.now_ms);
}

static struct guest *begin(unsigned which)
{
    static const char *const names[GUESTS] = {"guest-a", "guest-b"};
    struct guest *g = &rig.guests[which];
    *g = (struct guest){.queue.ops = &queue_ops, .unsent_pos = UINT64_MAX};
    store_view_init(&g->store, rig.mem);
    struct flow_config c = {.store = &g->store.store,
                            .queue = &g->queue,
                            .node = slice_of(names[which]),
                            .info = SLICE("{\"queue\":\"one\",\"guest\":true}"),
                            .seed = which + 1,
                            .is_guest = true,
                            .tick_ms = TICK_MS};
    memset(c.fresh_key, 42, sizeof c.fresh_key);
    CHECK(flow_open(&c, &g->flow) == ERR_NONE);
    flow_start(g->flow, rig.now_ms);
    run(g);
    CHECK(flow_is_ready(g->flow));
    return g;
}

static void die(struct guest *g)
{
    store_view_forget(&g->store);
    flow_close(g->flow);
    g->flow = NULL;
}

static void open_rig(void)
{
    rig = (struct rig){.now_ms = START_MS};
    arena_init(&rig.arena, 1 << 24);
    CHECK(store_mem_open(&rig.mem) == ERR_NONE);
    store_mem_share(rig.mem);
}

static void close_rig(void)
{
    for (unsigned k = 0; k < GUESTS; k++)
        if (rig.guests[k].flow != NULL)
            die(&rig.guests[k]);
    rig.mem->ops->close(rig.mem);
    arena_drop(&rig.arena);
}

static void enter(struct guest *g, enum flow_visit what)
{
    flow_enter(g->flow, rig.now_ms, what);
    run(g);
    CHECK(flow_is_fresh(g->flow));
}

static void leave(struct guest *g)
{
    run(g);
    CHECK(flow_is_settled(g->flow));
    flow_leave(g->flow);
    run(g);
    CHECK(flow_has_left(g->flow));
}

static void take_answer(void *context, const struct flow_answer *a)
{
    (void)context;
    rig.answers++;
    rig.last = *a;
    rig.instance = slice_copy(&rig.arena, a->instance);
}

static void take_applied(void *context, const struct flow_applied *a)
{
    (void)context;
    CHECK(a->err == ERR_NONE);
}

static void apply(struct guest *g)
{
    enter(g, FLOW_WRITES);
    flow_apply(g->flow, &(struct flow_source){.text = slice_of(template)}, take_applied, NULL);
    leave(g);
}

static enum verdict send(struct guest *g, struct event e)
{
    unsigned before = rig.answers;
    event_sum(&rig.arena, &e);
    flow_arrive(g->flow, &e, take_answer, NULL);
    run(g);
    CHECK_INT(rig.answers, before + 1);
    CHECK(rig.last.err == ERR_NONE);
    return rig.last.verdict;
}

static struct event start_event(unsigned number)
{
    char id[32];
    int len = snprintf(id, sizeof id, "start-%u", number);
    struct event e = {.kind = EVENT_START, .template = SLICE("one")};
    e.id = slice_copy(&rig.arena, (struct slice){id, (size_t)len});
    return e;
}

static struct event failed_event(struct slice instance)
{
    struct event e = {.kind = EVENT_FAILED, .instance = instance, .task = SLICE("a")};
    e.error = SLICE("Cold");
    return e;
}

static struct slice start(struct guest *g, unsigned number)
{
    CHECK(send(g, start_event(number)) == VERDICT_APPLIED);
    return rig.instance;
}

static void fail(struct guest *g, struct slice instance)
{
    CHECK(send(g, failed_event(instance)) == VERDICT_APPLIED);
}

static void take_one_of_many(void *context, const struct flow_answer *a)
{
    struct slice *instance = context;
    rig.answers++;
    CHECK(a->err == ERR_NONE && a->verdict == VERDICT_APPLIED);
    *instance = slice_copy(&rig.arena, a->instance);
}

/* Sends what `event` makes for each number, many at one time; `instances` are those they are about,
 * and what is answered. */
static void send_many(struct guest *g, unsigned count, struct slice *instances,
                      struct event (*event)(unsigned number, struct slice instance))
{
    enum { AT_ONCE = 500 };
    for (unsigned first = 0; first < count; first += AT_ONCE) {
        unsigned before = rig.answers, k = first;
        for (; k < count && k < first + AT_ONCE; k++) {
            struct event e = event(k, instances[k]);
            event_sum(&rig.arena, &e);
            flow_arrive(g->flow, &e, take_one_of_many, &instances[k]);
        }
        for (int tries = 0; tries < 100 && rig.answers < before + k - first; tries++)
            run(g);
        CHECK_INT(rig.answers, before + k - first);
    }
}

static struct event nth_start(unsigned number, struct slice instance)
{
    (void)instance;
    return start_event(number);
}

static struct event nth_failed(unsigned number, struct slice instance)
{
    (void)number;
    return failed_event(instance);
}

static struct event nth_wake(unsigned number, struct slice instance)
{
    (void)number;
    return (struct event){.kind = EVENT_WAKE, .instance = instance};
}

static enum verdict wake(struct guest *g, struct slice instance)
{
    return send(g, (struct event){.kind = EVENT_WAKE, .instance = instance});
}

static size_t count_nodes(const struct guest *g)
{
    struct flow_node nodes[NODES_MAX];
    return flow_nodes(g->flow, nodes, NODES_MAX);
}

/* --- who is there ----------------------------------------------------------------------------- */

TEST(a_guest_is_a_node_while_it_writes_and_no_longer)
{
    open_rig();
    struct guest *a = begin(0), *b = begin(1);
    apply(a);
    enter(a, FLOW_WRITES);
    (void)start(a, 1);
    enter(b, FLOW_WRITES);
    CHECK_INT(count_nodes(b), 2);
    leave(a);
    leave(b);
    enter(a, FLOW_READS);
    run(a);
    leave(a);
    rig.now_ms += 10000;
    enter(b, FLOW_WRITES);
    CHECK_INT(count_nodes(b), 1);
    leave(b);
    close_rig();
}

TEST(a_guest_that_was_cut_off_is_finished_by_a_tick)
{
    open_rig();
    struct guest *a = begin(0), *b = begin(1);
    apply(a);
    enter(a, FLOW_WRITES);
    a->is_queue_lost = true;
    (void)start(a, 1);
    CHECK(!flow_is_settled(a->flow));
    die(a);
    rig.now_ms += NODE_SILENT_MS + 1;
    enter(b, FLOW_WRITES); /* this one only does its own work */
    leave(b);
    CHECK_INT(b->sent, 0);
    enter(b, FLOW_TICKS);
    leave(b);
    CHECK_INT(b->sent, 1);
    enter(b, FLOW_WRITES);
    CHECK_INT(count_nodes(b), 1);
    leave(b);
    close_rig();
}

TEST(a_guest_sees_templates_that_others_applied_while_it_slept)
{
    open_rig();
    struct guest *a = begin(0), *b = begin(1);
    CHECK(flow_template(b->flow, SLICE("one"), 0) == NULL);
    apply(a);
    rig.now_ms += FRESH_MS;
    enter(b, FLOW_READS);
    CHECK(flow_template(b->flow, SLICE("one"), 0) != NULL);
    leave(b);
    close_rig();
}

/* --- what is due ------------------------------------------------------------------------------ */

TEST(what_is_due_before_the_next_tick_is_reminded_of)
{
    open_rig();
    struct guest *a = begin(0), *b = begin(1);
    apply(a);
    enter(a, FLOW_WRITES);
    struct slice id = start(a, 1);
    leave(a);
    CHECK_INT(a->reminded, 0); /* its timeout is a day away */
    enter(a, FLOW_WRITES);
    fail(a, id);
    leave(a);
    CHECK_INT(a->reminded, 1);
    CHECK_INT(a->reminded_at_ms, rig.now_ms + 5000);
    rig.now_ms += 4000; /* too early by a second: it comes again */
    enter(b, FLOW_WRITES);
    CHECK(wake(b, id) == VERDICT_APPLIED);
    leave(b);
    CHECK_INT(b->sent, 0);
    CHECK_INT(b->reminded, 1);
    rig.now_ms += 1000;
    enter(b, FLOW_WRITES);
    CHECK(wake(b, id) == VERDICT_APPLIED);
    leave(b);
    CHECK_INT(b->sent, 1);
    CHECK_INT(b->reminded, 1);
    close_rig();
}

TEST(a_reminder_of_what_is_not_there_leaves_no_trace)
{
    open_rig();
    struct guest *a = begin(0);
    enter(a, FLOW_WRITES);
    CHECK(wake(a, SLICE("00000000000000000000")) == VERDICT_UNKNOWN);
    CHECK_INT(rig.last.seq, 0);
    leave(a);
    close_rig();
}

TEST(a_tick_wakes_what_is_due_and_reminds_of_what_comes)
{
    open_rig();
    struct guest *a = begin(0), *b = begin(1);
    apply(a);
    enter(a, FLOW_WRITES);
    fail(a, start(a, 1));
    leave(a);
    rig.now_ms += 3000;
    enter(b, FLOW_TICKS);
    leave(b);
    CHECK_INT(b->sent, 0);
    CHECK_INT(b->reminded, 1);
    rig.now_ms += 2000;
    enter(b, FLOW_TICKS);
    leave(b);
    CHECK_INT(b->sent, 1);
    CHECK_INT(b->reminded, 1);
    close_rig();
}

TEST(a_tick_that_finds_too_much_sends_the_rest_to_others)
{
    open_rig();
    struct guest *a = begin(0), *b = begin(1);
    unsigned more = 40;
    apply(a);
    enter(a, FLOW_WRITES);
    for (unsigned k = 0; k < TICK_WAKES_MAX + more; k++)
        fail(a, start(a, k));
    leave(a);
    rig.now_ms += 5000;
    enter(b, FLOW_TICKS);
    leave(b);
    CHECK_INT(b->sent, TICK_WAKES_MAX);
    CHECK_INT(b->reminded, more);
    CHECK(b->reminded_at_ms <= rig.now_ms);
    close_rig();
}

TEST(what_a_tick_does_not_look_at_the_next_one_finds)
{
    enum { MORE = 40, COUNT = TICK_ROWS_MAX + MORE };
    open_rig();
    struct guest *a = begin(0), *b = begin(1);
    struct slice *instances = arena_array(&rig.arena, COUNT, sizeof *instances);
    apply(a);
    enter(a, FLOW_WRITES);
    send_many(a, COUNT, instances, nth_start);
    send_many(a, COUNT, instances, nth_failed);
    CHECK_INT(a->sent, COUNT);
    leave(a);
    rig.now_ms += 5000;
    b->reminded_of = arena_array(&rig.arena, TICK_ROWS_MAX, sizeof *b->reminded_of);
    enter(b, FLOW_TICKS);
    leave(b);
    CHECK_INT(b->sent, TICK_WAKES_MAX);
    CHECK_INT(b->reminded, TICK_ROWS_MAX - TICK_WAKES_MAX);
    enter(a, FLOW_WRITES); /* others of its kind do what it has sent them */
    send_many(a, b->reminded, b->reminded_of, nth_wake);
    leave(a);
    CHECK_INT(a->sent, COUNT + TICK_ROWS_MAX - TICK_WAKES_MAX);
    enter(b, FLOW_TICKS);
    leave(b);
    CHECK_INT(b->sent, TICK_WAKES_MAX + MORE);
    CHECK_INT(b->reminded, TICK_ROWS_MAX - TICK_WAKES_MAX);
    close_rig();
}

TEST(a_guest_that_slept_owns_no_wake_up)
{
    open_rig();
    struct guest *a = begin(0), *b = begin(1);
    apply(a);
    enter(a, FLOW_WRITES);
    struct slice id = start(a, 1);
    fail(a, id);
    leave(a);
    rig.now_ms += 6000;
    enter(b, FLOW_TICKS); /* another one has woken it meanwhile */
    leave(b);
    CHECK_INT(b->sent, 1);
    enter(a, FLOW_WRITES);
    (void)start(a, 2);
    leave(a);
    CHECK_INT(a->sent, 2); /* the two starts, and nothing again */
    close_rig();
}
