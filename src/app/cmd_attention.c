/* swm attention: what somebody should look at, each with its reason. Before it stands the command
 * line, after it the server. It changes nothing. */
#include "app/cli.h"

#include "app/view.h"

static const struct table_column columns[] = {{"WHAT", false},     {"KEY", false},
                                              {"TEMPLATE", false}, {"SINCE", false},
                                              {"INSTANCE", false}, {"WHY", false}};

static void put_row(struct table *table, yyjson_val *item, int64_t now_ms)
{
    char text[TERM_AGO_BYTES];
    bool is_failed = slice_eq_text(json_get_text(item, "kind"), "failed");
    int64_t since_ms = view_time(item, "due_at");
    if (since_ms == 0)
        since_ms = view_time(item, "since");
    table_put(table, is_failed ? TINT_RED : TINT_NONE, json_get_text(item, "kind"));
    table_put(table, TINT_BOLD, json_get_text(item, "key"));
    table_put(table, TINT_NONE, json_get_text(item, "template"));
    table_put_c(table, TINT_DIM, term_ago(since_ms, now_ms, text));
    table_put(table, TINT_DIM, json_get_text(item, "instance"));
    table_put(table, TINT_NONE, json_get_text(item, "reason"));
}

static int attention(struct cli *c)
{
    yyjson_val *answer, *item;
    struct table table = table_new(&c->out, columns, sizeof columns / sizeof columns[0]);
    int exit = cli_get(c, cli_query(c, "/v1/attention", "limit", c->args.limit), &answer);
    if (exit != EXIT_OK)
        return exit;
    yyjson_arr_iter it = yyjson_arr_iter_with(json_get(answer, "items"));
    while ((item = yyjson_arr_iter_next(&it)) != NULL) {
        if (c->args.json)
            cli_print_line(c, json_write(&c->arena, item));
        else
            put_row(&table, item, cli_now_ms());
    }
    if (table.count > 0) {
        table_draw(&table);
    } else if (!c->args.json) {
        term_put_c(&c->out, TINT_DIM, "Nothing needs attention.");
        term_end_line(&c->out);
    }
    return EXIT_OK;
}

static const struct verb attention_verbs[] = {{"attention", attention, "limit", 0, 0},
                                              {NULL, NULL, NULL, 0, 0}};

int cmd_attention(int argc, char **argv)
{
    return cli_run(attention_verbs, argc, argv);
}

void cmd_attention_help(void)
{
    cli_help(attention_verbs, "  swm attention\n"
                              "  swm attention --json | jq -r .instance\n");
}
