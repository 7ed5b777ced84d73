/* The HTTP client, on libcurl's multi interface. Before it stands a command that asks, after it the
 * server's answer as bytes. It must not say anything itself, nor try again: its callers know what
 * may be asked twice. */
#include "app/client.h"

#include "base/arena.h"

#include <assert.h>
#include <curl/curl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define URL_DEFAULT "http://127.0.0.1:7960"
#define CONNECT_MS 5000
#define ANSWER_BYTES_MAX (64u << 20)
#define STREAM_SILENCE_S 40 /* the server says something every 15 seconds */
#define HEADER_BYTES 512
#define FDS_MAX 256

struct client {
    CURLM *multi;
    char *url;
    bool is_loopback;
    struct curl_slist *headers;
    char why[CLIENT_WHY_BYTES];
};

struct client_call {
    CURL *easy;
    struct curl_slist *headers;
    char *path;
    char *body; /* what came */
    size_t len, capacity;
    CURLcode result;
    bool is_done, is_stream, has_news, is_too_large;
};

/* --- opening --- */

static bool is_clean(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return false;
    }
    return true;
}

static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    char line[HEADER_BYTES];
    int len = snprintf(line, sizeof line, "%s: %s", name, value);
    struct curl_slist *longer = NULL;
    if (len > 0 && (size_t)len < sizeof line)
        longer = curl_slist_append(*list, line);
    if (longer != NULL)
        *list = longer;
    return longer != NULL;
}

/* Who asks, for the record. */
static const char *find_user(void)
{
    const char *name = getenv("USER");
    if (name == NULL || name[0] == '\0') {
        const struct passwd *entry = getpwuid(getuid());
        name = entry != NULL ? entry->pw_name : NULL;
    }
    return name != NULL && is_clean(name) && strlen(name) <= 128 ? name : NULL;
}

static bool is_loopback_host(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "[::1]") == 0;
}

static enum err take_url(struct client *c, const char *url, char why[CLIENT_WHY_BYTES])
{
    CURLU *parts = curl_url();
    char *host = NULL, *scheme = NULL;
    size_t len = strlen(url);
    bool is_url = parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
                  curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                  curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                  (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    c->is_loopback = is_url && is_loopback_host(host);
    curl_free(host);
    curl_free(scheme);
    curl_url_cleanup(parts);
    if (!is_url) {
        (void)snprintf(why, CLIENT_WHY_BYTES, "SWM_URL is not an address like %s: %s", URL_DEFAULT,
                       url);
        return ERR_INVALID;
    }
    while (len > 0 && url[len - 1] == '/')
        len--;
    c->url = strndup(url, len);
    return c->url != NULL ? ERR_NONE : ERR_MEMORY;
}

static enum err take_headers(struct client *c, char why[CLIENT_WHY_BYTES])
{
    const char *token = getenv("SWM_TOKEN"), *user = find_user();
    char bearer[HEADER_BYTES];
    bool is_kept = add_header(&c->headers, "User-Agent", "swm") &&
                   add_header(&c->headers, "X-SWM-Client", "cli") &&
                   (user == NULL || add_header(&c->headers, "X-SWM-Actor", user));
    if (token == NULL || token[0] == '\0')
        return is_kept ? ERR_NONE : ERR_MEMORY;
    int len = snprintf(bearer, sizeof bearer, "Bearer %s", token);
    if (len < 0 || (size_t)len >= sizeof bearer - sizeof "Authorization: " || !is_clean(token)) {
        (void)snprintf(why, CLIENT_WHY_BYTES, "SWM_TOKEN is not a token");
        return ERR_INVALID;
    }
    return is_kept && add_header(&c->headers, "Authorization", bearer) ? ERR_NONE : ERR_MEMORY;
}

enum err client_open(const char *url, struct client **out, char why[CLIENT_WHY_BYTES])
{
    struct client *c = calloc(1, sizeof *c);
    why[0] = '\0';
    if (c == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(c);
        return ERR_MEMORY;
    }
    if (url == NULL)
        url = getenv("SWM_URL");
    c->multi = curl_multi_init();
    enum err e = c->multi == NULL
                     ? ERR_MEMORY
                     : take_url(c, url != NULL && url[0] != '\0' ? url : URL_DEFAULT, why);
    if (e == ERR_NONE)
        e = take_headers(c, why);
    if (e == ERR_NONE)
        *out = c;
    else
        client_close(c);
    return e;
}

void client_close(struct client *c)
{
    curl_multi_cleanup(c->multi);
    curl_slist_free_all(c->headers);
    free(c->url);
    free(c);
    curl_global_cleanup();
}

const char *client_url(const struct client *c)
{
    return c->url;
}

const char *client_why(const struct client *c)
{
    return c->why;
}

/* --- one call --- */

static size_t take_bytes(char *bytes, size_t size, size_t count, void *context)
{
    struct client_call *call = context;
    size_t len = size * count;
    call->has_news = true;
    if (call->is_stream)
        return len;
    if (len > ANSWER_BYTES_MAX - call->len) {
        call->is_too_large = true;
        return 0;
    }
    if (call->len + len > call->capacity) {
        size_t capacity = (call->len + len) * 2;
        char *grown = realloc(call->body, capacity);
        if (grown == NULL)
            return 0;
        call->body = grown;
        call->capacity = capacity;
    }
    memcpy(call->body + call->len, bytes, len);
    call->len += len;
    return len;
}

static bool set_headers(const struct client *c, struct client_call *call,
                        const struct client_request *r)
{
    bool is_kept = true;
    for (const struct curl_slist *h = c->headers; h != NULL && is_kept; h = h->next) {
        struct curl_slist *longer = curl_slist_append(call->headers, h->data);
        is_kept = longer != NULL;
        call->headers = is_kept ? longer : call->headers;
    }
    if (r->is_stream)
        is_kept = is_kept && add_header(&call->headers, "Accept", "text/event-stream");
    if (strcmp(r->method, "POST") == 0)
        is_kept = is_kept && add_header(&call->headers, "Expect", "") &&
                  add_header(&call->headers, "Content-Type",
                             r->type != NULL ? r->type : "application/json");
    return is_kept && curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers) == CURLE_OK;
}

static bool set_body(struct client_call *call, const struct client_request *r)
{
    if (strcmp(r->method, "DELETE") == 0)
        return curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, r->method) == CURLE_OK;
    if (strcmp(r->method, "POST") != 0)
        return true;
    return curl_easy_setopt(call->easy, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE, (long)r->body.len) == CURLE_OK &&
           curl_easy_setopt(call->easy, CURLOPT_COPYPOSTFIELDS,
                            r->body.at != NULL ? r->body.at : "") == CURLE_OK;
}

static bool set_limits(struct client_call *call, const struct client_request *r)
{
    int64_t ms = r->timeout_ms == 0 ? CLIENT_WAIT_MS : r->timeout_ms;
    CURL *easy = call->easy;
    bool is_set = curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
                  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS) == CURLE_OK;
    if (!r->is_stream)
        return is_set &&
               curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, ms > 0 ? (long)ms : 0L) == CURLE_OK;
    return is_set && curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)STREAM_SILENCE_S) == CURLE_OK;
}

static bool set_all(const struct client *c, struct client_call *call,
                    const struct client_request *r)
{
    CURL *easy = call->easy;
    if (easy == NULL || asprintf(&call->path, "%s%s", c->url, r->path) < 0)
        return false;
    /* A proxy is for reaching others, never this machine. */
    if (c->is_loopback && curl_easy_setopt(easy, CURLOPT_PROXY, "") != CURLE_OK)
        return false;
    const char *ca_file = getenv("SWM_CA_FILE");
    if (ca_file != NULL && ca_file[0] != '\0' &&
        curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file) != CURLE_OK)
        return false;
    return curl_easy_setopt(easy, CURLOPT_URL, call->path) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PRIVATE, call) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, call) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_bytes) == CURLE_OK &&
           set_limits(call, r) && set_body(call, r) && set_headers(c, call, r);
}

static void free_call(struct client_call *call)
{
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    free(call->path);
    free(call->body);
    free(call);
}

struct client_call *client_begin(struct client *c, const struct client_request *r)
{
    struct client_call *call = calloc(1, sizeof *call);
    if (call == NULL)
        return NULL;
    call->is_stream = r->is_stream;
    call->easy = curl_easy_init();
    if (!set_all(c, call, r) || curl_multi_add_handle(c->multi, call->easy) != CURLM_OK) {
        free_call(call);
        return NULL;
    }
    return call;
}

static bool take_results(struct client *c)
{
    bool is_any = false;
    int left;
    for (const CURLMsg *m; (m = curl_multi_info_read(c->multi, &left)) != NULL;) {
        struct client_call *call = NULL;
        if (m->msg != CURLMSG_DONE ||
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&call) != CURLE_OK)
            continue;
        is_any = call->is_done = true;
        call->result = m->data.result;
    }
    return is_any;
}

void client_wait(struct client *c, struct pollfd *fds, unsigned count, int timeout_ms)
{
    struct curl_waitfd waits[FDS_MAX];
    int running, ready;
    assert(count <= FDS_MAX);
    for (unsigned i = 0; i < count; i++)
        waits[i] = (struct curl_waitfd){.fd = fds[i].fd, .events = CURL_WAIT_POLLIN};
    (void)curl_multi_perform(c->multi, &running);
    if (take_results(c))
        timeout_ms = 0;
    (void)curl_multi_poll(c->multi, count > 0 ? waits : NULL, count, timeout_ms, &ready);
    for (unsigned i = 0; i < count; i++)
        fds[i].revents = waits[i].revents != 0 ? POLLIN : 0;
    (void)curl_multi_perform(c->multi, &running);
    (void)take_results(c);
}

bool client_is_done(const struct client_call *call)
{
    return call->is_done;
}

bool client_is_connected(const struct client_call *call)
{
    long status = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    return !call->is_done && status == 200;
}

bool client_has_news(struct client_call *call)
{
    bool has_news = call->has_news;
    call->has_news = false;
    return has_news;
}

/* --- the answer --- */

static void explain(struct client *c, const struct client_call *call)
{
    if (call->result == CURLE_COULDNT_CONNECT && c->is_loopback)
        (void)snprintf(c->why, sizeof c->why,
                       "cannot reach %s: start it with `swm serve`, or name another in SWM_URL",
                       c->url);
    else if (call->result == CURLE_PEER_FAILED_VERIFICATION)
        (void)snprintf(c->why, sizeof c->why,
                       "%s shows a certificate that nobody known here vouches for: name who does "
                       "with SWM_CA_FILE",
                       c->url);
    else
        (void)snprintf(c->why, sizeof c->why, "cannot reach %s: %s", c->url,
                       curl_easy_strerror(call->result));
}

enum err client_take(struct client *c, struct client_call *call, struct arena *a,
                     struct client_answer *out)
{
    long status = 0;
    assert(call->is_done);
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    enum err e = call->is_too_large ? ERR_TOO_LARGE : call->result == CURLE_OK ? ERR_NONE : ERR_IO;
    if (e == ERR_NONE) {
        struct slice body = {call->body != NULL ? call->body : "", call->len};
        *out = (struct client_answer){(int)status, slice_copy(a, body)};
    } else {
        explain(c, call);
    }
    client_drop(c, call);
    return e;
}

void client_drop(struct client *c, struct client_call *call)
{
    (void)curl_multi_remove_handle(c->multi, call->easy);
    free_call(call);
}

enum err client_ask(struct client *c, struct arena *a, const struct client_request *r,
                    struct client_answer *out)
{
    struct client_call *call = client_begin(c, r);
    if (call == NULL) {
        (void)snprintf(c->why, sizeof c->why, "memory is short");
        return ERR_MEMORY;
    }
    while (!call->is_done)
        client_wait(c, NULL, 0, 1000);
    return client_take(c, call, a, out);
}
