/* The configuration's URL and the names of queues. Before it stands the command line or a template,
 * after it the driver. Pure but for the environment. */
#include "queue/queue_sqs_int.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define WHY_BYTES_MAX 400

/* --- names of queues --- */

static bool is_word(struct slice s)
{
    for (size_t k = 0; k < s.len; k++) {
        char c = s.at[k];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (!is_plain)
            return false;
    }
    return s.len > 0;
}

static bool take_name(struct slice name, struct far_name *out)
{
    struct slice word = name;
    out->name = name;
    out->is_fifo = slice_has_suffix(name, SLICE(".fifo"));
    if (out->is_fifo)
        word.len -= sizeof ".fifo" - 1;
    return name.len <= QUEUE_NAME_BYTES_MAX && is_word(word);
}

static struct slice after_last(struct slice s, char sep)
{
    size_t at = s.len;
    while (at > 0 && s.at[at - 1] != sep)
        at--;
    return (struct slice){s.at + at, s.len - at};
}

/* arn:aws:sqs:REGION:ACCOUNT:NAME */
static bool read_arn(struct slice text, struct far_name *out)
{
    struct slice parts[5], rest = text;
    for (int k = 0; k < 5; k++)
        slice_cut(rest, ':', &parts[k], &rest);
    out->kind = FAR_ARN;
    out->region = parts[3];
    out->account = parts[4];
    return slice_has_prefix(parts[1], SLICE("aws")) && slice_eq_text(parts[2], "sqs") &&
           is_word(parts[3]) && parts[3].len < FAR_REGION_BYTES && is_word(parts[4]) &&
           take_name(rest, out);
}

/* sqs.REGION.amazonaws.com, or the older REGION.queue.amazonaws.com. */
static bool read_amazon_host(struct slice host, struct slice *region)
{
    struct slice first, second, rest;
    if (slice_has_suffix(host, SLICE(".cn")))
        host.len -= 3;
    slice_cut(host, '.', &first, &rest);
    slice_cut(rest, '.', &second, &rest);
    bool is_newer = slice_eq_text(first, "sqs"), is_older = slice_eq_text(second, "queue");
    *region = is_newer ? second : first;
    return (is_newer || is_older) && slice_eq_text(rest, "amazonaws.com") && is_word(*region) &&
           region->len < FAR_REGION_BYTES;
}

static bool read_url(struct slice text, struct far_name *out)
{
    struct slice rest = text, host;
    bool is_secure = slice_has_prefix(text, SLICE("https://"));
    size_t scheme = is_secure ? sizeof "https://" - 1 : sizeof "http://" - 1;
    rest.at += scheme;
    rest.len -= scheme;
    slice_cut(rest, '/', &host, &rest);
    out->kind = FAR_URL;
    out->is_amazon = is_secure && read_amazon_host(host, &out->region);
    if (!out->is_amazon)
        out->region = SLICE_NONE;
    return host.len > 0 && rest.len > 0 && take_name(after_last(rest, '/'), out);
}

bool far_name_read(struct slice text, struct far_name *out)
{
    *out = (struct far_name){.kind = FAR_NAME};
    if (text.len > FAR_TEXT_BYTES_MAX)
        return false;
    if (slice_has_prefix(text, SLICE("arn:")))
        return read_arn(text, out);
    if (slice_has_prefix(text, SLICE("https://")) || slice_has_prefix(text, SLICE("http://")))
        return read_url(text, out);
    return take_name(text, out);
}

/* --- endpoints --- */

struct slice far_endpoint(struct arena *a, struct slice region)
{
    struct text t = text_new(a, 256);
    text_put_c(&t, "https://sqs.");
    text_put(&t, region);
    text_put_c(&t, slice_has_prefix(region, SLICE("cn-")) ? ".amazonaws.com.cn" : ".amazonaws.com");
    return (struct slice){text_c(&t), t.len};
}

bool far_is_loopback(struct slice url)
{
    struct slice host, rest;
    const char *slashes = memmem(url.at, url.len, "://", 3);
    if (slashes == NULL)
        return false;
    host = (struct slice){slashes + 3, url.len - (size_t)(slashes + 3 - url.at)};
    slice_cut(host, '/', &host, &rest);
    if (slice_eq_text(host, "[::1]") || slice_has_prefix(host, SLICE("[::1]:")))
        return true;
    slice_cut(host, ':', &host, &rest);
    return slice_eq_text(host, "localhost") || slice_has_prefix(host, SLICE("127."));
}

/* --- the configuration --- */

static struct slice from_environment(const char *first, const char *second)
{
    const char *value = getenv(first);
    if ((value == NULL || value[0] == '\0') && second != NULL)
        value = getenv(second);
    return value == NULL || value[0] == '\0' ? SLICE_NONE : slice_of(value);
}

static enum err complain(struct arena *a, struct slice *why, const char *what, struct slice value)
{
    struct text t = text_new(a, WHY_BYTES_MAX);
    text_put_c(&t, what);
    if (value.at != NULL)
        text_printf(&t, ": \"%.*s\"", value.len > 200 ? 200 : (int)value.len, value.at);
    *why = (struct slice){text_c(&t), t.len};
    return ERR_INVALID;
}

static struct slice decode(struct arena *a, struct slice s)
{
    char *out = arena_alloc(a, s.len + 1);
    size_t len = 0;
    for (size_t k = 0; k < s.len; k++) {
        uint8_t byte;
        bool is_escape = s.at[k] == '%' && s.len - k >= 3 &&
                         hex_decode((struct slice){s.at + k + 1, 2}, &byte, 1);
        out[len++] = is_escape ? (char)byte : s.at[k];
        k += is_escape ? 2 : 0;
    }
    return (struct slice){out, len};
}

static enum err take_parameter(struct arena *a, struct slice part, struct queue_sqs_config *out,
                               struct slice *why)
{
    struct slice name, value;
    slice_cut(part, '=', &name, &value);
    value = decode(a, value);
    if (slice_eq_text(name, "endpoint")) {
        out->endpoint = value;
    } else if (slice_eq_text(name, "events")) {
        out->events = value;
    } else if (slice_eq_text(name, "timers")) {
        struct far_name read;
        if (!far_name_read(value, &read) || read.is_fifo)
            return complain(a, why, "timers names a standard queue, not", value);
        out->timers = value;
    } else if (slice_eq_text(name, "create")) {
        if (!slice_eq_text(value, "no") && !slice_eq_text(value, "yes"))
            return complain(a, why, "create is yes or no, not", value);
        out->must_exist = slice_eq_text(value, "no");
    } else {
        return complain(a, why, "a queue's URL takes endpoint, events, timers and create, not",
                        name);
    }
    return ERR_NONE;
}

static enum err check_events(struct arena *a, struct slice events, struct slice *why)
{
    struct slice name, rest = events;
    struct far_name read;
    size_t count = 0;
    while (rest.at != NULL && ++count <= FAR_EVENT_QUEUES_MAX) {
        slice_cut(rest, ',', &name, &rest);
        if (!far_name_read(name, &read))
            return complain(a, why, "events names a queue that cannot be one", name);
    }
    if (count > FAR_EVENT_QUEUES_MAX)
        return complain(a, why, "events names more than 4 queues", events);
    return ERR_NONE;
}

/* Requests go to "/", and a signature covers the path: an endpoint has none. */
static bool is_endpoint(struct slice s)
{
    struct slice host = s, rest;
    if (!slice_has_prefix(s, SLICE("http://")) && !slice_has_prefix(s, SLICE("https://")))
        return false;
    size_t scheme = s.at[4] == 's' ? sizeof "https://" - 1 : sizeof "http://" - 1;
    host.at += scheme;
    host.len -= scheme;
    slice_cut(host, '/', &host, &rest);
    return host.len > 0 && rest.at == NULL;
}

static enum err check(struct arena *a, struct queue_sqs_config *out, struct slice *why)
{
    if (out->region.len == 0 && out->endpoint.len > 0)
        out->region = SLICE("us-east-1");
    if (out->region.len == 0)
        return complain(a, why, "sqs:// needs a region, as in sqs://eu-central-1", SLICE_NONE);
    if (!is_word(out->region) || out->region.len >= FAR_REGION_BYTES)
        return complain(a, why, "this is no region", out->region);
    while (out->endpoint.len > 0 && out->endpoint.at[out->endpoint.len - 1] == '/')
        out->endpoint.len--;
    if (out->endpoint.at != NULL && !is_endpoint(out->endpoint))
        return complain(a, why, "the endpoint is not like http://HOST:PORT", out->endpoint);
    return check_events(a, out->events, why);
}

enum err queue_sqs_read(struct arena *a, struct slice url, struct queue_sqs_config *out,
                        struct slice *why)
{
    struct slice rest = url, part;
    *out = (struct queue_sqs_config){0};
    *why = SLICE_NONE;
    if (!slice_has_prefix(url, SLICE("sqs://")))
        return complain(a, why, "this is no sqs:// URL", url);
    rest.at += sizeof "sqs://" - 1;
    rest.len -= sizeof "sqs://" - 1;
    slice_cut(rest, '?', &out->region, &rest);
    if (out->region.len > 0 && out->region.at[out->region.len - 1] == '/')
        out->region.len--;
    if (out->region.len == 0)
        out->region = from_environment("AWS_REGION", "AWS_DEFAULT_REGION");
    out->endpoint = from_environment("AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL");
    while (rest.len > 0) {
        slice_cut(rest, '&', &part, &rest);
        enum err e = part.len == 0 ? ERR_NONE : take_parameter(a, part, out, why);
        if (e != ERR_NONE)
            return e;
    }
    return check(a, out, why);
}
