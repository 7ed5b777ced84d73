/* An arena is the memory of one unit of work: allocate, never free, drop at the end.
 *
 * arena_alloc never returns NULL. When memory is short, or the arena's stated maximum is reached,
 * it jumps to the edge of the unit of work, which the owner set by
 *
 *     jmp_buf edge;
 *     arena.edge = &edge;
 *     if (setjmp(edge) != 0) { give the unit up; reset the arena; answer ERR_MEMORY; }
 *
 * So code between an edge and its allocations holds nothing but arena memory (no lock, descriptor
 * or foreign object), and the many callers in between need no check. Without an edge a shortage
 * aborts. An arena belongs to one thread at a time. */
#ifndef SWM_BASE_ARENA_H
#define SWM_BASE_ARENA_H

#include <setjmp.h>
#include <stddef.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunk; /* newest first */
    size_t used_bytes;         /* handed out, padding included */
    size_t bytes_max;          /* used_bytes never exceeds this */
    jmp_buf *edge;             /* where a shortage jumps to; NULL: abort */
};

void arena_init(struct arena *a, size_t bytes_max);
/* Zeroed, aligned to 16, valid until reset or drop. */
void *arena_alloc(struct arena *a, size_t bytes) __attribute__((malloc, returns_nonnull));
/* An array of `count` zeroed elements; an overflow of count * size is a shortage. */
void *arena_array(struct arena *a, size_t count, size_t size)
    __attribute__((malloc, returns_nonnull));
/* Forgets everything but keeps one chunk for the next unit of work. */
void arena_reset(struct arena *a);
/* Gives all memory back; the arena may be used again. */
void arena_drop(struct arena *a);
/* Jumps to the edge as if memory were short; for limits that are limits of the unit of work. */
void arena_give_up(struct arena *a) __attribute__((noreturn));
/* Test hook: the n-th chunk request from now on fails (0: none does). Process-wide. */
void arena_fail_after(unsigned long n);

#endif
