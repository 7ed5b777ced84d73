/* swm worker: a queue's messages, each given to a process. Before it stands the command line, after
 * it worker_job.c, which does one message. It takes no more than it can do, answers only when the
 * process is over, and a stop waits for those that run. */
#include "app/cli.h"

#include "app/worker.h"

#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define CONCURRENCY_MAX 100
#define WAIT_S 20
#define RETRY_MS 1000
#define FDS_MAX (1 + 2 * CONCURRENCY_MAX)

struct worker {
    struct cli *cli;
    struct worker_job jobs[CONCURRENCY_MAX];
    size_t concurrency;
    struct client_call *receive; /* NULL: none is under way */
    const char *path;
    struct arena messages; /* of one receive */
    int signal_fd;
    int64_t retry_at_ms;
    int signal_count;
    bool is_stopping, was_reached, is_away;
    int exit;
};

static size_t count_free(const struct worker *w)
{
    size_t count = 0;
    for (size_t i = 0; i < w->concurrency; i++)
        count += w->jobs[i].phase == JOB_FREE;
    return count;
}

/* --- receiving --- */

static void ask_for_messages(struct worker *w, int64_t now_ms)
{
    char body[64];
    size_t free_count = count_free(w);
    if (w->is_stopping || w->receive != NULL || free_count == 0 || now_ms < w->retry_at_ms)
        return;
    if (free_count > QUEUE_RECEIVES_MAX)
        free_count = QUEUE_RECEIVES_MAX;
    (void)snprintf(body, sizeof body, "{\"max\":%zu,\"wait_seconds\":%d}", free_count, WAIT_S);
    struct client_request r = {.method = "POST",
                               .path = w->path,
                               .body = slice_of(body),
                               .timeout_ms = WAIT_S * 1000 + 15000};
    w->receive = client_begin(w->cli->client, &r);
    w->retry_at_ms = now_ms + RETRY_MS;
}

static void begin_jobs(struct worker *w, yyjson_val *messages)
{
    yyjson_arr_iter it = yyjson_arr_iter_with(messages);
    size_t i = 0;
    for (yyjson_val *m; (m = yyjson_arr_iter_next(&it)) != NULL; i++) {
        while (i < w->concurrency && w->jobs[i].phase != JOB_FREE)
            i++;
        if (i == w->concurrency)
            return;
        worker_begin(w->cli, &w->jobs[i], m);
        w->is_stopping |= w->cli->args.once;
    }
}

/* The server is away: said once. The first time it ends the worker. */
static void lose_server(struct worker *w, const char *why)
{
    if (!w->was_reached) {
        w->exit = cli_fail(w->cli, EXIT_UNREACHABLE, "unreachable", NULL, why);
        w->is_stopping = true;
    } else if (!w->is_away) {
        fprintf(stderr, "swm worker: %s; trying again\n", why);
    }
    w->is_away = true;
}

static void take_messages(struct worker *w)
{
    struct client_answer *answer = &w->cli->answer;
    yyjson_val *root = NULL;
    if (w->receive == NULL || !client_is_done(w->receive))
        return;
    arena_reset(&w->messages);
    enum err e = client_take(w->cli->client, w->receive, &w->messages, answer);
    w->receive = NULL;
    if (e != ERR_NONE) {
        lose_server(w, client_why(w->cli->client));
        return;
    }
    e = json_read(&w->messages, answer->body, answer->body.len, 4 * JSON_DEPTH_MAX, NULL, &root);
    if (answer->status == 503)
        return;
    if (answer->status != 200 || e != ERR_NONE) {
        w->exit = cli_say_error(w->cli, root);
        w->is_stopping = true;
        return;
    }
    w->was_reached = true;
    w->is_away = false;
    w->retry_at_ms = 0;
    begin_jobs(w, json_get(root, "messages"));
}

/* --- the loop --- */

/* The first signal lets what runs finish, the second ends it. */
static void take_signals(struct worker *w)
{
    struct signalfd_siginfo info;
    while (read(w->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            continue;
        w->is_stopping = true;
        w->signal_count++;
        for (size_t i = 0; i < w->concurrency && w->signal_count > 1; i++)
            child_end(&w->jobs[i].child, SIGTERM);
    }
    if (w->is_stopping && w->receive != NULL) {
        client_drop(w->cli->client, w->receive);
        w->receive = NULL;
    }
}

static unsigned add_fd(struct pollfd *fds, unsigned count, int fd)
{
    if (fd < 0)
        return count;
    fds[count] = (struct pollfd){.fd = fd, .events = POLLIN};
    return count + 1;
}

static void sleep_until_needed(struct worker *w, int64_t now_ms)
{
    struct pollfd fds[FDS_MAX];
    unsigned count = add_fd(fds, 0, w->signal_fd);
    int64_t next_ms = now_ms + WAIT_S * 1000;
    if (w->receive == NULL && !w->is_stopping && count_free(w) > 0)
        next_ms = w->retry_at_ms;
    for (size_t i = 0; i < w->concurrency; i++) {
        const struct worker_job *j = &w->jobs[i];
        if (j->phase == JOB_RUNNING) {
            count = add_fd(fds, count, j->child.out_fd);
            count = add_fd(fds, count, j->child.err_fd);
        }
        if (j->phase != JOB_FREE && j->due_at_ms < next_ms)
            next_ms = j->due_at_ms;
    }
    client_wait(w->cli->client, fds, count, next_ms > now_ms ? (int)(next_ms - now_ms) : 0);
}

static void run(struct worker *w)
{
    while (!w->is_stopping || count_free(w) < w->concurrency) {
        int64_t now_ms = cli_now_ms();
        ask_for_messages(w, now_ms);
        sleep_until_needed(w, now_ms);
        take_signals(w);
        take_messages(w);
        now_ms = cli_now_ms();
        for (size_t i = 0; i < w->concurrency; i++) {
            bool has_failed = worker_move(w->cli, &w->jobs[i], now_ms);
            if (has_failed && w->cli->args.once)
                w->exit = EXIT_REFUSED;
        }
    }
}

static bool take_signals_over(struct worker *w)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return false;
    w->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return w->signal_fd >= 0;
}

static int worker(struct cli *c)
{
    int64_t concurrency = 1;
    if (c->args.queue == NULL || c->args.exec == NULL)
        return cli_usage(c, "--queue QUEUE and --exec COMMAND are both needed");
    int exit = cli_take_count(c, "concurrency", c->args.concurrency, &concurrency);
    if (exit != EXIT_OK)
        return exit;
    if (concurrency > CONCURRENCY_MAX)
        return cli_usage(c, "--concurrency is at most %d", CONCURRENCY_MAX);
    if (cli_connect(c) != ERR_NONE)
        return EXIT_USAGE;
    struct worker *w = arena_alloc(&c->arena, sizeof *w);
    w->cli = c;
    w->concurrency = c->args.once ? 1 : (size_t)concurrency;
    w->path = cli_path(c, "/v1/queues/", c->args.queue, "/receive");
    arena_init(&w->messages, WORK_BYTES_MAX);
    w->messages.edge = c->arena.edge;
    if (!take_signals_over(w))
        return cli_fail(c, EXIT_REFUSED, "io", NULL, "signals can't be taken");
    run(w);
    arena_drop(&w->messages);
    close(w->signal_fd);
    return w->exit;
}

static const struct verb verbs[] = {
    {"worker", worker, "queue exec concurrency once", 0, 0},
    {NULL, NULL, NULL, 0, 0},
};

int cmd_worker(int argc, char **argv)
{
    return cli_run(verbs, argc, argv);
}

void cmd_worker_help(void)
{
    cli_help(
        verbs,
        "  swm worker --queue make_food_queue --exec ./cook.sh --concurrency 4\n\n"
        "The command finds the task's input as JSON on standard input. Exit status 0: the task is\n"
        "completed with what was said on standard output (JSON, or nothing). Another one: the\n"
        "attempt failed with error ExitN and the last line of standard error as its message.\n"
        "SWM_TASK SWM_INSTANCE SWM_KEY SWM_ATTEMPT SWM_IDEMPOTENCY_KEY are in its environment.\n");
}
