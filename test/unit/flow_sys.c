/* Arrivals that name no instance, and templates: each has a record in the node's own chain. */
#include "flow_rig.h"

#include <stdio.h>

/* The newest record of all. */
static yyjson_val *newest(void)
{
    struct flow_query q = {.what = FLOW_FEED, .newest_first = true, .limit = 1};
    return yyjson_arr_get(json_get(rig_read(q), "events"), 0);
}

static void expect_newest(const char *event, const char *verdict)
{
    yyjson_val *r = newest();
    CHECK_TEXT(json_get_text(r, "instance"), "_sys:test");
    CHECK_TEXT(json_get_text(r, "event"), event);
    CHECK_TEXT(json_get_text(r, "verdict"), verdict);
}

TEST(an_unknown_instance_and_an_unknown_template_are_recorded)
{
    rig_open();
    struct event e = {.kind = EVENT_PAUSE, .instance = SLICE("nobody")};
    const struct rig_answer *a = rig_take(e);
    CHECK(a->verdict == VERDICT_UNKNOWN && a->instance.len == 0 && a->seq > 0);
    expect_newest("PauseWorkflow", "unknown");
    e.instance = SLICE("0123456789abcdefghjk");
    CHECK(rig_take(e)->verdict == VERDICT_UNKNOWN);
    e = (struct event){.kind = EVENT_START, .template = SLICE("nothing")};
    CHECK(rig_take(e)->verdict == VERDICT_UNKNOWN);
    expect_newest("StartWorkflow", "unknown");
    rig_close();
}

TEST(a_token_that_is_not_ours_is_invalid)
{
    rig_open();
    (void)rig_start("pair", "K");
    struct slice token = rig_token(rig_message("a"));
    char *forged = slice_text(&rig.arena, token);
    forged[token.len / 2] = forged[token.len / 2] == 'A' ? 'B' : 'A';
    struct event e = {.kind = EVENT_COMPLETED, .token = {forged, token.len}};
    const struct rig_answer *a = rig_take(e);
    CHECK(a->verdict == VERDICT_INVALID);
    CHECK_TEXT(a->reason, "the token is not one of ours");
    expect_newest("TaskCompleted", "invalid");
    rig_close();
}

TEST(a_start_with_an_input_that_does_not_fit_makes_no_instance)
{
    rig_open();
    rig_apply("name: strict\n"
              "input: {type: object, required: [n]}\n"
              "stages:\n  - {name: s, tasks: [{name: t, queue: q}]}\n");
    struct event e = {.kind = EVENT_START, .template = SLICE("strict"), .input = SLICE("{}")};
    const struct rig_answer *a = rig_take(e);
    CHECK(a->verdict == VERDICT_INVALID && a->instance.len == 0);
    CHECK(slice_has_prefix(a->reason, SLICE("the input does not fit the template: ")));
    expect_newest("StartWorkflow", "invalid");
    struct flow_stats stats;
    flow_get_stats(rig.flow, &stats);
    CHECK_INT(stats.cached_instances, 0);
    rig_close();
}

static void take_bad(void *context, const struct flow_answer *a)
{
    struct rig_answer *out = context;
    *out = (struct rig_answer){.is_here = true, .verdict = a->verdict, .seq = a->seq};
}

TEST(bytes_that_are_no_event_are_kept_in_short)
{
    rig_open();
    struct rig_answer a = {.is_here = false};
    struct event e = {.source = SLICE("test")};
    struct flow_bad bad = {VERDICT_INVALID, SLICE("it is not JSON"), SLICE("{\"oops\x01")};
    flow_arrive_bad(rig.flow, &e, &bad, take_bad, &a);
    rig_run();
    CHECK(a.is_here && a.verdict == VERDICT_INVALID && a.seq > 0);
    expect_newest("", "invalid");
    CHECK_TEXT(json_get_text(newest(), "data"), "{\"oops ");
    CHECK_TEXT(json_get_text(newest(), "reason"), "it is not JSON");
    rig_close();
}

TEST(rubbish_beyond_the_rate_is_answered_and_counted)
{
    rig_open();
    rig_wait(1000);
    unsigned recorded = 0, more = 7;
    for (unsigned k = 0; k < SYS_RECORDS_PER_S_MAX + more; k++) {
        const struct rig_answer *a =
            rig_take((struct event){.kind = EVENT_PAUSE, .instance = SLICE("nobody")});
        CHECK(a->verdict == VERDICT_UNKNOWN);
        recorded += a->seq > 0;
    }
    CHECK_INT(recorded, SYS_RECORDS_PER_S_MAX);
    rig_wait(1000);
    CHECK(rig_take((struct event){.kind = EVENT_PAUSE, .instance = SLICE("nobody")})->seq > 0);
    int64_t count = 0;
    CHECK(json_get_int(newest(), "count", &count));
    CHECK_INT(count, more + 1);
    rig_close();
}

TEST(a_key_of_two_templates_names_no_instance_by_itself)
{
    rig_open();
    rig_apply("name: other\nstages:\n  - {name: s, tasks: [{name: t, queue: q}]}\n");
    struct slice pair = rig_start("pair", "K");
    (void)rig_start("other", "K");
    struct event e = {.kind = EVENT_PAUSE, .instance = SLICE("K")};
    CHECK(rig_take(e)->verdict == VERDICT_REFUSED);
    e.instance = SLICE("pair/K");
    const struct rig_answer *a = rig_take(e);
    CHECK(a->verdict == VERDICT_APPLIED && slice_eq(a->instance, pair));
    CHECK_TEXT(rig_status(SLICE("pair/K")), "PAUSED");
    rig_close();
}

TEST(a_key_that_looks_like_an_id_is_found_too)
{
    rig_open();
    struct slice id = rig_start("pair", "0123456789abcdefghjk");
    struct event e = {.kind = EVENT_PAUSE, .instance = SLICE("0123456789abcdefghjk")};
    const struct rig_answer *a = rig_take(e);
    CHECK(a->verdict == VERDICT_APPLIED && slice_eq(a->instance, id));
    CHECK_TEXT(rig_status(e.instance), "PAUSED");
    rig_close();
}

TEST(the_same_template_makes_no_version_and_a_changed_one_does)
{
    rig_open();
    rig_apply(rig_template);
    CHECK_INT(flow_template(rig.flow, SLICE("pair"), 0)->version, 1);
    rig_apply("name: pair\nstages:\n  - {name: s, tasks: [{name: t, queue: q}]}\n");
    CHECK_INT(flow_template(rig.flow, SLICE("pair"), 0)->version, 2);
    expect_newest("TemplateApplied", "applied");
    CHECK_TEXT(json_get_text(newest(), "actor"), "tester");
    rig_restart();
    CHECK_INT(flow_template(rig.flow, SLICE("pair"), 0)->version, 2);
    CHECK_INT(flow_template(rig.flow, SLICE("pair"), 1)->task_count, 3);
    struct flow_application a;
    CHECK(flow_template_applied(rig.flow, flow_template(rig.flow, SLICE("pair"), 1), &a));
    CHECK_TEXT(a.by, "tester");
    CHECK(a.note.at == NULL);
    rig_close();
}

TEST(the_chain_of_the_node_goes_on_after_a_restart)
{
    rig_open();
    struct event e = {.kind = EVENT_PAUSE, .instance = SLICE("nobody")};
    uint64_t seq = rig_take(e)->seq;
    rig_restart();
    CHECK_INT(rig_take(e)->seq, seq + 1);
    bool is_ok = false;
    yyjson_val *verified = rig_read((struct flow_query){.what = FLOW_VERIFY});
    CHECK(json_get_bool(verified, "ok", &is_ok) && is_ok);
    rig_close();
}

static void count_report(void *context, const struct flow_applied *a)
{
    *(uint32_t *)context = a->err == ERR_INVALID ? a->report->error_count : 0;
}

TEST(a_template_with_errors_is_answered_with_all_of_them)
{
    rig_open();
    uint32_t errors = 0;
    struct flow_source s = {SLICE("t.yaml"), SLICE("name: x\nstagse: []\n"), SLICE("tester"),
                            SLICE_NONE};
    flow_apply(rig.flow, &s, count_report, &errors);
    rig_run();
    CHECK(errors >= 2);
    CHECK(flow_template(rig.flow, SLICE("x"), 0) == NULL);
    rig_close();
}
