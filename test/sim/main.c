/* The simulator's loop: one seed, one life after another of the engine, until everything that was
 * acknowledged has come to an end that the oracle allows. */
#include "sim.h"

#include "base/log.h"
#include "base/time.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS_MAX 400000
#define CALM_MS_MAX (60LL * 24 * 3600 * 1000)

uint64_t sim_random(struct sim *s, uint64_t n)
{
    s->rng += 0x9e3779b97f4a7c15U; /* splitmix64 */
    uint64_t z = s->rng;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return n == 0 ? 0 : (z ^ z >> 31) % n;
}

bool sim_once_in(struct sim *s, uint64_t n)
{
    return sim_random(s, n) == 0;
}

void sim_fail(struct sim *s, const char *format, ...)
{
    if (s->failure != NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(s->failure_text, sizeof s->failure_text, format, arguments);
    va_end(arguments);
    s->failure = s->failure_text;
}

void sim_say(struct sim *s, const char *format, ...)
{
    if (!s->is_verbose)
        return;
    va_list arguments;
    va_start(arguments, format);
    printf("%10lld ", (long long)(s->now_ms - SIM_START_MS));
    (void)vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

/* --- the queue as the engine sees it --- */

static struct sim *sim_of(struct queue *q)
{
    return LINK_OWNER(q, struct sim, queue);
}

static struct sim_message *find_message(struct sim *s, const struct queue_message *m)
{
    for (unsigned k = 0; k < s->message_count; k++)
        if (slice_eq(s->messages[k].instance, m->instance) &&
            slice_eq(s->messages[k].task, m->task))
            return &s->messages[k];
    return NULL;
}

static enum err offer(struct queue *q, const struct queue_message *m)
{
    struct sim *s = sim_of(q);
    if (faults_verb(s, "offer"))
        return ERR_NONE;
    if (!oracle_is_sent(s, m))
        sim_fail(s, "sent before the commit: instance %.*s task %.*s attempt %lld",
                 SLICE_ARG(m->instance), SLICE_ARG(m->task), (long long)m->attempt);
    struct sim_message *known = find_message(s, m);
    bool is_same = known != NULL && known->is_here && known->generation == m->generation &&
                   known->attempt == m->attempt;
    if (is_same)
        return ERR_NONE;
    if (known == NULL) {
        assert(s->message_count < SIM_MESSAGES_MAX);
        known = &s->messages[s->message_count++];
        known->queue = slice_copy(&s->arena, m->queue);
        known->instance = slice_copy(&s->arena, m->instance);
        known->task = slice_copy(&s->arena, m->task);
    }
    known->generation = m->generation;
    known->attempt = m->attempt;
    known->visible_at_ms = m->visible_at_ms;
    known->is_here = true;
    return ERR_NONE;
}

static void withdraw(struct queue *q, const struct queue_message *m)
{
    struct sim *s = sim_of(q);
    struct sim_message *known = find_message(s, m);
    if (faults_verb(s, "withdraw") || known == NULL)
        return;
    bool is_covered = known->generation < m->generation ||
                      (known->generation == m->generation && known->attempt <= m->attempt);
    if (is_covered)
        known->is_here = false;
}

static void extend(struct queue *q, const struct queue_message *m, int64_t now_ms)
{
    struct sim_message *known = find_message(sim_of(q), m);
    if (known != NULL)
        known->visible_at_ms = now_ms + 30000;
}

/* --- lives of the engine --- */

static void told(void *context, struct slice instance, const struct store_record *r)
{
    struct sim *s = context;
    (void)instance;
    (void)r;
    (void)faults_verb(s, "tell");
}

static void applied(void *context, const struct flow_applied *answer)
{
    struct sim *s = context;
    if (!s->is_crashed && answer->err == ERR_NONE)
        s->applied_count++;
}

static void apply_templates(struct sim *s)
{
    s->applied_count = 0;
    for (unsigned k = 0; k < SIM_TEMPLATES; k++)
        flow_apply(s->flow,
                   &(struct flow_source){SLICE("sim.yaml"), s->template_sources[k], SLICE("sim")},
                   applied, s);
}

static void begin_life(struct sim *s)
{
    struct flow_config config = {.store = &s->faulty, .queue = &s->queue, .node = SLICE("sim")};
    config.seed = sim_random(s, UINT64_MAX);
    config.tell = told;
    config.tell_context = s;
    for (int k = 0; k < SHA256_BYTES; k++)
        config.fresh_key[k] = (uint8_t)sim_random(s, 256);
    s->life++;
    s->is_crashed = false;
    s->crash_in = s->is_calm ? 0 : 1 + (unsigned)sim_random(s, 400);
    enum err err = flow_open(&config, &s->flow);
    assert(err == ERR_NONE);
    flow_start(s->flow, s->now_ms);
    s->applied_count = 0;
}

static void end_life(struct sim *s)
{
    s->is_crashed = true;
    faults_forget(s);
    flow_close(s->flow);
    if (!s->is_calm && sim_once_in(s, 4))
        s->now_ms -= (int64_t)sim_random(s, 600000); /* the next machine's clock is behind */
    actors_crashed(s);
    s->next_poll_ms = s->next_inbox_ms = s->now_ms;
}

/* A start that failed half way is tried again, as a supervisor of processes would. */
static bool is_dead(struct sim *s)
{
    return s->is_crashed || flow_start_error(s->flow) != ERR_NONE;
}

/* --- one seed --- */

static void move_time(struct sim *s)
{
    int64_t at_ms = time_min(actors_next(s), faults_next(s));
    at_ms = time_min(at_ms, flow_next(s->flow));
    if (at_ms == TIME_NEVER)
        at_ms = s->now_ms + 1000;
    if (at_ms > s->now_ms)
        s->now_ms = at_ms;
    if (!s->is_calm && sim_once_in(s, 2000))
        s->now_ms += (int64_t)sim_random(s, 7200000);
}

static void become_calm(struct sim *s)
{
    sim_say(s, "calm");
    s->is_calm = true;
    s->crash_in = 0;
    s->calm_end_ms = s->now_ms + CALM_MS_MAX;
    actors_calm(s);
}

static bool is_end(struct slice status)
{
    return slice_eq_text(status, "COMPLETED") || slice_eq_text(status, "FAILED") ||
           slice_eq_text(status, "CANCELLED");
}

static bool is_all_ended(struct sim *s)
{
    struct slice status;
    if (!actors_are_done(s))
        return false;
    for (unsigned k = 0; k < s->instance_count; k++) {
        oracle_instance(s, s->instances[k], &status);
        if (!is_end(status))
            return false;
    }
    return true;
}

static void name_stuck(struct sim *s)
{
    struct slice status;
    for (unsigned k = 0; k < s->instance_count; k++) {
        oracle_instance(s, s->instances[k], &status);
        if (!is_end(status))
            sim_fail(s, "stuck: instance %.*s is %.*s", SLICE_ARG(s->instances[k]),
                     SLICE_ARG(status));
    }
    for (unsigned k = 0; k < s->send_count; k++)
        if (!s->sends[k].is_done)
            sim_fail(s, "stuck: a %s was never answered",
                     vocab_name(VOCAB_EVENT_KIND, (int)s->sends[k].e.kind));
    sim_fail(s, "stuck");
}

static void verified(void *context, enum err err, struct slice json)
{
    struct sim *s = context;
    s->applied_count = 1000; /* the answer has come */
    if (err != ERR_NONE || !slice_has_prefix(json, SLICE("{\"ok\":true")))
        sim_fail(s, "verify: %s %.*s", err_name(err), SLICE_ARG(json));
}

static void verify(struct sim *s)
{
    struct flow_query q = {.what = FLOW_VERIFY};
    for (unsigned k = 0; k < 100000 && !flow_is_ready(s->flow); k++)
        flow_round(s->flow, ++s->now_ms);
    flow_read(s->flow, &q, verified, s);
    for (unsigned k = 0; k < 100000 && s->applied_count != 1000 && s->failure == NULL; k++) {
        s->now_ms++;
        flow_round(s->flow, s->now_ms);
    }
    if (s->applied_count != 1000)
        sim_fail(s, "verify did not answer");
}

static void run_rounds(struct sim *s)
{
    bool is_applied = false;
    int64_t next_look_ms = 0;
    for (unsigned long round = 0; s->failure == NULL; round++) {
        if (is_dead(s)) {
            end_life(s);
            begin_life(s);
            is_applied = false;
        }
        move_time(s);
        if (flow_is_ready(s->flow) && !is_applied) {
            apply_templates(s);
            is_applied = true;
        }
        if (!s->is_calm && round >= s->calm_round)
            become_calm(s);
        actors_round(s);
        if (!s->is_crashed)
            flow_round(s->flow, s->now_ms);
        if (is_applied && s->applied_count < SIM_TEMPLATES && round % 1000 == 999)
            apply_templates(s);
        if (s->is_calm && s->now_ms >= next_look_ms) {
            if (is_all_ended(s))
                return;
            actors_calm(s);
            next_look_ms = s->now_ms + 30000;
        }
        if (round > ROUNDS_MAX || (s->is_calm && s->now_ms > s->calm_end_ms))
            name_stuck(s);
    }
}

/* True: the seed passed. */
static bool run_seed(struct sim *s, uint64_t seed, bool is_verbose)
{
    static const struct queue_ops queue_ops = {.name = "simulated",
                                               .offer = offer,
                                               .withdraw = withdraw,
                                               .extend = extend,
                                               .is_derived = true};
    *s = (struct sim){.seed = seed, .rng = seed * 0x9e3779b97f4a7c15U, .is_verbose = is_verbose};
    s->now_ms = SIM_START_MS;
    arena_init(&s->arena, 512u << 20);
    arena_init(&s->scratch, 256u << 20);
    s->queue.ops = &queue_ops;
    faults_open(s);
    actors_open(s);
    begin_life(s);
    run_rounds(s);
    if (s->failure == NULL)
        verify(s);
    if (s->failure != NULL)
        printf("not ok sim: seed %llu: %s\n", (unsigned long long)seed, s->failure);
    s->is_crashed = true;
    s->held_count = 0;
    flow_close(s->flow);
    s->real->ops->close(s->real);
    arena_drop(&s->arena);
    arena_drop(&s->scratch);
    return s->failure == NULL;
}

struct options {
    uint64_t first, count;
    long seconds;
    bool is_verbose;
};

static bool take_options(int argc, char **argv, struct options *o)
{
    *o = (struct options){1, 100, 0, false};
    for (int k = 1; k < argc; k++) {
        const char *value = k + 1 < argc ? argv[k + 1] : "";
        if (strcmp(argv[k], "--verbose") == 0) {
            o->is_verbose = true;
            continue;
        }
        k++;
        if (strcmp(argv[k - 1], "--seed") == 0) {
            o->first = strtoull(value, NULL, 10);
            o->count = 1;
        } else if (strcmp(argv[k - 1], "--from") == 0) {
            o->first = strtoull(value, NULL, 10);
        } else if (strcmp(argv[k - 1], "--seeds") == 0) {
            o->count = strtoull(value, NULL, 10);
            if (o->first == 1)
                o->first = (uint64_t)time(NULL) * 1000; /* fresh ones; the first is printed */
        } else if (strcmp(argv[k - 1], "--seconds") == 0) {
            o->seconds = strtol(value, NULL, 10);
            o->count = UINT64_MAX;
        } else {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    struct options o;
    struct sim *s = malloc(sizeof *s);
    if (s == NULL || !take_options(argc, argv, &o)) {
        printf("usage: sim [--seed N | --seeds N | --seconds N] [--from N] [--verbose]\n");
        return 2;
    }
    if (!o.is_verbose)
        log_open((enum log_level)(LOG_ERROR + 1), false); /* failures are the point here */
    time_t began = time(NULL);
    unsigned long failed = 0, passed = 0, crashes = 0, answers = 0, deliveries = 0;
    for (uint64_t k = 0; k < o.count && failed < 10; k++) {
        if (o.seconds > 0 && time(NULL) - began >= o.seconds)
            break;
        if (run_seed(s, o.first + k, o.is_verbose))
            passed++;
        else
            failed++;
        crashes += s->crashes;
        answers += s->answers;
        deliveries += s->deliveries;
    }
    printf("sim: seeds %llu to %llu: %lu passed, %lu failed; %lu answers, %lu deliveries, %lu "
           "crashes\n",
           (unsigned long long)o.first, (unsigned long long)(o.first + passed + failed - 1), passed,
           failed, answers, deliveries, crashes);
    if (failed == 0 && passed > 0)
        printf("ok sim: every seed ends as the oracle allows\n");
    free(s);
    return failed > 0 || passed == 0;
}
