/* The filter of instances as SQL. Lists and counts come here; what the text asks for they run.
 *
 * SQLite merges what is ordered already, so a filter becomes one SELECT for each (template, status)
 * that it names, each along the index of just these, and what no index knows (a stage, a version)
 * is a column of the answer: whoever walks it sees how much passes by and can stop. */
#include "store/store_sqlite_int.h"

#include "base/text.h"

#define FILTER_SQL_BYTES_MAX (256 * 1024)
#define PREFIX_ROWS_MAX 10000 /* keys with a prefix, if there are no more, are looked up by it */
#define LAST_CHARACTER "\xf4\x8f\xbf\xbf"

static void bind(struct filter_sql *x, struct slice s, int64_t n)
{
    if (x->bound_count == x->bound_max) {
        uint32_t max = x->bound_max == 0 ? 64 : 2 * x->bound_max;
        struct filter_value *more = arena_array(x->arena, max, sizeof(*more));
        for (uint32_t i = 0; i < x->bound_count; i++) {
            more[i] = x->bound[i];
        }
        x->bound = more;
        x->bound_max = max;
    }
    x->bound[x->bound_count++] = (struct filter_value){s, n};
}

static void put_text(struct filter_sql *x, const char *sql, struct slice s)
{
    if (s.at != NULL) {
        text_put_c(&x->text, sql);
        bind(x, s, 0);
    }
}

static void put_number(struct filter_sql *x, const char *sql, int64_t n)
{
    if (n != 0) {
        text_put_c(&x->text, sql);
        bind(x, SLICE_NONE, n);
    }
}

static void put_any(struct filter_sql *x, const char *column, const struct store_any *any)
{
    for (uint32_t i = 0; i < any->count; i++) {
        text_printf(&x->text, i == 0 ? " AND %s IN (?" : ", ?", column);
        bind(x, any->texts[i], 0);
    }
    text_put_c(&x->text, any->count > 0 ? ")" : "");
}

static void put_prefix(struct filter_sql *x, struct slice prefix)
{
    struct text end = text_new(x->arena, prefix.len + 8);

    text_put(&end, prefix);
    text_put_c(&end, LAST_CHARACTER);
    put_text(x, " AND key >= ?", prefix);
    put_text(x, " AND key < ?", text_slice(&end));
}

/* What no index of the SELECT knows. */
static void put_rest(struct filter_sql *x, const struct store_filter *f)
{
    put_any(x, "stage", &f->stage);
    put_any(x, "business_status", &f->business_status);
    put_number(x, " AND version = ?", f->version);
    put_number(x, " AND updated_at_ms >= ?", f->since_ms);
    put_number(x, " AND updated_at_ms < ?", f->until_ms);
    put_text(x, " AND is_open AND queue <> ?", f->not_queue);
}

static void put_columns(struct filter_sql *x, const struct store_filter *f)
{
    text_printf(&x->text, "SELECT %s, coalesce(1", x->columns);
    put_rest(x, f);
    if (x->is_by_key) {
        put_any(x, "template", &f->template);
        put_any(x, "status", &f->status);
    } else if (f->key_prefix.at != NULL) {
        put_prefix(x, f->key_prefix);
    }
    text_put_c(&x->text, ", 0) FROM instances");
}

static void put_range(struct filter_sql *x, const struct store_filter *f)
{
    text_put_c(&x->text, " WHERE (started_at_ms, n) < (?, ?)");
    bind(x, SLICE_NONE, x->at_ms);
    bind(x, SLICE_NONE, x->n);
    put_number(x, " AND started_at_ms >= ?", f->started_since_ms);
    put_number(x, " AND started_at_ms < ?", f->started_until_ms);
}

static void put_by_key(struct filter_sql *x, const struct store_filter *f)
{
    put_columns(x, f);
    text_put_c(&x->text, " INDEXED BY instances_by_key");
    put_range(x, f);
    put_text(x, " AND key = ?", f->key);
    if (f->key_prefix.at != NULL) {
        put_prefix(x, f->key_prefix);
    }
}

static struct slice text_or_none(const struct store_any *any, uint32_t i)
{
    return any->count > 0 ? any->texts[i] : SLICE_NONE;
}

static void put_arms(struct filter_sql *x, const struct store_filter *f)
{
    uint32_t templates = f->template.count > 0 ? f->template.count : 1;
    uint32_t statuses = f->status.count > 0 ? f->status.count : 1;

    for (uint32_t i = 0; i < templates * statuses; i++) {
        text_put_c(&x->text, i > 0 ? " UNION ALL " : "");
        put_columns(x, f);
        put_range(x, f);
        put_text(x, " AND template = ?", text_or_none(&f->template, i / statuses));
        put_text(x, " AND status = ?", text_or_none(&f->status, i % statuses));
    }
}

/* A prefix that many keys have is found soon among all. */
static bool is_narrow(struct lane *l, struct slice prefix)
{
    struct query q = query_of(l, SQL_KEYS_BETWEEN);

    query_text(&q, prefix);
    query_text(&q, prefix);
    query_int(&q, PREFIX_ROWS_MAX + 1);
    bool is = query_next(&q) && query_get_int(&q, 0) <= PREFIX_ROWS_MAX;
    sqlite3_reset(q.stmt);
    return is;
}

void filter_write(struct lane *l, struct filter_sql *x, const struct store_filter *f)
{
    x->text = text_new(x->arena, FILTER_SQL_BYTES_MAX);
    x->is_by_key = f->key.at != NULL || (f->key_prefix.at != NULL && is_narrow(l, f->key_prefix));
    if (x->is_by_key) {
        put_by_key(x, f);
    } else {
        put_arms(x, f);
    }
}

bool filter_write_counts(struct filter_sql *x, const struct store_filter *f)
{
    bool is_counted = f->stage.count == 0 && f->business_status.count == 0 && f->key.at == NULL &&
                      f->key_prefix.at == NULL && f->since_ms == 0 && f->until_ms == 0 &&
                      f->started_since_ms == 0 && f->started_until_ms == 0 &&
                      f->not_queue.at == NULL;

    if (!is_counted) {
        return false;
    }
    x->text = text_new(x->arena, FILTER_SQL_BYTES_MAX);
    text_put_c(&x->text, "SELECT status, sum(count) FROM counts WHERE 1");
    put_any(x, "template", &f->template);
    put_any(x, "status", &f->status);
    put_number(x, " AND version = ?", f->version);
    text_put_c(&x->text, " GROUP BY status ORDER BY status");
    return true;
}

void filter_bind(struct query *q, const struct filter_sql *x)
{
    for (uint32_t i = 0; i < x->bound_count; i++) {
        if (x->bound[i].text.at != NULL) {
            query_text(q, x->bound[i].text);
        } else {
            query_int(q, x->bound[i].number);
        }
    }
}
