/* What a person reads in a terminal: coloured words, aligned tables, times told from now. Lines are
 * gathered and written at once, so that a redrawn picture does not flicker. What comes from a
 * server is shown without control characters: a name must not be able to move the cursor. */
#ifndef SWM_APP_TERM_H
#define SWM_APP_TERM_H

#include "base/text.h"

#include <stdio.h>

enum tint { TINT_NONE, TINT_BOLD, TINT_DIM, TINT_GREEN, TINT_RED, TINT_YELLOW, TINT_CYAN };

struct term {
    FILE *file;
    struct text text;  /* what is not written yet */
    bool is_terminal;  /* somebody looks at it */
    bool has_colour;   /* a terminal, and NO_COLOR is not set */
    int columns, rows; /* of the terminal; 0: it is none */
    int cut_at;        /* lines end at this column with an ellipsis; 0: they do not */
    int column;        /* where the line stands */
    bool is_line_cut;
};

void term_init(struct term *t, struct arena *a, FILE *file);
void term_measure(struct term *t); /* reads columns and rows again */
void term_put(struct term *t, enum tint tint, struct slice s);
void term_put_c(struct term *t, enum tint tint, const char *s);
void term_printf(struct term *t, enum tint tint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void term_pad(struct term *t, int column); /* blanks up to that column, one at least */
void term_end_line(struct term *t);
/* Bytes as they are, such as control sequences; they take no column. */
void term_raw(struct term *t, const char *bytes);
bool term_flush(struct term *t); /* false: nobody takes it any more */

int term_width(struct slice s); /* columns that it takes */

/* "3s ago", "in 5m", "now" into buf; at_ms 0 gives "". */
#define TERM_AGO_BYTES 32
const char *term_ago(int64_t at_ms, int64_t now_ms, char buf[TERM_AGO_BYTES]);
/* "250 ms", "12s", "3m 5s", "2h 10m", "4d 3h". */
const char *term_span(int64_t ms, char buf[TERM_AGO_BYTES]);

/* A table: its heads, then its cells in reading order. Numbers stand right. */
#define TABLE_COLUMNS_MAX 12
struct table_column {
    const char *head;
    bool is_number;
};
struct table_cell {
    struct slice text;
    enum tint tint;
};
struct table {
    struct term *term;
    const struct table_column *columns;
    size_t column_count;
    struct table_cell *cells;
    size_t count, capacity;
};

struct table table_new(struct term *t, const struct table_column *columns, size_t column_count);
void table_put(struct table *t, enum tint tint, struct slice text); /* absent: "-" */
void table_put_number(struct table *t, int64_t n);
void table_put_c(struct table *t, enum tint tint, const char *text); /* is copied */
void table_draw(struct table *t); /* columns without any text are left out */

#endif
