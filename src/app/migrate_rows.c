/* Makes the target's rows by folding its records, and has the target verified. Comes last in a
 * move: an engine that wakes and sends nothing is opened over the target. It must not add a record.
 */
#include "app/migrate.h"

#include "base/time.h"
#include "core/record.h"

#include <poll.h>
#include <string.h>
#include <sys/random.h>

#define LOADS 32 /* instances that are folded at once */
#define MIXED_QUEUE "moved"
#define PATIENCE_MS 20000 /* with a target that does not answer; the move can be begun again */

struct engine {
    struct migrate *m;
    struct flow *flow;
    unsigned loading;
    enum err err; /* of the first instance that could not be folded */
    char bad[MIGRATE_ID_BYTES];
    struct slice answer; /* in the command's arena */
    bool is_answered;
};

/* --- instances with a long history: the source's row is where folding begins --- */

static enum err read_payloads(struct migrate *m, struct arena *a, struct slice state,
                              struct store_request *out)
{
    struct payload_list refs = {0};
    enum err err = state_refs(a, state, &refs);
    *out = (struct store_request){.op = STORE_PAYLOADS, .arena = a};
    out->payload_count = refs.count;
    out->payloads = arena_array(a, refs.count + 1, sizeof *out->payloads);
    for (uint32_t k = 0; k < refs.count; k++)
        memcpy(out->payloads[k].digest, refs.items[k].digest, SHA256_BYTES);
    return err == ERR_NONE ? bulk_ask(&m->source, out) : err;
}

static enum err seed(struct migrate *m, struct slice id)
{
    struct store_request load = migrate_ask(m, STORE_LOAD), texts;
    load.id = id;
    enum err err = bulk_ask(&m->source, &load);
    if (err != ERR_NONE || load.row_count == 0)
        return err;
    err = read_payloads(m, &m->arena, load.rows[0].state, &texts);
    if (err != ERR_NONE)
        return err;
    struct store_request put = {.op = STORE_ROWS, .arena = &m->arena};
    put.node = slice_of(m->node);
    put.rows = load.rows;
    put.row_count = 1;
    put.payloads = arena_array(&m->arena, texts.payload_count + 1, sizeof *put.payloads);
    for (uint32_t k = 0; k < texts.payload_count; k++)
        if (texts.payloads[k].text.at != NULL)
            put.payloads[put.payload_count++] = texts.payloads[k];
    return bulk_ask(&m->target, &put);
}

/* --- which queue driver has the messages that are out --- */

static enum err read_queue(struct migrate *m, struct slice other_than, struct slice *out)
{
    struct store_request r = migrate_ask(m, STORE_LIST);
    r.filter.not_queue = other_than;
    r.limit = 1;
    enum err err = bulk_ask(&m->source, &r);
    *out = r.row_count > 0 ? slice_copy(&m->cli->arena, r.rows[0].queue) : SLICE_NONE;
    return err;
}

/* The one that all open instances name; where they differ all that is out is sent once more. */
static enum err find_queue(struct migrate *m, struct slice *out)
{
    struct slice other = SLICE_NONE;
    enum err err = read_queue(m, SLICE(""), out);
    if (err == ERR_NONE && out->at != NULL)
        err = read_queue(m, *out, &other);
    if (other.at != NULL)
        *out = SLICE(MIXED_QUEUE);
    return err;
}

/* --- the engine --- */

static int64_t now_of(const struct engine *e)
{
    return migrate_now_ms(e->m->to);
}

static void round_of(struct engine *e)
{
    struct pollfd fd = {.fd = drivers_wake_fd(e->m->to), .events = POLLIN};
    int64_t now_ms = now_of(e), next_ms = flow_next(e->flow);
    if (next_ms > now_ms)
        (void)poll(&fd, fd.fd >= 0, (int)time_min(next_ms - now_ms, 1000));
    flow_round(e->flow, now_of(e));
}

static bool is_before(int64_t end_ms)
{
    return cli_now_ms() < end_ms;
}

static enum err no_answer(struct migrate *m)
{
    return migrate_fail(m, ERR_STORE, "%s does not answer", m->to_place);
}

static enum err start(struct engine *e)
{
    struct migrate *m = e->m;
    struct slice queue;
    enum err err = find_queue(m, &queue);
    if (err != ERR_NONE)
        return err;
    struct flow_config c = {.store = m->target.store,
                            .node = slice_of(m->node),
                            .queue_name = queue,
                            .info = SLICE("{\"queue\":\"\"}"),
                            .is_still = true};
    if (getrandom(&c.seed, sizeof c.seed, 0) != (ssize_t)sizeof c.seed)
        return ERR_IO;
    err = flow_open(&c, &e->flow);
    if (err != ERR_NONE)
        return err;
    flow_start(e->flow, now_of(e));
    int64_t end_ms = cli_now_ms() + PATIENCE_MS;
    while (!flow_is_ready(e->flow) && flow_start_error(e->flow) == ERR_NONE && is_before(end_ms))
        round_of(e);
    err = flow_start_error(e->flow);
    return err == ERR_NONE && !flow_is_ready(e->flow) ? no_answer(m) : err;
}

/* False: the target did not hear of it. */
static bool stop(struct engine *e)
{
    if (e->flow == NULL)
        return true;
    int64_t end_ms = flow_is_ready(e->flow) ? cli_now_ms() + PATIENCE_MS : 0;
    flow_drain(e->flow);
    while (!flow_is_idle(e->flow) && is_before(end_ms))
        round_of(e);
    bool is_left = flow_is_idle(e->flow);
    if (!is_left)
        drivers_close_store(e->m->to); /* it has questions of the engine's under way */
    flow_close(e->flow);
    return is_left;
}

/* --- folding --- */

struct folding {
    struct engine *engine;
    char id[MIGRATE_ID_BYTES];
    bool is_busy;
};

static void folded(void *context, enum err err, struct slice json)
{
    struct folding *w = context;
    (void)json;
    w->is_busy = false;
    w->engine->loading--;
    if (err == ERR_NONE || w->engine->err != ERR_NONE)
        return;
    w->engine->err = err;
    memcpy(w->engine->bad, w->id, sizeof w->id);
}

static struct folding *find_free(struct folding *all)
{
    for (unsigned k = 0; k < LOADS; k++)
        if (!all[k].is_busy)
            return &all[k];
    return NULL;
}

static void fold(struct engine *e, struct folding *w)
{
    w->engine = e;
    w->is_busy = true;
    w->id[strcspn(w->id, "\n")] = '\0';
    e->loading++;
    struct flow_query q = {.what = FLOW_REWRITE, .id = slice_of(w->id)};
    flow_read(e->flow, &q, folded, w);
}

static enum err fold_all(struct engine *e)
{
    struct folding all[LOADS] = {0};
    uint64_t count = 0;
    bool is_more = true;
    rewind(e->m->ids);
    migrate_tell_step(e->m);
    while (is_more || e->loading > 0) {
        struct folding *w = find_free(all);
        is_more = is_more && e->err == ERR_NONE;
        if (w == NULL || !is_more) {
            round_of(e);
            continue;
        }
        is_more = fgets(w->id, sizeof w->id, e->m->ids) != NULL;
        if (is_more)
            fold(e, w);
        migrate_tell(e->m, "instances", ++count);
    }
    if (e->err != ERR_NONE)
        return migrate_fail(e->m, e->err, "instance %s can't be folded: %s", e->bad,
                            err_text(e->err));
    return ERR_NONE;
}

/* --- verifying --- */

static void answered(void *context, enum err err, struct slice json)
{
    struct engine *e = context;
    e->err = err;
    e->answer = slice_copy(&e->m->cli->arena, json);
    e->is_answered = true;
}

static enum err ask_engine(struct engine *e, enum flow_read what, yyjson_val **root)
{
    struct flow_query q = {.what = what};
    e->is_answered = false;
    flow_read(e->flow, &q, answered, e);
    while (!e->is_answered)
        round_of(e);
    if (e->err != ERR_NONE)
        return e->err;
    return json_read(&e->m->cli->arena, e->answer, WORK_BYTES_MAX, JSON_DEPTH_MAX, NULL, root);
}

static enum err verify(struct engine *e)
{
    struct migrate *m = e->m;
    yyjson_val *root;
    int64_t instances = 0;
    bool is_ok = false;
    migrate_tell_step(m);
    migrate_tell(m, "verifying", 0);
    enum err err = ask_engine(e, FLOW_VERIFY, &root);
    if (err != ERR_NONE)
        return err;
    (void)json_get_bool(root, "ok", &is_ok);
    (void)json_get_int(root, "instances", &instances);
    if (!is_ok)
        return migrate_fail(m, ERR_CORRUPT, "the copy is not in order: %.*s", SLICE_ARG(e->answer));
    if ((uint64_t)instances != m->instances)
        return migrate_fail(m, ERR_CORRUPT, "%s has %lld instances, %s has %llu", m->to_place,
                            (long long)instances, m->from_place, (unsigned long long)m->instances);
    return ERR_NONE;
}

/* --- the step --- */

/* Else a start would hold everything in memory that no row has. */
static enum err state_folded(struct migrate *m)
{
    struct store_request last = migrate_ask(m, STORE_FEED);
    last.newest_first = true;
    last.limit = 1;
    enum err err = bulk_ask(&m->target, &last);
    if (err != ERR_NONE || last.record_count == 0)
        return err;
    struct store_request put = {.op = STORE_ROWS, .arena = &m->arena};
    put.folded_pos = m->target.store->ops->is_shared ? 0 : last.records[0].pos;
    return bulk_ask(&m->target, &put);
}

enum err migrate_rows(struct migrate *m)
{
    struct engine e = {.m = m};
    enum err err = state_folded(m);
    for (uint32_t k = 0; k < m->seed_count && err == ERR_NONE; k++)
        err = seed(m, m->seeds[k]);
    if (err == ERR_NONE)
        err = start(&e);
    if (err == ERR_NONE)
        err = fold_all(&e);
    if (err == ERR_NONE)
        err = verify(&e);
    bool is_left = stop(&e);
    return err == ERR_NONE && !is_left ? no_answer(m) : err;
}
