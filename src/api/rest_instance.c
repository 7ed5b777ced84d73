/* Instances: list, show, start, control. Before it stands the route table, after it flow_read for
 * looking and rest_event.c for changing. */
#include "api/rest_int.h"

#include "core/limits.h"

void rest_instance_list(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    struct flow_query q = {.what = FLOW_LIST, .after = http_query(r, "after")};
    q.filter.template = http_query(r, "template");
    q.filter.status = http_query(r, "status");
    q.filter.stage = http_query(r, "stage");
    q.filter.key = http_query(r, "key");
    q.filter.business_status = http_query(r, "business_status");
    if (q.filter.status.at != NULL && vocab_find(VOCAB_INSTANCE_STATUS, q.filter.status) <= 0) {
        const char *near = vocab_suggest(VOCAB_INSTANCE_STATUS, q.filter.status);
        rest_fail(r, ERR_INVALID, "there is no such status%s%s", near ? "; did you mean " : "",
                  near ? near : "");
        return;
    }
    if (rest_take_count(r, "version", &q.filter.version) &&
        rest_take_time(r, "since", &q.filter.since_ms) &&
        rest_take_limit(r, "limit", LIST_LIMIT_DEFAULT, &q.limit))
        rest_read(x, r, &q);
}

void rest_instance_start(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    rest_arrive_as(x, r, EVENT_START, SLICE_NONE);
}

/* ?at=SEQ or ?at=TIME: a number of at most nine digits is a record's, a longer one milliseconds. */
static bool take_at(struct http_request *r, struct flow_query *q)
{
    struct slice at = http_query(r, "at");
    int64_t n = 0;
    if (at.at == NULL)
        return true;
    if (!slice_to_int(at, &n) || at.len > 9)
        return rest_take_time(r, "at", &q->at_ms);
    if (n > 0)
        q->at_seq = (uint64_t)n;
    else
        rest_fail(r, ERR_INVALID, "at must be a record's number from 1, or a time");
    return n > 0;
}

void rest_instance_get(struct rest *x, struct http_request *r, const struct slice *args)
{
    struct flow_query q = {.what = FLOW_SHOW, .id = args[0]};
    if (take_at(r, &q))
        rest_read(x, r, &q);
}

void rest_instance_graph(struct rest *x, struct http_request *r, const struct slice *args)
{
    struct flow_query q = {.what = FLOW_GRAPH, .id = args[0]};
    if (take_at(r, &q))
        rest_read(x, r, &q);
}

void rest_instance_events(struct rest *x, struct http_request *r, const struct slice *args)
{
    struct flow_query q = {.what = FLOW_EVENTS, .id = args[0], .after = http_query(r, "after")};
    q.verdict = http_query(r, "verdict");
    q.event = http_query(r, "event");
    q.newest_first = slice_eq_text(http_query(r, "newest_first"), "true");
    if (rest_take_limit(r, "limit", LIST_LIMIT_DEFAULT, &q.limit))
        rest_read(x, r, &q);
}

void rest_instance_explain(struct rest *x, struct http_request *r, const struct slice *args)
{
    struct flow_query q = {.what = FLOW_EXPLAIN, .id = args[0]};
    rest_read(x, r, &q);
}

/* A task is named in the body, or a stage as a whole. */
void rest_instance_replay(struct rest *x, struct http_request *r, const struct slice *args)
{
    yyjson_val *body;
    if (!rest_take_object(r, &body))
        return;
    bool is_task = json_get(body, "task") != NULL;
    if (!is_task && json_get(body, "stage") == NULL) {
        rest_fail(r, ERR_INVALID, "say what to replay: task or stage");
        return;
    }
    rest_arrive_as(x, r, is_task ? EVENT_REPLAY_TASK : EVENT_REPLAY_STAGE, args[0]);
}

void rest_instance_pause(struct rest *x, struct http_request *r, const struct slice *args)
{
    rest_arrive_as(x, r, EVENT_PAUSE, args[0]);
}

void rest_instance_resume(struct rest *x, struct http_request *r, const struct slice *args)
{
    rest_arrive_as(x, r, EVENT_RESUME, args[0]);
}

void rest_instance_cancel(struct rest *x, struct http_request *r, const struct slice *args)
{
    rest_arrive_as(x, r, EVENT_CANCEL, args[0]);
}
