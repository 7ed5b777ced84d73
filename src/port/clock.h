/* The clock port. Read once per round of the loop; nothing else in swm reads a clock.
 * A backward jump of the wall clock is smoothed: time goes slower until it is caught up, so nothing
 * fires twice; a forward jump makes due what is due by the wall clock. */
#ifndef SWM_PORT_CLOCK_H
#define SWM_PORT_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t (*read)(struct clock *c); /* milliseconds since 1970 UTC, never less than before */
};

#endif
