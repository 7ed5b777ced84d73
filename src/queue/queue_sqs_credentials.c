/* Credentials of Amazon's: from the environment, a file with profiles, the container's service or
 * the machine's metadata service, in this order. Those that end are asked for again five minutes
 * before. Before it stands the round, after it the calls that sign with them. They must never
 * appear in a sentence that anybody reads. */
#include "queue/queue_sqs_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EARLY_MS (5 * 60 * 1000)
#define LEAST_MS (60 * 1000) /* credentials that end sooner are not asked for all the time */
#define SERVICE_MS 2000L     /* how long the services may take */
#define FILE_BYTES_MAX 65536
#define KEYS_BYTES_MAX ((size_t)256 * 1024)
#define CONTAINER_HOST "http://169.254.170.2"
#define METADATA_HOST "http://169.254.169.254"
#define METADATA_PATH "/latest/meta-data/iam/security-credentials/"
#define TOKEN_SECONDS "21600"

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* --- what was found --- */

static void forget(struct far_credentials *c)
{
    c->keys = (struct far_keys){0};
    arena_drop(&c->arena); /* signing copied nothing out of it */
    c->is_known = false;
}

static void explain(struct far_credentials *c, const char *what)
{
    (void)snprintf(c->error, sizeof c->error, "%s", what);
}

static void fail(struct queue_sqs *q, const char *what)
{
    struct far_credentials *c = &q->credentials;
    c->is_asking = false;
    if (c->failures == 0)
        far_say(q, true, "no credentials for Amazon SQS: %s", what);
    explain(c, what);
    c->failures++;
    c->ask_at_ms = time_add(q->now_ms, far_backoff_ms(q, FAR_SLOWER, c->failures + 1));
}

static bool copy(struct far_credentials *c, const struct far_keys *keys)
{
    jmp_buf edge;
    struct arena fresh;
    arena_init(&fresh, KEYS_BYTES_MAX);
    fresh.edge = &edge;
    if (setjmp(edge) != 0) {
        arena_drop(&fresh);
        return false;
    }
    struct far_keys own = {slice_copy(&fresh, keys->access_key), slice_copy(&fresh, keys->secret),
                           slice_copy(&fresh, keys->token), keys->expires_at_ms};
    fresh.edge = NULL;
    arena_drop(&c->arena);
    c->arena = fresh;
    c->keys = own;
    return true;
}

int64_t far_credentials_renew_ms(int64_t expires_at_ms, int64_t now_ms)
{
    int64_t early_ms = expires_at_ms - EARLY_MS, least_ms = time_add(now_ms, LEAST_MS);
    if (expires_at_ms == 0)
        return TIME_NEVER;
    return early_ms > least_ms ? early_ms : least_ms;
}

static void take(struct queue_sqs *q, enum far_source source, const struct far_keys *keys)
{
    struct far_credentials *c = &q->credentials;
    if (!copy(c, keys)) {
        fail(q, "memory is short");
        return;
    }
    c->source = source;
    c->is_known = true;
    c->is_asking = false;
    c->ask_at_ms = far_credentials_renew_ms(keys->expires_at_ms, q->now_ms);
    c->failures = 0;
    c->serial++;
    if (c->refusals == 0)
        c->error[0] = '\0';
}

/* --- environment and files --- */

static bool ask_environment(struct queue_sqs *q)
{
    struct far_keys keys = {slice_of(environment("AWS_ACCESS_KEY_ID")),
                            slice_of(environment("AWS_SECRET_ACCESS_KEY")),
                            slice_of(environment("AWS_SESSION_TOKEN")), 0};
    if (keys.access_key.at == NULL || keys.secret.at == NULL)
        return false;
    take(q, FAR_ENVIRONMENT, &keys);
    return true;
}

static size_t read_file(const char *path, char *out)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return 0;
    size_t len = fread(out, 1, FILE_BYTES_MAX, f);
    fclose(f);
    return len;
}

static bool ask_file(struct queue_sqs *q)
{
    char bytes[FILE_BYTES_MAX];
    const char *path = environment("AWS_SHARED_CREDENTIALS_FILE"), *home = environment("HOME"),
               *profile = environment("AWS_PROFILE");
    char usual[1024];
    struct far_keys keys;
    if (path == NULL && home != NULL) {
        (void)snprintf(usual, sizeof usual, "%s/.aws/credentials", home);
        path = usual;
    }
    size_t len = path == NULL ? 0 : read_file(path, bytes);
    bool is_there = far_profile_read((struct slice){bytes, len},
                                     slice_of(profile != NULL ? profile : "default"), &keys);
    if (is_there)
        take(q, FAR_FILE, &keys);
    else if (profile != NULL)
        fail(q, "the profile that AWS_PROFILE names is not in the file of credentials");
    explicit_bzero(bytes, sizeof bytes);
    return is_there || profile != NULL;
}

/* --- services that hand them out --- */

static struct far_exchange *make(struct queue_sqs *q, const char *method,
                                 void (*finish)(struct far_exchange *x))
{
    struct far_exchange *x = far_http_make(&q->http);
    if (x == NULL)
        return NULL;
    x->method = method;
    x->owner = q;
    x->finish = finish;
    x->timeout_ms = SERVICE_MS;
    x->is_local = true;
    return x;
}

static bool begin_at(struct far_exchange *x, const char *host, const char *path)
{
    jmp_buf edge;
    x->arena.edge = &edge;
    if (setjmp(edge) != 0) {
        x->arena.edge = NULL;
        return false;
    }
    struct text url = text_new(&x->arena, 4096);
    text_put_c(&url, host);
    text_put_c(&url, path);
    x->url = text_c(&url);
    x->arena.edge = NULL;
    return !url.is_cut && far_http_begin(x);
}

/* Takes over the exchange in any case; NULL: there was no memory for it. */
static void begin(struct queue_sqs *q, struct far_exchange *x, const char *host, const char *path)
{
    if (x != NULL && begin_at(x, host, path))
        return;
    if (x != NULL)
        far_http_free(x);
    fail(q, "memory is short");
}

static struct slice answer_of(const struct far_exchange *x)
{
    return (struct slice){x->bytes != NULL ? x->bytes : "", x->len};
}

static bool is_good(const struct far_exchange *x)
{
    return x->result == CURLE_OK && x->status == 200;
}

static void take_json(struct far_exchange *x, enum far_source source, const char *what)
{
    struct queue_sqs *q = x->owner;
    struct far_keys keys;
    jmp_buf edge;
    x->arena.edge = &edge;
    bool is_read =
        setjmp(edge) == 0 && is_good(x) && far_profile_read_json(&x->arena, answer_of(x), &keys);
    x->arena.edge = NULL;
    if (is_read)
        take(q, source, &keys);
    else
        fail(q, what);
}

static void take_container(struct far_exchange *x)
{
    take_json(x, FAR_CONTAINER, "the container's service for credentials did not give any");
}

/* Only to where nobody on the way can read them. */
static bool is_safe(const char *url)
{
    struct slice s = slice_of(url);
    return slice_has_prefix(s, SLICE("https://")) || far_is_loopback(s) ||
           slice_has_prefix(s, SLICE("http://169.254.170.2/")) ||
           slice_has_prefix(s, SLICE("http://169.254.170.23/")) ||
           slice_has_prefix(s, SLICE("http://[fd00:ec2::23]/"));
}

static bool add_container_token(struct far_exchange *x)
{
    const char *token = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
               *path = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    char bytes[FILE_BYTES_MAX];
    struct slice value = slice_of(token);
    if (path != NULL)
        value = slice_trim((struct slice){bytes, read_file(path, bytes)});
    return value.len == 0 || far_http_add_header(x, "Authorization", value);
}

static bool ask_container(struct queue_sqs *q)
{
    const char *relative = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
               *full = environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (relative == NULL && full == NULL)
        return false;
    if (relative == NULL && !is_safe(full)) {
        fail(q, "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor this machine");
        return true;
    }
    struct far_exchange *x = make(q, "GET", take_container);
    if (x != NULL && !add_container_token(x)) {
        far_http_free(x);
        x = NULL;
    }
    begin(q, x, relative != NULL ? CONTAINER_HOST : full, relative != NULL ? relative : "");
    return true;
}

/* --- the metadata service: a token, the name of the role, its credentials --- */

static const char *metadata_host(void)
{
    const char *host = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    return host != NULL ? host : METADATA_HOST;
}

static void ask_metadata(struct queue_sqs *q, void (*finish)(struct far_exchange *x),
                         const char *role)
{
    char path[sizeof METADATA_PATH + sizeof q->credentials.role];
    struct far_exchange *x = make(q, "GET", finish);
    (void)snprintf(path, sizeof path, "%s%s", METADATA_PATH, role);
    if (x != NULL &&
        !far_http_add_header(x, "X-aws-ec2-metadata-token", slice_of(q->credentials.token))) {
        far_http_free(x);
        x = NULL;
    }
    begin(q, x, metadata_host(), path);
}

static bool keep_line(struct slice s, char *out, size_t bytes)
{
    struct slice line, rest;
    slice_cut(s, '\n', &line, &rest);
    line = slice_trim(line);
    if (line.len == 0 || line.len >= bytes)
        return false;
    memcpy(out, line.at, line.len);
    out[line.len] = '\0';
    return true;
}

static void take_metadata(struct far_exchange *x)
{
    take_json(x, FAR_METADATA, "the machine's metadata service did not give any");
}

static void take_role(struct far_exchange *x)
{
    struct queue_sqs *q = x->owner;
    struct far_credentials *c = &q->credentials;
    if (is_good(x) && keep_line(answer_of(x), c->role, sizeof c->role))
        ask_metadata(q, take_metadata, c->role);
    else
        fail(q, "this machine has no role");
}

static void take_token(struct far_exchange *x)
{
    struct queue_sqs *q = x->owner;
    struct far_credentials *c = &q->credentials;
    if (is_good(x) && keep_line(answer_of(x), c->token, sizeof c->token))
        ask_metadata(q, take_role, "");
    else
        fail(q, "not in the environment, in no file, and there is no metadata service");
}

static void ask_token(struct queue_sqs *q)
{
    const char *off = environment("AWS_EC2_METADATA_DISABLED");
    if (off != NULL && strcasecmp(off, "true") == 0) {
        fail(q, "not in the environment, and in no file");
        return;
    }
    struct far_exchange *x = make(q, "PUT", take_token);
    if (x != NULL &&
        !far_http_add_header(x, "X-aws-ec2-metadata-token-ttl-seconds", SLICE(TOKEN_SECONDS))) {
        far_http_free(x);
        x = NULL;
    }
    begin(q, x, metadata_host(), "/latest/api/token");
}

/* --- the round --- */

void far_credentials_open(struct queue_sqs *q)
{
    arena_init(&q->credentials.arena, KEYS_BYTES_MAX);
}

void far_credentials_round(struct queue_sqs *q)
{
    struct far_credentials *c = &q->credentials;
    if (c->is_known && c->keys.expires_at_ms > 0 && q->now_ms >= c->keys.expires_at_ms)
        forget(c);
    if (c->is_asking || q->now_ms < c->ask_at_ms)
        return;
    c->is_asking = true;
    if (!ask_environment(q) && !ask_file(q) && !ask_container(q))
        ask_token(q);
}

int64_t far_credentials_next(const struct queue_sqs *q)
{
    return q->credentials.is_asking ? TIME_NEVER : q->credentials.ask_at_ms;
}

void far_credentials_refuse(struct queue_sqs *q, uint64_t serial)
{
    struct far_credentials *c = &q->credentials;
    if (!c->is_known || c->serial != serial)
        return; /* several calls were on their way */
    forget(c);
    explain(c, "Amazon SQS does not take the credentials");
    if (c->refusals == 1) /* once may be for their age */
        far_say(q, true, "%s", c->error);
    int64_t wait_ms = c->refusals == 0 ? 0 : far_backoff_ms(q, FAR_SLOWER, c->refusals + 1);
    c->refusals++;
    c->ask_at_ms = time_add(q->now_ms, wait_ms);
}

void far_credentials_accept(struct queue_sqs *q)
{
    struct far_credentials *c = &q->credentials;
    if (c->refusals > 1)
        far_say(q, false, "Amazon SQS takes the credentials");
    if (c->refusals > 0 && c->failures == 0)
        c->error[0] = '\0';
    c->refusals = 0;
}

void far_credentials_close(struct queue_sqs *q)
{
    arena_drop(&q->credentials.arena);
}
