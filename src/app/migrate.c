/* A move between two stores: opens both, sees that nobody uses them, marks the target. Before it
 * stands cmd_migrate.c, after it the steps in migrate_lists.c, migrate_records.c and
 * migrate_rows.c. It must leave the source as it is. */
#include "app/migrate.h"
#include "app/clock_system.h"

#include "base/time.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARENA_BYTES_MAX (512u << 20)
#define NODE_USES_MS 10000 /* a node that was seen so lately may still write */
#define TELL_EVERY_MS 200

enum err migrate_fail(struct migrate *m, enum err err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(m->message, sizeof m->message, format, args);
    va_end(args);
    return err;
}

struct store_request migrate_ask(struct migrate *m, enum store_op op)
{
    arena_reset(&m->arena);
    return (struct store_request){.op = op, .arena = &m->arena};
}

/* --- telling --- */

void migrate_tell_step(struct migrate *m)
{
    m->step_at_ms = cli_now_ms();
    m->told_at_ms = 0;
}

void migrate_tell(struct migrate *m, const char *what, uint64_t count)
{
    int64_t now_ms = cli_now_ms(), spent_ms = now_ms - m->step_at_ms;
    if (m->cli->args.json || !isatty(STDERR_FILENO) || now_ms < m->told_at_ms + TELL_EVERY_MS)
        return;
    m->told_at_ms = now_ms;
    fprintf(stderr, "\r\x1b[K%s", what);
    if (count > 0)
        fprintf(stderr, ": %" PRIu64, count);
    if (count > 0 && spent_ms > 0)
        fprintf(stderr, ", %" PRIu64 " a second", count * 1000 / (uint64_t)spent_ms);
}

/* --- opening --- */

static bool is_address(const char *place)
{
    return strncmp(place, "mongodb://", 10) == 0 || strncmp(place, "mongodb+srv://", 14) == 0;
}

/* An address without "USER:PASSWORD@". */
static const char *show_place(struct arena *a, const char *place)
{
    const char *host = is_address(place) ? strstr(place, "//") + 2 : place;
    const char *at = is_address(place) ? strrchr(host, '@') : NULL;
    struct text t = text_new(a, EVENT_BYTES_MAX);
    text_put(&t, (struct slice){place, (size_t)(host - place)});
    text_put_c(&t, at == NULL ? host : at + 1);
    return text_c(&t);
}

static bool is_same_place(const char *from, const char *to)
{
    struct stat a, b;
    if (strcmp(from, to) == 0)
        return true;
    return !is_address(from) && !is_address(to) && stat(from, &a) == 0 && stat(to, &b) == 0 &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* A folder that is not there would be made; for the source that is a misspelt name. */
static enum err look_for(struct migrate *m, const char *folder)
{
    struct text t = text_new(&m->cli->arena, EVENT_BYTES_MAX);
    text_put_c(&t, folder);
    text_put_c(&t, "/swm.db");
    if (access(text_c(&t), F_OK) == 0)
        return ERR_NONE;
    return migrate_fail(m, ERR_NOT_FOUND, "%s is no data folder: it has no swm.db", folder);
}

static enum err open_place(struct migrate *m, const char *place, struct drivers **out,
                           struct bulk *bulk)
{
    char message[DRIVERS_MESSAGE_BYTES] = "";
    struct drivers_config c = {.store = is_address(place) ? place : "sqlite",
                               .data = place,
                               .node = m->node,
                               .takes_unfinished = true};
    enum err err = drivers_open(&c, out, message);
    if (err != ERR_NONE)
        return migrate_fail(m, err, "%s: %s", show_place(&m->cli->arena, place),
                            message[0] != '\0' ? message : err_text(err));
    bulk->store = drivers_store(*out);
    return ERR_NONE;
}

static enum err name_self(struct migrate *m)
{
    uint32_t chance;
    if (getrandom(&chance, sizeof chance, 0) != (ssize_t)sizeof chance)
        return ERR_IO;
    (void)snprintf(m->node, sizeof m->node, "migrate-%08" PRIx32, chance);
    return ERR_NONE;
}

/* --- who uses them --- */

int64_t migrate_now_ms(const struct drivers *d)
{
    struct clock_system c;
    clock_system_init(&c);
    c.is_stores = drivers_offset_ms(d, &c.offset_ms);
    return c.clock.read(&c.clock);
}

/* To be a node is the only way to see the others; this one goes at once. */
static enum err see_nodes(struct migrate *m, struct drivers *d, struct bulk *b, const char *place)
{
    struct store_node self = {.id = slice_of(m->node), .info = SLICE("{}")};
    struct store_request r = migrate_ask(m, STORE_NODE_PUT);
    int64_t now_ms = migrate_now_ms(d);
    r.nodes = &self;
    r.node_count = 1;
    r.at_ms = now_ms;
    enum err err = bulk_ask(b, &r);
    for (uint32_t k = 0; k < r.node_count && err == ERR_NONE; k++) {
        struct slice id = r.nodes[k].id;
        if (!slice_eq(id, self.id) && now_ms < r.nodes[k].seen_at_ms + NODE_USES_MS)
            err = migrate_fail(m, ERR_BUSY,
                               "%s is in use: node %.*s was seen %" PRId64
                               " ms ago. Stop the servers, wait ten seconds, and try again",
                               place, SLICE_ARG(id), now_ms - r.nodes[k].seen_at_ms);
    }
    struct store_request drop = {.op = STORE_NODE_DROP, .arena = &m->cli->arena, .id = self.id};
    enum err dropped = bulk_ask(b, &drop);
    return err != ERR_NONE ? err : dropped;
}

/* A folder is locked by whoever has it open; a shared store has its nodes. */
static enum err see_users(struct migrate *m)
{
    enum err err = ERR_NONE;
    if (m->source.store->ops->is_shared)
        err = see_nodes(m, m->from, &m->source, m->from_place);
    if (err == ERR_NONE && m->target.store->ops->is_shared)
        err = see_nodes(m, m->to, &m->target, m->to_place);
    return err;
}

/* --- the mark --- */

static enum err read_meta(struct migrate *m, struct bulk *b, struct slice name, struct slice *out)
{
    struct store_request r = migrate_ask(m, STORE_META);
    r.id = name;
    enum err err = bulk_ask(b, &r);
    *out = err == ERR_NONE ? slice_copy(&m->cli->arena, r.value) : SLICE_NONE;
    return err;
}

static enum err put_meta(struct migrate *m, struct slice name, struct slice value)
{
    struct store_request r = migrate_ask(m, STORE_META);
    r.id = name;
    r.key = value;
    enum err err = bulk_ask(&m->target, &r);
    return err == ERR_NONE && !slice_eq(r.value, value) ? ERR_EXISTS : err;
}

/* Nothing is in it that a server or a person has put there. */
static enum err see_empty(struct migrate *m)
{
    static const enum store_op lists[] = {STORE_FEED, STORE_TEMPLATES, STORE_KEYS, STORE_QUEUES};
    struct slice key;
    enum err err = read_meta(m, &m->target, SLICE(FLOW_TOKEN_KEY), &key);
    bool is_empty = key.at == NULL;
    for (size_t k = 0; k < sizeof lists / sizeof *lists && err == ERR_NONE && is_empty; k++) {
        struct store_request r = migrate_ask(m, lists[k]);
        r.limit = 1;
        err = bulk_ask(&m->target, &r);
        is_empty = r.record_count + r.template_count + r.key_count + r.queue_count == 0;
    }
    if (err != ERR_NONE || is_empty)
        return err;
    return migrate_fail(m, ERR_EXISTS, "%s is not empty; give a place where nothing is",
                        m->to_place);
}

/* A store is known by the key that signs its tokens: no two have the same. */
static enum err identify(struct migrate *m, struct slice *mark)
{
    struct slice key;
    uint8_t digest[SHA256_BYTES];
    char id[HASH_ID_CHARS];
    struct json_out o = json_out_new(&m->cli->arena, EVENT_BYTES_MAX);
    enum err err = read_meta(m, &m->source, SLICE(FLOW_TOKEN_KEY), &key);
    if (err == ERR_NONE && key.at == NULL)
        err = migrate_fail(m, ERR_NOT_FOUND, "%s is empty: no server has ever used it",
                           m->from_place);
    if (err != ERR_NONE)
        return err;
    hash_sha256(key, digest);
    hash_id(digest, id);
    json_object(&o);
    json_put_string(&o, "store", (struct slice){id, sizeof id});
    json_put_text(&o, "from", m->from_place);
    json_object_end(&o);
    *mark = json_out_slice(&o);
    return ERR_NONE;
}

/* The same source, by whatever name it is reached now. */
static bool is_same_source(struct migrate *m, struct slice mark, struct slice found)
{
    yyjson_val *a, *b;
    bool is_read = json_read(&m->cli->arena, mark, EVENT_BYTES_MAX, 4, NULL, &a) == ERR_NONE &&
                   json_read(&m->cli->arena, found, EVENT_BYTES_MAX, 4, NULL, &b) == ERR_NONE;
    return is_read && slice_eq(json_get_text(a, "store"), json_get_text(b, "store"));
}

static enum err see_source_whole(struct migrate *m)
{
    struct slice mark, done;
    enum err err = read_meta(m, &m->source, SLICE(DRIVERS_MOVE_BEGUN), &mark);
    if (err == ERR_NONE)
        err = read_meta(m, &m->source, SLICE(DRIVERS_MOVE_DONE), &done);
    if (err == ERR_NONE && mark.at != NULL && done.at == NULL)
        err = migrate_fail(m, ERR_REFUSED, "%s is the target of a move that is not finished",
                           m->from_place);
    return err;
}

static enum err take_mark(struct migrate *m)
{
    struct slice mark, found, done;
    enum err err = see_source_whole(m);
    if (err == ERR_NONE)
        err = identify(m, &mark);
    if (err == ERR_NONE)
        err = read_meta(m, &m->target, SLICE(DRIVERS_MOVE_BEGUN), &found);
    if (err == ERR_NONE)
        err = read_meta(m, &m->target, SLICE(DRIVERS_MOVE_DONE), &done);
    if (err != ERR_NONE)
        return err;
    if (done.at != NULL)
        return migrate_fail(m, ERR_EXISTS, "%s is not empty: a move into it was finished",
                            m->to_place);
    m->is_resumed = found.at != NULL;
    if (m->is_resumed && !is_same_source(m, mark, found))
        return migrate_fail(m, ERR_EXISTS,
                            "%s has the beginning of a move from another store: %.*s", m->to_place,
                            SLICE_ARG(found));
    if (m->is_resumed)
        return ERR_NONE;
    err = see_empty(m);
    return err == ERR_NONE ? put_meta(m, SLICE(DRIVERS_MOVE_BEGUN), mark) : err;
}

/* --- the whole --- */

enum err migrate_open(struct migrate *m, const char *from, const char *to)
{
    arena_init(&m->arena, ARENA_BYTES_MAX);
    m->arena.edge = m->cli->arena.edge;
    m->began_at_ms = cli_now_ms();
    m->from_place = show_place(&m->cli->arena, from);
    m->to_place = show_place(&m->cli->arena, to);
    if (is_same_place(from, to))
        return migrate_fail(m, ERR_INVALID, "--from and --to are the same place");
    enum err err = is_address(from) ? ERR_NONE : look_for(m, from);
    if (err == ERR_NONE)
        err = name_self(m);
    if (err == ERR_NONE)
        err = open_place(m, from, &m->from, &m->source);
    if (err == ERR_NONE)
        err = open_place(m, to, &m->to, &m->target);
    m->ids = err == ERR_NONE ? tmpfile() : NULL;
    if (err == ERR_NONE && m->ids == NULL)
        err = migrate_fail(m, ERR_IO, "no temporary file can be made");
    if (err == ERR_NONE)
        err = see_users(m);
    return err == ERR_NONE ? take_mark(m) : err;
}

enum err migrate_finish(struct migrate *m)
{
    char text[TIME_TEXT_BYTES];
    size_t len = time_format(migrate_now_ms(m->to), text);
    enum err err = see_users(m); /* one that was started meanwhile has written */
    return err == ERR_NONE ? put_meta(m, SLICE(DRIVERS_MOVE_DONE), (struct slice){text, len}) : err;
}

static void close_drivers(struct drivers *d)
{
    if (d == NULL)
        return;
    drivers_close_store(d);
    drivers_close(d);
}

void migrate_close(struct migrate *m)
{
    bool is_told = m->told_at_ms != 0;
    close_drivers(m->from);
    close_drivers(m->to);
    if (m->ids != NULL)
        (void)fclose(m->ids);
    arena_drop(&m->arena);
    if (is_told)
        fputs("\r\x1b[K", stderr);
}
