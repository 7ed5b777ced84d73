/* The task message: what a worker gets. */
#ifndef SWM_CORE_MESSAGE_H
#define SWM_CORE_MESSAGE_H

#include "core/token.h"

/* The message of the task's current attempt as JSON text; with `keys` NULL the token is left as a
 * placeholder of the same length (for measuring). Templates of the earlier form get its fields too.
 */
struct slice message_write(struct arena *a, const struct instance *i, uint32_t task,
                           const struct token_keys *keys);

#endif
