/* swm queue: what waits in the work queues. Before it stands the command line, after it the server.
 */
#include "app/cli.h"

#include "app/view.h"

#include <inttypes.h>

static const struct table_column columns[] = {{"QUEUE", false},    {"VISIBLE", true},
                                              {"IN FLIGHT", true}, {"DELAYED", true},
                                              {"WORKERS", true},   {"OLDEST", false}};

static void put_row(struct table *table, yyjson_val *q, int64_t now_ms)
{
    static const char *const numbers[] = {"visible", "in_flight", "delayed", "waiting_receives"};
    char text[TERM_AGO_BYTES];
    table_put(table, TINT_BOLD, json_get_text(q, "queue"));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        int64_t n = 0;
        (void)json_get_int(q, numbers[i], &n);
        table_put_number(table, n);
    }
    table_put_c(table, TINT_DIM, term_ago(view_time(q, "oldest_at"), now_ms, text));
}

static int list(struct cli *c)
{
    struct table table = table_new(&c->out, columns, sizeof columns / sizeof columns[0]);
    const char *after = NULL;
    do {
        yyjson_val *answer, *q;
        int exit = cli_get(c, cli_query(c, "/v1/queues", "after", after), &answer);
        if (exit != EXIT_OK)
            return exit;
        yyjson_arr_iter it = yyjson_arr_iter_with(json_get(answer, "queues"));
        while ((q = yyjson_arr_iter_next(&it)) != NULL) {
            if (c->args.json)
                cli_print_line(c, json_write(&c->arena, q));
            else
                put_row(&table, q, cli_now_ms());
        }
        struct slice next = json_get_text(answer, "next");
        after = next.len > 0 ? slice_text(&c->arena, next) : NULL;
    } while (after != NULL);
    if (table.count > 0) {
        table_draw(&table);
    } else if (!c->args.json) {
        term_put_c(&c->out, TINT_DIM, "There are no queues yet: a template or a worker names one.");
        term_end_line(&c->out);
    }
    return EXIT_OK;
}

static int peek(struct cli *c)
{
    yyjson_val *answer, *m;
    int64_t limit = 10;
    int exit = cli_take_count(c, "limit", c->args.limit, &limit);
    if (exit != EXIT_OK)
        return exit;
    const char *path = cli_path(c, "/v1/queues/", c->args.words[0], "/peek");
    exit = cli_get(c, cli_query(c, path, "limit", c->args.limit), &answer);
    if (exit != EXIT_OK)
        return exit;
    yyjson_arr_iter it = yyjson_arr_iter_with(json_get(answer, "messages"));
    while ((m = yyjson_arr_iter_next(&it)) != NULL) {
        struct slice line = json_write(&c->arena, m);
        if (c->args.json) {
            cli_print_line(c, line);
            continue;
        }
        term_put(&c->out, TINT_NONE, line);
        term_end_line(&c->out);
    }
    return EXIT_OK;
}

static int purge(struct cli *c)
{
    yyjson_val *answer;
    int exit =
        cli_post(c, cli_path(c, "/v1/queues/", c->args.words[0], "/purge"), SLICE_NONE, &answer);
    if (exit != EXIT_OK)
        return exit;
    if (c->args.json) {
        cli_print_answer(c);
        return EXIT_OK;
    }
    term_printf(&c->out, TINT_NONE, "%s is empty but for tasks: those end with their instances",
                c->args.words[0]);
    term_end_line(&c->out);
    return EXIT_OK;
}

static const struct verb verbs[] = {
    {"list", list, "", 0, 0},
    {"peek", peek, "limit", 1, 1},
    {"purge", purge, "", 1, 1},
    {NULL, NULL, NULL, 0, 0},
};

int cmd_queue(int argc, char **argv)
{
    return cli_run_group("queue", verbs, argc, argv);
}

void cmd_queue_help(void)
{
    cli_help(verbs, "  swm queue list\n"
                    "  swm queue peek make_food_queue --limit 3\n");
}
