/* Runs every test of the contract for every driver it is about, or those whose name holds the
 * argument, and gives tests what they share. */
#include "contract.h"

#include "store/store_mem.h"
#include "store/store_mongo.h"
#include "store/store_sqlite.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS 60000 /* only a test that hangs waits so long */

static struct contract *contracts;
static const char *failed_what, *failed_file;
static int failed_line;

void contract_add(struct contract *c)
{
    c->next = contracts;
    contracts = c;
}

void contract_check(bool is, const char *what, const char *file, int line)
{
    if (is || failed_what != NULL) {
        return;
    }
    failed_what = what;
    failed_file = file;
    failed_line = line;
}

struct rig_request {
    struct store_request request;
    struct arena arena; /* its own: a driver's thread may work in it beside the test */
    struct rig_request *next;
};

static void give_up(const char *what)
{
    printf("not ok %s\n", what);
    exit(1);
}

/* --- the rig --- */

void rig_make_dir(char dir[DIR_BYTES])
{
    const char *tmp = getenv("TMPDIR");

    snprintf(dir, DIR_BYTES, "%s/swm-contract-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(dir) == NULL) {
        give_up("a folder for the test cannot be made");
    }
}

void rig_remove_dir(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *e;

    while (d != NULL && (e = readdir(d)) != NULL) {
        unlinkat(dirfd(d), e->d_name, 0);
    }
    if (d != NULL) {
        closedir(d);
    }
    rmdir(dir);
}

const char *rig_path(struct rig *t, const char *name)
{
    return rig_text(t, "%s/%s%c", t->dir, name, '\0').at;
}

/* The address has a %u where the database's number goes. */
const char *rig_address(struct rig *t, const char *options)
{
    const char *address = getenv("SWM_TEST_MONGODB"), *mark = strstr(address, "%u");
    struct slice head = {address, mark == NULL ? strlen(address) : (size_t)(mark - address)};

    return rig_text(t, "%.*s%d_%u%s%s%c", SLICE_ARG(head), (int)getpid(), t->number,
                    mark == NULL ? "" : mark + 2, options, '\0')
        .at;
}

enum err rig_open(struct rig *t)
{
    if (t->driver == SQLITE) {
        return store_sqlite_open(t->dir, &t->store, t->message);
    }
    if (t->driver == MONGODB) {
        return store_mongo_open(rig_address(t, ""), "n", &t->store, t->message);
    }
    enum err err = store_mem_open(&t->store);
    if (err == ERR_NONE && t->driver == SHARED) {
        store_mem_share(t->store);
    }
    return err;
}

void rig_close(struct rig *t)
{
    t->store->ops->close(t->store);
    t->store = NULL;
}

void rig_reopen(struct rig *t)
{
    if ((t->driver & KEEPS) == 0) {
        return;
    }
    rig_close(t);
    if (rig_open(t) != ERR_NONE) {
        give_up(t->message);
    }
}

void rig_drop(struct rig *t)
{
    for (struct rig_request *r = t->requests; r != NULL; r = r->next) {
        arena_drop(&r->arena);
    }
    arena_drop(&t->arena);
}

struct slice rig_text(struct rig *t, const char *format, ...)
{
    char buf[1024];
    va_list arguments;

    va_start(arguments, format);
    int len = vsnprintf(buf, sizeof(buf), format, arguments);
    va_end(arguments);
    return slice_copy(&t->arena, (struct slice){buf, (size_t)len});
}

struct store_request *rig_request(struct rig *t, enum store_op op)
{
    struct rig_request *r = arena_alloc(&t->arena, sizeof(*r));

    arena_init(&r->arena, SIZE_MAX);
    r->request.arena = &r->arena;
    r->request.op = op;
    r->request.owner = t;
    r->next = t->requests;
    t->requests = r;
    return &r->request;
}

void rig_submit(struct rig *t, struct store_request *r)
{
    t->store->ops->submit(t->store, r);
}

void rig_collect(struct rig *t, size_t count)
{
    struct store_request *done[16];
    struct pollfd p = {.fd = t->store->ops->wake_fd(t->store), .events = POLLIN};

    while (count > 0) {
        if (p.fd >= 0 && poll(&p, 1, PATIENCE_MS) != 1) {
            give_up("the store does not finish its requests");
        }
        size_t got = t->store->ops->complete(t->store, done, count < 16 ? count : 16);
        if (got == 0) {
            give_up("the store says it has finished requests and gives none");
        }
        count -= got;
    }
}

enum err rig_do(struct rig *t, struct store_request *r)
{
    rig_submit(t, r);
    rig_collect(t, 1);
    return r->err;
}

struct store_request *rig_commit(struct rig *t, const char *instance, uint64_t seq, uint32_t count)
{
    struct store_request *r = rig_request(t, STORE_COMMIT);

    r->id = rig_text(t, "%s", instance);
    r->records = arena_array(&t->arena, count, sizeof(*r->records));
    r->record_count = count;
    for (uint32_t i = 0; i < count; i++) {
        r->records[i] = (struct store_record){
            .seq = seq + i,
            .at_ms = 1000 + (int64_t)(seq + i),
            .event = SLICE("TaskCompleted"),
            .verdict = SLICE("applied"),
            .bytes = rig_text(t, "{\"seq\":%llu,\"of\":\"%s\"}", (unsigned long long)(seq + i),
                              instance),
        };
    }
    return r;
}

struct store_row *rig_row(struct rig *t, const char *id, const char *key)
{
    struct store_row *row = arena_alloc(&t->arena, sizeof(*row));

    *row = (struct store_row){
        .id = rig_text(t, "%s", id),
        .template = SLICE("pizza"),
        .key = key != NULL ? rig_text(t, "%s", key) : SLICE_NONE,
        .status = SLICE("RUNNING"),
        .stage = SLICE("order"),
        .business_status = SLICE("ORDER CONFIRMED"),
        .version = 3,
        .started_at_ms = 1000,
        .updated_at_ms = 1000,
        .wake_at_ms = TIME_NEVER,
        .is_open = true,
        .rev = 1,
        .state = SLICE("{\"f\":1}"),
    };
    return row;
}

struct store_request *rig_start(struct rig *t, struct store_row *row)
{
    struct store_request *r = rig_commit(t, slice_text(&t->arena, row->id), 1, 1);

    r->rows = row;
    r->row_count = 1;
    return r;
}

enum err rig_write_row(struct rig *t, struct store_row *row)
{
    struct store_request *r = rig_request(t, STORE_ROWS);

    r->rows = row;
    r->row_count = 1;
    return rig_do(t, r);
}

enum err rig_put(struct rig *t, struct store_row *row)
{
    struct store_request *start = rig_start(t, row);
    enum err err = rig_do(t, start);

    return err != ERR_NONE || start->is_row_written ? err : rig_write_row(t, row);
}

/* --- the runner --- */

static const struct {
    enum driver driver;
    const char *name;
} drivers[] = {
    {MEMORY, "memory"}, {SQLITE, "sqlite"}, {SHARED, "shared memory"}, {MONGODB, "mongodb"}};

static int run(const struct contract *c, enum driver driver, const char *name)
{
    static unsigned runs;
    struct rig t = {.driver = driver, .number = ++runs};

    failed_what = NULL;
    arena_init(&t.arena, SIZE_MAX);
    rig_make_dir(t.dir);
    if (rig_open(&t) != ERR_NONE) {
        give_up(t.message);
    }
    c->run(&t);
    if (t.store != NULL) {
        rig_close(&t);
    }
    rig_remove_dir(t.dir);
    rig_drop(&t);
    if (failed_what != NULL) {
        printf("not ok %s: %s: %s:%d: %s\n", name, c->name, failed_file, failed_line, failed_what);
    } else {
        printf("ok %s: %s\n", name, c->name);
    }
    (void)fflush(stdout);
    return failed_what != NULL;
}

/* SWM_TEST_DRIVER names one driver; MongoDB is only where an address is given. */
static bool is_asked(size_t at)
{
    const char *only = getenv("SWM_TEST_DRIVER");

    return (drivers[at].driver != MONGODB || getenv("SWM_TEST_MONGODB") != NULL) &&
           (only == NULL || strcmp(only, drivers[at].name) == 0);
}

/* SWM_TEST_SHARE=K/N: of all runs each N-th one, from the K-th on, so that several programs do all.
 */
static bool is_in_share(unsigned number)
{
    const char *share = getenv("SWM_TEST_SHARE");
    unsigned first = 0, step = 1;

    return share == NULL || (sscanf(share, "%u/%u", &first, &step) == 2 && step > 0 &&
                             number % step == first % step);
}

int main(int argc, char **argv)
{
    unsigned runs = 0;
    int failures = 0;

    for (struct contract *c = contracts; c != NULL; c = c->next) {
        if (argc > 1 && strstr(c->name, argv[1]) == NULL) {
            continue;
        }
        for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
            bool is = (c->drivers & drivers[i].driver) != 0 && is_asked(i);
            if (is && is_in_share(runs++)) {
                failures += run(c, drivers[i].driver, drivers[i].name);
            }
        }
    }
    return failures > 0;
}
