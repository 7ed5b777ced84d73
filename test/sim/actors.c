/* Everybody around the engines: clients that start and repeat, an author, a person with an inbox,
 * an operator. What is sent is sent again until it is answered, to the same or another node, as
 * SDKs and load balancers do. */
#include "sim.h"

#include "base/time.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE_MS 15000 /* of a client, until it turns to another node */

struct slice actors_keep(struct sim *s, const char *format, unsigned long a, unsigned long b)
{
    char line[128];
    int len = snprintf(line, sizeof line, format, a, b);
    return slice_copy(&s->arena, (struct slice){line, (size_t)len});
}

/* --- templates: a few stages, random needs, random retries and timeouts --- */

static void write_task(struct sim *s, struct text *t, unsigned stage, unsigned task)
{
    bool is_human = sim_once_in(s, 10);
    text_printf(t, "      - name: t%u_%u\n", stage, task);
    if (is_human)
        text_printf(t, "        human: {assignee: ann}\n");
    else
        text_printf(t, "        queue: q%u\n", (unsigned)sim_random(s, 4));
    unsigned need_count = 0;
    for (unsigned k = 0; k < task; k++)
        if (sim_once_in(s, 3))
            text_printf(t, "%st%u_%u", need_count++ == 0 ? "        needs: [" : ", ", stage, k);
    if (need_count > 0)
        text_put_c(t, "]\n");
    text_printf(t, "        retry: {max_attempts: %u, delay: %ums, backoff: %u, jitter: %s}\n",
                1 + (unsigned)sim_random(s, 4), (unsigned)sim_random(s, 3000),
                1 + (unsigned)sim_random(s, 3), sim_once_in(s, 2) ? "full" : "none");
    if (!is_human)
        text_printf(t, "        timeout: {running: %us, heartbeat: %us}\n",
                    20 + (unsigned)sim_random(s, 100), 5 + (unsigned)sim_random(s, 20));
}

static void write_source(struct sim *s, struct text *t, unsigned number)
{
    unsigned stages = 1 + (unsigned)sim_random(s, 3);
    text_printf(t, "name: w%u\n", number);
    if (sim_once_in(s, 4))
        text_printf(t, "timeout: %uh\n", 1 + (unsigned)sim_random(s, 3));
    text_printf(t, "stages:\n");
    for (unsigned stage = 0; stage < stages; stage++) {
        unsigned tasks = (unsigned)sim_random(s, 4);
        if (tasks == 0 && stage == 0)
            tasks = 1;
        text_printf(t, "  - name: s%u\n", stage);
        if (tasks > 0)
            text_printf(t, "    tasks:\n");
        for (unsigned task = 0; task < tasks; task++)
            write_task(s, t, stage, task);
    }
}

static void write_version(struct sim *s, unsigned number, unsigned version)
{
    struct sim_template *w = &s->templates[number];
    struct text t = text_new(&s->arena, 65536);
    write_source(s, &t, number);
    w->sources[version] = text_slice(&t);
    struct template_report report;
    struct template *parsed;
    enum err err = template_parse(&s->arena, SLICE("sim.yaml"), text_slice(&t), &report, &parsed);
    if (err != ERR_NONE) {
        struct slice why = template_error_text(&s->arena, &report.errors[0]);
        sim_fail(s, "the made template does not parse: %.*s", SLICE_ARG(why));
        return;
    }
    w->versions[version] = parsed;
}

void actors_open(struct sim *s)
{
    for (unsigned k = 0; k < SIM_TEMPLATES && s->failure == NULL; k++) {
        struct sim_template *w = &s->templates[k];
        w->name = actors_keep(s, "w%lu", k, 0);
        w->version_count = 1 + (unsigned)sim_random(s, SIM_VERSIONS_MAX);
        w->at_ms = s->now_ms;
        for (unsigned v = 0; v < w->version_count && s->failure == NULL; v++)
            write_version(s, k, v);
    }
    s->starts_left = 5 + (unsigned)sim_random(s, 20);
    s->operations_left = (unsigned)sim_random(s, 40);
    s->calm_round = 300 + (unsigned)sim_random(s, s->is_cluster ? 12000 : 3000);
}

/* --- the author: versions one after another, each again until it is answered --- */

struct applying {
    struct sim_template *template;
    struct sim_node *node;
    uint64_t life;
    unsigned number;
};

static void applied(void *context, const struct flow_applied *answer)
{
    const struct applying *a = context;
    struct sim *s = a->node->sim;
    struct sim_template *w = a->template;
    if (a->life != a->node->life || a->node->is_crashed || a->number != w->applied_count)
        return;
    w->asked = NULL;
    w->at_ms = s->now_ms + 200;
    if (answer->err != ERR_NONE)
        return;
    if (answer->template->version != w->applied_count + 1)
        sim_fail(s, "%.*s became version %d, not %u", SLICE_ARG(w->name),
                 (int)answer->template->version, w->applied_count + 1);
    w->applied_count++;
    w->at_ms = s->now_ms + (int64_t)sim_random(s, 60000);
}

static void apply_next(struct sim *s, struct sim_template *w)
{
    struct sim_node *n =
        w->at_ms > s->now_ms || w->applied_count == w->version_count ? NULL : nodes_pick(s);
    if (n == NULL || !nodes_is_ready(n))
        return;
    struct applying *a = arena_alloc(&s->arena, sizeof *a);
    *a = (struct applying){w, n, n->life, w->applied_count};
    w->at_ms = TIME_NEVER;
    w->asked = n;
    nodes_call(n);
    flow_apply(n->flow,
               &(struct flow_source){SLICE("sim.yaml"), w->sources[w->applied_count], SLICE("sim"),
                                     SLICE_NONE},
               applied, a);
}

bool actors_have_applied(const struct sim *s)
{
    for (unsigned k = 0; k < SIM_TEMPLATES; k++)
        if (s->templates[k].applied_count == 0)
            return false;
    return true;
}

/* --- sending until answered --- */

static void note_instance(struct sim *s, struct slice id)
{
    for (unsigned k = 0; k < s->instance_count; k++)
        if (slice_eq(s->instances[k], id))
            return;
    assert(s->instance_count < SIM_INSTANCES_MAX);
    s->instances[s->instance_count++] = slice_copy(&s->arena, id);
}

static bool is_recorded_there(const struct sim_send *d, const struct flow_answer *a)
{
    return a->seq > 0 && a->instance.len > 0 && a->verdict == VERDICT_APPLIED && !d->e.dry_run;
}

/* A start of a known template and an answer with a token have an instance, for every node. */
static void check_answer(struct sim *s, const struct sim_send *d, const struct flow_answer *a)
{
    const char *what = vocab_name(VOCAB_EVENT_KIND, (int)d->e.kind);
    bool is_lost = a->verdict == VERDICT_UNKNOWN || a->verdict == VERDICT_INVALID;
    if (is_lost && (d->is_start || d->e.token.len > 0))
        sim_fail(s, "%s %.*s was answered %s: %.*s", what, SLICE_ARG(d->e.id),
                 vocab_name(VOCAB_VERDICT, (int)a->verdict), SLICE_ARG(a->reason));
    if (is_recorded_there(d, a) && !oracle_has(s, a->instance, a->seq, d->e.id, a->verdict))
        sim_fail(s, "answered before it was durable: %s of instance %.*s seq %llu", what,
                 SLICE_ARG(a->instance), (unsigned long long)a->seq);
}

static void finish(struct sim *s, struct sim_send *d)
{
    d->is_done = true;
    if (d->message > 0 && (s->is_calm || !sim_once_in(s, 50)))
        s->messages[d->message - 1].is_here = false; /* the worker deletes it */
}

static void note_heard(struct sim *s, const struct sim_copy *copy)
{
    struct token t;
    const struct token_keys *keys = flow_token_keys(copy->node->flow);
    bool is_token = token_decode(&s->arena, keys, copy->send->e.token, &t);
    assert(is_token);
    s->heard[s->heard_count++ % SIM_HEARD_MAX] =
        (struct sim_heard){t.instance, t.task, t.generation, t.attempt, copy->at_ms};
}

static void answered(void *context, const struct flow_answer *a)
{
    const struct sim_copy *copy = context;
    struct sim_node *n = copy->node;
    struct sim_send *d = copy->send;
    struct sim *s = n->sim;
    if (n->life != copy->life || nodes_verb(n, "reply"))
        return;
    s->answers++;
    if (a->err != ERR_NONE) {
        sim_say(s, "  %s of %.*s at %s: %s, again", vocab_name(VOCAB_EVENT_KIND, (int)d->e.kind),
                SLICE_ARG(d->e.task), n->name, err_name(a->err));
        d->at_ms = time_min(d->at_ms, s->now_ms + 100 + (int64_t)sim_random(s, 2000));
        return;
    }
    sim_say(s, "  %s %.*s %.*s at %s: %s %.*s", vocab_name(VOCAB_EVENT_KIND, (int)d->e.kind),
            SLICE_ARG(a->instance), SLICE_ARG(d->e.task), n->name,
            vocab_name(VOCAB_VERDICT, (int)a->verdict), SLICE_ARG(a->reason));
    check_answer(s, d, a);
    if (d->e.kind == EVENT_HEARTBEAT && a->verdict == VERDICT_APPLIED)
        note_heard(s, copy);
    if (!d->is_done)
        finish(s, d);
    if (d->is_start && a->instance.len > 0)
        note_instance(s, a->instance);
}

void actors_send(struct sim *s, struct event e, int64_t in_ms, unsigned message)
{
    assert(s->send_count < SIM_SENDS_MAX);
    struct sim_send *d = &s->sends[s->send_count++];
    *d = (struct sim_send){.sim = s, .e = e, .at_ms = s->now_ms + in_ms, .message = message};
    d->is_start = e.kind == EVENT_START;
    d->e.id = actors_keep(s, "%lx-%lu", (unsigned long)s->seed, s->send_count);
    d->e.source = SLICE("sim");
    event_sum(&s->arena, &d->e);
    d->copies = !s->is_calm && sim_once_in(s, 5) ? 2 : 1;
}

static void transmit(struct sim *s, struct sim_send *d)
{
    struct sim_node *n = nodes_pick(s);
    if (n == NULL)
        return;
    struct sim_copy *copy = arena_alloc(&s->arena, sizeof *copy);
    *copy = (struct sim_copy){d, n, n->life, s->now_ms + n->skew_ms};
    nodes_call(n);
    if (!nodes_is_frozen(n))
        flow_arrive(n->flow, &d->e, answered, copy);
    else if (n->backlog_count < SIM_BACKLOG_MAX)
        n->backlog[n->backlog_count++] = copy;
}

static void deliver_sends(struct sim *s)
{
    while (s->first_send < s->send_count && s->sends[s->first_send].is_done)
        s->first_send++;
    for (unsigned k = s->first_send; k < s->send_count && nodes_pick(s) != NULL; k++) {
        struct sim_send *d = &s->sends[k];
        if (d->is_done || d->at_ms > s->now_ms)
            continue;
        int64_t patience_ms = 1000 + (int64_t)sim_random(s, PATIENCE_MS);
        d->at_ms = s->is_cluster ? s->now_ms + patience_ms : TIME_NEVER;
        for (unsigned c = 0; c < d->copies; c++)
            transmit(s, d);
    }
}

void actors_thawed(struct sim_node *n)
{
    for (unsigned k = 0; k < n->backlog_count && !n->is_crashed; k++)
        flow_arrive(n->flow, &n->backlog[k]->send->e, answered, n->backlog[k]);
    n->backlog_count = 0;
}

void actors_crashed(struct sim_node *n)
{
    struct sim *s = n->sim;
    for (unsigned k = s->first_send; k < s->send_count; k++) {
        struct sim_send *d = &s->sends[k];
        if (!d->is_done && !s->is_cluster)
            d->at_ms = time_min(d->at_ms, s->now_ms + (int64_t)sim_random(s, 3000));
    }
    for (unsigned k = 0; k < SIM_TEMPLATES; k++)
        if (s->templates[k].asked == n)
            s->templates[k].at_ms = s->now_ms + 200;
    s->next_poll_ms = time_min(s->next_poll_ms, s->now_ms);
    s->next_inbox_ms = time_min(s->next_inbox_ms, s->now_ms);
}

/* --- a person and an operator --- */

struct reading {
    struct sim_node *node;
    uint64_t life;
};

static void inbox_read(void *context, enum err err, struct slice json)
{
    const struct reading *r = context;
    struct sim *s = r->node->sim;
    yyjson_val *root, *task;
    if (r->node->life != r->life || r->node->is_crashed || err != ERR_NONE)
        return;
    arena_reset(&s->scratch);
    if (json_read(&s->scratch, json, WORK_BYTES_MAX, 200, NULL, &root) != ERR_NONE)
        return;
    yyjson_arr_iter it = yyjson_arr_iter_with(json_get(root, "tasks"));
    while ((task = yyjson_arr_iter_next(&it)) != NULL && s->send_count < SIM_SENDS_MAX / 2) {
        struct event e = {.kind = EVENT_COMPLETED};
        e.instance = slice_copy(&s->arena, json_get_text(task, "instance"));
        e.task = slice_copy(&s->arena, json_get_text(task, "task"));
        if (s->is_calm || sim_once_in(s, 4))
            actors_send(s, e, (int64_t)sim_random(s, 5000), 0);
    }
}

static void read_inbox(struct sim *s)
{
    struct sim_node *n = s->now_ms < s->next_inbox_ms ? NULL : nodes_pick(s);
    if (n == NULL || nodes_is_frozen(n))
        return;
    s->next_inbox_ms = s->now_ms + 10000;
    struct flow_query q = {.what = FLOW_INBOX, .limit = 100};
    struct reading *r = arena_alloc(&s->arena, sizeof *r);
    *r = (struct reading){n, n->life};
    nodes_call(n);
    flow_read(n->flow, &q, inbox_read, r);
}

static void start_one(struct sim *s)
{
    if (s->starts_left == 0 || s->now_ms < s->next_start_ms)
        return;
    s->starts_left--;
    s->next_start_ms = s->now_ms + (int64_t)sim_random(s, 10000);
    struct event e = {.kind = EVENT_START};
    e.template = s->templates[sim_random(s, SIM_TEMPLATES)].name;
    e.key = actors_keep(s, "K%lu", (unsigned long)sim_random(s, 12), 0);
    e.input = SLICE("{\"x\":1}");
    actors_send(s, e, 0, 0);
}

static void operate(struct sim *s)
{
    static const enum event_kind kinds[] = {EVENT_PAUSE,       EVENT_RESUME,      EVENT_RESUME,
                                            EVENT_CANCEL,      EVENT_REPLAY_TASK, EVENT_REPLAY_TASK,
                                            EVENT_REPLAY_TASK, EVENT_REPLAY_STAGE};
    if (s->operations_left == 0 || s->now_ms < s->next_operation_ms || s->instance_count == 0)
        return;
    s->operations_left--;
    s->next_operation_ms = s->now_ms + (int64_t)sim_random(s, 15000);
    struct event e = {.kind = kinds[sim_random(s, sizeof kinds / sizeof *kinds)]};
    e.instance = s->instances[sim_random(s, s->instance_count)];
    unsigned long stage = (unsigned long)sim_random(s, 3);
    e.only = sim_once_in(s, 4);
    e.dry_run = sim_once_in(s, 8);
    if (e.kind == EVENT_REPLAY_TASK)
        e.task = actors_keep(s, "t%lu_%lu", stage, (unsigned long)sim_random(s, 3));
    if (e.kind == EVENT_REPLAY_STAGE)
        e.stage = actors_keep(s, "s%lu", stage, 0);
    if (e.kind == EVENT_PAUSE && sim_once_in(s, 3))
        e.resume_at_ms = s->now_ms + 60000;
    if (e.kind == EVENT_PAUSE && sim_once_in(s, 3))
        e.timers = TIMERS_RUN;
    actors_send(s, e, 0, 0);
}

/* --- the round, and the end --- */

void actors_round(struct sim *s)
{
    if (nodes_pick(s) == NULL)
        return;
    for (unsigned k = 0; k < SIM_TEMPLATES; k++)
        apply_next(s, &s->templates[k]);
    if (!actors_have_applied(s))
        return;
    start_one(s);
    operate(s);
    deliver_sends(s);
    workers_round(s);
    read_inbox(s);
}

static int64_t next_apply(const struct sim *s)
{
    int64_t at_ms = TIME_NEVER;
    for (unsigned k = 0; k < SIM_TEMPLATES; k++)
        if (s->templates[k].applied_count < s->templates[k].version_count)
            at_ms = time_min(at_ms, s->templates[k].at_ms);
    return at_ms;
}

static bool has_ready(const struct sim *s)
{
    for (unsigned k = 0; k < s->node_count; k++)
        if (nodes_is_ready(&s->nodes[k]))
            return true;
    return false;
}

int64_t actors_next(const struct sim *s)
{
    if (!has_ready(s))
        return TIME_NEVER; /* they wait for an engine */
    int64_t at_ms = next_apply(s);
    if (!actors_have_applied(s))
        return at_ms;
    at_ms = time_min(at_ms, time_min(s->next_poll_ms, s->next_inbox_ms));
    for (unsigned k = s->first_send; k < s->send_count; k++)
        if (!s->sends[k].is_done)
            at_ms = time_min(at_ms, s->sends[k].at_ms);
    return at_ms;
}

void actors_calm(struct sim *s)
{
    s->operations_left = 0;
    for (unsigned k = 0; k < s->instance_count; k++) {
        struct oracle_view view;
        oracle_instance(s, s->instances[k], &view);
        if (!slice_eq_text(view.status, "PAUSED"))
            continue;
        struct event e = {.kind = EVENT_RESUME, .instance = s->instances[k]};
        actors_send(s, e, 0, 0);
    }
}

bool actors_are_done(const struct sim *s)
{
    return s->starts_left == 0 && s->first_send == s->send_count;
}
