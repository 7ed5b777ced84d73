/* Who asks, and may they? Bearer tokens of access keys, and the admin key that a deployment is
 * started with. Where there is neither, the server is open: everybody who reaches it is an admin,
 * which is why it then listens on loopback only. A key's text is "swm_ID_SECRET"; of it only a
 * SHA-256 is kept. Compares take constant time. */
#ifndef SWM_API_AUTH_H
#define SWM_API_AUTH_H

#include "api/http.h"
#include "flow/access.h"

#define AUTH_ADMIN_NAME "SWM_ADMIN_KEY" /* its name in records; no key may be called so */
#define AUTH_SECRET_BYTES 32            /* of chance in a key's text */
#define AUTH_TEXT_CHARS (4 + HASH_ID_CHARS + 1 + 52)

struct auth_caller { /* lives in the request's arena; http_caller finds it */
    enum role role;
    struct slice only;  /* the one instance that a share link shows; absent: all of them */
    struct slice actor; /* "key:NAME" or "key:ID"; absent: the server is open; who invoked AWS
                           Lambda directly: "lambda" */
};

struct auth {
    struct flow *flow;
    bool has_admin, must_have_keys;
    uint8_t admin_hash[SHA256_BYTES];
    int64_t now_ms;
    uint64_t unauthorized, forbidden; /* requests refused so */
};

/* `admin`: the text of SWM_ADMIN_KEY; absent: none. */
void auth_init(struct auth *a, struct slice admin);
bool auth_is_on(const struct auth *a);
/* There are no keys, and without keys nobody may be let in. */
bool auth_is_shut(const struct auth *a);
/* Finds out who asks and notes it with the request. ERR_UNAUTHORIZED: *why says what is wrong. */
enum err auth_find(struct auth *a, struct http_request *r, const char **why) MUST_USE;
/* Whether a share link is shown, as the query's `share` or as a bearer, and what it opens: noted as
 * a viewer of one instance. Also where the server is open. ERR_UNAUTHORIZED: altered or expired. */
bool auth_has_share(struct http_request *r);
enum err auth_find_share(struct auth *a, struct http_request *r, const char **why) MUST_USE;
/* The same where a signature, checked by the caller, names the key. */
enum err auth_find_by_id(struct auth *a, struct http_request *r, struct slice id,
                         const char **why) MUST_USE;
/* The role of whoever asks; an open server's callers are admins. */
enum role auth_role(const struct http_request *r);
/* Who asks, for records: the key's name, or, at an open server, the client's address. */
struct slice auth_actor(const struct http_request *r);
/* Whoever may invoke the function in AWS Lambda; AWS has seen to who that is. */
extern const struct auth_caller auth_invoker;
bool auth_is_invoker(const struct http_request *r);
/* Answers 401 or 403, so that clients and people know what to do. */
void auth_refuse(struct auth *a, struct http_request *r, enum err e, const char *why);

/* A key's text from its id and chance, and the id in one. False: it is no key's text. Pure. */
struct slice auth_text(struct arena *a, struct slice id, const uint8_t secret[AUTH_SECRET_BYTES]);
bool auth_text_id(struct slice text, struct slice *id);
/* The secret access key that belongs to a key's id, for SDKs that sign (SigV4). */
struct slice auth_aws_secret(struct arena *a, const struct flow *f, struct slice id);

#endif
