/* Queues at Amazon SQS: found by name, made where that is allowed, looked into now and then, and
 * what is wrong with each in words. Before it stand sending and receiving, after it calls. */
#include "queue/queue_sqs_int.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAID_BYTES (FAR_ERROR_BYTES_MAX + 128)
#define SAID_AFTER 3
#define LOOK_AGAIN_MS 60000 /* for a queue that need not exist */

void far_say(struct queue_sqs *q, bool is_bad, const char *format, ...)
{
    char said[SAID_BYTES];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(said, sizeof said, format, args);
    va_end(args);
    if (len < 0)
        return;
    size_t kept = (size_t)len < sizeof said ? (size_t)len : sizeof said - 1;
    q->engine.say(q->engine.context, is_bad, (struct slice){said, kept});
}

/* --- the table --- */

static size_t find_place(const struct queue_sqs *q, struct slice text)
{
    size_t low = 0, high = q->name_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (slice_compare(q->names[middle]->text, text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct far_queue *far_queue_find(const struct queue_sqs *q, struct slice text)
{
    return map_find(&q->queues, text);
}

/* Queues that may never come to be are not shown. */
struct far_queue *far_queue_after(const struct queue_sqs *q, struct slice after,
                                  struct slice prefix)
{
    size_t k = after.at == NULL ? 0 : find_place(q, after);
    if (after.at != NULL && k < q->name_count && slice_eq(q->names[k]->text, after))
        k++;
    for (; k < q->name_count; k++) {
        struct far_queue *w = q->names[k];
        if (slice_has_prefix(w->text, prefix) && (!w->is_optional || w->url != NULL))
            return w;
    }
    return NULL;
}

static bool make_room(struct queue_sqs *q)
{
    if (q->name_count < q->name_capacity)
        return true;
    size_t capacity = q->name_capacity == 0 ? 16 : q->name_capacity * 2;
    struct far_queue **grown = realloc(q->names, capacity * sizeof(struct far_queue *));
    if (grown == NULL)
        return false;
    q->names = grown;
    q->name_capacity = capacity;
    return true;
}

/* Where its requests go, and in which region they are signed. False: memory. */
static bool set_place(struct queue_sqs *q, struct far_queue *w)
{
    struct slice region = w->name.region.len > 0 ? w->name.region : slice_of(q->region);
    memcpy(w->region, region.at, region.len);
    w->region[region.len] = '\0';
    if (w->name.kind == FAR_URL && (w->url = strndup(w->text.at, w->text.len)) == NULL)
        return false;
    if (q->endpoint != NULL || w->name.region.len == 0)
        return true; /* the configuration's */
    if (w->name.kind == FAR_URL) {
        const char *slash = strchr(w->url + sizeof "https://" - 1, '/');
        assert(slash != NULL);
        w->endpoint = strndup(w->url, (size_t)(slash - w->url));
    } else {
        const char *dot = strncmp(w->region, "cn-", 3) == 0 ? ".cn" : "";
        if (asprintf(&w->endpoint, "https://sqs.%s.amazonaws.com%s", w->region, dot) < 0)
            w->endpoint = NULL;
    }
    return w->endpoint != NULL;
}

static struct far_queue *make(struct queue_sqs *q, struct slice text)
{
    struct far_queue *w = calloc(1, sizeof *w + text.len);
    if (w == NULL)
        return NULL;
    memcpy(w->bytes, text.at, text.len);
    w->text = (struct slice){w->bytes, text.len};
    w->timer.kind = FAR_TIMER_QUEUE;
    w->serial = ++q->serials;
    w->batch_bytes_max = FAR_BATCH_BYTES_MAX;
    list_init(&w->ready);
    list_init(&w->texts);
    if (!far_name_read(w->text, &w->name))
        w->name = (struct far_name){.kind = FAR_NAME, .name = w->text};
    w->can_make = !q->must_exist && w->name.kind == FAR_NAME;
    if (!set_place(q, w) || heap_put(&q->times, &w->timer.entry, TIME_NEVER, w->serial) != ERR_NONE)
        goto out;
    if (make_room(q) && map_put(&q->queues, w->text, w) == ERR_NONE)
        return w;
    heap_remove(&q->times, &w->timer.entry);
out:
    free(w->url);
    free(w->endpoint);
    free(w);
    return NULL;
}

struct far_queue *far_queue_obtain(struct queue_sqs *q, struct slice text)
{
    struct far_queue *w = far_queue_find(q, text);
    if (w != NULL || q->name_count >= FAR_QUEUES_MAX)
        return w;
    w = make(q, text);
    if (w == NULL)
        return NULL;
    size_t place = find_place(q, text);
    memmove(q->names + place + 1, q->names + place,
            (q->name_count - place) * sizeof(struct far_queue *));
    q->names[place] = w;
    q->name_count++;
    return w;
}

void far_queue_free(struct queue_sqs *q, struct far_queue *w)
{
    if (w->events != NULL)
        far_receive_free(q, w);
    heap_remove(&q->times, &w->timer.entry);
    list_remove(&q->busy, &w->busy);
    free(w->url);
    free(w->endpoint);
    free(w->attributes);
    free(w);
}

/* --- when it has something to do --- */

void far_queue_mark(struct queue_sqs *q, struct far_queue *w)
{
    if (!link_is_in(&w->busy))
        list_append(&q->busy, &w->busy);
}

void far_queue_wake_at(struct queue_sqs *q, struct far_queue *w, int64_t at_ms)
{
    enum err e = heap_put(&q->times, &w->timer.entry, at_ms, w->serial);
    assert(e == ERR_NONE); /* it lies in the heap: it is only moved */
}

/* --- what is wrong --- */

static bool is_new_error(const struct far_queue *w, struct slice code)
{
    return w->error[0] == '\0' || !slice_eq_text(code, w->error_code);
}

static void keep_code(struct far_queue *w, struct slice code)
{
    size_t len = code.len < sizeof w->error_code ? code.len : sizeof w->error_code - 1;
    if (len > 0)
        memcpy(w->error_code, code.at, len);
    w->error_code[len] = '\0';
}

void far_queue_note(struct queue_sqs *q, struct far_queue *w, const struct far_call *c)
{
    bool is_new = is_new_error(w, c->code) && c->outcome == FAR_REFUSED;
    keep_code(w, c->code);
    (void)snprintf(w->error, sizeof w->error, "%s: %.*s%s%.*s", far_call_name(c->action),
                   c->code.len > 100 ? 100 : (int)c->code.len, c->code.len > 0 ? c->code.at : "",
                   c->code.len > 0 ? ": " : "", c->message.len > 300 ? 300 : (int)c->message.len,
                   c->message.len > 0 ? c->message.at : "");
    if (is_new || w->failures == SAID_AFTER) /* a single failure in passing is no news */
        far_say(q, true, "queue %.*s at Amazon SQS: %s", SLICE_ARG(w->text), w->error);
}

void far_queue_fail(struct queue_sqs *q, struct far_queue *w, const struct far_call *c)
{
    w->failures++;
    w->retry_at_ms = time_add(q->now_ms, far_backoff_ms(q, c->outcome, w->failures));
    far_queue_note(q, w, c);
    far_queue_wake_at(q, w, w->retry_at_ms);
}

void far_queue_works(struct queue_sqs *q, struct far_queue *w)
{
    if (w->failures >= SAID_AFTER)
        far_say(q, false, "queue %.*s at Amazon SQS works again", SLICE_ARG(w->text));
    w->failures = 0;
    w->error[0] = w->error_code[0] = '\0';
    w->retry_at_ms = 0;
}

struct slice far_queue_problem(struct far_queue *w)
{
    if (w->error[0] == '\0')
        return SLICE_NONE;
    (void)snprintf(w->problem, sizeof w->problem, "%.*s: %s", SLICE_ARG(w->text), w->error);
    return slice_of(w->problem);
}

/* --- its URL --- */

void far_queue_forget_url(struct far_queue *w)
{
    if (w->name.kind == FAR_URL)
        return; /* somebody else's to make: it is tried again as it is */
    free(w->url);
    w->url = NULL;
}

static void fill_name(struct json_out *o, const void *from)
{
    const struct far_queue *w = from;
    json_put_string(o, "QueueName", w->name.name);
    if (w->name.account.len > 0)
        json_put_string(o, "QueueOwnerAWSAccountId", w->name.account);
}

static void put_seconds(struct json_out *o, const char *name, int64_t seconds)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%lld", (long long)seconds);
    json_put_string(o, name, (struct slice){text, (size_t)len});
}

static void fill_create(struct json_out *o, const void *from)
{
    const struct far_queue *w = from;
    json_put_string(o, "QueueName", w->name.name);
    json_key(o, "Attributes");
    json_object(o);
    put_seconds(o, "VisibilityTimeout",
                w->visibility_s > 0 ? w->visibility_s : QUEUE_VISIBILITY_S_DEFAULT);
    if (w->name.is_fifo)
        json_put_text(o, "FifoQueue", "true");
    json_object_end(o);
}

static void found(struct queue_sqs *q, struct far_queue *w, struct slice url)
{
    w->url = strndup(url.at, url.len);
    if (w->url == NULL)
        return;
    far_queue_works(q, w);
    far_queue_mark(q, w);
    if (w->events != NULL && w->name.is_fifo)
        far_queue_ask_depth(q, w);
}

static void look(struct queue_sqs *q, struct far_queue *w, enum far_action action);

/* Not there: made, waited for, or wrong. */
static void miss(struct queue_sqs *q, struct far_queue *w, struct far_call *c)
{
    if (w->is_optional) {
        w->retry_at_ms = time_add(q->now_ms, LOOK_AGAIN_MS);
        far_queue_wake_at(q, w, w->retry_at_ms);
    } else if (w->can_make) {
        look(q, w, FAR_CREATE);
    } else {
        c->outcome = FAR_REFUSED;
        c->message = SLICE("the queue does not exist, and is not to be made by swm");
        far_queue_fail(q, w, c);
    }
}

static void looked(struct queue_sqs *q, struct far_call *c)
{
    struct far_queue *w = c->queue;
    struct slice url = json_get_text(c->answer, "QueueUrl");
    w->is_asking = false;
    if (c->outcome == FAR_OK && url.len > 0)
        found(q, w, url);
    else if (c->outcome == FAR_NO_QUEUE && c->action == FAR_GET_URL)
        miss(q, w, c);
    else if (c->outcome == FAR_QUEUE_EXISTS)
        look(q, w, FAR_GET_URL); /* another made it meanwhile */
    else
        far_queue_fail(q, w, c);
}

static void look(struct queue_sqs *q, struct far_queue *w, enum far_action action)
{
    struct far_ask ask = {.action = action,
                          .queue = w,
                          .fill = action == FAR_CREATE ? fill_create : fill_name,
                          .from = w,
                          .done = looked};
    w->is_asking = far_call_begin(q, &ask) != NULL;
    if (w->is_asking)
        return;
    w->retry_at_ms = time_add(q->now_ms, far_backoff_ms(q, FAR_AGAIN, 1));
    far_queue_wake_at(q, w, w->retry_at_ms);
}

/* A URL is asked with credentials only where Amazon or the configuration's endpoint answers. */
static bool is_address(struct queue_sqs *q, struct far_queue *w)
{
    if (w->name.kind != FAR_URL || w->name.is_amazon || q->endpoint != NULL)
        return true;
    if (w->error[0] == '\0') {
        (void)snprintf(w->error, sizeof w->error, "its URL is not one of Amazon SQS");
        w->retry_at_ms = TIME_NEVER;
        far_say(q, true, "queue %.*s: %s", SLICE_ARG(w->text), w->error);
    }
    return false;
}

bool far_queue_is_ready(struct queue_sqs *q, struct far_queue *w)
{
    if (!far_call_is_possible(q) || !is_address(q, w))
        return false;
    if (q->now_ms < w->retry_at_ms) {
        far_queue_wake_at(q, w, w->retry_at_ms);
        return false;
    }
    if (w->url == NULL && !w->is_asking)
        look(q, w, FAR_GET_URL);
    return w->url != NULL;
}

/* --- how deep it is --- */

static int64_t number_of(yyjson_val *attributes, const char *name)
{
    int64_t n;
    return slice_to_int(json_get_text(attributes, name), &n) ? n : 0;
}

/* The same answer sent again for another attempt would be dropped as a repeat. */
static void warn(struct queue_sqs *q, struct far_queue *w, yyjson_val *attributes)
{
    bool is_odd = w->events != NULL &&
                  slice_eq_text(json_get_text(attributes, "ContentBasedDeduplication"), "true");
    if (is_odd && w->warning[0] == '\0') {
        (void)snprintf(w->warning, sizeof w->warning,
                       "ContentBasedDeduplication is on: Amazon SQS drops an answer that is the "
                       "same as one of the five minutes before; senders should state a "
                       "MessageDeduplicationId");
        far_say(q, true, "events queue %.*s: %s", SLICE_ARG(w->text), w->warning);
    } else if (!is_odd) {
        w->warning[0] = '\0';
    }
}

static void keep_attributes(struct far_queue *w, struct far_call *c, yyjson_val *attributes)
{
    jmp_buf edge;
    struct arena *a = &c->exchange->arena;
    a->edge = &edge;
    if (setjmp(edge) == 0) {
        struct slice json = json_write(a, attributes);
        char *copy = json.at == NULL ? NULL : strndup(json.at, json.len);
        if (copy != NULL) {
            free(w->attributes);
            w->attributes = copy;
        }
    }
    a->edge = NULL;
}

static void take_depth(struct queue_sqs *q, struct far_call *c)
{
    struct far_queue *w = c->queue;
    yyjson_val *attributes = json_get(c->answer, "Attributes");
    w->is_asking_depth = false;
    w->depth_at_ms = q->now_ms; /* of a failure too: it is not asked again at once */
    if (c->outcome == FAR_NO_QUEUE)
        far_queue_forget_url(w);
    if (c->outcome != FAR_OK)
        return;
    w->visible = number_of(attributes, "ApproximateNumberOfMessages");
    w->in_flight = number_of(attributes, "ApproximateNumberOfMessagesNotVisible");
    w->delayed = number_of(attributes, "ApproximateNumberOfMessagesDelayed");
    keep_attributes(w, c, attributes);
    warn(q, w, attributes);
}

static void fill_all(struct json_out *o, const void *from)
{
    (void)from;
    json_key(o, "AttributeNames");
    json_array(o);
    json_string(o, SLICE("All"));
    json_array_end(o);
}

void far_queue_ask_depth(struct queue_sqs *q, struct far_queue *w)
{
    struct far_ask ask = {
        .action = FAR_GET_ATTRIBUTES, .queue = w, .fill = fill_all, .done = take_depth};
    bool is_fresh = w->depth_at_ms > 0 && q->now_ms < w->depth_at_ms + FAR_DEPTH_EVERY_MS;
    if (w->url == NULL || w->is_asking_depth || is_fresh || !far_call_is_possible(q))
        return;
    w->is_asking_depth = far_call_begin(q, &ask) != NULL;
}
