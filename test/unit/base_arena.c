/* Arenas: what they give, how a shortage leaves, what a reset keeps. */
#include "harness.h"

#include "base/arena.h"

#include <string.h>

static struct arena arena;

TEST(arena_memory_is_zeroed_aligned_and_apart)
{
    arena_init(&arena, 1 << 20);
    char *last = NULL;
    for (size_t bytes = 1; bytes < 3000; bytes += 7) {
        char *at = arena_alloc(&arena, bytes);
        CHECK_INT((uintptr_t)at % 16, 0);
        CHECK(at != last);
        for (size_t k = 0; k < bytes; k++)
            CHECK(at[k] == 0);
        memset(at, 0xff, bytes);
        if (last != NULL)
            CHECK(last[0] == (char)0xff);
        last = at;
    }
    arena_reset(&arena);
    char *again = arena_alloc(&arena, 64);
    for (size_t k = 0; k < 64; k++)
        CHECK(again[k] == 0);
    arena_drop(&arena);
}

TEST(arena_of_nothing_gives_distinct_nothing)
{
    arena_init(&arena, 64);
    void *nothing = arena_alloc(&arena, 0);
    CHECK(nothing != NULL);
    CHECK_INT(arena.used_bytes, 0);
    arena_drop(&arena);
}

/* True when allocating count * size jumped to the edge. */
static bool is_short(struct arena *a, size_t count, size_t size)
{
    jmp_buf edge;
    a->edge = &edge;
    if (setjmp(edge) != 0) {
        a->edge = NULL;
        return true;
    }
    (void)memset(arena_array(a, count, size), 1, count * size);
    a->edge = NULL;
    return false;
}

TEST(arena_maximum_is_exact_and_beyond_it_jumps_to_the_edge)
{
    arena_init(&arena, 4096);
    CHECK(!is_short(&arena, 1, 4000));
    CHECK(!is_short(&arena, 6, 16));
    CHECK_INT(arena.used_bytes, 4096);
    CHECK(is_short(&arena, 1, 1));
    CHECK_INT(arena.used_bytes, 4096);
    arena_reset(&arena);
    CHECK_INT(arena.used_bytes, 0);
    CHECK(!is_short(&arena, 1, 4096));
    arena_drop(&arena);
}

TEST(arena_array_whose_size_overflows_is_a_shortage)
{
    arena_init(&arena, SIZE_MAX);
    CHECK(is_short(&arena, SIZE_MAX / 2, 4));
    CHECK(is_short(&arena, SIZE_MAX, 1));
    CHECK_INT(arena.used_bytes, 0);
    arena_drop(&arena);
}

TEST(arena_fail_after_makes_the_nth_chunk_fail_once)
{
    arena_init(&arena, 1 << 20);
    arena_fail_after(2);
    CHECK(!is_short(&arena, 1, 4096));
    CHECK(is_short(&arena, 1, 4096));
    CHECK(!is_short(&arena, 1, 4096));
    CHECK_INT(arena.used_bytes, 8192);
    arena_fail_after(1);
    arena_fail_after(0);
    CHECK(!is_short(&arena, 1, 400000));
    arena_drop(&arena);
}

static bool is_given_up(struct arena *a)
{
    jmp_buf edge;
    a->edge = &edge;
    if (setjmp(edge) == 0)
        arena_give_up(a);
    a->edge = NULL;
    return true;
}

TEST(arena_give_up_jumps_to_the_edge)
{
    arena_init(&arena, 64);
    CHECK(is_given_up(&arena));
    arena_drop(&arena);
}

TEST(arena_reset_keeps_a_chunk_even_after_a_large_one)
{
    arena_init(&arena, 1 << 24);
    (void)arena_alloc(&arena, 100);
    void *first = arena.chunk;
    (void)arena_alloc(&arena, 8 << 20);
    CHECK(arena.chunk != first);
    arena_reset(&arena);
    CHECK(arena.chunk == first);
    arena_fail_after(1); /* no new chunk is asked for */
    CHECK(!is_short(&arena, 1, 4096));
    arena_fail_after(0);
    arena_drop(&arena);
    CHECK(arena.chunk == NULL);
    CHECK(!is_short(&arena, 1, 10));
    arena_drop(&arena);
}
