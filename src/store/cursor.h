/* Where a listing goes on: the texts that LIST and READY give out and take back, the same in every
 * store. Opaque to everybody else. */
#ifndef SWM_STORE_CURSOR_H
#define SWM_STORE_CURSOR_H

#include "port/store.h"

/* "started_at_ms:n" of the last row given. Absent: all come after it. ERR_INVALID: not one of ours.
 */
enum err cursor_read_list(struct slice after, int64_t *at_ms, int64_t *n) MUST_USE;

/* The place of a ready entry. Absent: before all. Texts point into `after`. */
enum err cursor_read_ready(struct slice after, struct store_ready *last) MUST_USE;
struct slice cursor_of_ready(struct arena *a, const struct store_ready *last);

#endif
