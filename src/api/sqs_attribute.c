/* The attributes of queues in the SQS protocol: a table says which there are, which can be set and
 * which this version does not have. Before it stands sqs.c, after it the queues, which judge
 * values. An attribute that would have no effect is refused by name, never taken in silence. */
#include "api/sqs_int.h"

#include <inttypes.h>
#include <stdio.h>

enum attribute_kind {
    ATTRIBUTE_SET,    /* can be set and read */
    ATTRIBUTE_SHOWN,  /* can be read */
    ATTRIBUTE_ABSENT, /* Amazon SQS has it; here only what amounts to not having it is taken */
};

struct queue_attribute {
    const char *name;
    enum attribute_kind kind;
    const char *nothing; /* ABSENT: the value that says so; NULL: none does */
};

static const struct queue_attribute table[] = {
    {"VisibilityTimeout", ATTRIBUTE_SET, NULL},
    {"DelaySeconds", ATTRIBUTE_SET, NULL},
    {"MaximumMessageSize", ATTRIBUTE_SET, NULL},
    {"MessageRetentionPeriod", ATTRIBUTE_SET, NULL},
    {"ReceiveMessageWaitTimeSeconds", ATTRIBUTE_SET, NULL},
    {"ApproximateNumberOfMessages", ATTRIBUTE_SHOWN, NULL},
    {"ApproximateNumberOfMessagesNotVisible", ATTRIBUTE_SHOWN, NULL},
    {"ApproximateNumberOfMessagesDelayed", ATTRIBUTE_SHOWN, NULL},
    {"CreatedTimestamp", ATTRIBUTE_SHOWN, NULL},
    {"LastModifiedTimestamp", ATTRIBUTE_SHOWN, NULL},
    {"QueueArn", ATTRIBUTE_SHOWN, NULL},
    {"SqsManagedSseEnabled", ATTRIBUTE_ABSENT, "false"},
    {"Policy", ATTRIBUTE_ABSENT, ""},
    {"RedrivePolicy", ATTRIBUTE_ABSENT, ""},
    {"RedriveAllowPolicy", ATTRIBUTE_ABSENT, ""},
    {"KmsMasterKeyId", ATTRIBUTE_ABSENT, ""},
    {"KmsDataKeyReusePeriodSeconds", ATTRIBUTE_ABSENT, NULL},
    {"FifoQueue", ATTRIBUTE_ABSENT, NULL},
    {"ContentBasedDeduplication", ATTRIBUTE_ABSENT, NULL},
    {"DeduplicationScope", ATTRIBUTE_ABSENT, NULL},
    {"FifoThroughputLimit", ATTRIBUTE_ABSENT, NULL},
};

static const struct queue_attribute *find(struct slice name)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (slice_eq_text(name, table[i].name))
            return &table[i];
    }
    return NULL;
}

/* --- setting --- */

static bool take_setting(struct sqs_call *c, struct json_out *o, struct slice name,
                         struct slice value)
{
    const struct queue_attribute *row = find(name);
    if (row == NULL || row->kind == ATTRIBUTE_SHOWN) {
        sqs_fail_as(c, SQS_BAD_ATTRIBUTE_NAME, "Unknown Attribute %.*s.", SLICE_ARG(name));
        return false;
    }
    if (value.at == NULL) {
        sqs_fail_as(c, SQS_BAD_JSON, "the value of %s must be a string", row->name);
        return false;
    }
    if (row->kind == ATTRIBUTE_ABSENT) {
        if (row->nothing != NULL && slice_eq_text(value, row->nothing))
            return true;
        sqs_fail_as(c, SQS_UNSUPPORTED, "The attribute %s is not supported by this version of swm.",
                    row->name);
        return false;
    }
    json_key_slice(o, name);
    json_string(o, value);
    return true;
}

bool sqs_take_settings(struct sqs_call *c, struct slice *json)
{
    yyjson_val *map = json_get(c->input, "Attributes");
    struct json_out o = json_out_new(http_arena(c->request), HTTP_BODY_BYTES_MAX);
    if (map != NULL && !yyjson_is_obj(map)) {
        sqs_fail_as(c, SQS_BAD_JSON, "Attributes must be an object");
        return false;
    }
    json_object(&o);
    yyjson_obj_iter it = yyjson_obj_iter_with(map);
    for (yyjson_val *name; map != NULL && (name = yyjson_obj_iter_next(&it)) != NULL;) {
        if (!take_setting(c, &o, json_text(name), json_text(yyjson_obj_iter_get_val(name))))
            return false;
    }
    json_object_end(&o);
    *json = json_out_slice(&o);
    return true;
}

struct set_done {
    struct sqs_call *call;
    enum err err;
    struct slice detail;
};

static void reply_set(void *context)
{
    const struct set_done *d = context;
    if (d->err == ERR_INVALID)
        sqs_fail_as(d->call, SQS_BAD_ATTRIBUTE_VALUE, "%.*s", SLICE_ARG(d->detail));
    else
        sqs_reply_done(d->call, d->err, d->detail);
}

static void take_set(void *context, enum err err, struct slice detail)
{
    struct sqs_call *c = context;
    struct set_done d = {c, err, detail};
    (void)http_guard(c->request, reply_set, &d);
}

void sqs_set_attributes(struct sqs_call *c)
{
    struct queue_front *queues = c->front->config.queues;
    struct slice json;
    if (json_get(c->input, "Attributes") == NULL)
        sqs_fail_as(c, SQS_MISSING, "The request must contain the parameter Attributes.");
    else if (sqs_take_settings(c, &json))
        queues->ops->set(queues, c->queue, json, take_set, c);
}

/* --- getting --- */

struct shown {
    struct json_out out;
    yyjson_val *names;
    uint32_t count;
};

static bool is_asked(yyjson_val *names, const char *name)
{
    yyjson_arr_iter it = yyjson_arr_iter_with(names);
    for (yyjson_val *v; (v = yyjson_arr_iter_next(&it)) != NULL;) {
        if (slice_eq_text(json_text(v), "All") || slice_eq_text(json_text(v), name))
            return true;
    }
    return false;
}

static void show(struct shown *s, const char *name, struct slice value)
{
    if (value.at == NULL || !is_asked(s->names, name))
        return;
    if (s->count++ == 0) {
        json_key(&s->out, "Attributes");
        json_object(&s->out);
    }
    json_put_string(&s->out, name, value);
}

static void show_number(struct shown *s, const char *name, int64_t n)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%" PRId64, n);
    show(s, name, (struct slice){text, (size_t)len});
}

static void show_all(struct sqs_call *c, struct shown *s, const struct queue_info *info)
{
    struct arena *a = http_arena(c->request);
    yyjson_val *settings = NULL;
    enum err e = json_read(a, slice_copy(a, info->attributes), HTTP_BODY_BYTES_MAX, JSON_DEPTH_MAX,
                           NULL, &settings);
    for (size_t i = 0; e == ERR_NONE && i < sizeof table / sizeof table[0]; i++) {
        if (table[i].kind == ATTRIBUTE_SET)
            show(s, table[i].name, json_get_text(settings, table[i].name));
    }
    show_number(s, "ApproximateNumberOfMessages", info->visible);
    show_number(s, "ApproximateNumberOfMessagesNotVisible", info->in_flight);
    show_number(s, "ApproximateNumberOfMessagesDelayed", info->delayed);
    show_number(s, "CreatedTimestamp", info->created_at_ms / 1000);
    show_number(s, "LastModifiedTimestamp", info->modified_at_ms / 1000);
    struct text arn = text_new(a, 1024);
    text_put_c(&arn, "arn:aws:sqs:" SQS_REGION ":" SQS_ACCOUNT ":");
    text_put(&arn, c->queue);
    show(s, "QueueArn", text_slice(&arn));
    show(s, "SqsManagedSseEnabled", SLICE("false"));
}

/* Names that Amazon SQS has and that are not set here are left out, as it does. */
static bool check_names(struct sqs_call *c, yyjson_val *names)
{
    if (names != NULL && !yyjson_is_arr(names)) {
        sqs_fail_as(c, SQS_BAD_JSON, "AttributeNames must be an array");
        return false;
    }
    yyjson_arr_iter it = yyjson_arr_iter_with(names);
    for (yyjson_val *v; names != NULL && (v = yyjson_arr_iter_next(&it)) != NULL;) {
        struct slice name = json_text(v);
        if (slice_eq_text(name, "All") || find(name) != NULL)
            continue;
        sqs_fail_as(c, SQS_BAD_ATTRIBUTE_NAME, "Unknown Attribute %.*s.", SLICE_ARG(name));
        return false;
    }
    return true;
}

void sqs_get_attributes(struct sqs_call *c)
{
    struct queue_front *queues = c->front->config.queues;
    struct queue_info info;
    struct shown s = {.out = json_out_new(http_arena(c->request), HTTP_BODY_BYTES_MAX),
                      .names = json_get(c->input, "AttributeNames")};
    if (!check_names(c, s.names))
        return;
    struct sqs_fault fault = sqs_fault_of(queues->ops->info(queues, c->queue, &info));
    if (fault.code != SQS_OK) {
        sqs_fail(c, &fault);
        return;
    }
    json_object(&s.out);
    if (s.names != NULL)
        show_all(c, &s, &info);
    if (s.count > 0)
        json_object_end(&s.out);
    json_object_end(&s.out);
    sqs_reply(c, &s.out);
}
