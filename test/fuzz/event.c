/* Any bytes as an event: decoded or refused with a reason, never anything else. */
#include "core/event.h"
#include "base/arena.h"
#include "core/limits.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct event e;
    struct slice why = SLICE_NONE, bytes = {(const char *)data, size};
    yyjson_val *root;
    arena_init(&a, WORK_BYTES_MAX);
    if (json_read(&a, bytes, EVENT_BYTES_MAX, JSON_DEPTH_MAX, NULL, &root) == ERR_NONE) {
        enum err err = event_decode(&a, root, &e, &why);
        if ((err == ERR_NONE) != (why.at == NULL))
            abort();
    }
    (void)event_brief(&a, bytes);
    arena_drop(&a);
    return 0;
}
