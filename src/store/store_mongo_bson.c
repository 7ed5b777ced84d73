/* Documents: how texts, times, rows and results are spelled in BSON. The writing and reading lanes
 * come here. Texts that are not UTF-8 become binary with the same bytes, as a record's text always
 * is. Nothing here talks to the database. */
#include "store/store_mongo_int.h"

#include "base/text.h"
#include "store/grow.h"

#include <stdio.h>
#include <string.h>

void put_text(bson_t *b, const char *key, struct slice s)
{
    if (s.at == NULL)
        return;
    if (bson_utf8_validate(s.at, s.len, true))
        bson_append_utf8(b, key, -1, s.at, (int)s.len);
    else
        bson_append_binary(b, key, -1, BSON_SUBTYPE_BINARY, (const uint8_t *)s.at, (uint32_t)s.len);
}

void put_date(bson_t *b, const char *key, int64_t ms)
{
    if (ms != TIME_NEVER)
        bson_append_date_time(b, key, -1, ms);
}

static struct slice text_at(const bson_iter_t *it)
{
    uint32_t len = 0;
    const uint8_t *bytes = NULL;
    bson_subtype_t subtype;
    if (BSON_ITER_HOLDS_UTF8(it)) {
        const char *text = bson_iter_utf8(it, &len);
        return (struct slice){text, len};
    }
    if (!BSON_ITER_HOLDS_BINARY(it))
        return SLICE_NONE;
    bson_iter_binary(it, &subtype, &len, &bytes);
    return (struct slice){(const char *)bytes, len};
}

struct slice get_text(const bson_t *b, struct arena *a, const char *key)
{
    bson_iter_t it;
    struct slice s = bson_iter_init_find(&it, b, key) ? text_at(&it) : SLICE_NONE;
    if (s.at == NULL)
        return s;
    return s.len == 0 ? SLICE("") : slice_copy(a, s);
}

int64_t get_int(const bson_t *b, const char *key)
{
    bson_iter_t it;
    if (!bson_iter_init_find(&it, b, key))
        return 0;
    return BSON_ITER_HOLDS_DATE_TIME(&it) ? bson_iter_date_time(&it) : bson_iter_as_int64(&it);
}

bool get_bool(const bson_t *b, const char *key)
{
    bson_iter_t it;
    return bson_iter_init_find(&it, b, key) && bson_iter_as_bool(&it);
}

bool get_document(const bson_t *b, const char *key, bson_t *out)
{
    bson_iter_t it;
    uint32_t len = 0;
    const uint8_t *bytes = NULL;
    if (!bson_iter_init_find(&it, b, key))
        return false;
    if (BSON_ITER_HOLDS_DOCUMENT(&it))
        bson_iter_document(&it, &len, &bytes);
    else if (BSON_ITER_HOLDS_ARRAY(&it))
        bson_iter_array(&it, &len, &bytes);
    return bytes != NULL && bson_init_static(out, bytes, len);
}

/* Twelve digits: their order as texts is the order of the numbers. */
struct slice name_record(struct arena *a, struct slice instance, uint64_t seq)
{
    struct text t = text_new(a, instance.len + 32);
    text_put(&t, instance);
    text_printf(&t, ":%012llu", (unsigned long long)seq);
    return text_slice(&t);
}

void put_record_range(bson_t *filter, struct arena *a, struct slice instance, uint64_t from)
{
    struct slice first = name_record(a, instance, from);
    struct text end = text_new(a, instance.len + 2);
    bson_t range;
    text_put(&end, instance);
    text_put_char(&end, ';'); /* the character after ':' */
    bson_append_document_begin(filter, "_id", -1, &range);
    put_text(&range, "$gte", first);
    put_text(&range, "$lt", text_slice(&end));
    bson_append_document_end(filter, &range);
    put_text(filter, "instance", instance); /* the name of another may go on with ':' */
}

/* --- rows --- */

static void put_ready(bson_t *b, const struct store_row *row)
{
    bson_t array, entry;
    int64_t inbox_at_ms = TIME_NEVER;
    if (row->ready_count == 0)
        return;
    bson_append_array_begin(b, "ready", -1, &array);
    for (uint32_t k = 0; k < row->ready_count; k++) {
        const struct store_ready *x = &row->ready[k];
        char key[16];
        (void)snprintf(key, sizeof key, "%u", (unsigned)k);
        if (slice_has_prefix(x->queue, SLICE(STORE_INBOX)))
            inbox_at_ms = x->at_ms;
        bson_append_document_begin(&array, key, -1, &entry);
        put_text(&entry, "queue", x->queue);
        put_text(&entry, "task", x->task);
        bson_append_int64(&entry, "item", -1, x->item);
        bson_append_date_time(&entry, "at", -1, x->at_ms);
        bson_append_int64(&entry, "generation", -1, x->generation);
        bson_append_int64(&entry, "attempt", -1, x->attempt);
        bson_append_int64(&entry, "visibility_ms", -1, x->visibility_ms);
        bson_append_document_end(&array, &entry);
    }
    bson_append_array_end(b, &array);
    put_date(b, "inbox_at", inbox_at_ms);
}

void put_row(bson_t *b, struct store_request *r, const struct store_row *row)
{
    bool claims_key = row->is_open && !row->shares_key && row->key.at != NULL;
    put_text(b, "_id", row->id);
    put_text(b, "template", row->template);
    bson_append_int64(b, "version", -1, row->version);
    put_text(b, "key", row->key);
    put_text(b, "status", row->status);
    put_text(b, "stage", row->stage);
    put_text(b, "business_status", row->business_status);
    put_date(b, "started_at", row->started_at_ms);
    put_date(b, "updated_at", row->updated_at_ms);
    put_date(b, "wake_at", row->wake_at_ms);
    put_date(b, "ended_at", row->is_open ? TIME_NEVER : row->updated_at_ms);
    bson_append_bool(b, "is_open", -1, row->is_open);
    bson_append_bool(b, "shares_key", -1, row->shares_key);
    if (claims_key)
        bson_append_bool(b, "holds_key", -1, true);
    bson_append_int64(b, "rev", -1, (int64_t)row->rev);
    put_text(b, "queue", row->queue);
    put_text(b, "node", r->node);
    put_ready(b, row);
    if (row->state.len <= STATE_BYTES_MAX)
        put_text(b, "state", row->state);
}

enum err get_row(const bson_t *b, struct arena *a, struct store_row *row)
{
    bson_iter_t it;
    *row = (struct store_row){.id = get_text(b, a, "_id"),
                              .template = get_text(b, a, "template"),
                              .version = get_int(b, "version"),
                              .key = get_text(b, a, "key"),
                              .status = get_text(b, a, "status"),
                              .stage = get_text(b, a, "stage"),
                              .business_status = get_text(b, a, "business_status"),
                              .started_at_ms = get_int(b, "started_at"),
                              .updated_at_ms = get_int(b, "updated_at"),
                              .wake_at_ms = TIME_NEVER,
                              .is_open = get_bool(b, "is_open"),
                              .shares_key = get_bool(b, "shares_key"),
                              .rev = (uint64_t)get_int(b, "rev"),
                              .queue = get_text(b, a, "queue"),
                              .node = get_text(b, a, "node"),
                              .state = get_text(b, a, "state")};
    if (bson_iter_init_find(&it, b, "wake_at"))
        row->wake_at_ms = get_int(b, "wake_at");
    row->is_unsettled = bson_iter_init_find(&it, b, "pending");
    return row->id.at == NULL ? ERR_CORRUPT : ERR_NONE;
}

/* --- results of bulks --- */

static void take_errors(const bson_t *reply, struct arena *a, struct write_result *out)
{
    bson_t list, one;
    bson_iter_t it;
    uint32_t len;
    const uint8_t *bytes;
    void *items = NULL;
    if (!get_document(reply, "writeErrors", &list) || !bson_iter_init(&it, &list))
        return;
    while (bson_iter_next(&it)) {
        bson_iter_document(&it, &len, &bytes);
        if (!bson_init_static(&one, bytes, len))
            continue;
        struct write_error *e = grow_one(a, &items, &out->error_count, sizeof *e);
        e->index = (uint32_t)get_int(&one, "index");
        e->code = (int)get_int(&one, "code");
        struct slice why = get_text(&one, a, "errmsg");
        (void)snprintf(e->message, sizeof e->message, "%.*s", SLICE_ARG(why));
    }
    out->errors = items;
}

void read_result(const bson_t *reply, const bson_error_t *error, bool is_done, struct arena *a,
                 struct write_result *out)
{
    bson_t list;
    bson_iter_t it;
    *out = (struct write_result){.is_known = is_done};
    take_errors(reply, a, out);
    bool has_concern_errors = get_document(reply, "writeConcernErrors", &list) &&
                              bson_iter_init(&it, &list) && bson_iter_next(&it);
    if (!is_done && out->error_count > 0 && error->domain == MONGOC_ERROR_SERVER)
        out->is_known = !has_concern_errors;
    if (has_concern_errors)
        out->is_known = false;
    (void)snprintf(out->message, sizeof out->message, "%.250s", error->message);
}

const struct write_error *find_error(const struct write_result *w, uint32_t index)
{
    for (uint32_t k = 0; k < w->error_count; k++)
        if (w->errors[k].index == index)
            return &w->errors[k];
    return NULL;
}

bool is_about_index(const struct write_error *e, const char *index)
{
    return strstr(e->message, index) != NULL;
}
