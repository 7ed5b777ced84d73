/* swm template: applies and looks at templates. Files are checked, drawn and compared by this
 * process itself, without a server; names are the server's. Before it stands the command line,
 * after it core's parser and the server. */
#include "app/cli.h"

#include "app/template_file.h"
#include "app/view.h"
#include "core/layout.h"

#include <inttypes.h>
#include <string.h>

/* --- what changes --- */

static void put_side(struct cli *c, const char *sign, enum tint tint, yyjson_val *value)
{
    if (value == NULL)
        return;
    term_printf(&c->out, tint, "    %s ", sign);
    term_put(&c->out, tint, json_write(&c->arena, value));
    term_end_line(&c->out);
}

static void say_changes(struct cli *c, yyjson_val *changes)
{
    yyjson_arr_iter it = yyjson_arr_iter_with(changes);
    for (yyjson_val *change; (change = yyjson_arr_iter_next(&it)) != NULL;) {
        struct slice what = json_get_text(change, "change");
        bool is_added = slice_eq_text(what, "added"), is_removed = slice_eq_text(what, "removed");
        enum tint tint = is_added ? TINT_GREEN : is_removed ? TINT_RED : TINT_YELLOW;
        term_put_c(&c->out, tint, is_added ? "+ " : is_removed ? "- " : "~ ");
        term_put(&c->out, TINT_BOLD, json_get_text(change, "path"));
        term_end_line(&c->out);
        put_side(c, "-", TINT_RED, json_get(change, "from"));
        put_side(c, "+", TINT_GREEN, json_get(change, "to"));
    }
    if (yyjson_arr_size(changes) > 0)
        return;
    term_put_c(&c->out, TINT_DIM, "They say the same.");
    term_end_line(&c->out);
}

/* --- apply and validate --- */

static void say_applied(struct cli *c, yyjson_val *answer)
{
    int64_t version = 0;
    bool is_new = false;
    const char *what = c->args.dry_run ? " would come" : " is applied";
    (void)json_get_int(answer, "version", &version);
    (void)json_get_bool(answer, "created", &is_new);
    struct slice digest = json_get_text(answer, "digest");
    digest.len = digest.len < 12 ? digest.len : 12;
    term_put_c(&c->out, is_new ? TINT_GREEN : TINT_DIM, is_new ? "✔ " : "= ");
    term_put(&c->out, TINT_BOLD, json_get_text(answer, "template"));
    term_printf(&c->out, TINT_BOLD, " v%" PRId64, version);
    term_put_c(&c->out, TINT_NONE, is_new ? what : " has this content already");
    term_put_c(&c->out, TINT_DIM, "  ");
    term_put(&c->out, TINT_DIM, digest);
    term_end_line(&c->out);
    if (is_new && json_get(answer, "changes") != NULL)
        say_changes(c, json_get(answer, "changes"));
}

/* With --dry-run the server says what it would do. */
static const char *apply_path(struct cli *c, const char *file)
{
    const char *path = c->args.dry_run ? "/v1/templates/validate" : "/v1/templates";
    path = cli_query(c, path, "file", file);
    return c->args.dry_run ? path : cli_query(c, path, "note", c->args.note);
}

static int apply_file(struct cli *c, const char *file)
{
    struct slice source;
    yyjson_val *answer = NULL;
    if (cli_read_file(c, file, &source) != ERR_NONE)
        return EXIT_REFUSED;
    struct client_request r = {
        .method = "POST", .path = apply_path(c, file), .body = source, .type = "application/yaml"};
    int exit = cli_send_quiet(c, &r, &answer);
    if (exit == EXIT_REFUSED && (c->args.json || json_get(answer, "errors") == NULL))
        return cli_say_error(c, answer);
    if (exit == EXIT_OK && c->args.json)
        cli_print_answer(c);
    if (exit == EXIT_UNREACHABLE || exit == EXIT_USAGE || c->args.json)
        return exit;
    template_file_say(c, file, source, json_get(answer, "errors"), false);
    template_file_say(c, file, source, json_get(answer, "warnings"), true);
    if (exit == EXIT_OK)
        say_applied(c, answer);
    return exit;
}

/* All files are tried; the worst outcome counts. */
static int each_file(struct cli *c, int (*work)(struct cli *c, const char *file))
{
    int worst = EXIT_OK;
    for (int i = 0; i < c->args.word_count; i++) {
        int exit = work(c, c->args.words[i]);
        if (exit == EXIT_UNREACHABLE)
            return exit;
        worst = exit > worst ? exit : worst;
    }
    return worst;
}

static int apply(struct cli *c)
{
    return each_file(c, apply_file);
}

static int validate_file(struct cli *c, const char *file)
{
    struct template_file f;
    if (cli_read_file(c, file, &f.source) != ERR_NONE)
        return EXIT_REFUSED;
    bool is_valid = template_file_parse(c, file, &f);
    if (c->args.json) {
        template_file_print(c, file, &f);
    } else if (is_valid) {
        term_put_c(&c->out, TINT_GREEN, "✔ ");
        term_put_c(&c->out, TINT_NONE, file);
        term_put_c(&c->out, TINT_NONE, ": ");
        term_put(&c->out, TINT_BOLD, f.template->name);
        term_printf(&c->out, TINT_DIM, "  %u stages, %u tasks", f.template->stage_count,
                    f.template->task_count);
        term_end_line(&c->out);
    }
    return is_valid ? EXIT_OK : EXIT_REFUSED;
}

static int validate(struct cli *c)
{
    return each_file(c, validate_file);
}

/* --- list and show --- */

static const struct table_column columns[] = {
    {"TEMPLATE", false}, {"VERSION", true}, {"STAGES", true},      {"TASKS", true},
    {"APPLIED", false},  {"BY", false},     {"DESCRIPTION", false}};

static void put_row(struct table *table, yyjson_val *t, int64_t now_ms)
{
    static const char *const numbers[] = {"version", "stages", "tasks"};
    char text[TERM_AGO_BYTES];
    table_put(table, TINT_BOLD, json_get_text(t, "template"));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        int64_t n = 0;
        (void)json_get_int(t, numbers[i], &n);
        table_put_number(table, n);
    }
    table_put_c(table, TINT_DIM, term_ago(view_time(t, "applied_at"), now_ms, text));
    table_put(table, TINT_DIM, json_get_text(t, "applied_by"));
    table_put(table, TINT_NONE, json_get_text(t, "description"));
}

static int list(struct cli *c)
{
    yyjson_val *answer, *t;
    struct table table = table_new(&c->out, columns, sizeof columns / sizeof columns[0]);
    int exit = cli_get(c, "/v1/templates", &answer);
    if (exit != EXIT_OK)
        return exit;
    yyjson_arr_iter it = yyjson_arr_iter_with(json_get(answer, "templates"));
    while ((t = yyjson_arr_iter_next(&it)) != NULL) {
        if (c->args.json)
            cli_print_line(c, json_write(&c->arena, t));
        else
            put_row(&table, t, cli_now_ms());
    }
    if (table.count > 0) {
        table_draw(&table);
    } else if (!c->args.json) {
        term_put_c(&c->out, TINT_DIM, "There are no templates yet: swm template apply FILE");
        term_end_line(&c->out);
    }
    return EXIT_OK;
}

static int show(struct cli *c)
{
    yyjson_val *t;
    char text[TERM_AGO_BYTES];
    int64_t version = 0;
    int exit = cli_get(c, template_file_path(c, c->args.words[0]), &t);
    if (exit != EXIT_OK)
        return exit;
    if (c->args.json) {
        cli_print_answer(c);
        return EXIT_OK;
    }
    struct slice by = json_get_text(t, "applied_by"), source = json_get_text(t, "source");
    (void)json_get_int(t, "version", &version);
    term_put_c(&c->out, TINT_DIM, "# ");
    term_put(&c->out, TINT_BOLD, json_get_text(t, "template"));
    term_printf(&c->out, TINT_BOLD, " v%" PRId64, version);
    term_printf(&c->out, TINT_DIM, " of %zu, applied %s by ",
                yyjson_arr_size(json_get(t, "versions")),
                term_ago(view_time(t, "applied_at"), cli_now_ms(), text));
    term_put(&c->out, TINT_DIM, by);
    if (json_get_text(t, "note").len > 0) {
        term_put_c(&c->out, TINT_DIM, ": ");
        term_put(&c->out, TINT_DIM, json_get_text(t, "note"));
    }
    term_end_line(&c->out);
    template_file_put(c, source);
    return EXIT_OK;
}

/* --- diff --- */

static void put_version(struct json_out *o, const char *name, const struct template *t,
                        const char *word)
{
    if (t->version > 0)
        json_put_number(o, name, t->version);
    else
        json_put_text(o, name, word);
}

static int diff(struct cli *c)
{
    struct template_file from, to;
    yyjson_val *changes;
    int exit = template_file_load(c, c->args.words[0], &from);
    if (exit == EXIT_OK)
        exit = template_file_load(c, c->args.words[1], &to);
    if (exit != EXIT_OK)
        return exit;
    struct slice json = template_diff(&c->arena, from.template, to.template);
    if (!c->args.json) {
        if (json_read(&c->arena, json, json.len, 4 * JSON_DEPTH_MAX, NULL, &changes) == ERR_NONE)
            say_changes(c, changes);
        return EXIT_OK;
    }
    struct json_out o = json_out_new(&c->arena, WORK_BYTES_MAX);
    json_object(&o);
    json_put_string(&o, "template", to.template->name);
    put_version(&o, "from", from.template, c->args.words[0]);
    put_version(&o, "to", to.template, c->args.words[1]);
    json_put_raw(&o, "changes", json);
    json_object_end(&o);
    cli_print_line(c, json_out_slice(&o));
    return EXIT_OK;
}

/* --- graph --- */

static struct slice draw_svg(struct arena *a, const struct template *t)
{
    return layout_svg(a, t, NULL);
}

static struct slice draw_json(struct arena *a, const struct template *t)
{
    return layout_json(a, t, NULL);
}

static int graph(struct cli *c)
{
    static const struct {
        const char *name;
        struct slice (*draw)(struct arena *a, const struct template *t);
    } forms[] = {
        {"svg", draw_svg}, {"dot", layout_dot}, {"mermaid", layout_mermaid}, {"json", draw_json}};
    const char *format = c->args.format;
    struct template_file f;
    if (format == NULL)
        format = c->args.json ? "json" : "svg";
    size_t i = 0, count = sizeof forms / sizeof forms[0];
    while (i < count && strcmp(format, forms[i].name) != 0)
        i++;
    if (i == count)
        return cli_usage(c, "a graph is drawn as svg, dot, mermaid or json, not as %s", format);
    int exit = template_file_load(c, c->args.words[0], &f);
    if (exit != EXIT_OK)
        return exit;
    cli_print_line(c, slice_trim(forms[i].draw(&c->arena, f.template)));
    return EXIT_OK;
}

static const struct verb verbs[] = {
    {"apply", apply, "note dry-run", 1, -1},
    {"list", list, "", 0, 0},
    {"show", show, "", 1, 1},
    {"diff", diff, "", 2, 2},
    {"validate", validate, "", 1, -1},
    {"graph", graph, "format", 1, 1},
    {NULL, NULL, NULL, 0, 0},
};

int cmd_template(int argc, char **argv)
{
    return cli_run_group("template", verbs, argc, argv);
}

void cmd_template_help(void)
{
    cli_help(verbs, "  swm template validate food-order.yaml       (needs no server)\n"
                    "  swm template apply food-order.yaml --note \"more time in the oven\"\n"
                    "  swm template apply food-order.yaml --dry-run\n"
                    "  swm template diff food-order@1 food-order@2\n"
                    "  swm template graph food-order.yaml --format mermaid\n");
}
