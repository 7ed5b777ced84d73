/* The command lines of the client commands. Every option is one row of one table; a command names
 * those that it takes, and its help follows from that. */
#ifndef SWM_APP_ARGS_H
#define SWM_APP_ARGS_H

#include "base/err.h"

struct args {
    bool json, wait, follow, only, dry_run, once, fast, no_open, count, overdue, plan;
    const char *key, *input, *event_id, *template, *status, *stage, *since, *limit, *at, *task,
        *reason, *until, *timers, *token, *output, *error, *message, *assignee, *group, *actor,
        *event, *queue, *exec, *concurrency, *format, *note, *data, *listen, *role, *name, *expires,
        *from, *to; /* NULL: not given */
    char **words;   /* what is no option */
    int word_count;
};

/* Reads argv from argv[1] on. `takes` names the options, separated by blanks, without dashes;
 * --json is always one. `words` is how many words there must be at least and at most (-1: any
 * number). ERR_INVALID: what is wrong has been said on standard error. `needs_help`: --help is
 * among them. */
struct args_rule {
    const char *command, *takes;
    int words_min, words_max;
};
enum err args_read(const struct args_rule *rule, int argc, char **argv, struct args *out,
                   bool *needs_help) MUST_USE;
/* The options that `takes` names, on standard output, a line each. */
void args_help(const char *takes);

#endif
