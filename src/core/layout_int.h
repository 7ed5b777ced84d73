/* What the files of the layout share: layout.c (columns), layout_order.c (the order within columns,
 * heights) and layout_place.c (lanes, boxes, arrows). */
#ifndef SWM_CORE_LAYOUT_INT_H
#define SWM_CORE_LAYOUT_INT_H

#include "core/layout.h"

enum {
    BOX_HEIGHT = 84,
    ROW_GAP = 18,
    PASS_HEIGHT = 2, /* of a place where arrows pass a column */
    NO_PASS = -1
};

struct link { /* between neighbouring columns; in the graph of tasks, any need */
    uint32_t from, to;
};

struct links { /* sorted by one end: those of node n are first[n] … first[n + 1] - 1 */
    uint32_t *first, *other;
};

struct node { /* the first ones are the tasks, in their order; then the passes */
    uint32_t column, place;
    int64_t weight;
    int height, y; /* y of its middle */
};

struct reach { /* of a column, from left to right */
    int left, right;
};

/* Long needs of one task share the places where they pass a column: one trunk, not a bundle. */
struct trunk {
    uint32_t first, end; /* columns it passes: first … end - 1; none: they are equal */
    uint32_t node;       /* of the first */
};

struct graph {
    struct arena *arena;
    const struct template *t;
    struct link *needs;
    uint32_t need_count;
    struct trunk *out, *in; /* of each task: of the needs that begin there, and that end there */
    bool *is_in;            /* of each need: it passes in the trunk of its end */
    struct node *nodes;
    uint32_t node_count;
    struct link *links;
    uint32_t link_count;
    struct links before, after;
    uint32_t *stage_column; /* the first column of each stage, and the number of columns */
    uint32_t column_count;
    struct reach *reach;
    uint32_t *column_first, *order; /* the nodes of each column from top to bottom */
    uint32_t *best;                 /* the order with the fewest crossings so far */
    int height;                     /* of the highest column */
    int *low, *high;                /* work space for heights, one per node */
    uint32_t *merge;                /* work space for sorting and counting */
    uint64_t steps;                 /* what it cost so far: looks at a node or a link */
};

struct links layout_sort_links(struct graph *g, const struct link *links, uint32_t count,
                               uint32_t nodes, bool by_from);
/* The node in which a need passes a column, or NO_PASS: it goes straight to its end. */
int64_t layout_pass(const struct graph *g, uint32_t need, uint32_t column);
void layout_order(struct graph *g);   /* places */
void layout_heights(struct graph *g); /* y of every node, around 0 */
void layout_place(struct graph *g, struct layout *out);

#endif
