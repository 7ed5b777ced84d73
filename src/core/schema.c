/* Compiles the stated subset of JSON Schema. Templates come before; schema_check.c holds values
 * against the result. A keyword that is not known is refused: it would promise what nothing keeps.
 */
#include "core/schema.h"

#include "base/arena.h"
#include "core/limits.h"
#include "core/number.h"
#include "core/report.h"
#include "core/schema_int.h"

#include <stdlib.h>
#include <string.h>

struct compiler {
    struct arena *arena;
    struct text where; /* the path to what is being looked at */
    unsigned depth;
    schema_told *told;
    void *context;
    uint32_t error_count;
    uint32_t name_capacity;
};

static const struct {
    const char *name;
    unsigned type;
} types[] = {
    {"null", SCHEMA_NULL},     {"boolean", SCHEMA_BOOLEAN}, {"integer", SCHEMA_INTEGER},
    {"number", SCHEMA_NUMBER}, {"string", SCHEMA_STRING},   {"array", SCHEMA_ARRAY},
    {"object", SCHEMA_OBJECT},
};

unsigned schema_type_of(struct slice name)
{
    for (size_t k = 0; k < sizeof types / sizeof *types; k++)
        if (slice_eq_text(name, types[k].name))
            return types[k].type;
    return 0;
}

const char *schema_type_name(unsigned type)
{
    size_t k = 0;
    while (types[k].type != type)
        k++;
    return types[k].name;
}

static const struct schema *compile(struct compiler *c, yyjson_val *v);

static void fail(struct compiler *c, const char *what)
{
    c->error_count++;
    c->told(c->context, slice_of(what), text_slice(&c->where));
}

/* Goes into a member of what is being looked at; setting the length back goes out again. */
static size_t enter(struct compiler *c, struct slice name)
{
    size_t len = c->where.len;
    if (len > 0)
        text_put_char(&c->where, '.');
    text_put(&c->where, name);
    return len;
}

/* --- keywords --- */

static unsigned types_of(yyjson_val *v)
{
    unsigned all = 0, type = 1;
    yyjson_arr_iter it = yyjson_arr_iter_with(v);
    if (!yyjson_is_arr(v))
        return schema_type_of(json_text(v));
    for (yyjson_val *item; type != 0 && (item = yyjson_arr_iter_next(&it)) != NULL;) {
        type = schema_type_of(json_text(item));
        all |= type;
    }
    return type == 0 ? 0 : all;
}

static void take_type(struct compiler *c, struct schema *s, yyjson_val *v)
{
    s->types = types_of(v);
    if (s->types == 0)
        fail(c, "\"type\" must be null, boolean, integer, number, string, array or object, or a "
                "list of these");
}

static int compare_names(const void *x, const void *y)
{
    const struct schema_name *a = x, *b = y;
    return slice_compare(a->name, b->name);
}

/* properties and required are put into one table, in order of name. */
static void add_name(struct compiler *c, struct schema *s, struct schema_name n)
{
    if (s->name_count == c->name_capacity) {
        uint32_t capacity = c->name_capacity == 0 ? 8 : c->name_capacity * 2;
        struct schema_name *grown = arena_array(c->arena, capacity, sizeof *grown);
        if (s->name_count > 0)
            memcpy(grown, s->names, s->name_count * sizeof *grown);
        s->names = grown;
        c->name_capacity = capacity;
    }
    s->names[s->name_count++] = n;
}

static void merge_names(struct schema *s)
{
    uint32_t kept = 0;
    if (s->name_count > 1)
        qsort(s->names, s->name_count, sizeof *s->names, compare_names);
    for (uint32_t k = 0; k < s->name_count; k++) {
        struct schema_name *last = kept == 0 ? NULL : &s->names[kept - 1];
        if (last != NULL && slice_eq(last->name, s->names[k].name)) {
            last->is_required |= s->names[k].is_required;
            last->schema = last->schema == NULL ? s->names[k].schema : last->schema;
        } else {
            s->names[kept++] = s->names[k];
        }
    }
    s->name_count = kept;
    for (uint32_t k = 0; k < kept; k++)
        s->required_count += s->names[k].is_required;
}

static void take_required(struct compiler *c, struct schema *s, yyjson_val *v)
{
    yyjson_arr_iter it = yyjson_arr_iter_with(v);
    if (!yyjson_is_arr(v))
        fail(c, "\"required\" must be a list of names");
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&it)) != NULL;) {
        if (!yyjson_is_str(item))
            fail(c, "\"required\" must be a list of names");
        add_name(c, s, (struct schema_name){json_text(item), NULL, true});
    }
}

static void take_properties(struct compiler *c, struct schema *s, yyjson_val *v)
{
    yyjson_obj_iter it = yyjson_obj_iter_with(v);
    if (!yyjson_is_obj(v))
        fail(c, "\"properties\" must be a mapping of names to schemas");
    for (yyjson_val *k; (k = yyjson_obj_iter_next(&it)) != NULL;) {
        struct slice name = json_text(k);
        size_t back = enter(c, name);
        uint32_t capacity = c->name_capacity; /* is that of the schema at hand */
        const struct schema *inner = compile(c, yyjson_obj_iter_get_val(k));
        c->name_capacity = capacity;
        c->where.len = back;
        add_name(c, s, (struct schema_name){name, inner, false});
    }
}

static void take_additional(struct compiler *c, struct schema *s, yyjson_val *v)
{
    s->is_closed = yyjson_is_false(v);
    if (!yyjson_is_bool(v))
        fail(c, "\"additionalProperties\" must be true or false");
}

static void take_items(struct compiler *c, struct schema *s, yyjson_val *v)
{
    uint32_t capacity = c->name_capacity;
    s->items = compile(c, v);
    c->name_capacity = capacity;
}

static void take_enum(struct compiler *c, struct schema *s, yyjson_val *v)
{
    s->choices = v;
    if (!yyjson_is_arr(v) || yyjson_arr_size(v) == 0)
        fail(c, "\"enum\" must be a list of at least one value");
}

static void take_const(struct compiler *c, struct schema *s, yyjson_val *v)
{
    (void)c;
    s->constant = v;
}

static struct slice take_number(struct compiler *c, yyjson_val *v)
{
    if (!yyjson_is_raw(v))
        fail(c, "this keyword takes a number");
    return yyjson_is_raw(v) ? (struct slice){yyjson_get_raw(v), yyjson_get_len(v)} : SLICE_NONE;
}

static struct slice take_count(struct compiler *c, yyjson_val *v)
{
    int64_t n;
    if (!json_int(v, &n) || n < 0)
        fail(c, "this keyword takes a whole number from 0");
    return yyjson_is_raw(v) ? (struct slice){yyjson_get_raw(v), yyjson_get_len(v)} : SLICE_NONE;
}

static void take_minimum(struct compiler *c, struct schema *s, yyjson_val *v)
{
    s->value.least = take_number(c, v);
}

static void take_maximum(struct compiler *c, struct schema *s, yyjson_val *v)
{
    s->value.most = take_number(c, v);
}

static void take_min_length(struct compiler *c, struct schema *s, yyjson_val *v)
{
    s->length.least = take_count(c, v);
}

static void take_max_length(struct compiler *c, struct schema *s, yyjson_val *v)
{
    s->length.most = take_count(c, v);
}

static void take_min_items(struct compiler *c, struct schema *s, yyjson_val *v)
{
    s->size.least = take_count(c, v);
}

static void take_max_items(struct compiler *c, struct schema *s, yyjson_val *v)
{
    s->size.most = take_count(c, v);
}

/* For forms and readers: kept in the source, nothing is checked by it. */
static void take_words(struct compiler *c, struct schema *s, yyjson_val *v)
{
    (void)s;
    if (!yyjson_is_str(v))
        fail(c, "this keyword takes a text");
}

static void take_default(struct compiler *c, struct schema *s, yyjson_val *v)
{
    (void)c;
    (void)s;
    (void)v;
}

static void take_examples(struct compiler *c, struct schema *s, yyjson_val *v)
{
    (void)s;
    if (!yyjson_is_arr(v))
        fail(c, "\"examples\" must be a list");
}

static const struct {
    const char *name;
    void (*take)(struct compiler *c, struct schema *s, yyjson_val *v);
} keywords[] = {
    {"type", take_type},
    {"required", take_required},
    {"properties", take_properties},
    {"additionalProperties", take_additional},
    {"items", take_items},
    {"enum", take_enum},
    {"const", take_const},
    {"minimum", take_minimum},
    {"maximum", take_maximum},
    {"minLength", take_min_length},
    {"maxLength", take_max_length},
    {"minItems", take_min_items},
    {"maxItems", take_max_items},
    {"title", take_words},
    {"description", take_words},
    {"default", take_default},
    {"examples", take_examples},
};
enum { KEYWORD_COUNT = sizeof keywords / sizeof *keywords };

static void take_keyword(struct compiler *c, struct schema *s, struct slice name, yyjson_val *v)
{
    struct suggestion near = report_suggest(name);
    for (size_t k = 0; k < KEYWORD_COUNT; k++) {
        if (slice_eq_text(name, keywords[k].name)) {
            keywords[k].take(c, s, v);
            return;
        }
        report_candidate(&near, slice_of(keywords[k].name));
    }
    struct text t = text_new(c->arena, 512);
    text_printf(&t, "the schema keyword %s is not one of those taken%s",
                report_quote(c->arena, name), report_hint(c->arena, &near));
    fail(c, text_c(&t));
}

static const struct schema *compile(struct compiler *c, yyjson_val *v)
{
    struct schema *s = arena_alloc(c->arena, sizeof *s);
    c->name_capacity = 0;
    if (!yyjson_is_obj(v) || c->depth == SCHEMA_DEPTH_MAX) {
        fail(c, yyjson_is_obj(v) ? "the schema is nested too deeply"
                                 : "a schema is a mapping, such as {type: string}");
        return s;
    }
    c->depth++;
    yyjson_obj_iter it = yyjson_obj_iter_with(v);
    for (yyjson_val *k; (k = yyjson_obj_iter_next(&it)) != NULL;) {
        size_t back = enter(c, json_text(k));
        take_keyword(c, s, json_text(k), yyjson_obj_iter_get_val(k));
        c->where.len = back;
    }
    merge_names(s);
    c->depth--;
    s->source = c->depth == 0 ? json_write(c->arena, v) : SLICE_NONE;
    return s;
}

const struct schema *schema_compile_all(struct arena *a, struct slice json, schema_told *told,
                                        void *context)
{
    struct compiler c = {.arena = a, .told = told, .context = context};
    yyjson_val *root;
    c.where = text_new(a, TEMPLATE_BYTES_MAX);
    if (json_read(a, json, TEMPLATE_BYTES_MAX, JSON_DEPTH_MAX, NULL, &root) != ERR_NONE) {
        fail(&c, "the schema is not JSON, too large or nested too deeply");
        return NULL;
    }
    const struct schema *s = compile(&c, root);
    return c.error_count == 0 ? s : NULL;
}

struct first_error {
    struct arena *arena;
    struct slice why, where;
};

static void keep_first(void *context, struct slice why, struct slice where)
{
    struct first_error *first = context;
    if (first->why.at != NULL)
        return;
    first->why = slice_copy(first->arena, why);
    first->where = slice_copy(first->arena, where);
}

enum err schema_compile(struct arena *a, struct slice json, const struct schema **out,
                        struct slice *why, struct slice *where)
{
    struct first_error first = {a, SLICE_NONE, SLICE_NONE};
    *out = schema_compile_all(a, json, keep_first, &first);
    *why = first.why;
    *where = first.where;
    return *out == NULL ? ERR_INVALID : ERR_NONE;
}

struct slice schema_source(const struct schema *s)
{
    return s->source;
}
