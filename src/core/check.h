/* Invariants of one instance (DESIGN section 10), asserted after every step in every build and
 * attacked by the simulator. */
#ifndef SWM_CORE_CHECK_H
#define SWM_CORE_CHECK_H

#include "core/model.h"

/* NULL when all hold, else the name of the first that does not, e.g. "I2 RUNNING waits for
 * nothing". */
const char *check_instance(const struct instance *i);

#endif
