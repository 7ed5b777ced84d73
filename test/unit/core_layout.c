/* The drawing of a template: boxes and arrows lie where a reader expects them, the same template
 * gives the same picture, and no name can be more than text in any of its languages. */
#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "core/limits.h"
#include "layout_rig.h"

#include <string.h>

TEST(boxes_lie_in_lanes_and_never_on_each_other)
{
    struct builder b;
    struct layout l;
    layout_rig_begin(&b);
    layout_rig_pizza(&b);
    layout_make(&b.arena, &b.t, &l);
    layout_rig_check_boxes(&b, &l);
    layout_rig_check_arrows(&l);
    CHECK(l.edge_count == 2);
    CHECK(l.tasks[1].x == l.tasks[2].x && l.tasks[3].x > l.tasks[1].x);
    CHECK(l.tasks[3].y > l.tasks[1].y &&
          l.tasks[3].y < l.tasks[2].y); /* between the two it needs */
    arena_drop(&b.arena);
}

TEST(columns_follow_the_longest_chain)
{
    struct builder b;
    struct layout l;
    layout_rig_begin(&b);
    layout_rig_stage(&b, "s");
    /* The last of the chain stands first in the template. */
    uint32_t last = layout_rig_task(&b, "last"), middle = layout_rig_task(&b, "middle");
    uint32_t first = layout_rig_task(&b, "first");
    layout_rig_need(&b, last, first);
    layout_rig_need(&b, last, middle);
    layout_rig_need(&b, middle, first);
    layout_make(&b.arena, &b.t, &l);
    layout_rig_check_boxes(&b, &l);
    CHECK(l.tasks[first].x < l.tasks[middle].x && l.tasks[middle].x < l.tasks[last].x);
    arena_drop(&b.arena);
}

TEST(arrows_do_not_cross_where_they_need_not)
{
    struct builder b;
    struct layout l;
    layout_rig_begin(&b);
    layout_rig_stage(&b, "s");
    uint32_t a = layout_rig_task(&b, "a"), c = layout_rig_task(&b, "c");
    uint32_t after_c = layout_rig_task(&b, "after_c"), after_a = layout_rig_task(&b, "after_a");
    layout_rig_need(&b, after_c, c);
    layout_rig_need(&b, after_a, a);
    layout_make(&b.arena, &b.t, &l);
    CHECK((l.tasks[a].y < l.tasks[c].y) == (l.tasks[after_a].y < l.tasks[after_c].y));
    CHECK(l.tasks[a].y == l.tasks[after_a].y); /* and they are level */
    arena_drop(&b.arena);
}

TEST(a_task_is_level_with_the_one_it_needs)
{
    struct builder b;
    struct layout l;
    layout_rig_begin(&b);
    layout_rig_stage(&b, "s");
    layout_rig_task(&b, "alone");
    uint32_t low = layout_rig_task(&b, "low"), after = layout_rig_task(&b, "after");
    layout_rig_need(&b, after, low);
    layout_make(&b.arena, &b.t, &l);
    CHECK(l.tasks[after].y == l.tasks[low].y);
    arena_drop(&b.arena);
}

/* Where an arrow passes a column it runs level, from one of its points to the next. */
TEST(a_long_arrow_passes_beside_the_boxes)
{
    struct builder b;
    struct layout l;
    layout_rig_begin(&b);
    layout_rig_stage(&b, "early");
    uint32_t from = layout_rig_task(&b, "from");
    layout_rig_stage(&b, "nothing");
    layout_rig_stage(&b, "late");
    uint32_t one = layout_rig_task(&b, "one"), two = layout_rig_task(&b, "two"),
             to = layout_rig_task(&b, "to");
    layout_rig_need(&b, two, one);
    layout_rig_need(&b, to, two);
    layout_rig_need(&b, to, from);
    layout_make(&b.arena, &b.t, &l);
    layout_rig_check_boxes(&b, &l);
    layout_rig_check_arrows(&l);
    const struct layout_edge *edge = &l.edges[2];
    CHECK(edge->from == from && edge->to == to && edge->point_count == 1 + 3 * 7);
    for (uint32_t p = 3; p + 3 < edge->point_count; p += 6) {
        const int *q = edge->points + 2 * p;
        struct layout_box way = {q[0], q[1], q[6] - q[0], 1};
        CHECK(q[1] == q[7]);
        for (uint32_t i = 0; i < b.t.task_count; i++)
            CHECK(!layout_rig_overlap(&way, &l.tasks[i]));
    }
    arena_drop(&b.arena);
}

TEST(a_stage_without_tasks_has_its_lane)
{
    struct builder b;
    struct layout l;
    layout_rig_begin(&b);
    layout_rig_stage(&b, "only");
    layout_make(&b.arena, &b.t, &l);
    layout_rig_check_boxes(&b, &l);
    CHECK(layout_rig_has(layout_svg(&b.arena, &b.t, NULL), "passes through"));
    CHECK(layout_rig_has(layout_dot(&b.arena, &b.t), "s0 [label=\"no tasks\""));
    CHECK(layout_rig_has(layout_mermaid(&b.arena, &b.t), "e0[\"no tasks\"]"));
    arena_drop(&b.arena);
}

TEST(five_hundred_tasks_keep_their_distance)
{
    struct builder b;
    struct layout l;
    layout_rig_begin(&b);
    for (int s = 0; s < 5; s++) {
        layout_rig_stage(&b, "tangle");
        layout_rig_tangle(&b, 100);
    }
    layout_make(&b.arena, &b.t, &l);
    layout_rig_check_boxes(&b, &l);
    layout_rig_check_arrows(&l);
    arena_drop(&b.arena);
}

TEST(a_chain_of_the_most_tasks_is_drawn_whole)
{
    struct builder b;
    layout_rig_begin(&b);
    layout_rig_stage(&b, "chain");
    for (uint32_t i = 0; i < TASKS_HERE; i++) {
        uint32_t task = layout_rig_task(&b, "t");
        if (i > 0)
            layout_rig_need(&b, task, i - 1);
        for (uint32_t k = 2; i > 10 && k < 6; k++)
            layout_rig_need(&b, task, i / k); /* far more passes than are made */
    }
    struct slice svg = layout_svg(&b.arena, &b.t, NULL);
    CHECK(slice_has_suffix(svg, SLICE("</svg>\n")));
    arena_drop(&b.arena);
}

TEST(the_same_template_gives_the_same_picture)
{
    struct builder a, b;
    layout_rig_begin(&a);
    layout_rig_begin(&b);
    layout_rig_stage(&a, "s");
    layout_rig_stage(&b, "s");
    layout_rig_tangle(&a, 60);
    layout_rig_tangle(&b, 60);
    CHECK(slice_eq(layout_svg(&a.arena, &a.t, NULL), layout_svg(&b.arena, &b.t, NULL)));
    CHECK(slice_eq(layout_json(&a.arena, &a.t, NULL), layout_json(&b.arena, &b.t, NULL)));
    arena_drop(&a.arena);
    arena_drop(&b.arena);
}

/* An order on its way, its second task at its twelfth try. */
static const enum task_status tasks_on_the_way[] = {TASK_COMPLETED, TASK_RETRYING, TASK_RUNNING,
                                                    TASK_PENDING, TASK_PENDING};
static const enum stage_status stages_on_the_way[] = {STAGE_COMPLETED, STAGE_ACTIVE, STAGE_PENDING};
static const uint32_t attempts[] = {1, 12, 1, 0, 0}, generations[] = {1, 3, 1, 1, 1};
static const struct layout_paint on_the_way = {tasks_on_the_way, stages_on_the_way, attempts,
                                               generations};

TEST(paint_shows_statuses_attempts_and_generations)
{
    struct builder b;
    layout_rig_begin(&b);
    layout_rig_pizza(&b);
    struct slice svg = layout_svg(&b.arena, &b.t, &on_the_way);
    CHECK(layout_rig_has(svg, "data-task=\"make\" data-status=\"RETRYING\""));
    CHECK(layout_rig_has(svg, "data-stage=\"prepare\" data-status=\"ACTIVE\""));
    CHECK(layout_rig_has(svg, ">try 12<") && layout_rig_has(svg, ">gen 3<"));
    CHECK(!layout_rig_has(svg, ">try 1<") && !layout_rig_has(svg, ">gen 1<"));
    CHECK(layout_rig_has(svg, "prefers-color-scheme:dark"));
    struct slice bare = layout_svg(&b.arena, &b.t, NULL);
    CHECK(layout_rig_has(bare, "data-task=\"make\"") && !layout_rig_has(bare, "data-status"));
    arena_drop(&b.arena);
}

TEST(json_has_what_is_painted)
{
    struct builder b;
    layout_rig_begin(&b);
    layout_rig_pizza(&b);
    struct slice json = layout_json(&b.arena, &b.t, &on_the_way);
    CHECK(layout_rig_has(json, "\"status\":\"RETRYING\",\"generation\":3,\"attempt\":12"));
    CHECK(layout_rig_has(json, "\"name\":\"prepare\",\"status\":\"ACTIVE\""));
    CHECK(!layout_rig_has(layout_json(&b.arena, &b.t, NULL), "\"status\""));
    arena_drop(&b.arena);
}

TEST(paint_may_know_only_the_tasks)
{
    struct builder b;
    layout_rig_begin(&b);
    layout_rig_pizza(&b);
    enum task_status tasks[] = {TASK_FAILED, TASK_CANCELLED, TASK_SCHEDULED, TASK_PENDING,
                                TASK_PENDING};
    struct layout_paint p = {.task_status = tasks};
    struct slice svg = layout_svg(&b.arena, &b.t, &p);
    CHECK(layout_rig_has(svg, "data-task=\"confirm\" data-status=\"FAILED\""));
    CHECK(!layout_rig_has(svg, "data-stage=\"order\" data-status"));
    arena_drop(&b.arena);
}

/* A sign of its own for each status: colour never speaks alone. */
TEST(every_status_has_its_own_shape)
{
    struct builder b;
    struct slice seen[TASK_STATUS_COUNT];
    layout_rig_begin(&b);
    layout_rig_stage(&b, "s");
    layout_rig_task(&b, "t");
    for (int status = 0; status < TASK_STATUS_COUNT; status++) {
        enum task_status one = (enum task_status)status;
        struct layout_paint p = {.task_status = &one};
        struct slice svg = layout_svg(&b.arena, &b.t, &p);
        const char *icon = memmem(svg.at, svg.len, "class=\"g-icon\"", 14);
        CHECK(icon != NULL);
        if (icon == NULL)
            return;
        const char *end = memchr(icon, '>', svg.len - (size_t)(icon - svg.at));
        seen[status] = (struct slice){icon, (size_t)(end - icon)};
        for (int before = 0; before < status; before++)
            CHECK(!slice_eq(seen[before], seen[status]));
    }
    arena_drop(&b.arena);
}

static const char HOSTILE[] = "</text><script>alert('\"&\\#%%')</script>\n```";

TEST(names_stay_text_in_every_language)
{
    struct builder b;
    layout_rig_begin(&b);
    layout_rig_stage(&b, HOSTILE);
    uint32_t i = layout_rig_task(&b, HOSTILE);
    b.t.tasks[i].queue = slice_of(HOSTILE);
    b.t.tasks[i].business_status = slice_of(HOSTILE);
    b.t.name = slice_of(HOSTILE);
    struct slice svg = layout_svg(&b.arena, &b.t, NULL);
    CHECK(!layout_rig_has(svg, "<script") && layout_rig_has(svg, "&lt;script&gt;"));
    struct slice dot = layout_dot(&b.arena, &b.t);
    CHECK(layout_rig_has(dot, "alert('\\\"&\\\\#%%')</script> ```\""));
    struct slice mermaid = layout_mermaid(&b.arena, &b.t);
    CHECK(!layout_rig_has(mermaid, "<script") && !layout_rig_has(mermaid, "```") &&
          !layout_rig_has(mermaid, "%%"));
    CHECK(layout_rig_has(mermaid, "#60;/text#62;"));
    yyjson_val *root = NULL;
    CHECK(json_read(&b.arena, layout_json(&b.arena, &b.t, NULL), 1 << 20, 16, NULL, &root) ==
          ERR_NONE);
    yyjson_val *task = yyjson_arr_get_first(json_get(root, "tasks"));
    CHECK(slice_eq_text(json_get_text(task, "name"), HOSTILE));
    arena_drop(&b.arena);
}

TEST(a_long_name_is_cut_between_characters_and_whole_in_the_tooltip)
{
    static const char name[] =
        "überlänge_größenänderungsgenehmigungsverfahren_日本語日本語日本語日本語";
    struct builder b;
    layout_rig_begin(&b);
    layout_rig_stage(&b, "s");
    layout_rig_task(&b, name);
    struct slice svg = layout_svg(&b.arena, &b.t, NULL);
    CHECK(slice_is_utf8(svg));
    CHECK(layout_rig_has(svg, "\xE2\x80\xA6</text>"));
    struct text whole = text_new(&b.arena, 1024);
    text_printf(&whole, "<title>%s (queue: work)</title>", name);
    CHECK(layout_rig_has(svg, text_c(&whole)));
    arena_drop(&b.arena);
}

TEST(a_box_is_as_wide_as_its_longest_text_up_to_a_limit)
{
    struct layout narrow, wide, widest;
    struct builder b;
    layout_rig_begin(&b);
    layout_rig_stage(&b, "s");
    layout_rig_task(&b, "short");
    layout_make(&b.arena, &b.t, &narrow);
    b.t.tasks[0].queue = SLICE("a_queue_with_a_rather_long_name");
    layout_make(&b.arena, &b.t, &wide);
    b.t.tasks[0].queue =
        SLICE("a_queue_with_a_name_that_goes_on_and_on_and_on_and_on_and_on_and_on");
    layout_make(&b.arena, &b.t, &widest);
    CHECK(narrow.tasks[0].width < wide.tasks[0].width);
    CHECK(wide.tasks[0].width <= widest.tasks[0].width && widest.tasks[0].width < 400);
    arena_drop(&b.arena);
}

TEST(the_second_line_says_who_does_it)
{
    struct task task = {.kind = TASK_KIND_HUMAN};
    CHECK(slice_eq_text(layout_subtitle(&task), "anyone"));
    task.group = SLICE("drivers");
    CHECK(slice_eq_text(layout_subtitle(&task), "drivers"));
    task.assignee = SLICE("ann");
    CHECK(slice_eq_text(layout_subtitle(&task), "ann"));
    task.kind = TASK_KIND_QUEUE;
    task.queue = SLICE("work");
    CHECK(slice_eq_text(layout_subtitle(&task), "work"));
}

TEST(json_has_the_picture_s_coordinates)
{
    struct builder b;
    struct layout l;
    layout_rig_begin(&b);
    layout_rig_pizza(&b);
    layout_make(&b.arena, &b.t, &l);
    yyjson_val *root = NULL;
    CHECK(json_read(&b.arena, layout_json(&b.arena, &b.t, NULL), 1 << 20, 16, NULL, &root) ==
          ERR_NONE);
    int64_t x = 0, height = 0;
    yyjson_val *send = yyjson_arr_get(json_get(root, "tasks"), 3);
    CHECK(json_get_int(send, "x", &x) && x == l.tasks[3].x);
    CHECK(json_get_int(root, "height", &height) && height == l.height);
    CHECK(slice_eq_text(json_get_text(send, "stage"), "prepare"));
    yyjson_val *edge = yyjson_arr_get_first(json_get(root, "edges"));
    CHECK(slice_eq_text(json_get_text(edge, "from"), "make"));
    CHECK(yyjson_arr_size(json_get(edge, "points")) == 8);
    yyjson_val *bring = yyjson_arr_get(json_get(root, "tasks"), 4);
    CHECK(slice_eq_text(json_get_text(bring, "assignee"), "driver"));
    arena_drop(&b.arena);
}

TEST(dot_and_mermaid_hold_every_task_and_need)
{
    struct builder b;
    layout_rig_begin(&b);
    layout_rig_pizza(&b);
    struct slice dot = layout_dot(&b.arena, &b.t), mermaid = layout_mermaid(&b.arena, &b.t);
    CHECK(layout_rig_has(dot, "subgraph cluster_1 {\n    label=\"prepare\";"));
    CHECK(layout_rig_has(dot, "t1 [label=\"make\\nwork\"]") && layout_rig_has(dot, "t1 -> t3;") &&
          layout_rig_has(dot, "t2 -> t3;"));
    CHECK(layout_rig_has(dot, "t0 -> t1 [style=invis]"));
    CHECK(slice_has_prefix(mermaid, SLICE("flowchart LR\n")));
    CHECK(layout_rig_has(mermaid, "subgraph s2[\"deliver\"]") &&
          layout_rig_has(mermaid, "t4([\"bring<br/>driver\"])"));
    CHECK(layout_rig_has(mermaid, "t1 --> t3") && layout_rig_has(mermaid, "s0 ==> s1"));
    arena_drop(&b.arena);
}
