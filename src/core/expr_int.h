/* What compiling and working out an expression share: the tree. */
#ifndef SWM_CORE_EXPR_INT_H
#define SWM_CORE_EXPR_INT_H

#include "core/expr.h"

enum expr_kind {
    EXPR_LITERAL, /* JSON text without expressions */
    EXPR_PATH,    /* a value */
    EXPR_TEXT,    /* a text put together of literals (unescaped) and paths */
    EXPR_LIST,
    EXPR_MAP
};

struct expr_segment {
    struct slice name; /* absent: an index */
    int64_t index;
};

struct expr_node {
    enum expr_kind kind;
    struct slice literal;
    struct slice *keys; /* of a map, as JSON */
    struct expr_node *items;
    uint32_t count;
    /* A path: as written, where it starts (0: the input, n: the output of tasks[n - 1]), its way.
     */
    struct slice path;
    uint32_t root;
    struct expr_segment *segments;
    uint32_t segment_count;
};

struct expr {
    struct slice source;
    struct expr_node root;
    struct slice *tasks; /* whose outputs paths start from, each once */
    uint32_t task_count, task_capacity;
    bool uses_input;
};

/* expr_path.c: reads the path after `${` up to and with the `}`; *rest is what follows. False: *why
 * says what is wrong. */
bool expr_parse_path(struct arena *a, struct expr *e, struct slice *rest, struct expr_node *out,
                     struct slice *why);

#endif
