/* Reads that answer numbers: how many match a filter, what began and ended when. Each is one
 * question to the store, whose cost limits.h bounds. */
#include "flow/query_int.h"

#include <string.h>

/* --- how many match --- */

static void put_matches(struct query *q, void *argument)
{
    const struct store_request *r = argument;
    struct json_out *o = &q->out;
    int64_t sum = 0;
    for (uint32_t k = 0; k < r->count_count; k++)
        sum += (int64_t)r->counts[k].count;
    json_object(o);
    json_put_number(o, "count", sum);
    json_put_boolean(o, "more", r->is_more);
    json_key(o, "by_status");
    json_object(o);
    for (uint32_t k = 0; k < r->count_count; k++) {
        const char *name = slice_text(&q->arena, r->counts[k].status);
        json_put_number(o, name, (int64_t)r->counts[k].count);
    }
    json_object_end(o);
    json_object_end(o);
}

static void matches_read(struct flow *f, struct ask *a)
{
    (void)f;
    query_finish(a->context, put_matches, a);
}

void query_count(struct query *q)
{
    struct ask *a = query_ask(q, STORE_MATCHES, matches_read);
    if (a == NULL)
        return;
    a->r.filter = q->q.filter;
    a->r.look_max = COUNT_LOOK_MAX;
    ask_submit(q->f, a);
}

/* --- activity --- */

static int64_t find_count(const struct store_request *r, int64_t at_ms, const char *status)
{
    for (uint32_t k = 0; k < r->bucket_count; k++) {
        const struct store_bucket *b = &r->buckets[k];
        bool is_it = status == NULL ? b->status.at == NULL : slice_eq_text(b->status, status);
        if (b->at_ms == at_ms && is_it)
            return (int64_t)b->count;
    }
    return 0;
}

static void put_bucket(struct query *q, const struct store_request *r, int64_t at_ms)
{
    struct json_out *o = &q->out;
    json_object(o);
    json_put_time(o, "at", at_ms);
    json_put_number(o, "started", find_count(r, at_ms, NULL));
    for (int s = INSTANCE_RUNNING; s < INSTANCE_STATUS_COUNT; s++) {
        char lower[32] = "";
        const char *name = vocab_name(VOCAB_INSTANCE_STATUS, s);
        if (instance_status_is_open((enum instance_status)s))
            continue;
        for (size_t k = 0; name[k] != '\0' && k < sizeof lower - 1; k++)
            lower[k] = (char)(name[k] | 0x20);
        json_put_number(o, lower, find_count(r, at_ms, name));
    }
    json_object_end(o);
}

static void put_activity(struct query *q, void *argument)
{
    const struct store_request *r = argument;
    struct json_out *o = &q->out;
    json_object(o);
    json_put_time(o, "from", r->at_ms);
    json_put_time(o, "now", q->f->now_ms);
    json_put_number(o, "bucket_seconds", r->width_ms / 1000);
    json_put_time(o, "whole_from", r->whole_from_ms);
    json_key(o, "buckets");
    json_array(o);
    for (int64_t at_ms = r->at_ms; at_ms <= q->f->now_ms; at_ms += r->width_ms)
        put_bucket(q, r, at_ms);
    json_array_end(o);
    json_object_end(o);
}

static void activity_read(struct flow *f, struct ask *a)
{
    (void)f;
    query_finish(a->context, put_activity, a);
}

/* Buckets begin at whole multiples of their width, so that they stay the same from question to
 * question. */
void query_activity(struct query *q)
{
    struct ask *a = query_ask(q, STORE_ACTIVITY, activity_read);
    if (a == NULL)
        return;
    a->r.width_ms = q->q.width_ms;
    a->r.at_ms = q->f->now_ms - q->f->now_ms % q->q.width_ms;
    a->r.at_ms -= (q->q.limit - 1) * q->q.width_ms;
    a->r.look_max = ACTIVITY_LOOK_MAX;
    ask_submit(q->f, a);
}
