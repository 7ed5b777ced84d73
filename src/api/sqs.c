/* The SQS front's door: what speaks the protocol, which action it names, which queue it means.
 * Before it stands the HTTP server, after it the actions. Only a POST that names its action in the
 * header X-Amz-Target changes anything: a page of another site cannot send that unasked. */
#include "api/sqs.h"

#include "api/sqs_int.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TARGET "AmazonSQS."
#define FORM "application/x-www-form-urlencoded"

struct action {
    const char *name;
    void (*run)(struct sqs_call *c); /* NULL: Amazon SQS has it, this version does not */
    bool has_queue, is_batch;
    enum role role;
};

static const struct action actions[] = {
    {"ReceiveMessage", sqs_receive_message, true, false, ROLE_WORKER},
    {"SendMessage", sqs_send_message, true, false, ROLE_WORKER},
    {"SendMessageBatch", sqs_send_message, true, true, ROLE_WORKER},
    {"DeleteMessage", sqs_delete_message, true, false, ROLE_WORKER},
    {"DeleteMessageBatch", sqs_delete_message, true, true, ROLE_WORKER},
    {"ChangeMessageVisibility", sqs_change_visibility, true, false, ROLE_WORKER},
    {"ChangeMessageVisibilityBatch", sqs_change_visibility, true, true, ROLE_WORKER},
    {"GetQueueUrl", sqs_get_queue_url, false, false, ROLE_WORKER},
    {"GetQueueAttributes", sqs_get_attributes, true, false, ROLE_WORKER},
    {"SetQueueAttributes", sqs_set_attributes, true, false, ROLE_OPERATOR},
    {"CreateQueue", sqs_create_queue, false, false, ROLE_WORKER},
    {"DeleteQueue", sqs_delete_queue, true, false, ROLE_ADMIN},
    {"ListQueues", sqs_list_queues, false, false, ROLE_WORKER},
    {"PurgeQueue", sqs_purge_queue, true, false, ROLE_OPERATOR},
    {"AddPermission", NULL, true, false, ROLE_ADMIN},
    {"RemovePermission", NULL, true, false, ROLE_ADMIN},
    {"ListDeadLetterSourceQueues", NULL, true, false, ROLE_WORKER},
    {"StartMessageMoveTask", NULL, false, false, ROLE_WORKER},
    {"CancelMessageMoveTask", NULL, false, false, ROLE_WORKER},
    {"ListMessageMoveTasks", NULL, false, false, ROLE_WORKER},
    {"TagQueue", NULL, true, false, ROLE_WORKER},
    {"UntagQueue", NULL, true, false, ROLE_WORKER},
    {"ListQueueTags", NULL, true, false, ROLE_WORKER},
};

enum err sqs_open(const struct sqs_config *config, struct sqs_front **out)
{
    struct sqs_front *s = calloc(1, sizeof *s);
    if (s == NULL)
        return ERR_MEMORY;
    s->config = *config;
    *out = s;
    return ERR_NONE;
}

void sqs_set_auth(struct sqs_front *s, struct auth *a)
{
    s->auth = a;
}

void sqs_close(struct sqs_front *s)
{
    free(s);
}

struct slice sqs_make_id(struct sqs_front *s, struct arena *a, struct slice from)
{
    uint8_t digest[SHA256_BYTES];
    uint64_t seed[2] = {s->config.seed, ++s->ids_made};
    hash_sha256(from.at != NULL ? from : (struct slice){(const char *)seed, sizeof seed}, digest);
    digest[6] = (uint8_t)((digest[6] & 0x0f) | 0x40); /* RFC 9562: version and variant */
    digest[8] = (uint8_t)((digest[8] & 0x3f) | 0x80);
    struct slice hex = hex_encode(a, digest, 16);
    static const uint8_t pieces[] = {8, 4, 4, 4, 12};
    struct text t = text_new(a, SQS_UUID_CHARS);
    for (size_t i = 0; i < sizeof pieces; i++) {
        if (i > 0)
            text_put_char(&t, '-');
        text_put(&t, (struct slice){hex.at, pieces[i]});
        hex.at += pieces[i];
    }
    return text_slice(&t);
}

/* --- the address of a queue --- */

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

/* The host is what the client calls this server, which the HTTP server has checked: some SDKs
 * connect to the host of a queue's address. */
void sqs_write_url(struct sqs_call *c, struct json_out *o, struct slice queue)
{
    struct text t = text_new(http_arena(c->request), HTTP_HEADER_BYTES_MAX);
    text_put_c(&t, http_is_secure(c->request) ? "https://" : "http://");
    text_put(&t, http_header(c->request, "Host"));
    text_put_c(&t, "/" SQS_ACCOUNT "/");
    for (size_t i = 0; i < queue.len; i++) {
        if (is_plain(queue.at[i]))
            text_put_char(&t, queue.at[i]);
        else
            text_printf(&t, "%%%02X", (unsigned)(unsigned char)queue.at[i]);
    }
    json_string(o, text_slice(&t));
}

/* What stands after the last slash; host and account are the client's business. */
static struct slice last_piece(struct slice url)
{
    size_t from = url.len;
    while (from > 0 && url.at[from - 1] != '/')
        from--;
    return (struct slice){url.at + from, url.len - from};
}

bool sqs_take_queue(struct sqs_call *c)
{
    struct slice url = json_get_text(c->input, "QueueUrl");
    if (url.len == 0)
        url = http_raw_path(c->request); /* older clients post to the queue's address */
    if (slice_eq_text(url, "/")) {
        sqs_fail_as(c, SQS_MISSING, "The request must contain the parameter QueueUrl.");
        return false;
    }
    c->queue = http_decode(c->request, last_piece(url), false);
    if (c->queue.len > 0)
        return true;
    sqs_fail_as(c, SQS_BAD_ADDRESS, "The address %.*s is not valid for this endpoint.",
                url.len > 500 ? 500 : (int)url.len, url.at);
    return false;
}

/* --- the protocol --- */

static bool has_type(const struct http_request *r, const char *type)
{
    struct slice header = http_header(r, "Content-Type"), rest;
    slice_cut(header, ';', &header, &rest);
    header = slice_trim(header);
    return header.len == strlen(type) && strncasecmp(header.at, type, header.len) == 0;
}

/* "Action=" at the start of a form, or of a field in it. */
static bool has_action(struct slice form)
{
    struct slice field;
    while (form.at != NULL) {
        slice_cut(form, '&', &field, &form);
        if (slice_has_prefix(field, SLICE("Action=")))
            return true;
    }
    return false;
}

static bool is_query_protocol(const struct http_request *r)
{
    return http_header(r, "X-Amz-Target").at == NULL &&
           (http_query(r, "Action").at != NULL || (has_type(r, FORM) && has_action(http_body(r))));
}

bool sqs_wants(const struct http_request *r)
{
    return slice_has_prefix(http_header(r, "X-Amz-Target"), SLICE(TARGET)) || is_query_protocol(r);
}

static void refuse_query(struct sqs_call *c)
{
    struct arena *a = http_arena(c->request);
    struct text t = text_new(a, 4096);
    text_put_c(&t,
               "<?xml version=\"1.0\"?><ErrorResponse "
               "xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error><Type>Sender</Type>"
               "<Code>AWS.SimpleQueueService.UnsupportedOperation</Code><Message>"
               "This version of swm speaks the AWS JSON protocol of Amazon SQS, not the older "
               "Query protocol. SDKs speak it from boto3 1.34.90, JavaScript 3.447.0, Java "
               "2.21.19, Go v2 sqs 1.28.0, .NET 3.7.300 on.</Message><Detail/></Error><RequestId>");
    text_put(&t, sqs_make_id(c->front, a, SLICE_NONE));
    text_put_c(&t, "</RequestId></ErrorResponse>");
    http_reply(c->request, 400, "text/xml", text_slice(&t));
}

static const struct action *find(struct slice target)
{
    struct slice name = {target.at + strlen(TARGET), target.len - strlen(TARGET)};
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (slice_eq_text(name, actions[i].name))
            return &actions[i];
    }
    return NULL;
}

static bool read_input(struct sqs_call *c)
{
    struct json_error why = {0, ""};
    struct slice body = http_body(c->request);
    enum err e = json_read(http_arena(c->request), body.len > 0 ? body : SLICE("{}"),
                           HTTP_BODY_BYTES_MAX, JSON_DEPTH_MAX, &why, &c->input);
    if (e == ERR_NONE && yyjson_is_obj(c->input))
        return true;
    if (e == ERR_NONE)
        sqs_fail_as(c, SQS_BAD_JSON, "the body must be a JSON object");
    else
        sqs_fail_as(c, SQS_BAD_JSON, "the body is not JSON: %s at byte %zu", why.what, why.offset);
    return false;
}

static void run(struct sqs_call *c)
{
    const struct action *action = find(http_header(c->request, "X-Amz-Target"));
    if (!slice_eq_text(http_method(c->request), "POST") || !has_type(c->request, SQS_TYPE)) {
        sqs_fail_as(c, SQS_BAD_JSON, "a request is a POST with Content-Type: " SQS_TYPE);
        return;
    }
    if (action == NULL) {
        sqs_fail_as(c, SQS_NO_ACTION, "The action %.*s is not valid for this endpoint.",
                    SLICE_ARG(http_header(c->request, "X-Amz-Target")));
        return;
    }
    if (auth_role(c->request) < action->role) {
        c->front->auth->forbidden++;
        sqs_fail_as(c, SQS_DENIED, "%s needs the role %s; the key's is %s", action->name,
                    vocab_name(VOCAB_ROLE, (int)action->role),
                    vocab_name(VOCAB_ROLE, (int)auth_role(c->request)));
        return;
    }
    if (action->run == NULL) {
        sqs_fail_as(c, SQS_UNSUPPORTED, "The action %s is not supported by this version of swm.",
                    action->name);
        return;
    }
    c->is_batch = action->is_batch;
    if (read_input(c) && (!action->has_queue || sqs_take_queue(c)))
        action->run(c);
}

void sqs_handle(void *front, struct http_request *r)
{
    if (!sqs_wants(r)) {
        http_reply_error(r, ERR_NOT_FOUND, SLICE("there is no such address; GET /v1 lists them"),
                         SLICE_NONE);
        return;
    }
    struct sqs_call *c = arena_alloc(http_arena(r), sizeof *c);
    *c = (struct sqs_call){.front = front, .request = r};
    if (is_query_protocol(r))
        refuse_query(c);
    else if (sqs_auth_check(c))
        run(c);
}
