/* The rig of the engine's unit tests. */
#include "flow_rig.h"

#include "base/time.h"
#include "store/store_mem.h"

#include <stdio.h>
#include <string.h>

#define ROUNDS_MAX 2000

struct rig rig;

const char rig_template[] = "name: pair\n"
                            "stages:\n"
                            "  - name: one\n"
                            "    tasks:\n"
                            "      - name: a\n"
                            "        queue: qa\n"
                            "        business_status: A DONE\n"
                            "        retry: {max_attempts: 2, delay: 1s}\n"
                            "        timeout: {running: 10m, heartbeat: 1m}\n"
                            "      - {name: b, queue: qb}\n"
                            "  - name: two\n"
                            "    tasks:\n"
                            "      - {name: c, human: {assignee: ann, due: 30m}}\n";

/* --- the store between --- */

static void submit(struct store *s, struct store_request *r)
{
    (void)s;
    rig.mem->ops->submit(rig.mem, r);
}

/* The record as if somebody had changed a digit of its time in the store. */
static void tamper(struct store_request *r)
{
    for (uint32_t k = 0; k < r->record_count; k++) {
        if (r->records[k].seq != rig.tampered_seq)
            continue;
        char *copy = slice_text(r->arena, r->records[k].bytes);
        char *at = strstr(copy, "\"at\":17");
        if (at != NULL)
            at[6] = '8';
        r->records[k].bytes.at = copy;
    }
}

static bool does_fail(void *context, const struct store_request *r, enum err *err, bool *apply)
{
    (void)context;
    *apply = rig.is_done_anyway;
    bool can_fail = r->op == STORE_COMMIT || r->op == STORE_ROWS || r->op == STORE_REMOVE;
    if (!can_fail || rig.fail_count == 0)
        return false;
    rig.fail_count--;
    *err = rig.fail_with;
    return true;
}

static void count(const struct store_request *r)
{
    rig.loads += r->op == STORE_LOAD;
    rig.commits += r->op == STORE_COMMIT && r->err == ERR_NONE;
    rig.records += r->op == STORE_COMMIT && r->err == ERR_NONE ? r->record_count : 0;
    rig.rows += r->op == STORE_ROWS && r->err == ERR_NONE ? r->row_count : 0;
    if (r->op == STORE_ROWS && r->err == ERR_NONE)
        rig.folded_pos = r->folded_pos;
}

/* Loads that are held back stay out of what is done until they are let go. */
static size_t sort_out(struct store_request **done, size_t n, size_t max)
{
    size_t kept = 0;
    for (size_t k = 0; k < n; k++) {
        if (rig.is_load_held && done[k]->op == STORE_LOAD && rig.held_count < 8)
            rig.held_loads[rig.held_count++] = done[k];
        else
            done[kept++] = done[k];
    }
    while (!rig.is_load_held && rig.held_count > 0 && kept < max)
        done[kept++] = rig.held_loads[--rig.held_count];
    return kept;
}

static size_t complete(struct store *s, struct store_request **done, size_t max)
{
    (void)s;
    if (rig.is_held)
        return 0;
    size_t n = sort_out(done, rig.mem->ops->complete(rig.mem, done, max), max);
    for (size_t k = 0; k < n; k++) {
        count(done[k]);
        if (done[k]->op == STORE_RECORDS && rig.tampered_seq > 0)
            tamper(done[k]);
    }
    return n;
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
                                           .close = close_nothing};

/* --- the queue --- */

static unsigned find(const struct queue_message *m)
{
    unsigned k = 0;
    while (k < rig.message_count && (!slice_eq(rig.messages[k].instance, m->instance) ||
                                     !slice_eq(rig.messages[k].task, m->task)))
        k++;
    return k;
}

static enum err offer(struct queue *q, const struct queue_message *m)
{
    unsigned k = find(m);
    (void)q;
    if (k == RIG_MESSAGES_MAX)
        return ERR_MEMORY;
    rig.offers++;
    rig.message_count += k == rig.message_count;
    rig.messages[k] = (struct rig_message){.generation = m->generation,
                                           .attempt = m->attempt,
                                           .visibility_ms = m->visibility_ms,
                                           .queue = slice_copy(&rig.arena, m->queue),
                                           .instance = slice_copy(&rig.arena, m->instance),
                                           .task = slice_copy(&rig.arena, m->task)};
    return ERR_NONE;
}

static void withdraw(struct queue *q, const struct queue_message *m)
{
    unsigned k = find(m);
    (void)q;
    rig.withdrawals++;
    if (k < rig.message_count)
        rig.messages[k] = rig.messages[--rig.message_count];
}

static void extend(struct queue *q, const struct queue_message *m, int64_t now_ms)
{
    (void)q;
    (void)m;
    (void)now_ms;
    rig.extensions++;
}

static const struct queue_ops queue_ops = {
    .name = "rig", .offer = offer, .withdraw = withdraw, .extend = extend, .is_derived = true};

/* --- lives --- */

static void told(void *context, struct slice instance, const struct store_record *r)
{
    (void)context;
    (void)instance;
    (void)r;
    rig.told++;
}

static void begin(void)
{
    struct flow_config config = {.store = &rig.store, .queue = &rig.queue, .node = SLICE("test")};
    config.seed = 7;
    config.cache_bytes_max = rig.cache_bytes_max;
    config.retention_ms = rig.retention_ms;
    config.tell = told;
    memset(config.fresh_key, 42, sizeof config.fresh_key);
    rig.message_count = 0;
    CHECK(flow_open(&config, &rig.flow) == ERR_NONE);
    flow_start(rig.flow, rig.now_ms);
    for (int k = 0; k < ROUNDS_MAX && !flow_is_ready(rig.flow); k++)
        flow_round(rig.flow, rig.now_ms);
    CHECK(flow_is_ready(rig.flow) && flow_start_error(rig.flow) == ERR_NONE);
}

void rig_open(void)
{
    size_t cache_bytes_max = rig.cache_bytes_max;
    rig = (struct rig){.now_ms = RIG_START_MS, .cache_bytes_max = cache_bytes_max};
    rig.store.ops = &store_ops;
    rig.queue.ops = &queue_ops;
    arena_init(&rig.arena, 512u << 20);
    CHECK(store_mem_open(&rig.mem) == ERR_NONE);
    store_mem_set_fault(rig.mem, does_fail, NULL);
    begin();
    rig_apply(rig_template);
}

void rig_close(void)
{
    store_mem_drop_pending(rig.mem, false);
    flow_close(rig.flow);
    rig.mem->ops->close(rig.mem);
    arena_drop(&rig.arena);
    rig.cache_bytes_max = 0;
}

void rig_restart(void)
{
    flow_drain(rig.flow);
    for (int k = 0; k < ROUNDS_MAX && !flow_is_idle(rig.flow); k++)
        flow_round(rig.flow, rig.now_ms);
    CHECK(flow_is_idle(rig.flow));
    flow_close(rig.flow);
    begin();
}

void rig_crash(void)
{
    store_mem_drop_pending(rig.mem, false);
    flow_close(rig.flow);
    begin();
}

void rig_run(void)
{
    for (int k = 0; k < ROUNDS_MAX; k++) {
        size_t waiting = rig.is_held ? 0 : store_mem_pending(rig.mem);
        if (k > 0 && waiting == 0 && flow_next(rig.flow) > rig.now_ms)
            return;
        flow_round(rig.flow, rig.now_ms);
        if (rig.is_held && k > 3)
            return;
    }
    CHECK(!"the engine comes to rest");
}

void rig_wait(int64_t ms)
{
    int64_t end_ms = rig.now_ms + ms;
    rig_run();
    for (int k = 0; k < ROUNDS_MAX && rig.now_ms < end_ms; k++) {
        rig.now_ms = time_min(flow_next(rig.flow), end_ms);
        rig_run();
    }
    CHECK(rig.now_ms == end_ms);
}

/* --- what tests do --- */

static void take_applied(void *context, const struct flow_applied *answer)
{
    *(enum err *)context = answer->err;
}

void rig_apply(const char *source)
{
    enum err err = ERR_COUNT;
    struct flow_source s = {SLICE("t.yaml"), slice_of(source), SLICE("tester"), SLICE_NONE};
    flow_apply(rig.flow, &s, take_applied, &err);
    rig_run();
    CHECK(err == ERR_NONE);
}

static void take_answer(void *context, const struct flow_answer *a)
{
    struct rig_answer *out = context;
    CHECK(!out->is_here);
    *out = (struct rig_answer){.is_here = true,
                               .err = a->err,
                               .verdict = a->verdict,
                               .seq = a->seq,
                               .task_count = a->task_count,
                               .reason = slice_copy(&rig.arena, a->reason),
                               .instance = slice_copy(&rig.arena, a->instance),
                               .status = slice_copy(&rig.arena, a->status),
                               .key = slice_copy(&rig.arena, a->key)};
}

unsigned rig_send(struct event e)
{
    char id[16];
    unsigned n = rig.answer_count++;
    int len = snprintf(id, sizeof id, "e%u", n);
    CHECK(n < RIG_ANSWERS_MAX);
    if (e.id.len == 0)
        e.id = slice_copy(&rig.arena, (struct slice){id, (size_t)len});
    if (e.source.len == 0)
        e.source = SLICE("test");
    event_sum(&rig.arena, &e);
    flow_arrive(rig.flow, &e, take_answer, &rig.answers[n]);
    return n;
}

const struct rig_answer *rig_take(struct event e)
{
    unsigned n = rig_send(e);
    rig_run();
    CHECK(rig.answers[n].is_here);
    return &rig.answers[n];
}

struct slice rig_start(const char *template, const char *key)
{
    struct event e = {.kind = EVENT_START, .template = slice_of(template), .key = slice_of(key)};
    const struct rig_answer *a = rig_take(e);
    CHECK(a->err == ERR_NONE && a->verdict == VERDICT_APPLIED);
    return a->instance;
}

const struct rig_message *rig_message(const char *task)
{
    for (unsigned k = 0; k < rig.message_count; k++)
        if (slice_eq_text(rig.messages[k].task, task))
            return &rig.messages[k];
    return NULL;
}

struct slice rig_token(const struct rig_message *m)
{
    struct token t = {m->instance, m->task, 0, m->generation, m->attempt};
    return token_encode(&rig.arena, flow_token_keys(rig.flow), &t);
}

const struct rig_answer *rig_complete(const char *task)
{
    static const struct rig_answer none;
    const struct rig_message *m = rig_message(task);
    CHECK(m != NULL);
    if (m == NULL)
        return &none;
    return rig_take((struct event){.kind = EVENT_COMPLETED, .token = rig_token(m)});
}

struct reading {
    bool is_here;
    enum err err;
    struct slice json;
};

static void take_json(void *context, enum err err, struct slice json)
{
    struct reading *r = context;
    *r = (struct reading){true, err, slice_copy(&rig.arena, json)};
}

static struct reading read(struct flow_query q)
{
    struct reading r = {.is_here = false};
    flow_read(rig.flow, &q, take_json, &r);
    rig_run();
    for (int k = 0; k < 3 && !r.is_here; k++)
        rig_wait(1000); /* what could not be read is tried again */
    CHECK(r.is_here);
    return r;
}

yyjson_val *rig_read(struct flow_query q)
{
    struct reading r = read(q);
    yyjson_val *root = NULL;
    CHECK(r.err == ERR_NONE);
    enum err err = json_read(&rig.arena, r.json, 64u << 20, 200, NULL, &root);
    CHECK(err == ERR_NONE);
    return root;
}

enum err rig_read_err(struct flow_query q)
{
    return read(q).err;
}

yyjson_val *rig_show(struct slice id)
{
    return rig_read((struct flow_query){.what = FLOW_SHOW, .id = id});
}

yyjson_val *rig_events(struct slice id)
{
    yyjson_val *root =
        rig_read((struct flow_query){.what = FLOW_EVENTS, .id = id, .limit = LIST_LIMIT_MAX});
    return json_get(root, "events");
}

struct slice rig_status(struct slice id)
{
    return json_get_text(rig_show(id), "status");
}
