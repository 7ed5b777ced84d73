/* The program in AWS Lambda: starts, takes one invocation after the other, and is frozen in
 * between. An invocation is a visit to the engine: enter, see what others have changed, do the
 * work, have all of it durable, folded and sent, answer, leave. Nothing waits for the next one.
 * Before it stands the runtime API, after it the handlers of lambda_int.h. */
#include "app/command.h"
#include "app/lambda_int.h"
#include "app/secret.h"
#include "base/log.h"
#include "base/time.h"
#include "base/version.h"
#include "core/limits.h"

#include <dirent.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define START_LIMIT_MS 9000 /* AWS gives a start 10 s */
#define SLEEP_MS_MAX 1000
#define MARGIN_MS_MIN 100              /* between giving up and being cut off */
#define MARGIN_MS_MAX 1000             /* where there is much time */
#define REST_LIMIT_MS 250              /* after an answer to a read: what is under way may end */
#define LONG_SLEEP_MS 60000            /* then connections may be dead */
#define LEFT_MS_MAX (15LL * 60 * 1000) /* AWS's limit of an invocation */
#define LEFT_MS_FALLBACK 3000          /* AWS's own default, where the clocks do not agree */

struct lambda {
    struct config config;
    struct engine engine;
    struct http_server *http;
    struct lambda_runtime *runtime;
    struct lambda_call call;
    const struct lambda_handler *handler;
    int64_t opening_ms;                      /* what it took to open the store */
    int64_t slept_at_ms, steady_slept_at_ms; /* by the clock that is set, and by the other one */
    bool is_open;
};

void lambda_fail(struct lambda_call *c, const char *type, const char *message)
{
    c->error_type = type;
    c->answer = slice_of(message);
}

/* --- rounds ----------------------------------------------------------------------------------- */

static int64_t read_ms(clockid_t id)
{
    struct timespec t = {0};
    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void run_round(struct lambda *l)
{
    engine_read_clock(&l->engine);
    drivers_round(l->engine.drivers, l->engine.now_ms);
    flow_round(l->engine.flow, l->engine.now_ms);
    if (l->engine.is_template_new)
        (void)engine_declare(&l->engine);
    rest_round(l->engine.rest, l->engine.now_ms);
}

static void sleep_until_needed(struct lambda *l, int64_t steady_until_ms)
{
    struct pollfd fds[2] = {{.fd = drivers_wake_fd(l->engine.drivers), .events = POLLIN},
                            {.fd = drivers_queue_fd(l->engine.drivers), .events = POLLIN}};
    int64_t next = engine_next(&l->engine), now_ms = l->engine.now_ms;
    int64_t ms = next <= now_ms ? 0 : next == TIME_NEVER ? SLEEP_MS_MAX : next - now_ms;
    int64_t left_ms = steady_until_ms - read_ms(CLOCK_BOOTTIME);
    ms = left_ms <= 0 ? 0 : time_min(ms, left_ms);
    (void)poll(fds, 2, (int)time_min(ms, SLEEP_MS_MAX));
}

/* Rounds until it holds, or the time is over; by a clock that nobody sets. What ends with the time
 * ends in the last round. */
static bool run_until(struct lambda *l, bool (*holds)(struct lambda *l), int64_t steady_until_ms)
{
    for (;;) {
        bool is_over = read_ms(CLOCK_BOOTTIME) >= steady_until_ms;
        run_round(l);
        if (holds(l))
            return true;
        if (is_over)
            return false;
        sleep_until_needed(l, steady_until_ms);
    }
}

static bool is_started(struct lambda *l)
{
    return engine_start_error(&l->engine) != ERR_NONE ||
           (engine_is_read(&l->engine) && engine_declare(&l->engine));
}

static bool is_fresh(struct lambda *l)
{
    return flow_is_fresh(l->engine.flow);
}

static bool is_done(struct lambda *l)
{
    const struct lambda_call *c = &l->call;
    return (l->handler == NULL || l->handler->is_done(c)) && flow_is_settled(l->engine.flow);
}

static bool is_read(struct lambda *l)
{
    return l->handler->is_done(&l->call);
}

static bool is_settled(struct lambda *l)
{
    return flow_is_settled(l->engine.flow);
}

static bool has_left(struct lambda *l)
{
    return flow_has_left(l->engine.flow) && flow_is_settled(l->engine.flow) &&
           drivers_is_settled(l->engine.drivers);
}

/* --- one invocation --------------------------------------------------------------------------- */

static const struct lambda_handler *const handlers[] = {[LAMBDA_RECORDS] = &lambda_records,
                                                        [LAMBDA_URL] = &lambda_http,
                                                        [LAMBDA_REST] = &lambda_http,
                                                        [LAMBDA_ALB] = &lambda_http,
                                                        [LAMBDA_TICK] = NULL,
                                                        [LAMBDA_DIRECT] = &lambda_direct};

static int64_t less_margin(int64_t left_ms)
{
    int64_t margin_ms = left_ms / 10;
    if (margin_ms < MARGIN_MS_MIN)
        margin_ms = MARGIN_MS_MIN;
    left_ms -= margin_ms > MARGIN_MS_MAX ? MARGIN_MS_MAX : margin_ms;
    return left_ms > 0 ? left_ms : 0;
}

/* How long this invocation may work; a part of its time is for saying that it was not enough. */
static int64_t find_left_ms(const struct lambda_invocation *i)
{
    int64_t left_ms = i->deadline_ms - read_ms(CLOCK_REALTIME);
    if (left_ms <= 0 || left_ms > LEFT_MS_MAX) /* it has just begun: one of the clocks is wrong */
        left_ms = LEFT_MS_FALLBACK;
    return less_margin(left_ms);
}

static void read_event(struct lambda_call *c)
{
    struct json_error why = {0, ""};
    struct text t = text_new(&c->arena, REASON_BYTES_MAX);
    if (c->invocation.is_too_large) {
        lambda_fail(c, "Swm.Invalid", "the event is larger than 8 MiB");
        return;
    }
    if (json_read(&c->arena, c->invocation.event, LAMBDA_EVENT_BYTES_MAX, 2 * JSON_DEPTH_MAX, &why,
                  &c->event) != ERR_NONE) {
        text_printf(&t, "the event is not JSON: %s at byte %zu", why.what, why.offset);
        lambda_fail(c, "Swm.Invalid", text_c(&t));
        return;
    }
    c->shape = lambda_event_shape(c->event);
    if (c->shape == LAMBDA_UNKNOWN)
        lambda_fail(c, "Swm.Unknown",
                    "this is none of the events that swm knows: messages of Amazon SQS, requests "
                    "of a function URL, API Gateway or a load balancer, a schedule's, "
                    "{\"swm\":\"tick\"}, or an event or events of swm");
}

static void work(struct lambda *l, int64_t steady_until_ms)
{
    struct lambda_call *c = &l->call;
    bool is_read_only = l->handler != NULL && l->handler->visit(c) == FLOW_READS;
    (void)run_until(l, is_fresh, steady_until_ms);
    /* What waits ends earlier: by the store's clock, which is estimated anew meanwhile. */
    c->until_ms =
        time_add(l->engine.now_ms, less_margin(steady_until_ms - read_ms(CLOCK_BOOTTIME)));
    if (l->handler != NULL)
        l->handler->begin(c);
    if (c->error_type != NULL)
        return;
    bool is_settled_in_time = run_until(l, is_read_only ? is_read : is_done, steady_until_ms);
    if (!is_settled_in_time)
        log_line(LOG_WARN, "lambda", "the time of invocation %s was not enough", c->invocation.id);
    if (l->handler != NULL)
        l->handler->finish(c, is_settled_in_time);
    else /* the next tick finds what this one left */
        c->answer = is_settled_in_time ? SLICE("{\"swm\":\"tick\",\"done\":true}")
                                       : SLICE("{\"swm\":\"tick\",\"done\":false}");
}

static void work_within(struct lambda *l, int64_t steady_until_ms)
{
    struct lambda_call *c = &l->call;
    read_event(c);
    if (c->error_type != NULL)
        return;
    l->handler = handlers[c->shape];
    flow_enter(l->engine.flow, l->engine.now_ms,
               l->handler == NULL ? FLOW_TICKS : l->handler->visit(c));
    work(l, steady_until_ms);
}

static enum err answer(struct lambda *l)
{
    struct lambda_call *c = &l->call;
    if (c->error_type == NULL && c->answer.len > LAMBDA_ANSWER_BYTES_MAX)
        lambda_fail(c, "Swm.TooLarge", "the answer is larger than the 6 MB that are allowed");
    enum err e = ERR_NONE;
    if (c->error_type == NULL)
        e = lambda_runtime_answer(l->runtime, c->invocation.id, c->answer);
    if (e == ERR_TOO_LARGE)
        lambda_fail(c, "Swm.TooLarge", "AWS Lambda did not take an answer of this size");
    if (c->error_type != NULL)
        e = lambda_runtime_fail(l->runtime, c->invocation.id, c->error_type, c->answer);
    return e;
}

/* What is not settled stays among the nodes, so that it is finished by others. */
static void leave(struct lambda *l, int64_t steady_until_ms)
{
    int64_t rest_until_ms = time_min(read_ms(CLOCK_BOOTTIME) + REST_LIMIT_MS, steady_until_ms);
    if (!run_until(l, is_settled, rest_until_ms))
        return;
    flow_leave(l->engine.flow);
    (void)run_until(l, has_left, steady_until_ms);
}

static enum err handle(struct lambda *l)
{
    struct lambda_call *c = &l->call;
    jmp_buf edge;
    int64_t left_ms = find_left_ms(&c->invocation);
    int64_t steady_until_ms = read_ms(CLOCK_BOOTTIME) + left_ms;
    engine_read_clock(&l->engine);
    c->arena.edge = &edge;
    if (setjmp(edge) == 0)
        work_within(l, steady_until_ms);
    else
        lambda_fail(c, "Swm.Memory", "memory is short");
    c->arena.edge = NULL;
    if (c->work != NULL)
        l->handler->drop(c);
    c->work = NULL;
    enum err e = answer(l);
    leave(l, steady_until_ms + MARGIN_MS_MIN / 2);
    return e;
}

/* One of the clocks may have stood still meanwhile. */
static bool has_slept_long(const struct lambda *l)
{
    return read_ms(CLOCK_BOOTTIME) - l->steady_slept_at_ms > LONG_SLEEP_MS ||
           read_ms(CLOCK_REALTIME) - l->slept_at_ms > LONG_SLEEP_MS;
}

/* Routers forget connections that are idle for minutes, and tell nobody: whoever uses one waits
 * until it gives up. Shut down, they say at once that they are no good, and new ones are made. */
static void shut_connections(const struct lambda *l)
{
    DIR *folder = opendir("/proc/self/fd");
    const struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        int64_t fd;
        struct sockaddr_storage peer;
        socklen_t len = sizeof peer;
        if (slice_to_int(slice_of(entry->d_name), &fd) && fd != lambda_runtime_fd(l->runtime) &&
            getpeername((int)fd, (struct sockaddr *)&peer, &len) == 0 &&
            (peer.ss_family == AF_INET || peer.ss_family == AF_INET6))
            (void)shutdown((int)fd, SHUT_RDWR);
    }
    if (folder != NULL)
        closedir(folder);
}

static enum err sleep_until_called(struct lambda *l)
{
    l->steady_slept_at_ms = read_ms(CLOCK_BOOTTIME);
    l->slept_at_ms = read_ms(CLOCK_REALTIME);
    enum err e = lambda_runtime_next(l->runtime, &l->call.invocation);
    if (e == ERR_NONE && has_slept_long(l))
        shut_connections(l);
    return e;
}

static enum err run(struct lambda *l)
{
    enum err e = ERR_NONE;
    while (e == ERR_NONE) {
        struct lambda_call *c = &l->call;
        struct arena arena = c->arena;
        *c = (struct lambda_call){.engine = &l->engine, .http = l->http, .arena = arena};
        l->handler = NULL;
        e = sleep_until_called(l);
        if (e == ERR_NONE)
            e = handle(l);
        arena_reset(&c->arena);
    }
    return e;
}

/* --- starting --------------------------------------------------------------------------------- */

static enum err open_all(struct lambda *l)
{
    struct slice hosts[CONFIG_HOSTS_MAX];
    for (size_t i = 0; i < l->config.host_count; i++)
        hosts[i] = slice_of(l->config.hosts[i]);
    int64_t began_ms = read_ms(CLOCK_BOOTTIME);
    enum err e = engine_open(&l->engine, &l->config);
    l->opening_ms = read_ms(CLOCK_BOOTTIME) - began_ms;
    l->is_open = true;
    struct http_config c = {.hosts = hosts,
                            .host_count = l->config.host_count,
                            .handle = rest_handle,
                            .context = l->engine.rest};
    if (e == ERR_NONE)
        e = http_open(&c, &l->http);
    if (e != ERR_NONE)
        return e;
    engine_connect(&l->engine, l->http);
    engine_start(&l->engine);
    if (!run_until(l, is_started, read_ms(CLOCK_BOOTTIME) + START_LIMIT_MS))
        return ERR_STORE;
    e = engine_start_error(&l->engine);
    if (e == ERR_NONE)
        rest_set_ready(l->engine.rest);
    return e;
}

static int start(struct lambda *l)
{
    int64_t began_ms = read_ms(CLOCK_BOOTTIME);
    enum err e = open_all(l);
    if (e != ERR_NONE) {
        log_line(LOG_ERROR, "lambda", "can't start: %s", err_text(e));
        lambda_runtime_fail(l->runtime, NULL, "Swm.Start", slice_of(err_text(e)));
        return EXIT_REFUSED;
    }
    if (!rest_asks_for_keys(l->engine.rest))
        log_line(LOG_WARN, "lambda",
                 "there is no access key: only health is told over HTTP. Set SWM_ADMIN_KEY");
    log_line(LOG_INFO, "lambda", "swm %s started in %lld ms, %lld ms of them to open the store",
             version_text, (long long)(read_ms(CLOCK_BOOTTIME) - began_ms),
             (long long)l->opening_ms);
    return run(l) == ERR_NONE ? EXIT_OK : EXIT_REFUSED;
}

int cmd_lambda(int argc, char **argv)
{
    static struct lambda l; /* the configuration points into it */
    const char *address = getenv("AWS_LAMBDA_RUNTIME_API");
    (void)argv;
    if (argc > 1)
        return command_usage("lambda");
    if (address == NULL || address[0] == '\0') {
        fputs("swm lambda: AWS_LAMBDA_RUNTIME_API is not set: AWS Lambda starts this, not people\n",
              stderr);
        return EXIT_USAGE;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)mallopt(M_ARENA_MAX, 2);
    if (lambda_runtime_open(address, &l.runtime) != ERR_NONE)
        return EXIT_REFUSED;
    int exit_code = EXIT_USAGE;
    arena_init(&l.call.arena, WORK_BYTES_MAX);
    if (secret_read() == ERR_NONE && config_read_lambda(&l.config) == ERR_NONE) {
        log_open(l.config.least, l.config.log_json);
        exit_code = start(&l);
    } else {
        lambda_runtime_fail(l.runtime, NULL, "Swm.Configuration",
                            SLICE("the environment is not right; the log says what"));
    }
    if (l.is_open)
        engine_close(&l.engine, l.http);
    arena_drop(&l.call.arena);
    lambda_runtime_close(l.runtime);
    return exit_code;
}

void cmd_lambda_help(void)
{
    puts(
        "\nThe program in AWS Lambda: the same as being called by the name bootstrap, in the "
        "runtime\nprovided.al2023. Options of \"swm serve\" are told by the environment: SWM_STORE "
        "(mongodb://…),\nSWM_QUEUE (sqs://REGION?events=NAME&timers=NAME), SWM_ADMIN_KEY, "
        "SWM_HOST (names with commas\nbetween), SWM_RETENTION, SWM_LOG_LEVEL, SWM_LOG_JSON; and "
        "SWM_TICK, how often the schedule\ncalls (60s). SWM_SECRET is the ARN of a secret of AWS "
        "Secrets Manager that holds such variables\nas JSON.");
}
