/* Signatures of requests as Amazon's services take them (AWS Signature Version 4): what a client
 * puts into a request, and what a server works out to compare. Pure functions over memory.
 *
 * Both sides fill in struct sigv4_request with the request as it goes over the wire; the signature
 * follows from it, a secret and nothing else. A server compares with hash_eq, in constant time. */
#ifndef SWM_BASE_SIGV4_H
#define SWM_BASE_SIGV4_H

#include "base/arena.h"
#include "base/slice.h"

#define SIGV4_ALGORITHM "AWS4-HMAC-SHA256"
#define SIGV4_UNSIGNED "UNSIGNED-PAYLOAD"
#define SIGV4_SIGNATURE_CHARS 64
#define SIGV4_TIME_BYTES 17 /* "20150830T123600Z" and a NUL */

struct sigv4_header {
    struct slice name, value; /* as sent: any case, blanks around the value */
};

struct sigv4_scope {
    struct slice date; /* "20150830": the day of `time` */
    struct slice region, service;
};

struct sigv4_request {
    struct slice method;
    struct slice path;  /* as sent, percent-encoded; absent or empty: "/" */
    struct slice query; /* as sent, without '?'. X-Amz-Signature in it is passed over */
    const struct sigv4_header *headers; /* those that are signed, in any order, `host` among them;
                                           several of one name in the order sent */
    size_t header_count;
    struct slice payload_hash; /* lower-case hex SHA-256 of the body, or SIGV4_UNSIGNED */
    struct slice time;         /* "20150830T123600Z" */
    struct sigv4_scope scope;
};

struct sigv4_credentials {
    struct slice access_key, secret;
    struct slice token; /* of a session; absent: none */
};

/* "20150830T123600Z" into buf. */
void sigv4_time(int64_t at_ms, char buf[SIGV4_TIME_BYTES]);
/* False: not of that form. */
bool sigv4_read_time(struct slice s, int64_t *at_ms);
struct slice sigv4_payload_hash(struct arena *a, struct slice body);

/* The steps, each a text in the arena. */
struct slice sigv4_signed_headers(struct arena *a, const struct sigv4_request *r); /* "host;…" */
struct slice sigv4_canonical(struct arena *a, const struct sigv4_request *r);
struct slice sigv4_scope(struct arena *a, const struct sigv4_scope *s); /* "date/region/…" */
struct slice sigv4_string_to_sign(struct arena *a, const struct sigv4_request *r);
/* 64 lower-case hex digits. */
struct slice sigv4_signature(struct arena *a, const struct sigv4_request *r, struct slice secret);

/* The value of the Authorization header. A session's token, where there is one, must be among the
 * headers as x-amz-security-token. */
struct slice sigv4_authorization(struct arena *a, const struct sigv4_request *r,
                                 const struct sigv4_credentials *c);
/* The whole query of a presigned request: r->query, the X-Amz-… parameters and the signature. */
struct slice sigv4_presign(struct arena *a, const struct sigv4_request *r,
                           const struct sigv4_credentials *c, int64_t expires_s);

/* What a request says of its signature, from the Authorization header or from the query. Texts
 * point into what was given, those of a query are decoded into the arena. */
struct sigv4_claim {
    struct slice access_key;
    struct sigv4_scope scope;
    struct slice terminator;     /* must be "aws4_request" */
    struct slice signed_headers; /* "host;x-amz-date" */
    struct slice signature;
    struct slice time;    /* only in a query */
    struct slice token;   /* only in a query; absent: none */
    struct slice expires; /* only in a query: seconds, decimal */
};
/* False: not this algorithm, or a part is missing. */
bool sigv4_read_authorization(struct slice header, struct sigv4_claim *out);
bool sigv4_read_query(struct arena *a, struct slice query, struct sigv4_claim *out);

/* Every byte but A-Z a-z 0-9 - _ . ~ as %XX. */
struct slice sigv4_encode(struct arena *a, struct slice s);

#endif
