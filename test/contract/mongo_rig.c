/* What the MongoDB tests share. */
#include "mongo_rig.h"

#include "store/store_mongo.h"

#include <stdlib.h>
#include <string.h>

static void give_up(const char *what)
{
    printf("not ok mongodb: %s\n", what);
    exit(1);
}

struct mongo_rig mongo_rig_open(struct rig *t)
{
    struct mongo_rig m = {.t = t};
    mongoc_uri_t *uri = mongoc_uri_new(rig_address(t, ""));

    m.client = mongoc_client_new_from_uri(uri);
    m.database = rig_text(t, "%s%c", mongoc_uri_get_database(uri), '\0').at;
    mongoc_uri_destroy(uri);
    return m;
}

void mongo_rig_close(struct mongo_rig *m)
{
    mongoc_client_destroy(m->client);
}

static int64_t run_in(struct mongo_rig *m, const char *database, const char *json,
                      const char *field)
{
    bson_error_t error;
    bson_t reply, *command = bson_new_from_json((const uint8_t *)json, -1, &error);
    bson_iter_t i;
    int64_t value = -1;

    if (command == NULL) {
        give_up(error.message);
    }
    if (mongoc_client_command_simple(m->client, database, command, NULL, &reply, &error) &&
        bson_iter_init_find(&i, &reply, field)) {
        value = bson_iter_as_int64(&i);
    }
    bson_destroy(&reply);
    bson_destroy(command);
    return value;
}

int64_t mongo_rig_run(struct mongo_rig *m, const char *json, const char *field)
{
    return run_in(m, m->database, json, field);
}

void mongo_rig_fail(struct mongo_rig *m, int times, const char *commands, const char *data,
                    const char *app)
{
    struct slice mode =
        times == 0 ? SLICE("\"alwaysOn\"") : rig_text(m->t, "{\"times\":%d}", times);
    struct slice name = app == NULL ? SLICE("") : rig_text(m->t, ",\"appName\":\"%s\"", app);
    const char *json = rig_text(m->t,
                                "{\"configureFailPoint\":\"failCommand\",\"mode\":%.*s,\"data\":{"
                                "\"failCommands\":[%s],%s%.*s}}%c",
                                SLICE_ARG(mode), commands, data, SLICE_ARG(name), '\0')
                           .at;

    if (run_in(m, "admin", json, "ok") != 1) {
        give_up("the server takes no faults: it needs enableTestCommands=1");
    }
}

void mongo_rig_heal(struct mongo_rig *m)
{
    CHECK(run_in(m, "admin", "{\"configureFailPoint\":\"failCommand\",\"mode\":\"off\"}", "ok") ==
          1);
}

struct rig mongo_rig_other(struct rig *t, const char *node, const char *options)
{
    struct rig other = {.driver = MONGODB, .number = t->number};

    arena_init(&other.arena, SIZE_MAX);
    if (store_mongo_open(rig_address(t, options), node, &other.store, other.message) != ERR_NONE) {
        give_up(other.message);
    }
    return other;
}

void mongo_rig_close_other(struct rig *other)
{
    rig_close(other);
    rig_drop(other);
}
