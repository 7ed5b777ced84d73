/* The hooks of the memory store, which the simulator builds its crashes from. */
#include "contract.h"

#include "store/store_mem.h"

static uint32_t count_feed(struct rig *t)
{
    struct store_request *r = rig_request(t, STORE_FEED);

    CHECK(rig_do(t, r) == ERR_NONE);
    return r->record_count;
}

CONTRACT(MEMORY, pending_requests_are_lost_in_a_crash)
{
    rig_submit(t, rig_commit(t, "a", 1, 1));
    rig_submit(t, rig_commit(t, "b", 1, 1));
    CHECK(store_mem_pending(t->store) == 2);
    store_mem_drop_pending(t->store, false);
    CHECK(store_mem_pending(t->store) == 0);
    CHECK(count_feed(t) == 0);
}

CONTRACT(MEMORY, pending_requests_are_done_without_an_answer_in_a_crash)
{
    struct store_request *done[1];

    rig_submit(t, rig_commit(t, "a", 1, 1));
    store_mem_drop_pending(t->store, true);
    CHECK(t->store->ops->complete(t->store, done, 1) == 0);
    CHECK(count_feed(t) == 1);
}

CONTRACT(MEMORY, a_crash_may_fall_between_two_pending_requests)
{
    rig_submit(t, rig_commit(t, "a", 1, 1));
    rig_submit(t, rig_commit(t, "b", 1, 1));
    store_mem_apply(t->store, 1);
    store_mem_drop_pending(t->store, false);
    CHECK(count_feed(t) == 1);
}

CONTRACT(MEMORY, nothing_is_done_before_it_is_collected)
{
    struct store_request *read = rig_request(t, STORE_FEED), *done[2];

    rig_submit(t, read);
    rig_submit(t, rig_commit(t, "a", 1, 1));
    CHECK(t->store->ops->complete(t->store, done, 1) == 1);
    CHECK(done[0] == read && read->record_count == 0);
    CHECK(store_mem_pending(t->store) == 1);
    rig_collect(t, 1);
    CHECK(count_feed(t) == 1);
}

static bool fail_commits(void *context, const struct store_request *r, enum err *err,
                         bool *apply_anyway)
{
    const bool *applies = context;

    *err = ERR_DISK_FULL;
    *apply_anyway = *applies;
    return r->op == STORE_COMMIT;
}

CONTRACT(MEMORY, a_fault_fails_a_request_and_may_do_it_nevertheless)
{
    bool applies = false;

    store_mem_set_fault(t->store, fail_commits, &applies);
    CHECK(rig_do(t, rig_commit(t, "a", 1, 1)) == ERR_DISK_FULL);
    CHECK(count_feed(t) == 0);
    applies = true;
    CHECK(rig_do(t, rig_commit(t, "a", 1, 1)) == ERR_DISK_FULL);
    CHECK(count_feed(t) == 1);
    store_mem_set_fault(t->store, NULL, NULL);
    CHECK(rig_do(t, rig_commit(t, "a", 1, 1)) == ERR_CONFLICT);
}

/* Every chunk that a commit asks for fails once; whichever it was, the commit left nothing. */
CONTRACT(MEMORY, a_commit_short_of_memory_leaves_nothing)
{
    static char large[100000];
    unsigned long failed = 0;
    enum err err = ERR_MEMORY;

    for (unsigned long n = 1; err == ERR_MEMORY; n++) {
        struct store_request *c = rig_start(t, rig_row(t, "a", "K"));
        struct store_payload payload = {.digest = {1}, .text = {large, sizeof(large)}};
        c->records[0].bytes = (struct slice){large, sizeof(large)};
        c->payloads = &payload;
        c->payload_count = 1;
        arena_fail_after(n);
        err = rig_do(t, c);
        arena_fail_after(0);
        failed += err == ERR_MEMORY;
        CHECK(count_feed(t) == (err == ERR_NONE));
    }
    CHECK(err == ERR_NONE);
    CHECK(failed >= 2);
}
