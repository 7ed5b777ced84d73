/* The SQLite driver's folder and file: who may open them, which formats, what a damaged or torn one
 * is told, and backups. */
#include "contract.h"

#include "store/store_sqlite_int.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned mode_of(const char *path)
{
    struct stat st = {0};

    return stat(path, &st) == 0 ? st.st_mode & 0777u : 0;
}

CONTRACT(SQLITE, only_the_owner_may_read_the_data)
{
    struct rig inner = *t;

    snprintf(inner.dir, sizeof(inner.dir), "%.100s/data", t->dir);
    CHECK(rig_open(&inner) == ERR_NONE);
    CHECK(mode_of(inner.dir) == 0700);
    CHECK(mode_of(rig_path(&inner, "swm.db")) == 0600);
    CHECK(mode_of(rig_path(&inner, "swm.db-wal")) == 0600);
    CHECK(mode_of(rig_path(&inner, "swm.lock")) == 0600);
    rig_close(&inner);
    t->arena = inner.arena;
    rig_remove_dir(inner.dir);
}

CONTRACT(SQLITE, a_folder_in_use_is_refused_to_another_process)
{
    char holder[32];

    snprintf(holder, sizeof(holder), "(%d)", (int)getpid());
    pid_t child = fork();
    if (child == 0) {
        struct store *second;
        char message[STORE_SQLITE_MESSAGE_BYTES];
        enum err err = store_sqlite_open(t->dir, &second, message);
        _exit(err == ERR_BUSY && strstr(message, holder) != NULL ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(rig_do(t, rig_commit(t, "a", 1, 1)) == ERR_NONE);
    rig_reopen(t);
}

CONTRACT(SQLITE, a_folder_that_cannot_be_made_is_told_by_name)
{
    struct store *other;
    const char *dir = rig_path(t, "missing/data");

    CHECK(store_sqlite_open(dir, &other, t->message) == ERR_IO);
    CHECK(strstr(t->message, "missing/data") != NULL);
}

/* Changes the database while no store has it open. */
static void execute(struct rig *t, const char *sql)
{
    sqlite3 *db = NULL;

    CHECK(sqlite3_open(rig_path(t, "swm.db"), &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
}

CONTRACT(SQLITE, a_newer_format_is_refused_and_left_as_it_is)
{
    rig_close(t);
    execute(t, "PRAGMA user_version = 99");
    CHECK(rig_open(t) == ERR_NEWER);
    CHECK(strstr(t->message, "99") != NULL);
    CHECK(rig_open(t) == ERR_NEWER);
    t->store = NULL;
}

CONTRACT(SQLITE, a_file_without_tables_is_upgraded)
{
    rig_close(t);
    CHECK(unlink(rig_path(t, "swm.db")) == 0);
    int fd = open(rig_path(t, "swm.db"), O_WRONLY | O_CREAT, 0600);
    CHECK(fd >= 0 && close(fd) == 0);
    CHECK(rig_open(t) == ERR_NONE);
    CHECK(rig_do(t, rig_commit(t, "a", 1, 1)) == ERR_NONE);
}

CONTRACT(SQLITE, another_programs_database_is_refused)
{
    rig_close(t);
    execute(t, "PRAGMA application_id = 1");
    CHECK(rig_open(t) == ERR_CORRUPT);
    t->store = NULL;
}

static int64_t ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int64_t n = -1;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW) {
        n = sqlite3_column_int64(stmt, 0);
    }
    sqlite3_finalize(stmt);
    return n;
}

CONTRACT(SQLITE, an_upgrade_takes_the_steps_that_are_missing_and_all_or_none)
{
    static const char *const good[] = {
        "CREATE TABLE one (x)",
        "ALTER TABLE one ADD COLUMN y DEFAULT 7",
        "INSERT INTO one (x) VALUES (1)",
    };
    static const char *const bad[] = {"", "", "", "INSERT INTO one (x) VALUES (2)", "nonsense"};
    sqlite3 *db = NULL;

    CHECK(sqlite3_open(rig_path(t, "other.db"), &db) == SQLITE_OK);
    CHECK(schema_upgrade(db, good, 1, t->message) == ERR_NONE);
    CHECK(ask(db, "PRAGMA user_version") == 1);
    CHECK(schema_upgrade(db, good, 3, t->message) == ERR_NONE);
    CHECK(ask(db, "SELECT y FROM one") == 7 && ask(db, "PRAGMA user_version") == 3);
    CHECK(schema_upgrade(db, bad, 5, t->message) != ERR_NONE);
    CHECK(ask(db, "SELECT count(*) FROM one") == 1 && ask(db, "PRAGMA user_version") == 3);
    CHECK(schema_upgrade(db, good, 2, t->message) == ERR_NEWER);
    sqlite3_close(db);
}

/* The tables of format 1, with an instance in them, as an older version of swm left them. */
CONTRACT(SQLITE, numbers_of_instances_are_counted_anew_by_version)
{
    struct store_request *r = rig_request(t, STORE_COUNTS);
    sqlite3 *db = NULL;

    rig_close(t);
    CHECK(unlink(rig_path(t, "swm.db")) == 0);
    CHECK(sqlite3_open(rig_path(t, "swm.db"), &db) == SQLITE_OK);
    CHECK(schema_upgrade(db, schema_steps, 1, t->message) == ERR_NONE);
    CHECK(sqlite3_exec(db,
                       "INSERT INTO instances (id, template, version, status, started_at_ms,"
                       " updated_at_ms, is_open, shares_key, rev) VALUES"
                       " ('a', 'pizza', 3, 'RUNNING', 1, 1, 1, 0, 1),"
                       " ('b', 'pizza', 3, 'RUNNING', 1, 1, 1, 0, 1),"
                       " ('c', 'pizza', 4, 'RUNNING', 1, 1, 1, 0, 1)",
                       NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
    CHECK(rig_open(t) == ERR_NONE);
    struct store_row *row = rig_row(t, "a", NULL);
    row->status = SLICE("COMPLETED");
    row->rev = 2;
    CHECK(rig_write_row(t, row) == ERR_NONE);
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->count_count == 3);
    CHECK(r->counts[0].version == 3 && slice_eq_text(r->counts[0].status, "COMPLETED"));
    CHECK(r->counts[1].version == 3 && r->counts[1].count == 1);
    CHECK(r->counts[2].version == 4 && r->counts[2].count == 1);
}

static void overwrite(struct rig *t, const char *name, off_t at, size_t bytes)
{
    static const char rubbish[4096] = "rubbish";
    int fd = open(rig_path(t, name), O_WRONLY);

    CHECK(fd >= 0);
    for (size_t done = 0; done < bytes; done += sizeof(rubbish)) {
        CHECK(pwrite(fd, rubbish, sizeof(rubbish), at + (off_t)done) > 0);
    }
    close(fd);
}

CONTRACT(SQLITE, a_damaged_database_is_refused_in_clear_words)
{
    for (uint64_t seq = 1; seq <= 300; seq++) {
        rig_submit(t, rig_commit(t, "a", seq, 1));
    }
    rig_collect(t, 300);
    rig_close(t);
    overwrite(t, "swm.db", 4096, 65536);
    CHECK(rig_open(t) == ERR_CORRUPT);
    CHECK(strstr(t->message, "backup") != NULL);
    overwrite(t, "swm.db", 0, 4096);
    CHECK(rig_open(t) == ERR_CORRUPT);
    CHECK(strstr(t->message, "backup") != NULL);
    t->store = NULL;
}

/* The process of a store that ends without closing leaves its write-ahead log behind. */
static void commit_and_die(struct rig *t, uint64_t seq)
{
    rig_close(t);
    pid_t child = fork();
    if (child == 0) {
        bool is_done = rig_open(t) == ERR_NONE &&
                       rig_do(t, rig_commit(t, "a", seq, 1)) == ERR_NONE &&
                       rig_do(t, rig_commit(t, "a", seq + 1, 1)) == ERR_NONE;
        _exit(is_done ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

CONTRACT(SQLITE, a_write_ahead_log_left_behind_is_recovered)
{
    struct store_request *r = rig_request(t, STORE_FEED);

    commit_and_die(t, 1);
    CHECK(rig_open(t) == ERR_NONE);
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->record_count == 2);
}

CONTRACT(SQLITE, a_lost_write_ahead_log_is_noticed)
{
    commit_and_die(t, 1);
    CHECK(unlink(rig_path(t, "swm.db-wal")) == 0);
    CHECK(rig_open(t) == ERR_CORRUPT);
    CHECK(strstr(t->message, "position 2 ") != NULL);
    t->store = NULL;
}

/* A frame that fails its checksum ends the log for SQLite, silently. */
CONTRACT(SQLITE, a_write_ahead_log_cut_short_by_damage_is_noticed)
{
    struct stat st;

    commit_and_die(t, 1);
    CHECK(stat(rig_path(t, "swm.db-wal"), &st) == 0);
    overwrite(t, "swm.db-wal", st.st_size - 4096, 4096);
    CHECK(rig_open(t) == ERR_CORRUPT);
    CHECK(strstr(t->message, "ends at 1") != NULL);
    t->store = NULL;
}

CONTRACT(SQLITE, the_write_ahead_log_is_copied_before_it_grows_without_bound)
{
    static char large[256 * 1024];
    off_t bound = (off_t)2 * CHECKPOINT_PAGES * 4096;
    struct stat st = {0};

    memset(large, 'x', sizeof(large));
    for (off_t written = 0; written < 2 * bound; written += (off_t)sizeof(large)) {
        struct store_request *c = rig_commit(t, "a", (uint64_t)written + 1, 1);
        c->records[0].bytes = (struct slice){large, sizeof(large)};
        rig_submit(t, c);
        rig_collect(t, 1);
        CHECK(c->err == ERR_NONE);
    }
    CHECK(stat(rig_path(t, "swm.db-wal"), &st) == 0 && st.st_size < bound);
    CHECK(stat(rig_path(t, "swm.db"), &st) == 0 && st.st_size > bound);
}

CONTRACT(SQLITE, a_backup_is_whole_while_writing_goes_on)
{
    struct store_request *b = rig_request(t, STORE_BACKUP), *feed = rig_request(t, STORE_FEED);
    struct rig copy = {.driver = SQLITE};

    rig_make_dir(copy.dir);
    for (uint64_t seq = 1; seq <= 500; seq++) {
        rig_submit(t, rig_commit(t, "a", seq, 1));
    }
    rig_collect(t, 500);
    b->id = rig_text(t, "%s/swm.db", copy.dir);
    rig_submit(t, b);
    for (uint64_t seq = 501; seq <= 1000; seq++) {
        rig_submit(t, rig_commit(t, "a", seq, 1));
    }
    rig_collect(t, 501);
    CHECK(b->err == ERR_NONE);
    CHECK(mode_of(slice_text(&t->arena, b->id)) == 0600);
    CHECK(rig_do(t, b) == ERR_EXISTS);
    arena_init(&copy.arena, SIZE_MAX);
    CHECK(rig_open(&copy) == ERR_NONE);
    CHECK(rig_do(&copy, feed) == ERR_NONE);
    CHECK(feed->record_count >= 500 && feed->record_count <= 1000);
    for (uint32_t i = 0; i < feed->record_count; i++) {
        CHECK(feed->records[i].seq == i + 1);
    }
    rig_close(&copy);
    rig_remove_dir(copy.dir);
    arena_drop(&copy.arena);
}

CONTRACT(SQLITE, a_backup_that_cannot_be_made_leaves_nothing)
{
    struct store_request *b = rig_request(t, STORE_BACKUP);

    b->id = rig_text(t, "%s/missing/backup.db", t->dir);
    CHECK(rig_do(t, b) == ERR_IO);
}

CONTRACT(SQLITE, an_auditor_reads_the_tables_while_the_store_is_open)
{
    sqlite3 *db = NULL;

    CHECK(rig_do(t, rig_start(t, rig_row(t, "a", "K"))) == ERR_NONE);
    CHECK(sqlite3_open_v2(rig_path(t, "swm.db"), &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
    CHECK(ask(db, "SELECT count(*) FROM events WHERE at = '1970-01-01T00:00:01.001Z' "
                  "AND typeof(record) = 'text'") == 1);
    CHECK(ask(db, "SELECT count(*) FROM instances WHERE started_at = '1970-01-01T00:00:01.000Z' "
                  "AND wake_at IS NULL") == 1);
    sqlite3_close(db);
}

/* Reads must not be able to write, whatever their text: their connection is open for reading. */
CONTRACT(SQLITE, the_readers_connection_cannot_write)
{
    sqlite3 *db = NULL;

    CHECK(schema_open_reader(rig_path(t, "swm.db"), &db) == ERR_NONE);
    CHECK(sqlite3_exec(db, "DELETE FROM events", NULL, NULL, NULL) == SQLITE_READONLY);
    sqlite3_close(db);
}
