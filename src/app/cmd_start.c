/* swm start and swm list. Before them stands the command line, after them the server. */
#include "app/cli.h"

#include "app/follow.h"
#include "app/pages.h"
#include "app/view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- start --- */

static void say_started(struct cli *c, yyjson_val *answer)
{
    struct slice verdict = json_get_text(answer, "verdict");
    struct slice reason = json_get_text(answer, "reason");
    int64_t version = 0;
    (void)json_get_int(answer, "version", &version);
    bool is_new = slice_eq_text(verdict, "applied");
    term_put_c(&c->out, is_new ? TINT_GREEN : TINT_YELLOW, is_new ? "started " : "there already: ");
    term_put(&c->out, TINT_BOLD, view_name(answer));
    term_put_c(&c->out, TINT_DIM, "  ");
    term_put(&c->out, TINT_DIM, json_get_text(answer, "template"));
    term_printf(&c->out, TINT_DIM, " v%" PRId64 " · ", version);
    term_put(&c->out, TINT_DIM, json_get_text(answer, "instance"));
    if (!is_new && reason.len > 0) {
        term_put_c(&c->out, TINT_NONE, "  ");
        term_put(&c->out, TINT_NONE, reason);
    }
    term_end_line(&c->out);
    (void)term_flush(&c->out);
}

/* The answer to the start with the status and output of the end. */
static void print_finished(struct cli *c, yyjson_val *answer, yyjson_val *shown)
{
    struct json_out o = json_out_new(&c->arena, WORK_BYTES_MAX);
    yyjson_obj_iter it = yyjson_obj_iter_with(answer);
    json_object(&o);
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&it)) != NULL;) {
        bool is_status = slice_eq_text(json_text(name), "status");
        yyjson_val *v = is_status ? json_get(shown, "status") : yyjson_obj_iter_get_val(name);
        json_key_slice(&o, json_text(name));
        json_raw(&o, json_write(&c->arena, v));
    }
    json_put_raw(&o, "output", json_write(&c->arena, json_get(shown, "output")));
    json_object_end(&o);
    cli_print_line(c, json_out_slice(&o));
}

static int wait_for_end(struct cli *c, yyjson_val *answer)
{
    yyjson_val *shown = NULL;
    struct slice id = json_get_text(answer, "instance");
    int exit = follow_to_end(c, slice_text(&c->arena, id), &shown);
    if (exit != EXIT_OK)
        return exit;
    if (c->args.json)
        print_finished(c, answer, shown);
    else
        view_instance(&c->out, shown, cli_now_ms(), false);
    return slice_eq_text(json_get_text(shown, "status"), "COMPLETED") ? EXIT_OK : EXIT_REFUSED;
}

static int start(struct cli *c)
{
    struct slice input;
    yyjson_val *answer;
    int exit = cli_take_json(c, c->args.input, &input);
    if (exit != EXIT_OK)
        return exit;
    struct json_out o = json_out_new(&c->arena, HTTP_BODY_BYTES_MAX);
    json_object(&o);
    json_put_text(&o, "template", c->args.words[0]);
    if (c->args.key != NULL)
        json_put_text(&o, "key", c->args.key);
    if (input.at != NULL)
        json_put_raw(&o, "input", input);
    cli_put_event_id(c, &o);
    json_object_end(&o);
    exit = cli_post(c, "/v1/instances", json_out_slice(&o), &answer);
    if (exit != EXIT_OK)
        return exit;
    if (c->args.wait && json_get_text(answer, "instance").len > 0) {
        if (!c->args.json)
            say_started(c, answer);
        return wait_for_end(c, answer);
    }
    if (c->args.json)
        cli_print_answer(c);
    else
        say_started(c, answer);
    return EXIT_OK;
}

static const struct verb start_verbs[] = {
    {"start", start, "key input event-id wait", 1, 1},
    {NULL, NULL, NULL, 0, 0},
};

int cmd_start(int argc, char **argv)
{
    return cli_run(start_verbs, argc, argv);
}

void cmd_start_help(void)
{
    cli_help(start_verbs,
             "  swm start food-order --key ORDER-1 --input '{\"order_id\": \"ORDER-1\"}'\n"
             "  swm start food-order --input @order.json --wait\n");
}

/* --- list --- */

static const struct table_column columns[] = {
    {"KEY", false},      {"TEMPLATE", false}, {"STATUS", false},  {"STAGE", false},
    {"BUSINESS", false}, {"STARTED", false},  {"CHANGED", false}, {"INSTANCE", false}};

static void put_row(struct cli *c, struct table *table, yyjson_val *i, int64_t now_ms)
{
    char line[256], text[TERM_AGO_BYTES];
    struct slice status = json_get_text(i, "status"), name = json_get_text(i, "template");
    int64_t version = 0;
    (void)json_get_int(i, "version", &version);
    (void)snprintf(line, sizeof line, "%.*s v%" PRId64, (int)(name.len < 200 ? name.len : 200),
                   name.at != NULL ? name.at : "", version);
    table_put(table, TINT_BOLD, json_get_text(i, "key"));
    table_put_c(table, TINT_NONE, line);
    (void)snprintf(line, sizeof line, "%s %.*s", view_mark(status), SLICE_ARG(status));
    table_put_c(table, view_tint(status), line);
    table_put(table, TINT_NONE, json_get_text(i, "stage"));
    table_put(table, TINT_NONE, json_get_text(i, "business_status"));
    table_put_c(table, TINT_DIM, term_ago(view_time(i, "started_at"), now_ms, text));
    table_put_c(table, TINT_DIM, term_ago(view_time(i, "updated_at"), now_ms, text));
    table_put(table, TINT_DIM, json_get_text(i, "instance"));
    (void)c;
}

static const char *filter_path(struct cli *c, const char *path)
{
    const struct args *a = &c->args;
    path = cli_query(c, path, "template", a->template);
    path = cli_query(c, path, "status", a->status);
    path = cli_query(c, path, "stage", a->stage);
    return cli_query_since(c, cli_query(c, path, "key", a->key));
}

/* What a count says, for people: "42: 2 FAILED, 40 COMPLETED". */
static void put_count(struct cli *c, yyjson_val *answer)
{
    int64_t count = 0, n = 0;
    bool has_more = yyjson_get_bool(json_get(answer, "more"));
    const char *before = ": ";
    yyjson_val *name;
    (void)json_get_int(answer, "count", &count);
    term_printf(&c->out, TINT_BOLD, "%s%" PRId64, has_more ? "at least " : "", count);
    yyjson_obj_iter it = yyjson_obj_iter_with(json_get(answer, "by_status"));
    for (; (name = yyjson_obj_iter_next(&it)) != NULL; before = ", ") {
        (void)json_get_int(json_get(answer, "by_status"), yyjson_get_str(name), &n);
        term_printf(&c->out, TINT_NONE, "%s%" PRId64 " %s", before, n, yyjson_get_str(name));
    }
    term_end_line(&c->out);
}

static int count(struct cli *c)
{
    yyjson_val *answer;
    const char *path = filter_path(c, "/v1/instances/count");
    int exit = path == NULL ? EXIT_USAGE : cli_get(c, path, &answer);
    if (exit != EXIT_OK)
        return exit;
    if (c->args.json)
        cli_print_answer(c);
    else
        put_count(c, answer);
    return EXIT_OK;
}

static int list(struct cli *c)
{
    static const struct pages pages = {.member = "instances",
                                       .nothing = "There are no such instances.",
                                       .columns = columns,
                                       .column_count = sizeof columns / sizeof columns[0],
                                       .page_limit = 500,
                                       .people_limit = 100,
                                       .put_row = put_row};
    if (c->args.count)
        return count(c);
    const char *path = filter_path(c, "/v1/instances");
    return path == NULL ? EXIT_USAGE : pages_print(c, &pages, path);
}

static const struct verb list_verbs[] = {
    {"list", list, "template status stage key since limit count", 0, 0},
    {NULL, NULL, NULL, 0, 0},
};

int cmd_list(int argc, char **argv)
{
    return cli_run(list_verbs, argc, argv);
}

void cmd_list_help(void)
{
    cli_help(list_verbs, "  swm list --template food-order --status FAILED,PAUSED --since 24h\n"
                         "  swm list --key 'ORDER-2*' --count\n"
                         "  swm list --json | jq -r .instance\n");
}
