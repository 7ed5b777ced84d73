/* Runs a client command and tells how it went. Before it stands main.c's table, after it the
 * command's own function and cli_ask.c. It must end every command in the same way. */
#include "app/cli.h"

#include "base/time.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MEMORY_BYTES_MAX (512u << 20)

int64_t cli_now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- running --- */

static int finish(struct cli *c, int exit)
{
    bool is_written = term_flush(&c->out);
    if (c->client != NULL)
        client_close(c->client);
    arena_drop(&c->arena);
    if (is_written)
        return exit;
    fprintf(stderr, "swm %s: standard output can't be written: %s\n", c->command, strerror(errno));
    return EXIT_REFUSED;
}

static int work(struct cli *c, const struct verb *v)
{
    jmp_buf edge;
    c->arena.edge = &edge;
    if (setjmp(edge) != 0) {
        fprintf(stderr, "swm %s: memory is short\n", c->command);
        exit(EXIT_REFUSED); /* nothing is left to tidy up that the end of the process does not */
    }
    term_init(&c->out, &c->arena, stdout);
    return finish(c, v->run(c));
}

static int run(const char *group, const struct verb *v, int argc, char **argv)
{
    char name[64];
    bool needs_help = false;
    (void)snprintf(name, sizeof name, "%s%s%s", group != NULL ? group : "",
                   group != NULL ? " " : "", v->name);
    const char *first = group != NULL ? group : v->name;
    struct cli c = {.command = name};
    struct args_rule rule = {name, v->takes, v->words_min, v->words_max};
    if (args_read(&rule, argc, argv, &c.args, &needs_help) != ERR_NONE)
        return command_usage(first);
    if (needs_help) {
        char *words[] = {"help", (char *)(uintptr_t)first, NULL};
        return cmd_help(2, words);
    }
    arena_init(&c.arena, MEMORY_BYTES_MAX);
    return work(&c, v);
}

int cli_run(const struct verb *verbs, int argc, char **argv)
{
    return run(NULL, verbs, argc, argv);
}

int cli_run_group(const char *group, const struct verb *verbs, int argc, char **argv)
{
    if (argc < 2)
        return command_usage(group);
    for (const struct verb *v = verbs; v->name != NULL; v++) {
        if (strcmp(v->name, argv[1]) == 0)
            return run(group, v, argc - 1, argv + 1);
    }
    fprintf(stderr, "swm %s: there is no \"%s\"; there are:", group, argv[1]);
    for (const struct verb *v = verbs; v->name != NULL; v++)
        fprintf(stderr, " %s", v->name);
    fputc('\n', stderr);
    return EXIT_USAGE;
}

void cli_help(const struct verb *verbs, const char *example)
{
    char takes[512] = "";
    size_t len = 0;
    for (const struct verb *v = verbs; v->name != NULL && len < sizeof takes; v++) {
        int more = snprintf(takes + len, sizeof takes - len, " %s", v->takes);
        len += more > 0 ? (size_t)more : 0;
    }
    puts("\noptions:");
    args_help(takes);
    printf("\nexample:\n%s", example);
}

/* --- telling --- */

void cli_print_line(struct cli *c, struct slice json)
{
    text_put(&c->out.text, json);
    term_end_line(&c->out);
    if (c->out.text.len > 64 * 1024)
        (void)term_flush(&c->out);
}

void cli_print_answer(struct cli *c)
{
    cli_print_line(c, slice_trim(c->answer.body));
}

static void print_error(struct cli *c, const char *code, const char *where, const char *message)
{
    struct json_out o = json_out_new(&c->arena, HTTP_BODY_BYTES_MAX);
    json_object(&o);
    json_key(&o, "error");
    json_object(&o);
    json_put_text(&o, "code", code);
    json_put_text(&o, "message", message);
    if (where != NULL)
        json_put_text(&o, "where", where);
    json_object_end(&o);
    json_object_end(&o);
    cli_print_line(c, json_out_slice(&o));
}

int cli_fail(struct cli *c, int exit, const char *code, const char *where, const char *message)
{
    if (c->args.json) {
        print_error(c, code, where, message);
        return exit;
    }
    (void)term_flush(&c->out);
    struct term err;
    term_init(&err, &c->arena, stderr);
    if (where != NULL)
        term_printf(&err, TINT_BOLD, "%s: ", where);
    else
        term_printf(&err, TINT_NONE, "swm %s: ", c->command);
    term_put_c(&err, TINT_NONE, message);
    term_end_line(&err);
    (void)term_flush(&err);
    return exit;
}

int cli_usage(struct cli *c, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return cli_fail(c, EXIT_USAGE, "usage", NULL, message);
}

static const char *explain_unauthorized(struct cli *c, struct slice message)
{
    const char *token = getenv("SWM_TOKEN");
    struct text t = text_new(&c->arena, 1024);
    if (token == NULL || token[0] == '\0')
        return "the server asks for a key: set SWM_TOKEN to one (an admin makes them with "
               "\"swm key create\")";
    text_put_c(&t, "the server does not take the key in SWM_TOKEN");
    if (message.len > 0) {
        text_put_c(&t, ": ");
        text_put(&t, message);
    }
    return text_c(&t);
}

int cli_say_error(struct cli *c, yyjson_val *root)
{
    yyjson_val *error = json_get(root, "error");
    struct slice code = json_get_text(error, "code"), where = json_get_text(error, "where");
    struct slice message = json_get_text(error, "message");
    if (c->args.json && error != NULL) {
        cli_print_answer(c);
        return EXIT_REFUSED;
    }
    char fallback[64];
    (void)snprintf(fallback, sizeof fallback, "the server answered with status %d",
                   c->answer.status);
    if (c->answer.status == 401)
        return cli_fail(c, EXIT_REFUSED, "unauthorized", NULL, explain_unauthorized(c, message));
    return cli_fail(c, EXIT_REFUSED, code.len > 0 ? slice_text(&c->arena, code) : "refused",
                    where.len > 0 ? slice_text(&c->arena, where) : NULL,
                    message.len > 0 ? slice_text(&c->arena, message) : fallback);
}
