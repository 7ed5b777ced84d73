/* Several engines over one store, each with its own clock hand, queue and cache. Time moves when a
 * test says so. One rig at a time. */
#ifndef SWM_TEST_NODES_RIG_H
#define SWM_TEST_NODES_RIG_H

#include "harness.h"

#include "base/arena.h"
#include "base/json.h"
#include "flow/flow.h"
#include "store_view.h"

#define NODES 3
#define SENT_MAX 256

struct sent { /* a message that a node gave to its queue */
    char task[16];
    int64_t generation, attempt;
    struct slice instance;
};

struct node {
    struct store_view store; /* the first member */
    struct queue queue;
    struct flow *flow;
    char name[8];
    bool is_stopped;     /* it gets no rounds */
    bool is_queue_lost;  /* messages are taken and not sent */
    bool is_newer;       /* what it writes has a later format, which it reads too */
    uint64_t unsent_pos; /* of the first of those */
    struct sent sent[SENT_MAX];
    unsigned sent_count;
};

struct nodes {
    struct store *mem;
    struct arena arena;
    int64_t now_ms;
    struct node of[NODES];
    unsigned answers, events;
    struct flow_answer last;
    struct slice tampered; /* the first record of this chain is read as another one */
};

extern struct nodes nodes;
extern int64_t nodes_retention_ms;  /* of nodes that begin */
extern const char nodes_template[]; /* "pair": a and b, then c */
extern const struct queue_ops nodes_outside, nodes_derived;

void nodes_open(void); /* two nodes, a and b, and the template */
void nodes_close(void);
void nodes_run(void); /* some rounds of all of them */
void nodes_wait(int64_t ms);
struct node *nodes_begin(unsigned which, const char *name); /* ready */
/* Not waited for. */
struct node *nodes_begin_with(unsigned which, const char *name, const struct queue_ops *queue,
                              const char *queue_name);
void node_die(struct node *n);
void node_apply(struct node *n, const char *source, bool created);

enum verdict node_send(struct node *n, struct event e);
struct slice node_start(struct node *n, const char *key); /* an instance of "pair" */
enum verdict node_answer(struct node *n, enum event_kind kind, struct slice instance,
                         const char *task);
unsigned nodes_count_sent(const char *task);
yyjson_val *node_read(struct node *n, struct flow_query q);
struct slice node_status(struct node *n, struct slice id);
uint64_t nodes_count_conflicts(void);

#endif
