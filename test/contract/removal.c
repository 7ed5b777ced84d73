/* What retention relies on: finished instances are found by when they last changed, and go whole.
 */
#include "contract.h"

static void put_ended(struct rig *t, const char *id, const char *key, int64_t at_ms)
{
    static const struct store_ready ready = {
        SLICE("food"), SLICE_NONE, SLICE("make"), 0, 1, 1, 1, 0};
    struct store_row *row = rig_row(t, id, key);

    row->updated_at_ms = at_ms;
    row->is_open = false;
    row->ready = &ready;
    row->ready_count = 1;
    CHECK(rig_put(t, row) == ERR_NONE);
}

CONTRACT(ALL, what_ended_before_a_time_is_found_oldest_first)
{
    struct store_request *r = rig_request(t, STORE_EXPIRED);
    struct store_row *open = rig_row(t, "open", NULL);

    open->updated_at_ms = 1;
    CHECK(rig_put(t, open) == ERR_NONE);
    put_ended(t, "late", NULL, 3000);
    put_ended(t, "b", NULL, 2000);
    put_ended(t, "a", NULL, 1500);
    r->at_ms = 3000;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->row_count == 2 && slice_eq_text(r->rows[0].id, "a"));
    CHECK(slice_eq_text(r->rows[1].id, "b"));
    r->limit = 1;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->row_count == 1 && slice_eq_text(r->rows[0].id, "a"));
}

static enum err remove_it(struct rig *t, const char *id)
{
    struct store_request *r = rig_request(t, STORE_REMOVE);

    r->id = slice_of(id);
    return rig_do(t, r);
}

static uint32_t count_of(struct rig *t, enum store_op op, const char *id)
{
    struct store_request *r = rig_request(t, op);

    r->id = slice_of(id);
    CHECK(rig_do(t, r) == ERR_NONE);
    return r->row_count + r->record_count + r->ready_count + r->count_count;
}

CONTRACT(ALL, an_instance_is_removed_whole_and_alone)
{
    struct store_request *l = rig_request(t, STORE_LOAD);

    put_ended(t, "a", "K", 1000);
    put_ended(t, "b", "K", 1000);
    CHECK(rig_do(t, rig_commit(t, "a", 2, 3)) == ERR_NONE);
    CHECK(remove_it(t, "a") == ERR_NONE);
    l->id = SLICE("a");
    CHECK(rig_do(t, l) == ERR_NOT_FOUND);
    CHECK(count_of(t, STORE_RECORDS, "a") == 0);
    CHECK(count_of(t, STORE_FEED, NULL) == 1);
    CHECK(count_of(t, STORE_LIST, NULL) == 1);
    CHECK(count_of(t, STORE_READY, "food") == 1);
    l->id = SLICE("b");
    CHECK(rig_do(t, l) == ERR_NONE);
    CHECK(remove_it(t, "a") == ERR_NONE);
    CHECK(remove_it(t, "nobody") == ERR_NONE);
}

CONTRACT(ALL, what_was_removed_may_start_again)
{
    put_ended(t, "a", "K", 1000);
    CHECK(remove_it(t, "a") == ERR_NONE);
    CHECK(rig_put(t, rig_row(t, "a", "K")) == ERR_NONE);
    CHECK(count_of(t, STORE_RECORDS, "a") == 1);
}

CONTRACT(ALL, positions_go_on_after_the_newest_was_removed)
{
    struct store_request *c = rig_commit(t, "a", 1, 2), *feed = rig_request(t, STORE_FEED);

    CHECK(rig_do(t, c) == ERR_NONE);
    CHECK(remove_it(t, "a") == ERR_NONE);
    rig_reopen(t);
    struct store_request *next = rig_commit(t, "b", 1, 1);
    CHECK(rig_do(t, next) == ERR_NONE);
    CHECK(next->records[0].pos > c->last_pos);
    feed->pos = c->last_pos;
    CHECK(rig_do(t, feed) == ERR_NONE);
    CHECK(feed->record_count == 1 && feed->records[0].pos == next->last_pos);
}

CONTRACT(ALL, chains_that_belong_to_no_instance_are_found)
{
    struct store_request *r = rig_request(t, STORE_CHAINS);
    static const char *const names[] = {"_sys:ab", "_sys:ab-1", "_sys:b"};
    bool is_found[3] = {false};

    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->row_count == 0 && r->next.at == NULL);
    CHECK(rig_do(t, rig_commit(t, "_sxs:a", 1, 1)) == ERR_NONE);
    CHECK(rig_do(t, rig_commit(t, "a", 1, 1)) == ERR_NONE);
    CHECK(rig_do(t, rig_commit(t, "_sys:b", 1, 2)) == ERR_NONE);
    CHECK(rig_do(t, rig_commit(t, "_sys:ab", 1, 1)) == ERR_NONE);
    CHECK(rig_do(t, rig_commit(t, "_sys:ab", 2, 1)) == ERR_NONE);
    CHECK(rig_do(t, rig_commit(t, "_sys:ab-1", 1, 1)) == ERR_NONE);
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->row_count == 3);
    r->limit = 1;
    for (int pages = 0; pages < 4 && (pages == 0 || r->next.at != NULL); pages++) {
        r->after = r->next;
        CHECK(rig_do(t, r) == ERR_NONE);
        for (int k = 0; k < 3 && r->row_count == 1; k++) {
            is_found[k] |= slice_eq_text(r->rows[0].id, names[k]);
        }
    }
    CHECK(is_found[0] && is_found[1] && is_found[2] && r->next.at == NULL);
}
