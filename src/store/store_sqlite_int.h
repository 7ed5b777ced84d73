/* What the files of the SQLite driver share: the store, its lanes, and queries over cached
 * statements. */
#ifndef SWM_STORE_STORE_SQLITE_INT_H
#define SWM_STORE_STORE_SQLITE_INT_H

#include "store/store_sqlite.h"

#include "base/text.h"
#include "base/time.h"

#include <pthread.h>
#include <sqlite3.h>

#define BATCH_REQUESTS_MAX 256              /* of one transaction */
#define BATCH_BYTES_MAX (4 * 1024 * 1024)   /* of one transaction, at least one request */
#define CHECKPOINT_PAGES 10000              /* pages in the WAL from which it is copied */
#define CHECKPOINT_AGAIN_PAGES 1000         /* more, before it is tried again */
#define WAL_BYTES_KEPT (64LL * 1024 * 1024) /* of the WAL file after it starts anew */
#define CACHE_KIB 4096                      /* pages a connection holds in memory */
#define BUSY_MS 5000                        /* waiting for a lock that a foreign client holds */
#define QUICK_CHECK_BYTES_MAX (8LL * 1024 * 1024) /* larger files are not read through at open */

enum sql {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_READ,
    SQL_EVENT_PUT,
    SQL_EVENT_HAS,
    SQL_OPEN_ID,
    SQL_ROW_PUT,
    SQL_ROW_NEWER,
    SQL_READY_DROP,
    SQL_READY_PUT,
    SQL_PAYLOAD_PUT,
    SQL_META_ADD,
    SQL_META_GET,
    SQL_META_SET,
    SQL_TEMPLATE_HAS,
    SQL_ALIAS_OF_OTHER,
    SQL_TEMPLATE_PUT,
    SQL_QUEUE_PUT,
    SQL_QUEUE_DROP,
    SQL_MESSAGE_PUT,
    SQL_MESSAGE_DROP,
    SQL_MESSAGES_PURGE,
    SQL_KEY_PUT,
    SQL_EVENTS_DROP,
    SQL_ROW_DROP,
    SQL_LAST_POS,
    SQL_ROW_BY_ID,
    SQL_ROW_BY_KEY,
    SQL_ROW_BY_TEMPLATE_KEY,
    SQL_RECORDS,
    SQL_RECORDS_BEFORE,
    SQL_FEED,
    SQL_FEED_BEFORE,
    SQL_PAYLOAD_GET,
    SQL_COUNTS,
    SQL_DUE,
    SQL_BEHIND,
    SQL_READY_OF_QUEUE,
    SQL_READY_OF_ALL,
    SQL_TEMPLATES,
    SQL_QUEUES,
    SQL_MESSAGES,
    SQL_KEYS,
    SQL_EXPIRED,
    SQL_CHAINS,
    SQL_BEGAN,
    SQL_ENDED,
    SQL_OVERDUE,
    SQL_OVERDUE_COUNT,
    SQL_KEYS_BETWEEN,
    SQL_ACTS,
    SQL_ACTS_BEFORE,
    SQL_AT_OR_AFTER,
    SQL_NAME,
    SQL_COUNT
};

#define META_FOLDED "store.folded_pos" /* all records up to here are in rows */
#define META_LAST "store.last_pos"     /* given to records that may be removed meanwhile */

struct store_sqlite;

struct lane { /* a thread, what waits for it, and its connection */
    struct store_sqlite *store;
    void *(*run)(void *lane);
    pthread_t thread;
    bool is_running;
    pthread_cond_t wake;
    struct list waiting;            /* under the store's lock */
    sqlite3 *db;                    /* this thread's alone once it runs; NULL in the backup lane */
    sqlite3_stmt *stmts[SQL_COUNT]; /* prepared when first asked for */
    sqlite3_stmt *loose;            /* of a query made for one request */
};

struct store_sqlite {
    struct store base;
    char *path;  /* of the database */
    int lock_fd; /* held by flock; holds this process's id and the last position */
    int wake_fd;
    pthread_mutex_t lock;
    struct list done;
    bool is_closing;
    struct lane writer, reader, backup;
    /* The writer's alone: */
    uint64_t last_pos;      /* given to a record, maybe not durable yet */
    uint64_t committed_pos; /* durable */
    uint64_t folded_pos;
    int wal_pages, checkpoint_at_pages;
    bool is_stopped; /* a sync failed: what the disk holds is unknown until the next opening */
};

/* --- store_sqlite_folder.c: the data folder and its lock --- */
enum err folder_open(struct store_sqlite *s, const char *dir, uint64_t *known_pos, char *message);
/* Notes beside the database how far it has been acknowledged. Not synced: it may lag, never lead.
 */
void folder_note_pos(const struct store_sqlite *s);
enum err folder_sync_parent(const char *file);

/* --- store_sqlite_schema.c: settings and tables --- */
/* Opens a connection as the writer (makes the file and upgrades it) or as a reader. */
enum err schema_open_writer(struct store_sqlite *s, char *message);
enum err schema_open_reader(const char *path, sqlite3 **db);
extern const char *const schema_steps[STORE_SQLITE_FORMAT]; /* store_sqlite_tables.c */
/* Brings the tables from their format to `count`: steps[n] leads from format n to n + 1. All steps
 * are one transaction. ERR_NEWER: the file's format is beyond `count`. */
enum err schema_upgrade(sqlite3 *db, const char *const *steps, int count, char *message);

/* --- store_sqlite_sql.c: statements --- */
/* A query is bound in the order of its parameters, then run (no rows) or walked with next. What it
 * could not do it remembers; query_err says it at the end. */
struct query {
    struct lane *lane;
    sqlite3_stmt *stmt;
    int rc;    /* SQLITE_OK, SQLITE_ROW, SQLITE_DONE, or what went wrong */
    int bound; /* parameters so far */
};
struct query query_of(struct lane *l, enum sql which);
/* A statement made for this request; `text` is NUL-terminated. At most one at a time. */
struct query query_of_text(struct lane *l, const char *text);
void query_int(struct query *q, int64_t n);
void query_text(struct query *q, struct slice s); /* absent: NULL; a BLOB where it is not UTF-8 */
void query_blob(struct query *q, const void *at, size_t len);
enum err query_run(struct query *q) MUST_USE;
bool query_next(struct query *q);
int64_t query_get_int(const struct query *q, int column);
struct slice query_get(const struct query *q, int column); /* valid until the next step */
struct slice query_copy(const struct query *q, struct arena *a, int column);
enum err query_err(const struct query *q) MUST_USE;
/* Ends what a request left unfinished. */
void lane_settle(struct lane *l);
void lane_close(struct lane *l);
enum err sqlite_err(sqlite3 *db, int rc);

/* --- store_sqlite_filter.c: instances by filter --- */
struct filter_value { /* of a parameter: a text, or where that is absent a number */
    struct slice text;
    int64_t number;
};
struct filter_sql {
    struct arena *arena;
    const char *columns; /* in: what is asked of each; behind them comes whether it matches */
    int64_t at_ms, n;    /* in: only what comes after this place */
    struct text text;    /* out: SELECTs without their order */
    bool is_by_key;      /* out: there is one SELECT, along the keys */
    struct filter_value *bound;
    uint32_t bound_count, bound_max;
};
void filter_write(struct lane *l, struct filter_sql *x, const struct store_filter *f);
/* The same of what is counted already: templates, versions and statuses. False: it asks for more.
 */
bool filter_write_counts(struct filter_sql *x, const struct store_filter *f);
void filter_bind(struct query *q, const struct filter_sql *x);

/* --- store_sqlite_write.c, store_sqlite_put.c, store_sqlite_read.c, store_sqlite_list.c,
 * store_sqlite_count.c, store_sqlite_backup.c --- */
/* Sets `err` in each request of the batch; what succeeded is durable. Writer's thread. */
void write_batch(struct store_sqlite *s, struct list *batch);
/* Copies the WAL into the database when it has grown enough. Writer's thread. */
void write_checkpoint(struct store_sqlite *s);
bool write_is_for(const struct store_request *r);
enum err put_template(struct lane *l, struct store_request *r);
enum err put_queue(struct lane *l, struct store_request *r);
enum err put_queue_drop(struct lane *l, struct store_request *r);
enum err put_messages(struct lane *l, struct store_request *r);
enum err put_messages_drop(struct lane *l, struct store_request *r);
enum err put_purge(struct lane *l, struct store_request *r);
enum err put_meta(struct lane *l, struct store_request *r);
enum err put_key(struct lane *l, struct store_request *r);
void read_request(struct lane *l, struct store_request *r);
enum err read_list(struct lane *l, struct store_request *r);
enum err read_matches(struct lane *l, struct store_request *r);
enum err read_activity(struct lane *l, struct store_request *r);
enum err read_overdue(struct lane *l, struct store_request *r);
enum err read_ready(struct lane *l, struct store_request *r);
void read_ready_entry(const struct query *q, struct arena *a, struct store_ready *item);
enum err read_messages(struct lane *l, struct store_request *r);
enum err read_row(const struct query *q, struct arena *a, struct store_row *row);
void backup_request(struct lane *l, struct store_request *r);

#endif
