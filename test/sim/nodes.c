/* Lives of the engines. One node alone comes back at once under its name, with a store that only it
 * knows. Several crash, freeze as a stopped process does, are cut off from the store or the queue,
 * leave in order, and come back under new names while the others go on. */
#include "sim.h"

#include "base/time.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define VERBS_ALONE 400 /* a life has at most so many */
#define VERBS_AMONG_OTHERS 3000
#define DOWN_MS 8000
#define FROZEN_MS 20000
#define CUT_MS 25000
#define SKEW_MS 25
#define TICK_MS 5000

bool nodes_verb(struct sim_node *n, const char *verb)
{
    if (n->is_crashed)
        return true;
    if (n->crash_in == 0 || --n->crash_in > 0)
        return false;
    sim_say(n->sim, "%s crashes at %s", n->name, verb);
    n->is_crashed = true;
    n->sim->crashes++;
    return true;
}

bool nodes_is_frozen(const struct sim_node *n)
{
    return n->frozen_until_ms > n->sim->now_ms;
}

static bool is_running(const struct sim_node *n)
{
    return n->flow != NULL && !n->is_crashed && !nodes_is_frozen(n);
}

bool nodes_is_ready(const struct sim_node *n)
{
    return is_running(n) && flow_is_ready(n->flow);
}

/* --- guests --- */

static void enter(struct sim_node *n, enum flow_visit what)
{
    if (!n->is_guest || n->is_awake || !flow_is_ready(n->flow))
        return;
    n->is_awake = true;
    n->sim->visits++;
    flow_enter(n->flow, n->sim->now_ms + n->skew_ms, what);
}

/* It sleeps as soon as nothing of it is left to do. */
static void visit(struct sim_node *n)
{
    struct sim *s = n->sim;
    if (!n->is_awake && s->now_ms >= n->tick_at_ms && flow_is_ready(n->flow)) {
        n->tick_at_ms = s->now_ms + TICK_MS;
        enter(n, FLOW_TICKS);
    }
    if (n->is_awake || !flow_is_ready(n->flow))
        flow_round(n->flow, s->now_ms + n->skew_ms);
    if (!n->is_awake || n->is_crashed || s->is_verifying)
        return;
    bool is_settled = flow_is_fresh(n->flow) && flow_is_settled(n->flow);
    if (n->is_going && is_settled && flow_has_left(n->flow)) {
        n->is_awake = n->is_going = false;
    } else if (!n->is_going && is_settled) {
        n->is_going = true;
        flow_leave(n->flow);
    }
}

void nodes_call(struct sim_node *n)
{
    if (!nodes_is_frozen(n))
        enter(n, FLOW_WRITES);
}

void nodes_remind(struct sim *s, struct slice instance, int64_t at_ms)
{
    if (s->reminder_count == SIM_REMINDERS_MAX)
        return; /* lost */
    s->reminders[s->reminder_count].instance = slice_copy(&s->arena, instance);
    s->reminders[s->reminder_count++].at_ms = at_ms;
}

/* Some are lost, some come twice, some too early or too late. */
static void bring_reminders(struct sim *s)
{
    for (unsigned k = 0; k < s->reminder_count; k++) {
        if (s->reminders[k].at_ms > s->now_ms + (int64_t)sim_random(s, 500))
            continue;
        struct sim_node *n = sim_once_in(s, 5) ? NULL : nodes_pick(s);
        struct event e = {.kind = EVENT_WAKE, .instance = s->reminders[k].instance};
        if (n != NULL && nodes_is_ready(n)) {
            nodes_call(n);
            flow_arrive(n->flow, &e, NULL, NULL);
        }
        if (!sim_once_in(s, 8))
            s->reminders[k--] = s->reminders[--s->reminder_count];
    }
}

struct sim_node *nodes_pick(struct sim *s)
{
    uint64_t first = sim_random(s, s->node_count);
    for (unsigned k = 0; k < s->node_count; k++) {
        struct sim_node *n = &s->nodes[(k + first) % s->node_count];
        bool is_up = n->flow != NULL && !n->is_crashed && flow_is_ready(n->flow);
        if (is_up && !n->is_going)
            return n;
    }
    return NULL;
}

static void told(void *context, struct slice instance, const struct store_record *r)
{
    (void)instance;
    (void)r;
    (void)nodes_verb(context, "tell");
}

/* --- begin and end --- */

static void give_name(struct sim_node *n)
{
    struct sim *s = n->sim;
    if (s->is_cluster)
        (void)snprintf(n->name, sizeof n->name, "n%u-%u", n->index, s->names++);
    else
        (void)snprintf(n->name, sizeof n->name, "sim");
}

static void begin(struct sim_node *n)
{
    struct sim *s = n->sim;
    give_name(n);
    faults_attach(n);
    queue_attach(n);
    struct flow_config config = {.store = &n->faulty, .queue = &n->queue};
    config.node = slice_of(n->name);
    config.queue_name = s->is_cluster ? SLICE("outside") : SLICE("builtin");
    config.info = s->is_cluster ? SLICE("{\"queue\":\"outside\"}") : SLICE("{}");
    n->is_guest = s->has_guests && (n->index > 0 || s->seed % 4 == 1);
    n->is_awake = n->is_going = false;
    n->tick_at_ms = s->now_ms;
    config.is_guest = n->is_guest;
    config.tick_ms = TICK_MS;
    if (n->is_guest)
        config.info = SLICE("{\"queue\":\"outside\",\"guest\":true}");
    config.seed = sim_random(s, UINT64_MAX);
    config.tell = told;
    config.tell_context = n;
    for (int k = 0; k < SHA256_BYTES; k++)
        config.fresh_key[k] = (uint8_t)sim_random(s, 256);
    if (s->is_cluster && sim_once_in(s, 4))
        config.cache_bytes_max = 64 * 1024; /* what is dropped is loaded again */
    n->life++;
    n->is_crashed = n->is_buried = n->is_leaving = false;
    unsigned verbs = s->is_cluster ? VERBS_AMONG_OTHERS : VERBS_ALONE;
    bool can_crash = !s->is_calm && !s->is_gentle;
    n->crash_in = can_crash ? 1 + (unsigned)sim_random(s, verbs) : 0;
    n->skew_ms = s->is_cluster ? (int64_t)sim_random(s, 2 * SKEW_MS) - SKEW_MS : 0;
    enum err err = flow_open(&config, &n->flow);
    assert(err == ERR_NONE);
    sim_say(s, "%s begins", n->name);
    flow_start(n->flow, s->now_ms + n->skew_ms);
}

static void take_stats(struct sim_node *n)
{
    struct flow_stats stats;
    flow_get_stats(n->flow, &stats);
    n->sim->taken_over += stats.taken_over;
}

static void close_engine(struct sim_node *n)
{
    struct sim *s = n->sim;
    take_stats(n);
    n->is_crashed = true;
    n->held_count = 0;
    flow_close(n->flow);
    n->flow = NULL;
    bool is_at_once = !s->is_cluster || s->is_calm || sim_once_in(s, 3);
    n->begins_at_ms = s->now_ms + (is_at_once ? 0 : (int64_t)sim_random(s, DOWN_MS));
}

/* The engine is dead; what it had sent to the store is still under way for a moment. */
static void bury(struct sim_node *n)
{
    struct sim *s = n->sim;
    n->is_buried = true;
    n->frozen_until_ms = n->cut_until_ms = n->queue_cut_until_ms = 0;
    n->backlog_count = 0;
    faults_forget(n);
    queue_forget(n);
    actors_crashed(n);
    n->life++;
    if (!s->is_cluster && !s->is_calm && sim_once_in(s, 4))
        s->now_ms -= (int64_t)sim_random(s, 600000); /* the next machine's clock is behind */
}

static void leave(struct sim_node *n)
{
    if (!flow_is_idle(n->flow))
        return;
    sim_say(n->sim, "%s has left", n->name);
    n->is_crashed = true;
    bury(n);
    close_engine(n);
}

/* --- what befalls them --- */

static void befall(struct sim_node *n)
{
    struct sim *s = n->sim;
    if (sim_once_in(s, 1500)) {
        n->frozen_until_ms = s->now_ms + 1000 + (int64_t)sim_random(s, FROZEN_MS);
        s->freezes++;
        sim_say(s, "%s freezes", n->name);
    } else if (sim_once_in(s, 2000)) {
        n->cut_until_ms = s->now_ms + 500 + (int64_t)sim_random(s, CUT_MS);
        s->cuts++;
        sim_say(s, "%s is cut off from the store", n->name);
    } else if (sim_once_in(s, 2000)) {
        n->queue_cut_until_ms = s->now_ms + 500 + (int64_t)sim_random(s, CUT_MS);
        s->cuts++;
    }
}

static void thaw(struct sim_node *n)
{
    n->frozen_until_ms = 0;
    sim_say(n->sim, "%s thaws", n->name);
    enter(n, FLOW_WRITES);
    actors_thawed(n);
}

static void run(struct sim_node *n)
{
    struct sim *s = n->sim;
    if (n->frozen_until_ms != 0)
        thaw(n);
    if (!s->is_calm && s->is_cluster && !s->is_gentle)
        befall(n);
    if (s->is_cluster && !s->is_calm && !n->is_leaving && !n->is_guest && flow_is_ready(n->flow) &&
        sim_once_in(s, 3000)) {
        n->is_leaving = true;
        s->leaves++;
        sim_say(s, "%s leaves", n->name);
        flow_drain(n->flow);
    }
    if (nodes_is_frozen(n))
        return;
    if (n->is_guest)
        visit(n);
    else
        flow_round(n->flow, s->now_ms + n->skew_ms);
    if (!n->is_crashed && flow_start_error(n->flow) != ERR_NONE) {
        sim_say(s, "%s cannot start: %s", n->name, err_name(flow_start_error(n->flow)));
        n->is_crashed = true; /* tried again, as a supervisor of processes would */
    }
    if (!n->is_crashed && n->is_leaving)
        leave(n);
}

static void live(struct sim_node *n)
{
    if (n->flow == NULL && n->sim->now_ms >= n->begins_at_ms)
        begin(n);
    if (is_running(n))
        run(n);
    if (n->flow != NULL && n->is_crashed && !n->is_buried)
        bury(n);
    if (n->flow != NULL && n->is_crashed && !faults_is_on_wire(n))
        close_engine(n);
}

void nodes_round(struct sim *s)
{
    if (s->has_guests && !s->is_verifying)
        bring_reminders(s);
    uint64_t first = sim_random(s, s->node_count);
    for (unsigned k = 0; k < s->node_count; k++)
        live(&s->nodes[(k + first) % s->node_count]);
}

static int64_t next_of(const struct sim_node *n)
{
    if (n->flow == NULL)
        return n->begins_at_ms;
    if (n->is_crashed)
        return faults_is_on_wire(n) ? TIME_NEVER : n->sim->now_ms;
    if (nodes_is_frozen(n))
        return n->frozen_until_ms;
    if (n->is_guest && !n->is_awake && flow_is_ready(n->flow))
        return n->tick_at_ms;
    int64_t at_ms = flow_next(n->flow);
    return at_ms == TIME_NEVER ? at_ms : at_ms - n->skew_ms;
}

int64_t nodes_next(const struct sim *s)
{
    int64_t at_ms = TIME_NEVER;
    for (unsigned k = 0; k < s->node_count; k++)
        at_ms = time_min(at_ms, next_of(&s->nodes[k]));
    return at_ms;
}

void nodes_calm(struct sim *s)
{
    for (unsigned k = 0; k < s->node_count; k++) {
        struct sim_node *n = &s->nodes[k];
        n->cut_until_ms = n->queue_cut_until_ms = 0;
        n->crash_in = 0;
        if (nodes_is_frozen(n))
            n->frozen_until_ms = s->now_ms;
        if (n->flow == NULL)
            n->begins_at_ms = s->now_ms;
    }
}

void nodes_open(struct sim *s)
{
    for (unsigned k = 0; k < s->node_count; k++) {
        struct sim_node *n = &s->nodes[k];
        n->sim = s;
        n->index = k;
        n->begins_at_ms = s->now_ms;
        begin(n);
    }
}

void nodes_close(struct sim *s)
{
    for (unsigned k = 0; k < s->node_count; k++)
        if (s->nodes[k].flow != NULL)
            close_engine(&s->nodes[k]);
}

/* --- at the end --- */

static void verified(void *context, enum err err, struct slice json)
{
    struct sim_node *n = context;
    struct sim *s = n->sim;
    s->is_verified = true;
    if (err != ERR_NONE || !slice_has_prefix(json, SLICE("{\"ok\":true")))
        sim_fail(s, "verify at %s: %s %.*s", n->name, err_name(err), SLICE_ARG(json));
}

static void step_ms(struct sim *s)
{
    s->now_ms++;
    faults_round(s);
    queue_round(s);
    nodes_round(s);
}

static void verify(struct sim_node *n)
{
    struct sim *s = n->sim;
    struct flow_query q = {.what = FLOW_VERIFY};
    struct flow_stats stats;
    for (unsigned k = 0; k < 100000 && !nodes_is_ready(n); k++)
        step_ms(s);
    s->is_verified = false;
    enter(n, FLOW_READS);
    flow_read(n->flow, &q, verified, n);
    for (unsigned k = 0; k < 100000 && !s->is_verified && s->failure == NULL; k++)
        step_ms(s);
    if (!s->is_verified)
        sim_fail(s, "verify did not answer at %s", n->name);
    flow_get_stats(n->flow, &stats);
    if (stats.waiting_events > 0)
        sim_fail(s, "%zu events were never answered at %s", stats.waiting_events, n->name);
}

void nodes_verify(struct sim *s)
{
    s->is_verifying = true;
    for (unsigned k = 0; k < s->node_count && s->failure == NULL; k++)
        verify(&s->nodes[k]);
}
