/* The drawing of a template: boxes and arrows lie where a reader expects them, the same template
 * gives the same picture, and no name can be more than text in any of its languages. */
#include "core/layout.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "core/limits.h"
#include "unit.h"

#include <string.h>

enum { NEEDS_HERE = 8, TASKS_HERE = 5000 };

struct builder {
    struct arena arena;
    struct template t;
    uint32_t (*needs)[NEEDS_HERE];
};

static void begin(struct builder *b)
{
    memset(b, 0, sizeof *b);
    arena_init(&b->arena, 256u * 1024 * 1024);
    b->t.name = SLICE("sample");
    b->t.stages = arena_array(&b->arena, STAGES_MAX, sizeof *b->t.stages);
    b->t.tasks = arena_array(&b->arena, TASKS_HERE, sizeof *b->t.tasks);
    b->needs = arena_array(&b->arena, TASKS_HERE, sizeof *b->needs);
}

static void add_stage(struct builder *b, const char *name)
{
    b->t.stages[b->t.stage_count++] =
        (struct stage){.name = slice_of(name), .first_task = b->t.task_count};
}

static uint32_t add_task(struct builder *b, const char *name)
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

static void add_need(struct builder *b, uint32_t task, uint32_t need)
{
    for (uint32_t k = 0; k < b->t.tasks[task].needs_count; k++)
        if (b->needs[task][k] == need)
            return;
    b->needs[task][b->t.tasks[task].needs_count++] = need;
}

/* order: confirm; prepare: make, assign, both needed by send; deliver: bring, by a human. */
static void add_pizza(struct builder *b)
{
    add_stage(b, "order");
    add_task(b, "confirm");
    add_stage(b, "prepare");
    uint32_t make = add_task(b, "make"), assign = add_task(b, "assign"), send = add_task(b, "send");
    add_need(b, send, make);
    add_need(b, send, assign);
    add_stage(b, "deliver");
    uint32_t bring = add_task(b, "bring");
    b->t.tasks[bring].kind = TASK_KIND_HUMAN;
    b->t.tasks[bring].queue = SLICE_NONE;
    b->t.tasks[bring].assignee = SLICE("driver");
}

static bool has(struct slice text, const char *part)
{
    return memmem(text.at, text.len, part, strlen(part)) != NULL;
}

static bool is_inside(const struct layout_box *in, const struct layout_box *out)
{
    return in->x >= out->x && in->y >= out->y && in->x + in->width <= out->x + out->width &&
           in->y + in->height <= out->y + out->height;
}

static bool overlap(const struct layout_box *a, const struct layout_box *b)
{
    return a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height &&
           b->y < a->y + a->height;
}

static void check_boxes(const struct builder *b, const struct layout *l)
{
    struct layout_box all = {0, 0, l->width, l->height};
    for (uint32_t s = 0; s < b->t.stage_count; s++) {
        CHECK(is_inside(&l->stages[s], &all));
        CHECK(s == 0 || l->stages[s].x >= l->stages[s - 1].x + l->stages[s - 1].width);
    }
    for (uint32_t i = 0; i < b->t.task_count; i++) {
        CHECK(is_inside(&l->tasks[i], &l->stages[b->t.tasks[i].stage]));
        for (uint32_t k = 0; k < i; k++)
            CHECK(!overlap(&l->tasks[i], &l->tasks[k]));
    }
}

static void check_arrows(const struct layout *l)
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

TEST(boxes_lie_in_lanes_and_never_on_each_other)
{
    struct builder b;
    struct layout l;
    begin(&b);
    add_pizza(&b);
    layout_make(&b.arena, &b.t, &l);
    check_boxes(&b, &l);
    check_arrows(&l);
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
    begin(&b);
    add_stage(&b, "s");
    /* The last of the chain stands first in the template. */
    uint32_t last = add_task(&b, "last"), middle = add_task(&b, "middle");
    uint32_t first = add_task(&b, "first");
    add_need(&b, last, first);
    add_need(&b, last, middle);
    add_need(&b, middle, first);
    layout_make(&b.arena, &b.t, &l);
    check_boxes(&b, &l);
    CHECK(l.tasks[first].x < l.tasks[middle].x && l.tasks[middle].x < l.tasks[last].x);
    arena_drop(&b.arena);
}

TEST(arrows_do_not_cross_where_they_need_not)
{
    struct builder b;
    struct layout l;
    begin(&b);
    add_stage(&b, "s");
    uint32_t a = add_task(&b, "a"), c = add_task(&b, "c");
    uint32_t after_c = add_task(&b, "after_c"), after_a = add_task(&b, "after_a");
    add_need(&b, after_c, c);
    add_need(&b, after_a, a);
    layout_make(&b.arena, &b.t, &l);
    CHECK((l.tasks[a].y < l.tasks[c].y) == (l.tasks[after_a].y < l.tasks[after_c].y));
    CHECK(l.tasks[a].y == l.tasks[after_a].y); /* and they are level */
    arena_drop(&b.arena);
}

TEST(a_task_is_level_with_the_one_it_needs)
{
    struct builder b;
    struct layout l;
    begin(&b);
    add_stage(&b, "s");
    add_task(&b, "alone");
    uint32_t low = add_task(&b, "low"), after = add_task(&b, "after");
    add_need(&b, after, low);
    layout_make(&b.arena, &b.t, &l);
    CHECK(l.tasks[after].y == l.tasks[low].y);
    arena_drop(&b.arena);
}

/* Where an arrow passes a column it runs level, from one of its points to the next. */
TEST(a_long_arrow_passes_beside_the_boxes)
{
    struct builder b;
    struct layout l;
    begin(&b);
    add_stage(&b, "early");
    uint32_t from = add_task(&b, "from");
    add_stage(&b, "nothing");
    add_stage(&b, "late");
    uint32_t one = add_task(&b, "one"), two = add_task(&b, "two"), to = add_task(&b, "to");
    add_need(&b, two, one);
    add_need(&b, to, two);
    add_need(&b, to, from);
    layout_make(&b.arena, &b.t, &l);
    check_boxes(&b, &l);
    check_arrows(&l);
    const struct layout_edge *edge = &l.edges[2];
    CHECK(edge->from == from && edge->to == to && edge->point_count == 1 + 3 * 7);
    for (uint32_t p = 3; p + 3 < edge->point_count; p += 6) {
        const int *q = edge->points + 2 * p;
        struct layout_box way = {q[0], q[1], q[6] - q[0], 1};
        CHECK(q[1] == q[7]);
        for (uint32_t i = 0; i < b.t.task_count; i++)
            CHECK(!overlap(&way, &l.tasks[i]));
    }
    arena_drop(&b.arena);
}

TEST(a_stage_without_tasks_has_its_lane)
{
    struct builder b;
    struct layout l;
    begin(&b);
    add_stage(&b, "only");
    layout_make(&b.arena, &b.t, &l);
    check_boxes(&b, &l);
    CHECK(has(layout_svg(&b.arena, &b.t, NULL), "passes through"));
    CHECK(has(layout_dot(&b.arena, &b.t), "s0 [label=\"no tasks\""));
    CHECK(has(layout_mermaid(&b.arena, &b.t), "e0[\"no tasks\"]"));
    arena_drop(&b.arena);
}

/* A stage of `tasks` with two earlier ones needed by each but the first few. */
static void add_tangle(struct builder *b, uint32_t tasks)
{
    uint32_t first = b->t.task_count;
    for (uint32_t i = 0; i < tasks; i++) {
        uint32_t task = add_task(b, "t");
        for (uint32_t k = 0; i > 9 && k < 2; k++)
            add_need(b, task, first + (i * 7919u + k * 104729u) % i);
    }
}

TEST(five_hundred_tasks_keep_their_distance)
{
    struct builder b;
    struct layout l;
    begin(&b);
    for (int s = 0; s < 5; s++) {
        add_stage(&b, "tangle");
        add_tangle(&b, 100);
    }
    layout_make(&b.arena, &b.t, &l);
    check_boxes(&b, &l);
    check_arrows(&l);
    arena_drop(&b.arena);
}

/* `tasks` tasks that need the first one and are needed by the last. */
static void add_fan(struct builder *b, uint32_t tasks)
{
    uint32_t split = add_task(b, "split"), first = b->t.task_count;
    for (uint32_t i = 0; i < tasks; i++)
        add_need(b, add_task(b, "work"), split);
    uint32_t join = add_task(b, "join");
    for (uint32_t i = 0; i < tasks && i < NEEDS_HERE; i++)
        add_need(b, join, first + i);
}

TEST(a_stage_of_many_tasks_is_broken_into_columns)
{
    struct builder b;
    struct layout l;
    begin(&b);
    add_stage(&b, "many");
    for (int i = 0; i < 40; i++)
        add_task(&b, "alone");
    layout_make(&b.arena, &b.t, &l);
    check_boxes(&b, &l);
    CHECK(l.width < 4 * l.height && l.height < 4 * l.width);
    CHECK(l.tasks[0].x == l.tasks[1].x && l.tasks[0].y < l.tasks[1].y); /* read downwards */
    arena_drop(&b.arena);
}

TEST(a_column_of_few_tasks_is_not_broken)
{
    struct builder b;
    struct layout l;
    begin(&b);
    add_stage(&b, "few");
    for (int i = 0; i < 8; i++)
        add_task(&b, "alone");
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
    begin(&b);
    add_stage(&b, "fan");
    add_fan(&b, 30);
    layout_make(&b.arena, &b.t, &l);
    check_boxes(&b, &l);
    check_arrows(&l);
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
    begin(&b);
    add_stage(&b, "fan");
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
    CHECK(bottom - top <= rows * (l.tasks[0].height + 20));
    arena_drop(&b.arena);
}

TEST(a_long_name_widens_its_own_column)
{
    struct builder b;
    struct layout l;
    begin(&b);
    add_stage(&b, "s");
    uint32_t first = add_task(&b, "a_task_with_a_rather_long_name_indeed");
    uint32_t second = add_task(&b, "short");
    add_need(&b, second, first);
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
        begin(&b);
        for (int s = 0; s < 5; s++) {
            add_stage(&b, "tangle");
            add_tangle(&b, size == 0 ? 100 : 1000);
        }
        layout_make(&b.arena, &b.t, &l);
        steps[size] = l.steps;
        arena_drop(&b.arena);
    }
    CHECK(steps[0] > 500 && steps[0] < 2000000);
    CHECK(steps[1] < 40 * steps[0]);
}

TEST(a_chain_of_the_most_tasks_is_drawn_whole)
{
    struct builder b;
    begin(&b);
    add_stage(&b, "chain");
    for (uint32_t i = 0; i < TASKS_HERE; i++) {
        uint32_t task = add_task(&b, "t");
        if (i > 0)
            add_need(&b, task, i - 1);
        for (uint32_t k = 2; i > 10 && k < 6; k++)
            add_need(&b, task, i / k); /* far more passes than are made */
    }
    struct slice svg = layout_svg(&b.arena, &b.t, NULL);
    CHECK(slice_has_suffix(svg, SLICE("</svg>\n")));
    arena_drop(&b.arena);
}

TEST(the_same_template_gives_the_same_picture)
{
    struct builder a, b;
    begin(&a);
    begin(&b);
    add_stage(&a, "s");
    add_stage(&b, "s");
    add_tangle(&a, 60);
    add_tangle(&b, 60);
    CHECK(slice_eq(layout_svg(&a.arena, &a.t, NULL), layout_svg(&b.arena, &b.t, NULL)));
    CHECK(slice_eq(layout_json(&a.arena, &a.t, NULL), layout_json(&b.arena, &b.t, NULL)));
    arena_drop(&a.arena);
    arena_drop(&b.arena);
}

TEST(paint_shows_statuses_attempts_and_generations)
{
    struct builder b;
    begin(&b);
    add_pizza(&b);
    enum task_status tasks[] = {TASK_COMPLETED, TASK_RETRYING, TASK_RUNNING, TASK_PENDING,
                                TASK_PENDING};
    enum stage_status stages[] = {STAGE_COMPLETED, STAGE_ACTIVE, STAGE_PENDING};
    uint32_t attempts[] = {1, 12, 1, 0, 0}, generations[] = {1, 3, 1, 1, 1};
    struct layout_paint p = {tasks, stages, attempts, generations};
    struct slice svg = layout_svg(&b.arena, &b.t, &p);
    CHECK(has(svg, "data-task=\"make\" data-status=\"RETRYING\""));
    CHECK(has(svg, "data-stage=\"prepare\" data-status=\"ACTIVE\""));
    CHECK(has(svg, ">try 12<") && has(svg, ">gen 3<"));
    CHECK(!has(svg, ">try 1<") && !has(svg, ">gen 1<"));
    CHECK(has(svg, "prefers-color-scheme:dark"));
    struct slice bare = layout_svg(&b.arena, &b.t, NULL);
    CHECK(has(bare, "data-task=\"make\"") && !has(bare, "data-status"));
    arena_drop(&b.arena);
}

TEST(json_has_what_is_painted)
{
    struct builder b;
    begin(&b);
    add_pizza(&b);
    enum task_status tasks[] = {TASK_COMPLETED, TASK_RETRYING, TASK_RUNNING, TASK_PENDING,
                                TASK_PENDING};
    enum stage_status stages[] = {STAGE_COMPLETED, STAGE_ACTIVE, STAGE_PENDING};
    uint32_t attempts[] = {1, 12, 1, 0, 0}, generations[] = {1, 3, 1, 1, 1};
    struct layout_paint p = {tasks, stages, attempts, generations};
    struct slice json = layout_json(&b.arena, &b.t, &p);
    CHECK(has(json, "\"status\":\"RETRYING\",\"generation\":3,\"attempt\":12"));
    CHECK(has(json, "\"name\":\"prepare\",\"status\":\"ACTIVE\""));
    CHECK(!has(layout_json(&b.arena, &b.t, NULL), "\"status\""));
    arena_drop(&b.arena);
}

TEST(paint_may_know_only_the_tasks)
{
    struct builder b;
    begin(&b);
    add_pizza(&b);
    enum task_status tasks[] = {TASK_FAILED, TASK_CANCELLED, TASK_SCHEDULED, TASK_PENDING,
                                TASK_PENDING};
    struct layout_paint p = {.task_status = tasks};
    struct slice svg = layout_svg(&b.arena, &b.t, &p);
    CHECK(has(svg, "data-task=\"confirm\" data-status=\"FAILED\""));
    CHECK(!has(svg, "data-stage=\"order\" data-status"));
    arena_drop(&b.arena);
}

/* A sign of its own for each status: colour never speaks alone. */
TEST(every_status_has_its_own_shape)
{
    struct builder b;
    struct slice seen[TASK_STATUS_COUNT];
    begin(&b);
    add_stage(&b, "s");
    add_task(&b, "t");
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
    begin(&b);
    add_stage(&b, HOSTILE);
    uint32_t i = add_task(&b, HOSTILE);
    b.t.tasks[i].queue = slice_of(HOSTILE);
    b.t.tasks[i].business_status = slice_of(HOSTILE);
    b.t.name = slice_of(HOSTILE);
    struct slice svg = layout_svg(&b.arena, &b.t, NULL);
    CHECK(!has(svg, "<script") && has(svg, "&lt;script&gt;"));
    struct slice dot = layout_dot(&b.arena, &b.t);
    CHECK(has(dot, "alert('\\\"&\\\\#%%')</script> ```\""));
    struct slice mermaid = layout_mermaid(&b.arena, &b.t);
    CHECK(!has(mermaid, "<script") && !has(mermaid, "```") && !has(mermaid, "%%"));
    CHECK(has(mermaid, "#60;/text#62;"));
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
    begin(&b);
    add_stage(&b, "s");
    add_task(&b, name);
    struct slice svg = layout_svg(&b.arena, &b.t, NULL);
    CHECK(slice_is_utf8(svg));
    CHECK(has(svg, "\xE2\x80\xA6</text>"));
    struct text whole = text_new(&b.arena, 1024);
    text_printf(&whole, "<title>%s (queue: work)</title>", name);
    CHECK(has(svg, text_c(&whole)));
    arena_drop(&b.arena);
}

TEST(a_box_is_as_wide_as_its_longest_text_up_to_a_limit)
{
    struct layout narrow, wide, widest;
    struct builder b;
    begin(&b);
    add_stage(&b, "s");
    add_task(&b, "short");
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
    begin(&b);
    add_pizza(&b);
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
    begin(&b);
    add_pizza(&b);
    struct slice dot = layout_dot(&b.arena, &b.t), mermaid = layout_mermaid(&b.arena, &b.t);
    CHECK(has(dot, "subgraph cluster_1 {\n    label=\"prepare\";"));
    CHECK(has(dot, "t1 [label=\"make\\nwork\"]") && has(dot, "t1 -> t3;") && has(dot, "t2 -> t3;"));
    CHECK(has(dot, "t0 -> t1 [style=invis]"));
    CHECK(slice_has_prefix(mermaid, SLICE("flowchart LR\n")));
    CHECK(has(mermaid, "subgraph s2[\"deliver\"]") && has(mermaid, "t4([\"bring<br/>driver\"])"));
    CHECK(has(mermaid, "t1 --> t3") && has(mermaid, "s0 ==> s1"));
    arena_drop(&b.arena);
}
