/* From columns, order and heights to coordinates: lanes, boxes and arrows. Comes after layout.c and
 * layout_order.c; the pictures paint what comes out. */
#include "core/layout_int.h"

#include "base/arena.h"

#include <string.h>

enum {
    MARGIN = 20,       /* around the whole picture */
    LANE_PAD = 20,     /* between a lane's border and its boxes */
    LANE_GAP = 34,     /* between lanes */
    LANE_HEAD = 66,    /* for a lane's title */
    EMPTY_WIDTH = 176, /* inside a lane without tasks */
    BOX_WIDTH_MIN = 196,
    BOX_WIDTH_MAX = 320,
    BOX_PAD = 14,
    COLUMN_GAP = 60
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

static int width_of(const struct task *task)
{
    int name = layout_text_width(task->name, 15) + 2 * BOX_PAD;
    int below = layout_text_width(layout_subtitle(task), 12) + 2 * BOX_PAD + 20;
    int says = layout_text_width(task->business_status, 11) + 2 * BOX_PAD;
    int wide = name > below ? name : below;
    return wide > says ? wide : says;
}

/* A column is as wide as its widest box: one long name widens no other column. */
static int *column_widths(struct graph *g)
{
    int *widths = arena_array(g->arena, g->column_count + 1u, sizeof *widths);
    for (uint32_t c = 0; c < g->column_count; c++)
        widths[c] = BOX_WIDTH_MIN;
    for (uint32_t i = 0; i < g->t->task_count; i++) {
        int *width = &widths[g->nodes[i].column], wide = width_of(&g->t->tasks[i]);
        *width = wide > *width ? wide : *width;
        *width = *width < BOX_WIDTH_MAX ? *width : BOX_WIDTH_MAX;
    }
    return widths;
}

/* Sets the lanes, and the reach of every column. */
static void place_lanes(struct graph *g, struct layout *out)
{
    const int *widths = column_widths(g);
    g->reach = arena_array(g->arena, g->column_count + 1u, sizeof *g->reach);
    int x = MARGIN;
    for (uint32_t s = 0; s < g->t->stage_count; s++) {
        bool is_empty = g->t->stages[s].task_count == 0;
        int right = x + LANE_PAD - COLUMN_GAP;
        for (uint32_t c = g->stage_column[s]; c < g->stage_column[s + 1]; c++) {
            int left = right + COLUMN_GAP;
            right = left + (is_empty ? EMPTY_WIDTH : widths[c]);
            g->reach[c] = (struct reach){left, right};
        }
        out->stages[s] = (struct layout_box){x, MARGIN, right + LANE_PAD - x, 0};
        x = right + LANE_PAD + LANE_GAP;
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

/* Through the middle of each pass; a column without one is crossed by the next curve. */
static void route_edge(const struct graph *g, uint32_t need, struct layout *out)
{
    const struct link *ends = &g->needs[need];
    const struct layout_box *from = &out->tasks[ends->from], *to = &out->tasks[ends->to];
    uint32_t first = g->nodes[ends->from].column + 1, end = g->nodes[ends->to].column;
    uint32_t passes = layout_pass(g, need, first) == NO_PASS ? 0 : end - first;
    int *points = arena_array(g->arena, 2u * (1u + 3u * (2u * passes + 1u)), sizeof *points);
    uint32_t count = 1;
    points[0] = from->x + from->width;
    points[1] = from->y + from->height / 2;
    for (uint32_t c = first; c < first + passes; c++) {
        int y = g->nodes[layout_pass(g, need, c)].y;
        add_piece(points, &count, g->reach[c].left, y);
        add_piece(points, &count, g->reach[c].right, y);
    }
    add_piece(points, &count, to->x, to->y + to->height / 2);
    out->edges[need] = (struct layout_edge){ends->from, ends->to, points, count};
}

void layout_place(struct graph *g, struct layout *out)
{
    *out = (struct layout){.edge_count = g->need_count};
    out->stages = arena_array(g->arena, g->t->stage_count + 1u, sizeof *out->stages);
    out->tasks = arena_array(g->arena, g->t->task_count + 1u, sizeof *out->tasks);
    out->edges = arena_array(g->arena, g->need_count + 1u, sizeof *out->edges);
    place_lanes(g, out);
    place_tasks(g, out);
    for (uint32_t i = 0; i < g->need_count; i++)
        route_edge(g, i, out);
}
