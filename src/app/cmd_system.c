/* swm status, verify and backup: about the server as a whole. Before them stands the command line,
 * after them the server. */
#include "app/cli.h"

#include "app/view.h"

#include <inttypes.h>

/* --- verify --- */

static int verify(struct cli *c)
{
    yyjson_val *answer, *problem;
    const char *instance = c->args.word_count > 0 ? c->args.words[0] : NULL;
    struct client_request r = {.method = "GET",
                               .path = cli_query(c, "/v1/verify", "instance", instance),
                               .timeout_ms = -1};
    int64_t instances = 0, events = 0;
    bool is_ok = false;
    int exit = cli_send(c, &r, &answer);
    if (exit != EXIT_OK)
        return exit;
    (void)json_get_bool(answer, "ok", &is_ok);
    if (c->args.json) {
        cli_print_answer(c);
        return is_ok ? EXIT_OK : EXIT_REFUSED;
    }
    (void)json_get_int(answer, "instances", &instances);
    (void)json_get_int(answer, "events", &events);
    term_put_c(&c->out, is_ok ? TINT_GREEN : TINT_RED, is_ok ? "✔ in order" : "✘ not in order");
    term_printf(&c->out, TINT_NONE, ": %" PRId64 " instances, %" PRId64 " events", instances,
                events);
    term_end_line(&c->out);
    yyjson_arr_iter it = yyjson_arr_iter_with(json_get(answer, "problems"));
    while ((problem = yyjson_arr_iter_next(&it)) != NULL) {
        bool is_text = yyjson_is_str(problem);
        term_put_c(&c->out, TINT_NONE, "  ");
        term_put(&c->out, TINT_NONE, is_text ? json_text(problem) : json_write(&c->arena, problem));
        term_end_line(&c->out);
    }
    return is_ok ? EXIT_OK : EXIT_REFUSED;
}

static const struct verb verify_verbs[] = {{"verify", verify, "", 0, 1}, {NULL, NULL, NULL, 0, 0}};

int cmd_verify(int argc, char **argv)
{
    return cli_run(verify_verbs, argc, argv);
}

void cmd_verify_help(void)
{
    cli_help(verify_verbs, "  swm verify\n  swm verify ORDER-1 --json\n");
}

/* --- backup --- */

static int backup(struct cli *c)
{
    yyjson_val *answer;
    struct json_out o = json_out_new(&c->arena, HTTP_BODY_BYTES_MAX);
    json_object(&o);
    json_put_text(&o, "file", c->args.words[0]);
    json_object_end(&o);
    struct client_request r = {
        .method = "POST", .path = "/v1/backup", .body = json_out_slice(&o), .timeout_ms = -1};
    int exit = cli_send(c, &r, &answer);
    if (exit != EXIT_OK)
        return exit;
    if (c->args.json) {
        cli_print_answer(c);
        return EXIT_OK;
    }
    struct slice file = json_get_text(answer, "file");
    term_put_c(&c->out, TINT_GREEN, "✔ ");
    term_put_c(&c->out, TINT_NONE, "written on the server: ");
    term_put(&c->out, TINT_BOLD, file.len > 0 ? file : slice_of(c->args.words[0]));
    term_end_line(&c->out);
    return EXIT_OK;
}

static const struct verb backup_verbs[] = {{"backup", backup, "", 1, 1}, {NULL, NULL, NULL, 0, 0}};

int cmd_backup(int argc, char **argv)
{
    return cli_run(backup_verbs, argc, argv);
}

void cmd_backup_help(void)
{
    cli_help(backup_verbs,
             "  swm backup monday.db      (in the folder backups of the server's data)\n");
}

/* --- status --- */

#define LAG_SHOWN_MS 2000

struct status {
    yyjson_val *server, *stats, *queues;
};

static int ask_status(struct cli *c, struct status *s)
{
    int exit = cli_get(c, "/v1/status", &s->server);
    if (exit == EXIT_OK)
        exit = cli_get(c, "/v1/stats", &s->stats);
    if (exit == EXIT_OK)
        exit = cli_get(c, "/v1/queues", &s->queues);
    return exit;
}

/* What the server says of itself, member by member. */
static void put_members(struct cli *c, struct json_out *o, yyjson_val *object)
{
    yyjson_obj_iter it = yyjson_obj_iter_with(object);
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&it)) != NULL;)
        json_put_raw(o, yyjson_get_str(name), json_write(&c->arena, yyjson_obj_iter_get_val(name)));
}

static void print_status(struct cli *c, const struct status *s)
{
    struct json_out o = json_out_new(&c->arena, WORK_BYTES_MAX);
    json_object(&o);
    json_put_text(&o, "url", client_url(c->client));
    put_members(c, &o, s->server);
    json_put_raw(&o, "instances", json_write(&c->arena, json_get(s->stats, "instances")));
    json_put_raw(&o, "stats", json_write(&c->arena, s->stats));
    json_put_raw(&o, "queues", json_write(&c->arena, json_get(s->queues, "queues")));
    json_object_end(&o);
    cli_print_line(c, json_out_slice(&o));
}

static void put_line(struct cli *c, enum tint tint, const char *what, struct slice text)
{
    if (text.len == 0)
        return;
    term_put_c(&c->out, tint, what);
    term_put(&c->out, tint, text);
    term_end_line(&c->out);
}

/* What is not written or not sent yet, where it is old enough to be seen. */
static void put_lag(struct cli *c, const struct status *s)
{
    char text[TERM_AGO_BYTES];
    int64_t behind = 0, unsent = 0;
    (void)json_get_int(json_get(s->server, "store"), "behind_ms", &behind);
    (void)json_get_int(json_get(s->server, "queue"), "oldest_unsent_ms", &unsent);
    if (behind >= LAG_SHOWN_MS)
        put_line(c, TINT_YELLOW, "rows are behind by ", slice_of(term_span(behind, text)));
    if (unsent >= LAG_SHOWN_MS)
        put_line(c, TINT_YELLOW, "the oldest unsent message waits for ",
                 slice_of(term_span(unsent, text)));
}

static void put_head(struct cli *c, const struct status *s)
{
    char text[TERM_AGO_BYTES];
    int64_t started = view_time(s->server, "started_at");
    struct slice problem = json_get_text(s->server, "problem");
    term_put_c(&c->out, problem.len > 0 ? TINT_RED : TINT_GREEN, "● ");
    term_put_c(&c->out, TINT_BOLD, client_url(c->client));
    term_put_c(&c->out, TINT_NONE, "  swm ");
    term_put(&c->out, TINT_NONE, json_get_text(s->server, "version"));
    if (started != 0)
        term_printf(&c->out, TINT_NONE, ", up for %s", term_span(cli_now_ms() - started, text));
    term_put_c(&c->out, TINT_DIM, "  mode ");
    term_put(&c->out, TINT_NONE, json_get_text(s->server, "mode"));
    term_put_c(&c->out, TINT_DIM, "  store ");
    term_put(&c->out, TINT_NONE, json_get_text(json_get(s->server, "store"), "name"));
    term_put_c(&c->out, TINT_DIM, "  queues ");
    term_put(&c->out, TINT_NONE, json_get_text(json_get(s->server, "queue"), "name"));
    term_put_c(&c->out, TINT_DIM, "  node ");
    term_put(&c->out, TINT_NONE, json_get_text(s->server, "node"));
    term_end_line(&c->out);
    put_line(c, TINT_RED, "not ready: ", problem);
    put_line(c, TINT_RED, "queues: ", json_get_text(json_get(s->server, "queue"), "problem"));
    put_line(c, TINT_YELLOW, "queues: ", json_get_text(json_get(s->server, "queue"), "warning"));
    put_lag(c, s);
    term_end_line(&c->out);
}

static void put_nodes(struct cli *c, yyjson_val *nodes)
{
    static const struct table_column columns[] = {
        {"NODE", false}, {"STATE", false}, {"SEEN", false}, {"ADDRESS", false}, {"VERSION", false}};
    struct table table = table_new(&c->out, columns, sizeof columns / sizeof columns[0]);
    yyjson_arr_iter it = yyjson_arr_iter_with(nodes);
    for (yyjson_val *n; (n = yyjson_arr_iter_next(&it)) != NULL;) {
        char ago[TERM_AGO_BYTES];
        bool is_alive = yyjson_get_bool(json_get(n, "alive"));
        bool is_self = yyjson_get_bool(json_get(n, "self"));
        yyjson_val *info = json_get(n, "info");
        table_put(&table, is_self ? TINT_BOLD : TINT_NONE, json_get_text(n, "node"));
        table_put(&table, is_alive ? TINT_GREEN : TINT_RED,
                  is_alive ? SLICE("alive") : SLICE("silent"));
        table_put_c(&table, TINT_DIM, term_span(cli_now_ms() - view_time(n, "seen_at"), ago));
        table_put(&table, TINT_NONE, json_get_text(info, "address"));
        table_put(&table, TINT_NONE, json_get_text(info, "version"));
    }
    if (table.count == 0)
        return;
    table_draw(&table);
    term_end_line(&c->out);
}

static void put_instances(struct cli *c, yyjson_val *counts)
{
    yyjson_obj_iter it = yyjson_obj_iter_with(counts);
    bool is_any = false;
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&it)) != NULL;) {
        int64_t n = 0;
        struct slice status = json_text(name);
        if (!json_int(yyjson_obj_iter_get_val(name), &n) || n == 0)
            continue;
        term_printf(&c->out, view_tint(status), "%s%s ", is_any ? "   " : "", view_mark(status));
        term_printf(&c->out, TINT_BOLD, "%" PRId64 " ", n);
        term_put(&c->out, view_tint(status), status);
        is_any = true;
    }
    term_put_c(&c->out, TINT_DIM, is_any ? "" : "no instances yet");
    term_end_line(&c->out);
}

static void put_queues(struct cli *c, yyjson_val *queues)
{
    static const struct table_column columns[] = {
        {"QUEUE", false}, {"VISIBLE", true}, {"IN FLIGHT", true}, {"WORKERS", true}};
    static const char *const numbers[] = {"visible", "in_flight", "waiting_receives"};
    struct table table = table_new(&c->out, columns, sizeof columns / sizeof columns[0]);
    yyjson_arr_iter it = yyjson_arr_iter_with(queues);
    for (yyjson_val *q; (q = yyjson_arr_iter_next(&it)) != NULL;) {
        table_put(&table, TINT_NONE, json_get_text(q, "queue"));
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            int64_t n = 0;
            (void)json_get_int(q, numbers[i], &n);
            table_put_number(&table, n);
        }
    }
    if (table.count == 0)
        return;
    term_end_line(&c->out);
    table_draw(&table);
}

static int status(struct cli *c)
{
    struct status s;
    int exit = ask_status(c, &s);
    if (exit != EXIT_OK)
        return exit;
    if (c->args.json) {
        print_status(c, &s);
        return EXIT_OK;
    }
    put_head(c, &s);
    put_nodes(c, json_get(s.server, "nodes"));
    put_instances(c, json_get(s.stats, "instances"));
    put_queues(c, json_get(s.queues, "queues"));
    return EXIT_OK;
}

static const struct verb status_verbs[] = {{"status", status, "", 0, 0}, {NULL, NULL, NULL, 0, 0}};

int cmd_status(int argc, char **argv)
{
    return cli_run(status_verbs, argc, argv);
}

void cmd_status_help(void)
{
    cli_help(status_verbs, "  swm status\n  swm status --json | jq .instances\n");
}
