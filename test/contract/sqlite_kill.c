/* A process that is killed while it commits: whatever it had acknowledged is there afterwards, and
 * every chain is without a gap. Seeded, so that a failure comes again. */
#include "contract.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define INSTANCES 16
#define ROUNDS 20

struct ack {
    uint32_t instance;
    uint32_t seq;
};

static const char *name_of(struct rig *t, uint32_t instance)
{
    return rig_text(t, "i%u%c", instance, 0).at;
}

/* Commits to all instances, one in flight each, and tells every acknowledgement, until it is
 * killed. Never returns: what it shares with the test is the folder and the pipe. */
static void commit_for_ever(struct rig *t, const uint32_t *from, int out)
{
    uint32_t seq[INSTANCES];

    if (rig_open(t) != ERR_NONE) {
        _exit(2);
    }
    for (uint32_t i = 0; i < INSTANCES; i++) {
        struct store_request *c = rig_commit(t, name_of(t, i), from[i] + 1, 1);
        seq[i] = from[i] + 1;
        c->owner = &seq[i];
        rig_submit(t, c);
    }
    for (;;) {
        struct store_request *done[INSTANCES];
        size_t count = t->store->ops->complete(t->store, done, INSTANCES);
        for (size_t k = 0; k < count; k++) {
            uint32_t *of = done[k]->owner;
            struct ack a = {(uint32_t)(of - seq), (*of)++};
            if (done[k]->err != ERR_NONE || write(out, &a, sizeof(a)) != (ssize_t)sizeof(a)) {
                _exit(3);
            }
            struct store_request *c = rig_commit(t, name_of(t, a.instance), *of, 1);
            c->owner = of;
            rig_submit(t, c);
        }
    }
}

/* Reads acknowledgements until there are `count`, kills, and reads the rest. */
static void kill_after(pid_t child, int in, uint32_t count, uint32_t *acknowledged)
{
    struct ack a;
    uint32_t seen = 0;

    while (read(in, &a, sizeof(a)) == (ssize_t)sizeof(a)) {
        acknowledged[a.instance] = a.seq;
        if (++seen == count) {
            kill(child, SIGKILL);
        }
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    CHECK(seen >= count);
}

/* Where each chain ends, and that it has no gap. */
static void check_chains(struct rig *t, const uint32_t *acknowledged, uint32_t *from)
{
    for (uint32_t i = 0; i < INSTANCES; i++) {
        struct store_request *r = rig_request(t, STORE_RECORDS);
        r->id = slice_of(name_of(t, i));
        CHECK(rig_do(t, r) == ERR_NONE);
        for (uint32_t k = 0; k < r->record_count; k++) {
            CHECK(r->records[k].seq == k + 1);
        }
        CHECK(r->record_count >= acknowledged[i] && r->record_count <= acknowledged[i] + 1);
        from[i] = r->record_count;
    }
}

static void check_integrity(struct rig *t)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;

    CHECK(sqlite3_open_v2(rig_path(t, "swm.db"), &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
    CHECK(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL) == SQLITE_OK);
    CHECK(sqlite3_step(stmt) == SQLITE_ROW);
    CHECK(strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

CONTRACT(SQLITE, what_was_acknowledged_survives_kill_9_at_any_moment)
{
    uint32_t acknowledged[INSTANCES] = {0}, from[INSTANCES] = {0};
    unsigned short seed[3] = {4, 4, 4};

    rig_close(t);
    for (int round = 0; round < ROUNDS; round++) {
        int fds[2] = {-1, -1};
        CHECK(pipe(fds) == 0);
        pid_t child = fork();
        if (child == 0) {
            close(fds[0]);
            commit_for_ever(t, from, fds[1]);
        }
        close(fds[1]);
        kill_after(child, fds[0], 1 + (uint32_t)(nrand48(seed) % 400), acknowledged);
        close(fds[0]);
        CHECK(rig_open(t) == ERR_NONE);
        check_chains(t, acknowledged, from);
        memcpy(acknowledged, from, sizeof(from));
        rig_close(t);
    }
    check_integrity(t);
}
