/* Requests of one entry and of many, told apart only here: an action on messages works on entries,
 * and each has its own answer. Before it stand those actions, after it sqs_fault.c. An answer is
 * made when the last entry has its own. */
#include "api/sqs_int.h"

#include <assert.h>

#define ENTRY_ID_MAX 80

static bool is_entry_id(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_'))
            return false;
    }
    return s.len > 0 && s.len <= ENTRY_ID_MAX;
}

static bool check_ids(struct arena *a, const struct sqs_batch *b, struct sqs_fault *fault)
{
    for (uint32_t i = 0; i < b->count; i++) {
        if (!is_entry_id(b->entries[i].id))
            return sqs_fault_set(a, fault, SQS_BAD_BATCH_ID,
                                 "A batch entry id can only contain alphanumeric characters, "
                                 "hyphens and underscores. It can be at most 80 letters long.");
        for (uint32_t k = 0; k < i; k++) {
            if (slice_eq(b->entries[i].id, b->entries[k].id))
                return sqs_fault_set(a, fault, SQS_SAME_BATCH_ID, "Id %.*s repeated.",
                                     SLICE_ARG(b->entries[i].id));
        }
    }
    return true;
}

/* What counts are bodies and attributes; deletes and changes are never near the limit. */
static bool check_size(struct arena *a, const struct sqs_batch *b, struct sqs_fault *fault)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        yyjson_val *input = b->entries[i].input;
        struct sqs_attributes attributes;
        struct sqs_fault ignored;
        bytes += json_get_text(input, "MessageBody").len;
        if (sqs_attributes_read(a, json_get(input, "MessageAttributes"), SQS_OF_USER, &attributes,
                                &ignored))
            bytes += sqs_attributes_bytes(&attributes);
    }
    return bytes <= QUEUE_BODY_BYTES_MAX ||
           sqs_fault_set(a, fault, SQS_BATCH_TOO_LONG,
                         "Batch requests cannot be longer than %d bytes. You have sent %zu bytes.",
                         QUEUE_BODY_BYTES_MAX, bytes);
}

static bool read_entries(struct arena *a, yyjson_val *list, struct sqs_batch *out,
                         struct sqs_fault *fault)
{
    size_t count = yyjson_arr_size(list);
    if (count == 0)
        return sqs_fault_set(a, fault, SQS_EMPTY_BATCH,
                             "There should be at least one entry in the request.");
    if (count > QUEUE_BATCH_MAX)
        return sqs_fault_set(a, fault, SQS_TOO_MANY,
                             "Maximum number of entries per request are %d. You have sent %zu.",
                             QUEUE_BATCH_MAX, count);
    out->entries = arena_array(a, count, sizeof *out->entries);
    yyjson_arr_iter it = yyjson_arr_iter_with(list);
    for (yyjson_val *v; (v = yyjson_arr_iter_next(&it)) != NULL;) {
        if (!yyjson_is_obj(v))
            return sqs_fault_set(a, fault, SQS_BAD_JSON, "an entry must be an object");
        out->entries[out->count++] =
            (struct sqs_entry){.batch = out, .id = json_get_text(v, "Id"), .input = v};
    }
    return check_ids(a, out, fault) && check_size(a, out, fault);
}

bool sqs_batch_read(struct arena *a, struct sqs_call *c, struct sqs_batch *out,
                    struct sqs_fault *fault)
{
    out->call = c;
    out->count = 0;
    out->left = 1;
    if (c->is_batch) {
        yyjson_val *list = json_get(c->input, "Entries");
        if (list != NULL && !yyjson_is_arr(list))
            return sqs_fault_set(a, fault, SQS_BAD_JSON, "Entries must be an array");
        if (!read_entries(a, list, out, fault))
            return false;
    } else {
        out->entries = arena_array(a, 1, sizeof *out->entries);
        out->entries[out->count++] = (struct sqs_entry){.batch = out, .input = c->input};
    }
    out->left += out->count;
    return true;
}

struct sqs_batch *sqs_batch_begin(struct sqs_call *c,
                                  void (*write)(struct json_out *o, const struct sqs_entry *e))
{
    struct sqs_fault fault = {.code = SQS_OK};
    struct sqs_batch *b = arena_alloc(http_arena(c->request), sizeof *b);
    b->write = write;
    if (sqs_batch_read(http_arena(c->request), c, b, &fault))
        return b;
    sqs_fail(c, &fault);
    return NULL;
}

/* --- the answer --- */

static void write_failed(struct json_out *o, const struct sqs_entry *e)
{
    json_put_text(o, "Code", sqs_fault_code(e->fault.code));
    json_put_string(o, "Message", e->fault.message);
    json_put_boolean(o, "SenderFault", sqs_fault_is_senders(e->fault.code));
}

static void write_entries(struct json_out *o, const struct sqs_batch *b, bool is_failed)
{
    uint32_t written = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        const struct sqs_entry *e = &b->entries[i];
        if ((e->fault.code != SQS_OK) != is_failed)
            continue;
        if (written++ == 0) {
            json_key(o, is_failed ? "Failed" : "Successful");
            json_array(o);
        }
        json_object(o);
        json_put_string(o, "Id", e->id);
        if (is_failed)
            write_failed(o, e);
        else if (b->write != NULL)
            b->write(o, e);
        json_object_end(o);
    }
    if (written > 0)
        json_array_end(o);
}

static void reply(void *context)
{
    const struct sqs_batch *b = context;
    struct sqs_call *c = b->call;
    if (!c->is_batch && b->entries[0].fault.code != SQS_OK) {
        sqs_fail(c, &b->entries[0].fault);
        return;
    }
    struct json_out o = json_out_new(http_arena(c->request), HTTP_BODY_BYTES_MAX);
    json_object(&o);
    if (c->is_batch) {
        write_entries(&o, b, false);
        write_entries(&o, b, true);
    } else if (b->write != NULL) {
        b->write(&o, &b->entries[0]);
    }
    json_object_end(&o);
    sqs_reply(c, &o);
}

void sqs_batch_done(struct sqs_batch *b, uint32_t count)
{
    assert(count <= b->left);
    b->left -= count;
    if (b->left == 0)
        (void)http_guard(b->call->request, reply, b);
}

void sqs_entry_done(void *context, enum err err, struct slice detail)
{
    (void)detail;
    struct sqs_entry *e = context;
    e->fault = sqs_fault_of(err);
    sqs_batch_done(e->batch, 1);
}
