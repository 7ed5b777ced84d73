/* The system's clock behind the clock port: the wall clock, or the time of a store that has one,
 * which the steady clock carries on, so that setting a node's wall clock changes nothing. It never
 * goes back. While it is behind what was told already (it was set back), time goes on at half its
 * speed until it is caught up: nothing fires twice, and nothing waits for hours. */
#ifndef SWM_APP_CLOCK_SYSTEM_H
#define SWM_APP_CLOCK_SYSTEM_H

#include "port/clock.h"

#include <stdbool.h>

struct clock_system {
    struct clock clock; /* first: the port */
    bool is_stores;     /* the store has a time of its own: */
    int64_t offset_ms;  /* added to the steady clock */
    int64_t told_ms;
    int64_t steady_us; /* the steady clock when told_ms was told */
};

void clock_system_init(struct clock_system *c);

#endif
