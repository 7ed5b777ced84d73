/* The SQL texts of the SQLite driver and the few functions that bind, step and read them. The
 * writer and the reader come here for every request; each lane has its own prepared statements.
 * Nothing here knows what a request means. */
#include "store/store_sqlite_int.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define ROW_COLUMNS                                                                                \
    "n, id, template, version, key, status, stage, business_status, started_at_ms, "               \
    "updated_at_ms, wake_at_ms, is_open, shares_key, rev, queue, state"
#define RECORD_COLUMNS "instance, seq, at_ms, event, verdict, record, pos, is_act"

static const char *const texts[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_READ] = "BEGIN",
    [SQL_EVENT_PUT] = "INSERT INTO events (pos, instance, seq, at_ms, event, verdict, record, "
                      "is_act) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_EVENT_HAS] = "SELECT 1 FROM events WHERE instance = ? AND seq = ?",
    [SQL_OPEN_ID] = "SELECT id FROM instances WHERE template = ? AND key = ? AND id <> ? "
                    "AND is_open AND NOT shares_key AND key IS NOT NULL",
    [SQL_ROW_PUT] =
        "INSERT INTO instances (id, template, version, key, status, stage, business_status, "
        "started_at_ms, updated_at_ms, wake_at_ms, is_open, shares_key, rev, queue, state) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
        "template = excluded.template, version = excluded.version, key = excluded.key, "
        "status = excluded.status, stage = excluded.stage, "
        "business_status = excluded.business_status, started_at_ms = excluded.started_at_ms, "
        "updated_at_ms = excluded.updated_at_ms, wake_at_ms = excluded.wake_at_ms, "
        "is_open = excluded.is_open, shares_key = excluded.shares_key, rev = excluded.rev, "
        "queue = excluded.queue, state = excluded.state",
    [SQL_ROW_NEWER] = "SELECT 1 FROM instances WHERE id = ? AND rev > ?",
    [SQL_READY_DROP] = "DELETE FROM ready WHERE instance = ?",
    [SQL_READY_PUT] = "INSERT OR IGNORE INTO ready (queue, at_ms, instance, task, item, "
                      "generation, attempt, visibility_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_PAYLOAD_PUT] = "INSERT OR IGNORE INTO payloads (digest, body) VALUES (?, ?)",
    [SQL_META_ADD] = "INSERT OR IGNORE INTO meta (name, value) VALUES (?, ?)",
    [SQL_META_GET] = "SELECT value FROM meta WHERE name = ?",
    [SQL_META_SET] = "INSERT INTO meta (name, value) VALUES (?, ?) "
                     "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    [SQL_TEMPLATE_HAS] = "SELECT 1 FROM templates WHERE name = ? AND version = ?",
    [SQL_ALIAS_OF_OTHER] = "SELECT 1 FROM templates WHERE alias = ? AND name <> ?",
    [SQL_TEMPLATE_PUT] = "INSERT INTO templates (name, version, alias, digest, source, applied_by, "
                         "note, applied_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_QUEUE_PUT] = "INSERT INTO queues (name, attributes, created_at_ms, modified_at_ms) "
                      "VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
                      "attributes = excluded.attributes, created_at_ms = excluded.created_at_ms, "
                      "modified_at_ms = excluded.modified_at_ms",
    [SQL_QUEUE_DROP] = "DELETE FROM queues WHERE name = ?",
    [SQL_MESSAGE_PUT] = "INSERT INTO messages (queue, id, body, attributes, sent_at_ms, "
                        "visible_at_ms) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (queue, id) "
                        "DO UPDATE SET body = excluded.body, attributes = excluded.attributes, "
                        "sent_at_ms = excluded.sent_at_ms, visible_at_ms = excluded.visible_at_ms",
    [SQL_MESSAGE_DROP] = "DELETE FROM messages WHERE queue = ? AND id = ?",
    [SQL_MESSAGES_PURGE] = "DELETE FROM messages WHERE queue = ?",
    [SQL_KEY_PUT] = "INSERT INTO keys (id, body) VALUES (?, ?) "
                    "ON CONFLICT (id) DO UPDATE SET body = excluded.body",
    [SQL_EVENTS_DROP] = "DELETE FROM events WHERE instance = ?",
    [SQL_ROW_DROP] = "DELETE FROM instances WHERE id = ?",
    [SQL_LAST_POS] = "SELECT max(coalesce((SELECT max(pos) FROM events), 0), coalesce((SELECT "
                     "CAST(value AS INTEGER) FROM meta WHERE name = '" META_LAST "'), 0))",
    [SQL_ROW_BY_ID] = "SELECT " ROW_COLUMNS " FROM instances WHERE id = ?",
    [SQL_ROW_BY_KEY] = "SELECT " ROW_COLUMNS " FROM instances WHERE key = ? "
                       "ORDER BY is_open DESC, started_at_ms DESC, n DESC LIMIT 1",
    [SQL_ROW_BY_TEMPLATE_KEY] = "SELECT " ROW_COLUMNS " FROM instances WHERE key = ? "
                                "AND template = ? "
                                "ORDER BY is_open DESC, started_at_ms DESC, n DESC LIMIT 1",
    [SQL_RECORDS] = "SELECT " RECORD_COLUMNS " FROM events WHERE instance = ? AND seq >= ? "
                    "ORDER BY seq LIMIT ?",
    [SQL_RECORDS_BEFORE] = "SELECT " RECORD_COLUMNS " FROM events WHERE instance = ? AND seq < ? "
                           "ORDER BY seq DESC LIMIT ?",
    [SQL_FEED] = "SELECT " RECORD_COLUMNS " FROM events WHERE pos > ? ORDER BY pos LIMIT ?",
    [SQL_FEED_BEFORE] = "SELECT " RECORD_COLUMNS " FROM events WHERE pos < ? "
                        "ORDER BY pos DESC LIMIT ?",
    [SQL_ACTS] = "SELECT " RECORD_COLUMNS " FROM events WHERE is_act = 1 AND pos > ? "
                 "ORDER BY pos LIMIT ?",
    [SQL_ACTS_BEFORE] = "SELECT " RECORD_COLUMNS " FROM events WHERE is_act = 1 AND pos < ? "
                        "ORDER BY pos DESC LIMIT ?",
    [SQL_AT_OR_AFTER] = "SELECT pos, at_ms FROM events WHERE pos >= ? ORDER BY pos LIMIT 1",
    [SQL_NAME] = "SELECT id, template, key FROM instances WHERE id = ?",
    [SQL_PAYLOAD_GET] = "SELECT body FROM payloads WHERE digest = ?",
    [SQL_COUNTS] = "SELECT template, version, status, count FROM counts WHERE count > 0 "
                   "ORDER BY template, version, status",
    [SQL_DUE] = "SELECT id, template, wake_at_ms FROM instances WHERE wake_at_ms <= ? "
                "ORDER BY wake_at_ms, n LIMIT ?",
    /* The index by instance would be walked whole; the tail of the table is short. */
    [SQL_BEHIND] = "SELECT instance, min(pos), at_ms FROM events NOT INDEXED WHERE pos >= ? "
                   "GROUP BY instance ORDER BY min(pos) LIMIT ?",
    [SQL_READY_OF_QUEUE] =
        "SELECT queue, at_ms, instance, task, item, generation, attempt, visibility_ms FROM ready "
        "WHERE queue = ? AND (at_ms, instance, task, item) > (?, ?, ?, ?) "
        "ORDER BY at_ms, instance, task, item LIMIT ?",
    [SQL_READY_OF_ALL] =
        "SELECT queue, at_ms, instance, task, item, generation, attempt, visibility_ms FROM ready "
        "WHERE (queue, at_ms, instance, task, item) > (?, ?, ?, ?, ?) "
        "ORDER BY queue, at_ms, instance, task, item LIMIT ?",
    [SQL_TEMPLATES] = "SELECT name, version, alias, digest, source, applied_by, note, "
                      "applied_at_ms FROM templates WHERE applied_at_ms >= ? "
                      "ORDER BY name, version",
    [SQL_QUEUES] = "SELECT name, attributes, created_at_ms, modified_at_ms FROM queues "
                   "ORDER BY name",
    [SQL_MESSAGES] = "SELECT n, queue, id, body, attributes, sent_at_ms, visible_at_ms "
                     "FROM messages WHERE queue = ? AND n > ? ORDER BY n LIMIT ?",
    [SQL_KEYS] = "SELECT id, body FROM keys ORDER BY id",
    [SQL_CHAINS] = "SELECT instance FROM events WHERE instance > ? AND instance < '_sys;' "
                   "AND seq = 1 ORDER BY instance LIMIT ?",
    [SQL_EXPIRED] = "SELECT id FROM instances WHERE NOT is_open AND updated_at_ms < ? "
                    "ORDER BY updated_at_ms, n LIMIT ?",
    /* Along an index alone, the newest so many; a time of each bucket stands for it. */
    [SQL_BEGAN] = "SELECT NULL, count(*), min(at) FROM (SELECT started_at_ms AS at FROM "
                  "instances WHERE started_at_ms >= ? ORDER BY started_at_ms DESC LIMIT ?) "
                  "GROUP BY (at - ?) / ?",
    [SQL_ENDED] = "SELECT status, count(*), min(at) FROM (SELECT updated_at_ms AS at, status "
                  "FROM instances INDEXED BY instances_by_end WHERE NOT is_open AND "
                  "updated_at_ms >= ? ORDER BY updated_at_ms DESC LIMIT ?) "
                  "GROUP BY (at - ?) / ?, status",
    [SQL_OVERDUE] =
        "SELECT queue, at_ms, instance, task, item, generation, attempt, visibility_ms FROM ready "
        "WHERE queue = ? AND at_ms <= ? ORDER BY at_ms, instance, task, item LIMIT ?",
    [SQL_OVERDUE_COUNT] = "SELECT count(*) FROM (SELECT 1 FROM ready WHERE queue = ? "
                          "AND at_ms <= ? LIMIT ?)",
    [SQL_KEYS_BETWEEN] = "SELECT count(*) FROM (SELECT 1 FROM instances WHERE key >= ? "
                         "AND key < ? || char(1114111) LIMIT ?)",
};

/* What an error of SQLite means to the one who asked. The full disk has many faces: a quota and a
 * limit on the size of a file are others. */
enum err sqlite_err(sqlite3 *db, int rc)
{
    int os_errno = db != NULL ? sqlite3_system_errno(db) : 0;

    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return ERR_NONE;
    case SQLITE_FULL:
        return ERR_DISK_FULL;
    case SQLITE_NOMEM:
        return ERR_MEMORY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_CORRUPT;
    case SQLITE_TOOBIG:
        return ERR_TOO_LARGE;
    case SQLITE_IOERR:
        if (rc == SQLITE_IOERR_NOMEM) {
            return ERR_MEMORY;
        }
        if (os_errno == ENOSPC || os_errno == EDQUOT || os_errno == EFBIG) {
            return ERR_DISK_FULL;
        }
        return ERR_STORE;
    default:
        return ERR_STORE;
    }
}

struct query query_of(struct lane *l, enum sql which)
{
    struct query q = {.lane = l, .rc = SQLITE_OK};

    if (l->stmts[which] == NULL) {
        q.rc = sqlite3_prepare_v3(l->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                                  &l->stmts[which], NULL);
    }
    q.stmt = l->stmts[which];
    return q;
}

struct query query_of_text(struct lane *l, const char *text)
{
    struct query q = {.lane = l, .rc = SQLITE_OK};

    assert(l->loose == NULL);
    q.rc = sqlite3_prepare_v3(l->db, text, -1, 0, &l->loose, NULL);
    q.stmt = l->loose;
    return q;
}

static void note(struct query *q, int rc)
{
    if (q->rc == SQLITE_OK) {
        q->rc = rc;
    }
}

void query_int(struct query *q, int64_t n)
{
    q->bound++;
    if (q->rc == SQLITE_OK) {
        note(q, sqlite3_bind_int64(q->stmt, q->bound, n));
    }
}

/* Clients read a TEXT up to its first NUL, and take it for UTF-8. */
static bool is_text(struct slice s)
{
    return slice_is_utf8(s) && memchr(s.at, 0, s.len) == NULL;
}

void query_text(struct query *q, struct slice s)
{
    q->bound++;
    if (q->rc != SQLITE_OK) {
        return;
    }
    if (s.at == NULL) {
        note(q, sqlite3_bind_null(q->stmt, q->bound));
    } else if (s.len == 0 || is_text(s)) {
        note(q, sqlite3_bind_text64(q->stmt, q->bound, s.len == 0 ? "" : s.at, s.len, SQLITE_STATIC,
                                    SQLITE_UTF8));
    } else {
        note(q, sqlite3_bind_blob64(q->stmt, q->bound, s.at, s.len, SQLITE_STATIC));
    }
}

void query_blob(struct query *q, const void *at, size_t len)
{
    q->bound++;
    if (q->rc == SQLITE_OK) {
        note(q, sqlite3_bind_blob64(q->stmt, q->bound, at, len, SQLITE_STATIC));
    }
}

bool query_next(struct query *q)
{
    if (q->rc != SQLITE_OK && q->rc != SQLITE_ROW) {
        return false;
    }
    q->rc = sqlite3_step(q->stmt);
    if (q->rc == SQLITE_ROW) {
        return true;
    }
    if (q->rc != SQLITE_DONE) {
        q->rc = sqlite3_extended_errcode(q->lane->db);
    }
    sqlite3_reset(q->stmt);
    return false;
}

enum err query_run(struct query *q)
{
    while (query_next(q)) {
        /* What a statement returns beside its work is not asked for. */
    }
    return query_err(q);
}

enum err query_err(const struct query *q)
{
    return sqlite_err(q->lane->db, q->rc);
}

int64_t query_get_int(const struct query *q, int column)
{
    return sqlite3_column_int64(q->stmt, column);
}

struct slice query_get(const struct query *q, int column)
{
    if (sqlite3_column_type(q->stmt, column) == SQLITE_NULL) {
        return SLICE_NONE;
    }
    const void *at = sqlite3_column_blob(q->stmt, column);
    size_t len = (size_t)sqlite3_column_bytes(q->stmt, column);

    return at == NULL ? SLICE("") : (struct slice){at, len};
}

struct slice query_copy(const struct query *q, struct arena *a, int column)
{
    struct slice s = query_get(q, column);

    return s.at == NULL ? s : slice_copy(a, s);
}

void lane_settle(struct lane *l)
{
    for (size_t i = 0; i < SQL_COUNT; i++) {
        if (l->stmts[i] != NULL && sqlite3_stmt_busy(l->stmts[i])) {
            sqlite3_reset(l->stmts[i]);
        }
    }
    sqlite3_finalize(l->loose);
    l->loose = NULL;
}

void lane_close(struct lane *l)
{
    for (size_t i = 0; i < SQL_COUNT; i++) {
        sqlite3_finalize(l->stmts[i]);
        l->stmts[i] = NULL;
    }
    sqlite3_finalize(l->loose);
    l->loose = NULL;
    int rc = sqlite3_close(l->db);
    assert(rc == SQLITE_OK);
    l->db = NULL;
}
