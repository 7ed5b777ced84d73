/* Access keys in the engine: made, revoked, expired, kept over restarts, known to every node; and
 * what a worker's key may not say. */
#include "flow/access.h"

#include "base/time.h"
#include "flow_rig.h"
#include "store/store_mem.h"

#include <string.h>

struct answered {
    unsigned count;
    enum err err;
    const struct access_key *key;
};

static void take(void *context, const struct access_answer *a)
{
    struct answered *out = context;
    *out = (struct answered){out->count + 1, a->err, a->key};
}

static const struct access_order order = {.id = SLICE("0123456789abcdefghjk"),
                                          .name = SLICE("kitchen"),
                                          .actor = SLICE("ada"),
                                          .role = ROLE_WORKER,
                                          .hash = {1, 2, 3}};

static const struct access_key *create(struct access_order o)
{
    struct answered a = {0};
    access_create(rig.flow, &o, take, &a);
    rig_run();
    CHECK(a.count == 1 && a.err == ERR_NONE);
    return a.key;
}

static yyjson_val *newest(void)
{
    struct flow_query q = {.what = FLOW_FEED, .newest_first = true, .limit = 1};
    return yyjson_arr_get(json_get(rig_read(q), "events"), 0);
}

TEST(a_key_is_recorded_when_it_comes_and_when_it_goes_and_outlives_a_restart)
{
    rig_open();
    struct answered a = {0};
    const struct access_key *k = create(order);
    CHECK_TEXT(json_get_text(newest(), "event"), "KeyCreated");
    CHECK_TEXT(json_get_text(newest(), "actor"), "ada");
    CHECK_TEXT(json_get_text(json_get(newest(), "data"), "role"), "worker");
    CHECK(access_is_valid(k, rig.now_ms) && access_find(rig.flow, order.id) == k);
    rig_restart();
    k = access_find(rig.flow, order.id);
    CHECK(k != NULL && access_count(rig.flow) == 1 && k->role == ROLE_WORKER);
    CHECK_TEXT(k->name, "kitchen");
    CHECK_TEXT(k->created_by, "ada");
    CHECK(memcmp(k->hash, order.hash, sizeof k->hash) == 0 && k->created_at_ms == RIG_START_MS);
    access_revoke(rig.flow, order.id, SLICE("eve"), take, &a);
    rig_run();
    CHECK(a.err == ERR_NONE && a.key == k && !access_is_valid(k, rig.now_ms));
    CHECK_TEXT(json_get_text(newest(), "event"), "KeyRevoked");
    CHECK_TEXT(json_get_text(newest(), "actor"), "eve");
    access_revoke(rig.flow, order.id, SLICE("joe"), take, &a);
    rig_run();
    CHECK(a.count == 2 && a.err == ERR_NONE);
    CHECK_TEXT(k->revoked_by, "eve");
    rig_restart();
    CHECK(!access_is_valid(access_find(rig.flow, order.id), rig.now_ms));
    rig_close();
}

TEST(a_key_ends_when_it_said)
{
    rig_open();
    struct access_order o = order;
    o.expires_at_ms = rig.now_ms + 1000;
    const struct access_key *k = create(o);
    CHECK(access_is_valid(k, o.expires_at_ms - 1) && !access_is_valid(k, o.expires_at_ms));
    rig_close();
}

TEST(a_name_is_one_valid_key_s)
{
    rig_open();
    struct answered a = {0};
    (void)create(order);
    struct access_order o = order;
    o.id = SLICE("zzzzzzzzzzzzzzzzzzzz");
    access_create(rig.flow, &o, take, &a);
    rig_run();
    CHECK(a.err == ERR_EXISTS);
    access_revoke(rig.flow, order.id, SLICE("eve"), take, &a);
    rig_run();
    CHECK(create(o) != NULL);
    access_revoke(rig.flow, SLICE("nobody"), SLICE("eve"), take, &a);
    CHECK(a.err == ERR_NOT_FOUND);
    rig_close();
}

TEST(a_key_whose_record_can_not_be_written_is_not_handed_out)
{
    rig_open();
    struct answered a = {0};
    rig.fail_with = ERR_DISK_FULL;
    rig.fail_count = 1;
    access_create(rig.flow, &order, take, &a);
    rig_run();
    CHECK(a.count == 1 && a.err == ERR_DISK_FULL && a.key == NULL);
    rig_close();
}

TEST(a_closing_engine_answers_for_keys_too)
{
    rig_open();
    struct answered a = {0};
    rig.is_held = true;
    access_create(rig.flow, &order, take, &a);
    CHECK(a.count == 0);
    rig_close();
    CHECK(a.count == 1 && a.err == ERR_CLOSING);
}

TEST(a_worker_answers_for_services_only)
{
    rig_open();
    rig_apply("name: approval\nstages:\n"
              "  - {name: s, tasks: [{name: t, human: {assignee: boss}}, {name: u, queue: q}]}\n");
    struct slice id = rig_start("approval", "K");
    struct event e = {.kind = EVENT_COMPLETED, .instance = id, .task = SLICE("t")};
    e.is_workers = true;
    const struct rig_answer *a = rig_take(e);
    CHECK(a->verdict == VERDICT_REFUSED);
    CHECK_TEXT(a->reason, "the task waits for a person; a worker may not answer it");
    e.task = SLICE("u");
    CHECK(rig_take(e)->verdict == VERDICT_APPLIED);
    e.task = SLICE("t");
    e.is_workers = false;
    CHECK(rig_take(e)->verdict == VERDICT_APPLIED);
    rig_close();
}

/* --- two engines at one store --- */

struct view { /* what one engine sees of it: its own answers */
    struct store store;
    struct store *real;
    struct store_request *done[16];
    size_t count;
};

static void submit(struct store *s, struct store_request *r)
{
    struct view *v = (struct view *)(void *)s;
    v->real->ops->submit(v->real, r);
    CHECK_INT(v->real->ops->complete(v->real, &v->done[v->count++], 1), 1);
    CHECK(v->count < sizeof v->done / sizeof *v->done);
}

static size_t complete(struct store *s, struct store_request **done, size_t max)
{
    struct view *v = (struct view *)(void *)s;
    size_t count = v->count < max ? v->count : max;
    memcpy(done, v->done, count * sizeof(struct store_request *));
    v->count -= count;
    memmove(v->done, v->done + count, v->count * sizeof(struct store_request *));
    return count;
}

static int wake_fd(const struct store *s)
{
    (void)s;
    return -1;
}

static const struct store_ops shared = {
    .name = "view", .submit = submit, .complete = complete, .wake_fd = wake_fd, .is_shared = true};

static struct flow *begin(struct view *v, struct store *real, const char *node)
{
    struct flow *f = NULL;
    *v = (struct view){.store.ops = &shared, .real = real};
    struct flow_config c = {.store = &v->store, .node = slice_of(node), .seed = 1};
    CHECK(flow_open(&c, &f) == ERR_NONE);
    flow_start(f, RIG_START_MS);
    return f;
}

static void run(struct flow *const flows[2], int64_t *now_ms, int64_t ms)
{
    int64_t end_ms = *now_ms + ms;
    for (; *now_ms <= end_ms; *now_ms += 10)
        for (int n = 0; n < 2; n++)
            flow_round(flows[n], *now_ms);
}

TEST(a_revocation_reaches_every_node_within_two_seconds)
{
    struct view views[2];
    struct store *mem = NULL;
    struct answered a = {0};
    int64_t now_ms = RIG_START_MS;
    CHECK(store_mem_open(&mem) == ERR_NONE);
    store_mem_share(mem);
    struct flow *flows[2] = {begin(&views[0], mem, "a"), begin(&views[1], mem, "b")};
    run(flows, &now_ms, 1000);
    access_create(flows[0], &order, take, &a);
    run(flows, &now_ms, 1500);
    CHECK(a.count == 1 && a.err == ERR_NONE);
    const struct access_key *k = access_find(flows[1], order.id);
    CHECK(k != NULL && access_is_valid(k, now_ms));
    access_revoke(flows[0], order.id, SLICE("eve"), take, &a);
    run(flows, &now_ms, 1500);
    CHECK(a.count == 2 && k != NULL && !access_is_valid(k, now_ms));
    flow_close(flows[0]);
    flow_close(flows[1]);
    mem->ops->close(mem);
}
