/* Durable completions in process: the engine over the SQLite store, without HTTP and queues. It
 * starts as many three-task instances as stated (not timed), then answers each message as soon as
 * it is offered, until all are completed (timed), and does so until the time is over. Each answer
 * carries a token, which is verified. Prints one line of JSON; rates are bench/run.py's.
 *
 *     engine DIR IN_FLIGHT SECONDS      DIR: a data folder that does not exist yet */
#include "base/arena.h"
#include "core/limits.h"
#include "flow/flow.h"
#include "store/store_sqlite.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TASKS 3
#define OFFERS_MAX 65536 /* a power of two */
#define NAME_BYTES 64

struct offered {
    char instance[NAME_BYTES], task[NAME_BYTES];
    int64_t generation, attempt;
};

struct bench {
    struct queue queue; /* the first member: the engine offers to it */
    struct store *store;
    struct flow *flow;
    struct offered *offers; /* a ring: what is out and not answered yet */
    uint64_t offered, taken, started, applied;
    bool is_applied; /* the template */
};

static const char template_text[] =
    "{\"name\":\"bench\",\"stages\":[{\"name\":\"one\",\"tasks\":["
    "{\"name\":\"take_order\",\"queue\":\"bench_work\"},"
    "{\"name\":\"make\",\"needs\":[\"take_order\"],\"queue\":\"bench_work\"}]},"
    "{\"name\":\"two\",\"tasks\":[{\"name\":\"bring\",\"queue\":\"bench_work\"}]}]}";

static double read_seconds(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int64_t read_ms(void)
{
    return (int64_t)(read_seconds(CLOCK_REALTIME) * 1e3);
}

static void give_up(const char *what)
{
    fprintf(stderr, "engine: %s\n", what);
    exit(1);
}

/* --- the queue --- */

static void keep_name(char out[NAME_BYTES], struct slice s)
{
    if (s.len >= NAME_BYTES)
        give_up("a name is too long");
    memcpy(out, s.at, s.len);
    out[s.len] = '\0';
}

static enum err offer(struct queue *q, const struct queue_message *m)
{
    struct bench *b = (struct bench *)q;
    if (b->offered - b->taken == OFFERS_MAX)
        return ERR_MEMORY;
    struct offered *o = &b->offers[b->offered++ % OFFERS_MAX];
    keep_name(o->instance, m->instance);
    keep_name(o->task, m->task);
    o->generation = m->generation;
    o->attempt = m->attempt;
    return ERR_NONE;
}

static void withdraw(struct queue *q, const struct queue_message *m)
{
    (void)q;
    (void)m;
}

static void extend(struct queue *q, const struct queue_message *m, int64_t now_ms)
{
    (void)q;
    (void)m;
    (void)now_ms;
}

static const struct queue_ops ops = {
    .name = "bench", .offer = offer, .withdraw = withdraw, .extend = extend, .is_derived = true};

/* --- events --- */

static void count_reply(void *context, const struct flow_answer *a)
{
    struct bench *b = context;
    b->applied += a->err == ERR_NONE && a->verdict == VERDICT_APPLIED;
}

static void take_applied(void *context, const struct flow_applied *a)
{
    struct bench *b = context;
    if (a->err != ERR_NONE)
        give_up("the template was not applied");
    b->is_applied = true;
}

static void start(struct bench *b, struct arena *a)
{
    char id[32];
    int len = snprintf(id, sizeof id, "start-%llu", (unsigned long long)b->started++);
    struct event e = {.kind = EVENT_START,
                      .id = {id, (size_t)len},
                      .source = SLICE("bench"),
                      .template = SLICE("bench"),
                      .input = SLICE("{\"order_id\":\"ORDER-000042\",\"amount\":12.5}")};
    event_sum(a, &e);
    flow_arrive(b->flow, &e, count_reply, b);
    arena_reset(a);
}

static void answer(struct bench *b, struct arena *a, const struct offered *o)
{
    struct token t = {slice_of(o->instance), slice_of(o->task), 0, o->generation, o->attempt};
    struct event e = {.kind = EVENT_COMPLETED,
                      .source = SLICE("bench"),
                      .token = token_encode(a, flow_token_keys(b->flow), &t),
                      .output = SLICE("{\"n\":42}")};
    e.id = e.token;
    event_sum(a, &e);
    flow_arrive(b->flow, &e, count_reply, b);
    arena_reset(a);
}

/* One round of the loop of serve, without its doors, is these two. */
static void run_round(struct bench *b)
{
    flow_round(b->flow, read_ms());
}

static void wait_for_store(struct bench *b)
{
    struct pollfd p = {.fd = b->store->ops->wake_fd(b->store), .events = POLLIN};
    int64_t ms = flow_next(b->flow) - read_ms();
    if (ms > 0)
        (void)poll(&p, 1, ms > 1000 ? 1000 : (int)ms);
}

static void start_all(struct bench *b, struct arena *a, uint64_t count)
{
    uint64_t wanted = b->applied + count;
    for (uint64_t i = 0; i < count; i++)
        start(b, a);
    for (run_round(b); b->applied < wanted; run_round(b))
        wait_for_store(b);
}

/* What a round offers is answered before anything is waited for. */
static void complete_all(struct bench *b, struct arena *a, uint64_t count)
{
    uint64_t wanted = b->applied + count * TASKS;
    while (b->applied < wanted) {
        if (b->taken == b->offered)
            wait_for_store(b);
        while (b->taken < b->offered)
            answer(b, a, &b->offers[b->taken++ % OFFERS_MAX]);
        run_round(b);
    }
}

/* --- the run --- */

static void open_all(struct bench *b, const char *dir)
{
    char message[STORE_SQLITE_MESSAGE_BYTES];
    if (store_sqlite_open(dir, &b->store, message) != ERR_NONE)
        give_up(message);
    struct flow_config config = {
        .store = b->store, .queue = &b->queue, .node = SLICE("bench"), .seed = 42};
    if (flow_open(&config, &b->flow) != ERR_NONE)
        give_up("memory is short");
    flow_start(b->flow, read_ms());
    for (run_round(b); !flow_is_ready(b->flow); run_round(b)) {
        if (flow_start_error(b->flow) != ERR_NONE)
            give_up("the engine did not start");
        wait_for_store(b);
    }
    struct flow_source source = {SLICE("bench"), slice_of(template_text), SLICE("bench")};
    flow_apply(b->flow, &source, take_applied, b);
    for (run_round(b); !b->is_applied; run_round(b))
        wait_for_store(b);
}

static void close_all(struct bench *b)
{
    flow_drain(b->flow);
    for (run_round(b); !flow_is_idle(b->flow); run_round(b))
        wait_for_store(b);
    flow_close(b->flow);
    b->store->ops->close(b->store);
    free(b->offers);
}

static uint64_t read_syncs(void)
{
    const char *path = getenv("SWM_BENCH_SYNCS");
    FILE *file = path != NULL ? fopen(path, "rb") : NULL;
    uint64_t count = 0;
    if (file != NULL) {
        if (fread(&count, sizeof count, 1, file) != 1)
            count = 0;
        fclose(file);
    }
    return count;
}

int main(int argc, char **argv)
{
    struct bench b = {.queue = {&ops}, .offers = calloc(OFFERS_MAX, sizeof(struct offered))};
    struct arena arena;
    if (argc != 4 || b.offers == NULL)
        give_up("usage: engine DIR IN_FLIGHT SECONDS");
    uint64_t in_flight = strtoull(argv[2], NULL, 10), instances = 0, syncs = 0;
    double wanted = strtod(argv[3], NULL), seconds = 0, cpu = 0;
    arena_init(&arena, WORK_BYTES_MAX);
    open_all(&b, argv[1]);
    while (seconds < wanted) {
        start_all(&b, &arena, in_flight);
        double began = read_seconds(CLOCK_MONOTONIC),
               cpu_began = read_seconds(CLOCK_PROCESS_CPUTIME_ID);
        uint64_t syncs_began = read_syncs();
        complete_all(&b, &arena, in_flight);
        seconds += read_seconds(CLOCK_MONOTONIC) - began;
        cpu += read_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_began;
        syncs += read_syncs() - syncs_began;
        instances += in_flight;
    }
    struct flow_stats stats;
    flow_get_stats(b.flow, &stats);
    printf("{\"done\":%llu,\"seconds\":%.4f,\"cpu_s\":%.4f,\"syncs\":%llu,\"loads\":%llu,"
           "\"conflicts\":%llu}\n",
           (unsigned long long)(instances * TASKS), seconds, cpu, (unsigned long long)syncs,
           (unsigned long long)stats.loads, (unsigned long long)stats.conflicts);
    close_all(&b);
    arena_drop(&arena);
    return 0;
}
