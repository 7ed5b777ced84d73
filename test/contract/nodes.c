/* What nodes that share a store rely on: who wrote what, who lives and how far each is, and that a
 * commit reserves a key before the row is written. */
#include "contract.h"

static struct store_request *beat(struct rig *t, const char *id, uint64_t folded_pos)
{
    struct store_request *r = rig_request(t, STORE_NODE_PUT);

    r->nodes = arena_alloc(&t->arena, sizeof(*r->nodes));
    r->nodes[0] = (struct store_node){
        .id = slice_of(id), .info = rig_text(t, "{\"of\":\"%s\"}", id), .folded_pos = folded_pos};
    r->nodes[0].sent_pos = folded_pos + 1;
    r->nodes[0].looked_at_ms = 4000 + (int64_t)folded_pos;
    r->node_count = 1;
    r->at_ms = 5000;
    CHECK(rig_do(t, r) == ERR_NONE);
    return r;
}

static struct store_request *commit_as(struct rig *t, const char *node, const char *id,
                                       uint64_t seq)
{
    struct store_request *r = rig_commit(t, id, seq, 1);

    r->node = slice_of(node);
    return r;
}

CONTRACT(CLUSTER, each_beat_tells_of_all_nodes)
{
    beat(t, "n2", 7);
    const struct store_request *r = beat(t, "n1", 5);

    CHECK(r->node_count == 2 && slice_eq_text(r->nodes[0].id, "n1"));
    CHECK(slice_eq_text(r->nodes[1].id, "n2") && r->nodes[1].folded_pos == 7);
    CHECK(slice_eq_text(r->nodes[1].info, "{\"of\":\"n2\"}"));
    CHECK(r->nodes[1].seen_at_ms > 0 && r->nodes[0].seen_at_ms >= r->nodes[1].seen_at_ms);
    r = beat(t, "n2", 9);
    CHECK(r->node_count == 2 && r->nodes[1].folded_pos == 9);
    CHECK(r->nodes[1].sent_pos == 10 && r->nodes[1].looked_at_ms == 4009);
}

CONTRACT(CLUSTER, what_is_committed_after_a_beat_comes_after_the_position_it_told)
{
    struct store_request *before = commit_as(t, "n1", "a", 1), *after = commit_as(t, "n1", "a", 2);

    CHECK(rig_do(t, before) == ERR_NONE);
    const struct store_request *r = beat(t, "n1", 0);
    CHECK(r->last_pos >= before->last_pos);
    CHECK(rig_do(t, after) == ERR_NONE);
    CHECK(after->records[0].pos > r->last_pos);
}

CONTRACT(CLUSTER, a_node_is_dropped_unless_it_was_seen_again)
{
    struct store_request *drop = rig_request(t, STORE_NODE_DROP);
    const struct store_request *r = beat(t, "n1", 0);

    drop->id = SLICE("n1");
    drop->at_ms = r->nodes[0].seen_at_ms - 1;
    CHECK(rig_do(t, drop) == ERR_CONFLICT);
    drop->at_ms = r->nodes[0].seen_at_ms;
    CHECK(rig_do(t, drop) == ERR_NONE);
    CHECK(rig_do(t, drop) == ERR_NONE);
    CHECK(beat(t, "n2", 0)->node_count == 1);
    beat(t, "n1", 0);
    drop->at_ms = 0;
    CHECK(rig_do(t, drop) == ERR_NONE);
    CHECK(beat(t, "n2", 0)->node_count == 1);
}

CONTRACT(CLUSTER, what_a_node_left_behind_is_found)
{
    struct store_request *first = commit_as(t, "n1", "a", 1);
    struct store_request *r = rig_request(t, STORE_BEHIND);
    int64_t from = 0;

    CHECK(rig_do(t, first) == ERR_NONE);
    CHECK(rig_do(t, commit_as(t, "n1", "b", 1)) == ERR_NONE);
    CHECK(rig_do(t, commit_as(t, "n2", "c", 1)) == ERR_NONE);
    CHECK(rig_do(t, commit_as(t, "n2", "b", 2)) == ERR_NONE);
    CHECK(rig_do(t, commit_as(t, "n1", "d", 1)) == ERR_NONE);
    CHECK(rig_do(t, commit_as(t, "n1", "b", 3)) == ERR_NONE);
    beat(t, "n1", first->last_pos);
    r->node = SLICE("n1");
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->row_count == 2 && r->folded_pos == first->last_pos);
    CHECK(slice_eq_text(r->rows[0].id, "b") && slice_eq_text(r->rows[1].id, "d"));
    CHECK(r->rows[0].updated_at_ms == 1001);
    r->limit = 1;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->row_count == 1 && slice_to_int(r->next, &from));
    r->seq = (uint64_t)from;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->row_count == 1 && slice_eq_text(r->rows[0].id, "d"));
    r->node = SLICE("nobody");
    r->seq = 0;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->row_count == 0 && r->folded_pos == 0);
}

CONTRACT(CLUSTER, rows_and_records_tell_who_wrote_them)
{
    struct store_row *row = rig_row(t, "a", "K");
    struct store_request *c = rig_start(t, row), *rows = rig_request(t, STORE_ROWS);
    struct store_request *l = rig_request(t, STORE_LOAD), *due = rig_request(t, STORE_DUE);

    c->node = SLICE("n1");
    CHECK(rig_do(t, c) == ERR_NONE);
    row->wake_at_ms = 10;
    rows->node = SLICE("n2");
    rows->rows = row;
    rows->row_count = 1;
    CHECK(rig_do(t, rows) == ERR_NONE);
    CHECK(rig_do(t, commit_as(t, "n1", "a", 2)) == ERR_NONE);
    l->id = SLICE("a");
    CHECK(rig_do(t, l) == ERR_NONE);
    CHECK(slice_eq_text(l->rows[0].node, "n2") && slice_eq_text(l->records[0].node, "n1"));
    due->at_ms = 10;
    CHECK(rig_do(t, due) == ERR_NONE);
    CHECK(due->row_count == 1 && slice_eq_text(due->rows[0].node, "n2"));
}

CONTRACT(CLUSTER, a_commit_only_reserves_the_key_and_its_row_is_written_behind)
{
    struct store_row *row = rig_row(t, "a", "K");
    struct store_request *c = rig_start(t, row), *l = rig_request(t, STORE_LOAD);
    struct store_request *list = rig_request(t, STORE_LIST);

    CHECK(rig_do(t, c) == ERR_NONE);
    CHECK(!c->is_row_written);
    CHECK(rig_do(t, list) == ERR_NONE);
    CHECK(list->row_count == 0);
    l->id = SLICE("a");
    CHECK(rig_do(t, l) == ERR_NONE);
    CHECK(l->row_count == 0 && l->record_count == 1);
    l->id = SLICE_NONE;
    l->key = SLICE("K");
    CHECK(rig_do(t, l) == ERR_NONE);
    CHECK(l->row_count == 1 && slice_eq_text(l->rows[0].id, "a"));
    struct store_request *other = rig_start(t, rig_row(t, "b", "K"));
    CHECK(rig_do(t, other) == ERR_EXISTS);
    CHECK(slice_eq_text(other->value, "a"));
}

CONTRACT(CLUSTER, an_older_row_does_not_give_a_reopened_key_away)
{
    struct store_row *row = rig_row(t, "a", "K"), *reopened = rig_row(t, "a", "K");
    struct store_request *again = rig_commit(t, "a", 3, 1);

    CHECK(rig_put(t, row) == ERR_NONE);
    CHECK(rig_do(t, rig_commit(t, "a", 2, 1)) == ERR_NONE);
    row->rev = 2;
    row->is_open = false;
    CHECK(rig_write_row(t, row) == ERR_NONE);
    again->rows = reopened;
    again->row_count = 1;
    reopened->rev = 3;
    CHECK(rig_do(t, again) == ERR_NONE);
    CHECK(rig_write_row(t, row) == ERR_NONE);
    CHECK(rig_do(t, rig_start(t, rig_row(t, "b", "K"))) == ERR_EXISTS);
    reopened->is_open = false;
    CHECK(rig_write_row(t, reopened) == ERR_NONE);
    CHECK(rig_put(t, rig_row(t, "b", "K")) == ERR_NONE);
}

CONTRACT(CLUSTER, the_feed_says_up_to_where_nothing_more_comes)
{
    struct store_request *r = rig_request(t, STORE_FEED);
    struct store_request *next = commit_as(t, "n1", "a", 2);

    CHECK(rig_do(t, commit_as(t, "n1", "a", 1)) == ERR_NONE);
    beat(t, "n1", 0);
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 1);
    CHECK(rig_do(t, next) == ERR_NONE);
    CHECK(next->records[0].pos > r->last_pos);
}
