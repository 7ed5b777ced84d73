/* The errors and warnings of one file, collected while it is read, told in order of place. Texts
 * from the file are shown quoted, cut and without control characters, so that a message is safe to
 * print whatever the file holds. */
#ifndef SWM_CORE_REPORT_H
#define SWM_CORE_REPORT_H

#include "core/template.h"

struct place {
    uint32_t line, column; /* from 1, columns in characters; 0: the file as a whole */
};

struct report {
    struct arena *arena;
    struct slice file;
    struct template_error *errors, *warnings; /* TEMPLATE_ERRORS_MAX of each at most */
    uint32_t error_count, warning_count;      /* all */
};

void report_init(struct report *r, struct arena *a, struct slice file);
void report_error(struct report *r, struct place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void report_warning(struct report *r, struct place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* No more errors are kept: work that only makes a message better can be left. */
bool report_is_full(const struct report *r);
/* Sorted by place; when there are too many, errors go before warnings. */
void report_finish(struct report *r, struct template_report *out);

/* "word", as part of a message. */
const char *report_quote(struct arena *a, struct slice word);

/* The candidate nearest to a word that is not known: within one edit for short words, two for
 * others. */
struct suggestion {
    struct slice word, best; /* best absent: none is near */
    unsigned distance;
};
struct suggestion report_suggest(struct slice word);
void report_candidate(struct suggestion *s, struct slice candidate);
/* `; did you mean "best"?`, or nothing. */
const char *report_hint(struct arena *a, const struct suggestion *s);

#endif
