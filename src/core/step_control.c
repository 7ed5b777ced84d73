/* Rules for the instance as a whole: start, pause, resume, cancel, and the clock. */
#include "core/step_int.h"

#include "base/arena.h"
#include "base/time.h"
#include "core/schema.h"

#include <stdio.h>

static void set_deadline(struct step_context *c)
{
    int64_t timeout_ms = c->i->template->timeout_ms;
    if (timeout_ms > 0)
        step_set_number(c, SCOPE_INSTANCE, 0, "deadline_at", time_add(c->out->at_ms, timeout_ms));
}

void rule_start(struct step_context *c)
{
    const struct template *t = c->i->template;
    struct slice input = c->e->input.len > 0 ? c->e->input : SLICE("{}"), key, why;
    if (t->input != NULL && schema_check(c->arena, t->input, input, &why) != ERR_NONE) {
        step_answer(c, VERDICT_INVALID, "the input does not fit the template: %.*s",
                    SLICE_ARG(why));
        return;
    }
    if (step_start_key(c->arena, t, c->e, &key, &why) != ERR_NONE) {
        step_answer(c, VERDICT_INVALID, "%.*s", SLICE_ARG(why));
        return;
    }
    step_set_text(c, SCOPE_INSTANCE, 0, "template", t->name);
    step_set_number(c, SCOPE_INSTANCE, 0, "version", t->version);
    step_set_text(c, SCOPE_INSTANCE, 0, "key", key);
    step_set_text(c, SCOPE_INSTANCE, 0, "input", input);
    step_set_number(c, SCOPE_INSTANCE, 0, "status", INSTANCE_RUNNING);
    set_deadline(c);
    settle(c);
}

/* A second start for a key that is taken: what the template says. It resets nothing. */
void rule_start_again(struct step_context *c)
{
    const char *status = vocab_name(VOCAB_INSTANCE_STATUS, (int)c->i->status);
    if (c->i->template->on_duplicate == ON_DUPLICATE_REJECT)
        step_answer(c, VERDICT_REFUSED, "the key %.*s has an instance that is %s",
                    SLICE_ARG(c->i->key), status);
    else
        step_answer(c, VERDICT_DUPLICATE, "the key %.*s has an instance that is %s",
                    SLICE_ARG(c->i->key), status);
}

void rule_pause(struct step_context *c)
{
    if (c->e->resume_at_ms > 0 && c->e->resume_at_ms <= c->out->at_ms) {
        step_answer(c, VERDICT_REFUSED, "the resume time is in the past");
        return;
    }
    step_set_number(c, SCOPE_INSTANCE, 0, "timers", c->e->timers);
    step_set_number(c, SCOPE_INSTANCE, 0, "resume_at", c->e->resume_at_ms);
    step_set_number(c, SCOPE_INSTANCE, 0, "status", INSTANCE_PAUSED);
}

/* A time before the pause moves by the whole of it, one in it to its end: nothing was used up. */
static void shift(struct step_context *c, uint32_t task, const char *field, int64_t by_ms)
{
    uint32_t f = (uint32_t)model_find_field(SCOPE_TASK, slice_of(field));
    int64_t at_ms = instance_get(c->i, SCOPE_TASK, task, f).number;
    bool is_within = at_ms > c->i->paused_at_ms && at_ms <= c->out->at_ms;
    bool is_retry = slice_eq_text(SLICE("retry_at"), field);
    if (at_ms > 0)
        step_set_number(c, SCOPE_TASK, task, field,
                        is_within && !is_retry ? c->out->at_ms : time_add(at_ms, by_ms));
}

/* Timers that were frozen go on with what was left of them. */
static void thaw(struct step_context *c, int64_t by_ms)
{
    for (uint32_t k = 0; k < c->i->template->task_count; k++) {
        enum task_status s = (enum task_status)c->i->tasks[k].status;
        if (!task_status_is_out(s) && s != TASK_RETRYING)
            continue;
        shift(c, k, "first_at", by_ms);
        shift(c, k, "sent_at", by_ms);
        shift(c, k, "started_at", by_ms);
        shift(c, k, "alive_at", by_ms);
        shift(c, k, "retry_at", by_ms);
    }
    if (c->i->deadline_at_ms > 0)
        step_set_number(c, SCOPE_INSTANCE, 0, "deadline_at", time_add(c->i->deadline_at_ms, by_ms));
}

/* A task that failed for good while the instance was paused fails the instance now. */
static bool has_failed_meanwhile(struct step_context *c)
{
    for (uint32_t k = 0; k < c->i->template->task_count; k++) {
        const struct task_state *s = &c->i->tasks[k];
        uint32_t stage = c->i->template->tasks[k].stage;
        if (s->status == TASK_FAILED && c->i->stages[stage].status == STAGE_FAILED) {
            settle_fail_instance(c, s->error, s->message);
            return true;
        }
    }
    return false;
}

void rule_resume(struct step_context *c)
{
    if (c->i->timers == TIMERS_FREEZE)
        thaw(c, c->out->at_ms - c->i->paused_at_ms);
    step_set_number(c, SCOPE_INSTANCE, 0, "resume_at", 0);
    step_set_number(c, SCOPE_INSTANCE, 0, "timers", TIMERS_FREEZE);
    step_set_number(c, SCOPE_INSTANCE, 0, "status", INSTANCE_RUNNING);
    if (!has_failed_meanwhile(c))
        settle(c);
}

void rule_cancel(struct step_context *c)
{
    for (uint32_t k = 0; k < c->i->template->task_count; k++) {
        enum task_status s = (enum task_status)c->i->tasks[k].status;
        if (s == TASK_COMPLETED || s == TASK_FAILED)
            continue;
        settle_withdraw(c, k);
        step_set_number(c, SCOPE_TASK, k, "status", TASK_CANCELLED);
    }
    step_set_number(c, SCOPE_INSTANCE, 0, "resume_at", 0);
    step_set_number(c, SCOPE_INSTANCE, 0, "status", INSTANCE_CANCELLED);
}

static void time_out(struct step_context *c, uint32_t task, const char *what)
{
    char error[64], message[128];
    (void)snprintf(error, sizeof error, "Timeout.%s", what);
    (void)snprintf(message, sizeof message, "no answer to attempt %lld in time",
                   (long long)c->i->tasks[task].attempt);
    settle_fail_attempt(c, task, slice_copy(c->arena, slice_of(error)),
                        slice_copy(c->arena, slice_of(message)));
}

/* Whatever of this task is due. The wake's reason names it. */
static void wake_task(struct step_context *c, uint32_t task, struct text *reason)
{
    const char *what;
    if (instance_task_wake_at(c->i, task, c->time.grace_from_ms, &what) > c->out->at_ms)
        return;
    if (reason->len > 0)
        text_put_c(reason, ", ");
    text_put(reason, c->i->template->tasks[task].name);
    text_printf(reason, ": %s", what);
    if (slice_eq_text(SLICE("retry"), what))
        settle_schedule(c, task);
    else
        time_out(c, task, what);
}

void rule_wake(struct step_context *c)
{
    struct text reason = text_new(c->arena, REASON_BYTES_MAX);
    const struct instance *i = c->i;
    if (i->status == INSTANCE_PAUSED && i->resume_at_ms > 0 && i->resume_at_ms <= c->out->at_ms) {
        text_put_c(&reason, "the pause ends");
        rule_resume(c);
    }
    for (uint32_t k = 0; k < i->template->task_count; k++)
        wake_task(c, k, &reason);
    bool does_time_run =
        i->status == INSTANCE_RUNNING || (i->status == INSTANCE_PAUSED && i->timers == TIMERS_RUN);
    if (does_time_run && i->deadline_at_ms > 0 && i->deadline_at_ms <= c->out->at_ms) {
        text_put_c(&reason, reason.len > 0 ? ", the workflow's timeout" : "the workflow's timeout");
        settle_fail_instance(c, SLICE("Timeout.workflow"),
                             SLICE("the workflow did not end within its timeout"));
    }
    c->out->is_unrecorded = reason.len == 0;
    c->out->reason = text_slice(&reason);
    if (reason.len > 0)
        settle(c);
}
