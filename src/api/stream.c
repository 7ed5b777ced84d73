/* The event stream (server-sent events): each stream reads the feed of what it asks for from its
 * own cursor, the past first and then, whenever records have come, what is new. Before it stands
 * the route table, after it flow's feed. A client that reads slowly falls behind; it must not hold
 * up others or memory. */
#include "api/rest_int.h"

#include "base/time.h"
#include "core/limits.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_EVENTS 50
#define READS_MAX 8 /* pages asked for at one time */
#define NEWS_EVERY_MS 20
#define BUSY_RETRY_MS 100 /* when a client that has not read yet is looked at again */
#define KEEPALIVE_MS 15000
#define BRIEF_BYTES_MAX                                                                            \
    (256 * 1024) /* said by a stream that must end soon; its client comes back */

struct stream {
    struct link link;
    struct rest *rest;
    struct http_request *request; /* NULL: its client has gone */
    char *cursor;                 /* NULL: the end of the feed is not known yet */
    struct arena arena;           /* of the texts in q */
    struct flow_query q;          /* what to show */
    uint64_t said[PAGE_EVENTS];   /* names of events beyond the cursor that were said already */
    uint32_t said_count;
    int64_t said_at_ms;
    bool is_news, is_reading;
};

static void drop(struct stream *s)
{
    list_remove(&s->rest->streams, &s->link);
    free(s->cursor);
    arena_drop(&s->arena);
    free(s);
}

/* While a page is being read the stream stays: it is the read's context. */
static void lose_client(void *context)
{
    struct stream *s = context;
    s->request = NULL;
    if (!s->is_reading)
        drop(s);
}

static void end(struct stream *s)
{
    struct http_request *r = s->request;
    http_on_gone(r, NULL, NULL);
    http_stream_close(r);
    lose_client(s);
}

static bool say(struct stream *s, struct slice bytes)
{
    s->said_at_ms = s->rest->now_ms;
    if (http_stream_put(s->request, bytes))
        return true;
    end(s);
    return false;
}

/* Its client waits for the whole of it. */
static bool is_brief(const struct stream *s)
{
    return http_until_ms(s->request) != TIME_NEVER;
}

static bool keep(struct slice s, char **out)
{
    *out = s.len > 0 ? strndup(s.at, s.len) : NULL;
    return s.len == 0 || *out != NULL;
}

/* The request's own texts go when it is answered. */
static bool keep_query(struct stream *s, const struct flow_query *q)
{
    jmp_buf edge;
    struct flow_query own = *q;
    own.id = http_query(s->request, "instance");
    s->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    flow_query_copy(&s->arena, &own, &s->q);
    s->arena.edge = NULL;
    return true;
}

/* A time to begin at is as good as a cursor. */
static bool open_stream(struct stream *s, struct slice after, const struct flow_query *q)
{
    arena_init(&s->arena, WORK_BYTES_MAX);
    if (after.len == 0 && q->since_ms > 0)
        after = SLICE("0");
    return keep(after, &s->cursor) && keep_query(s, q);
}

void stream_begin(struct rest *x, struct http_request *r, const struct flow_query *q)
{
    struct slice after = http_header(r, "Last-Event-ID");
    if (q->newest_first || q->until_ms > 0) {
        rest_fail(r, ERR_INVALID, "a stream goes on and on: newest_first and until are for lists");
        return;
    }
    if (after.len == 0)
        after = q->after;
    struct stream *s =
        x->streams.count < STREAMS_MAX && !x->is_draining ? calloc(1, sizeof *s) : NULL;
    if (s == NULL) {
        http_reply_error(r, ERR_OVERLOAD, SLICE("there are too many event streams"), SLICE_NONE);
        return;
    }
    *s = (struct stream){.rest = x, .request = r, .is_news = true};
    list_append(&x->streams, &s->link);
    if (!open_stream(s, after, q)) {
        drop(s);
        http_reply_error(r, ERR_MEMORY, SLICE_NONE, SLICE_NONE);
        return;
    }
    http_stream(r, "text/event-stream");
    http_on_gone(r, lose_client, s);
    (void)say(s, is_brief(s) ? SLICE("retry: 5000\n\n") : SLICE("retry: 2000\n\n"));
}

/* --- one page --------------------------------------------------------------------------------- */

struct page {
    struct stream *stream;
    struct slice json;
    bool has_more; /* behind it */
    uint64_t said[PAGE_EVENTS];
    uint32_t said_count;
    struct slice next;
    int64_t next_pos;
    struct text out;
};

static int64_t number_of(yyjson_val *record, const char *name)
{
    int64_t n = 0;
    (void)json_get_int(record, name, &n);
    return n;
}

/* An event beyond the place where the next page begins comes again. */
static bool was_said(struct page *p, yyjson_val *record)
{
    const struct stream *s = p->stream;
    uint64_t name = slice_hash(json_get_text(record, "instance")) ^
                    (uint64_t)number_of(record, "seq") * 0x9e3779b97f4a7c15U;
    bool is_again = number_of(record, "position") > p->next_pos;
    if (is_again && p->said_count < PAGE_EVENTS)
        p->said[p->said_count++] = name;
    for (uint32_t k = 0; k < s->said_count; k++)
        if (s->said[k] == name)
            return true;
    return false;
}

static void put_record(struct page *p, yyjson_val *record)
{
    int64_t pos = number_of(record, "position");
    if (was_said(p, record))
        return;
    text_put_c(&p->out, "id: ");
    text_put_int(&p->out, time_min(pos, p->next_pos)); /* from where nothing is missed */
    text_put_c(&p->out, "\ndata: ");
    text_put(&p->out, json_write(p->out.arena, record));
    text_put_c(&p->out, "\n\n");
}

/* A client that comes back must know from where, even when there was nothing for it. */
static void put_place(struct page *p)
{
    text_put_c(&p->out, "id: ");
    if (p->next.len > 0)
        text_put(&p->out, p->next);
    else
        text_put_c(&p->out, p->stream->cursor != NULL ? p->stream->cursor : "0");
    text_put_c(&p->out, "\n\n");
}

static bool read_page(struct page *p, struct arena *a)
{
    yyjson_val *root;
    if (json_read(a, p->json, WORK_BYTES_MAX, 2 * JSON_DEPTH_MAX, NULL, &root) != ERR_NONE)
        return false;
    bool is_seeking = p->stream->cursor == NULL;
    if (!slice_to_int(json_get_text(root, "next"), &p->next_pos))
        p->next_pos = 0;
    yyjson_arr_iter it = yyjson_arr_iter_with(json_get(root, "events"));
    for (yyjson_val *record; (record = yyjson_arr_iter_next(&it)) != NULL;) {
        if (is_seeking)
            p->next = json_write(a, json_get(record, "position"));
        else
            put_record(p, record);
    }
    if (!is_seeking) {
        p->next = json_get_text(root, "next");
        (void)json_get_bool(root, "more", &p->has_more);
    }
    if (is_brief(p->stream))
        put_place(p);
    return true;
}

/* Takes the page's end as the stream's place, and says what it holds. */
static void advance(struct page *p)
{
    struct stream *s = p->stream;
    struct slice next = p->next.len > 0 ? p->next : SLICE("0");
    if (p->next.len > 0 || s->cursor == NULL) {
        char *cursor = strndup(next.at, next.len);
        if (cursor == NULL) {
            end(s);
            return;
        }
        free(s->cursor);
        s->cursor = cursor;
    }
    memcpy(s->said, p->said, sizeof s->said);
    s->said_count = p->said_count;
    s->is_news |= p->has_more;
    bool is_said = p->out.len == 0 || say(s, text_slice(&p->out));
    if (is_said && is_brief(s) && (!s->is_news || http_stream_unread(s->request) > BRIEF_BYTES_MAX))
        end(s);
}

static void take_page(void *context, enum err err, struct slice json)
{
    struct stream *s = context;
    struct arena *a = &s->rest->scratch;
    s->rest->stream_reads--;
    s->is_reading = false;
    if (s->request == NULL) {
        drop(s);
        return;
    }
    struct page *volatile p = NULL;
    jmp_buf edge;
    a->edge = &edge;
    if (setjmp(edge) == 0) {
        p = arena_alloc(a, sizeof *p);
        *p = (struct page){.stream = s, .json = json, .out = text_new(a, WORK_BYTES_MAX)};
        if (err != ERR_NONE || !read_page(p, a))
            p = NULL;
    } else {
        p = NULL;
    }
    a->edge = NULL;
    if (p != NULL)
        advance(p);
    else
        end(s); /* its client comes back with the last cursor it saw */
    arena_reset(a);
}

/* --- the round -------------------------------------------------------------------------------- */

static void ask(struct stream *s)
{
    struct flow_query q = s->q, newest = {.what = FLOW_FEED, .limit = 1, .newest_first = true};
    q.limit = PAGE_EVENTS;
    q.after = slice_of(s->cursor);
    s->is_news = false;
    s->is_reading = true;
    s->rest->stream_reads++;
    list_remove(&s->rest->streams, &s->link); /* the next one comes first next time */
    list_append(&s->rest->streams, &s->link);
    flow_read(s->rest->flow, s->cursor == NULL ? &newest : &q, take_page, s);
}

static bool is_free(const struct stream *s)
{
    return s->request != NULL && !s->is_reading;
}

static bool is_waiting(const struct stream *s)
{
    return is_free(s) && s->is_news && (is_brief(s) || http_stream_unread(s->request) == 0);
}

/* A sign of life says from where its client may come back: what it does not ask for need not be
 * looked through again. */
static void say_place(struct stream *s)
{
    struct arena *a = &s->rest->scratch;
    jmp_buf edge;
    a->edge = &edge;
    if (setjmp(edge) == 0 && s->cursor != NULL) {
        struct text t = text_new(a, 64);
        text_printf(&t, "id: %s\n\n", s->cursor);
        (void)say(s, text_slice(&t));
    } else {
        (void)say(s, SLICE(":\n\n"));
    }
    a->edge = NULL;
    arena_reset(a);
}

static void work_on(struct rest *x, struct stream *s)
{
    if (is_free(s) && x->now_ms >= http_until_ms(s->request))
        end(s);
    else if (is_waiting(s) && x->stream_reads < READS_MAX)
        ask(s);
    else if (is_free(s) && x->now_ms >= s->said_at_ms + KEEPALIVE_MS)
        say_place(s);
}

void stream_tell(struct rest *x)
{
    x->is_stream_news = true;
}

static void spread_news(struct rest *x)
{
    if (flow_is_shared(x->flow) && x->now_ms >= x->stream_news_at_ms + REST_LOOK_MS)
        x->is_stream_news = true;
    if (!x->is_stream_news || x->now_ms < x->stream_news_at_ms + NEWS_EVERY_MS)
        return;
    x->is_stream_news = false;
    x->stream_news_at_ms = x->now_ms;
    for (struct link *k = list_first(&x->streams); k != NULL; k = list_after(&x->streams, k))
        LINK_OWNER(k, struct stream, link)->is_news = true;
}

void stream_round(struct rest *x)
{
    spread_news(x);
    size_t count = x->streams.count;
    for (struct link *k = list_first(&x->streams), *next; k != NULL && count > 0;
         k = next, count--) {
        next = list_after(&x->streams, k);
        work_on(x, LINK_OWNER(k, struct stream, link));
    }
}

int64_t stream_next(const struct rest *x)
{
    int64_t next = TIME_NEVER;
    if (x->streams.count > 0 && x->is_stream_news)
        next = x->stream_news_at_ms + NEWS_EVERY_MS;
    else if (x->streams.count > 0 && flow_is_shared(x->flow))
        next = x->stream_news_at_ms + REST_LOOK_MS;
    for (struct link *k = list_first(&x->streams); k != NULL; k = list_after(&x->streams, k)) {
        const struct stream *s = LINK_OWNER(k, struct stream, link);
        if (is_waiting(s) && x->stream_reads < READS_MAX)
            return 0;
        if (is_free(s))
            next = time_min(next,
                            s->is_news ? x->now_ms + BUSY_RETRY_MS : s->said_at_ms + KEEPALIVE_MS);
    }
    return next;
}

void stream_end_all(struct rest *x)
{
    for (struct link *k = list_first(&x->streams), *next; k != NULL; k = next) {
        struct stream *s = LINK_OWNER(k, struct stream, link);
        next = list_after(&x->streams, k);
        if (s->request != NULL)
            end(s);
    }
}
