/* The settings of the SQLite file and the upgrade of its tables (store_sqlite_tables.c). Opening
 * comes here once for each connection, after the folder is locked and before any thread runs;
 * nothing here is called later.
 *
 * What is truth and what is cache is said in docs/storage.md. */
#include "store/store_sqlite_int.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define APPLICATION_ID 0x73776d31 /* "swm1", for file(1) and for whoever opens a wrong file */

/* The first column of the first row, or `otherwise`. */
static enum err ask_int(sqlite3 *db, const char *text, int64_t otherwise, int64_t *out)
{
    sqlite3_stmt *stmt = NULL;

    *out = otherwise;
    int rc = sqlite3_prepare_v2(db, text, -1, &stmt, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW) {
            *out = sqlite3_column_int64(stmt, 0);
        }
        rc = sqlite3_finalize(stmt);
    }
    return sqlite_err(db, rc);
}

static enum err ask_is(sqlite3 *db, const char *text, const char *expected, bool *is)
{
    sqlite3_stmt *stmt = NULL;

    *is = false;
    int rc = sqlite3_prepare_v2(db, text, -1, &stmt, NULL);
    if (rc == SQLITE_OK) {
        if (sqlite3_step(stmt) == SQLITE_ROW) {
            const char *got = (const char *)sqlite3_column_text(stmt, 0);
            *is = got != NULL && strcmp(got, expected) == 0;
        }
        rc = sqlite3_finalize(stmt);
    }
    return sqlite_err(db, rc);
}

static enum err execute(sqlite3 *db, const char *text)
{
    int rc = sqlite3_exec(db, text, NULL, NULL, NULL);

    return sqlite_err(db, rc == SQLITE_OK ? rc : sqlite3_extended_errcode(db));
}

static void say(char *message, const char *what, const char *detail)
{
    snprintf(message, STORE_SQLITE_MESSAGE_BYTES, "%s: %s", what, detail);
}

static enum err refuse_newer(int64_t format, int count, char *message)
{
    snprintf(
        message, STORE_SQLITE_MESSAGE_BYTES,
        "the data have format %lld, written by a newer version of swm; this one reads up to %d",
        (long long)format, count);
    return ERR_NEWER;
}

static enum err take_steps(sqlite3 *db, const char *const *all, int from, int count)
{
    char stamp[128];
    enum err err = execute(db, "BEGIN IMMEDIATE");

    for (int i = from; i < count && err == ERR_NONE; i++) {
        err = execute(db, all[i]);
    }
    if (err == ERR_NONE) {
        snprintf(stamp, sizeof(stamp), "PRAGMA application_id = %d; PRAGMA user_version = %d",
                 APPLICATION_ID, count);
        err = execute(db, stamp);
    }
    if (err == ERR_NONE) {
        err = execute(db, "COMMIT");
    }
    if (err != ERR_NONE && !sqlite3_get_autocommit(db)) {
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
    return err;
}

enum err schema_upgrade(sqlite3 *db, const char *const *all, int count, char *message)
{
    int64_t format = 0, application = 0;
    enum err err = ask_int(db, "PRAGMA user_version", 0, &format);

    if (err == ERR_NONE) {
        err = ask_int(db, "PRAGMA application_id", 0, &application);
    }
    if (err != ERR_NONE) {
        say(message, "the database cannot be read", sqlite3_errmsg(db));
        return err;
    }
    if (application != 0 && application != APPLICATION_ID) {
        say(message, "swm.db is not a database of swm", "it carries another program's mark");
        return ERR_CORRUPT;
    }
    if (format > count) {
        return refuse_newer(format, count, message);
    }
    if (format == count) {
        return ERR_NONE;
    }
    err = take_steps(db, all, (int)format, count);
    if (err != ERR_NONE) {
        say(message, "the tables cannot be made or upgraded", sqlite3_errmsg(db));
    }
    return err;
}

/* A file of moderate size is read through; of a larger one this would hold up every start, and swm
 * verify does more. What a damaged page holds is noticed then or when it is read. */
static enum err check_whole(sqlite3 *db, const char *path, char *message)
{
    struct stat st;
    bool is_whole = true;

    if (stat(path, &st) != 0 || st.st_size > QUICK_CHECK_BYTES_MAX) {
        return ERR_NONE;
    }
    enum err err = ask_is(db, "PRAGMA quick_check(1)", "ok", &is_whole);
    sqlite3_db_release_memory(db); /* the pages it read need not stay */
    if (err == ERR_NONE && !is_whole) {
        err = ERR_CORRUPT;
    }
    if (err != ERR_NONE) {
        say(message, "swm.db is damaged; restore a backup",
            err == ERR_CORRUPT ? "its pages fail their checks" : sqlite3_errmsg(db));
    }
    return err;
}

static enum err set_up(sqlite3 *db, bool *is_as_asked)
{
    char text[512];
    int64_t synchronous = 0;
    bool is_wal = false;

    snprintf(text, sizeof(text),
             "PRAGMA page_size = 4096; PRAGMA cache_size = -%d; PRAGMA temp_store = MEMORY;"
             "PRAGMA mmap_size = 0; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON",
             CACHE_KIB);
    enum err err = execute(db, text);
    if (err == ERR_NONE) {
        err = ask_is(db, "PRAGMA journal_mode = WAL", "wal", &is_wal);
    }
    if (err == ERR_NONE) {
        snprintf(text, sizeof(text),
                 "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
                 "PRAGMA journal_size_limit = %lld",
                 WAL_BYTES_KEPT);
        err = execute(db, text);
    }
    if (err == ERR_NONE) {
        err = ask_int(db, "PRAGMA synchronous", 0, &synchronous);
    }
    *is_as_asked = is_wal && synchronous == 2;
    return err;
}

static enum err open_connection(const char *path, int flags, sqlite3 **db)
{
    /* Each connection stays in one thread, so its own mutex would only cost. */
    int rc = sqlite3_open_v2(path, db, flags | SQLITE_OPEN_NOMUTEX, NULL);

    if (rc == SQLITE_OK) {
        sqlite3_extended_result_codes(*db, 1);
        rc = sqlite3_busy_timeout(*db, BUSY_MS);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_db_config(*db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    }
    return *db == NULL ? ERR_MEMORY : sqlite_err(*db, rc);
}

enum err schema_open_writer(struct store_sqlite *s, char *message)
{
    bool is_as_asked = false;
    enum err err =
        open_connection(s->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &s->writer.db);

    if (err == ERR_NONE) {
        err = set_up(s->writer.db, &is_as_asked);
    }
    if (err != ERR_NONE) {
        say(message,
            err == ERR_CORRUPT ? "swm.db is damaged; restore a backup"
                               : "the database cannot be opened",
            s->writer.db != NULL ? sqlite3_errmsg(s->writer.db) : "memory is short");
        return err;
    }
    if (!is_as_asked) {
        say(message, "the database does not take the settings that durability needs",
            "write-ahead log, synchronous=FULL");
        return ERR_STORE;
    }
    err = schema_upgrade(s->writer.db, schema_steps, STORE_SQLITE_FORMAT, message);
    return err != ERR_NONE ? err : check_whole(s->writer.db, s->path, message);
}

enum err schema_open_reader(const char *path, sqlite3 **db)
{
    char text[128];
    enum err err = open_connection(path, SQLITE_OPEN_READONLY, db);

    if (err == ERR_NONE) {
        snprintf(text, sizeof(text),
                 "PRAGMA cache_size = -%d; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0",
                 CACHE_KIB);
        err = execute(*db, text);
    }
    return err;
}
