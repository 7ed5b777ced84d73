/* What a failed check says: its expression and the values. Successful checks cost nothing. */
#include "harness.h"

#include <stdarg.h>
#include <stdio.h>

static char told[16384]; /* what was said must last until its test's line is printed */
static size_t told_bytes;

__attribute__((format(printf, 2, 3))) static void fail(struct harness_place place,
                                                       const char *format, ...)
{
    char *at = told + told_bytes;
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(at, sizeof told - told_bytes, format, arguments);
    va_end(arguments);
    if (len < 0 || (size_t)len >= sizeof told - told_bytes) {
        unit_check(false, place.what, place.file, place.line);
        return;
    }
    told_bytes += (size_t)len + 1;
    unit_check(false, at, place.file, place.line);
}

void harness_check_int(struct harness_place place, int64_t is, int64_t should)
{
    if (is != should)
        fail(place, "%s (%lld, not %lld)", place.what, (long long)is, (long long)should);
}

void harness_check_text(struct harness_place place, struct slice is, struct slice should)
{
    if (is.at == NULL)
        fail(place, "%s (there is none)", place.what);
    else if (!slice_eq(is, should))
        fail(place, "%s (\"%.*s\", not \"%.*s\")", place.what, SLICE_ARG(is), SLICE_ARG(should));
}
