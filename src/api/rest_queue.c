/* Work queues over plain HTTP, for workers without an SDK. Before it stands the route table, after
 * it the queue front. A message is handed over only while its client is there. */
#include "api/rest_int.h"

#include "core/limits.h"

#include <stdlib.h>

#define PEEK_MAX 100
#define SERVES_LISTED_MAX 20 /* tasks named of each queue in a list; alone: LIST_LIMIT_MAX */

/* --- list ------------------------------------------------------------------------------------- */

struct server { /* a task whose messages a queue holds */
    struct slice queue;
    const struct template *template;
    uint32_t task;
};

struct servers {
    struct server *items;
    size_t count;
};

static int by_queue(const void *a, const void *b)
{
    const struct server *x = a, *y = b;
    int order = slice_compare(x->queue, y->queue);
    if (order == 0)
        order = slice_compare(x->template->name, y->template->name);
    return order != 0 ? order : (x->task > y->task) - (x->task < y->task);
}

/* The tasks of all templates' newest versions, by their queues. */
static struct servers find_servers(const struct rest *x, struct arena *a)
{
    struct servers s = {NULL, 0};
    const struct template *t;
    size_t cursor = 0, most = 0;
    while ((t = flow_template_next(x->flow, &cursor)) != NULL)
        most += t->task_count;
    s.items = arena_array(a, most + 1, sizeof *s.items);
    cursor = 0;
    while ((t = flow_template_next(x->flow, &cursor)) != NULL) {
        for (uint32_t k = 0; k < t->task_count; k++) {
            if (t->tasks[k].kind == TASK_KIND_QUEUE)
                s.items[s.count++] = (struct server){template_queue_name(t->tasks[k].queue), t, k};
        }
    }
    if (s.count > 0)
        qsort(s.items, s.count, sizeof *s.items, by_queue);
    return s;
}

static size_t first_of(const struct servers *s, struct slice queue)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (slice_compare(s->items[middle].queue, queue) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Up to `max` of them, and how many there are. */
static void write_servers(struct json_out *o, const struct servers *s, struct slice queue,
                          size_t max)
{
    size_t first = first_of(s, queue), end = first;
    while (end < s->count && slice_eq(s->items[end].queue, queue))
        end++;
    json_key(o, "serves");
    json_array(o);
    for (size_t k = first; k < end && k - first < max; k++) {
        const struct template *t = s->items[k].template;
        const struct task *task = &t->tasks[s->items[k].task];
        json_object(o);
        json_put_string(o, "template", t->name);
        json_put_string(o, "stage", t->stages[task->stage].name);
        json_put_string(o, "task", task->id);
        json_object_end(o);
    }
    json_array_end(o);
    json_put_number(o, "serves_count", (int64_t)(end - first));
}

static void write_queue(struct json_out *o, const struct queue_info *q, const struct servers *s,
                        size_t serves_max)
{
    json_object(o);
    json_put_string(o, "queue", q->name);
    json_put_number(o, "visible", q->visible);
    json_put_boolean(o, "more", q->has_more);
    json_put_number(o, "in_flight", q->in_flight);
    json_put_number(o, "delayed", q->delayed);
    json_put_number(o, "waiting_receives", q->waiting_receives);
    json_put_time(o, "oldest_at", q->oldest_at_ms);
    json_put_time(o, "created_at", q->created_at_ms);
    json_put_raw(o, "attributes", q->attributes);
    write_servers(o, s, template_queue_name(q->name), serves_max);
    if (q->problem.at != NULL)
        json_put_string(o, "problem", q->problem);
    json_object_end(o);
}

void rest_queue_list(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    uint32_t limit, count = 0;
    struct queue_info q;
    struct slice after = http_query(r, "after"), prefix = http_query(r, "prefix");
    if (!rest_take_limit(r, "limit", LIST_LIMIT_MAX, &limit))
        return;
    struct json_out o = json_out_new(http_arena(r), WORK_BYTES_MAX / 2);
    json_object(&o);
    json_key(&o, "queues");
    json_array(&o);
    struct servers servers = find_servers(x, http_arena(r));
    bool has_more = x->queues->ops->next(x->queues, after, prefix, &q);
    for (; has_more && count < limit; count++) {
        write_queue(&o, &q, &servers, SERVES_LISTED_MAX);
        after = slice_copy(http_arena(r), q.name);
        has_more = x->queues->ops->next(x->queues, after, prefix, &q);
    }
    json_array_end(&o);
    if (has_more)
        json_put_string(&o, "next", after);
    json_object_end(&o);
    http_reply_json(r, 200, json_out_slice(&o));
}

void rest_queue_get(struct rest *x, struct http_request *r, const struct slice *args)
{
    struct queue_info q;
    if (x->queues->ops->info(x->queues, args[0], &q) != ERR_NONE) {
        rest_fail(r, ERR_UNKNOWN_QUEUE,
                  "there is no queue of this name; GET /v1/queues lists them");
        return;
    }
    struct servers servers = find_servers(x, http_arena(r));
    struct json_out o = json_out_new(http_arena(r), WORK_BYTES_MAX / 2);
    write_queue(&o, &q, &servers, LIST_LIMIT_MAX);
    http_reply_json(r, 200, json_out_slice(&o));
}

/* --- receive and peek ------------------------------------------------------------------------- */

struct receiving { /* lives in the request's arena */
    struct rest *rest;
    struct http_request *request;
    uint64_t handle;
    bool is_over;
};

struct received {
    struct http_request *request;
    enum err err;
    const struct queue_delivery *deliveries;
    uint32_t count;
};

/* A task message is its own JSON object; a foreign one is wrapped with what it takes to delete it.
 */
static void write_delivery(struct json_out *o, const struct queue_delivery *d)
{
    if (d->is_task) {
        json_raw(o, d->body);
        return;
    }
    json_object(o);
    json_put_string(o, "id", d->id);
    json_put_string(o, "body", d->body);
    if (d->attributes.at != NULL)
        json_put_raw(o, "attributes", d->attributes);
    if (d->receipt.len > 0)
        json_put_string(o, "receipt", d->receipt);
    json_put_time(o, "sent_at", d->sent_at_ms);
    json_put_number(o, "receives", d->receives);
    json_object_end(o);
}

static void reply_received(void *context)
{
    const struct received *p = context;
    if (p->err != ERR_NONE) {
        http_reply_error(p->request, p->err, SLICE_NONE, SLICE_NONE);
        return;
    }
    struct json_out o = json_out_new(http_arena(p->request), WORK_BYTES_MAX / 2);
    json_object(&o);
    json_key(&o, "messages");
    json_array(&o);
    for (uint32_t i = 0; i < p->count; i++)
        write_delivery(&o, &p->deliveries[i]);
    json_array_end(&o);
    json_object_end(&o);
    http_reply_json(p->request, 200, json_out_slice(&o));
}

static void take_received(void *context, enum err err, const struct queue_delivery *d,
                          uint32_t count)
{
    struct receiving *w = context;
    struct received p = {w->request, err, d, count};
    w->is_over = true;
    (void)http_guard(w->request, reply_received, &p);
}

static bool is_there(void *context)
{
    const struct receiving *w = context;
    return http_is_connected(w->request);
}

static void lose_client(void *context)
{
    struct receiving *w = context;
    w->rest->queues->ops->cancel(w->rest->queues, w->handle);
}

/* A whole number of the body within its range; absent: the fallback. */
static bool take_number(struct http_request *r, yyjson_val *body, const char *name,
                        const int64_t range[2], int64_t *out)
{
    if (json_get(body, name) == NULL)
        return true;
    if (json_get_int(body, name, out) && *out >= range[0] && *out <= range[1])
        return true;
    rest_fail(r, ERR_INVALID, "%s must be a whole number from %lld to %lld", name,
              (long long)range[0], (long long)range[1]);
    return false;
}

void rest_queue_receive(struct rest *x, struct http_request *r, const struct slice *args)
{
    static const int64_t counts[2] = {1, QUEUE_RECEIVES_MAX}, waits[2] = {0, QUEUE_WAIT_S_MAX},
                         hides[2] = {0, QUEUE_VISIBILITY_S_MAX};
    yyjson_val *body;
    int64_t max = 1, wait_s = -1, hide_s = -1;
    if (!rest_take_object(r, &body) || !take_number(r, body, "max", counts, &max) ||
        !take_number(r, body, "wait_seconds", waits, &wait_s) ||
        !take_number(r, body, "visibility_seconds", hides, &hide_s))
        return;
    struct receiving *w = arena_alloc(http_arena(r), sizeof *w);
    *w = (struct receiving){.rest = x, .request = r};
    struct queue_receive receive = {.queue = args[0],
                                    .max = (uint32_t)max,
                                    .wait_ms =
                                        x->is_draining ? 0 : http_wait_ms(r, x->now_ms, wait_s),
                                    .visibility_ms = hide_s < 0 ? -1 : hide_s * 1000,
                                    .is_connected = is_there,
                                    .reply = take_received,
                                    .context = w};
    w->handle = x->queues->ops->receive(x->queues, &receive);
    if (!w->is_over && w->handle != 0)
        http_on_gone(r, lose_client, w);
}

void rest_queue_peek(struct rest *x, struct http_request *r, const struct slice *args)
{
    uint32_t limit;
    if (!rest_take_limit(r, "limit", 10, &limit))
        return;
    if (x->queues->ops->peek == NULL) {
        rest_fail(r, ERR_REFUSED,
                  "the queues of this server are on Amazon SQS, where nobody can look at a message "
                  "without receiving it");
        return;
    }
    struct receiving *w = arena_alloc(http_arena(r), sizeof *w);
    *w = (struct receiving){.rest = x, .request = r};
    x->queues->ops->peek(x->queues, args[0], limit < PEEK_MAX ? limit : PEEK_MAX, take_received, w);
}

/* --- send, delete, purge ---------------------------------------------------------------------- */

struct changing { /* lives in the request's arena */
    struct http_request *request;
    const char *name; /* the member that says what was done */
    struct slice value;
    enum err err;
    struct slice detail;
};

static void reply_changed(void *context)
{
    const struct changing *c = context;
    if (c->err != ERR_NONE) {
        http_reply_error(c->request, c->err, c->detail.len > 0 ? c->detail : SLICE_NONE,
                         SLICE_NONE);
        return;
    }
    struct json_out o = json_out_new(http_arena(c->request), 4096);
    json_object(&o);
    json_put_string(&o, c->name, c->value);
    json_object_end(&o);
    http_reply_json(c->request, 200, json_out_slice(&o));
}

static void take_changed(void *context, enum err err, struct slice detail)
{
    struct changing *c = context;
    c->err = err;
    c->detail = detail;
    (void)http_guard(c->request, reply_changed, c);
}

static void take_posted(void *context, enum err err)
{
    take_changed(context, err, SLICE_NONE);
}

static struct changing *change(struct http_request *r, const char *name, struct slice value)
{
    struct changing *c = arena_alloc(http_arena(r), sizeof *c);
    *c = (struct changing){.request = r, .name = name, .value = value};
    return c;
}

void rest_queue_send(struct rest *x, struct http_request *r, const struct slice *args)
{
    static const int64_t delays[2] = {0, QUEUE_DELAY_S_MAX};
    yyjson_val *body;
    int64_t delay_s = -1;
    if (!rest_take_object(r, &body) || !take_number(r, body, "delay_seconds", delays, &delay_s))
        return;
    yyjson_val *content = json_get(body, "body");
    if (content == NULL) {
        rest_fail(r, ERR_INVALID, "body is missing: the message, a string or any JSON value");
        return;
    }
    struct event e = {.kind = EVENT_NONE};
    rest_sign(x, r, &e, -1);
    struct queue_send m = {.queue = args[0],
                           .body = yyjson_is_str(content) ? json_text(content)
                                                          : json_write(http_arena(r), content),
                           .delay_ms = delay_s < 0 ? -1 : delay_s * 1000,
                           .id = e.id};
    if (m.body.len > QUEUE_BODY_BYTES_MAX) {
        rest_fail(r, ERR_TOO_LARGE, "a message is at most 1 MiB long");
        return;
    }
    struct changing *c = change(r, "id", e.id);
    if (slice_eq_text(m.queue, QUEUE_EVENTS))
        rest_post(x, &(struct sqs_post){m.body, e.id, e.source, e.actor, auth_role(r)}, take_posted,
                  c);
    else
        x->queues->ops->send(x->queues, &m, 1, take_changed, c);
}

void rest_queue_delete(struct rest *x, struct http_request *r, const struct slice *args)
{
    yyjson_val *body;
    if (!rest_take_object(r, &body))
        return;
    struct slice receipt = json_get_text(body, "receipt");
    if (receipt.len == 0) {
        rest_fail(r, ERR_INVALID, "receipt is missing: the one that came with the message");
        return;
    }
    struct changing *c = change(r, "deleted_from", args[0]);
    x->queues->ops->remove(x->queues, args[0], receipt, take_changed, c);
}

void rest_queue_purge(struct rest *x, struct http_request *r, const struct slice *args)
{
    x->queues->ops->purge(x->queues, args[0], take_changed, change(r, "purged", args[0]));
}
