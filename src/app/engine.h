/* What every way to run has in common: store, queues, engine and REST interface, opened from one
 * configuration and wired to each other. serve.c drives it as a server does, lambda.c for one
 * invocation after the other. */
#ifndef SWM_APP_ENGINE_H
#define SWM_APP_ENGINE_H

#include "api/rest.h"
#include "api/sqs.h"
#include "app/clock_system.h"
#include "app/config.h"
#include "app/drivers.h"

struct engine {
    const struct config *config;
    struct clock_system clock;
    struct drivers *drivers;
    struct flow *flow;
    struct rest *rest;
    struct sqs_front *sqs;
    int64_t now_ms, began_at_ms;
    bool is_template_new; /* the queues are to be told */
    char info[512];       /* what other nodes may know of this one: JSON */
};

/* Opens all; what is wrong has been logged. `e` stays where it is. */
enum err engine_open(struct engine *e, const struct config *config) MUST_USE;
/* Where requests come from; before any comes. */
void engine_connect(struct engine *e, struct http_server *http);
/* Reads what a start needs; it takes rounds until engine_is_read. */
void engine_start(struct engine *e);
bool engine_is_read(const struct engine *e);
enum err engine_start_error(const struct engine *e);
/* The time of this round, told to everybody who asks for it. */
void engine_read_clock(struct engine *e);
/* What templates name is declared to the queues. False: memory is short, call it again. */
bool engine_declare(struct engine *e);
int64_t engine_next(const struct engine *e); /* when the next round is due; TIME_NEVER */
bool engine_is_on_disk(const struct engine *e);
/* The store's address may hold a password: it is told by its kind. */
const char *engine_store_name(const struct engine *e);
/* Answers that are still out are given up first, while their requests exist; then `http` (may be
 * NULL) and the rest. */
void engine_close(struct engine *e, struct http_server *http);

#endif
