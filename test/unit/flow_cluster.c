/* Several engines over one store: what they do about each other's records, and about one that falls
 * silent. */
#include "nodes_rig.h"

#include "base/json.h"
#include "core/limits.h"

#include <stdio.h>

TEST(an_instance_may_be_answered_at_any_node)
{
    nodes_open();
    struct node *a = &nodes.of[0], *b = &nodes.of[1];
    struct slice id = node_start(a, "K");
    CHECK(node_answer(b, EVENT_COMPLETED, id, "a") == VERDICT_APPLIED);
    CHECK(node_answer(a, EVENT_COMPLETED, id, "b") == VERDICT_APPLIED); /* its cache is behind */
    CHECK(nodes_count_conflicts() == 1);
    CHECK_TEXT(node_status(b, id), "RUNNING");
    CHECK(node_answer(b, EVENT_COMPLETED, id, "c") == VERDICT_APPLIED);
    CHECK_TEXT(node_status(a, id), "COMPLETED");
    CHECK(nodes_count_sent("a") == 1 && nodes_count_sent("b") == 1 && nodes_count_sent("c") == 1);
    id = node_start(a, "L");
    CHECK(node_answer(b, EVENT_COMPLETED, id, "a") == VERDICT_APPLIED);
    nodes_wait(2000); /* what was checked so long ago is read on before a step */
    CHECK(node_answer(a, EVENT_COMPLETED, id, "b") == VERDICT_APPLIED);
    CHECK(nodes_count_conflicts() == 1);
    nodes_close();
}

TEST(an_unsent_message_of_a_dead_node_is_sent_by_another)
{
    nodes_open();
    nodes.of[0].is_queue_lost = true;
    struct slice id = node_start(&nodes.of[0], "K");
    nodes_wait(1000);
    CHECK_INT(nodes_count_sent("a"), 0);
    node_die(&nodes.of[0]);
    nodes_wait(3500);
    CHECK_INT(nodes_count_sent("a"), 1);
    CHECK_INT(nodes_count_sent("b"), 1);
    CHECK_TEXT(nodes.of[1].sent[0].instance.at == NULL ? SLICE("") : nodes.of[1].sent[0].instance,
               slice_text(&nodes.arena, id));
    struct flow_node seen[4];
    CHECK_INT(flow_nodes(nodes.of[1].flow, seen, 4), 1); /* and the dead one is forgotten */
    nodes_close();
}

TEST(what_a_dead_node_had_sent_is_not_sent_again)
{
    nodes_open();
    (void)node_start(&nodes.of[0], "K");
    nodes_wait(1500); /* its beat says so */
    node_die(&nodes.of[0]);
    nodes_wait(5000);
    CHECK(nodes_count_sent("a") == 1 && nodes_count_sent("b") == 1);
    nodes_close();
}

TEST(a_retry_that_a_dead_node_waited_for_is_made_by_another)
{
    nodes_open();
    struct slice id = node_start(&nodes.of[0], "K");
    CHECK(node_answer(&nodes.of[0], EVENT_FAILED, id, "a") == VERDICT_APPLIED);
    nodes_wait(1000);
    node_die(&nodes.of[0]);
    nodes_wait(3000);
    CHECK_INT(nodes_count_sent("a"), 1);
    nodes_wait(1000 + 500); /* due 5 s after the failure */
    CHECK_INT(nodes_count_sent("a"), 2);
    nodes_close();
}

TEST(nodes_that_were_silent_together_do_not_take_each_other_for_dead)
{
    nodes_open();
    (void)node_start(&nodes.of[0], "K");
    (void)node_start(&nodes.of[1], "L");
    for (unsigned n = 0; n < 2; n++)
        nodes.of[n].is_stopped = true; /* before a beat says that their messages are out */
    nodes_wait(NODE_SILENT_MS + 2 * NODE_BEAT_MS);
    for (unsigned n = 0; n < 2; n++)
        nodes.of[n].is_stopped = false;
    nodes_wait(4000);
    CHECK(nodes_count_sent("a") == 2 && nodes_count_sent("b") == 2);
    nodes.of[1].is_stopped = true; /* but one that is silent alone is replaced */
    nodes_wait(NODE_SILENT_MS + 2 * NODE_BEAT_MS);
    struct flow_node seen[4];
    CHECK_INT(flow_nodes(nodes.of[0].flow, seen, 4), 1);
    nodes_close();
}

static void lose(struct store_view *v, struct store_request *r)
{
    (void)v;
    r->err = ERR_STORE;
}

static void keep_err(void *context, const struct flow_answer *answer)
{
    *(enum err *)context = answer->err;
}

TEST(a_node_whose_store_is_away_for_long_refuses_at_once)
{
    nodes_open();
    struct node *a = &nodes.of[0];
    struct event e = {
        .kind = EVENT_START, .template = SLICE("pair"), .key = SLICE("L"), .source = SLICE("test")};
    void (*answered)(struct store_view *, struct store_request *) = a->store.answered;
    a->store.answered = lose;
    nodes_wait(NODE_SILENT_MS + NODE_BEAT_MS);
    CHECK(!flow_is_heard(a->flow));
    nodes_wait(NODE_DEAF_MS - NODE_SILENT_MS);
    enum err err = ERR_NONE;
    flow_arrive(a->flow, &e, keep_err, &err);
    CHECK_INT(err, ERR_STORE);
    a->store.answered = answered;
    nodes_wait(2 * NODE_BEAT_MS);
    (void)node_start(a, "L");
    nodes_close();
}

TEST(what_a_dead_node_had_to_wake_is_shared_out)
{
    nodes_open();
    (void)nodes_begin(2, "c");
    for (unsigned k = 0; k < 16; k++) {
        char key[8];
        (void)snprintf(key, sizeof key, "K%u", k);
        struct slice id = node_start(&nodes.of[0], key);
        CHECK(node_answer(&nodes.of[0], EVENT_FAILED, id, "a") == VERDICT_APPLIED);
    }
    nodes_wait(1000);
    node_die(&nodes.of[0]);
    nodes_wait(9000); /* silent after 2 s, due after 5 s */
    for (unsigned n = 1; n < NODES; n++)
        CHECK(nodes.of[n].sent_count >= 4);
    CHECK_INT(nodes.of[1].sent_count + nodes.of[2].sent_count, 16);
    nodes_close();
}

TEST(a_wake_up_is_made_once_while_all_live)
{
    nodes_open();
    struct slice id = node_start(&nodes.of[0], "K");
    CHECK(node_answer(&nodes.of[1], EVENT_FAILED, id, "a") == VERDICT_APPLIED);
    nodes_wait(5600);
    CHECK_INT(nodes_count_sent("a"), 2);
    CHECK_INT(nodes_count_conflicts(), 0);
    nodes_close();
}

TEST(a_node_that_hung_is_told_by_the_append)
{
    nodes_open();
    struct slice id = node_start(&nodes.of[0], "K");
    CHECK(node_answer(&nodes.of[0], EVENT_FAILED, id, "a") == VERDICT_APPLIED);
    nodes_wait(1000);
    nodes.of[0].is_stopped = true;
    nodes_wait(9000);
    CHECK_INT(nodes_count_sent("a"), 2);
    nodes.of[0].is_stopped = false;
    nodes_wait(5000);
    CHECK_INT(nodes_count_sent("a"), 2);
    CHECK(node_answer(&nodes.of[0], EVENT_COMPLETED, id, "a") == VERDICT_APPLIED);
    nodes_close();
}

TEST(a_template_applied_at_one_node_is_started_at_another)
{
    nodes_open();
    node_apply(&nodes.of[0], "name: other\nstages: [{name: s, tasks: [{name: t, queue: q}]}]\n",
               true);
    struct event e = {.kind = EVENT_START, .template = SLICE("other")};
    CHECK(node_send(&nodes.of[1], e) == VERDICT_APPLIED);
    node_apply(&nodes.of[1], "name: other\nstages: [{name: s, tasks: [{name: t, queue: r}]}]\n",
               true);
    node_apply(&nodes.of[0], "name: other\nstages: [{name: s, tasks: [{name: t, queue: q}]}]\n",
               true);
    CHECK_INT(flow_template(nodes.of[0].flow, SLICE("other"), 0)->version, 3);
    node_apply(&nodes.of[1], "name: other\nstages: [{name: s, tasks: [{name: t, queue: q}]}]\n",
               false);
    nodes_close();
}

TEST(a_key_is_free_as_soon_as_its_holder_has_ended_elsewhere)
{
    nodes_open();
    struct slice id = node_start(&nodes.of[0], "K");
    struct event e = {.kind = EVENT_START, .template = SLICE("pair"), .key = SLICE("K")};
    CHECK(node_send(&nodes.of[1], e) == VERDICT_DUPLICATE);
    CHECK(slice_eq(nodes.last.instance, id));
    CHECK(node_answer(&nodes.of[1], EVENT_CANCEL, id, "") == VERDICT_APPLIED);
    CHECK(node_send(&nodes.of[0], e) == VERDICT_APPLIED);
    CHECK(!slice_eq(nodes.last.instance, id));
    nodes_close();
}

TEST(a_node_that_stops_leaves_nothing_behind)
{
    nodes_open();
    (void)node_start(&nodes.of[0], "K");
    flow_drain(nodes.of[0].flow);
    nodes_wait(1500);
    CHECK(flow_is_idle(nodes.of[0].flow));
    node_die(&nodes.of[0]);
    struct flow_node seen[4];
    nodes_wait(600);
    CHECK_INT(flow_nodes(nodes.of[1].flow, seen, 4), 1);
    struct flow_stats s;
    nodes_wait(4000);
    flow_get_stats(nodes.of[1].flow, &s);
    CHECK_INT(s.taken_over, 0);
    nodes_close();
}

TEST(built_in_queues_have_one_owner)
{
    nodes_open();
    struct node *c = nodes_begin_with(2, "c", &nodes_derived, "builtin");
    nodes_wait(4000);
    CHECK(!flow_is_ready(c->flow) && flow_start_error(c->flow) == ERR_BUSY);
    for (unsigned n = 0; n < NODES; n++) /* but after a crash it may start again */
        node_die(&nodes.of[n]);
    c = nodes_begin_with(2, "d", &nodes_derived, "builtin");
    nodes_wait(4000);
    CHECK(flow_is_ready(c->flow));
    nodes_close();
}

TEST(messages_on_another_queue_driver_are_sent_again)
{
    nodes_open();
    (void)node_start(&nodes.of[0], "K");
    nodes_wait(1000);
    node_die(&nodes.of[0]);
    node_die(&nodes.of[1]);
    nodes_wait(3000);
    struct node *c = nodes_begin_with(2, "c", &nodes_outside, "two");
    nodes_wait(5000);
    CHECK(flow_is_ready(c->flow));
    CHECK(nodes_count_sent("a") == 2 && nodes_count_sent("b") == 2);
    nodes_close();
}

TEST(what_one_node_removed_is_gone_at_the_others)
{
    nodes_retention_ms = 20000;
    nodes_open();
    nodes_retention_ms = 0;
    struct slice ids[8];
    for (unsigned k = 0; k < 8; k++) {
        char key[8];
        (void)snprintf(key, sizeof key, "K%u", k);
        ids[k] = node_start(&nodes.of[k % 2], key);
        CHECK(node_answer(&nodes.of[k % 2], EVENT_CANCEL, ids[k], "") == VERDICT_APPLIED);
        CHECK_TEXT(node_status(&nodes.of[0], ids[k]), "CANCELLED"); /* both have it in memory */
        CHECK_TEXT(node_status(&nodes.of[1], ids[k]), "CANCELLED");
    }
    nodes_wait(60000);
    struct flow_stats at_a, at_b;
    flow_get_stats(nodes.of[0].flow, &at_a);
    flow_get_stats(nodes.of[1].flow, &at_b);
    CHECK(at_a.removed > 0 && at_b.removed > 0);
    CHECK_INT(at_a.removed + at_b.removed, 8);
    for (unsigned k = 0; k < 8; k++)
        CHECK(node_answer(&nodes.of[k % 2], EVENT_REPLAY_TASK, ids[k], "a") == VERDICT_UNKNOWN);
    bool is_ok = false;
    CHECK(json_get_bool(node_read(&nodes.of[0], (struct flow_query){.what = FLOW_VERIFY}), "ok",
                        &is_ok) &&
          is_ok);
    nodes_close();
}

static void take_err(void *context, const struct flow_answer *a)
{
    *(enum err *)context = a->err;
}

static enum err fail_at(struct node *n, struct slice instance)
{
    enum err err = ERR_NONE;
    struct event e = {.kind = EVENT_COMPLETED, .instance = instance, .task = SLICE("a")};
    e.id = SLICE("to an older node");
    e.source = SLICE("test");
    event_sum(&nodes.arena, &e);
    flow_arrive(n->flow, &e, take_err, &err);
    nodes_wait(500);
    return err;
}

TEST(a_node_that_nobody_can_finish_holds_up_no_other)
{
    nodes_open();
    struct node *newer = &nodes.of[1], *c = nodes_begin(2, "c");
    newer->is_newer = true;
    (void)node_start(newer, "K");
    c->is_queue_lost = true;
    (void)node_start(c, "L");
    CHECK_INT(nodes_count_sent("a"), 1);
    node_die(newer);
    node_die(c);
    nodes_wait(20000);
    CHECK_INT(nodes_count_sent("a"), 2);
    nodes_close();
}

/* It cannot write the row that it owes: it stays until the newer one has, so that nobody takes what
 * it sent for unsent. */
TEST(an_older_node_leaves_once_a_newer_one_has_written_what_it_owes)
{
    nodes_open();
    struct node *old = &nodes.of[0], *newer = &nodes.of[1];
    newer->is_newer = true;
    struct slice id = node_start(old, "K");
    CHECK(node_answer(newer, EVENT_COMPLETED, id, "a") == VERDICT_APPLIED);
    CHECK_INT(fail_at(old, id), ERR_NEWER);
    newer->is_stopped = true;
    flow_drain(old->flow);
    nodes_wait(1000);
    CHECK(!flow_is_idle(old->flow));
    newer->is_stopped = false;
    nodes_wait(ROW_LAZY_MS + 1500);
    CHECK(flow_is_idle(old->flow));
    node_die(old);
    struct node *next = nodes_begin_with(2, "c", &nodes_outside, "one");
    next->is_newer = true;
    nodes_wait(5000);
    CHECK(node_answer(next, EVENT_COMPLETED, id, "b") == VERDICT_APPLIED);
    CHECK(nodes_count_sent("a") == 1 && nodes_count_sent("b") == 1);
    nodes_close();
}

TEST(what_a_newer_version_wrote_is_left_to_nodes_that_know_it)
{
    nodes_open();
    struct node *old = &nodes.of[0], *newer = &nodes.of[1];
    struct slice before = node_start(old, "K"), id;
    newer->is_newer = true;
    CHECK(node_answer(newer, EVENT_COMPLETED, before, "a") == VERDICT_APPLIED); /* of both */
    id = node_start(newer, "L");
    CHECK_INT(fail_at(old, id), ERR_NEWER);
    CHECK_INT(fail_at(old, before), ERR_NEWER);
    nodes_wait(2 * ROW_LAZY_MS);
    CHECK(node_answer(newer, EVENT_COMPLETED, id, "a") == VERDICT_APPLIED);
    CHECK(node_answer(old, EVENT_COMPLETED, node_start(old, "M"), "a") == VERDICT_APPLIED);
    CHECK(node_answer(newer, EVENT_FAILED, id, "b") == VERDICT_APPLIED);
    node_die(newer); /* and with it all that know it */
    nodes_wait(20000);
    CHECK_INT(fail_at(old, id), ERR_NEWER);
    node_die(old);
    newer = nodes_begin_with(2, "c", &nodes_outside, "one");
    newer->is_newer = true;
    nodes_wait(5000);
    CHECK(flow_is_ready(newer->flow));
    CHECK_INT(nodes_count_sent("b"), 4); /* the retry that was due: three first ones before */
    CHECK(node_answer(newer, EVENT_COMPLETED, id, "b") == VERDICT_APPLIED);
    nodes_close();
}
