/* An event: what arrives. Decoded from JSON in our form, in the earlier form, or from a CloudEvent;
 * built directly by the CLI's and the page's endpoints and by the supervisor. */
#ifndef SWM_CORE_EVENT_H
#define SWM_CORE_EVENT_H

#include "base/json.h"
#include "core/vocab.h"

struct event {
    enum event_kind kind;
    struct slice id;     /* event_id; absent: the door gives one */
    struct slice source; /* the door: "http", "sqs", "cli", "page", "clock", "lambda", … */
    struct slice actor;  /* who, where known */
    struct slice reason; /* why, given by a person or a sender */
    /* address: a token, or an instance id, or a key with or without a template */
    struct slice token;
    struct slice instance, template, key;
    struct slice stage, task;          /* names; from the token where there is one */
    int64_t item, generation, attempt; /* attempt 0: not told: the current one is meant */
    bool is_earlier;                   /* `template` is a component_name */
    bool is_workers;                   /* the sender may answer for services only, not for people */
    bool is_by_token;                  /* it came with a token, which is gone by now */
    /* content */
    struct slice input;          /* JSON text: StartWorkflow, ReplayTask */
    struct slice output;         /* JSON text: TaskCompleted */
    struct slice error, message; /* TaskFailed */
    bool only, dry_run;          /* ReplayTask, ReplayStage */
    enum timers timers;          /* PauseWorkflow */
    int64_t resume_at_ms;        /* PauseWorkflow: 0 none */
    uint32_t sum; /* start of the digest of the content: tells a repeat from another event */
};

/* Decodes one JSON object. ERR_INVALID: *why is a sentence with the member's name; ERR_TOO_LARGE: a
 * member is beyond its limit. Texts point into the document or the arena. Fields that the door
 * knows (source, actor, id where absent) are left for the caller. */
enum err event_decode(struct arena *a, yyjson_val *object, struct event *out,
                      struct slice *why) MUST_USE;
/* Sets e->sum from the content. event_decode has done it. */
void event_sum(struct arena *a, struct event *e);
/* Whether it is somebody's own doing, to be found among all that happens: control, and answers
 * given by hand: about a task for people, or about one that is not named by its token. */
bool event_is_act(const struct event *e, bool is_for_people);
/* A one-line description of what arrived, at most SYS_BODY_BYTES_MAX, for records of arrivals that
 * name no instance. */
struct slice event_brief(struct arena *a, struct slice body);

#endif
