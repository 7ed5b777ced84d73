/* swm share: a link that shows one instance to whoever has it. Before it stands the command line,
 * after it the server, which signs the link and keeps nothing of it but that it was made. */
#include "app/cli.h"

static int share(struct cli *c)
{
    yyjson_val *answer;
    struct json_out o = json_out_new(&c->arena, HTTP_BODY_BYTES_MAX);
    json_object(&o);
    if (c->args.expires != NULL)
        json_put_text(&o, "expires", c->args.expires);
    json_object_end(&o);
    const char *path = cli_path(c, "/v1/instances/", c->args.words[0], "/share");
    int exit = cli_post(c, path, json_out_slice(&o), &answer);
    if (exit != EXIT_OK)
        return exit;
    if (c->args.json) {
        cli_print_answer(c);
        return EXIT_OK;
    }
    term_put(&c->out, TINT_BOLD, json_get_text(answer, "url"));
    term_end_line(&c->out);
    term_put_c(&c->out, TINT_DIM, "shows this instance, and nothing else, until ");
    term_put(&c->out, TINT_DIM, json_get_text(answer, "expires_at"));
    term_end_line(&c->out);
    return EXIT_OK;
}

static const struct verb verbs[] = {{"share", share, "expires", 1, 1}, {NULL, NULL, NULL, 0, 0}};

int cmd_share(int argc, char **argv)
{
    return cli_run(verbs, argc, argv);
}

void cmd_share_help(void)
{
    cli_help(verbs, "  swm share ORDER-1\n"
                    "  swm share ORDER-1 --expires 2026-12-24T18:00:00Z\n");
}
