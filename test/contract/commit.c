/* What a commit promises: appended once, in order, alone in its failure, and there when it was
 * acknowledged. */
#include "contract.h"

#include <string.h>

CONTRACT(WHOLE, a_commit_gives_its_records_the_next_positions)
{
    struct store_request *a = rig_commit(t, "a", 1, 2), *b = rig_commit(t, "b", 1, 1);

    CHECK(rig_do(t, a) == ERR_NONE);
    CHECK(rig_do(t, b) == ERR_NONE);
    CHECK(a->records[0].pos == 1 && a->records[1].pos == 2 && a->last_pos == 2);
    CHECK(b->records[0].pos == 3 && b->last_pos == 3);
}

CONTRACT(ALL, a_record_comes_back_byte_for_byte)
{
    static const char odd[] = "{\"x\":\"\xff\xfe\0 not text\"}";
    struct store_request *c = rig_commit(t, "a", 1, 3);
    struct store_request *r = rig_request(t, STORE_RECORDS);

    c->records[0].bytes = SLICE("{\"name\":\"Zo\xc3\xab\"}");
    c->records[1].bytes = (struct slice){odd, sizeof(odd) - 1};
    c->records[2].verdict = SLICE_NONE;
    CHECK(rig_do(t, c) == ERR_NONE);
    rig_reopen(t);
    r->id = SLICE("a");
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 3);
    CHECK(slice_eq(r->records[0].bytes, c->records[0].bytes));
    CHECK(slice_eq(r->records[1].bytes, c->records[1].bytes));
    CHECK(slice_eq_text(r->records[0].event, "TaskCompleted"));
    CHECK(slice_eq_text(r->records[0].verdict, "applied"));
    CHECK(slice_eq_text(r->records[0].instance, "a"));
    CHECK(r->records[2].verdict.at == NULL);
    CHECK(r->records[0].at_ms == 1001 && r->records[0].seq == 1);
    CHECK(r->records[0].pos > 0 && r->records[0].pos == c->records[0].pos);
}

CONTRACT(WHOLE, the_second_to_append_a_number_is_told_and_leaves_nothing)
{
    struct store_request *first = rig_commit(t, "a", 1, 2), *second = rig_commit(t, "a", 2, 2);
    struct store_request *r = rig_request(t, STORE_RECORDS);
    struct store_payload payload = {.digest = {7}, .text = SLICE("late")};
    struct store_request *p = rig_request(t, STORE_PAYLOADS);

    CHECK(rig_do(t, first) == ERR_NONE);
    second->payloads = &payload;
    second->payload_count = 1;
    CHECK(rig_do(t, second) == ERR_CONFLICT);
    r->id = SLICE("a");
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 2);
    p->payloads = &payload;
    p->payload_count = 1;
    CHECK(rig_do(t, p) == ERR_NONE);
    CHECK(payload.text.at == NULL);
}

CONTRACT(WHOLE, a_conflict_of_a_later_record_undoes_the_earlier_ones)
{
    struct store_request *r = rig_request(t, STORE_RECORDS);
    struct store_request *other = rig_commit(t, "b", 1, 1), *last = rig_commit(t, "c", 1, 1);

    CHECK(rig_do(t, rig_commit(t, "a", 3, 1)) == ERR_NONE);
    struct store_request *torn = rig_commit(t, "a", 1, 3);
    rig_submit(t, other);
    rig_submit(t, torn);
    rig_submit(t, last);
    rig_collect(t, 3);
    CHECK(torn->err == ERR_CONFLICT);
    CHECK(other->err == ERR_NONE && last->err == ERR_NONE);
    CHECK(other->last_pos == 2 && last->last_pos == 3);
    r->id = SLICE("a");
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 1 && r->records[0].seq == 3);
}

CONTRACT(ALL, a_second_open_instance_with_the_key_is_told_the_first)
{
    struct store_request *second = rig_start(t, rig_row(t, "b", "ORDER-1"));
    struct store_request *l = rig_request(t, STORE_LOAD);

    CHECK(rig_put(t, rig_row(t, "a", "ORDER-1")) == ERR_NONE);
    CHECK(rig_do(t, second) == ERR_EXISTS);
    CHECK(slice_eq_text(second->value, "a"));
    l->id = SLICE("b");
    CHECK(rig_do(t, l) == ERR_NOT_FOUND);
}

CONTRACT(ALL, the_same_start_again_is_a_conflict_rather_than_an_existing_key)
{
    struct store_row *row = rig_row(t, "a", "ORDER-1");

    CHECK(rig_put(t, row) == ERR_NONE);
    CHECK(rig_do(t, rig_start(t, row)) == ERR_CONFLICT);
    row->is_open = false;
    row->status = SLICE("COMPLETED");
    CHECK(rig_write_row(t, row) == ERR_NONE);
    CHECK(rig_put(t, rig_row(t, "b", "ORDER-1")) == ERR_NONE);
    row->is_open = true;
    CHECK(rig_do(t, rig_start(t, row)) == ERR_CONFLICT);
}

CONTRACT(ALL, a_key_is_free_again_when_its_instance_ends)
{
    struct store_row *row = rig_row(t, "a", "ORDER-1");
    struct store_request *end = rig_commit(t, "a", 2, 1);

    CHECK(rig_put(t, row) == ERR_NONE);
    row->is_open = false;
    row->rev = 2;
    end->rows = row;
    end->row_count = 1;
    CHECK(rig_do(t, end) == ERR_NONE);
    CHECK(end->is_row_written || rig_write_row(t, row) == ERR_NONE);
    CHECK(rig_put(t, rig_row(t, "b", "ORDER-1")) == ERR_NONE);
}

CONTRACT(ALL, reopening_is_refused_while_another_has_the_key)
{
    struct store_row *row = rig_row(t, "a", "ORDER-1");
    struct store_request *again = rig_commit(t, "a", 2, 1);

    row->is_open = false;
    CHECK(rig_put(t, row) == ERR_NONE);
    CHECK(rig_put(t, rig_row(t, "b", "ORDER-1")) == ERR_NONE);
    row->is_open = true;
    again->rows = row;
    again->row_count = 1;
    CHECK(rig_do(t, again) == ERR_EXISTS);
    CHECK(slice_eq_text(again->value, "b"));
}

CONTRACT(ALL, instances_that_share_a_key_or_have_none_or_differ_in_template_do_not_collide)
{
    struct store_row *row = rig_row(t, "a", "ORDER-1");

    row->shares_key = true;
    CHECK(rig_put(t, row) == ERR_NONE);
    row = rig_row(t, "b", "ORDER-1");
    row->shares_key = true;
    CHECK(rig_put(t, row) == ERR_NONE);
    CHECK(rig_put(t, rig_row(t, "c", NULL)) == ERR_NONE);
    CHECK(rig_put(t, rig_row(t, "d", NULL)) == ERR_NONE);
    CHECK(rig_put(t, rig_row(t, "e", "ORDER-1")) == ERR_NONE);
    row = rig_row(t, "f", "ORDER-1");
    row->template = SLICE("pasta");
    CHECK(rig_put(t, row) == ERR_NONE);
}

/* A hundred at once: every fifth repeats a number, every seventh takes a key that is taken. */
CONTRACT(WHOLE, of_a_hundred_commits_at_once_only_the_refused_ones_are_missing)
{
    struct store_request *all[100], *feed = rig_request(t, STORE_FEED);
    uint64_t last = 0;
    uint32_t good = 1;

    CHECK(rig_put(t, rig_row(t, "holder", "KEY")) == ERR_NONE);
    for (int i = 0; i < 100; i++) {
        const char *id = rig_text(t, "i%d%c", i, 0).at;
        if (i % 5 == 4) {
            all[i] = rig_commit(t, "holder", 1, 1);
        } else if (i % 7 == 6) {
            all[i] = rig_start(t, rig_row(t, id, "KEY"));
        } else {
            all[i] = rig_start(t, rig_row(t, id, NULL));
        }
        rig_submit(t, all[i]);
    }
    rig_collect(t, 100);
    for (int i = 0; i < 100; i++) {
        enum err due = i % 5 == 4 ? ERR_CONFLICT : i % 7 == 6 ? ERR_EXISTS : ERR_NONE;
        CHECK(all[i]->err == due);
        CHECK(due != ERR_EXISTS || slice_eq_text(all[i]->value, "holder"));
        CHECK(due != ERR_NONE || all[i]->last_pos > last);
        last = due == ERR_NONE ? all[i]->last_pos : last;
        good += due == ERR_NONE;
    }
    CHECK(rig_do(t, feed) == ERR_NONE);
    CHECK(feed->record_count == good && feed->last_pos == good && last == good);
}

CONTRACT(WHOLE, commits_of_one_instance_keep_their_order_across_batches)
{
    struct store_request *r = rig_request(t, STORE_RECORDS);

    for (uint64_t seq = 1; seq <= 600; seq++) {
        rig_submit(t, rig_commit(t, "a", seq, 1));
    }
    rig_collect(t, 600);
    r->id = SLICE("a");
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 600);
    for (uint32_t i = 0; i < r->record_count; i++) {
        CHECK(r->records[i].seq == i + 1 && r->records[i].pos == i + 1);
    }
}

CONTRACT(ALL, a_read_sees_what_was_acknowledged_before_it)
{
    for (uint64_t seq = 1; seq <= 200; seq++) {
        struct store_request *l = rig_request(t, STORE_LOAD);
        CHECK(rig_do(t, rig_commit(t, "a", seq, 1)) == ERR_NONE);
        l->id = SLICE("a");
        CHECK(rig_do(t, l) == ERR_NONE);
        CHECK(l->record_count == seq);
    }
}

CONTRACT(WHOLE, what_was_acknowledged_is_there_after_opening_again)
{
    struct store_request *feed = rig_request(t, STORE_FEED), *l = rig_request(t, STORE_LOAD);

    CHECK(rig_put(t, rig_row(t, "a", "ORDER-1")) == ERR_NONE);
    CHECK(rig_do(t, rig_commit(t, "a", 2, 3)) == ERR_NONE);
    rig_reopen(t);
    CHECK(rig_do(t, feed) == ERR_NONE);
    CHECK(feed->record_count == 4 && feed->last_pos == 4);
    l->key = SLICE("ORDER-1");
    CHECK(rig_do(t, l) == ERR_NONE);
    CHECK(l->row_count == 1 && l->record_count == 3);
    struct store_request *next = rig_commit(t, "a", 5, 1);
    CHECK(rig_do(t, next) == ERR_NONE);
    CHECK(next->last_pos == 5);
}

CONTRACT(ALL, what_was_submitted_before_closing_is_done)
{
    if ((t->driver & KEEPS) == 0) {
        return; /* its content ends with it; closing alone is what is tried */
    }
    for (uint64_t seq = 1; seq <= 300; seq++) {
        rig_submit(t, rig_commit(t, "a", seq, 1));
    }
    rig_reopen(t);
    struct store_request *r = rig_request(t, STORE_RECORDS);
    r->id = SLICE("a");
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 300);
}

CONTRACT(ALL, no_more_are_given_than_asked_for)
{
    struct store_request *done[2];
    size_t got = 0, most = 0;

    for (int i = 0; i < 5; i++) {
        rig_submit(t, rig_commit(t, "a", (uint64_t)i + 1, 1));
    }
    rig_collect(t, 1);
    while (got < 4) {
        size_t now = t->store->ops->complete(t->store, done, 2);
        most = now > most ? now : most;
        got += now;
    }
    CHECK(most <= 2);
    CHECK(t->store->ops->complete(t->store, done, 2) == 0);
}

/* The error is the request's that met it, whatever else was in its batch. */
CONTRACT(ALL, a_request_that_runs_out_of_memory_fails_alone)
{
    struct store_request *before = rig_commit(t, "a", 1, 1), *after = rig_commit(t, "a", 2, 1);
    struct store_request *poor = rig_request(t, STORE_META), *m = rig_request(t, STORE_META);
    char value[4096];

    memset(value, 'x', sizeof(value));
    poor->id = m->id = SLICE("large");
    poor->key = (struct slice){value, sizeof(value)};
    arena_init(poor->arena, 100);
    rig_submit(t, before);
    rig_submit(t, poor);
    rig_submit(t, after);
    rig_collect(t, 3);
    CHECK(before->err == ERR_NONE && after->err == ERR_NONE);
    CHECK(poor->err == ERR_MEMORY);
    CHECK(rig_do(t, m) == ERR_NONE);
    CHECK(m->value.at == NULL);
}

CONTRACT(ALL, a_read_that_runs_out_of_memory_fails_and_the_next_goes_on)
{
    struct store_request *poor = rig_request(t, STORE_RECORDS), *r = rig_request(t, STORE_RECORDS);

    CHECK(rig_do(t, rig_commit(t, "a", 1, 100)) == ERR_NONE);
    poor->id = r->id = SLICE("a");
    arena_init(poor->arena, 1000);
    CHECK(rig_do(t, poor) == ERR_MEMORY);
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 100);
}
