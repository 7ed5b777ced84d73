/* The subcommands of swm: one row of the table in main.c and one function each. */
#ifndef SWM_APP_COMMAND_H
#define SWM_APP_COMMAND_H

/* What scripts may rely on. */
enum exit_code { EXIT_OK = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3 };

struct command {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0]: the subcommand's name */
    const char *summary;               /* one line */
    const char *usage;                 /* what stands after "usage: ", lines of it */
    void (*help)(void);                /* prints the options; NULL: there are none */
};

extern const struct command command_table[]; /* ends with a row whose name is NULL */

const struct command *command_find(const char *name); /* NULL: none */
/* Says on standard error how it is called, and returns EXIT_USAGE. */
int command_usage(const char *name);

int cmd_serve(int argc, char **argv);
void serve_help(void);
int cmd_version(int argc, char **argv);
int cmd_help(int argc, char **argv);

#endif
