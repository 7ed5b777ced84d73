/* Events in over HTTP: one, many, or one that an address names. Before it stands the route table,
 * after it flow_arrive. Bytes that are no event get a stored verdict too. It decodes everything
 * before the first arrival: from then on answers may come, and nothing may be given up. */
#include "api/rest_int.h"

#include "base/time.h"
#include "core/limits.h"

struct batch {
    struct http_request *request;
    struct batch_item *items;
    size_t count, left;
};

struct batch_item {
    struct batch *batch;
    struct decoded decoded;
    struct slice json; /* its answer */
};

void rest_decode(struct arena *a, yyjson_val *object, struct decoded *out)
{
    enum err e = event_decode(a, object, &out->event, &out->why);
    if (e == ERR_NONE)
        out->verdict = VERDICT_APPLIED;
    else
        out->verdict = e == ERR_TOO_LARGE ? VERDICT_TOO_LARGE : VERDICT_INVALID;
}

bool rest_may_send(enum role role, const struct decoded *d)
{
    return d->verdict != VERDICT_APPLIED || role >= event_kind_role(d->event.kind);
}

static void refuse_kind(struct rest *x, struct http_request *r, const struct decoded *d)
{
    struct text t = text_new(http_arena(r), REASON_BYTES_MAX);
    text_printf(&t, "%s needs the role operator; the key's is %s",
                vocab_name(VOCAB_EVENT_KIND, (int)d->event.kind),
                vocab_name(VOCAB_ROLE, (int)auth_role(r)));
    auth_refuse(&x->auth, r, ERR_FORBIDDEN, text_c(&t));
}

void rest_arrive(struct rest *x, const struct decoded *d, flow_reply *reply, void *context)
{
    if (d->verdict == VERDICT_APPLIED)
        flow_arrive(x->flow, &d->event, reply, context);
    else
        flow_arrive_bad(x->flow, &d->event, &(struct flow_bad){d->verdict, d->why, d->body}, reply,
                        context);
}

yyjson_val *rest_parse(struct arena *a, struct slice body, size_t bytes_max, struct decoded *out)
{
    struct json_error why = {0, ""};
    yyjson_val *root = NULL;
    out->body = body.len > 0 ? body : SLICE("{}");
    enum err e = json_read(a, out->body, bytes_max, JSON_DEPTH_MAX, &why, &root);
    if (e == ERR_NONE)
        return root;
    struct text t = text_new(a, REASON_BYTES_MAX);
    if (e == ERR_TOO_LARGE)
        text_printf(&t, "the body is larger than %zu bytes", bytes_max);
    else
        text_printf(&t, "the body is not JSON: %s at byte %zu", why.what, why.offset);
    out->why = text_slice(&t);
    out->verdict = e == ERR_TOO_LARGE ? VERDICT_TOO_LARGE : VERDICT_INVALID;
    return NULL;
}

static void arrive_alone(struct rest *x, struct http_request *r, struct decoded *d, int64_t wait_ms)
{
    struct asked *asked = arena_alloc(http_arena(r), sizeof *asked);
    *asked = (struct asked){x, r, d->event.kind, wait_ms};
    rest_sign(x, r, &d->event, -1);
    rest_arrive(x, d, rest_reply_arrival, asked);
}

/* The members of the body with those that the address says already. */
static struct slice merge(struct http_request *r, enum event_kind kind, struct slice instance,
                          yyjson_val *body)
{
    struct json_out o = json_out_new(http_arena(r), HTTP_BODY_BYTES_MAX * 2);
    json_object(&o);
    json_put_text(&o, "event", vocab_name(VOCAB_EVENT_KIND, (int)kind));
    if (instance.at != NULL)
        json_put_string(&o, "instance", instance);
    yyjson_obj_iter it = yyjson_obj_iter_with(body);
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&it)) != NULL;) {
        struct slice n = json_text(name);
        if (slice_eq_text(n, "event") || (instance.at != NULL && slice_eq_text(n, "instance")))
            continue;
        json_key_slice(&o, n);
        json_raw(&o, json_write(http_arena(r), yyjson_obj_iter_get_val(name)));
    }
    json_object_end(&o);
    return json_out_slice(&o);
}

void rest_arrive_as(struct rest *x, struct http_request *r, enum event_kind kind,
                    struct slice instance)
{
    struct decoded d = {.verdict = VERDICT_INVALID, .why = SLICE("the body must be a JSON object")};
    int64_t wait_s = 0;
    yyjson_val *body = rest_parse(http_arena(r), http_body(r), EVENT_BYTES_MAX, &d), *merged = NULL;
    if (body != NULL && yyjson_is_obj(body)) {
        struct slice text = merge(r, kind, instance, body);
        (void)json_get_int(body, "wait_seconds", &wait_s);
        if (json_read(http_arena(r), text, text.len, JSON_DEPTH_MAX, NULL, &merged) == ERR_NONE)
            rest_decode(http_arena(r), merged, &d);
    }
    d.event.kind = kind;
    if (wait_s < 0 || wait_s > START_WAIT_S_MAX) {
        rest_fail(r, ERR_INVALID, "wait_seconds must be from 0 to %d", START_WAIT_S_MAX);
        return;
    }
    arrive_alone(x, r, &d, wait_s * 1000);
}

static void reply_batch(void *context)
{
    const struct batch *b = context;
    struct json_out o = json_out_new(http_arena(b->request), WORK_BYTES_MAX / 2);
    json_object(&o);
    json_key(&o, "results");
    json_array(&o);
    for (size_t i = 0; i < b->count; i++)
        json_raw(&o, b->items[i].json);
    json_array_end(&o);
    json_object_end(&o);
    http_reply_json(b->request, 200, json_out_slice(&o));
}

/* Keeps one answer of a batch. Where memory is short the others still count. */
static void keep_answer(struct batch_item *item, const struct flow_answer *answer)
{
    struct arena *a = http_arena(item->batch->request);
    jmp_buf edge;
    jmp_buf *const outer = a->edge;
    a->edge = &edge;
    if (setjmp(edge) == 0) {
        struct json_out o = json_out_new(a, WORK_BYTES_MAX);
        json_object(&o);
        rest_write_answer(&o, item->decoded.event.kind, answer);
        json_object_end(&o);
        item->json = json_out_slice(&o);
    } else {
        item->json = SLICE("{\"error\":{\"code\":\"out_of_memory\",\"message\":\"the verdict is "
                           "stored; memory was short for telling it\"}}");
    }
    a->edge = outer;
}

static void take_answer(void *context, const struct flow_answer *answer)
{
    struct batch_item *item = context;
    struct batch *b = item->batch;
    keep_answer(item, answer);
    if (--b->left == 0)
        (void)http_guard(b->request, reply_batch, b);
}

static void arrive_batch(struct rest *x, struct http_request *r, yyjson_val *array)
{
    size_t count = yyjson_arr_size(array), i = 0;
    if (count == 0 || count > EVENTS_BATCH_MAX) {
        rest_fail(r, count == 0 ? ERR_INVALID : ERR_TOO_LARGE,
                  "an array of events holds from 1 to %d of them", EVENTS_BATCH_MAX);
        return;
    }
    struct batch *b = arena_alloc(http_arena(r), sizeof *b);
    *b = (struct batch){r, arena_array(http_arena(r), count, sizeof *b->items), count, count};
    yyjson_arr_iter it = yyjson_arr_iter_with(array);
    for (yyjson_val *v; (v = yyjson_arr_iter_next(&it)) != NULL; i++) {
        struct batch_item *item = &b->items[i];
        item->batch = b;
        rest_decode(http_arena(r), v, &item->decoded);
        if (item->decoded.verdict != VERDICT_APPLIED)
            item->decoded.body = json_write(http_arena(r), v);
        rest_sign(x, r, &item->decoded.event, (int64_t)i);
    }
    for (i = 0; i < count; i++) {
        if (!rest_may_send(auth_role(r), &b->items[i].decoded)) {
            refuse_kind(x, r, &b->items[i].decoded);
            return;
        }
    }
    for (i = 0; i < count; i++)
        rest_arrive(x, &b->items[i].decoded, take_answer, &b->items[i]);
}

void rest_event_post(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    struct decoded d = {.verdict = VERDICT_INVALID};
    yyjson_val *root = rest_parse(http_arena(r), http_body(r), HTTP_BODY_BYTES_MAX, &d);
    if (root != NULL && yyjson_is_arr(root)) {
        arrive_batch(x, r, root);
        return;
    }
    if (root != NULL && d.body.len > EVENT_BYTES_MAX) {
        d.verdict = VERDICT_TOO_LARGE;
        d.why = SLICE("an event is larger than 1 MiB");
    } else if (root != NULL) {
        rest_decode(http_arena(r), root, &d);
    }
    if (rest_may_send(auth_role(r), &d))
        arrive_alone(x, r, &d, 0);
    else
        refuse_kind(x, r, &d);
}

static bool wants_stream(struct http_request *r)
{
    struct slice accept = http_header(r, "Accept"), kind, rest;
    while (accept.at != NULL) {
        slice_cut(accept, ',', &kind, &accept);
        slice_cut(kind, ';', &kind, &rest);
        if (slice_eq_text(slice_trim(kind), "text/event-stream"))
            return true;
    }
    return false;
}

bool rest_take_feed(struct http_request *r, struct flow_query *q)
{
    *q = (struct flow_query){.what = FLOW_FEED, .after = http_query(r, "after")};
    q->actor = http_query(r, "actor");
    q->template = http_query(r, "template");
    q->key = http_query(r, "key");
    return rest_take_words(r, "verdict", VOCAB_VERDICT, &q->verdict) &&
           rest_take_words(r, "event", VOCAB_EVENT_KIND, &q->event) &&
           rest_take_any(r, "source", &q->source) && rest_take_time(r, "since", &q->since_ms) &&
           rest_take_time(r, "until", &q->until_ms) &&
           rest_take_flag(r, "newest_first", &q->newest_first);
}

void rest_event_feed(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    struct flow_query q;
    if (!rest_take_feed(r, &q))
        return;
    if (wants_stream(r)) {
        stream_begin(x, r, &q);
        return;
    }
    if (http_query(r, "instance").at != NULL) {
        rest_fail(r, ERR_INVALID,
                  "instance filters the stream; GET /v1/instances/{id}/events lists");
        return;
    }
    if (rest_take_limit(r, "limit", LIST_LIMIT_DEFAULT, &q.limit))
        rest_read(x, r, &q);
}

void rest_audit(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    struct flow_query q;
    if (!rest_take_feed(r, &q) || !rest_take_limit(r, "limit", LIST_LIMIT_DEFAULT, &q.limit))
        return;
    q.id = http_query(r, "instance");
    q.newest_first = true;
    q.acts_only = true;
    rest_read(x, r, &q);
}
