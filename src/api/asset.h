/* Files inside the program: the page as web/build.mjs leaves it ("index.html", "assets/…"), what
 * lies in src/api/assets/ under its bare name ("openapi.json"), and the examples under their path
 * ("examples/food-order.yaml"). The build generates the table. */
#ifndef SWM_API_ASSET_H
#define SWM_API_ASSET_H

#include "base/slice.h"

struct asset {
    const char *name;
    const char *type;           /* the media type, as Content-Type says it */
    const unsigned char *bytes; /* a NUL follows them that len does not count */
    size_t len;
    const unsigned char *gzip; /* the same, smaller; NULL: it does not shrink */
    size_t gzip_len;
    const char *etag; /* a weak entity tag with its quotes: other bytes, another tag */
};

/* Ends with a row whose name is NULL. */
extern const struct asset asset_table[];

/* The file of exactly that name, or NULL. Static memory, any thread. */
const struct asset *asset_find(struct slice name);

#endif
