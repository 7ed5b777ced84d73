/* The SQLite driver on a disk that is slow, full or failing. */
#include "contract.h"

#include "fault_vfs.h"

#include <poll.h>

/* The first commit to a new log syncs its header too; afterwards each batch is one sync, its last
 * act on the file. So every test begins with one record there. */
static void open_with_faults(struct rig *t)
{
    rig_close(t);
    fault_vfs_install();
    CHECK(rig_open(t) == ERR_NONE);
    CHECK(rig_do(t, rig_commit(t, "warm", 1, 1)) == ERR_NONE);
}

static uint32_t count_feed(struct rig *t)
{
    struct store_request *r = rig_request(t, STORE_FEED);

    CHECK(rig_do(t, r) == ERR_NONE);
    return r->record_count;
}

CONTRACT(SQLITE, a_commit_is_not_reported_before_its_sync_has_returned)
{
    struct store_request *done[1];

    open_with_faults(t);
    fault_vfs_hold_syncs(true);
    rig_submit(t, rig_commit(t, "a", 1, 1));
    CHECK(fault_vfs_wait_held());
    struct pollfd p = {.fd = t->store->ops->wake_fd(t->store), .events = POLLIN};
    CHECK(poll(&p, 1, 0) == 0);
    CHECK(t->store->ops->complete(t->store, done, 1) == 0);
    CHECK(count_feed(t) == 1); /* reads go on meanwhile, and see only what is durable */
    fault_vfs_hold_syncs(false);
    rig_collect(t, 1);
    CHECK(count_feed(t) == 2);
    rig_close(t);
    fault_vfs_remove();
}

CONTRACT(SQLITE, what_gathers_during_a_sync_shares_the_next)
{
    open_with_faults(t);
    fault_vfs_hold_syncs(true);
    rig_submit(t, rig_commit(t, "first", 1, 1));
    CHECK(fault_vfs_wait_held());
    unsigned long before = fault_vfs_sync_count();
    for (int i = 0; i < 200; i++) {
        rig_submit(t, rig_commit(t, rig_text(t, "i%d%c", i, 0).at, 1, 1));
    }
    fault_vfs_hold_syncs(false);
    rig_collect(t, 201);
    CHECK(fault_vfs_sync_count() == before + 1);
    CHECK(count_feed(t) == 202);
    rig_close(t);
    fault_vfs_remove();
}

CONTRACT(SQLITE, a_full_disk_fails_writes_and_not_reads_and_is_recovered_from)
{
    struct store_request *again = rig_commit(t, "a", 2, 1);

    open_with_faults(t);
    CHECK(rig_do(t, rig_commit(t, "a", 1, 1)) == ERR_NONE);
    fault_vfs_set_full(true);
    for (int i = 0; i < 3; i++) {
        CHECK(rig_do(t, rig_commit(t, "a", 2, 1)) == ERR_DISK_FULL);
        CHECK(rig_do(t, rig_start(t, rig_row(t, "b", "K"))) == ERR_DISK_FULL);
        CHECK(count_feed(t) == 2);
    }
    fault_vfs_set_full(false);
    CHECK(rig_do(t, again) == ERR_NONE);
    CHECK(again->last_pos == 3);
    CHECK(rig_do(t, rig_start(t, rig_row(t, "b", "K"))) == ERR_NONE);
    rig_reopen(t);
    CHECK(count_feed(t) == 4);
    rig_close(t);
    fault_vfs_remove();
}

CONTRACT(SQLITE, a_batch_that_meets_a_full_disk_fails_whole)
{
    struct store_request *all[50], *first = rig_commit(t, "first", 1, 1);

    open_with_faults(t);
    fault_vfs_hold_syncs(true);
    rig_submit(t, first);
    CHECK(fault_vfs_wait_held());
    for (int i = 0; i < 50; i++) {
        all[i] = rig_commit(t, rig_text(t, "i%d%c", i, 0).at, 1, 1);
        rig_submit(t, all[i]);
    }
    fault_vfs_set_full(true);
    fault_vfs_hold_syncs(false);
    rig_collect(t, 51);
    CHECK(first->err == ERR_NONE);
    for (int i = 0; i < 50; i++) {
        CHECK(all[i]->err == ERR_DISK_FULL);
    }
    fault_vfs_set_full(false);
    CHECK(count_feed(t) == 2);
    rig_close(t);
    fault_vfs_remove();
}

/* The kernel forgets what it failed to write: a later sync that succeeds would prove nothing. */
CONTRACT(SQLITE, after_a_failed_sync_nothing_is_acknowledged_until_the_next_opening)
{
    open_with_faults(t);
    CHECK(rig_do(t, rig_commit(t, "a", 1, 1)) == ERR_NONE);
    fault_vfs_fail_syncs(true);
    CHECK(rig_do(t, rig_commit(t, "a", 2, 1)) == ERR_STORE);
    CHECK(count_feed(t) == 2);
    fault_vfs_fail_syncs(false);
    CHECK(rig_do(t, rig_commit(t, "a", 2, 1)) == ERR_STORE);
    CHECK(rig_do(t, rig_commit(t, "b", 1, 1)) == ERR_STORE);
    CHECK(count_feed(t) == 2);
    rig_reopen(t);
    /* What became of it is known now: it stood, or it can be appended. */
    uint32_t stood = count_feed(t);
    CHECK(rig_do(t, rig_commit(t, "a", 2, 1)) == (stood == 3 ? ERR_CONFLICT : ERR_NONE));
    CHECK(count_feed(t) == 3);
    rig_close(t);
    fault_vfs_remove();
}
