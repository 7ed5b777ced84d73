/* A second way into the test's MongoDB, beside the store: to look at what is there, to take away
 * what a node would have written had it not died, to let single commands fail, and to open the
 * store as another node. */
#ifndef SWM_TEST_CONTRACT_MONGO_RIG_H
#define SWM_TEST_CONTRACT_MONGO_RIG_H

#include "contract.h"

#include <mongoc/mongoc.h>

struct mongo_rig {
    struct rig *t;
    mongoc_client_t *client;
    const char *database;
};

struct mongo_rig mongo_rig_open(struct rig *t);
void mongo_rig_close(struct mongo_rig *m);
/* Runs a command, given in JSON, in the test's database, and gives the number in a field of the
 * answer; -1: it failed. */
int64_t mongo_rig_run(struct mongo_rig *m, const char *json, const char *field);
/* The next `times` (0: all) of the commands named fail as `data` says (both JSON). With an `app`,
 * only those of a store whose address has that appName. */
void mongo_rig_fail(struct mongo_rig *m, int times, const char *commands, const char *data,
                    const char *app);
void mongo_rig_heal(struct mongo_rig *m);
/* Another node's store over the same database. */
struct rig mongo_rig_other(struct rig *t, const char *node, const char *options);
void mongo_rig_close_other(struct rig *other);

#endif
