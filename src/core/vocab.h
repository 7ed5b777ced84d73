/* The words of swm (DESIGN's and the field's), each table once: the symbol and its spelling in the
 * API, in records and on the page. Names are stored, numbers are not: a table may be reordered. */
#ifndef SWM_CORE_VOCAB_H
#define SWM_CORE_VOCAB_H

#include "base/slice.h"

#define INSTANCE_STATUS_TABLE(X)                                                                   \
    X(INSTANCE_NONE, "")                                                                           \
    X(INSTANCE_RUNNING, "RUNNING")                                                                 \
    X(INSTANCE_PAUSED, "PAUSED")                                                                   \
    X(INSTANCE_COMPLETED, "COMPLETED")                                                             \
    X(INSTANCE_FAILED, "FAILED")                                                                   \
    X(INSTANCE_CANCELLED, "CANCELLED")

#define STAGE_STATUS_TABLE(X)                                                                      \
    X(STAGE_PENDING, "PENDING")                                                                    \
    X(STAGE_ACTIVE, "ACTIVE")                                                                      \
    X(STAGE_COMPLETED, "COMPLETED")                                                                \
    X(STAGE_FAILED, "FAILED")

#define TASK_STATUS_TABLE(X)                                                                       \
    X(TASK_PENDING, "PENDING")                                                                     \
    X(TASK_SCHEDULED, "SCHEDULED")                                                                 \
    X(TASK_RUNNING, "RUNNING")                                                                     \
    X(TASK_RETRYING, "RETRYING")                                                                   \
    X(TASK_COMPLETED, "COMPLETED")                                                                 \
    X(TASK_FAILED, "FAILED")                                                                       \
    X(TASK_CANCELLED, "CANCELLED")

#define VERDICT_TABLE(X)                                                                           \
    X(VERDICT_APPLIED, "applied")                                                                  \
    X(VERDICT_DUPLICATE, "duplicate")                                                              \
    X(VERDICT_STALE, "stale")                                                                      \
    X(VERDICT_REFUSED, "refused")                                                                  \
    X(VERDICT_INVALID, "invalid")                                                                  \
    X(VERDICT_UNKNOWN, "unknown")                                                                  \
    X(VERDICT_TOO_LARGE, "too_large")

/* MessageDeleted is a worker's delete of an unanswered task message; TemplateApplied is the record
 * of a template apply, KeyCreated and KeyRevoked are those of access keys, InstanceRemoved that of
 * an instance that was kept long enough, InstanceImported that of one that came from elsewhere,
 * InstanceShared that of a link that shows one. None can be sent from outside. */
#define EVENT_KIND_TABLE(X)                                                                        \
    X(EVENT_NONE, "")                                                                              \
    X(EVENT_START, "StartWorkflow")                                                                \
    X(EVENT_STARTED, "TaskStarted")                                                                \
    X(EVENT_HEARTBEAT, "TaskHeartbeat")                                                            \
    X(EVENT_COMPLETED, "TaskCompleted")                                                            \
    X(EVENT_FAILED, "TaskFailed")                                                                  \
    X(EVENT_PENDING, "TaskPending")                                                                \
    X(EVENT_PAUSE, "PauseWorkflow")                                                                \
    X(EVENT_RESUME, "ResumeWorkflow")                                                              \
    X(EVENT_CANCEL, "CancelWorkflow")                                                              \
    X(EVENT_REPLAY_TASK, "ReplayTask")                                                             \
    X(EVENT_REPLAY_STAGE, "ReplayStage")                                                           \
    X(EVENT_WAKE, "Wake")                                                                          \
    X(EVENT_MESSAGE_DELETED, "MessageDeleted")                                                     \
    X(EVENT_TEMPLATE_APPLIED, "TemplateApplied")                                                   \
    X(EVENT_KEY_CREATED, "KeyCreated")                                                             \
    X(EVENT_KEY_REVOKED, "KeyRevoked")                                                             \
    X(EVENT_INSTANCE_REMOVED, "InstanceRemoved")                                                   \
    X(EVENT_INSTANCE_IMPORTED, "InstanceImported")                                                 \
    X(EVENT_INSTANCE_SHARED, "InstanceShared")

#define TASK_KIND_TABLE(X)                                                                         \
    X(TASK_KIND_QUEUE, "queue")                                                                    \
    X(TASK_KIND_HUMAN, "human")

#define ON_DUPLICATE_TABLE(X)                                                                      \
    X(ON_DUPLICATE_RETURN, "return")                                                               \
    X(ON_DUPLICATE_REJECT, "reject")                                                               \
    X(ON_DUPLICATE_START, "start")

#define JITTER_TABLE(X)                                                                            \
    X(JITTER_NONE, "none")                                                                         \
    X(JITTER_FULL, "full")

#define TIMERS_TABLE(X)                                                                            \
    X(TIMERS_FREEZE, "freeze")                                                                     \
    X(TIMERS_RUN, "run")

/* Who may do what, in growing order: each may also do what those before it may. */
#define ROLE_TABLE(X)                                                                              \
    X(ROLE_ANYBODY, "anybody")                                                                     \
    X(ROLE_VIEWER, "viewer")                                                                       \
    X(ROLE_WORKER, "worker")                                                                       \
    X(ROLE_OPERATOR, "operator")                                                                   \
    X(ROLE_AUTHOR, "author")                                                                       \
    X(ROLE_ADMIN, "admin")

#define X(symbol, name) symbol,
enum instance_status { INSTANCE_STATUS_TABLE(X) INSTANCE_STATUS_COUNT };
enum stage_status { STAGE_STATUS_TABLE(X) STAGE_STATUS_COUNT };
enum task_status { TASK_STATUS_TABLE(X) TASK_STATUS_COUNT };
enum verdict { VERDICT_TABLE(X) VERDICT_COUNT };
enum event_kind { EVENT_KIND_TABLE(X) EVENT_KIND_COUNT };
enum task_kind { TASK_KIND_TABLE(X) TASK_KIND_COUNT };
enum on_duplicate { ON_DUPLICATE_TABLE(X) ON_DUPLICATE_COUNT };
enum jitter { JITTER_TABLE(X) JITTER_COUNT };
enum timers { TIMERS_TABLE(X) TIMERS_COUNT };
enum role { ROLE_TABLE(X) ROLE_COUNT };
#undef X

enum vocab {
    VOCAB_INSTANCE_STATUS,
    VOCAB_STAGE_STATUS,
    VOCAB_TASK_STATUS,
    VOCAB_VERDICT,
    VOCAB_EVENT_KIND,
    VOCAB_TASK_KIND,
    VOCAB_ON_DUPLICATE,
    VOCAB_JITTER,
    VOCAB_TIMERS,
    VOCAB_ROLE,
    VOCAB_COUNT
};

/* The spelling of `word` in a table; the word must be in it. Static memory. */
const char *vocab_name(enum vocab table, int word);
int vocab_count(enum vocab table);
/* The word spelled so, or -1. Case counts. */
int vocab_find(enum vocab table, struct slice name);
/* The nearest spelling within two edits, or NULL: for "did you mean". */
const char *vocab_suggest(enum vocab table, struct slice name);

/* RUNNING and PAUSED: what holds a business key and has a claim on time. */
bool instance_status_is_open(enum instance_status s);
/* SCHEDULED and RUNNING: an attempt is out and its answer is awaited. */
bool task_status_is_out(enum task_status s);
/* The least role that may send it: workers speak of attempts, operators of all else. */
enum role event_kind_role(enum event_kind kind);
bool event_kind_is_own(enum event_kind kind); /* cannot be sent from outside */

#endif
