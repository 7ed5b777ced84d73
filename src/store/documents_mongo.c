/* A walk through a foreign collection. Before it stands an import, after it libmongoc. It must not
 * know what the documents mean. */
#include "store/documents_mongo.h"

#include <mongoc/mongoc.h>
#include <stdio.h>

#define SELECTION_MS 10000

struct walk {
    documents_mongo_take *take;
    void *context;
    char *message;
};

static enum err walk(mongoc_collection_t *from, const struct walk *w)
{
    bson_t all = BSON_INITIALIZER, *options = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}");
    const bson_t *document;
    bson_error_t error;
    enum err err = ERR_NONE;
    bool goes_on = true;
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(from, &all, options, NULL);
    while (goes_on && mongoc_cursor_next(cursor, &document)) {
        size_t len = 0;
        char *json = bson_as_relaxed_extended_json(document, &len);
        goes_on = json != NULL && w->take(w->context, (struct slice){json, len});
        bson_free(json);
    }
    if (mongoc_cursor_error(cursor, &error)) {
        (void)snprintf(w->message, DOCUMENTS_MONGO_MESSAGE_BYTES, "MongoDB: %.400s", error.message);
        err = ERR_STORE;
    }
    mongoc_cursor_destroy(cursor);
    bson_destroy(options);
    bson_destroy(&all);
    return err;
}

static enum err read_from(mongoc_client_t *client, const mongoc_uri_t *uri, const char *collection,
                          const struct walk *w)
{
    mongoc_collection_t *from =
        mongoc_client_get_collection(client, mongoc_uri_get_database(uri), collection);
    enum err err = walk(from, w);
    mongoc_collection_destroy(from);
    return err;
}

enum err documents_mongo_read(const char *address, const char *collection,
                              documents_mongo_take *take, void *context,
                              char message[DOCUMENTS_MONGO_MESSAGE_BYTES])
{
    bson_error_t error;
    mongoc_init();
    mongoc_uri_t *uri = mongoc_uri_new_with_error(address, &error);
    if (uri == NULL || mongoc_uri_get_database(uri) == NULL) {
        (void)snprintf(message, DOCUMENTS_MONGO_MESSAGE_BYTES,
                       "--from takes an address of MongoDB with a database: "
                       "mongodb://USER:PASSWORD@HOST,HOST/DATABASE");
        if (uri != NULL)
            mongoc_uri_destroy(uri);
        return ERR_INVALID;
    }
    (void)mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, SELECTION_MS);
    mongoc_client_t *client = mongoc_client_new_from_uri(uri);
    struct walk w = {take, context, message};
    enum err err = client == NULL ? ERR_MEMORY : read_from(client, uri, collection, &w);
    if (client != NULL)
        mongoc_client_destroy(client);
    mongoc_uri_destroy(uri);
    return err;
}
