/* Inside step: what its rules share. A rule reads the working copy and the event, says what it
 * wants through the verbs below, and calls settle when something may be able to start. */
#ifndef SWM_CORE_STEP_INT_H
#define SWM_CORE_STEP_INT_H

#include "core/step.h"

struct step_context {
    struct arena *arena;
    struct instance *i; /* the working copy */
    const struct event *e;
    struct step_time time;
    struct outcome *out;
    int task; /* index the event names; -1: none */
};

typedef void step_rule(struct step_context *c);

/* The only ways to change the working copy: each records the change and applies it. A value that is
 * there already is not recorded again, but a status always is: it moves the clocks. */
void step_set_number(struct step_context *c, enum scope scope, uint32_t index, const char *field,
                     int64_t to);
void step_set_text(struct step_context *c, enum scope scope, uint32_t index, const char *field,
                   struct slice to);
void step_add_effect(struct step_context *c, enum effect_kind kind, uint32_t task);
/* The answer, with a reason in printf's manner. */
void step_answer(struct step_context *c, enum verdict v, const char *reason, ...)
    __attribute__((format(printf, 3, 4)));

/* step_settle.c: what starts, and what ends */
void settle(struct step_context *c);
void settle_schedule(struct step_context *c, uint32_t task);
void settle_fail_attempt(struct step_context *c, uint32_t task, struct slice error,
                         struct slice message);
void settle_fail_instance(struct step_context *c, struct slice error, struct slice message);
void settle_withdraw(struct step_context *c, uint32_t task);

/* step_task.c: a worker's, a person's or the clock's word about one attempt */
step_rule rule_begin, rule_beat, rule_complete, rule_fail, rule_put_back, rule_message_gone;
/* step_control.c */
step_rule rule_start, rule_start_again, rule_pause, rule_resume, rule_cancel, rule_wake;
/* step_replay.c */
step_rule rule_replay_task, rule_replay_stage;

/* retry.c: when the next attempt is sent of a task whose state tells the failure (tries, error);
 * false: it is not retried. Pure; jitter is a hash of the attempt's name. */
bool retry_next(const struct instance *i, uint32_t task, int64_t now_ms, int64_t *at_ms);

#endif
