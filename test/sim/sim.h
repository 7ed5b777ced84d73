/* The simulator: the real core, flow and memory store in one thread under a made-up clock, with
 * everything around them unreliable. One seed decides everything, so a failing run replays. There
 * is one engine with its built-in queue, or there are several at one store and a queue outside.
 *
 *   nodes.c    lives of the engines: they crash, freeze, are cut off, leave and come back
 *   faults.c   the store as an engine sees it: slow, failing, conflicting, unheard
 *   queue.c    the queues: the built-in one as a double, and one outside that knows no engine
 *   actors.c   clients, a person, an operator; workers.c: those who do the tasks
 *   oracle.c   a small independent reading of the records that says what is allowed
 *   whole.c    what holds for all instances together: keys, effects, nothing late, nothing lost
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
#define SIM_NODES_MAX 4
#define SIM_MESSAGES_MAX 32768
#define SIM_SENDS_MAX 8192
#define SIM_HELD_MAX 4096
#define SIM_UNSENT_MAX 1024
#define SIM_BACKLOG_MAX 512
#define SIM_REMINDERS_MAX 4096
#define SIM_INSTANCES_MAX 256
#define SIM_HEARD_MAX 1024
#define SIM_TEMPLATES 3
#define SIM_VERSIONS_MAX 3

struct sim;
struct sim_node;

/* A message that workers can receive. Texts live in the simulation's arena. */
struct sim_message {
    struct slice queue, instance, task, token;
    int64_t generation, attempt, visible_at_ms;
    bool is_here;
};

/* An event on its way to an engine, sent again until it is answered. */
struct sim_send {
    struct sim *sim;
    struct event e;
    int64_t at_ms;    /* when it is sent next */
    unsigned copies;  /* how often it is sent at once */
    unsigned message; /* deleted when it is answered: its index + 1; 0: none */
    bool is_done, is_start, is_read;
};

/* One transmission of it. */
struct sim_copy {
    struct sim_send *send;
    struct sim_node *node;
    uint64_t life; /* of the engine that has it */
    int64_t at_ms; /* by its clock; not later than it took the event */
};

/* A heartbeat that was answered well, recorded or not. Texts live in the simulation's arena. */
struct sim_heard {
    struct slice instance, task;
    int64_t generation, attempt, at_ms;
};

struct sim_held { /* a request the store has */
    struct store_request *request;
    int64_t asked_at_ms, effect_at_ms, answer_at_ms;
    uint64_t pos; /* of the newest record when it was asked */
    bool is_taken, is_done;
};

/* A message on its way from an engine to the queue outside. */
struct sim_unsent {
    struct queue_message m; /* texts in the simulation's arena */
    enum { UNSENT_FREE, UNSENT_WAITING, UNSENT_ASKED, UNSENT_ON_WIRE, UNSENT_ARRIVED } state;
    int64_t at_ms; /* of the next thing that happens to it */
    struct slice token, key;
    unsigned stamp;     /* tells one use of the place from another */
    bool is_heard;      /* its arrival is told to the engine */
    bool is_sent_again; /* because nobody knew whether it had arrived */
};

struct sim_known { /* what a node has been told of an instance */
    struct slice instance;
    uint64_t seq;
};

struct sim_node {
    struct sim *sim;
    unsigned index;
    char name[24];
    struct flow *flow; /* NULL: down, and nothing of it is on the wire any more */
    uint64_t life;     /* counts engines */
    bool is_crashed;   /* from now on nothing the engine does has an effect */
    bool is_buried;    /* and everybody knows */
    bool is_leaving;
    unsigned crash_in;    /* verbs until the crash; 0: none is coming */
    int64_t skew_ms;      /* of its clock */
    int64_t listed_at_ms; /* its reads are not older */
    int64_t begins_at_ms, frozen_until_ms, cut_until_ms, queue_cut_until_ms;

    struct store faulty; /* what its engine sees */
    struct sim_held held[SIM_HELD_MAX];
    unsigned held_count;
    struct sim_known known[SIM_INSTANCES_MAX];
    unsigned known_count;

    struct queue queue;
    struct sim_unsent unsent[SIM_UNSENT_MAX];
    unsigned unsent_count, stamps;
    bool is_refilling;
    int64_t refilled_at_ms;

    struct sim_copy *backlog[SIM_BACKLOG_MAX]; /* arrived while it was frozen */
    unsigned backlog_count;

    bool is_guest; /* it sleeps between visits */
    bool is_awake, is_going;
    int64_t tick_at_ms;
};

struct sim_effect { /* a message that left an engine */
    struct slice token, key;
    char node[24];
};

struct sim_template {
    struct slice name, sources[SIM_VERSIONS_MAX];
    const struct template *versions[SIM_VERSIONS_MAX]; /* parsed here, for the oracle */
    unsigned version_count, applied_count;
    struct sim_node *asked; /* has the next version and has not answered */
    int64_t at_ms;          /* when the next version is applied */
};

struct sim {
    uint64_t seed, rng;
    bool is_verbose, is_calm;
    bool is_cluster; /* several nodes at one store, and a queue outside */
    bool is_gentle;  /* no crash, no freeze, no cut, no answer lost: nothing is sent twice */
    bool has_guests; /* nodes that work now and then; the first one may be a server */
    int64_t now_ms, calm_at_ms;
    struct arena arena, scratch;
    const char *failure; /* NULL: none */
    char failure_text[512];

    struct store *real;
    uint64_t last_pos; /* of the real store */
    struct sim_node nodes[SIM_NODES_MAX];
    unsigned node_count, names;
    struct {
        struct slice instance;
        int64_t at_ms;
    } reminders[SIM_REMINDERS_MAX];
    unsigned reminder_count;

    struct sim_message messages[SIM_MESSAGES_MAX];
    unsigned message_count, first_message; /* all before that one are gone */
    struct sim_template templates[SIM_TEMPLATES];
    struct sim_send sends[SIM_SENDS_MAX];
    unsigned send_count, first_send;       /* all before that one are done */
    struct sim_heard heard[SIM_HEARD_MAX]; /* the newest */
    unsigned heard_count;
    unsigned starts_left, operations_left;
    int64_t next_poll_ms, next_inbox_ms, next_start_ms, next_operation_ms, calm_end_ms;
    unsigned long calm_round; /* from this round on nothing fails any more */
    struct slice instances[SIM_INSTANCES_MAX];
    struct { /* the first record that its row lacked at the last look */
        uint64_t seq;
        int64_t since_ms;
    } behind[SIM_INSTANCES_MAX];
    unsigned instance_count;

    struct map effects; /* of (instance, task, generation, attempt) */
    unsigned long crashes, freezes, cuts, leaves, answers, deliveries, sent, doubled, conflicts;
    unsigned long taken_over, late_ms;
    unsigned long visits;
    bool is_verifying, is_verified;
};

/* Chance: 0 to n - 1; true once in n. */
uint64_t sim_random(struct sim *s, uint64_t n);
bool sim_once_in(struct sim *s, uint64_t n);
/* The first failure of a run stays; later ones are mostly its echo. */
void sim_fail(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line of the story, when it is wanted. */
void sim_say(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* nodes.c */
void nodes_open(struct sim *s);
void nodes_round(struct sim *s);
int64_t nodes_next(const struct sim *s);
void nodes_calm(struct sim *s);
void nodes_verify(struct sim *s); /* every node finds every chain whole */
void nodes_close(struct sim *s);
/* One verb of an engine: its world may end here. True: it is dead. */
bool nodes_verb(struct sim_node *n, const char *verb);
bool nodes_is_frozen(const struct sim_node *n);
/* A node that takes events, by chance; one that is frozen among them. NULL: none. */
struct sim_node *nodes_pick(struct sim *s);
void nodes_call(struct sim_node *n); /* before it is given something: a guest wakes up */
void nodes_remind(struct sim *s, struct slice instance, int64_t at_ms);
bool nodes_is_ready(const struct sim_node *n); /* its engine runs and takes events now */

/* faults.c */
void faults_open(struct sim *s);
void faults_attach(struct sim_node *n);
void faults_round(struct sim *s); /* what is due has its effect in the store */
int64_t faults_next(const struct sim *s);
void faults_calm(struct sim *s);        /* nothing takes time any more */
void faults_forget(struct sim_node *n); /* it died: what it had asked is lost, or done unseen */
bool faults_is_on_wire(const struct sim_node *n);
/* Asks the real store at once, past all faults. */
void faults_ask(struct sim *s, struct store_request *r);

/* queue.c */
void queue_attach(struct sim_node *n);
void queue_round(struct sim *s);
int64_t queue_next(const struct sim *s);
void queue_forget(struct sim_node *n); /* it died, and with it the names of what is not sent */

/* actors.c */
void actors_open(struct sim *s);
void actors_round(struct sim *s);
int64_t actors_next(const struct sim *s);
void actors_crashed(struct sim_node *n);
void actors_thawed(struct sim_node *n); /* what arrived meanwhile goes in */
bool actors_are_done(const struct sim *s);
bool actors_have_applied(const struct sim *s); /* every template is known */
void actors_calm(struct sim *s);
struct slice actors_keep(struct sim *s, const char *format, unsigned long a, unsigned long b);
void actors_send(struct sim *s, struct event e, int64_t in_ms, unsigned message);

/* workers.c */
void workers_round(struct sim *s);

/* oracle.c */
struct oracle_task { /* what the records say of one task */
    struct slice status, error;
    int64_t generation, attempt, failures, retry_at_ms, scheduled_at_ms;
    bool is_answered; /* the current attempt had its one outcome */
};
struct oracle_view {
    const struct template *template;
    struct oracle_task tasks[64];
    struct slice status;
    int64_t at_ms; /* of the last record */
};
/* Reads every record of an instance and checks what is allowed; *view gets the end, its texts in
 * the scratch arena. */
void oracle_instance(struct sim *s, struct slice instance, struct oracle_view *view);
/* Whether the durable records name this attempt as sent. */
bool oracle_is_sent(struct sim *s, const struct queue_message *m);
/* Whether a durable record (instance, seq) is about this event id with this verdict. */
bool oracle_has(struct sim *s, struct slice instance, uint64_t seq, struct slice event_id,
                enum verdict v);
yyjson_val *oracle_parse(struct sim *s, struct slice bytes);

/* whole.c */
/* A message leaves an engine: always under the same names; how often is counted. */
void whole_note_sent(struct sim_node *n, const struct sim_unsent *u);
void whole_check_time(struct sim *s); /* nothing is late that nothing holds up */
void whole_check_keys(struct sim *s); /* never two open instances of one key */

#endif
