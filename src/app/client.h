/* Speaks HTTP with a server. Several calls may be under way at once; whoever waits for one moves
 * all of them on. One thread. */
#ifndef SWM_APP_CLIENT_H
#define SWM_APP_CLIENT_H

#include "base/err.h"
#include "base/slice.h"

#include <poll.h>

#define CLIENT_WAIT_MS 60000 /* how long an answer may take where nothing else is said */
#define CLIENT_WHY_BYTES 512

struct client;
struct client_call;

struct client_request {
    const char *method; /* "GET", "POST", "DELETE" */
    const char *path;   /* from the slash on, encoded, with its query */
    struct slice body;  /* absent: none */
    const char *type;   /* of the body; NULL: application/json */
    int64_t timeout_ms; /* 0: CLIENT_WAIT_MS, less than 0: as long as it takes */
    bool is_stream;     /* an event stream: only whether something came is kept */
};

struct client_answer {
    int status;
    struct slice body; /* in the arena that was given */
};

/* `url` NULL: SWM_URL, else http://127.0.0.1:7960. Credentials are SWM_TOKEN's,
 * and SWM_CA_FILE names who vouches for a server's certificate. ERR_INVALID: the
 * URL or the token is none, and `why` says so. */
enum err client_open(const char *url, struct client **out, char why[CLIENT_WHY_BYTES]) MUST_USE;
void client_close(struct client *c);
const char *client_url(const struct client *c); /* without a slash at its end */

/* Asks and waits for the answer, whatever its status. ERR_IO: there was none, and client_why says
 * in a sentence why. ERR_TOO_LARGE: it is beyond any reason. */
enum err client_ask(struct client *c, struct arena *a, const struct client_request *r,
                    struct client_answer *out) MUST_USE;
const char *client_why(const struct client *c);

/* The same in pieces. The call is the caller's until client_take or client_drop. The request's
 * texts are copied. NULL: memory is short. */
struct client_call *client_begin(struct client *c, const struct client_request *r);
/* Moves all calls on and waits until something happens to one of them or to `fds`, at most
 * `timeout_ms`. */
void client_wait(struct client *c, struct pollfd *fds, unsigned count, int timeout_ms);
bool client_is_done(const struct client_call *call);
bool client_is_connected(const struct client_call *call); /* its stream has begun */
bool client_has_news(struct client_call *call);           /* since it was last asked so */
enum err client_take(struct client *c, struct client_call *call, struct arena *a,
                     struct client_answer *out) MUST_USE;
void client_drop(struct client *c, struct client_call *call);

#endif
