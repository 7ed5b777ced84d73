/* Documents of the earlier implementation: its template definitions, and its instances, which hold
 * what has become of every task. An instance is told again as events, by the same rules that will
 * go on with it: a start, then each task's end in the order that the template allows. What the
 * rules cannot reach so is not imported, and it is said why. Before it stands import_read.c, after
 * it import_chain.c and the server. */
#include "app/import_earlier.h"

#include <string.h>

struct kept { /* a definition, by its content */
    struct slice name, alias, digest_hex, source;
};

struct kept_list {
    struct kept *items;
    uint32_t count, capacity;
};

struct import_found { /* in the command's arena */
    struct kept_list current, older;
};

/* --- one definition --- */

/* What the earlier implementation noted beside the definition itself. */
static bool is_definition(unsigned depth, struct slice name)
{
    static const char *const at_top[] = {"_id", "business_ref_no", "version", "updated_at",
                                         "created_at"};
    static const char *const anywhere[] = {"status", "reason", "last_updated_time_pretty"};
    for (size_t k = 0; k < sizeof at_top / sizeof *at_top && depth == 0; k++)
        if (slice_eq_text(name, at_top[k]))
            return false;
    for (size_t k = 0; k < sizeof anywhere / sizeof *anywhere; k++)
        if (slice_eq_text(name, anywhere[k]))
            return false;
    return true;
}

static bool is_form(struct slice name)
{
    return slice_eq_text(name, "workflow_name") || slice_eq_text(name, "component_name") ||
           slice_eq_text(name, "stages");
}

/* Without the fields that are the instance's own: its input. */
static bool is_instance_definition(unsigned depth, struct slice name)
{
    return is_definition(depth, name) && (depth > 0 || is_form(name));
}

static bool is_renamed(unsigned depth, struct slice name)
{
    return is_instance_definition(depth, name) &&
           !(depth == 0 && slice_eq_text(name, "workflow_name"));
}

/* Names here come from workflow_name; where two components have the same, the second one's gets the
 * component's name as well. */
static struct slice rename_source(struct arena *a, yyjson_val *document)
{
    struct text t = text_new(a, TEMPLATE_BYTES_MAX), name = text_new(a, TEMPLATE_BYTES_MAX);
    struct slice rest = import_plain(a, document, is_renamed);
    text_put(&name, json_get_text(document, "workflow_name"));
    text_put_char(&name, ' ');
    text_put(&name, json_get_text(document, "component_name"));
    text_put_c(&t, "{\"workflow_name\":");
    text_put_json(&t, text_slice(&name));
    text_put_char(&t, ',');
    text_put(&t, (struct slice){rest.at + 1, rest.len - 1});
    return text_slice(&t);
}

static bool parse(struct arena *a, struct slice source, struct earlier_template *out)
{
    out->report = (struct template_report){0};
    out->source = source;
    if (template_parse(a, SLICE("document"), source, &out->report, &out->t) != ERR_NONE)
        return false;
    out->digest_hex = hex_encode(a, out->t->digest, SHA256_BYTES);
    return true;
}

/* False: it is no template (out->report), or the server can't be asked (m->exit). */
static bool read_template(struct importer *m, struct arena *a, yyjson_val *document,
                          struct earlier_template *out)
{
    bool is_instance = import_is_instance(document);
    if (!parse(a, import_plain(a, document, is_instance ? is_instance_definition : is_definition),
               out))
        return false;
    struct import_family *f = import_family(m, out->t->name);
    if (f == NULL)
        return false;
    if (f->alias.len == 0)
        f->alias = slice_copy(&m->cli->arena, out->t->alias);
    if (slice_eq(f->alias, out->t->alias))
        return true;
    return parse(a, rename_source(a, document), out) && import_family(m, out->t->name) != NULL;
}

/* --- all definitions --- */

static bool is_kept(const struct kept_list *l, struct slice digest_hex)
{
    for (uint32_t k = 0; k < l->count; k++)
        if (slice_eq(l->items[k].digest_hex, digest_hex))
            return true;
    return false;
}

static void keep(struct importer *m, struct kept_list *l, const struct earlier_template *e)
{
    struct arena *a = &m->cli->arena;
    if (l->count == l->capacity) {
        uint32_t capacity = l->capacity == 0 ? 16 : l->capacity * 2;
        struct kept *grown = arena_array(a, capacity, sizeof *grown);
        if (l->count > 0)
            memcpy(grown, l->items, l->count * sizeof *grown);
        l->items = grown;
        l->capacity = capacity;
    }
    l->items[l->count++] = (struct kept){.name = slice_copy(a, e->t->name),
                                         .alias = slice_copy(a, e->t->alias),
                                         .digest_hex = slice_copy(a, e->digest_hex),
                                         .source = slice_copy(a, e->source)};
}

static void say_invalid(struct importer *m, struct arena *a, struct slice what,
                        const struct template_report *report)
{
    struct slice why = report->shown_count > 0 ? report->errors[0].message : SLICE("it is none");
    import_skip(m, a, what, "its template is not valid: %.*s", SLICE_ARG(why));
}

static void take_definition(struct importer *m, struct arena *a, yyjson_val *document)
{
    struct earlier_template e;
    if (!import_is_definition(document))
        return;
    if (read_template(m, a, document, &e)) {
        if (!is_kept(&m->found->current, e.digest_hex))
            keep(m, &m->found->current, &e);
    } else if (m->exit == EXIT_OK) {
        say_invalid(m, a, json_get_text(document, "component_name"), &e.report);
    }
}

static const struct kept *find_current(const struct importer *m, struct slice alias)
{
    for (uint32_t k = 0; k < m->found->current.count; k++)
        if (slice_eq(m->found->current.items[k].alias, alias))
            return &m->found->current.items[k];
    return NULL;
}

/* An instance has the definition that it was started with, but for further fields at the top,
 * which its template has as well where the definition of now says so. */
bool import_earlier_template(struct importer *m, struct arena *a, yyjson_val *document,
                             struct earlier_template *out)
{
    struct earlier_template current;
    if (!read_template(m, a, document, out))
        return false;
    const struct kept *k = find_current(m, out->t->alias);
    out->extra = SLICE_NONE;
    if (k == NULL || !parse(a, k->source, &current) || current.t->extra.len == 0)
        return true;
    struct slice stages = import_plain(a, json_get(document, "stages"), is_definition);
    struct text t = text_new(a, TEMPLATE_BYTES_MAX);
    text_put_c(&t, "{\"workflow_name\":");
    text_put_json(&t, out->t->title);
    text_put_c(&t, ",\"component_name\":");
    text_put_json(&t, out->t->alias);
    text_put_c(&t, ",\"stages\":");
    text_put(&t, stages);
    text_put_char(&t, ',');
    text_put(&t, (struct slice){current.t->extra.at + 1, current.t->extra.len - 1});
    out->extra = current.t->extra;
    return parse(a, text_slice(&t), out);
}

static void take_older(struct importer *m, struct arena *a, yyjson_val *document)
{
    struct earlier_template e;
    bool is_read = import_is_instance(document) && import_earlier_template(m, a, document, &e);
    if (is_read && !is_kept(&m->found->current, e.digest_hex) &&
        !is_kept(&m->found->older, e.digest_hex))
        keep(m, &m->found->older, &e);
}

static void apply_missing(struct importer *m, const struct kept_list *l)
{
    for (uint32_t k = 0; k < l->count && m->exit == EXIT_OK; k++) {
        struct import_family *f = import_family(m, l->items[k].name);
        if (f != NULL && import_version(f, l->items[k].digest_hex) == 0)
            (void)import_apply(m, f, l->items[k].source, l->items[k].digest_hex);
    }
}

/* New starts go on taking what they took before. */
static void restore_newest(struct importer *m, struct slice name, struct slice source,
                           struct slice digest_hex)
{
    struct import_family *f = import_family(m, name);
    if (f != NULL && !slice_eq(f->digests[f->count - 1], digest_hex))
        (void)import_apply(m, f, source, digest_hex);
}

void import_definitions(struct importer *m)
{
    m->found = arena_alloc(&m->cli->arena, sizeof *m->found);
    import_read_all(m, take_definition);
    if (m->exit == EXIT_OK)
        import_read_all(m, take_older);
    uint32_t count = m->family_count;
    struct import_family *before = arena_array(&m->cli->arena, count + 1, sizeof *before);
    for (uint32_t k = 0; k < count; k++)
        before[k] = m->families[k];
    apply_missing(m, &m->found->older);
    apply_missing(m, &m->found->current);
    for (uint32_t k = 0; k < count && m->exit == EXIT_OK; k++)
        if (before[k].was_there)
            restore_newest(m, before[k].name, before[k].newest,
                           before[k].digests[before[k].count - 1]);
}

/* --- one instance --- */

/* Further fields at the top that are not the template's. */
static struct slice input_of(struct arena *a, yyjson_val *document,
                             const struct earlier_template *e)
{
    yyjson_val *extra = NULL, *name;
    struct json_out o = json_out_new(a, PAYLOAD_BYTES_MAX);
    bool is_any = false;
    if (e->extra.len > 0 &&
        json_read(a, e->extra, TEMPLATE_BYTES_MAX, JSON_DEPTH_MAX, NULL, &extra) != ERR_NONE)
        extra = NULL;
    yyjson_obj_iter it = yyjson_obj_iter_with(document);
    json_object(&o);
    while ((name = yyjson_obj_iter_next(&it)) != NULL) {
        struct slice n = json_text(name);
        if (!is_definition(0, n) || is_form(n) || json_get(extra, slice_text(a, n)) != NULL)
            continue;
        json_key_slice(&o, n);
        json_raw(&o, import_plain(a, yyjson_obj_iter_get_val(name), NULL));
        is_any = true;
    }
    json_object_end(&o);
    return is_any ? json_out_slice(&o) : SLICE_NONE;
}

static bool is_there(struct importer *m, struct arena *a, struct slice id)
{
    yyjson_val *shown;
    const char *path = cli_path(m->cli, "/v1/instances/", slice_text(a, id), "");
    struct client_request r = {.method = "GET", .path = path};
    if (!import_ask(m, a, &r, &shown) || m->cli->answer.status == 404)
        return false;
    struct import_report report = {.result = IMPORT_PRESENT, .instance = id};
    report.what = json_get_text(shown, "key");
    report.status = json_get_text(shown, "status");
    if (m->cli->answer.status != 200)
        m->exit = cli_say_error(m->cli, shown);
    else if (slice_eq(json_get_text(shown, "instance"), id))
        import_tell(m, &report);
    else
        return false; /* another one has it as its key */
    return true;
}

void import_earlier(struct importer *m, struct arena *a, yyjson_val *document)
{
    struct earlier_template e;
    struct earlier_chain c = {.document = document};
    struct slice key = import_plain(a, json_get(document, "business_ref_no"), NULL);
    bool is_text = yyjson_is_str(json_get(document, "business_ref_no"));
    c.key = is_text ? json_get_text(document, "business_ref_no") : key;
    if (!import_earlier_template(m, a, document, &e)) {
        if (m->exit == EXIT_OK)
            say_invalid(m, a, c.key, &e.report);
        return;
    }
    struct import_family *f = import_family(m, e.t->name);
    int64_t version = f == NULL ? 0 : import_version(f, e.digest_hex);
    if (f == NULL || version == 0) {
        if (m->exit == EXIT_OK)
            import_skip(m, a, c.key, "its template was refused");
        return;
    }
    e.t->version = (uint32_t)version;
    c.t = e.t;
    c.input = input_of(a, document, &e);
    import_chain_name(a, &c);
    if (is_there(m, a, c.id) || m->exit != EXIT_OK)
        return;
    if (!import_chain_make(a, &c, cli_now_ms())) {
        import_skip(m, a, c.key, "%.*s", SLICE_ARG(c.why));
        return;
    }
    struct import_body b = {.instance = c.id,
                            .template = e.t->name,
                            .what = c.key,
                            .status = c.status,
                            .version = version,
                            .digest_hex = e.digest_hex,
                            .records = c.records,
                            .record_count = c.record_count,
                            .payloads = c.payloads,
                            .payload_count = c.payload_count};
    import_send(m, a, &b);
}
