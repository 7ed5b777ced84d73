/* See nodes_rig.h. */
#include "nodes_rig.h"

#include "base/json.h"
#include "base/time.h"
#include "store/store_mem.h"

#include <stdio.h>
#include <string.h>

#define START_MS 1700000000000
#define ROUNDS_MAX 5000

struct nodes nodes;
int64_t nodes_retention_ms;

const char nodes_template[] = "name: pair\n"
                              "stages:\n"
                              "  - name: one\n"
                              "    tasks:\n"
                              "      - {name: a, queue: qa, retry: {max_attempts: 5, delay: 5s, "
                              "jitter: none}}\n"
                              "      - {name: b, queue: qb}\n"
                              "  - name: two\n"
                              "    tasks:\n"
                              "      - {name: c, queue: qc}\n";

/* The event's id is another one, so that it is still a record, but not the one whose hash the next
 * one holds. */
static void tamper(struct store_record *r)
{
    static const char id[] = "\"id\":\"";
    char *bytes = slice_text(&nodes.arena, r->bytes), *at = strstr(bytes, id);
    CHECK(at != NULL);
    at[sizeof id - 1] = 'X';
    r->bytes.at = bytes;
}

/* The number of the format is the first member of records and states. */
static void set_format(struct slice json, char from, char to)
{
    static const char first[] = "{\"f\":";
    char *bytes = (char *)(uintptr_t)json.at;
    if (json.len <= sizeof first || memcmp(bytes, first, sizeof first - 1) != 0 ||
        bytes[sizeof first - 1] != from)
        return;
    bytes[sizeof first - 1] = to;
}

static void set_formats(const struct store_request *r, char from, char to)
{
    for (uint32_t k = 0; k < r->record_count; k++)
        set_format(r->records[k].bytes, from, to);
    for (uint32_t k = 0; k < r->row_count; k++)
        set_format(r->rows[k].state, from, to);
}

static void asked(struct store_view *v, struct store_request *r)
{
    if (((struct node *)(void *)v)->is_newer)
        set_formats(r, '1', '2');
}

static void answered(struct store_view *v, struct store_request *r)
{
    if (r->op == STORE_RECORDS && slice_eq(r->id, nodes.tampered) && r->record_count > 0)
        tamper(&r->records[0]);
    if (((struct node *)(void *)v)->is_newer)
        set_formats(r, '2', '1');
}

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
    s->instance = slice_copy(&nodes.arena, m->instance);
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

const struct queue_ops nodes_outside = {.name = "nodes_outside",
                                        .offer = offer,
                                        .withdraw = withdraw,
                                        .extend = extend,
                                        .unsent_pos = unsent_pos};
const struct queue_ops nodes_derived = {.name = "nodes_derived",
                                        .offer = offer,
                                        .withdraw = withdraw,
                                        .extend = extend,
                                        .is_derived = true};

/* --- lives --- */

void nodes_run(void)
{
    for (int k = 0; k < 60; k++)
        for (unsigned n = 0; n < NODES; n++)
            if (nodes.of[n].flow != NULL && !nodes.of[n].is_stopped)
                flow_round(nodes.of[n].flow, nodes.now_ms);
}

void nodes_wait(int64_t ms)
{
    int64_t end_ms = nodes.now_ms + ms;
    nodes_run();
    for (int k = 0; k < ROUNDS_MAX && nodes.now_ms < end_ms; k++) {
        int64_t next = end_ms;
        for (unsigned n = 0; n < NODES; n++)
            if (nodes.of[n].flow != NULL && !nodes.of[n].is_stopped)
                next = time_min(next, flow_next(nodes.of[n].flow));
        nodes.now_ms = next > nodes.now_ms ? next : nodes.now_ms + 1;
        nodes_run();
    }
}

struct node *nodes_begin_with(unsigned which, const char *name, const struct queue_ops *queue,
                              const char *queue_name)
{
    struct node *n = &nodes.of[which];
    char info[64];
    *n = (struct node){.queue.ops = queue, .unsent_pos = UINT64_MAX};
    store_view_init(&n->store, nodes.mem);
    n->store.asked = asked;
    n->store.answered = answered;
    (void)snprintf(n->name, sizeof n->name, "%s", name);
    int len = snprintf(info, sizeof info, "{\"queue\":\"%s\"}", queue_name);
    struct flow_config c = {
        .store = &n->store.store, .queue = &n->queue, .node = slice_of(n->name)};
    c.info = slice_copy(&nodes.arena, (struct slice){info, (size_t)len});
    c.queue_name = slice_copy(&nodes.arena, slice_of(queue_name));
    c.seed = which + 1;
    c.retention_ms = nodes_retention_ms;
    memset(c.fresh_key, 42, sizeof c.fresh_key);
    CHECK(flow_open(&c, &n->flow) == ERR_NONE);
    flow_start(n->flow, nodes.now_ms);
    for (int k = 0; k < 50; k++)
        flow_round(n->flow, nodes.now_ms);
    return n;
}

struct node *nodes_begin(unsigned which, const char *name)
{
    struct node *n = nodes_begin_with(which, name, &nodes_outside, "one");
    for (int k = 0; k < 11; k++) /* until the others have seen it */
        nodes_wait(100);
    CHECK(flow_is_ready(n->flow));
    return n;
}

void node_die(struct node *n)
{
    store_view_forget(&n->store);
    flow_close(n->flow);
    n->flow = NULL;
}

static void take_applied(void *context, const struct flow_applied *answer)
{
    *(struct flow_applied *)context = *answer;
}

void node_apply(struct node *n, const char *source, bool created)
{
    struct flow_applied applied = {.err = ERR_COUNT};
    struct flow_source s = {SLICE("t.yaml"), slice_of(source), SLICE("tester"), SLICE_NONE};
    flow_apply(n->flow, &s, take_applied, &applied);
    nodes_run();
    CHECK(applied.err == ERR_NONE && applied.created == created);
}

void nodes_open(void)
{
    nodes = (struct nodes){.now_ms = START_MS};
    arena_init(&nodes.arena, 64u << 20);
    CHECK(store_mem_open(&nodes.mem) == ERR_NONE);
    store_mem_share(nodes.mem);
    node_apply(nodes_begin(0, "a"), nodes_template, true);
    (void)nodes_begin(1, "b");
    nodes_wait(600); /* each has seen the other */
}

void nodes_close(void)
{
    for (unsigned n = 0; n < NODES; n++)
        if (nodes.of[n].flow != NULL)
            node_die(&nodes.of[n]);
    nodes.mem->ops->close(nodes.mem);
    arena_drop(&nodes.arena);
}

/* --- what tests do --- */

static void take_answer(void *context, const struct flow_answer *a)
{
    (void)context;
    nodes.answers++;
    nodes.last = *a;
    nodes.last.instance = slice_copy(&nodes.arena, a->instance);
    nodes.last.reason = slice_copy(&nodes.arena, a->reason);
    nodes.last.status = slice_copy(&nodes.arena, a->status);
}

enum verdict node_send(struct node *n, struct event e)
{
    char id[16];
    unsigned before = nodes.answers;
    int len = snprintf(id, sizeof id, "e%u", nodes.events++);
    e.id = slice_copy(&nodes.arena, (struct slice){id, (size_t)len});
    e.source = SLICE("test");
    event_sum(&nodes.arena, &e);
    flow_arrive(n->flow, &e, take_answer, NULL);
    for (int k = 0; k < 10 && nodes.answers == before; k++)
        nodes_wait(100);
    CHECK(nodes.answers == before + 1 && nodes.last.err == ERR_NONE);
    return nodes.last.verdict;
}

struct slice node_start(struct node *n, const char *key)
{
    struct event e = {.kind = EVENT_START, .template = SLICE("pair"), .key = slice_of(key)};
    CHECK(node_send(n, e) == VERDICT_APPLIED);
    return nodes.last.instance;
}

enum verdict node_answer(struct node *n, enum event_kind kind, struct slice instance,
                         const char *task)
{
    return node_send(
        n, (struct event){
               .kind = kind, .instance = instance, .task = slice_of(task), .error = SLICE("E")});
}

unsigned nodes_count_sent(const char *task)
{
    unsigned count = 0;
    for (unsigned n = 0; n < NODES; n++)
        for (unsigned k = 0; k < nodes.of[n].sent_count; k++)
            count += strcmp(nodes.of[n].sent[k].task, task) == 0;
    return count;
}

static void take_json(void *context, enum err err, struct slice json)
{
    CHECK(err == ERR_NONE);
    *(struct slice *)context = slice_copy(&nodes.arena, json);
}

yyjson_val *node_read(struct node *n, struct flow_query q)
{
    struct slice json = SLICE_NONE;
    yyjson_val *root = NULL;
    flow_read(n->flow, &q, take_json, &json);
    nodes_wait(300);
    CHECK(json_read(&nodes.arena, json, 64u << 20, 200, NULL, &root) == ERR_NONE);
    return root;
}

struct slice node_status(struct node *n, struct slice id)
{
    return json_get_text(node_read(n, (struct flow_query){.what = FLOW_SHOW, .id = id}), "status");
}

uint64_t nodes_count_conflicts(void)
{
    uint64_t count = 0;
    for (unsigned n = 0; n < NODES; n++) {
        struct flow_stats s = {0};
        if (nodes.of[n].flow != NULL)
            flow_get_stats(nodes.of[n].flow, &s);
        count += s.conflicts;
    }
    return count;
}
