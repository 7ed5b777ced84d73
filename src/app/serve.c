/* The server: opens everything, runs the loop, ends in order. Before it stands the command line;
 * what it drives are the HTTP server, the engine, the queues and the store. The loop only calls;
 * it decides nothing. */
#include "api/rest.h"
#include "api/sqs.h"
#include "app/clock_system.h"
#include "app/command.h"
#include "app/config.h"
#include "app/drivers.h"
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
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define DRAIN_MS 4500 /* what a stop may take; then it is cut short */
#define SLEEP_MS_MAX 60000

enum source { SOURCE_HTTP = 1, SOURCE_STORE = 2, SOURCE_SIGNAL = 4, SOURCE_QUEUE = 8 };

struct serve {
    struct config config;
    struct clock_system clock;
    struct drivers *drivers;
    struct flow *flow;
    struct rest *rest;
    struct http_server *http;
    struct sqs_front *sqs;
    int epoll_fd, signal_fd;
    unsigned ready; /* enum source bits: what has something to say */
    int64_t now_ms, began_at_ms, drained_at_ms;
    bool is_ready, is_draining;
    bool is_template_new; /* the queues are to be told */
    char info[512];       /* what other nodes may know of this one: JSON */
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
    drivers_round(s->drivers, s->now_ms);
}

/* Due wake-ups and what has arrived are stepped, and their commits go to the store. */
static void run_and_commit(struct serve *s)
{
    flow_round(s->flow, s->now_ms);
}

static void tell(struct serve *s)
{
    if (s->is_template_new)
        s->is_template_new = drivers_declare(s->drivers) != ERR_NONE;
    rest_round(s->rest, s->now_ms);
    http_round(s->http);
}

static void sleep_until_needed(struct serve *s)
{
    int64_t next = time_min(flow_next(s->flow), drivers_next(s->drivers));
    next = time_min(next, rest_next(s->rest));
    if (s->is_draining)
        next = time_min(next, s->drained_at_ms);
    int64_t ms = next <= s->now_ms ? 0 : next == TIME_NEVER ? SLEEP_MS_MAX : next - s->now_ms;
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
    s->drained_at_ms = time_add(s->now_ms, DRAIN_MS);
    http_stop_listening(s->http);
    rest_drain(s->rest);
    drivers_drain(s->drivers);
    flow_drain(s->flow);
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

/* The store's address may hold a password: it is told by its kind. */
static const char *store_name(const struct serve *s)
{
    return drivers_store(s->drivers)->ops->name;
}

static bool is_on_disk(const struct serve *s)
{
    return strcmp(store_name(s), "sqlite") == 0;
}

static void tell_ready(struct serve *s)
{
    const char *colon = strrchr(s->config.listen, ':');
    printf("swm %s ready on %s://%.*s:%d (data %s, %s, %lld ms)\n", version_text,
           s->config.tls_cert != NULL ? "https" : "http", (int)(colon - s->config.listen),
           s->config.listen, http_port(s->http), is_on_disk(s) ? s->config.data : "elsewhere",
           store_name(s), (long long)(s->clock.clock.read(&s->clock.clock) - s->began_at_ms));
    fflush(stdout);
}

/* Nobody but this machine may find an open door. Until here every request was put off. */
static bool is_too_open(struct serve *s)
{
    if (!s->config.is_open_address)
        return false;
    if (rest_asks_for_keys(s->rest)) {
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
    s->is_ready = drivers_declare(s->drivers) == ERR_NONE;
    if (!s->is_ready || is_too_open(s))
        return;
    rest_set_ready(s->rest);
    drivers_receive(s->drivers);
    tell_ready(s);
}

static bool is_over(struct serve *s)
{
    enum err e = flow_start_error(s->flow);
    if (e == ERR_NONE)
        e = drivers_start_error(s->drivers);
    if (e != ERR_NONE) {
        log_line(LOG_ERROR, "app", "the data can't be read: %s", err_text(e));
        s->exit = EXIT_REFUSED;
        return true;
    }
    if (!s->is_draining)
        return s->exit != EXIT_OK;
    if (s->now_ms < s->drained_at_ms)
        return flow_is_idle(s->flow) && drivers_is_idle(s->drivers) &&
               http_open_requests(s->http) == 0;
    log_line(LOG_WARN, "app", "stopped before everything was answered");
    return true;
}

/* Not before the store is open: a time that was told from a clock that is ahead is not taken back.
 */
static int64_t read_clock(struct serve *s)
{
    s->clock.is_stores = drivers_offset_ms(s->drivers, &s->clock.offset_ms);
    return s->clock.clock.read(&s->clock.clock);
}

static void run(struct serve *s)
{
    for (;;) {
        s->now_ms = read_clock(s);
        drivers_set_time(s->drivers, s->now_ms);
        rest_set_time(s->rest, s->now_ms);
        take_signals(s);
        read_requests(s);
        wake(s);
        run_and_commit(s);
        tell(s);
        if (!s->is_ready && flow_is_ready(s->flow) && drivers_is_ready(s->drivers))
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
                            .context = s->rest};
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

/* A record is durable. */
static void take_record(void *context, struct slice instance, const struct store_record *r)
{
    struct serve *s = context;
    if (slice_eq_text(r->event, vocab_name(VOCAB_EVENT_KIND, EVENT_TEMPLATE_APPLIED)))
        s->is_template_new = true;
    rest_tell(s->rest, instance, r);
}

/* The listening address is known to differ only in its port, where that was 0. */
static void describe_node(struct serve *s)
{
    (void)snprintf(s->info, sizeof s->info,
                   "{\"queue\":\"%.200s\",\"address\":\"%.100s\",\"version\":\"%.60s\"}",
                   s->config.queue, s->config.listen, version_text);
}

static enum err open_engine(struct serve *s, uint64_t seed)
{
    describe_node(s);
    struct flow_config c = {.store = drivers_store(s->drivers),
                            .node = slice_of(s->config.node_name),
                            .info = slice_of(s->info),
                            .seed = seed,
                            .retention_ms = s->config.retention_ms,
                            .tell = take_record,
                            .tell_context = s};
    if (getrandom(c.fresh_key, sizeof c.fresh_key, 0) != (ssize_t)sizeof c.fresh_key)
        return ERR_IO;
    char message[DRIVERS_MESSAGE_BYTES] = "";
    enum err e = flow_open(&c, &s->flow);
    struct drivers_queue queue = {s->config.queue, s->flow, rest_post, s->rest, seed};
    if (e == ERR_NONE)
        e = drivers_open_queue(s->drivers, &queue, s->now_ms, message);
    if (e != ERR_NONE)
        log_line(LOG_ERROR, "app", "can't start: %s", message[0] != '\0' ? message : err_text(e));
    return e;
}

static enum err open_rest(struct serve *s, uint64_t seed)
{
    struct rest_config c = {.data_folder = slice_of(is_on_disk(s) ? s->config.data : NULL),
                            .store = slice_of(store_name(s)),
                            .node = slice_of(s->config.node_name),
                            .seed = seed,
                            .admin_key = slice_of(s->config.admin_key)};
    return rest_open(&c, &s->rest);
}

static enum err open_sqs(struct serve *s, uint64_t seed)
{
    struct sqs_config c = {
        .queues = drivers_front(s->drivers), .seed = seed, .events = rest_post, .context = s->rest};
    return sqs_open(&c, &s->sqs);
}

static enum err open_store(struct serve *s)
{
    char message[DRIVERS_MESSAGE_BYTES] = "";
    struct drivers_config c = {
        .store = s->config.store, .data = s->config.data, .node = s->config.node_name};
    enum err e = drivers_open(&c, &s->drivers, message);
    if (e != ERR_NONE)
        log_line(LOG_ERROR, "app", "%s", message[0] != '\0' ? message : err_text(e));
    return e;
}

static enum err open_all(struct serve *s)
{
    uint64_t seeds[3];
    if (getrandom(seeds, sizeof seeds, 0) != (ssize_t)sizeof seeds)
        return ERR_IO;
    enum err e = open_store(s);
    if (e == ERR_NONE) {
        s->now_ms = s->began_at_ms = read_clock(s);
        e = open_rest(s, seeds[0]);
    }
    if (e == ERR_NONE)
        e = open_engine(s, seeds[1]);
    if (e == ERR_NONE)
        e = open_sqs(s, seeds[2]);
    if (e == ERR_NONE)
        e = open_http(s);
    if (e != ERR_NONE)
        return e;
    rest_connect(s->rest, &(struct rest_parts){s->flow, drivers_front(s->drivers),
                                               drivers_queue(s->drivers), s->http, s->sqs});
    bool is_listening = listen_to(s, http_poll_fd(s->http), SOURCE_HTTP) &&
                        listen_to(s, drivers_wake_fd(s->drivers), SOURCE_STORE) &&
                        listen_to(s, drivers_queue_fd(s->drivers), SOURCE_QUEUE) &&
                        listen_to(s, s->signal_fd, SOURCE_SIGNAL);
    return is_listening ? ERR_NONE : ERR_IO;
}

/* Answers that are still out are given up first, while their requests exist. */
static void close_all(struct serve *s)
{
    if (s->drivers != NULL)
        drivers_close_store(s->drivers);
    if (s->flow != NULL)
        flow_close(s->flow);
    if (s->http != NULL)
        http_close(s->http);
    if (s->drivers != NULL)
        drivers_close(s->drivers);
    if (s->sqs != NULL)
        sqs_close(s->sqs);
    if (s->rest != NULL)
        rest_close(s->rest);
    close(s->epoll_fd);
    close(s->signal_fd);
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
    clock_system_init(&s.clock);
    if (open_all(&s) == ERR_NONE) {
        flow_start(s.flow, s.now_ms);
        drivers_start(s.drivers);
        run(&s);
    } else {
        s.exit = EXIT_REFUSED;
    }
    close_all(&s);
    return s.exit;
}

void serve_help(void)
{
    config_help();
}
