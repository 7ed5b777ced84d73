/* Speaks to the runtime API of AWS Lambda over one connection that is kept. Before it stands AWS,
 * after it lambda.c. It must not know what an event means. */
#include "app/lambda_runtime.h"

#include "base/json.h"
#include "base/log.h"
#include "core/limits.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define URL_BYTES 512
#define ANSWER_LIMIT_MS 10000L
#define EVENT_BYTES_FIRST (16 * 1024)
#define ERROR_BYTES_MAX (8 * 1024)

struct lambda_runtime {
    CURL *easy;
    char base[URL_BYTES / 2];
    struct lambda_invocation *current; /* where headers of an answer go; NULL: nowhere */
    char *bytes;                       /* the body of what was answered */
    size_t len, capacity;
    bool is_too_large;
};

/* --- one exchange --- */

static size_t take_body(char *data, size_t one, size_t count, void *context)
{
    struct lambda_runtime *r = context;
    size_t more = one * count;
    if (r->len + more > LAMBDA_EVENT_BYTES_MAX) {
        r->is_too_large = true; /* read to its end, so that it can be answered */
        return more;
    }
    size_t capacity = r->capacity == 0 ? EVENT_BYTES_FIRST : r->capacity;
    while (capacity < r->len + more)
        capacity *= 2;
    char *grown = capacity == r->capacity ? r->bytes : realloc(r->bytes, capacity);
    if (grown == NULL)
        return 0;
    r->bytes = grown;
    r->capacity = capacity;
    memcpy(r->bytes + r->len, data, more);
    r->len += more;
    return more;
}

/* The value, when the line is this header. */
static bool find_header(struct slice line, const char *name, struct slice *value)
{
    struct slice head;
    slice_cut(line, ':', &head, value);
    if (value->at == NULL || head.len != strlen(name) || strncasecmp(head.at, name, head.len) != 0)
        return false;
    *value = slice_trim(*value);
    return true;
}

static size_t take_header(char *data, size_t one, size_t count, void *context)
{
    struct lambda_runtime *r = context;
    struct slice line = {data, one * count}, value;
    struct lambda_invocation *i = r->current;
    if (i == NULL)
        return line.len;
    if (find_header(line, "Lambda-Runtime-Aws-Request-Id", &value) && value.len < sizeof i->id) {
        memcpy(i->id, value.at, value.len);
        i->id[value.len] = '\0';
    } else if (find_header(line, "Lambda-Runtime-Deadline-Ms", &value) &&
               !slice_to_int(value, &i->deadline_ms)) {
        i->deadline_ms = 0;
    }
    return line.len;
}

struct exchange {
    const char *path;
    const char *error_type; /* NULL: none */
    struct slice body;      /* absent: it is a GET */
    long timeout_ms;        /* 0: none */
};

static struct curl_slist *make_headers(const struct exchange *x)
{
    char line[128];
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
    struct curl_slist *last = list == NULL ? NULL : curl_slist_append(list, "Expect:");
    if (last != NULL && x->error_type != NULL) {
        (void)snprintf(line, sizeof line, "Lambda-Runtime-Function-Error-Type: %s", x->error_type);
        last = curl_slist_append(list, line);
    }
    if (last != NULL)
        return list;
    curl_slist_free_all(list);
    return NULL;
}

/* The status; 0: there is none, and why was logged. A connection that the other side has given up
 * while this process was frozen is made anew by the library. */
static long exchange(struct lambda_runtime *r, const struct exchange *x)
{
    char url[URL_BYTES];
    long status = 0;
    struct curl_slist *headers = make_headers(x);
    (void)snprintf(url, sizeof url, "%s%s", r->base, x->path);
    r->len = 0;
    r->is_too_large = false;
    curl_easy_setopt(r->easy, CURLOPT_URL, url);
    curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(r->easy, CURLOPT_TIMEOUT_MS, x->timeout_ms);
    if (x->body.at != NULL) {
        curl_easy_setopt(r->easy, CURLOPT_POSTFIELDS, x->body.at);
        curl_easy_setopt(r->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body.len);
    } else {
        curl_easy_setopt(r->easy, CURLOPT_HTTPGET, 1L);
    }
    CURLcode result = headers == NULL ? CURLE_OUT_OF_MEMORY : curl_easy_perform(r->easy);
    if (result == CURLE_OK)
        curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    else
        log_line(LOG_ERROR, "lambda", "the runtime API does not answer: %s",
                 curl_easy_strerror(result));
    curl_slist_free_all(headers);
    return status;
}

/* --- what lambda.c asks --- */

enum err lambda_runtime_open(const char *address, struct lambda_runtime **out)
{
    struct lambda_runtime *r = calloc(1, sizeof *r);
    if (r == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != 0 ||
        (r->easy = curl_easy_init()) == NULL) {
        free(r);
        return ERR_MEMORY;
    }
    (void)snprintf(r->base, sizeof r->base, "http://%s/2018-06-01/runtime/", address);
    curl_easy_setopt(r->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(r->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(r->easy, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(r->easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(r->easy, CURLOPT_HEADERDATA, r);
    *out = r;
    return ERR_NONE;
}

enum err lambda_runtime_next(struct lambda_runtime *r, struct lambda_invocation *out)
{
    *out = (struct lambda_invocation){.deadline_ms = 0};
    r->current = out;
    long status = exchange(r, &(struct exchange){.path = "invocation/next"});
    r->current = NULL;
    if (status != 200 || out->id[0] == '\0') {
        if (status != 0)
            log_line(LOG_ERROR, "lambda", "the runtime API answered %ld, %s", status,
                     out->id[0] == '\0' ? "without an invocation" : "with an invocation");
        return ERR_IO;
    }
    out->event = (struct slice){r->len > 0 ? r->bytes : "", r->len};
    out->is_too_large = r->is_too_large;
    return ERR_NONE;
}

enum err lambda_runtime_answer(struct lambda_runtime *r, const char *id, struct slice json)
{
    char path[URL_BYTES / 2];
    (void)snprintf(path, sizeof path, "invocation/%s/response", id);
    long status =
        exchange(r, &(struct exchange){.path = path, .body = json, .timeout_ms = ANSWER_LIMIT_MS});
    if (status == 413)
        return ERR_TOO_LARGE;
    if (status != 0 && status != 202)
        log_line(LOG_WARN, "lambda", "the runtime API answered %ld to an answer", status);
    return status == 202 ? ERR_NONE : ERR_IO;
}

/* The error in JSON. Outside any unit of work: it must work where memory was short. */
static enum err tell_failure(struct lambda_runtime *r, struct arena *a, struct exchange *x,
                             struct slice message)
{
    struct json_out o = json_out_new(a, ERROR_BYTES_MAX);
    json_object(&o);
    json_put_text(&o, "errorType", x->error_type);
    json_put_string(&o, "errorMessage", message);
    json_key(&o, "stackTrace");
    json_array(&o);
    json_array_end(&o);
    json_object_end(&o);
    x->body = json_out_slice(&o);
    long status = exchange(r, x);
    if (status != 0 && status != 202)
        log_line(LOG_WARN, "lambda", "the runtime API answered %ld to an error", status);
    return status == 202 ? ERR_NONE : ERR_IO;
}

enum err lambda_runtime_fail(struct lambda_runtime *r, const char *id, const char *type,
                             struct slice message)
{
    char path[URL_BYTES / 2] = "init/error";
    struct exchange x = {.path = path, .error_type = type, .timeout_ms = ANSWER_LIMIT_MS};
    struct arena a;
    jmp_buf edge;
    volatile enum err err = ERR_MEMORY;
    if (id != NULL)
        (void)snprintf(path, sizeof path, "invocation/%s/error", id);
    arena_init(&a, 4 * ERROR_BYTES_MAX);
    a.edge = &edge;
    if (setjmp(edge) == 0)
        err = tell_failure(r, &a, &x, message);
    arena_drop(&a);
    return err;
}

int lambda_runtime_fd(const struct lambda_runtime *r)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    bool is_open = curl_easy_getinfo(r->easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK;
    return is_open && fd != CURL_SOCKET_BAD ? fd : -1;
}

void lambda_runtime_close(struct lambda_runtime *r)
{
    curl_easy_cleanup(r->easy);
    free(r->bytes);
    free(r);
}
