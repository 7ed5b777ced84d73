/* Opens and closes what every way to run has in common. Before it stands the configuration, after
 * it the loop of serve.c or the invocations of lambda.c. It only wires: it decides nothing. */
#include "app/engine.h"

#include "base/log.h"
#include "base/time.h"
#include "base/version.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

const char *engine_store_name(const struct engine *e)
{
    return drivers_store(e->drivers)->ops->name;
}

bool engine_is_on_disk(const struct engine *e)
{
    return strcmp(engine_store_name(e), "sqlite") == 0;
}

/* Not before the store is open: a time that was told from a clock that is ahead is not taken back.
 */
static int64_t read_clock(struct engine *e)
{
    e->clock.is_stores = drivers_offset_ms(e->drivers, &e->clock.offset_ms);
    return e->clock.clock.read(&e->clock.clock);
}

void engine_read_clock(struct engine *e)
{
    e->now_ms = read_clock(e);
    drivers_set_time(e->drivers, e->now_ms);
    rest_set_time(e->rest, e->now_ms);
}

/* --- opening ---------------------------------------------------------------------------------- */

/* A record is durable. */
static void take_record(void *context, struct slice instance, const struct store_record *r)
{
    struct engine *e = context;
    if (slice_eq_text(r->event, vocab_name(VOCAB_EVENT_KIND, EVENT_TEMPLATE_APPLIED)))
        e->is_template_new = true;
    rest_tell(e->rest, instance, r);
}

/* The listening address is known to differ only in its port, where that was 0. */
static void describe_node(struct engine *e)
{
    (void)snprintf(e->info, sizeof e->info,
                   "{\"queue\":\"%.200s\",\"address\":\"%.100s\",\"version\":\"%.60s\"%s}",
                   e->config->queue, e->config->is_lambda ? "AWS Lambda" : e->config->listen,
                   version_text, e->config->is_lambda ? ",\"guest\":true" : "");
}

static enum err open_flow(struct engine *e, uint64_t seed)
{
    describe_node(e);
    struct flow_config c = {.store = drivers_store(e->drivers),
                            .node = slice_of(e->config->node_name),
                            .info = slice_of(e->info),
                            .seed = seed,
                            .retention_ms = e->config->retention_ms,
                            .is_guest = e->config->is_lambda,
                            .tick_ms = e->config->tick_ms,
                            .tell = take_record,
                            .tell_context = e};
    if (getrandom(c.fresh_key, sizeof c.fresh_key, 0) != (ssize_t)sizeof c.fresh_key)
        return ERR_IO;
    char message[DRIVERS_MESSAGE_BYTES] = "";
    enum err err = flow_open(&c, &e->flow);
    struct drivers_queue queue = {e->config->queue, e->flow, rest_post, e->rest, seed};
    if (err == ERR_NONE)
        err = drivers_open_queue(e->drivers, &queue, e->now_ms, message);
    if (err != ERR_NONE)
        log_line(LOG_ERROR, "app", "can't start: %s", message[0] != '\0' ? message : err_text(err));
    return err;
}

static enum err open_rest(struct engine *e, uint64_t seed)
{
    struct rest_config c = {.data_folder = slice_of(engine_is_on_disk(e) ? e->config->data : NULL),
                            .store = slice_of(engine_store_name(e)),
                            .node = slice_of(e->config->node_name),
                            .seed = seed,
                            .admin_key = slice_of(e->config->admin_key),
                            .must_have_keys = e->config->is_lambda};
    return rest_open(&c, &e->rest);
}

static enum err open_sqs(struct engine *e, uint64_t seed)
{
    struct sqs_config c = {
        .queues = drivers_front(e->drivers), .seed = seed, .events = rest_post, .context = e->rest};
    return sqs_open(&c, &e->sqs);
}

static enum err open_store(struct engine *e)
{
    char message[DRIVERS_MESSAGE_BYTES] = "";
    struct drivers_config c = {.store = e->config->store,
                               .data = e->config->data,
                               .node = e->config->node_name,
                               .is_brief = e->config->is_lambda};
    enum err err = drivers_open(&c, &e->drivers, message);
    if (err != ERR_NONE)
        log_line(LOG_ERROR, "app", "%s", message[0] != '\0' ? message : err_text(err));
    return err;
}

enum err engine_open(struct engine *e, const struct config *config)
{
    uint64_t seeds[3];
    *e = (struct engine){.config = config};
    clock_system_init(&e->clock);
    if (getrandom(seeds, sizeof seeds, 0) != (ssize_t)sizeof seeds)
        return ERR_IO;
    enum err err = open_store(e);
    if (err == ERR_NONE) {
        e->now_ms = e->began_at_ms = read_clock(e);
        err = open_rest(e, seeds[0]);
    }
    if (err == ERR_NONE)
        err = open_flow(e, seeds[1]);
    if (err == ERR_NONE)
        err = open_sqs(e, seeds[2]);
    return err;
}

void engine_connect(struct engine *e, struct http_server *http)
{
    rest_connect(e->rest, &(struct rest_parts){e->flow, drivers_front(e->drivers),
                                               drivers_queue(e->drivers), http, e->sqs});
}

/* --- starting and closing --------------------------------------------------------------------- */

void engine_start(struct engine *e)
{
    flow_start(e->flow, e->now_ms);
    drivers_start(e->drivers);
}

bool engine_is_read(const struct engine *e)
{
    return flow_is_ready(e->flow) && drivers_is_ready(e->drivers);
}

enum err engine_start_error(const struct engine *e)
{
    enum err err = flow_start_error(e->flow);
    return err != ERR_NONE ? err : drivers_start_error(e->drivers);
}

bool engine_declare(struct engine *e)
{
    e->is_template_new = drivers_declare(e->drivers) != ERR_NONE;
    return !e->is_template_new;
}

int64_t engine_next(const struct engine *e)
{
    int64_t next = time_min(flow_next(e->flow), drivers_next(e->drivers));
    return time_min(next, rest_next(e->rest));
}

void engine_close(struct engine *e, struct http_server *http)
{
    if (e->drivers != NULL)
        drivers_close_store(e->drivers);
    if (e->flow != NULL)
        flow_close(e->flow);
    if (http != NULL)
        http_close(http);
    if (e->drivers != NULL)
        drivers_close(e->drivers);
    if (e->sqs != NULL)
        sqs_close(e->sqs);
    if (e->rest != NULL)
        rest_close(e->rest);
}
