/* What rows promise: a cache that is replaced whole, found by id, key, filter, wake-up and queue.
 */
#include "contract.h"

/* One of these texts; lives as long as the block. */
#define ANY(text) ((struct store_any){(const struct slice[]){SLICE(text)}, 1})

static struct store_request *load(struct rig *t, const char *id, const char *template,
                                  const char *key)
{
    struct store_request *r = rig_request(t, STORE_LOAD);

    r->id = slice_of(id);
    r->template = slice_of(template);
    r->key = slice_of(key);
    CHECK(rig_do(t, r) == ERR_NONE);
    return r;
}

static struct store_row *start(struct rig *t, const char *id, const char *key, int64_t at_ms)
{
    struct store_row *row = rig_row(t, id, key);

    row->started_at_ms = row->updated_at_ms = at_ms;
    CHECK(rig_put(t, row) == ERR_NONE);
    return row;
}

CONTRACT(ALL, a_row_comes_back_as_it_was_written)
{
    struct store_row *row = rig_row(t, "a", "ORDER-1");

    row->wake_at_ms = 7000;
    row->state = SLICE("{\"long\":\"state\"}");
    row->shares_key = true;
    CHECK(rig_put(t, row) == ERR_NONE);
    const struct store_row *got = load(t, "a", NULL, NULL)->rows;
    CHECK(slice_eq(got->id, row->id) && slice_eq(got->template, row->template));
    CHECK(slice_eq(got->key, row->key) && slice_eq(got->status, row->status));
    CHECK(slice_eq(got->stage, row->stage) && slice_eq(got->state, row->state));
    CHECK(slice_eq(got->business_status, row->business_status));
    CHECK(got->version == 3 && got->started_at_ms == 1000 && got->updated_at_ms == 1000);
    CHECK(got->wake_at_ms == 7000 && got->is_open && got->shares_key && got->rev == 1);
}

CONTRACT(ALL, a_row_older_than_the_one_that_is_there_changes_nothing)
{
    struct store_row *row = rig_row(t, "a", "ORDER-1"), *other = rig_row(t, "b", "ORDER-1");

    CHECK(rig_put(t, row) == ERR_NONE);
    row->rev = 5;
    row->is_open = false;
    CHECK(rig_write_row(t, row) == ERR_NONE);
    CHECK(rig_put(t, other) == ERR_NONE);
    row->rev = 4;
    row->is_open = true;
    CHECK(rig_write_row(t, row) == ERR_NONE);
    const struct store_row *got = load(t, "a", NULL, NULL)->rows;
    CHECK(got->rev == 5 && !got->is_open);
}

CONTRACT(ALL, texts_that_a_row_does_not_have_stay_absent_and_empty_ones_empty)
{
    struct store_row *row = rig_row(t, "a", NULL);

    row->stage = SLICE_NONE;
    row->business_status = SLICE("");
    CHECK(rig_write_row(t, row) == ERR_NONE);
    const struct store_row *got = load(t, "a", NULL, NULL)->rows;
    CHECK(got->key.at == NULL && got->stage.at == NULL);
    CHECK(got->business_status.at != NULL && got->business_status.len == 0);
    CHECK(got->wake_at_ms == TIME_NEVER);
}

CONTRACT(ALL, a_load_gives_the_row_and_only_the_records_it_lacks)
{
    struct store_row *row = rig_row(t, "a", NULL);

    CHECK(rig_put(t, row) == ERR_NONE);
    CHECK(rig_do(t, rig_commit(t, "a", 2, 2)) == ERR_NONE);
    CHECK(rig_do(t, rig_commit(t, "a", 4, 2)) == ERR_NONE);
    CHECK(load(t, "a", NULL, NULL)->record_count == 4);
    row->rev = 3;
    CHECK(rig_write_row(t, row) == ERR_NONE);
    const struct store_request *r = load(t, "a", NULL, NULL);
    CHECK(r->row_count == 1 && r->rows[0].rev == 3);
    CHECK(r->record_count == 2 && r->records[0].seq == 4 && r->records[1].seq == 5);
}

CONTRACT(ALL, what_is_known_already_is_not_loaded_again)
{
    struct store_request *r = rig_request(t, STORE_LOAD);

    CHECK(rig_put(t, rig_row(t, "a", NULL)) == ERR_NONE);
    CHECK(rig_do(t, rig_commit(t, "a", 2, 2)) == ERR_NONE);
    r->id = SLICE("a");
    r->seq = 1;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->row_count == 0 && r->record_count == 2 && r->records[0].seq == 2);
    r->seq = 3;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->row_count == 0 && r->record_count == 0);
    r->id = SLICE("nobody");
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->row_count == 0 && r->record_count == 0);
}

CONTRACT(ALL, records_without_a_row_are_loaded_without_one)
{
    CHECK(rig_do(t, rig_commit(t, "_sys:local", 1, 2)) == ERR_NONE);
    const struct store_request *r = load(t, "_sys:local", NULL, NULL);
    CHECK(r->row_count == 0 && r->record_count == 2);
}

CONTRACT(ALL, a_load_of_what_is_not_there_says_so)
{
    struct store_request *r = rig_request(t, STORE_LOAD);

    r->id = SLICE("nobody");
    CHECK(rig_do(t, r) == ERR_NOT_FOUND);
    r = rig_request(t, STORE_LOAD);
    r->key = SLICE("NO-KEY");
    CHECK(rig_do(t, r) == ERR_NOT_FOUND);
}

CONTRACT(ALL, a_load_by_key_prefers_the_open_instance_then_the_newest)
{
    struct store_row *old = start(t, "old", "K", 1000);

    old->is_open = false;
    CHECK(rig_write_row(t, old) == ERR_NONE);
    struct store_row *newer = start(t, "newer", "K", 2000);
    newer->is_open = false;
    CHECK(rig_write_row(t, newer) == ERR_NONE);
    CHECK(slice_eq_text(load(t, NULL, "pizza", "K")->rows[0].id, "newer"));
    old->is_open = true;
    CHECK(rig_write_row(t, old) == ERR_NONE);
    CHECK(slice_eq_text(load(t, NULL, "pizza", "K")->rows[0].id, "old"));
    CHECK(slice_eq_text(load(t, NULL, NULL, "K")->rows[0].id, "old"));
    struct store_request *other = rig_request(t, STORE_LOAD);
    other->key = SLICE("K");
    other->template = SLICE("pasta");
    CHECK(rig_do(t, other) == ERR_NOT_FOUND);
}

CONTRACT(WHOLE, rows_that_would_open_a_key_twice_are_refused_whole)
{
    struct store_request *r = rig_request(t, STORE_ROWS), *l = rig_request(t, STORE_LOAD);

    start(t, "a", "K", 1000);
    r->rows = arena_array(&t->arena, 2, sizeof(*r->rows));
    r->rows[0] = *rig_row(t, "fine", "OTHER");
    r->rows[1] = *rig_row(t, "b", "K");
    r->row_count = 2;
    CHECK(rig_do(t, r) == ERR_EXISTS);
    CHECK(slice_eq_text(r->value, "a"));
    l->id = SLICE("fine");
    CHECK(rig_do(t, l) == ERR_NOT_FOUND);
}

CONTRACT(ALL, records_are_read_from_a_number_on_or_backwards)
{
    struct store_request *r = rig_request(t, STORE_RECORDS);

    CHECK(rig_do(t, rig_commit(t, "a", 1, 10)) == ERR_NONE);
    r->id = SLICE("a");
    r->seq = 4;
    r->limit = 3;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 3 && r->records[0].seq == 4 && r->records[2].seq == 6);
    r->newest_first = true;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 3 && r->records[0].seq == 3 && r->records[2].seq == 1);
    r->seq = 0;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 3 && r->records[0].seq == 10);
}

CONTRACT(WHOLE, the_feed_gives_records_of_all_in_order_of_position)
{
    struct store_request *r = rig_request(t, STORE_FEED);

    for (uint64_t i = 1; i <= 6; i++) {
        CHECK(rig_do(t, rig_commit(t, i % 2 == 0 ? "a" : "b", (i + 1) / 2, 1)) == ERR_NONE);
    }
    r->pos = 2;
    r->limit = 3;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 3 && r->records[0].pos == 3 && r->records[2].pos == 5);
    CHECK(slice_eq_text(r->records[0].instance, "b") && r->last_pos == 6);
    r->newest_first = true;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 1 && r->records[0].pos == 1);
    r->pos = 0;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 3 && r->records[0].pos == 6);
}

CONTRACT(ALL, a_list_shows_the_newest_first_and_goes_on_where_it_stopped)
{
    struct store_request *r = rig_request(t, STORE_LIST);
    int seen = 0;

    for (int i = 0; i < 7; i++) {
        start(t, rig_text(t, "i%d%c", i, 0).at, NULL, 1000 + i / 2);
    }
    r->limit = 3;
    do {
        CHECK(rig_do(t, r) == ERR_NONE);
        for (uint32_t i = 0; i < r->row_count; i++, seen++) {
            CHECK(r->rows[i].id.at[1] == '6' - seen);
            CHECK(r->rows[i].state.at == NULL);
        }
        CHECK(r->row_count == (seen == 7 ? 1 : 3));
        r->after = r->next;
        start(t, rig_text(t, "late%d%c", seen, 0).at, NULL, 9000);
    } while (r->after.at != NULL && seen < 7);
    CHECK(seen == 7 && r->after.at == NULL);
}

static uint32_t count_listed(struct rig *t, struct store_filter filter)
{
    struct store_request *r = rig_request(t, STORE_LIST);

    r->filter = filter;
    CHECK(rig_do(t, r) == ERR_NONE);
    return r->row_count;
}

CONTRACT(ALL, what_has_just_been_started_is_listed_by_its_key_where_that_is_asked)
{
    CHECK(rig_do(t, rig_start(t, rig_row(t, "a", "ORDER-1"))) == ERR_NONE);
    struct store_filter by_key = {.key = SLICE("ORDER-1"), .with_new = true};
    CHECK(count_listed(t, by_key) == 1);
    by_key.key = SLICE("ORDER-2");
    CHECK(count_listed(t, by_key) == 0);
}

CONTRACT(ALL, a_list_keeps_to_each_filter_and_to_all_together)
{
    struct store_row *row = start(t, "a", "K1", 1000);

    row->status = SLICE("FAILED");
    row->stage = SLICE("deliver");
    row->business_status = SLICE("LOST");
    row->version = 4;
    row->updated_at_ms = 5000;
    CHECK(rig_write_row(t, row) == ERR_NONE);
    start(t, "b", "K2", 2000);
    row = rig_row(t, "c", "K3");
    row->template = SLICE("pasta");
    CHECK(rig_put(t, row) == ERR_NONE);
    CHECK(count_listed(t, (struct store_filter){0}) == 3);
    CHECK(count_listed(t, (struct store_filter){.template = ANY("pizza")}) == 2);
    CHECK(count_listed(t, (struct store_filter){.status = ANY("FAILED")}) == 1);
    CHECK(count_listed(t, (struct store_filter){.stage = ANY("deliver")}) == 1);
    CHECK(count_listed(t, (struct store_filter){.key = SLICE("K2")}) == 1);
    CHECK(count_listed(t, (struct store_filter){.business_status = ANY("LOST")}) == 1);
    CHECK(count_listed(t, (struct store_filter){.version = 4}) == 1);
    CHECK(count_listed(t, (struct store_filter){.since_ms = 5000}) == 1);
    CHECK(count_listed(t, (struct store_filter){.since_ms = 5001}) == 0);
    CHECK(count_listed(t, (struct store_filter){.template = ANY("pizza"),
                                                .status = ANY("FAILED"),
                                                .stage = ANY("deliver"),
                                                .key = SLICE("K1"),
                                                .business_status = ANY("LOST"),
                                                .version = 4,
                                                .since_ms = 1}) == 1);
    CHECK(count_listed(
              t, (struct store_filter){.template = ANY("pasta"), .status = ANY("FAILED")}) == 0);
}

CONTRACT(ALL, open_instances_on_another_queue_driver_are_found)
{
    static const char *const queues[] = {"local", "sqs://x", NULL, "sqs://x"};
    struct store_request *r = rig_request(t, STORE_LIST);

    for (size_t i = 0; i < sizeof(queues) / sizeof(queues[0]); i++) {
        struct store_row *row = rig_row(t, rig_text(t, "i%d%c", (int)i, 0).at, NULL);
        row->queue = slice_of(queues[i]);
        row->is_open = i < 3;
        CHECK(rig_put(t, row) == ERR_NONE);
    }
    r->filter.not_queue = SLICE("local");
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->row_count == 1 && slice_eq_text(r->rows[0].id, "i1"));
    CHECK(slice_eq_text(r->rows[0].queue, "sqs://x"));
    CHECK(slice_eq_text(load(t, "i0", NULL, NULL)->rows[0].queue, "local"));
    CHECK(load(t, "i2", NULL, NULL)->rows[0].queue.at == NULL);
}

CONTRACT(ALL, a_cursor_that_is_none_is_invalid)
{
    struct store_request *r = rig_request(t, STORE_LIST);

    r->after = SLICE("12:");
    CHECK(rig_do(t, r) == ERR_INVALID);
    r->op = STORE_READY;
    CHECK(rig_do(t, r) == ERR_INVALID);
    r->op = STORE_MESSAGES;
    r->id = SLICE("q");
    CHECK(rig_do(t, r) == ERR_INVALID);
}

CONTRACT(ALL, counts_follow_what_rows_say)
{
    struct store_request *r = rig_request(t, STORE_COUNTS);
    struct store_row *row = start(t, "a", NULL, 1000);

    start(t, "b", NULL, 1000);
    row->status = SLICE("COMPLETED");
    CHECK(rig_write_row(t, row) == ERR_NONE);
    CHECK(rig_write_row(t, row) == ERR_NONE);
    row = rig_row(t, "c", NULL);
    row->template = SLICE("pasta");
    CHECK(rig_write_row(t, row) == ERR_NONE);
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->count_count == 3);
    CHECK(slice_eq_text(r->counts[0].template, "pasta") && r->counts[0].count == 1);
    CHECK(slice_eq_text(r->counts[1].status, "COMPLETED") && r->counts[1].count == 1);
    CHECK(slice_eq_text(r->counts[2].status, "RUNNING") && r->counts[2].count == 1);
}

CONTRACT(ALL, counts_are_by_version_and_follow_an_instance_that_moves)
{
    static const int64_t versions[] = {1, 2, 2, 10};
    struct store_request *r = rig_request(t, STORE_COUNTS);
    struct store_row *row = NULL;

    for (size_t i = 0; i < 4; i++) {
        row = rig_row(t, rig_text(t, "i%u%c", (unsigned)i, '\0').at, NULL);
        row->version = versions[i];
        CHECK(rig_write_row(t, row) == ERR_NONE);
    }
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->count_count == 3);
    CHECK(r->counts[0].version == 1 && r->counts[0].count == 1);
    CHECK(r->counts[1].version == 2 && r->counts[1].count == 2);
    CHECK(r->counts[2].version == 10 && r->counts[2].count == 1);
    row->version = 2;
    row->rev++;
    CHECK(rig_write_row(t, row) == ERR_NONE);
    r = rig_request(t, STORE_COUNTS);
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->count_count == 2 && r->counts[1].version == 2 && r->counts[1].count == 3);
}

CONTRACT(ALL, the_due_ones_come_in_order_of_their_wake_up_and_never_means_never)
{
    static const struct {
        const char *id;
        int64_t wake_at_ms;
    } rows[] = {{"c", 300}, {"a", 100}, {"never", TIME_NEVER}, {"b", 200}, {"later", 301}};
    struct store_request *r = rig_request(t, STORE_DUE);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct store_row *row = rig_row(t, rows[i].id, NULL);
        row->wake_at_ms = rows[i].wake_at_ms;
        CHECK(rig_write_row(t, row) == ERR_NONE);
    }
    r->at_ms = 300;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->row_count == 3);
    CHECK(slice_eq_text(r->rows[0].id, "a") && slice_eq_text(r->rows[2].id, "c"));
    CHECK(slice_eq_text(r->rows[0].template, "pizza") && r->rows[1].wake_at_ms == 200);
    r->limit = 1;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->row_count == 1 && slice_eq_text(r->rows[0].id, "a"));
}

CONTRACT(OWN, instances_with_records_beyond_what_was_folded_are_behind)
{
    struct store_request *r = rig_request(t, STORE_BEHIND), *rows = rig_request(t, STORE_ROWS);

    CHECK(rig_put(t, rig_row(t, "a", NULL)) == ERR_NONE);
    CHECK(rig_put(t, rig_row(t, "b", NULL)) == ERR_NONE);
    CHECK(rig_do(t, rig_commit(t, "_sys:local", 1, 1)) == ERR_NONE);
    CHECK(rig_do(t, rig_commit(t, "b", 2, 1)) == ERR_NONE);
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->row_count == 3 && r->folded_pos == 0 && r->last_pos == 4);
    CHECK(r->rows[0].updated_at_ms == 1001);
    rows->folded_pos = 2;
    CHECK(rig_do(t, rows) == ERR_NONE);
    rows->folded_pos = 1; /* it never goes back */
    CHECK(rig_do(t, rows) == ERR_NONE);
    rig_reopen(t);
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->row_count == 2 && r->folded_pos == 2 && r->next.at == NULL);
    CHECK(slice_eq_text(r->rows[0].id, "_sys:local") && slice_eq_text(r->rows[1].id, "b"));
    r->limit = 1;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->row_count == 1 && slice_eq_text(r->next, "4"));
    r->seq = 4;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->row_count == 1 && slice_eq_text(r->rows[0].id, "b") && r->next.at == NULL);
    CHECK(r->rows[0].updated_at_ms == 1002);
}

static const struct store_ready some_ready[] = {
    {SLICE("food"), SLICE_NONE, SLICE("make"), 2, 100, 1, 4, 0},
    {SLICE("food"), SLICE_NONE, SLICE("make"), 1, 100, 1, 3, 0},
    {SLICE("food"), SLICE_NONE, SLICE("taste"), 0, 50, 2, 1, 600000},
    {SLICE("@inbox"), SLICE_NONE, SLICE("deliver"), 0, 70, 1, 1, 0},
};

CONTRACT(ALL, task_messages_are_found_by_queue_in_order_of_time)
{
    struct store_request *r = rig_request(t, STORE_READY);
    struct store_row *row = rig_row(t, "a", NULL);

    row->ready = some_ready;
    row->ready_count = 4;
    CHECK(rig_put(t, row) == ERR_NONE);
    r->id = SLICE("food");
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->ready_count == 3 && r->ready[0].at_ms == 50 && r->ready[1].item == 1);
    CHECK(slice_eq_text(r->ready[0].task, "taste") && slice_eq_text(r->ready[0].instance, "a"));
    CHECK(r->ready[0].generation == 2 && r->ready[0].attempt == 1 && r->ready[1].attempt == 3);
    CHECK(r->ready[0].visibility_ms == 600000 && r->ready[1].visibility_ms == 0);
    r->id = SLICE_NONE;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->ready_count == 4 && slice_eq_text(r->ready[0].queue, "@inbox"));
    r->limit = 1;
    for (int i = 0; i < 4; i++) {
        CHECK(rig_do(t, r) == ERR_NONE);
        CHECK(r->ready_count == 1 && (r->next.at == NULL) == (i == 3));
        r->after = r->next;
    }
    CHECK(r->ready[0].item == 2);
}

CONTRACT(ALL, a_row_replaces_its_own_task_messages_and_nobody_elses)
{
    struct store_request *r = rig_request(t, STORE_READY);
    struct store_row *row = rig_row(t, "a", NULL), *other = rig_row(t, "b", NULL);

    row->ready = other->ready = some_ready;
    row->ready_count = other->ready_count = 2;
    CHECK(rig_put(t, row) == ERR_NONE);
    CHECK(rig_put(t, other) == ERR_NONE);
    row->had_ready = true;
    row->ready = &some_ready[2];
    row->ready_count = 1;
    CHECK(rig_write_row(t, row) == ERR_NONE);
    r->id = SLICE("food");
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->ready_count == 3 && slice_eq_text(r->ready[0].task, "taste"));
    row->ready_count = 0;
    CHECK(rig_write_row(t, row) == ERR_NONE);
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->ready_count == 2 && slice_eq_text(r->ready[0].instance, "b"));
}

CONTRACT(MONGODB, the_feed_goes_on_from_any_record_in_either_direction)
{
    struct store_request *c = rig_commit(t, "a", 1, 3), *r = rig_request(t, STORE_FEED);

    CHECK(rig_do(t, c) == ERR_NONE);
    CHECK(rig_do(t, rig_commit(t, "b", 1, 2)) == ERR_NONE);
    r->pos = c->records[1].pos;
    r->limit = 2;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 2 && r->records[0].seq == 3 && r->records[0].pos == c->last_pos);
    CHECK(slice_eq_text(r->records[1].instance, "b") && r->records[1].pos > c->last_pos);
    r->newest_first = true;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 1 && r->records[0].seq == 1);
    r->pos = 0;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 2 && r->records[0].seq == 2 && r->records[1].seq == 1);
}
