/* Replay: tasks run again under a new generation. What runs again is the named task or stage and,
 * unless it is to run alone, everything that depends on it: tasks that need it, directly or not,
 * and all later stages. Earlier generations stay in the events. */
#include "core/step_int.h"

#include "base/arena.h"
#include "base/time.h"

static bool is_any_need_marked(const struct task *t, const bool *marked)
{
    for (uint32_t k = 0; k < t->needs_count; k++)
        if (marked[t->needs[k]])
            return true;
    return false;
}

/* Needs may point at any earlier or later index of the stage, so go on until nothing is added. */
static void mark_dependents(const struct template *t, uint32_t stage, bool *marked)
{
    for (bool is_growing = true; is_growing;) {
        is_growing = false;
        for (uint32_t k = 0; k < t->task_count; k++) {
            bool depends = t->tasks[k].stage > stage || is_any_need_marked(&t->tasks[k], marked);
            if (!marked[k] && depends)
                marked[k] = is_growing = true;
        }
    }
}

/* Tasks that a cancel stopped run again with any replay, or the instance could never end. */
static void mark_cancelled(const struct instance *i, bool *marked)
{
    for (uint32_t k = 0; k < i->template->task_count; k++)
        if (i->tasks[k].status == TASK_CANCELLED)
            marked[k] = true;
}

static void list_replayed(struct step_context *c, const bool *marked)
{
    uint32_t *tasks = arena_array(c->arena, c->i->template->task_count, sizeof *tasks);
    uint32_t count = 0;
    for (uint32_t k = 0; k < c->i->template->task_count; k++)
        if (marked[k] && c->i->tasks[k].attempt > 0)
            tasks[count++] = k;
    c->out->replayed = tasks;
    c->out->replayed_count = count;
}

/* Back to PENDING. A task that had run, or failed before it could, gets a new generation. */
static void reset_task(struct step_context *c, uint32_t task)
{
    const struct task_state *s = &c->i->tasks[task];
    if (s->status == TASK_PENDING)
        return;
    settle_withdraw(c, task);
    if (s->attempt > 0 || s->status == TASK_FAILED)
        step_set_number(c, SCOPE_TASK, task, "generation", s->generation + 1);
    step_set_number(c, SCOPE_TASK, task, "status", TASK_PENDING);
    step_set_number(c, SCOPE_TASK, task, "attempt", 0);
    step_set_number(c, SCOPE_TASK, task, "tries", 0);
    step_set_number(c, SCOPE_TASK, task, "input_given", 0);
    step_set_number(c, SCOPE_TASK, task, "message_deleted", 0);
    step_set_text(c, SCOPE_TASK, task, "input", SLICE_NONE);
    step_set_text(c, SCOPE_TASK, task, "output", SLICE_NONE);
    step_set_text(c, SCOPE_TASK, task, "error", SLICE_NONE);
    step_set_text(c, SCOPE_TASK, task, "message", SLICE_NONE);
}

static void reset_marked(struct step_context *c, const bool *marked, uint32_t target_stage)
{
    const struct template *t = c->i->template;
    for (uint32_t k = 0; k < t->task_count; k++) {
        if (!marked[k])
            continue;
        reset_task(c, k);
        uint32_t stage = t->tasks[k].stage;
        if (stage == target_stage)
            continue;
        if (c->i->stages[stage].status != STAGE_PENDING)
            step_set_number(c, SCOPE_STAGE, stage, "status",
                            stage < target_stage ? STAGE_ACTIVE : STAGE_PENDING);
    }
    if (c->i->stages[target_stage].status != STAGE_ACTIVE)
        step_set_number(c, SCOPE_STAGE, target_stage, "status", STAGE_ACTIVE);
}

/* Later stages without tasks have nothing to mark, but run their course again too. */
static void reset_later_stages(struct step_context *c, uint32_t target_stage)
{
    for (uint32_t k = target_stage + 1; k < c->i->template->stage_count; k++)
        if (c->i->stages[k].status != STAGE_PENDING)
            step_set_number(c, SCOPE_STAGE, k, "status", STAGE_PENDING);
}

/* A finished instance opens again, with its whole timeout before it; a paused one stays paused. */
static void reopen(struct step_context *c)
{
    struct instance *i = c->i;
    if (i->status == INSTANCE_RUNNING || i->status == INSTANCE_PAUSED)
        return;
    step_set_number(c, SCOPE_INSTANCE, 0, "status", INSTANCE_RUNNING);
    step_set_text(c, SCOPE_INSTANCE, 0, "error", SLICE_NONE);
    step_set_text(c, SCOPE_INSTANCE, 0, "message", SLICE_NONE);
    step_set_text(c, SCOPE_INSTANCE, 0, "output", SLICE_NONE);
    if (i->template->timeout_ms > 0)
        step_set_number(c, SCOPE_INSTANCE, 0, "deadline_at",
                        time_add(c->out->at_ms, i->template->timeout_ms));
}

static bool is_refused(struct step_context *c, uint32_t stage)
{
    const struct instance *i = c->i;
    if (c->e->only && i->status == INSTANCE_CANCELLED)
        step_answer(c, VERDICT_REFUSED,
                    "a cancelled instance is replayed with all that follows, not \"only\"");
    else if (i->stages[stage].status == STAGE_PENDING)
        step_answer(c, VERDICT_REFUSED, "the stage %.*s has not been reached yet",
                    SLICE_ARG(i->template->stages[stage].name));
    return c->out->verdict == VERDICT_REFUSED;
}

/* Runs the marked tasks again; `target` is the one that gets the given input, or -1. */
static void replay(struct step_context *c, bool *marked, uint32_t stage, int target)
{
    const struct instance *i = c->i;
    if (!c->e->only)
        mark_dependents(i->template, stage, marked);
    if (i->status == INSTANCE_CANCELLED)
        mark_cancelled(i, marked);
    list_replayed(c, marked);
    reset_marked(c, marked, stage);
    if (!c->e->only)
        reset_later_stages(c, stage);
    reopen(c);
    if (target >= 0 && c->e->input.len > 0) {
        step_set_text(c, SCOPE_TASK, (uint32_t)target, "input", c->e->input);
        step_set_number(c, SCOPE_TASK, (uint32_t)target, "input_given", 1);
    }
    if (c->e->only && target >= 0 && i->status == INSTANCE_RUNNING)
        settle_schedule(c, (uint32_t)target); /* alone: whatever its needs are doing */
    settle(c);
}

void rule_replay_task(struct step_context *c)
{
    const struct template *t = c->i->template;
    int task = template_named_task(t, c->e->stage, c->e->task);
    if (task < 0) {
        step_answer(c, VERDICT_UNKNOWN, "the template %.*s has no task \"%.*s\"",
                    SLICE_ARG(t->name), SLICE_ARG(c->e->task));
        return;
    }
    if (is_refused(c, t->tasks[task].stage))
        return;
    if (c->i->tasks[task].status == TASK_PENDING) {
        step_answer(c, VERDICT_REFUSED, "the task %.*s has not run yet",
                    SLICE_ARG(t->tasks[task].name));
        return;
    }
    bool *marked = arena_array(c->arena, t->task_count, sizeof *marked);
    marked[task] = true;
    replay(c, marked, t->tasks[task].stage, task);
}

void rule_replay_stage(struct step_context *c)
{
    const struct template *t = c->i->template;
    int stage = template_find_stage(t, c->e->stage);
    if (stage < 0) {
        step_answer(c, VERDICT_UNKNOWN, "the template %.*s has no stage \"%.*s\"",
                    SLICE_ARG(t->name), SLICE_ARG(c->e->stage));
        return;
    }
    if (c->e->input.len > 0) {
        step_answer(c, VERDICT_INVALID, "a changed input goes with one task, not with a stage");
        return;
    }
    if (is_refused(c, (uint32_t)stage))
        return;
    bool *marked = arena_array(c->arena, t->task_count + 1, sizeof *marked);
    for (uint32_t k = 0; k < t->stages[stage].task_count; k++)
        marked[t->stages[stage].first_task + k] = true;
    replay(c, marked, (uint32_t)stage, -1);
}
