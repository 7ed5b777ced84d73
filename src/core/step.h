/* step: what an event means to an instance. Pure: no I/O, no clock, no memory but the arena, no
 * globals, no randomness but hashes of its inputs. It cannot fail; negative answers are verdicts.
 * Its policy is the table in step.c: {event, instance status, task status} -> rule. */
#ifndef SWM_CORE_STEP_H
#define SWM_CORE_STEP_H

#include "core/event.h"
#include "core/model.h"

enum effect_kind {
    EFFECT_SEND,     /* the task's current attempt has a message now: offer it to its queue */
    EFFECT_WITHDRAW, /* the message of an earlier attempt exists no more */
    EFFECT_EXTEND    /* a sign of life: keep the message invisible */
};

struct effect {
    enum effect_kind kind;
    uint32_t task;
};

struct outcome {
    enum verdict verdict;
    struct slice reason; /* why, for a person; absent when applied and there is nothing to add */
    int64_t at_ms;       /* the record's time: now, or the predecessor's time where that is later */
    struct change *changes;
    uint32_t change_count, change_capacity;
    struct effect *effects;
    uint32_t effect_count, effect_capacity;
    const uint32_t *replayed; /* ReplayTask, ReplayStage: the tasks that run again */
    uint32_t replayed_count;
    uint64_t count;     /* identical repeats that this record stands for; 0 and 1: itself alone */
    bool is_unrecorded; /* a wake that found nothing due, a heartbeat between two thirds */
};

struct step_time {
    int64_t now_ms;
    int64_t grace_from_ms; /* see instance_wake_at */
};

/* Steps `work`, a working copy (instance_borrow): on return it is the state after the outcome, with
 * texts borrowed from the event and the arena. A StartWorkflow on a blank instance (seq 0) makes
 * it. seq, hash and the ring of recent events are advanced by the record (core/record.h), not here.
 */
void step(struct arena *a, struct instance *work, const struct event *e, struct step_time time,
          struct outcome *out);

/* The business key a start would have: the given one, else the template's expression over the
 * input; absent when neither. ERR_INVALID: *why. */
enum err step_start_key(struct arena *a, const struct template *t, const struct event *e,
                        struct slice *key, struct slice *why) MUST_USE;

/* The id of the instance that a start makes: a hash of (template, event_id). HASH_ID_CHARS. */
struct slice step_instance_id(struct arena *a, struct slice template, struct slice event_id);

#endif
