/* The clock: retries, timeouts, the grace after a start, and that nothing due is forgotten. */
#include "flow_rig.h"

#include <stdio.h>

static void fail(const char *task)
{
    struct event e = {.kind = EVENT_FAILED, .token = rig_token(rig_message(task))};
    CHECK(rig_take(e)->verdict == VERDICT_APPLIED);
}

TEST(a_failed_task_waits_for_its_retry_time)
{
    rig_open();
    (void)rig_start("pair", "K");
    fail("a");
    CHECK(rig_message("a") == NULL);
    rig_wait(999);
    CHECK(rig_message("a") == NULL);
    rig_wait(1);
    CHECK(rig_message("a") != NULL && rig_message("a")->attempt == 2);
    rig_close();
}

TEST(a_retry_comes_though_the_instance_left_memory)
{
    rig.cache_bytes_max = 1;
    rig_open();
    (void)rig_start("pair", "K");
    fail("a");
    rig_wait(500);
    struct flow_stats stats;
    flow_get_stats(rig.flow, &stats);
    CHECK_INT(stats.cached_instances, 0);
    rig_wait(500);
    CHECK(rig_message("a") != NULL && rig_message("a")->attempt == 2);
    rig_close();
}

TEST(a_retry_comes_though_the_engine_stopped_meanwhile)
{
    rig_open();
    (void)rig_start("pair", "K");
    fail("a");
    rig_restart();
    rig_wait(1000);
    CHECK(rig_message("a") != NULL && rig_message("a")->attempt == 2);
    rig_close();
}

TEST(a_retry_beyond_the_window_comes_too)
{
    rig_open();
    rig_apply("name: slow\nstages:\n  - name: s\n    tasks:\n"
              "      - {name: t, queue: q, retry: {max_attempts: 2, delay: 3m}}\n");
    (void)rig_start("slow", "K");
    fail("t");
    rig_restart();
    rig_wait(3 * 60 * 1000 - 1);
    CHECK(rig_message("t") == NULL);
    rig_wait(1);
    CHECK(rig_message("t") != NULL);
    rig_close();
}

TEST(an_attempt_without_an_answer_times_out)
{
    rig_open();
    struct slice id = rig_start("pair", "K");
    rig_wait(10 * 60 * 1000);
    CHECK(rig_message("a") == NULL);
    rig_wait(1000);
    CHECK(rig_message("a")->attempt == 2);
    yyjson_val *second = yyjson_arr_get(rig_events(id), 1);
    CHECK_TEXT(json_get_text(second, "event"), "Wake");
    CHECK_TEXT(json_get_text(second, "reason"), "a: running");
    CHECK_TEXT(json_get_text(second, "source"), "clock");
    rig_close();
}

TEST(after_a_start_workers_have_time_to_give_a_sign)
{
    rig_open();
    struct slice id = rig_start("pair", "K");
    rig_restart();
    rig.now_ms += 20 * 60 * 1000; /* nobody was here for long */
    rig_crash();
    rig_wait(HEARTBEAT_GRACE_MS);
    CHECK_INT(yyjson_arr_size(rig_events(id)), 1);
    rig_wait(HEARTBEAT_GRACE_MS);
    CHECK_INT(yyjson_arr_size(rig_events(id)), 2);
    rig_close();
}

TEST(a_first_start_gives_no_grace)
{
    rig_open();
    rig_apply("name: quick\nstages:\n  - name: s\n    tasks:\n"
              "      - {name: t, queue: q, timeout: {running: 2s}, retry: {max_attempts: 1}}\n");
    struct slice id = rig_start("quick", "K");
    rig_wait(2000);
    CHECK_TEXT(rig_status(id), "FAILED");
    rig_close();
}

TEST(a_wake_whose_commit_fails_comes_again)
{
    rig_open();
    (void)rig_start("pair", "K");
    fail("a");
    rig_wait(900);
    rig.fail_with = ERR_STORE;
    rig.fail_count = 3;
    rig_wait(5000);
    CHECK(rig_message("a") != NULL && rig_message("a")->attempt == 2);
    rig_close();
}

TEST(what_is_finished_is_never_woken)
{
    rig_open();
    struct slice id = rig_start("pair", "K");
    CHECK(rig_take((struct event){.kind = EVENT_CANCEL, .instance = id})->err == ERR_NONE);
    rig_wait(1000);
    struct flow_stats stats;
    flow_get_stats(rig.flow, &stats);
    CHECK(stats.next_wake_at_ms == INT64_MAX);
    rig_close();
}

TEST(a_storm_of_one_template_leaves_room_in_each_round)
{
    rig_open();
    rig_apply("name: storm\nstages:\n  - name: s\n    tasks:\n"
              "      - {name: t, queue: q, timeout: {running: 5s}, retry: {max_attempts: 1}}\n");
    for (int k = 0; k < 150; k++) {
        char key[16];
        (void)snprintf(key, sizeof key, "K%d", k);
        struct event e = {.kind = EVENT_START, .template = SLICE("storm"), .key = slice_of(key)};
        CHECK(rig_take(e)->verdict == VERDICT_APPLIED);
    }
    rig_wait(4999);
    rig.now_ms += 1;
    unsigned records = rig.records;
    flow_round(rig.flow, rig.now_ms); /* takes what is due */
    flow_round(rig.flow, rig.now_ms); /* and collects it */
    CHECK_INT(rig.records - records, WAKES_PER_TEMPLATE_MAX);
    rig_run();
    CHECK_INT(rig.records - records, 150);
    rig_close();
}
