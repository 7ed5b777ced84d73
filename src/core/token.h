/* Tokens and ids of a task's attempt. A token names instance, task, item, generation and attempt
 * and carries a MAC over them: it cannot be forged, is made when a message is made, and is never
 * stored. Pure: the key is an argument. */
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

/* hash(instance, task, item, purpose, generation, attempt): the id of an effect, and, with attempt
 * 0, the idempotency key of the worker's own side effects. HASH_ID_CHARS. */
struct slice token_effect_id(struct arena *a, const struct token *t, struct slice purpose);

#endif
