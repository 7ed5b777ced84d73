/* The feed with its filters, the audit, and the inbox: what is found, and how much is looked at. */
#include "flow_rig.h"

#include <string.h>

static yyjson_val *first(yyjson_val *page, const char *list)
{
    return yyjson_arr_get(json_get(page, list), 0);
}

static size_t count(yyjson_val *page, const char *list)
{
    return yyjson_arr_size(json_get(page, list));
}

static bool flag(yyjson_val *object, const char *name)
{
    bool is = false;
    CHECK(json_get_bool(object, name, &is));
    return is;
}

static void control(enum event_kind kind, struct slice id, const char *actor)
{
    struct event e = {.kind = kind, .instance = id, .actor = slice_of(actor)};
    e.source = SLICE("page");
    e.reason = SLICE("because");
    static unsigned sent;
    struct text name = text_new(&rig.arena, 16); /* the rig names events by how many it answered */
    text_put_char(&name, 'c');
    text_put_int(&name, ++sent);
    e.id = text_slice(&name);
    if (rig.answer_count == RIG_ANSWERS_MAX) { /* of which it keeps no more */
        rig.answer_count = 0;
        memset(rig.answers, 0, sizeof rig.answers);
    }
    CHECK(rig_take(e)->verdict == VERDICT_APPLIED);
}

TEST(the_feed_names_the_template_and_the_key_of_each_event)
{
    rig_open();
    (void)rig_start("pair", "ORDER-1");
    rig_crash(); /* nothing is in memory */
    yyjson_val *page = rig_read((struct flow_query){.what = FLOW_FEED});
    CHECK_INT(count(page, "events"), 2);
    CHECK_TEXT(json_get_text(first(page, "events"), "template"), "pair"); /* what was applied */
    yyjson_val *start = yyjson_arr_get(json_get(page, "events"), 1);
    CHECK_TEXT(json_get_text(start, "template"), "pair");
    CHECK_TEXT(json_get_text(start, "key"), "ORDER-1");
    CHECK(!flag(page, "more"));
    rig_close();
}

TEST(the_feed_finds_several_words_a_source_an_actor_and_a_time)
{
    rig_open();
    struct slice id = rig_start("pair", "K");
    rig.now_ms += 60000;
    control(EVENT_PAUSE, id, "key:desk/ann");
    rig.now_ms += 60000;
    control(EVENT_RESUME, id, "bob");
    struct slice kinds[] = {SLICE("PauseWorkflow"), SLICE("ResumeWorkflow")}, page = SLICE("page");
    struct flow_query q = {.what = FLOW_FEED, .event = {kinds, 2}};
    CHECK_INT(count(rig_read(q), "events"), 2);
    q = (struct flow_query){.what = FLOW_FEED, .source = {&page, 1}};
    CHECK_INT(count(rig_read(q), "events"), 2);
    q.actor = SLICE("ann");
    CHECK_TEXT(json_get_text(first(rig_read(q), "events"), "event"), "PauseWorkflow");
    q.actor = SLICE("key:desk");
    CHECK_INT(count(rig_read(q), "events"), 1);
    q.actor = SLICE("an");
    CHECK_INT(count(rig_read(q), "events"), 0);
    q = (struct flow_query){.what = FLOW_FEED, .since_ms = RIG_START_MS + 60000};
    CHECK_INT(count(rig_read(q), "events"), 2);
    q.until_ms = RIG_START_MS + 120000;
    CHECK_TEXT(json_get_text(first(rig_read(q), "events"), "event"), "PauseWorkflow");
    CHECK_INT(count(rig_read(q), "events"), 1);
    q.newest_first = true;
    CHECK_INT(count(rig_read(q), "events"), 1);
    q = (struct flow_query){.what = FLOW_FEED, .template = SLICE("other")};
    CHECK_INT(count(rig_read(q), "events"), 0);
    q = (struct flow_query){.what = FLOW_FEED, .key = SLICE("K")};
    CHECK_INT(count(rig_read(q), "events"), 3);
    rig_close();
}

/* More than one request looks at: each says how far it came, and goes on from there. */
TEST(a_rare_event_among_many_is_found_in_bounded_steps)
{
    rig_open();
    struct slice id = rig_start("pair", "K"), kind = SLICE("CancelWorkflow");
    for (int k = 0; k < FEED_LOOK_MAX / 2 + 300; k++) {
        rig.now_ms += 10;
        control(EVENT_PAUSE, id, "ann");
        control(EVENT_RESUME, id, "ann");
    }
    control(EVENT_CANCEL, id, "ann");
    struct flow_query q = {.what = FLOW_FEED, .event = {&kind, 1}};
    yyjson_val *page = rig_read(q);
    CHECK_INT(count(page, "events"), 0);
    CHECK(flag(page, "more") && json_get_text(page, "searched_to").len > 0);
    q.after = json_get_text(page, "next");
    page = rig_read(q);
    CHECK_INT(count(page, "events"), 1);
    CHECK(!flag(page, "more"));
    rig_close();
}

TEST(the_audit_has_what_people_did_and_nothing_else)
{
    rig_open();
    struct slice id = rig_start("pair", "K");
    CHECK(rig_complete("a")->verdict == VERDICT_APPLIED);
    control(EVENT_PAUSE, id, "ann");
    control(EVENT_RESUME, id, "ann");
    struct event by_hand = {.kind = EVENT_COMPLETED, .instance = id, .task = SLICE("b")};
    by_hand.source = SLICE("page");
    CHECK(rig_take(by_hand)->verdict == VERDICT_APPLIED);
    struct event persons = {.kind = EVENT_COMPLETED, .instance = id, .task = SLICE("c")};
    persons.source = SLICE("http");
    CHECK(rig_take(persons)->verdict == VERDICT_APPLIED);
    static const char *const expected[] = {"TaskCompleted", "TaskCompleted", "ResumeWorkflow",
                                           "PauseWorkflow", "TemplateApplied"};
    struct flow_query q = {.what = FLOW_FEED, .acts_only = true, .newest_first = true, .limit = 2};
    size_t seen = 0;
    for (bool has_more = true; has_more && seen < 5;) {
        yyjson_val *page = rig_read(q);
        for (size_t k = 0; k < count(page, "events") && seen < 5; k++, seen++)
            CHECK_TEXT(json_get_text(yyjson_arr_get(json_get(page, "events"), k), "event"),
                       expected[seen]);
        q.after = json_get_text(page, "next");
        has_more = q.after.len > 0;
    }
    CHECK_INT(seen, 5);
    q = (struct flow_query){.what = FLOW_FEED, .acts_only = true, .newest_first = true, .id = id};
    CHECK_INT(count(rig_read(q), "events"), 4);
    rig_close();
}

/* --- the inbox --- */

static const char people[] = "name: people\n"
                             "stages:\n"
                             "  - name: s\n"
                             "    tasks:\n"
                             "      - {name: soon, human: {assignee: ann, due: 10m}}\n"
                             "      - {name: late, human: {group: desk, due: 1h}}\n"
                             "      - {name: ever, human: {}}\n";

static const char once[] = "name: once\n"
                           "stages:\n"
                           "  - {name: s, tasks: [{name: sign, human: {assignee: ann}}]}\n";

TEST(the_inbox_is_in_order_of_what_is_due)
{
    rig_open();
    rig_apply(people);
    rig_apply(once);
    (void)rig_start("once", "OLD");
    rig.now_ms += 3600000;
    (void)rig_start("people", "ONE");
    rig.now_ms += 300000;
    (void)rig_start("people", "TWO");
    (void)rig_start("once", "NEW");
    static const char *const expected[] = {"ONE", "ONE", "ONE", "TWO", "TWO", "TWO", "OLD", "NEW"};
    struct flow_query q = {.what = FLOW_INBOX, .limit = 3};
    size_t seen = 0;
    do {
        yyjson_val *page = rig_read(q);
        int64_t all = -1;
        CHECK(json_get_int(page, "count", &all) == (seen == 0));
        CHECK(seen > 0 || (all == 8 && !flag(page, "more")));
        for (size_t k = 0; k < count(page, "tasks") && seen < 8; k++, seen++)
            CHECK_TEXT(json_get_text(yyjson_arr_get(json_get(page, "tasks"), k), "key"),
                       expected[seen]);
        q.after = json_get_text(page, "next");
    } while (q.after.len > 0 && seen < 8);
    CHECK_INT(seen, 8);
    rig_close();
}

TEST(the_inbox_is_asked_by_person_group_template_and_due_time)
{
    rig_open();
    rig_apply(people);
    rig_apply(once);
    (void)rig_start("once", "A");
    (void)rig_start("people", "B");
    CHECK_INT(count(rig_read((struct flow_query){.what = FLOW_INBOX}), "tasks"), 4);
    struct flow_query q = {.what = FLOW_INBOX, .assignee = SLICE("ann")};
    CHECK_INT(count(rig_read(q), "tasks"), 2);
    q.template = SLICE("once");
    yyjson_val *page = rig_read(q);
    CHECK_INT(count(page, "tasks"), 1);
    CHECK_TEXT(json_get_text(first(page, "tasks"), "task"), "sign");
    q = (struct flow_query){.what = FLOW_INBOX, .group = SLICE("desk")};
    CHECK_TEXT(json_get_text(first(rig_read(q), "tasks"), "task"), "late");
    q = (struct flow_query){.what = FLOW_INBOX, .template = SLICE("people")};
    CHECK_INT(count(rig_read(q), "tasks"), 3);
    q = (struct flow_query){.what = FLOW_INBOX, .overdue_only = true};
    CHECK_INT(count(rig_read(q), "tasks"), 0);
    rig.now_ms += 600000;
    page = rig_read(q);
    CHECK_INT(count(page, "tasks"), 1);
    CHECK(flag(first(page, "tasks"), "overdue"));
    rig_close();
}

TEST(an_answered_task_leaves_every_inbox)
{
    rig_open();
    rig_apply(once);
    struct slice id = rig_start("once", "A");
    CHECK_INT(count(rig_read((struct flow_query){.what = FLOW_INBOX}), "tasks"), 1);
    struct event done = {.kind = EVENT_COMPLETED, .instance = id, .task = SLICE("sign")};
    CHECK(rig_take(done)->verdict == VERDICT_APPLIED);
    CHECK_INT(count(rig_read((struct flow_query){.what = FLOW_INBOX}), "tasks"), 0);
    struct flow_query q = {.what = FLOW_INBOX, .assignee = SLICE("ann")};
    CHECK_INT(count(rig_read(q), "tasks"), 0);
    rig_close();
}
