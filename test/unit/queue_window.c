/* More messages than a queue holds in memory, and more in flight than there may be. */
#include "core/limits.h"
#include "queue_rig.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

static enum err offer_numbered(struct rig *t, int n)
{
    char task[16];
    (void)snprintf(task, sizeof task, "t%d", n);
    struct queue_message m = queue_rig_name(t, task, 1);
    return t->port->ops->offer(t->port, &m);
}

TEST(no_more_messages_are_in_flight_than_may_be)
{
    struct rig t;
    queue_rig_open(&t);
    int n = 0, in_flight = 0;
    while (in_flight < QUEUE_INFLIGHT_MAX) {
        for (int i = 0; i < 10; i++)
            CHECK(offer_numbered(&t, n++) == ERR_NONE);
        struct queue_rig_got *g = queue_rig_receive(&t, "food", 10, 0, 43200000);
        CHECK(g->count == 10);
        in_flight += 10;
    }
    CHECK(offer_numbered(&t, n++) == ERR_NONE);
    CHECK(queue_rig_take(&t, "food")->err == ERR_OVERLOAD);
    struct queue_rig_got *waiting = queue_rig_receive(&t, "food", 1, 20000, -1);
    CHECK(!waiting->is_answered);
    struct queue_message m = queue_rig_name(&t, "t0", 1);
    t.port->ops->withdraw(t.port, &m);
    queue_rig_settle(&t);
    CHECK(waiting->is_answered && waiting->count == 1);
    queue_rig_close(&t);
}

static int refill_next;

static void refill_rest(struct rig *t)
{
    while (refill_next < QUEUE_WINDOW_MAX + 100 && offer_numbered(t, refill_next) == ERR_NONE)
        refill_next++;
}

/* A queue with one message, which has asked what the store knows of it, as every new one does. */
static void open_read(struct rig *t)
{
    queue_rig_open(t);
    CHECK(offer_numbered(t, 0) == ERR_NONE);
    queue_rig_settle(t);
    CHECK(t->refills > 0);
    t->refills = 0;
}

TEST(beyond_the_window_offers_are_dropped_and_read_again_when_it_runs_low)
{
    struct rig t;
    open_read(&t);
    for (int n = 1; n < QUEUE_WINDOW_MAX; n++)
        CHECK(offer_numbered(&t, n) == ERR_NONE);
    CHECK(offer_numbered(&t, QUEUE_WINDOW_MAX) == ERR_MEMORY);
    queue_rig_settle(&t);
    CHECK(t.refills == 0);
    refill_next = QUEUE_WINDOW_MAX;
    t.refill = refill_rest;
    int received = 0;
    for (struct queue_rig_got *g;
         (g = queue_rig_receive(&t, "food", 10, 0, 43200000))->count > 0;) {
        received += (int)g->count;
        queue_rig_settle(&t);
    }
    CHECK(received == QUEUE_WINDOW_MAX + 100 && t.refills == 1);
    queue_rig_close(&t);
}

TEST(a_refill_that_brings_nothing_is_tried_again_only_after_a_while)
{
    struct rig t;
    open_read(&t);
    for (int n = 1; n <= QUEUE_WINDOW_MAX; n++)
        (void)offer_numbered(&t, n);
    t.has_more = true;
    while (queue_rig_receive(&t, "food", 10, 0, 43200000)->count > 0)
        queue_rig_settle(&t);
    CHECK(t.refills == 1);
    queue_rig_pass(&t, 1000);
    CHECK(t.refills == 2);
    t.has_more = false;
    queue_rig_pass(&t, 1000);
    queue_rig_pass(&t, 60000);
    CHECK(t.refills == 3);
    queue_rig_close(&t);
}
