/* Borrowed bytes, and the table of errors. */
#include "harness.h"

#include "base/arena.h"
#include "base/err.h"

#include <string.h>

TEST(slice_equality_and_order_are_bytewise)
{
    CHECK(slice_eq(SLICE("a\0b"), (struct slice){"a\0b", 3}));
    CHECK(!slice_eq(SLICE("a\0b"), SLICE("a\0c")));
    CHECK(slice_eq(SLICE_NONE, SLICE("")));
    CHECK(slice_eq_text(SLICE("abc"), "abc") && !slice_eq_text(SLICE("abc"), "ab"));
    CHECK(slice_compare(SLICE("a"), SLICE("ab")) < 0);
    CHECK(slice_compare(SLICE("b"), SLICE("ab")) > 0);
    CHECK(slice_compare(SLICE("\xff"), SLICE("a")) > 0);
    CHECK_INT(slice_compare(SLICE("x"), SLICE("x")), 0);
    CHECK_INT(slice_compare(SLICE_NONE, SLICE("")), 0);
    CHECK(slice_of(NULL).at == NULL && slice_of("").at != NULL);
}

TEST(slice_prefix_and_suffix)
{
    CHECK(slice_has_prefix(SLICE("abc"), SLICE("ab")));
    CHECK(!slice_has_prefix(SLICE("ab"), SLICE("abc")));
    CHECK(slice_has_suffix(SLICE("abc"), SLICE("bc")));
    CHECK(!slice_has_suffix(SLICE("abc"), SLICE("ab")));
    CHECK(slice_has_suffix(SLICE_NONE, SLICE("")) && slice_has_prefix(SLICE_NONE, SLICE("")));
    CHECK(slice_has_suffix(SLICE("abc"), SLICE("abc")));
}

TEST(slice_cut_tells_an_empty_tail_from_none)
{
    struct slice head, tail;
    slice_cut(SLICE("a=b=c"), '=', &head, &tail);
    CHECK_TEXT(head, "a");
    CHECK_TEXT(tail, "b=c");
    slice_cut(SLICE("a="), '=', &head, &tail);
    CHECK_TEXT(head, "a");
    CHECK_TEXT(tail, "");
    slice_cut(SLICE("a"), '=', &head, &tail);
    CHECK_TEXT(head, "a");
    CHECK(tail.at == NULL);
    slice_cut(SLICE_NONE, '=', &head, &tail);
    CHECK(head.at == NULL && tail.at == NULL);
}

TEST(slice_trim_takes_white_space_from_both_ends_only)
{
    CHECK_TEXT(slice_trim(SLICE(" \t\r\n a b \n")), "a b");
    CHECK_TEXT(slice_trim(SLICE("  ")), "");
    CHECK_INT(slice_trim(SLICE_NONE).len, 0);
}

TEST(slice_copies_live_in_the_arena)
{
    struct arena a;
    char original[] = "word";
    arena_init(&a, 1000);
    struct slice copy = slice_copy(&a, slice_of(original));
    char *text = slice_text(&a, (struct slice){original, 3});
    original[0] = 'X';
    CHECK_TEXT(copy, "word");
    CHECK(strcmp(text, "wor") == 0);
    CHECK(slice_copy(&a, SLICE_NONE).at == NULL);
    CHECK_TEXT(slice_copy(&a, SLICE("")), "");
    CHECK(slice_text(&a, SLICE_NONE)[0] == '\0');
    arena_drop(&a);
}

TEST(slice_to_int_is_strict_decimal_within_64_bits)
{
    static const char *const bad[] = {"",    "-",
                                      "+1",  " 1",
                                      "1 ",  "1.0",
                                      "0x1", "1e3",
                                      "--1", "9223372036854775808",
                                      "1-",  "-9223372036854775809"};
    int64_t n = 7;
    CHECK(slice_to_int(SLICE("9223372036854775807"), &n) && n == INT64_MAX);
    CHECK(slice_to_int(SLICE("-9223372036854775808"), &n) && n == INT64_MIN);
    CHECK(slice_to_int(SLICE("0"), &n) && n == 0);
    CHECK(slice_to_int(SLICE("-17"), &n) && n == -17);
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        CHECK(!slice_to_int(slice_of(bad[k]), &n));
    CHECK(!slice_to_int(SLICE_NONE, &n));
    CHECK(!slice_to_int(SLICE("1\0"), &n));
    CHECK_INT(n, -17);
}

TEST(slice_is_utf8_takes_the_standard_and_nothing_more)
{
    static const char *const good[] = {"",
                                       "plain",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xe2\x82",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80",
                                      "\xff",
                                      "a\xe2\x82z"};
    for (size_t k = 0; k < sizeof good / sizeof *good; k++)
        CHECK(slice_is_utf8(slice_of(good[k])));
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        CHECK(!slice_is_utf8(slice_of(bad[k])));
    CHECK(slice_is_utf8(SLICE("a\0b")) && slice_is_utf8(SLICE_NONE));
}

TEST(slice_hash_is_fnv_1a)
{
    CHECK(slice_hash(SLICE("")) == 0xcbf29ce484222325U);
    CHECK(slice_hash(SLICE("a")) == 0xaf63dc4c8601ec8cU);
    CHECK(slice_hash(SLICE("foobar")) == 0x85944171f73967e8U);
}

TEST(slice_distance_counts_edits_up_to_a_limit)
{
    CHECK_INT(slice_distance(SLICE("kitten"), SLICE("sitting"), 9), 3);
    CHECK_INT(slice_distance(SLICE("same"), SLICE("same"), 2), 0);
    CHECK_INT(slice_distance(SLICE(""), SLICE("abc"), 9), 3);
    CHECK_INT(slice_distance(SLICE("abc"), SLICE_NONE, 9), 3);
    CHECK_INT(slice_distance(SLICE("abc"), SLICE("xyz"), 1), 2);
    char wide[100];
    memset(wide, 'a', sizeof wide);
    struct slice w = {wide, sizeof wide};
    CHECK_INT(slice_distance(w, w, 2), 0);
    CHECK_INT(slice_distance(w, SLICE("a"), 2), 3);
}

TEST(every_error_has_a_name_of_its_own_a_text_and_a_status)
{
    for (int e = 0; e < ERR_COUNT; e++) {
        CHECK(err_text((enum err)e)[0] != '\0');
        CHECK(err_http((enum err)e) >= 200 && err_http((enum err)e) < 600);
        for (int other = 0; other < e; other++)
            CHECK(strcmp(err_name((enum err)e), err_name((enum err)other)) != 0);
    }
    CHECK_INT(err_http(ERR_NONE), 200);
    CHECK_TEXT(slice_of(err_name(ERR_UNKNOWN_TASK)), "unknown_task");
    CHECK(err_is_retryable(ERR_OVERLOAD) && !err_is_retryable(ERR_INVALID));
}
