/* Calls of Amazon SQS (AWS JSON 1.0): written, signed, sent, and their answers judged. Before it
 * stand the files that know what is to be done, after it HTTP. What may be tried again is judged
 * here; whether it is, and when, is its caller's. */
#include "queue/queue_sqs_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CALL_MS 15000L
#define BODY_BYTES_MAX ((size_t)16 * 1024 * 1024)
#define SKEW_LEAST_MS 60000 /* less is no reason to be refused */
#define BACKOFF_MS 100
#define BACKOFF_SLOWER_MS 400
#define BACKOFF_MS_MAX 20000
#define REFUSED_MS 30000

static const char *const action_names[FAR_ACTION_COUNT] = {
#define X(symbol, name) name,
    FAR_ACTION_TABLE(X)
#undef X
};

const char *far_call_name(enum far_action action)
{
    return action_names[action];
}

/* --- trying again --- */

uint64_t far_random(struct queue_sqs *q)
{
    uint64_t z = q->random += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

/* Full jitter: anything up to a limit that doubles, so that many do not come back together. */
int64_t far_backoff_ms(struct queue_sqs *q, enum far_outcome outcome, unsigned failures)
{
    int64_t most_ms = outcome == FAR_SLOWER ? BACKOFF_SLOWER_MS : BACKOFF_MS;
    if (outcome == FAR_CORRECTED && failures <= 1)
        return 0;
    if (outcome == FAR_REFUSED)
        return REFUSED_MS + (int64_t)(far_random(q) % REFUSED_MS / 4);
    for (unsigned k = 1; k < failures && most_ms < BACKOFF_MS_MAX; k++)
        most_ms *= 2;
    return 1 + (int64_t)(far_random(q) % (uint64_t)time_min(most_ms, BACKOFF_MS_MAX));
}

/* --- judging --- */

struct verdict {
    const char *code;
    enum far_outcome outcome;
};

static const struct verdict verdicts[] = {
    {"AWS.SimpleQueueService.NonExistentQueue", FAR_NO_QUEUE},
    {"QueueDoesNotExist", FAR_NO_QUEUE},
    {"QueueAlreadyExists", FAR_QUEUE_EXISTS},
    {"QueueNameExists", FAR_QUEUE_EXISTS},
    {"AWS.SimpleQueueService.BatchRequestTooLong", FAR_TOO_LONG},
    {"BatchRequestTooLong", FAR_TOO_LONG},
    {"AWS.SimpleQueueService.QueueDeletedRecently", FAR_SLOWER},
    {"QueueDeletedRecently", FAR_SLOWER},
    {"Throttling", FAR_SLOWER},
    {"ThrottlingException", FAR_SLOWER},
    {"ThrottledException", FAR_SLOWER},
    {"RequestThrottled", FAR_SLOWER},
    {"RequestThrottledException", FAR_SLOWER},
    {"TooManyRequestsException", FAR_SLOWER},
    {"RequestLimitExceeded", FAR_SLOWER},
    {"SlowDown", FAR_SLOWER},
    {"OverLimit", FAR_SLOWER},
    {"KmsThrottled", FAR_SLOWER},
    {"RequestTimeout", FAR_AGAIN},
    {"RequestTimeTooSkewed", FAR_CORRECTED},
    {"RequestExpired", FAR_CORRECTED},
    {"InvalidSignatureException", FAR_CORRECTED},
    {"SignatureDoesNotMatch", FAR_CORRECTED},
    {"ExpiredToken", FAR_CORRECTED},
    {"ExpiredTokenException", FAR_CORRECTED},
    {"TokenRefreshRequired", FAR_CORRECTED},
    {"InvalidClientTokenId", FAR_CORRECTED},
    {"UnrecognizedClientException", FAR_CORRECTED},
    {"IncompleteSignature", FAR_CORRECTED},
    {"AuthFailure", FAR_CORRECTED},
};

enum far_outcome far_call_judge(struct slice code, long status)
{
    for (size_t k = 0; k < sizeof verdicts / sizeof verdicts[0]; k++) {
        if (slice_eq_text(code, verdicts[k].code))
            return verdicts[k].outcome;
    }
    if (status == 429 || status == 503)
        return FAR_SLOWER;
    if (status >= 500 || status == 0 || status == 408)
        return FAR_AGAIN;
    return FAR_REFUSED;
}

/* "Tue, 24 Nov 2026 08:00:00 GMT". */
static bool read_date(const char *text, int64_t *at_ms)
{
    struct tm parts = {0};
    const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (end == NULL)
        return false;
    *at_ms = (int64_t)timegm(&parts) * 1000;
    return true;
}

/* A signature is refused because of the time, or because of the keys. */
static void correct(struct queue_sqs *q, const struct far_call *c)
{
    int64_t at_ms;
    if (read_date(c->exchange->date, &at_ms)) {
        int64_t off_ms = at_ms - (c->began_at_ms + c->skew_ms);
        if (off_ms > SKEW_LEAST_MS || off_ms < -SKEW_LEAST_MS) {
            if (q->skew_ms != c->skew_ms)
                return; /* corrected since it was signed */
            q->skew_ms = at_ms - c->began_at_ms;
            far_say(q, true, "the clocks of this machine and of Amazon SQS are %lld s apart",
                    (long long)(q->skew_ms / 1000));
            return;
        }
    }
    far_credentials_refuse(q, c->serial);
}

static void read_error(struct far_call *c, yyjson_val *root)
{
    struct slice head, rest, type = json_get_text(root, "__type");
    slice_cut(slice_of(c->exchange->error), ';', &head, &rest);
    if (head.len == 0) {
        slice_cut(type, '#', &head, &rest);
        if (rest.at != NULL)
            head = rest;
    }
    c->code = head;
    c->message = json_get_text(root, "message");
    if (c->message.at == NULL)
        c->message = json_get_text(root, "Message");
}

static void read_answer(struct far_call *c)
{
    struct far_exchange *x = c->exchange;
    struct slice body = {x->bytes != NULL && x->len > 0 ? x->bytes : "{}",
                         x->bytes != NULL && x->len > 0 ? x->len : 2};
    yyjson_val *root = NULL;
    if (x->result != CURLE_OK) {
        c->message = slice_of(curl_easy_strerror(x->result));
        c->outcome = FAR_AGAIN;
        return;
    }
    enum err e = json_read(&x->arena, body, FAR_ANSWER_BYTES_MAX, JSON_DEPTH_MAX, NULL, &root);
    bool is_object = e == ERR_NONE && yyjson_is_obj(root);
    if (x->status == 200) {
        c->outcome = is_object ? FAR_OK : FAR_AGAIN;
        c->answer = root;
        c->message = is_object ? SLICE_NONE : SLICE("the answer is not JSON");
        return;
    }
    read_error(c, is_object ? root : NULL);
    c->outcome = far_call_judge(c->code, x->status);
}

static void finish(struct far_exchange *x)
{
    struct far_call *c = x->owner;
    struct queue_sqs *q = c->owner;
    jmp_buf edge;
    x->arena.edge = &edge;
    if (setjmp(edge) == 0) {
        read_answer(c);
    } else {
        c->outcome = FAR_AGAIN;
        c->message = SLICE("memory is short");
    }
    x->arena.edge = NULL;
    if (c->outcome == FAR_OK)
        far_credentials_accept(q);
    if (c->outcome == FAR_CORRECTED)
        correct(q, c);
    list_remove(&q->calls, &c->link);
    c->done(q, c);
    free(c);
}

/* --- asking --- */

bool far_call_is_possible(const struct queue_sqs *q)
{
    return q->credentials.is_known;
}

static const char *endpoint_of(const struct queue_sqs *q, const struct far_queue *w,
                               struct arena *a)
{
    if (w != NULL && w->endpoint != NULL)
        return w->endpoint;
    if (q->endpoint != NULL)
        return q->endpoint;
    return slice_text(a, far_endpoint(a, slice_of(q->region)));
}

static struct slice host_of(const char *endpoint)
{
    const char *slashes = strstr(endpoint, "://");
    struct slice host, rest;
    slice_cut(slice_of(slashes != NULL ? slashes + 3 : endpoint), '/', &host, &rest);
    return host;
}

static bool sign(struct queue_sqs *q, struct far_call *c, struct slice host)
{
    struct far_exchange *x = c->exchange;
    struct arena *a = &x->arena;
    char target[64], time[SIGV4_TIME_BYTES];
    struct slice token = q->credentials.keys.token;
    int len = snprintf(target, sizeof target, "AmazonSQS.%s", action_names[c->action]);
    sigv4_time(time_add(q->now_ms, q->skew_ms), time);
    struct sigv4_header headers[5] = {{SLICE("Content-Type"), SLICE("application/x-amz-json-1.0")},
                                      {SLICE("Host"), host},
                                      {SLICE("X-Amz-Date"), slice_of(time)},
                                      {SLICE("X-Amz-Target"), {target, (size_t)len}},
                                      {SLICE("X-Amz-Security-Token"), token}};
    struct sigv4_request r = {.method = SLICE("POST"),
                              .path = SLICE("/"),
                              .headers = headers,
                              .header_count = token.len > 0 ? 5 : 4,
                              .payload_hash = sigv4_payload_hash(a, x->body),
                              .time = slice_of(time)};
    r.scope = (struct sigv4_scope){
        {time, 8}, slice_of(c->queue != NULL ? c->queue->region : q->region), SLICE("sqs")};
    struct sigv4_credentials keys = {q->credentials.keys.access_key, q->credentials.keys.secret,
                                     token};
    bool is_kept = far_http_add_header(x, "Authorization", sigv4_authorization(a, &r, &keys));
    for (size_t k = 0; k < r.header_count; k++)
        is_kept = is_kept && far_http_add_header(x, headers[k].name.at, headers[k].value);
    return is_kept;
}

static void write_body(struct far_call *c, const struct far_ask *ask)
{
    struct json_out o = json_out_new(&c->exchange->arena, BODY_BYTES_MAX);
    json_object(&o);
    if (ask->queue != NULL && ask->queue->url != NULL)
        json_put_text(&o, "QueueUrl", ask->queue->url);
    if (ask->fill != NULL)
        ask->fill(&o, ask->from);
    json_object_end(&o);
    c->exchange->body = json_out_slice(&o);
}

static bool begin(struct queue_sqs *q, struct far_call *c, const struct far_ask *ask)
{
    struct far_exchange *x = c->exchange;
    jmp_buf edge;
    x->arena.edge = &edge;
    if (setjmp(edge) != 0) {
        x->arena.edge = NULL;
        return false;
    }
    const char *endpoint = endpoint_of(q, c->queue, &x->arena);
    write_body(c, ask);
    struct text url = text_new(&x->arena, 4096);
    text_put_c(&url, endpoint);
    text_put_char(&url, '/');
    x->url = text_c(&url);
    x->method = "POST";
    x->is_local = far_is_loopback(slice_of(endpoint));
    x->timeout_ms = CALL_MS + ask->wait_ms;
    x->finish = finish;
    x->owner = c;
    bool is_begun = sign(q, c, host_of(endpoint)) && far_http_begin(x);
    x->arena.edge = NULL;
    return is_begun;
}

struct far_call *far_call_begin(struct queue_sqs *q, const struct far_ask *ask)
{
    struct far_call *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    *c = (struct far_call){.owner = q,
                           .action = ask->action,
                           .queue = ask->queue,
                           .done = ask->done,
                           .context = ask->context,
                           .began_at_ms = q->now_ms,
                           .skew_ms = q->skew_ms,
                           .serial = q->credentials.serial};
    c->exchange = far_http_make(&q->http);
    if (c->exchange == NULL || !begin(q, c, ask)) {
        if (c->exchange != NULL)
            far_http_free(c->exchange);
        free(c);
        return NULL;
    }
    list_append(&q->calls, &c->link);
    q->calls_made[ask->action]++;
    return c;
}

void far_call_drop(struct far_call *c)
{
    list_remove(&c->owner->calls, &c->link);
    far_http_free(c->exchange);
    free(c);
}
