/* The rig of the tests of the built-in queues. */
#include "queue_rig.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void keep(char *out, struct slice s)
{
    assert(s.len < RIG_TEXT_BYTES);
    if (s.len > 0)
        memcpy(out, s.at, s.len);
    out[s.len] = '\0';
}

/* --- the engine --- */

static void tell_text(const struct rig *t, const struct queue_rig_read *r)
{
    bool is_missing = t->missing != NULL && strcmp(t->missing, r->task) == 0;
    r->reply(r->context, is_missing ? ERR_NOT_FOUND : ERR_NONE, slice_of(r->task));
}

static void read_message(void *context, const struct queue_message *m, queue_local_text *reply,
                         void *reply_context)
{
    struct rig *t = context;
    struct queue_rig_read r = {.reply = reply, .context = reply_context};
    keep(r.task, m->task);
    if (!t->is_slow) {
        tell_text(t, &r);
        return;
    }
    assert(t->read_count < RIG_READS);
    t->reads[t->read_count++] = r;
}

void queue_rig_tell_texts(struct rig *t)
{
    struct queue_rig_read reads[RIG_READS];
    unsigned count = t->read_count;
    memcpy(reads, t->reads, sizeof reads);
    t->read_count = 0;
    for (unsigned i = 0; i < count; i++)
        tell_text(t, &reads[i]);
}

static void refill(void *context, struct slice queue, queue_local_refilled *reply,
                   void *reply_context)
{
    struct rig *t = context;
    (void)queue;
    t->refills++;
    if (t->refill != NULL)
        t->refill(t);
    reply(reply_context, ERR_NONE, t->has_more);
}

static void deleted(void *context, const struct queue_message *m, queue_local_deleted *reply,
                    void *reply_context)
{
    struct rig *t = context;
    (void)m;
    t->deletes++;
    reply(reply_context, t->delete_err);
}

/* --- the rig --- */

static bool fail_writes(void *context, const struct store_request *r, enum err *err,
                        bool *apply_anyway)
{
    const struct rig *t = context;
    (void)r;
    (void)apply_anyway;
    *err = t->store_err;
    return t->store_err != ERR_NONE;
}

static void open_queues(struct rig *t)
{
    struct queue_local_config config = {.store = t->store,
                                        .engine = {t, read_message, refill, deleted},
                                        .seed = ++t->lives,
                                        .now_ms = t->now_ms};
    enum err err = queue_local_open(&config, &t->q);
    assert(err == ERR_NONE);
    t->port = queue_local_queue(t->q);
    t->front = queue_local_front(t->q);
    queue_local_start(t->q);
    queue_rig_settle(t);
    CHECK(queue_local_is_ready(t->q));
}

void queue_rig_open(struct rig *t)
{
    *t = (struct rig){.now_ms = RIG_START_MS};
    t->gots = calloc(RIG_GOTS, sizeof *t->gots);
    enum err err = store_mem_open(&t->store);
    assert(err == ERR_NONE && t->gots != NULL);
    store_mem_set_fault(t->store, fail_writes, t);
    open_queues(t);
}

void queue_rig_close(struct rig *t)
{
    t->store->ops->close(t->store);
    queue_local_close(t->q);
    free(t->gots);
}

void queue_rig_restart(struct rig *t)
{
    store_mem_drop_pending(t->store, false);
    queue_local_close(t->q);
    open_queues(t);
}

static bool collect(struct rig *t)
{
    struct store_request *done;
    if (t->store->ops->complete(t->store, &done, 1) == 0)
        return false;
    assert(done->owner == t->q);
    queue_local_stored(t->q, done);
    return true;
}

void queue_rig_settle(struct rig *t)
{
    for (int turns = 0; turns < 100000; turns++) {
        queue_local_round(t->q, t->now_ms);
        if (!collect(t) && queue_local_next(t->q) > t->now_ms)
            return;
    }
    CHECK(!"the queues come to rest");
}

void queue_rig_pass(struct rig *t, int64_t ms)
{
    t->now_ms += ms;
    queue_rig_settle(t);
}

/* --- what tests do --- */

struct queue_message queue_rig_name(const struct rig *t, const char *task, int64_t attempt)
{
    return (struct queue_message){.queue = SLICE("food"),
                                  .instance = SLICE("order-1"),
                                  .task = slice_of(task),
                                  .generation = 1,
                                  .attempt = attempt,
                                  .visible_at_ms = t->now_ms};
}

enum err queue_rig_offer(struct rig *t, const char *task, int64_t attempt)
{
    struct queue_message m = queue_rig_name(t, task, attempt);
    enum err err = t->port->ops->offer(t->port, &m);
    queue_rig_settle(t);
    return err;
}

void queue_rig_received(void *context, enum err err, const struct queue_delivery *d, uint32_t count)
{
    struct queue_rig_got *g = context;
    CHECK(!g->is_answered);
    CHECK(!g->is_gone || count == 0);
    g->is_answered = true;
    g->err = err;
    g->count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct queue_rig_message *m = &g->messages[i];
        keep(m->id, d[i].id);
        keep(m->body, d[i].body);
        keep(m->receipt, d[i].receipt);
        keep(m->attributes, d[i].attributes);
        m->receives = d[i].receives;
        m->sent_at_ms = d[i].sent_at_ms;
        m->first_received_at_ms = d[i].first_received_at_ms;
        m->is_task = d[i].is_task;
    }
}

static bool is_connected(void *context)
{
    const struct queue_rig_got *g = context;
    return !g->is_gone;
}

struct queue_rig_got *queue_rig_got(struct rig *t)
{
    struct queue_rig_got *g = &t->gots[t->got_count++ % RIG_GOTS];
    memset(g, 0, sizeof *g);
    g->rig = t;
    return g;
}

struct queue_rig_got *queue_rig_receive(struct rig *t, const char *queue, uint32_t max,
                                        int64_t wait_ms, int64_t visibility_ms)
{
    struct queue_rig_got *g = queue_rig_got(t);
    struct queue_receive r = {.queue = slice_of(queue),
                              .max = max,
                              .wait_ms = wait_ms,
                              .visibility_ms = visibility_ms,
                              .is_connected = is_connected,
                              .reply = queue_rig_received,
                              .context = g};
    queue_local_set_time(t->q, t->now_ms);
    g->handle = t->front->ops->receive(t->front, &r);
    CHECK((g->handle == 0) == g->is_answered);
    return g;
}

struct queue_rig_got *queue_rig_take(struct rig *t, const char *queue)
{
    struct queue_rig_got *g = queue_rig_receive(t, queue, 10, 0, -1);
    CHECK(g->is_answered);
    return g;
}

bool queue_rig_is(const struct queue_rig_got *g, const char *bodies)
{
    char have[10 * RIG_TEXT_BYTES] = "";
    size_t len = 0;
    for (uint32_t i = 0; i < g->count; i++)
        len += (size_t)snprintf(have + len, sizeof have - len, "%s%s", i > 0 ? " " : "",
                                g->messages[i].body);
    return g->is_answered && g->err == ERR_NONE && strcmp(have, bodies) == 0;
}

void queue_rig_done(void *context, enum err err, struct slice detail)
{
    struct rig *t = context;
    CHECK(!t->is_done);
    t->is_done = true;
    t->err = err;
    (void)snprintf(t->detail, sizeof t->detail, "%.*s", SLICE_ARG(detail));
}

static void begin(struct rig *t)
{
    t->is_done = false;
    queue_local_set_time(t->q, t->now_ms);
}

static enum err end(struct rig *t)
{
    queue_rig_settle(t);
    CHECK(t->is_done);
    return t->err;
}

enum err queue_rig_delete(struct rig *t, const char *queue, const char *receipt)
{
    begin(t);
    t->front->ops->remove(t->front, slice_of(queue), slice_of(receipt), queue_rig_done, t);
    return end(t);
}

static enum err send(struct rig *t, const struct queue_send *m)
{
    begin(t);
    t->front->ops->send(t->front, m, 1, queue_rig_done, t);
    return end(t);
}

enum err queue_rig_send(struct rig *t, const char *queue, const char *id, const char *body)
{
    struct queue_send m = {.queue = slice_of(queue),
                           .id = slice_of(id),
                           .body = slice_of(body),
                           .attributes = SLICE("{\"MessageGroupId\":\"g\"}"),
                           .delay_ms = -1};
    return send(t, &m);
}

enum err queue_rig_send_later(struct rig *t, const char *queue, const char *id, int64_t delay_ms)
{
    struct queue_send m = {
        .queue = slice_of(queue), .id = slice_of(id), .body = slice_of(id), .delay_ms = delay_ms};
    return send(t, &m);
}

enum err queue_rig_create(struct rig *t, const char *queue, const char *attributes)
{
    begin(t);
    t->front->ops->create(t->front, slice_of(queue), slice_of(attributes), queue_rig_done, t);
    return end(t);
}

enum err queue_rig_set(struct rig *t, const char *queue, const char *attributes)
{
    begin(t);
    t->front->ops->set(t->front, slice_of(queue), slice_of(attributes), queue_rig_done, t);
    return end(t);
}

enum err queue_rig_purge(struct rig *t, const char *queue)
{
    begin(t);
    t->front->ops->purge(t->front, slice_of(queue), queue_rig_done, t);
    return end(t);
}

enum err queue_rig_drop(struct rig *t, const char *queue)
{
    begin(t);
    t->front->ops->drop(t->front, slice_of(queue), queue_rig_done, t);
    return end(t);
}
