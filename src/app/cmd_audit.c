/* swm audit: what people did, the newest first. Before it stands the command line, after it the
 * server. It changes nothing. */
#include "app/pages.h"
#include "app/view.h"

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

static int audit(struct cli *c)
{
    static const struct pages pages = {.member = "events",
                                       .nothing = "Nobody did such a thing.",
                                       .columns = columns,
                                       .column_count = sizeof columns / sizeof columns[0],
                                       .page_limit = 1000,
                                       .people_limit = 50,
                                       .put_row = put_row};
    const struct args *a = &c->args;
    const char *path = cli_query(c, "/v1/audit", "actor", a->actor);
    path = cli_query(c, path, "event", a->event);
    path = cli_query(c, path, "template", a->template);
    path = cli_query_since(c, cli_query(c, path, "key", a->key));
    return path == NULL ? EXIT_USAGE : pages_print(c, &pages, path);
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
