/* The tables of words as arrays, and looking things up in them. */
#include "core/vocab.h"

#include <assert.h>

#define X(symbol, name) name,
static const char *const instance_status[] = {INSTANCE_STATUS_TABLE(X)};
static const char *const stage_status[] = {STAGE_STATUS_TABLE(X)};
static const char *const task_status[] = {TASK_STATUS_TABLE(X)};
static const char *const verdict[] = {VERDICT_TABLE(X)};
static const char *const event_kind[] = {EVENT_KIND_TABLE(X)};
static const char *const task_kind[] = {TASK_KIND_TABLE(X)};
static const char *const on_duplicate[] = {ON_DUPLICATE_TABLE(X)};
static const char *const jitter[] = {JITTER_TABLE(X)};
static const char *const timers[] = {TIMERS_TABLE(X)};
static const char *const role[] = {ROLE_TABLE(X)};
#undef X

static const struct {
    const char *const *names;
    int count;
} tables[VOCAB_COUNT] = {
    [VOCAB_INSTANCE_STATUS] = {instance_status, INSTANCE_STATUS_COUNT},
    [VOCAB_STAGE_STATUS] = {stage_status, STAGE_STATUS_COUNT},
    [VOCAB_TASK_STATUS] = {task_status, TASK_STATUS_COUNT},
    [VOCAB_VERDICT] = {verdict, VERDICT_COUNT},
    [VOCAB_EVENT_KIND] = {event_kind, EVENT_KIND_COUNT},
    [VOCAB_TASK_KIND] = {task_kind, TASK_KIND_COUNT},
    [VOCAB_ON_DUPLICATE] = {on_duplicate, ON_DUPLICATE_COUNT},
    [VOCAB_JITTER] = {jitter, JITTER_COUNT},
    [VOCAB_TIMERS] = {timers, TIMERS_COUNT},
    [VOCAB_ROLE] = {role, ROLE_COUNT},
};

const char *vocab_name(enum vocab table, int word)
{
    assert(table < VOCAB_COUNT && word >= 0 && word < tables[table].count);
    return tables[table].names[word];
}

int vocab_count(enum vocab table)
{
    assert(table < VOCAB_COUNT);
    return tables[table].count;
}

int vocab_find(enum vocab table, struct slice name)
{
    assert(table < VOCAB_COUNT);
    for (int k = 0; k < tables[table].count; k++)
        if (slice_eq_text(name, tables[table].names[k]))
            return k;
    return -1;
}

const char *vocab_suggest(enum vocab table, struct slice name)
{
    const char *best = NULL;
    unsigned best_distance = 3;
    for (int k = 0; k < tables[table].count; k++) {
        unsigned distance = slice_distance(name, slice_of(tables[table].names[k]), 2);
        if (distance < best_distance && tables[table].names[k][0] != '\0') {
            best_distance = distance;
            best = tables[table].names[k];
        }
    }
    return best;
}

bool instance_status_is_open(enum instance_status s)
{
    return s == INSTANCE_RUNNING || s == INSTANCE_PAUSED;
}

bool task_status_is_out(enum task_status s)
{
    return s == TASK_SCHEDULED || s == TASK_RUNNING;
}

bool event_kind_is_own(enum event_kind kind)
{
    return kind == EVENT_MESSAGE_DELETED || kind >= EVENT_TEMPLATE_APPLIED;
}

enum role event_kind_role(enum event_kind kind)
{
    switch (kind) {
    case EVENT_NONE: /* bytes that are no event: their verdict is recorded, nothing changes */
    case EVENT_STARTED:
    case EVENT_HEARTBEAT:
    case EVENT_COMPLETED:
    case EVENT_FAILED:
    case EVENT_PENDING:
        return ROLE_WORKER;
    default:
        return ROLE_OPERATOR;
    }
}
