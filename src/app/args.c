/* Reads the command lines of the client commands. Before it stands main.c, after it the command. It
 * must refuse what a command does not take, so that a misspelt option never looks like none. */
#include "app/args.h"

#include "base/slice.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct option {
    const char *name;
    const char *value; /* what stands for the value in the help; NULL: a flag */
    size_t offset;
    const char *help;
};

#define TEXT(member, value, help)                                                                  \
    {                                                                                              \
#member, value, offsetof(struct args, member), help                                        \
    }
#define FLAG(name, member, help)                                                                   \
    {                                                                                              \
        name, NULL, offsetof(struct args, member), help                                            \
    }

static const struct option options[] = {
    TEXT(key, "KEY", "the business key, such as an order number"),
    TEXT(input, "JSON|@FILE", "the input; @FILE reads it from a file, @- from standard input"),
    {"event-id", "ID", offsetof(struct args, event_id),
     "names this event: sent twice it counts once"},
    FLAG("wait", wait, "waits until the instance is finished"),
    TEXT(template, "NAME", "only of this template; NAME,NAME: of either"),
    TEXT(status, "STATUS",
         "only in this status: RUNNING, PAUSED, COMPLETED, FAILED, CANCELLED;\n"
         "                                 FAILED,PAUSED: in either"),
    FLAG("count", count, "prints how many there are"),
    TEXT(stage, "STAGE", "the stage"),
    TEXT(since, "TIME", "only changed since then: 2026-11-23T12:00:00Z, or 2h for two hours ago"),
    TEXT(limit, "N", "at most so many"),
    TEXT(at, "SEQ|TIME", "as of that event or time"),
    FLAG("follow", follow, "goes on with what comes"),
    TEXT(task, "TASK", "the task; STAGE/TASK where two stages have one of that name"),
    FLAG("only", only, "runs it alone, without what depends on it"),
    TEXT(reason, "TEXT", "why; kept with the event"),
    FLAG("dry-run", dry_run, "shows what would happen and changes nothing"),
    TEXT(until, "TIME", "goes on by itself then: 2026-11-23T12:00:00Z, or 30m from now"),
    TEXT(timers, "freeze|run", "what timeouts and retries do meanwhile (freeze)"),
    TEXT(token, "TOKEN", "the token from the task message, instead of ID and --task"),
    TEXT(output, "JSON|@FILE", "what the task gives; @FILE reads it from a file"),
    TEXT(error, "NAME", "the error's name, such as OutOfStock"),
    TEXT(message, "TEXT", "the error in a sentence"),
    TEXT(assignee, "NAME", "only for this person"),
    TEXT(group, "NAME", "only for this group"),
    FLAG("overdue", overdue, "only what is due by now"),
    TEXT(actor, "NAME", "only what this person or key did"),
    TEXT(event, "KIND,…", "only these, such as PauseWorkflow"),
    TEXT(queue, "QUEUE", "whose messages to take"),
    TEXT(exec, "COMMAND", "what runs for each message, by /bin/sh"),
    TEXT(concurrency, "N", "how many run at once (1)"),
    FLAG("once", once, "ends after one message"),
    TEXT(note, "TEXT", "what the new version is for; kept with it"),
    TEXT(format, "svg|dot|mermaid|json", "how the graph is drawn (svg)"),
    TEXT(data, "DIR", "where the data lie (./swm-demo-data)"),
    TEXT(listen, "ADDRESS:PORT",
         "where the server listens (127.0.0.1:7960); port 0 takes a free one"),
    TEXT(role, "ROLE",
         "viewer, worker, operator, author or admin: each may also do what those\n"
         "                                 before it may"),
    TEXT(name, "TEXT", "what the records call the key"),
    TEXT(expires, "LENGTH|TIME",
         "when it ends: 30d, or 2026-11-23T12:00:00Z (a key: never, a link: 7d)"),
    TEXT(from, "STORE", "where the data are: a data folder, or mongodb://HOST,…/DB?…"),
    TEXT(to, "STORE", "where they go: a data folder, or mongodb://HOST,…/DB?…; nothing is there"),
    FLAG("plan", plan, "shows what would be made and what it costs"),
    FLAG("fast", fast, "everything five times as fast"),
    FLAG("no-open", no_open, "does not open the page in a browser"),
    FLAG("json", json, "prints JSON for programs"),
};

#define OPTION_COUNT (sizeof options / sizeof options[0])

static bool is_taken(const char *takes, const struct option *o)
{
    struct slice rest = slice_of(takes), name;
    if (strcmp(o->name, "json") == 0)
        return true;
    while (rest.at != NULL) {
        slice_cut(rest, ' ', &name, &rest);
        if (slice_eq_text(name, o->name))
            return true;
    }
    return false;
}

/* "--name" or "--name=value"; `text` begins after the dashes. */
static const struct option *find_option(const char *takes, const char *text, const char **value)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        size_t len = strlen(options[i].name);
        if (strncmp(text, options[i].name, len) != 0 || (text[len] != '\0' && text[len] != '='))
            continue;
        *value = text[len] == '=' ? text + len + 1 : NULL;
        return is_taken(takes, &options[i]) ? &options[i] : NULL;
    }
    return NULL;
}

static void complain(const struct args_rule *rule, const char *arg)
{
    const char *near = NULL;
    unsigned least = 3;
    struct slice name, rest;
    slice_cut(slice_of(arg), '=', &name, &rest);
    for (size_t i = 0; i < OPTION_COUNT && name.len > 2; i++) {
        struct slice word = {name.at + 2, name.len - 2};
        unsigned distance = slice_distance(word, slice_of(options[i].name), 2);
        if (distance < least && is_taken(rule->takes, &options[i])) {
            least = distance;
            near = options[i].name;
        }
    }
    fprintf(stderr, "swm %s: there is no option %.*s%s%s\n", rule->command, SLICE_ARG(name),
            near != NULL ? "; did you mean --" : "", near != NULL ? near : "");
}

static enum err set(const struct args_rule *rule, const struct option *o, const char *value,
                    struct args *out)
{
    char *place = (char *)out + o->offset;
    if (o->value == NULL && value != NULL) {
        fprintf(stderr, "swm %s: --%s takes no value\n", rule->command, o->name);
        return ERR_INVALID;
    }
    if (o->value != NULL && (value == NULL || value[0] == '\0')) {
        fprintf(stderr, "swm %s: --%s needs a value: %s\n", rule->command, o->name, o->value);
        return ERR_INVALID;
    }
    if (o->value == NULL)
        *(bool *)(void *)place = true;
    else
        *(const char **)(void *)place = value;
    return ERR_NONE;
}

static enum err check_words(const struct args_rule *rule, const struct args *a)
{
    if (a->word_count < rule->words_min) {
        fprintf(stderr, "swm %s: something is missing\n", rule->command);
        return ERR_INVALID;
    }
    if (rule->words_max >= 0 && a->word_count > rule->words_max) {
        fprintf(stderr, "swm %s: \"%s\" is too much\n", rule->command, a->words[rule->words_max]);
        return ERR_INVALID;
    }
    return ERR_NONE;
}

enum err args_read(const struct args_rule *rule, int argc, char **argv, struct args *out,
                   bool *needs_help)
{
    bool is_over = false;                    /* after "--" everything is a word */
    *out = (struct args){.words = argv + 1}; /* words take the places of what is read already */
    for (int i = 1; i < argc; i++) {
        const char *value = NULL;
        if (is_over || argv[i][0] != '-' || argv[i][1] == '\0') {
            out->words[out->word_count++] = argv[i];
            continue;
        }
        is_over = strcmp(argv[i], "--") == 0;
        if (is_over)
            continue;
        *needs_help = strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
        if (*needs_help)
            return ERR_NONE;
        const struct option *o =
            argv[i][1] == '-' ? find_option(rule->takes, argv[i] + 2, &value) : NULL;
        if (o == NULL) {
            complain(rule, argv[i]);
            return ERR_INVALID;
        }
        if (o->value != NULL && value == NULL && i + 1 < argc)
            value = argv[++i];
        if (set(rule, o, value, out) != ERR_NONE)
            return ERR_INVALID;
    }
    return check_words(rule, out);
}

void args_help(const char *takes)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *o = &options[i];
        char left[64];
        if (!is_taken(takes, o))
            continue;
        (void)snprintf(left, sizeof left, "--%s%s%s", o->name, o->value != NULL ? " " : "",
                       o->value != NULL ? o->value : "");
        printf("  %-30s %s\n", left, o->help);
    }
}
