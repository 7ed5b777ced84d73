/* Expressions: paths as jq reads them (test/data/templates/paths.txt), texts put together, values
 * that pass untouched, and the limits of one evaluation. */
#include "core/expr.h"

#include "base/arena.h"
#include "base/json.h"
#include "core/limits.h"
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static struct slice why;
static size_t asked;

static struct slice output_of(const void *context, struct slice task)
{
    asked++;
    if (slice_eq_text(task, "none"))
        return SLICE_NONE;
    CHECK(slice_eq_text(task, "t") || slice_eq_text(task, "make-food"));
    return slice_of(context);
}

static enum err eval_bytes(struct slice json, struct slice input, const char *output,
                           struct slice *result)
{
    const struct expr *e;
    struct expr_scope scope = {input, output_of, output};
    arena_drop(&arena);
    arena_init(&arena, WORK_BYTES_MAX);
    asked = 0;
    *result = SLICE_NONE;
    enum err err = expr_compile(&arena, json, &e, &why);
    return err != ERR_NONE ? err : expr_eval(&arena, e, &scope, result, &why);
}

/* The result, or what went wrong. */
static struct slice eval(const char *json, const char *input)
{
    struct slice result;
    enum err err = eval_bytes(slice_of(json), slice_of(input), "{\"x\":[1,{\"y\":2}]}", &result);
    CHECK((err == ERR_NONE) == (result.at != NULL));
    return err == ERR_NONE ? result : why;
}

/* --- paths --- */

static bool take_column(struct slice *line, struct slice *column)
{
    const char *end = memmem(line->at, line->len, " | ", 3);
    if (end == NULL)
        return false;
    size_t len = (size_t)(end - line->at);
    *column = (struct slice){line->at, len};
    *line = (struct slice){end + 3, line->len - len - 3};
    return true;
}

static void check_path(struct slice line)
{
    struct slice all = line, path = SLICE_NONE, input = SLICE_NONE, result;
    char text[256];
    CHECK(take_column(&line, &path) && take_column(&line, &input));
    (void)snprintf(text, sizeof text, "${%.*s}", SLICE_ARG(path));
    struct arena a;
    arena_init(&a, 1 << 20);
    struct text quoted = text_new(&a, 1024);
    text_put_json(&quoted, slice_of(text));
    enum err err = eval_bytes(text_slice(&quoted), input, "", &result);
    bool is_good = slice_eq_text(line, "error") ? err == ERR_INVALID && why.len > 0
                                                : err == ERR_NONE && slice_eq(result, line);
    if (!is_good)
        printf("%.*s: %.*s\n", SLICE_ARG(all), SLICE_ARG(err == ERR_NONE ? result : why));
    CHECK(is_good);
    arena_drop(&a);
}

TEST(paths_give_what_jq_gives)
{
    char line[256];
    int cases = 0;
    FILE *f = fopen("test/data/templates/paths.txt", "rb");
    CHECK(f != NULL);
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        size_t len = strcspn(line, "\n");
        if (len == 0 || line[0] == '#')
            continue;
        check_path((struct slice){line, len});
        cases++;
    }
    if (f != NULL)
        (void)fclose(f);
    CHECK(cases >= 45);
}

TEST(a_path_may_start_from_the_output_of_a_task)
{
    CHECK_TEXT(eval("\"${ .tasks.t.output }\"", "{}"), "{\"x\":[1,{\"y\":2}]}");
    CHECK_TEXT(eval("\"${ .tasks.t.output.x[1].y }\"", "{}"), "2");
    CHECK_TEXT(eval("\"${ .tasks[\\\"make-food\\\"].output.x[0] }\"", "{}"), "1");
    CHECK_TEXT(eval("\"${ .tasks.none.output.x.y }\"", "{}"), "null");
}

TEST(an_output_is_asked_for_once_and_only_when_a_path_names_it)
{
    CHECK_TEXT(eval("[\"${ .tasks.t.output.x[0] }\", \"${ .tasks.t.output.x[1].y }\"]", "{}"),
               "[1,2]");
    CHECK_INT(asked, 1);
    CHECK_TEXT(eval("[\"${ .input.a }\"]", "{\"a\":1}"), "[1]");
    CHECK_INT(asked, 0);
}

TEST(without_an_input_every_path_is_null)
{
    struct slice result;
    CHECK(eval_bytes(SLICE("[\"${ .input }\",\"${ .input.a[0] }\"]"), SLICE_NONE, "", &result) ==
          ERR_NONE);
    CHECK_TEXT(result, "[null,null]");
}

TEST(an_error_names_the_path_and_the_type_in_its_way)
{
    CHECK_TEXT(eval("\"${ .input.a.b }\"", "{\"a\":[1]}"),
               "\".input.a.b\": \"b\" can't be taken from an array");
    CHECK_TEXT(eval("[1,\"x ${ .input[0] }\"]", "{}"),
               "\".input[0]\": [0] can't be taken from an object");
}

/* --- texts --- */

TEST(a_text_that_is_one_expression_becomes_the_value)
{
    CHECK_TEXT(eval("\"${ .input.a }\"", "{\"a\":[1,2]}"), "[1,2]");
    CHECK_TEXT(eval("\"${.input.a}\"", "{\"a\":true}"), "true");
    CHECK_TEXT(eval("{\"k\":\"${ .input.a }\"}", "{}"), "{\"k\":null}");
}

TEST(inside_a_longer_text_the_value_is_written_out)
{
    CHECK_TEXT(eval("\"<${ .input.s }>\"", "{\"s\":\"a\\\"b\\né\"}"), "\"<a\\\"b\\né>\"");
    CHECK_TEXT(eval("\"n=${ .input.n }\"", "{\"n\":1.50}"), "\"n=1.50\"");
    CHECK_TEXT(eval("\"${ .input.o } \"", "{\"o\":{\"a\":[1,\"x\"]}}"),
               "\"{\\\"a\\\":[1,\\\"x\\\"]} \"");
    CHECK_TEXT(eval("\" ${ .input.none }\"", "{}"), "\" \"");
    CHECK_TEXT(eval("\"${ .input.a }${ .input.b }\"", "{\"a\":true,\"b\":null}"), "\"true\"");
    CHECK_TEXT(eval("\"${ .input.a }-${ .input.a }\"", "{\"a\":\"x\"}"), "\"x-x\"");
}

TEST(a_brace_in_a_quoted_name_ends_nothing)
{
    CHECK_TEXT(eval("\"${ .input[\\\"}\\\"] }!\"", "{\"}\":1}"), "\"1!\"");
}

TEST(two_dollars_stand_for_one_and_no_expression)
{
    CHECK_TEXT(eval("\"$${ .input }\"", "{}"), "\"${ .input }\"");
    CHECK_TEXT(eval("\"$$${ .input }\"", "{}"), "\"$${ .input }\"");
    CHECK_TEXT(eval("\"cost: 5$ {x} $x $\"", "{}"), "\"cost: 5$ {x} $x $\"");
    CHECK_TEXT(eval("{\"$${a}\":1}", "{}"), "{\"${a}\":1}");
}

TEST(what_holds_no_expression_stays_as_it_is)
{
    CHECK_TEXT(eval("{\"b\":[1.0,\"x\",null,true,{}],\"a\":[]}", "{}"),
               "{\"b\":[1.0,\"x\",null,true,{}],\"a\":[]}");
    CHECK_TEXT(eval("\"\"", "{}"), "\"\"");
}

TEST(numbers_pass_untouched)
{
    CHECK_TEXT(eval("[\"${ .input }\", 12345678901234567890123]", "9007199254740993"),
               "[9007199254740993,12345678901234567890123]");
    CHECK_TEXT(eval("\"${ .input }\"", "0.10000000000000000001"), "0.10000000000000000001");
    CHECK_TEXT(eval("\"${ .input }\"", "1E400"), "1E400");
}

/* --- what paths are used --- */

struct seen {
    int inputs, tasks;
    struct slice last;
};

static void see(void *context, struct slice root, struct slice task)
{
    struct seen *s = context;
    s->inputs += slice_eq_text(root, "input");
    s->tasks += slice_eq_text(root, "tasks");
    s->last = task;
}

TEST(each_root_is_told_once)
{
    const struct expr *e;
    struct seen s = {0, 0, SLICE_NONE};
    arena_drop(&arena);
    arena_init(&arena, WORK_BYTES_MAX);
    CHECK(expr_compile(&arena,
                       SLICE("[\"${ .input.a }${ .input.b }\",\"${ .tasks.t.output }\","
                             "\"${ .tasks.t.output.x }\",\"${ .tasks.u.output }\"]"),
                       &e, &why) == ERR_NONE);
    expr_each_path(e, see, &s);
    CHECK_INT(s.inputs, 1);
    CHECK_INT(s.tasks, 2);
    CHECK_TEXT(s.last, "u");
}

/* --- limits --- */

/* `count` times `part` between `head` and `tail`; the caller frees. */
static char *repeat(const char *head, const char *part, size_t count, const char *tail)
{
    size_t len = strlen(part);
    char *all = malloc(strlen(head) + len * count + strlen(tail) + 1);
    char *at = stpncpy(all, head, strlen(head) + 1);
    for (size_t k = 0; k < count; k++)
        at = mempcpy(at, part, len);
    memcpy(at, tail, strlen(tail) + 1);
    return all;
}

TEST(a_result_is_bounded_in_bytes)
{
    char *input = repeat("{\"a\":\"", "x", 100000, "\"}");
    struct slice result;
    CHECK(eval_bytes(SLICE("[\"${ .input.a }\",\"${ .input.a }\"]"), slice_of(input), "",
                     &result) == ERR_NONE);
    CHECK(eval_bytes(SLICE("[\"${ .input.a }\",\"${ .input.a }\",\"${ .input.a }\"]"),
                     slice_of(input), "", &result) == ERR_TOO_LARGE);
    CHECK_TEXT(why, "the result has more than 262144 bytes");
    CHECK(eval_bytes(SLICE("\"${ .input.a }${ .input.a }${ .input.a }\""), slice_of(input), "",
                     &result) == ERR_TOO_LARGE);
    free(input);
}

TEST(a_result_is_bounded_in_depth)
{
    char *deep = repeat("", "[", JSON_DEPTH_MAX - 1, "");
    char *input = repeat(deep, "]", JSON_DEPTH_MAX - 1, "");
    struct slice result;
    CHECK(eval_bytes(SLICE("[\"${ .input }\"]"), slice_of(input), "", &result) == ERR_NONE);
    CHECK(eval_bytes(SLICE("[[\"${ .input }\"]]"), slice_of(input), "", &result) == ERR_INVALID);
    CHECK_TEXT(why, "\".input\": the result would be nested too deeply");
    free(deep);
    free(input);
}

TEST(an_evaluation_is_bounded_in_steps)
{
    char number[16];
    arena_drop(&arena);
    arena_init(&arena, WORK_BYTES_MAX);
    struct text t = text_new(&arena, PAYLOAD_BYTES_MAX);
    for (int k = 0; k < 20000; k++) {
        (void)snprintf(number, sizeof number, "%c\"k%d\":0", k == 0 ? '{' : ',', k);
        text_put_c(&t, number);
    }
    text_put_char(&t, '}');
    char *input = strndup(text_slice(&t).at, text_slice(&t).len);
    char *json = repeat("[0", ",\"${ .input.k1 }\"", 1000, "]");
    struct slice result;
    CHECK(eval_bytes(slice_of(json), slice_of(input), "", &result) == ERR_INVALID);
    CHECK_TEXT(why, "the expression takes more than 100000 steps");
    free(json);
    json = repeat("[0", ",\"${ .input.k1 }\"", 100, "]");
    CHECK(eval_bytes(slice_of(json), slice_of(input), "", &result) == ERR_NONE);
    free(json);
    free(input);
}

TEST(a_path_is_bounded_in_parts)
{
    char *json = repeat("\"${ .input", ".a", 255, " }\"");
    CHECK_TEXT(eval(json, "{}"), "null");
    free(json);
    json = repeat("\"${ .input", ".a", 256, " }\"");
    struct slice told = eval(json, "{}");
    CHECK(memmem(told.at, told.len, "256 parts", 9) != NULL);
    free(json);
}
