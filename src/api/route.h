/* The table of addresses: what /v1 lists, what 404 and 405 follow from, and what docs/openapi.json
 * is tested against. */
#ifndef SWM_API_ROUTE_H
#define SWM_API_ROUTE_H

#include "api/rest.h"
#include "core/vocab.h"

#define ROUTE_ARGS_MAX 3

/* `args`: the decoded pieces of the path that stand for {names}. The handler answers. */
typedef void route_handler(struct rest *x, struct http_request *r, const struct slice *args);

struct route {
    const char *method;
    const char *path; /* pieces in braces match any one piece */
    route_handler *handle;
    enum role role;    /* who may ask; without credentials everybody on this machine is an admin */
    const char *query; /* names allowed in the query, separated by blanks */
    const char *summary;
};

extern const struct route route_table[]; /* ends with a row whose method is NULL */

/* Finds the row for the request and its args. NULL: none; then *allow says which methods the
 * address does take ("GET, POST"; absent: there is no such address). */
const struct route *route_find(struct http_request *r, struct slice args[ROUTE_ARGS_MAX],
                               struct slice *allow);

#endif
