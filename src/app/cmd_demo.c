/* swm demo: a server, the food-order template, and a world of customers and workers, in one
 * command. Before it stands the command line, after it demo_server.c and kitchen.c. It shows what a
 * kill -9 does: nothing; so that it starts the server again when somebody tries. */
#include "app/cli.h"

#include "app/demo_server.h"
#include "app/kitchen.h"
#include "base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAST 5
#define DEATHS_MAX 3 /* without having been ready: then something is wrong with it */
#define RESTART_MS 1000
#define URL_DEFAULT "http://127.0.0.1:7960"

struct demo {
    struct cli *cli;
    struct demo_server server;
    struct kitchen kitchen;
    int signal_fd;
    int64_t restart_at_ms;
    int deaths; /* in a row */
    bool is_stopping, is_welcomed;
    int exit;
};

/* --- the welcome --- */

static void put_hint(struct term *t, const char *arguments, const char *what)
{
    term_printf(t, TINT_CYAN, "    %s %s", program_invocation_name, arguments);
    term_pad(t, 56);
    term_put_c(t, TINT_DIM, what);
    term_end_line(t);
}

static void put_fact(struct term *t, const char *name, const char *value, const char *what)
{
    term_printf(t, TINT_DIM, "  %-9s", name);
    term_put_c(t, TINT_BOLD, value);
    term_put_c(t, TINT_DIM, what);
    term_end_line(t);
}

static void print_welcome(struct demo *d)
{
    struct json_out o = json_out_new(&d->cli->arena, MESSAGE_BYTES_MAX);
    json_object(&o);
    json_put_text(&o, "what", "ready");
    json_put_text(&o, "url", d->server.url);
    json_put_text(&o, "data", d->server.data);
    json_put_number(&o, "pid", d->server.pid);
    json_object_end(&o);
    cli_print_line(d->cli, json_out_slice(&o));
    (void)term_flush(&d->cli->out);
}

static void put_hints(struct demo *d)
{
    struct term *t = &d->cli->out;
    char line[128];
    term_put_c(t, TINT_NONE, "  In another terminal:");
    term_end_line(t);
    if (strcmp(d->server.url, URL_DEFAULT) != 0) {
        term_printf(t, TINT_CYAN, "    export SWM_URL=%s", d->server.url);
        term_end_line(t);
    }
    put_hint(t, "list", "all orders");
    put_hint(t, "watch ORDER-0001", "one of them, live");
    put_hint(t, "task complete ORDER-0001 --task deliver_food", "be the person at the door");
    put_hint(t, "replay ORDER-0001 --task make_food", "cook it again, even when it is done");
    put_hint(t, "pause ORDER-0002", "stop it, and later resume it");
    (void)snprintf(line, sizeof line, "    kill -9 %d", (int)d->server.pid);
    term_put_c(t, TINT_CYAN, line);
    term_pad(t, 56);
    term_put_c(t, TINT_DIM, "the server: it comes back and goes on");
    term_end_line(t);
}

static void welcome(struct demo *d)
{
    struct term *t = &d->cli->out;
    if (d->cli->args.json) {
        print_welcome(d);
        return;
    }
    term_end_line(t);
    put_fact(t, "page", d->server.url, "");
    put_fact(t, "data", d->server.data, "  (remove the folder to begin anew)");
    term_end_line(t);
    put_hints(d);
    term_end_line(t);
    term_put_c(t, TINT_DIM,
               "  Ctrl-C stops everything; the next demo goes on where this one stood.");
    term_end_line(t);
    term_end_line(t);
    (void)term_flush(t);
}

/* Only where somebody sits before a desktop. */
static void open_page(struct demo *d)
{
    bool has_desktop = getenv("DISPLAY") != NULL || getenv("WAYLAND_DISPLAY") != NULL;
    if (d->cli->args.no_open || !has_desktop || !d->cli->out.is_terminal)
        return;
    if (fork() != 0)
        return;
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    for (int fd = 0; fd < 3 && nowhere >= 0; fd++)
        (void)dup2(nowhere, fd);
    (void)execlp("xdg-open", "xdg-open", d->server.url, (char *)NULL);
    _exit(127);
}

/* --- the server's life --- */

static void stop_with(struct demo *d, int exit)
{
    d->exit = exit;
    d->is_stopping = true;
}

static void start_server(struct demo *d, int64_t now_ms)
{
    if (d->server.pid != 0 || now_ms < d->restart_at_ms || d->is_stopping)
        return;
    if (demo_server_start(&d->server) != ERR_NONE)
        stop_with(d, cli_fail(d->cli, EXIT_REFUSED, "io", NULL, strerror(errno)));
}

static void greet_server(struct demo *d)
{
    char why[CLIENT_WHY_BYTES];
    d->deaths = 0;
    if (d->cli->client == NULL && client_open(d->server.url, &d->cli->client, why) != ERR_NONE) {
        stop_with(d, cli_fail(d->cli, EXIT_REFUSED, "io", NULL, why));
        return;
    }
    int exit = kitchen_begin(&d->kitchen);
    if (exit == EXIT_UNREACHABLE)
        return; /* killed again already */
    if (exit != EXIT_OK) {
        stop_with(d, exit);
        return;
    }
    if (!d->is_welcomed) {
        welcome(d);
        open_page(d);
    } else {
        kitchen_say(&d->kitchen, TINT_GREEN, "back", NULL,
                    "the server is there again; everything goes on where it stood");
    }
    d->is_welcomed = true;
}

static void mourn_server(struct demo *d, int64_t now_ms)
{
    char detail[64];
    kitchen_drop(&d->kitchen);
    d->restart_at_ms = now_ms + RESTART_MS;
    if (!d->is_welcomed || ++d->deaths >= DEATHS_MAX) {
        stop_with(d, cli_fail(d->cli, EXIT_REFUSED, "io", NULL,
                              "the server did not start; --listen 127.0.0.1:0 takes a free port"));
        return;
    }
    (void)snprintf(detail, sizeof detail, "the server was killed; it is started again");
    kitchen_say(&d->kitchen, TINT_RED, "killed", NULL, detail);
}

/* --- the loop --- */

static void take_signals(struct demo *d)
{
    struct signalfd_siginfo info;
    while (read(d->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        d->is_stopping |= info.ssi_signo != SIGCHLD;
}

static void look_at_server(struct demo *d, int64_t now_ms)
{
    switch (demo_server_look(&d->server)) {
    case DEMO_READY:
        greet_server(d);
        break;
    case DEMO_DIED:
        mourn_server(d, now_ms);
        break;
    case DEMO_SAME:
        break;
    }
}

static void sleep_until_needed(struct demo *d, int64_t now_ms, int64_t next_ms)
{
    struct pollfd fds[2] = {{.fd = d->signal_fd, .events = POLLIN},
                            {.fd = d->server.out_fd, .events = POLLIN}};
    unsigned count = d->server.out_fd >= 0 ? 2 : 1;
    int64_t ms = next_ms > now_ms ? next_ms - now_ms : 0;
    int timeout_ms = ms < RESTART_MS ? (int)ms : RESTART_MS;
    if (d->cli->client != NULL)
        client_wait(d->cli->client, fds, count, timeout_ms);
    else
        (void)poll(fds, count, timeout_ms);
}

static void run(struct demo *d)
{
    while (!d->is_stopping) {
        int64_t now_ms = cli_now_ms(), next_ms = TIME_NEVER;
        start_server(d, now_ms);
        look_at_server(d, now_ms);
        if (d->server.url[0] != '\0' && !d->is_stopping)
            (void)kitchen_move(&d->kitchen, now_ms, &next_ms);
        if (!d->is_stopping)
            sleep_until_needed(d, now_ms, next_ms);
        take_signals(d);
    }
}

static bool take_signals_over(struct demo *d)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return false;
    d->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return d->signal_fd >= 0;
}

static void say_goodbye(struct demo *d)
{
    if (!d->is_welcomed || d->cli->args.json)
        return;
    term_end_line(&d->cli->out);
    term_printf(&d->cli->out, TINT_DIM, "  Stopped. Everything is in %s.", d->server.data);
    term_end_line(&d->cli->out);
}

static int demo(struct cli *c)
{
    struct demo *d = arena_alloc(&c->arena, sizeof *d);
    d->cli = c;
    d->server.data = c->args.data != NULL ? c->args.data : "./swm-demo-data";
    d->server.out_fd = -1;
    (void)snprintf(d->server.listen, sizeof d->server.listen, "%s",
                   c->args.listen != NULL ? c->args.listen : "127.0.0.1:7960");
    (void)setenv("USER", "demo", 1); /* who asks, in the records */
    if (!take_signals_over(d))
        return cli_fail(c, EXIT_REFUSED, "io", NULL, "signals can't be taken");
    kitchen_open(&d->kitchen, c, c->args.fast ? FAST : 1);
    run(d);
    kitchen_close(&d->kitchen);
    demo_server_stop(&d->server);
    say_goodbye(d);
    close(d->signal_fd);
    return d->exit;
}

static const struct verb verbs[] = {
    {"demo", demo, "data listen fast no-open", 0, 0},
    {NULL, NULL, NULL, 0, 0},
};

int cmd_demo(int argc, char **argv)
{
    return cli_run(verbs, argc, argv);
}

void cmd_demo_help(void)
{
    cli_help(verbs, "  swm demo --data /tmp/demo --fast\n");
}
