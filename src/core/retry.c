/* When is a failed attempt tried again? Delay, backoff, cap, jitter, attempts, budget: pure
 * arithmetic over the template's retry and the numbers of the attempt. */
#include "core/step_int.h"

#include "base/time.h"
#include "core/token.h"

#include <stdio.h>

static bool is_excluded(const struct retry *r, struct slice error)
{
    for (uint32_t k = 0; k < r->not_on_count; k++)
        if (slice_eq(r->not_on[k], error))
            return true;
    return false;
}

/* delay * backoff^(tries - 1), at most the cap. Grows in doubles: beyond 2^53 it is capped anyway.
 */
static int64_t grown_delay_ms(const struct retry *r, int64_t tries)
{
    double delay_ms = (double)r->delay_ms;
    double cap_ms = (double)(r->max_delay_ms > 0 ? r->max_delay_ms : DURATION_MS_MAX);
    for (int64_t k = 1; k < tries && delay_ms < cap_ms && r->backoff > 1; k++)
        delay_ms *= r->backoff;
    return (int64_t)(delay_ms < cap_ms ? delay_ms : cap_ms);
}

/* Full jitter: anything from 0 to the delay, the same for the same attempt wherever it is worked
 * out. */
static int64_t jitter_ms(const struct instance *i, uint32_t task, int64_t delay_ms)
{
    const struct task_state *s = &i->tasks[task];
    char name[256];
    int len = snprintf(name, sizeof name, "%.*s %u %lld %lld", SLICE_ARG(i->id), task,
                       (long long)s->generation, (long long)s->attempt);
    size_t kept = len < 0 ? 0 : (size_t)len < sizeof name ? (size_t)len : sizeof name - 1;
    return (int64_t)(hash_64((struct slice){name, kept}) % ((uint64_t)delay_ms + 1));
}

bool retry_next(const struct instance *i, uint32_t task, int64_t now_ms, int64_t *at_ms)
{
    const struct retry *r = &i->template->tasks[task].retry;
    const struct task_state *s = &i->tasks[task];
    if (s->tries >= (int64_t)r->max_attempts || is_excluded(r, s->error))
        return false;
    int64_t delay_ms = grown_delay_ms(r, s->tries);
    if (r->jitter == JITTER_FULL)
        delay_ms = jitter_ms(i, task, delay_ms);
    *at_ms = time_add(now_ms, delay_ms);
    return r->total_ms == 0 || *at_ms <= time_add(s->first_at_ms, r->total_ms);
}
