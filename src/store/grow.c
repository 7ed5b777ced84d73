/* The one array that grows. Both drivers fill their results through it; it knows nothing of what
 * the elements are. */
#include "store/grow.h"

#include <string.h>

void *grow_one(struct arena *a, void **items, uint32_t *count, size_t size)
{
    uint32_t n = *count;

    if ((n & (n - 1)) == 0) { /* 0 or a power of two: it is full */
        void *more = arena_array(a, n == 0 ? 1 : (size_t)n * 2, size);
        if (n > 0) {
            memcpy(more, *items, n * size);
        }
        *items = more;
    }
    *count = n + 1;
    return (char *)*items + n * size;
}
