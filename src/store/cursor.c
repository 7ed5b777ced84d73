/* Cursors of listings, read and written. Bad ones come from outside: they are errors, not bugs. */
#include "store/cursor.h"

#include "base/text.h"

enum err cursor_read_list(struct slice after, int64_t *at_ms, int64_t *n)
{
    struct slice head, tail;

    *at_ms = *n = INT64_MAX;
    if (after.at == NULL) {
        return ERR_NONE;
    }
    slice_cut(after, ':', &head, &tail);
    return tail.at != NULL && slice_to_int(head, at_ms) && slice_to_int(tail, n) ? ERR_NONE
                                                                                 : ERR_INVALID;
}

/* "at_ms\nitem\ninstance\ntask\nqueue" */
enum err cursor_read_ready(struct slice after, struct store_ready *last)
{
    struct slice part[5], rest = after;

    *last = (struct store_ready){.queue = SLICE(""),
                                 .instance = SLICE(""),
                                 .task = SLICE(""),
                                 .item = INT64_MIN,
                                 .at_ms = INT64_MIN};
    if (after.at == NULL) {
        return ERR_NONE;
    }
    for (int i = 0; i < 4; i++) {
        slice_cut(rest, '\n', &part[i], &rest);
        if (rest.at == NULL) {
            return ERR_INVALID;
        }
    }
    *last = (struct store_ready){.queue = rest, .instance = part[2], .task = part[3]};
    return slice_to_int(part[0], &last->at_ms) && slice_to_int(part[1], &last->item) ? ERR_NONE
                                                                                     : ERR_INVALID;
}

struct slice cursor_of_ready(struct arena *a, const struct store_ready *last)
{
    struct text t = text_new(a, last->instance.len + last->task.len + last->queue.len + 64);

    text_printf(&t, "%lld\n%lld\n", (long long)last->at_ms, (long long)last->item);
    text_put(&t, last->instance);
    text_put_char(&t, '\n');
    text_put(&t, last->task);
    text_put_char(&t, '\n');
    text_put(&t, last->queue);
    return text_slice(&t);
}
