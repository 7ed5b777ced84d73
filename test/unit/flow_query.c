/* Reads: what people see of instances, now and then, and that verification sees what was changed.
 */
#include "flow_rig.h"

#include <string.h>

static yyjson_val *task_of(yyjson_val *shown, size_t stage, size_t task)
{
    return yyjson_arr_get(json_get(yyjson_arr_get(json_get(shown, "stages"), stage), "tasks"),
                          task);
}

static int64_t number_of(yyjson_val *object, const char *name)
{
    int64_t n = -1;
    CHECK(json_get_int(object, name, &n));
    return n;
}

static struct slice make_a_life(void)
{
    struct event e = {.kind = EVENT_START, .template = SLICE("pair"), .key = SLICE("ORDER-1")};
    e.input = SLICE("{\"n\":12345678901234567890}");
    struct slice id = rig_take(e)->instance;
    rig.now_ms += 1000;
    (void)rig_take((struct event){.kind = EVENT_STARTED, .token = rig_token(rig_message("a"))});
    rig.now_ms += 1000;
    struct event done = {.kind = EVENT_COMPLETED, .token = rig_token(rig_message("a"))};
    done.output = SLICE("{\"x\":1}");
    CHECK(rig_take(done)->seq == 3);
    return id;
}

TEST(an_instance_is_shown_with_its_stages_and_tasks)
{
    rig_open();
    struct slice id = make_a_life();
    yyjson_val *s = rig_show(SLICE("ORDER-1"));
    CHECK(slice_eq(json_get_text(s, "instance"), id));
    CHECK_TEXT(json_get_text(s, "template"), "pair");
    CHECK_TEXT(json_get_text(s, "key"), "ORDER-1");
    CHECK_TEXT(json_get_text(s, "status"), "RUNNING");
    CHECK_TEXT(json_get_text(s, "stage"), "one");
    CHECK_TEXT(json_get_text(s, "business_status"), "A DONE");
    CHECK_TEXT(json_get_text(s, "started_at"), "2023-11-14T22:13:20.000Z");
    CHECK_TEXT(json_get_text(s, "updated_at"), "2023-11-14T22:13:22.000Z");
    CHECK_INT(number_of(s, "revision"), 3);
    CHECK_TEXT(json_write(&rig.arena, json_get(s, "input")), "{\"n\":12345678901234567890}");
    yyjson_val *a = task_of(s, 0, 0), *b = task_of(s, 0, 1);
    CHECK_TEXT(json_get_text(a, "status"), "COMPLETED");
    CHECK_TEXT(json_write(&rig.arena, json_get(a, "output")), "{\"x\":1}");
    CHECK_TEXT(json_get_text(b, "status"), "SCHEDULED");
    CHECK_TEXT(json_get_text(b, "wake_at"), "2023-11-15T22:13:20.000Z");
    CHECK_TEXT(json_get_text(task_of(s, 1, 0), "kind"), "human");
    rig_close();
}

TEST(the_past_is_shown_by_record_and_by_time)
{
    rig_open();
    struct slice id = make_a_life();
    struct flow_query q = {.what = FLOW_SHOW, .id = id, .at_seq = 1};
    CHECK_TEXT(json_get_text(task_of(rig_read(q), 0, 0), "status"), "SCHEDULED");
    q = (struct flow_query){.what = FLOW_SHOW, .id = id, .at_ms = RIG_START_MS + 1999};
    CHECK_TEXT(json_get_text(task_of(rig_read(q), 0, 0), "status"), "RUNNING");
    q.at_ms = RIG_START_MS + 2000;
    CHECK_TEXT(json_get_text(task_of(rig_read(q), 0, 0), "status"), "COMPLETED");
    q.at_ms = RIG_START_MS - 1;
    CHECK(rig_read_err(q) == ERR_NOT_FOUND);
    rig_close();
}

TEST(the_past_is_found_beyond_snapshots)
{
    rig_open();
    struct slice id = rig_start("pair", "K");
    for (int k = 0; k < 600; k++) {
        bool is_pause = k % 2 == 0;
        rig.now_ms += 1000;
        struct event e = {.kind = is_pause ? EVENT_PAUSE : EVENT_RESUME, .instance = id};
        CHECK(rig_take(e)->verdict == VERDICT_APPLIED);
    }
    struct flow_query q = {.what = FLOW_SHOW, .id = id};
    for (uint64_t seq = 250; seq < 600; seq += 87) {
        q.at_ms = 0;
        q.at_seq = seq;
        yyjson_val *s = rig_read(q);
        CHECK_INT(number_of(s, "revision"), seq);
        CHECK_TEXT(json_get_text(s, "status"), seq % 2 == 0 ? "PAUSED" : "RUNNING");
        q.at_seq = 0;
        q.at_ms = RIG_START_MS + ((int64_t)seq - 1) * 1000 + 999;
        CHECK_INT(number_of(rig_read(q), "revision"), seq);
    }
    rig_close();
}

TEST(events_tell_what_was_before)
{
    rig_open();
    struct slice id = make_a_life();
    yyjson_val *events = rig_events(id);
    CHECK_INT(yyjson_arr_size(events), 3);
    yyjson_val *last = yyjson_arr_get(events, 2);
    CHECK_TEXT(json_get_text(last, "event"), "TaskCompleted");
    CHECK_TEXT(json_get_text(last, "verdict"), "applied");
    CHECK_TEXT(json_get_text(last, "task"), "a");
    yyjson_val *change = yyjson_arr_get(json_get(last, "changes"), 0);
    CHECK_TEXT(json_get_text(change, "path"), "tasks.a.status");
    CHECK_TEXT(json_get_text(change, "from"), "RUNNING");
    CHECK_TEXT(json_get_text(change, "to"), "COMPLETED");
    CHECK_INT(json_get_text(last, "hash").len, 64);
    rig_close();
}

TEST(events_come_page_by_page_from_both_ends)
{
    rig_open();
    struct flow_query q = {.what = FLOW_EVENTS, .id = make_a_life(), .limit = 2};
    yyjson_val *page = rig_read(q);
    CHECK_INT(yyjson_arr_size(json_get(page, "events")), 2);
    CHECK_TEXT(json_get_text(page, "next"), "2");
    q.after = SLICE("2");
    page = rig_read(q);
    CHECK_INT(number_of(yyjson_arr_get(json_get(page, "events"), 0), "seq"), 3);
    CHECK(json_get_text(page, "next").at == NULL);
    q.after = SLICE_NONE;
    q.newest_first = true;
    page = rig_read(q);
    CHECK_INT(number_of(yyjson_arr_get(json_get(page, "events"), 1), "seq"), 3);
    CHECK_TEXT(json_get_text(page, "next"), "2");
    q.after = SLICE("2");
    page = rig_read(q);
    CHECK_INT(number_of(yyjson_arr_get(json_get(page, "events"), 0), "seq"), 1);
    CHECK(json_get_text(page, "next").at == NULL);
    rig_close();
}

TEST(the_feed_goes_on_from_its_cursor)
{
    rig_open();
    (void)make_a_life();
    struct flow_query q = {.what = FLOW_FEED, .limit = 3};
    yyjson_val *page = rig_read(q);
    CHECK_INT(yyjson_arr_size(json_get(page, "events")), 3);
    CHECK_TEXT(json_get_text(yyjson_arr_get(json_get(page, "events"), 0), "event"),
               "TemplateApplied");
    q.after = json_get_text(page, "next");
    page = rig_read(q);
    CHECK_INT(yyjson_arr_size(json_get(page, "events")), 1);
    CHECK_INT(number_of(yyjson_arr_get(json_get(page, "events"), 0), "seq"), 3);
    q = (struct flow_query){.what = FLOW_FEED, .event = {&(struct slice){"TaskStarted", 11}, 1}};
    CHECK_INT(yyjson_arr_size(json_get(rig_read(q), "events")), 1);
    rig_close();
}

TEST(lists_and_numbers_count_by_status)
{
    rig_open();
    struct slice id = make_a_life();
    (void)rig_start("pair", "K2");
    CHECK(rig_take((struct event){.kind = EVENT_PAUSE, .instance = id})->err == ERR_NONE);
    struct flow_query q = {.what = FLOW_LIST, .limit = 1};
    yyjson_val *page = rig_read(q);
    yyjson_val *row = yyjson_arr_get(json_get(page, "instances"), 0);
    CHECK_TEXT(json_get_text(row, "key"), "K2");
    CHECK_INT(number_of(row, "version"), 1);
    q.after = json_get_text(page, "next");
    row = yyjson_arr_get(json_get(rig_read(q), "instances"), 0);
    CHECK_TEXT(json_get_text(row, "status"), "PAUSED");
    CHECK_TEXT(json_get_text(row, "business_status"), "A DONE");
    yyjson_val *counts = json_get(rig_read((struct flow_query){.what = FLOW_STATS}), "instances");
    CHECK_INT(number_of(counts, "PAUSED"), 1);
    CHECK_INT(number_of(counts, "RUNNING"), 1);
    rig_close();
}

TEST(the_inbox_shows_what_waits_for_a_person)
{
    rig_open();
    (void)make_a_life();
    struct flow_query q = {.what = FLOW_INBOX};
    CHECK_INT(yyjson_arr_size(json_get(rig_read(q), "tasks")), 0);
    CHECK(rig_complete("b")->verdict == VERDICT_APPLIED);
    yyjson_val *task = yyjson_arr_get(json_get(rig_read(q), "tasks"), 0);
    CHECK_TEXT(json_get_text(task, "task"), "c");
    CHECK_TEXT(json_get_text(task, "assignee"), "ann");
    CHECK_TEXT(json_get_text(task, "due_at"), "2023-11-14T22:43:22.000Z");
    q.assignee = SLICE("bob");
    CHECK_INT(yyjson_arr_size(json_get(rig_read(q), "tasks")), 0);
    rig_close();
}

static bool has(struct slice text, const char *part)
{
    return memmem(text.at, text.len, part, strlen(part)) != NULL;
}

TEST(it_is_explained_who_waits_for_what)
{
    rig_open();
    struct flow_query q = {.what = FLOW_EXPLAIN, .id = make_a_life()};
    yyjson_val *lines = json_get(rig_read(q), "lines");
    CHECK_INT(yyjson_arr_size(lines), 2);
    struct slice line = json_text(yyjson_arr_get(lines, 1));
    CHECK(has(line, "Task b waits for a worker on queue qb since 2023-11-14T22:13:20.000Z"));
    CHECK(has(line, "its running timeout ends at 2023-11-15T22:13:20.000Z"));
    rig_close();
}

TEST(the_graph_is_a_picture_of_the_present)
{
    rig_open();
    struct slice id = make_a_life();
    CHECK(rig_read_err((struct flow_query){.what = FLOW_GRAPH, .id = id}) == ERR_NONE);
    CHECK(rig_read_err((struct flow_query){.what = FLOW_GRAPH, .id = SLICE("none")}) ==
          ERR_UNKNOWN_INSTANCE);
    rig_close();
}

static bool verify(int64_t *events, size_t *problems)
{
    bool is_ok = false;
    yyjson_val *v = rig_read((struct flow_query){.what = FLOW_VERIFY});
    CHECK(json_get_bool(v, "ok", &is_ok));
    *events = number_of(v, "events");
    *problems = yyjson_arr_size(json_get(v, "problems"));
    return is_ok;
}

TEST(verification_is_clean_and_sees_a_record_that_was_changed)
{
    rig_open();
    int64_t events;
    size_t problems;
    (void)make_a_life();
    CHECK(verify(&events, &problems));
    CHECK(events == 4 && problems == 0);
    rig.tampered_seq = 2;
    CHECK(!verify(&events, &problems));
    CHECK_INT(problems, 1);
    rig.tampered_seq = 3; /* the last one: only the present state knows its hash */
    CHECK(!verify(&events, &problems));
    rig.tampered_seq = 0;
    CHECK(verify(&events, &problems));
    rig_close();
}

TEST(one_instance_is_verified_alone)
{
    rig_open();
    struct slice id = make_a_life();
    (void)rig_start("pair", "K2");
    yyjson_val *v = rig_read((struct flow_query){.what = FLOW_VERIFY, .id = id});
    CHECK_INT(number_of(v, "instances"), 1);
    CHECK_INT(number_of(v, "events"), 3);
    rig_close();
}

TEST(large_values_are_shown_and_folded_from_their_digests)
{
    rig_open();
    size_t bytes = PAYLOAD_INLINE_BYTES_MAX + 1000;
    char *text = arena_alloc(&rig.arena, bytes);
    memset(text, 'y', bytes);
    text[0] = text[bytes - 1] = '"';
    (void)rig_start("pair", "K");
    struct event e = {.kind = EVENT_COMPLETED, .token = rig_token(rig_message("a"))};
    e.output = (struct slice){text, bytes};
    CHECK(rig_take(e)->verdict == VERDICT_APPLIED);
    rig_crash();
    yyjson_val *output = json_get(task_of(rig_show(SLICE("K")), 0, 0), "output");
    CHECK_INT(json_text(output).len, bytes - 2);
    struct flow_query q = {.what = FLOW_SHOW, .id = SLICE("K"), .at_seq = 2};
    output = json_get(task_of(rig_read(q), 0, 0), "output");
    CHECK_INT(json_text(output).len, bytes - 2);
    rig_close();
}
