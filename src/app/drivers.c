/* Opens the drivers that the configuration names and wires them to the engine; the only file that
 * knows which there are. The engine and the queues submit to one store, each through a view of its
 * own; what is finished is dealt out by owner. It must add no rule of its own. */
#include "app/drivers.h"

#include "app/bulk.h"
#include "base/log.h"
#include "base/time.h"
#include "core/limits.h"
#include "queue/queue_local.h"
#include "queue/queue_sqs.h"
#include "store/documents_mongo.h"
#include "store/store_mem.h"
#include "store/store_mongo.h"
#include "store/store_sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLLECT_MAX 64

struct drivers {
    struct store view; /* must be first: what the engine sees of the store */
    struct store_ops view_ops;
    struct store *store;
    struct queue_local *queue; /* NULL: they are elsewhere */
    struct queue_sqs *far;     /* NULL: they are built in */
    struct drivers_queue config;
    struct flow *flow;
    struct list finished; /* the engine's, until it collects them */
    bool is_submitted;    /* since the last collection */
};

/* --- the engine's view of the store ----------------------------------------------------------- */

static struct drivers *drivers_of(const struct store *view)
{
    return (struct drivers *)(uintptr_t)view;
}

static void submit(struct store *view, struct store_request *r)
{
    struct drivers *d = drivers_of(view);
    d->is_submitted = true;
    d->store->ops->submit(d->store, r);
}

/* Takes what is finished from the store itself and gives the queues theirs. */
static void collect(struct drivers *d)
{
    struct store_request *done[COLLECT_MAX];
    size_t count;
    d->is_submitted = false;
    while ((count = d->store->ops->complete(d->store, done, COLLECT_MAX)) > 0) {
        for (size_t i = 0; i < count; i++) {
            if (d->queue != NULL && done[i]->owner == d->queue)
                queue_local_stored(d->queue, done[i]);
            else
                list_append(&d->finished, &done[i]->link);
        }
    }
}

static size_t complete(struct store *view, struct store_request **done, size_t max)
{
    struct drivers *d = drivers_of(view);
    collect(d);
    size_t count = 0;
    while (count < max && list_first(&d->finished) != NULL)
        done[count++] = LINK_OWNER(list_take(&d->finished), struct store_request, link);
    return count;
}

static int wake_fd(const struct store *view)
{
    return drivers_wake_fd(drivers_of(view));
}

/* The store is closed by its own name: the view only lends it. */
static void close_view(struct store *view)
{
    (void)view;
}

static bool is_mongo(const char *store)
{
    return strncmp(store, "mongodb://", 10) == 0 || strncmp(store, "mongodb+srv://", 14) == 0;
}

static enum err open_store(struct drivers *d, const struct drivers_config *c, char *message)
{
    if (strcmp(c->store, "memory") == 0)
        return store_mem_open(&d->store);
    if (is_mongo(c->store))
        return c->is_brief ? store_mongo_open_brief(c->store, c->node, &d->store, message)
                           : store_mongo_open(c->store, c->node, &d->store, message);
    return store_sqlite_open(c->data, &d->store, message);
}

static enum err read_mark(struct bulk *b, struct arena *a, struct slice name, struct slice *out)
{
    struct store_request r = {.op = STORE_META, .arena = a, .id = name};
    enum err e = bulk_ask(b, &r);
    *out = r.value;
    return e;
}

/* A store that a move has filled in part looks like any other, and would lose the rest. */
static enum err see_whole(struct drivers *d, char *message)
{
    struct arena a;
    struct bulk b = {.store = d->store};
    struct slice begun, done = SLICE_NONE;
    arena_init(&a, EVENT_BYTES_MAX);
    enum err e = read_mark(&b, &a, SLICE(DRIVERS_MOVE_BEGUN), &begun);
    if (e == ERR_NONE && begun.at != NULL)
        e = read_mark(&b, &a, SLICE(DRIVERS_MOVE_DONE), &done);
    if (e == ERR_NONE && begun.at != NULL && done.at == NULL) {
        e = ERR_REFUSED;
        (void)snprintf(message, DRIVERS_MESSAGE_BYTES,
                       "a move into this store is not finished: %.*s. Run \"swm migrate-store\" "
                       "again, or give another store",
                       SLICE_ARG(begun));
    }
    arena_drop(&a);
    return e;
}

enum err drivers_open(const struct drivers_config *config, struct drivers **out,
                      char message[DRIVERS_MESSAGE_BYTES])
{
    struct drivers *d = calloc(1, sizeof *d);
    if (d == NULL)
        return ERR_MEMORY;
    list_init(&d->finished);
    enum err e = open_store(d, config, message);
    if (e != ERR_NONE) {
        free(d);
        return e;
    }
    d->view_ops = (struct store_ops){.name = d->store->ops->name,
                                     .submit = submit,
                                     .complete = complete,
                                     .wake_fd = wake_fd,
                                     .close = close_view,
                                     .is_shared = d->store->ops->is_shared};
    d->view.ops = &d->view_ops;
    if (!config->takes_unfinished)
        e = see_whole(d, message);
    if (e != ERR_NONE) {
        drivers_close_store(d);
        free(d);
        return e;
    }
    *out = d;
    return ERR_NONE;
}

enum err drivers_read_documents(const char *address, const char *collection, drivers_document *take,
                                void *context, char message[DRIVERS_MESSAGE_BYTES])
{
    return documents_mongo_read(address, collection, take, context, message);
}

struct store *drivers_store(struct drivers *d)
{
    return &d->view;
}

bool drivers_offset_ms(const struct drivers *d, int64_t *offset_ms)
{
    if (d->store->ops->offset_ms == NULL)
        return false;
    *offset_ms = d->store->ops->offset_ms(d->store);
    return true;
}

int drivers_wake_fd(const struct drivers *d)
{
    return d->store->ops->wake_fd(d->store);
}

/* --- what the queues ask of the engine -------------------------------------------------------- */

static void read_message(void *context, const struct queue_message *m, queue_local_text *reply,
                         void *reply_context)
{
    struct drivers *d = context;
    flow_message(d->flow, m, reply, reply_context);
}

static void refill(void *context, struct slice queue, queue_local_refilled *reply,
                   void *reply_context)
{
    struct drivers *d = context;
    flow_refill(d->flow, queue, reply, reply_context);
}

struct deletion {
    queue_local_deleted *reply;
    void *context;
};

static void take_deleted(void *context, const struct flow_answer *answer)
{
    struct deletion *w = context;
    queue_local_deleted *reply = w->reply;
    void *reply_context = w->context;
    free(w);
    reply(reply_context, answer->err);
}

/* A delete without an answer is an event like any other: recorded before it is told. */
static void deleted(void *context, const struct queue_message *m, queue_local_deleted *reply,
                    void *reply_context)
{
    struct drivers *d = context;
    struct deletion *w = malloc(sizeof *w);
    if (w == NULL) {
        reply(reply_context, ERR_MEMORY);
        return;
    }
    *w = (struct deletion){reply, reply_context};
    char id[EVENT_ID_BYTES_MAX];
    int len = snprintf(id, sizeof id, "deleted/%.*s/%lld/%lld",
                       m->task.len > 200 ? 200 : (int)m->task.len, m->task.at,
                       (long long)m->generation, (long long)m->attempt);
    struct event e = {.kind = EVENT_MESSAGE_DELETED,
                      .id = {id, (size_t)len},
                      .source = SLICE("queue"),
                      .instance = m->instance,
                      .task = m->task,
                      .item = m->item,
                      .generation = m->generation,
                      .attempt = m->attempt};
    flow_arrive(d->flow, &e, take_deleted, w);
}

/* --- what Amazon SQS asks of the engine ------------------------------------------------------- */

static bool read_name(void *context, struct arena *a, struct slice json, struct queue_message *out)
{
    struct drivers *d = context;
    yyjson_val *root;
    struct token t;
    if (json_read(a, json, EVENT_BYTES_MAX, JSON_DEPTH_MAX, NULL, &root) != ERR_NONE ||
        !token_decode(a, flow_token_keys(d->flow), json_get_text(root, "token"), &t))
        return false;
    *out = (struct queue_message){.instance = t.instance,
                                  .task = t.task,
                                  .item = t.item,
                                  .generation = t.generation,
                                  .attempt = t.attempt};
    return true;
}

/* Who may send to the events queue is for its owner at Amazon to say. */
static void arrive(void *context, const struct queue_sqs_event *e, queue_sqs_verdict *reply,
                   void *reply_context)
{
    struct drivers *d = context;
    struct sqs_post p = {e->body, e->id, SLICE("sqs"), SLICE("sqs"), ROLE_OPERATOR};
    d->config.events(d->config.context, &p, reply, reply_context);
}

/* A node that its store does not hear can make nothing durable. */
static bool is_able(void *context)
{
    const struct drivers *d = context;
    return flow_is_heard(d->flow);
}

static void say(void *context, bool is_bad, struct slice sentence)
{
    (void)context;
    log_line(is_bad ? LOG_WARN : LOG_INFO, "queue", "%.*s", SLICE_ARG(sentence));
}

static enum err open_far(struct drivers *d, int64_t now_ms, char *message)
{
    struct queue_sqs_config c;
    struct slice why;
    struct arena a;
    jmp_buf edge;
    arena_init(&a, 64 * 1024);
    a.edge = &edge;
    if (setjmp(edge) != 0) {
        arena_drop(&a);
        return ERR_MEMORY;
    }
    enum err e = queue_sqs_read(&a, slice_of(d->config.url), &c, &why);
    if (e == ERR_NONE) {
        c.engine = (struct queue_sqs_engine){d, read_message, arrive, is_able, read_name, say};
        c.seed = d->config.seed;
        c.now_ms = now_ms;
        e = queue_sqs_open(&c, &d->far);
    } else {
        (void)snprintf(message, DRIVERS_MESSAGE_BYTES, "--queue: %.*s", SLICE_ARG(why));
    }
    arena_drop(&a);
    return e;
}

/* --- both kinds of queues --------------------------------------------------------------------- */

static enum err open_local(struct drivers *d, int64_t now_ms)
{
    struct queue_local_config c = {.store = &d->view,
                                   .engine = {d, read_message, refill, deleted},
                                   .seed = d->config.seed,
                                   .now_ms = now_ms};
    return queue_local_open(&c, &d->queue);
}

enum err drivers_open_queue(struct drivers *d, const struct drivers_queue *queue, int64_t now_ms,
                            char message[DRIVERS_MESSAGE_BYTES])
{
    bool is_far = strncmp(queue->url, "sqs://", 6) == 0;
    d->config = *queue;
    d->flow = queue->flow;
    enum err e = is_far ? open_far(d, now_ms, message) : open_local(d, now_ms);
    if (e == ERR_NONE)
        flow_set_queue(d->flow, drivers_queue(d));
    return e;
}

void drivers_start(struct drivers *d)
{
    if (d->queue != NULL)
        queue_local_start(d->queue);
}

void drivers_receive(struct drivers *d)
{
    if (d->far != NULL)
        queue_sqs_start(d->far);
}

bool drivers_is_ready(const struct drivers *d)
{
    return d->far != NULL || queue_local_is_ready(d->queue);
}

enum err drivers_start_error(const struct drivers *d)
{
    return d->far != NULL ? ERR_NONE : queue_local_start_error(d->queue);
}

struct queue *drivers_queue(struct drivers *d)
{
    return d->far != NULL ? queue_sqs_queue(d->far) : queue_local_queue(d->queue);
}

struct queue_front *drivers_front(struct drivers *d)
{
    return d->far != NULL ? queue_sqs_front(d->far) : queue_local_front(d->queue);
}

int drivers_queue_fd(const struct drivers *d)
{
    return d->far != NULL ? queue_sqs_poll_fd(d->far) : -1;
}

enum err drivers_declare(struct drivers *d)
{
    enum err e = ERR_NONE;
    size_t cursor = 0;
    const struct template *t;
    while ((t = flow_template_next(d->flow, &cursor)) != NULL) {
        for (uint32_t i = 0; i < t->task_count && e == ERR_NONE; i++) {
            struct slice name = t->tasks[i].queue;
            if (name.at != NULL)
                e = d->far != NULL ? queue_sqs_declare(d->far, name)
                                   : queue_local_declare(d->queue, template_queue_name(name));
        }
    }
    return e;
}

/* --- the round -------------------------------------------------------------------------------- */

void drivers_set_time(struct drivers *d, int64_t now_ms)
{
    if (d->far != NULL)
        queue_sqs_set_time(d->far, now_ms);
    else
        queue_local_set_time(d->queue, now_ms);
}

void drivers_round(struct drivers *d, int64_t now_ms)
{
    collect(d);
    if (d->far != NULL)
        queue_sqs_round(d->far, now_ms);
    else
        queue_local_round(d->queue, now_ms);
}

/* What was submitted to a store that finishes at once is there at once. */
int64_t drivers_next(const struct drivers *d)
{
    if (list_first(&d->finished) != NULL || (d->is_submitted && drivers_wake_fd(d) < 0))
        return 0;
    return d->far != NULL ? queue_sqs_next(d->far) : queue_local_next(d->queue);
}

bool drivers_is_settled(const struct drivers *d)
{
    return d->far == NULL || queue_sqs_is_settled(d->far);
}

void drivers_drain(struct drivers *d)
{
    if (d->far != NULL)
        queue_sqs_drain(d->far);
    else
        queue_local_drain(d->queue);
}

bool drivers_is_idle(const struct drivers *d)
{
    return d->far == NULL || queue_sqs_is_idle(d->far);
}

void drivers_close_store(struct drivers *d)
{
    if (d->store != NULL)
        d->store->ops->close(d->store);
    d->store = NULL;
}

void drivers_close(struct drivers *d)
{
    if (d->queue != NULL)
        queue_local_close(d->queue);
    if (d->far != NULL)
        queue_sqs_close(d->far);
    free(d);
}
