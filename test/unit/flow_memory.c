/* Memory that is short at every place where the engine asks for some: who sent something is told to
 * send it again, and what was acknowledged goes on. */
#include "flow_rig.h"

#include "core/step.h"

#define TRIES_MAX 50
#define PLACES 400 /* a life asks for memory some 320 times; the last ones find nothing to fail */

static unsigned refusals;

/* Sends it until it is decided, as clients do. */
static enum verdict insist(struct event e)
{
    for (int k = 0; k < TRIES_MAX; k++) {
        const struct rig_answer *a = rig_take(e);
        if (a->err == ERR_NONE)
            return a->verdict;
        CHECK(a->err == ERR_MEMORY);
        refusals++;
        rig_wait(1000);
    }
    CHECK(!"it is decided in the end");
    return VERDICT_INVALID;
}

static bool is_decided(enum verdict v)
{
    return v == VERDICT_APPLIED || v == VERDICT_DUPLICATE;
}

static void answer_task(struct slice id, const char *task)
{
    struct event e = {.kind = EVENT_COMPLETED, .instance = id, .task = slice_of(task)};
    e.id = e.task;
    e.output = SLICE("{\"x\":1}");
    CHECK(is_decided(insist(e)));
}

static void live(void)
{
    struct event e = {.kind = EVENT_START, .template = SLICE("pair"), .key = SLICE("K")};
    e.id = SLICE("start");
    CHECK(is_decided(insist(e)));
    struct slice id = step_instance_id(&rig.arena, e.template, e.id);
    (void)insist((struct event){.kind = EVENT_PAUSE, .instance = SLICE("nobody")});
    answer_task(id, "a");
    struct flow_query q = {.what = FLOW_EVENTS, .id = id};
    (void)rig_read_err(q);
    q.what = FLOW_VERIFY;
    q.id = SLICE_NONE;
    (void)rig_read_err(q);
    answer_task(id, "b");
    answer_task(id, "c");
    rig_wait(10000);
}

/* The rig's own memory is there before any is short. */
static void prepare(void)
{
    rig_open();
    (void)arena_alloc(&rig.arena, 200 * 1024);
    arena_reset(&rig.arena);
    rig.message_count = 0;
}

TEST(memory_that_is_short_anywhere_loses_nothing)
{
    for (unsigned long place = 1; place <= PLACES; place++) {
        prepare();
        arena_fail_after(place);
        live();
        arena_fail_after(0);
        struct flow_query q = {.what = FLOW_LIST,
                               .filter.status = {(const struct slice[]){SLICE("COMPLETED")}, 1}};
        CHECK(yyjson_arr_size(json_get(rig_read(q), "instances")) == 1);
        bool is_ok = false;
        yyjson_val *verified = rig_read((struct flow_query){.what = FLOW_VERIFY});
        CHECK(json_get_bool(verified, "ok", &is_ok) && is_ok);
        rig_close();
    }
    CHECK(refusals > 10);
}
