/* Numbers for Prometheus (text format 0.0.4). Before it stands the route table; it asks flow, the
 * queues and the server for what they count and changes nothing. */
#include "api/rest_int.h"

#include "base/log.h"
#include "base/version.h"
#include "core/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define METRICS_BYTES_MAX (8 * 1024 * 1024)

static void put_head(struct text *t, const char *name, const char *type, const char *help)
{
    text_printf(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put(struct text *t, const char *name, const char *type, const char *help, uint64_t n)
{
    put_head(t, name, type, help);
    text_printf(t, "%s %" PRIu64 "\n", name, n);
}

static void put_flow(struct text *t, const struct flow_stats *s)
{
    put_head(t, "swm_events_total", "counter", "Events by verdict since the start.");
    for (int v = 0; v < VERDICT_COUNT; v++)
        text_printf(t, "swm_events_total{verdict=\"%s\"} %" PRIu64 "\n",
                    vocab_name(VOCAB_VERDICT, v), s->events_by_verdict[v]);
    put(t, "swm_commits_total", "counter", "Commits that became durable.", s->commits);
    put(t, "swm_records_total", "counter", "Records in them.", s->records);
    put(t, "swm_conflicts_total", "counter", "Commits that somebody else was before.",
        s->conflicts);
    put(t, "swm_loads_total", "counter", "Instances read from the store.", s->loads);
    put(t, "swm_rows_written_total", "counter", "Rows written behind.", s->rows_written);
    put(t, "swm_cached_instances", "gauge", "Instances in memory.", s->cached_instances);
    put(t, "swm_cached_bytes", "gauge", "Bytes they take.", s->cached_bytes);
    put(t, "swm_waiting_events", "gauge", "Events that wait for a commit.", s->waiting_events);
    put(t, "swm_dirty_rows", "gauge", "Rows not yet written behind.", s->dirty_rows);
}

static void put_server(struct text *t, const struct rest *x)
{
    put_head(t, "swm_info", "gauge", "The version of this program.");
    text_printf(t, "swm_info{version=\"%s\",store=\"%s\",node=\"%s\"} 1\n", version_text, x->store,
                x->node);
    put(t, "swm_http_open_requests", "gauge", "Requests not yet answered, streams included.",
        http_open_requests(x->http));
    put(t, "swm_streams", "gauge", "Open event streams.", x->streams.count);
    put(t, "swm_unauthorized_requests_total", "counter", "Requests without a valid key.",
        x->auth.unauthorized);
    put(t, "swm_forbidden_requests_total", "counter", "Requests that a key's role did not allow.",
        x->auth.forbidden);
    put(t, "swm_log_dropped_total", "counter", "Lines of log that nobody read in time.",
        log_dropped_count());
}

/* Resident memory, where the system tells it. */
static void put_memory(struct text *t)
{
    unsigned long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f == NULL)
        return;
    if (fscanf(f, "%lu %lu", &pages, &resident) == 2)
        put(t, "process_resident_memory_bytes", "gauge", "Resident memory.",
            (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE));
    fclose(f);
}

static int64_t queue_number(const struct queue_info *q, int which)
{
    return which == 0 ? q->visible : which == 1 ? q->in_flight : q->delayed;
}

/* One metric at a time, as the format asks. Queue names hold no character that needs escaping. */
static void put_queues(struct text *t, const struct rest *x, struct arena *a)
{
    static const char *const names[] = {"swm_queue_visible", "swm_queue_in_flight",
                                        "swm_queue_delayed"};
    static const char *const helps[] = {"Messages that can be received.",
                                        "Messages received and not yet deleted.",
                                        "Messages to be shown later."};
    for (int which = 0; which < 3; which++) {
        struct slice after = SLICE_NONE;
        struct queue_info q;
        put_head(t, names[which], "gauge", helps[which]);
        while (x->queues->ops->next(x->queues, after, SLICE_NONE, &q)) {
            text_printf(t, "%s{queue=\"%.*s\"} %" PRId64 "\n", names[which], SLICE_ARG(q.name),
                        queue_number(&q, which));
            after = slice_copy(a, q.name);
        }
    }
}

/* Where the queues lie at a service. */
static void put_service(struct text *t, const struct queue *q)
{
    struct queue_counter c;
    struct queue_health h;
    if (q == NULL || q->ops->counter == NULL)
        return;
    q->ops->health(q, &h);
    put(t, "swm_queue_unsent", "gauge", "Task messages that the service does not have yet.",
        h.unsent);
    put(t, "swm_queue_events_in_hand", "gauge", "Received events without a verdict.", h.in_hand);
    put_head(t, "swm_queue_requests_total", "counter", "Requests to the service.");
    for (size_t n = 0; q->ops->counter(q, n, &c); n++)
        text_printf(t, "swm_queue_requests_total{action=\"%s\"} %" PRIu64 "\n", c.action, c.count);
}

void metrics_show(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    struct text t = text_new(http_arena(r), METRICS_BYTES_MAX);
    struct flow_stats stats;
    flow_get_stats(x->flow, &stats);
    put_server(&t, x);
    put_memory(&t);
    put_flow(&t, &stats);
    put_queues(&t, x, http_arena(r));
    put_service(&t, x->queue);
    http_reply(r, 200, "text/plain; version=0.0.4; charset=utf-8", text_slice(&t));
}
