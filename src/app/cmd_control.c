/* swm replay, pause, resume and cancel: what people do to an instance. Each is an event with a
 * reason and an id of its own. Before them stands the command line, after them the server. */
#include "app/cli.h"

#include "app/view.h"
#include "base/time.h"

static void put_text(struct json_out *o, const char *name, const char *value)
{
    if (value != NULL)
        json_put_text(o, name, value);
}

static void begin_body(struct cli *c, struct json_out *o)
{
    *o = json_out_new(&c->arena, HTTP_BODY_BYTES_MAX);
    json_object(o);
    put_text(o, "reason", c->args.reason);
    cli_put_event_id(c, o);
}

static int send_body(struct cli *c, struct json_out *o, const char *verb, yyjson_val **answer)
{
    json_object_end(o);
    return cli_post(c, cli_path(c, "/v1/instances/", c->args.words[0], verb), json_out_slice(o),
                    answer);
}

/* --- replay --- */

static void say_replayed(struct cli *c, yyjson_val *answer)
{
    yyjson_arr_iter it = yyjson_arr_iter_with(json_get(answer, "tasks"));
    const char *begin = c->args.dry_run ? "would run again: " : "runs again: ";
    bool is_first = true;
    term_put_c(&c->out, c->args.dry_run ? TINT_YELLOW : TINT_GREEN, begin);
    for (yyjson_val *task; (task = yyjson_arr_iter_next(&it)) != NULL; is_first = false) {
        term_put_c(&c->out, TINT_NONE, is_first ? "" : ", ");
        term_put(&c->out, TINT_BOLD, json_text(task));
    }
    term_put_c(&c->out, TINT_NONE, is_first ? "nothing" : "");
    term_end_line(&c->out);
}

static int replay(struct cli *c)
{
    struct slice input;
    struct json_out o;
    yyjson_val *answer;
    if ((c->args.task == NULL) == (c->args.stage == NULL))
        return cli_usage(c, "say what to replay: --task TASK or --stage STAGE");
    int exit = cli_take_json(c, c->args.input, &input);
    if (exit != EXIT_OK)
        return exit;
    begin_body(c, &o);
    put_text(&o, "task", c->args.task);
    put_text(&o, "stage", c->args.stage);
    if (input.at != NULL)
        json_put_raw(&o, "input", input);
    json_put_boolean(&o, "only", c->args.only);
    json_put_boolean(&o, "dry_run", c->args.dry_run);
    exit = send_body(c, &o, "/replay", &answer);
    if (exit != EXIT_OK)
        return exit;
    if (c->args.json)
        cli_print_answer(c);
    else
        say_replayed(c, answer);
    return EXIT_OK;
}

static const struct verb replay_verbs[] = {
    {"replay", replay, "task stage only input reason dry-run event-id", 1, 1},
    {NULL, NULL, NULL, 0, 0},
};

int cmd_replay(int argc, char **argv)
{
    return cli_run(replay_verbs, argc, argv);
}

void cmd_replay_help(void)
{
    cli_help(replay_verbs, "  swm replay ORDER-1 --task make_food --dry-run\n"
                           "  swm replay ORDER-1 --task make_food --reason \"it was cold\"\n"
                           "  swm replay ORDER-1 --stage prepare --input '{\"dish\": \"soup\"}'\n");
}

/* --- pause, resume, cancel --- */

static int finish(struct cli *c, struct json_out *o, const char *verb)
{
    yyjson_val *answer;
    int exit = send_body(c, o, verb, &answer);
    if (exit != EXIT_OK)
        return exit;
    if (c->args.json) {
        cli_print_answer(c);
        return EXIT_OK;
    }
    struct slice status = json_get_text(answer, "status"), reason = json_get_text(answer, "reason");
    struct slice verdict = json_get_text(answer, "verdict");
    term_put(&c->out, TINT_BOLD, view_name(answer));
    term_printf(&c->out, view_tint(status), "  %s ", view_mark(status));
    term_put(&c->out, view_tint(status), status);
    if (!slice_eq_text(verdict, "applied")) {
        term_put_c(&c->out, TINT_NONE, "  ");
        term_put(&c->out, TINT_YELLOW, reason.len > 0 ? reason : verdict);
    }
    term_end_line(&c->out);
    return EXIT_OK;
}

static int pause_instance(struct cli *c)
{
    struct json_out o;
    char until[TIME_TEXT_BYTES];
    int64_t until_ms;
    int exit = cli_take_time(c, c->args.until, 1, &until_ms);
    if (exit != EXIT_OK)
        return exit;
    begin_body(c, &o);
    put_text(&o, "timers", c->args.timers);
    if (until_ms != 0) {
        until[time_format(until_ms, until)] = '\0';
        json_put_text(&o, "resume_at", until);
    }
    return finish(c, &o, "/pause");
}

static int resume(struct cli *c)
{
    struct json_out o;
    begin_body(c, &o);
    return finish(c, &o, "/resume");
}

static int cancel(struct cli *c)
{
    struct json_out o;
    begin_body(c, &o);
    return finish(c, &o, "/cancel");
}

static const struct verb pause_verbs[] = {
    {"pause", pause_instance, "reason until timers event-id", 1, 1},
    {NULL, NULL, NULL, 0, 0},
};
static const struct verb resume_verbs[] = {{"resume", resume, "reason event-id", 1, 1},
                                           {NULL, NULL, NULL, 0, 0}};
static const struct verb cancel_verbs[] = {{"cancel", cancel, "reason event-id", 1, 1},
                                           {NULL, NULL, NULL, 0, 0}};

int cmd_pause(int argc, char **argv)
{
    return cli_run(pause_verbs, argc, argv);
}

void cmd_pause_help(void)
{
    cli_help(pause_verbs, "  swm pause ORDER-1 --reason \"no gas\" --until 30m\n");
}

int cmd_resume(int argc, char **argv)
{
    return cli_run(resume_verbs, argc, argv);
}

void cmd_resume_help(void)
{
    cli_help(resume_verbs, "  swm resume ORDER-1 --reason \"gas is back\"\n");
}

int cmd_cancel(int argc, char **argv)
{
    return cli_run(cancel_verbs, argc, argv);
}

void cmd_cancel_help(void)
{
    cli_help(cancel_verbs, "  swm cancel ORDER-1 --reason \"the customer called\"\n");
}
