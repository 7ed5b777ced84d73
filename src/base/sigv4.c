/* AWS Signature Version 4. A request is written in one canonical form (method, path, query,
 * headers, hash of the body), whose hash, with the time and the scope, is signed by a key derived
 * from the secret for that day, region and service. */
#include "base/sigv4.h"

#include "base/hash.h"
#include "base/text.h"
#include "base/time.h"

#include <string.h>

#define TERMINATOR "aws4_request"
#define FORM_BYTES_MAX ((size_t)1024 * 1024) /* of one canonical form */

struct pair {
    struct slice name, value;
    size_t place; /* keeps the order of equal ones */
};

/* --- spelling --- */

static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

static void put_encoded(struct text *t, struct slice s, bool keeps_slash)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t k = 0; k < s.len; k++) {
        unsigned char c = (unsigned char)s.at[k];
        if (is_unreserved(s.at[k]) || (keeps_slash && c == '/')) {
            text_put_char(t, s.at[k]);
            continue;
        }
        text_put_char(t, '%');
        text_put_char(t, digits[c >> 4]);
        text_put_char(t, digits[c & 15]);
    }
}

struct slice sigv4_encode(struct arena *a, struct slice s)
{
    struct text t = text_new(a, FORM_BYTES_MAX);
    put_encoded(&t, s, false);
    return (struct slice){text_c(&t), t.len};
}

static struct slice decode(struct arena *a, struct slice s)
{
    char *out = arena_alloc(a, s.len + 1);
    size_t len = 0;
    for (size_t k = 0; k < s.len; k++) {
        uint8_t byte;
        if (s.at[k] == '%' && s.len - k >= 3 &&
            hex_decode((struct slice){s.at + k + 1, 2}, &byte, 1)) {
            out[len++] = (char)byte;
            k += 2;
        } else {
            out[len++] = s.at[k] == '+' ? ' ' : s.at[k];
        }
    }
    return (struct slice){out, len};
}

static struct slice make_lower(struct arena *a, struct slice s)
{
    char *out = arena_alloc(a, s.len + 1);
    for (size_t k = 0; k < s.len; k++)
        out[k] = (char)(s.at[k] >= 'A' && s.at[k] <= 'Z' ? s.at[k] | 0x20 : s.at[k]);
    return (struct slice){out, s.len};
}

/* --- order --- */

static int compare(const struct pair *x, const struct pair *y, bool by_value)
{
    int order = slice_compare(x->name, y->name);
    if (order == 0 && by_value)
        order = slice_compare(x->value, y->value);
    if (order == 0)
        order = x->place < y->place ? -1 : 1;
    return order;
}

/* A heap sort, stable through `place`: no memory, and no quadratic time for what strangers send. */
static void sift(struct pair *p, size_t root, size_t count, bool by_value)
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && compare(&p[child], &p[child + 1], by_value) < 0)
            child++;
        if (compare(&p[root], &p[child], by_value) >= 0)
            return;
        struct pair swap = p[root];
        p[root] = p[child];
        p[child] = swap;
    }
}

static void sort(struct pair *p, size_t count, bool by_value)
{
    for (size_t k = 0; k < count; k++)
        p[k].place = k;
    for (size_t k = count / 2; k > 0; k--)
        sift(p, k - 1, count, by_value);
    for (size_t k = count; k > 1; k--) {
        struct pair swap = p[0];
        p[0] = p[k - 1];
        p[k - 1] = swap;
        sift(p, 0, k - 1, by_value);
    }
}

/* --- the canonical form --- */

/* Without "." and "..", empty segments once, then encoded once more than it was sent. */
static void put_path(struct arena *a, struct text *t, struct slice path)
{
    struct text plain = text_new(a, FORM_BYTES_MAX);
    struct slice segment, rest = path;
    while (rest.len > 0) {
        slice_cut(rest, '/', &segment, &rest);
        if (slice_eq_text(segment, "..")) {
            while (plain.len > 0 && plain.at[--plain.len] != '/') {
            }
        } else if (segment.len > 0 && !slice_eq_text(segment, ".")) {
            text_put_char(&plain, '/');
            text_put(&plain, segment);
        }
    }
    if (plain.len == 0 || path.at[path.len - 1] == '/')
        text_put_char(&plain, '/');
    put_encoded(t, text_slice(&plain), true);
}

static size_t count_parts(struct slice s, char sep)
{
    size_t count = s.len > 0;
    for (size_t k = 0; k < s.len; k++)
        count += s.at[k] == sep;
    return count;
}

/* The parameters but the signature, decoded. */
static struct pair *read_query(struct arena *a, struct slice query, size_t *count)
{
    struct pair *pairs = arena_array(a, count_parts(query, '&') + 1, sizeof *pairs);
    struct slice part, rest = query, name, value;
    *count = 0;
    while (rest.len > 0) {
        slice_cut(rest, '&', &part, &rest);
        if (part.len == 0)
            continue;
        slice_cut(part, '=', &name, &value);
        if (slice_eq_text(name, "X-Amz-Signature"))
            continue;
        pairs[(*count)++] = (struct pair){.name = decode(a, name), .value = decode(a, value)};
    }
    return pairs;
}

static void put_query(struct arena *a, struct text *t, struct slice query)
{
    size_t count;
    struct pair *pairs = read_query(a, query, &count);
    for (size_t k = 0; k < count; k++) {
        pairs[k].name = sigv4_encode(a, pairs[k].name);
        pairs[k].value = sigv4_encode(a, pairs[k].value);
    }
    sort(pairs, count, true);
    for (size_t k = 0; k < count; k++) {
        if (k > 0)
            text_put_char(t, '&');
        text_put(t, pairs[k].name);
        text_put_char(t, '=');
        text_put(t, pairs[k].value);
    }
}

static struct pair *sort_headers(struct arena *a, const struct sigv4_request *r)
{
    struct pair *pairs = arena_array(a, r->header_count + 1, sizeof *pairs);
    for (size_t k = 0; k < r->header_count; k++)
        pairs[k] =
            (struct pair){.name = make_lower(a, r->headers[k].name), .value = r->headers[k].value};
    sort(pairs, r->header_count, false);
    return pairs;
}

/* Blanks around go, those inside become one. */
static void put_value(struct text *t, struct slice value)
{
    struct slice s = slice_trim(value);
    for (size_t k = 0; k < s.len; k++) {
        bool is_blank = s.at[k] == ' ' || s.at[k] == '\t';
        if (!is_blank)
            text_put_char(t, s.at[k]);
        else if (s.at[k - 1] != ' ' && s.at[k - 1] != '\t')
            text_put_char(t, ' ');
    }
}

static void put_headers(struct text *t, const struct pair *pairs, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        bool is_more = k > 0 && slice_eq(pairs[k].name, pairs[k - 1].name);
        if (!is_more) {
            text_put_c(t, k > 0 ? "\n" : "");
            text_put(t, pairs[k].name);
        }
        text_put_char(t, is_more ? ',' : ':');
        put_value(t, pairs[k].value);
    }
    text_put_char(t, '\n');
}

static void put_names(struct text *t, const struct pair *pairs, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        if (k > 0 && slice_eq(pairs[k].name, pairs[k - 1].name))
            continue;
        text_put_c(t, k > 0 ? ";" : "");
        text_put(t, pairs[k].name);
    }
}

struct slice sigv4_signed_headers(struct arena *a, const struct sigv4_request *r)
{
    struct text t = text_new(a, FORM_BYTES_MAX);
    put_names(&t, sort_headers(a, r), r->header_count);
    return (struct slice){text_c(&t), t.len};
}

struct slice sigv4_canonical(struct arena *a, const struct sigv4_request *r)
{
    struct pair *headers = sort_headers(a, r);
    struct text t = text_new(a, FORM_BYTES_MAX);
    text_put(&t, r->method);
    text_put_char(&t, '\n');
    put_path(a, &t, r->path);
    text_put_char(&t, '\n');
    put_query(a, &t, r->query);
    text_put_char(&t, '\n');
    put_headers(&t, headers, r->header_count);
    text_put_char(&t, '\n');
    put_names(&t, headers, r->header_count);
    text_put_char(&t, '\n');
    text_put(&t, r->payload_hash);
    return text_slice(&t);
}

/* --- signing --- */

struct slice sigv4_payload_hash(struct arena *a, struct slice body)
{
    uint8_t digest[SHA256_BYTES];
    hash_sha256(body, digest);
    return hex_encode(a, digest, sizeof digest);
}

struct slice sigv4_scope(struct arena *a, const struct sigv4_scope *s)
{
    struct text t = text_new(a, FORM_BYTES_MAX);
    text_put(&t, s->date);
    text_put_char(&t, '/');
    text_put(&t, s->region);
    text_put_char(&t, '/');
    text_put(&t, s->service);
    text_put_c(&t, "/" TERMINATOR);
    return text_slice(&t);
}

struct slice sigv4_string_to_sign(struct arena *a, const struct sigv4_request *r)
{
    struct text t = text_new(a, FORM_BYTES_MAX);
    text_put_c(&t, SIGV4_ALGORITHM "\n");
    text_put(&t, r->time);
    text_put_char(&t, '\n');
    text_put(&t, sigv4_scope(a, &r->scope));
    text_put_char(&t, '\n');
    text_put(&t, sigv4_payload_hash(a, sigv4_canonical(a, r)));
    return text_slice(&t);
}

struct slice sigv4_signature(struct arena *a, const struct sigv4_request *r, struct slice secret)
{
    struct text first = text_new(a, FORM_BYTES_MAX);
    uint8_t key[SHA256_BYTES];
    text_put_c(&first, "AWS4");
    text_put(&first, secret);
    hash_hmac_long(text_slice(&first), r->scope.date, key);
    hash_hmac(key, r->scope.region, key);
    hash_hmac(key, r->scope.service, key);
    hash_hmac(key, SLICE(TERMINATOR), key);
    hash_hmac(key, sigv4_string_to_sign(a, r), key);
    return hex_encode(a, key, sizeof key);
}

struct slice sigv4_authorization(struct arena *a, const struct sigv4_request *r,
                                 const struct sigv4_credentials *c)
{
    struct text t = text_new(a, FORM_BYTES_MAX);
    text_put_c(&t, SIGV4_ALGORITHM " Credential=");
    text_put(&t, c->access_key);
    text_put_char(&t, '/');
    text_put(&t, sigv4_scope(a, &r->scope));
    text_put_c(&t, ", SignedHeaders=");
    text_put(&t, sigv4_signed_headers(a, r));
    text_put_c(&t, ", Signature=");
    text_put(&t, sigv4_signature(a, r, c->secret));
    return (struct slice){text_c(&t), t.len};
}

static void put_parameter(struct arena *a, struct text *t, const char *name, struct slice value)
{
    text_put_c(t, t->len > 0 ? "&" : "");
    text_put_c(t, name);
    text_put_char(t, '=');
    text_put(t, sigv4_encode(a, value));
}

struct slice sigv4_presign(struct arena *a, const struct sigv4_request *r,
                           const struct sigv4_credentials *c, int64_t expires_s)
{
    struct text t = text_new(a, FORM_BYTES_MAX), credential = text_new(a, FORM_BYTES_MAX);
    text_put(&credential, c->access_key);
    text_put_char(&credential, '/');
    text_put(&credential, sigv4_scope(a, &r->scope));
    text_put(&t, r->query);
    put_parameter(a, &t, "X-Amz-Algorithm", SLICE(SIGV4_ALGORITHM));
    put_parameter(a, &t, "X-Amz-Credential", text_slice(&credential));
    put_parameter(a, &t, "X-Amz-Date", r->time);
    text_put_c(&t, "&X-Amz-Expires=");
    text_put_int(&t, expires_s);
    put_parameter(a, &t, "X-Amz-SignedHeaders", sigv4_signed_headers(a, r));
    if (c->token.len > 0)
        put_parameter(a, &t, "X-Amz-Security-Token", c->token);
    struct sigv4_request signed_one = *r;
    signed_one.query = slice_copy(a, text_slice(&t));
    put_parameter(a, &t, "X-Amz-Signature", sigv4_signature(a, &signed_one, c->secret));
    return (struct slice){text_c(&t), t.len};
}

/* --- what a request says --- */

/* KEY/DATE/REGION/SERVICE/aws4_request; an access key may hold slashes, the rest may not. */
static bool read_credential(struct slice s, struct sigv4_claim *out)
{
    struct slice *parts[] = {&out->terminator, &out->scope.service, &out->scope.region,
                             &out->scope.date};
    for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++) {
        size_t at = s.len;
        while (at > 0 && s.at[at - 1] != '/')
            at--;
        if (at == 0)
            return false;
        *parts[k] = (struct slice){s.at + at, s.len - at};
        s.len = at - 1;
    }
    out->access_key = s;
    return s.len > 0;
}

static bool take_part(struct slice part, struct sigv4_claim *out)
{
    struct slice name, value;
    slice_cut(slice_trim(part), '=', &name, &value);
    if (slice_eq_text(name, "Credential"))
        return read_credential(value, out);
    if (slice_eq_text(name, "SignedHeaders"))
        out->signed_headers = value;
    else if (slice_eq_text(name, "Signature"))
        out->signature = value;
    return true;
}

bool sigv4_read_authorization(struct slice header, struct sigv4_claim *out)
{
    struct slice algorithm, rest, part;
    *out = (struct sigv4_claim){0};
    slice_cut(slice_trim(header), ' ', &algorithm, &rest);
    if (!slice_eq_text(algorithm, SIGV4_ALGORITHM))
        return false;
    while (rest.len > 0) {
        slice_cut(rest, ',', &part, &rest);
        if (!take_part(part, out))
            return false;
    }
    return out->access_key.len > 0 && out->signed_headers.len > 0 && out->signature.len > 0;
}

static struct slice find_parameter(struct arena *a, struct slice query, const char *wanted)
{
    struct slice part, rest = query, name, value;
    while (rest.len > 0) {
        slice_cut(rest, '&', &part, &rest);
        slice_cut(part, '=', &name, &value);
        if (slice_eq_text(decode(a, name), wanted))
            return decode(a, value);
    }
    return SLICE_NONE;
}

bool sigv4_read_query(struct arena *a, struct slice query, struct sigv4_claim *out)
{
    *out = (struct sigv4_claim){0};
    if (!slice_eq_text(find_parameter(a, query, "X-Amz-Algorithm"), SIGV4_ALGORITHM))
        return false;
    out->signed_headers = find_parameter(a, query, "X-Amz-SignedHeaders");
    out->signature = find_parameter(a, query, "X-Amz-Signature");
    out->time = find_parameter(a, query, "X-Amz-Date");
    out->expires = find_parameter(a, query, "X-Amz-Expires");
    out->token = find_parameter(a, query, "X-Amz-Security-Token");
    return read_credential(find_parameter(a, query, "X-Amz-Credential"), out) &&
           out->signed_headers.len > 0 && out->signature.len > 0 && out->time.len > 0;
}

/* --- times --- */

void sigv4_time(int64_t at_ms, char buf[SIGV4_TIME_BYTES])
{
    char text[TIME_TEXT_BYTES]; /* 2015-08-30T12:36:00.000Z */
    size_t len = 0;
    (void)time_format(at_ms, text);
    for (size_t k = 0; k < 19; k++)
        if (text[k] != '-' && text[k] != ':')
            buf[len++] = text[k];
    buf[len++] = 'Z';
    buf[len] = '\0';
}

bool sigv4_read_time(struct slice s, int64_t *at_ms)
{
    char text[TIME_TEXT_BYTES] = "0000-00-00T00:00:00Z";
    size_t from = 0;
    if (s.len != SIGV4_TIME_BYTES - 1)
        return false;
    for (size_t k = 0; k < 20; k++)
        if (text[k] != '-' && text[k] != ':')
            text[k] = s.at[from++];
    return text[10] == 'T' && text[19] == 'Z' && time_parse((struct slice){text, 20}, at_ms);
}
