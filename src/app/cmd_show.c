/* swm show, swm explain and swm events: looks at one instance, now and as of any event. Before them
 * stands the command line, after them the server. They change nothing. */
#include "app/cli.h"

#include "app/listing.h"
#include "app/view.h"

/* --- show --- */

static void put_json(struct cli *c, const char *name, yyjson_val *value)
{
    if (value == NULL || yyjson_is_null(value))
        return;
    term_printf(&c->out, TINT_DIM, "%-8s", name);
    term_put(&c->out, TINT_NONE, json_write(&c->arena, value));
    term_end_line(&c->out);
}

static int show(struct cli *c)
{
    yyjson_val *shown;
    const char *path = cli_path(c, "/v1/instances/", c->args.words[0], "");
    int exit = cli_get(c, cli_query(c, path, "at", c->args.at), &shown);
    if (exit != EXIT_OK)
        return exit;
    if (c->args.json) {
        cli_print_answer(c);
        return EXIT_OK;
    }
    int64_t now_ms = cli_now_ms();
    if (c->args.at != NULL && view_time(shown, "updated_at") != 0)
        now_ms = view_time(shown, "updated_at"); /* times are told from then */
    view_instance(&c->out, shown, now_ms, false);
    term_end_line(&c->out);
    put_json(c, "input", json_get(shown, "input"));
    put_json(c, "output", json_get(shown, "output"));
    return EXIT_OK;
}

static const struct verb show_verbs[] = {{"show", show, "at", 1, 1}, {NULL, NULL, NULL, 0, 0}};

int cmd_show(int argc, char **argv)
{
    return cli_run(show_verbs, argc, argv);
}

void cmd_show_help(void)
{
    cli_help(show_verbs, "  swm show ORDER-1\n"
                         "  swm show food-order/ORDER-1 --at 5\n"
                         "  swm show ORDER-1 --at 2026-11-23T12:00:00Z --json\n");
}

/* --- explain --- */

static int explain(struct cli *c)
{
    yyjson_val *answer;
    int exit = cli_get(c, cli_path(c, "/v1/instances/", c->args.words[0], "/explain"), &answer);
    if (exit != EXIT_OK)
        return exit;
    if (c->args.json) {
        cli_print_answer(c);
        return EXIT_OK;
    }
    yyjson_arr_iter it = yyjson_arr_iter_with(json_get(answer, "lines"));
    for (yyjson_val *line; (line = yyjson_arr_iter_next(&it)) != NULL;) {
        term_put(&c->out, TINT_NONE, json_text(line));
        term_end_line(&c->out);
    }
    return EXIT_OK;
}

static const struct verb explain_verbs[] = {{"explain", explain, "", 1, 1},
                                            {NULL, NULL, NULL, 0, 0}};

int cmd_explain(int argc, char **argv)
{
    return cli_run(explain_verbs, argc, argv);
}

void cmd_explain_help(void)
{
    cli_help(explain_verbs, "  swm explain ORDER-1\n");
}

/* --- events --- */

/* The instance is looked up first: a stream knows ids alone. */
static int events(struct cli *c)
{
    yyjson_val *shown;
    int exit = cli_get(c, cli_path(c, "/v1/instances/", c->args.words[0], ""), &shown);
    if (exit != EXIT_OK)
        return exit;
    const char *id = slice_text(&c->arena, json_get_text(shown, "instance"));
    return listing_print(c, id, c->args.follow ? LISTING_NEVER : LISTING_NOW);
}

static const struct verb events_verbs[] = {{"events", events, "follow", 1, 1},
                                           {NULL, NULL, NULL, 0, 0}};

int cmd_events(int argc, char **argv)
{
    return cli_run(events_verbs, argc, argv);
}

void cmd_events_help(void)
{
    cli_help(events_verbs, "  swm events ORDER-1\n"
                           "  swm events ORDER-1 --follow --json\n");
}
