/* The drawing of a template's graph, laid out once for every picture of it: stages as lanes from
 * left to right in running order, tasks as boxes in columns by the longest chain of needs (more
 * columns where one would be too high), needs as arrows. Units are CSS pixels. Deterministic. */
#ifndef SWM_CORE_LAYOUT_H
#define SWM_CORE_LAYOUT_H

#include "core/template.h"

struct layout_box {
    int x, y, width, height;
};

/* A path of cubic pieces from a box's right side to a box's left side; an arrow that passes other
 * columns has one piece more for each gap and each column on its way. */
struct layout_edge {
    uint32_t from, to;    /* task indexes */
    const int *points;    /* x0 y0, then three points (six numbers) for each piece */
    uint32_t point_count; /* 1 + 3 * pieces */
};

struct layout {
    int width, height;
    struct layout_box *stages; /* one per stage */
    struct layout_box *tasks;  /* one per task */
    struct layout_edge *edges;
    uint32_t edge_count;
    uint64_t steps; /* what laying out cost: looks at a box, a pass or an arrow */
};

/* What to paint on a box: NULL draws the bare template. Indexed as the template's. */
struct layout_paint {
    const enum task_status *task_status;
    const enum stage_status *stage_status;
    const uint32_t *attempt, *generation;
};

/* What a task's second line says: its queue, or who it is for. */
struct slice layout_subtitle(const struct task *task);
/* How wide `s` is at most, drawn in a common sans-serif font of that size. */
int layout_text_width(struct slice s, int size_px);

void layout_make(struct arena *a, const struct template *t, struct layout *out);
/* A complete, self-contained SVG document with light and dark colours; names are escaped. */
struct slice layout_svg(struct arena *a, const struct template *t, const struct layout_paint *p);
struct slice layout_dot(struct arena *a, const struct template *t);
struct slice layout_mermaid(struct arena *a, const struct template *t);
/* {"width":…,"height":…,"stages":[{name,x,y,width,height}],"tasks":[{name,id,stage,kind,queue,…}],
 *  "edges":[{from,to,points}]}, and what is painted: each stage's status, each task's status,
 * generation and attempt. */
struct slice layout_json(struct arena *a, const struct template *t, const struct layout_paint *p);

#endif
