/* What the MongoDB store promises where a server fails or another node died: a commit is made once
 * and known to be ours, a key that was reserved is neither lost nor kept for nothing. */
#include "mongo_rig.h"

#define CLOSE "\"closeConnection\":true"
#define NOT_PRIMARY "\"errorCode\":10107"
#define IN_DOUBT "\"writeConcernError\":{\"code\":91,\"errmsg\":\"shutting down\"}"

static uint32_t count_records(struct rig *t, const char *id)
{
    struct store_request *r = rig_request(t, STORE_RECORDS);

    r->id = slice_of(id);
    CHECK(rig_do(t, r) == ERR_NONE);
    return r->record_count;
}

static enum err load(struct rig *t, const char *id)
{
    struct store_request *r = rig_request(t, STORE_LOAD);

    r->id = slice_of(id);
    return rig_do(t, r);
}

static int64_t count_rows_with(struct mongo_rig *m, const char *query)
{
    const char *json = rig_text(m->t, "{\"count\":\"instances\",\"query\":%s}%c", query, '\0').at;

    return mongo_rig_run(m, json, "n");
}

CONTRACT(MONGODB, a_commit_in_doubt_is_found_to_be_ours)
{
    struct mongo_rig m = mongo_rig_open(t);
    struct store_request *c = rig_commit(t, "a", 1, 2), *r = rig_request(t, STORE_RECORDS);

    mongo_rig_fail(&m, 2, "\"insert\"", IN_DOUBT, NULL);
    CHECK(rig_do(t, c) == ERR_NONE);
    r->id = SLICE("a");
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 2 && r->records[1].pos == c->last_pos);
    mongo_rig_heal(&m);
    mongo_rig_close(&m);
}

/* One record of many: the others stand, and of this one it is known that it does not. */
CONTRACT(MONGODB, a_record_that_the_server_refuses_fails_alone)
{
    struct mongo_rig m = mongo_rig_open(t);
    struct store_request *a = rig_commit(t, "a", 1, 1), *b = rig_commit(t, "b", 1, 1);

    CHECK(mongo_rig_run(&m, "{\"collMod\":\"events\",\"validator\":{\"instance\":{\"$ne\":\"a\"}}}",
                        "ok") == 1);
    CHECK(rig_do(t, a) == ERR_STORE && a->is_refused);
    CHECK(rig_do(t, b) == ERR_NONE);
    CHECK(count_records(t, "a") == 0 && count_records(t, "b") == 1);
    CHECK(mongo_rig_run(&m, "{\"collMod\":\"events\",\"validator\":{}}", "ok") == 1);
    CHECK(rig_do(t, rig_commit(t, "a", 1, 1)) == ERR_NONE);
    mongo_rig_close(&m);
}

/* The server does what it was asked after the client has given up. */
CONTRACT(MONGODB, a_commit_whose_answer_comes_too_late_is_made_once)
{
    struct mongo_rig m = mongo_rig_open(t);
    struct rig slow = mongo_rig_other(t, "slow", "&socketTimeoutMS=400&appName=slow");
    struct store_request *c = rig_commit(&slow, "a", 1, 1);

    mongo_rig_fail(&m, 1, "\"insert\"", "\"blockConnection\":true,\"blockTimeMS\":1500", "slow");
    CHECK(rig_do(&slow, c) == ERR_NONE);
    CHECK(count_records(t, "a") == 1);
    mongo_rig_close_other(&slow);
    CHECK(count_records(t, "a") == 1);
    mongo_rig_close(&m);
}

/* Each command in each way: what was asked is done, though not at once. */
CONTRACT(MONGODB, commands_that_fail_for_a_while_are_tried_again)
{
    static const char *const commands[] = {"\"insert\"", "\"update\"", "\"find\"", "\"aggregate\""};
    static const char *const ways[] = {CLOSE, NOT_PRIMARY, IN_DOUBT};
    struct mongo_rig m = mongo_rig_open(t);

    for (size_t k = 0; k < 12; k++) {
        const char *command = commands[k / 3];
        if (k % 3 == 2 && k / 3 >= 2) {
            continue; /* a read has no write concern */
        }
        const char *id = rig_text(t, "i%u%c", (unsigned)k, '\0').at;
        struct store_row *row = rig_row(t, id, id);
        struct store_request *counts = rig_request(t, STORE_COUNTS);
        mongo_rig_fail(&m, 3, command, ways[k % 3], NULL);
        CHECK(rig_put(t, row) == ERR_NONE);
        mongo_rig_heal(&m);
        mongo_rig_fail(&m, 3, command, ways[k % 3], NULL);
        CHECK(load(t, id) == ERR_NONE);
        CHECK(rig_do(t, counts) == ERR_NONE);
        mongo_rig_heal(&m);
        CHECK(count_records(t, id) == 1);
    }
    mongo_rig_close(&m);
}

CONTRACT(MONGODB, templates_and_beats_outlast_a_failing_server)
{
    struct mongo_rig m = mongo_rig_open(t);
    struct store_request *r = rig_request(t, STORE_TEMPLATE_PUT),
                         *b = rig_request(t, STORE_NODE_PUT);
    struct store_template template = {.name = SLICE("pizza"), .version = 1, .source = SLICE("x")};
    struct store_node node = {.id = SLICE("n"), .info = SLICE("{}")};

    r->templates = &template;
    r->template_count = 1;
    mongo_rig_fail(&m, 2, "\"insert\"", IN_DOUBT, NULL);
    CHECK(rig_do(t, r) == ERR_NONE);
    mongo_rig_heal(&m);
    CHECK(rig_do(t, r) == ERR_CONFLICT);
    b->nodes = &node;
    b->node_count = 1;
    mongo_rig_fail(&m, 2, "\"update\",\"find\"", NOT_PRIMARY, NULL);
    CHECK(rig_do(t, b) == ERR_NONE);
    CHECK(b->node_count == 1 && slice_eq_text(b->nodes[0].id, "n"));
    mongo_rig_heal(&m);
    mongo_rig_close(&m);
}

/* The reservation stands, the record does not: as if the node had died in between. */
static void start_half(struct mongo_rig *m, const char *id, const char *key)
{
    const char *json =
        rig_text(
            m->t,
            "{\"delete\":\"events\",\"deletes\":[{\"q\":{\"instance\":\"%s\"},\"limit\":0}]}%c", id,
            '\0')
            .at;

    CHECK(rig_do(m->t, rig_start(m->t, rig_row(m->t, id, key))) == ERR_NONE);
    CHECK(mongo_rig_run(m, json, "n") == 1);
}

CONTRACT(MONGODB, a_start_that_was_begun_is_completed_by_who_loads_it)
{
    struct mongo_rig m = mongo_rig_open(t);
    struct store_request *l = rig_request(t, STORE_LOAD);

    start_half(&m, "a", "K");
    CHECK(count_records(t, "a") == 0);
    l->id = SLICE("a");
    CHECK(rig_do(t, l) == ERR_NONE);
    CHECK(l->record_count == 1 && l->records[0].seq == 1);
    CHECK(slice_eq_text(l->records[0].bytes, "{\"seq\":1,\"of\":\"a\"}"));
    mongo_rig_close(&m);
}

CONTRACT(MONGODB, a_start_that_was_begun_keeps_its_key_and_wakes_somebody)
{
    struct mongo_rig m = mongo_rig_open(t);
    struct store_request *b = rig_start(t, rig_row(t, "b", "K")), *due = rig_request(t, STORE_DUE);

    start_half(&m, "a", "K");
    CHECK(rig_do(t, b) == ERR_EXISTS);
    CHECK(slice_eq_text(b->value, "a"));
    due->at_ms = INT64_MAX;
    CHECK(rig_do(t, due) == ERR_NONE);
    CHECK(due->row_count == 1 && slice_eq_text(due->rows[0].id, "a"));
    CHECK(load(t, "a") == ERR_NONE);
    mongo_rig_close(&m);
}

CONTRACT(MONGODB, the_same_start_by_another_node_brings_the_first_about)
{
    struct mongo_rig m = mongo_rig_open(t);
    struct store_request *again = rig_start(t, rig_row(t, "a", "K")),
                         *l = rig_request(t, STORE_LOAD);

    start_half(&m, "a", "K");
    again->records[0].bytes = SLICE("the second one's");
    CHECK(rig_do(t, again) == ERR_CONFLICT);
    l->id = SLICE("a");
    CHECK(rig_do(t, l) == ERR_NONE);
    CHECK(slice_eq_text(l->records[0].bytes, "{\"seq\":1,\"of\":\"a\"}"));
    mongo_rig_close(&m);
}

CONTRACT(MONGODB, a_start_completed_by_another_node_is_still_ours)
{
    struct mongo_rig m = mongo_rig_open(t);
    struct rig slow = mongo_rig_other(t, "slow", "&appName=slow");
    struct store_request *c = rig_start(&slow, rig_row(&slow, "a", "K"));

    mongo_rig_fail(&m, 0, "\"insert\"", NOT_PRIMARY, "slow");
    rig_submit(&slow, c);
    while (load(t, "a") == ERR_NOT_FOUND) {
        /* Its row is on its way. */
    }
    mongo_rig_heal(&m);
    rig_collect(&slow, 1);
    CHECK(c->err == ERR_NONE);
    CHECK(count_records(t, "a") == 1);
    mongo_rig_close_other(&slow);
    mongo_rig_close(&m);
}

CONTRACT(MONGODB, a_repeated_start_of_what_has_ended_takes_no_key)
{
    struct mongo_rig m = mongo_rig_open(t);
    struct store_row *row = rig_row(t, "a", "K");

    CHECK(rig_put(t, row) == ERR_NONE);
    CHECK(rig_do(t, rig_commit(t, "a", 2, 1)) == ERR_NONE);
    row->rev = 2;
    row->is_open = false;
    CHECK(rig_write_row(t, row) == ERR_NONE);
    CHECK(rig_do(t, rig_start(t, rig_row(t, "a", "K"))) == ERR_CONFLICT);
    CHECK(count_rows_with(&m, "{\"holds_key\":true}") == 0);
    CHECK(rig_put(t, rig_row(t, "b", "K")) == ERR_NONE);
    mongo_rig_close(&m);
}

CONTRACT(MONGODB, a_reopening_that_lost_is_unsettled_until_its_row_is_written)
{
    struct store_row *row = rig_row(t, "a", "K");
    struct store_request *again = rig_commit(t, "a", 2, 1), *l = rig_request(t, STORE_LOAD);

    row->is_open = false;
    CHECK(rig_put(t, row) == ERR_NONE);
    CHECK(rig_do(t, rig_commit(t, "a", 2, 1)) == ERR_NONE);
    row = rig_row(t, "a", "K");
    again->rows = row;
    again->row_count = 1;
    CHECK(rig_do(t, again) == ERR_CONFLICT);
    l->id = SLICE("a");
    CHECK(rig_do(t, l) == ERR_NONE);
    CHECK(l->rows[0].is_unsettled && l->record_count == 1);
    row->rev = 2;
    row->is_open = false;
    CHECK(rig_write_row(t, row) == ERR_NONE);
    CHECK(rig_do(t, l) == ERR_NONE);
    CHECK(!l->rows[0].is_unsettled && l->record_count == 0);
    CHECK(rig_put(t, rig_row(t, "b", "K")) == ERR_NONE);
}

/* The commit is held up longer than clocks may be apart. */
CONTRACT(MONGODB, a_commit_that_was_held_up_comes_after_what_the_feed_has_said)
{
    struct mongo_rig m = mongo_rig_open(t);
    struct rig slow = mongo_rig_other(t, "slow", "&appName=slow");
    struct store_request *c = rig_commit(&slow, "a", 1, 1), *feed = rig_request(t, STORE_FEED);
    uint64_t begun = 0;

    mongo_rig_fail(&m, 0, "\"insert\"", NOT_PRIMARY, "slow");
    rig_submit(&slow, c);
    do {
        CHECK(rig_do(t, feed) == ERR_NONE);
        begun = begun == 0 ? feed->last_pos : begun;
    } while (feed->last_pos < begun + ((uint64_t)3000 << 20));
    mongo_rig_heal(&m);
    rig_collect(&slow, 1);
    CHECK(c->err == ERR_NONE);
    CHECK(c->records[0].pos > feed->last_pos);
    mongo_rig_close_other(&slow);
    mongo_rig_close(&m);
}

/* A node that has joined and waits for an answer holds back what the others trust. */
CONTRACT(MONGODB, what_a_node_has_on_its_way_holds_the_feed_back)
{
    struct mongo_rig m = mongo_rig_open(t);
    struct rig slow = mongo_rig_other(t, "slow", "&appName=slow");
    struct store_request *c = rig_commit(&slow, "a", 1, 1), *b = rig_request(&slow, STORE_NODE_PUT);
    struct store_request *feed = rig_request(t, STORE_FEED), *late = rig_request(t, STORE_FEED);
    struct store_node node = {.id = SLICE("slow"), .info = SLICE("{}")};
    uint64_t begun = 0;

    mongo_rig_fail(&m, 1, "\"insert\"", "\"blockConnection\":true,\"blockTimeMS\":2500", "slow");
    rig_submit(&slow, c);
    do { /* for longer than clocks may be apart */
        b->nodes = &node;
        b->node_count = 1;
        CHECK(rig_do(&slow, b) == ERR_NONE);
        begun = begun == 0 ? b->last_pos : begun;
    } while (b->last_pos < begun + ((uint64_t)1500 << 20));
    CHECK(rig_do(t, feed) == ERR_NONE);
    rig_collect(&slow, 1);
    CHECK(c->err == ERR_NONE && c->records[0].pos > feed->last_pos);
    late->pos = feed->last_pos;
    CHECK(rig_do(t, late) == ERR_NONE);
    CHECK(late->record_count == 1);
    mongo_rig_close_other(&slow);
    mongo_rig_close(&m);
}
