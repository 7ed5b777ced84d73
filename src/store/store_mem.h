/* The store in memory, for tests and the simulator: one thread, no clock, no chance. Requests are
 * done in the order of submission, when complete asks for them. What it replaces or deletes it
 * gives back only when it is closed. BACKUP fails with ERR_STORE: there is no file. */
#ifndef SWM_STORE_STORE_MEM_H
#define SWM_STORE_STORE_MEM_H

#include "port/store.h"

enum err store_mem_open(struct store **out) MUST_USE;
/* From now on it behaves as a store that several nodes share: engines told apart by `node` in their
 * requests. Its clock is the at_ms of NODE_PUT. */
void store_mem_share(struct store *s);

/* A crash of whoever uses the store: what was submitted and not collected is lost, or (`apply`)
 * done without anybody being told. Call it while those requests still exist; they are not touched
 * later. The store goes on. */
void store_mem_drop_pending(struct store *s, bool apply);
/* Does the first `count` of the waiting requests now; they stay uncollected. So a crash between two
 * commits is store_mem_apply(s, 1), then store_mem_drop_pending(s, false). */
void store_mem_apply(struct store *s, size_t count);
/* Submitted and not collected. */
size_t store_mem_pending(const struct store *s);

/* Asked before each request is done. True: it fails with *err; *apply_anyway (preset to false) says
 * whether it is done nevertheless, so that only the answer is lost. NULL: no faults. */
typedef bool store_mem_fault(void *context, const struct store_request *r, enum err *err,
                             bool *apply_anyway);
void store_mem_set_fault(struct store *s, store_mem_fault *fault, void *context);

#endif
