/* Opens, drives and closes the HTTP server. Before it stands the listening socket, after it
 * http_request.c, which reads what comes in. It must not know what any request means. */
#include "api/http_int.h"

#include "base/time.h"
#include "core/limits.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
#define FDS_KEPT 64 /* descriptors that connections leave to the store and the rest */

struct address {
    char host[HTTP_HOST_BYTES_MAX];
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } socket;
    socklen_t len;
};

static bool copy_host(struct slice s, char host[HTTP_HOST_BYTES_MAX])
{
    if (s.len == 0 || s.len >= HTTP_HOST_BYTES_MAX)
        return false;
    memcpy(host, s.at, s.len);
    host[s.len] = '\0';
    return true;
}

/* "127.0.0.1:7960" and "[::1]:7960"; the name localhost stands for 127.0.0.1. */
static bool parse_address(struct slice s, struct address *out)
{
    size_t colon = s.len;
    while (colon > 0 && s.at[colon - 1] != ':')
        colon--;
    int64_t port;
    if (colon < 2 || !slice_to_int((struct slice){s.at + colon, s.len - colon}, &port) ||
        port < 0 || port > 65535)
        return false;
    struct slice host = {s.at, colon - 1};
    bool is_v6 = host.at[0] == '[' && host.at[host.len - 1] == ']';
    if (is_v6)
        host = (struct slice){host.at + 1, host.len - 2};
    if (!copy_host(host, out->host))
        return false;
    const char *text = strcmp(out->host, "localhost") == 0 ? "127.0.0.1" : out->host;
    memset(&out->socket, 0, sizeof out->socket);
    if (is_v6) {
        out->socket.v6.sin6_family = AF_INET6;
        out->socket.v6.sin6_port = htons((uint16_t)port);
        out->len = sizeof out->socket.v6;
        return inet_pton(AF_INET6, text, &out->socket.v6.sin6_addr) == 1;
    }
    out->socket.v4.sin_family = AF_INET;
    out->socket.v4.sin_port = htons((uint16_t)port);
    out->len = sizeof out->socket.v4;
    return inet_pton(AF_INET, text, &out->socket.v4.sin_addr) == 1;
}

/* A listening socket, or -1 with errno set. */
static int listen_on(const struct address *a)
{
    int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    int fd = socket(a->socket.any.sa_family, type, 0);
    if (fd < 0)
        return -1;
    int one = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, &a->socket.any, a->len) != 0 || listen(fd, SOMAXCONN) != 0) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

/* Connections leave descriptors to the rest of the process, so that accept never meets the limit.
 */
static unsigned connections_max(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
        limit.rlim_cur >= HTTP_CONNECTIONS_MAX + FDS_KEPT)
        return HTTP_CONNECTIONS_MAX;
    return limit.rlim_cur > 2 * FDS_KEPT ? (unsigned)limit.rlim_cur - FDS_KEPT
                                         : (unsigned)limit.rlim_cur / 2 + 1;
}

/* What the daemon is given for TLS; nothing but the end for plain HTTP. */
static void fill_tls(const struct http_config *config, struct MHD_OptionItem items[4])
{
    size_t count = 0;
    if (config->tls_cert != NULL) {
        items[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0,
                                                 (void *)(uintptr_t)config->tls_cert};
        items[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0,
                                                 (void *)(uintptr_t)config->tls_key};
        items[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0,
                                                 (void *)(uintptr_t)TLS_PRIORITIES};
    }
    items[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
}

/* Where descriptors were short, the library stops to listen, and begins again in the first of its
 * runs after one in which a connection has ended: that one must not wait for anything else. */
static void note_end(void *server, struct MHD_Connection *connection, void **socket,
                     enum MHD_ConnectionNotificationCode what)
{
    struct http_server *s = server;
    (void)connection;
    (void)socket;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED)
        s->has_ended = true;
}

static struct MHD_Daemon *start_daemon(struct http_server *s, const struct http_config *config,
                                       int listen_fd, bool is_v6)
{
    struct MHD_OptionItem tls[4];
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (is_v6 ? MHD_USE_IPv6 : 0) |
                     (s->is_secure ? MHD_USE_TLS : 0);
    fill_tls(config, tls);
    return MHD_start_daemon(
        flags, 0, NULL, NULL, http_request_take, s, /* */
        MHD_OPTION_LISTEN_SOCKET, listen_fd,        /* */
        MHD_OPTION_URI_LOG_CALLBACK, http_request_begin, s, MHD_OPTION_NOTIFY_COMPLETED,
        http_request_end, s, MHD_OPTION_NOTIFY_CONNECTION, note_end, s, /* */
        MHD_OPTION_CONNECTION_LIMIT, connections_max(),                 /* */
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS_PER_IP_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_IDLE_S_MAX, /* */
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_HEADER_BYTES_MAX, MHD_OPTION_ARRAY, tls,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
}

static void take_hosts(struct http_server *s, const struct http_config *config,
                       const struct address *a)
{
    static const char *const always[] = {"localhost", "127.0.0.1", "::1"};
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        (void)copy_host(slice_of(always[i]), s->hosts[s->host_count++]);
    if (a->host[0] != '\0')
        (void)copy_host(slice_of(a->host), s->hosts[s->host_count++]);
    for (size_t i = 0; i < config->host_count && s->host_count < HTTP_HOSTS_MAX; i++) {
        if (copy_host(config->hosts[i], s->hosts[s->host_count]))
            s->host_count++;
    }
}

static int epoll_fd_of(struct MHD_Daemon *d)
{
    return MHD_get_daemon_info(d, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

static bool start_watch(struct http_server *s)
{
    s->watch_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
    return s->watch_fd >= 0 &&
           epoll_ctl(s->watch_fd, EPOLL_CTL_ADD, epoll_fd_of(s->daemon), &e) == 0;
}

static struct http_server *make(const struct http_config *config, const struct address *a)
{
    struct http_server *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->watch_fd = -1;
    s->handle = config->handle;
    s->context = config->context;
    list_init(&s->open);
    list_init(&s->spare);
    take_hosts(s, config, a);
    s->is_secure = config->tls_cert != NULL;
    return s;
}

enum err http_open(const struct http_config *config, struct http_server **out)
{
    struct address a = {.host = ""};
    bool is_listening = config->address.at != NULL;
    if (is_listening && !parse_address(config->address, &a))
        return ERR_INVALID;
    int listen_fd = is_listening ? listen_on(&a) : -1;
    if (is_listening && listen_fd < 0)
        return ERR_IO;
    struct http_server *s = make(config, &a);
    if (s == NULL && listen_fd >= 0)
        close(listen_fd);
    if (s == NULL)
        return ERR_MEMORY;
    *out = s;
    if (!is_listening)
        return ERR_NONE;
    s->daemon = start_daemon(s, config, listen_fd, a.socket.any.sa_family == AF_INET6);
    if (s->daemon == NULL)
        close(listen_fd);
    if (s->daemon == NULL || !start_watch(s)) {
        enum err e = s->daemon == NULL && s->is_secure ? ERR_CORRUPT : ERR_IO;
        http_close(s);
        *out = NULL;
        return e;
    }
    s->port = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    return ERR_NONE;
}

int http_poll_fd(const struct http_server *s)
{
    return s->watch_fd;
}

int http_port(const struct http_server *s)
{
    return s->port;
}

/* Finds clients that left while somebody waits on their behalf. */
static void notice_gone(struct http_server *s)
{
    struct epoll_event events[64];
    int count = epoll_wait(s->watch_fd, events, 64, 0);
    for (int i = 0; i < count; i++) {
        struct http_request *r = events[i].data.ptr;
        if (r == NULL)
            continue;
        r->is_dead = true;
        http_request_tell_gone(r);
        http_reply_wake(r);
    }
}

void http_round(struct http_server *s)
{
    if (s->watched > 0)
        notice_gone(s);
    s->has_ended = false;
    (void)MHD_run(s->daemon);
}

int64_t http_next_ms(const struct http_server *s)
{
    MHD_UNSIGNED_LONG_LONG ms;
    if (s->has_ended)
        return 0;
    if (MHD_get_timeout(s->daemon, &ms) != MHD_YES)
        return TIME_NEVER;
    return ms > INT32_MAX ? INT32_MAX : (int64_t)ms;
}

void http_stop_listening(struct http_server *s)
{
    int fd = MHD_quiesce_daemon(s->daemon);
    if (fd >= 0)
        close(fd);
}

size_t http_open_requests(const struct http_server *s)
{
    size_t count = 0;
    for (struct link *k = list_first(&s->open); k != NULL; k = list_after(&s->open, k)) {
        const struct http_request *r = LINK_OWNER(k, struct http_request, link);
        count += r->stage >= REQUEST_HANDED;
    }
    return count;
}

/* The library wants every connection running before it stops. */
static void end_all(struct http_server *s)
{
    s->is_closing = true;
    for (struct link *k = list_first(&s->open); k != NULL; k = list_after(&s->open, k)) {
        struct http_request *r = LINK_OWNER(k, struct http_request, link);
        r->is_dead = true;
        http_request_tell_gone(r);
        http_reply_wake(r);
    }
    (void)MHD_run(s->daemon);
    MHD_stop_daemon(s->daemon);
}

void http_close(struct http_server *s)
{
    if (s->daemon != NULL)
        end_all(s);
    s->is_closing = true;
    http_memory_end_all(s);
    assert(list_first(&s->open) == NULL);
    for (struct link *k = list_take(&s->spare); k != NULL; k = list_take(&s->spare))
        http_request_free(LINK_OWNER(k, struct http_request, link));
    if (s->watch_fd >= 0)
        close(s->watch_fd);
    free(s);
}
