/* swm key: access keys. Before it stands the command line, after it the server, which makes them:
 * a key's text is printed once and kept nowhere. */
#include "app/cli.h"

#include "app/view.h"

/* --- create --- */

static void put_secret(struct cli *c, const char *name, yyjson_val *answer, const char *member)
{
    term_printf(&c->out, TINT_DIM, "  %-24s", name);
    term_put(&c->out, TINT_BOLD, json_get_text(answer, member));
    term_end_line(&c->out);
}

static void print_created(struct cli *c, yyjson_val *answer)
{
    struct slice name = json_get_text(answer, "name"), end = json_get_text(answer, "expires_at");
    term_put_c(&c->out, TINT_GREEN, "✔ ");
    term_put_c(&c->out, TINT_NONE, "a key with the role ");
    term_put(&c->out, TINT_BOLD, json_get_text(answer, "role"));
    if (name.len > 0) {
        term_put_c(&c->out, TINT_NONE, ", called ");
        term_put(&c->out, TINT_BOLD, name);
    }
    if (end.len > 0) {
        term_put_c(&c->out, TINT_NONE, ", until ");
        term_put(&c->out, TINT_NONE, end);
    }
    term_end_line(&c->out);
    term_put_c(&c->out, TINT_NONE, "It is shown now and never again:");
    term_end_line(&c->out);
    put_secret(c, "SWM_TOKEN", answer, "key");
    put_secret(c, "AWS_ACCESS_KEY_ID", answer, "access_key_id");
    put_secret(c, "AWS_SECRET_ACCESS_KEY", answer, "secret_access_key");
}

static int create(struct cli *c)
{
    yyjson_val *answer;
    if (c->args.role == NULL)
        return cli_usage(c, "--role is missing: viewer, worker, operator, author or admin");
    struct json_out o = json_out_new(&c->arena, HTTP_BODY_BYTES_MAX);
    json_object(&o);
    json_put_text(&o, "role", c->args.role);
    if (c->args.name != NULL)
        json_put_text(&o, "name", c->args.name);
    if (c->args.expires != NULL)
        json_put_text(&o, "expires", c->args.expires);
    json_object_end(&o);
    int exit = cli_post(c, "/v1/keys", json_out_slice(&o), &answer);
    if (exit != EXIT_OK)
        return exit;
    if (c->args.json)
        cli_print_answer(c);
    else
        print_created(c, answer);
    return EXIT_OK;
}

/* --- list --- */

static void put_key(struct table *table, yyjson_val *k, int64_t now_ms)
{
    char created[TERM_AGO_BYTES], used[TERM_AGO_BYTES];
    struct slice status = json_get_text(k, "status");
    bool is_valid = slice_eq_text(status, "valid");
    table_put(table, is_valid ? TINT_BOLD : TINT_DIM, json_get_text(k, "id"));
    table_put(table, TINT_NONE, json_get_text(k, "name"));
    table_put(table, TINT_NONE, json_get_text(k, "role"));
    table_put(table, is_valid ? TINT_GREEN : TINT_RED, status);
    table_put_c(table, TINT_DIM, term_ago(view_time(k, "created_at"), now_ms, created));
    table_put(table, TINT_DIM, json_get_text(k, "created_by"));
    table_put(table, TINT_DIM, json_get_text(k, "expires_at"));
    table_put_c(table, TINT_DIM, term_ago(view_time(k, "used_at"), now_ms, used));
}

static int list(struct cli *c)
{
    static const struct table_column columns[] = {
        {"ID", false},      {"NAME", false}, {"ROLE", false},    {"STATUS", false},
        {"CREATED", false}, {"BY", false},   {"EXPIRES", false}, {"USED", false}};
    struct table table = table_new(&c->out, columns, sizeof columns / sizeof columns[0]);
    yyjson_val *answer, *k;
    int exit = cli_get(c, "/v1/keys", &answer);
    if (exit != EXIT_OK)
        return exit;
    yyjson_arr_iter it = yyjson_arr_iter_with(json_get(answer, "keys"));
    while ((k = yyjson_arr_iter_next(&it)) != NULL) {
        if (c->args.json)
            cli_print_line(c, json_write(&c->arena, k));
        else
            put_key(&table, k, cli_now_ms());
    }
    if (table.count > 0) {
        table_draw(&table);
    } else if (!c->args.json) {
        term_put_c(&c->out, TINT_DIM, "There are no keys.");
        term_end_line(&c->out);
    }
    return EXIT_OK;
}

/* --- revoke --- */

static int revoke(struct cli *c)
{
    yyjson_val *answer;
    struct client_request r = {.method = "DELETE",
                               .path = cli_path(c, "/v1/keys/", c->args.words[0], "")};
    int exit = cli_send(c, &r, &answer);
    if (exit != EXIT_OK)
        return exit;
    if (c->args.json) {
        cli_print_answer(c);
        return EXIT_OK;
    }
    term_put_c(&c->out, TINT_GREEN, "✔ ");
    term_printf(&c->out, TINT_NONE, "revoked: %s opens nothing any more", c->args.words[0]);
    term_end_line(&c->out);
    return EXIT_OK;
}

static const struct verb verbs[] = {
    {"create", create, "role name expires", 0, 0},
    {"list", list, "", 0, 0},
    {"revoke", revoke, "", 1, 1},
    {NULL, NULL, NULL, 0, 0},
};

int cmd_key(int argc, char **argv)
{
    return cli_run_group("key", verbs, argc, argv);
}

void cmd_key_help(void)
{
    cli_help(verbs, "  swm key create --role admin --name ada\n"
                    "  swm key create --role worker --name kitchen --expires 90d\n"
                    "  SWM_TOKEN=swm_… swm key list\n");
}
