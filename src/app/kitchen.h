/* The demo's world around swm: customers who order, cooks and drivers who work, one after another
 * person at a door. They know the server as any other client does. */
#ifndef SWM_APP_KITCHEN_H
#define SWM_APP_KITCHEN_H

#include "app/cli.h"

#define KITCHEN_STATIONS 4
#define KITCHEN_HANDS 4 /* tasks a station does at once */
#define KITCHEN_TEXT_BYTES 512

struct kitchen_task { /* free: due_at_ms is 0 */
    int64_t due_at_ms, attempt;
    char token[KITCHEN_TEXT_BYTES], key[80], dish[80], driver[80];
};

struct kitchen {
    struct cli *cli;
    int64_t divisor; /* of all times: 1, or more to be faster */
    uint64_t chance; /* state of the dice */
    int64_t orders;  /* the number of the last one */
    int64_t order_at_ms, inbox_at_ms, retry_at_ms;
    struct client_call *receives[KITCHEN_STATIONS];
    struct kitchen_task tasks[KITCHEN_STATIONS][KITCHEN_HANDS];
    struct arena round;
    bool is_full; /* so many orders are open that no more come */
};

void kitchen_open(struct kitchen *k, struct cli *c, int64_t divisor);
/* A server is there: the template is applied, the orders are counted. EXIT_OK, or it has been said
 * why not. */
int kitchen_begin(struct kitchen *k);
/* Does what is due; next_ms says when to call again. False: the server does not answer. */
bool kitchen_move(struct kitchen *k, int64_t now_ms, int64_t *next_ms);
/* Drops what is under way: the server is gone, and gives it out again when it is back. */
void kitchen_drop(struct kitchen *k);
void kitchen_close(struct kitchen *k);

/* One line for people, or JSON for programs. */
void kitchen_say(struct kitchen *k, enum tint tint, const char *what, const char *key,
                 const char *detail);

#endif
