/* One process that does one task: what it reads, what it says, how it ended. */
#ifndef SWM_APP_CHILD_H
#define SWM_APP_CHILD_H

#include "base/err.h"
#include "base/slice.h"

#include <sys/types.h>

#define CHILD_LINE_BYTES 1024

struct child {
    pid_t pid;          /* 0: there is none */
    int out_fd, err_fd; /* readable when it said something; -1: closed */
    char *out;          /* its standard output; the child's until child_free */
    size_t out_len, out_bytes_max;
    bool is_out_too_large;
    char last_line[CHILD_LINE_BYTES]; /* of its standard error, without what is not text */
    size_t line_len;
    bool is_line_over;
    bool is_over;
    int status; /* as waitpid tells it */
};

/* Runs `command` by /bin/sh with `input` as its standard input and the variables `env`
 * ("NAME=value", ends with NULL) beside our own, in a process group of its own. What it says on
 * standard error is passed on. ERR_IO: errno tells why. */
enum err child_start(struct child *c, const char *command, struct slice input, char *const *env,
                     size_t out_bytes_max) MUST_USE;
/* Reads what it said and sees whether it is over. Never waits. */
void child_move(struct child *c);
void child_end(struct child *c, int signal); /* tells its whole group */
void child_free(struct child *c);

#endif
