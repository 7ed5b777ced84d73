/* Arenas: chunks from malloc, handed out from the front, given back all at once. */
#include "base/arena.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 16u
#define FIRST_CHUNK_BYTES 4096u
#define CHUNK_BYTES_MAX (1024u * 1024u)
#define KEPT_CHUNK_BYTES_MAX (256u * 1024u)

struct arena_chunk {
    struct arena_chunk *older;
    size_t used, size; /* of bytes */
    _Alignas(16) unsigned char bytes[];
};

static atomic_ulong failing_after; /* 0: none fails */

void arena_fail_after(unsigned long n)
{
    atomic_store(&failing_after, n);
}

static bool is_failing(void)
{
    return atomic_load(&failing_after) > 0 && atomic_fetch_sub(&failing_after, 1) == 1;
}

void arena_init(struct arena *a, size_t bytes_max)
{
    *a = (struct arena){.bytes_max = bytes_max};
}

void arena_give_up(struct arena *a)
{
    if (a->edge == NULL)
        abort();
    longjmp(*a->edge, 1);
}

static size_t next_size(const struct arena *a, size_t bytes)
{
    if (atomic_load(&failing_after) > 0)
        return bytes; /* under the test hook every allocation asks, so that each can fail */
    size_t size = a->chunk == NULL ? FIRST_CHUNK_BYTES : a->chunk->size * 2;
    if (size > CHUNK_BYTES_MAX)
        size = CHUNK_BYTES_MAX;
    return size < bytes ? bytes : size;
}

static struct arena_chunk *add_chunk(struct arena *a, size_t bytes)
{
    size_t size = next_size(a, bytes);
    struct arena_chunk *c = is_failing() ? NULL : malloc(sizeof *c + size);
    if (c == NULL)
        arena_give_up(a);
    c->used = 0;
    c->size = size;
    c->older = a->chunk;
    a->chunk = c;
    return c;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        arena_give_up(a);
    size_t padded = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (padded > a->bytes_max - a->used_bytes)
        arena_give_up(a);
    struct arena_chunk *c = a->chunk;
    if (c == NULL || c->size - c->used < padded)
        c = add_chunk(a, padded);
    void *at = c->bytes + c->used;
    c->used += padded;
    a->used_bytes += padded;
    memset(at, 0, padded);
    return at;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        arena_give_up(a);
    return arena_alloc(a, bytes);
}

static void free_from(struct arena_chunk *c)
{
    while (c != NULL) {
        struct arena_chunk *older = c->older;
        free(c);
        c = older;
    }
}

/* The newest chunk of a size worth keeping: one large unit of work doesn't hold its memory. */
void arena_reset(struct arena *a)
{
    struct arena_chunk *kept = a->chunk;
    a->used_bytes = 0;
    while (kept != NULL && kept->size > KEPT_CHUNK_BYTES_MAX) {
        struct arena_chunk *older = kept->older;
        free(kept);
        kept = older;
    }
    a->chunk = kept;
    if (kept == NULL)
        return;
    free_from(kept->older);
    kept->older = NULL;
    kept->used = 0;
}

void arena_drop(struct arena *a)
{
    free_from(a->chunk);
    a->chunk = NULL;
    a->used_bytes = 0;
}
