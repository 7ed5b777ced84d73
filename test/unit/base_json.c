/* JSON: what is read and refused, what comes back, and the commas of what is written. */
#include "harness.h"

#include "base/arena.h"
#include "base/json.h"

#include <string.h>

static struct arena arena;

static void begin(void)
{
    arena_drop(&arena);
    arena_init(&arena, 64 << 20);
}

static yyjson_val *read_all(struct slice s)
{
    yyjson_val *root;
    begin();
    return json_read(&arena, s, 1 << 24, 32, NULL, &root) == ERR_NONE ? root : NULL;
}

static const char *why_not(struct slice s, unsigned depth_max)
{
    struct json_error why = {0, "it was read"};
    yyjson_val *root;
    begin();
    enum err e = json_read(&arena, s, 1 << 24, depth_max, &why, &root);
    CHECK(e == ERR_NONE || (e == ERR_INVALID && root == NULL && why.offset <= s.len));
    return why.what;
}

TEST(json_members_are_absent_when_missing_or_of_another_type)
{
    yyjson_val *v = read_all(SLICE("{\"t\":\"x\\u0000y\",\"n\":-12,\"b\":true,\"o\":{\"k\":1}}"));
    int64_t n = 0;
    bool b = false;
    CHECK(slice_eq(json_get_text(v, "t"), SLICE("x\0y")));
    CHECK(json_get_int(v, "n", &n) && n == -12);
    CHECK(json_get_bool(v, "b", &b) && b);
    CHECK(json_get_int(json_get(v, "o"), "k", &n) && n == 1);
    CHECK(json_get(v, "none") == NULL && json_get(json_get(v, "none"), "k") == NULL);
    CHECK(json_get_text(v, "n").at == NULL && json_get_text(NULL, "n").at == NULL);
    CHECK(!json_get_int(v, "t", &n) && !json_get_bool(v, "n", &b) && !json_get_int(v, "b", &n));
    arena_drop(&arena);
}

TEST(json_numbers_pass_through_as_they_were_written)
{
    struct slice s = SLICE("[9007199254740993,1.10,-0,1e400,0.1000000000000000055511151231257827,"
                           "123456789012345678901234567890]");
    yyjson_val *v = read_all(s);
    CHECK(slice_eq(json_write(&arena, v), s));
    arena_drop(&arena);
}

static bool is_int(const char *text, int64_t should)
{
    int64_t n = 0;
    return json_int(read_all(slice_of(text)), &n) && n == should;
}

TEST(json_int_takes_whole_numbers_within_64_bits_only)
{
    int64_t n = 77;
    CHECK(is_int("9223372036854775807", INT64_MAX));
    CHECK(is_int("-9223372036854775808", INT64_MIN));
    CHECK(is_int("0", 0));
    CHECK(!json_int(read_all(SLICE("9223372036854775808")), &n));
    CHECK(!json_int(read_all(SLICE("1.0")), &n));
    CHECK(!json_int(read_all(SLICE("1e3")), &n));
    CHECK(!json_int(read_all(SLICE("\"1\"")), &n));
    CHECK(!json_int(NULL, &n));
    CHECK_INT(n, 77);
    yyjson_doc *plain = yyjson_read("[18446744073709551615,-3,4]", 27, 0);
    yyjson_val *list = yyjson_doc_get_root(plain);
    CHECK(!json_int(yyjson_arr_get(list, 0), &n));
    CHECK(json_int(yyjson_arr_get(list, 1), &n) && n == -3);
    CHECK(json_int(yyjson_arr_get(list, 2), &n) && n == 4);
    yyjson_doc_free(plain);
    arena_drop(&arena);
}

TEST(json_refuses_what_the_standard_does)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "{",
                                      "[1,]",
                                      "{\"a\":1,}",
                                      "01",
                                      "+1",
                                      ".5",
                                      "1.",
                                      "NaN",
                                      "'a'",
                                      "{a:1}",
                                      "[1] 2",
                                      "\"a\nb\"",
                                      "\"\\x\"",
                                      "nul",
                                      "\"",
                                      "[1}",
                                      "\"\\ud800\"",
                                      "-",
                                      "// c\n1",
                                      "\xef\xbb\xbf{}",
                                      "\"\\udc00\\ud800\"",
                                      "\"\\"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        CHECK(read_all(slice_of(bad[k])) == NULL);
    CHECK(read_all(SLICE_NONE) == NULL && read_all(SLICE("1\0")) == NULL);
    CHECK(read_all(SLICE("null")) != NULL && read_all(SLICE(" [ ] ")) != NULL);
    arena_drop(&arena);
}

TEST(json_refuses_what_is_not_utf8)
{
    CHECK(read_all(SLICE("\"\xc3\xa9\"")) != NULL);
    CHECK(read_all(SLICE("\"\xff\"")) == NULL);
    CHECK(read_all(SLICE("\"\xed\xa0\x80\"")) == NULL);
    CHECK(read_all(SLICE("\"\xc0\xaf\"")) == NULL);
    CHECK(read_all(SLICE("{\"\xf5\":1}")) == NULL);
    arena_drop(&arena);
}

TEST(json_depth_is_bounded_and_brackets_in_strings_do_not_count)
{
    CHECK_TEXT(slice_of(why_not(SLICE("[[1]]"), 2)), "it was read");
    CHECK_TEXT(slice_of(why_not(SLICE("[[[]]]"), 2)), "it is nested too deeply");
    CHECK_TEXT(slice_of(why_not(SLICE("{\"a\":{\"b\":{}}}"), 2)), "it is nested too deeply");
    CHECK_TEXT(slice_of(why_not(SLICE("[[],[],[]]"), 2)), "it was read");
    CHECK_TEXT(slice_of(why_not(SLICE("[\"[[[[\\\"[[[[\\\\\"]"), 1)), "it was read");
    CHECK_TEXT(slice_of(why_not(SLICE("1"), 0)), "it was read");
    static char deep[1000000];
    memset(deep, '[', sizeof deep);
    struct slice s = {deep, sizeof deep};
    CHECK_TEXT(slice_of(why_not(s, 64)), "it is nested too deeply");
    arena_drop(&arena);
}

TEST(json_refuses_duplicate_members_at_any_level)
{
    const char *duplicate = "an object has two members of the same name";
    CHECK_TEXT(slice_of(why_not(SLICE("{\"a\":1,\"b\":2,\"a\":3}"), 9)), duplicate);
    CHECK_TEXT(slice_of(why_not(SLICE("[{\"x\":[{\"a\":1,\"\\u0061\":2}]}]"), 9)), duplicate);
    CHECK_TEXT(slice_of(why_not(SLICE("{\"\":1,\"\":2}"), 9)), duplicate);
    CHECK_TEXT(slice_of(why_not(SLICE("{\"a\":{\"a\":1},\"b\":{\"a\":1}}"), 9)), "it was read");
    CHECK_TEXT(slice_of(why_not(SLICE("[1,1,\"a\",\"a\"]"), 9)), "it was read");
}

/* An object of `count` members m0 to m<count - 1>; the last may be called like the first. */
static struct slice wide_object(struct arena *a, int count, bool has_twin)
{
    struct text t = text_new(a, 1 << 24);
    for (int k = 0; k < count; k++)
        text_printf(&t, "%c\"m%d\":%d", k == 0 ? '{' : ',', has_twin && k == count - 1 ? 0 : k, k);
    text_put_char(&t, '}');
    return text_slice(&t);
}

TEST(json_finds_a_duplicate_in_an_object_of_any_size)
{
    static const int counts[] = {2, 8, 9, 10, 100, 200000};
    struct arena mine;
    arena_init(&mine, 64 << 20);
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
        CHECK(read_all(wide_object(&mine, counts[k], false)) != NULL);
        CHECK(read_all(wide_object(&mine, counts[k], true)) == NULL);
        arena_reset(&mine);
    }
    arena_drop(&mine);
    arena_drop(&arena);
}

TEST(json_has_a_maximum_length_and_points_at_the_fault)
{
    struct json_error why = {0, NULL};
    yyjson_val *root;
    begin();
    CHECK(json_read(&arena, SLICE("[1]"), 3, 9, NULL, &root) == ERR_NONE);
    CHECK(json_read(&arena, SLICE("[1] "), 3, 9, NULL, &root) == ERR_TOO_LARGE && root == NULL);
    CHECK(json_read(&arena, SLICE("[1,x]"), 9, 9, &why, &root) == ERR_INVALID);
    CHECK_INT(why.offset, 3);
    CHECK(why.what != NULL);
    CHECK(json_read(&arena, SLICE("[[["), 9, 2, &why, &root) == ERR_INVALID);
    CHECK_INT(why.offset, 2);
    arena_drop(&arena);
}

/* True when reading jumped to the edge. */
static bool is_short(struct arena *a, struct slice s)
{
    jmp_buf edge;
    yyjson_val *root;
    a->edge = &edge;
    if (setjmp(edge) != 0)
        return true;
    CHECK(json_read(a, s, 1 << 20, 9, NULL, &root) == ERR_NONE);
    (void)json_write(a, root);
    a->edge = NULL;
    return false;
}

TEST(json_shortage_of_memory_jumps_to_the_edge_and_leaves_nothing)
{
    struct arena small, mine;
    arena_init(&mine, 1 << 20);
    struct slice s = wide_object(&mine, 500, false);
    size_t enough = 0;
    for (size_t bytes_max = 64; enough == 0; bytes_max += 512) {
        arena_init(&small, bytes_max);
        if (!is_short(&small, s))
            enough = bytes_max;
        arena_drop(&small);
    }
    CHECK(enough > 4096 && enough < 1 << 18);
    arena_drop(&mine);
}

TEST(json_write_is_compact_and_gives_texts_back)
{
    struct slice s =
        SLICE(" { \"a\" : [ 1 , true , null , \"\\u0000\\n\\u00e9/\" ] , \"b\" : { } } ");
    yyjson_val *v = read_all(s);
    CHECK_TEXT(json_write(&arena, v), "{\"a\":[1,true,null,\"\\u0000\\né/\"],\"b\":{}}");
    CHECK_TEXT(json_write(&arena, json_get(v, "b")), "{}");
    CHECK_TEXT(json_write(&arena, read_all(SLICE("12.50"))), "12.50");
    CHECK(json_write(&arena, NULL).at == NULL);
    arena_drop(&arena);
}

TEST(json_out_knows_where_commas_belong)
{
    begin();
    struct json_out o = json_out_new(&arena, 10000);
    json_object(&o);
    json_put_text(&o, "t", "a\"b");
    json_put_number(&o, "n", INT64_MIN);
    json_key(&o, "list");
    json_array(&o);
    json_array(&o);
    json_array_end(&o);
    json_number(&o, 1);
    json_object(&o);
    json_object_end(&o);
    json_boolean(&o, false);
    json_null(&o);
    json_array_end(&o);
    json_put_boolean(&o, "b", true);
    json_put_string(&o, "none", SLICE_NONE);
    json_put_text(&o, "null", NULL);
    json_put_raw(&o, "raw", SLICE("[1, 2]"));
    json_put_raw(&o, "no_raw", SLICE_NONE);
    json_put_time(&o, "at", 1);
    json_put_time(&o, "never", 0);
    json_object_end(&o);
    CHECK_TEXT(json_out_slice(&o),
               "{\"t\":\"a\\\"b\",\"n\":-9223372036854775808,\"list\":[[],1,{},false,null],"
               "\"b\":true,\"none\":null,\"null\":null,\"raw\":[1, 2],\"no_raw\":null,"
               "\"at\":\"1970-01-01T00:00:00.001Z\",\"never\":null}");
    arena_drop(&arena);
}

TEST(json_out_begins_each_level_without_a_comma)
{
    begin();
    struct json_out o = json_out_new(&arena, 10000);
    json_array(&o);
    for (int k = 0; k < 2; k++) {
        json_object(&o);
        json_put_number(&o, "a", k);
        json_put_number(&o, "b", k);
        json_object_end(&o);
    }
    json_array_end(&o);
    CHECK_TEXT(json_out_slice(&o), "[{\"a\":0,\"b\":0},{\"a\":1,\"b\":1}]");
    arena_drop(&arena);
}

TEST(json_out_nests_sixty_four_levels)
{
    begin();
    struct json_out o = json_out_new(&arena, 10000);
    for (int k = 0; k < 64; k++) {
        json_array(&o);
        json_number(&o, k);
    }
    json_number(&o, 64);
    for (int k = 0; k < 64; k++) {
        json_array_end(&o);
        if (k < 63)
            json_number(&o, k);
    }
    struct slice s = json_out_slice(&o);
    yyjson_val *v;
    CHECK(json_read(&arena, s, 10000, 64, NULL, &v) == ERR_NONE);
    CHECK_INT(yyjson_arr_size(v), 3);
    CHECK(slice_eq(json_write(&arena, v), s));
    arena_drop(&arena);
}
