/* What somebody did among all that happens, the feed by time, names of instances, the inbox. */
#include "contract.h"

#include <string.h>

static void commit_acts(struct rig *t)
{
    struct store_request *c = rig_commit(t, "a", 1, 3);
    c->records[1].is_act = true;
    CHECK(rig_do(t, c) == ERR_NONE);
    CHECK(rig_do(t, rig_commit(t, "b", 1, 1)) == ERR_NONE);
    c = rig_commit(t, "a", 4, 1);
    c->records[0].is_act = true;
    CHECK(rig_do(t, c) == ERR_NONE);
}

CONTRACT(ALL, acts_are_found_alone_from_both_ends)
{
    struct store_request *r = rig_request(t, STORE_FEED);

    commit_acts(t);
    r->acts_only = true;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 2 && r->records[0].seq == 2 && r->records[1].seq == 4);
    CHECK(r->records[0].is_act);
    r->limit = 1;
    r->newest_first = true;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 1 && r->records[0].seq == 4);
    r->pos = r->records[0].pos;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 1 && r->records[0].seq == 2);
    r->pos = r->records[0].pos;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 0);
}

CONTRACT(ALL, the_feed_tells_which_records_are_acts)
{
    struct store_request *r = rig_request(t, STORE_FEED);

    commit_acts(t);
    rig_reopen(t);
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 5);
    CHECK(!r->records[0].is_act && r->records[1].is_act && !r->records[2].is_act);
}

/* Positions of MongoDB are times of the database: the records' times are given by hand here, so
 * that it is asked for where they are not. */
CONTRACT(WHOLE, the_feed_begins_at_a_time)
{
    struct store_request *r = rig_request(t, STORE_FEED), *c;

    for (uint64_t seq = 1; seq <= 20; seq++) {
        c = rig_commit(t, "a", seq, 1);
        c->records[0].at_ms = 1000 * (int64_t)seq;
        CHECK(rig_do(t, c) == ERR_NONE);
    }
    r->limit = 2;
    r->at_ms = 7000;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 2 && r->records[0].seq == 7 && r->records[1].seq == 8);
    r->at_ms = 7001;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->records[0].seq == 8);
    r->newest_first = true;
    r->at_ms = 7000;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 2 && r->records[0].seq == 6 && r->records[1].seq == 5);
    r->at_ms = 1000;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 0);
    r->newest_first = false;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->records[0].seq == 1);
    r->at_ms = 20001;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 0 && r->last_pos > 0);
    r->newest_first = true;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->records[0].seq == 20);
}

CONTRACT(MONGODB, the_feed_begins_at_a_time_of_the_database)
{
    struct store_request *r = rig_request(t, STORE_FEED), *c = rig_commit(t, "a", 1, 3);
    CHECK(rig_do(t, c) == ERR_NONE);
    int64_t now_ms = (int64_t)(c->last_pos >> 20);
    for (uint64_t seq = 4; seq <= 6; seq++) {
        c = rig_commit(t, "a", seq, 1);
        c->records[0].at_ms = now_ms + (int64_t)seq;
        CHECK(rig_do(t, c) == ERR_NONE);
    }
    r->at_ms = now_ms + 5;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 2 && r->records[0].seq == 5);
    r->newest_first = true;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 4 && r->records[0].seq == 4 && r->records[3].seq == 1);
}

CONTRACT(ALL, names_of_instances_are_found_by_id)
{
    const struct slice ids[] = {SLICE("b"), SLICE("nobody"), SLICE("a")};
    struct store_request *r = rig_request(t, STORE_NAMES);

    CHECK(rig_put(t, rig_row(t, "a", "ORDER-1")) == ERR_NONE);
    CHECK(rig_put(t, rig_row(t, "b", NULL)) == ERR_NONE);
    r->ids = ids;
    r->id_count = 3;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->row_count == 2);
    for (uint32_t k = 0; k < r->row_count; k++) {
        bool is_a = slice_eq_text(r->rows[k].id, "a");
        CHECK(slice_eq_text(r->rows[k].template, "pizza"));
        CHECK(is_a ? slice_eq_text(r->rows[k].key, "ORDER-1") : r->rows[k].key.at == NULL);
    }
}

static const char inbox_ids[][2] = {"c", "a", "b"};
static const int64_t inbox_times[] = {30, 10, 20};

static void put_inbox(struct rig *t, struct store_ready entries[3][3])
{
    for (int k = 0; k < 3; k++) {
        struct store_row *row = rig_row(t, inbox_ids[k], NULL);
        entries[k][0] = (struct store_ready){
            .queue = SLICE("@inbox"), .task = SLICE("two"), .at_ms = inbox_times[k], .attempt = 1};
        entries[k][1] = entries[k][2] = entries[k][0];
        entries[k][1].task = SLICE("one");
        entries[k][2].queue = k == 0 ? SLICE("@inbox/a/ann") : SLICE("@inbox/a/bob");
        row->ready = entries[k];
        row->ready_count = 3;
        CHECK(rig_put(t, row) == ERR_NONE);
    }
}

CONTRACT(ALL, the_inbox_comes_in_order_of_time_page_by_page)
{
    static const char *const expected[] = {"a one", "a two", "b one", "b two", "c one", "c two"};
    struct store_ready entries[3][3];
    struct store_request *r = rig_request(t, STORE_READY);

    put_inbox(t, entries);
    r->id = SLICE("@inbox");
    for (uint32_t limit = 1; limit <= 4; limit++) {
        uint32_t seen = 0;
        r->limit = limit;
        r->after = SLICE_NONE;
        do {
            CHECK(rig_do(t, r) == ERR_NONE);
            for (uint32_t k = 0; k < r->ready_count && seen < 6; k++, seen++) {
                struct slice name = rig_text(t, "%.*s %.*s", SLICE_ARG(r->ready[k].instance),
                                             SLICE_ARG(r->ready[k].task));
                CHECK(slice_eq_text(name, expected[seen]));
            }
            r->after = r->next;
        } while (r->next.at != NULL && seen < 6);
        CHECK(seen == 6 && r->next.at == NULL);
    }
}

CONTRACT(ALL, an_inbox_of_one_person_is_a_list_of_its_own)
{
    struct store_ready entries[3][3];
    struct store_request *r = rig_request(t, STORE_READY);

    put_inbox(t, entries);
    r->id = SLICE("@inbox/a/bob");
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->ready_count == 2 && r->next.at == NULL);
    CHECK(slice_eq_text(r->ready[0].instance, "a") && slice_eq_text(r->ready[1].instance, "b"));
    r->id = SLICE("@inbox/a/nobody");
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->ready_count == 0);
    r->op = STORE_OVERDUE;
    r->id = SLICE("@inbox/a/bob");
    r->at_ms = 15;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->counts[0].count == 1);
}
