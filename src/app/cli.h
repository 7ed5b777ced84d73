/* What the client commands share: their table row, the question to the server, the answer or the
 * error told to a person or to a program. */
#ifndef SWM_APP_CLI_H
#define SWM_APP_CLI_H

#include "app/args.h"
#include "app/client.h"
#include "app/command.h"
#include "app/term.h"
#include "base/arena.h"
#include "base/json.h"
#include "core/limits.h"

struct cli {
    const char *command; /* "template apply" */
    struct args args;
    struct arena arena;    /* of the whole command */
    struct client *client; /* opened by the first question */
    struct term out;       /* standard output */
    struct client_answer answer;
};

/* A command, or one of a group such as `template`. */
struct verb {
    const char *name;
    int (*run)(struct cli *c); /* returns an exit code */
    const char *takes;         /* options */
    int words_min, words_max;
};

/* Runs the only verb, or (group not NULL) the one that argv[1] names. `verbs` ends with a row whose
 * name is NULL. */
int cli_run(const struct verb *verbs, int argc, char **argv);
int cli_run_group(const char *group, const struct verb *verbs, int argc, char **argv);
/* The options of all verbs and an example. */
void cli_help(const struct verb *verbs, const char *example);

/* Asks the server. EXIT_OK: *root is the answer. Else what is wrong has been said, and this is the
 * exit code. `body` absent: a POST without one. */
int cli_get(struct cli *c, const char *path, yyjson_val **root);
int cli_post(struct cli *c, const char *path, struct slice body, yyjson_val **root);
/* The same for any request. */
int cli_send(struct cli *c, const struct client_request *r, yyjson_val **root);
/* The same, but a server's no is the caller's to tell. */
int cli_send_quiet(struct cli *c, const struct client_request *r, yyjson_val **root);
/* One try, without a word where the server can't be reached or is starting: ERR_IO, ERR_OVERLOAD.
 * ERR_REFUSED: the server says no; c->answer has it. */
enum err cli_try(struct cli *c, const struct client_request *r, struct arena *a,
                 yyjson_val **root) MUST_USE;
enum err cli_connect(struct cli *c) MUST_USE; /* opens c->client; says what is wrong */

/* before + piece, encoded, + after. In the arena. */
const char *cli_path(struct cli *c, const char *before, const char *piece, const char *after);
/* name=value added to the query, encoded; value NULL adds nothing. */
const char *cli_query(struct cli *c, const char *path, const char *name, const char *value);
void cli_put_event_id(struct cli *c, struct json_out *o); /* --event-id, or a new one */

/* --input and the like: JSON text, or @FILE. Absent where `value` is NULL. Anything but EXIT_OK has
 * been explained; so it is below. */
int cli_take_json(struct cli *c, const char *value, struct slice *out);
/* A file's bytes; "-" is standard input. ERR_IO, ERR_TOO_LARGE have been explained. */
enum err cli_read_file(struct cli *c, const char *name, struct slice *out) MUST_USE;
/* A time, or a length from now into the future (direction 1) or the past (-1). NULL gives 0. */
int cli_take_time(struct cli *c, const char *value, int direction, int64_t *at_ms);
int cli_take_count(struct cli *c, const char *option, const char *value, int64_t *out);
/* since=TIME added to the query, from --since where it is given. NULL: it is no time. */
const char *cli_query_since(struct cli *c, const char *path);

/* Says on standard error what is wrong (with --json: on standard output, as JSON) and returns
 * `exit`. `where` may be NULL. */
int cli_fail(struct cli *c, int exit, const char *code, const char *where, const char *message);
int cli_usage(struct cli *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cli_say_error(struct cli *c, yyjson_val *root); /* the server's no; returns EXIT_REFUSED */

void cli_print_line(struct cli *c, struct slice json); /* one line on standard output */
void cli_print_answer(struct cli *c);                  /* the server's answer, as it is */
int64_t cli_now_ms(void);

#endif
