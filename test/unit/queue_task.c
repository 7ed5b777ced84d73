/* Task messages in the built-in queues: who gets which when, and what the engine is told. */
#include "core/limits.h"
#include "queue_rig.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

TEST(a_message_is_hidden_while_it_is_in_flight_and_visible_again_afterwards)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE);
    struct queue_rig_got *first = queue_rig_take(&t, "food");
    CHECK(queue_rig_is(first, "bake") && first->messages[0].receives == 1 &&
          first->messages[0].is_task);
    queue_rig_pass(&t, 29999);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), ""));
    queue_rig_pass(&t, 1);
    struct queue_rig_got *again = queue_rig_take(&t, "food");
    CHECK(queue_rig_is(again, "bake") && again->messages[0].receives == 2);
    CHECK(again->messages[0].first_received_at_ms == RIG_START_MS);
    CHECK(strcmp(again->messages[0].id, first->messages[0].id) == 0);
    CHECK(strcmp(again->messages[0].receipt, first->messages[0].receipt) != 0);
    queue_rig_close(&t);
}

TEST(visibility_is_the_receives_else_the_messages_else_the_queues)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_create(&t, "food", "{\"VisibilityTimeout\":\"7\"}") == ERR_NONE);
    struct queue_message m = queue_rig_name(&t, "bake", 1);
    m.visibility_ms = 5000;
    CHECK(t.port->ops->offer(t.port, &m) == ERR_NONE);
    CHECK(queue_rig_offer(&t, "serve", 1) == ERR_NONE);
    CHECK(queue_rig_is(queue_rig_receive(&t, "food", 10, 0, 2000), "bake serve"));
    queue_rig_pass(&t, 2000);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), "bake serve"));
    queue_rig_pass(&t, 5000);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), "bake"));
    queue_rig_pass(&t, 2000);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), "serve"));
    queue_rig_close(&t);
}

TEST(a_receive_of_no_visibility_leaves_the_message_visible)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE);
    CHECK(queue_rig_is(queue_rig_receive(&t, "food", 1, 0, 0), "bake"));
    CHECK(queue_rig_is(queue_rig_receive(&t, "food", 1, 0, 0), "bake"));
    queue_rig_close(&t);
}

TEST(receives_that_wait_are_served_in_their_order)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_local_declare(t.q, SLICE("food")) == ERR_NONE);
    struct queue_rig_got *a = queue_rig_receive(&t, "food", 1, 20000, -1);
    struct queue_rig_got *b = queue_rig_receive(&t, "food", 10, 20000, -1);
    CHECK(!a->is_answered && !b->is_answered);
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE);
    CHECK(queue_rig_is(a, "bake") && !b->is_answered);
    CHECK(queue_rig_offer(&t, "serve", 1) == ERR_NONE);
    CHECK(queue_rig_is(b, "serve"));
    queue_rig_close(&t);
}

TEST(a_receive_that_waits_ends_empty_at_its_time)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_local_declare(t.q, SLICE("food")) == ERR_NONE);
    struct queue_rig_got *g = queue_rig_receive(&t, "food", 1, 20000, -1);
    CHECK(queue_local_next(t.q) <= t.now_ms + 20000);
    queue_rig_pass(&t, 19999);
    CHECK(!g->is_answered);
    queue_rig_pass(&t, 1);
    CHECK(queue_rig_is(g, ""));
    CHECK(queue_local_next(t.q) == INT64_MAX);
    queue_rig_close(&t);
}

TEST(what_becomes_visible_as_a_receive_ends_is_still_for_it)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE);
    CHECK(queue_rig_is(queue_rig_receive(&t, "food", 1, 0, 20000), "bake"));
    struct queue_rig_got *g = queue_rig_receive(&t, "food", 1, 20000, -1);
    queue_rig_pass(&t, 20000);
    CHECK(queue_rig_is(g, "bake"));
    queue_rig_close(&t);
}

TEST(the_end_of_a_visibility_wakes_a_receive_that_waits)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE);
    CHECK(queue_rig_is(queue_rig_receive(&t, "food", 1, 0, 3000), "bake"));
    struct queue_rig_got *g = queue_rig_receive(&t, "food", 1, 20000, -1);
    queue_rig_pass(&t, 2999);
    CHECK(!g->is_answered);
    queue_rig_pass(&t, 1);
    CHECK(queue_rig_is(g, "bake"));
    queue_rig_close(&t);
}

TEST(a_task_message_for_later_comes_at_its_time)
{
    struct rig t;
    queue_rig_open(&t);
    struct queue_message m = queue_rig_name(&t, "bake", 1);
    m.visible_at_ms = t.now_ms + 500;
    CHECK(t.port->ops->offer(t.port, &m) == ERR_NONE);
    struct queue_info info;
    CHECK(t.front->ops->info(t.front, SLICE("food"), &info) == ERR_NONE && info.delayed == 1);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), ""));
    queue_rig_pass(&t, 500);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), "bake"));
    queue_rig_close(&t);
}

TEST(the_same_attempt_offered_again_changes_nothing)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE);
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), "bake"));
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), ""));
    queue_rig_close(&t);
}

TEST(a_later_attempt_replaces_an_earlier_one_and_not_the_other_way_round)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE);
    struct queue_rig_got *old = queue_rig_take(&t, "food");
    CHECK(queue_rig_is(old, "bake"));
    CHECK(queue_rig_offer(&t, "bake", 2) == ERR_NONE);
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE);
    struct queue_rig_got *new = queue_rig_take(&t, "food");
    CHECK(queue_rig_is(new, "bake") && new->messages[0].receives == 1);
    CHECK(strcmp(old->messages[0].id, new->messages[0].id) != 0);
    CHECK(queue_rig_delete(&t, "food", old->messages[0].receipt) == ERR_NONE && t.deletes == 0);
    queue_rig_close(&t);
}

TEST(a_message_withdrawn_in_flight_never_comes_back)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE);
    struct queue_rig_got *g = queue_rig_take(&t, "food");
    struct queue_message m = queue_rig_name(&t, "bake", 1);
    t.port->ops->withdraw(t.port, &m);
    queue_rig_pass(&t, 60000);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), ""));
    CHECK(queue_rig_delete(&t, "food", g->messages[0].receipt) == ERR_NONE && t.deletes == 0);
    queue_rig_close(&t);
}

TEST(a_withdrawal_leaves_later_attempts_alone)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_offer(&t, "bake", 2) == ERR_NONE);
    struct queue_message m = queue_rig_name(&t, "bake", 1);
    t.port->ops->withdraw(t.port, &m);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), "bake"));
    queue_rig_close(&t);
}

TEST(a_client_that_has_gone_gets_nothing_and_the_next_one_gets_the_message)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_local_declare(t.q, SLICE("food")) == ERR_NONE);
    struct queue_rig_got *gone = queue_rig_receive(&t, "food", 1, 20000, -1);
    struct queue_rig_got *there = queue_rig_receive(&t, "food", 1, 20000, -1);
    gone->is_gone = true;
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE);
    CHECK(gone->count == 0 && queue_rig_is(there, "bake") && there->messages[0].receives == 1);
    queue_rig_close(&t);
}

TEST(a_client_that_goes_while_the_text_is_read_gets_nothing)
{
    struct rig t;
    queue_rig_open(&t);
    t.is_slow = true;
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE);
    struct queue_rig_got *gone = queue_rig_receive(&t, "food", 1, 0, -1);
    CHECK(!gone->is_answered);
    gone->is_gone = true;
    queue_rig_tell_texts(&t);
    t.is_slow = false;
    struct queue_rig_got *there = queue_rig_take(&t, "food");
    CHECK(queue_rig_is(there, "bake") && there->messages[0].receives == 1);
    queue_rig_close(&t);
}

TEST(a_receive_cancelled_while_the_text_is_read_frees_the_message_at_once)
{
    struct rig t;
    queue_rig_open(&t);
    t.is_slow = true;
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE);
    struct queue_rig_got *gone = queue_rig_receive(&t, "food", 1, 0, -1);
    t.front->ops->cancel(t.front, gone->handle);
    struct queue_rig_got *there = queue_rig_receive(&t, "food", 1, 0, -1);
    queue_rig_tell_texts(&t);
    CHECK(!gone->is_answered && queue_rig_is(there, "bake"));
    queue_rig_close(&t);
}

TEST(a_message_withdrawn_while_its_text_is_read_is_not_handed_over)
{
    struct rig t;
    queue_rig_open(&t);
    t.is_slow = true;
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE);
    struct queue_rig_got *g = queue_rig_receive(&t, "food", 1, 20000, -1);
    struct queue_message m = queue_rig_name(&t, "bake", 1);
    t.port->ops->withdraw(t.port, &m);
    queue_rig_tell_texts(&t);
    CHECK(!g->is_answered);
    t.is_slow = false;
    CHECK(queue_rig_offer(&t, "serve", 1) == ERR_NONE);
    CHECK(queue_rig_is(g, "serve"));
    queue_rig_close(&t);
}

TEST(a_message_that_exists_no_more_is_dropped_and_the_receive_gets_the_others)
{
    struct rig t;
    queue_rig_open(&t);
    t.missing = "bake";
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE &&
          queue_rig_offer(&t, "serve", 1) == ERR_NONE);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), "serve"));
    t.missing = NULL;
    queue_rig_pass(&t, 10000);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), ""));
    queue_rig_close(&t);
}

TEST(a_sign_of_life_hides_the_message_for_another_visibility)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE);
    CHECK(queue_rig_is(queue_rig_receive(&t, "food", 1, 0, 10000), "bake"));
    queue_rig_pass(&t, 9000);
    struct queue_message m = queue_rig_name(&t, "bake", 1);
    t.port->ops->extend(t.port, &m, t.now_ms);
    queue_rig_pass(&t, 9999);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), ""));
    queue_rig_pass(&t, 1);
    CHECK(queue_rig_is(queue_rig_receive(&t, "food", 1, 0, 1000), "bake"));
    queue_rig_pass(&t, 1000);
    t.port->ops->extend(t.port, &m, t.now_ms); /* visible again, but its worker lives */
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), ""));
    queue_rig_close(&t);
}

TEST(deleting_a_message_that_nobody_answered_is_recorded_before_the_answer)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE);
    struct queue_rig_got *g = queue_rig_take(&t, "food");
    t.delete_err = ERR_DISK_FULL;
    CHECK(queue_rig_delete(&t, "food", g->messages[0].receipt) == ERR_DISK_FULL && t.deletes == 1);
    queue_rig_pass(&t, 30000);
    g = queue_rig_take(&t, "food");
    CHECK(queue_rig_is(g, "bake"));
    t.delete_err = ERR_NONE;
    CHECK(queue_rig_delete(&t, "food", g->messages[0].receipt) == ERR_NONE && t.deletes == 2);
    queue_rig_pass(&t, 60000);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), ""));
    CHECK(queue_rig_delete(&t, "food", g->messages[0].receipt) == ERR_NONE && t.deletes == 2);
    queue_rig_close(&t);
}

TEST(an_expired_receipt_deletes_only_until_the_message_is_received_again)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE &&
          queue_rig_offer(&t, "serve", 1) == ERR_NONE);
    struct queue_rig_got *old = queue_rig_take(&t, "food");
    queue_rig_pass(&t, 30000);
    CHECK(queue_rig_is(queue_rig_receive(&t, "food", 1, 0, -1), "bake"));
    CHECK(queue_rig_delete(&t, "food", old->messages[0].receipt) == ERR_NONE && t.deletes == 0);
    CHECK(queue_rig_delete(&t, "food", old->messages[1].receipt) == ERR_NONE && t.deletes == 1);
    queue_rig_pass(&t, 30000);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), "bake"));
    queue_rig_close(&t);
}

TEST(a_receipt_of_another_queue_or_none_is_refused)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_create(&t, "other", "{}") == ERR_NONE);
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE);
    struct queue_rig_got *g = queue_rig_take(&t, "food");
    const char *receipt = g->messages[0].receipt;
    CHECK(queue_rig_delete(&t, "other", receipt) == ERR_INVALID);
    CHECK(queue_rig_delete(&t, "food", "rubbish") == ERR_INVALID);
    CHECK(queue_rig_delete(&t, "food", "") == ERR_INVALID);
    CHECK(queue_rig_delete(&t, "none", receipt) == ERR_UNKNOWN_QUEUE);
    CHECK(t.front->ops->set_visibility(t.front, SLICE("food"), SLICE("x"), 0) == ERR_INVALID);
    queue_rig_close(&t);
}

TEST(a_changed_visibility_counts_from_now_and_up_to_twelve_hours_from_the_receive)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE);
    struct queue_rig_got *g = queue_rig_take(&t, "food");
    struct slice food = SLICE("food"), receipt = slice_of(g->messages[0].receipt);
    queue_rig_pass(&t, 20000);
    CHECK(t.front->ops->set_visibility(t.front, food, receipt, 43200000) == ERR_TOO_LARGE);
    CHECK(t.front->ops->set_visibility(t.front, food, receipt, 25000) == ERR_NONE);
    queue_rig_pass(&t, 24999);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), ""));
    CHECK(t.front->ops->set_visibility(t.front, food, receipt, 0) == ERR_NONE);
    CHECK(t.front->ops->set_visibility(t.front, food, receipt, 10) == ERR_REFUSED);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), "bake"));
    CHECK(t.front->ops->set_visibility(t.front, food, receipt, 10) == ERR_REFUSED);
    queue_rig_close(&t);
}

TEST(a_queue_that_nobody_named_is_unknown_and_one_a_template_names_can_be_waited_at)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_take(&t, "food")->err == ERR_UNKNOWN_QUEUE);
    CHECK(queue_local_declare(t.q, SLICE("food")) == ERR_NONE);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), ""));
    CHECK(queue_rig_take(&t, QUEUE_EVENTS)->err == ERR_REFUSED);
    queue_rig_close(&t);
}

TEST(messages_come_longest_visible_first_and_one_received_again_goes_behind)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_offer(&t, "a", 1) == ERR_NONE && queue_rig_offer(&t, "b", 1) == ERR_NONE);
    CHECK(queue_rig_is(queue_rig_receive(&t, "food", 1, 0, 1000), "a"));
    queue_rig_pass(&t, 1000);
    CHECK(queue_rig_offer(&t, "c", 1) == ERR_NONE);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), "b a c"));
    queue_rig_close(&t);
}

TEST(receives_are_answered_when_the_server_drains)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_local_declare(t.q, SLICE("food")) == ERR_NONE);
    struct queue_rig_got *g = queue_rig_receive(&t, "food", 1, 20000, -1);
    queue_local_drain(t.q);
    CHECK(queue_rig_is(g, ""));
    CHECK(queue_rig_is(queue_rig_receive(&t, "food", 1, 20000, -1), ""));
    queue_rig_close(&t);
}

TEST(after_a_restart_every_message_is_visible_and_an_old_receipt_deletes_until_it_is_received)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_offer(&t, "a", 1) == ERR_NONE && queue_rig_offer(&t, "b", 1) == ERR_NONE);
    struct queue_rig_got *old = queue_rig_take(&t, "food");
    queue_rig_restart(&t);
    CHECK(queue_rig_offer(&t, "a", 1) == ERR_NONE && queue_rig_offer(&t, "b", 1) == ERR_NONE);
    CHECK(queue_rig_delete(&t, "food", old->messages[1].receipt) == ERR_NONE && t.deletes == 1);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), "a"));
    CHECK(queue_rig_delete(&t, "food", old->messages[0].receipt) == ERR_NONE && t.deletes == 1);
    CHECK(t.front->ops->set_visibility(t.front, SLICE("food"), slice_of(old->messages[0].receipt),
                                       0) == ERR_REFUSED);
    queue_rig_close(&t);
}

TEST(looking_at_messages_does_not_receive_them)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_offer(&t, "a", 1) == ERR_NONE && queue_rig_offer(&t, "b", 1) == ERR_NONE);
    CHECK(queue_rig_send(&t, "food", "m-1", "hello") == ERR_NONE);
    struct queue_rig_got *g = queue_rig_got(&t);
    t.is_slow = true;
    t.front->ops->peek(t.front, SLICE("food"), 10, queue_rig_received, g);
    struct queue_message m = queue_rig_name(&t, "a", 1);
    t.port->ops->withdraw(t.port, &m); /* copies are kept, whatever happens meanwhile */
    queue_rig_tell_texts(&t);
    t.is_slow = false;
    CHECK(queue_rig_is(g, "a b hello") && g->messages[2].receives == 0);
    CHECK(strcmp(g->messages[2].id, "m-1") == 0 && g->messages[0].receipt[0] == '\0');
    struct queue_rig_got *got = queue_rig_take(&t, "food");
    CHECK(queue_rig_is(got, "b hello") && got->messages[0].receives == 1);
    queue_rig_close(&t);
}

/* --- limits --- */
