/* What is little beside the records: the key that signs tokens, templates, access keys, queues and
 * the messages that somebody sent. Comes first in a move, so that nothing that names them is there
 * before them. All of it may be there already from a move that was cut off. */
#include "app/migrate.h"

#include "base/map.h"
#include "core/template.h"

#define MESSAGES_PER_PAGE 200

static enum err copy_token_key(struct migrate *m)
{
    struct store_request get = migrate_ask(m, STORE_META);
    get.id = SLICE(FLOW_TOKEN_KEY);
    enum err err = bulk_ask(&m->source, &get);
    if (err != ERR_NONE)
        return err;
    struct store_request put = {.op = STORE_META, .arena = &m->arena, .id = get.id};
    put.key = get.value;
    err = bulk_ask(&m->target, &put);
    if (err == ERR_NONE && !slice_eq(put.value, get.value))
        err = migrate_fail(m, ERR_EXISTS, "%s signs its tokens with another key", m->to_place);
    return err;
}

/* --- templates, and which queues they name --- */

struct names {
    struct arena arena;
    struct map set;
    struct slice *items;
    uint32_t count, capacity;
};

static void add_name(struct names *n, struct slice name)
{
    if (name.len == 0 || map_find(&n->set, name) != NULL)
        return;
    if (n->count == n->capacity) {
        uint32_t capacity = n->capacity == 0 ? 64 : n->capacity * 2;
        struct slice *grown = arena_array(&n->arena, capacity, sizeof *grown);
        for (uint32_t k = 0; k < n->count; k++)
            grown[k] = n->items[k];
        n->items = grown;
        n->capacity = capacity;
    }
    n->items[n->count] = slice_copy(&n->arena, name);
    if (map_put(&n->set, n->items[n->count], n) != ERR_NONE)
        arena_give_up(&n->arena);
    n->count++;
}

/* A queue that a template names may hold messages without ever having been made. */
static void add_queues_of(struct migrate *m, struct names *names, struct slice source)
{
    struct template_report report;
    struct template *t;
    struct arena a;
    arena_init(&a, WORK_BYTES_MAX);
    a.edge = m->cli->arena.edge;
    if (template_parse(&a, SLICE("template"), source, &report, &t) == ERR_NONE)
        for (uint32_t k = 0; k < t->task_count; k++)
            add_name(names, template_queue_name(t->tasks[k].queue));
    arena_drop(&a);
}

static enum err copy_templates(struct migrate *m, struct names *names)
{
    struct store_request get = migrate_ask(m, STORE_TEMPLATES);
    enum err err = bulk_ask(&m->source, &get);
    for (uint32_t k = 0; k < get.template_count && err == ERR_NONE; k++) {
        struct store_request put = {.op = STORE_TEMPLATE_PUT, .arena = &m->arena};
        put.templates = &get.templates[k];
        put.template_count = 1;
        err = bulk_ask(&m->target, &put);
        if (err == ERR_CONFLICT)
            err = ERR_NONE; /* it is there, from this very source */
        add_queues_of(m, names, get.templates[k].source);
        m->templates++;
    }
    return err;
}

static enum err copy_keys(struct migrate *m)
{
    struct store_request get = migrate_ask(m, STORE_KEYS);
    enum err err = bulk_ask(&m->source, &get);
    for (uint32_t k = 0; k < get.key_count && err == ERR_NONE; k++) {
        struct store_request put = {.op = STORE_KEY_PUT, .arena = &m->arena};
        put.keys = &get.keys[k];
        put.key_count = 1;
        err = bulk_ask(&m->target, &put);
        m->keys++;
    }
    return err;
}

static enum err copy_queues(struct migrate *m, struct names *names)
{
    struct store_request get = migrate_ask(m, STORE_QUEUES);
    enum err err = bulk_ask(&m->source, &get);
    for (uint32_t k = 0; k < get.queue_count && err == ERR_NONE; k++) {
        struct store_request put = {.op = STORE_QUEUE_PUT, .arena = &m->arena};
        put.id = get.queues[k].name;
        put.queues = &get.queues[k];
        put.queue_count = 1;
        err = bulk_ask(&m->target, &put);
        add_name(names, get.queues[k].name);
        m->queues++;
    }
    return err;
}

/* One that is there already is written over by itself. */
static enum err copy_messages(struct migrate *m, struct slice queue)
{
    struct slice after = SLICE_NONE;
    char cursor[64];
    do {
        struct store_request get = migrate_ask(m, STORE_MESSAGES);
        get.id = queue;
        get.after = after;
        get.limit = MESSAGES_PER_PAGE;
        enum err err = bulk_ask(&m->source, &get);
        if (err == ERR_NONE && get.message_count > 0) {
            struct store_request put = {.op = STORE_MESSAGE_PUT, .arena = &m->arena};
            put.messages = get.messages;
            put.message_count = get.message_count;
            err = bulk_ask(&m->target, &put);
        }
        if (err != ERR_NONE)
            return err;
        m->messages += get.message_count;
        int len = snprintf(cursor, sizeof cursor, "%.*s", SLICE_ARG(get.next));
        after = get.next.at == NULL ? SLICE_NONE : (struct slice){cursor, (size_t)len};
        migrate_tell(m, "messages", m->messages);
    } while (after.at != NULL);
    return ERR_NONE;
}

enum err migrate_lists(struct migrate *m)
{
    struct names names = {0};
    arena_init(&names.arena, WORK_BYTES_MAX);
    names.arena.edge = m->cli->arena.edge;
    map_init(&names.set, (uint64_t)m->began_at_ms);
    migrate_tell_step(m);
    enum err err = copy_token_key(m);
    if (err == ERR_NONE)
        err = copy_templates(m, &names);
    if (err == ERR_NONE)
        err = copy_keys(m);
    if (err == ERR_NONE)
        err = copy_queues(m, &names);
    for (uint32_t k = 0; k < names.count && err == ERR_NONE; k++)
        err = copy_messages(m, names.items[k]);
    map_drop(&names.set);
    arena_drop(&names.arena);
    return err;
}
