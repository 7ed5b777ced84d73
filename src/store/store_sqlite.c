/* The SQLite driver's threads: opens the folder, the connections and the lanes, hands requests to
 * the lane that serves them, and hands finished ones back to the loop, which an eventfd wakes. What
 * a lane does with a request is in store_sqlite_write.c, _read.c and _backup.c.
 *
 * A commit is handed back only after its transaction's COMMIT has returned, which is after the
 * write-ahead log was synced. Nothing here may acknowledge earlier.
 *
 * Releases of SQLite before 3.51.3 can lose a transaction when two connections checkpoint, or one
 * checkpoints while another starts the log anew, at the same moment. Here one connection does all
 * writes and all checkpoints, in one thread, and the others cannot write, so no release is
 * affected. 3.37 is the oldest release this is run against. */
#include "store/store_sqlite_int.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SQLITE_OLDEST 3037000

static struct store_request *request_of(struct link *k)
{
    return LINK_OWNER(k, struct store_request, link);
}

/* --- lanes: each takes from its own list and gives to the one list of finished requests --- */

static size_t count_bytes(const struct store_request *r)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < r->record_count; i++) {
        bytes += r->records[i].bytes.len;
    }
    for (uint32_t i = 0; i < r->payload_count; i++) {
        bytes += r->payloads[i].text.len;
    }
    for (uint32_t i = 0; i < r->row_count; i++) {
        bytes += r->rows[i].state.len;
    }
    for (uint32_t i = 0; i < r->message_count; i++) {
        bytes += r->messages[i].body.len;
    }
    return bytes;
}

/* Waits for requests and takes up to `max` of them, or none when the store closes. */
static bool take(struct lane *l, struct list *taken, size_t max)
{
    struct store_sqlite *s = l->store;
    size_t bytes = 0;

    pthread_mutex_lock(&s->lock);
    while (list_first(&l->waiting) == NULL && !s->is_closing) {
        pthread_cond_wait(&l->wake, &s->lock);
    }
    while (list_first(&l->waiting) != NULL && taken->count < max) {
        bytes += count_bytes(request_of(list_first(&l->waiting)));
        if (bytes > BATCH_BYTES_MAX && taken->count > 0) {
            break;
        }
        list_append(taken, list_take(&l->waiting));
    }
    pthread_mutex_unlock(&s->lock);
    return taken->count > 0;
}

static void hand_back(struct store_sqlite *s, struct list *finished)
{
    uint64_t one = 1;

    pthread_mutex_lock(&s->lock);
    bool was_empty = list_first(&s->done) == NULL;
    while (list_first(finished) != NULL) {
        list_append(&s->done, list_take(finished));
    }
    if (was_empty) {
        ssize_t written = write(s->wake_fd, &one, sizeof(one));
        assert(written == (ssize_t)sizeof(one));
    }
    pthread_mutex_unlock(&s->lock);
}

static void *run_writer(void *argument)
{
    struct lane *l = argument;
    struct list batch;

    list_init(&batch);
    while (take(l, &batch, BATCH_REQUESTS_MAX)) {
        write_batch(l->store, &batch);
        hand_back(l->store, &batch);
        write_checkpoint(l->store);
    }
    return NULL;
}

static void *run_reader(void *argument)
{
    struct lane *l = argument;
    struct list one;

    list_init(&one);
    while (take(l, &one, 1)) {
        read_request(l, request_of(list_first(&one)));
        hand_back(l->store, &one);
    }
    return NULL;
}

static void *run_backup(void *argument)
{
    struct lane *l = argument;
    struct list one;

    list_init(&one);
    while (take(l, &one, 1)) {
        backup_request(l, request_of(list_first(&one)));
        hand_back(l->store, &one);
    }
    return NULL;
}

/* Signals are the loop's: a driver's thread never takes one. */
static enum err start_lane(struct lane *l)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    l->is_running = pthread_create(&l->thread, NULL, l->run, l) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return l->is_running ? ERR_NONE : ERR_MEMORY;
}

static void stop_lane(struct lane *l)
{
    if (l->is_running) {
        pthread_join(l->thread, NULL);
    }
    lane_close(l);
    pthread_cond_destroy(&l->wake);
}

/* --- the port --- */

static struct store_sqlite *sqlite_of(const struct store *s)
{
    return (struct store_sqlite *)(void *)(uintptr_t)s;
}

static struct lane *lane_of(struct store_sqlite *s, const struct store_request *r)
{
    if (r->op == STORE_BACKUP) {
        return &s->backup;
    }
    return write_is_for(r) ? &s->writer : &s->reader;
}

static void submit(struct store *base, struct store_request *r)
{
    struct store_sqlite *s = sqlite_of(base);

    assert(r->op < STORE_OP_COUNT);
    assert(r->arena != NULL);
    assert(r->op != STORE_NODE_PUT && r->op != STORE_NODE_DROP); /* this store has one node */
    struct lane *l = lane_of(s, r);
    pthread_mutex_lock(&s->lock);
    assert(!s->is_closing);
    list_append(&l->waiting, &r->link);
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&s->lock);
}

static size_t complete(struct store *base, struct store_request **done, size_t max)
{
    struct store_sqlite *s = sqlite_of(base);
    size_t count = 0;
    uint64_t drained = 0;

    pthread_mutex_lock(&s->lock);
    bool was_empty = list_first(&s->done) == NULL;
    while (count < max && list_first(&s->done) != NULL) {
        done[count++] = request_of(list_take(&s->done));
    }
    if (!was_empty && list_first(&s->done) == NULL) {
        ssize_t got = read(s->wake_fd, &drained, sizeof(drained));
        assert(got == (ssize_t)sizeof(drained));
    }
    pthread_mutex_unlock(&s->lock);
    return count;
}

static int wake_fd(const struct store *base)
{
    return sqlite_of(base)->wake_fd;
}

/* The writer's connection closes last: the last one to close copies the log into the database. */
static void close_store(struct store *base)
{
    struct store_sqlite *s = sqlite_of(base);

    pthread_mutex_lock(&s->lock);
    s->is_closing = true;
    pthread_cond_signal(&s->backup.wake);
    pthread_cond_signal(&s->reader.wake);
    pthread_cond_signal(&s->writer.wake);
    pthread_mutex_unlock(&s->lock);
    stop_lane(&s->backup);
    stop_lane(&s->reader);
    stop_lane(&s->writer);
    if (s->wake_fd >= 0) {
        close(s->wake_fd);
    }
    if (s->lock_fd >= 0) {
        close(s->lock_fd);
    }
    pthread_mutex_destroy(&s->lock);
    free(s->path);
    free(s);
}

static const struct store_ops ops = {
    .name = "sqlite",
    .submit = submit,
    .complete = complete,
    .wake_fd = wake_fd,
    .close = close_store,
};

/* --- opening --- */

static void init_lane(struct store_sqlite *s, struct lane *l, void *(*run)(void *))
{
    l->store = s;
    l->run = run;
    list_init(&l->waiting);
    pthread_cond_init(&l->wake, NULL);
}

static struct store_sqlite *make_store(void)
{
    struct store_sqlite *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        return NULL;
    }
    s->base.ops = &ops;
    s->lock_fd = -1;
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->checkpoint_at_pages = CHECKPOINT_PAGES;
    list_init(&s->done);
    pthread_mutex_init(&s->lock, NULL);
    init_lane(s, &s->writer, run_writer);
    init_lane(s, &s->reader, run_reader);
    init_lane(s, &s->backup, run_backup);
    return s;
}

static int note_wal(void *context, sqlite3 *db, const char *name, int pages)
{
    struct store_sqlite *s = context;

    (void)db;
    (void)name;
    s->wal_pages = pages;
    return SQLITE_OK;
}

/* Where the records end and how far rows are folded, before the threads run. */
static enum err read_positions(struct store_sqlite *s, uint64_t known_pos, char *message)
{
    struct query last = query_of(&s->writer, SQL_LAST_POS);
    int64_t folded = 0;

    if (query_next(&last)) {
        s->last_pos = s->committed_pos = (uint64_t)query_get_int(&last, 0);
    }
    struct query q = query_of(&s->writer, SQL_META_GET);
    query_text(&q, SLICE(META_FOLDED));
    if (query_next(&q) && slice_to_int(query_get(&q, 0), &folded)) {
        s->folded_pos = (uint64_t)folded;
    }
    enum err err = query_err(&last) != ERR_NONE ? query_err(&last) : query_err(&q);
    lane_settle(&s->writer);
    if (err != ERR_NONE) {
        snprintf(message, STORE_SQLITE_MESSAGE_BYTES, "the database cannot be read: %s",
                 sqlite3_errmsg(s->writer.db));
    } else if (s->committed_pos < known_pos) {
        err = ERR_CORRUPT;
        snprintf(message, STORE_SQLITE_MESSAGE_BYTES,
                 "events are missing: position %llu was acknowledged, swm.db ends at %llu. "
                 "Put swm.db-wal back, or restore a backup into an empty folder",
                 (unsigned long long)known_pos, (unsigned long long)s->committed_pos);
    }
    return err;
}

static enum err open_connections(struct store_sqlite *s, const char *dir, char *message)
{
    uint64_t known_pos = 0;
    enum err err = folder_open(s, dir, &known_pos, message);

    if (err == ERR_NONE) {
        err = schema_open_writer(s, message);
    }
    if (err == ERR_NONE) {
        err = read_positions(s, known_pos, message);
    }
    if (err != ERR_NONE) {
        return err;
    }
    folder_note_pos(s);
    sqlite3_wal_hook(s->writer.db, note_wal, s);
    err = schema_open_reader(s->path, &s->reader.db);
    if (err != ERR_NONE) {
        snprintf(message, STORE_SQLITE_MESSAGE_BYTES, "a second connection cannot be opened: %s",
                 s->reader.db != NULL ? sqlite3_errmsg(s->reader.db) : "memory is short");
    }
    return err;
}

enum err store_sqlite_open(const char *dir, struct store **out,
                           char message[STORE_SQLITE_MESSAGE_BYTES])
{
    message[0] = '\0';
    if (sqlite3_libversion_number() < SQLITE_OLDEST || sqlite3_threadsafe() == 0) {
        snprintf(message, STORE_SQLITE_MESSAGE_BYTES,
                 "SQLite %s does not do: 3.37 or newer with threads is needed",
                 sqlite3_libversion());
        return ERR_STORE;
    }
    struct store_sqlite *s = make_store();
    if (s == NULL || s->wake_fd < 0) {
        snprintf(message, STORE_SQLITE_MESSAGE_BYTES, "cannot make the store: %s", strerror(errno));
        if (s != NULL) {
            close_store(&s->base);
        }
        return ERR_MEMORY;
    }
    enum err err = open_connections(s, dir, message);
    if (err == ERR_NONE &&
        (start_lane(&s->writer) != ERR_NONE || start_lane(&s->reader) != ERR_NONE ||
         start_lane(&s->backup) != ERR_NONE)) {
        snprintf(message, STORE_SQLITE_MESSAGE_BYTES, "a thread cannot be started");
        err = ERR_MEMORY;
    }
    if (err != ERR_NONE) {
        close_store(&s->base);
        return err;
    }
    *out = &s->base;
    return ERR_NONE;
}
