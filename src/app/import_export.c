/* What `swm export` wrote, taken in as it is: its lines are gathered to one instance, its
 * template's versions are brought to the server where they are missing, and the chain is handed
 * over. Before it stands import_read.c, after it the server, which checks every record. */
#include "app/import.h"

#include <stdlib.h>
#include <string.h>

#define EXPORT_BYTES_MAX (128u << 20)

struct list_of {
    struct slice *items;
    uint32_t count, capacity;
};

struct import_export { /* one instance; all its texts are in its arena */
    struct arena arena;
    struct slice instance, template, key, digest_hex, status;
    int64_t version, revision;
    struct list_of records, payloads;
    bool is_skipped; /* that has been reported */
};

static void add(struct arena *a, struct list_of *l, struct slice s)
{
    if (l->count == l->capacity) {
        uint32_t capacity = l->capacity == 0 ? 64 : l->capacity * 2;
        struct slice *grown = arena_array(a, capacity, sizeof *grown);
        if (l->count > 0)
            memcpy(grown, l->items, l->count * sizeof *grown);
        l->items = grown;
        l->capacity = capacity;
    }
    l->items[l->count++] = slice_copy(a, s);
}

static struct slice name_of(const struct import_export *e)
{
    return e->key.len > 0 ? e->key : e->instance;
}

static void drop(struct importer *m)
{
    if (m->export == NULL)
        return;
    arena_drop(&m->export->arena);
    free(m->export);
    m->export = NULL;
}

static void begin(struct importer *m, yyjson_val *head)
{
    int64_t format = 0;
    import_end_export(m);
    struct import_export *e = calloc(1, sizeof *e);
    if (e == NULL)
        arena_give_up(&m->cli->arena);
    m->export = e;
    arena_init(&e->arena, EXPORT_BYTES_MAX);
    e->arena.edge = m->cli->arena.edge;
    e->instance = slice_copy(&e->arena, json_get_text(head, "instance"));
    e->template = slice_copy(&e->arena, json_get_text(head, "template"));
    e->key = slice_copy(&e->arena, json_get_text(head, "key"));
    e->digest_hex = slice_copy(&e->arena, json_get_text(head, "digest"));
    bool is_head = json_get_int(head, "format", &format) &&
                   json_get_int(head, "version", &e->version) &&
                   json_get_int(head, "revision", &e->revision) && e->instance.len > 0;
    e->is_skipped = !is_head || format != 1;
    if (e->is_skipped)
        import_skip(m, &e->arena, name_of(e),
                    "its export has a form that this version does not know");
}

/* The versions before it come along, so that it gets the number that the records name. */
static void take_template(struct importer *m, struct import_export *e, yyjson_val *line)
{
    int64_t version = 0;
    struct slice digest = json_get_text(line, "digest"), source = json_get_text(line, "source");
    struct import_family *f = e->is_skipped ? NULL : import_family(m, e->template);
    (void)json_get_int(line, "version", &version);
    if (f == NULL)
        return;
    bool is_there = version >= 1 && version <= f->count;
    bool is_same = is_there && slice_eq(f->digests[version - 1], digest);
    bool is_next = version == (int64_t)f->count + 1;
    if (is_same)
        return;
    if (!is_next)
        import_skip(m, &e->arena, name_of(e),
                    "version %lld of the template %.*s is another one here", (long long)version,
                    SLICE_ARG(e->template));
    e->is_skipped = !is_next || !import_apply(m, f, source, digest);
}

static void end(struct importer *m, struct import_export *e)
{
    struct import_body b = {.instance = e->instance,
                            .template = e->template,
                            .what = name_of(e),
                            .version = e->version,
                            .digest_hex = e->digest_hex,
                            .records = e->records.items,
                            .record_count = e->records.count,
                            .payloads = e->payloads.items,
                            .payload_count = e->payloads.count};
    if (e->is_skipped)
        return;
    if (e->records.count == (uint64_t)e->revision)
        import_send(m, &e->arena, &b);
    else
        import_skip(m, &e->arena, b.what, "its export is cut off");
}

void import_end_export(struct importer *m)
{
    if (m->export != NULL && !m->export->is_skipped && m->exit == EXIT_OK)
        import_skip(m, &m->export->arena, name_of(m->export), "its export is cut off");
    drop(m);
}

void import_exported(struct importer *m, struct arena *a, yyjson_val *line)
{
    struct import_export *e = m->export;
    (void)a;
    if (slice_eq_text(json_get_text(line, "swm"), "export")) {
        begin(m, line);
    } else if (e != NULL && json_get(line, "source") != NULL) {
        take_template(m, e, line);
    } else if (e != NULL && yyjson_is_str(json_get(line, "record"))) {
        add(&e->arena, &e->records, json_get_text(line, "record"));
    } else if (e != NULL && yyjson_is_str(json_get(line, "payload"))) {
        add(&e->arena, &e->payloads, json_get_text(line, "payload"));
    } else if (e != NULL && json_get(line, "end") != NULL) {
        end(m, e);
        drop(m);
    } else if (e != NULL) {
        import_end_export(m);
    }
}
