/* Reads the clock once per round for the loop. Before it stands the system, after it
 * everything that asks what time it is. It must never go back. */
#include "app/clock_system.h"

#include <time.h>

static int64_t read_us(clockid_t id)
{
    struct timespec t;
    if (clock_gettime(id, &t) != 0)
        return 0;
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t read_system(struct clock *clock)
{
    struct clock_system *c = (struct clock_system *)(void *)clock;
    int64_t steady_us = read_us(CLOCK_BOOTTIME);
    int64_t now_ms =
        c->is_stores ? steady_us / 1000 + c->offset_ms : read_us(CLOCK_REALTIME) / 1000;
    if (now_ms >= c->told_ms) {
        c->told_ms = now_ms;
        c->steady_us = steady_us;
        return now_ms;
    }
    int64_t gained_ms = (steady_us - c->steady_us) / 2000;
    if (gained_ms > 0) {
        c->told_ms += gained_ms;
        c->steady_us += gained_ms * 2000;
    }
    return c->told_ms;
}

void clock_system_init(struct clock_system *c)
{
    *c = (struct clock_system){.clock = {read_system}};
}
