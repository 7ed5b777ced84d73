/* The writes of the SQLite store that are not about instances: templates, queues, foreign messages,
 * names with one value, access keys. store_sqlite_write.c comes here inside its transaction, and
 * its rule holds: a refusal is found before anything is written. */
#include "store/store_sqlite_int.h"

enum err put_template(struct lane *l, struct store_request *r)
{
    const struct store_template *t = &r->templates[0];
    struct query has = query_of(l, SQL_TEMPLATE_HAS);
    struct query other = query_of(l, SQL_ALIAS_OF_OTHER);
    struct query q = query_of(l, SQL_TEMPLATE_PUT);

    query_text(&has, t->name);
    query_int(&has, t->version);
    if (query_next(&has)) {
        sqlite3_reset(has.stmt);
        return ERR_CONFLICT;
    }
    query_text(&other, t->alias);
    query_text(&other, t->name);
    if (query_next(&other)) {
        sqlite3_reset(other.stmt);
        return ERR_EXISTS;
    }
    if (query_err(&has) != ERR_NONE || query_err(&other) != ERR_NONE) {
        return query_err(&has) != ERR_NONE ? query_err(&has) : query_err(&other);
    }
    query_text(&q, t->name);
    query_int(&q, t->version);
    query_text(&q, t->alias);
    query_text(&q, t->digest_hex);
    query_text(&q, t->source);
    query_text(&q, t->applied_by);
    query_text(&q, t->note);
    query_int(&q, t->applied_at_ms);
    return query_run(&q);
}

enum err put_queue(struct lane *l, struct store_request *r)
{
    struct query q = query_of(l, SQL_QUEUE_PUT);

    query_text(&q, r->queues[0].name);
    query_text(&q, r->queues[0].attributes);
    query_int(&q, r->queues[0].created_at_ms);
    query_int(&q, r->queues[0].modified_at_ms);
    return query_run(&q);
}

enum err put_purge(struct lane *l, struct store_request *r)
{
    struct query q = query_of(l, SQL_MESSAGES_PURGE);

    query_text(&q, r->id);
    return query_run(&q);
}

enum err put_queue_drop(struct lane *l, struct store_request *r)
{
    struct query q = query_of(l, SQL_QUEUE_DROP);

    query_text(&q, r->id);
    enum err err = query_run(&q);
    return err != ERR_NONE ? err : put_purge(l, r);
}

enum err put_messages(struct lane *l, struct store_request *r)
{
    enum err err = ERR_NONE;

    for (uint32_t i = 0; i < r->message_count && err == ERR_NONE; i++) {
        const struct store_message *m = &r->messages[i];
        struct query q = query_of(l, SQL_MESSAGE_PUT);
        query_text(&q, m->queue);
        query_text(&q, m->id);
        query_text(&q, m->body);
        query_text(&q, m->attributes);
        query_int(&q, m->sent_at_ms);
        query_int(&q, m->visible_at_ms);
        err = query_run(&q);
    }
    return err;
}

enum err put_messages_drop(struct lane *l, struct store_request *r)
{
    enum err err = ERR_NONE;

    for (uint32_t i = 0; i < r->message_count && err == ERR_NONE; i++) {
        struct query q = query_of(l, SQL_MESSAGE_DROP);
        query_text(&q, r->messages[i].queue);
        query_text(&q, r->messages[i].id);
        err = query_run(&q);
    }
    return err;
}

enum err put_meta(struct lane *l, struct store_request *r)
{
    struct query add = query_of(l, SQL_META_ADD);

    query_text(&add, r->id);
    query_text(&add, r->key);
    enum err err = query_run(&add);
    if (err != ERR_NONE) {
        return err;
    }
    struct query get = query_of(l, SQL_META_GET);
    query_text(&get, r->id);
    if (query_next(&get)) {
        r->value = query_copy(&get, r->arena, 0);
        sqlite3_reset(get.stmt);
    }
    return query_err(&get);
}

enum err put_key(struct lane *l, struct store_request *r)
{
    struct query q = query_of(l, SQL_KEY_PUT);

    query_text(&q, r->keys[0].id);
    query_text(&q, r->keys[0].body);
    return query_run(&q);
}
