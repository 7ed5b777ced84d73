/* The contract of the store port, as tests that every driver passes. A test registers itself; it is
 * run once for each driver, with a fresh empty store, and prints `ok DRIVER: NAME` or `not ok …`.
 */
#ifndef SWM_TEST_CONTRACT_H
#define SWM_TEST_CONTRACT_H

#include "base/time.h"
#include "port/store.h"

#include <stdio.h>

#define DIR_BYTES 128

enum driver {
    MEMORY = 1,
    SQLITE = 2,
    SHARED = 4,  /* memory, shared by several nodes */
    MONGODB = 8, /* only with SWM_TEST_MONGODB, the address of a server, in the environment */
    OWN = MEMORY | SQLITE,
    CLUSTER = SHARED | MONGODB,
    WHOLE = OWN | SHARED, /* a request is done whole or not at all, and positions are 1, 2, 3 */
    ALL = OWN | CLUSTER,
    KEEPS = SQLITE | MONGODB, /* what it holds outlives it */
};

struct rig_request; /* a request with its arena */

struct rig {
    enum driver driver;
    struct store *store;
    struct arena arena; /* of requests and inputs; dropped after the test, results too */
    struct rig_request *requests;
    char dir[DIR_BYTES]; /* SQLite: the data folder, removed after the test */
    unsigned number;     /* of the run; MongoDB: of its database */
    char message[512];
};

struct contract {
    const char *name;
    enum driver drivers;
    void (*run)(struct rig *t);
    struct contract *next;
};

void contract_add(struct contract *c);
/* Notes the first failure of the running test; what follows in it still runs. */
void contract_check(bool is, const char *what, const char *file, int line);

#define CHECK(is) contract_check((is), #is, __FILE__, __LINE__)

#define CONTRACT(drivers, name)                                                                    \
    static void name(struct rig *t);                                                               \
    static struct contract contract_##name = {#name, drivers, name, NULL};                         \
    __attribute__((constructor)) static void add_##name(void)                                      \
    {                                                                                              \
        contract_add(&contract_##name);                                                            \
    }                                                                                              \
    static void name(struct rig *t)

/* Opens the store of rig's driver; closing and opening again keeps what SQLite has. */
enum err rig_open(struct rig *t) MUST_USE;
void rig_close(struct rig *t);
void rig_reopen(struct rig *t);
void rig_drop(struct rig *t); /* its requests and texts */
/* An empty folder of its own, and its removal with the files in it. */
void rig_make_dir(char dir[DIR_BYTES]);
void rig_remove_dir(const char *dir);
/* MongoDB: the address of the test's database, with more options ("&name=value"). */
const char *rig_address(struct rig *t, const char *options);
/* "dir/name" in the rig's arena. */
const char *rig_path(struct rig *t, const char *name);

/* A zeroed request. */
struct store_request *rig_request(struct rig *t, enum store_op op);
/* Submits it and waits until it is done. */
enum err rig_do(struct rig *t, struct store_request *r);
void rig_submit(struct rig *t, struct store_request *r);
/* Waits until `count` more requests are done. */
void rig_collect(struct rig *t, size_t count);
struct slice rig_text(struct rig *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A commit of `count` records from `seq` on, without a row. */
struct store_request *rig_commit(struct rig *t, const char *instance, uint64_t seq, uint32_t count);
/* An open row of template "pizza", RUNNING, started at 1000, never woken. */
struct store_row *rig_row(struct rig *t, const char *id, const char *key);
/* A commit of record 1 with a row. */
struct store_request *rig_start(struct rig *t, struct store_row *row);
enum err rig_write_row(struct rig *t, struct store_row *row);
/* Commits record 1 and sees that the row is written. */
enum err rig_put(struct rig *t, struct store_row *row);

#endif
