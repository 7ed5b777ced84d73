/* Rows in a store that several engines share: later than elsewhere while nobody looks at them, and
 * that a node reads again only what others may have changed. */
#include "nodes_rig.h"

#include "core/limits.h"

#include <stdio.h>

static struct flow_stats stats_of(const struct node *n)
{
    struct flow_stats s = {0};
    flow_get_stats(n->flow, &s);
    return s;
}

TEST(rows_of_a_shared_store_wait_while_nobody_looks_at_lists)
{
    nodes_open();
    struct node *a = &nodes.of[0];
    struct slice id = node_start(a, "K");
    int64_t first_ms = nodes.now_ms;
    CHECK(node_answer(a, EVENT_COMPLETED, id, "a") == VERDICT_APPLIED);
    nodes_wait(first_ms + ROW_LAZY_MS - 200 - nodes.now_ms);
    CHECK_INT(stats_of(a).rows_written, 0);
    CHECK(node_answer(a, EVENT_COMPLETED, id, "b") == VERDICT_APPLIED);
    nodes_wait(300);
    CHECK_INT(stats_of(a).rows_written, 1); /* of all three records */
    nodes_close();
}

TEST(a_list_at_one_node_hurries_the_rows_of_all)
{
    nodes_open();
    struct node *a = &nodes.of[0], *b = &nodes.of[1];
    CHECK(yyjson_arr_size(
              json_get(node_read(b, (struct flow_query){.what = FLOW_LIST}), "instances")) == 0);
    nodes_wait(2 * NODE_BEAT_MS);
    (void)node_start(a, "K");
    nodes_wait(ROW_FLUSH_MS + 50);
    CHECK_INT(stats_of(a).rows_written, 1);
    CHECK(yyjson_arr_size(
              json_get(node_read(b, (struct flow_query){.what = FLOW_LIST}), "instances")) == 1);
    nodes_wait(ROW_LOOK_MS);
    (void)node_start(a, "L");
    nodes_wait(ROW_FLUSH_MS + 50);
    CHECK_INT(stats_of(a).rows_written, 1); /* nobody has looked for so long */
    nodes_close();
}

static void take_applied(void *context, const struct flow_answer *a)
{
    *(unsigned *)context += a->err == ERR_NONE && a->verdict == VERDICT_APPLIED;
}

TEST(no_more_rows_than_a_limit_wait)
{
    nodes_open();
    struct node *a = &nodes.of[0];
    unsigned applied = 0;
    a->is_queue_lost = true;
    for (unsigned k = 0; k <= ROWS_LAZY_MAX; k++) {
        char key[16];
        int len = snprintf(key, sizeof key, "K%u", k);
        struct event e = {.kind = EVENT_START, .template = SLICE("pair"), .source = SLICE("test")};
        e.key = e.id = (struct slice){key, (size_t)len};
        event_sum(&nodes.arena, &e);
        CHECK_INT(stats_of(a).rows_written, 0);
        flow_arrive(a->flow, &e, take_applied, &applied);
        flow_round(a->flow, nodes.now_ms);
        flow_round(a->flow, nodes.now_ms);
    }
    nodes_run();
    CHECK_INT(applied, ROWS_LAZY_MAX + 1);
    CHECK(stats_of(a).rows_written > 0);
    nodes_close();
}

TEST(a_node_alone_reads_nothing_again)
{
    nodes_open();
    struct node *a = &nodes.of[0];
    node_die(&nodes.of[1]);
    nodes_wait(NODE_SILENT_MS + 2 * NODE_BEAT_MS);
    struct slice id = node_start(a, "K");
    nodes_wait(2 * FRESH_MS);
    uint64_t loads = stats_of(a).loads;
    CHECK(node_answer(a, EVENT_COMPLETED, id, "a") == VERDICT_APPLIED);
    CHECK_INT(stats_of(a).loads, loads);
    struct node *c = nodes_begin(2, "c");
    nodes_wait(2 * FRESH_MS);
    CHECK(node_answer(c, EVENT_COMPLETED, id, "b") == VERDICT_APPLIED);
    CHECK(node_answer(a, EVENT_COMPLETED, id, "c") == VERDICT_APPLIED);
    CHECK(stats_of(a).loads > loads);
    CHECK_INT(nodes_count_conflicts(), 0);
    nodes_close();
}
