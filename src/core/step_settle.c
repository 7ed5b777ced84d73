/* What follows from a rule: which tasks can be sent now, which stage is done, whether the instance
 * has come to its end. Settled to a fixpoint from the state alone; nothing is counted or remembered
 * between events, so a lost or repeated event can't leave an instance waiting for nothing. */
#include "core/step_int.h"

#include "base/arena.h"
#include "core/expr.h"
#include "core/message.h"

#include <assert.h>

#define EXPRESSION_ERROR SLICE("ExpressionError")
#define MESSAGE_ERROR SLICE("MessageTooLarge")

static struct slice output_of(const void *context, struct slice task_id)
{
    const struct instance *i = context;
    int task = template_find_task(i->template, -1, task_id);
    return task < 0 ? SLICE_NONE : i->tasks[task].output;
}

static enum err eval(struct step_context *c, const struct expr *e, struct slice *json,
                     struct slice *why)
{
    struct expr_scope scope = {c->i->input, output_of, c->i};
    return expr_eval(c->arena, e, &scope, json, why);
}

void settle_withdraw(struct step_context *c, uint32_t task)
{
    if (instance_has_message(c->i, task))
        step_add_effect(c, EFFECT_WITHDRAW, task);
}

void settle_fail_instance(struct step_context *c, struct slice error, struct slice message)
{
    step_set_number(c, SCOPE_INSTANCE, 0, "status", INSTANCE_FAILED);
    step_set_text(c, SCOPE_INSTANCE, 0, "error", error);
    step_set_text(c, SCOPE_INSTANCE, 0, "message", message);
}

static void fail_for_task(struct step_context *c, uint32_t task)
{
    const struct task_state *s = &c->i->tasks[task];
    struct text message = text_new(c->arena, ERROR_MESSAGE_BYTES_MAX);
    text_put_c(&message, "task ");
    text_put(&message, c->i->template->tasks[task].name);
    text_printf(&message, " failed in attempt %lld", (long long)s->attempt);
    if (s->message.len > 0) {
        text_put_c(&message, ": ");
        text_put(&message, s->message);
    }
    settle_fail_instance(c, s->error, text_slice(&message));
}

/* The task is over without success. The instance fails with it at once when it runs; a paused one
 * when it is resumed; one that has ended keeps its end. */
static void fail_task(struct step_context *c, uint32_t task)
{
    step_set_number(c, SCOPE_TASK, task, "status", TASK_FAILED);
    uint32_t stage = c->i->template->tasks[task].stage;
    if (c->i->stages[stage].status == STAGE_ACTIVE)
        step_set_number(c, SCOPE_STAGE, stage, "status", STAGE_FAILED);
    if (c->i->status == INSTANCE_RUNNING)
        fail_for_task(c, task);
}

static void set_error(struct step_context *c, uint32_t task, struct slice error,
                      struct slice message)
{
    step_set_text(c, SCOPE_TASK, task, "error", error);
    step_set_text(c, SCOPE_TASK, task, "message", message);
}

/* While timers are frozen it is the time of the pause; a resume moves what was worked out from it.
 */
static int64_t timer_now(const struct step_context *c)
{
    bool is_frozen = c->i->status == INSTANCE_PAUSED && c->i->timers == TIMERS_FREEZE;
    return is_frozen ? c->i->paused_at_ms : c->out->at_ms;
}

void settle_fail_attempt(struct step_context *c, uint32_t task, struct slice error,
                         struct slice message)
{
    int64_t retry_at_ms = 0;
    bool is_out_of_time = slice_eq(error, SLICE("Timeout.total"));
    settle_withdraw(c, task);
    set_error(c, task, error, message);
    step_set_number(c, SCOPE_TASK, task, "tries", c->i->tasks[task].tries + 1);
    if (is_out_of_time || !retry_next(c->i, task, timer_now(c), &retry_at_ms)) {
        fail_task(c, task);
        return;
    }
    step_set_number(c, SCOPE_TASK, task, "status", TASK_RETRYING);
    step_set_number(c, SCOPE_TASK, task, "retry_at", retry_at_ms);
}

/* A task's first attempt in a generation works out its input; later attempts send the same. */
static bool prepare_input(struct step_context *c, uint32_t task)
{
    const struct task *t = &c->i->template->tasks[task];
    const struct task_state *s = &c->i->tasks[task];
    if (s->attempt > 0 || s->input_given)
        return true;
    struct slice json = SLICE("{}"), why = SLICE_NONE;
    if (t->input != NULL && eval(c, t->input, &json, &why) != ERR_NONE) {
        set_error(c, task, EXPRESSION_ERROR, why);
        fail_task(c, task);
        return false;
    }
    step_set_text(c, SCOPE_TASK, task, "input", json);
    return true;
}

/* Measured only where it can matter: everything but the input, the keys and the earlier form's
 * further fields is far smaller than half the limit. */
static bool is_message_too_large(struct step_context *c, uint32_t task)
{
    const struct task *t = &c->i->template->tasks[task];
    size_t large = c->i->tasks[task].input.len + t->extra.len;
    if (t->queue.len == 0 || large < MESSAGE_BYTES_MAX / 2)
        return false;
    return message_write(c->arena, c->i, task, NULL).len > MESSAGE_BYTES_MAX;
}

void settle_schedule(struct step_context *c, uint32_t task)
{
    if (!prepare_input(c, task))
        return;
    step_set_number(c, SCOPE_TASK, task, "attempt", c->i->tasks[task].attempt + 1);
    if (is_message_too_large(c, task)) {
        set_error(c, task, MESSAGE_ERROR,
                  SLICE("the task message would be larger than 256 KiB; pass a reference"));
        fail_task(c, task);
        return;
    }
    step_set_number(c, SCOPE_TASK, task, "message_deleted", 0);
    step_set_number(c, SCOPE_TASK, task, "status", TASK_SCHEDULED);
    if (instance_has_message(c->i, task))
        step_add_effect(c, EFFECT_SEND, task);
}

static bool are_needs_met(const struct instance *i, uint32_t task)
{
    const struct task *t = &i->template->tasks[task];
    for (uint32_t k = 0; k < t->needs_count; k++)
        if (i->tasks[t->needs[k]].status != TASK_COMPLETED)
            return false;
    return true;
}

static void start_tasks(struct step_context *c, const struct stage *stage)
{
    for (uint32_t k = 0; k < stage->task_count && c->i->status == INSTANCE_RUNNING; k++) {
        uint32_t task = stage->first_task + k;
        if (c->i->tasks[task].status == TASK_PENDING && are_needs_met(c->i, task))
            settle_schedule(c, task);
    }
}

static bool is_stage_done(const struct instance *i, const struct stage *stage)
{
    for (uint32_t k = 0; k < stage->task_count; k++)
        if (i->tasks[stage->first_task + k].status != TASK_COMPLETED)
            return false;
    return true;
}

/* One stage after another until one is not done. True: all are. */
static bool advance_stages(struct step_context *c)
{
    const struct template *t = c->i->template;
    for (uint32_t k = 0; k < t->stage_count; k++) {
        if (c->i->stages[k].status == STAGE_COMPLETED)
            continue;
        if (c->i->stages[k].status == STAGE_PENDING)
            step_set_number(c, SCOPE_STAGE, k, "status", STAGE_ACTIVE);
        start_tasks(c, &t->stages[k]);
        if (!is_stage_done(c->i, &t->stages[k]))
            return false;
        step_set_number(c, SCOPE_STAGE, k, "status", STAGE_COMPLETED);
    }
    return true;
}

static void complete_instance(struct step_context *c)
{
    struct slice json = SLICE_NONE, why = SLICE_NONE;
    if (c->i->template->output != NULL &&
        eval(c, c->i->template->output, &json, &why) != ERR_NONE) {
        settle_fail_instance(c, EXPRESSION_ERROR, why);
        return;
    }
    step_set_text(c, SCOPE_INSTANCE, 0, "output", json);
    step_set_number(c, SCOPE_INSTANCE, 0, "status", INSTANCE_COMPLETED);
}

/* A failed task that nobody replayed, with nothing else on its way, is the end of the instance:
 * this happens after a replay of something beside it. */
static void fail_if_stuck(struct step_context *c)
{
    const struct instance *i = c->i;
    int failed = -1;
    for (uint32_t k = 0; k < i->template->task_count; k++) {
        enum task_status s = (enum task_status)i->tasks[k].status;
        if (task_status_is_out(s) || s == TASK_RETRYING)
            return;
        if (s == TASK_FAILED && failed < 0)
            failed = (int)k;
    }
    assert(failed >= 0);
    uint32_t stage = i->template->tasks[failed].stage;
    if (i->stages[stage].status == STAGE_ACTIVE)
        step_set_number(c, SCOPE_STAGE, stage, "status", STAGE_FAILED);
    fail_for_task(c, (uint32_t)failed);
}

void settle(struct step_context *c)
{
    if (c->i->status != INSTANCE_RUNNING)
        return;
    if (advance_stages(c))
        complete_instance(c);
    else if (c->i->status == INSTANCE_RUNNING)
        fail_if_stuck(c);
}
