/* What filters of several values, and the reads that count, promise. */
#include "contract.h"

#include "base/text.h"

static const struct slice food[] = {SLICE("pizza"), SLICE("pasta")};
static const struct slice over[] = {SLICE("FAILED"), SLICE("CANCELLED"), SLICE("COMPLETED")};

static struct store_row *put(struct rig *t, const char *id, struct store_row row)
{
    struct store_row *made = rig_row(t, id, NULL);

    made->template = row.template.at != NULL ? row.template : made->template;
    made->status = row.status.at != NULL ? row.status : made->status;
    made->key = row.key;
    made->started_at_ms = row.started_at_ms;
    made->updated_at_ms = row.updated_at_ms != 0 ? row.updated_at_ms : row.started_at_ms;
    made->is_open = slice_eq_text(made->status, "RUNNING") || slice_eq_text(made->status, "PAUSED");
    CHECK(rig_put(t, made) == ERR_NONE);
    return made;
}

/* The last letters of the ids that a list gives, page by page of two. */
static struct slice listed(struct rig *t, struct store_filter filter)
{
    struct text ids = text_new(&t->arena, 256);
    struct store_request *r = rig_request(t, STORE_LIST);

    r->filter = filter;
    r->limit = 2;
    do {
        CHECK(rig_do(t, r) == ERR_NONE);
        for (uint32_t i = 0; i < r->row_count; i++) {
            text_put_char(&ids, r->rows[i].id.at[r->rows[i].id.len - 1]);
        }
        r->after = r->next;
    } while (r->after.at != NULL);
    return text_slice(&ids);
}

static void put_some(struct rig *t)
{
    put(t, "a", (struct store_row){.started_at_ms = 1000, .key = SLICE("ORDER-1")});
    put(t, "b",
        (struct store_row){.started_at_ms = 2000,
                           .status = SLICE("FAILED"),
                           .updated_at_ms = 8000,
                           .key = SLICE("ORDER-2")});
    put(t, "c", (struct store_row){.started_at_ms = 3000, .template = SLICE("pasta")});
    put(t, "d",
        (struct store_row){.started_at_ms = 4000,
                           .template = SLICE("pasta"),
                           .status = SLICE("CANCELLED"),
                           .updated_at_ms = 9000,
                           .key = SLICE("ORDE")});
    put(t, "e",
        (struct store_row){.started_at_ms = 5000,
                           .template = SLICE("salad"),
                           .status = SLICE("FAILED"),
                           .key = SLICE("ORDER-1")});
}

CONTRACT(ALL, a_filter_takes_several_values_and_keeps_the_order)
{
    put_some(t);
    CHECK(slice_eq_text(listed(t, (struct store_filter){0}), "edcba"));
    CHECK(slice_eq_text(listed(t, (struct store_filter){.template = {food, 2}}), "dcba"));
    CHECK(slice_eq_text(listed(t, (struct store_filter){.status = {over, 3}}), "edb"));
    CHECK(slice_eq_text(
        listed(t, (struct store_filter){.template = {food, 2}, .status = {over, 2}}), "db"));
    CHECK(slice_eq_text(
        listed(t, (struct store_filter){.template = {food, 1}, .status = {over + 1, 1}}), ""));
}

CONTRACT(ALL, a_filter_takes_the_beginning_of_a_key)
{
    put_some(t);
    CHECK(slice_eq_text(listed(t, (struct store_filter){.key_prefix = SLICE("ORDER")}), "eba"));
    CHECK(slice_eq_text(listed(t, (struct store_filter){.key_prefix = SLICE("ORDER-1")}), "ea"));
    CHECK(slice_eq_text(listed(t, (struct store_filter){.key_prefix = SLICE("order")}), ""));
    CHECK(slice_eq_text(
        listed(t, (struct store_filter){.key_prefix = SLICE("ORDE"), .template = {food, 2}}),
        "dba"));
}

CONTRACT(ALL, a_filter_takes_times_of_start_and_of_change)
{
    put_some(t);
    CHECK(slice_eq_text(listed(t, (struct store_filter){.started_since_ms = 3000}), "edc"));
    CHECK(slice_eq_text(listed(t, (struct store_filter){.started_until_ms = 3000}), "ba"));
    CHECK(slice_eq_text(
        listed(t, (struct store_filter){.started_since_ms = 2000, .started_until_ms = 5000}),
        "dcb"));
    CHECK(slice_eq_text(listed(t, (struct store_filter){.until_ms = 8000}), "eca"));
    CHECK(slice_eq_text(listed(t, (struct store_filter){.since_ms = 8000, .until_ms = 9000}), "b"));
}

CONTRACT(MEMORY | SQLITE, a_list_that_passes_over_too_many_gives_what_it_has)
{
    struct store_request *r = rig_request(t, STORE_LIST);
    int pages = 0, found = 0;

    for (int i = 0; i < 9; i++) {
        struct store_row *row =
            put(t, rig_text(t, "i%d%c", i, 0).at, (struct store_row){.started_at_ms = 1000 + i});
        row->stage = i == 0 ? SLICE("rare") : SLICE("common");
        row->rev++;
        CHECK(rig_write_row(t, row) == ERR_NONE);
    }
    r->filter.stage = (struct store_any){(const struct slice[]){SLICE("rare")}, 1};
    r->limit = 2;
    r->look_max = t->driver == SQLITE ? 3 : 0;
    do {
        CHECK(rig_do(t, r) == ERR_NONE);
        found += (int)r->row_count;
        r->after = r->next;
        pages++;
    } while (r->after.at != NULL);
    CHECK(found == 1 && pages == (t->driver == SQLITE ? 3 : 1));
}

static const struct store_count *count_of(const struct store_request *r, const char *status)
{
    static const struct store_count none;

    for (uint32_t i = 0; i < r->count_count; i++) {
        if (slice_eq_text(r->counts[i].status, status)) {
            return &r->counts[i];
        }
    }
    return &none;
}

CONTRACT(ALL, what_matches_a_filter_is_counted_by_status)
{
    struct store_request *r = rig_request(t, STORE_MATCHES);

    put_some(t);
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->count_count == 3 && count_of(r, "RUNNING")->count == 2);
    CHECK(count_of(r, "FAILED")->count == 2 && !r->is_more);
    r->filter.template = (struct store_any){food, 2};
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(count_of(r, "FAILED")->count == 1 && count_of(r, "CANCELLED")->count == 1);
    r->filter.version = 4;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->count_count == 0);
    r->filter.version = 3;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(count_of(r, "FAILED")->count == 1);
    r->filter.key_prefix = SLICE("ORDER");
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->count_count == 2 && count_of(r, "RUNNING")->count == 1);
    r->filter = (struct store_filter){.since_ms = 8000};
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->count_count == 2 && count_of(r, "FAILED")->count == 1);
}

CONTRACT(ALL, a_count_ends_where_it_may_look_no_further_and_says_so)
{
    struct store_request *r = rig_request(t, STORE_MATCHES);

    put_some(t);
    r->filter.started_since_ms = 1;
    r->look_max = 3;
    uint64_t sum = 0;
    CHECK(rig_do(t, r) == ERR_NONE);
    for (uint32_t i = 0; i < r->count_count; i++) {
        sum += r->counts[i].count;
    }
    CHECK(sum == 3 && r->is_more);
    r->look_max = 6;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(!r->is_more);
}

static uint64_t bucket(const struct store_request *r, int64_t at_ms, const char *status)
{
    for (uint32_t i = 0; i < r->bucket_count; i++) {
        const struct store_bucket *b = &r->buckets[i];
        bool is_it = status == NULL ? b->status.at == NULL : slice_eq_text(b->status, status);
        if (b->at_ms == at_ms && is_it) {
            return b->count;
        }
    }
    return 0;
}

CONTRACT(ALL, what_began_and_ended_is_counted_by_time)
{
    struct store_request *r = rig_request(t, STORE_ACTIVITY);

    put_some(t);
    put(t, "f", (struct store_row){.started_at_ms = 2999});
    r->at_ms = 2000;
    r->width_ms = 2000;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(bucket(r, 2000, NULL) == 3 && bucket(r, 4000, NULL) == 2);
    CHECK(bucket(r, 8000, "FAILED") == 1 && bucket(r, 8000, "CANCELLED") == 1);
    CHECK(bucket(r, 4000, "FAILED") == 1 && bucket(r, 2000, "RUNNING") == 0);
    CHECK(r->bucket_count == 5 && r->whole_from_ms == 0);
    CHECK(r->buckets[0].at_ms == 2000 && r->buckets[4].at_ms == 8000);
}

CONTRACT(ALL, activity_counts_the_newest_so_many_and_says_from_when_it_is_whole)
{
    struct store_request *r = rig_request(t, STORE_ACTIVITY);

    put_some(t);
    r->at_ms = 1000;
    r->width_ms = 1000;
    r->look_max = 4;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->whole_from_ms == 3000 && bucket(r, 1000, NULL) == 0);
    CHECK(bucket(r, 3000, NULL) == 1 && bucket(r, 5000, "FAILED") == 1);
}

CONTRACT(ALL, entries_that_are_due_are_counted_and_the_oldest_given)
{
    struct store_request *r = rig_request(t, STORE_OVERDUE);
    static const struct store_ready late[] = {
        {SLICE(STORE_LATE), SLICE_NONE, SLICE("x"), 0, 300, 1, 1, 0},
        {SLICE(STORE_LATE), SLICE_NONE, SLICE("y"), 0, 500, 1, 2, 0},
        {SLICE(STORE_RETRYING), SLICE_NONE, SLICE("z"), 0, 100, 1, 1, 0},
    };

    for (int i = 0; i < 3; i++) {
        struct store_row *row = rig_row(t, rig_text(t, "i%d%c", i, 0).at, NULL);
        struct store_ready *ready = arena_array(&t->arena, 3, sizeof(*ready));
        for (int k = 0; k < 3; k++) {
            ready[k] = late[k];
            ready[k].at_ms -= i;
        }
        row->ready = ready;
        row->ready_count = 3;
        CHECK(rig_put(t, row) == ERR_NONE);
    }
    r->id = SLICE(STORE_LATE);
    r->at_ms = 499;
    r->limit = 2;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->ready_count == 2 && r->counts[0].count == 5 && !r->is_more);
    CHECK(slice_eq_text(r->ready[0].instance, "i2") && r->ready[0].at_ms == 298);
    CHECK(slice_eq_text(r->ready[1].instance, "i1") && slice_eq_text(r->ready[1].task, "x"));
    r->look_max = 2;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->counts[0].count == 2 && r->is_more);
    r->at_ms = 297;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->ready_count == 0 && r->counts[0].count == 0 && !r->is_more);
}
