/* The street from an event to its answer: what is durable before what, and who wins. */
#include "flow_rig.h"

#include <stdio.h>
#include <string.h>

static struct event completed(const char *task)
{
    return (struct event){.kind = EVENT_COMPLETED, .token = rig_token(rig_message(task))};
}

TEST(an_instance_goes_from_start_to_end)
{
    rig_open();
    struct slice id = rig_start("pair", "K");
    CHECK(rig_message("a") != NULL && rig_message("b") != NULL && rig_message("c") == NULL);
    CHECK(rig_complete("a")->verdict == VERDICT_APPLIED);
    CHECK(rig_message("a") == NULL);
    CHECK(rig_complete("b")->verdict == VERDICT_APPLIED);
    const struct rig_answer *last =
        rig_take((struct event){.kind = EVENT_COMPLETED, .instance = id, .task = SLICE("c")});
    CHECK(last->verdict == VERDICT_APPLIED);
    CHECK_TEXT(last->status, "COMPLETED");
    CHECK_INT(last->seq, 4);
    CHECK_INT(rig.offers, 2);
    rig_close();
}

TEST(nothing_is_offered_told_or_answered_before_the_commit_is_durable)
{
    rig_open();
    unsigned told = rig.told;
    rig.is_held = true;
    unsigned n =
        rig_send((struct event){.kind = EVENT_START, .template = SLICE("pair"), .key = SLICE("K")});
    for (int k = 0; k < 20; k++)
        rig_run();
    CHECK(!rig.answers[n].is_here && rig.offers == 0 && rig.told == told);
    rig.is_held = false;
    rig_run();
    CHECK(rig.answers[n].is_here && rig.offers == 2 && rig.told == told + 1);
    rig_close();
}

TEST(two_events_at_once_both_count_in_one_commit)
{
    rig_open();
    struct slice id = rig_start("pair", "K");
    unsigned commits = rig.commits;
    unsigned a = rig_send(completed("a")), b = rig_send(completed("b"));
    rig_run();
    CHECK(rig.answers[a].verdict == VERDICT_APPLIED && rig.answers[b].verdict == VERDICT_APPLIED);
    CHECK_INT(rig.commits, commits + 1);
    CHECK_INT(rig.answers[b].seq, 3);
    yyjson_val *stages = json_get(rig_show(id), "stages");
    CHECK_TEXT(json_get_text(yyjson_arr_get(stages, 0), "status"), "COMPLETED");
    CHECK_TEXT(json_get_text(yyjson_arr_get(stages, 1), "status"), "ACTIVE");
    rig_close();
}

TEST(events_that_come_during_a_commit_go_into_the_next)
{
    rig_open();
    (void)rig_start("pair", "K");
    rig.is_held = true;
    unsigned a = rig_send(completed("a"));
    rig_run();
    unsigned b = rig_send(completed("b"));
    rig_run();
    CHECK(!rig.answers[a].is_here && !rig.answers[b].is_here);
    rig.is_held = false;
    rig_run();
    CHECK(rig.answers[a].seq == 2 && rig.answers[b].seq == 3);
    rig_close();
}

TEST(who_was_not_first_is_loaded_and_stepped_again)
{
    rig_open();
    (void)rig_start("pair", "K");
    rig.fail_with = ERR_CONFLICT;
    rig.fail_count = 1;
    unsigned loads = rig.loads;
    const struct rig_answer *a = rig_complete("a");
    CHECK(a->err == ERR_NONE && a->verdict == VERDICT_APPLIED && a->seq == 2);
    CHECK_INT(rig.loads, loads + 1);
    struct flow_stats stats;
    flow_get_stats(rig.flow, &stats);
    CHECK_INT(stats.conflicts, 1);
    rig_close();
}

TEST(a_start_that_was_not_first_finds_what_the_first_one_made)
{
    rig_open();
    struct event e = {.kind = EVENT_START, .template = SLICE("pair"), .key = SLICE("K")};
    e.id = SLICE("the-start");
    const struct rig_answer *first = rig_take(e);
    CHECK(first->verdict == VERDICT_APPLIED);
    rig_restart();
    const struct rig_answer *again = rig_take(e);
    CHECK(again->verdict == VERDICT_DUPLICATE);
    CHECK(slice_eq(first->instance, again->instance) && again->seq == 2);
    rig_close();
}

TEST(a_failed_commit_is_answered_as_undecided_and_can_be_sent_again)
{
    rig_open();
    (void)rig_start("pair", "K");
    struct event e = completed("a");
    e.id = SLICE("once");
    rig.fail_with = ERR_STORE;
    rig.fail_count = 1;
    const struct rig_answer *lost = rig_take(e);
    CHECK(lost->err == ERR_STORE && lost->seq == 0);
    CHECK(rig_take(e)->verdict == VERDICT_APPLIED);
    CHECK(rig_take(e)->verdict == VERDICT_DUPLICATE);
    rig_close();
}

TEST(a_second_start_for_a_key_is_about_the_instance_that_has_it)
{
    rig_open();
    struct slice id = rig_start("pair", "K");
    struct event e = {.kind = EVENT_START, .template = SLICE("pair"), .key = SLICE("K")};
    const struct rig_answer *cached = rig_take(e);
    CHECK(cached->verdict == VERDICT_DUPLICATE && slice_eq(cached->instance, id));
    rig_restart();
    const struct rig_answer *stored = rig_take(e);
    CHECK(stored->verdict == VERDICT_DUPLICATE && slice_eq(stored->instance, id));
    CHECK_TEXT(stored->status, "RUNNING");
    rig_close();
}

TEST(two_starts_for_a_key_at_once_make_one_instance)
{
    rig_open();
    struct event e = {.kind = EVENT_START, .template = SLICE("pair"), .key = SLICE("K")};
    unsigned a = rig_send(e), b = rig_send(e);
    rig_run();
    CHECK(rig.answers[a].verdict == VERDICT_APPLIED);
    CHECK(rig.answers[b].verdict == VERDICT_DUPLICATE);
    CHECK(slice_eq(rig.answers[a].instance, rig.answers[b].instance));
    CHECK_INT(rig.offers, 2);
    rig_close();
}

TEST(a_start_that_comes_with_the_end_of_the_key_s_holder_starts_anew)
{
    rig_open();
    struct slice id = rig_start("pair", "K");
    unsigned cancel = rig_send((struct event){.kind = EVENT_CANCEL, .instance = id});
    unsigned start =
        rig_send((struct event){.kind = EVENT_START, .template = SLICE("pair"), .key = SLICE("K")});
    rig_run();
    CHECK(rig.answers[cancel].verdict == VERDICT_APPLIED);
    CHECK(rig.answers[start].verdict == VERDICT_APPLIED);
    CHECK(!slice_eq(rig.answers[start].instance, id));
    rig_close();
}

TEST(a_replay_does_not_reopen_what_another_instance_has_the_key_of)
{
    rig_open();
    struct slice first = rig_start("pair", "K");
    CHECK(rig_take((struct event){.kind = EVENT_CANCEL, .instance = first})->verdict ==
          VERDICT_APPLIED);
    struct slice second = rig_start("pair", "K");
    struct event replay = {.kind = EVENT_REPLAY_STAGE, .instance = first, .stage = SLICE("one")};
    const struct rig_answer *a = rig_take(replay);
    CHECK(a->verdict == VERDICT_REFUSED && a->seq > 0);
    CHECK_TEXT(a->status, "CANCELLED");
    CHECK(rig_take((struct event){.kind = EVENT_CANCEL, .instance = second})->err == ERR_NONE);
    replay.id = SLICE("again");
    CHECK(rig_take(replay)->verdict == VERDICT_APPLIED);
    rig_close();
}

TEST(a_dry_run_says_what_would_run_and_changes_nothing)
{
    rig_open();
    struct slice id = rig_start("pair", "K");
    CHECK(rig_complete("a")->verdict == VERDICT_APPLIED);
    struct event replay = {.kind = EVENT_REPLAY_STAGE, .instance = id, .stage = SLICE("one")};
    replay.dry_run = true;
    unsigned withdrawals = rig.withdrawals;
    struct event started = {.kind = EVENT_STARTED, .token = rig_token(rig_message("b"))};
    unsigned real = rig_send(started), dry = rig_send(replay);
    rig_run();
    CHECK(rig.answers[real].seq == 3);
    CHECK(rig.answers[dry].verdict == VERDICT_APPLIED && rig.answers[dry].seq == 0);
    CHECK_INT(rig.answers[dry].task_count, 2);
    CHECK_INT(rig.withdrawals, withdrawals);
    CHECK(rig_message("a") == NULL && rig_message("b") != NULL);
    CHECK_INT(yyjson_arr_size(rig_events(id)), 3);
    rig_close();
}

TEST(identical_repeats_are_counted_in_one_record)
{
    rig_open();
    struct slice id = rig_start("pair", "K");
    struct event e = completed("a");
    CHECK(rig_take(e)->verdict == VERDICT_APPLIED);
    unsigned extra = 5, unrecorded = 0;
    for (unsigned k = 0; k < REPEATS_RECORDED_MAX + extra; k++) {
        const struct rig_answer *a = rig_take(e);
        CHECK(a->verdict == VERDICT_DUPLICATE);
        unrecorded += a->seq == 0;
    }
    CHECK_INT(unrecorded, extra);
    CHECK(rig_complete("b")->verdict == VERDICT_APPLIED);
    yyjson_val *events = rig_events(id);
    size_t n = yyjson_arr_size(events);
    CHECK_INT(n, 2 + REPEATS_RECORDED_MAX + 2);
    int64_t counted = 0;
    CHECK(json_get_int(yyjson_arr_get(events, n - 2), "count", &counted));
    CHECK_INT(counted, extra);
    rig_close();
}

TEST(counted_repeats_outlive_a_failed_commit)
{
    rig_open();
    struct slice id = rig_start("pair", "K");
    struct event e = completed("a");
    for (unsigned k = 0; k < REPEATS_RECORDED_MAX + 4; k++)
        (void)rig_take(e);
    rig.fail_with = ERR_STORE;
    rig.fail_count = 1;
    CHECK(rig_complete("b")->err == ERR_STORE);
    CHECK(rig_complete("b")->verdict == VERDICT_APPLIED);
    yyjson_val *events = rig_events(id);
    int64_t counted = 0;
    CHECK(json_get_int(yyjson_arr_get(events, yyjson_arr_size(events) - 2), "count", &counted));
    CHECK_INT(counted, 3);
    rig_close();
}

TEST(counted_repeats_are_recorded_before_the_end)
{
    rig_open();
    struct slice id = rig_start("pair", "K");
    struct event e = completed("a");
    for (unsigned k = 0; k < REPEATS_RECORDED_MAX + 4; k++)
        (void)rig_take(e);
    rig_restart();
    yyjson_val *events = rig_events(id);
    int64_t counted = 0;
    CHECK(json_get_int(yyjson_arr_get(events, yyjson_arr_size(events) - 1), "count", &counted));
    CHECK_INT(counted, 3);
    rig_close();
}

TEST(a_heartbeat_between_two_records_still_hides_the_message)
{
    rig_open();
    (void)rig_start("pair", "K");
    struct event e = {.kind = EVENT_HEARTBEAT, .token = rig_token(rig_message("a"))};
    CHECK(rig_take(e)->seq == 2);
    CHECK_INT(rig.extensions, 1);
    rig.now_ms += 1000;
    const struct rig_answer *a = rig_take(e);
    CHECK(a->err == ERR_NONE && a->verdict == VERDICT_APPLIED && a->seq == 0);
    CHECK_INT(rig.extensions, 2);
    rig_close();
}

static struct slice fill_json(size_t bytes)
{
    char *text = arena_alloc(&rig.arena, bytes);
    memset(text, 'x', bytes);
    text[0] = text[bytes - 1] = '"';
    return (struct slice){text, bytes};
}

static void apply_wide_template(void)
{
    struct text t = text_new(&rig.arena, 1 << 20);
    text_put_c(&t, "name: wide\nstages:\n  - name: s\n    tasks:\n");
    for (int k = 0; k < 60; k++)
        text_printf(&t, "      - {name: t%d, queue: q%d}\n", k, k);
    rig_apply(text_c(&t));
}

TEST(what_would_make_an_instance_too_large_is_refused_by_its_size)
{
    rig_open();
    apply_wide_template();
    struct slice id = rig_start("wide", "W");
    unsigned applied = 0, too_large = 0;
    for (int k = 0; k < 60; k++) {
        char task[16];
        (void)snprintf(task, sizeof task, "t%d", k);
        struct event e = {.kind = EVENT_COMPLETED, .token = rig_token(rig_message(task))};
        e.output = fill_json(PAYLOAD_BYTES_MAX);
        const struct rig_answer *a = rig_take(e);
        applied += a->verdict == VERDICT_APPLIED;
        too_large += a->verdict == VERDICT_TOO_LARGE && a->seq > 0;
    }
    CHECK_INT(applied, 47); /* 12 MiB of texts, of which the inputs take a little */
    CHECK_INT(too_large, 13);
    rig_crash();
    CHECK_TEXT(rig_status(id), "RUNNING");
    CHECK(rig_take((struct event){.kind = EVENT_CANCEL, .instance = id})->verdict ==
          VERDICT_APPLIED);
    rig_close();
}
