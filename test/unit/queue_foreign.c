/* Messages that somebody sent, and queues that somebody made: stored before the answer, there again
 * after a restart, gone when deleted, purged or old. */
#include "core/limits.h"
#include "queue_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS (24LL * 3600 * 1000)

TEST(a_sent_message_is_received_with_its_attributes_and_deleted)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_create(&t, "mail", "{}") == ERR_NONE);
    CHECK(queue_rig_send(&t, "mail", "m-1", "hello") == ERR_NONE);
    struct queue_rig_got *g = queue_rig_take(&t, "mail");
    CHECK(queue_rig_is(g, "hello") && strcmp(g->messages[0].id, "m-1") == 0 &&
          !g->messages[0].is_task);
    CHECK(strcmp(g->messages[0].attributes, "{\"MessageGroupId\":\"g\"}") == 0);
    CHECK(g->messages[0].sent_at_ms == RIG_START_MS);
    CHECK(queue_rig_delete(&t, "mail", g->messages[0].receipt) == ERR_NONE && t.deletes == 0);
    queue_rig_pass(&t, 60000);
    CHECK(queue_rig_is(queue_rig_take(&t, "mail"), ""));
    queue_rig_restart(&t);
    CHECK(queue_rig_is(queue_rig_take(&t, "mail"), ""));
    queue_rig_close(&t);
}

TEST(a_sent_message_is_shown_only_when_it_is_durable)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_create(&t, "mail", "{}") == ERR_NONE);
    struct queue_rig_got *g = queue_rig_receive(&t, "mail", 1, 20000, -1);
    struct queue_send m = {
        .queue = SLICE("mail"), .id = SLICE("m"), .body = SLICE("b"), .delay_ms = -1};
    t.is_done = false;
    t.front->ops->send(t.front, &m, 1, queue_rig_done, &t);
    queue_local_round(t.q, t.now_ms);
    CHECK(!t.is_done && !g->is_answered);
    queue_rig_settle(&t);
    CHECK(t.is_done && t.err == ERR_NONE && queue_rig_is(g, "b"));
    queue_rig_close(&t);
}

TEST(a_message_that_could_not_be_stored_is_not_there)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_create(&t, "mail", "{}") == ERR_NONE);
    t.store_err = ERR_DISK_FULL;
    CHECK(queue_rig_send(&t, "mail", "m-1", "hello") == ERR_DISK_FULL);
    t.store_err = ERR_NONE;
    CHECK(queue_rig_is(queue_rig_take(&t, "mail"), ""));
    CHECK(queue_rig_send(&t, "mail", "m-1", "hello") == ERR_NONE);
    struct queue_rig_got *g = queue_rig_take(&t, "mail");
    CHECK(queue_rig_is(g, "hello"));
    t.store_err = ERR_STORE;
    CHECK(queue_rig_delete(&t, "mail", g->messages[0].receipt) == ERR_STORE);
    t.store_err = ERR_NONE;
    queue_rig_pass(&t, 30000);
    CHECK(queue_rig_is(queue_rig_take(&t, "mail"), "hello"));
    queue_rig_close(&t);
}

TEST(a_delay_is_the_messages_else_the_queues_and_outlives_a_restart)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_create(&t, "mail", "{\"DelaySeconds\":\"3\"}") == ERR_NONE);
    CHECK(queue_rig_send_later(&t, "mail", "now", 0) == ERR_NONE);
    CHECK(queue_rig_send_later(&t, "mail", "queue", -1) == ERR_NONE);
    CHECK(queue_rig_send_later(&t, "mail", "own", 5000) == ERR_NONE);
    CHECK(queue_rig_is(queue_rig_take(&t, "mail"), "now"));
    queue_rig_pass(&t, 2999);
    queue_rig_restart(&t);
    CHECK(queue_rig_is(queue_rig_take(&t, "mail"), "now"));
    queue_rig_pass(&t, 1);
    CHECK(queue_rig_is(queue_rig_take(&t, "mail"), "queue"));
    queue_rig_pass(&t, 2000);
    CHECK(queue_rig_is(queue_rig_take(&t, "mail"), "own"));
    queue_rig_close(&t);
}

TEST(after_a_restart_sent_messages_are_visible_and_an_old_receipt_still_deletes)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_local_declare(t.q, SLICE("mail")) == ERR_NONE); /* a template's queue, no row yet */
    CHECK(queue_rig_send(&t, "mail", "m-1", "a") == ERR_NONE);
    CHECK(queue_rig_send(&t, "mail", "m-2", "b") == ERR_NONE);
    struct queue_rig_got *old = queue_rig_take(&t, "mail");
    CHECK(queue_rig_is(old, "a b"));
    queue_rig_restart(&t);
    CHECK(queue_rig_delete(&t, "mail", old->messages[0].receipt) == ERR_NONE);
    struct queue_rig_got *g = queue_rig_take(&t, "mail");
    CHECK(queue_rig_is(g, "b") && g->messages[0].receives == 1);
    CHECK(queue_rig_delete(&t, "mail", old->messages[1].receipt) == ERR_NONE);
    queue_rig_pass(&t, 30000);
    CHECK(queue_rig_is(queue_rig_take(&t, "mail"), "b"));
    queue_rig_close(&t);
}

TEST(messages_older_than_the_queue_keeps_them_are_deleted)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_create(&t, "mail", "{\"MessageRetentionPeriod\":\"60\"}") == ERR_NONE);
    CHECK(queue_rig_create(&t, "long", "{}") == ERR_NONE);
    CHECK(queue_rig_send(&t, "mail", "m-1", "a") == ERR_NONE);
    CHECK(queue_rig_send(&t, "long", "m-1", "a") == ERR_NONE);
    queue_rig_pass(&t, 30000);
    CHECK(queue_rig_send(&t, "mail", "m-2", "b") == ERR_NONE);
    CHECK(queue_local_next(t.q) == RIG_START_MS + 60000);
    queue_rig_pass(&t, 29999);
    CHECK(queue_rig_is(queue_rig_receive(&t, "mail", 10, 0, 0), "a b"));
    queue_rig_pass(&t, 1);
    CHECK(queue_rig_is(queue_rig_receive(&t, "mail", 10, 0, 0), "b"));
    queue_rig_restart(&t);
    CHECK(queue_rig_is(queue_rig_receive(&t, "mail", 10, 0, 0), "b"));
    queue_rig_pass(&t, 4 * DAY_MS - 60001);
    CHECK(queue_rig_is(queue_rig_receive(&t, "long", 10, 0, 0), "a"));
    queue_rig_pass(&t, 1);
    CHECK(queue_rig_is(queue_rig_receive(&t, "long", 10, 0, 0), ""));
    queue_rig_close(&t);
}

TEST(an_expiry_that_fails_is_tried_again)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_create(&t, "mail", "{\"MessageRetentionPeriod\":\"60\"}") == ERR_NONE);
    CHECK(queue_rig_send(&t, "mail", "m-1", "a") == ERR_NONE);
    t.store_err = ERR_STORE;
    queue_rig_pass(&t, 60000);
    CHECK(queue_local_next(t.q) == t.now_ms + 1000);
    t.store_err = ERR_NONE;
    queue_rig_pass(&t, 1000);
    CHECK(queue_rig_is(queue_rig_take(&t, "mail"), ""));
    queue_rig_close(&t);
}

TEST(a_purge_deletes_what_was_sent_before_it_in_flight_too_and_no_task_message)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE);
    CHECK(queue_rig_send(&t, "food", "m-1", "a") == ERR_NONE);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), "bake a"));
    CHECK(queue_rig_send(&t, "food", "m-2", "b") == ERR_NONE);
    CHECK(queue_rig_purge(&t, "food") == ERR_NONE);
    CHECK(queue_rig_send(&t, "food", "m-3", "c") == ERR_NONE);
    queue_rig_pass(&t, 30000);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), "c bake"));
    queue_rig_restart(&t);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), "c"));
    queue_rig_close(&t);
}

TEST(a_message_sent_while_a_purge_is_on_its_way_stays)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_create(&t, "mail", "{}") == ERR_NONE);
    struct queue_send m = {
        .queue = SLICE("mail"), .id = SLICE("early"), .body = SLICE("early"), .delay_ms = -1};
    struct rig done[3];
    for (int i = 0; i < 3; i++)
        done[i].is_done = false;
    t.front->ops->send(t.front, &m, 1, queue_rig_done, &done[0]);
    t.front->ops->purge(t.front, SLICE("mail"), queue_rig_done, &done[1]);
    m.id = m.body = SLICE("late");
    t.front->ops->send(t.front, &m, 1, queue_rig_done, &done[2]);
    queue_rig_settle(&t);
    for (int i = 0; i < 3; i++)
        CHECK(done[i].is_done && done[i].err == ERR_NONE);
    CHECK(queue_rig_is(queue_rig_take(&t, "mail"), "late"));
    queue_rig_close(&t);
}

/* Receives and deletes until nothing comes; how many came. */
static int drain(struct rig *t, const char *queue, bool is_delete)
{
    int count = 0;
    for (;;) {
        struct queue_rig_got *g = queue_rig_receive(t, queue, 10, 1000, 43200000);
        queue_rig_settle(t);
        if (!g->is_answered)
            return count;
        count += (int)g->count;
        for (uint32_t i = 0; is_delete && i < g->count; i++)
            CHECK(queue_rig_delete(t, queue, g->messages[i].receipt) == ERR_NONE);
        queue_rig_settle(t);
    }
}

static void send_many(struct rig *t, int count)
{
    char id[16];
    for (int i = 0; i < count; i++) {
        (void)snprintf(id, sizeof id, "m-%d", i);
        CHECK(queue_rig_send(t, "mail", id, id) == ERR_NONE);
    }
}

TEST(stored_messages_are_read_page_by_page_and_each_comes_once)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_create(&t, "mail", "{}") == ERR_NONE);
    send_many(&t, 500);
    queue_rig_restart(&t);
    CHECK(drain(&t, "mail", false) == 500);
    queue_rig_pass(&t, 43200000);
    CHECK(drain(&t, "mail", true) == 500);
    queue_rig_restart(&t);
    CHECK(drain(&t, "mail", true) == 0);
    queue_rig_close(&t);
}

TEST(what_is_sent_while_stored_ones_wait_comes_after_them)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_create(&t, "mail", "{}") == ERR_NONE);
    send_many(&t, 100);
    queue_rig_restart(&t);
    CHECK(queue_rig_send(&t, "mail", "late", "late") == ERR_NONE);
    int count = 0;
    struct queue_rig_got *g, *last = NULL;
    while ((g = queue_rig_receive(&t, "mail", 10, 0, 43200000))->count > 0) {
        last = g;
        count += (int)g->count;
        queue_rig_settle(&t);
    }
    CHECK(count == 101 && strcmp(last->messages[last->count - 1].body, "late") == 0);
    queue_rig_close(&t);
}

TEST(a_message_deleted_while_a_page_is_read_does_not_come_back)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_create(&t, "mail", "{}") == ERR_NONE);
    send_many(&t, 40);
    queue_rig_restart(&t); /* the first page is held, the second stored */
    struct queue_rig_got *first = queue_rig_receive(&t, "mail", 10, 0, -1);
    queue_local_round(t.q, t.now_ms); /* a page is asked for, whose answer has what follows */
    store_mem_apply(t.store, 1);
    for (uint32_t i = 0; i < first->count; i++)
        CHECK(queue_rig_delete(&t, "mail", first->messages[i].receipt) == ERR_NONE);
    CHECK(drain(&t, "mail", true) == 30);
    CHECK(drain(&t, "mail", true) == 0);
    queue_rig_close(&t);
}

TEST(a_send_repeated_under_the_same_id_is_one_message)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_create(&t, "mail", "{}") == ERR_NONE);
    CHECK(queue_rig_send(&t, "mail", "m-1", "a") == ERR_NONE);
    CHECK(queue_rig_send(&t, "mail", "m-1", "a") == ERR_NONE);
    CHECK(queue_rig_is(queue_rig_take(&t, "mail"), "a"));
    queue_rig_restart(&t);
    CHECK(queue_rig_is(queue_rig_take(&t, "mail"), "a"));
    queue_rig_close(&t);
}

TEST(a_message_larger_than_the_queue_takes_is_refused)
{
    struct rig t;
    queue_rig_open(&t);
    char body[1026];
    memset(body, 'x', sizeof body - 1);
    body[1025] = '\0';
    CHECK(queue_rig_create(&t, "mail", "{\"MaximumMessageSize\":\"1024\"}") == ERR_NONE);
    CHECK(queue_rig_send(&t, "mail", "m-1", body) == ERR_TOO_LARGE);
    body[1023] = '\0';
    CHECK(queue_rig_send(&t, "mail", "m-1", body) == ERR_NONE);
    CHECK(queue_rig_send(&t, "none", "m-1", "a") == ERR_UNKNOWN_QUEUE);
    CHECK(queue_rig_send(&t, QUEUE_EVENTS, "m-1", "a") == ERR_REFUSED);
    queue_rig_close(&t);
}

/* --- queues --- */

TEST(a_queue_made_again_must_be_the_same)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_create(&t, "mail", "{\"VisibilityTimeout\":\"60\"}") == ERR_NONE);
    CHECK(queue_rig_create(&t, "mail", "{}") == ERR_NONE);
    CHECK(queue_rig_create(&t, "mail", "{\"VisibilityTimeout\":\"60\"}") == ERR_NONE);
    CHECK(queue_rig_create(&t, "mail", "{\"VisibilityTimeout\":\"61\"}") == ERR_EXISTS);
    CHECK(strcmp(t.detail, "VisibilityTimeout") == 0);
    queue_rig_restart(&t);
    CHECK(queue_rig_create(&t, "mail", "{\"VisibilityTimeout\":\"61\"}") == ERR_EXISTS);
    CHECK(queue_rig_create(&t, "mail", "{\"VisibilityTimeout\":\"60\"}") == ERR_NONE);
    queue_rig_close(&t);
}

TEST(a_templates_queue_takes_what_its_first_client_states)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_local_declare(t.q, SLICE("food")) == ERR_NONE);
    CHECK(queue_rig_create(&t, "food", "{\"VisibilityTimeout\":\"60\"}") == ERR_NONE);
    CHECK(queue_rig_create(&t, "food", "{\"VisibilityTimeout\":\"61\"}") == ERR_EXISTS);
    queue_rig_close(&t);
}

TEST(attributes_are_within_their_ranges_and_known)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_create(&t, "q", "{\"VisibilityTimeout\":\"43201\"}") == ERR_INVALID);
    CHECK(strstr(t.detail, "VisibilityTimeout") != NULL);
    CHECK(queue_rig_create(&t, "q", "{\"VisibilityTimeout\":\"-1\"}") == ERR_INVALID);
    CHECK(queue_rig_create(&t, "q", "{\"DelaySeconds\":\"901\"}") == ERR_INVALID);
    CHECK(queue_rig_create(&t, "q", "{\"MaximumMessageSize\":\"1023\"}") == ERR_INVALID);
    CHECK(queue_rig_create(&t, "q", "{\"MaximumMessageSize\":\"1048577\"}") == ERR_INVALID);
    CHECK(queue_rig_create(&t, "q", "{\"MessageRetentionPeriod\":\"59\"}") == ERR_INVALID);
    CHECK(queue_rig_create(&t, "q", "{\"ReceiveMessageWaitTimeSeconds\":\"21\"}") == ERR_INVALID);
    CHECK(queue_rig_create(&t, "q", "{\"Colour\":\"red\"}") == ERR_INVALID);
    CHECK(queue_rig_create(&t, "no dots.", "{}") == ERR_INVALID);
    CHECK(queue_rig_create(&t, "", "{}") == ERR_INVALID);
    CHECK(queue_rig_take(&t, "q")->err == ERR_UNKNOWN_QUEUE);
    CHECK(queue_rig_create(&t, "q", "{\"VisibilityTimeout\":\"43200\",\"DelaySeconds\":\"900\"}") ==
          ERR_NONE);
    queue_rig_close(&t);
}

TEST(changed_attributes_are_in_force_and_outlive_a_restart)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_create(&t, "mail", "{\"DelaySeconds\":\"1\"}") == ERR_NONE);
    CHECK(queue_rig_set(&t, "mail", "{\"ReceiveMessageWaitTimeSeconds\":\"5\"}") == ERR_NONE);
    queue_rig_restart(&t);
    struct queue_rig_got *g = queue_rig_receive(&t, "mail", 1, -1, -1);
    CHECK(!g->is_answered);
    queue_rig_pass(&t, 5000);
    CHECK(queue_rig_is(g, ""));
    struct queue_info info;
    CHECK(t.front->ops->info(t.front, SLICE("mail"), &info) == ERR_NONE);
    CHECK(slice_eq_text(info.attributes,
                        "{\"VisibilityTimeout\":\"30\",\"DelaySeconds\":\"1\","
                        "\"MaximumMessageSize\":\"1048576\",\"MessageRetentionPeriod\":\"345600\","
                        "\"ReceiveMessageWaitTimeSeconds\":\"5\"}"));
    t.store_err = ERR_STORE;
    CHECK(queue_rig_set(&t, "mail", "{\"DelaySeconds\":\"9\"}") == ERR_STORE);
    t.store_err = ERR_NONE;
    CHECK(queue_rig_create(&t, "mail", "{\"DelaySeconds\":\"1\"}") == ERR_NONE);
    queue_rig_close(&t);
}

TEST(a_queue_that_could_not_be_stored_was_never_made)
{
    struct rig t;
    queue_rig_open(&t);
    t.store_err = ERR_DISK_FULL;
    CHECK(queue_rig_create(&t, "mail", "{}") == ERR_DISK_FULL);
    t.store_err = ERR_NONE;
    CHECK(queue_rig_take(&t, "mail")->err == ERR_UNKNOWN_QUEUE);
    CHECK(queue_rig_create(&t, "mail", "{\"DelaySeconds\":\"9\"}") == ERR_NONE);
    queue_rig_close(&t);
}

TEST(a_dropped_queue_is_gone_with_its_messages_and_its_receives_are_told)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_create(&t, "mail", "{}") == ERR_NONE);
    CHECK(queue_rig_send_later(&t, "mail", "m", 900000) == ERR_NONE);
    struct queue_rig_got *g = queue_rig_receive(&t, "mail", 1, 20000, -1);
    CHECK(queue_rig_drop(&t, "mail") == ERR_NONE);
    CHECK(g->is_answered && g->err == ERR_UNKNOWN_QUEUE);
    CHECK(queue_rig_take(&t, "mail")->err == ERR_UNKNOWN_QUEUE);
    CHECK(queue_rig_create(&t, "mail", "{}") == ERR_NONE);
    queue_rig_pass(&t, 900000);
    CHECK(queue_rig_is(queue_rig_take(&t, "mail"), ""));
    queue_rig_close(&t);
}

TEST(a_queue_that_templates_use_is_not_dropped)
{
    struct rig t;
    queue_rig_open(&t);
    CHECK(queue_rig_offer(&t, "bake", 1) == ERR_NONE);
    CHECK(queue_rig_drop(&t, "food") == ERR_REFUSED);
    CHECK(queue_rig_drop(&t, QUEUE_EVENTS) == ERR_REFUSED);
    CHECK(queue_rig_set(&t, QUEUE_EVENTS, "{\"DelaySeconds\":\"9\"}") == ERR_REFUSED);
    CHECK(queue_rig_create(&t, QUEUE_EVENTS, "{}") == ERR_NONE);
    CHECK(queue_rig_is(queue_rig_take(&t, "food"), "bake"));
    queue_rig_close(&t);
}

TEST(queues_are_listed_in_order_of_name)
{
    struct rig t;
    struct queue_info info;
    char names[64] = "";
    int len = 0;
    queue_rig_open(&t);
    CHECK(queue_rig_create(&t, "b", "{}") == ERR_NONE &&
          queue_rig_create(&t, "a-2", "{}") == ERR_NONE);
    CHECK(queue_rig_create(&t, "a-1", "{}") == ERR_NONE);
    CHECK(queue_local_declare(t.q, SLICE("a")) == ERR_NONE);
    struct slice after = SLICE_NONE;
    while (t.front->ops->next(t.front, after, SLICE_NONE, &info)) {
        len += snprintf(names + len, sizeof names - (size_t)len, "%.*s ", SLICE_ARG(info.name));
        after = info.name;
    }
    CHECK(strcmp(names, "a a-1 a-2 b swm-events ") == 0);
    CHECK(t.front->ops->next(t.front, SLICE_NONE, SLICE("a-"), &info));
    CHECK(slice_eq_text(info.name, "a-1"));
    CHECK(t.front->ops->next(t.front, SLICE("a-1"), SLICE("a-"), &info));
    CHECK(slice_eq_text(info.name, "a-2"));
    CHECK(!t.front->ops->next(t.front, SLICE("a-2"), SLICE("a-"), &info));
    queue_rig_close(&t);
}
