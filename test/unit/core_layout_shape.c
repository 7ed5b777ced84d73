/* The shape of a drawing: high columns are broken, long arrows share their way, and what laying out
 * costs is bounded. */
#include "base/arena.h"
#include "layout_rig.h"

/* `tasks` tasks that need the first one and are needed by the last. */
static void add_fan(struct builder *b, uint32_t tasks)
{
    uint32_t split = layout_rig_task(b, "split"), first = b->t.task_count;
    for (uint32_t i = 0; i < tasks; i++)
        layout_rig_need(b, layout_rig_task(b, "work"), split);
    uint32_t join = layout_rig_task(b, "join");
    for (uint32_t i = 0; i < tasks && i < NEEDS_HERE; i++)
        layout_rig_need(b, join, first + i);
}

TEST(a_stage_of_many_tasks_is_broken_into_columns)
{
    struct builder b;
    struct layout l;
    layout_rig_begin(&b);
    layout_rig_stage(&b, "many");
    for (int i = 0; i < 40; i++)
        layout_rig_task(&b, "alone");
    layout_make(&b.arena, &b.t, &l);
    layout_rig_check_boxes(&b, &l);
    CHECK(l.width < 4 * l.height && l.height < 4 * l.width);
    CHECK(l.tasks[0].x == l.tasks[1].x && l.tasks[0].y < l.tasks[1].y); /* read downwards */
    arena_drop(&b.arena);
}

TEST(a_column_of_few_tasks_is_not_broken)
{
    struct builder b;
    struct layout l;
    layout_rig_begin(&b);
    layout_rig_stage(&b, "few");
    for (int i = 0; i < 8; i++)
        layout_rig_task(&b, "alone");
    layout_make(&b.arena, &b.t, &l);
    for (int i = 1; i < 8; i++)
        CHECK(l.tasks[i].x == l.tasks[0].x);
    arena_drop(&b.arena);
}

/* Where they pass a column, arrows from one box lie on each other. */
TEST(long_arrows_of_one_task_share_their_way)
{
    struct builder b;
    struct layout l;
    layout_rig_begin(&b);
    layout_rig_stage(&b, "fan");
    add_fan(&b, 30);
    layout_make(&b.arena, &b.t, &l);
    layout_rig_check_boxes(&b, &l);
    layout_rig_check_arrows(&l);
    int way = 0;
    uint32_t count = 0;
    for (uint32_t e = 0; e < l.edge_count; e++) {
        if (l.edges[e].from != 0 || l.edges[e].point_count < 10)
            continue;
        int y = l.edges[e].points[2 * 3 + 1]; /* where it enters the first column it passes */
        CHECK(count == 0 || y == way);
        way = y;
        count++;
    }
    CHECK(count > 10);
    arena_drop(&b.arena);
}

TEST(lanes_are_no_higher_than_their_highest_column)
{
    struct builder b;
    struct layout l;
    layout_rig_begin(&b);
    layout_rig_stage(&b, "fan");
    add_fan(&b, 30);
    layout_make(&b.arena, &b.t, &l);
    int top = l.height, bottom = 0, rows = 0;
    for (uint32_t i = 0; i < b.t.task_count; i++) {
        int in_column = 0;
        for (uint32_t k = 0; k < b.t.task_count; k++)
            in_column += l.tasks[k].x == l.tasks[i].x;
        rows = in_column > rows ? in_column : rows;
        top = l.tasks[i].y < top ? l.tasks[i].y : top;
        bottom = l.tasks[i].y > bottom ? l.tasks[i].y : bottom;
    }
    CHECK(bottom - top <= (rows + 1) * (l.tasks[0].height + 20));
    arena_drop(&b.arena);
}

TEST(a_long_name_widens_its_own_column)
{
    struct builder b;
    struct layout l;
    layout_rig_begin(&b);
    layout_rig_stage(&b, "s");
    uint32_t first = layout_rig_task(&b, "a_task_with_a_rather_long_name_indeed");
    uint32_t second = layout_rig_task(&b, "short");
    layout_rig_need(&b, second, first);
    layout_make(&b.arena, &b.t, &l);
    CHECK(l.tasks[first].width > l.tasks[second].width);
    arena_drop(&b.arena);
}

/* What laying out costs, counted: it grows little faster than the picture. */
TEST(the_cost_of_a_layout_is_bounded)
{
    uint64_t steps[2];
    for (uint32_t size = 0; size < 2; size++) {
        struct builder b;
        struct layout l;
        layout_rig_begin(&b);
        for (int s = 0; s < 5; s++) {
            layout_rig_stage(&b, "tangle");
            layout_rig_tangle(&b, size == 0 ? 100 : 1000);
        }
        layout_make(&b.arena, &b.t, &l);
        steps[size] = l.steps;
        arena_drop(&b.arena);
    }
    CHECK(steps[0] > 500 && steps[0] < 2000000);
    CHECK(steps[1] < 40 * steps[0]);
}
