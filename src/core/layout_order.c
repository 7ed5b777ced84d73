/* The order of nodes within columns, so that arrows cross as little as barycentres can find, and
 * heights that keep arrows level. Comes after the columns of layout.c, before layout_place.c. */
#include "core/layout_int.h"

#include "base/arena.h"

#include <string.h>

enum {
    ORDER_SWEEPS = 24,
    ORDER_PATIENCE = 6, /* sweeps without a better order */
    HEIGHT_SWEEPS = 12,
    WEIGHT_UNIT = 1024 /* of an order: barycentres are fractions */
};

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
    g->steps += count + 1;
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

/* Crossings. */

/* How many of the links seen so far end below `place`: a tree of sums over places. */
static uint64_t count_below(const uint32_t *tree, uint32_t seen, uint32_t place)
{
    uint64_t upto = 0;
    for (uint32_t k = place + 1; k > 0; k -= k & -k)
        upto += tree[k];
    return seen - upto;
}

static void note_end(uint32_t *tree, uint32_t count, uint32_t place)
{
    for (uint32_t k = place + 1; k <= count; k += k & -k)
        tree[k]++;
}

/* Crossings between a column and the next: from top to bottom, each link crosses those before it
 * that end below it. */
static uint64_t crossings_after(struct graph *g, uint32_t column)
{
    uint32_t end = g->column_first[column + 1], seen = 0;
    uint32_t below = g->column_first[column + 2] - end, *tree = g->merge;
    uint64_t sum = 0;
    memset(tree, 0, (below + 1u) * sizeof *tree);
    for (uint32_t i = g->column_first[column]; i < end; i++) {
        uint32_t first = g->after.first[g->order[i]], last = g->after.first[g->order[i] + 1];
        for (uint32_t k = first; k < last; k++)
            sum += count_below(tree, seen, g->nodes[g->after.other[k]].place);
        for (uint32_t k = first; k < last; k++, seen++)
            note_end(tree, below, g->nodes[g->after.other[k]].place);
        g->steps += last - first + 1;
    }
    return sum;
}

static uint64_t count_crossings(struct graph *g)
{
    uint64_t sum = 0;
    for (uint32_t c = 0; c + 1 < g->column_count; c++)
        sum += crossings_after(g, c);
    return sum;
}

static void take_best(struct graph *g)
{
    memcpy(g->order, g->best, g->node_count * sizeof *g->order);
    for (uint32_t c = 0; c < g->column_count; c++)
        for (uint32_t i = g->column_first[c]; i < g->column_first[c + 1]; i++)
            g->nodes[g->order[i]].place = i - g->column_first[c];
}

void layout_order(struct graph *g)
{
    fill_columns(g);
    g->merge = arena_array(g->arena, g->node_count + 2u, sizeof *g->merge);
    g->best = arena_array(g->arena, g->node_count + 1u, sizeof *g->best);
    memcpy(g->best, g->order, g->node_count * sizeof *g->best);
    uint64_t fewest = count_crossings(g);
    for (int sweep = 0, better = 0; sweep < ORDER_SWEEPS && fewest > 0; sweep++) {
        bool forth = sweep % 2 == 0;
        for (uint32_t c = 0; c < g->column_count; c++)
            order_column(g, forth ? c : g->column_count - 1 - c, forth ? &g->before : &g->after);
        uint64_t crossings = count_crossings(g);
        if (crossings < fewest) {
            fewest = crossings;
            better = sweep;
            memcpy(g->best, g->order, g->node_count * sizeof *g->best);
        } else if (sweep - better >= ORDER_PATIENCE) {
            break;
        }
    }
    take_best(g);
}

/* Heights. */

static int distance(const struct graph *g, uint32_t upper, uint32_t lower)
{
    return (g->nodes[upper].height + g->nodes[lower].height) / 2 + ROW_GAP;
}

static int wanted_y(struct graph *g, uint32_t n, const struct links *side)
{
    uint32_t count = side->first[n + 1] - side->first[n];
    int64_t sum = 0;
    for (uint32_t k = side->first[n]; k < side->first[n + 1]; k++)
        sum += g->nodes[side->other[k]].y;
    g->steps += count + 1;
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

/* Keeps a column within the height that the highest one needs anyway. Limits are as far from each
 * other as the nodes must be, so that every distance holds. */
static void keep_within(struct graph *g, uint32_t column)
{
    uint32_t first = g->column_first[column], end = g->column_first[column + 1];
    int least = -g->height / 2, most = g->height / 2;
    for (uint32_t i = first; i < end; i++) {
        struct node *n = &g->nodes[g->order[i]];
        least += i > first ? distance(g, g->order[i - 1], g->order[i]) : n->height / 2;
        n->y = n->y > least ? n->y : least;
    }
    for (uint32_t i = end; i-- > first;) {
        struct node *n = &g->nodes[g->order[i]];
        most -= i + 1 < end ? distance(g, g->order[i], g->order[i + 1]) : n->height / 2;
        n->y = n->y < most ? n->y : most;
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
        int height = y + BOX_HEIGHT;
        g->height = height > g->height ? height : g->height;
    }
}

void layout_heights(struct graph *g)
{
    g->low = arena_array(g->arena, g->node_count + 1u, sizeof *g->low);
    g->high = arena_array(g->arena, g->node_count + 1u, sizeof *g->high);
    stack_columns(g);
    for (int sweep = 0; sweep < HEIGHT_SWEEPS; sweep++)
        for (uint32_t c = 0; c < g->column_count; c++) {
            bool forth = sweep % 2 == 0;
            uint32_t column = forth ? c : g->column_count - 1 - c;
            settle_column(g, column, forth ? &g->before : &g->after);
            keep_within(g, column);
        }
}
