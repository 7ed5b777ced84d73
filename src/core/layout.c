/* The layout of a template's graph: where every lane, box and arrow lies. A template comes in,
 * whole and validated; coordinates go out, to the pictures in layout_svg.c and layout_text.c.
 *
 * The method is the usual one for layered graphs: columns by the longest chain of needs, no higher
 * than the picture's shape asks for (here); an order within columns that crosses few arrows, then
 * heights that keep them level (layout_order.c); coordinates (layout_place.c). It must not depend
 * on anything but the template: the same template gives the same picture, everywhere. */
#include "core/layout_int.h"

#include "base/arena.h"

#include <assert.h>
#include <string.h>

enum {
    ROWS_FREE = 8,      /* a column of so many tasks is never broken */
    COLUMN_WIDTH = 290, /* about, with its gap: for the picture's shape */
    PASSES_MAX = 40000  /* where arrows pass columns; those beyond run straight to their end */
};

/* Columns. */

struct links layout_sort_links(struct graph *g, const struct link *links, uint32_t count,
                               uint32_t nodes, bool by_from)
{
    struct links s = {arena_array(g->arena, nodes + 2u, sizeof *s.first),
                      arena_array(g->arena, count + 1u, sizeof *s.other)};
    for (uint32_t i = 0; i < count; i++)
        s.first[(by_from ? links[i].from : links[i].to) + 2u]++;
    for (uint32_t n = 0; n < nodes; n++)
        s.first[n + 2u] += s.first[n + 1u];
    for (uint32_t i = 0; i < count; i++) {
        uint32_t end = by_from ? links[i].from : links[i].to;
        s.other[s.first[end + 1u]++] = by_from ? links[i].to : links[i].from;
    }
    g->steps += count + nodes;
    return s;
}

static void collect_needs(struct graph *g)
{
    const struct template *t = g->t;
    uint32_t count = 0;
    for (uint32_t i = 0; i < t->task_count; i++)
        count += t->tasks[i].needs_count;
    g->needs = arena_array(g->arena, count + 1u, sizeof *g->needs);
    for (uint32_t i = 0; i < t->task_count; i++)
        for (uint32_t k = 0; k < t->tasks[i].needs_count; k++)
            g->needs[g->need_count++] = (struct link){t->tasks[i].needs[k], i};
}

/* The tasks so that each comes after those it needs. */
static uint32_t *sort_tasks(struct graph *g)
{
    const struct template *t = g->t;
    struct links after = layout_sort_links(g, g->needs, g->need_count, t->task_count, true);
    uint32_t *open = arena_array(g->arena, t->task_count + 1u, sizeof *open);
    uint32_t *ready = arena_array(g->arena, t->task_count + 1u, sizeof *ready);
    uint32_t ready_count = 0;
    for (uint32_t i = 0; i < t->task_count; i++) {
        open[i] = t->tasks[i].needs_count;
        if (open[i] == 0)
            ready[ready_count++] = i;
    }
    for (uint32_t r = 0; r < ready_count; r++)
        for (uint32_t k = after.first[ready[r]]; k < after.first[ready[r] + 1u]; k++)
            if (--open[after.other[k]] == 0)
                ready[ready_count++] = after.other[k];
    assert(ready_count == t->task_count); /* a validated template has no cycle */
    return ready;
}

/* One way to lay tasks in columns, and the shape that comes of it. */
struct grid {
    uint32_t rows_max;
    uint32_t *filled;    /* tasks in a stage's column: that of task first_task + column */
    uint32_t *open_from; /* of each stage: its columns before are full */
    uint32_t columns, rows;
};

/* The first column with room that is right of all the task needs in its stage. */
static uint32_t find_column(struct graph *g, struct grid *d, uint32_t i)
{
    const struct task *task = &g->t->tasks[i];
    uint32_t first = g->t->stages[task->stage].first_task, column = d->open_from[task->stage];
    uint32_t *filled = d->filled + first;
    for (uint32_t k = 0; k < task->needs_count; k++) {
        const struct node *from = &g->nodes[task->needs[k]];
        bool same = g->t->tasks[task->needs[k]].stage == task->stage;
        if (same && from->column >= column)
            column = from->column + 1;
    }
    for (; filled[column] >= d->rows_max; column++)
        g->steps++;
    filled[column]++;
    while (filled[d->open_from[task->stage]] >= d->rows_max)
        d->open_from[task->stage]++;
    g->steps += task->needs_count + 1;
    return column;
}

static void try_rows(struct graph *g, struct grid *d, const uint32_t *sorted, uint32_t rows_max)
{
    const struct template *t = g->t;
    *d = (struct grid){.rows_max = rows_max, .filled = d->filled, .open_from = d->open_from};
    memset(d->filled, 0, (t->task_count + 1u) * sizeof *d->filled);
    memset(d->open_from, 0, (t->stage_count + 1u) * sizeof *d->open_from);
    for (uint32_t k = 0; k < t->task_count; k++)
        g->nodes[sorted[k]].column = find_column(g, d, sorted[k]);
    for (uint32_t s = 0; s < t->stage_count; s++) {
        const struct stage *stage = &t->stages[s];
        uint32_t columns = 0;
        while (columns < stage->task_count && d->filled[stage->first_task + columns] > 0) {
            uint32_t rows = d->filled[stage->first_task + columns++];
            d->rows = rows > d->rows ? rows : d->rows;
        }
        d->columns += columns > 0 ? columns : 1;
    }
}

/* How far the picture is from twice as wide as high, as a factor. */
static double shape_of(const struct grid *d)
{
    double width = (double)d->columns * COLUMN_WIDTH;
    double height = 2.0 * (double)(d->rows + 1) * (BOX_HEIGHT + ROW_GAP);
    return width > height ? width / height : height / width;
}

/* Sets each task's column within its stage. Columns are as high as the tasks beside each other are
 * many, unless breaking them up makes the picture easier to see as a whole. */
static void find_columns(struct graph *g)
{
    static const uint32_t tries[] = {6, 8, 10, 12, 16, 20, 24, 32, 48, 64};
    const struct template *t = g->t;
    const uint32_t *sorted = sort_tasks(g);
    struct grid d = {0};
    d.filled = arena_array(g->arena, t->task_count + 2u, sizeof *d.filled);
    d.open_from = arena_array(g->arena, t->stage_count + 1u, sizeof *d.open_from);
    try_rows(g, &d, sorted, UINT32_MAX);
    double best = shape_of(&d);
    uint32_t rows = UINT32_MAX;
    for (size_t k = 0; d.rows > ROWS_FREE && k < sizeof tries / sizeof *tries; k++) {
        struct grid tried = {.filled = d.filled, .open_from = d.open_from};
        try_rows(g, &tried, sorted, tries[k]);
        if (shape_of(&tried) < best) {
            best = shape_of(&tried);
            rows = tries[k];
        }
    }
    try_rows(g, &d, sorted, rows);
}

/* Puts the stages' columns one after another; a stage without tasks has one too. */
static void number_columns(struct graph *g)
{
    const struct template *t = g->t;
    g->stage_column = arena_array(g->arena, t->stage_count + 1u, sizeof *g->stage_column);
    for (uint32_t s = 0; s < t->stage_count; s++) {
        const struct stage *stage = &t->stages[s];
        uint32_t columns = 1;
        for (uint32_t i = stage->first_task; i < stage->first_task + stage->task_count; i++)
            if (g->nodes[i].column >= columns)
                columns = g->nodes[i].column + 1;
        for (uint32_t i = stage->first_task; i < stage->first_task + stage->task_count; i++)
            g->nodes[i].column += g->column_count;
        g->stage_column[s] = g->column_count;
        g->column_count += columns;
    }
    g->stage_column[t->stage_count] = g->column_count;
}

/* Trunks. */

static bool is_long(const struct graph *g, uint32_t need)
{
    uint32_t from = g->nodes[g->needs[need].from].column;
    uint32_t to = g->nodes[g->needs[need].to].column;
    assert(from < to); /* a need names a task of the same or an earlier stage */
    return to - from > 1;
}

/* A long need goes with the others of that one of its ends where there are more of them. */
static void choose_trunks(struct graph *g)
{
    uint32_t tasks = g->t->task_count;
    uint32_t *begin = arena_array(g->arena, tasks + 1u, sizeof *begin);
    uint32_t *end = arena_array(g->arena, tasks + 1u, sizeof *end);
    g->out = arena_array(g->arena, tasks + 1u, sizeof *g->out);
    g->in = arena_array(g->arena, tasks + 1u, sizeof *g->in);
    g->is_in = arena_array(g->arena, g->need_count + 1u, sizeof *g->is_in);
    for (uint32_t i = 0; i < g->need_count; i++)
        if (is_long(g, i)) {
            begin[g->needs[i].from]++;
            end[g->needs[i].to]++;
        }
    for (uint32_t i = 0; i < tasks; i++) {
        g->out[i] = (struct trunk){g->nodes[i].column + 1, g->nodes[i].column + 1, 0};
        g->in[i] = (struct trunk){g->nodes[i].column, g->nodes[i].column, 0};
    }
    for (uint32_t i = 0; i < g->need_count; i++) {
        uint32_t from = g->needs[i].from, to = g->needs[i].to;
        if (!is_long(g, i))
            continue;
        g->is_in[i] = end[to] > begin[from];
        if (g->is_in[i] && g->nodes[from].column + 1 < g->in[to].first)
            g->in[to].first = g->nodes[from].column + 1;
        if (!g->is_in[i] && g->nodes[to].column > g->out[from].end)
            g->out[from].end = g->nodes[to].column;
    }
}

/* Numbers the trunk's nodes, as far as PASSES_MAX reaches. */
static void number_trunk(struct graph *g, struct trunk *trunk)
{
    uint32_t passes = trunk->end - trunk->first;
    if (g->node_count - g->t->task_count + passes > PASSES_MAX)
        trunk->end = trunk->first;
    trunk->node = g->node_count;
    g->node_count += trunk->end - trunk->first;
}

int64_t layout_pass(const struct graph *g, uint32_t need, uint32_t column)
{
    const struct trunk *trunk =
        g->is_in[need] ? &g->in[g->needs[need].to] : &g->out[g->needs[need].from];
    if (column < trunk->first || column >= trunk->end)
        return NO_PASS;
    return trunk->node + (column - trunk->first);
}

/* The node where a need is in a column: that of a task, or of a trunk. */
static int64_t node_at(const struct graph *g, uint32_t need, uint32_t column)
{
    const struct link *ends = &g->needs[need];
    if (g->nodes[ends->from].column == column)
        return ends->from;
    return g->nodes[ends->to].column == column ? ends->to : layout_pass(g, need, column);
}

static void add_link(struct graph *g, int64_t from, int64_t to)
{
    if (from != NO_PASS && to != NO_PASS)
        g->links[g->link_count++] = (struct link){(uint32_t)from, (uint32_t)to};
}

/* Links neighbouring columns: along each trunk once, and between each need and its trunk. */
static void link_columns(struct graph *g)
{
    uint32_t tasks = g->t->task_count, passes = g->node_count - tasks;
    g->links = arena_array(g->arena, 2u * g->need_count + passes + 1u, sizeof *g->links);
    for (uint32_t i = 0; i < 2 * tasks; i++) {
        const struct trunk *trunk = i < tasks ? &g->out[i] : &g->in[i - tasks];
        uint32_t count = trunk->end - trunk->first;
        if (count > 0 && i < tasks)
            add_link(g, i, trunk->node);
        for (uint32_t k = 0; k + 1 < count; k++)
            add_link(g, trunk->node + k, trunk->node + k + 1);
        if (count > 0 && i >= tasks)
            add_link(g, trunk->node + count - 1, i - tasks);
    }
    for (uint32_t i = 0; i < g->need_count; i++) {
        uint32_t from = g->nodes[g->needs[i].from].column, to = g->nodes[g->needs[i].to].column;
        uint32_t column = g->is_in[i] ? from : to - 1;
        add_link(g, node_at(g, i, column), node_at(g, i, column + 1));
    }
}

static void add_passes(struct graph *g)
{
    uint32_t tasks = g->t->task_count;
    choose_trunks(g);
    g->node_count = tasks;
    for (uint32_t i = 0; i < tasks; i++) {
        number_trunk(g, &g->out[i]);
        number_trunk(g, &g->in[i]);
    }
    struct node *nodes = arena_array(g->arena, g->node_count + 1u, sizeof *nodes);
    memcpy(nodes, g->nodes, tasks * sizeof *nodes);
    g->nodes = nodes;
    for (uint32_t i = 0; i < 2 * tasks; i++) {
        const struct trunk *trunk = i < tasks ? &g->out[i] : &g->in[i - tasks];
        for (uint32_t c = trunk->first; c < trunk->end; c++)
            nodes[trunk->node + c - trunk->first] =
                (struct node){.column = c, .height = PASS_HEIGHT};
    }
    link_columns(g);
    g->steps += g->node_count + g->need_count;
}

void layout_make(struct arena *a, const struct template *t, struct layout *out)
{
    struct graph g = {.arena = a, .t = t};
    g.nodes = arena_array(a, t->task_count + 1u, sizeof *g.nodes);
    for (uint32_t i = 0; i < t->task_count; i++)
        g.nodes[i].height = BOX_HEIGHT;
    collect_needs(&g);
    find_columns(&g);
    number_columns(&g);
    add_passes(&g);
    g.before = layout_sort_links(&g, g.links, g.link_count, g.node_count, false);
    g.after = layout_sort_links(&g, g.links, g.link_count, g.node_count, true);
    layout_order(&g);
    layout_heights(&g);
    layout_place(&g, out);
    out->steps = g.steps;
}
