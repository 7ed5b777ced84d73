/* The engine over the memory store, driven by hand: time moves when a test says so, and a queue
 * that only notes what it is told. Between the two stands a store that can hold answers back, fail,
 * and change what is read. One rig at a time. */
#ifndef SWM_TEST_FLOW_RIG_H
#define SWM_TEST_FLOW_RIG_H

#include "harness.h"

#include "base/arena.h"
#include "base/json.h"
#include "flow/flow.h"

#define RIG_START_MS 1700000000000
#define RIG_MESSAGES_MAX 64
#define RIG_ANSWERS_MAX 1024

struct rig_message { /* what the queue was offered and not told to withdraw */
    struct slice queue, instance, task;
    int64_t generation, attempt, visibility_ms;
};

struct rig_answer {
    bool is_here;
    enum err err;
    enum verdict verdict;
    struct slice reason, instance, status, key;
    uint64_t seq;
    uint32_t task_count;
};

struct rig {
    struct store store; /* what the engine sees; the first member */
    struct queue queue;
    struct store *mem;
    struct flow *flow;
    int64_t now_ms;
    struct arena arena;  /* of the test */
    bool is_held;        /* nothing completes */
    bool is_load_held;   /* no load does */
    bool is_done_anyway; /* what fails is done, only its answer is lost */
    struct store_request *held_loads[8];
    unsigned held_count;
    enum err fail_with;  /* commits, rows and removals fail so; ERR_NONE: they do not */
    unsigned fail_count; /* so many of them */
    unsigned loads, commits, rows, records; /* requests and records that completed */
    uint64_t tampered_seq;                  /* this record's `at` is read as another one; 0: none */
    uint64_t folded_pos;                    /* as last stated */
    struct rig_message messages[RIG_MESSAGES_MAX];
    unsigned message_count, offers, withdrawals, extensions, told;
    struct rig_answer answers[RIG_ANSWERS_MAX];
    unsigned answer_count;
    size_t cache_bytes_max;
    int64_t retention_ms;
};

extern struct rig rig;

void rig_open(void);
void rig_close(void);
/* Another life of the engine over the same store: after an orderly end, or after a crash that loses
 * what was in flight. */
void rig_restart(void);
void rig_crash(void);
/* Rounds until there is nothing to do at this time, or nothing comes back. */
void rig_run(void);
void rig_wait(int64_t ms); /* time passes, with a round whenever the engine asks for one */
void rig_apply(const char *source);
/* Sends an event, with a generated id where it has none; the number of its answer. */
unsigned rig_send(struct event e);
const struct rig_answer *rig_take(struct event e); /* sends, runs, and gives the answer */
struct slice rig_start(const char *template, const char *key); /* a started instance's id */
const struct rig_message *rig_message(const char *task);       /* NULL: it is not in the queue */
struct slice rig_token(const struct rig_message *m);
const struct rig_answer *rig_complete(const char *task); /* with the token of its message */
/* A read's JSON, parsed. */
yyjson_val *rig_read(struct flow_query q);
yyjson_val *rig_show(struct slice id);
yyjson_val *rig_events(struct slice id);
enum err rig_read_err(struct flow_query q);
struct slice rig_status(struct slice id);

extern const char rig_template[]; /* "pair": stage one has a and b, side by side; stage two has c */

#endif
