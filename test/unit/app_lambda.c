/* Events of AWS Lambda: which is which, and HTTP in four forms, there and back. */
#include "harness.h"

#include "app/lambda_int.h"
#include "core/limits.h"

#include <stdio.h>
#include <string.h>

static struct arena arena;

static yyjson_val *read(const char *json)
{
    yyjson_val *root = NULL;
    arena_drop(&arena);
    arena_init(&arena, 1 << 26);
    CHECK(json_read(&arena, slice_of(json), 1 << 20, JSON_DEPTH_MAX, NULL, &root) == ERR_NONE);
    return root;
}

static enum lambda_shape shape(const char *json)
{
    return lambda_event_shape(read(json));
}

TEST(an_event_is_known_by_its_form)
{
    CHECK(shape("{\"Records\":[{\"eventSource\":\"aws:sqs\",\"body\":\"x\"}]}") == LAMBDA_RECORDS);
    CHECK(shape("{\"Records\":[{\"body\":\"x\"},{\"body\":{}}]}") == LAMBDA_RECORDS);
    CHECK(shape("{\"Records\":[{\"eventSource\":\"aws:s3\"}]}") == LAMBDA_UNKNOWN);
    CHECK(shape("{\"Records\":[1]}") == LAMBDA_UNKNOWN);
    CHECK(shape("{\"requestContext\":{\"http\":{\"method\":\"GET\"}}}") == LAMBDA_URL);
    CHECK(shape("{\"requestContext\":{\"elb\":{}},\"httpMethod\":\"GET\"}") == LAMBDA_ALB);
    CHECK(shape("{\"requestContext\":{\"stage\":\"x\"},\"httpMethod\":\"GET\"}") == LAMBDA_REST);
    CHECK(shape("{\"source\":\"aws.events\"}") == LAMBDA_TICK);
    CHECK(shape("{\"source\":\"aws.scheduler\"}") == LAMBDA_TICK);
    CHECK(shape("{\"swm\":\"tick\"}") == LAMBDA_TICK);
    CHECK(shape("{\"swm\":\"tock\"}") == LAMBDA_UNKNOWN);
    CHECK(shape("[]") == LAMBDA_DIRECT);
    CHECK(shape("{\"event\":\"StartWorkflow\"}") == LAMBDA_DIRECT);
    CHECK(shape("{\"event_name\":\"StartWorkflow\"}") == LAMBDA_DIRECT);
    CHECK(shape("{\"specversion\":\"1.0\"}") == LAMBDA_DIRECT);
    CHECK(shape("null") == LAMBDA_UNKNOWN);
}

static struct http_memory take(const char *json)
{
    struct http_memory m;
    const char *why = NULL;
    yyjson_val *event = read(json);
    CHECK(lambda_event_request(&arena, lambda_event_shape(event), event, &m, &why) == ERR_NONE);
    return m;
}

static bool refuses(const char *json, const char *word)
{
    struct http_memory m;
    const char *why = NULL;
    yyjson_val *event = read(json);
    return lambda_event_request(&arena, lambda_event_shape(event), event, &m, &why) ==
               ERR_INVALID &&
           strstr(why, word) != NULL;
}

TEST(a_request_of_a_function_url_is_read)
{
    struct http_memory m = take(
        "{\"rawPath\":\"/v1/a b%2Fc\",\"rawQueryString\":\"x=1&y=%20\",\"headers\":{\"a\":\"1\"},"
        "\"cookies\":[\"p=1\",\"q=2\"],\"body\":\"aGk=\",\"isBase64Encoded\":true,"
        "\"requestContext\":{\"domainName\":\"d.test\",\"stage\":\"$default\","
        "\"http\":{\"method\":\"PUT\",\"sourceIp\":\"192.0.2.1\"}}}");
    CHECK_TEXT(m.method, "PUT");
    CHECK_TEXT(m.uri, "/v1/a%20b%2Fc?x=1&y=%20");
    CHECK_TEXT(m.body, "hi");
    CHECK_TEXT(m.peer, "192.0.2.1");
    CHECK_TEXT(m.host, "d.test");
    CHECK(m.is_secure);
    CHECK_INT(m.header_count, 3);
    CHECK_TEXT(m.headers[1].value, "p=1; q=2");
    CHECK_TEXT(m.headers[2].name, "Host");
}

TEST(what_api_gateway_puts_before_an_address_is_cut_off)
{
    CHECK_TEXT(take("{\"path\":\"/prod/v1\",\"httpMethod\":\"GET\",\"requestContext\":{\"stage\":"
                    "\"prod\"},\"queryStringParameters\":{\"a\":\"b&c\"}}")
                   .uri,
               "/v1?a=b%26c");
    CHECK_TEXT(take("{\"path\":\"/production\",\"httpMethod\":\"GET\",\"requestContext\":"
                    "{\"stage\":\"prod\"}}")
                   .uri,
               "/production");
    CHECK_TEXT(take("{\"path\":\"/prod\",\"httpMethod\":\"GET\",\"requestContext\":{\"stage\":"
                    "\"prod\"}}")
                   .uri,
               "/");
    CHECK_TEXT(take("{\"path\":\"/x/y/v1/stats\",\"httpMethod\":\"GET\",\"pathParameters\":"
                    "{\"proxy\":\"v1/stats\"},\"requestContext\":{\"stage\":\"prod\"}}")
                   .uri,
               "/v1/stats");
}

static struct slice detour(const char *json)
{
    yyjson_val *event = read(json);
    return lambda_event_detour(&arena, lambda_event_shape(event), event);
}

TEST(the_root_of_a_stage_has_a_slash_at_its_end)
{
    static const char *const none[] = {
        "{\"rawPath\":\"/dev/\",\"requestContext\":{\"stage\":\"dev\",\"http\":{}}}",
        "{\"rawPath\":\"/dev/v1\",\"requestContext\":{\"stage\":\"dev\",\"http\":{}}}",
        "{\"rawPath\":\"/v1\",\"requestContext\":{\"stage\":\"$default\",\"http\":{}}}",
        "{\"rawPath\":\"/\",\"requestContext\":{\"stage\":\"$default\",\"http\":{}}}",
        ("{\"path\":\"/\",\"httpMethod\":\"GET\",\"resource\":\"/\","
         "\"requestContext\":{\"stage\":\"prod\",\"path\":\"/prod/\"}}"),
        "{\"path\":\"/x\",\"httpMethod\":\"GET\",\"requestContext\":{\"elb\":{}}}"};
    for (size_t k = 0; k < sizeof none / sizeof none[0]; k++)
        CHECK(detour(none[k]).at == NULL);
    CHECK_TEXT(detour("{\"rawPath\":\"/dev\",\"rawQueryString\":\"a=1\",\"requestContext\":"
                      "{\"stage\":\"dev\",\"http\":{}}}"),
               "dev/?a=1");
    CHECK_TEXT(detour("{\"path\":\"/\",\"httpMethod\":\"GET\",\"resource\":\"/\","
                      "\"requestContext\":{\"stage\":\"prod\",\"path\":\"/a/orders\"}}"),
               "orders/");
}

TEST(the_host_header_at_a_load_balancer_is_the_callers_word)
{
    static const char form[] = "{\"path\":\"/\",\"httpMethod\":\"GET\",\"requestContext\":{\"elb\":"
                               "{}},\"headers\":{\"host\":\"%s\",\"x-forwarded-for\":\"8.8.8.8, "
                               "192.0.2.1\",\"x-forwarded-proto\":\"http\"}}";
    char json[512];
    (void)snprintf(json, sizeof json, form, "lb.eu-west-1.elb.amazonaws.com:80");
    struct http_memory m = take(json);
    CHECK_TEXT(m.host, "lb.eu-west-1.elb.amazonaws.com");
    CHECK_TEXT(m.peer, "192.0.2.1");
    CHECK(!m.is_secure);
    (void)snprintf(json, sizeof json, form, "lb.elb.amazonaws.com.evil.test");
    CHECK(take(json).host.at == NULL);
}

TEST(a_request_that_is_none_is_refused)
{
    CHECK(refuses("{\"requestContext\":{\"http\":{}}}", "method"));
    CHECK(refuses("{\"requestContext\":{\"http\":{\"method\":\"GET\"}},\"body\":\"?\","
                  "\"isBase64Encoded\":true}",
                  "base64"));
    char json[4096] = "{\"requestContext\":{\"http\":{\"method\":\"GET\"}},\"cookies\":[],"
                      "\"headers\":{\"h0\":\"\"";
    size_t len = strlen(json);
    for (int k = 1; k < 220; k++)
        len += (size_t)snprintf(json + len, sizeof json - len, ",\"h%d\":\"\"", k);
    (void)snprintf(json + len, sizeof json - len, "}}");
    CHECK(refuses(json, "too long"));
}

/* --- answers ---------------------------------------------------------------------------------- */

static struct slice answer(const char *event, struct slice body)
{
    const struct http_field fields[] = {{SLICE("A"), SLICE("1")}, {SLICE("B"), SLICE("2")}};
    yyjson_val *v = read(event);
    return lambda_event_answer(&arena, lambda_event_shape(v), v,
                               &(struct http_answer){200, fields, 2, body});
}

#define URL "{\"requestContext\":{\"http\":{\"method\":\"GET\"}}}"

TEST(text_is_answered_as_text_and_the_rest_in_base64)
{
    CHECK_TEXT(
        answer(URL, SLICE("h\xc3\xa9")),
        "{\"statusCode\":200,\"headers\":{\"A\":\"1\",\"B\":\"2\"},\"isBase64Encoded\":false,"
        "\"body\":\"h\xc3\xa9\"}");
    CHECK_TEXT(answer(URL, SLICE("\x1f\x8b\xff")),
               "{\"statusCode\":200,\"headers\":{\"A\":\"1\",\"B\":\"2\"},\"isBase64Encoded\":true,"
               "\"body\":\"H4v/\"}");
}

TEST(headers_are_answered_in_the_form_that_was_asked_in)
{
    static const char one[] = "{\"A\":\"1\",\"B\":\"2\"}", many[] = "{\"A\":[\"1\"],\"B\":[\"2\"]}";
    struct slice s = answer("{\"requestContext\":{},\"httpMethod\":\"GET\"}", SLICE(""));
    CHECK(memmem(s.at, s.len, many, strlen(many)) != NULL);
    s = answer("{\"requestContext\":{\"elb\":{}},\"multiValueHeaders\":{}}", SLICE(""));
    CHECK(memmem(s.at, s.len, many, strlen(many)) != NULL);
    s = answer("{\"requestContext\":{\"elb\":{}},\"headers\":{}}", SLICE(""));
    CHECK(memmem(s.at, s.len, one, strlen(one)) != NULL);
}

TEST(an_answer_larger_than_aws_allows_is_none)
{
    yyjson_val *v = read(URL);
    char *bytes = arena_alloc(&arena, LAMBDA_ANSWER_BYTES_MAX);
    memset(bytes, 'x', LAMBDA_ANSWER_BYTES_MAX);
    struct http_answer a = {200, NULL, 0, {bytes, LAMBDA_ANSWER_BYTES_MAX - 100}};
    CHECK(lambda_event_answer(&arena, LAMBDA_URL, v, &a).at != NULL);
    a.body.len = LAMBDA_ANSWER_BYTES_MAX;
    CHECK(lambda_event_answer(&arena, LAMBDA_URL, v, &a).at == NULL);
}
