/* The program's entrance: the table of subcommands and the search in it. After it comes the
 * subcommand's own file. It must do nothing that only one of them needs. */
#include "app/command.h"

#include "app/standalone.h"
#include "base/slice.h"
#include "base/version.h"

#include <stdio.h>
#include <string.h>

const struct command command_table[] = {
    {"serve", cmd_serve, "Runs the server: engine, queues, API and page", "swm serve [OPTION]…",
     serve_help},
    {"lambda", cmd_lambda, "Runs as a function of AWS Lambda", "swm lambda", cmd_lambda_help},
    {"demo", cmd_demo, "Starts a server with orders that move by themselves",
     "swm demo [--data DIR] [--listen ADDRESS:PORT] [--fast] [--no-open]", cmd_demo_help},
    {"template", cmd_template, "Applies, lists, shows, compares, checks and draws templates",
     "swm template apply FILE…\n"
     "       swm template list\n"
     "       swm template show NAME[@VERSION]\n"
     "       swm template diff NAME@VERSION|FILE NAME@VERSION|FILE\n"
     "       swm template validate FILE…\n"
     "       swm template graph NAME[@VERSION]|FILE [--format svg|dot|mermaid|json]",
     cmd_template_help},
    {"start", cmd_start, "Starts an instance",
     "swm start TEMPLATE [--key K] [--input JSON|@FILE] [--event-id ID] [--wait]", cmd_start_help},
    {"list", cmd_list, "Lists instances",
     "swm list [--template T] [--status S] [--stage S] [--key K] [--since TIME] [--limit N]\n"
     "       swm list … --count",
     cmd_list_help},
    {"show", cmd_show, "Shows an instance: stages, tasks, data; now or as of then",
     "swm show ID [--at SEQ|TIME]", cmd_show_help},
    {"events", cmd_events, "Lists what happened to an instance, and what became of it",
     "swm events ID [--follow]", cmd_events_help},
    {"watch", cmd_watch, "Draws an instance live in the terminal", "swm watch ID", cmd_watch_help},
    {"explain", cmd_explain, "Says why an instance does not move", "swm explain ID",
     cmd_explain_help},
    {"attention", cmd_attention, "Lists what failed, is overdue or is tried again and again",
     "swm attention [--limit N]", cmd_attention_help},
    {"replay", cmd_replay, "Runs a task or a stage again",
     "swm replay ID (--task T | --stage S) [--only] [--input JSON|@FILE] [--dry-run]",
     cmd_replay_help},
    {"pause", cmd_pause, "Pauses an instance",
     "swm pause ID [--until TIME] [--timers freeze|run] [--reason R]", cmd_pause_help},
    {"resume", cmd_resume, "Resumes a paused instance", "swm resume ID [--reason R]",
     cmd_resume_help},
    {"cancel", cmd_cancel, "Cancels an instance", "swm cancel ID [--reason R]", cmd_cancel_help},
    {"audit", cmd_audit, "Lists what people did, the newest first",
     "swm audit [--actor A] [--event KIND,…] [--template T] [--key K] [--since TIME] [--limit N]",
     cmd_audit_help},
    {"task", cmd_task, "Lists tasks that wait for people; answers tasks",
     "swm task list [--assignee NAME | --group NAME] [--template T] [--overdue] [--limit N]\n"
     "       swm task complete (ID --task T | --token T) [--output JSON|@FILE]\n"
     "       swm task fail (ID --task T | --token T) --error NAME [--message TEXT]\n"
     "       swm task heartbeat|start|pending (ID --task T | --token T)",
     cmd_task_help},
    {"worker", cmd_worker, "Runs a program for each message of a queue",
     "swm worker --queue QUEUE --exec COMMAND [--concurrency N] [--once]", cmd_worker_help},
    {"queue", cmd_queue, "Lists, looks into and empties queues", "swm queue list|peek|purge …",
     cmd_queue_help},
    {"key", cmd_key, "Makes, lists and revokes access keys",
     "swm key create --role viewer|worker|operator|author|admin [--name TEXT] [--expires 30d]\n"
     "       swm key list\n"
     "       swm key revoke ID",
     cmd_key_help},
    {"verify", cmd_verify, "Proves every record's hash and every fold", "swm verify [ID]",
     cmd_verify_help},
    {"backup", cmd_backup, "Copies the store while it runs", "swm backup FILE", cmd_backup_help},
    {"share", cmd_share, "Makes a link that shows one instance until it expires",
     "swm share ID [--expires 7d]", cmd_share_help},
    {"export", cmd_export, "Writes an instance with all its records, to be imported elsewhere",
     "swm export ID", cmd_export_help},
    {"import", cmd_import, "Takes in exports, and data of the earlier implementation",
     "swm import FILE… [--dry-run]\n"
     "       swm import --from mongodb://HOST,…/DATABASE [--dry-run]",
     cmd_import_help},
    {"migrate-store", cmd_migrate, "Moves all data from one store to another",
     "swm migrate-store --from STORE --to STORE", cmd_migrate_help},
    {"deploy", cmd_deploy, "Shows what AWS Lambda needs, and what it costs",
     "swm deploy lambda --plan [--json]", cmd_deploy_help},
    {"status", cmd_status, "Says how the server is", "swm status", cmd_status_help},
    {"version", cmd_version, "Prints the version", "swm version [--json]", NULL},
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
        printf("  %-13s %s\n", c->name, c->summary);
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
    bool is_json = argc == 2 && strcmp(argv[1], "--json") == 0;
    if (argc > 1 && !is_json)
        return command_usage("version");
    printf(is_json ? "{\"version\":\"%s\"}\n" : "swm %s\n", version_text);
    return EXIT_OK;
}

static int is_help(const char *arg)
{
    return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

/* AWS Lambda starts the program by this name, some emulators with arguments. */
static bool is_bootstrap(const char *path)
{
    const char *slash = strrchr(path, '/');
    return strcmp(slash != NULL ? slash + 1 : path, "bootstrap") == 0;
}

int main(int argc, char **argv)
{
    standalone_prepare();
    if (argc > 0 && is_bootstrap(argv[0]))
        return cmd_lambda(1, argv);
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
