/* The system's clock behind the clock port: the wall clock, which never goes back. While the wall
 * clock is behind what was told already (it was set back), time goes on at half its speed until it
 * is caught up: nothing fires twice, and nothing waits for hours. */
#ifndef SWM_APP_CLOCK_SYSTEM_H
#define SWM_APP_CLOCK_SYSTEM_H

#include "port/clock.h"

struct clock_system {
    struct clock clock; /* first: the port */
    int64_t offset_ms;  /* added to the wall clock: the store's time, where that is another */
    int64_t told_ms;
    int64_t steady_us; /* the steady clock when told_ms was told */
};

void clock_system_init(struct clock_system *c);

#endif
