/* Rows behind: what is in rows when, what a crash leaves, and that lists show what was answered. */
#include "flow_rig.h"

#include <stdio.h>

static size_t count_of(struct flow_query q)
{
    return yyjson_arr_size(json_get(rig_read(q), "instances"));
}

TEST(a_row_is_written_a_little_after_its_records)
{
    rig_open();
    (void)rig_start("pair", "K");
    CHECK(rig_complete("a")->verdict == VERDICT_APPLIED);
    CHECK(rig_complete("b")->verdict == VERDICT_APPLIED);
    CHECK_INT(rig.rows, 0);
    rig_wait(ROW_FLUSH_MS);
    CHECK_INT(rig.rows, 1);
    CHECK_INT(rig.folded_pos, 4);
    rig_wait(10 * ROW_FLUSH_MS);
    CHECK_INT(rig.rows, 1);
    rig_close();
}

TEST(a_list_shows_what_was_answered_before_it)
{
    rig_open();
    (void)rig_start("pair", "K");
    CHECK(rig_complete("a")->verdict == VERDICT_APPLIED);
    struct flow_query q = {.what = FLOW_LIST,
                           .filter.business_status = {(const struct slice[]){SLICE("A DONE")}, 1}};
    CHECK_INT(count_of(q), 1);
    CHECK_INT(rig.rows, 1);
    rig_close();
}

#define WIDE_TASKS 500
#define WIDE_INSTANCES 250

TEST(rows_of_large_instances_are_written_in_as_many_goes_as_memory_asks_for)
{
    rig_open();
    struct text t = text_new(&rig.arena, WIDE_TASKS * 64);
    text_put_c(&t, "name: wide\nstages:\n  - name: only\n    tasks:\n");
    for (int k = 0; k < WIDE_TASKS; k++)
        text_printf(&t, "      - {name: t%d, human: {}}\n", k);
    rig_apply(text_c(&t));
    struct slice ids[WIDE_INSTANCES];
    for (int k = 0; k < WIDE_INSTANCES; k++) {
        char key[16];
        (void)snprintf(key, sizeof key, "K%d", k);
        ids[k] = rig_start("wide", key);
    }
    for (int k = 0; k < WIDE_INSTANCES; k++) {
        struct event e = {.kind = EVENT_PAUSE, .instance = ids[k], .source = SLICE("test")};
        CHECK(rig_take(e)->verdict == VERDICT_APPLIED);
    }
    CHECK_INT(rig.rows, 0);
    rig_wait(ROW_FLUSH_MS);
    CHECK(rig.rows > 1);
    struct flow_query q = {.what = FLOW_LIST,
                           .filter.status = {(const struct slice[]){SLICE("PAUSED")}, 1},
                           .limit = WIDE_INSTANCES};
    CHECK_INT(count_of(q), WIDE_INSTANCES);
    rig_close();
}

static void take_any(void *context, enum err err, struct slice json)
{
    (void)json;
    *(bool *)context = err == ERR_NONE;
}

TEST(a_list_is_answered_though_rows_fall_behind_all_the_time)
{
    rig_open();
    for (int k = 0; k < 30; k++) {
        char key[16];
        (void)snprintf(key, sizeof key, "K%d", k);
        (void)rig_start("pair", key);
    }
    bool is_here = false;
    struct flow_query q = {.what = FLOW_LIST};
    unsigned sent = 0;
    for (unsigned k = 0; k < 30 && !is_here; k++) {
        struct event e = {.kind = EVENT_STARTED, .token = rig_token(&rig.messages[2 * k])};
        (void)rig_send(e);
        flow_round(rig.flow, rig.now_ms);
        if (sent++ == 3)
            flow_read(rig.flow, &q, take_any, &is_here);
    }
    CHECK(is_here && sent < 20);
    rig_run();
    rig_close();
}

TEST(after_a_crash_rows_are_behind_and_instances_go_on)
{
    rig_open();
    struct slice id = rig_start("pair", "K");
    CHECK(rig_complete("a")->verdict == VERDICT_APPLIED);
    rig_crash();
    rig_run();
    CHECK(rig_message("b") != NULL && rig_message("a") == NULL);
    CHECK_INT(rig.rows, 0);
    rig_wait(ROW_FLUSH_MS);
    CHECK_INT(rig.rows, 1);
    CHECK(rig_complete("b")->verdict == VERDICT_APPLIED);
    rig_crash();
    CHECK(rig_take((struct event){.kind = EVENT_COMPLETED, .instance = id, .task = SLICE("c")})
              ->verdict == VERDICT_APPLIED);
    CHECK_TEXT(rig_status(id), "COMPLETED");
    rig_close();
}

TEST(nothing_is_stated_as_folded_that_is_still_to_be_read_after_a_crash)
{
    rig_open();
    (void)rig_start("pair", "K");
    CHECK(rig_complete("a")->verdict == VERDICT_APPLIED);
    rig.is_load_held = true; /* what is behind is not read for a while, but all else goes on */
    rig_crash();
    (void)rig_start("pair", "OTHER");
    CHECK(rig_complete("b")->verdict == VERDICT_APPLIED);
    rig_wait(10 * ROW_FLUSH_MS);
    CHECK(rig.rows > 0);
    CHECK_INT(rig.folded_pos, 0);
    rig.is_load_held = false;
    rig_wait(10 * ROW_FLUSH_MS);
    CHECK_INT(rig.folded_pos, 5);
    rig_close();
}

TEST(a_commit_with_a_lost_answer_is_read_again_and_its_row_written)
{
    rig_open();
    struct slice id = rig_start("pair", "K");
    rig.fail_with = ERR_STORE;
    rig.fail_count = 1;
    rig.is_done_anyway = rig.is_load_held = true;
    CHECK(rig_complete("a")->err == ERR_STORE);
    (void)rig_start("pair", "OTHER");
    struct event e = {.kind = EVENT_STARTED, .token = rig_token(&rig.messages[2])};
    CHECK(rig_take(e)->verdict == VERDICT_APPLIED);
    rig_wait(10 * ROW_FLUSH_MS);
    CHECK(rig.rows > 0 && rig.folded_pos < 3); /* the record may stand, or not */
    rig.is_load_held = false;
    rig_wait(10 * ROW_FLUSH_MS);
    CHECK_INT(rig.folded_pos, 5);
    CHECK_INT(json_get_text(rig_show(id), "business_status").len, 6);
    rig_close();
}

TEST(commits_that_bring_their_rows_are_stated_as_folded_too)
{
    rig_open();
    (void)rig_start("pair", "K");
    CHECK_INT(rig.rows, 0);
    rig_restart();
    CHECK_INT(rig.rows, 0);
    CHECK_INT(rig.folded_pos, 2);
    rig_close();
}

/* The row that a commit brings is newer than any that a flush at the same time could write. */
TEST(a_flush_never_writes_an_older_row_over_a_newer_one)
{
    rig_open();
    struct slice id = rig_start("pair", "K");
    CHECK(rig_complete("a")->verdict == VERDICT_APPLIED);
    rig.is_held = true;
    (void)rig_send((struct event){.kind = EVENT_CANCEL, .instance = id});
    rig_run();
    rig.now_ms += 2 * ROW_FLUSH_MS;
    rig_run();
    rig.is_held = false;
    rig_wait(10 * ROW_FLUSH_MS);
    struct flow_query q = {.what = FLOW_LIST,
                           .filter.status = {(const struct slice[]){SLICE("CANCELLED")}, 1}};
    CHECK_INT(count_of(q), 1);
    (void)rig_start("pair", "K");
    rig_close();
}

TEST(a_failed_write_of_rows_is_made_good)
{
    rig_open();
    (void)rig_start("pair", "K");
    CHECK(rig_complete("a")->verdict == VERDICT_APPLIED);
    rig.fail_with = ERR_DISK_FULL;
    rig.fail_count = 1;
    struct flow_query q = {.what = FLOW_LIST,
                           .filter.business_status = {(const struct slice[]){SLICE("A DONE")}, 1}};
    CHECK(rig_read_err(q) == ERR_DISK_FULL);
    rig_wait(2000);
    CHECK_INT(count_of(q), 1);
    rig_close();
}

TEST(what_is_unused_leaves_memory_and_comes_back)
{
    rig.cache_bytes_max = 64 * 1024;
    rig_open();
    struct slice first = rig_start("pair", "K0");
    for (int k = 1; k < 30; k++) {
        char key[16];
        (void)snprintf(key, sizeof key, "K%d", k);
        (void)rig_start("pair", key);
    }
    struct flow_stats stats;
    flow_get_stats(rig.flow, &stats);
    CHECK(stats.cached_instances < 15 && stats.cached_bytes <= 64 * 1024);
    CHECK_TEXT(rig_status(first), "RUNNING");
    CHECK(rig_complete("a")->verdict == VERDICT_APPLIED);
    rig_close();
}

static void take_refill(void *context, enum err err, bool has_more)
{
    *(int *)context = err != ERR_NONE ? -1 : has_more;
}

TEST(messages_are_read_back_from_rows_with_attempt_and_visibility)
{
    rig_open();
    (void)rig_start("pair", "K");
    rig_restart();
    CHECK_INT(rig.message_count, 0);
    int more = 2;
    flow_refill(rig.flow, SLICE("qa"), take_refill, &more);
    rig_run();
    CHECK_INT(more, 0);
    const struct rig_message *m = rig_message("a");
    CHECK(m != NULL && rig.message_count == 1);
    CHECK(m != NULL && m->generation == 1 && m->attempt == 1 && m->visibility_ms == 600000);
    rig_close();
}

static void take_text(void *context, enum err err, struct slice json)
{
    *(enum err *)context = err == ERR_NONE && json.len == 0 ? ERR_COUNT : err;
}

TEST(a_message_has_a_text_while_its_attempt_is_current)
{
    rig_open();
    (void)rig_start("pair", "K");
    const struct rig_message *r = rig_message("a");
    struct queue_message m = {.queue = r->queue, .instance = r->instance, .task = r->task};
    m.generation = m.attempt = 1;
    enum err err = ERR_COUNT;
    rig_restart();
    flow_message(rig.flow, &m, take_text, &err);
    rig_run();
    CHECK(err == ERR_NONE);
    m.attempt = 2;
    flow_message(rig.flow, &m, take_text, &err);
    rig_run();
    CHECK(err == ERR_NOT_FOUND);
    rig_close();
}
