/* What goes out of the SQS front: errors as Amazon SQS words them, and answers. Before it stand the
 * actions, after it the HTTP server. SDKs tell errors apart by the shape in the body, older ones by
 * the header, so that both are always sent. */
#include "api/sqs_int.h"

#include <stdarg.h>
#include <stdio.h>

#define FAULT_BYTES_MAX 2048

#define SQS "com.amazonaws.sqs#"
#define CORAL "com.amazon.coral.service#"
#define AWS "AWS.SimpleQueueService."

struct fault_row {
    const char *shape, *code;
    int status;
    bool is_senders;
};

static const struct fault_row table[SQS_CODE_COUNT] = {
#define X(symbol, space, shape, code, status, sender) {space shape, code, status, sender},
    SQS_FAULT_TABLE(X)
#undef X
};

struct sqs_fault sqs_fault_of(enum err err)
{
    enum sqs_code code = SQS_INTERNAL;
    if (err == ERR_NONE)
        return (struct sqs_fault){.code = SQS_OK};
    if (err == ERR_UNKNOWN_QUEUE || err == ERR_NOT_FOUND)
        return (struct sqs_fault){SQS_NO_QUEUE, SLICE("The specified queue does not exist.")};
    if (err == ERR_FORBIDDEN)
        return (struct sqs_fault){SQS_DENIED, SLICE("The key's role does not allow this event.")};
    if (err == ERR_INVALID || err == ERR_TOO_LARGE)
        code = SQS_BAD_VALUE;
    else if (err == ERR_REFUSED)
        code = SQS_UNSUPPORTED;
    else if (err_is_retryable(err))
        code = SQS_UNAVAILABLE;
    return (struct sqs_fault){code, slice_of(err_text(err))};
}

const char *sqs_fault_code(enum sqs_code code)
{
    return table[code].code;
}

bool sqs_fault_is_senders(enum sqs_code code)
{
    return table[code].is_senders;
}

static struct slice format_message(struct arena *a, const char *format, va_list args)
{
    char *line = arena_alloc(a, FAULT_BYTES_MAX);
    int len = vsnprintf(line, FAULT_BYTES_MAX, format, args);
    size_t used = len < 0 ? 0 : (size_t)len;
    return (struct slice){line, used < FAULT_BYTES_MAX ? used : FAULT_BYTES_MAX - 1};
}

bool sqs_fault_set(struct arena *a, struct sqs_fault *fault, enum sqs_code code, const char *format,
                   ...)
{
    va_list args;
    va_start(args, format);
    *fault = (struct sqs_fault){code, format_message(a, format, args)};
    va_end(args);
    return false;
}

static void send(struct sqs_call *c, int status, struct slice body)
{
    struct arena *a = http_arena(c->request);
    http_add(c->request, "x-amzn-RequestId", sqs_make_id(c->front, a, SLICE_NONE));
    http_reply(c->request, status, SQS_TYPE, body);
}

void sqs_fail(struct sqs_call *c, const struct sqs_fault *fault)
{
    struct arena *a = http_arena(c->request);
    const struct fault_row *row = &table[fault->code];
    struct text header = text_new(a, FAULT_BYTES_MAX);
    text_printf(&header, "%s;%s", row->code, row->is_senders ? "Sender" : "Receiver");
    struct json_out o = json_out_new(a, 16 * FAULT_BYTES_MAX);
    json_object(&o);
    json_put_text(&o, "__type", row->shape);
    json_put_string(&o, "message", fault->message);
    json_object_end(&o);
    http_add(c->request, "x-amzn-query-error", text_slice(&header));
    if (row->status == 503)
        http_add(c->request, "Retry-After", SLICE("1"));
    send(c, row->status, json_out_slice(&o));
}

void sqs_fail_as(struct sqs_call *c, enum sqs_code code, const char *format, ...)
{
    struct sqs_fault fault = {.code = code};
    va_list args;
    va_start(args, format);
    fault.message = format_message(http_arena(c->request), format, args);
    va_end(args);
    sqs_fail(c, &fault);
}

void sqs_reply(struct sqs_call *c, const struct json_out *o)
{
    if (o->text.is_cut) {
        sqs_fail_as(c, SQS_INTERNAL, "the answer is too large");
        return;
    }
    send(c, 200, json_out_slice(o));
}

void sqs_reply_empty(struct sqs_call *c)
{
    send(c, 200, SLICE("{}"));
}

struct done {
    struct sqs_call *call;
    enum err err;
    struct slice detail;
};

static void reply_done(void *context)
{
    const struct done *d = context;
    struct sqs_fault fault = sqs_fault_of(d->err);
    if (d->err == ERR_REFUSED && d->detail.len > 0)
        fault.message = d->detail;
    if (fault.code == SQS_OK)
        sqs_reply_empty(d->call);
    else
        sqs_fail(d->call, &fault);
}

void sqs_reply_done(void *context, enum err err, struct slice detail)
{
    struct sqs_call *c = context;
    struct done d = {c, err, detail};
    (void)http_guard(c->request, reply_done, &d);
}
