/* Reads variables of the environment out of AWS Secrets Manager, once at the start, with the
 * credentials that AWS Lambda puts into the environment. Before it stands the start of the mode for
 * AWS Lambda, after it config.c. What the secret holds must not get into the log. */
#include "app/secret.h"

#include "base/json.h"
#include "base/log.h"
#include "base/sigv4.h"
#include "base/time.h"
#include "core/limits.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRIES 3
#define TRY_MS 2000L
#define ANSWER_BYTES_MAX (128 * 1024) /* a secret has at most 64 KiB */
#define NAME_PREFIX "SWM_"

struct request {
    struct arena *arena;
    struct slice arn, region, host;
    const char *url; /* NUL-terminated */
    struct slice body;
    struct curl_slist *headers;
    char *answer;
    size_t answer_len;
    long status;
    enum err outcome;
};

static struct slice variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL ? slice_of(value) : SLICE_NONE;
}

/* arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME */
static bool read_region(struct slice arn, struct slice *region)
{
    struct slice part, rest = arn;
    slice_cut(rest, ':', &part, &rest);
    slice_cut(rest, ':', &part, &rest);
    slice_cut(rest, ':', &part, &rest);
    bool is_secret = slice_eq_text(part, "secretsmanager");
    slice_cut(rest, ':', region, &rest);
    return is_secret && region->len > 0 && rest.len > 0;
}

static bool set_address(struct request *r)
{
    struct slice url = variable("AWS_ENDPOINT_URL_SECRETS_MANAGER"), rest;
    struct text t = text_new(r->arena, 512);
    if (!read_region(r->arn, &r->region))
        return false;
    if (url.len > 0) {
        text_put(&t, url);
    } else {
        text_put_c(&t, "https://secretsmanager.");
        text_put(&t, r->region);
        text_put_c(&t, slice_has_prefix(r->region, SLICE("cn-")) ? ".amazonaws.com.cn"
                                                                 : ".amazonaws.com");
    }
    r->url = text_c(&t);
    const char *slashes = strstr(r->url, "://");
    slice_cut(slice_of(slashes != NULL ? slashes + 3 : r->url), '/', &r->host, &rest);
    return !t.is_cut;
}

static bool add_header(struct request *r, struct slice name, struct slice value)
{
    struct text t = text_new(r->arena, 8 * 1024);
    text_put(&t, name);
    text_put_c(&t, ": ");
    text_put(&t, value);
    struct curl_slist *longer = t.is_cut ? NULL : curl_slist_append(r->headers, text_c(&t));
    if (longer != NULL)
        r->headers = longer;
    return longer != NULL;
}

static bool sign(struct request *r)
{
    char time_text[SIGV4_TIME_BYTES];
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    sigv4_time((int64_t)now.tv_sec * 1000, time_text);
    struct sigv4_credentials keys = {variable("AWS_ACCESS_KEY_ID"),
                                     variable("AWS_SECRET_ACCESS_KEY"),
                                     variable("AWS_SESSION_TOKEN")};
    struct sigv4_header headers[5] = {
        {SLICE("Content-Type"), SLICE("application/x-amz-json-1.1")},
        {SLICE("Host"), r->host},
        {SLICE("X-Amz-Date"), slice_of(time_text)},
        {SLICE("X-Amz-Target"), SLICE("secretsmanager.GetSecretValue")},
        {SLICE("X-Amz-Security-Token"), keys.token}};
    struct sigv4_request s = {.method = SLICE("POST"),
                              .path = SLICE("/"),
                              .headers = headers,
                              .header_count = keys.token.len > 0 ? 5 : 4,
                              .payload_hash = sigv4_payload_hash(r->arena, r->body),
                              .time = slice_of(time_text),
                              .scope = {{time_text, 8}, r->region, SLICE("secretsmanager")}};
    bool is_kept = add_header(r, SLICE("Authorization"), sigv4_authorization(r->arena, &s, &keys));
    for (size_t k = 0; k < s.header_count; k++)
        is_kept = is_kept && add_header(r, headers[k].name, headers[k].value);
    return is_kept;
}

static size_t take_bytes(char *bytes, size_t size, size_t count, void *context)
{
    struct request *r = context;
    if (size * count > ANSWER_BYTES_MAX - r->answer_len)
        return 0;
    memcpy(r->answer + r->answer_len, bytes, size * count);
    r->answer_len += size * count;
    return size * count;
}

static CURLcode send_once(struct request *r, CURL *easy)
{
    r->answer_len = 0;
    if (curl_easy_setopt(easy, CURLOPT_URL, r->url) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, TRY_MS) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, r->headers) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)r->body.len) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r->body.at) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_bytes) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, r) != CURLE_OK)
        return CURLE_OUT_OF_MEMORY;
    CURLcode result = curl_easy_perform(easy);
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &r->status);
    return result;
}

static enum err ask(struct request *r)
{
    CURL *easy = curl_easy_init();
    CURLcode result = easy == NULL ? CURLE_OUT_OF_MEMORY : CURLE_OK;
    for (int k = 0; easy != NULL && k < TRIES; k++) {
        result = send_once(r, easy);
        if (result == CURLE_OK && r->status < 500)
            break;
    }
    curl_easy_cleanup(easy);
    if (result == CURLE_OK)
        return ERR_NONE;
    log_line(LOG_ERROR, "app", "the secret can't be read: %s", curl_easy_strerror(result));
    return ERR_IO;
}

static bool set_variables(struct arena *a, struct slice json)
{
    yyjson_val *root;
    if (json_read(a, json, ANSWER_BYTES_MAX, JSON_DEPTH_MAX, NULL, &root) != ERR_NONE ||
        !yyjson_is_obj(root))
        return false;
    yyjson_obj_iter it = yyjson_obj_iter_with(root);
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&it)) != NULL;) {
        yyjson_val *value = yyjson_obj_iter_get_val(name);
        if (!slice_has_prefix(json_text(name), SLICE(NAME_PREFIX)) || !yyjson_is_str(value))
            return false;
        if (setenv(slice_text(a, json_text(name)), slice_text(a, json_text(value)), 0) != 0)
            return false;
    }
    return true;
}

static enum err read_answer(struct request *r)
{
    yyjson_val *root = NULL;
    struct slice answer = {r->answer, r->answer_len};
    enum err e = json_read(r->arena, answer, ANSWER_BYTES_MAX, JSON_DEPTH_MAX, NULL, &root);
    if (r->status != 200) {
        struct slice type = json_get_text(root, "__type");
        log_line(LOG_ERROR, "app", "the secret was not handed out: %ld %.*s", r->status,
                 (int)type.len, type.len > 0 ? type.at : "");
        return ERR_REFUSED;
    }
    if (e == ERR_NONE && set_variables(r->arena, json_get_text(root, "SecretString")))
        return ERR_NONE;
    log_line(LOG_ERROR, "app",
             "the secret that SWM_SECRET names must be JSON with texts named SWM_…, such as "
             "{\"SWM_ADMIN_KEY\":\"…\",\"SWM_STORE\":\"…\"}");
    return ERR_INVALID;
}

static enum err read_with(struct request *r)
{
    struct json_out o = json_out_new(r->arena, 4096);
    if (!set_address(r)) {
        log_line(LOG_ERROR, "app", "SWM_SECRET must be the ARN of a secret");
        return ERR_INVALID;
    }
    json_object(&o);
    json_put_string(&o, "SecretId", r->arn);
    json_object_end(&o);
    r->body = json_out_slice(&o);
    r->answer = arena_alloc(r->arena, ANSWER_BYTES_MAX);
    if (!sign(r))
        return ERR_MEMORY;
    enum err e = ask(r);
    return e == ERR_NONE ? read_answer(r) : e;
}

enum err secret_read(void)
{
    struct arena a;
    jmp_buf edge;
    struct request r = {.arena = &a, .arn = variable("SWM_SECRET"), .outcome = ERR_MEMORY};
    if (r.arn.len == 0)
        return ERR_NONE;
    arena_init(&a, WORK_BYTES_MAX);
    a.edge = &edge;
    if (setjmp(edge) == 0)
        r.outcome = read_with(&r);
    curl_slist_free_all(r.headers);
    arena_drop(&a);
    return r.outcome;
}
