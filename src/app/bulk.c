/* Waits for a store. Before it stands a command that moves data, after it the driver. It must not
 * know what is asked. */
#include "app/bulk.h"

#include <poll.h>

#define COLLECT_MAX 64

void bulk_submit(struct bulk *b, struct store_request *r, bool *done)
{
    if (done != NULL)
        *done = false;
    r->owner = done;
    b->in_flight++;
    b->store->ops->submit(b->store, r);
}

/* Takes what is finished; waits where nothing is. */
static void collect(struct bulk *b)
{
    struct store_request *done[COLLECT_MAX];
    size_t count = b->store->ops->complete(b->store, done, COLLECT_MAX);
    struct pollfd fd = {.fd = b->store->ops->wake_fd(b->store), .events = POLLIN};
    for (size_t k = 0; k < count; k++) {
        b->in_flight--;
        if (done[k]->owner != NULL)
            *(bool *)done[k]->owner = true;
    }
    if (count == 0 && fd.fd >= 0)
        (void)poll(&fd, 1, -1);
}

void bulk_wait(struct bulk *b)
{
    while (b->in_flight > 0)
        collect(b);
}

enum err bulk_ask(struct bulk *b, struct store_request *r)
{
    bool is_done;
    bulk_submit(b, r, &is_done);
    while (!is_done)
        collect(b);
    return r->err;
}
