/* Collections and indexes: made at the start where they are missing, then looked at. The first lane
 * comes here before any other runs. Write and read concern are stated here, on every collection, so
 * that no default of an address or a server weakens them. */
#include "store/store_mongo_int.h"

#include <stdio.h>
#include <string.h>

const char *const mongo_names[C_COUNT] = {
    "events", "instances", "payloads", "templates", "queues", "messages", "meta", "keys", "nodes"};

struct index {
    enum collection in;
    const char *name, *keys, *options; /* JSON */
};

static const struct index indexes[] = {
    {C_EVENTS, "events_by_position", "{\"position\": 1}", "{}"},
    {C_EVENTS, "events_by_act", "{\"has_act\": 1, \"position\": 1}",
     "{\"partialFilterExpression\": {\"has_act\": true}}"},
    {C_INSTANCES, "instances_open", "{\"template\": 1, \"key\": 1}",
     "{\"unique\": true, \"partialFilterExpression\": {\"holds_key\": true}}"},
    {C_INSTANCES, "instances_by_start", "{\"started_at\": -1, \"_id\": -1}", "{}"},
    {C_INSTANCES, "instances_by_status", "{\"status\": 1, \"started_at\": -1, \"_id\": -1}", "{}"},
    {C_INSTANCES, "instances_by_template",
     "{\"template\": 1, \"status\": 1, \"started_at\": -1, \"_id\": -1}", "{}"},
    {C_INSTANCES, "instances_by_key", "{\"key\": 1, \"started_at\": -1}",
     "{\"partialFilterExpression\": {\"key\": {\"$exists\": true}}}"},
    {C_INSTANCES, "instances_by_wake", "{\"wake_at\": 1}",
     "{\"partialFilterExpression\": {\"wake_at\": {\"$exists\": true}}}"},
    {C_INSTANCES, "instances_by_outcome", "{\"ended_at\": 1, \"status\": 1}",
     "{\"partialFilterExpression\": {\"ended_at\": {\"$exists\": true}}}"},
    {C_INSTANCES, "instances_by_queue", "{\"queue\": 1}",
     "{\"partialFilterExpression\": {\"is_open\": true}}"},
    {C_INSTANCES, "instances_by_ready", "{\"ready.queue\": 1, \"ready.at\": 1}",
     "{\"partialFilterExpression\": {\"ready\": {\"$exists\": true}}}"},
    {C_INSTANCES, "instances_by_inbox", "{\"ready.queue\": 1, \"inbox_at\": 1, \"_id\": 1}",
     "{\"partialFilterExpression\": {\"inbox_at\": {\"$exists\": true}}}"},
    {C_TEMPLATES, "templates_by_time", "{\"applied_at\": 1}", "{}"},
    {C_MESSAGES, "messages_by_queue", "{\"queue\": 1, \"n\": 1}", "{}"},
};

#define INDEX_COUNT (sizeof indexes / sizeof indexes[0])

static mongoc_client_pool_t *pool_of(const struct lane *l)
{
    return l->kind == LANE_BEAT ? l->store->beat_pool : l->store->pool;
}

bool mongo_open_lane(struct lane *l)
{
    struct store_mongo *s = l->store;
    mongoc_write_concern_t *w = mongoc_write_concern_new();
    mongoc_read_concern_t *read = mongoc_read_concern_new();
    l->client = mongoc_client_pool_pop(pool_of(l));
    mongoc_write_concern_set_wmajority(w, COMMIT_WAIT_MS / 2);
    mongoc_write_concern_set_journal(w, true);
    mongoc_read_concern_set_level(read, MONGOC_READ_CONCERN_LEVEL_MAJORITY);
    for (int k = 0; k < C_COUNT && l->client != NULL; k++) {
        l->collections[k] = mongoc_client_get_collection(l->client, s->database, mongo_names[k]);
        mongoc_collection_set_write_concern(l->collections[k], w);
        mongoc_collection_set_read_concern(l->collections[k], read);
    }
    mongoc_write_concern_destroy(w);
    mongoc_read_concern_destroy(read);
    return l->client != NULL;
}

void mongo_close_lane(struct lane *l)
{
    for (int k = 0; k < C_COUNT; k++) {
        if (l->collections[k] != NULL)
            mongoc_collection_destroy(l->collections[k]);
        l->collections[k] = NULL;
    }
    if (l->client != NULL)
        mongoc_client_pool_push(pool_of(l), l->client);
    l->client = NULL;
}

/* --- indexes --- */

static bson_t *parse(const char *json)
{
    bson_error_t error;
    return bson_new_from_json((const uint8_t *)json, -1, &error);
}

static void put_index(bson_t *list, unsigned n, const struct index *x)
{
    bson_t *keys = parse(x->keys), *one = parse(x->options);
    char at[16];
    (void)snprintf(at, sizeof at, "%u", n);
    BSON_APPEND_DOCUMENT(one, "key", keys);
    BSON_APPEND_UTF8(one, "name", x->name);
    bson_append_document(list, at, -1, one);
    bson_destroy(one);
    bson_destroy(keys);
}

/* All of a collection at once. */
static bool create_indexes(struct lane *l, enum collection in, bson_error_t *error)
{
    bson_t list, command, reply, wc;
    unsigned count = 0;
    bson_init(&command);
    BSON_APPEND_UTF8(&command, "createIndexes", mongo_names[in]);
    bson_append_array_begin(&command, "indexes", -1, &list);
    for (size_t k = 0; k < INDEX_COUNT; k++)
        if (indexes[k].in == in)
            put_index(&list, count++, &indexes[k]);
    bson_append_array_end(&command, &list);
    bson_append_document_begin(&command, "writeConcern", -1, &wc);
    BSON_APPEND_UTF8(&wc, "w", "majority");
    bson_append_document_end(&command, &wc);
    bool is_done = count == 0 || mongoc_client_command_simple(l->client, l->store->database,
                                                              &command, NULL, &reply, error);
    if (count > 0)
        bson_destroy(&reply);
    bson_destroy(&command);
    return is_done;
}

/* What a server adds of its own is not looked at. */
static bool has_same(const bson_t *found, const bson_t *wanted)
{
    bson_iter_t it;
    if (!bson_iter_init(&it, wanted))
        return false;
    while (bson_iter_next(&it)) {
        bson_t a, b;
        const char *name = bson_iter_key(&it);
        bool is_document = BSON_ITER_HOLDS_DOCUMENT(&it);
        if (is_document && (!get_document(found, name, &a) || !get_document(wanted, name, &b) ||
                            !has_same(&a, &b)))
            return false;
        if (!is_document && get_int(found, name) != get_int(wanted, name))
            return false;
    }
    return true;
}

static bool is_as_wanted(const bson_t *found, const struct index *x)
{
    bson_t keys, *wanted_keys = parse(x->keys), *wanted = parse(x->options);
    bool is = get_document(found, "key", &keys) && has_same(&keys, wanted_keys) &&
              bson_count_keys(&keys) == bson_count_keys(wanted_keys) && has_same(found, wanted) &&
              get_bool(found, "unique") == get_bool(wanted, "unique");
    bson_destroy(wanted_keys);
    bson_destroy(wanted);
    return is;
}

static enum err look_at(struct lane *l, const struct index *x, char *message)
{
    mongoc_cursor_t *cursor = mongoc_collection_find_indexes_with_opts(l->collections[x->in], NULL);
    const bson_t *b;
    bson_error_t error;
    bool is_there = false, is_same = false;
    while (mongoc_cursor_next(cursor, &b)) {
        bson_iter_t it;
        if (!bson_iter_init_find(&it, b, "name") || !BSON_ITER_HOLDS_UTF8(&it) ||
            strcmp(bson_iter_utf8(&it, NULL), x->name) != 0)
            continue;
        is_there = true;
        is_same = is_as_wanted(b, x);
    }
    bool is_failed = mongoc_cursor_error(cursor, &error);
    mongoc_cursor_destroy(cursor);
    if (is_failed) {
        (void)snprintf(message, STORE_MONGO_MESSAGE_BYTES,
                       "MongoDB: indexes cannot be read: %.400s", error.message);
        return ERR_STORE;
    }
    if (is_same)
        return ERR_NONE;
    (void)snprintf(message, STORE_MONGO_MESSAGE_BYTES,
                   "MongoDB: the index %s of %s.%s is %s; drop it, and it is made anew", x->name,
                   l->store->database, mongo_names[x->in],
                   is_there ? "not what it should be" : "missing");
    return ERR_CORRUPT;
}

/* Who may not make indexes can use those that an administrator made. */
static enum err make_indexes(struct lane *l, char *message)
{
    bson_error_t error = {0};
    bool is_made = true;
    enum err err = ERR_NONE;
    for (int in = 0; in < C_COUNT; in++)
        is_made &= create_indexes(l, (enum collection)in, &error);
    for (size_t k = 0; k < INDEX_COUNT && err == ERR_NONE; k++)
        err = look_at(l, &indexes[k], message);
    if (err == ERR_CORRUPT && !is_made) {
        size_t len = strlen(message);
        (void)snprintf(message + len, STORE_MONGO_MESSAGE_BYTES - len, " (%.200s)", error.message);
    }
    return err;
}

/* --- the format --- */

struct format {
    int64_t number, indexes; /* indexes: how many of them were once seen to be right */
};

static bool take_format(void *context, const bson_t *b)
{
    struct format *f = context;
    f->number = get_int(b, "format");
    f->indexes = get_int(b, "indexes");
    return false;
}

/* So that not every brief process looks at each of them. Where it can't be said, they do. */
static void note_indexes(struct lane *l, const bson_t *selector)
{
    bson_t *update = BCON_NEW("$set", "{", "indexes", BCON_INT64((int64_t)INDEX_COUNT), "}");
    (void)mongoc_collection_update_one(l->collections[C_META], selector, update, NULL, NULL, NULL);
    bson_destroy(update);
}

enum err mongo_check_schema(struct lane *l, char *message)
{
    bson_t *filter = BCON_NEW("_id", BCON_UTF8("store.format"));
    bson_t *doc =
        BCON_NEW("_id", BCON_UTF8("store.format"), "format", BCON_INT64(STORE_MONGO_FORMAT));
    struct format format = {0, 0};
    bson_error_t error;
    enum err err = mongo_find(l, &(struct find){C_META, filter, NULL, take_format, &format});
    if (err == ERR_NONE && format.number == 0 &&
        !mongoc_collection_insert_one(l->collections[C_META], doc, NULL, NULL, &error) &&
        error.code != CODE_DUPLICATE)
        err = mongo_err(&error);
    bson_destroy(doc);
    if (err != ERR_NONE) {
        (void)snprintf(message, STORE_MONGO_MESSAGE_BYTES,
                       "MongoDB: the database %s cannot be read or written", l->store->database);
    } else if (format.number > STORE_MONGO_FORMAT) {
        (void)snprintf(message, STORE_MONGO_MESSAGE_BYTES,
                       "the database %s has format %lld, which a newer version of swm wrote; this "
                       "one reads format %d",
                       l->store->database, (long long)format.number, STORE_MONGO_FORMAT);
        err = ERR_NEWER;
    } else if (!l->store->is_brief || format.indexes != (int64_t)INDEX_COUNT) {
        err = make_indexes(l, message);
        if (err == ERR_NONE)
            note_indexes(l, filter);
    }
    bson_destroy(filter);
    return err;
}
