/* An instance that comes in with its chain: whole or not at all, also where the store fails or the
 * process dies half-way. */
#include "flow_rig.h"

#include "flow/import.h"

#include <stdio.h>
#include <string.h>

#define RECORDS 150 /* more than two commits take */

static struct { /* what was exported; outlives a rig */
    char id[32];
    char *texts[RECORDS];
    struct slice records[RECORDS];
    uint32_t count;
} chain;

static struct {
    bool is_here;
    enum err err;
    enum verdict verdict;
    struct slice why, status;
} answer;

static void take(void *context, const struct import_answer *a)
{
    (void)context;
    answer.is_here = true;
    answer.err = a->err;
    answer.verdict = a->verdict;
    answer.why = slice_copy(&rig.arena, a->why);
    answer.status = slice_copy(&rig.arena, a->status);
}

/* The number of records is what the calls below make. */
static void export_from_a_server(void)
{
    rig_open();
    struct slice id = rig_start("pair", "K");
    (void)snprintf(chain.id, sizeof chain.id, "%.*s", SLICE_ARG(id));
    for (unsigned k = 0; k + 1 < RECORDS; k++)
        (void)rig_take(
            (struct event){.kind = k % 2 == 0 ? EVENT_PAUSE : EVENT_RESUME, .instance = id});
    yyjson_val *item,
        *page =
            rig_read((struct flow_query){.what = FLOW_EXPORT, .id = id, .limit = LIST_LIMIT_MAX});
    yyjson_arr_iter it = yyjson_arr_iter_with(json_get(page, "records"));
    chain.count = 0;
    while ((item = yyjson_arr_iter_next(&it)) != NULL) {
        struct slice text = json_text(item);
        char *copy = malloc(text.len + 1);
        memcpy(copy, text.at, text.len);
        chain.texts[chain.count] = copy;
        chain.records[chain.count++] = (struct slice){copy, text.len};
    }
    CHECK_INT(chain.count, RECORDS);
    rig_close();
}

static void forget_export(void)
{
    while (chain.count > 0)
        free(chain.texts[--chain.count]);
}

static void begin_import(uint32_t count)
{
    struct import_chain c = {.instance = slice_of(chain.id),
                             .template = SLICE("pair"),
                             .version = 1,
                             .records = chain.records,
                             .record_count = count};
    memcpy(c.digest, flow_template(rig.flow, SLICE("pair"), 1)->digest, SHA256_BYTES);
    answer.is_here = false;
    flow_import(rig.flow, &c, take, NULL);
}

static void import_all(void)
{
    begin_import(chain.count);
    rig_run();
    for (int k = 0; k < 5 && !answer.is_here; k++)
        rig_wait(1000);
    CHECK(answer.is_here);
}

static void expect_whole(void)
{
    bool is_ok = false;
    struct slice id = slice_of(chain.id);
    int64_t revision = 0;
    CHECK(json_get_int(rig_show(id), "revision", &revision));
    CHECK_INT(revision, RECORDS);
    CHECK_TEXT(rig_status(id), "PAUSED");
    yyjson_val *found = rig_read((struct flow_query){.what = FLOW_VERIFY});
    CHECK(json_get_bool(found, "ok", &is_ok) && is_ok);
}

TEST(a_chain_comes_in_and_goes_on)
{
    export_from_a_server();
    rig_open();
    import_all();
    CHECK(answer.err == ERR_NONE && answer.verdict == VERDICT_APPLIED);
    CHECK_TEXT(answer.status, "PAUSED");
    expect_whole();
    CHECK(rig_message("a") != NULL);
    rig_restart();
    expect_whole();
    import_all();
    CHECK(answer.err == ERR_NONE && answer.verdict == VERDICT_DUPLICATE);
    struct event e = {
        .kind = EVENT_START, .template = SLICE("pair"), .key = SLICE("K"), .id = SLICE("again")};
    CHECK(rig_take(e)->verdict == VERDICT_DUPLICATE);
    e = (struct event){.kind = EVENT_RESUME, .instance = slice_of(chain.id), .id = SLICE("resume")};
    CHECK(rig_take(e)->verdict == VERDICT_APPLIED);
    e = (struct event){
        .kind = EVENT_COMPLETED, .token = rig_token(rig_message("a")), .id = SLICE("completed")};
    CHECK(rig_take(e)->verdict == VERDICT_APPLIED);
    import_all();
    CHECK(answer.err == ERR_NONE && answer.verdict == VERDICT_DUPLICATE);
    rig_close();
    forget_export();
}

TEST(a_store_that_fails_half_way_is_asked_again)
{
    export_from_a_server();
    for (unsigned at = 0; at < 3; at++) {
        for (int is_done = 0; is_done < 2; is_done++) {
            rig_open();
            rig.is_done_anyway = is_done > 0;
            rig.fail_with = ERR_STORE;
            unsigned commits = rig.commits;
            begin_import(chain.count);
            for (int k = 0; k < 50 && rig.commits < commits + at; k++)
                flow_round(rig.flow, rig.now_ms);
            rig.fail_count = 1;
            rig_run();
            for (int k = 0; k < 5 && !answer.is_here; k++)
                rig_wait(1000);
            CHECK(answer.is_here);
            if (answer.err != ERR_NONE) { /* the first one: nothing is there, or nobody knows */
                CHECK_INT(at, 0);
                import_all();
            }
            CHECK(answer.err == ERR_NONE);
            expect_whole();
            rig_close();
        }
    }
    forget_export();
}

TEST(what_a_crash_left_of_a_chain_is_completed)
{
    export_from_a_server();
    for (unsigned at = 1; at < 3; at++) {
        rig_open();
        unsigned commits = rig.commits;
        begin_import(chain.count);
        for (int k = 0; k < 50 && rig.commits < commits + at; k++)
            flow_round(rig.flow, rig.now_ms);
        rig_crash();
        CHECK(answer.is_here && answer.err == ERR_CLOSING);
        rig_wait(1000); /* what is there of it is written behind */
        import_all();
        CHECK(answer.err == ERR_NONE);
        expect_whole();
        rig_close();
    }
    forget_export();
}

TEST(what_arrives_while_a_chain_comes_in_finds_all_of_it)
{
    export_from_a_server();
    rig_open();
    unsigned commits = rig.commits;
    begin_import(chain.count);
    for (int k = 0; k < 50 && rig.commits == commits; k++)
        flow_round(rig.flow, rig.now_ms);
    unsigned resume = rig_send((struct event){
        .kind = EVENT_RESUME, .instance = slice_of(chain.id), .id = SLICE("resume")});
    rig_run();
    CHECK(answer.is_here && answer.err == ERR_NONE);
    CHECK(rig.answers[resume].is_here && rig.answers[resume].verdict == VERDICT_APPLIED);
    CHECK_INT(rig.answers[resume].seq, RECORDS + 1);
    rig_close();
    forget_export();
}

TEST(a_chain_that_is_none_leaves_nothing)
{
    export_from_a_server();
    rig_open();
    struct slice kept = chain.records[100];
    chain.records[100] = chain.records[99];
    import_all();
    CHECK(answer.err == ERR_INVALID);
    CHECK_TEXT(answer.why, "record 101 is not the one that belongs there");
    chain.records[100] = kept;
    CHECK(rig_read_err((struct flow_query){.what = FLOW_SHOW, .id = slice_of(chain.id)}) ==
          ERR_UNKNOWN_INSTANCE);
    begin_import(0);
    CHECK(answer.is_here && answer.err == ERR_INVALID);
    rig_close();
    forget_export();
}

TEST(a_chain_whose_key_is_held_does_not_come_in)
{
    export_from_a_server();
    rig_open();
    (void)rig_take((struct event){
        .kind = EVENT_START, .template = SLICE("pair"), .key = SLICE("K"), .id = SLICE("other")});
    import_all();
    CHECK(answer.err == ERR_EXISTS);
    CHECK_TEXT(answer.why, "another open instance has its key");
    CHECK(rig_read_err((struct flow_query){.what = FLOW_SHOW, .id = slice_of(chain.id)}) ==
          ERR_UNKNOWN_INSTANCE);
    rig_close();
    forget_export();
}

TEST(another_chain_under_the_same_id_is_refused)
{
    export_from_a_server();
    rig_open();
    struct slice id = rig_start("pair", "K"); /* the same id: the same event started it */
    CHECK_TEXT(id, chain.id);
    rig_wait(1000);
    CHECK(rig_take((struct event){.kind = EVENT_CANCEL, .instance = id})->verdict ==
          VERDICT_APPLIED);
    import_all();
    CHECK(answer.err == ERR_EXISTS);
    CHECK_TEXT(answer.why, "the instance is there, with other records");
    CHECK_TEXT(rig_status(id), "CANCELLED");
    rig_close();
    forget_export();
}
