/* A slice borrows bytes that somebody else owns: {pointer, length}, not NUL-terminated.
 * An absent slice has a NULL pointer; an empty one has length 0. */
#ifndef SWM_BASE_SLICE_H
#define SWM_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

struct slice {
    const char *at;
    size_t len;
};

/* A slice of a string literal. */
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})
#define SLICE_NONE ((struct slice){NULL, 0})
/* For printf's "%.*s". */
#define SLICE_ARG(s) (int)(s).len, (s).at

struct slice slice_of(const char *text); /* NULL gives an absent slice */
bool slice_eq(struct slice a, struct slice b);
bool slice_eq_text(struct slice a, const char *b);
/* Bytewise order, a shorter prefix first: <0, 0, >0. */
int slice_compare(struct slice a, struct slice b);
bool slice_has_prefix(struct slice s, struct slice prefix);
bool slice_has_suffix(struct slice s, struct slice suffix);
/* Cuts s at the first `sep`: *head gets what is before, *tail what is after (absent: no sep). */
void slice_cut(struct slice s, char sep, struct slice *head, struct slice *tail);
struct slice slice_trim(struct slice s); /* without white space at both ends */
struct slice slice_copy(struct arena *a, struct slice s);
/* A NUL-terminated copy. */
char *slice_text(struct arena *a, struct slice s);
/* Strict decimal: no sign but '-', no blanks, no leading '+', nothing after. False: not one. */
bool slice_to_int(struct slice s, int64_t *out);
bool slice_is_utf8(struct slice s);
/* A 64-bit hash for tables in memory (FNV-1a); not for anything an attacker may choose to matter.
 */
uint64_t slice_hash(struct slice s);
/* The number of edits between two short words, for "did you mean"; at most `limit` + 1. */
unsigned slice_distance(struct slice a, struct slice b, unsigned limit);

#endif
