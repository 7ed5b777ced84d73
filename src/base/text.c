/* Texts that grow in an arena up to a stated maximum. */
#include "base/text.h"

#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FIRST_BYTES 64
#define PRINTF_BYTES 512
#define REPLACEMENT SLICE("\xef\xbf\xbd")

struct text text_new(struct arena *a, size_t bytes_max)
{
    return (struct text){.arena = a, .bytes_max = bytes_max};
}

/* Room for `bytes` more and a NUL. False: it would be beyond the maximum. */
static bool make_room(struct text *t, size_t bytes)
{
    if (bytes > t->bytes_max - t->len) {
        t->is_cut = true;
        return false;
    }
    if (t->len + bytes < t->cap)
        return true;
    size_t cap = t->cap == 0 ? FIRST_BYTES : t->cap * 2;
    if (cap <= t->len + bytes)
        cap = t->len + bytes + 1;
    char *grown = arena_alloc(t->arena, cap);
    if (t->len > 0)
        memcpy(grown, t->at, t->len);
    t->at = grown;
    t->cap = cap;
    return true;
}

void text_put(struct text *t, struct slice s)
{
    if (s.len == 0)
        return;
    size_t len = s.len;
    if (len > t->bytes_max - t->len) {
        len = t->bytes_max - t->len;
        t->is_cut = true;
    }
    if (len == 0 || !make_room(t, len))
        return;
    memcpy(t->at + t->len, s.at, len);
    t->len += len;
}

void text_put_c(struct text *t, const char *s)
{
    text_put(t, slice_of(s));
}

void text_put_char(struct text *t, char c)
{
    if (make_room(t, 1))
        t->at[t->len++] = c;
}

void text_put_int(struct text *t, int64_t n)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (n < 0)
        digits[--at] = '-';
    text_put(t, (struct slice){digits + at, sizeof digits - at});
}

void text_printf(struct text *t, const char *format, ...)
{
    char line[PRINTF_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (len < 0)
        return;
    if ((size_t)len < sizeof line) {
        text_put(t, (struct slice){line, (size_t)len});
        return;
    }
    if (!make_room(t, (size_t)len))
        return;
    va_start(arguments, format);
    (void)vsnprintf(t->at + t->len, (size_t)len + 1, format, arguments);
    va_end(arguments);
    t->len += (size_t)len;
}

static void put_json_escape(struct text *t, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    const char *named = c == '"'    ? "\\\""
                        : c == '\\' ? "\\\\"
                        : c == '\n' ? "\\n"
                        : c == '\r' ? "\\r"
                        : c == '\t' ? "\\t"
                                    : NULL;
    if (named != NULL) {
        text_put_c(t, named);
        return;
    }
    char code[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    text_put(t, (struct slice){code, sizeof code});
}

/* Bytes that JSON takes as they are: not a control, not a quote, not a backslash, ASCII. */
static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* The length of the well-formed UTF-8 sequence at s[k], 0 when it is not one. */
static size_t utf8_len(struct slice s, size_t k)
{
    for (size_t len = 2; len <= 4 && k + len <= s.len; len++)
        if (slice_is_utf8((struct slice){s.at + k, len}))
            return len;
    return 0;
}

static size_t put_wide(struct text *t, struct slice s, size_t k)
{
    size_t len = utf8_len(s, k);
    text_put(t, len > 0 ? (struct slice){s.at + k, len} : REPLACEMENT);
    return len > 0 ? len : 1;
}

void text_put_json(struct text *t, struct slice s)
{
    text_put_char(t, '"');
    for (size_t k = 0; k < s.len;) {
        size_t run = k;
        while (run < s.len && is_plain((unsigned char)s.at[run]))
            run++;
        text_put(t, (struct slice){s.at + k, run - k});
        k = run;
        if (k == s.len)
            break;
        if ((unsigned char)s.at[k] < 0x80)
            put_json_escape(t, (unsigned char)s.at[k++]);
        else
            k += put_wide(t, s, k);
    }
    text_put_char(t, '"');
}

static const char *xml_escape(unsigned char c)
{
    switch (c) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\r':
        return "&#xD;";
    default:
        return c < 0x20 && c != '\t' && c != '\n' ? "\xef\xbf\xbd" : NULL;
    }
}

/* U+FFFE and U+FFFF are UTF-8 but no XML characters. */
static bool is_xml_wide(struct slice s, size_t k)
{
    struct slice here = {s.at + k, s.len - k};
    return !slice_has_prefix(here, SLICE("\xef\xbf\xbe")) &&
           !slice_has_prefix(here, SLICE("\xef\xbf\xbf"));
}

void text_put_xml(struct text *t, struct slice s)
{
    for (size_t k = 0; k < s.len;) {
        unsigned char c = (unsigned char)s.at[k];
        const char *escaped = xml_escape(c);
        if (escaped != NULL) {
            text_put_c(t, escaped);
            k++;
        } else if (c < 0x80) {
            text_put_char(t, (char)c);
            k++;
        } else if (is_xml_wide(s, k)) {
            k += put_wide(t, s, k);
        } else {
            text_put(t, REPLACEMENT);
            k += 3;
        }
    }
}

struct slice text_slice(const struct text *t)
{
    return (struct slice){t->len == 0 ? "" : t->at, t->len};
}

char *text_c(struct text *t)
{
    if (t->len == t->cap) {
        char *grown = arena_alloc(t->arena, t->len + 1);
        if (t->len > 0)
            memcpy(grown, t->at, t->len);
        t->at = grown;
        t->cap = t->len + 1;
    }
    t->at[t->len] = '\0';
    return t->at;
}
