/* The simulator: the real core, flow and memory store in one thread under a made-up clock, with
 * everything around them unreliable. One seed decides everything, so a failing run replays.
 *
 *   faults.c   the store as flow sees it: slow, failing, conflicting, crashing between two verbs
 *   actors.c   clients, workers, a person, an operator: they repeat, reorder, give up, come late
 *   oracle.c   a small independent reading of the records that says what is allowed
 *   main.c     the loop, seeds, options
 */
#ifndef SWM_TEST_SIM_H
#define SWM_TEST_SIM_H

#include "base/arena.h"
#include "base/heap.h"
#include "base/json.h"
#include "base/map.h"
#include "flow/flow.h"

#define SIM_START_MS 1700000000000
#define SIM_MESSAGES_MAX 4096
#define SIM_SENDS_MAX 4096
#define SIM_HELD_MAX 4096
#define SIM_TEMPLATES 3

/* A message that the queue double shows to workers. Texts live in the simulation's arena. */
struct sim_message {
    struct slice queue, instance, task;
    int64_t generation, attempt, visible_at_ms;
    bool is_here;
};

/* An event on its way to the engine, sent again until it is answered. */
struct sim_send {
    struct sim *sim;
    struct event e;
    int64_t at_ms;        /* when it is sent next */
    unsigned copies;      /* how often it is sent at once */
    unsigned outstanding; /* copies without an answer */
    uint64_t life;        /* of the engine that has it */
    bool is_done, is_start, is_read;
    struct slice acked_instance;
};

struct sim_held { /* a request the store has */
    struct store_request *request;
    int64_t at_ms;
    bool is_taken;
};

struct sim {
    uint64_t seed, rng;
    bool is_verbose, is_calm;
    bool is_crashed; /* from now on nothing the engine does has an effect */
    uint64_t life;   /* counts engines */
    int64_t now_ms;
    struct arena arena, scratch;
    const char *failure; /* NULL: none */
    char failure_text[512];

    struct store faulty; /* what flow sees; must be first of its kind: see faults.c */
    struct store *real;
    struct sim_held held[SIM_HELD_MAX];
    unsigned held_count;
    unsigned crash_in; /* verbs until the next crash; 0: none is coming */

    struct queue queue;
    struct sim_message messages[SIM_MESSAGES_MAX];
    unsigned message_count;
    bool is_refilling;
    int64_t refilled_at_ms;

    struct flow *flow;
    struct slice template_names[SIM_TEMPLATES], template_sources[SIM_TEMPLATES];
    const struct template *templates[SIM_TEMPLATES]; /* parsed here, for the oracle */
    unsigned template_count, applied_count;

    struct sim_send sends[SIM_SENDS_MAX];
    unsigned send_count;
    unsigned starts_left, operations_left;
    int64_t next_poll_ms, next_inbox_ms, next_start_ms, next_operation_ms, calm_end_ms;
    unsigned long calm_round; /* from this round on nothing fails any more */
    struct slice instances[256];
    unsigned instance_count;
    unsigned long verbs, crashes, answers, deliveries;
};

/* Chance: 0 to n - 1; true once in n. */
uint64_t sim_random(struct sim *s, uint64_t n);
bool sim_once_in(struct sim *s, uint64_t n);
/* The first failure of a run stays; later ones are mostly its echo. */
void sim_fail(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line of the story, when it is wanted. */
void sim_say(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* faults.c */
void faults_open(struct sim *s);
/* One verb of the engine: the world may end here. True: the engine is dead. */
bool faults_verb(struct sim *s, const char *verb);
int64_t faults_next(const struct sim *s);
void faults_forget(struct sim *s); /* the engine died: what it had asked is lost, or done unseen */
/* Asks the real store at once, past all faults. */
void faults_ask(struct sim *s, struct store_request *r);

/* actors.c */
void actors_open(struct sim *s);
void actors_round(struct sim *s);
int64_t actors_next(const struct sim *s);
void actors_crashed(struct sim *s);
bool actors_are_done(const struct sim *s);
void actors_calm(struct sim *s);

/* oracle.c */
struct oracle_task { /* what the records say of one task */
    struct slice status, error;
    int64_t generation, attempt, failures, retry_at_ms;
    bool is_answered; /* the current attempt had its one outcome */
};
/* Reads every record of an instance and checks what is allowed; *status gets the end. */
void oracle_instance(struct sim *s, struct slice instance, struct slice *status);
/* Whether the durable records name this attempt as sent. */
bool oracle_is_sent(struct sim *s, const struct queue_message *m);
/* Whether a durable record (instance, seq) is about this event id with this verdict. */
bool oracle_has(struct sim *s, struct slice instance, uint64_t seq, struct slice event_id,
                enum verdict v);

#endif
