/* Access keys: who may ask for what. All of them are in memory, without their secrets; a change is
 * durable and recorded in the sys chain before it is answered. Where the store is shared they are
 * read again every FRESH_MS, so that every node knows a change within two seconds. One thread, the
 * engine's. What a key opens is the doors' business (api/auth.h). */
#ifndef SWM_FLOW_ACCESS_H
#define SWM_FLOW_ACCESS_H

#include "flow/flow.h"

struct access_key { /* texts live until flow_close; other members change when the store's do */
    struct slice id;
    struct slice name; /* absent: none */
    enum role role;    /* ROLE_ANYBODY: one that this version does not know; it opens nothing */
    uint8_t hash[SHA256_BYTES]; /* of the key's text */
    int64_t created_at_ms;
    int64_t expires_at_ms; /* 0: never */
    int64_t revoked_at_ms; /* 0: not revoked */
    int64_t used_at_ms;    /* at this process, in memory only; 0: not yet */
    struct slice created_by, revoked_by;
};

struct access_order { /* a key to be made; texts are copied */
    struct slice id, name, actor;
    enum role role;
    uint8_t hash[SHA256_BYTES];
    int64_t expires_at_ms; /* 0: never */
};

struct access_answer {
    enum err err;
    const char *why;              /* a sentence, where there is more to say than err does */
    const struct access_key *key; /* where err is ERR_NONE */
};
typedef void access_reply(void *context, const struct access_answer *answer);

/* ERR_EXISTS: a valid key has the name. ERR_REFUSED: there are ACCESS_KEYS_MAX. */
void access_create(struct flow *f, const struct access_order *o, access_reply *reply,
                   void *context);
/* ERR_NOT_FOUND. A key that is revoked already is answered as it is. */
void access_revoke(struct flow *f, struct slice id, struct slice actor, access_reply *reply,
                   void *context);

/* Those that are known, valid or not. NULL: none. Iteration: from *cursor = 0, in any order. */
const struct access_key *access_find(const struct flow *f, struct slice id);
const struct access_key *access_next(const struct flow *f, size_t *cursor);
size_t access_count(const struct flow *f);
bool access_is_valid(const struct access_key *key, int64_t now_ms);
void access_use(struct flow *f, const struct access_key *key, int64_t now_ms);

#endif
