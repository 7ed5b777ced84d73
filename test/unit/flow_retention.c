/* Retention: what is finished is removed when it was kept long enough, and nothing else; what
 * arrives meanwhile waits. */
#include "flow_rig.h"

#include <stdio.h>
#include <string.h>

#define MINUTE_MS (60LL * 1000)

static void open_with_retention(void)
{
    rig_open();
    rig.retention_ms = 30 * MINUTE_MS;
    rig_restart();
    rig_apply("name: slow\nstages:\n  - {name: s, tasks: [{name: t, human: {assignee: ann}}]}\n");
}

static uint64_t count_removed(void)
{
    struct flow_stats s;
    flow_get_stats(rig.flow, &s);
    return s.removed;
}

static struct slice start_and_cancel(const char *key)
{
    struct slice id = rig_start("pair", key);
    CHECK(rig_take((struct event){.kind = EVENT_CANCEL, .instance = id})->verdict ==
          VERDICT_APPLIED);
    return id;
}

static bool is_gone(struct slice id)
{
    return rig_read_err((struct flow_query){.what = FLOW_SHOW, .id = id}) == ERR_UNKNOWN_INSTANCE;
}

static yyjson_val *newest_removal(void)
{
    struct flow_query q = {.what = FLOW_FEED, .newest_first = true, .limit = LIST_LIMIT_MAX};
    yyjson_val *r, *events = json_get(rig_read(q), "events");
    yyjson_arr_iter it = yyjson_arr_iter_with(events);
    while ((r = yyjson_arr_iter_next(&it)) != NULL)
        if (slice_eq_text(json_get_text(r, "event"), "InstanceRemoved"))
            return r;
    return NULL;
}

TEST(what_is_finished_goes_when_it_was_kept_long_enough)
{
    open_with_retention();
    struct slice id = start_and_cancel("K"), open = rig_start("slow", "L");
    rig_wait(29 * MINUTE_MS);
    CHECK_TEXT(rig_status(id), "CANCELLED");
    struct slice hash =
        json_get_text(yyjson_arr_get_last(rig_events(id)), "hash"); /* of its last record */
    rig_wait(2 * MINUTE_MS);
    CHECK_INT(count_removed(), 1);
    CHECK(is_gone(id));
    CHECK_TEXT(rig_status(open), "RUNNING");
    yyjson_val *data = json_get(newest_removal(), "data");
    int64_t last_seq = 0;
    CHECK(slice_eq(json_get_text(data, "last_hash"), hash));
    CHECK(json_get_int(data, "last_seq", &last_seq));
    CHECK_INT(last_seq, 2);
    CHECK_TEXT(json_get_text(data, "status"), "CANCELLED");
    rig_restart();
    CHECK(is_gone(id));
    rig_close();
}

TEST(without_retention_everything_stays)
{
    rig_open();
    struct slice id = start_and_cancel("K");
    rig_wait(300 * MINUTE_MS);
    CHECK_TEXT(rig_status(id), "CANCELLED");
    CHECK_INT(count_removed(), 0);
    rig_close();
}

TEST(a_late_word_lets_it_stay_for_as_long_again)
{
    open_with_retention();
    struct slice id = start_and_cancel("K");
    rig_wait(29 * MINUTE_MS);
    CHECK(rig_take((struct event){.kind = EVENT_COMPLETED, .instance = id, .task = SLICE("a")})
              ->verdict == VERDICT_STALE);
    rig_wait(29 * MINUTE_MS);
    CHECK_TEXT(rig_status(id), "CANCELLED");
    rig_wait(2 * MINUTE_MS);
    CHECK(is_gone(id));
    rig_close();
}

TEST(a_removed_start_may_be_made_again_and_its_chain_begins_anew)
{
    open_with_retention();
    struct event e = {.kind = EVENT_START,
                      .template = SLICE("pair"),
                      .key = SLICE("K"),
                      .id = SLICE("the-start")};
    const struct rig_answer *first = rig_take(e);
    CHECK(rig_take((struct event){.kind = EVENT_CANCEL, .instance = first->instance})->verdict ==
          VERDICT_APPLIED);
    rig_wait(31 * MINUTE_MS);
    CHECK(is_gone(first->instance));
    const struct rig_answer *again = rig_take(e);
    CHECK(again->verdict == VERDICT_APPLIED && again->seq == 1);
    CHECK(slice_eq(again->instance, first->instance));
    rig_restart();
    CHECK_TEXT(rig_status(again->instance), "RUNNING");
    rig_close();
}

/* Rounds until the record of the removal is durable and the removal itself is under way. */
static void go_into_removal(void)
{
    unsigned commits = rig.commits;
    rig.now_ms += 31 * MINUTE_MS;
    for (int k = 0; k < 40 && rig.commits == commits; k++)
        flow_round(rig.flow, rig.now_ms);
    CHECK_INT(rig.commits, commits + 1);
}

TEST(what_arrives_during_the_removal_waits_for_its_end)
{
    open_with_retention();
    struct slice id = start_and_cancel("K");
    go_into_removal();
    rig.is_held = true;
    unsigned replay = rig_send((struct event){
        .kind = EVENT_REPLAY_TASK, .instance = id, .task = SLICE("a"), .only = false});
    rig_run();
    CHECK(!rig.answers[replay].is_here);
    rig.is_held = false;
    rig_run();
    CHECK(rig.answers[replay].is_here && rig.answers[replay].verdict == VERDICT_UNKNOWN);
    CHECK_INT(count_removed(), 1);
    rig_close();
}

TEST(a_removal_that_fails_leaves_the_instance_whole)
{
    open_with_retention();
    struct slice id = start_and_cancel("K"), other = start_and_cancel("L");
    rig.now_ms += 31 * MINUTE_MS;
    rig.fail_with = ERR_STORE;
    rig.fail_count = 1; /* the commit of both records */
    rig_run();
    CHECK_INT(rig.fail_count, 0);
    CHECK_INT(count_removed(), 0);
    CHECK(rig_take((struct event){.kind = EVENT_REPLAY_TASK, .instance = id, .task = SLICE("a")})
              ->verdict != VERDICT_UNKNOWN);
    go_into_removal();
    rig.fail_count = 1; /* the removal of the other one */
    rig_run();
    CHECK_INT(rig.fail_count, 0);
    CHECK_TEXT(rig_status(other), "CANCELLED");
    rig_wait(2 * MINUTE_MS);
    CHECK(is_gone(other));
    CHECK(!is_gone(id));
    rig_close();
}

TEST(a_crash_between_record_and_removal_is_made_good)
{
    open_with_retention();
    struct slice id = start_and_cancel("K");
    go_into_removal();
    rig_crash();
    rig_wait(MINUTE_MS);
    CHECK(is_gone(id));
    int64_t removed = 0;
    bool is_ok = false;
    yyjson_val *found = rig_read((struct flow_query){.what = FLOW_VERIFY});
    CHECK(json_get_bool(found, "ok", &is_ok) && is_ok);
    CHECK(json_get_int(found, "removed", &removed));
    CHECK(removed >= 1);
    rig_close();
}

TEST(many_go_a_few_at_a_time)
{
    unsigned count = 3 * RETENTION_PAGE;
    open_with_retention();
    for (unsigned k = 0; k < count; k++) {
        char key[16];
        (void)snprintf(key, sizeof key, "K%u", k);
        (void)start_and_cancel(key);
    }
    rig_wait(1000);
    rig.now_ms += 31 * MINUTE_MS;
    rig_run();
    CHECK_INT(count_removed(), RETENTION_PAGE);
    rig_wait(RETENTION_EVERY_MS);
    CHECK_INT(count_removed(), 2 * RETENTION_PAGE);
    rig_wait(MINUTE_MS);
    CHECK_INT(count_removed(), count);
    CHECK(flow_next(rig.flow) > rig.now_ms);
    rig_close();
}

TEST(a_cache_that_lost_them_removes_them_as_well)
{
    open_with_retention();
    struct slice id = start_and_cancel("K");
    rig_wait(1000);
    rig_restart();
    rig_wait(31 * MINUTE_MS);
    CHECK(is_gone(id));
    CHECK_INT(count_removed(), 1);
    rig_close();
}
