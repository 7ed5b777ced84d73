/* HTTP requests on libcurl's multi interface, driven by one epoll descriptor that the loop can
 * poll: libcurl says which sockets it waits for and for how long. Before it stand the calls of
 * Amazon SQS and the credentials, which know what may be asked twice; here nothing is tried again.
 */
#include "queue/queue_sqs_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define CONNECT_MS 5000L
#define EVENTS_MAX 64
#define HEADER_LINE_BYTES 8192
#define CONNECTIONS_KEPT 96L
#define EXCHANGE_BYTES_MAX ((size_t)128 * 1024 * 1024) /* a large answer, read as JSON */

/* --- what libcurl waits for --- */

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *known)
{
    struct far_http *h = context;
    struct epoll_event e = {.data.fd = fd};
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(h->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    if ((what & CURL_POLL_IN) != 0)
        e.events |= EPOLLIN;
    if ((what & CURL_POLL_OUT) != 0)
        e.events |= EPOLLOUT;
    int failed = epoll_ctl(h->epoll_fd, known == NULL ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &e);
    if (failed == 0 && known == NULL)
        (void)curl_multi_assign(h->multi, fd, h);
    return failed;
}

/* A timer of the system's and not of the loop's: libcurl counts by the monotonic clock. */
static int watch_time(CURLM *multi, long timeout_ms, void *context)
{
    struct far_http *h = context;
    struct itimerspec at = {0};
    (void)multi;
    if (timeout_ms > 0) {
        at.it_value.tv_sec = timeout_ms / 1000;
        at.it_value.tv_nsec = timeout_ms % 1000 * 1000000;
    } else if (timeout_ms == 0) {
        at.it_value.tv_nsec = 1;
    }
    return timerfd_settime(h->timer_fd, 0, &at, NULL);
}

/* --- opening --- */

static bool set_multi(struct far_http *h)
{
    return h->multi != NULL &&
           curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, watch_socket) == CURLM_OK &&
           curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h) == CURLM_OK &&
           curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, watch_time) == CURLM_OK &&
           curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h) == CURLM_OK &&
           curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT) == CURLM_OK;
}

enum err far_http_open(struct far_http *h)
{
    const char *ca_file = getenv("AWS_CA_BUNDLE");
    *h = (struct far_http){.epoll_fd = -1, .timer_fd = -1};
    list_init(&h->exchanges);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return ERR_MEMORY;
    h->multi = curl_multi_init();
    h->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    h->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (ca_file != NULL && ca_file[0] != '\0')
        h->ca_file = strdup(ca_file);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = h->timer_fd};
    if (h->epoll_fd < 0 || h->timer_fd < 0 ||
        epoll_ctl(h->epoll_fd, EPOLL_CTL_ADD, h->timer_fd, &e) != 0)
        return ERR_IO;
    return set_multi(h) ? ERR_NONE : ERR_MEMORY;
}

void far_http_close(struct far_http *h)
{
    struct link *k;
    while ((k = list_first(&h->exchanges)) != NULL)
        far_http_free(LINK_OWNER(k, struct far_exchange, link));
    if (h->multi != NULL)
        (void)curl_multi_cleanup(h->multi);
    if (h->epoll_fd >= 0)
        close(h->epoll_fd);
    if (h->timer_fd >= 0)
        close(h->timer_fd);
    free(h->ca_file);
    curl_global_cleanup();
}

/* --- the answer --- */

static size_t take_bytes(char *bytes, size_t size, size_t count, void *context)
{
    struct far_exchange *x = context;
    size_t len = size * count;
    if (len > FAR_ANSWER_BYTES_MAX - x->len)
        return 0;
    if (x->len + len > x->capacity) {
        size_t capacity = (x->len + len) * 2;
        char *grown = realloc(x->bytes, capacity);
        if (grown == NULL)
            return 0;
        x->bytes = grown;
        x->capacity = capacity;
    }
    memcpy(x->bytes + x->len, bytes, len);
    x->len += len;
    return len;
}

static void keep(struct slice line, const char *name, char out[FAR_HEADER_BYTES])
{
    struct slice head, value;
    slice_cut(line, ':', &head, &value);
    if (head.len != strlen(name) || strncasecmp(head.at, name, head.len) != 0)
        return;
    value = slice_trim(value);
    size_t len = value.len < FAR_HEADER_BYTES ? value.len : FAR_HEADER_BYTES - 1;
    if (len > 0)
        memcpy(out, value.at, len);
    out[len] = '\0';
}

static size_t take_header(char *bytes, size_t size, size_t count, void *context)
{
    struct far_exchange *x = context;
    struct slice line = {bytes, size * count};
    keep(line, "date", x->date);
    keep(line, "x-amzn-query-error", x->error);
    return line.len;
}

/* --- one exchange --- */

struct far_exchange *far_http_make(struct far_http *h)
{
    struct far_exchange *x = calloc(1, sizeof *x);
    if (x == NULL)
        return NULL;
    x->http = h;
    arena_init(&x->arena, EXCHANGE_BYTES_MAX);
    x->easy = curl_easy_init();
    list_append(&h->exchanges, &x->link);
    if (x->easy == NULL) {
        far_http_free(x);
        return NULL;
    }
    return x;
}

bool far_http_add_header(struct far_exchange *x, const char *name, struct slice value)
{
    char line[HEADER_LINE_BYTES];
    int len = snprintf(line, sizeof line, "%s: %.*s", name, SLICE_ARG(value));
    if (len < 0 || (size_t)len >= sizeof line)
        return false;
    if (value.len == 0)
        line[len - 1] = '\0'; /* "Name:" keeps libcurl from sending one of its own */
    struct curl_slist *longer = curl_slist_append(x->headers, line);
    if (longer != NULL)
        x->headers = longer;
    return longer != NULL;
}

static bool set_body(struct far_exchange *x)
{
    if (x->body.at == NULL)
        return curl_easy_setopt(x->easy, CURLOPT_CUSTOMREQUEST, x->method) == CURLE_OK;
    return curl_easy_setopt(x->easy, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body.len) ==
               CURLE_OK &&
           curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, x->body.at) == CURLE_OK &&
           far_http_add_header(x, "Expect", SLICE_NONE);
}

static bool set_connection(struct far_exchange *x)
{
    CURL *easy = x->easy;
    if (x->is_local && curl_easy_setopt(easy, CURLOPT_PROXY, "") != CURLE_OK)
        return false;
    if (x->http->ca_file != NULL &&
        curl_easy_setopt(easy, CURLOPT_CAINFO, x->http->ca_file) != CURLE_OK)
        return false;
    return curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, x->timeout_ms) == CURLE_OK;
}

static bool set_all(struct far_exchange *x)
{
    CURL *easy = x->easy;
    return far_http_add_header(x, "User-Agent", SLICE("swm")) &&
           curl_easy_setopt(easy, CURLOPT_URL, x->url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PRIVATE, x) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, x) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_bytes) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, x) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           set_connection(x) && set_body(x) &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, x->headers) == CURLE_OK;
}

bool far_http_begin(struct far_exchange *x)
{
    return set_all(x) && curl_multi_add_handle(x->http->multi, x->easy) == CURLM_OK;
}

void far_http_free(struct far_exchange *x)
{
    list_remove(&x->http->exchanges, &x->link);
    if (x->easy != NULL) {
        (void)curl_multi_remove_handle(x->http->multi, x->easy);
        curl_easy_cleanup(x->easy);
    }
    curl_slist_free_all(x->headers);
    arena_drop(&x->arena);
    free(x->bytes);
    free(x);
}

/* --- the round --- */

static void finish_all(struct far_http *h)
{
    int left;
    for (const CURLMsg *m; (m = curl_multi_info_read(h->multi, &left)) != NULL;) {
        struct far_exchange *x = NULL;
        CURLcode result = m->data.result;
        if (m->msg != CURLMSG_DONE ||
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&x) != CURLE_OK)
            continue;
        x->result = result;
        (void)curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &x->status);
        x->finish(x);
        far_http_free(x);
    }
}

static void take_event(struct far_http *h, const struct epoll_event *e)
{
    int running, what = 0;
    uint64_t ticks;
    if (e->data.fd == h->timer_fd) {
        if (read(h->timer_fd, &ticks, sizeof ticks) == (ssize_t)sizeof ticks)
            (void)curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        return;
    }
    if ((e->events & EPOLLIN) != 0)
        what |= CURL_CSELECT_IN;
    if ((e->events & EPOLLOUT) != 0)
        what |= CURL_CSELECT_OUT;
    if ((e->events & (EPOLLERR | EPOLLHUP)) != 0)
        what |= CURL_CSELECT_ERR;
    (void)curl_multi_socket_action(h->multi, e->data.fd, what, &running);
}

void far_http_round(struct far_http *h)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(h->epoll_fd, events, EVENTS_MAX, 0);
    for (int k = 0; k < count; k++)
        take_event(h, &events[k]);
    finish_all(h);
}
