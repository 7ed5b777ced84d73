/* How this server is: for people (swm status), for load balancers (/readyz) and for the page.
 * Before it stands the route table; it asks flow and the queue driver and changes nothing. Ready
 * means that work sent here now would be taken, decided and passed on. */
#include "api/rest_int.h"

#include "base/text.h"
#include "base/version.h"
#include "core/limits.h"

#define STATUS_BYTES_MAX (1024 * 1024)
#define BEHIND_MS_MAX 10000 /* rows that wait longer than this are a problem */
#define UNSENT_MS_MAX 10000 /* messages likewise */

static struct queue_health health_of(const struct rest *x)
{
    struct queue_health h = {0};
    if (x->queue != NULL && x->queue->ops->health != NULL)
        x->queue->ops->health(x->queue, &h);
    return h;
}

static int64_t unsent_ms(const struct rest *x, const struct queue_health *h)
{
    return h->oldest_unsent_at_ms > 0 ? x->now_ms - h->oldest_unsent_at_ms : 0;
}

/* What keeps this server from its work, in order of weight. NULL: nothing. */
static const char *find_problem(const struct rest *x, const struct queue_health *h)
{
    struct flow_stats s;
    flow_get_stats(x->flow, &s);
    if (x->is_draining)
        return "the server is shutting down";
    if (!x->is_ready)
        return "the server is starting";
    if (s.store_err != ERR_NONE)
        return err_text(s.store_err);
    if (!flow_is_heard(x->flow))
        return "the store does not hear this node";
    if (s.behind_ms > BEHIND_MS_MAX)
        return "rows cannot be written";
    if (h->is_closed)
        return "the queue service cannot be called without credentials";
    if (unsent_ms(x, h) > UNSENT_MS_MAX)
        return "task messages cannot be sent";
    return NULL;
}

static void put_store(struct json_out *o, const struct rest *x)
{
    struct flow_stats s;
    flow_get_stats(x->flow, &s);
    json_key(o, "store");
    json_object(o);
    json_put_text(o, "name", x->store);
    json_put_boolean(o, "shared", flow_is_shared(x->flow));
    json_put_string(o, "error",
                    s.store_err == ERR_NONE ? SLICE_NONE : slice_of(err_text(s.store_err)));
    json_put_number(o, "rows_behind", (int64_t)s.dirty_rows);
    json_put_number(o, "behind_ms", s.behind_ms);
    json_object_end(o);
}

static void put_queue(struct json_out *o, const struct rest *x, const struct queue_health *h)
{
    json_key(o, "queue");
    json_object(o);
    json_put_text(o, "name", x->queue == NULL ? "" : x->queue->ops->name);
    json_put_number(o, "unsent", (int64_t)h->unsent);
    json_put_number(o, "oldest_unsent_ms", unsent_ms(x, h));
    json_put_number(o, "events_in_hand", (int64_t)h->in_hand);
    json_put_number(o, "requests", (int64_t)h->requests);
    json_put_string(o, "problem", h->problem);
    json_put_string(o, "warning", h->warning);
    json_object_end(o);
}

static void put_nodes(struct json_out *o, const struct rest *x, struct arena *a)
{
    struct flow_node *nodes = arena_array(a, NODES_MAX, sizeof *nodes);
    size_t count = flow_nodes(x->flow, nodes, NODES_MAX);
    json_key(o, "nodes");
    json_array(o);
    for (size_t k = 0; k < count && k < NODES_MAX; k++) {
        json_object(o);
        json_put_string(o, "node", nodes[k].id);
        json_put_boolean(o, "alive", nodes[k].is_alive);
        json_put_boolean(o, "self", slice_eq_text(nodes[k].id, x->node));
        json_put_time(o, "seen_at", nodes[k].seen_at_ms);
        json_put_raw(o, "info", nodes[k].info.len > 0 ? nodes[k].info : SLICE("{}"));
        json_object_end(o);
    }
    json_array_end(o);
}

static const char *mode_of(const struct flow *f)
{
    return flow_is_guest(f) ? "serverless" : flow_is_shared(f) ? "cluster" : "one process";
}

void rest_status_show(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    struct queue_health h = health_of(x);
    struct flow_stats s;
    struct json_out o = json_out_new(http_arena(r), STATUS_BYTES_MAX);
    const char *problem = find_problem(x, &h);
    flow_get_stats(x->flow, &s);
    json_object(&o);
    json_put_boolean(&o, "ready", problem == NULL);
    json_put_string(&o, "problem", problem == NULL ? SLICE_NONE : slice_of(problem));
    json_put_text(&o, "version", version_text);
    json_put_text(&o, "mode", mode_of(x->flow));
    json_put_text(&o, "node", x->node);
    json_put_time(&o, "started_at", x->began_at_ms);
    put_store(&o, x);
    put_queue(&o, x, &h);
    put_nodes(&o, x, http_arena(r));
    json_key(&o, "events");
    json_object(&o);
    json_put_number(&o, "waiting", (int64_t)s.waiting_events);
    json_put_number(&o, "conflicts", (int64_t)s.conflicts);
    json_put_number(&o, "taken_over", (int64_t)s.taken_over);
    json_object_end(&o);
    rest_put_limits(&o);
    json_object_end(&o);
    http_reply_json(r, 200, json_out_slice(&o));
}

void rest_ready(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    struct queue_health h = health_of(x);
    const char *problem = find_problem(x, &h);
    if (problem == NULL)
        http_reply_json(r, 200, SLICE("{\"ready\":true}"));
    else
        http_reply_error(r, x->is_draining ? ERR_CLOSING : ERR_OVERLOAD, slice_of(problem),
                         SLICE_NONE);
}
