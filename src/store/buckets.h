/* Results of ACTIVITY, the same in every driver. */
#ifndef SWM_STORE_BUCKETS_H
#define SWM_STORE_BUCKETS_H

#include "port/store.h"

/* Adds to the bucket that a time lies in; `at_ms` is not before the request's. */
void buckets_add(struct store_request *r, int64_t at_ms, struct slice status, uint64_t count);
/* Of those that began, or of those that ended, so many were counted, the newest, back to oldest_ms:
 * where that is all that may be looked at, what lies before is not whole. */
void buckets_note_end(struct store_request *r, uint64_t counted, int64_t oldest_ms);
void buckets_sort(struct store_request *r);

#endif
