/* The tables of the SQLite file, as text. store_sqlite_schema.c makes them and upgrades them; what
 * is truth and what is cache is said in docs/storage.md. A step is never edited once it is
 * released. */
#include "store/store_sqlite_int.h"

/* Generated columns spell times for readers and take no space. */
#define SPELLED(column, ms)                                                                        \
    column " TEXT AS (strftime('%Y-%m-%dT%H:%M:%fZ', " ms " / 1000.0, 'unixepoch'))"

/* SQL has lines of its own. */
/* clang-format off */
const char *const schema_steps[STORE_SQLITE_FORMAT] = {
    /* The truth. Columns beside the record are copies of what is in it. */
    "CREATE TABLE events ("
    " pos INTEGER PRIMARY KEY,"
    " instance TEXT NOT NULL,"
    " seq INTEGER NOT NULL,"
    " at_ms INTEGER NOT NULL,"
    " event TEXT,"
    " verdict TEXT,"
    " record TEXT NOT NULL,"
    " " SPELLED("at", "at_ms") ");"
    "CREATE UNIQUE INDEX events_by_instance ON events (instance, seq);"

    "CREATE TABLE instances ("
    " n INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " template TEXT,"
    " version INTEGER NOT NULL,"
    " key TEXT,"
    " status TEXT,"
    " stage TEXT,"
    " business_status TEXT,"
    " started_at_ms INTEGER NOT NULL,"
    " updated_at_ms INTEGER NOT NULL,"
    " wake_at_ms INTEGER,"
    " is_open INTEGER NOT NULL,"
    " shares_key INTEGER NOT NULL,"
    " rev INTEGER NOT NULL,"
    " queue TEXT,"
    " state TEXT,"
    " " SPELLED("started_at", "started_at_ms") ","
    " " SPELLED("updated_at", "updated_at_ms") ","
    " " SPELLED("wake_at", "wake_at_ms") ");"
    "CREATE UNIQUE INDEX instances_open ON instances (template, key)"
    " WHERE is_open AND NOT shares_key AND key IS NOT NULL;"
    "CREATE INDEX instances_by_start ON instances (started_at_ms);"
    "CREATE INDEX instances_by_status ON instances (status, started_at_ms);"
    "CREATE INDEX instances_by_template ON instances (template, started_at_ms);"
    "CREATE INDEX instances_by_key ON instances (key, started_at_ms) WHERE key IS NOT NULL;"
    "CREATE INDEX instances_by_end ON instances (updated_at_ms) WHERE NOT is_open;"
    "CREATE INDEX instances_by_wake ON instances (wake_at_ms) WHERE wake_at_ms IS NOT NULL;"

    /* Numbers of instances, kept by triggers: counting a million rows takes too long. */
    "CREATE TABLE counts ("
    " template TEXT NOT NULL,"
    " status TEXT NOT NULL,"
    " count INTEGER NOT NULL,"
    " PRIMARY KEY (template, status)) WITHOUT ROWID;"
    "CREATE TRIGGER instances_added AFTER INSERT ON instances BEGIN"
    " INSERT INTO counts VALUES (coalesce(new.template, ''), coalesce(new.status, ''), 1)"
    "  ON CONFLICT DO UPDATE SET count = count + 1;"
    "END;"
    "CREATE TRIGGER instances_moved AFTER UPDATE OF template, status ON instances"
    " WHEN new.status IS NOT old.status OR new.template IS NOT old.template BEGIN"
    " UPDATE counts SET count = count - 1"
    "  WHERE template = coalesce(old.template, '') AND status = coalesce(old.status, '');"
    " INSERT INTO counts VALUES (coalesce(new.template, ''), coalesce(new.status, ''), 1)"
    "  ON CONFLICT DO UPDATE SET count = count + 1;"
    "END;"
    "CREATE TRIGGER instances_removed AFTER DELETE ON instances BEGIN"
    " UPDATE counts SET count = count - 1"
    "  WHERE template = coalesce(old.template, '') AND status = coalesce(old.status, '');"
    "END;"

    "CREATE TABLE ready ("
    " queue TEXT NOT NULL,"
    " at_ms INTEGER NOT NULL,"
    " instance TEXT NOT NULL,"
    " task TEXT NOT NULL,"
    " item INTEGER NOT NULL,"
    " generation INTEGER NOT NULL,"
    " attempt INTEGER NOT NULL,"
    " visibility_ms INTEGER NOT NULL,"
    " PRIMARY KEY (queue, at_ms, instance, task, item)) WITHOUT ROWID;"
    "CREATE INDEX ready_by_instance ON ready (instance);"

    "CREATE TABLE payloads ("
    " digest BLOB PRIMARY KEY,"
    " body TEXT NOT NULL);"

    "CREATE TABLE templates ("
    " name TEXT NOT NULL,"
    " version INTEGER NOT NULL,"
    " alias TEXT,"
    " digest TEXT,"
    " source TEXT NOT NULL,"
    " applied_by TEXT,"
    " note TEXT,"
    " applied_at_ms INTEGER NOT NULL,"
    " " SPELLED("applied_at", "applied_at_ms") ");"
    "CREATE UNIQUE INDEX templates_by_name ON templates (name, version);"
    "CREATE INDEX templates_by_alias ON templates (alias) WHERE alias IS NOT NULL;"

    "CREATE TABLE queues ("
    " name TEXT PRIMARY KEY,"
    " attributes TEXT,"
    " created_at_ms INTEGER NOT NULL,"
    " modified_at_ms INTEGER NOT NULL,"
    " " SPELLED("created_at", "created_at_ms") ","
    " " SPELLED("modified_at", "modified_at_ms") ") WITHOUT ROWID;"

    /* AUTOINCREMENT: a cursor must not meet the number of a deleted message again. */
    "CREATE TABLE messages ("
    " n INTEGER PRIMARY KEY AUTOINCREMENT,"
    " queue TEXT NOT NULL,"
    " id TEXT NOT NULL,"
    " body TEXT NOT NULL,"
    " attributes TEXT,"
    " sent_at_ms INTEGER NOT NULL,"
    " visible_at_ms INTEGER NOT NULL,"
    " " SPELLED("sent_at", "sent_at_ms") ","
    " " SPELLED("visible_at", "visible_at_ms") ");"
    "CREATE UNIQUE INDEX messages_by_id ON messages (queue, id);"
    "CREATE INDEX messages_by_queue ON messages (queue, n);"

    "CREATE TABLE keys ("
    " id TEXT PRIMARY KEY,"
    " body TEXT NOT NULL) WITHOUT ROWID;"

    "CREATE TABLE meta ("
    " name TEXT PRIMARY KEY,"
    " value TEXT) WITHOUT ROWID;",

    /* Instances of a template by their status; how those that ended did. */
    "DROP INDEX instances_by_template;"
    "CREATE INDEX instances_by_template ON instances (template, status, started_at_ms);"
    "DROP INDEX instances_by_end;"
    "CREATE INDEX instances_by_end ON instances (updated_at_ms, status, is_open)"
    " WHERE NOT is_open;",

    /* What somebody did, found among everything that happened; NULL costs the others nothing. Rows
     * with inbox entries of the older kind are written again: they look as if another queue driver
     * had their messages. */
    "ALTER TABLE events ADD COLUMN is_act INTEGER;"
    "UPDATE events SET is_act = 1 WHERE event IN ('PauseWorkflow', 'ResumeWorkflow',"
    " 'CancelWorkflow', 'ReplayTask', 'ReplayStage', 'TemplateApplied', 'KeyCreated',"
    " 'KeyRevoked', 'InstanceRemoved', 'InstanceImported');"
    "CREATE INDEX events_by_act ON events (pos) WHERE is_act = 1;"
    "UPDATE instances SET queue = '' WHERE is_open"
    " AND id IN (SELECT instance FROM ready WHERE queue = '@inbox');",
};
/* clang-format on */
