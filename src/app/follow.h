/* Waits for what happens to one instance, over the server's event stream; comes back by itself when
 * the server has been away. */
#ifndef SWM_APP_FOLLOW_H
#define SWM_APP_FOLLOW_H

#include "app/cli.h"

struct follow {
    struct cli *cli;
    const char *path;
    struct client_call *stream; /* NULL: not connected */
    int64_t retry_at_ms;
    bool is_news, was_connected;
};

/* `instance`: an id, not a key. */
void follow_open(struct follow *f, struct cli *c, const char *instance);
/* Waits until something may have happened (true) or `timeout_ms` is over (false). */
bool follow_wait(struct follow *f, int timeout_ms);
void follow_close(struct follow *f);

/* Waits until the instance is finished; *shown is what it is then. */
int follow_to_end(struct cli *c, const char *instance, yyjson_val **shown);

#endif
