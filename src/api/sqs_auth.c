/* Whose signature a request to the SQS front has (AWS Signature Version 4), from the Authorization
 * header or from the query. Before it stands the front's door, after it the actions. The hash of
 * the body is worked out here, never taken from the client; what decides what a request does must
 * be signed. */
#include "api/sqs_int.h"
#include "base/sigv4.h"
#include "base/time.h"

#include <string.h>
#include <strings.h>

#define SKEW_MS (15LL * 60 * 1000)
#define EXPIRES_S_MAX (7LL * 24 * 3600)
#define SIGNED_HEADERS_MAX 64
#define SERVICE "sqs"

struct signing { /* what is known of one request's signature */
    struct sigv4_claim claim;
    struct sigv4_header headers[SIGNED_HEADERS_MAX];
    struct sigv4_request request;
    int64_t at_ms, expires_s; /* expires_s: of a query; -1: a header's */
};

static bool is_in_query(const struct http_request *r)
{
    return http_header(r, "Authorization").at == NULL &&
           http_query(r, "X-Amz-Signature").at != NULL;
}

static bool is_name(struct slice s, const char *name)
{
    return s.len == strlen(name) && strncasecmp(s.at, name, s.len) == 0;
}

static bool has_signed(const struct signing *s, const char *name)
{
    for (size_t k = 0; k < s->request.header_count; k++) {
        if (is_name(s->headers[k].name, name))
            return true;
    }
    return false;
}

static bool fail_claim(struct sqs_call *c, const char *why)
{
    sqs_fail_as(c, SQS_BAD_CLAIM, "%s", why);
    return false;
}

/* The headers that the claim names, with their values as sent. */
static bool take_headers(struct sqs_call *c, struct signing *s)
{
    struct slice rest = s->claim.signed_headers, name;
    while (rest.at != NULL) {
        slice_cut(rest, ';', &name, &rest);
        if (s->request.header_count == SIGNED_HEADERS_MAX)
            return fail_claim(c, "Too many headers are signed.");
        struct slice value = http_header(c->request, slice_text(http_arena(c->request), name));
        if (name.len == 0 || value.at == NULL)
            return fail_claim(c, "A signed header is not in the request.");
        s->headers[s->request.header_count++] = (struct sigv4_header){name, value};
    }
    s->request.headers = s->headers;
    if (!has_signed(s, "host"))
        return fail_claim(c, "'Host' must be a 'SignedHeader' in the AWS Authorization.");
    if (!has_signed(s, "x-amz-target"))
        return fail_claim(c, "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.");
    return true;
}

/* --- when --- */

/* The time that is signed: X-Amz-Date, or else Date in the same form. */
static bool take_time(struct sqs_call *c, struct signing *s)
{
    const char *name = http_header(c->request, "X-Amz-Date").at != NULL ? "X-Amz-Date" : "Date";
    s->request.time = s->expires_s >= 0 ? s->claim.time : http_header(c->request, name);
    if (s->request.time.at == NULL || !sigv4_read_time(s->request.time, &s->at_ms))
        return fail_claim(c, "Authorization header requires existence of either a 'X-Amz-Date' or "
                             "a 'Date' header: a time like 20261123T120000Z.");
    if (s->expires_s < 0 && !has_signed(s, name))
        return fail_claim(c, "The header with the time must be signed.");
    struct slice day = {s->request.time.at, 8};
    if (slice_eq(day, s->claim.scope.date))
        return true;
    sqs_fail_as(c, SQS_BAD_SIGNATURE,
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "
                "from HTTP: '%.*s' != '%.*s', from '%.*s'.",
                SLICE_ARG(s->claim.scope.date), SLICE_ARG(day), SLICE_ARG(s->request.time));
    return false;
}

static bool check_time(struct sqs_call *c, const struct signing *s)
{
    int64_t now_ms = c->front->auth->now_ms;
    int64_t last_ms = time_add(s->at_ms, s->expires_s >= 0 ? s->expires_s * 1000 : SKEW_MS);
    char edge[SIGV4_TIME_BYTES], now[SIGV4_TIME_BYTES];
    sigv4_time(now_ms, now);
    if (now_ms > last_ms) {
        sigv4_time(now_ms - (last_ms - s->at_ms), edge);
        sqs_fail_as(c, SQS_BAD_SIGNATURE,
                    "Signature expired: %.*s is now earlier than %s (%s - %lld s.)",
                    SLICE_ARG(s->request.time), edge, now, (long long)(last_ms - s->at_ms) / 1000);
        return false;
    }
    if (s->at_ms <= time_add(now_ms, SKEW_MS))
        return true;
    sigv4_time(now_ms + SKEW_MS, edge);
    sqs_fail_as(c, SQS_BAD_SIGNATURE,
                "Signature not yet current: %.*s is still later than %s (%s + 15 min.)",
                SLICE_ARG(s->request.time), edge, now);
    return false;
}

/* --- what --- */

static bool take_scope(struct sqs_call *c, struct signing *s)
{
    if (!slice_eq_text(s->claim.scope.service, SERVICE)) {
        sqs_fail_as(c, SQS_BAD_SIGNATURE,
                    "Credential should be scoped to correct service: '" SERVICE "'.");
        return false;
    }
    if (!slice_eq_text(s->claim.terminator, "aws4_request")) {
        sqs_fail_as(c, SQS_BAD_SIGNATURE,
                    "Credential should be scoped with a valid terminator: 'aws4_request'.");
        return false;
    }
    s->request.scope = s->claim.scope;
    return true;
}

static bool take_expires(struct sqs_call *c, struct signing *s)
{
    if (slice_to_int(s->claim.expires, &s->expires_s) && s->expires_s >= 1 &&
        s->expires_s <= EXPIRES_S_MAX)
        return true;
    return fail_claim(c, "X-Amz-Expires must be from 1 to 604800 seconds.");
}

static bool take_claim(struct sqs_call *c, struct signing *s)
{
    struct http_request *r = c->request;
    if (is_in_query(r)) {
        if (!sigv4_read_query(http_arena(r), http_raw_query(r), &s->claim))
            return fail_claim(c, "The query has no complete signature (X-Amz-…).");
        return take_expires(c, s);
    }
    struct slice header = http_header(r, "Authorization");
    s->expires_s = -1;
    if (header.at == NULL) {
        sqs_fail_as(c, SQS_NOT_SIGNED, "Request is missing Authentication Token");
        return false;
    }
    return sigv4_read_authorization(header, &s->claim) ||
           fail_claim(c, "Authorization header must be \"" SIGV4_ALGORITHM
                         " Credential=…, SignedHeaders=…, Signature=…\".");
}

static bool is_signed_by(struct sqs_call *c, const struct signing *s)
{
    struct arena *a = http_arena(c->request);
    struct slice secret = auth_aws_secret(a, c->front->auth->flow, s->claim.access_key);
    struct slice signature = sigv4_signature(a, &s->request, secret);
    return s->claim.signature.len == signature.len &&
           hash_eq((const uint8_t *)signature.at, (const uint8_t *)s->claim.signature.at,
                   signature.len);
}

static bool check(struct sqs_call *c, struct signing *s)
{
    struct http_request *r = c->request;
    const char *why = NULL;
    struct auth *auth = c->front->auth;
    if (!take_claim(c, s) || !take_scope(c, s) || !take_headers(c, s) || !take_time(c, s) ||
        !check_time(c, s))
        return false;
    s->request.method = http_method(r);
    s->request.path = http_raw_path(r);
    s->request.query = http_raw_query(r);
    s->request.payload_hash = sigv4_payload_hash(http_arena(r), http_body(r));
    if (access_find(auth->flow, s->claim.access_key) == NULL) {
        sqs_fail_as(c, SQS_BAD_KEY, "The security token included in the request is invalid.");
        return false;
    }
    if (!is_signed_by(c, s)) {
        sqs_fail_as(c, SQS_BAD_SIGNATURE,
                    "The request signature we calculated does not match the signature you "
                    "provided. Check your AWS Secret Access Key and signing method. Consult the "
                    "service documentation for details.");
        return false;
    }
    if (auth_find_by_id(auth, r, s->claim.access_key, &why) == ERR_NONE)
        return true;
    sqs_fail_as(c, SQS_BAD_KEY, "The security token included in the request is invalid: %s.", why);
    return false;
}

bool sqs_auth_check(struct sqs_call *c)
{
    struct auth *auth = c->front->auth;
    if (auth_is_shut(auth)) {
        sqs_fail_as(c, SQS_BAD_KEY, "This server has no access key yet: set SWM_ADMIN_KEY.");
        return false;
    }
    if (!auth_is_on(auth))
        return true;
    struct signing *s = arena_alloc(http_arena(c->request), sizeof *s);
    if (check(c, s))
        return true;
    auth->unauthorized++;
    return false;
}
