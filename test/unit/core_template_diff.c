/* What changed between two versions, in the order of the stages. */
#include "core/template.h"

#include "base/arena.h"
#include "core/limits.h"
#include "harness.h"

static struct arena arena;

static struct slice diff(const char *from, const char *to)
{
    struct template_report report;
    struct template *x, *y;
    arena_drop(&arena);
    arena_init(&arena, WORK_BYTES_MAX);
    enum err first = template_parse(&arena, SLICE("x"), slice_of(from), &report, &x);
    enum err second = template_parse(&arena, SLICE("y"), slice_of(to), &report, &y);
    CHECK(first == ERR_NONE && second == ERR_NONE);
    return first == ERR_NONE && second == ERR_NONE ? template_diff(&arena, x, y) : SLICE("");
}

#define HEAD "name: a\nstages:\n"
#define STAGE_S "- {name: s, tasks: [{name: t, queue: q}]}\n"
#define RETRY "{\"max_attempts\":3,\"delay\":\"1s\",\"backoff\":2}"
#define TASK_T                                                                                     \
    "{\"name\":\"t\",\"queue\":\"q\",\"retry\":" RETRY ",\"timeout\":{\"running\":\"1d\"}}"
#define TASK_U                                                                                     \
    "{\"name\":\"u\",\"queue\":\"q\",\"retry\":" RETRY ",\"timeout\":{\"running\":\"1d\"}}"

TEST(the_same_meaning_has_no_difference)
{
    CHECK_TEXT(diff(HEAD STAGE_S, "# other words\n" HEAD STAGE_S), "[]");
}

TEST(fields_of_the_template_are_added_removed_and_changed)
{
    CHECK_TEXT(diff("timeout: 1h\ndescription: x\n" HEAD STAGE_S,
                    "timeout: 2h\nkey: ${ .input.k }\n" HEAD STAGE_S),
               "[{\"path\":\"description\",\"change\":\"removed\",\"from\":\"x\"},"
               "{\"path\":\"timeout\",\"change\":\"changed\",\"from\":\"1h\",\"to\":\"2h\"},"
               "{\"path\":\"key\",\"change\":\"added\",\"to\":\"${ .input.k }\"}]");
}

TEST(a_field_of_a_task_is_told_by_its_path)
{
    CHECK_TEXT(diff(HEAD STAGE_S, HEAD "- {name: s, tasks: [{name: t, queue: r}]}\n"),
               "[{\"path\":\"stages.s.tasks.t.queue\",\"change\":\"changed\",\"from\":\"q\","
               "\"to\":\"r\"}]");
}

TEST(changed_needs_are_told_by_names)
{
    CHECK_TEXT(diff(HEAD "- {name: s, tasks: [{name: t, queue: q}, {name: u, queue: q}]}\n",
                    HEAD "- name: s\n  tasks: [{name: t, queue: q}, {name: u, queue: q, needs: "
                         "[t]}]\n"),
               "[{\"path\":\"stages.s.tasks.u.needs\",\"change\":\"added\",\"to\":[\"t\"]}]");
}

TEST(tasks_come_and_go)
{
    CHECK_TEXT(diff(HEAD STAGE_S, HEAD "- {name: s, tasks: [{name: u, queue: q}]}\n"),
               "[{\"path\":\"stages.s.tasks.t\",\"change\":\"removed\",\"from\":" TASK_T "},"
               "{\"path\":\"stages.s.tasks.u\",\"change\":\"added\",\"to\":" TASK_U "}]");
}

TEST(a_stage_comes_with_its_tasks)
{
    CHECK_TEXT(diff(HEAD STAGE_S, HEAD STAGE_S "- {name: r, tasks: [{name: u, queue: q}]}\n"),
               "[{\"path\":\"stages.r\",\"change\":\"added\",\"to\":{\"name\":\"r\"}},"
               "{\"path\":\"stages.r.tasks.u\",\"change\":\"added\",\"to\":" TASK_U "}]");
}

TEST(a_task_that_moves_is_removed_and_added)
{
    CHECK_TEXT(diff(HEAD STAGE_S "- {name: r}\n",
                    HEAD "- {name: s}\n- {name: r, tasks: [{name: t, queue: q}]}\n"),
               "[{\"path\":\"stages.s.tasks.t\",\"change\":\"removed\",\"from\":" TASK_T "},"
               "{\"path\":\"stages.r.tasks.t\",\"change\":\"added\",\"to\":" TASK_T "}]");
}

TEST(another_order_of_stages_is_a_change)
{
    CHECK_TEXT(
        diff(HEAD "- {name: s}\n- {name: r}\n- {name: gone}\n", HEAD "- {name: r}\n- {name: s}\n"),
        "[{\"path\":\"stages\",\"change\":\"changed\",\"from\":[\"s\",\"r\"],"
        "\"to\":[\"r\",\"s\"]},"
        "{\"path\":\"stages.gone\",\"change\":\"removed\",\"from\":{\"name\":\"gone\"}}]");
}

TEST(another_order_of_tasks_is_a_change)
{
    CHECK_TEXT(diff(HEAD "- {name: s, tasks: [{name: t, queue: q}, {name: u, queue: q}]}\n",
                    HEAD "- {name: s, tasks: [{name: u, queue: q}, {name: t, queue: q}]}\n"),
               "[{\"path\":\"stages.s.tasks\",\"change\":\"changed\",\"from\":[\"t\",\"u\"],"
               "\"to\":[\"u\",\"t\"]}]");
}

TEST(further_fields_of_the_earlier_form_are_compared)
{
    CHECK_TEXT(diff("{\"workflow_name\":\"W\",\"component_name\":\"C\",\"x\":1,\"stages\":[{"
                    "\"stage_name\":\"S\",\"stage_order\":1}]}",
                    "{\"workflow_name\":\"W\",\"component_name\":\"C\",\"x\":2,\"stages\":[{"
                    "\"stage_name\":\"S\",\"stage_order\":2}]}"),
               "[{\"path\":\"extra\",\"change\":\"changed\",\"from\":{\"x\":1},\"to\":{\"x\":2}},"
               "{\"path\":\"stages.S.stage_order\",\"change\":\"changed\",\"from\":1,\"to\":2}]");
}
