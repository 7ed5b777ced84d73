/* Rules for a word about the current attempt of one task: a worker's, a person's, the clock's. */
#include "core/step_int.h"

#include "base/time.h"
#include "core/schema.h"

void rule_begin(struct step_context *c)
{
    step_set_number(c, SCOPE_TASK, (uint32_t)c->task, "status", TASK_RUNNING);
    step_add_effect(c, EFFECT_EXTEND, (uint32_t)c->task);
}

/* A heartbeat is recorded at most once per third of its limit; between, it only keeps its message
 * hidden, and the deadline allows for it. */
void rule_beat(struct step_context *c)
{
    uint32_t task = (uint32_t)c->task;
    struct task_state *s = &c->i->tasks[task];
    int64_t unrecorded_ms = task_beat_unrecorded_ms(&c->i->template->tasks[task]);
    step_add_effect(c, EFFECT_EXTEND, task);
    if (c->out->at_ms >= time_add(s->alive_at_ms, unrecorded_ms))
        step_set_number(c, SCOPE_TASK, task, "alive_at", c->out->at_ms);
    else
        c->out->is_unrecorded = true;
}

void rule_complete(struct step_context *c)
{
    uint32_t task = (uint32_t)c->task;
    const struct task *t = &c->i->template->tasks[task];
    struct slice output = c->e->output.len > 0 ? c->e->output : SLICE("null"), why;
    if (t->form != NULL && schema_check(c->arena, t->form, output, &why) != ERR_NONE) {
        step_answer(c, VERDICT_INVALID, "the output does not fit the form: %.*s", SLICE_ARG(why));
        return;
    }
    settle_withdraw(c, task);
    step_set_number(c, SCOPE_TASK, task, "status", TASK_COMPLETED);
    step_set_text(c, SCOPE_TASK, task, "output", c->e->output);
    step_set_text(c, SCOPE_TASK, task, "error", SLICE_NONE);
    step_set_text(c, SCOPE_TASK, task, "message", SLICE_NONE);
    if (t->business_status.len > 0)
        step_set_text(c, SCOPE_INSTANCE, 0, "business_status", t->business_status);
    settle(c);
}

void rule_fail(struct step_context *c)
{
    struct slice error = c->e->error.len > 0 ? c->e->error : SLICE("TaskFailed");
    settle_fail_attempt(c, (uint32_t)c->task, error, c->e->message);
    settle(c);
}

/* The worker could not do it now: another attempt at once, which is not counted as a failure. */
void rule_put_back(struct step_context *c)
{
    uint32_t task = (uint32_t)c->task;
    if (c->i->status != INSTANCE_RUNNING) {
        step_answer(c, VERDICT_REFUSED, "nothing is sent while the instance is %s",
                    vocab_name(VOCAB_INSTANCE_STATUS, (int)c->i->status));
        return;
    }
    settle_withdraw(c, task);
    settle_schedule(c, task);
    settle(c);
}

void rule_message_gone(struct step_context *c)
{
    uint32_t task = (uint32_t)c->task;
    if (c->i->tasks[task].message_deleted) {
        step_answer(c, VERDICT_DUPLICATE, "the message has been deleted already");
        return;
    }
    settle_withdraw(c, task);
    step_set_number(c, SCOPE_TASK, task, "message_deleted", 1);
}
