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
int cmd_lambda(int argc, char **argv);
void cmd_lambda_help(void);
int cmd_version(int argc, char **argv);
int cmd_template(int argc, char **argv);
void cmd_template_help(void);
int cmd_start(int argc, char **argv);
void cmd_start_help(void);
int cmd_list(int argc, char **argv);
void cmd_list_help(void);
int cmd_show(int argc, char **argv);
void cmd_show_help(void);
int cmd_events(int argc, char **argv);
void cmd_events_help(void);
int cmd_watch(int argc, char **argv);
void cmd_watch_help(void);
int cmd_explain(int argc, char **argv);
void cmd_explain_help(void);
int cmd_attention(int argc, char **argv);
void cmd_attention_help(void);
int cmd_replay(int argc, char **argv);
void cmd_replay_help(void);
int cmd_pause(int argc, char **argv);
void cmd_pause_help(void);
int cmd_resume(int argc, char **argv);
void cmd_resume_help(void);
int cmd_cancel(int argc, char **argv);
void cmd_cancel_help(void);
int cmd_audit(int argc, char **argv);
void cmd_audit_help(void);
int cmd_task(int argc, char **argv);
void cmd_task_help(void);
int cmd_worker(int argc, char **argv);
void cmd_worker_help(void);
int cmd_queue(int argc, char **argv);
void cmd_queue_help(void);
int cmd_key(int argc, char **argv);
void cmd_key_help(void);
int cmd_verify(int argc, char **argv);
void cmd_verify_help(void);
int cmd_backup(int argc, char **argv);
void cmd_backup_help(void);
int cmd_migrate(int argc, char **argv);
void cmd_migrate_help(void);
int cmd_share(int argc, char **argv);
void cmd_share_help(void);
int cmd_export(int argc, char **argv);
void cmd_export_help(void);
int cmd_import(int argc, char **argv);
void cmd_import_help(void);
int cmd_status(int argc, char **argv);
void cmd_status_help(void);
int cmd_deploy(int argc, char **argv);
void cmd_deploy_help(void);
int cmd_demo(int argc, char **argv);
void cmd_demo_help(void);
int cmd_help(int argc, char **argv);

#endif
