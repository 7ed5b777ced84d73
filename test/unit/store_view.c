#include "store_view.h"

#include "harness.h"

#include <string.h>

static void submit(struct store *s, struct store_request *r)
{
    struct store_view *v = (struct store_view *)(void *)s;
    struct store_request *done = NULL;
    if (v->asked != NULL)
        v->asked(v, r);
    v->of->ops->submit(v->of, r);
    CHECK_INT(v->of->ops->complete(v->of, &done, 1), 1);
    if (v->answered != NULL)
        v->answered(v, done);
    CHECK(v->done_count < STORE_VIEW_DONE_MAX);
    v->done[v->done_count++] = done;
}

static size_t complete(struct store *s, struct store_request **done, size_t max)
{
    struct store_view *v = (struct store_view *)(void *)s;
    size_t count = v->done_count < max ? v->done_count : max;
    memcpy(done, v->done, count * sizeof(struct store_request *));
    v->done_count -= (unsigned)count;
    memmove(v->done, v->done + count, v->done_count * sizeof(struct store_request *));
    return count;
}

static int wake_fd(const struct store *s)
{
    (void)s;
    return -1;
}

static void close_nothing(struct store *s)
{
    (void)s;
}

static const struct store_ops ops = {.name = "rig",
                                     .submit = submit,
                                     .complete = complete,
                                     .wake_fd = wake_fd,
                                     .close = close_nothing,
                                     .is_shared = true};

void store_view_init(struct store_view *v, struct store *of)
{
    *v = (struct store_view){.store.ops = &ops, .of = of};
}

void store_view_forget(struct store_view *v)
{
    v->done_count = 0;
}
