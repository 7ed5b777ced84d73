/* The layout of a template's graph: where every lane, box and arrow lies. A template comes in,
 * whole and validated; coordinates go out, to the pictures in layout_svg.c and layout_text.c.
 *
 * The method is the usual one for layered graphs: columns by the longest chain of needs, a place in
 * each column that a long arrow passes, an order within columns that keeps neighbours near each
 * other (barycentres), then heights that keep arrows level. It must not depend on anything but the
 * template: the same template gives the same picture, everywhere. */
#include "core/layout.h"

#include "base/arena.h"

#include <assert.h>
#include <string.h>

enum {
    MARGIN = 20,       /* around the whole picture */
    LANE_PAD = 20,     /* between a lane's border and its boxes */
    LANE_GAP = 34,     /* between lanes */
    LANE_HEAD = 66,    /* for a lane's title */
    EMPTY_WIDTH = 176, /* inside a lane without tasks */
    BOX_WIDTH_MIN = 220,
    BOX_WIDTH_MAX = 288,
    BOX_HEIGHT = 84,
    BOX_PAD = 14,
    COLUMN_GAP = 64,
    ROW_GAP = 18,
    PASS_HEIGHT = 2,    /* of a place where an arrow passes a column */
    PASSES_MAX = 40000, /* such places; arrows beyond run straight to their end */
    ORDER_SWEEPS = 12,
    HEIGHT_SWEEPS = 10,
    WEIGHT_UNIT = 1024 /* of an order: barycentres are fractions */
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

struct graph {
    struct arena *arena;
    const struct template *t;
    struct link *needs;
    uint32_t *pass; /* of each need: its first pass, UINT32_MAX: none */
    uint32_t need_count;
    struct node *nodes;
    uint32_t node_count;
    struct link *links;
    uint32_t link_count;
    struct links before, after;
    uint32_t *stage_column; /* the first column of each stage, and the number of columns */
    uint32_t column_count;
    struct reach *reach;
    uint32_t *column_first, *order; /* the nodes of each column from top to bottom */
    int *low, *high;                /* work space for heights, one per node */
    uint32_t *merge;                /* work space for sorting */
};

static bool is_one_of(unsigned char c, const char *set, size_t count)
{
    return memchr(set, c, count) != NULL;
}

/* In thousandths of the font's size; a little wider than most fonts are. */
static int glyph_width(unsigned char c)
{
    if (c >= 0x80)
        return c >= 0xE1 ? 1000 : c >= 0xC0 ? 640 : 0; /* lead bytes count, the others follow one */
    if (is_one_of(c, "ijl.,:;'|!fIt()[]", 17))
        return 370;
    if (is_one_of(c, "mwMW@%", 6))
        return 930;
    if (c >= 'A' && c <= 'Z')
        return 700;
    return 620;
}

int layout_text_width(struct slice s, int size_px)
{
    int64_t units = 0;
    for (size_t i = 0; i < s.len; i++)
        units += glyph_width((unsigned char)s.at[i]);
    int64_t width = (units * size_px + 999) / 1000;
    return width > 1000000 ? 1000000 : (int)width;
}

struct slice layout_subtitle(const struct task *task)
{
    if (task->kind == TASK_KIND_QUEUE)
        return task->queue;
    if (task->assignee.len > 0)
        return task->assignee;
    return task->group.len > 0 ? task->group : SLICE("anyone");
}

/* Columns. */

static struct links sort_links(struct arena *a, const struct link *links, uint32_t count,
                               uint32_t nodes, bool by_from)
{
    struct links s = {arena_array(a, nodes + 2u, sizeof *s.first),
                      arena_array(a, count + 1u, sizeof *s.other)};
    for (uint32_t i = 0; i < count; i++)
        s.first[(by_from ? links[i].from : links[i].to) + 2u]++;
    for (uint32_t n = 0; n < nodes; n++)
        s.first[n + 2u] += s.first[n + 1u];
    for (uint32_t i = 0; i < count; i++) {
        uint32_t end = by_from ? links[i].from : links[i].to;
        s.other[s.first[end + 1u]++] = by_from ? links[i].to : links[i].from;
    }
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

/* Sets each task's column within its stage to its longest chain of needs in that stage. */
static void find_depths(struct graph *g)
{
    const struct template *t = g->t;
    struct links after = sort_links(g->arena, g->needs, g->need_count, t->task_count, true);
    uint32_t *open = arena_array(g->arena, t->task_count + 1u, sizeof *open);
    uint32_t *ready = arena_array(g->arena, t->task_count + 1u, sizeof *ready);
    uint32_t ready_count = 0;
    for (uint32_t i = 0; i < t->task_count; i++) {
        open[i] = t->tasks[i].needs_count;
        if (open[i] == 0)
            ready[ready_count++] = i;
    }
    for (uint32_t r = 0; r < ready_count; r++) {
        const struct node *from = &g->nodes[ready[r]];
        for (uint32_t k = after.first[ready[r]]; k < after.first[ready[r] + 1u]; k++) {
            struct node *to = &g->nodes[after.other[k]];
            bool same = t->tasks[ready[r]].stage == t->tasks[after.other[k]].stage;
            if (same && to->column <= from->column)
                to->column = from->column + 1;
            if (--open[after.other[k]] == 0)
                ready[ready_count++] = after.other[k];
        }
    }
    assert(ready_count == t->task_count); /* a validated template has no cycle */
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

static uint32_t span_of(const struct graph *g, uint32_t need)
{
    uint32_t from = g->nodes[g->needs[need].from].column;
    uint32_t to = g->nodes[g->needs[need].to].column;
    assert(from < to); /* a need names a task of the same or an earlier stage */
    return to - from;
}

/* Gives every need that passes columns a node in each of them, as far as PASSES_MAX reaches. */
static void add_passes(struct graph *g)
{
    uint32_t tasks = g->t->task_count, passes = 0;
    g->pass = arena_array(g->arena, g->need_count + 1u, sizeof *g->pass);
    for (uint32_t i = 0; i < g->need_count; i++) {
        uint32_t span = span_of(g, i);
        bool fits = span > 1 && passes + span - 1 <= PASSES_MAX;
        g->pass[i] = fits ? tasks + passes : UINT32_MAX;
        passes += fits ? span - 1 : 0;
    }
    struct node *nodes = arena_array(g->arena, tasks + passes + 1u, sizeof *nodes);
    memcpy(nodes, g->nodes, tasks * sizeof *nodes);
    g->nodes = nodes;
    g->node_count = tasks + passes;
    g->links = arena_array(g->arena, g->need_count + passes + 1u, sizeof *g->links);
    for (uint32_t i = 0; i < g->need_count; i++) {
        uint32_t last = g->needs[i].from, span = span_of(g, i);
        for (uint32_t k = 1; k < span && g->pass[i] != UINT32_MAX; k++) {
            uint32_t n = g->pass[i] + k - 1;
            g->nodes[n] = (struct node){.column = g->nodes[last].column + 1, .height = PASS_HEIGHT};
            g->links[g->link_count++] = (struct link){last, n};
            last = n;
        }
        if (span == 1 || g->pass[i] != UINT32_MAX)
            g->links[g->link_count++] = (struct link){last, g->needs[i].to};
    }
}

/* The order within columns. */

static void fill_columns(struct graph *g)
{
    g->column_first = arena_array(g->arena, g->column_count + 2u, sizeof *g->column_first);
    g->order = arena_array(g->arena, g->node_count + 1u, sizeof *g->order);
    for (uint32_t n = 0; n < g->node_count; n++)
        g->column_first[g->nodes[n].column + 2u]++;
    for (uint32_t c = 0; c < g->column_count; c++)
        g->column_first[c + 2u] += g->column_first[c + 1u];
    for (uint32_t n = 0; n < g->node_count; n++) {
        uint32_t column = g->nodes[n].column;
        g->nodes[n].place = g->column_first[column + 1u] - g->column_first[column];
        g->order[g->column_first[column + 1u]++] = n;
    }
}

/* Sorts a column by weight; equal ones keep their order. */
static void sort_column(struct graph *g, uint32_t first, uint32_t end)
{
    uint32_t count = end - first, *from = g->order + first, *to = g->merge;
    for (uint32_t run = 1; run < count; run *= 2) {
        for (uint32_t start = 0, w = 0; start < count; start += 2 * run) {
            uint32_t i = start, middle = start + run < count ? start + run : count;
            uint32_t k = middle, stop = start + 2 * run < count ? start + 2 * run : count;
            while (i < middle || k < stop) {
                bool left = k == stop ||
                            (i < middle && g->nodes[from[i]].weight <= g->nodes[from[k]].weight);
                to[w++] = left ? from[i++] : from[k++];
            }
        }
        memcpy(from, to, count * sizeof *to);
    }
}

static void weigh_node(struct graph *g, uint32_t n, const struct links *side)
{
    struct node *node = &g->nodes[n];
    uint32_t count = side->first[n + 1] - side->first[n];
    int64_t sum = 0;
    for (uint32_t k = side->first[n]; k < side->first[n + 1]; k++) {
        const struct node *other = &g->nodes[side->other[k]];
        uint32_t in_column = g->column_first[other->column + 1] - g->column_first[other->column];
        sum += (2 * (int64_t)other->place + 1) * WEIGHT_UNIT / in_column;
    }
    uint32_t own = g->column_first[node->column + 1] - g->column_first[node->column];
    node->weight = count > 0 ? sum / count : (2 * (int64_t)node->place + 1) * WEIGHT_UNIT / own;
}

static void order_column(struct graph *g, uint32_t column, const struct links *side)
{
    uint32_t first = g->column_first[column], end = g->column_first[column + 1];
    for (uint32_t i = first; i < end; i++)
        weigh_node(g, g->order[i], side);
    sort_column(g, first, end);
    for (uint32_t i = first; i < end; i++)
        g->nodes[g->order[i]].place = i - first;
}

static void order_columns(struct graph *g)
{
    g->merge = arena_array(g->arena, g->node_count + 1u, sizeof *g->merge);
    for (int sweep = 0; sweep < ORDER_SWEEPS; sweep++)
        for (uint32_t c = 0; c < g->column_count; c++) {
            bool forth = sweep % 2 == 0;
            order_column(g, forth ? c : g->column_count - 1 - c, forth ? &g->before : &g->after);
        }
}

/* Heights. */

static int distance(const struct graph *g, uint32_t upper, uint32_t lower)
{
    return (g->nodes[upper].height + g->nodes[lower].height) / 2 + ROW_GAP;
}

static int wanted_y(const struct graph *g, uint32_t n, const struct links *side)
{
    uint32_t count = side->first[n + 1] - side->first[n];
    int64_t sum = 0;
    for (uint32_t k = side->first[n]; k < side->first[n + 1]; k++)
        sum += g->nodes[side->other[k]].y;
    return count > 0 ? (int)(sum / count) : g->nodes[n].y;
}

/* Moves a column's nodes as near to their neighbours' height as their distances allow: the mean of
 * pushing down from the top and pushing up from the bottom keeps every distance. */
static void settle_column(struct graph *g, uint32_t column, const struct links *side)
{
    uint32_t first = g->column_first[column], end = g->column_first[column + 1];
    const uint32_t *order = g->order;
    for (uint32_t i = first; i < end; i++) {
        int wanted = wanted_y(g, order[i], side);
        int least = i > first ? g->low[i - 1] + distance(g, order[i - 1], order[i]) : wanted;
        g->high[i] = wanted;
        g->low[i] = wanted > least ? wanted : least;
    }
    for (uint32_t i = end; i-- > first;) {
        int most = i + 1 < end ? g->high[i + 1] - distance(g, order[i], order[i + 1]) : g->high[i];
        g->high[i] = g->high[i] < most ? g->high[i] : most;
    }
    for (uint32_t i = first; i < end; i++) {
        int sum = g->low[i] + g->high[i];
        g->nodes[order[i]].y = sum >= 0 ? sum / 2 : -((1 - sum) / 2); /* rounds down, always */
    }
}

static void stack_columns(struct graph *g)
{
    for (uint32_t c = 0; c < g->column_count; c++) {
        uint32_t first = g->column_first[c], end = g->column_first[c + 1];
        int y = 0;
        for (uint32_t i = first; i < end; i++) {
            y += i > first ? distance(g, g->order[i - 1], g->order[i]) : 0;
            g->nodes[g->order[i]].y = y;
        }
        for (uint32_t i = first; i < end; i++)
            g->nodes[g->order[i]].y -= y / 2;
    }
}

static void find_heights(struct graph *g)
{
    g->low = arena_array(g->arena, g->node_count + 1u, sizeof *g->low);
    g->high = arena_array(g->arena, g->node_count + 1u, sizeof *g->high);
    stack_columns(g);
    for (int sweep = 0; sweep < HEIGHT_SWEEPS; sweep++)
        for (uint32_t c = 0; c < g->column_count; c++) {
            bool forth = sweep % 2 == 0;
            settle_column(g, forth ? c : g->column_count - 1 - c, forth ? &g->before : &g->after);
        }
}

/* The picture. */

static int box_width(const struct template *t)
{
    int width = BOX_WIDTH_MIN;
    for (uint32_t i = 0; i < t->task_count; i++) {
        int name = layout_text_width(t->tasks[i].name, 15) + 2 * BOX_PAD;
        int below = layout_text_width(layout_subtitle(&t->tasks[i]), 12) + 2 * BOX_PAD + 20;
        int wide = name > below ? name : below;
        width = wide > width ? wide : width;
    }
    return width < BOX_WIDTH_MAX ? width : BOX_WIDTH_MAX;
}

/* Sets the lanes, and the reach of every column. */
static void place_lanes(struct graph *g, struct layout *out)
{
    g->reach = arena_array(g->arena, g->column_count + 1u, sizeof *g->reach);
    int width = box_width(g->t), x = MARGIN;
    for (uint32_t s = 0; s < g->t->stage_count; s++) {
        int columns = (int)(g->stage_column[s + 1] - g->stage_column[s]);
        int column = g->t->stages[s].task_count > 0 ? width : EMPTY_WIDTH;
        int inner = columns * (column + COLUMN_GAP) - COLUMN_GAP;
        for (int c = 0; c < columns; c++) {
            int left = x + LANE_PAD + c * (column + COLUMN_GAP);
            g->reach[g->stage_column[s] + (uint32_t)c] = (struct reach){left, left + column};
        }
        out->stages[s] = (struct layout_box){x, MARGIN, inner + 2 * LANE_PAD, 0};
        x += inner + 2 * LANE_PAD + LANE_GAP;
    }
    out->width = (g->t->stage_count > 0 ? x - LANE_GAP : x + EMPTY_WIDTH) + MARGIN;
}

static void place_tasks(struct graph *g, struct layout *out)
{
    int top = 0, bottom = BOX_HEIGHT;
    for (uint32_t n = 0; n < g->node_count; n++) {
        int upper = g->nodes[n].y - g->nodes[n].height / 2, lower = upper + g->nodes[n].height;
        top = n == 0 || upper < top ? upper : top;
        bottom = n == 0 || lower > bottom ? lower : bottom;
    }
    int shift = MARGIN + LANE_HEAD - top;
    for (uint32_t n = 0; n < g->node_count; n++)
        g->nodes[n].y += shift;
    for (uint32_t i = 0; i < g->t->task_count; i++) {
        struct reach r = g->reach[g->nodes[i].column];
        int y = g->nodes[i].y - BOX_HEIGHT / 2;
        out->tasks[i] = (struct layout_box){r.left, y, r.right - r.left, BOX_HEIGHT};
    }
    int lane_height = LANE_HEAD + bottom - top + LANE_PAD;
    for (uint32_t s = 0; s < g->t->stage_count; s++)
        out->stages[s].height = lane_height;
    out->height = lane_height + 2 * MARGIN;
}

/* Appends one cubic piece that leaves and arrives level. */
static void add_piece(int *points, uint32_t *count, int x, int y)
{
    const int *last = points + 2 * (*count - 1);
    int reach = (x - last[0]) / 2;
    int piece[6] = {last[0] + reach, last[1], x - reach, y, x, y};
    memcpy(points + 2 * *count, piece, sizeof piece);
    *count += 3;
}

static void route_edge(const struct graph *g, uint32_t need, struct layout *out)
{
    struct layout_edge *edge = &out->edges[need];
    const struct layout_box *from = &out->tasks[g->needs[need].from];
    const struct layout_box *to = &out->tasks[g->needs[need].to];
    uint32_t passes = g->pass[need] == UINT32_MAX ? 0 : span_of(g, need) - 1;
    int *points = arena_array(g->arena, 2u * (1u + 3u * (2u * passes + 1u)), sizeof *points);
    uint32_t count = 1;
    points[0] = from->x + from->width;
    points[1] = from->y + from->height / 2;
    for (uint32_t k = 0; k < passes; k++) {
        const struct node *pass = &g->nodes[g->pass[need] + k];
        add_piece(points, &count, g->reach[pass->column].left, pass->y);
        add_piece(points, &count, g->reach[pass->column].right, pass->y);
    }
    add_piece(points, &count, to->x, to->y + to->height / 2);
    *edge = (struct layout_edge){g->needs[need].from, g->needs[need].to, points, count};
}

void layout_make(struct arena *a, const struct template *t, struct layout *out)
{
    struct graph g = {.arena = a, .t = t};
    g.nodes = arena_array(a, t->task_count + 1u, sizeof *g.nodes);
    for (uint32_t i = 0; i < t->task_count; i++)
        g.nodes[i].height = BOX_HEIGHT;
    collect_needs(&g);
    find_depths(&g);
    number_columns(&g);
    add_passes(&g);
    g.before = sort_links(a, g.links, g.link_count, g.node_count, false);
    g.after = sort_links(a, g.links, g.link_count, g.node_count, true);
    fill_columns(&g);
    order_columns(&g);
    find_heights(&g);
    *out = (struct layout){.edge_count = g.need_count};
    out->stages = arena_array(a, t->stage_count + 1u, sizeof *out->stages);
    out->tasks = arena_array(a, t->task_count + 1u, sizeof *out->tasks);
    out->edges = arena_array(a, g.need_count + 1u, sizeof *out->edges);
    place_lanes(&g, out);
    place_tasks(&g, out);
    for (uint32_t i = 0; i < g.need_count; i++)
        route_edge(&g, i, out);
}
