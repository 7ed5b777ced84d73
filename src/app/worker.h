/* One message of a queue, from being received to being answered. */
#ifndef SWM_APP_WORKER_H
#define SWM_APP_WORKER_H

#include "app/child.h"
#include "app/cli.h"

enum job_phase { JOB_FREE, JOB_RUNNING, JOB_ANSWERING };

/* Zeroed is free. */
struct worker_job {
    enum job_phase phase;
    struct child child;
    struct arena arena; /* of this message */
    struct slice token, instance, key, task,
        receipt; /* a foreign message has a receipt, no token */
    int64_t attempt;
    struct client_call *beat;   /* a sign of life under way; NULL: none */
    struct client_call *answer; /* NULL: none is under way */
    const char *answer_path;
    struct slice answer_body;
    const char *error;   /* NULL: the task is completed */
    const char *message; /* the error in a sentence; may be empty */
    int64_t began_at_ms, beat_ms;
    int64_t due_at_ms; /* of the next sign of life, or of the next try to answer */
};

/* Starts a free job on a message; the message's memory is needed during the call only. */
void worker_begin(struct cli *c, struct worker_job *j, yyjson_val *message);
/* Whatever is to be done now. True: the job was answered in this call, as failed. */
bool worker_move(struct cli *c, struct worker_job *j, int64_t now_ms);

#endif
