/* swm audit: what people did, the newest first. Before it stands the command line, after it the
 * server. It changes nothing. */
#include "app/cli.h"

#include "app/view.h"
#include "base/time.h"

#include <inttypes.h>
#include <stdio.h>

#define PAGE_LIMIT 1000
#define PEOPLE_LIMIT 50 /* shown unless more are asked for */

static const struct table_column columns[] = {{"WHEN", false},  {"WHO", false}, {"WHAT", false},
                                              {"ABOUT", false}, {"WHY", false}, {"VERDICT", false}};

/* The template and the key, or what else tells it. */
static struct slice about(struct cli *c, yyjson_val *event)
{
    struct slice template = json_get_text(event, "template"), key = json_get_text(event, "key");
    struct slice task = json_get_text(event, "task"), stage = json_get_text(event, "stage");
    struct slice access_key = json_get_text(json_get(event, "data"), "name");
    struct text t = text_new(&c->arena, 1024);
    if (template.len == 0 && key.len == 0)
        text_put(&t, access_key);
    text_put(&t, template);
    text_put_c(&t, template.len > 0 && key.len > 0 ? "/" : "");
    text_put(&t, key);
    struct slice part = task.len > 0 ? task : stage;
    text_put_c(&t, part.len > 0 ? " " : "");
    text_put(&t, part);
    return text_slice(&t);
}

static void put_row(struct cli *c, struct table *table, yyjson_val *event, int64_t now_ms)
{
    char ago[TERM_AGO_BYTES];
    struct slice verdict = json_get_text(event, "verdict"), why = json_get_text(event, "comment");
    table_put_c(table, TINT_DIM, term_ago(view_time(event, "at"), now_ms, ago));
    table_put(table, TINT_BOLD, json_get_text(event, "actor"));
    table_put(table, TINT_CYAN, json_get_text(event, "event"));
    table_put(table, TINT_NONE, about(c, event));
    table_put(table, TINT_NONE, why.len > 0 ? why : json_get_text(event, "reason"));
    table_put(table, view_verdict_tint(verdict), verdict);
}

/* NULL: a time on the command line is none. */
static const char *page_path(struct cli *c, const char *after, int64_t left)
{
    const struct args *a = &c->args;
    char since[TIME_TEXT_BYTES + 1] = "", limit[32];
    int64_t since_ms = 0;
    if (cli_take_time(c, a->since, -1, &since_ms) != EXIT_OK)
        return NULL;
    if (since_ms != 0)
        since[time_format(since_ms, since)] = '\0';
    (void)snprintf(limit, sizeof limit, "%" PRId64, left < PAGE_LIMIT ? left : PAGE_LIMIT);
    const char *path = cli_query(c, "/v1/audit", "limit", limit);
    path = cli_query(c, path, "actor", a->actor);
    path = cli_query(c, path, "event", a->event);
    path = cli_query(c, path, "template", a->template);
    path = cli_query(c, path, "key", a->key);
    path = cli_query(c, path, "since", since[0] != '\0' ? since : NULL);
    return cli_query(c, path, "after", after);
}

static int64_t put_page(struct cli *c, struct table *table, yyjson_val *page, const char **after)
{
    int64_t count = 0;
    yyjson_arr_iter it = yyjson_arr_iter_with(json_get(page, "events"));
    for (yyjson_val *e; (e = yyjson_arr_iter_next(&it)) != NULL; count++) {
        if (c->args.json)
            cli_print_line(c, json_write(&c->arena, e));
        else
            put_row(c, table, e, cli_now_ms());
    }
    struct slice next = json_get_text(page, "next");
    *after = next.len > 0 ? slice_text(&c->arena, next) : NULL;
    return count;
}

static int audit(struct cli *c)
{
    int64_t left = c->args.json ? INT64_MAX : PEOPLE_LIMIT;
    const char *after = NULL;
    struct table table = table_new(&c->out, columns, sizeof columns / sizeof columns[0]);
    int exit = cli_take_count(c, "limit", c->args.limit, &left);
    bool is_first = true;
    while (exit == EXIT_OK && left > 0 && (is_first || after != NULL)) {
        yyjson_val *page;
        const char *path = page_path(c, after, left);
        exit = path == NULL ? EXIT_USAGE : cli_get(c, path, &page);
        if (exit == EXIT_OK)
            left -= put_page(c, &table, page, &after);
        is_first = false;
    }
    if (exit != EXIT_OK || c->args.json)
        return exit;
    if (table.count == 0)
        term_put_c(&c->out, TINT_DIM, "Nobody did such a thing.");
    else
        table_draw(&table);
    if (after != NULL)
        term_put_c(&c->out, TINT_DIM, "… and more: --limit N shows them");
    if (table.count == 0 || after != NULL)
        term_end_line(&c->out);
    return EXIT_OK;
}

static const struct verb verbs[] = {
    {"audit", audit, "actor event template key since limit", 0, 0},
    {NULL, NULL, NULL, 0, 0},
};

int cmd_audit(int argc, char **argv)
{
    return cli_run(verbs, argc, argv);
}

void cmd_audit_help(void)
{
    cli_help(verbs, "  swm audit --since 24h\n"
                    "  swm audit --actor ann --event ReplayTask,ReplayStage\n");
}
