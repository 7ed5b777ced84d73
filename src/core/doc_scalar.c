/* What a plain YAML scalar means by the core schema of YAML 1.2: `no` is a text, 0o17 is 15, 007 is
 * 7. Numbers leave here as JSON spells them; digits are not touched beyond that. */
#include "core/doc_int.h"

#include "base/arena.h"

#include <string.h>

static bool is_one_of(struct slice s, const char *const *words)
{
    for (; *words != NULL; words++)
        if (slice_eq_text(s, *words))
            return true;
    return false;
}

static size_t count_digits(struct slice s, size_t from)
{
    size_t k = from;
    while (k < s.len && s.at[k] >= '0' && s.at[k] <= '9')
        k++;
    return k - from;
}

/* The parts of a decimal number. */
struct decimal {
    bool is_negative, has_point, has_exponent;
    struct slice whole, fraction, exponent; /* exponent with its sign */
};

static bool split_exponent(struct slice s, size_t k, struct decimal *d)
{
    if (k == s.len)
        return true;
    if (s.at[k] != 'e' && s.at[k] != 'E')
        return false;
    d->has_exponent = true;
    size_t from = ++k;
    if (k < s.len && (s.at[k] == '+' || s.at[k] == '-'))
        k++;
    d->exponent = (struct slice){s.at + from, s.len - from};
    size_t digits = count_digits(s, k);
    return digits > 0 && k + digits == s.len;
}

static bool split_decimal(struct slice s, struct decimal *d)
{
    size_t k = 0;
    *d = (struct decimal){0};
    if (s.len > 0 && (s.at[0] == '-' || s.at[0] == '+'))
        d->is_negative = s.at[k++] == '-';
    d->whole = (struct slice){s.at + k, count_digits(s, k)};
    k += d->whole.len;
    if (k < s.len && s.at[k] == '.') {
        d->has_point = true;
        k++;
        d->fraction = (struct slice){s.at + k, count_digits(s, k)};
        k += d->fraction.len;
    }
    if (d->whole.len + d->fraction.len == 0)
        return false;
    return split_exponent(s, k, d);
}

static struct slice spell_decimal(struct arena *a, struct slice plain, const struct decimal *d)
{
    struct text t = text_new(a, plain.len + 8);
    struct slice whole = d->whole;
    while (whole.len > 1 && whole.at[0] == '0')
        whole = (struct slice){whole.at + 1, whole.len - 1};
    if (d->is_negative)
        text_put_char(&t, '-');
    text_put(&t, whole.len > 0 ? whole : SLICE("0"));
    if (d->has_point) {
        text_put_char(&t, '.');
        text_put(&t, d->fraction.len > 0 ? d->fraction : SLICE("0"));
    }
    if (d->has_exponent) {
        text_put_char(&t, 'e');
        text_put(&t, d->exponent);
    }
    return text_slice(&t);
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : 99;
}

/* 0x1F and 0o17. *fits is false beyond 64 bits. */
static bool read_based(struct slice s, uint64_t *n, bool *fits)
{
    int base = slice_has_prefix(s, SLICE("0x")) ? 16 : slice_has_prefix(s, SLICE("0o")) ? 8 : 0;
    *n = 0;
    *fits = true;
    if (base == 0 || s.len == 2)
        return false;
    for (size_t k = 2; k < s.len; k++) {
        int digit = digit_of(s.at[k]);
        if (digit >= base)
            return false;
        if (__builtin_mul_overflow(*n, (uint64_t)base, n) ||
            __builtin_add_overflow(*n, (uint64_t)digit, n))
            *fits = false;
    }
    return true;
}

static bool is_special(struct slice s)
{
    static const char *const words[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL};
    if (s.len > 0 && (s.at[0] == '-' || s.at[0] == '+'))
        s = (struct slice){s.at + 1, s.len - 1};
    return is_one_of(s, words);
}

static struct slice spell_unsigned(struct arena *a, uint64_t n)
{
    struct text t = text_new(a, 24);
    if (n >= 10)
        text_put_int(&t, (int64_t)(n / 10));
    text_put_int(&t, (int64_t)(n % 10));
    return text_slice(&t);
}

bool doc_resolve(struct arena *a, struct slice plain, enum doc_type *type, struct slice *json)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    struct decimal d;
    uint64_t n;
    bool fits = true;
    *type = DOC_TEXT;
    *json = plain;
    if (is_one_of(plain, nulls)) {
        *type = DOC_NULL;
        *json = SLICE("null");
    } else if (is_one_of(plain, trues) || is_one_of(plain, falses)) {
        *type = DOC_BOOL;
        *json = is_one_of(plain, trues) ? SLICE("true") : SLICE("false");
    } else if (split_decimal(plain, &d)) {
        *type = d.has_point || d.has_exponent ? DOC_FLOAT : DOC_INT;
        *json = spell_decimal(a, plain, &d);
    } else if (read_based(plain, &n, &fits)) {
        *type = DOC_INT;
        *json = spell_unsigned(a, n);
    } else if (is_special(plain)) {
        *type = DOC_FLOAT;
        fits = false;
    }
    return fits;
}
