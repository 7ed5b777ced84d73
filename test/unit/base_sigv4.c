/* Signatures against Amazon's published vectors and the AWS SDK for Python's: both forms, and what
 * a checker reads out of a request. */
#include "harness.h"

#include "base/hash.h"
#include "base/sigv4.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#define HEADERS_MAX 2
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define TIME "20150830T123600Z"

struct vector {
    const char *name, *method, *path, *query, *body, *region, *service;
    const char *headers[HEADERS_MAX][2];
    const char *signed_headers, *signature;
};

static const struct vector vectors[] = {
    {"get-vanilla",
     "GET",
     "/",
     "",
     "",
     "us-east-1",
     "service",
     {{NULL, NULL}},
     "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-vanilla-query-order-key-case",
     "GET",
     "/",
     "Param2=value2&Param1=value1",
     "",
     "us-east-1",
     "service",
     {{NULL, NULL}},
     "host;x-amz-date",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get-vanilla-query-order-value",
     "GET",
     "/",
     "Param1=value2&Param1=value1",
     "",
     "us-east-1",
     "service",
     {{NULL, NULL}},
     "host;x-amz-date",
     "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"},
    {"get-vanilla-query-unreserved",
     "GET",
     "/",
     "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~"
     "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
     "",
     "us-east-1",
     "service",
     {{NULL, NULL}},
     "host;x-amz-date",
     "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
    {"get-vanilla-empty-query-key",
     "GET",
     "/",
     "Param1=",
     "",
     "us-east-1",
     "service",
     {{NULL, NULL}},
     "host;x-amz-date",
     "506693d22b79f51760ff2217fe207bb63f86e8f316bf6c217a3c65d33d15410a"},
    {"get-vanilla-utf8-query",
     "GET",
     "/",
     "%E1%88%B4=bar",
     "",
     "us-east-1",
     "service",
     {{NULL, NULL}},
     "host;x-amz-date",
     "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
    {"get-utf8",
     "GET",
     "/%E1%88%B4",
     "",
     "",
     "us-east-1",
     "service",
     {{NULL, NULL}},
     "host;x-amz-date",
     "697b34846207a3f72246f99d74ae1ee4fe54f44bb06730c58a0d339eb079596d"},
    {"get-space",
     "GET",
     "/example%20space/",
     "",
     "",
     "us-east-1",
     "service",
     {{NULL, NULL}},
     "host;x-amz-date",
     "446b817944c553435b35e813c261ff4e161fff982d1bacdef1c87f6785dd1662"},
    {"get-relative",
     "GET",
     "/example/..",
     "",
     "",
     "us-east-1",
     "service",
     {{NULL, NULL}},
     "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-relative-relative",
     "GET",
     "/example1/example2/../..",
     "",
     "",
     "us-east-1",
     "service",
     {{NULL, NULL}},
     "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-slash",
     "GET",
     "//",
     "",
     "",
     "us-east-1",
     "service",
     {{NULL, NULL}},
     "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-slash-dot-slash",
     "GET",
     "/./",
     "",
     "",
     "us-east-1",
     "service",
     {{NULL, NULL}},
     "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-slash-pointless-dot",
     "GET",
     "/./example",
     "",
     "",
     "us-east-1",
     "service",
     {{NULL, NULL}},
     "host;x-amz-date",
     "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
    {"get-slashes",
     "GET",
     "//example//",
     "",
     "",
     "us-east-1",
     "service",
     {{NULL, NULL}},
     "host;x-amz-date",
     "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
    {"get-header-value-trim",
     "GET",
     "/",
     "",
     "",
     "us-east-1",
     "service",
     {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
     "host;my-header1;my-header2;x-amz-date",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"post-vanilla",
     "POST",
     "/",
     "",
     "",
     "us-east-1",
     "service",
     {{NULL, NULL}},
     "host;x-amz-date",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"post-header-key-sort",
     "POST",
     "/",
     "",
     "",
     "us-east-1",
     "service",
     {{"My-Header1", "value1"}},
     "host;my-header1;x-amz-date",
     "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
    {"post-x-www-form-urlencoded",
     "POST",
     "/",
     "",
     "Param1=value1",
     "us-east-1",
     "service",
     {{"Content-Type", "application/x-www-form-urlencoded"}},
     "content-type;host;x-amz-date",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
    {"post-sts-header",
     "POST",
     "/",
     "",
     "",
     "us-east-1",
     "service",
     {{"X-Amz-Security-Token", "AQoDYXdzEPT//////////"
                               "wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmx"
                               "fpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGd"}},
     "host;x-amz-date;x-amz-security-token",
     "d5b26149becdf60ca818cfe11c2ce69ee482836a3aef6e7edb8ea8d4db154414"},
    {"sqs-send",
     "POST",
     "/",
     "",
     "{\"QueueUrl\":\"https://sqs.eu-central-1.amazonaws.com/123456789012/"
     "q.fifo\",\"MessageBody\":\"h\303\251llo\"}",
     "eu-central-1",
     "sqs",
     {{"Content-Type", "application/x-amz-json-1.0"}, {"X-Amz-Target", "AmazonSQS.SendMessage"}},
     "content-type;host;x-amz-date;x-amz-target",
     "e092ba30556993c4b713d9790836acc3646fda11f0ea14098b21c3c51c0a4c1d"},
};

static struct arena arena;

static void begin(void)
{
    arena_drop(&arena);
    arena_init(&arena, 1 << 20);
}

static struct sigv4_request request_of(const struct vector *v, struct sigv4_header *headers)
{
    struct sigv4_request r = {.method = slice_of(v->method),
                              .path = slice_of(v->path),
                              .query = slice_of(v->query),
                              .headers = headers,
                              .payload_hash = sigv4_payload_hash(&arena, slice_of(v->body)),
                              .time = SLICE(TIME)};
    headers[r.header_count++] = (struct sigv4_header){SLICE("X-Amz-Date"), SLICE(TIME)};
    headers[r.header_count++] =
        (struct sigv4_header){SLICE("Host"), SLICE("example.amazonaws.com")};
    for (size_t k = 0; k < HEADERS_MAX && v->headers[k][0] != NULL; k++)
        headers[r.header_count++] =
            (struct sigv4_header){slice_of(v->headers[k][0]), slice_of(v->headers[k][1])};
    r.scope = (struct sigv4_scope){SLICE("20150830"), slice_of(v->region), slice_of(v->service)};
    return r;
}

static void check_vector(const struct vector *v)
{
    struct sigv4_header headers[HEADERS_MAX + 2];
    begin();
    struct sigv4_request r = request_of(v, headers);
    struct slice is = sigv4_signature(&arena, &r, SLICE(SECRET));
    unit_check(slice_eq_text(is, v->signature), v->name, __FILE__, __LINE__);
    unit_check(slice_eq_text(sigv4_signed_headers(&arena, &r), v->signed_headers), v->name,
               __FILE__, __LINE__);
}

TEST(sigv4_agrees_with_the_published_vectors)
{
    for (size_t k = 0; k < sizeof vectors / sizeof vectors[0]; k++)
        check_vector(&vectors[k]);
    arena_drop(&arena);
}

TEST(sigv4_writes_each_step_as_published)
{
    struct sigv4_header headers[HEADERS_MAX + 2];
    begin();
    struct sigv4_request r = request_of(&vectors[0], headers);
    CHECK_TEXT(sigv4_canonical(&arena, &r),
               "GET\n/\n\nhost:example.amazonaws.com\nx-amz-date:" TIME "\n\nhost;x-amz-date\n"
               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK_TEXT(sigv4_string_to_sign(&arena, &r),
               "AWS4-HMAC-SHA256\n" TIME "\n20150830/us-east-1/service/aws4_request\n"
               "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63");
    struct sigv4_credentials c = {SLICE("AKIDEXAMPLE"), SLICE(SECRET), SLICE_NONE};
    CHECK_TEXT(sigv4_authorization(&arena, &r, &c),
               "AWS4-HMAC-SHA256 "
               "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
               "SignedHeaders=host;x-amz-date, "
               "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    arena_drop(&arena);
}

static struct sigv4_request presigned_request(struct sigv4_header *headers)
{
    headers[0] = (struct sigv4_header){SLICE("host"), SLICE("sqs.eu-central-1.amazonaws.com")};
    return (struct sigv4_request){
        .method = SLICE("GET"),
        .path = SLICE("/123456789012/pizza"),
        .query = SLICE("Action=ReceiveMessage&MaxNumberOfMessages=10"),
        .headers = headers,
        .header_count = 1,
        .payload_hash = sigv4_payload_hash(&arena, SLICE_NONE),
        .time = SLICE(TIME),
        .scope = {SLICE("20150830"), SLICE("eu-central-1"), SLICE("sqs")}};
}

TEST(sigv4_signs_a_query_as_the_sdk_does)
{
    struct sigv4_header headers[1];
    struct sigv4_credentials c = {SLICE("AKIDEXAMPLE"), SLICE(SECRET), SLICE("tok/en+1==")};
    begin();
    struct sigv4_request r = presigned_request(headers);
    struct slice query = sigv4_presign(&arena, &r, &c, 900);
    CHECK_TEXT(query, "Action=ReceiveMessage&MaxNumberOfMessages=10&X-Amz-Algorithm=AWS4-HMAC-"
                      "SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Feu-central-1%2Fsqs%2Faws4_"
                      "request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=900&X-Amz-SignedHeaders="
                      "host&X-Amz-Security-Token=tok%2Fen%2B1%3D%3D&X-Amz-Signature="
                      "1b314ea069044805302d572988f5a7f13ad3e18820c5b748ccd10bbc049b73bc");
    struct sigv4_claim claim;
    CHECK(sigv4_read_query(&arena, query, &claim));
    CHECK_TEXT(claim.access_key, "AKIDEXAMPLE");
    CHECK_TEXT(claim.scope.date, "20150830");
    CHECK_TEXT(claim.scope.region, "eu-central-1");
    CHECK_TEXT(claim.scope.service, "sqs");
    CHECK_TEXT(claim.terminator, "aws4_request");
    CHECK_TEXT(claim.signed_headers, "host");
    CHECK_TEXT(claim.expires, "900");
    CHECK_TEXT(claim.token, "tok/en+1==");
    CHECK_TEXT(claim.time, TIME);
    r.query = query; /* as a checker sees it, the signature among the rest */
    CHECK(slice_eq(sigv4_signature(&arena, &r, SLICE(SECRET)), claim.signature));
    r.path = SLICE("/123456789012/pizzas");
    CHECK(!slice_eq(sigv4_signature(&arena, &r, SLICE(SECRET)), claim.signature));
    arena_drop(&arena);
}

TEST(sigv4_reads_what_a_header_claims)
{
    struct sigv4_claim c;
    CHECK(sigv4_read_authorization(SLICE(" AWS4-HMAC-SHA256 "
                                         "Credential=AK/ID/20150830/eu/sqs/aws4_request,"
                                         "SignedHeaders=host;x-amz-date,   Signature=abc"),
                                   &c));
    CHECK_TEXT(c.access_key, "AK/ID");
    CHECK_TEXT(c.scope.date, "20150830");
    CHECK_TEXT(c.scope.region, "eu");
    CHECK_TEXT(c.scope.service, "sqs");
    CHECK_TEXT(c.signed_headers, "host;x-amz-date");
    CHECK_TEXT(c.signature, "abc");
    CHECK(!sigv4_read_authorization(SLICE("Bearer x"), &c));
    CHECK(!sigv4_read_authorization(SLICE("AWS4-HMAC-SHA256 Credential=a/b/c, Signature=s"), &c));
    CHECK(!sigv4_read_authorization(
        SLICE("AWS4-HMAC-SHA256 Credential=k/d/r/s/aws4_request, SignedHeaders=host"), &c));
    CHECK(!sigv4_read_authorization(SLICE_NONE, &c));
}

TEST(sigv4_writes_and_reads_times)
{
    char buf[SIGV4_TIME_BYTES];
    int64_t at_ms;
    sigv4_time(1440938160999, buf);
    CHECK_TEXT(slice_of(buf), TIME);
    CHECK(sigv4_read_time(SLICE(TIME), &at_ms));
    CHECK_INT(at_ms, 1440938160000);
    CHECK(!sigv4_read_time(SLICE("20150830T1236Z"), &at_ms));
    CHECK(!sigv4_read_time(SLICE("2015083XT123600Z"), &at_ms));
    CHECK(!sigv4_read_time(SLICE("20151330T123600Z"), &at_ms));
    CHECK(!sigv4_read_time(SLICE("20150830 123600Z"), &at_ms));
}
