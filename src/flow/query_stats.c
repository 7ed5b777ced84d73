/* How many instances there are, by status, template and version, and what the engine has done.
 * query.c comes before, when the store has counted. */
#include "flow/query_int.h"

static bool is_counted(const struct query *q, const struct store_count *c)
{
    return q->q.id.len == 0 || slice_eq(c->template, q->q.id);
}

static int64_t sum_of(const struct query *q, const struct store_request *r, const char *status)
{
    int64_t sum = 0;
    for (uint32_t k = 0; k < r->count_count; k++) {
        const struct store_count *c = &r->counts[k];
        if (is_counted(q, c) && slice_eq_text(c->status, status))
            sum += (int64_t)c->count;
    }
    return sum;
}

static void put_count(struct json_out *o, struct slice template, struct slice status, int64_t count)
{
    json_object(o);
    json_put_string(o, "template", template);
    json_put_string(o, "status", status);
    json_put_number(o, "count", count);
    json_object_end(o);
}

/* The numbers of a template's versions are added up; they lie side by side. */
static void put_template_counts(struct query *q, const struct store_request *r, uint32_t from,
                                uint32_t to)
{
    for (int s = INSTANCE_RUNNING; s < INSTANCE_STATUS_COUNT; s++) {
        struct slice name = slice_of(vocab_name(VOCAB_INSTANCE_STATUS, s));
        int64_t sum = 0;
        for (uint32_t k = from; k < to; k++)
            if (slice_eq(r->counts[k].status, name))
                sum += (int64_t)r->counts[k].count;
        if (sum > 0)
            put_count(&q->out, r->counts[from].template, name, sum);
    }
}

static void put_version_counts(struct query *q, const struct store_request *r)
{
    struct json_out *o = &q->out;
    json_key(o, "versions");
    json_array(o);
    for (uint32_t k = 0; k < r->count_count; k++) {
        const struct store_count *c = &r->counts[k];
        if (!is_counted(q, c))
            continue;
        json_object(o);
        json_put_number(o, "version", c->version);
        json_put_string(o, "status", c->status);
        json_put_number(o, "count", (int64_t)c->count);
        json_object_end(o);
    }
    json_array_end(o);
}

static void put_counts(struct query *q, const struct store_request *r)
{
    struct json_out *o = &q->out;
    json_key(o, "instances");
    json_object(o);
    for (int s = INSTANCE_RUNNING; s < INSTANCE_STATUS_COUNT; s++) {
        const char *name = vocab_name(VOCAB_INSTANCE_STATUS, s);
        json_put_number(o, name, sum_of(q, r, name));
    }
    json_object_end(o);
    json_key(o, "templates");
    json_array(o);
    for (uint32_t k = 0, end; k < r->count_count; k = end) {
        end = k + 1;
        while (end < r->count_count && slice_eq(r->counts[end].template, r->counts[k].template))
            end++;
        if (is_counted(q, &r->counts[k]))
            put_template_counts(q, r, k, end);
    }
    json_array_end(o);
    if (q->q.id.len > 0)
        put_version_counts(q, r);
}

static void put_stats(struct query *q, void *argument)
{
    struct json_out *o = &q->out;
    struct flow_stats s;
    flow_get_stats(q->f, &s);
    json_object(o);
    put_counts(q, argument);
    json_key(o, "events");
    json_object(o);
    for (int v = 0; v < VERDICT_COUNT; v++)
        json_put_number(o, vocab_name(VOCAB_VERDICT, v), (int64_t)s.events_by_verdict[v]);
    json_object_end(o);
    json_key(o, "engine");
    json_object(o);
    json_put_number(o, "commits", (int64_t)s.commits);
    json_put_number(o, "records", (int64_t)s.records);
    json_put_number(o, "conflicts", (int64_t)s.conflicts);
    json_put_number(o, "loads", (int64_t)s.loads);
    json_put_number(o, "rows_written", (int64_t)s.rows_written);
    json_put_number(o, "cached_instances", (int64_t)s.cached_instances);
    json_put_number(o, "cached_bytes", (int64_t)s.cached_bytes);
    json_put_number(o, "removed", (int64_t)s.removed);
    json_put_number(o, "waiting_events", (int64_t)s.waiting_events);
    json_object_end(o);
    json_object_end(o);
}

void query_counts_read(struct flow *f, struct ask *a)
{
    (void)f;
    query_finish(a->context, put_stats, a);
}
