/* The server: opens everything, runs the loop, ends in order. Before it stands the command line;
 * what it drives are the HTTP server, the engine, the queues and the store. The loop only calls;
 * it decides nothing. */
#include "app/command.h"
#include "app/engine.h"
#include "app/tls.h"
#include "base/log.h"
#include "base/time.h"
#include "base/version.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define DRAIN_MS 4500 /* what a stop may take; then it is cut short */
#define SLEEP_MS_MAX 60000

enum source { SOURCE_HTTP = 1, SOURCE_STORE = 2, SOURCE_SIGNAL = 4, SOURCE_QUEUE = 8 };

struct serve {
    struct config config;
    struct engine engine;
    struct http_server *http;
    int epoll_fd, signal_fd;
    unsigned ready; /* enum source bits: what has something to say */
    int64_t drained_at_ms;
    bool is_ready, is_draining;
    int exit;
};

/* --- the loop --------------------------------------------------------------------------------- */

static void read_requests(struct serve *s)
{
    if ((s->ready & SOURCE_HTTP) != 0 || http_next_ms(s->http) == 0)
        http_round(s->http);
}

static void wake(struct serve *s)
{
    drivers_round(s->engine.drivers, s->engine.now_ms);
}

/* Due wake-ups and what has arrived are stepped, and their commits go to the store. */
static void run_and_commit(struct serve *s)
{
    flow_round(s->engine.flow, s->engine.now_ms);
}

static void tell(struct serve *s)
{
    if (s->engine.is_template_new)
        (void)engine_declare(&s->engine);
    rest_round(s->engine.rest, s->engine.now_ms);
    http_round(s->http);
}

static void sleep_until_needed(struct serve *s)
{
    int64_t now_ms = s->engine.now_ms, next = engine_next(&s->engine);
    if (s->is_draining)
        next = time_min(next, s->drained_at_ms);
    int64_t ms = next <= now_ms ? 0 : next == TIME_NEVER ? SLEEP_MS_MAX : next - now_ms;
    ms = time_min(time_min(ms, http_next_ms(s->http)), SLEEP_MS_MAX);
    struct epoll_event events[4];
    int count = epoll_wait(s->epoll_fd, events, 4, (int)ms);
    s->ready = 0;
    for (int i = 0; i < count; i++)
        s->ready |= events[i].data.u32;
}

static void drain(struct serve *s)
{
    log_line(LOG_INFO, "app", "stopping: no new work is taken");
    s->is_draining = true;
    s->drained_at_ms = time_add(s->engine.now_ms, DRAIN_MS);
    http_stop_listening(s->http);
    rest_drain(s->engine.rest);
    drivers_drain(s->engine.drivers);
    flow_drain(s->engine.flow);
}

/* The first signal stops in order, the second at once: what is not durable was not acknowledged. */
static void take_signals(struct serve *s)
{
    struct signalfd_siginfo info;
    while ((s->ready & SOURCE_SIGNAL) != 0 && read(s->signal_fd, &info, sizeof info) > 0) {
        if (s->is_draining)
            _exit(128 + (int)info.ssi_signo);
        drain(s);
    }
}

static void tell_ready(struct serve *s)
{
    const char *colon = strrchr(s->config.listen, ':');
    printf("swm %s ready on %s://%.*s:%d (data %s, %s, %lld ms)\n", version_text,
           s->config.tls_cert != NULL ? "https" : "http", (int)(colon - s->config.listen),
           s->config.listen, http_port(s->http),
           engine_is_on_disk(&s->engine) ? s->config.data : "elsewhere",
           engine_store_name(&s->engine), (long long)(s->engine.now_ms - s->engine.began_at_ms));
    fflush(stdout);
}

/* Nobody but this machine may find an open door. Until here every request was put off. */
static bool is_too_open(struct serve *s)
{
    if (!s->config.is_open_address)
        return false;
    if (rest_asks_for_keys(s->engine.rest)) {
        if (s->config.tls_cert == NULL)
            log_line(LOG_WARN, "app",
                     "keys come over the network unencrypted, unless a proxy before this server "
                     "speaks HTTPS: see --tls-cert");
        return false;
    }
    log_line(
        LOG_ERROR, "app",
        "--listen %s is refused: others could reach it, and there is no key that they would "
        "need. Make one with \"swm key create --role admin\" on a server of the same data that "
        "listens on 127.0.0.1, or set SWM_ADMIN_KEY",
        s->config.listen);
    s->exit = EXIT_REFUSED;
    return true;
}

/* Everything that a start reads has been read: the doors open. */
static void become_ready(struct serve *s)
{
    s->is_ready = engine_declare(&s->engine);
    if (!s->is_ready || is_too_open(s))
        return;
    rest_set_ready(s->engine.rest);
    drivers_receive(s->engine.drivers);
    tell_ready(s);
}

static bool is_over(struct serve *s)
{
    enum err e = engine_start_error(&s->engine);
    if (e != ERR_NONE) {
        log_line(LOG_ERROR, "app", "the data can't be read: %s", err_text(e));
        s->exit = EXIT_REFUSED;
        return true;
    }
    if (!s->is_draining)
        return s->exit != EXIT_OK;
    if (s->engine.now_ms < s->drained_at_ms)
        return flow_is_idle(s->engine.flow) && drivers_is_idle(s->engine.drivers) &&
               http_open_requests(s->http) == 0;
    log_line(LOG_WARN, "app", "stopped before everything was answered");
    return true;
}

static void run(struct serve *s)
{
    for (;;) {
        engine_read_clock(&s->engine);
        take_signals(s);
        read_requests(s);
        wake(s);
        run_and_commit(s);
        tell(s);
        if (!s->is_ready && engine_is_read(&s->engine))
            become_ready(s);
        if (is_over(s))
            return;
        sleep_until_needed(s);
    }
}

/* --- opening and closing ---------------------------------------------------------------------- */

/* Descriptors 0 to 2 stay what they are for: a closed one must not become the database. */
static bool keep_standard_files(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    } while (fd >= 0 && fd <= 2);
    if (fd > 2)
        close(fd);
    return fd > 2;
}

static void raise_limits(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    (void)mallopt(M_ARENA_MAX, 4); /* the loop and three threads of the store: none waits */
}

/* Signals come through a descriptor, blocked before any thread is made. */
static bool take_signals_over(struct serve *s)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return false;
    s->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return s->signal_fd >= 0 && s->epoll_fd >= 0;
}

static bool listen_to(struct serve *s, int fd, enum source source)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = source};
    return fd < 0 || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0;
}

static enum err open_http(struct serve *s)
{
    struct slice hosts[CONFIG_HOSTS_MAX];
    struct tls tls;
    if (tls_read(s->config.tls_cert, s->config.tls_key, &tls) != ERR_NONE)
        return ERR_IO;
    for (size_t i = 0; i < s->config.host_count; i++)
        hosts[i] = slice_of(s->config.hosts[i]);
    struct http_config c = {.address = slice_of(s->config.listen),
                            .hosts = hosts,
                            .host_count = s->config.host_count,
                            .tls_cert = tls.cert,
                            .tls_key = tls.key,
                            .handle = rest_handle,
                            .context = s->engine.rest};
    enum err e = http_open(&c, &s->http);
    int why = errno;
    tls_forget(&tls);
    if (e == ERR_CORRUPT)
        log_line(LOG_ERROR, "app", "%s and %s are not a certificate and its private key (PEM)",
                 s->config.tls_cert, s->config.tls_key);
    else if (e == ERR_INVALID)
        log_line(LOG_ERROR, "app", "--listen %s is not an address and a port", s->config.listen);
    else if (e != ERR_NONE)
        log_line(LOG_ERROR, "app", "can't listen on %s: %s", s->config.listen, strerror(why));
    return e;
}

static enum err open_all(struct serve *s)
{
    enum err e = engine_open(&s->engine, &s->config);
    if (e == ERR_NONE)
        e = open_http(s);
    if (e != ERR_NONE)
        return e;
    engine_connect(&s->engine, s->http);
    bool is_listening = listen_to(s, http_poll_fd(s->http), SOURCE_HTTP) &&
                        listen_to(s, drivers_wake_fd(s->engine.drivers), SOURCE_STORE) &&
                        listen_to(s, drivers_queue_fd(s->engine.drivers), SOURCE_QUEUE) &&
                        listen_to(s, s->signal_fd, SOURCE_SIGNAL);
    return is_listening ? ERR_NONE : ERR_IO;
}

int cmd_serve(int argc, char **argv)
{
    struct serve s = {.exit = EXIT_OK};
    if (config_read(argc, argv, &s.config) != ERR_NONE)
        return EXIT_USAGE;
    if (!keep_standard_files() || !take_signals_over(&s))
        return EXIT_REFUSED;
    raise_limits();
    log_open(s.config.least, s.config.log_json);
    if (open_all(&s) == ERR_NONE) {
        engine_start(&s.engine);
        run(&s);
    } else {
        s.exit = EXIT_REFUSED;
    }
    engine_close(&s.engine, s.http);
    close(s.epoll_fd);
    close(s.signal_fd);
    return s.exit;
}

void serve_help(void)
{
    config_help();
}
