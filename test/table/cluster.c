/* Runs the text cases through three engines over one store: each event goes to the next node, time
 * passes on all of them, and what happened is read from the records in the store and from what the
 * queue was told. A case says the same here as it does for step alone.
 *
 * What a line means here where it cannot mean the same:
 *
 * - `wake` is no event: the time passes, and whoever must wake the instance does. Where a line is
 *   later than something that is due, all nodes stood still until then.
 * - A start without an id has one id for the whole case: it is the same start again.
 * - What is not recorded leaves no trace in the store: of a dry run the tasks that would run are
 *   compared with the answer, of a heartbeat between two records the verdict. Beyond that the line
 *   is checked against step.
 * - An event whose time is before its predecessor's comes at the predecessor's: clocks of nodes are
 *   the store's.
 *
 * At the end of a case nothing may have happened that it does not say; the chain is verified, the
 * instance ended, and the row that the nodes leave must be what folding the records gives. */
#include "nodes.h"
#include "table.h"

#include "base/json.h"
#include "base/time.h"
#include "core/record.h"
#include "store/store_mem.h"
#include "store/store_mongo.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 40          /* in which time passes between two lines */
#define FAR_STEPS_MAX 2       /* the same where the store has a time of its own */
#define JOIN_MS 3000          /* in which the others come before the case begins */
#define LONG_BEFORE_MS 100000 /* the first node's grace for silent workers is over at the start */

struct answer {
    bool is_here;
    enum err err;
    enum verdict verdict;
    struct slice reason, instance;
    uint64_t seq;
    struct slice tasks[64];
    uint32_t task_count;
};

struct cluster {
    struct nodes nodes;
    struct store *store;  /* its own; NULL: that of all cases */
    struct arena answers; /* texts of answers, copied while the case's own arena is in use */
    struct slice id;      /* of the instance; absent: none yet */
    unsigned turn;
    uint64_t told_seq; /* the last record that a line of the case has */
    struct answer answer;
};

static unsigned lives; /* engines are named anew in each case */

/* --- the store --- */

static struct store *far_stores[NODES]; /* of all cases: one database, opened by each node */

static void close_far(void)
{
    for (unsigned k = 0; k < NODES; k++)
        if (far_stores[k] != NULL)
            far_stores[k]->ops->close(far_stores[k]);
}

static void open_far(const char *uri)
{
    static const char *const names[NODES] = {"a", "b", "c"};
    char message[STORE_MONGO_MESSAGE_BYTES];
    int rc = atexit(close_far);
    assert(rc == 0);
    for (unsigned k = 0; k < NODES; k++)
        if (store_mongo_open(uri, names[k], &far_stores[k], message) != ERR_NONE) {
            printf("not ok cluster: the store: %s\n", message);
            exit(1);
        }
}

/* The one that SWM_TEST_MONGODB names, or one in memory that is made for each case. */
static void open_store(struct cluster *l, struct store *under[NODES])
{
    const char *uri = getenv("SWM_TEST_MONGODB");
    if (uri != NULL && far_stores[0] == NULL)
        open_far(uri);
    if (uri == NULL) {
        enum err err = store_mem_open(&l->store);
        assert(err == ERR_NONE);
        store_mem_share(l->store);
    }
    for (unsigned k = 0; k < NODES; k++)
        under[k] = uri != NULL ? far_stores[k] : l->store;
}

/* --- the beginning of a case --- */

static void take_applied(void *context, const struct flow_applied *answer)
{
    *(enum err *)context = answer->err;
}

static void apply_template(struct table_case *c, struct slice source)
{
    struct cluster *l = c->cluster;
    enum err err = ERR_COUNT;
    struct flow_source s = {.file = SLICE("template"), .text = source, .actor = SLICE("test")};
    flow_apply(l->nodes.node[0].flow, &s, take_applied, &err);
    nodes_rest(&l->nodes, 0);
    if (err != ERR_NONE)
        table_fail(c, "the template is not taken:", slice_of(err_text(err)));
}

/* An event before the start must not find the instance of an earlier case. */
static void make_key_unique(struct table_case *c)
{
    struct text key = text_new(c->arena, KEY_BYTES_MAX);
    if (slice_eq_text(c->key, "-"))
        return;
    text_put(&key, c->key);
    text_printf(&key, "-%u", lives);
    c->key = text_slice(&key);
}

static void begin(struct table_case *c, struct slice source)
{
    struct cluster *l = calloc(1, sizeof *l);
    assert(l != NULL);
    c->cluster = l;
    arena_init(&l->answers, 16u << 20);
    struct store *under[NODES];
    open_store(l, under);
    nodes_open(&l->nodes, c->arena, under);
    l->nodes.now_ms = TABLE_EPOCH_MS - LONG_BEFORE_MS;
    lives++;
    make_key_unique(c);
    nodes_start(&l->nodes, 0, 1, lives);
    apply_template(c, source);
    l->nodes.now_ms = TABLE_EPOCH_MS - JOIN_MS;
    nodes_rest(&l->nodes, 0);
    nodes_start(&l->nodes, 1, NODES - 1, lives);
    if (l->nodes.is_stuck)
        table_fail(c, "the nodes do not start", SLICE_NONE);
}

/* --- an event on its way --- */

static struct slice name_event(struct table_case *c, const struct event *e)
{
    struct text t = text_new(c->arena, 256);
    text_printf(&t, "%u-", lives);
    if (e->id.len > 0)
        text_put(&t, e->id);
    else if (e->kind == EVENT_START)
        text_put_c(&t, "start");
    else
        text_printf(&t, "%u", c->line);
    return text_slice(&t);
}

/* By key, by id, and by token where the case says which attempt is meant. */
static void address(struct table_case *c, struct event *e)
{
    struct cluster *l = c->cluster;
    bool has_key = c->key.len > 0 && !slice_eq_text(c->key, "-");
    e->id = name_event(c, e);
    if (e->kind == EVENT_START)
        return;
    if (l->id.len == 0 || (has_key && l->turn % 2 == 0 && e->attempt == 0)) {
        e->key = c->key;
        return;
    }
    e->template = SLICE_NONE;
    e->instance = l->id;
    int task = template_find_task(c->template, -1, e->task);
    if (e->attempt == 0 || task < 0)
        return;
    struct token t = {.instance = l->id, .task = c->template->tasks[task].id, .item = e->item};
    t.generation = e->generation;
    t.attempt = e->attempt;
    const struct flow *maker = l->nodes.node[(l->turn + 1) % NODES].flow;
    e->token = token_encode(c->arena, flow_token_keys(maker), &t);
}

static void take_answer(void *context, const struct flow_answer *a)
{
    struct cluster *l = context;
    struct answer *out = &l->answer;
    assert(!out->is_here);
    *out = (struct answer){.is_here = true, .err = a->err, .verdict = a->verdict, .seq = a->seq};
    out->reason = slice_copy(&l->answers, a->reason);
    out->instance = slice_copy(&l->answers, a->instance);
    for (uint32_t k = 0; k < a->task_count && k < sizeof out->tasks / sizeof *out->tasks; k++)
        out->tasks[out->task_count++] = slice_copy(&l->answers, a->tasks[k]);
}

/* Somebody sends it to a node, which alone is awake until it has answered: at the same moment what
 * comes is before what is due. */
static void send(struct table_case *c, struct event *e)
{
    struct cluster *l = c->cluster;
    unsigned node = l->turn % NODES;
    address(c, e);
    flow_arrive(l->nodes.node[node].flow, e, take_answer, l);
    nodes_drive(&l->nodes, node, &l->answer.is_here);
    if (!l->answer.is_here)
        table_fail(c, "is not answered", SLICE_NONE);
    else if (l->answer.err != ERR_NONE)
        table_fail(c, "is not decided:", slice_of(err_text(l->answer.err)));
    if (l->id.len == 0 && e->kind == EVENT_START && l->answer.verdict == VERDICT_APPLIED) {
        l->id = l->answer.instance;
        c->folded = instance_new(c->arena, l->id, c->template);
    }
}

/* --- time --- */

/* Up to a line's time, in the steps that the nodes ask for, or in longer ones. */
static void pass_time(struct table_case *c, int64_t at_ms)
{
    struct nodes *n = &c->cluster->nodes;
    int64_t steps = c->cluster->store == NULL ? FAR_STEPS_MAX : STEPS_MAX;
    int64_t step_ms = (at_ms - n->now_ms) / steps;
    bool is_late = c->folded->seq > 0 && instance_wake_at(c->folded, 0) < at_ms;
    while (!is_late && !n->is_stuck) {
        int64_t next_ms = nodes_next(n);
        if (next_ms < n->now_ms + step_ms)
            next_ms = n->now_ms + step_ms;
        if (next_ms >= at_ms)
            break;
        n->now_ms = next_ms;
        nodes_rest(n, c->cluster->turn % NODES);
    }
    if (at_ms > n->now_ms)
        n->now_ms = at_ms;
}

/* --- what happened --- */

/* The next record of the instance, folded. False: there is none. */
static bool read_record(struct table_case *c, struct record *out)
{
    struct cluster *l = c->cluster;
    struct payload_list none = {0};
    if (l->id.len == 0)
        return false;
    struct store_request *r = arena_alloc(c->arena, sizeof *r);
    *r = (struct store_request){.op = STORE_RECORDS, .arena = c->arena, .id = l->id, .limit = 1};
    r->seq = l->told_seq + 1;
    if (nodes_ask(&l->nodes, r) != ERR_NONE) {
        table_fail(c, "the records cannot be read:", slice_of(err_text(r->err)));
        return false;
    }
    if (r->record_count == 0)
        return false;
    l->told_seq++;
    if (record_decode(c->arena, r->records[0].bytes, out) == ERR_NONE &&
        record_fold(c->arena, c->folded, out, &none) == ERR_NONE)
        return true;
    table_fail(c, "the record does not fold:", r->records[0].bytes);
    return false;
}

static void add_change(struct table_case *c, enum scope scope, uint32_t index, struct slice path)
{
    struct change *x = &c->out.changes[c->out.change_count - 1];
    struct change status = {.scope = scope, .index = index};
    status.field = (uint32_t)model_find_field(scope, SLICE("status"));
    if (slice_eq(record_path(c->arena, c->template, &status), path))
        *x = status;
}

/* The changes of a record; which of them are of a status is what the words of a case ask for. */
static void list_changes(struct table_case *c, const struct record *r)
{
    size_t k, max;
    yyjson_val *change;
    const struct template *t = c->template;
    c->out.changes = arena_array(c->arena, yyjson_arr_size(r->changes) + 1, sizeof(struct change));
    yyjson_arr_foreach(r->changes, k, max, change)
    {
        struct slice path = json_get_text(change, "path");
        c->out.changes[c->out.change_count++] = (struct change){.field = UINT32_MAX};
        for (uint32_t s = 0; s < t->stage_count; s++)
            add_change(c, SCOPE_STAGE, s, path);
        for (uint32_t s = 0; s < t->task_count; s++)
            add_change(c, SCOPE_TASK, s, path);
    }
}

static void add_effect(struct table_case *c, enum effect_kind kind, uint32_t task)
{
    c->out.effects[c->out.effect_count++] = (struct effect){kind, task};
}

/* What the queue was told: a message is this line's when it is of the attempt that is out now. */
static void list_effects(struct table_case *c)
{
    struct nodes *n = &c->cluster->nodes;
    const struct template *t = c->template;
    size_t most = n->offer_count + n->withdrawn_count;
    c->out.effects = arena_array(c->arena, most + 1, sizeof(struct effect));
    for (size_t k = 0; k < n->offer_count; k++) {
        struct offer *o = &n->offers[k];
        int task = template_find_task(t, -1, o->task);
        const struct task_state *s = task < 0 ? NULL : &c->after->tasks[task];
        if (s == NULL || o->is_told || s->generation != o->generation || s->attempt != o->attempt)
            continue;
        o->is_told = true;
        add_effect(c, EFFECT_SEND, (uint32_t)task);
    }
    for (size_t k = 0; k < n->withdrawn_count; k++) {
        int task = template_find_task(t, -1, n->withdrawn[k]);
        if (task >= 0)
            add_effect(c, EFFECT_WITHDRAW, (uint32_t)task);
    }
}

static void list_replayed(struct table_case *c)
{
    const struct answer *a = &c->cluster->answer;
    uint32_t *replayed = arena_array(c->arena, a->task_count + 1, sizeof *replayed);
    for (uint32_t k = 0; k < a->task_count; k++)
        for (uint32_t t = 0; t < c->template->task_count; t++)
            if (slice_eq(c->template->tasks[t].id, a->tasks[k]))
                replayed[c->out.replayed_count++] = t;
    c->out.replayed = replayed;
}

/* What was answered and what stands in the record are one. */
static void compare_record(struct table_case *c, const struct event *e, const struct record *r)
{
    const struct answer *a = &c->cluster->answer;
    if (e->kind == EVENT_WAKE) {
        if (!slice_eq_text(r->event, vocab_name(VOCAB_EVENT_KIND, EVENT_WAKE)))
            table_fail(c, "recorded instead of a wake:", r->event);
    } else if (r->seq != a->seq || !slice_eq(r->why, a->reason) ||
               !slice_eq_text(r->verdict, vocab_name(VOCAB_VERDICT, (int)a->verdict))) {
        table_fail(c, "answered otherwise than recorded:", r->verdict);
    }
}

/* Nothing was recorded and nothing may have been: what the answer does not say is step's. */
static void step_aside(struct table_case *c, const struct event *e)
{
    struct instance *work = instance_borrow(c->arena, c->folded);
    struct outcome o;
    step(c->arena, work, e, (struct step_time){c->cluster->nodes.now_ms, 0}, &o);
    if (o.verdict != c->cluster->answer.verdict)
        table_fail(
            c, "answered:", slice_of(vocab_name(VOCAB_VERDICT, (int)c->cluster->answer.verdict)));
    o.replayed_count = 0;
    c->out = o;
    c->after = work;
    list_replayed(c);
}

static void find_outcome(struct table_case *c, const struct event *e)
{
    const struct answer *a = &c->cluster->answer;
    struct record r;
    bool is_unstored = e->kind == EVENT_WAKE || a->seq == 0;
    c->before = c->after = instance_borrow(c->arena, c->folded);
    c->out = (struct outcome){.verdict = a->verdict, .reason = a->reason};
    if (e->dry_run || (e->kind != EVENT_WAKE && a->seq == 0)) {
        step_aside(c, e);
        return;
    }
    if (read_record(c, &r)) {
        compare_record(c, e, &r);
        c->after = instance_borrow(c->arena, c->folded);
        list_changes(c, &r);
    } else if (c->cluster->id.len > 0 && !is_unstored) {
        table_fail(c, "is not in the records", SLICE_NONE);
    } else {
        c->out.is_unrecorded = e->kind == EVENT_WAKE;
    }
    list_effects(c);
    list_replayed(c);
}

/* --- a line --- */

static void take(struct table_case *c, struct event *e, int64_t at_ms)
{
    struct cluster *l = c->cluster;
    l->nodes.withdrawn_count = 0;
    l->answer = (struct answer){.verdict = VERDICT_APPLIED};
    l->turn++;
    pass_time(c, at_ms);
    if (e->kind != EVENT_WAKE)
        send(c, e);
    nodes_rest(&l->nodes, l->turn % NODES);
    if (l->nodes.is_stuck)
        table_fail(c, "the nodes do not come to rest", SLICE_NONE);
    find_outcome(c, e);
    struct slice textless = nodes_read_messages(&l->nodes, c->arena);
    if (textless.at != NULL)
        table_fail(c, "its message has no text:", textless);
}

/* --- the end of a case --- */

static void check_nothing_more(struct table_case *c)
{
    struct nodes *n = &c->cluster->nodes;
    struct record r;
    if (read_record(c, &r))
        table_fail(c, "recorded beyond what the case says:", r.event);
    for (size_t k = 0; k < n->offer_count; k++)
        if (!n->offers[k].is_told)
            table_fail(c, "sent beyond what the case says:", n->offers[k].task);
}

static void verify(struct table_case *c)
{
    struct cluster *l = c->cluster;
    unsigned node = ++l->turn % NODES;
    struct nodes_reading r = {.arena = c->arena};
    struct flow_query q = {.what = FLOW_VERIFY, .id = l->id};
    yyjson_val *root;
    flow_read(l->nodes.node[node].flow, &q, nodes_take_json, &r);
    nodes_rest(&l->nodes, node);
    if (!r.is_here || r.err != ERR_NONE ||
        json_read(c->arena, r.json, WORK_BYTES_MAX, JSON_DEPTH_MAX, NULL, &root) != ERR_NONE ||
        !yyjson_is_true(json_get(root, "ok")))
        table_fail(c, "does not verify:", r.json);
}

/* Ends the instance, so that its key is free for the next case over the same store. */
static void end_instance(struct table_case *c)
{
    struct event cancel = {.kind = EVENT_CANCEL, .source = SLICE("table")};
    struct record r;
    struct cluster *l = c->cluster;
    c->line++;
    l->turn++;
    l->answer = (struct answer){.verdict = VERDICT_APPLIED};
    cancel.template = c->template->name;
    event_sum(c->arena, &cancel);
    send(c, &cancel);
    nodes_rest(&l->nodes, 0);
    while (read_record(c, &r))
        ;
    if (instance_status_is_open((enum instance_status)c->folded->status))
        table_fail(c, "cannot be cancelled:", l->answer.reason);
}

static void compare_row(struct table_case *c)
{
    struct cluster *l = c->cluster;
    struct payload_list none = {0};
    struct store_request *r = arena_alloc(c->arena, sizeof *r);
    *r = (struct store_request){.op = STORE_LOAD, .arena = c->arena, .id = l->id};
    if (nodes_ask(&l->nodes, r) != ERR_NONE || r->row_count != 1 || r->record_count != 0) {
        table_fail(c, "the row is not written", SLICE_NONE);
        return;
    }
    if (!slice_eq(r->rows[0].state, state_encode(c->arena, c->folded, &none)))
        table_fail(c, "the row is another state:", r->rows[0].state);
    if (r->rows[0].is_open || r->rows[0].wake_at_ms != instance_wake_at(c->folded, 0))
        table_fail(c, "the row is open, or wakes at another time", SLICE_NONE);
}

static void end(struct table_case *c)
{
    struct cluster *l = c->cluster;
    if (l->id.len > 0 && !c->is_failed) {
        check_nothing_more(c);
        verify(c);
        end_instance(c);
    }
    nodes_leave(&l->nodes);
    if (l->id.len > 0 && !c->is_failed)
        compare_row(c);
    if (l->nodes.is_stuck)
        table_fail(c, "the nodes do not leave", SLICE_NONE);
    nodes_close(&l->nodes);
    if (l->store != NULL)
        l->store->ops->close(l->store);
    arena_drop(&l->answers);
    free(l);
}

const struct table_way table_cluster = {"cluster", begin, take, end};
