/* Sending. Messages for swm-events are events: the engine gets them, and the answer waits for their
 * verdict to be durable; all others are stored by the queues. Before it stands sqs_batch.c, which
 * splits and answers. Everything is read before the first entry is handed on: from then on answers
 * may come, and nothing may be given up. */
#include "api/sqs_int.h"

struct sent {
    struct queue_send send;
    struct slice body_md5, attributes_md5, system_md5; /* absent: no attributes */
};

static void write_sent(struct json_out *o, const struct sqs_entry *e)
{
    const struct sent *s = e->data;
    json_put_string(o, "MessageId", s->send.id);
    json_put_string(o, "MD5OfMessageBody", s->body_md5);
    if (s->attributes_md5.at != NULL)
        json_put_string(o, "MD5OfMessageAttributes", s->attributes_md5);
    if (s->system_md5.at != NULL)
        json_put_string(o, "MD5OfMessageSystemAttributes", s->system_md5);
}

/* --- reading --- */

static bool check_body(struct arena *a, struct sqs_entry *e, size_t bytes, int64_t bytes_max)
{
    struct slice body = json_get_text(e->input, "MessageBody");
    if (body.len == 0)
        return sqs_fault_set(a, &e->fault, SQS_MISSING,
                             "The request must contain the parameter MessageBody.");
    if (body.len + bytes > (size_t)bytes_max)
        return sqs_fault_set(a, &e->fault, SQS_BAD_VALUE,
                             "One or more parameters are invalid. Reason: Message must be shorter "
                             "than %lld bytes.",
                             (long long)bytes_max);
    return sqs_is_content(body) ||
           sqs_fault_set(a, &e->fault, SQS_BAD_CONTENTS,
                         "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | "
                         "#x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF");
}

/* 1 to 128 letters, digits and punctuation. */
static bool is_group(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] <= ' ' || s.at[i] > '~')
            return false;
    }
    return s.len > 0 && s.len <= 128;
}

static bool check_group(struct arena *a, struct sqs_entry *e)
{
    struct slice group = json_get_text(e->input, "MessageGroupId");
    struct slice dedup = json_get_text(e->input, "MessageDeduplicationId");
    if (group.at != NULL && !is_group(group))
        return sqs_fault_set(a, &e->fault, SQS_BAD_VALUE,
                             "Value %.*s for parameter MessageGroupId is invalid. Reason: "
                             "MessageGroupId can only include alphanumeric and punctuation "
                             "characters. 1 to 128 in length.",
                             group.len > 200 ? 200 : (int)group.len, group.at);
    return dedup.at == NULL ||
           sqs_fault_set(a, &e->fault, SQS_BAD_VALUE,
                         "Value %.*s for parameter MessageDeduplicationId is invalid. Reason: The "
                         "request includes a parameter that is not valid for this queue type.",
                         dedup.len > 200 ? 200 : (int)dedup.len, dedup.at);
}

static struct slice write_attributes(struct arena *a, const struct sqs_entry *e,
                                     const struct sqs_attributes *user,
                                     const struct sqs_attributes *system)
{
    struct slice group = json_get_text(e->input, "MessageGroupId");
    struct json_out o = json_out_new(a, HTTP_BODY_BYTES_MAX * 2);
    if (user->count == 0 && system->count == 0 && group.at == NULL)
        return SLICE_NONE;
    json_object(&o);
    if (user->count > 0) {
        json_key(&o, "MessageAttributes");
        sqs_attributes_write(&o, user);
    }
    if (system->count > 0) {
        json_key(&o, "MessageSystemAttributes");
        sqs_attributes_write(&o, system);
    }
    if (group.at != NULL)
        json_put_string(&o, "MessageGroupId", group);
    json_object_end(&o);
    return json_out_slice(&o);
}

/* SDKs that send a request again say so: the message keeps its id, so that an event of it counts
 * once and a message is stored once. */
static struct slice make_id(struct sqs_call *c, const struct sqs_entry *e, struct slice md5)
{
    struct arena *a = http_arena(c->request);
    struct slice invocation = http_header(c->request, "amz-sdk-invocation-id");
    struct text t = text_new(a, HTTP_HEADER_BYTES_MAX);
    if (invocation.len == 0)
        return sqs_make_id(c->front, a, SLICE_NONE);
    text_put(&t, invocation);
    text_put_char(&t, '\n');
    text_put(&t, c->queue);
    text_put_char(&t, '\n');
    text_put(&t, e->id);
    text_put_char(&t, '\n');
    text_put(&t, md5);
    return sqs_make_id(c->front, a, text_slice(&t));
}

static bool read_entry(struct sqs_call *c, struct sqs_entry *e, int64_t bytes_max)
{
    struct arena *a = http_arena(c->request);
    struct sqs_attributes user, system;
    struct sqs_number delay = {"DelaySeconds", 0, QUEUE_DELAY_S_MAX, -1};
    if (!sqs_attributes_read(a, json_get(e->input, "MessageAttributes"), SQS_OF_USER, &user,
                             &e->fault) ||
        !sqs_attributes_read(a, json_get(e->input, "MessageSystemAttributes"), SQS_OF_SYSTEM,
                             &system, &e->fault) ||
        !check_body(a, e, sqs_attributes_bytes(&user), bytes_max) ||
        !sqs_take_number(a, e->input, &delay, &e->fault) || !check_group(a, e))
        return false;
    struct sent *s = arena_alloc(a, sizeof *s);
    e->data = s;
    s->send.queue = c->queue;
    s->send.body = json_get_text(e->input, "MessageBody");
    s->send.delay_ms = delay.value < 0 ? -1 : delay.value * 1000;
    s->send.attributes = write_attributes(a, e, &user, &system);
    s->body_md5 = sqs_md5(a, s->send.body);
    s->attributes_md5 = user.count > 0 ? sqs_attributes_md5(a, &user) : SLICE_NONE;
    s->system_md5 = system.count > 0 ? sqs_attributes_md5(a, &system) : SLICE_NONE;
    s->send.id = make_id(c, e, s->body_md5);
    return true;
}

/* --- handing on --- */

static void take_posted(void *context, enum err err)
{
    sqs_entry_done(context, err, SLICE_NONE);
}

static void post_events(struct sqs_batch *b, struct slice actor)
{
    const struct sqs_config *config = &b->call->front->config;
    uint32_t refused = 1;
    for (uint32_t i = 0; i < b->count; i++) {
        struct sqs_entry *e = &b->entries[i];
        const struct sent *s = e->data;
        if (e->fault.code != SQS_OK) {
            refused++;
            continue;
        }
        struct sqs_post p = {s->send.body, s->send.id, SLICE("sqs"), actor,
                             auth_role(b->call->request)};
        config->events(config->context, &p, take_posted, e);
    }
    sqs_batch_done(b, refused);
}

/* All that are good were stored together, or none. */
static void take_stored(void *context, enum err err, struct slice detail)
{
    (void)detail;
    struct sqs_batch *b = context;
    for (uint32_t i = 0; i < b->count; i++) {
        if (b->entries[i].fault.code == SQS_OK)
            b->entries[i].fault = sqs_fault_of(err);
    }
    sqs_batch_done(b, b->left);
}

static void store_messages(struct sqs_batch *b)
{
    struct queue_front *queues = b->call->front->config.queues;
    struct queue_send messages[QUEUE_BATCH_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        const struct sent *s = b->entries[i].data;
        if (b->entries[i].fault.code == SQS_OK)
            messages[count++] = s->send;
    }
    if (count == 0)
        sqs_batch_done(b, b->left);
    else
        queues->ops->send(queues, messages, count, take_stored, b);
}

static int64_t size_max_of(struct sqs_call *c, const struct queue_info *info)
{
    struct arena *a = http_arena(c->request);
    yyjson_val *settings;
    int64_t n;
    if (json_read(a, slice_copy(a, info->attributes), HTTP_BODY_BYTES_MAX, JSON_DEPTH_MAX, NULL,
                  &settings) == ERR_NONE &&
        slice_to_int(json_get_text(settings, "MaximumMessageSize"), &n))
        return n;
    return QUEUE_BODY_BYTES_MAX;
}

void sqs_send_message(struct sqs_call *c)
{
    struct queue_front *queues = c->front->config.queues;
    struct queue_info info;
    struct sqs_batch *b = sqs_batch_begin(c, write_sent);
    if (b == NULL)
        return;
    struct sqs_fault fault = sqs_fault_of(queues->ops->info(queues, c->queue, &info));
    if (fault.code != SQS_OK) {
        sqs_fail(c, &fault);
        return;
    }
    int64_t bytes_max = size_max_of(c, &info);
    struct slice actor = auth_actor(c->request);
    for (uint32_t i = 0; i < b->count; i++)
        (void)read_entry(c, &b->entries[i], bytes_max);
    if (slice_eq_text(c->queue, QUEUE_EVENTS))
        post_events(b, actor);
    else
        store_messages(b);
}
