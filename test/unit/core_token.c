/* Tokens: what they name comes back, and nothing else is accepted. */
#include "unit.h"

#include "base/arena.h"
#include "base/text.h"
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

/* Links */

static struct slice linked(const struct token_keys *by)
{
    (void)made();
    struct share s = {SLICE("0123456789abcdefghjk"), 1764000000000};
    return share_encode(&arena, by, &s);
}

TEST(a_link_names_its_instance_and_its_end)
{
    struct share got;
    CHECK(share_decode(&arena, &keys, linked(&keys), &got));
    CHECK(slice_eq_text(got.instance, "0123456789abcdefghjk"));
    CHECK(got.expires_at_ms == 1764000000000);
    CHECK(share_decode(&arena, &keys, linked(&old_keys), &got));
    CHECK(!share_decode(&arena, &keys, linked(&other_keys), &got));
}

TEST(no_altered_byte_of_a_link_is_accepted)
{
    struct slice text = linked(&keys);
    struct share got;
    char *copy = slice_text(&arena, text);
    for (size_t k = 0; k < text.len; k++) {
        char was = copy[k];
        copy[k] = was == 'A' ? 'B' : 'A';
        CHECK(!share_decode(&arena, &keys, (struct slice){copy, text.len}, &got));
        copy[k] = was;
        CHECK(!share_decode(&arena, &keys, (struct slice){copy, k}, &got));
    }
}

TEST(a_link_is_no_token_and_a_token_is_no_link)
{
    struct slice link = linked(&keys), prefix = SLICE(SHARE_PREFIX);
    struct token t = {SLICE("0123456789abcdefghjk"), SLICE("1764000000000"), 0, 1, 1}, got;
    struct share share;
    CHECK(!token_decode(&arena, &keys, link, &got));
    link = (struct slice){link.at + prefix.len, link.len - prefix.len};
    CHECK(!token_decode(&arena, &keys, link, &got));
    struct text text = text_new(&arena, 4096);
    text_put(&text, prefix);
    text_put(&text, token_encode(&arena, &keys, &t));
    CHECK(!share_decode(&arena, &keys, text_slice(&text), &share));
}
