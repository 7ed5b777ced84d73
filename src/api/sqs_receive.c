/* Receiving. Before it stands sqs.c, after it the queues, which answer at once or when a message
 * comes. A client that goes meanwhile is told to the queues, so that no message is hidden for it.
 */
#include "api/sqs_int.h"

#include <inttypes.h>

#define ANSWER_BYTES_MAX (WORK_BYTES_MAX / 2)

struct receiving { /* lives in the request's arena */
    struct sqs_call *call;
    uint64_t handle;
    bool is_over;
    enum err err;
    const struct queue_delivery *deliveries;
    uint32_t count;
};

/* --- attributes --- */

static const char *const system_names[] = {"All",
                                           "SenderId",
                                           "SentTimestamp",
                                           "ApproximateReceiveCount",
                                           "ApproximateFirstReceiveTimestamp",
                                           "MessageGroupId",
                                           "MessageDeduplicationId",
                                           "SequenceNumber",
                                           "AWSTraceHeader",
                                           "DeadLetterQueueSourceArn"};

static bool is_system_name(struct slice name)
{
    for (size_t i = 0; i < sizeof system_names / sizeof system_names[0]; i++) {
        if (slice_eq_text(name, system_names[i]))
            return true;
    }
    return false;
}

static bool check_names(struct sqs_call *c, const char *member, bool is_system)
{
    yyjson_val *names = json_get(c->input, member), *v;
    if (names != NULL && !yyjson_is_null(names) && !yyjson_is_arr(names)) {
        sqs_fail_as(c, SQS_BAD_JSON, "%s must be an array", member);
        return false;
    }
    yyjson_arr_iter it = yyjson_arr_iter_with(names);
    while (yyjson_is_arr(names) && (v = yyjson_arr_iter_next(&it)) != NULL) {
        if (is_system && !is_system_name(json_text(v))) {
            sqs_fail_as(c, SQS_BAD_ATTRIBUTE_NAME, "Unknown Attribute %.*s.",
                        SLICE_ARG(json_text(v)));
            return false;
        }
    }
    return true;
}

static bool is_in(yyjson_val *names, const char *name)
{
    yyjson_arr_iter it = yyjson_arr_iter_with(names);
    for (yyjson_val *v; yyjson_is_arr(names) && (v = yyjson_arr_iter_next(&it)) != NULL;) {
        if (slice_eq_text(json_text(v), "All") || slice_eq_text(json_text(v), name))
            return true;
    }
    return false;
}

struct attributes_out {
    struct json_out *out;
    yyjson_val *old_names, *names;
    uint32_t count;
};

static void put(struct attributes_out *s, const char *name, struct slice value)
{
    if (value.at == NULL || (!is_in(s->names, name) && !is_in(s->old_names, name)))
        return;
    if (s->count++ == 0) {
        json_key(s->out, "Attributes");
        json_object(s->out);
    }
    json_put_string(s->out, name, value);
}

static void put_number(struct attributes_out *s, const char *name, int64_t n)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%" PRId64, n);
    put(s, name, (struct slice){text, (size_t)len});
}

static void write_system(struct sqs_call *c, struct json_out *o, const struct queue_delivery *d,
                         yyjson_val *stored)
{
    struct attributes_out s = {.out = o,
                               .old_names = json_get(c->input, "AttributeNames"),
                               .names = json_get(c->input, "MessageSystemAttributeNames")};
    yyjson_val *system = json_get(stored, "MessageSystemAttributes");
    put(&s, "SenderId", SLICE(SQS_ACCOUNT));
    put_number(&s, "SentTimestamp", d->sent_at_ms);
    put_number(&s, "ApproximateReceiveCount", d->receives);
    put_number(&s, "ApproximateFirstReceiveTimestamp", d->first_received_at_ms);
    put(&s, "MessageGroupId", json_get_text(stored, "MessageGroupId"));
    put(&s, "AWSTraceHeader", json_get_text(json_get(system, "AWSTraceHeader"), "StringValue"));
    if (s.count > 0)
        json_object_end(o);
}

static void write_user(struct sqs_call *c, struct json_out *o, yyjson_val *stored)
{
    struct arena *a = http_arena(c->request);
    struct sqs_attributes all, asked;
    struct sqs_fault fault;
    if (!sqs_attributes_read(a, json_get(stored, "MessageAttributes"), SQS_OF_USER, &all, &fault))
        return;
    asked = sqs_attributes_asked(a, &all, json_get(c->input, "MessageAttributeNames"));
    if (asked.count == 0)
        return;
    json_put_string(o, "MD5OfMessageAttributes", sqs_attributes_md5(a, &asked));
    json_key(o, "MessageAttributes");
    sqs_attributes_write(o, &asked);
}

/* --- the answer --- */

static void write_message(struct sqs_call *c, struct json_out *o, const struct queue_delivery *d)
{
    struct arena *a = http_arena(c->request);
    yyjson_val *stored = NULL;
    if (d->attributes.at != NULL &&
        json_read(a, d->attributes, WORK_BYTES_MAX, JSON_DEPTH_MAX, NULL, &stored) != ERR_NONE)
        stored = NULL;
    json_object(o);
    json_put_string(o, "MessageId", d->id);
    json_put_string(o, "ReceiptHandle", d->receipt);
    json_put_string(o, "MD5OfBody", sqs_md5(a, d->body));
    json_put_string(o, "Body", d->body);
    write_system(c, o, d, stored);
    write_user(c, o, stored);
    json_object_end(o);
}

static void reply_fault(const struct receiving *w)
{
    struct sqs_fault fault = sqs_fault_of(w->err);
    if (w->err == ERR_OVERLOAD)
        fault = (struct sqs_fault){SQS_OVER_LIMIT, SLICE("Too many messages in flight")};
    if (w->err == ERR_REFUSED)
        fault.message = SLICE("The queue swm-events takes events and holds nothing: it cannot be "
                              "received from.");
    sqs_fail(w->call, &fault);
}

static void reply(void *context)
{
    const struct receiving *w = context;
    struct sqs_call *c = w->call;
    if (w->err != ERR_NONE) {
        reply_fault(w);
        return;
    }
    struct json_out o = json_out_new(http_arena(c->request), ANSWER_BYTES_MAX);
    json_object(&o);
    if (w->count > 0) {
        json_key(&o, "Messages");
        json_array(&o);
    }
    for (uint32_t i = 0; i < w->count; i++)
        write_message(c, &o, &w->deliveries[i]);
    if (w->count > 0)
        json_array_end(&o);
    json_object_end(&o);
    sqs_reply(c, &o);
}

static void take_received(void *context, enum err err, const struct queue_delivery *d,
                          uint32_t count)
{
    struct receiving *w = context;
    w->is_over = true;
    w->err = err;
    w->deliveries = d;
    w->count = count;
    (void)http_guard(w->call->request, reply, w);
}

static bool is_there(void *context)
{
    const struct receiving *w = context;
    return http_is_connected(w->call->request);
}

static void lose_client(void *context)
{
    struct receiving *w = context;
    struct queue_front *queues = w->call->front->config.queues;
    queues->ops->cancel(queues, w->handle);
}

/* --- the request --- */

static bool take_numbers(struct sqs_call *c, struct sqs_number numbers[3])
{
    struct arena *a = http_arena(c->request);
    struct sqs_fault fault;
    struct slice attempt = json_get_text(c->input, "ReceiveRequestAttemptId");
    for (int i = 0; i < 3; i++) {
        if (!sqs_take_number(a, c->input, &numbers[i], &fault)) {
            sqs_fail(c, &fault);
            return false;
        }
    }
    if (attempt.at == NULL)
        return true;
    sqs_fail_as(c, SQS_BAD_VALUE,
                "Value %.*s for parameter ReceiveRequestAttemptId is invalid. Reason: The request "
                "includes a parameter that is not valid for this queue type.",
                attempt.len > 200 ? 200 : (int)attempt.len, attempt.at);
    return false;
}

static int64_t milliseconds(const struct sqs_number *n)
{
    return n->value < 0 ? -1 : n->value * 1000;
}

void sqs_receive_message(struct sqs_call *c)
{
    struct queue_front *queues = c->front->config.queues;
    struct sqs_number n[3] = {{"MaxNumberOfMessages", 1, QUEUE_RECEIVES_MAX, 1},
                              {"WaitTimeSeconds", 0, QUEUE_WAIT_S_MAX, -1},
                              {"VisibilityTimeout", 0, QUEUE_VISIBILITY_S_MAX, -1}};
    if (!take_numbers(c, n) || !check_names(c, "AttributeNames", true) ||
        !check_names(c, "MessageSystemAttributeNames", true) ||
        !check_names(c, "MessageAttributeNames", false))
        return;
    struct receiving *w = arena_alloc(http_arena(c->request), sizeof *w);
    *w = (struct receiving){.call = c};
    struct queue_receive r = {.queue = c->queue,
                              .max = (uint32_t)n[0].value,
                              .wait_ms =
                                  http_wait_ms(c->request, c->front->auth->now_ms, n[1].value),
                              .visibility_ms = milliseconds(&n[2]),
                              .is_connected = is_there,
                              .reply = take_received,
                              .context = w};
    w->handle = queues->ops->receive(queues, &r);
    if (!w->is_over && w->handle != 0)
        http_on_gone(c->request, lose_client, w);
}
