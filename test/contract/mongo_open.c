/* What the MongoDB store refuses when it is opened, and what it says then. */
#include "mongo_rig.h"

#include "store/store_mongo.h"

#include <string.h>
#include <time.h>

static enum err try_open(struct rig *t, const char *address)
{
    struct store *s = NULL;
    enum err err = store_mongo_open(address, "x", &s, t->message);

    if (err == ERR_NONE) {
        s->ops->close(s);
    }
    return err;
}

CONTRACT(MONGODB, an_address_that_asks_for_less_than_a_majority_is_refused)
{
    static const char *const weak[] = {"&w=1",
                                       "&w=0",
                                       "&w=2",
                                       "&w=majority&journal=false",
                                       "&readConcernLevel=local",
                                       "&readPreference=secondary"};
    static const char *const said[] = {"w must",
                                       "w must",
                                       "w must",
                                       "journal must",
                                       "readConcernLevel must",
                                       "readPreference must"};

    for (size_t k = 0; k < sizeof(weak) / sizeof(weak[0]); k++) {
        CHECK(try_open(t, rig_address(t, weak[k])) == ERR_INVALID);
        CHECK(strstr(t->message, said[k]) != NULL);
    }
    CHECK(try_open(t, rig_address(t, "&w=majority&journal=true&readConcernLevel=majority")) ==
          ERR_NONE);
}

CONTRACT(MONGODB, a_refused_address_is_not_quoted)
{
    CHECK(try_open(t, "mongodb://me:s3cret@nowhere:port/swm") == ERR_INVALID);
    CHECK(strstr(t->message, "s3cret") == NULL);
    CHECK(try_open(t, "mongodb://me:s3cret@127.0.0.1:1/swm?w=1") == ERR_INVALID);
    CHECK(strstr(t->message, "s3cret") == NULL);
}

CONTRACT(MONGODB, an_index_that_is_not_as_it_must_be_is_refused)
{
    struct mongo_rig m = mongo_rig_open(t);

    CHECK(mongo_rig_run(&m, "{\"dropIndexes\":\"instances\",\"index\":\"instances_open\"}", "ok") ==
          1);
    CHECK(mongo_rig_run(&m,
                        "{\"createIndexes\":\"instances\",\"indexes\":[{\"name\":"
                        "\"instances_open\",\"key\":{\"template\":1,\"key\":1}}]}",
                        "ok") == 1);
    CHECK(try_open(t, rig_address(t, "")) == ERR_CORRUPT);
    CHECK(strstr(t->message, "instances_open") != NULL);
    CHECK(mongo_rig_run(&m, "{\"dropIndexes\":\"instances\",\"index\":\"instances_open\"}", "ok") ==
          1);
    CHECK(try_open(t, rig_address(t, "")) == ERR_NONE);
    mongo_rig_close(&m);
}

/* A user who may not make indexes can use those that are there. */
CONTRACT(MONGODB, an_index_that_is_missing_and_cannot_be_made_is_refused)
{
    struct mongo_rig m = mongo_rig_open(t);

    mongo_rig_fail(&m, 0, "\"createIndexes\"", "\"errorCode\":13", NULL);
    CHECK(try_open(t, rig_address(t, "")) == ERR_NONE);
    mongo_rig_heal(&m);
    CHECK(mongo_rig_run(&m, "{\"dropIndexes\":\"events\",\"index\":\"events_by_position\"}",
                        "ok") == 1);
    mongo_rig_fail(&m, 0, "\"createIndexes\"", "\"errorCode\":13", NULL);
    CHECK(try_open(t, rig_address(t, "")) == ERR_CORRUPT);
    CHECK(strstr(t->message, "events_by_position") != NULL);
    mongo_rig_heal(&m);
    mongo_rig_close(&m);
}

CONTRACT(MONGODB, data_of_a_newer_format_are_refused)
{
    struct mongo_rig m = mongo_rig_open(t);

    CHECK(mongo_rig_run(&m,
                        "{\"update\":\"meta\",\"updates\":[{\"q\":{\"_id\":\"store.format\"},"
                        "\"u\":{\"$set\":{\"format\":99}}}]}",
                        "nModified") == 1);
    CHECK(try_open(t, rig_address(t, "")) == ERR_NEWER);
    CHECK(strstr(t->message, "99") != NULL);
    mongo_rig_close(&m);
}

CONTRACT(MONGODB, a_backup_is_the_databases_own_business)
{
    struct store_request *r = rig_request(t, STORE_BACKUP);

    r->id = SLICE("/nowhere/file");
    CHECK(rig_do(t, r) == ERR_REFUSED);
}

CONTRACT(MONGODB, the_time_is_the_servers)
{
    struct timespec steady, wall;

    (void)clock_gettime(CLOCK_BOOTTIME, &steady);
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    int64_t apart_s = steady.tv_sec + t->store->ops->offset_ms(t->store) / 1000 - wall.tv_sec;
    CHECK(apart_s >= -2 && apart_s <= 2); /* both run on one machine */
}

CONTRACT(MONGODB, a_state_too_large_for_a_document_is_made_of_the_records)
{
    static char state[13 * 1024 * 1024];
    struct store_row *row = rig_row(t, "a", NULL);
    struct store_request *l = rig_request(t, STORE_LOAD), *list = rig_request(t, STORE_LIST);

    memset(state, 'x', sizeof(state));
    row->state = (struct slice){state, sizeof(state)};
    CHECK(rig_put(t, row) == ERR_NONE);
    l->id = SLICE("a");
    CHECK(rig_do(t, l) == ERR_NONE);
    CHECK(l->row_count == 0 && l->record_count == 1);
    CHECK(rig_do(t, list) == ERR_NONE);
    CHECK(list->row_count == 1);
}

CONTRACT(MONGODB, more_records_than_a_document_is_read_for_are_refused)
{
    CHECK(rig_do(t, rig_commit(t, "a", 1, 256)) == ERR_NONE);
    CHECK(rig_do(t, rig_commit(t, "b", 1, 257)) == ERR_TOO_LARGE);
}
