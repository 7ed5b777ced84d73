/* Collects what is wrong with a file. Everything that reads templates comes before and tells it
 * what it finds; template_parse hands the sorted result out. It judges nothing itself. */
#include "core/report.h"

#include "base/arena.h"
#include "base/json.h"
#include "core/limits.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_TEXT_BYTES_MAX = 1024, WORD_BYTES_MAX = 80 };

void report_init(struct report *r, struct arena *a, struct slice file)
{
    *r = (struct report){.arena = a, .file = slice_copy(a, file)};
    r->errors = arena_array(a, TEMPLATE_ERRORS_MAX, sizeof *r->errors);
    r->warnings = arena_array(a, TEMPLATE_ERRORS_MAX, sizeof *r->warnings);
}

static struct slice format_message(struct arena *a, const char *format, va_list arguments)
{
    char *at = arena_alloc(a, MESSAGE_TEXT_BYTES_MAX);
    int len = vsnprintf(at, MESSAGE_TEXT_BYTES_MAX, format, arguments);
    size_t kept = len < 0 ? 0 : (size_t)len;
    if (kept < MESSAGE_TEXT_BYTES_MAX)
        return (struct slice){at, kept};
    kept = MESSAGE_TEXT_BYTES_MAX - 1;
    while (kept > 0 && ((unsigned char)at[kept] & 0xc0) == 0x80)
        kept--; /* not in the middle of a character */
    return (struct slice){at, kept};
}

void report_error(struct report *r, struct place at, const char *format, ...)
{
    if (r->error_count++ >= TEMPLATE_ERRORS_MAX)
        return;
    va_list arguments;
    va_start(arguments, format);
    r->errors[r->error_count - 1] = (struct template_error){
        r->file, at.line, at.column, format_message(r->arena, format, arguments), false};
    va_end(arguments);
}

void report_warning(struct report *r, struct place at, const char *format, ...)
{
    if (r->warning_count++ >= TEMPLATE_ERRORS_MAX)
        return;
    va_list arguments;
    va_start(arguments, format);
    r->warnings[r->warning_count - 1] = (struct template_error){
        r->file, at.line, at.column, format_message(r->arena, format, arguments), true};
    va_end(arguments);
}

bool report_is_full(const struct report *r)
{
    return r->error_count >= TEMPLATE_ERRORS_MAX;
}

static int compare_places(const void *x, const void *y)
{
    const struct template_error *a = x, *b = y;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    return slice_compare(a->message, b->message);
}

void report_finish(struct report *r, struct template_report *out)
{
    uint32_t errors = r->error_count, warnings = r->warning_count;
    if (errors > TEMPLATE_ERRORS_MAX)
        errors = TEMPLATE_ERRORS_MAX;
    if (warnings > TEMPLATE_ERRORS_MAX - errors)
        warnings = TEMPLATE_ERRORS_MAX - errors;
    memcpy(r->warnings + warnings, r->errors, errors * sizeof *r->errors);
    qsort(r->warnings, errors + warnings, sizeof *r->warnings, compare_places);
    *out = (struct template_report){r->warnings, r->error_count, errors + warnings, warnings};
}

/* Control characters of ASCII and of Latin-1 (C2 80 to C2 9F): a terminal may obey them. */
static size_t control_bytes(struct slice s, size_t k)
{
    unsigned char c = (unsigned char)s.at[k];
    if (c < 0x20 || c == 0x7f)
        return 1;
    return c == 0xc2 && k + 1 < s.len && (unsigned char)s.at[k + 1] < 0xa0 ? 2 : 0;
}

const char *report_quote(struct arena *a, struct slice word)
{
    struct text t = text_new(a, WORD_BYTES_MAX * 2);
    size_t k = 0;
    text_put_char(&t, '"');
    while (k < word.len && (t.len < WORD_BYTES_MAX || ((unsigned char)word.at[k] & 0xc0) == 0x80)) {
        size_t control = control_bytes(word, k);
        text_put_char(&t, control > 0 ? '?' : word.at[k]);
        k += control > 1 ? control : 1;
    }
    text_put_c(&t, k < word.len ? "…\"" : "\"");
    return text_c(&t);
}

struct suggestion report_suggest(struct slice word)
{
    return (struct suggestion){word, SLICE_NONE, word.len <= 3 ? 2 : 3};
}

void report_candidate(struct suggestion *s, struct slice candidate)
{
    unsigned distance = slice_distance(s->word, candidate, s->distance);
    if (distance >= s->distance)
        return;
    s->distance = distance;
    s->best = candidate;
}

const char *report_hint(struct arena *a, const struct suggestion *s)
{
    if (s->best.at == NULL)
        return "";
    struct text t = text_new(a, MESSAGE_TEXT_BYTES_MAX);
    text_put_c(&t, "; did you mean ");
    text_put_c(&t, report_quote(a, s->best));
    text_put_char(&t, '?');
    return text_c(&t);
}

void template_report_json(struct json_out *o, const struct template_report *report, bool is_warning)
{
    json_array(o);
    for (uint32_t k = 0; report != NULL && k < report->shown_count; k++) {
        const struct template_error *e = &report->errors[k];
        if (e->is_warning != is_warning)
            continue;
        json_object(o);
        json_put_number(o, "line", e->line);
        json_put_number(o, "column", e->column);
        json_put_string(o, "message", e->message);
        json_object_end(o);
    }
    json_array_end(o);
}
