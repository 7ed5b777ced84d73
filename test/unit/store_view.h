/* What one of several engines sees of the memory store that they share: each question is answered
 * at once, and the answer lies here until its engine collects it or dies. */
#ifndef SWM_TEST_STORE_VIEW_H
#define SWM_TEST_STORE_VIEW_H

#include "port/store.h"

#define STORE_VIEW_DONE_MAX 1024

struct store_view {
    struct store store; /* handed to the engine */
    struct store *of;
    struct store_request *done[STORE_VIEW_DONE_MAX]; /* answers that are not collected */
    unsigned done_count;
    /* A test's hand on what goes in and on what comes out; may be NULL. */
    void (*asked)(struct store_view *v, struct store_request *r);
    void (*answered)(struct store_view *v, struct store_request *r);
};

void store_view_init(struct store_view *v, struct store *of);
void store_view_forget(struct store_view *v); /* what its engine has not collected */

#endif
