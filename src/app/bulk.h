/* Uses a store from a command that waits: several requests at once, or one after another. Serve
 * never comes here; its loop must not wait. */
#ifndef SWM_APP_BULK_H
#define SWM_APP_BULK_H

#include "port/store.h"

struct bulk {
    struct store *store;
    unsigned in_flight; /* submitted and not collected */
};

/* `r` has its arena; `done`, where given, becomes true with it. */
void bulk_submit(struct bulk *b, struct store_request *r, bool *done);
void bulk_wait(struct bulk *b);                                      /* until everything is done */
enum err bulk_ask(struct bulk *b, struct store_request *r) MUST_USE; /* until this one is */

#endif
