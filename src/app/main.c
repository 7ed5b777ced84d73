/* The program's entrance: the table of subcommands and the search in it. After it comes the
 * subcommand's own file. It must do nothing that only one of them needs. */
#include "app/command.h"

#include "base/slice.h"
#include "base/version.h"

#include <stdio.h>
#include <string.h>

const struct command command_table[] = {
    {"serve", cmd_serve, "Runs the server: engine, queues, API and page", "swm serve [OPTION]…",
     serve_help},
    {"version", cmd_version, "Prints the version", "swm version", NULL},
    {"help", cmd_help, "Explains a command", "swm help [COMMAND]", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct command *command_find(const char *name)
{
    for (const struct command *c = command_table; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

int command_usage(const char *name)
{
    const struct command *c = command_find(name);
    fprintf(stderr, "usage: %s\n", c != NULL ? c->usage : "swm COMMAND [ARGUMENT]…");
    return EXIT_USAGE;
}

static void print_help(void)
{
    puts("swm runs workflows: it hands tasks to services through queues, reacts to their events,\n"
         "keeps every event, and shows and controls all of it.\n\n"
         "usage: swm COMMAND [ARGUMENT]…\n");
    for (const struct command *c = command_table; c->name != NULL; c++)
        printf("  %-10s %s\n", c->name, c->summary);
    puts("\n\"swm help COMMAND\" explains one of them.");
}

static void print_command(const struct command *c)
{
    printf("%s\n\nusage: %s\n", c->summary, c->usage);
    if (c->help != NULL)
        c->help();
}

static int complain(const char *name)
{
    const char *near = NULL;
    unsigned least = 3;
    for (const struct command *c = command_table; c->name != NULL; c++) {
        unsigned distance = slice_distance(slice_of(name), slice_of(c->name), 2);
        if (distance < least) {
            least = distance;
            near = c->name;
        }
    }
    fprintf(stderr, "swm: there is no command \"%s\"", name);
    if (near != NULL)
        fprintf(stderr, "; did you mean %s?", near);
    fprintf(stderr, "\n\"swm help\" lists the commands.\n");
    return EXIT_USAGE;
}

int cmd_help(int argc, char **argv)
{
    if (argc < 2) {
        print_help();
        return EXIT_OK;
    }
    const struct command *c = command_find(argv[1]);
    if (c == NULL)
        return complain(argv[1]);
    print_command(c);
    return EXIT_OK;
}

int cmd_version(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return command_usage("version");
    printf("swm %s\n", version_text);
    return EXIT_OK;
}

static int is_help(const char *arg)
{
    return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help();
        return EXIT_USAGE;
    }
    if (is_help(argv[1]))
        return cmd_help(1, argv);
    if (strcmp(argv[1], "--version") == 0)
        return cmd_version(1, argv);
    const struct command *c = command_find(argv[1]);
    if (c == NULL)
        return complain(argv[1]);
    if (argc > 2 && is_help(argv[2])) {
        print_command(c);
        return EXIT_OK;
    }
    return c->run(argc - 1, argv + 1);
}
