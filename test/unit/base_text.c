/* Texts that grow: their maximum, and escaping for JSON and XML. */
#include "harness.h"

#include "base/arena.h"
#include "base/text.h"

#include <string.h>

static struct arena arena;

static struct text made(size_t bytes_max)
{
    arena_drop(&arena);
    arena_init(&arena, 1 << 20);
    return text_new(&arena, bytes_max);
}

TEST(text_grows_and_keeps_all_that_was_put)
{
    struct text t = made(100000);
    CHECK_TEXT(text_slice(&t), "");
    for (int k = 0; k < 1000; k++)
        text_put_c(&t, "0123456789");
    CHECK_INT(t.len, 10000);
    CHECK(!t.is_cut);
    for (size_t k = 0; k < t.len; k++)
        CHECK(t.at[k] == (char)('0' + k % 10));
    CHECK_INT(strlen(text_c(&t)), 10000);
    CHECK_INT(t.len, 10000);
    arena_drop(&arena);
}

TEST(text_stops_at_its_maximum_and_says_so)
{
    struct text t = made(5);
    text_put_c(&t, "12345");
    CHECK(!t.is_cut);
    text_put(&t, SLICE(""));
    CHECK(!t.is_cut);
    text_put_char(&t, '6');
    CHECK(t.is_cut);
    CHECK_TEXT(text_slice(&t), "12345");
    CHECK(strcmp(text_c(&t), "12345") == 0);
    t = made(5);
    text_put_c(&t, "1234567");
    CHECK(t.is_cut);
    CHECK_TEXT(text_slice(&t), "12345");
    t = made(0);
    text_put_char(&t, 'x');
    CHECK(t.is_cut);
    CHECK(text_c(&t)[0] == '\0');
    arena_drop(&arena);
}

TEST(text_writes_numbers_and_formats_of_any_length)
{
    struct text t = made(10000);
    text_put_int(&t, INT64_MIN);
    text_put_char(&t, ' ');
    text_put_int(&t, 0);
    text_put_char(&t, ' ');
    text_put_int(&t, INT64_MAX);
    CHECK_TEXT(text_slice(&t), "-9223372036854775808 0 9223372036854775807");
    t = made(10000);
    text_printf(&t, "%s-%d", "a", 7);
    CHECK_TEXT(text_slice(&t), "a-7");
    text_printf(&t, "%2000d", 5);
    CHECK_INT(t.len, 2003);
    CHECK(t.at[2002] == '5' && !t.is_cut);
    t = made(1000);
    text_printf(&t, "%2000d", 5);
    CHECK(t.is_cut);
    CHECK_INT(t.len, 0);
    arena_drop(&arena);
}

static struct slice json_of(struct slice s)
{
    struct text t = made(1000);
    text_put_json(&t, s);
    return text_slice(&t);
}

TEST(text_for_json_escapes_what_it_must_and_nothing_else)
{
    CHECK_TEXT(json_of(SLICE("")), "\"\"");
    CHECK_TEXT(json_of(SLICE("a\"b\\c/d")), "\"a\\\"b\\\\c/d\"");
    CHECK_TEXT(json_of(SLICE("\n\r\t")), "\"\\n\\r\\t\"");
    CHECK_TEXT(json_of(SLICE("a\0b\x01\x1f")), "\"a\\u0000b\\u0001\\u001f\"");
    CHECK_TEXT(json_of(SLICE("\x7f é € 😀")), "\"\x7f é € 😀\"");
    arena_drop(&arena);
}

TEST(text_for_json_replaces_each_byte_that_is_not_utf8)
{
    CHECK_TEXT(json_of(SLICE("a\xff z")), "\"a\xef\xbf\xbd z\"");
    CHECK_TEXT(json_of(SLICE("\xc0\x80")), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    CHECK_TEXT(json_of(SLICE("\xe2\x82")), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    CHECK_TEXT(json_of(SLICE("\xe2\x82\xac\xe2")), "\"€\xef\xbf\xbd\"");
    CHECK_TEXT(json_of(SLICE("\xed\xa0\x80")), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    arena_drop(&arena);
}

static struct slice xml_of(struct slice s)
{
    struct text t = made(1000);
    text_put_xml(&t, s);
    return text_slice(&t);
}

TEST(text_for_xml_escapes_markup_and_what_xml_forbids)
{
    CHECK_TEXT(xml_of(SLICE("<a b=\"c\">&'")), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;");
    CHECK_TEXT(xml_of(SLICE("\t\n\r")), "\t\n&#xD;");
    CHECK_TEXT(xml_of(SLICE("\0\x1f")), "\xef\xbf\xbd\xef\xbf\xbd");
    CHECK_TEXT(xml_of(SLICE("é😀")), "é😀");
    CHECK_TEXT(xml_of(SLICE("\xef\xbf\xbe|\xef\xbf\xbf")), "\xef\xbf\xbd|\xef\xbf\xbd");
    CHECK_TEXT(xml_of(SLICE("\xef\xbf\xc3\xa9")), "\xef\xbf\xbd\xef\xbf\xbdé");
    arena_drop(&arena);
}
