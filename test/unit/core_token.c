/* Tokens: what they name comes back, and nothing else is accepted. */
#include "unit.h"

#include "base/arena.h"
#include "core/token.h"

#include <string.h>

static struct arena arena;
static const struct token_keys keys = {
    .count = 2, .keys = {{.id = 2, .bytes = {9, 8, 7}}, {.id = 1, .bytes = {1, 2, 3}}}};
static const struct token_keys old_keys = {.count = 1, .keys = {{.id = 1, .bytes = {1, 2, 3}}}};
static const struct token_keys other_keys = {.count = 1, .keys = {{.id = 2, .bytes = {4}}}};

static struct token made(void)
{
    arena_drop(&arena);
    arena_init(&arena, 1 << 20);
    return (struct token){SLICE("0123456789abcdefghjk"), SLICE("WARD/find bed é"), 0, 3, 14};
}

TEST(a_token_names_what_it_was_made_for)
{
    struct token t = made(), got;
    struct slice text = token_encode(&arena, &keys, &t);
    CHECK(token_decode(&arena, &keys, text, &got));
    CHECK(slice_eq(got.instance, t.instance) && slice_eq(got.task, t.task));
    CHECK(got.item == 0 && got.generation == 3 && got.attempt == 14);
}

TEST(a_token_of_an_older_key_still_verifies)
{
    struct token t = made(), got;
    struct slice text = token_encode(&arena, &old_keys, &t);
    CHECK(token_decode(&arena, &keys, text, &got));
}

TEST(a_token_of_another_key_is_not_ours)
{
    struct token t = made(), got;
    struct slice text = token_encode(&arena, &other_keys, &t);
    CHECK(!token_decode(&arena, &keys, text, &got));
    CHECK(!token_decode(&arena, &old_keys, token_encode(&arena, &keys, &t), &got));
}

TEST(no_altered_byte_of_a_token_is_accepted)
{
    struct token t = made(), got;
    struct slice text = token_encode(&arena, &keys, &t);
    char *copy = slice_text(&arena, text);
    for (size_t k = 0; k < text.len; k++) {
        char was = copy[k];
        copy[k] = was == 'A' ? 'B' : 'A';
        CHECK(!token_decode(&arena, &keys, (struct slice){copy, text.len}, &got));
        copy[k] = was;
        CHECK(!token_decode(&arena, &keys, (struct slice){copy, k}, &got));
    }
}

TEST(what_is_no_token_is_refused)
{
    static const char *const texts[] = {"",
                                        "x",
                                        "AAAA",
                                        "....",
                                        "not a token at all",
                                        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    struct token got;
    (void)made();
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        CHECK(!token_decode(&arena, &keys, slice_of(texts[k]), &got));
}

TEST(the_idempotency_key_is_the_same_for_all_attempts_of_a_generation)
{
    struct token a = made(), b = a;
    a.attempt = b.attempt = 0;
    struct slice one = token_effect_id(&arena, &a, SLICE("run"));
    CHECK(one.len == HASH_ID_CHARS);
    CHECK(slice_eq(one, token_effect_id(&arena, &b, SLICE("run"))));
    b.generation++;
    CHECK(!slice_eq(one, token_effect_id(&arena, &b, SLICE("run"))));
    CHECK(!slice_eq(one, token_effect_id(&arena, &a, SLICE("catch"))));
}
