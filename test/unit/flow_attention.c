/* What somebody should look at, and numbers over time: when a task comes to be among them, and when
 * not any more. */
#include "flow_rig.h"

#include "core/limits.h"

#include <string.h>

static const char slow[] = "name: slow\n"
                           "stages:\n"
                           "  - name: s\n"
                           "    tasks:\n"
                           "      - {name: t, queue: q, retry: {max_attempts: 20, delay: 10s, "
                           "backoff: 1}, timeout: {queued: 1d}}\n";

static int64_t count_of(const char *kind)
{
    struct flow_query q = {.what = FLOW_ATTENTION, .limit = 10};
    int64_t n = -1;
    CHECK(json_get_int(json_get(rig_read(q), kind), "count", &n));
    return n;
}

static yyjson_val *item(size_t k)
{
    struct flow_query q = {.what = FLOW_ATTENTION, .limit = 10};
    return yyjson_arr_get(json_get(rig_read(q), "items"), k);
}

static void fail(const char *task)
{
    struct event e = {.kind = EVENT_FAILED, .token = rig_token(rig_message(task))};
    e.error = SLICE("Busy");
    CHECK(rig_take(e)->verdict == VERDICT_APPLIED);
}

TEST(a_task_that_is_tried_again_counts_a_minute_after_its_first_attempt)
{
    rig_open();
    rig_apply(slow);
    (void)rig_start("slow", "K");
    fail("t");
    rig_wait(ATTENTION_RETRY_MS - 1);
    CHECK_INT(count_of("retrying"), 0);
    rig_wait(1);
    CHECK_INT(count_of("retrying"), 1);
    CHECK_TEXT(json_get_text(item(0), "kind"), "retrying");
    CHECK_TEXT(json_get_text(item(0), "key"), "K");
    CHECK_TEXT(json_get_text(item(0), "reason"), "t failed 1 of 20 times and is tried again: Busy");
    (void)rig_complete("t");
    CHECK_INT(count_of("retrying"), 0);
    CHECK(item(0) == NULL);
    rig_close();
}

TEST(one_that_failed_often_counts_at_once)
{
    rig_open();
    rig_apply(slow);
    (void)rig_start("slow", "K");
    for (int k = 1; k <= ATTENTION_TRIES; k++) {
        CHECK_INT(count_of("retrying"), 0);
        fail("t");
        if (k < ATTENTION_TRIES)
            rig_wait(10000);
    }
    CHECK_INT(count_of("retrying"), 1);
    rig_close();
}

TEST(nothing_of_a_paused_instance_counts)
{
    rig_open();
    rig_apply(slow);
    struct slice id = rig_start("slow", "K");
    fail("t");
    CHECK(rig_take((struct event){.kind = EVENT_PAUSE, .instance = id})->verdict ==
          VERDICT_APPLIED);
    rig_wait(ATTENTION_RETRY_MS);
    CHECK_INT(count_of("retrying"), 0);
    CHECK(rig_take((struct event){.kind = EVENT_RESUME, .instance = id})->verdict ==
          VERDICT_APPLIED);
    rig_wait(ATTENTION_RETRY_MS); /* the pause held its clocks */
    CHECK_INT(count_of("retrying"), 1);
    rig_close();
}

TEST(a_persons_task_counts_from_when_it_is_due_and_after_a_crash)
{
    rig_open();
    (void)rig_start("pair", "K");
    (void)rig_complete("a");
    (void)rig_complete("b");
    rig_wait(30 * 60 * 1000 - 1);
    CHECK_INT(count_of("overdue"), 0);
    rig_wait(1);
    rig_crash();
    CHECK_INT(count_of("overdue"), 1);
    CHECK_TEXT(json_get_text(item(0), "due_at"), "2023-11-14T22:43:20.000Z");
    CHECK_TEXT(json_get_text(item(0), "reason"), "c is overdue; it waits for ann");
    rig_close();
}

TEST(what_failed_is_told_until_it_is_replayed)
{
    rig_open();
    struct slice id = rig_start("pair", "K");
    fail("a");
    rig_wait(1000);
    fail("a");
    CHECK_INT(count_of("failed"), 1);
    CHECK_TEXT(json_get_text(item(0), "task"), "a");
    CHECK_TEXT(json_get_text(item(0), "reason"), "a failed for good in attempt 2 of 2: Busy");
    struct event e = {.kind = EVENT_REPLAY_TASK, .instance = id, .task = SLICE("a")};
    CHECK(rig_take(e)->verdict == VERDICT_APPLIED);
    CHECK_INT(count_of("failed"), 0);
    rig_close();
}

static int64_t sum_of(const char *name)
{
    struct flow_query q = {.what = FLOW_ACTIVITY, .limit = 60, .width_ms = 60000};
    yyjson_val *buckets = json_get(rig_read(q), "buckets");
    int64_t sum = 0, n = 0;
    CHECK_INT(yyjson_arr_size(buckets), 60);
    yyjson_arr_iter it = yyjson_arr_iter_with(buckets);
    for (yyjson_val *b; (b = yyjson_arr_iter_next(&it)) != NULL; sum += n)
        CHECK(json_get_int(b, name, &n));
    return sum;
}

TEST(activity_is_of_the_window_and_the_same_after_a_crash)
{
    rig_open();
    struct slice id = rig_start("pair", "K");
    CHECK(rig_take((struct event){.kind = EVENT_CANCEL, .instance = id})->verdict ==
          VERDICT_APPLIED);
    (void)rig_start("pair", "L");
    rig_crash();
    CHECK_INT(sum_of("started"), 2);
    CHECK_INT(sum_of("cancelled"), 1);
    CHECK_INT(sum_of("completed"), 0);
    rig_wait(61 * 60 * 1000);
    CHECK_INT(sum_of("started"), 0);
    CHECK_INT(sum_of("cancelled"), 0);
    rig_close();
}
