/* Points in time are milliseconds since 1970 UTC (`…_at_ms`, 0: none), lengths are milliseconds
 * (`…_ms`). All arithmetic saturates; nothing here reads a clock. */
#ifndef SWM_BASE_TIME_H
#define SWM_BASE_TIME_H

#include "base/slice.h"

#define TIME_NEVER INT64_MAX
#define TIME_TEXT_BYTES 32

/* "2026-11-23T12:00:00.000Z" into buf, and its length (24; years 0 to 9999). */
size_t time_format(int64_t at_ms, char buf[TIME_TEXT_BYTES]);
/* RFC 3339 with any offset and 0 to 9 fraction digits; also a bare number of milliseconds. */
bool time_parse(struct slice s, int64_t *at_ms);
/* "500ms", "10s", "10m", "2h", "1d", "1w", "1h30m", "1.5h", or ISO 8601 "PT10M". A bare number is
 * not a duration. False: not one, negative, or beyond ten years. */
bool duration_parse(struct slice s, int64_t *ms);
/* The shortest exact form, e.g. "1h30m", "2s", "0s". */
size_t duration_format(int64_t ms, char buf[TIME_TEXT_BYTES]);
/* a + b without overflow; TIME_NEVER stays. */
int64_t time_add(int64_t at_ms, int64_t ms);
int64_t time_min(int64_t a, int64_t b);

#endif
