/* Finds a file inside the program by its name. The page's routes come before it, as does what
 * applies the examples; after it comes nothing but bytes. It must not read the disk: the program is
 * one file. */
#include "api/asset.h"

const struct asset *asset_find(struct slice name)
{
    for (const struct asset *a = asset_table; a->name != NULL; a++) {
        if (slice_eq_text(name, a->name))
            return a;
    }
    return NULL;
}
