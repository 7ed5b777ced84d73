/* What the files of the MongoDB driver share: the store, its lanes, and documents. */
#ifndef SWM_STORE_STORE_MONGO_INT_H
#define SWM_STORE_STORE_MONGO_INT_H

#include "store/store_mongo.h"

#include "base/time.h"

#include <mongoc/mongoc.h>
#include <pthread.h>
#include <stdatomic.h>

#define BATCH_COMMITS_MAX 256
#define BATCH_BYTES_MAX (4 * 1024 * 1024)
#define BATCH_LOADS_MAX 64
#define COMMIT_WAIT_MS 20000 /* for a primary; then the result is unknown */
#define READ_WAIT_MS 8000
#define RETRY_MS 100    /* between two tries, growing tenfold */
#define PENDING_MS 2000 /* a reserved key whose record is not there wakes somebody then */
#define MARGIN_MS 1000  /* how far the clocks of nodes may be apart */
#define GONE_MS 30000   /* nothing of a node so long silent is on its way any more */
#define STATE_BYTES_MAX                                                                            \
    (12 * 1024 * 1024)         /* of a row; larger ones are made of records each time              \
                                */
#define COMMIT_RECORDS_MAX 256 /* of one document */

#define POS_UNIT 256 /* one position of a node and the next differ by this */
#define POS_OF_MS(ms) ((uint64_t)(ms) << 20)

enum collection {
    C_EVENTS,
    C_INSTANCES,
    C_PAYLOADS,
    C_TEMPLATES,
    C_QUEUES,
    C_MESSAGES,
    C_META,
    C_KEYS,
    C_NODES,
    C_COUNT
};
extern const char *const mongo_names[C_COUNT];

enum lane_kind { LANE_COMMIT, LANE_ROWS, LANE_WRITE, LANE_READ, LANE_BEAT, LANE_KIND_COUNT };

struct store_mongo;

struct lane { /* a thread with its own connection */
    struct store_mongo *store;
    enum lane_kind kind;
    pthread_t thread;
    bool is_running;
    mongoc_client_t *client;
    mongoc_collection_t *collections[C_COUNT];
    struct arena *arena; /* of the request that it works on */
    int64_t request_id;  /* what tells what it wrote from what others wrote */
    uint64_t oldest_pos; /* under the lock: the first that is on its way; UINT64_MAX: none */
};

#define LANES_MAX 8

struct store_mongo {
    struct store base;
    mongoc_client_pool_t *pool, *beat_pool; /* one and the same, where it is brief */
    bool is_brief;
    char database[64];
    char node[128];
    int wake_fd;
    pthread_mutex_t lock;
    pthread_cond_t wake[LANE_KIND_COUNT];
    struct list waiting[LANE_KIND_COUNT]; /* under the lock */
    struct list done;
    bool is_closing;
    uint64_t last_unit; /* of positions, under the lock */
    _Atomic int64_t offset_ms;
    struct lane lanes[LANES_MAX];
    int lane_count;
};

/* --- store_mongo.c --- */
/* Waits before a try is made again. False: the time is over, or the store closes. */
bool mongo_wait(struct lane *l, int64_t until_ms, unsigned *tries);

/* --- store_mongo_time.c --- */
int64_t mongo_steady_ms(void);
bool mongo_measure(struct lane *l); /* asks the database for its time */
/* The database said its time in the answer to something that was sent at `sent_ms` of the steady
 * clock (CLOCK_BOOTTIME): where that is not what was thought, it is asked. */
void mongo_check_time(struct lane *l, int64_t sent_ms, int64_t told_ms);
int64_t mongo_boot_ms(void);
int64_t mongo_now_ms(const struct store_mongo *s); /* the database's time */
/* So many positions in a row, for this node's next records; the first of them. They are on their
 * way until the lane says that nothing is. */
uint64_t mongo_take_pos(struct lane *l, uint32_t count);
void mongo_settle_pos(struct lane *l);
/* Up to here nothing of this node comes to be any more. */
uint64_t mongo_settled_pos(struct store_mongo *s);
/* Up to here nothing of any node comes to be any more. */
enum err mongo_find_end(struct lane *l, uint64_t *pos) MUST_USE;
uint64_t mongo_mark_pos(struct store_mongo *s); /* later ones come after it; under the lock */

/* --- store_mongo_schema.c --- */
enum err mongo_check_schema(struct lane *l, char *message) MUST_USE;
bool mongo_open_lane(struct lane *l);
void mongo_close_lane(struct lane *l);

/* --- store_mongo_bson.c: values in documents --- */
void put_text(bson_t *b, const char *key, struct slice s); /* absent: left out */
/* One of these; none: whatever it is. */
void mongo_put_any(bson_t *b, const char *name, const struct store_any *any);
void put_date(bson_t *b, const char *key, int64_t ms); /* TIME_NEVER: left out */
/* Copies in the arena; absent or 0 where the document has none. */
struct slice get_text(const bson_t *b, struct arena *a, const char *key);
int64_t get_int(const bson_t *b, const char *key); /* numbers and dates */
bool get_bool(const bson_t *b, const char *key);
bool get_document(const bson_t *b, const char *key, bson_t *out); /* or array; a view */
/* "INSTANCE:SEQ". */
struct slice name_record(struct arena *a, struct slice instance, uint64_t seq);
/* {"_id": {"$gte": "INSTANCE:from", "$lt": beyond its last}} */
void put_record_range(bson_t *filter, struct arena *a, struct slice instance, uint64_t from);
void put_row(bson_t *b, struct store_request *r, const struct store_row *row);
enum err get_row(const bson_t *b, struct arena *a, struct store_row *row) MUST_USE;

/* What became of single writes of a bulk. */
struct write_error {
    uint32_t index;
    int code;
    char message[256];
};
struct write_result {
    bool is_known;              /* every write has one of: done, or an error below */
    struct write_error *errors; /* in the arena */
    uint32_t error_count;
    char message[256]; /* why it is not known */
};
#define CODE_DUPLICATE 11000
void read_result(const bson_t *reply, const bson_error_t *error, bool is_done, struct arena *a,
                 struct write_result *out);
const struct write_error *find_error(const struct write_result *w, uint32_t index);
bool is_about_index(const struct write_error *e, const char *index);

/* --- what lanes do --- */
void mongo_commit(struct lane *l, struct list *batch);
int64_t mongo_random(void);
void mongo_write(struct lane *l, struct store_request *r);
void mongo_read(struct lane *l, struct store_request *r);
/* Loads by id, many in one question. */
bool mongo_is_load(const struct store_request *r);
void mongo_read_loads(struct lane *l, struct list *batch);
/* A row of `instances` into the results, its error into r->err. */
void mongo_take_row(struct store_request *r, const bson_t *b);
enum err mongo_complete_pending(struct lane *l, struct store_request *r) MUST_USE;
/* Adds the records of a document of `events` from a seq on; results are empty before. */
void mongo_take_records(struct store_request *r, const bson_t *d, uint64_t from);
void mongo_clear_results(struct store_request *r);
/* Makes the record that a row's reservation names, where it is not there yet. */
/* At a position of now: readers of the feed may be beyond the one it was given. */
enum err mongo_complete(struct lane *l, const bson_t *pending) MUST_USE;
enum err mongo_find_holder(struct lane *l, struct store_request *r,
                           const struct store_row *row) MUST_USE;
enum err mongo_put_payloads(struct lane *l, struct store_request *const *requests,
                            size_t count) MUST_USE;
enum err mongo_list(struct lane *l, struct store_request *r) MUST_USE;
enum err mongo_matches(struct lane *l, struct store_request *r) MUST_USE;
enum err mongo_activity(struct lane *l, struct store_request *r) MUST_USE;
enum err mongo_overdue(struct lane *l, struct store_request *r) MUST_USE;
enum err mongo_inbox(struct lane *l, struct store_request *r) MUST_USE;
enum err mongo_names_of(struct lane *l, struct store_request *r) MUST_USE;
enum err mongo_ready(struct lane *l, struct store_request *r) MUST_USE;
enum err mongo_counts(struct lane *l, struct store_request *r) MUST_USE;
enum err mongo_templates(struct lane *l, struct store_request *r) MUST_USE;
enum err mongo_queues(struct lane *l, struct store_request *r) MUST_USE;
enum err mongo_messages(struct lane *l, struct store_request *r) MUST_USE;
enum err mongo_chains(struct lane *l, struct store_request *r) MUST_USE;
enum err mongo_keys(struct lane *l, struct store_request *r) MUST_USE;
enum err mongo_nodes(struct lane *l, struct store_request *r) MUST_USE;
void mongo_put_filter(bson_t *b, struct arena *a, const struct store_filter *f);
/* An element of the unwound `ready` of a row. */
struct store_ready mongo_ready_entry(const bson_t *row, const bson_t *entry, struct arena *a);
/* False: the page is full, and r->next says where the next begins. */
bool mongo_add_ready(struct store_request *r, const struct store_ready *entry);
/* A pipeline over `instances`; like mongo_find. */
enum err mongo_aggregate(struct lane *l, const bson_t *pipeline,
                         bool (*take)(void *context, const bson_t *b), void *context) MUST_USE;
/* A question and its walk: each document goes to `take` until that says false. */
struct find {
    enum collection in;
    const bson_t *filter;
    const bson_t *opts;
    bool (*take)(void *context, const bson_t *b);
    void *context;
};
enum err mongo_find(struct lane *l, const struct find *f) MUST_USE;
/* The same over a cursor, which it gives back. */
enum err mongo_walk(struct lane *l, mongoc_cursor_t *cursor, const struct find *f) MUST_USE;
enum err mongo_err(const bson_error_t *error); /* logs what it was */

#endif
