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

/* --- one seed --- */

static void move_time(struct sim *s)
{
    int64_t at_ms = time_min(actors_next(s), faults_next(s));
    at_ms = time_min(at_ms, time_min(nodes_next(s), queue_next(s)));
    if (at_ms == TIME_NEVER)
        at_ms = s->now_ms + 1000;
    if (at_ms > s->now_ms)
        s->now_ms = at_ms;
    if (!s->is_calm && !s->is_gentle && sim_once_in(s, s->is_cluster ? 8000 : 2000))
        s->now_ms += (int64_t)sim_random(s, 7200000);
}

static void become_calm(struct sim *s)
{
    sim_say(s, "calm");
    s->is_calm = true;
    s->calm_at_ms = s->now_ms;
    s->calm_end_ms = s->now_ms + CALM_MS_MAX;
    nodes_calm(s);
    faults_calm(s);
    actors_calm(s);
}

static bool is_end(struct slice status)
{
    return slice_eq_text(status, "COMPLETED") || slice_eq_text(status, "FAILED") ||
           slice_eq_text(status, "CANCELLED");
}

static bool is_all_ended(struct sim *s)
{
    struct oracle_view view;
    if (!actors_are_done(s))
        return false;
    for (unsigned k = 0; k < s->instance_count; k++) {
        oracle_instance(s, s->instances[k], &view);
        if (!is_end(view.status))
            return false;
    }
    return true;
}

static void name_stuck(struct sim *s)
{
    struct oracle_view view;
    for (unsigned k = 0; k < s->instance_count; k++) {
        oracle_instance(s, s->instances[k], &view);
        if (!is_end(view.status))
            sim_fail(s, "stuck: instance %.*s is %.*s", SLICE_ARG(s->instances[k]),
                     SLICE_ARG(view.status));
    }
    for (unsigned k = 0; k < s->send_count; k++)
        if (!s->sends[k].is_done)
            sim_fail(s, "stuck: a %s was never answered",
                     vocab_name(VOCAB_EVENT_KIND, (int)s->sends[k].e.kind));
    sim_fail(s, "stuck");
}

/* Where nothing fails now, nothing is late; at the end everything has ended. True: it is the end.
 */
static bool look(struct sim *s, int64_t *next_ms)
{
    if (s->now_ms < *next_ms || !(s->is_calm || s->is_gentle))
        return false;
    whole_check_time(s);
    *next_ms = s->now_ms + (s->now_ms < s->calm_at_ms + 60000 ? 2000 : 30000);
    if (!s->is_calm)
        return false;
    if (is_all_ended(s))
        return true;
    actors_calm(s);
    return false;
}

static void run_rounds(struct sim *s)
{
    int64_t next_look_ms = 0;
    for (unsigned long round = 0; s->failure == NULL; round++) {
        move_time(s);
        if (!s->is_calm && round >= s->calm_round)
            become_calm(s);
        faults_round(s);
        queue_round(s);
        nodes_round(s);
        actors_round(s);
        if (look(s, &next_look_ms))
            return;
        if (round > ROUNDS_MAX || (s->is_calm && s->now_ms > s->calm_end_ms))
            name_stuck(s);
    }
}

struct options {
    uint64_t first, count;
    long seconds;
    unsigned nodes; /* 0: each seed decides */
    bool is_verbose, has_first, is_counted;
};

/* Every second seed is one node alone; every sixth has guests. */
static void choose_form(struct sim *s, const struct options *o)
{
    unsigned chosen = s->seed % 2 == 0 ? 1 : 2 + (unsigned)sim_random(s, SIM_NODES_MAX - 1);
    s->node_count = o->nodes > 0 ? o->nodes : chosen;
    s->is_cluster = s->node_count > 1;
    s->is_gentle = s->is_cluster && sim_once_in(s, 4);
    s->has_guests = s->is_cluster && s->seed % 6 == 5;
    s->is_gentle = s->is_gentle && !s->has_guests;
}

/* True: the seed passed. */
static bool run_seed(struct sim *s, uint64_t seed, const struct options *o)
{
    *s = (struct sim){.seed = seed, .rng = seed * 0x9e3779b97f4a7c15U};
    s->is_verbose = o->is_verbose;
    s->now_ms = SIM_START_MS;
    arena_init(&s->arena, 512u << 20);
    arena_init(&s->scratch, 256u << 20);
    map_init(&s->effects, seed);
    choose_form(s, o);
    faults_open(s);
    actors_open(s);
    nodes_open(s);
    run_rounds(s);
    if (s->failure == NULL)
        whole_check_keys(s);
    if (s->failure == NULL)
        nodes_verify(s);
    if (s->failure != NULL)
        printf("not ok sim: seed %llu (%u nodes%s%s): %s\n", (unsigned long long)seed,
               s->node_count, s->is_gentle ? ", gentle" : "", s->has_guests ? ", guests" : "",
               s->failure);
    nodes_close(s);
    s->real->ops->close(s->real);
    map_drop(&s->effects);
    arena_drop(&s->arena);
    arena_drop(&s->scratch);
    return s->failure == NULL;
}

static bool take_options(int argc, char **argv, struct options *o)
{
    *o = (struct options){.first = 1, .count = 100};
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
            o->has_first = true;
        } else if (strcmp(argv[k - 1], "--seeds") == 0) {
            o->count = strtoull(value, NULL, 10);
            o->is_counted = true;
        } else if (strcmp(argv[k - 1], "--nodes") == 0) {
            o->nodes = (unsigned)strtoul(value, NULL, 10);
        } else if (strcmp(argv[k - 1], "--seconds") == 0) {
            o->seconds = strtol(value, NULL, 10);
            o->count = o->is_counted ? o->count : UINT64_MAX;
        } else {
            return false;
        }
    }
    if (o->is_counted && !o->has_first)
        o->first = (uint64_t)time(NULL) * 1000; /* fresh ones; the first is printed */
    return o->nodes <= SIM_NODES_MAX;
}

struct totals {
    unsigned long failed, passed, crashes, freezes, cuts, leaves, answers, deliveries, sent;
    unsigned long doubled, conflicts, taken_over, clusters, late_ms, visits;
};

static void add(struct totals *t, const struct sim *s)
{
    t->crashes += s->crashes;
    t->freezes += s->freezes;
    t->cuts += s->cuts;
    t->leaves += s->leaves;
    t->answers += s->answers;
    t->deliveries += s->deliveries;
    t->sent += s->sent;
    t->doubled += s->doubled;
    t->conflicts += s->conflicts;
    t->taken_over += s->taken_over;
    t->clusters += s->is_cluster;
    t->visits += s->visits;
    if (s->late_ms > t->late_ms)
        t->late_ms = s->late_ms;
}

static void print(const struct totals *t, uint64_t first)
{
    printf("sim: seeds %llu to %llu: %lu passed, %lu failed; %lu answers, %lu deliveries, %lu "
           "crashes\n",
           (unsigned long long)first, (unsigned long long)(first + t->passed + t->failed - 1),
           t->passed, t->failed, t->answers, t->deliveries, t->crashes);
    printf(
        "sim: of them %lu with several nodes: %lu freezes, %lu cuts, %lu leaves, %lu conflicts, "
        "%lu taken over, %lu sent, %lu of them again, at most %lu ms late; %lu visits of guests\n",
        t->clusters, t->freezes, t->cuts, t->leaves, t->conflicts, t->taken_over, t->sent,
        t->doubled, t->late_ms, t->visits);
    if (t->failed == 0 && t->passed > 0)
        printf("ok sim: every seed ends as the oracle allows\n");
}

int main(int argc, char **argv)
{
    struct options o;
    struct sim *s = malloc(sizeof *s);
    if (s == NULL || !take_options(argc, argv, &o)) {
        printf(
            "usage: sim [--seed N | --seeds N | --seconds N] [--from N] [--nodes N] [--verbose]\n");
        return 2;
    }
    if (!o.is_verbose)
        log_open((enum log_level)(LOG_ERROR + 1), false); /* failures are the point here */
    time_t began = time(NULL);
    struct totals totals = {0};
    for (uint64_t k = 0; k < o.count && totals.failed < 10; k++) {
        if (o.seconds > 0 && time(NULL) - began >= o.seconds)
            break;
        if (run_seed(s, o.first + k, &o))
            totals.passed++;
        else
            totals.failed++;
        add(&totals, s);
    }
    print(&totals, o.first);
    free(s);
    return totals.failed > 0 || totals.passed == 0;
}
