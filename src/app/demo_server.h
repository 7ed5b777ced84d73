/* A server of the demo's own: this program once more, as a child that ends with it. */
#ifndef SWM_APP_DEMO_SERVER_H
#define SWM_APP_DEMO_SERVER_H

#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

#define DEMO_LINE_BYTES 512

struct demo_server {
    const char *data;
    char listen[DEMO_LINE_BYTES]; /* the port is known after the first start */
    char url[DEMO_LINE_BYTES];    /* empty: it is not ready */
    pid_t pid;                    /* 0: it does not run */
    int out_fd;                   /* what it says; -1 */
    char line[DEMO_LINE_BYTES];
    size_t line_len;
};

enum demo_change { DEMO_SAME, DEMO_READY, DEMO_DIED };

enum err demo_server_start(struct demo_server *s) MUST_USE; /* ERR_IO: errno tells why */
/* What has become of it since the last call. Never waits. */
enum demo_change demo_server_look(struct demo_server *s);
void demo_server_stop(struct demo_server *s); /* in order; waits for it */

#endif
