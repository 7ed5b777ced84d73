/* Three engines over one store, driven by hand: time moves when a case says so, and their queue
 * only notes what it is told. */
#ifndef SWM_TEST_NODES_H
#define SWM_TEST_NODES_H

#include "flow/flow.h"

#define NODES 3

struct nodes;

struct node { /* one engine, and the store as it sees it */
    struct store store;
    struct nodes *of;
    struct store *under;
    struct list done; /* finished requests that it has not collected */
    size_t lent;      /* its requests that the store has */
    struct queue queue;
    struct flow *flow; /* NULL: not open */
};

struct offer { /* a message as the queue was told of it */
    struct slice instance, task;
    int64_t generation, attempt;
    unsigned node;
    unsigned times;
    bool is_told; /* a line of the case has it */
    bool is_read; /* its text was asked for */
};

struct loan {
    const struct store_request *request;
    struct node *node;
};

struct nodes {
    struct arena *arena;
    struct node node[NODES + 1]; /* the last has no engine: it is the test's own eye */
    struct loan loans[1024];
    size_t loan_count;
    struct offer offers[256];
    size_t offer_count;
    struct slice withdrawn[256]; /* tasks, since nodes_forget_withdrawn */
    size_t withdrawn_count;
    int64_t now_ms;
    bool is_stuck; /* the engines did not come to rest */
};

/* The stores that the nodes open; the same one for all where it lives in memory. `life` makes the
 * nodes' names differ from case to case. */
void nodes_open(struct nodes *n, struct arena *a, struct store *const under[NODES]);
void nodes_start(struct nodes *n, unsigned first, unsigned count, unsigned life);
/* Rounds of one node at this time until *is_done. */
void nodes_drive(struct nodes *n, unsigned node, const bool *is_done);
/* Rounds of all, this one first, until nobody has anything to do at this time. */
void nodes_rest(struct nodes *n, unsigned first);
/* When the first of them wants a round. */
int64_t nodes_next(const struct nodes *n);
/* What a read or a message's text comes to; the text is copied into the arena. */
struct nodes_reading {
    bool is_here;
    enum err err;
    struct slice json;
    struct arena *arena;
};
flow_read_reply nodes_take_json;
/* Asks for the text of every offered message that was not asked for yet. The node that offers one
 * has its text, with a token that the others understand; one that exists no more has none. Gives
 * the task of a message where that is not so; absent: none. */
struct slice nodes_read_messages(struct nodes *n, struct arena *a);
/* All write what they have and go. */
void nodes_leave(struct nodes *n);
void nodes_close(struct nodes *n);
/* A request of the test's own, from start to end. */
enum err nodes_ask(struct nodes *n, struct store_request *r);

#endif
