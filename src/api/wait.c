/* Starts whose answer waits for the end of the instance. Before it stands the answer to the start,
 * after it the same answer with the status as it is at the end, or when the time is over. It asks
 * only when a record of the instance has come, or, where other nodes make records too, now and
 * then.
 */
#include "api/rest_int.h"

#include "base/time.h"
#include "core/limits.h"

#include <stdlib.h>

struct wait {
    struct link link;
    struct rest *rest;
    struct http_request *request; /* NULL: answered, or its client has gone */
    struct flow_answer answer;    /* texts live in the request's arena */
    int64_t until_ms, look_at_ms;
    bool is_news, is_reading;
};

struct finish {
    struct http_request *request;
    struct flow_answer answer;
    yyjson_val *shown; /* the instance; NULL: what the start said is what is known */
};

static void drop(struct wait *w)
{
    list_remove(&w->rest->waits, &w->link);
    free(w);
}

/* While a read is out the wait stays: it is the read's context. */
static void lose_client(void *context)
{
    struct wait *w = context;
    w->request = NULL;
    if (!w->is_reading)
        drop(w);
}

static void reply(void *context)
{
    struct finish *f = context;
    struct json_out o = json_out_new(http_arena(f->request), WORK_BYTES_MAX / 2);
    if (f->shown != NULL)
        f->answer.status = json_get_text(f->shown, "status");
    json_object(&o);
    rest_write_answer(&o, EVENT_START, &f->answer);
    if (f->shown != NULL)
        json_put_raw(&o, "output",
                     json_write(http_arena(f->request), json_get(f->shown, "output")));
    json_object_end(&o);
    http_reply_json(f->request, 200, json_out_slice(&o));
}

static void finish(struct wait *w, yyjson_val *shown)
{
    struct finish f = {w->request, w->answer, shown};
    w->request = NULL;
    http_on_gone(f.request, NULL, NULL);
    (void)http_guard(f.request, reply, &f);
    if (!w->is_reading)
        drop(w);
}

static bool is_open(struct slice status)
{
    int word = vocab_find(VOCAB_INSTANCE_STATUS, status);
    return word > 0 && instance_status_is_open((enum instance_status)word);
}

struct look {
    struct wait *wait;
    struct slice json;
};

static void look(void *context)
{
    struct look *l = context;
    struct wait *w = l->wait;
    yyjson_val *shown = NULL;
    enum err e = json_read(http_arena(w->request), l->json, WORK_BYTES_MAX, 2 * JSON_DEPTH_MAX,
                           NULL, &shown);
    if (e == ERR_NONE && !is_open(json_get_text(shown, "status")))
        finish(w, shown);
}

static void take_shown(void *context, enum err err, struct slice json)
{
    struct wait *w = context;
    w->is_reading = false;
    if (w->request == NULL) {
        drop(w);
        return;
    }
    struct look l = {w, json};
    struct http_request *r = w->request;
    if (err == ERR_NONE && !http_guard(r, look, &l)) {
        w->request = NULL; /* the guard has answered */
        drop(w);
    }
}

static void keep_answer(void *context)
{
    struct wait *w = context;
    struct arena *a = http_arena(w->request);
    struct flow_answer *f = &w->answer;
    f->reason = slice_copy(a, f->reason);
    f->instance = slice_copy(a, f->instance);
    f->template = slice_copy(a, f->template);
    f->key = slice_copy(a, f->key);
    f->status = slice_copy(a, f->status);
    f->task = SLICE_NONE;
}

void wait_begin(const struct asked *asked, const struct flow_answer *a)
{
    struct wait *w = calloc(1, sizeof *w);
    if (w == NULL) {
        struct finish f = {asked->request, *a, NULL};
        (void)http_guard(asked->request, reply, &f);
        return;
    }
    *w = (struct wait){.rest = asked->rest, .request = asked->request, .answer = *a};
    if (!http_guard(asked->request, keep_answer, w)) {
        free(w);
        return;
    }
    w->until_ms =
        time_min(time_add(asked->rest->now_ms, asked->wait_ms), http_until_ms(asked->request));
    w->is_news = true;
    w->look_at_ms = TIME_NEVER;
    list_append(&asked->rest->waits, &w->link);
    http_on_gone(asked->request, lose_client, w);
}

void wait_tell(struct rest *x, struct slice instance)
{
    for (struct link *k = list_first(&x->waits); k != NULL; k = list_after(&x->waits, k)) {
        struct wait *w = LINK_OWNER(k, struct wait, link);
        if (w->request != NULL && slice_eq(w->answer.instance, instance))
            w->is_news = true;
    }
}

static void work_on(struct rest *x, struct wait *w)
{
    if (w->request == NULL)
        return;
    if (x->now_ms >= w->until_ms) {
        finish(w, NULL);
    } else if ((w->is_news || x->now_ms >= w->look_at_ms) && !w->is_reading) {
        w->is_news = false;
        w->look_at_ms = flow_is_shared(x->flow) ? x->now_ms + REST_LOOK_MS : TIME_NEVER;
        w->is_reading = true;
        struct flow_query q = {.what = FLOW_SHOW, .id = w->answer.instance};
        flow_read(x->flow, &q, take_shown, w);
    }
}

void wait_round(struct rest *x)
{
    for (struct link *k = list_first(&x->waits), *next; k != NULL; k = next) {
        next = list_after(&x->waits, k);
        work_on(x, LINK_OWNER(k, struct wait, link));
    }
}

int64_t wait_next(const struct rest *x)
{
    int64_t next = TIME_NEVER;
    for (struct link *k = list_first(&x->waits); k != NULL; k = list_after(&x->waits, k)) {
        const struct wait *w = LINK_OWNER(k, struct wait, link);
        if (w->request != NULL)
            next = time_min(next, w->is_reading ? w->until_ms
                                  : w->is_news  ? 0
                                                : time_min(w->until_ms, w->look_at_ms));
    }
    return next;
}

void wait_end_all(struct rest *x)
{
    for (struct link *k = list_first(&x->waits), *next; k != NULL; k = next) {
        struct wait *w = LINK_OWNER(k, struct wait, link);
        next = list_after(&x->waits, k);
        if (w->request != NULL)
            finish(w, NULL);
    }
}
