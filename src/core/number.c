/* Numbers of templates and payloads are kept as they were written; this is for the few places that
 * have to know what they are worth: limits of a schema, backoff, the order of stages. */
#include "core/number.h"

#include "base/arena.h"

#include <float.h>
#include <stdio.h>
#include <string.h>
#include <yyjson.h>

double number_double(struct arena *a, struct slice number)
{
    yyjson_val value;
    yyjson_read_err error;
    const char *text = slice_text(a, number);
    if (yyjson_read_number(text, &value, YYJSON_READ_NOFLAG, NULL, &error) == NULL)
        return text[0] == '-' ? -DBL_MAX : DBL_MAX;
    return yyjson_get_num(&value);
}

static bool is_integer(struct slice s)
{
    for (size_t k = 0; k < s.len; k++)
        if (s.at[k] == '.' || s.at[k] == 'e' || s.at[k] == 'E')
            return false;
    return true;
}

/* JSON writes whole numbers without leading zeros, so that the longer one is the larger. */
static int compare_integers(struct slice x, struct slice y)
{
    bool is_x_negative = slice_has_prefix(x, SLICE("-"));
    bool is_y_negative = slice_has_prefix(y, SLICE("-"));
    if (slice_eq(x, SLICE("-0")))
        return compare_integers(SLICE("0"), y);
    if (slice_eq(y, SLICE("-0")))
        return compare_integers(x, SLICE("0"));
    if (is_x_negative != is_y_negative)
        return is_x_negative ? -1 : 1;
    int order = x.len != y.len ? (x.len < y.len ? -1 : 1) : slice_compare(x, y);
    return is_x_negative ? -order : order;
}

int number_compare(struct arena *a, struct slice x, struct slice y)
{
    if (is_integer(x) && is_integer(y))
        return compare_integers(x, y);
    double left = number_double(a, x), right = number_double(a, y);
    return left < right ? -1 : left > right;
}

bool number_is_whole(struct arena *a, struct slice number)
{
    if (is_integer(number))
        return true;
    double value = number_double(a, number);
    if (value >= 0x1p53 || value <= -0x1p53)
        return true;
    return (double)(int64_t)value == value;
}

struct slice number_text(struct arena *a, double number)
{
    char text[40];
    int len = snprintf(text, sizeof text, "%.15g", number);
    if (number_double(a, slice_of(text)) != number)
        len = snprintf(text, sizeof text, "%.17g", number);
    return slice_copy(a, (struct slice){text, (size_t)len});
}
