/* Expressions: a JSON value in which strings may hold `${ … }`. In this version what stands between
 * the braces is a plain path of jq (`.input.items[0].name`, `.tasks.t.output["a b"]`). A string
 * that is one expression alone becomes the value itself, whatever its type; inside a longer string
 * the value is inserted as text (a string without quotes, other values as JSON, null as nothing).
 * `$${` stands for `${` itself. A path into what is not there gives null; into a value of the wrong
 * type it is an error. Keys of objects hold no expressions. */
#ifndef SWM_CORE_EXPR_H
#define SWM_CORE_EXPR_H

#include "base/err.h"
#include "base/slice.h"
#include "base/text.h"

struct expr;

/* What paths start from. `tasks` is asked by id only for what a path names. */
struct expr_scope {
    struct slice input; /* JSON text of the instance's input; absent: null */
    /* The output (JSON text) of a task; absent when it has none. */
    struct slice (*task_output)(const void *context, struct slice task_id);
    const void *context;
};

/* Compiles a JSON value given as JSON text. ERR_INVALID: *why says what is wrong (arena). */
enum err expr_compile(struct arena *a, struct slice json, const struct expr **out,
                      struct slice *why) MUST_USE;
struct slice expr_source(const struct expr *e); /* as compact JSON */
/* Calls `visit` once for each thing that paths start from, as slices: root "input" or "tasks", and
 * for the latter the task's name. For validation: does the task exist, does it come before? */
void expr_each_path(const struct expr *e,
                    void (*visit)(void *context, struct slice root, struct slice task),
                    void *context);
/* Evaluates to JSON text. ERR_INVALID: *why; ERR_TOO_LARGE: beyond PAYLOAD_BYTES_MAX. */
enum err expr_eval(struct arena *a, const struct expr *e, const struct expr_scope *scope,
                   struct slice *json, struct slice *why) MUST_USE;

#endif
