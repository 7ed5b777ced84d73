/* Actions on queues: made, found, listed, emptied, deleted. Before it stands sqs.c, after it the
 * queues. What this version does not have, FIFO queues and tags, is refused by name. */
#include "api/sqs_int.h"

#define LIST_MAX 1000

static bool is_queue_name(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_'))
            return false;
    }
    return s.len > 0 && s.len <= QUEUE_NAME_BYTES_MAX;
}

static void reply_url(struct sqs_call *c)
{
    struct json_out o = json_out_new(http_arena(c->request), HTTP_HEADER_BYTES_MAX * 8);
    json_object(&o);
    json_key(&o, "QueueUrl");
    sqs_write_url(c, &o, c->queue);
    json_object_end(&o);
    sqs_reply(c, &o);
}

/* --- CreateQueue --- */

struct created {
    struct sqs_call *call;
    enum err err;
    struct slice detail;
};

static void reply_created(void *context)
{
    const struct created *d = context;
    struct sqs_fault fault = sqs_fault_of(d->err);
    if (d->err == ERR_NONE)
        reply_url(d->call);
    else if (d->err == ERR_EXISTS)
        sqs_fail_as(d->call, SQS_QUEUE_EXISTS,
                    "A queue already exists with the same name and a different value for attribute "
                    "%.*s",
                    SLICE_ARG(d->detail));
    else if (d->err == ERR_INVALID)
        sqs_fail_as(d->call, SQS_BAD_ATTRIBUTE_VALUE, "%.*s", SLICE_ARG(d->detail));
    else
        sqs_fail(d->call, &fault);
}

static void take_created(void *context, enum err err, struct slice detail)
{
    struct sqs_call *c = context;
    struct created d = {c, err, detail};
    (void)http_guard(c->request, reply_created, &d);
}

/* False: answered. */
static bool take_name(struct sqs_call *c)
{
    c->queue = json_get_text(c->input, "QueueName");
    if (c->queue.len > 0)
        return true;
    sqs_fail_as(c, SQS_MISSING, "The request must contain the parameter QueueName.");
    return false;
}

void sqs_create_queue(struct sqs_call *c)
{
    struct queue_front *queues = c->front->config.queues;
    struct slice json;
    if (!take_name(c))
        return;
    if (slice_has_suffix(c->queue, SLICE(".fifo")))
        sqs_fail_as(c, SQS_UNSUPPORTED, "FIFO queues are not supported by this version of swm.");
    else if (!is_queue_name(c->queue))
        sqs_fail_as(c, SQS_BAD_VALUE,
                    "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in "
                    "length");
    else if (yyjson_obj_size(json_get(c->input, "tags")) > 0)
        sqs_fail_as(c, SQS_UNSUPPORTED, "Tags are not supported by this version of swm.");
    else if (sqs_take_settings(c, &json))
        queues->ops->create(queues, c->queue, json, take_created, c);
}

/* --- the others --- */

void sqs_delete_queue(struct sqs_call *c)
{
    struct queue_front *queues = c->front->config.queues;
    queues->ops->drop(queues, c->queue, sqs_reply_done, c);
}

void sqs_purge_queue(struct sqs_call *c)
{
    struct queue_front *queues = c->front->config.queues;
    queues->ops->purge(queues, c->queue, sqs_reply_done, c);
}

void sqs_get_queue_url(struct sqs_call *c)
{
    struct queue_front *queues = c->front->config.queues;
    struct queue_info info;
    struct slice owner = json_get_text(c->input, "QueueOwnerAWSAccountId");
    if (!take_name(c))
        return;
    enum err err = owner.len > 0 && !slice_eq_text(owner, SQS_ACCOUNT)
                       ? ERR_NOT_FOUND
                       : queues->ops->info(queues, c->queue, &info);
    struct sqs_fault fault = sqs_fault_of(err);
    if (err == ERR_NONE)
        reply_url(c);
    else
        sqs_fail(c, &fault);
}

static void write_list(struct sqs_call *c, struct slice after, struct slice prefix, int64_t max)
{
    struct arena *a = http_arena(c->request);
    struct queue_front *queues = c->front->config.queues;
    struct json_out o = json_out_new(a, HTTP_BODY_BYTES_MAX);
    struct queue_info info;
    int64_t count = 0;
    bool has_max = json_get(c->input, "MaxResults") != NULL;
    bool has_more = queues->ops->next(queues, after, prefix, &info);
    json_object(&o);
    if (has_more) {
        json_key(&o, "QueueUrls");
        json_array(&o);
    }
    for (; has_more && count < max; count++) {
        after = slice_copy(a, info.name);
        sqs_write_url(c, &o, after);
        has_more = queues->ops->next(queues, after, prefix, &info);
    }
    if (count > 0)
        json_array_end(&o);
    if (has_more && has_max)
        json_put_string(&o, "NextToken", base64url_encode(a, after));
    json_object_end(&o);
    sqs_reply(c, &o);
}

void sqs_list_queues(struct sqs_call *c)
{
    struct arena *a = http_arena(c->request);
    struct slice token = json_get_text(c->input, "NextToken"), after = SLICE_NONE;
    struct sqs_number max = {"MaxResults", 1, LIST_MAX, LIST_MAX};
    struct sqs_fault fault;
    if (!sqs_take_number(a, c->input, &max, &fault))
        sqs_fail(c, &fault);
    else if (token.len > 0 && !base64url_decode(a, token, &after))
        sqs_fail_as(c, SQS_BAD_VALUE, "Invalid or expired next token.");
    else
        write_list(c, after, json_get_text(c->input, "QueueNamePrefix"), max.value);
}
