/* What a MongoDB server gives to whoever appends records to it and does nothing else: unordered
 * bulks of 64 from four threads, each acknowledged by a majority and in the journal. The documents
 * have the form and the size of swm's own. Prints one line of JSON.
 *
 *     mongo_append URI RECORDS DOCUMENT_BYTES      into collection `bare` of the URI's database */
#include <mongoc/mongoc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS 4
#define BULK 64
#define DOCUMENT_BYTES_MAX (64 * 1024)

static mongoc_client_pool_t *pool;
static const char *database;
static atomic_ulong next_bulk;
static unsigned long bulk_count;
static size_t filling_bytes;

static double read_seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void give_up(const char *what, const char *detail)
{
    fprintf(stderr, "mongo_append: %s: %s\n", what, detail);
    exit(1);
}

static void make_document(bson_t *d, unsigned long number, size_t bytes)
{
    static const uint8_t filling[DOCUMENT_BYTES_MAX];
    char id[64];
    snprintf(id, sizeof id, "%020lu:%012lu", number / 4, number % 4 + 1);
    bson_append_utf8(d, "_id", 3, id, -1);
    bson_append_int64(d, "pos", 3, (int64_t)number);
    bson_append_date_time(d, "at", 2, 1764000000000);
    bson_append_utf8(d, "event", 5, "TaskCompleted", -1);
    bson_append_utf8(d, "verdict", 7, "applied", -1);
    bson_append_binary(d, "bytes", 5, BSON_SUBTYPE_BINARY, filling, (uint32_t)bytes);
}

static void insert_bulk(mongoc_collection_t *c, const bson_t *options, unsigned long bulk)
{
    mongoc_bulk_operation_t *b = mongoc_collection_create_bulk_operation_with_opts(c, options);
    bson_error_t error;
    bson_t reply;
    for (unsigned long k = 0; k < BULK; k++) {
        bson_t d = BSON_INITIALIZER;
        make_document(&d, bulk * BULK + k, filling_bytes);
        mongoc_bulk_operation_insert(b, &d);
        bson_destroy(&d);
    }
    if (mongoc_bulk_operation_execute(b, &reply, &error) == 0)
        give_up("a bulk failed", error.message);
    bson_destroy(&reply);
    mongoc_bulk_operation_destroy(b);
}

static void *insert_all(void *argument)
{
    mongoc_client_t *client = mongoc_client_pool_pop(pool);
    mongoc_collection_t *c = mongoc_client_get_collection(client, database, "bare");
    mongoc_write_concern_t *concern = mongoc_write_concern_new();
    bson_t options = BSON_INITIALIZER;
    (void)argument;
    mongoc_write_concern_set_wmajority(concern, 20000);
    mongoc_write_concern_set_journal(concern, true);
    mongoc_write_concern_append(concern, &options);
    bson_append_bool(&options, "ordered", 7, false);
    for (unsigned long b; (b = atomic_fetch_add(&next_bulk, 1)) < bulk_count;)
        insert_bulk(c, &options, b);
    bson_destroy(&options);
    mongoc_write_concern_destroy(concern);
    mongoc_collection_destroy(c);
    mongoc_client_pool_push(pool, client);
    return NULL;
}

/* So much binary filling makes a document of the wanted size. */
static size_t find_filling(size_t wanted)
{
    bson_t d = BSON_INITIALIZER;
    make_document(&d, 0, 0);
    size_t frame = d.len;
    bson_destroy(&d);
    if (wanted > DOCUMENT_BYTES_MAX)
        give_up("the documents are too long", "64 KiB are the most");
    return wanted > frame ? wanted - frame : 0;
}

int main(int argc, char **argv)
{
    bson_error_t error;
    pthread_t threads[THREADS];
    if (argc < 4)
        give_up("usage", "mongo_append URI RECORDS DOCUMENT_BYTES");
    mongoc_init();
    mongoc_uri_t *uri = mongoc_uri_new_with_error(argv[1], &error);
    if (uri == NULL || mongoc_uri_get_database(uri) == NULL)
        give_up("not an address with a database", argv[1]);
    database = mongoc_uri_get_database(uri);
    pool = mongoc_client_pool_new(uri);
    bulk_count = (strtoul(argv[2], NULL, 10) + BULK - 1) / BULK;
    filling_bytes = find_filling(strtoul(argv[3], NULL, 10));
    double began = read_seconds();
    for (unsigned k = 0; k < THREADS; k++)
        if (pthread_create(&threads[k], NULL, insert_all, NULL) != 0)
            give_up("a thread cannot be made", "");
    for (unsigned k = 0; k < THREADS; k++)
        pthread_join(threads[k], NULL);
    double seconds = read_seconds() - began;
    printf("{\"records\":%lu,\"seconds\":%.4f,\"per_s\":%.0f}\n", bulk_count * BULK, seconds,
           (double)(bulk_count * BULK) / seconds);
    mongoc_client_pool_destroy(pool);
    mongoc_uri_destroy(uri);
    mongoc_cleanup();
    return 0;
}
