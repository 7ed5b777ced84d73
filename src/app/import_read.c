/* Where documents come from: files of JSON lines, of one array, or of one value, and the two
 * collections of the earlier implementation. Before it stands cmd_import.c, after it whoever takes
 * documents. It must not know what they mean. */
#include "app/import.h"

#include "app/drivers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DOCUMENT_BYTES_MAX (64u << 20)

bool import_is_definition(yyjson_val *document)
{
    return yyjson_is_arr(json_get(document, "stages")) &&
           json_get(document, "component_name") != NULL &&
           json_get(document, "business_ref_no") == NULL;
}

bool import_is_instance(yyjson_val *document)
{
    return yyjson_is_arr(json_get(document, "stages")) &&
           json_get(document, "business_ref_no") != NULL;
}

/* --- documents as plain JSON --- */

/* {"$oid": …}, {"$numberLong": "…"}, {"$date": …}: what it stands for, or NULL. */
static yyjson_val *unwrap(yyjson_val *v, bool *is_number)
{
    static const char *const texts[] = {"$oid", "$date", "$symbol", "$uuid"};
    static const char *const numbers[] = {"$numberInt", "$numberLong", "$numberDouble",
                                          "$numberDecimal"};
    *is_number = false;
    if (!yyjson_is_obj(v) || yyjson_obj_size(v) != 1)
        return NULL;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        if (json_get(v, texts[k]) != NULL)
            return json_get(v, texts[k]);
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
        *is_number = json_get(v, numbers[k]) != NULL;
        if (*is_number)
            return json_get(v, numbers[k]);
    }
    return NULL;
}

static bool looks_like_number(struct slice s)
{
    size_t k = s.len > 0 && s.at[0] == '-';
    if (k == s.len || s.at[k] < '0' || s.at[k] > '9')
        return false;
    for (; k < s.len; k++)
        if (strchr("0123456789.eE+-", s.at[k]) == NULL)
            return false;
    return true;
}

static void put_plain(struct json_out *o, yyjson_val *v, unsigned depth,
                      bool (*is_kept)(unsigned depth, struct slice name))
{
    bool is_number;
    yyjson_val *inner = unwrap(v, &is_number), *item;
    if (inner != NULL && is_number && looks_like_number(json_text(inner))) {
        json_raw(o, json_text(inner));
    } else if (inner != NULL) {
        put_plain(o, inner, depth, is_kept);
    } else if (yyjson_is_arr(v)) {
        yyjson_arr_iter it = yyjson_arr_iter_with(v);
        json_array(o);
        while ((item = yyjson_arr_iter_next(&it)) != NULL)
            put_plain(o, item, depth, is_kept);
        json_array_end(o);
    } else if (yyjson_is_obj(v)) {
        yyjson_obj_iter it = yyjson_obj_iter_with(v);
        json_object(o);
        while ((item = yyjson_obj_iter_next(&it)) != NULL) {
            if (is_kept != NULL && !is_kept(depth, json_text(item)))
                continue;
            json_key_slice(o, json_text(item));
            put_plain(o, yyjson_obj_iter_get_val(item), depth + 1, is_kept);
        }
        json_object_end(o);
    } else {
        json_raw(o, json_write(o->text.arena, v));
    }
}

struct slice import_plain(struct arena *a, yyjson_val *v,
                          bool (*is_kept)(unsigned depth, struct slice name))
{
    struct json_out o = json_out_new(a, DOCUMENT_BYTES_MAX);
    put_plain(&o, v, 0, is_kept);
    return json_out_slice(&o);
}

/* --- from files --- */

struct reading {
    struct importer *m;
    import_take *take;
    struct arena arena; /* of one document */
};

static bool take_text(void *context, struct slice json)
{
    struct reading *r = context;
    struct importer *m = r->m;
    struct json_error why = {0, ""};
    yyjson_val *root, *item;
    arena_reset(&r->arena);
    enum err err = json_read(&r->arena, json, DOCUMENT_BYTES_MAX, JSON_DEPTH_MAX, &why, &root);
    if (err != ERR_NONE) {
        m->exit = cli_fail(m->cli, EXIT_REFUSED, "invalid", m->place, why.what);
        return false;
    }
    yyjson_arr_iter it = yyjson_arr_iter_with(root);
    if (!yyjson_is_arr(root)) {
        m->number++;
        r->take(m, &r->arena, root);
        return m->exit == EXIT_OK;
    }
    while (m->exit == EXIT_OK && (item = yyjson_arr_iter_next(&it)) != NULL) {
        m->number++;
        r->take(m, &r->arena, item);
    }
    return m->exit == EXIT_OK;
}

/* A file that begins with an array, or whose first line is not a whole value, is one document. */
static bool is_by_line(struct arena *a, struct slice first)
{
    yyjson_val *root;
    arena_reset(a);
    return json_read(a, first, DOCUMENT_BYTES_MAX, JSON_DEPTH_MAX, NULL, &root) == ERR_NONE &&
           yyjson_is_obj(root);
}

static void take_whole(struct reading *r, FILE *file, struct slice begun)
{
    struct text t = text_new(&r->m->cli->arena, DOCUMENT_BYTES_MAX);
    char piece[16384];
    size_t len;
    text_put(&t, begun);
    while ((len = fread(piece, 1, sizeof piece, file)) > 0)
        text_put(&t, (struct slice){piece, len});
    if (t.is_cut)
        r->m->exit = cli_fail(r->m->cli, EXIT_REFUSED, "too_large", r->m->place,
                              "one document is larger than 64 MiB; JSON lines may be longer");
    else
        (void)take_text(r, text_slice(&t));
}

static void take_file(struct reading *r, FILE *file)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t len;
    bool is_first = true;
    while (r->m->exit == EXIT_OK && (len = getline(&line, &capacity, file)) > 0) {
        struct slice text = slice_trim((struct slice){line, (size_t)len});
        if (text.len == 0)
            continue;
        if (is_first && !is_by_line(&r->arena, text)) {
            take_whole(r, file, (struct slice){line, (size_t)len});
            break;
        }
        is_first = false;
        (void)take_text(r, text);
    }
    free(line);
}

static void read_file(struct reading *r, const char *name)
{
    FILE *file = fopen(name, "r");
    r->m->place = name;
    r->m->number = 0;
    if (file == NULL) {
        r->m->exit = cli_fail(r->m->cli, EXIT_REFUSED, "io", name, strerror(errno));
        return;
    }
    take_file(r, file);
    (void)fclose(file);
}

/* --- from a database --- */

static void read_collection(struct reading *r, const char *collection)
{
    struct importer *m = r->m;
    char message[DRIVERS_MESSAGE_BYTES] = "";
    m->place = collection;
    m->number = 0;
    enum err err = drivers_read_documents(m->cli->args.from, collection, take_text, r, message);
    if (err != ERR_NONE && m->exit == EXIT_OK)
        m->exit = cli_fail(m->cli, EXIT_REFUSED, err_name(err), NULL,
                           message[0] != '\0' ? message : err_text(err));
}

void import_read_all(struct importer *m, import_take *take)
{
    struct reading r = {.m = m, .take = take};
    arena_init(&r.arena, 4u * DOCUMENT_BYTES_MAX);
    r.arena.edge = m->cli->arena.edge;
    for (int k = 0; k < m->cli->args.word_count && m->exit == EXIT_OK; k++)
        read_file(&r, m->cli->args.words[k]);
    if (m->cli->args.from != NULL && m->exit == EXIT_OK)
        read_collection(&r, "wf_workflow_definition");
    if (m->cli->args.from != NULL && m->exit == EXIT_OK)
        read_collection(&r, "wf_workflow_instance");
    arena_drop(&r.arena);
}
