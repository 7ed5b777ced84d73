/* When is something of an instance due by itself? The nearest of its tasks' timeouts and retries,
 * its own timeout and its resume time: one wake-up time per instance, worked out from the state
 * whenever it changed and never stored as a truth of its own. */
#include "core/model.h"

#include "base/time.h"

struct due {
    int64_t at_ms;
    const char *what;
};

static void take_earlier(struct due *d, int64_t at_ms, const char *what)
{
    if (at_ms < d->at_ms) {
        d->at_ms = at_ms;
        d->what = what;
    }
}

/* A deadline that waits for a worker's sign, moved back by the grace after a start: only of
 * attempts that were out then, whose signs may have been missed. */
static int64_t with_grace(int64_t at_ms, const struct task *t, int64_t grace_from_ms)
{
    if (grace_from_ms == 0)
        return at_ms;
    int64_t grace_ms =
        t->timeout.heartbeat_ms > HEARTBEAT_GRACE_MS ? t->timeout.heartbeat_ms : HEARTBEAT_GRACE_MS;
    int64_t least_ms = time_add(grace_from_ms, grace_ms);
    return at_ms > least_ms ? at_ms : least_ms;
}

/* A worker need not say that it started, so an attempt without a sign of life is over only when the
 * time to be taken and the time to run have both passed. */
static void add_unstarted(struct due *d, const struct task *t, const struct task_state *s,
                          int64_t grace_from_ms)
{
    int64_t queued_ms = t->timeout.queued_ms, running_ms = t->timeout.running_ms;
    if (queued_ms == 0 && running_ms == 0)
        return;
    int64_t at_ms = time_add(time_add(s->sent_at_ms, queued_ms), running_ms);
    take_earlier(d, with_grace(at_ms, t, grace_from_ms), queued_ms > 0 ? "queued" : "running");
}

static void add_started(struct due *d, const struct task *t, const struct task_state *s,
                        int64_t grace_from_ms)
{
    if (t->timeout.running_ms > 0)
        take_earlier(
            d, with_grace(time_add(s->started_at_ms, t->timeout.running_ms), t, grace_from_ms),
            "running");
    if (t->timeout.heartbeat_ms > 0) {
        int64_t last_ms = time_add(s->alive_at_ms, task_beat_unrecorded_ms(t));
        take_earlier(d, with_grace(time_add(last_ms, t->timeout.heartbeat_ms), t, grace_from_ms),
                     "heartbeat");
    }
}

/* Between two records a heartbeat leaves no trace, so the last one may have come so much later than
 * the last recorded one: any process may have heard it, also one that is no more. */
int64_t task_beat_unrecorded_ms(const struct task *t)
{
    return t->timeout.heartbeat_ms > 0 ? t->timeout.heartbeat_ms / 3 : ROW_FLUSH_MS;
}

static bool do_timers_run(const struct instance *i)
{
    return i->status == INSTANCE_RUNNING ||
           (i->status == INSTANCE_PAUSED && i->timers == TIMERS_RUN);
}

int64_t instance_task_wake_at(const struct instance *i, uint32_t task, int64_t grace_from_ms,
                              const char **what)
{
    const struct task *t = &i->template->tasks[task];
    const struct task_state *s = &i->tasks[task];
    struct due d = {TIME_NEVER, NULL};
    if (s->sent_at_ms >= grace_from_ms)
        grace_from_ms = 0;
    if (do_timers_run(i)) {
        if (s->status == TASK_SCHEDULED)
            add_unstarted(&d, t, s, grace_from_ms);
        else if (s->status == TASK_RUNNING)
            add_started(&d, t, s, grace_from_ms);
        else if (s->status == TASK_RETRYING && i->status == INSTANCE_RUNNING)
            take_earlier(&d, s->retry_at_ms, "retry");
        bool is_unfinished =
            task_status_is_out((enum task_status)s->status) || s->status == TASK_RETRYING;
        if (is_unfinished && t->timeout.total_ms > 0)
            take_earlier(&d, time_add(s->first_at_ms, t->timeout.total_ms), "total");
    }
    if (what != NULL)
        *what = d.what;
    return d.at_ms;
}

int64_t instance_wake_at(const struct instance *i, int64_t grace_from_ms)
{
    int64_t at_ms = TIME_NEVER;
    if (i->status == INSTANCE_PAUSED && i->resume_at_ms > 0)
        at_ms = i->resume_at_ms;
    if (!do_timers_run(i))
        return at_ms;
    if (i->deadline_at_ms > 0)
        at_ms = time_min(at_ms, i->deadline_at_ms);
    for (uint32_t k = 0; k < i->template->task_count; k++)
        at_ms = time_min(at_ms, instance_task_wake_at(i, k, grace_from_ms, NULL));
    return at_ms;
}
