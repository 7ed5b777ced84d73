/* Invariants that hold for every instance between two events. */
#include "core/check.h"

#include "base/time.h"

static const char *check_task(const struct instance *i, uint32_t task)
{
    const struct task_state *s = &i->tasks[task];
    bool is_out = task_status_is_out((enum task_status)s->status);
    if (s->generation < 1 || s->attempt < 0 || s->tries < 0)
        return "I4 a task's numbers start at one and never fall below";
    if (is_out && (s->attempt == 0 || s->sent_at_ms == 0))
        return "I5 a task that is out was sent";
    if (s->status == TASK_RETRYING && s->retry_at_ms == 0)
        return "I2 a retrying task knows when";
    if (s->status == TASK_PENDING && (s->attempt != 0 || s->output.len > 0))
        return "I8 a pending task has neither attempt nor output";
    return NULL;
}

static const char *check_stage(const struct instance *i, uint32_t stage)
{
    const struct stage *t = &i->template->stages[stage];
    for (uint32_t k = 0; k < t->task_count; k++) {
        int64_t status = i->tasks[t->first_task + k].status;
        if (i->stages[stage].status == STAGE_COMPLETED && status != TASK_COMPLETED)
            return "I3 a completed stage has only completed tasks";
        if (i->stages[stage].status == STAGE_PENDING && status != TASK_PENDING &&
            status != TASK_CANCELLED)
            return "I3 a stage that has not been reached has not begun";
    }
    return NULL;
}

/* RUNNING waits for something that can come: an answer, or a time. */
static bool does_wait(const struct instance *i)
{
    for (uint32_t k = 0; k < i->template->task_count; k++) {
        enum task_status s = (enum task_status)i->tasks[k].status;
        if (task_status_is_out(s) || s == TASK_RETRYING)
            return true;
    }
    return false;
}

static bool is_all_completed(const struct instance *i)
{
    for (uint32_t k = 0; k < i->template->stage_count; k++)
        if (i->stages[k].status != STAGE_COMPLETED)
            return false;
    return true;
}

static const char *check_whole(const struct instance *i)
{
    bool is_open = instance_status_is_open((enum instance_status)i->status);
    if (i->status == INSTANCE_RUNNING && !does_wait(i))
        return "I2 RUNNING waits for nothing";
    if (!is_open && instance_wake_at(i, 0) != TIME_NEVER)
        return "I10 what is finished has a wake-up time";
    if (i->status == INSTANCE_COMPLETED && !is_all_completed(i))
        return "I3 COMPLETED with a stage that is not";
    if (i->status == INSTANCE_CANCELLED && does_wait(i))
        return "I10 CANCELLED waits for something";
    if (is_open != (i->finished_at_ms == 0))
        return "I3 an end without a time, or a time without an end";
    return NULL;
}

const char *check_instance(const struct instance *i)
{
    if (i->status == INSTANCE_NONE)
        return NULL;
    const char *broken = check_whole(i);
    for (uint32_t k = 0; k < i->template->task_count && broken == NULL; k++)
        broken = check_task(i, k);
    for (uint32_t k = 0; k < i->template->stage_count && broken == NULL; k++)
        broken = check_stage(i, k);
    return broken;
}
