/* Everybody around the engine: clients that start and repeat, workers that answer, twice, late,
 * wrongly or never, a person with an inbox, an operator. What is sent is sent again until it is
 * answered, as SDKs and queues do. */
#include "sim.h"

#include "base/time.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define VISIBILITY_MS 30000

static struct slice keep(struct sim *s, const char *format, unsigned long a, unsigned long b)
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

static void write_template(struct sim *s, unsigned number)
{
    struct text t = text_new(&s->arena, 65536);
    unsigned stages = 1 + (unsigned)sim_random(s, 3);
    text_printf(&t, "name: w%u\n", number);
    if (sim_once_in(s, 4))
        text_printf(&t, "timeout: %uh\n", 1 + (unsigned)sim_random(s, 3));
    text_printf(&t, "stages:\n");
    for (unsigned stage = 0; stage < stages; stage++) {
        unsigned tasks = (unsigned)sim_random(s, 4);
        if (tasks == 0 && stage == 0)
            tasks = 1;
        text_printf(&t, "  - name: s%u\n", stage);
        if (tasks > 0)
            text_printf(&t, "    tasks:\n");
        for (unsigned task = 0; task < tasks; task++)
            write_task(s, &t, stage, task);
    }
    s->template_names[number] = keep(s, "w%lu", number, 0);
    s->template_sources[number] = text_slice(&t);
    struct template_report report;
    struct template *parsed;
    enum err err = template_parse(&s->arena, SLICE("sim.yaml"), text_slice(&t), &report, &parsed);
    if (err != ERR_NONE) {
        struct slice why = template_error_text(&s->arena, &report.errors[0]);
        sim_fail(s, "the made template does not parse: %.*s", SLICE_ARG(why));
        return;
    }
    s->templates[number] = parsed;
}

void actors_open(struct sim *s)
{
    s->template_count = SIM_TEMPLATES;
    for (unsigned k = 0; k < SIM_TEMPLATES && s->failure == NULL; k++)
        write_template(s, k);
    s->starts_left = 5 + (unsigned)sim_random(s, 20);
    s->operations_left = (unsigned)sim_random(s, 40);
    s->calm_round = 300 + (unsigned)sim_random(s, 3000);
}

/* --- sending until answered --- */

static void note_instance(struct sim *s, struct slice id)
{
    for (unsigned k = 0; k < s->instance_count; k++)
        if (slice_eq(s->instances[k], id))
            return;
    assert(s->instance_count < 256);
    s->instances[s->instance_count++] = slice_copy(&s->arena, id);
}

static bool is_recorded_there(const struct sim_send *d, const struct flow_answer *a)
{
    return a->seq > 0 && a->instance.len > 0 && a->verdict == VERDICT_APPLIED && !d->e.dry_run;
}

static void answered(void *context, const struct flow_answer *a)
{
    struct sim_send *d = context;
    struct sim *s = d->sim;
    if (s->is_crashed || d->life != s->life || faults_verb(s, "reply"))
        return;
    s->answers++;
    d->outstanding--;
    if (a->err != ERR_NONE) {
        sim_say(s, "  %s of %.*s: %s, again", vocab_name(VOCAB_EVENT_KIND, (int)d->e.kind),
                SLICE_ARG(d->e.task), err_name(a->err));
        d->at_ms = s->now_ms + 100 + (int64_t)sim_random(s, 2000);
        return;
    }
    d->is_done = true;
    sim_say(s, "  %s %.*s %.*s: %s %.*s", vocab_name(VOCAB_EVENT_KIND, (int)d->e.kind),
            SLICE_ARG(a->instance), SLICE_ARG(d->e.task),
            vocab_name(VOCAB_VERDICT, (int)a->verdict), SLICE_ARG(a->reason));
    if (is_recorded_there(d, a) && !oracle_has(s, a->instance, a->seq, d->e.id, a->verdict))
        sim_fail(s, "answered before it was durable: %s of instance %.*s seq %llu",
                 vocab_name(VOCAB_EVENT_KIND, (int)d->e.kind), SLICE_ARG(a->instance),
                 (unsigned long long)a->seq);
    if (d->is_start && a->instance.len > 0) {
        note_instance(s, a->instance);
        d->acked_instance = slice_copy(&s->arena, a->instance);
    }
}

static void send(struct sim *s, struct event e, int64_t in_ms, bool is_start)
{
    assert(s->send_count < SIM_SENDS_MAX);
    struct sim_send *d = &s->sends[s->send_count++];
    *d = (struct sim_send){.sim = s, .e = e, .at_ms = s->now_ms + in_ms, .is_start = is_start};
    d->e.id = keep(s, "%lx-%lu", (unsigned long)s->seed, s->send_count);
    d->e.source = SLICE("sim");
    event_sum(&s->arena, &d->e);
    d->copies = !s->is_calm && sim_once_in(s, 5) ? 2 : 1;
}

static void deliver_sends(struct sim *s)
{
    for (unsigned k = 0; k < s->send_count && !s->is_crashed; k++) {
        struct sim_send *d = &s->sends[k];
        if (d->is_done || d->at_ms > s->now_ms)
            continue;
        d->at_ms = TIME_NEVER; /* until the answer, or the engine's death */
        d->life = s->life;
        unsigned copies = d->copies;
        for (unsigned c = 0; c < copies; c++) {
            d->outstanding++;
            flow_arrive(s->flow, &d->e, answered, d);
        }
    }
}

void actors_crashed(struct sim *s)
{
    for (unsigned k = 0; k < s->send_count; k++) {
        struct sim_send *d = &s->sends[k];
        if (d->is_done)
            continue;
        d->outstanding = 0;
        d->at_ms = time_min(d->at_ms, s->now_ms + (int64_t)sim_random(s, 3000));
    }
    s->message_count = 0;
    s->is_refilling = false;
    s->refilled_at_ms = 0;
}

/* --- workers --- */

static struct slice large_output(struct sim *s)
{
    size_t bytes = PAYLOAD_INLINE_BYTES_MAX + 1 + sim_random(s, 1000);
    char *text = arena_alloc(&s->arena, bytes);
    memset(text, 'a' + (int)sim_random(s, 26), bytes);
    text[0] = text[bytes - 1] = '"';
    return (struct slice){text, bytes};
}

static void answer_with(struct sim *s, struct slice token, enum event_kind kind, int64_t in_ms)
{
    struct event e = {.kind = kind, .token = token};
    if (kind == EVENT_COMPLETED && sim_once_in(s, 20))
        e.output = large_output(s); /* stored apart, by its digest */
    else if (kind == EVENT_COMPLETED)
        e.output = keep(s, "{\"n\":%lu}", (unsigned long)sim_random(s, 1000), 0);
    if (kind == EVENT_FAILED)
        e.error = sim_once_in(s, 2) ? SLICE("Busy") : SLICE("Broken");
    send(s, e, in_ms, false);
}

static void work(struct sim *s, struct slice token)
{
    int64_t takes_ms = 10 + (int64_t)sim_random(s, 15000);
    uint64_t mood = s->is_calm ? 100 : sim_random(s, 100);
    if (mood < 8)
        return; /* dies */
    if (mood < 35) {
        answer_with(s, token, EVENT_STARTED, (int64_t)sim_random(s, 20));
        answer_with(s, token, EVENT_HEARTBEAT, takes_ms / 3);
        answer_with(s, token, EVENT_HEARTBEAT, takes_ms / 2);
    }
    if (mood < 50)
        answer_with(s, token, EVENT_FAILED, takes_ms);
    else if (mood < 54)
        answer_with(s, token, EVENT_PENDING, takes_ms);
    else
        answer_with(s, token, EVENT_COMPLETED, takes_ms);
    if (mood > 54 && mood < 58)
        answer_with(s, token, EVENT_FAILED, takes_ms + 50); /* changes its mind */
    for (unsigned k = 0; mood == 59 && k < 2 * REPEATS_RECORDED_MAX; k++)
        answer_with(s, token, EVENT_COMPLETED, takes_ms + 60 + k); /* says it again and again */
}

struct delivery {
    struct sim *sim;
    struct queue_message m;
};

static void delivered(void *context, enum err err, struct slice json)
{
    struct delivery *d = context;
    struct sim *s = d->sim;
    if (s->is_crashed || faults_verb(s, "deliver") || err != ERR_NONE)
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
    struct slice token = slice_copy(&s->arena, json_get_text(root, "token"));
    work(s, token);
}

static void refilled(void *context, enum err err, bool has_more)
{
    struct sim *s = context;
    (void)has_more;
    s->is_refilling = false;
    s->refilled_at_ms = err == ERR_NONE ? s->now_ms : 0;
}

/* After a start the messages are only in the store: each poll of an unread queue asks for them. */
static void refill(struct sim *s)
{
    if (s->is_refilling || (s->refilled_at_ms > 0 && !sim_once_in(s, 40)))
        return;
    char name[8];
    (void)snprintf(name, sizeof name, "q%u", (unsigned)sim_random(s, 4));
    s->is_refilling = true;
    flow_refill(s->flow, slice_of(name), refilled, s);
}

static void poll_queues(struct sim *s)
{
    if (s->now_ms < s->next_poll_ms)
        return;
    s->next_poll_ms = s->now_ms + 5 + (int64_t)sim_random(s, s->is_calm ? 20 : 500);
    refill(s);
    if (s->message_count == 0 || s->is_crashed)
        return;
    uint64_t first = sim_random(s, s->message_count);
    for (unsigned k = 0; k < s->message_count; k++) {
        struct sim_message *m = &s->messages[(k + first) % s->message_count];
        if (!m->is_here || m->visible_at_ms > s->now_ms)
            continue;
        m->visible_at_ms = s->now_ms + (sim_once_in(s, 4) ? 1000 : VISIBILITY_MS);
        struct delivery *d = arena_alloc(&s->arena, sizeof *d);
        *d = (struct delivery){.sim = s,
                               .m = {.queue = m->queue,
                                     .instance = m->instance,
                                     .task = m->task,
                                     .generation = m->generation,
                                     .attempt = m->attempt}};
        flow_message(s->flow, &d->m, delivered, d);
        return;
    }
}

/* --- a person and an operator --- */

static void inbox_read(void *context, enum err err, struct slice json)
{
    struct sim *s = context;
    yyjson_val *root, *task;
    if (s->is_crashed || err != ERR_NONE)
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
            send(s, e, (int64_t)sim_random(s, 5000), false);
    }
}

static void read_inbox(struct sim *s)
{
    if (s->now_ms < s->next_inbox_ms)
        return;
    s->next_inbox_ms = s->now_ms + 10000;
    struct flow_query q = {.what = FLOW_INBOX, .limit = 100};
    flow_read(s->flow, &q, inbox_read, s);
}

static void start_one(struct sim *s)
{
    if (s->starts_left == 0 || s->now_ms < s->next_start_ms)
        return;
    s->starts_left--;
    s->next_start_ms = s->now_ms + (int64_t)sim_random(s, 10000);
    struct event e = {.kind = EVENT_START};
    e.template = s->template_names[sim_random(s, SIM_TEMPLATES)];
    e.key = keep(s, "K%lu", (unsigned long)sim_random(s, 12), 0);
    e.input = SLICE("{\"x\":1}");
    send(s, e, 0, true);
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
        e.task = keep(s, "t%lu_%lu", stage, (unsigned long)sim_random(s, 3));
    if (e.kind == EVENT_REPLAY_STAGE)
        e.stage = keep(s, "s%lu", stage, 0);
    if (e.kind == EVENT_PAUSE && sim_once_in(s, 3))
        e.resume_at_ms = s->now_ms + 60000;
    if (e.kind == EVENT_PAUSE && sim_once_in(s, 3))
        e.timers = TIMERS_RUN;
    send(s, e, 0, false);
}

/* --- the round, and the end --- */

void actors_round(struct sim *s)
{
    if (!flow_is_ready(s->flow) || s->applied_count < SIM_TEMPLATES)
        return;
    start_one(s);
    operate(s);
    deliver_sends(s);
    if (!s->is_crashed)
        poll_queues(s);
    if (!s->is_crashed)
        read_inbox(s);
}

int64_t actors_next(const struct sim *s)
{
    if (!flow_is_ready(s->flow) || s->applied_count < SIM_TEMPLATES)
        return TIME_NEVER; /* they wait for the engine */
    int64_t at_ms = time_min(s->next_poll_ms, s->next_inbox_ms);
    for (unsigned k = 0; k < s->send_count; k++)
        if (!s->sends[k].is_done)
            at_ms = time_min(at_ms, s->sends[k].at_ms);
    return at_ms;
}

void actors_calm(struct sim *s)
{
    s->operations_left = 0;
    for (unsigned k = 0; k < s->instance_count; k++) {
        struct slice status;
        oracle_instance(s, s->instances[k], &status);
        if (!slice_eq_text(status, "PAUSED"))
            continue;
        struct event e = {.kind = EVENT_RESUME, .instance = s->instances[k]};
        send(s, e, 0, false);
    }
}

bool actors_are_done(const struct sim *s)
{
    if (s->starts_left > 0)
        return false;
    for (unsigned k = 0; k < s->send_count; k++)
        if (!s->sends[k].is_done)
            return false;
    return true;
}
