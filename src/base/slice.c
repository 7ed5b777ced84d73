/* Borrowed bytes: comparing, cutting, reading numbers. Copies go into an arena. */
#include "base/slice.h"

#include "base/arena.h"

#include <string.h>

struct slice slice_of(const char *text)
{
    return (struct slice){text, text == NULL ? 0 : strlen(text)};
}

bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool slice_eq_text(struct slice a, const char *b)
{
    return slice_eq(a, slice_of(b));
}

int slice_compare(struct slice a, struct slice b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter == 0 ? 0 : memcmp(a.at, b.at, shorter);
    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

bool slice_has_prefix(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && slice_eq((struct slice){s.at, prefix.len}, prefix);
}

bool slice_has_suffix(struct slice s, struct slice suffix)
{
    if (s.len < suffix.len)
        return false;
    if (suffix.len == 0)
        return true;
    return slice_eq((struct slice){s.at + (s.len - suffix.len), suffix.len}, suffix);
}

void slice_cut(struct slice s, char sep, struct slice *head, struct slice *tail)
{
    const char *found = s.len == 0 ? NULL : memchr(s.at, sep, s.len);
    if (found == NULL) {
        *head = s;
        *tail = SLICE_NONE;
        return;
    }
    size_t before = (size_t)(found - s.at);
    *head = (struct slice){s.at, before};
    *tail = (struct slice){found + 1, s.len - before - 1};
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s)
{
    while (s.len > 0 && is_space(s.at[0])) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.at[s.len - 1]))
        s.len--;
    return s;
}

struct slice slice_copy(struct arena *a, struct slice s)
{
    if (s.at == NULL)
        return SLICE_NONE;
    return (struct slice){slice_text(a, s), s.len};
}

char *slice_text(struct arena *a, struct slice s)
{
    char *copy = arena_alloc(a, s.len + 1);
    if (s.len > 0)
        memcpy(copy, s.at, s.len);
    return copy;
}

bool slice_to_int(struct slice s, int64_t *out)
{
    bool is_negative = s.len > 0 && s.at[0] == '-';
    size_t k = is_negative ? 1 : 0;
    int64_t n = 0;
    if (k == s.len)
        return false;
    for (; k < s.len; k++) {
        if (s.at[k] < '0' || s.at[k] > '9')
            return false;
        /* Counted downwards: the smallest number has no positive twin. */
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_sub_overflow(n, s.at[k] - '0', &n))
            return false;
    }
    if (!is_negative && n == INT64_MIN)
        return false;
    *out = is_negative ? n : -n;
    return true;
}

/* The length of the UTF-8 sequence at s[k], 0 when there is none (RFC 3629: no surrogates, nothing
 * overlong, nothing beyond U+10FFFF). */
static size_t sequence_len(const unsigned char *s, size_t left)
{
    unsigned char c = s[0], low = 0x80, high = 0xbf;
    size_t len = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
    if (len <= 1 || len > left)
        return len == 1 ? 1 : 0;
    if (c == 0xe0)
        low = 0xa0;
    else if (c == 0xed)
        high = 0x9f;
    else if (c == 0xf0)
        low = 0x90;
    else if (c == 0xf4)
        high = 0x8f;
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t k = 2; k < len; k++)
        if ((s[k] & 0xc0) != 0x80)
            return 0;
    return len;
}

bool slice_is_utf8(struct slice s)
{
    for (size_t k = 0; k < s.len;) {
        size_t len = sequence_len((const unsigned char *)s.at + k, s.len - k);
        if (len == 0)
            return false;
        k += len;
    }
    return true;
}

uint64_t slice_hash(struct slice s)
{
    uint64_t hash = 0xcbf29ce484222325U;
    for (size_t k = 0; k < s.len; k++)
        hash = (hash ^ (unsigned char)s.at[k]) * 0x100000001b3U;
    return hash;
}

#define DISTANCE_WORD_MAX 64

unsigned slice_distance(struct slice a, struct slice b, unsigned limit)
{
    unsigned row[DISTANCE_WORD_MAX + 1];
    if (a.len > DISTANCE_WORD_MAX || b.len > DISTANCE_WORD_MAX)
        return slice_eq(a, b) ? 0 : limit + 1;
    for (unsigned k = 0; k <= b.len; k++)
        row[k] = k;
    for (size_t i = 0; i < a.len; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i + 1;
        for (size_t j = 0; j < b.len; j++) {
            unsigned best = diagonal + (a.at[i] != b.at[j]);
            diagonal = row[j + 1];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j + 1] = diagonal + 1 < best ? diagonal + 1 : best;
        }
    }
    return row[b.len] > limit ? limit + 1 : row[b.len];
}
