/* swm task: the inbox of people, and answers to tasks by hand or from a script. Before it stands
 * the command line, after it the server. */
#include "app/cli.h"

#include "app/pages.h"
#include "app/view.h"

static const struct table_column columns[] = {
    {"KEY", false},   {"TASK", false}, {"TEMPLATE", false}, {"FOR", false},
    {"SINCE", false}, {"DUE", false},  {"INSTANCE", false}};

static void put_row(struct cli *c, struct table *table, yyjson_val *task, int64_t now_ms)
{
    (void)c;
    char text[TERM_AGO_BYTES];
    int64_t due = view_time(task, "due_at");
    struct slice who = json_get_text(task, "assignee"), group = json_get_text(task, "group");
    table_put(table, TINT_BOLD, json_get_text(task, "key"));
    table_put(table, TINT_CYAN, json_get_text(task, "task"));
    table_put(table, TINT_NONE, json_get_text(task, "template"));
    table_put(table, TINT_NONE, who.len > 0 ? who : group);
    table_put_c(table, TINT_DIM, term_ago(view_time(task, "since"), now_ms, text));
    table_put_c(table, due != 0 && due < now_ms ? TINT_RED : TINT_NONE,
                term_ago(due, now_ms, text));
    table_put(table, TINT_DIM, json_get_text(task, "instance"));
}

static int list(struct cli *c)
{
    static const struct pages pages = {.member = "tasks",
                                       .nothing = "No task waits for a person.",
                                       .columns = columns,
                                       .column_count = sizeof columns / sizeof columns[0],
                                       .page_limit = 1000,
                                       .people_limit = 100,
                                       .put_row = put_row};
    const struct args *a = &c->args;
    const char *path = cli_query(c, "/v1/tasks", "assignee", a->assignee);
    path = cli_query(c, path, "group", a->group);
    path = cli_query(c, path, "template", a->template);
    return pages_print(c, &pages, cli_query(c, path, "overdue", a->overdue ? "true" : NULL));
}

/* Which attempt is meant: by the token of its message, or by instance and task. */
static int put_address(struct cli *c, struct json_out *o)
{
    const struct args *a = &c->args;
    bool is_named = a->word_count == 1 && a->task != NULL;
    if ((a->token != NULL) == is_named ||
        (a->token != NULL && (a->word_count > 0 || a->task != NULL)))
        return cli_usage(c, "say which task: ID --task TASK, or --token TOKEN");
    if (a->token != NULL) {
        json_put_text(o, "token", a->token);
        return EXIT_OK;
    }
    json_put_text(o, "instance", a->words[0]);
    json_put_text(o, "task", a->task);
    return EXIT_OK;
}

static void say_verdict(struct cli *c, yyjson_val *answer)
{
    struct slice verdict = json_get_text(answer, "verdict"),
                 status = json_get_text(answer, "status");
    struct slice reason = json_get_text(answer, "reason");
    term_put(&c->out, view_verdict_tint(verdict), verdict);
    term_put_c(&c->out, TINT_NONE, ": ");
    term_put(&c->out, TINT_BOLD, json_get_text(answer, "task"));
    term_put_c(&c->out, TINT_NONE, " of ");
    term_put(&c->out, TINT_BOLD, view_name(answer));
    if (status.len > 0) {
        term_printf(&c->out, view_tint(status), "  %s ", view_mark(status));
        term_put(&c->out, view_tint(status), status);
    }
    if (reason.len > 0) {
        term_put_c(&c->out, TINT_NONE, "  ");
        term_put(&c->out, TINT_NONE, reason);
    }
    term_end_line(&c->out);
}

static int answer_task(struct cli *c, const char *path, struct slice output)
{
    yyjson_val *answer;
    const struct args *a = &c->args;
    struct json_out o = json_out_new(&c->arena, HTTP_BODY_BYTES_MAX);
    json_object(&o);
    int exit = put_address(c, &o);
    if (exit != EXIT_OK)
        return exit;
    if (output.at != NULL)
        json_put_raw(&o, "output", output);
    if (a->error != NULL)
        json_put_text(&o, "error", a->error);
    if (a->message != NULL)
        json_put_text(&o, "message", a->message);
    if (a->reason != NULL)
        json_put_text(&o, "reason", a->reason);
    cli_put_event_id(c, &o);
    json_object_end(&o);
    exit = cli_post(c, path, json_out_slice(&o), &answer);
    if (exit == EXIT_OK && c->args.json)
        cli_print_answer(c);
    else if (exit == EXIT_OK)
        say_verdict(c, answer);
    return exit;
}

static int complete(struct cli *c)
{
    struct slice output;
    int exit = cli_take_json(c, c->args.output, &output);
    return exit == EXIT_OK ? answer_task(c, "/v1/tasks/complete", output) : exit;
}

static int fail(struct cli *c)
{
    if (c->args.error == NULL)
        return cli_usage(c, "--error NAME is missing: what the template calls the error");
    return answer_task(c, "/v1/tasks/fail", SLICE_NONE);
}

static int heartbeat(struct cli *c)
{
    return answer_task(c, "/v1/tasks/heartbeat", SLICE_NONE);
}

static int start(struct cli *c)
{
    return answer_task(c, "/v1/tasks/start", SLICE_NONE);
}

static int pending(struct cli *c)
{
    return answer_task(c, "/v1/tasks/pending", SLICE_NONE);
}

static const struct verb verbs[] = {
    {"list", list, "assignee group template overdue limit", 0, 0},
    {"complete", complete, "task token output reason event-id", 0, 1},
    {"fail", fail, "task token error message reason event-id", 0, 1},
    {"heartbeat", heartbeat, "task token event-id", 0, 1},
    {"start", start, "task token event-id", 0, 1},
    {"pending", pending, "task token reason event-id", 0, 1},
    {NULL, NULL, NULL, 0, 0},
};

int cmd_task(int argc, char **argv)
{
    return cli_run_group("task", verbs, argc, argv);
}

void cmd_task_help(void)
{
    cli_help(verbs,
             "  swm task list --assignee delivery_executive\n"
             "  swm task complete ORDER-1 --task deliver_food --output '{\"tip\": 2.5}'\n"
             "  swm task fail --token \"$TOKEN\" --error OutOfStock --message \"no flour\"\n");
}
