/* The memory driver's front: takes requests, does them in order when they are collected, and plays
 * the crashes and faults that tests ask for. What a request does is in store_mem_write.c and
 * store_mem_read.c. Nothing here may depend on time or chance: the simulator replays it. */
#include "store/store_mem_int.h"

#include <assert.h>
#include <stdlib.h>

#define MAP_SEED 1

static struct store_request *request_of(struct link *k)
{
    return LINK_OWNER(k, struct store_request, link);
}

static struct store_mem *mem_of(const struct store *s)
{
    return (struct store_mem *)(void *)(uintptr_t)s;
}

/* Does one request; where memory runs short, undoes what was begun. */
static enum err do_request(struct store_mem *s, struct store_request *r)
{
    jmp_buf edge;
    jmp_buf *const outer = r->arena->edge;
    enum err err;

    s->saved = s->data;
    s->touched = NULL;
    s->kept.edge = &edge;
    r->arena->edge = &edge;
    if (setjmp(edge) == 0) {
        err = mem_writes(r) ? mem_write(s, r) : mem_read(s, r);
    } else {
        err = ERR_MEMORY;
        s->data = s->saved;
        if (s->touched != NULL) {
            *s->touched = s->touched_saved;
        }
    }
    r->arena->edge = outer;
    s->kept.edge = NULL;
    return err;
}

static void finish(struct store_mem *s, struct store_request *r)
{
    enum err fault = ERR_STORE;
    bool apply_anyway = false;

    if (s->fault == NULL || !s->fault(s->fault_context, r, &fault, &apply_anyway)) {
        r->err = do_request(s, r);
        return;
    }
    if (apply_anyway) {
        r->err = do_request(s, r);
    }
    r->err = fault;
}

static void submit(struct store *base, struct store_request *r)
{
    assert(r->op < STORE_OP_COUNT);
    assert(r->arena != NULL);
    list_append(&mem_of(base)->waiting, &r->link);
}

void store_mem_apply(struct store *base, size_t count)
{
    struct store_mem *s = mem_of(base);

    for (; count > 0 && list_first(&s->waiting) != NULL; count--) {
        struct link *k = list_take(&s->waiting);
        finish(s, request_of(k));
        list_append(&s->done, k);
    }
}

static size_t complete(struct store *base, struct store_request **done, size_t max)
{
    struct store_mem *s = mem_of(base);
    size_t count = 0;

    if (s->done.count < max) {
        store_mem_apply(base, max - s->done.count);
    }
    while (count < max && list_first(&s->done) != NULL) {
        done[count++] = request_of(list_take(&s->done));
    }
    return count;
}

static int wake_fd(const struct store *base)
{
    (void)base;
    return -1;
}

void store_mem_drop_pending(struct store *base, bool apply)
{
    struct store_mem *s = mem_of(base);

    if (apply) {
        store_mem_apply(base, s->waiting.count);
    }
    while (list_take(&s->waiting) != NULL || list_take(&s->done) != NULL) {
        /* Taking it is dropping it. */
    }
}

size_t store_mem_pending(const struct store *base)
{
    return mem_of(base)->waiting.count + mem_of(base)->done.count;
}

void store_mem_set_fault(struct store *base, store_mem_fault *fault, void *context)
{
    mem_of(base)->fault = fault;
    mem_of(base)->fault_context = context;
}

static void close_store(struct store *base)
{
    struct store_mem *s = mem_of(base);

    store_mem_drop_pending(base, true);
    map_drop(&s->instances);
    map_drop(&s->payloads);
    arena_drop(&s->kept);
    free(s);
}

static const struct store_ops ops = {
    .name = "memory",
    .submit = submit,
    .complete = complete,
    .wake_fd = wake_fd,
    .close = close_store,
};

static const struct store_ops shared_ops = {
    .name = "memory",
    .submit = submit,
    .complete = complete,
    .wake_fd = wake_fd,
    .close = close_store,
    .is_shared = true,
};

void store_mem_share(struct store *base)
{
    base->ops = &shared_ops;
}

enum err store_mem_open(struct store **out)
{
    struct store_mem *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        return ERR_MEMORY;
    }
    s->base.ops = &ops;
    arena_init(&s->kept, SIZE_MAX);
    map_init(&s->instances, MAP_SEED);
    map_init(&s->payloads, MAP_SEED);
    list_init(&s->waiting);
    list_init(&s->done);
    *out = &s->base;
    return ERR_NONE;
}
