/* Draws for people. Before it stands a command that has something to show, after it the terminal or
 * the file that standard output is. It must know nothing of what it shows. */
#include "app/term.h"

#include "base/arena.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TEXT_BYTES_MAX (64u << 20)
#define LINE_BYTES_MAX 4096

static const char *const tints[] = {"",         "\x1b[1m",  "\x1b[2m", "\x1b[32m",
                                    "\x1b[31m", "\x1b[33m", "\x1b[36m"};

void term_init(struct term *t, struct arena *a, FILE *file)
{
    const char *no_colour = getenv("NO_COLOR"), *kind = getenv("TERM");
    *t = (struct term){.file = file, .text = text_new(a, TEXT_BYTES_MAX)};
    t->is_terminal = isatty(fileno(file)) == 1;
    bool is_dumb = kind == NULL || strcmp(kind, "dumb") == 0;
    t->has_colour = t->is_terminal && !is_dumb && (no_colour == NULL || no_colour[0] == '\0');
    term_measure(t);
}

void term_measure(struct term *t)
{
    struct winsize size = {0};
    if (!t->is_terminal)
        return;
    bool is_known = ioctl(fileno(t->file), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    t->columns = is_known ? size.ws_col : 80;
    t->rows = is_known && size.ws_row > 0 ? size.ws_row : 24;
}

/* --- characters --- */

/* Takes one character off the front; bytes that are no UTF-8 count as one each. */
static uint32_t take_char(struct slice *s, size_t *len)
{
    unsigned char first = (unsigned char)s->at[0];
    size_t want = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    uint32_t c = want == 1 ? first : first & (0xffu >> (want + 1));
    *len = 1;
    if (want > s->len || (first >= 0x80 && first < 0xc2) || first > 0xf4)
        return 0xfffd;
    for (size_t i = 1; i < want; i++) {
        unsigned char next = (unsigned char)s->at[i];
        if ((next & 0xc0) != 0x80)
            return 0xfffd;
        c = c << 6 | (next & 0x3f);
    }
    *len = want;
    return c;
}

/* C0, C1 and what turns the direction of writing. */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

static bool is_within(uint32_t c, const uint32_t (*ranges)[2], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    }
    return false;
}

static int width_of(uint32_t c)
{
    static const uint32_t none[][2] = {{0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},
                                       {0x610, 0x61a},   {0x64b, 0x65f},   {0x200b, 0x200f},
                                       {0x20d0, 0x20f0}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};
    static const uint32_t wide[][2] = {{0x1100, 0x115f}, {0x2e80, 0x303e},   {0x3041, 0xa4cf},
                                       {0xac00, 0xd7a3}, {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
                                       {0xff00, 0xff60}, {0x1f300, 0x1faff}, {0x20000, 0x3fffd}};
    if (c < 0x300)
        return 1;
    if (is_within(c, none, sizeof none / sizeof none[0]))
        return 0;
    return is_within(c, wide, sizeof wide / sizeof wide[0]) ? 2 : 1;
}

int term_width(struct slice s)
{
    int width = 0;
    while (s.len > 0) {
        size_t len;
        width += width_of(take_char(&s, &len));
        s.at += len;
        s.len -= len;
    }
    return width;
}

/* --- lines --- */

static void put_char(struct term *t, struct slice bytes, uint32_t c)
{
    int width = width_of(c);
    if (t->is_line_cut)
        return;
    if (t->cut_at > 0 && t->column + width >= t->cut_at) {
        text_put_c(&t->text, "…");
        t->is_line_cut = true;
        return;
    }
    if (is_control(c) || c == 0xfffd)
        text_put_c(&t->text, c == '\t' || c == '\n' ? " " : "�");
    else
        text_put(&t->text, bytes);
    t->column += width;
}

void term_put(struct term *t, enum tint tint, struct slice s)
{
    bool is_tinted = t->has_colour && tint != TINT_NONE && s.len > 0;
    if (is_tinted)
        text_put_c(&t->text, tints[tint]);
    while (s.len > 0) {
        size_t len;
        uint32_t c = take_char(&s, &len);
        put_char(t, (struct slice){s.at, len}, c);
        s.at += len;
        s.len -= len;
    }
    if (is_tinted)
        text_put_c(&t->text, "\x1b[0m");
}

void term_put_c(struct term *t, enum tint tint, const char *s)
{
    term_put(t, tint, slice_of(s));
}

void term_printf(struct term *t, enum tint tint, const char *format, ...)
{
    char line[LINE_BYTES_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    term_put_c(t, tint, line);
}

void term_pad(struct term *t, int column)
{
    do {
        term_put_c(t, TINT_NONE, " ");
    } while (t->column < column && !t->is_line_cut);
}

/* What stands right of a line that ends early is not blanks. */
void term_end_line(struct term *t)
{
    while (t->text.len > 0 && t->text.at[t->text.len - 1] == ' ')
        t->text.len--;
    text_put_char(&t->text, '\n');
    t->column = 0;
    t->is_line_cut = false;
}

void term_raw(struct term *t, const char *bytes)
{
    text_put_c(&t->text, bytes);
}

bool term_flush(struct term *t)
{
    bool is_written =
        t->text.len == 0 || fwrite(t->text.at, 1, t->text.len, t->file) == t->text.len;
    t->text.len = 0;
    return fflush(t->file) == 0 && is_written;
}

/* --- times --- */

const char *term_span(int64_t ms, char buf[TERM_AGO_BYTES])
{
    static const struct {
        int64_t s;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
    int64_t s = ms / 1000;
    size_t i = 0;
    if (ms < 1000) {
        (void)snprintf(buf, TERM_AGO_BYTES, "%d ms", ms > 0 ? (int)ms : 0);
        return buf;
    }
    while (s < units[i].s)
        i++;
    int64_t whole = s / units[i].s, rest = i < 3 ? s % units[i].s / units[i + 1].s : 0;
    if (rest > 0)
        (void)snprintf(buf, TERM_AGO_BYTES, "%" PRId64 "%s %" PRId64 "%s", whole, units[i].name,
                       rest, units[i + 1].name);
    else
        (void)snprintf(buf, TERM_AGO_BYTES, "%" PRId64 "%s", whole, units[i].name);
    return buf;
}

const char *term_ago(int64_t at_ms, int64_t now_ms, char buf[TERM_AGO_BYTES])
{
    char span[TERM_AGO_BYTES];
    int64_t ms = now_ms - at_ms;
    if (at_ms == 0) {
        buf[0] = '\0';
    } else if (ms > -1000 && ms < 1000) {
        (void)snprintf(buf, TERM_AGO_BYTES, "now");
    } else {
        (void)term_span(ms < 0 ? -ms : ms, span);
        span[TERM_AGO_BYTES - 5] = '\0';
        (void)snprintf(buf, TERM_AGO_BYTES, ms < 0 ? "in %.26s" : "%.26s ago", span);
    }
    return buf;
}

/* --- tables --- */

struct table table_new(struct term *t, const struct table_column *columns, size_t column_count)
{
    return (struct table){.term = t, .columns = columns, .column_count = column_count};
}

void table_put(struct table *t, enum tint tint, struct slice text)
{
    if (t->count == t->capacity) {
        size_t capacity = t->capacity == 0 ? 64 : t->capacity * 2;
        struct table_cell *grown = arena_array(t->term->text.arena, capacity, sizeof *grown);
        if (t->count > 0)
            memcpy(grown, t->cells, t->count * sizeof *grown);
        t->cells = grown;
        t->capacity = capacity;
    }
    t->cells[t->count++] = (struct table_cell){text, tint};
}

void table_put_number(struct table *t, int64_t n)
{
    char digits[24];
    (void)snprintf(digits, sizeof digits, "%" PRId64, n);
    table_put_c(t, TINT_NONE, digits);
}

void table_put_c(struct table *t, enum tint tint, const char *text)
{
    table_put(t, tint, slice_copy(t->term->text.arena, slice_of(text)));
}

/* The width of each column; 0: nothing stands in it. */
static void measure(const struct table *t, int widths[TABLE_COLUMNS_MAX])
{
    for (size_t i = 0; i < t->column_count; i++)
        widths[i] = 0;
    for (size_t i = 0; i < t->count; i++) {
        int width = term_width(t->cells[i].text);
        if (width > widths[i % t->column_count])
            widths[i % t->column_count] = width;
    }
    for (size_t i = 0; i < t->column_count; i++) {
        int head = (int)strlen(t->columns[i].head);
        if (widths[i] > 0 && head > widths[i])
            widths[i] = head;
    }
}

static void draw_row(struct table *t, const struct table_cell *cells, const int *widths)
{
    struct term *term = t->term;
    int end = 0;
    for (size_t i = 0; i < t->column_count; i++) {
        if (widths[i] == 0)
            continue;
        if (term->column < end)
            term_pad(term, end);
        int spare = widths[i] - term_width(cells[i].text);
        if (t->columns[i].is_number && spare > 0)
            term_pad(term, end + spare);
        bool is_empty = cells[i].text.len == 0;
        term_put(term, is_empty ? TINT_DIM : cells[i].tint, is_empty ? SLICE("-") : cells[i].text);
        end += widths[i] + 2;
    }
    term_end_line(term);
}

void table_draw(struct table *t)
{
    int widths[TABLE_COLUMNS_MAX];
    struct table_cell heads[TABLE_COLUMNS_MAX];
    int cut_at = t->term->cut_at;
    measure(t, widths);
    for (size_t i = 0; i < t->column_count; i++)
        heads[i] = (struct table_cell){slice_of(t->columns[i].head), TINT_DIM};
    t->term->cut_at = t->term->columns;
    draw_row(t, heads, widths);
    for (size_t i = 0; i + t->column_count <= t->count; i += t->column_count)
        draw_row(t, t->cells + i, widths);
    t->term->cut_at = cut_at;
}
