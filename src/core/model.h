/* The state of one instance, and the only two ways it changes: a blank one is made, and a change is
 * applied. step records what it does as changes and applies them through instance_apply; a load
 * folds recorded changes through the same function. So folding the records gives the state (I8).
 *
 * One table names every field, for applying, encoding, decoding, paths and showing. A change of a
 * status also moves the clocks beside it (see clocks below): they are the record's time, so they
 * are not recorded again. */
#ifndef SWM_CORE_MODEL_H
#define SWM_CORE_MODEL_H

#include "core/limits.h"
#include "core/template.h"

#include <stddef.h>

enum scope { SCOPE_INSTANCE, SCOPE_STAGE, SCOPE_TASK };

enum value_type {
    VALUE_INT,    /* a whole number */
    VALUE_TIME,   /* milliseconds since 1970, 0: none; shown as RFC 3339 */
    VALUE_BOOL,   /* shown as true or false */
    VALUE_STATUS, /* a word of the scope's status table */
    VALUE_TIMERS, /* a word of TIMERS_TABLE */
    VALUE_TEXT,   /* a string; empty shows as null */
    VALUE_JSON    /* any JSON value, as text; empty shows as null */
};

/* Numbers are int64_t members, texts are struct slice members: the table relies on it.
 *   member, type */
#define INSTANCE_FIELD_TABLE(X)                                                                    \
    X(template_name, "template", VALUE_TEXT)                                                       \
    X(version, "version", VALUE_INT)                                                               \
    X(key, "key", VALUE_TEXT)                                                                      \
    X(status, "status", VALUE_STATUS)                                                              \
    X(business_status, "business_status", VALUE_TEXT)                                              \
    X(input, "input", VALUE_JSON)                                                                  \
    X(output, "output", VALUE_JSON)                                                                \
    X(error, "error", VALUE_TEXT)                                                                  \
    X(message, "message", VALUE_TEXT)                                                              \
    X(started_at_ms, "started_at", VALUE_TIME)                                                     \
    X(finished_at_ms, "finished_at", VALUE_TIME)                                                   \
    X(deadline_at_ms, "deadline_at", VALUE_TIME)                                                   \
    X(paused_at_ms, "paused_at", VALUE_TIME)                                                       \
    X(resume_at_ms, "resume_at", VALUE_TIME)                                                       \
    X(timers, "timers", VALUE_TIMERS)

#define STAGE_FIELD_TABLE(X)                                                                       \
    X(status, "status", VALUE_STATUS)                                                              \
    X(started_at_ms, "started_at", VALUE_TIME)                                                     \
    X(finished_at_ms, "finished_at", VALUE_TIME)

#define TASK_FIELD_TABLE(X)                                                                        \
    X(status, "status", VALUE_STATUS)                                                              \
    X(generation, "generation", VALUE_INT)                                                         \
    X(attempt, "attempt", VALUE_INT)                                                               \
    X(tries, "tries", VALUE_INT)                                                                   \
    X(input, "input", VALUE_JSON)                                                                  \
    X(input_given, "input_given", VALUE_BOOL)                                                      \
    X(output, "output", VALUE_JSON)                                                                \
    X(error, "error", VALUE_TEXT)                                                                  \
    X(message, "message", VALUE_TEXT)                                                              \
    X(first_at_ms, "first_at", VALUE_TIME)                                                         \
    X(sent_at_ms, "sent_at", VALUE_TIME)                                                           \
    X(started_at_ms, "started_at", VALUE_TIME)                                                     \
    X(alive_at_ms, "alive_at", VALUE_TIME)                                                         \
    X(retry_at_ms, "retry_at", VALUE_TIME)                                                         \
    X(finished_at_ms, "finished_at", VALUE_TIME)                                                   \
    X(message_deleted, "message_deleted", VALUE_BOOL)

struct task_state {
    int64_t status;     /* enum task_status */
    int64_t generation; /* from 1; a replay raises it */
    int64_t attempt;    /* from 1 in each generation; 0: not sent in this one */
    int64_t tries;      /* failed attempts of this generation that count against max_attempts */
    struct slice input, output, error, message;
    int64_t input_given;   /* the input came with a replay and is not evaluated */
    int64_t first_at_ms;   /* first sending in this generation */
    int64_t sent_at_ms;    /* sending of the current attempt */
    int64_t started_at_ms; /* its first sign of life */
    int64_t alive_at_ms;   /* its last recorded sign of life */
    int64_t retry_at_ms;   /* RETRYING: when the next attempt is sent */
    int64_t finished_at_ms;
    int64_t message_deleted; /* the worker deleted the message without an answer */
};

struct stage_state {
    int64_t status; /* enum stage_status */
    int64_t started_at_ms, finished_at_ms;
};

struct recent_event { /* an applied event: hash of its id, and the start of its body's digest */
    uint64_t id;
    uint32_t sum;
};

struct instance {
    struct arena *arena; /* holds everything below but the template */
    struct slice id;
    const struct template *template; /* the caller keeps it as long as the instance */
    struct slice template_name, key, business_status, input, output, error, message;
    int64_t version;
    int64_t status; /* enum instance_status */
    int64_t started_at_ms, finished_at_ms, deadline_at_ms;
    int64_t paused_at_ms, resume_at_ms;
    int64_t timers; /* enum timers, while PAUSED */
    struct stage_state *stages;
    struct task_state *tasks;
    uint64_t seq;               /* of the last record; 0: blank */
    int64_t at_ms;              /* its time */
    uint8_t hash[SHA256_BYTES]; /* its SHA-256: the next record's `prev`; zeros when blank */
    struct recent_event recent[RECENT_EVENTS_MAX];
    uint32_t recent_count, recent_next; /* a ring */
};

struct value {
    int64_t number;    /* VALUE_INT … VALUE_TIMERS */
    struct slice text; /* VALUE_TEXT, VALUE_JSON */
};

struct change {
    enum scope scope;
    uint32_t index; /* of the stage or task */
    uint32_t field; /* index in the scope's table */
    struct value to;
};

struct field {
    const char *name;
    enum value_type type;
    size_t offset;
};

/* The field tables; *count is their length. */
const struct field *model_fields(enum scope scope, uint32_t *count);
/* Index of a field by name, or -1. */
int model_find_field(enum scope scope, struct slice name);

/* Clocks: a task's change to SCHEDULED sets sent_at, and first_at where it is 0, and clears
 * started_at, alive_at, retry_at, finished_at; to RUNNING sets started_at and alive_at; to
 * COMPLETED, FAILED, CANCELLED sets finished_at; to PENDING clears all. A stage's: ACTIVE sets
 * started_at where it is 0 and clears finished_at, COMPLETED and FAILED set finished_at, PENDING
 * clears both. The instance's: RUNNING sets started_at where it is 0 and clears finished_at and
 * paused_at; PAUSED sets paused_at; a finished one sets finished_at. */

/* A blank instance of a template: everything PENDING, generation 1, attempt 0. */
struct instance *instance_new(struct arena *a, struct slice id, const struct template *t);
/* A working copy that shares texts with the original, which must outlive it. */
struct instance *instance_borrow(struct arena *a, const struct instance *from);
/* A full copy: nothing is shared but the template. */
struct instance *instance_copy(struct arena *a, const struct instance *from);
/* Applies one change as of at_ms. Texts are taken as they are (borrowed). */
void instance_apply(struct instance *i, const struct change *c, int64_t at_ms);
struct value instance_get(const struct instance *i, enum scope scope, uint32_t index,
                          uint32_t field);
/* Remembers an applied event; finds one (NULL: not among the last RECENT_EVENTS_MAX). */
void instance_remember(struct instance *i, struct recent_event e);
const struct recent_event *instance_recall(const struct instance *i, uint64_t id);

/* The nearest time at which something of this instance is due by itself; TIME_NEVER: never.
 * grace_from_ms: when this process began to read its queues (0: always was): deadlines that wait
 * for a worker's sign are not over before it had a heartbeat limit, at least HEARTBEAT_GRACE_MS,
 * from then on to give it. */
int64_t instance_wake_at(const struct instance *i, int64_t grace_from_ms);
/* The same for one task, and the timeout's name ("queued", "running", "heartbeat", "total",
 * "retry") in *what when it is not NULL. */
int64_t instance_task_wake_at(const struct instance *i, uint32_t task, int64_t grace_from_ms,
                              const char **what);
/* A heartbeat may go unrecorded for so long after a recorded one; deadlines allow for it. */
int64_t task_beat_unrecorded_ms(const struct task *t);
/* Whether the task's current attempt has a message in a work queue: out, unanswered, not deleted.
 */
bool instance_has_message(const struct instance *i, uint32_t task);
/* Whether a human can answer it now: what the inbox shows. */
bool instance_is_in_inbox(const struct instance *i, uint32_t task);
/* By when people should have answered a task that is out; 0: no time is set. */
int64_t instance_due_at(const struct instance *i, uint32_t task);
/* The stage that the summary names: the first ACTIVE or FAILED one, else the last completed one;
 * -1: none. */
int instance_current_stage(const struct instance *i);

#endif
