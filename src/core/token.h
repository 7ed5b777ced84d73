/* Tokens and ids of a task's attempt, and links that show one instance. A token names instance,
 * task, item, generation and attempt and carries a MAC over them: it cannot be forged, is made when
 * a message is made, and is never stored. Pure: the key is an argument. */
#ifndef SWM_CORE_TOKEN_H
#define SWM_CORE_TOKEN_H

#include "base/hash.h"
#include "core/model.h"

#define TOKEN_KEYS_MAX 4 /* one signs, the others still verify */

struct token_key {
    uint32_t id;
    uint8_t bytes[SHA256_BYTES];
};

struct token_keys {
    struct token_key keys[TOKEN_KEYS_MAX]; /* the first signs */
    uint32_t count;
};

struct token {
    struct slice instance, task; /* task: its id in the template */
    int64_t item, generation, attempt;
};

struct slice token_encode(struct arena *a, const struct token_keys *keys, const struct token *t);
/* False: not a token, of no key that we have, or altered. Texts live in the arena. */
bool token_decode(struct arena *a, const struct token_keys *keys, struct slice text,
                  struct token *out);

/* What a link that shows one instance carries: which, until when, and a MAC by a key of its own,
 * worked out from the signing one: no task's token is a link, no link is a task's token. */
#define SHARE_PREFIX "swms_" /* tells it from other bearers */

struct share {
    struct slice instance;
    int64_t expires_at_ms;
};

struct slice share_encode(struct arena *a, const struct token_keys *keys, const struct share *s);
/* False: not a link, of no key that we have, or altered. Whether it has expired is the caller's. */
bool share_decode(struct arena *a, const struct token_keys *keys, struct slice text,
                  struct share *out);

/* hash(instance, task, item, purpose, generation, attempt): the id of an effect, and, with attempt
 * 0, the idempotency key of the worker's own side effects. HASH_ID_CHARS. */
struct slice token_effect_id(struct arena *a, const struct token *t, struct slice purpose);

#endif
