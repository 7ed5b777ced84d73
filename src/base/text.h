/* A text grows in an arena. It states its maximum; reaching it sets `is_cut`, drops what does not
 * fit, and is the caller's to check where it matters. Never NUL-terminated unless text_c is used.
 */
#ifndef SWM_BASE_TEXT_H
#define SWM_BASE_TEXT_H

#include "base/slice.h"

#include <stdint.h>

struct text {
    struct arena *arena;
    char *at;
    size_t len, cap, bytes_max;
    bool is_cut;
};

struct text text_new(struct arena *a, size_t bytes_max);
void text_put(struct text *t, struct slice s);
void text_put_c(struct text *t, const char *s);
void text_put_char(struct text *t, char c);
void text_put_int(struct text *t, int64_t n);
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* s between quotes, escaped for JSON (RFC 8259); bytes that are not UTF-8 become U+FFFD. */
void text_put_json(struct text *t, struct slice s);
/* s escaped for XML text and attributes, \r as &#xD;; control characters XML forbids as U+FFFD. */
void text_put_xml(struct text *t, struct slice s);
struct slice text_slice(const struct text *t);
char *text_c(struct text *t); /* NUL-terminated; the NUL is not counted in len */

#endif
