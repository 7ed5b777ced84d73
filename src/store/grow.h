/* Arrays that grow in an arena, for results whose number is not known beforehand. */
#ifndef SWM_STORE_GROW_H
#define SWM_STORE_GROW_H

#include "base/arena.h"

#include <stdint.h>

/* One more zeroed element at the end; *items moves as the array grows. *count starts at 0. */
void *grow_one(struct arena *a, void **items, uint32_t *count, size_t size);

#endif
