/* A template: the immutable definition of a workflow, parsed and validated. Everything points into
 * the arena it was parsed in. Stages are in running order; the tasks of a stage lie side by side.
 */
#ifndef SWM_CORE_TEMPLATE_H
#define SWM_CORE_TEMPLATE_H

#include "base/err.h"
#include "base/hash.h"
#include "core/vocab.h"

struct expr;   /* core/expr.h */
struct schema; /* core/schema.h */
struct json_out;

struct retry {
    uint32_t max_attempts; /* 1: no retry */
    int64_t delay_ms, max_delay_ms /* 0: no cap */, total_ms /* 0: no budget */;
    double backoff;
    enum jitter jitter;
    const struct slice *not_on; /* error names that are never retried */
    uint32_t not_on_count;
};

struct timeouts { /* 0: none; ARCHITECTURE.md says from when to when each runs */
    int64_t queued_ms, running_ms, heartbeat_ms, total_ms;
};

struct task {
    struct slice name;
    struct slice id; /* the name where it is unique in the template, else "STAGE/NAME" */
    uint32_t stage;  /* index */
    enum task_kind kind;
    struct slice queue; /* absent: none (a human task may have one, in the earlier form) */
    struct slice business_status;
    const uint32_t *needs; /* task indexes, of the same stage or an earlier one */
    uint32_t needs_count;
    const struct expr *input; /* NULL: the task gets {} */
    struct retry retry;
    struct timeouts timeout;
    struct slice assignee, group; /* human */
    int64_t due_ms;               /* human; 0: none */
    const struct schema *form;    /* human: what its output must be; NULL: anything */
    struct slice extra;           /* earlier form: further fields, a JSON object; absent: none */
};

struct stage {
    struct slice name;
    uint32_t first_task, task_count; /* may be 0: the stage passes through */
    struct slice order;              /* earlier form: stage_order as written; else absent */
    struct slice extra;
};

struct template
{
    struct slice name;
    struct slice title; /* workflow_name of the earlier form; else absent */
    struct slice alias; /* component_name of the earlier form; else absent */
    struct slice description;
    bool is_earlier;              /* written in the earlier form: messages carry its fields too */
    uint32_t version;             /* 0 until applied */
    uint8_t digest[SHA256_BYTES]; /* of the content, not of its spelling: of template_canonical */
    const struct expr *key;       /* NULL: given at start */
    enum on_duplicate on_duplicate;
    const struct schema *input; /* NULL: anything */
    int64_t timeout_ms;         /* of the whole instance; 0: none */
    const struct expr *output;  /* NULL: the instance has no output */
    struct stage *stages;
    uint32_t stage_count;
    struct task *tasks;
    uint32_t task_count;
    const uint32_t *by_id; /* task indexes in order of id, for finding; NULL: made by hand */
    struct slice extra;
    struct slice source; /* as it was applied */
};

struct template_error {
    struct slice file;     /* as given */
    uint32_t line, column; /* from 1; 0: of the whole file */
    struct slice message;  /* a sentence that says what is wrong and what to do */
    bool is_warning;
};

struct template_report {
    struct template_error *errors; /* in order of place; warnings among them */
    uint32_t error_count;          /* errors alone, also those beyond TEMPLATE_ERRORS_MAX */
    uint32_t shown_count;          /* entries in errors, warnings too */
    uint32_t warning_count;        /* of the shown ones */
};

/* Parses and validates `source`, YAML 1.2 or JSON, our form or the earlier one. All errors of the
 * file are reported at once. ERR_INVALID: `report` has at least one error and *out is NULL;
 * warnings alone are no error. `file` is only for messages. Everything lives in the arena. */
enum err template_parse(struct arena *a, struct slice file, struct slice source,
                        struct template_report *report, struct template **out) MUST_USE;

/* The content in one canonical JSON text: what the digest covers and what GET answers as
 * "content". Two sources that mean the same have the same one. */
struct slice template_canonical(struct arena *a, const struct template *t);

/* Index by name, or -1. A task is found by its id; with a stage given (>= 0) by its name in it. */
int template_find_stage(const struct template *t, struct slice name);
int template_find_task(const struct template *t, int stage, struct slice name);

/* The task that an event names, or -1: by its id, or by its stage and its name in it. */
int template_named_task(const struct template *t, struct slice stage, struct slice task);
/* It names a task that people answer. */
bool template_is_for_people(const struct template *t, struct slice stage, struct slice task);

/* Differences from `from` to `to`, by stages and tasks, as JSON:
 * [{"path":"stages.prepare.tasks.make_food.retry","change":"added, removed or changed",
 *   "from":…,"to":…}] */
struct slice template_diff(struct arena *a, const struct template *from, const struct template *to);

/* The JSON Schema of the template language (static text), and "file:line:column: message". */
struct slice template_schema_json(void);
/* The errors, or the warnings, of a report (NULL: none) as a JSON array of {line, column, message}.
 */
void template_report_json(struct json_out *o, const struct template_report *report,
                          bool is_warning);
struct slice template_error_text(struct arena *a, const struct template_error *e);

/* The name in a task's queue, which may be an ARN or a URL: built-in queues have only names. */
struct slice template_queue_name(struct slice queue);

#endif
