/* Templates in the earlier form: they are taken as they are, further fields included, and come out
 * as the same model. Their errors are among the cases of test/data/templates/errors.txt. */
#include "core/template.h"

#include "base/arena.h"
#include "base/json.h"
#include "core/limits.h"
#include "harness.h"

#include <stdio.h>
#include <string.h>

static struct arena arena;
static struct template_report report;

static struct template *parse_bytes(struct slice source)
{
    struct template *t;
    arena_drop(&arena);
    arena_init(&arena, WORK_BYTES_MAX);
    enum err err = template_parse(&arena, SLICE("t"), source, &report, &t);
    CHECK(err == ERR_NONE);
    if (err != ERR_NONE) {
        struct slice told = template_error_text(&arena, &report.errors[0]);
        printf("%.*s\n", SLICE_ARG(told));
    }
    return t;
}

static struct template *parse(const char *source)
{
    return parse_bytes(slice_of(source));
}

/* A template of one human task, with members added to it, its stage and the whole. */
static struct template *parse_with(const char *title, const char *task, const char *stage,
                                   const char *whole)
{
    static char source[2048];
    (void)snprintf(source, sizeof source,
                   "{\"workflow_name\":\"%s\",\"component_name\":\"C\",\"stages\":[{\"stage_name\":"
                   "\"S\",\"stage_order\":1,\"tasks\":[{\"task_name\":\"a b\",\"task_type\":"
                   "\"HUMAN\"%s}]%s}]%s}",
                   title, task, stage, whole);
    return parse(source);
}

TEST(the_documented_earlier_template_is_taken_as_it_is)
{
    static char bytes[4096];
    FILE *f = fopen("test/data/templates/admit-patient.json", "rb");
    CHECK(f != NULL);
    size_t len = f == NULL ? 0 : fread(bytes, 1, sizeof bytes, f);
    if (f != NULL)
        (void)fclose(f);
    struct template *t = parse_bytes((struct slice){bytes, len});
    if (t == NULL)
        return;
    CHECK_INT(report.shown_count, 0);
    CHECK(t->is_earlier);
    CHECK_TEXT(t->name, "admit-patient");
    CHECK_TEXT(t->title, "Admit Patient");
    CHECK_TEXT(t->alias, "CARDIOLOGY");
    CHECK_INT(t->stage_count, 3);
    CHECK_INT(t->stages[0].task_count, 0);
    CHECK_TEXT(t->tasks[0].extra, "{\"sla_minutes\":30}");
    CHECK_TEXT(t->tasks[0].business_status, "INSURED");
    CHECK_INT(t->tasks[0].kind, TASK_KIND_QUEUE);
    CHECK_INT(t->tasks[0].retry.max_attempts, RETRY_ATTEMPTS_DEFAULT);
    CHECK_INT(t->tasks[0].timeout.running_ms, RUNNING_TIMEOUT_MS_DEFAULT);
    CHECK_INT(t->tasks[2].kind, TASK_KIND_HUMAN);
    CHECK_TEXT(t->tasks[2].queue, "nurse_queue");
    CHECK_TEXT(t->tasks[2].assignee, "ward_nurse");
    CHECK_INT(t->tasks[2].timeout.running_ms, 0);
    CHECK_INT(t->tasks[2].needs_count, 1);
    CHECK_INT(t->tasks[2].needs[0], 1);
}

TEST(stages_run_in_stage_order_whatever_the_order_in_the_file)
{
    struct template *t = parse(
        "{\"workflow_name\":\"W\",\"component_name\":\"C\",\"stages\":["
        "{\"stage_name\":\"last\",\"stage_order\":100},{\"stage_name\":\"half\",\"stage_order\":"
        "1.5},{\"stage_name\":\"below\",\"stage_order\":-2},{\"stage_name\":\"one\","
        "\"stage_order\":1.0},{\"stage_name\":\"ten\",\"stage_order\":1e1}]}");
    static const char *const names[] = {"below", "one", "half", "ten", "last"};
    static const char *const orders[] = {"-2", "1", "1.5", "10", "100"};
    for (int k = 0; t != NULL && k < 5; k++) {
        CHECK_TEXT(t->stages[k].name, names[k]);
        CHECK_TEXT(t->stages[k].order, orders[k]);
    }
}

TEST(the_name_is_a_slug_of_the_title)
{
    static const struct {
        const char *title, *name;
    } cases[] = {{"Admit Patient", "admit-patient"},
                 {"  Order -- food!  ", "order-food"},
                 {"2nd Workflow", "workflow-2nd-workflow"},
                 {" 2", "workflow-2"},
                 {"a", "a"},
                 {"Süß", "s"},
                 {"患者", "workflow-"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct template *t = parse_with(cases[k].title, "", "", "");
        if (t != NULL && k + 1 < sizeof cases / sizeof *cases)
            CHECK_TEXT(t->name, cases[k].name);
        else if (t != NULL)
            CHECK(slice_has_prefix(t->name, SLICE("workflow-")) && t->name.len == 17);
    }
}

TEST(a_long_title_gives_a_name_within_its_limit)
{
    char title[EARLIER_NAME_BYTES_MAX + 1];
    for (size_t k = 0; k < EARLIER_NAME_BYTES_MAX; k++)
        title[k] = k % 2 == 0 ? 'a' : ' ';
    title[EARLIER_NAME_BYTES_MAX] = '\0';
    struct template *t = parse_with(title, "", "", "");
    if (t != NULL) {
        CHECK(t->name.len <= NAME_BYTES_MAX);
        CHECK(t->name.at[t->name.len - 1] != '-');
    }
}

TEST(further_fields_are_kept_at_every_level)
{
    struct template *t =
        parse_with("W", ",\"sla_minutes\":30,\"ward\":{\"b\":[1.50,null],\"a\":\"x\"}",
                   ",\"floor\":3", ",\"_id\":{\"$oid\":\"5\"},\"version\":7");
    if (t == NULL)
        return;
    CHECK_TEXT(t->tasks[0].extra, "{\"sla_minutes\":30,\"ward\":{\"b\":[1.50,null],\"a\":\"x\"}}");
    CHECK_TEXT(t->stages[0].extra, "{\"floor\":3}");
    CHECK_TEXT(t->extra, "{\"_id\":{\"$oid\":\"5\"},\"version\":7}");
    CHECK_INT(report.shown_count, 0);
}

TEST(further_fields_are_part_of_the_digest)
{
    uint8_t with[SHA256_BYTES], other[SHA256_BYTES], turned[SHA256_BYTES];
    struct template *t = parse_with("W", ",\"a\":1,\"b\":2", "", "");
    CHECK(t != NULL);
    memcpy(with, t->digest, sizeof with);
    t = parse_with("W", ",\"a\":1,\"b\":3", "", "");
    memcpy(other, t->digest, sizeof other);
    t = parse_with("W", ",\"b\":2,\"a\":1", "", "");
    memcpy(turned, t->digest, sizeof turned);
    CHECK(memcmp(with, other, sizeof with) != 0);
    CHECK(memcmp(with, turned, sizeof with) == 0);
}

TEST(a_name_that_two_stages_have_is_told_apart_by_its_stage)
{
    struct template *t = parse(
        "{\"workflow_name\":\"W\",\"component_name\":\"Süd 2\",\"stages\":["
        "{\"stage_name\":\"Tag 1\",\"stage_order\":1,\"tasks\":[{\"task_name\":\"Visite früh\","
        "\"task_type\":\"HUMAN\"},{\"task_name\":\"x\",\"task_type\":\"HUMAN\"}]},"
        "{\"stage_name\":\"Tag 2\",\"stage_order\":2,\"tasks\":[{\"task_name\":\"Visite früh\","
        "\"task_type\":\"HUMAN\"}]}]}");
    if (t == NULL)
        return;
    CHECK_TEXT(t->alias, "Süd 2");
    CHECK_TEXT(t->tasks[0].id, "Tag 1/Visite früh");
    CHECK_TEXT(t->tasks[1].id, "x");
    CHECK_TEXT(t->tasks[2].id, "Tag 2/Visite früh");
    CHECK_INT(template_find_task(t, -1, SLICE("Tag 2/Visite früh")), 2);
    CHECK_INT(template_find_task(t, 1, SLICE("Visite früh")), 2);
    CHECK_INT(template_find_task(t, -1, SLICE("Visite früh")), -1);
}

TEST(parents_are_found_in_their_own_stage)
{
    struct template *t = parse(
        "{\"workflow_name\":\"W\",\"component_name\":\"C\",\"stages\":["
        "{\"stage_name\":\"A\",\"stage_order\":1,\"tasks\":[{\"task_name\":\"p\",\"task_type\":"
        "\"HUMAN\"},{\"task_name\":\"c\",\"task_type\":\"HUMAN\",\"parent_task\":[\"p\"]}]},"
        "{\"stage_name\":\"B\",\"stage_order\":2,\"tasks\":[{\"task_name\":\"c\",\"task_type\":"
        "\"HUMAN\",\"parent_task\":[\"p\"]},{\"task_name\":\"p\",\"task_type\":\"HUMAN\"}]}]}");
    if (t == NULL)
        return;
    CHECK_INT(t->tasks[1].needs[0], 0);
    CHECK_INT(t->tasks[2].needs[0], 3);
}

TEST(null_is_as_good_as_missing)
{
    struct template *t = parse(
        "{\"workflow_name\":\"W\",\"component_name\":\"C\",\"stages\":[{\"stage_name\":\"A\","
        "\"stage_order\":1,\"tasks\":null},{\"stage_name\":\"B\",\"stage_order\":2,\"tasks\":["
        "{\"task_name\":\"p\",\"task_type\":\"HUMAN\",\"parent_task\":null,\"task_queue\":null,"
        "\"assigned_to\":null,\"business_status\":null}]}]}");
    CHECK(t != NULL && t->task_count == 1 && t->tasks[0].queue.at == NULL);
}

TEST(the_earlier_form_may_be_written_in_yaml)
{
    struct template *t = parse("workflow_name: W\ncomponent_name: C\nstages:\n"
                               "- {stage_name: S, stage_order: 1.0}\n");
    CHECK(t != NULL && t->is_earlier);
}
