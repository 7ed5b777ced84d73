/* Instances: list, show, start, control. Before it stands the route table, after it flow_read for
 * looking and rest_event.c for changing. */
#include "api/rest_int.h"

#include "core/limits.h"

/* One that no \ takes as it is. */
static bool ends_with_star(struct slice s)
{
    size_t escapes = 0;
    if (s.len == 0 || s.at[s.len - 1] != '*')
        return false;
    while (escapes + 1 < s.len && s.at[s.len - 2 - escapes] == '\\')
        escapes++;
    return escapes % 2 == 0;
}

/* A * at the end stands for whatever follows. */
static bool take_key(struct http_request *r, struct store_filter *f)
{
    struct slice rest = http_query(r, "key"), value;
    bool is_prefix = ends_with_star(rest);
    if (rest.at == NULL)
        return true;
    if (is_prefix)
        rest.len--;
    if (!rest_next_value(http_arena(r), &rest, &value) || rest.at != NULL) {
        rest_fail(r, ERR_INVALID, "key takes one value; a comma in it is written \\,");
        return false;
    }
    if (!is_prefix)
        f->key = value;
    else if (value.len > 0)
        f->key_prefix = value;
    return true;
}

static bool take_filter(struct http_request *r, struct store_filter *f)
{
    return rest_take_any(r, "template", &f->template) &&
           rest_take_words(r, "status", VOCAB_INSTANCE_STATUS, &f->status) &&
           rest_take_any(r, "stage", &f->stage) &&
           rest_take_any(r, "business_status", &f->business_status) && take_key(r, f) &&
           rest_take_count(r, "version", &f->version) && rest_take_time(r, "since", &f->since_ms) &&
           rest_take_time(r, "until", &f->until_ms) &&
           rest_take_time(r, "started_since", &f->started_since_ms) &&
           rest_take_time(r, "started_until", &f->started_until_ms);
}

void rest_instance_list(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    struct flow_query q = {.what = FLOW_LIST, .after = http_query(r, "after")};
    if (take_filter(r, &q.filter) && rest_take_limit(r, "limit", LIST_LIMIT_DEFAULT, &q.limit))
        rest_read(x, r, &q);
}

void rest_instance_count(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    struct flow_query q = {.what = FLOW_COUNT};
    if (take_filter(r, &q.filter))
        rest_read(x, r, &q);
}

/* What began and ended, in buckets: an hour by minutes, a day by quarters of an hour. */
void rest_activity(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    struct slice window = http_query(r, "window");
    struct flow_query q = {.what = FLOW_ACTIVITY, .width_ms = 60 * 1000, .limit = 60};
    if (slice_eq_text(window, "1d")) {
        q.width_ms = 15 * 60 * 1000;
        q.limit = 96;
    } else if (window.at != NULL && !slice_eq_text(window, "1h")) {
        rest_fail(r, ERR_INVALID, "window must be 1h or 1d");
        return;
    }
    rest_read(x, r, &q);
}

void rest_attention(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    struct flow_query q = {.what = FLOW_ATTENTION};
    if (rest_take_limit(r, "limit", ATTENTION_LIMIT_DEFAULT, &q.limit))
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

/* ?fields=brief leaves out what may be large. */
static bool take_fields(struct http_request *r, struct flow_query *q)
{
    struct slice fields = http_query(r, "fields");
    q->brief = slice_eq_text(fields, "brief");
    if (!q->brief && fields.at != NULL)
        rest_fail(r, ERR_INVALID, "fields can only be brief");
    return q->brief || fields.at == NULL;
}

void rest_instance_get(struct rest *x, struct http_request *r, const struct slice *args)
{
    struct flow_query q = {.what = FLOW_SHOW, .id = args[0], .task = http_query(r, "task")};
    if (take_at(r, &q) && take_fields(r, &q))
        rest_read(x, r, &q);
}

void rest_instance_graph(struct rest *x, struct http_request *r, const struct slice *args)
{
    struct flow_query q = {.what = FLOW_GRAPH, .id = args[0]};
    if (take_at(r, &q))
        rest_read(x, r, &q);
}

void rest_instance_layout(struct rest *x, struct http_request *r, const struct slice *args)
{
    struct flow_query q = {.what = FLOW_LAYOUT, .id = args[0]};
    if (take_at(r, &q))
        rest_read(x, r, &q);
}

void rest_instance_timeline(struct rest *x, struct http_request *r, const struct slice *args)
{
    struct flow_query q = {.what = FLOW_TIMELINE, .id = args[0], .after = http_query(r, "after")};
    int64_t at = 0;
    q.newest_first = slice_eq_text(http_query(r, "newest_first"), "true");
    if (rest_take_count(r, "at", &at) && rest_take_limit(r, "limit", LIST_LIMIT_MAX, &q.limit)) {
        q.at_seq = (uint64_t)at;
        rest_read(x, r, &q);
    }
}

void rest_instance_events(struct rest *x, struct http_request *r, const struct slice *args)
{
    struct flow_query q = {.what = FLOW_EVENTS, .id = args[0], .after = http_query(r, "after")};
    q.task = http_query(r, "task");
    if (take_fields(r, &q) && rest_take_words(r, "verdict", VOCAB_VERDICT, &q.verdict) &&
        rest_take_words(r, "event", VOCAB_EVENT_KIND, &q.event) &&
        rest_take_flag(r, "newest_first", &q.newest_first) &&
        rest_take_limit(r, "limit", LIST_LIMIT_DEFAULT, &q.limit))
        rest_read(x, r, &q);
}

void rest_instance_explain(struct rest *x, struct http_request *r, const struct slice *args)
{
    struct flow_query q = {.what = FLOW_EXPLAIN, .id = args[0]};
    if (take_at(r, &q))
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
