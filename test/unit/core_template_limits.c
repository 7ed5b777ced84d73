/* The limits of templates: each is a clear error at its place, and nothing that a file may hold
 * costs more than they allow, in memory, in time or in leaks. */
#include "core/template.h"

#include "base/arena.h"
#include "core/limits.h"
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static struct template_report report;

static struct template *parse_bytes(struct slice source)
{
    struct template *t;
    arena_drop(&arena);
    arena_init(&arena, WORK_BYTES_MAX);
    enum err err = template_parse(&arena, SLICE("t"), source, &report, &t);
    CHECK((err == ERR_NONE) == (t != NULL));
    return t;
}

static struct slice first_error(void)
{
    return report.shown_count == 0 ? SLICE("") : template_error_text(&arena, &report.errors[0]);
}

static char *big;
static size_t big_len;

static void put(const char *s)
{
    size_t len = strlen(s);
    if (big == NULL)
        big = malloc(4u << 20);
    CHECK(big != NULL && big_len + len < 4u << 20);
    memcpy(big + big_len, s, len);
    big_len += len;
}

static struct template *parse_big(void)
{
    struct template *t = parse_bytes((struct slice){big, big_len});
    big_len = 0;
    free(big);
    big = NULL;
    return t;
}

TEST(aliases_are_counted_as_often_as_they_are_used)
{
    char line[64];
    put("name: a\nstages: [{name: s}]\noutput:\n  - &x0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
    for (int k = 1; k < 10; k++) {
        (void)snprintf(line, sizeof line, "  - &x%d [", k);
        put(line);
        for (int n = 0; n < 10; n++) {
            (void)snprintf(line, sizeof line, "*x%d%s", k - 1, n == 9 ? "]\n" : ", ");
            put(line);
        }
    }
    CHECK(parse_big() == NULL);
    CHECK_TEXT(first_error(), "t:8:45: the file has more than 100000 values, aliases counted as "
                              "often as they are used");
    CHECK_INT(report.error_count, 1);
}

TEST(long_texts_are_counted_as_often_as_they_are_used)
{
    put("name: a\nstages: [{name: s}]\noutput:\n  - &x ");
    for (int k = 0; k < 1000; k++)
        put("0123456789012345678901234567890123456789012345678901234567890123456789"
            "012345678901234567890123456789");
    put("\n");
    for (int k = 0; k < 100; k++)
        put("  - *x\n");
    CHECK(parse_big() == NULL);
    CHECK_INT(report.error_count, 1);
    CHECK_INT(report.errors[0].line, 24);
}

TEST(depth_is_bounded_in_both_languages)
{
    static const char *const heads[] = {"name: a\nstages: [{name: s}]\noutput: ",
                                        "{\"name\":\"a\",\"stages\":[],\"output\":"};
    for (int json = 0; json < 2; json++)
        for (int extra = 0; extra < 2; extra++) {
            put(heads[json]);
            for (int k = 0; k < TEMPLATE_DEPTH_MAX - 1 + extra; k++)
                put("[");
            for (int k = 0; k < TEMPLATE_DEPTH_MAX - 1 + extra; k++)
                put("]");
            put(json ? "}" : "\n");
            parse_big();
            bool is_told = memmem(first_error().at, first_error().len, "nested", 6) != NULL;
            CHECK(is_told == (extra == 1));
        }
    put("name: a\noutput: ");
    for (int k = 0; k < 100000; k++)
        put("[");
    CHECK(parse_big() == NULL);
    put("{\"a\":");
    for (int k = 0; k < 100000; k++)
        put("[");
    CHECK(parse_big() == NULL);
}

TEST(an_alias_may_not_reach_too_deep)
{
    put("name: a\nstages: [{name: s}]\noutput:\n  - &x ");
    for (int k = 0; k < 40; k++)
        put("[");
    for (int k = 0; k < 40; k++)
        put("]");
    put("\n  - ");
    for (int k = 0; k < 40; k++)
        put("[");
    put("*x");
    for (int k = 0; k < 40; k++)
        put("]");
    put("\n");
    CHECK(parse_big() == NULL);
    CHECK_TEXT(first_error(), "t:5:45: nested more than 64 levels deep");
}

TEST(anchors_are_bounded)
{
    char line[32];
    put("name: a\nstages: [{name: s}]\noutput:\n");
    for (int k = 0; k < TEMPLATE_ANCHORS_MAX + 1; k++) {
        (void)snprintf(line, sizeof line, "  - &a%d 1\n", k);
        put(line);
    }
    CHECK(parse_big() == NULL);
    CHECK_TEXT(first_error(), "t:1004:12: the file has more than 1000 anchors");
}

TEST(a_file_too_large_is_refused)
{
    while (big_len <= TEMPLATE_BYTES_MAX)
        put("# a comment of some length that fills the file with nothing of any use\n");
    CHECK(parse_big() == NULL);
    CHECK(memmem(first_error().at, first_error().len, "1048576 are the most", 20) != NULL);
}

TEST(stages_tasks_and_needs_are_bounded)
{
    char line[64];
    put("name: a\nstages:\n");
    for (int k = 0; k < STAGES_MAX + 1; k++) {
        (void)snprintf(line, sizeof line, "- {name: s%d}\n", k);
        put(line);
    }
    CHECK(parse_big() == NULL);
    put("name: a\nstages:\n- name: s\n  tasks:\n");
    for (int k = 0; k < TASKS_MAX + 1; k++) {
        (void)snprintf(line, sizeof line, "  - {name: t%d, queue: q}\n", k);
        put(line);
    }
    CHECK(parse_big() == NULL);
    put("name: a\nstages:\n- name: s\n  tasks:\n");
    for (int k = 0; k < NEEDS_MAX + 1; k++) {
        (void)snprintf(line, sizeof line, "  - {name: t%d, queue: q}\n", k);
        put(line);
    }
    put("  - name: all\n    queue: q\n    needs: [");
    for (int k = 0; k < NEEDS_MAX + 1; k++) {
        (void)snprintf(line, sizeof line, "%st%d", k > 0 ? ", " : "", k);
        put(line);
    }
    put("]\n");
    CHECK(parse_big() == NULL);
    CHECK_TEXT(first_error(), "t:208:12: the task needs 201 others; 200 are the most");
}

TEST(the_largest_template_is_taken)
{
    char line[96];
    put("name: a\nstages:\n- name: s\n  tasks:\n  - {name: t0, queue: q}\n");
    for (int k = 1; k < TASKS_MAX; k++) {
        (void)snprintf(line, sizeof line,
                       "  - {name: t%d, queue: q, needs: [t%d], input: "
                       "\"${ .tasks.t0.output }\"}\n",
                       k, k - 1);
        put(line);
    }
    struct template *t = parse_big();
    CHECK(t != NULL);
    CHECK_TEXT(first_error(), "");
    if (t != NULL)
        CHECK_INT(template_find_task(t, -1, SLICE("t4999")), 4999);
}

TEST(a_long_circle_is_found_and_cut)
{
    char line[64];
    put("name: a\nstages:\n- name: s\n  tasks:\n");
    for (int k = 0; k < TASKS_MAX; k++) {
        (void)snprintf(line, sizeof line, "  - {name: t%d, queue: q, needs: [t%d]}\n", k,
                       (k + 1) % TASKS_MAX);
        put(line);
    }
    CHECK(parse_big() == NULL);
    CHECK_TEXT(first_error(), "t:5004:36: the needs go round in a circle: t0 -> t1 -> t2 -> t3 -> "
                              "t4 -> t5 -> t6 -> t7 -> t8 -> t9 -> t10 -> t11 -> … -> t0");
}

TEST(keys_that_are_there_twice_do_no_harm)
{
    put("name: a\nstages: [{name: s, tasks: [{name: a, queue: q}], tasks: [{name: b, queue: "
        "q}]}]\nstages: [{name: s}, {name: t, tasks: [], tasks: [{name: c, queue: q}]}]\n");
    CHECK(parse_big() == NULL);
    CHECK_INT(report.error_count, 3);
}

/* Whether the memory was enough. The sanitizer watches that nothing leaks when it is not. */
static bool fits(const char *source, size_t bytes_max)
{
    struct arena a;
    struct template_report r;
    struct template *t;
    jmp_buf edge;
    volatile bool is_done = false;
    arena_init(&a, bytes_max);
    a.edge = &edge;
    if (setjmp(edge) == 0) {
        CHECK(template_parse(&a, SLICE("t"), slice_of(source), &r, &t) == ERR_NONE);
        is_done = true;
    }
    CHECK(a.edge == &edge);
    arena_drop(&a);
    return is_done;
}

TEST(short_memory_gives_the_work_up_and_leaks_nothing)
{
    static const char source[] =
        "name: a\ninput: {type: object, properties: {x: {type: [string, number]}}}\n"
        "stages:\n- name: s\n  tasks:\n  - &t {name: t, queue: q, input: [\"${ .input.x }\"]}\n"
        "output: {a: *t, b: 0x10}\n";
    unsigned long n = 0;
    bool is_done = false;
    for (; !is_done && n < 1000; n++) {
        arena_fail_after(n + 1);
        is_done = fits(source, WORK_BYTES_MAX);
        arena_fail_after(0);
    }
    CHECK(is_done && n > 4);
}

/* The jump comes from every allocation, those between two events of the YAML reader too. */
TEST(an_arena_of_any_size_leaks_nothing)
{
    bool is_done = false;
    for (size_t bytes = 0; !is_done && bytes < 200000; bytes += 16)
        is_done = fits("name: &n a\nstages: [{name: s, tasks: [{name: t, queue: q}]}]\n", bytes);
    CHECK(is_done);
}

TEST(texts_of_many_pieces_leak_nothing)
{
    put("name: a\nstages: [{name: s}]\noutput:\n  a: '");
    for (int k = 0; k < 1000; k++)
        put("''");
    put("'\n  b: |\n");
    for (int k = 0; k < 1000; k++)
        put("    line\n");
    char *source = strndup(big, big_len);
    CHECK(parse_big() != NULL);
    for (size_t bytes = 10000; bytes < 60000; bytes += 1000)
        (void)fits(source, bytes);
    free(source);
}
