/* What an event of AWS Lambda is, and HTTP requests and answers in the four forms that function
 * URLs, API Gateway and load balancers have for them. Pure. Before it stands lambda.c; it must not
 * know what a request asks for. */
#include "app/lambda_int.h"
#include "base/sigv4.h"
#include "core/limits.h"

#include <string.h>

#define HEADERS_MAX 200
#define URI_BYTES_MAX (HTTP_HEADER_BYTES_MAX * 3)

/* --- shapes ----------------------------------------------------------------------------------- */

static bool is_text(yyjson_val *object, const char *name, const char *text)
{
    return slice_eq_text(json_get_text(object, name), text);
}

static bool are_messages(yyjson_val *records)
{
    yyjson_arr_iter it;
    if (!yyjson_is_arr(records) || !yyjson_arr_iter_init(records, &it))
        return false;
    for (yyjson_val *v; (v = yyjson_arr_iter_next(&it)) != NULL;) {
        struct slice source = json_get_text(v, "eventSource");
        if (!yyjson_is_obj(v) || (source.len > 0 && !slice_eq_text(source, "aws:sqs")))
            return false;
    }
    return true;
}

static bool is_tick(yyjson_val *event)
{
    return is_text(event, "swm", "tick") || is_text(event, "source", "aws.events") ||
           is_text(event, "source", "aws.scheduler");
}

enum lambda_shape lambda_event_shape(yyjson_val *event)
{
    yyjson_val *context = json_get(event, "requestContext");
    if (yyjson_is_arr(event))
        return LAMBDA_DIRECT;
    if (are_messages(json_get(event, "Records")))
        return LAMBDA_RECORDS;
    if (json_get(context, "http") != NULL)
        return LAMBDA_URL;
    if (json_get(context, "elb") != NULL)
        return LAMBDA_ALB;
    if (context != NULL && json_get(event, "httpMethod") != NULL)
        return LAMBDA_REST;
    if (json_get(event, "event") != NULL || json_get(event, "event_name") != NULL ||
        json_get(event, "specversion") != NULL)
        return LAMBDA_DIRECT;
    return is_tick(event) ? LAMBDA_TICK : LAMBDA_UNKNOWN;
}

/* --- headers ---------------------------------------------------------------------------------- */

struct fields {
    struct http_field *items;
    size_t count;
    bool is_full;
};

static void put_field(struct fields *f, struct slice name, struct slice value)
{
    if (f->count == HEADERS_MAX)
        f->is_full = true;
    else
        f->items[f->count++] = (struct http_field){name, value};
}

static void put_fields(struct fields *f, yyjson_val *object)
{
    yyjson_obj_iter it = yyjson_obj_iter_with(object);
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&it)) != NULL;) {
        yyjson_val *v = yyjson_obj_iter_get_val(name), *one;
        yyjson_arr_iter values = yyjson_arr_iter_with(v);
        if (yyjson_is_str(v))
            put_field(f, json_text(name), json_text(v));
        while ((one = yyjson_arr_iter_next(&values)) != NULL)
            put_field(f, json_text(name), json_text(one));
    }
}

static struct slice join(struct arena *a, yyjson_val *array, const char *between)
{
    struct text t = text_new(a, HTTP_HEADER_BYTES_MAX);
    yyjson_arr_iter it = yyjson_arr_iter_with(array);
    for (yyjson_val *v; (v = yyjson_arr_iter_next(&it)) != NULL;) {
        text_put_c(&t, t.len > 0 ? between : "");
        text_put(&t, json_text(v));
    }
    return text_slice(&t);
}

/* --- the address ------------------------------------------------------------------------------ */

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* A path comes as it was sent or decoded, which nobody can tell: what no path can have is encoded,
 * the rest is left. */
static void put_path(struct text *t, struct slice path)
{
    for (size_t k = 0; k < path.len; k++) {
        char c = path.at[k];
        bool is_escape =
            c == '%' && k + 2 < path.len && is_hex(path.at[k + 1]) && is_hex(path.at[k + 2]);
        bool is_odd = (unsigned char)c <= ' ' || (unsigned char)c >= 0x7f || c == '?' || c == '#';
        if (is_odd || (c == '%' && !is_escape))
            text_printf(t, "%%%02X", (unsigned)(unsigned char)c);
        else
            text_put_char(t, c);
    }
}

/* One value of a query: decoded, or, from a load balancer, as it was sent. */
static void put_value(struct arena *a, struct text *t, struct slice s, bool is_raw)
{
    text_put(t, is_raw ? s : sigv4_encode(a, s));
}

static void put_pair(struct arena *a, struct text *t, struct slice name, struct slice value,
                     bool is_raw)
{
    text_put_char(t, memchr(text_slice(t).at, '?', t->len) == NULL ? '?' : '&');
    put_value(a, t, name, is_raw);
    text_put_char(t, '=');
    put_value(a, t, value, is_raw);
}

static void put_query(struct arena *a, struct text *t, yyjson_val *event, bool is_raw)
{
    yyjson_val *pairs = json_get(event, "multiValueQueryStringParameters");
    if (!yyjson_is_obj(pairs))
        pairs = json_get(event, "queryStringParameters");
    yyjson_obj_iter it = yyjson_obj_iter_with(pairs);
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&it)) != NULL;) {
        yyjson_val *v = yyjson_obj_iter_get_val(name), *one;
        yyjson_arr_iter values = yyjson_arr_iter_with(v);
        if (yyjson_is_str(v))
            put_pair(a, t, json_text(name), json_text(v), is_raw);
        while ((one = yyjson_arr_iter_next(&values)) != NULL)
            put_pair(a, t, json_text(name), json_text(one), is_raw);
    }
}

static struct slice cut_prefix(struct slice path, struct slice prefix)
{
    bool is_whole = path.len == prefix.len || (path.len > prefix.len && path.at[prefix.len] == '/');
    if (!slice_has_prefix(path, prefix) || !is_whole)
        return path;
    return (struct slice){path.at + prefix.len, path.len - prefix.len};
}

static struct slice cut_stage(struct arena *a, struct slice path, yyjson_val *event)
{
    struct slice stage = json_get_text(json_get(event, "requestContext"), "stage");
    struct text base = text_new(a, NAME_BYTES_MAX * 4);
    text_put_char(&base, '/');
    text_put(&base, stage);
    return stage.len > 0 ? cut_prefix(path, text_slice(&base)) : path;
}

/* The address without what API Gateway puts before it: its stage, and where its route ends with
 * {proxy+}, everything before that; where its route is the root, everything. */
static struct slice cut_base(struct arena *a, struct slice path, yyjson_val *event)
{
    struct slice proxy = json_get_text(json_get(event, "pathParameters"), "proxy");
    if (is_text(event, "resource", "/"))
        return SLICE("/");
    if (proxy.len > 0 && slice_has_suffix(path, proxy) && path.len > proxy.len &&
        path.at[path.len - proxy.len - 1] == '/')
        return (struct slice){path.at + path.len - proxy.len - 1, proxy.len + 1};
    return cut_stage(a, path, event);
}

/* An address with its query, as the event has it. */
static struct slice end_uri(struct arena *a, struct text *t, enum lambda_shape shape,
                            yyjson_val *event)
{
    struct slice query = json_get_text(event, "rawQueryString");
    if (shape != LAMBDA_URL) {
        put_query(a, t, event, shape == LAMBDA_ALB);
    } else if (query.len > 0) {
        text_put_char(t, '?');
        text_put(t, query);
    }
    return t->is_cut ? SLICE_NONE : text_slice(t);
}

static struct slice write_uri(struct arena *a, enum lambda_shape shape, yyjson_val *event)
{
    struct text t = text_new(a, URI_BYTES_MAX);
    struct slice path = json_get_text(event, shape == LAMBDA_URL ? "rawPath" : "path");
    if (shape != LAMBDA_ALB)
        path = cut_base(a, path, event);
    put_path(&t, path.len > 0 ? path : SLICE("/"));
    return end_uri(a, &t, shape, event);
}

struct slice lambda_event_detour(struct arena *a, enum lambda_shape shape, yyjson_val *event)
{
    bool is_url = shape == LAMBDA_URL;
    yyjson_val *from = is_url ? event : json_get(event, "requestContext");
    struct slice path = json_get_text(from, is_url ? "rawPath" : "path"), name = SLICE_NONE;
    struct text t = text_new(a, URI_BYTES_MAX);
    bool is_root = cut_stage(a, path, event).len == 0 || is_text(event, "resource", "/");
    if (shape == LAMBDA_ALB || !is_root || path.len < 2 || path.at[path.len - 1] == '/')
        return SLICE_NONE;
    while (path.at != NULL)
        slice_cut(path, '/', &name, &path);
    put_path(&t, name);
    text_put_char(&t, '/');
    return end_uri(a, &t, shape, event);
}

/* --- the request ------------------------------------------------------------------------------ */

/* The last address is the one that the load balancer itself has seen. */
static struct slice last_of(struct slice list)
{
    struct slice head = SLICE_NONE;
    while (list.at != NULL)
        slice_cut(list, ',', &head, &list);
    return slice_trim(head);
}

/* What this server is called there. Whoever calls a load balancer chooses the Host header, so that
 * there only its own names count, and those that were configured. */
static struct slice host_of(enum lambda_shape shape, yyjson_val *event, const struct fields *f)
{
    struct slice host = http_find_field(f->items, f->count, "Host"), name, port;
    if (shape != LAMBDA_ALB)
        return json_get_text(json_get(event, "requestContext"), "domainName");
    slice_cut(host, ':', &name, &port);
    return slice_has_suffix(name, SLICE(".elb.amazonaws.com")) ? name : SLICE_NONE;
}

static enum err take_body(struct arena *a, yyjson_val *event, struct slice *body)
{
    bool is_base64 = false;
    (void)json_get_bool(event, "isBase64Encoded", &is_base64);
    *body = json_get_text(event, "body");
    return !is_base64 || body->at == NULL || base64_decode(a, *body, body) ? ERR_NONE : ERR_INVALID;
}

static void take_fields(struct arena *a, enum lambda_shape shape, yyjson_val *event,
                        struct fields *f)
{
    yyjson_val *many = json_get(event, "multiValueHeaders"), *cookies = json_get(event, "cookies");
    f->items = arena_array(a, HEADERS_MAX, sizeof *f->items);
    put_fields(f, yyjson_is_obj(many) ? many : json_get(event, "headers"));
    if (yyjson_is_arr(cookies) && yyjson_arr_size(cookies) > 0)
        put_field(f, SLICE("Cookie"), join(a, cookies, "; "));
    struct slice host = host_of(shape, event, f);
    if (http_find_field(f->items, f->count, "Host").at == NULL && host.len > 0)
        put_field(f, SLICE("Host"), host);
}

enum err lambda_event_request(struct arena *a, enum lambda_shape shape, yyjson_val *event,
                              struct http_memory *out, const char **why)
{
    yyjson_val *context = json_get(event, "requestContext"), *http = json_get(context, "http");
    struct fields f = {.count = 0};
    *out = (struct http_memory){.uri = write_uri(a, shape, event)};
    take_fields(a, shape, event, &f);
    out->method =
        shape == LAMBDA_URL ? json_get_text(http, "method") : json_get_text(event, "httpMethod");
    out->peer = shape == LAMBDA_URL ? json_get_text(http, "sourceIp")
                : shape == LAMBDA_REST
                    ? json_get_text(json_get(context, "identity"), "sourceIp")
                    : last_of(http_find_field(f.items, f.count, "X-Forwarded-For"));
    out->headers = f.items;
    out->header_count = f.count;
    out->host = host_of(shape, event, &f);
    out->is_secure = !slice_eq_text(http_find_field(f.items, f.count, "X-Forwarded-Proto"), "http");
    *why = "the request has no method";
    if (out->method.len == 0)
        return ERR_INVALID;
    *why = "the address or the headers of the request are too long";
    if (out->uri.at == NULL || f.is_full)
        return ERR_INVALID;
    *why = "the body of the request is not base64, as it says it is";
    return take_body(a, event, &out->body);
}

/* --- the answer ------------------------------------------------------------------------------- */

static void put_headers(struct json_out *o, const struct http_answer *answer, bool is_many)
{
    json_key(o, is_many ? "multiValueHeaders" : "headers");
    json_object(o);
    for (size_t k = 0; k < answer->header_count; k++) {
        const struct http_field *h = &answer->headers[k];
        json_key_slice(o, h->name);
        if (is_many)
            json_array(o);
        json_string(o, h->value);
        if (is_many)
            json_array_end(o);
    }
    json_object_end(o);
}

/* What is text travels as text; the rest in base64. */
struct slice lambda_event_answer(struct arena *a, enum lambda_shape shape, yyjson_val *event,
                                 const struct http_answer *answer)
{
    bool is_many = shape == LAMBDA_REST ||
                   (shape == LAMBDA_ALB && yyjson_is_obj(json_get(event, "multiValueHeaders")));
    bool is_binary = !slice_is_utf8(answer->body);
    struct json_out o = json_out_new(a, LAMBDA_ANSWER_BYTES_MAX + 1);
    json_object(&o);
    json_put_number(&o, "statusCode", answer->status);
    put_headers(&o, answer, is_many);
    json_put_boolean(&o, "isBase64Encoded", is_binary);
    json_put_string(&o, "body", is_binary ? base64_encode(a, answer->body) : answer->body);
    json_object_end(&o);
    return o.text.is_cut ? SLICE_NONE : json_out_slice(&o);
}
