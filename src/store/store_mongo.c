/* The MongoDB driver's threads: opens the connections, hands requests to the lane that serves them,
 * and hands finished ones back to the loop, which an eventfd wakes. What a lane does is in
 * store_mongo_commit.c, _write.c, _read.c and _list.c.
 *
 * Commits have two lanes: while one bulk is on its way to a majority, the next is filled. The beat
 * has a lane of its own, since a node that is only busy must not be taken for dead. A brief process
 * has as few as will do: each is a connection. */
#include "store/store_mongo_int.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define OFFSET_EVERY_MS 30000
#define OPEN_WAIT_MS 10000
#define BEAT_LIMIT_MS 2000
#define BRIEF_LIMIT_MS 3000 /* of an answer, where an invocation is over in seconds */

static const enum lane_kind kinds[LANES_MAX] = {LANE_COMMIT, LANE_COMMIT, LANE_ROWS, LANE_WRITE,
                                                LANE_READ,   LANE_READ,   LANE_READ, LANE_BEAT};

static const enum lane_kind brief_kinds[] = {LANE_COMMIT, LANE_ROWS, LANE_READ, LANE_READ,
                                             LANE_BEAT};
#define BRIEF_LANES ((int)(sizeof brief_kinds / sizeof brief_kinds[0]))

static struct store_request *request_of(struct link *k)
{
    return LINK_OWNER(k, struct store_request, link);
}

static struct store_mongo *mongo_of(const struct store *s)
{
    return (struct store_mongo *)(void *)(uintptr_t)s;
}

/* --- lanes --- */

static size_t count_bytes(const struct store_request *r)
{
    size_t bytes = 0;
    for (uint32_t k = 0; k < r->record_count; k++)
        bytes += r->records[k].bytes.len;
    for (uint32_t k = 0; k < r->payload_count; k++)
        bytes += r->payloads[k].text.len;
    return bytes;
}

bool mongo_wait(struct lane *l, int64_t until_ms, unsigned *tries)
{
    struct store_mongo *s = l->store;
    int64_t ms = RETRY_MS * (*tries < 10 ? *tries + 1 : 10);
    struct timespec until;
    if (mongo_steady_ms() + ms >= until_ms)
        return false;
    ++*tries;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ms % 1000 * 1000000;
    until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&s->lock);
    bool is_closing = s->is_closing;
    while (!is_closing && pthread_cond_timedwait(&s->wake[l->kind], &s->lock, &until) == 0)
        is_closing = s->is_closing;
    pthread_mutex_unlock(&s->lock);
    return !is_closing;
}

static size_t most_of(const struct lane *l, const struct store_request *first)
{
    if (l->kind == LANE_COMMIT)
        return BATCH_COMMITS_MAX;
    return mongo_is_load(first) ? BATCH_LOADS_MAX : 1;
}

/* Waits for requests and takes some that are done together, or none when the store closes. */
static bool take(struct lane *l, struct list *taken)
{
    struct store_mongo *s = l->store;
    struct list *waiting = &s->waiting[l->kind];
    size_t bytes = 0;
    pthread_mutex_lock(&s->lock);
    while (list_first(waiting) == NULL && !s->is_closing)
        pthread_cond_wait(&s->wake[l->kind], &s->lock);
    struct link *first = list_first(waiting);
    size_t max = first == NULL ? 0 : most_of(l, request_of(first));
    while (list_first(waiting) != NULL && taken->count < max) {
        const struct store_request *r = request_of(list_first(waiting));
        bytes += count_bytes(r);
        bool is_other = l->kind == LANE_READ && !mongo_is_load(r);
        if (taken->count > 0 && (bytes > BATCH_BYTES_MAX || is_other))
            break;
        list_append(taken, list_take(waiting));
    }
    pthread_mutex_unlock(&s->lock);
    return taken->count > 0;
}

static void hand_back(struct store_mongo *s, struct list *finished)
{
    uint64_t one = 1;
    pthread_mutex_lock(&s->lock);
    bool was_empty = list_first(&s->done) == NULL;
    while (list_first(finished) != NULL)
        list_append(&s->done, list_take(finished));
    if (was_empty) {
        ssize_t written = write(s->wake_fd, &one, sizeof one);
        assert(written == (ssize_t)sizeof one);
    }
    pthread_mutex_unlock(&s->lock);
}

static void serve(struct lane *l, struct list *batch)
{
    struct store_request *r = request_of(list_first(batch));
    if (l->kind == LANE_COMMIT)
        mongo_commit(l, batch);
    else if (mongo_is_load(r))
        mongo_read_loads(l, batch);
    else if (l->kind == LANE_READ)
        mongo_read(l, r);
    else
        mongo_write(l, r);
}

static void *run_lane(void *argument)
{
    struct lane *l = argument;
    struct list batch;
    int64_t measure_at_ms = mongo_steady_ms() + OFFSET_EVERY_MS;
    list_init(&batch);
    while (take(l, &batch)) {
        serve(l, &batch);
        hand_back(l->store, &batch);
        if (l->kind == LANE_BEAT && mongo_steady_ms() >= measure_at_ms) {
            (void)mongo_measure(l); /* an old one is good enough */
            measure_at_ms = mongo_steady_ms() + OFFSET_EVERY_MS;
        }
    }
    return NULL;
}

static enum lane_kind lane_of(const struct store_request *r)
{
    switch (r->op) {
    case STORE_COMMIT:
        return LANE_COMMIT;
    case STORE_ROWS:
        return LANE_ROWS;
    case STORE_NODE_PUT:
    case STORE_NODE_DROP:
        return LANE_BEAT;
    case STORE_TEMPLATE_PUT:
    case STORE_QUEUE_PUT:
    case STORE_QUEUE_DELETE:
    case STORE_MESSAGE_PUT:
    case STORE_MESSAGE_DELETE:
    case STORE_PURGE:
    case STORE_META:
    case STORE_BACKUP:
    case STORE_KEY_PUT:
    case STORE_REMOVE:
        return LANE_WRITE;
    default:
        return LANE_READ;
    }
}

/* --- the port --- */

static void submit(struct store *base, struct store_request *r)
{
    struct store_mongo *s = mongo_of(base);
    enum lane_kind kind = lane_of(r);
    if (kind == LANE_WRITE && s->is_brief)
        kind = LANE_ROWS;
    assert(r->op < STORE_OP_COUNT && r->arena != NULL);
    pthread_mutex_lock(&s->lock);
    if (r->op == STORE_NODE_PUT)
        r->last_pos = mongo_mark_pos(s); /* commits submitted later come after it */
    list_append(&s->waiting[kind], &r->link);
    pthread_cond_signal(&s->wake[kind]);
    pthread_mutex_unlock(&s->lock);
}

static size_t complete(struct store *base, struct store_request **done, size_t max)
{
    struct store_mongo *s = mongo_of(base);
    uint64_t seen;
    size_t count = 0;
    pthread_mutex_lock(&s->lock);
    while (count < max && list_first(&s->done) != NULL)
        done[count++] = request_of(list_take(&s->done));
    if (list_first(&s->done) == NULL && read(s->wake_fd, &seen, sizeof seen) < 0)
        assert(errno == EAGAIN);
    pthread_mutex_unlock(&s->lock);
    return count;
}

static int wake_fd(const struct store *base)
{
    return mongo_of(base)->wake_fd;
}

static int64_t offset_ms(const struct store *base)
{
    return atomic_load(&mongo_of(base)->offset_ms);
}

static void close_store(struct store *base)
{
    struct store_mongo *s = mongo_of(base);
    pthread_mutex_lock(&s->lock);
    s->is_closing = true;
    for (int k = 0; k < LANE_KIND_COUNT; k++)
        pthread_cond_broadcast(&s->wake[k]);
    pthread_mutex_unlock(&s->lock);
    for (int k = 0; k < s->lane_count; k++) {
        if (s->lanes[k].is_running)
            pthread_join(s->lanes[k].thread, NULL);
        mongo_close_lane(&s->lanes[k]);
    }
    if (s->beat_pool != NULL && s->beat_pool != s->pool)
        mongoc_client_pool_destroy(s->beat_pool);
    if (s->pool != NULL)
        mongoc_client_pool_destroy(s->pool);
    if (s->wake_fd >= 0)
        close(s->wake_fd);
    for (int k = 0; k < LANE_KIND_COUNT; k++)
        pthread_cond_destroy(&s->wake[k]);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static const struct store_ops ops = {.name = "mongodb",
                                     .submit = submit,
                                     .complete = complete,
                                     .wake_fd = wake_fd,
                                     .close = close_store,
                                     .offset_ms = offset_ms,
                                     .is_shared = true};

/* --- opening --- */

static void set_default(mongoc_uri_t *uri, const char *option, int32_t value)
{
    if (!mongoc_uri_has_option(uri, option))
        (void)mongoc_uri_set_option_as_int32(uri, option, value);
}

/* What a weaker promise would lose is lost without a word, so it is refused. */
static const char *find_weakness(const mongoc_uri_t *uri)
{
    const mongoc_write_concern_t *w = mongoc_uri_get_write_concern(uri);
    const char *read = mongoc_read_concern_get_level(mongoc_uri_get_read_concern(uri));
    if (w != NULL && mongoc_write_concern_get_w(w) != MONGOC_WRITE_CONCERN_W_DEFAULT &&
        !mongoc_write_concern_get_wmajority(w))
        return "w must be majority, or left out";
    if (w != NULL && mongoc_write_concern_journal_is_set(w) && !mongoc_write_concern_get_journal(w))
        return "journal must be true, or left out";
    if (read != NULL && strcmp(read, "majority") != 0)
        return "readConcernLevel must be majority, or left out";
    if (mongoc_read_prefs_get_mode(mongoc_uri_get_read_prefs_t(uri)) != MONGOC_READ_PRIMARY)
        return "readPreference must be primary, or left out";
    return NULL;
}

/* A beat that hangs is given up in time for another one: the others wait for it. */
static void limit_beats(mongoc_uri_t *uri)
{
    int32_t ms = mongoc_uri_get_option_as_int32(uri, MONGOC_URI_SOCKETTIMEOUTMS, BEAT_LIMIT_MS);
    (void)mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SOCKETTIMEOUTMS,
                                         ms < BEAT_LIMIT_MS ? ms : BEAT_LIMIT_MS);
}

static enum err read_address(struct store_mongo *s, const char *address, mongoc_uri_t **out,
                             char *message)
{
    bson_error_t error;
    mongoc_uri_t *uri = mongoc_uri_new_with_error(address, &error);
    if (uri == NULL) { /* the library's own words may quote the password */
        (void)snprintf(message, STORE_MONGO_MESSAGE_BYTES,
                       "--store: this is no address of MongoDB; one looks like "
                       "mongodb://USER:PASSWORD@HOST,HOST/DATABASE?replicaSet=NAME");
        return ERR_INVALID;
    }
    const char *weak = find_weakness(uri), *database = mongoc_uri_get_database(uri);
    (void)snprintf(s->database, sizeof s->database, "%s", database != NULL ? database : "swm");
    set_default(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, 3000);
    set_default(uri, MONGOC_URI_CONNECTTIMEOUTMS, 3000);
    set_default(uri, MONGOC_URI_SOCKETTIMEOUTMS, s->is_brief ? BRIEF_LIMIT_MS : 10000);
    set_default(uri, MONGOC_URI_HEARTBEATFREQUENCYMS, 1000);
    if (!mongoc_uri_has_option(uri, MONGOC_URI_APPNAME))
        (void)mongoc_uri_set_appname(uri, "swm");
    /* What fails is done again by rules of our own; the server would note each write. */
    (void)mongoc_uri_set_option_as_bool(uri, MONGOC_URI_RETRYWRITES, false);
    *out = uri;
    if (weak == NULL)
        return ERR_NONE;
    (void)snprintf(message, STORE_MONGO_MESSAGE_BYTES,
                   "--store: %s: what is acknowledged must not be lost", weak);
    return ERR_INVALID;
}

/* The library's log may quote an address: what must be told is told by errors. */
static void init_library(void)
{
    mongoc_init();
    mongoc_log_set_handler(NULL, NULL);
}

static enum err start_lanes(struct store_mongo *s)
{
    sigset_t all, old;
    enum err err = ERR_NONE;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are the loop's */
    for (int k = 0; k < s->lane_count && err == ERR_NONE; k++) {
        struct lane *l = &s->lanes[k];
        if (k > 0 && !mongo_open_lane(l))
            err = ERR_MEMORY;
        else if (pthread_create(&l->thread, NULL, run_lane, l) != 0)
            err = ERR_MEMORY;
        else
            l->is_running = true;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return err;
}

/* A router in front of replica sets does as well. */
static bool is_replicated(struct lane *l)
{
    bson_t reply, *hello = BCON_NEW("hello", BCON_INT32(1));
    bson_iter_t it;
    bool is_done =
        mongoc_client_command_simple(l->client, l->store->database, hello, NULL, &reply, NULL);
    bool is = !is_done || bson_iter_init_find(&it, &reply, "setName") ||
              bson_iter_init_find(&it, &reply, "msg");
    bson_destroy(&reply);
    bson_destroy(hello);
    return is;
}

static enum err open_pools(struct store_mongo *s, mongoc_uri_t *uri, char *message)
{
    bson_error_t error;
    s->pool = s->beat_pool = mongoc_client_pool_new_with_error(uri, &error);
    if (!s->is_brief) {
        limit_beats(uri);
        s->beat_pool = mongoc_client_pool_new_with_error(uri, &error);
    }
    if (s->pool != NULL && s->beat_pool != NULL) {
        (void)mongoc_client_pool_set_error_api(s->pool, MONGOC_ERROR_API_VERSION_2);
        return ERR_NONE;
    }
    (void)snprintf(message, STORE_MONGO_MESSAGE_BYTES, "--store: %.480s", error.message);
    return ERR_INVALID;
}

static enum err open_all(struct store_mongo *s, const char *address, char *message)
{
    unsigned tries = 0;
    mongoc_uri_t *uri = NULL;
    enum err err = read_address(s, address, &uri, message);
    if (err == ERR_NONE)
        err = open_pools(s, uri, message);
    if (uri != NULL)
        mongoc_uri_destroy(uri);
    if (err != ERR_NONE)
        return err;
    int64_t until_ms = mongo_steady_ms() + OPEN_WAIT_MS;
    if (!mongo_open_lane(&s->lanes[0]))
        return ERR_MEMORY;
    while (!mongo_measure(&s->lanes[0])) {
        if (mongo_wait(&s->lanes[0], until_ms, &tries))
            continue;
        (void)snprintf(message, STORE_MONGO_MESSAGE_BYTES,
                       "--store: no primary of MongoDB answers within %d s; are all of the "
                       "replica set's hosts right, and can they be reached?",
                       OPEN_WAIT_MS / 1000);
        return ERR_STORE;
    }
    if (!is_replicated(&s->lanes[0])) {
        (void)snprintf(message, STORE_MONGO_MESSAGE_BYTES,
                       "--store: this MongoDB is no member of a replica set, so nothing it says is "
                       "a majority's; start it with --replSet, one member is enough");
        return ERR_STORE;
    }
    err = mongo_check_schema(&s->lanes[0], message);
    return err == ERR_NONE ? start_lanes(s) : err;
}

/* Waits end by the steady clock, whatever is done to the other. */
static void init_waits(struct store_mongo *s)
{
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    for (int k = 0; k < LANE_KIND_COUNT; k++) {
        pthread_cond_init(&s->wake[k], &steady);
        list_init(&s->waiting[k]);
    }
    pthread_condattr_destroy(&steady);
}

static struct store_mongo *make(const char *node, bool is_brief)
{
    struct store_mongo *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->base.ops = &ops;
    s->is_brief = is_brief;
    s->lane_count = is_brief ? BRIEF_LANES : LANES_MAX;
    (void)snprintf(s->node, sizeof s->node, "%s", node);
    pthread_mutex_init(&s->lock, NULL);
    list_init(&s->done);
    init_waits(s);
    for (int k = 0; k < s->lane_count; k++) {
        s->lanes[k].store = s;
        s->lanes[k].kind = is_brief ? brief_kinds[k] : kinds[k];
        s->lanes[k].oldest_pos = UINT64_MAX;
    }
    s->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return s;
}

static enum err open_store(const char *address, struct store_mongo *s, struct store **out,
                           char *message)
{
    message[0] = '\0';
    *out = NULL;
    if (s == NULL)
        return ERR_MEMORY;
    enum err err = s->wake_fd < 0 ? ERR_IO : open_all(s, address, message);
    if (err != ERR_NONE) {
        close_store(&s->base);
        return err;
    }
    *out = &s->base;
    return ERR_NONE;
}

static void init_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_library);
}

enum err store_mongo_open(const char *address, const char *node, struct store **out,
                          char message[STORE_MONGO_MESSAGE_BYTES])
{
    init_once();
    return open_store(address, make(node, false), out, message);
}

enum err store_mongo_open_brief(const char *address, const char *node, struct store **out,
                                char message[STORE_MONGO_MESSAGE_BYTES])
{
    init_once();
    return open_store(address, make(node, true), out, message);
}
