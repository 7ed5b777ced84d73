/* The text of an access key: made, and read again as strictly as it is made. */
#include "api/auth.h"

#include "harness.h"

#include <string.h>

static struct arena arena;

static struct slice make(uint8_t fill)
{
    uint8_t secret[AUTH_SECRET_BYTES];
    arena_drop(&arena);
    arena_init(&arena, 1024 * 1024);
    memset(secret, fill, sizeof secret);
    return auth_text(&arena, SLICE("0123456789abcdefghjk"), secret);
}

TEST(a_key_s_text_is_its_id_and_its_secret_in_base32)
{
    /* RFC 4648: 32 zero bytes are 52 times the first letter; 32 times 0xff end in one bit. */
    CHECK_TEXT(make(0),
               "swm_0123456789abcdefghjk_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    CHECK_TEXT(make(255), "swm_0123456789abcdefghjk_"
                          "777777777777777777777777777777777777777777777777777q");
    arena_drop(&arena);
}

TEST(the_id_is_found_in_a_key_s_text_and_in_nothing_else)
{
    struct slice id, text = make(90);
    CHECK(auth_text_id(text, &id));
    CHECK_TEXT(id, "0123456789abcdefghjk");
    for (size_t len = 0; len < text.len; len++)
        CHECK(!auth_text_id((struct slice){text.at, len}, &id));
    char *other = slice_text(&arena, text);
    static const struct {
        size_t at;
        char c;
    } wrong[] = {{0, 'S'}, {3, '-'}, {24, '-'}, {25, 'A'}, {76, '1'}, {40, '\0'}, {41, '_'}};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        char was = other[wrong[k].at];
        other[wrong[k].at] = wrong[k].c;
        CHECK(!auth_text_id((struct slice){other, text.len}, &id));
        other[wrong[k].at] = was;
    }
    CHECK(auth_text_id((struct slice){other, text.len}, &id));
    CHECK(!auth_text_id(SLICE_NONE, &id) && id.at == NULL);
    arena_drop(&arena);
}

TEST(events_of_attempts_are_a_worker_s_all_others_an_operator_s)
{
    for (int k = 1; k < EVENT_KIND_COUNT; k++) {
        bool is_task = strncmp(vocab_name(VOCAB_EVENT_KIND, k), "Task", 4) == 0;
        CHECK_INT(event_kind_role((enum event_kind)k), is_task ? ROLE_WORKER : ROLE_OPERATOR);
    }
}
