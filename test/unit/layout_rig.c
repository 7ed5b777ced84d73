/* Makes templates for the tests of layouts and checks what must hold of every layout. */
#include "layout_rig.h"

#include "base/arena.h"
#include "core/limits.h"

#include <string.h>

void layout_rig_begin(struct builder *b)
{
    memset(b, 0, sizeof *b);
    arena_init(&b->arena, 256u * 1024 * 1024);
    b->t.name = SLICE("sample");
    b->t.stages = arena_array(&b->arena, STAGES_MAX, sizeof *b->t.stages);
    b->t.tasks = arena_array(&b->arena, TASKS_HERE, sizeof *b->t.tasks);
    b->needs = arena_array(&b->arena, TASKS_HERE, sizeof *b->needs);
}

void layout_rig_stage(struct builder *b, const char *name)
{
    b->t.stages[b->t.stage_count++] =
        (struct stage){.name = slice_of(name), .first_task = b->t.task_count};
}

uint32_t layout_rig_task(struct builder *b, const char *name)
{
    uint32_t i = b->t.task_count++;
    b->t.tasks[i] = (struct task){.name = slice_of(name),
                                  .id = slice_of(name),
                                  .stage = b->t.stage_count - 1,
                                  .kind = TASK_KIND_QUEUE,
                                  .queue = SLICE("work"),
                                  .needs = b->needs[i]};
    b->t.stages[b->t.stage_count - 1].task_count++;
    return i;
}

void layout_rig_need(struct builder *b, uint32_t task, uint32_t need)
{
    for (uint32_t k = 0; k < b->t.tasks[task].needs_count; k++)
        if (b->needs[task][k] == need)
            return;
    b->needs[task][b->t.tasks[task].needs_count++] = need;
}

void layout_rig_pizza(struct builder *b)
{
    layout_rig_stage(b, "order");
    layout_rig_task(b, "confirm");
    layout_rig_stage(b, "prepare");
    uint32_t make = layout_rig_task(b, "make"), assign = layout_rig_task(b, "assign"),
             send = layout_rig_task(b, "send");
    layout_rig_need(b, send, make);
    layout_rig_need(b, send, assign);
    layout_rig_stage(b, "deliver");
    uint32_t bring = layout_rig_task(b, "bring");
    b->t.tasks[bring].kind = TASK_KIND_HUMAN;
    b->t.tasks[bring].queue = SLICE_NONE;
    b->t.tasks[bring].assignee = SLICE("driver");
}

bool layout_rig_has(struct slice text, const char *part)
{
    return memmem(text.at, text.len, part, strlen(part)) != NULL;
}

static bool is_inside(const struct layout_box *in, const struct layout_box *out)
{
    return in->x >= out->x && in->y >= out->y && in->x + in->width <= out->x + out->width &&
           in->y + in->height <= out->y + out->height;
}

bool layout_rig_overlap(const struct layout_box *a, const struct layout_box *b)
{
    return a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height &&
           b->y < a->y + a->height;
}

void layout_rig_check_boxes(const struct builder *b, const struct layout *l)
{
    struct layout_box all = {0, 0, l->width, l->height};
    for (uint32_t s = 0; s < b->t.stage_count; s++) {
        CHECK(is_inside(&l->stages[s], &all));
        CHECK(s == 0 || l->stages[s].x >= l->stages[s - 1].x + l->stages[s - 1].width);
    }
    for (uint32_t i = 0; i < b->t.task_count; i++) {
        CHECK(is_inside(&l->tasks[i], &l->stages[b->t.tasks[i].stage]));
        for (uint32_t k = 0; k < i; k++)
            CHECK(!layout_rig_overlap(&l->tasks[i], &l->tasks[k]));
    }
}

void layout_rig_check_arrows(const struct layout *l)
{
    for (uint32_t e = 0; e < l->edge_count; e++) {
        const struct layout_edge *edge = &l->edges[e];
        const struct layout_box *from = &l->tasks[edge->from], *to = &l->tasks[edge->to];
        const int *end = edge->points + 2 * (edge->point_count - 1);
        CHECK(edge->point_count % 3 == 1 && edge->point_count >= 4);
        CHECK(edge->points[0] == from->x + from->width);
        CHECK(edge->points[1] == from->y + from->height / 2);
        CHECK(end[0] == to->x && end[1] == to->y + to->height / 2);
        for (uint32_t p = 1; p < edge->point_count; p++)
            CHECK(edge->points[2 * p] >= edge->points[2 * p - 2]);
    }
}

void layout_rig_tangle(struct builder *b, uint32_t tasks)
{
    uint32_t first = b->t.task_count;
    for (uint32_t i = 0; i < tasks; i++) {
        uint32_t task = layout_rig_task(b, "t");
        for (uint32_t k = 0; i > 9 && k < 2; k++)
            layout_rig_need(b, task, first + (i * 7919u + k * 104729u) % i);
    }
}
