/* The subset of JSON Schema: each keyword accepts what it should, refuses the rest in words that
 * name the place, and no keyword is taken that is not checked. */
#include "core/schema.h"

#include "base/arena.h"
#include "core/limits.h"
#include "harness.h"

#include <stdio.h>
#include <string.h>

static struct arena arena;
static struct slice why, where;

static const struct schema *compile(const char *json)
{
    const struct schema *s;
    arena_drop(&arena);
    arena_init(&arena, WORK_BYTES_MAX);
    enum err err = schema_compile(&arena, slice_of(json), &s, &why, &where);
    CHECK((err == ERR_NONE) == (s != NULL));
    return s;
}

/* "" when the value fits, else what is told. */
static struct slice check(const char *schema, const char *value)
{
    const struct schema *s = compile(schema);
    CHECK(s != NULL);
    if (s == NULL || schema_check(&arena, s, slice_of(value), &why) == ERR_NONE)
        return SLICE("");
    CHECK(why.len > 0);
    return why;
}

static bool fits(const char *schema, const char *value)
{
    return check(schema, value).len == 0;
}

TEST(each_type_takes_its_own_values_and_no_others)
{
    static const char *const types[] = {"null",   "boolean", "integer", "number",
                                        "string", "array",   "object"};
    static const char *const values[] = {"null", "true", "7", "1.5", "\"x\"", "[]", "{}"};
    char schema[64];
    for (size_t t = 0; t < 7; t++)
        for (size_t v = 0; v < 7; v++) {
            (void)snprintf(schema, sizeof schema, "{\"type\":\"%s\"}", types[t]);
            bool is_number = t == 3 && v == 2; /* an integer is a number */
            CHECK(fits(schema, values[v]) == (t == v || is_number));
        }
    CHECK(fits("{}", "[1]"));
    CHECK(fits("{\"type\":[\"string\",\"null\"]}", "null"));
    CHECK_TEXT(check("{\"type\":[\"string\",\"null\"]}", "1"),
               "the value must be null or string, but is number");
}

TEST(whole_numbers_are_integers_however_they_are_written)
{
    CHECK(fits("{\"type\":\"integer\"}", "1.0"));
    CHECK(fits("{\"type\":\"integer\"}", "2e3"));
    CHECK(fits("{\"type\":\"integer\"}", "123456789012345678901234567890"));
    CHECK(!fits("{\"type\":\"integer\"}", "1.5"));
    CHECK(!fits("{\"type\":\"integer\"}", "1e-1"));
}

TEST(required_and_closed_objects)
{
    static const char schema[] = "{\"required\":[\"b\",\"a\"],\"properties\":{\"a\":{\"type\":"
                                 "\"string\"},\"c\":{}},\"additionalProperties\":false}";
    CHECK_TEXT(check(schema, "{\"a\":\"x\"}"), "b is missing");
    CHECK_TEXT(check(schema, "{\"a\":1}"), "a must be string, but is number");
    CHECK_TEXT(check(schema, "{\"a\":\"x\",\"d\":1}"), "d is not one of the properties");
    CHECK_TEXT(check(schema, "{\"a\":\"x\",\"b\":1}"), "b is not one of the properties");
    CHECK(fits("{\"required\":[\"a\"]}", "{\"a\":null,\"z\":1}"));
    CHECK(fits("{\"required\":[\"a\"]}", "[]"));
    CHECK(fits("{\"properties\":{\"a\":{\"type\":\"null\"}},\"additionalProperties\":true}",
               "{\"b\":1}"));
}

TEST(a_place_is_told_by_names_and_indexes)
{
    CHECK_TEXT(check("{\"properties\":{\"items\":{\"items\":{\"properties\":{\"count\":{"
                     "\"minimum\":1}}}}}}",
                     "{\"items\":[{\"count\":1},{},{\"count\":0}]}"),
               "items[2].count must be at least 1");
    CHECK_TEXT(check("{\"items\":{\"type\":\"string\"}}", "[\"a\",1]"),
               "[1] must be string, but is number");
}

TEST(ranges_hold_at_both_ends)
{
    static const struct {
        const char *schema, *good, *bad, *told;
    } cases[] = {
        {"{\"minimum\":1}", "1", "0.99", "the value must be at least 1"},
        {"{\"maximum\":1.5}", "1.5", "2", "the value must be at most 1.5"},
        {"{\"minimum\":9007199254740993}", "9007199254740993", "9007199254740992",
         "the value must be at least 9007199254740993"},
        {"{\"minimum\":-2}", "-2", "-3", "the value must be at least -2"},
        {"{\"minLength\":2}", "\"éé\"", "\"é\"", "the value must have at least 2 characters"},
        {"{\"maxLength\":2}", "\"éé\"", "\"abc\"", "the value must have at most 2 characters"},
        {"{\"minItems\":1}", "[1]", "[]", "the value must have at least 1 items"},
        {"{\"maxItems\":1}", "[1]", "[1,2]", "the value must have at most 1 items"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        CHECK(fits(cases[k].schema, cases[k].good));
        CHECK_TEXT(check(cases[k].schema, cases[k].bad), cases[k].told);
    }
    CHECK(fits("{\"minimum\":1,\"minLength\":9,\"minItems\":9}", "5"));
    CHECK(fits("{\"minimum\":9}", "\"x\""));
}

TEST(enum_and_const_compare_values)
{
    CHECK(fits("{\"enum\":[\"a\",1,null]}", "1.0"));
    CHECK_TEXT(check("{\"enum\":[\"a\",1]}", "\"b\""), "the value must be one of [\"a\",1]");
    CHECK(fits("{\"const\":{\"a\":[1,{\"b\":null}],\"c\":true}}",
               "{\"c\":true,\"a\":[1e0,{\"b\":null}]}"));
    CHECK_TEXT(check("{\"const\":{\"a\":1}}", "{\"a\":1,\"b\":2}"), "the value must be {\"a\":1}");
    CHECK(!fits("{\"const\":{\"a\":1}}", "{\"b\":1}"));
    CHECK(!fits("{\"const\":[1,2]}", "[2,1]"));
    CHECK(!fits("{\"const\":true}", "false"));
    CHECK(!fits("{\"const\":null}", "0"));
    CHECK(!fits("{\"enum\":[\"1\"]}", "1"));
}

TEST(an_absent_value_is_null)
{
    const struct schema *s = compile("{\"type\":\"object\"}");
    CHECK(schema_check(&arena, s, SLICE_NONE, &why) == ERR_INVALID);
    CHECK_TEXT(why, "the value must be object, but is null");
    s = compile("{}");
    CHECK(schema_check(&arena, s, SLICE_NONE, &why) == ERR_NONE);
}

TEST(what_is_no_json_fits_nothing)
{
    CHECK_TEXT(check("{}", "{"), "the value is not JSON within the limits");
}

TEST(annotations_are_kept_for_forms)
{
    const struct schema *s = compile(
        "{ \"title\": \"T\", \"description\": \"d\", \"default\": 1.50, \"examples\": [1] }");
    CHECK(s != NULL);
    CHECK_TEXT(schema_source(s),
               "{\"title\":\"T\",\"description\":\"d\",\"default\":1.50,\"examples\":[1]}");
}

TEST(what_is_no_schema_is_refused_with_its_place)
{
    static const struct {
        const char *schema, *where;
    } cases[] = {
        {"true", ""},
        {"[]", ""},
        {"{\"type\":\"text\"}", "type"},
        {"{\"type\":[]}", "type"},
        {"{\"type\":[\"string\",1]}", "type"},
        {"{\"required\":\"a\"}", "required"},
        {"{\"required\":[1]}", "required"},
        {"{\"properties\":[]}", "properties"},
        {"{\"properties\":{\"a\":1}}", "properties.a"},
        {"{\"properties\":{\"a\":{\"items\":{\"type\":\"x\"}}}}", "properties.a.items.type"},
        {"{\"additionalProperties\":{}}", "additionalProperties"},
        {"{\"items\":[]}", "items"},
        {"{\"enum\":[]}", "enum"},
        {"{\"enum\":1}", "enum"},
        {"{\"minimum\":\"1\"}", "minimum"},
        {"{\"maximum\":null}", "maximum"},
        {"{\"minLength\":-1}", "minLength"},
        {"{\"maxLength\":1.5}", "maxLength"},
        {"{\"minItems\":\"1\"}", "minItems"},
        {"{\"maxItems\":[]}", "maxItems"},
        {"{\"title\":1}", "title"},
        {"{\"description\":1}", "description"},
        {"{\"examples\":1}", "examples"},
        {"{\"pattern\":\"x\"}", "pattern"},
        {"{\"$ref\":\"x\"}", "$ref"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        CHECK(compile(cases[k].schema) == NULL);
        CHECK(why.len > 0);
        CHECK_TEXT(where, cases[k].where);
    }
    compile("{\"minlength\":1}");
    CHECK_TEXT(why, "the schema keyword \"minlength\" is not one of those taken; did you mean "
                    "\"minLength\"?");
}

TEST(a_schema_is_bounded_in_depth)
{
    for (int extra = 0; extra < 2; extra++) {
        char text[1024];
        size_t len = 0;
        for (int k = 1; k < SCHEMA_DEPTH_MAX + extra; k++)
            len += (size_t)snprintf(text + len, sizeof text - len, "{\"items\":");
        len += (size_t)snprintf(text + len, sizeof text - len, "{}");
        for (int k = 1; k < SCHEMA_DEPTH_MAX + extra; k++)
            len += (size_t)snprintf(text + len, sizeof text - len, "}");
        CHECK((compile(text) == NULL) == (extra == 1));
    }
    CHECK_TEXT(why, "the schema is nested too deeply");
}

static void count_told(void *context, struct slice told_why, struct slice told_where)
{
    int *count = context;
    CHECK(told_why.len > 0 && told_where.len > 0);
    ++*count;
}

TEST(all_errors_of_a_schema_are_told)
{
    int count = 0;
    arena_drop(&arena);
    arena_init(&arena, WORK_BYTES_MAX);
    CHECK(schema_compile_all(&arena,
                             SLICE("{\"type\":\"x\",\"properties\":{\"a\":{\"minimum\":\"1\"},"
                                   "\"b\":{\"foo\":1}}}"),
                             count_told, &count) == NULL);
    CHECK_INT(count, 3);
}
