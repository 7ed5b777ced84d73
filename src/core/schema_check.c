/* Holds a value against a schema: the input of a start, the output of a human task. The first place
 * that does not fit is told in words; the caller refuses the event with them. */
#include "base/arena.h"
#include "core/limits.h"
#include "core/number.h"
#include "core/report.h"
#include "core/schema_int.h"

#include <stdlib.h>

/* Where in the value: a chain of names and indexes, written out only when something is wrong. */
struct spot {
    const struct spot *outer;
    struct slice name; /* absent: an index */
    size_t index;
};

struct check {
    struct arena *arena;
    struct slice why;
};

static bool check_value(struct check *c, const struct schema *s, yyjson_val *v,
                        const struct spot *at);

static void put_spot(struct text *t, struct arena *a, const struct spot *at)
{
    if (at == NULL)
        return;
    put_spot(t, a, at->outer);
    if (at->name.at == NULL) {
        text_printf(t, "[%zu]", at->index);
        return;
    }
    if (at->outer != NULL)
        text_put_char(t, '.');
    const char *quoted = report_quote(a, at->name);
    struct slice bare = slice_of(quoted);
    text_put(t, (struct slice){bare.at + 1, bare.len - 2});
}

/* "items[2].count must be at least 1". */
static bool fail(struct check *c, const struct spot *at, const char *what, struct slice detail)
{
    struct text t = text_new(c->arena, ERROR_MESSAGE_BYTES_MAX);
    put_spot(&t, c->arena, at);
    text_put_c(&t, at == NULL ? "the value " : " ");
    text_put_c(&t, what);
    if (detail.at != NULL)
        text_put(&t, detail);
    c->why = text_slice(&t);
    return false;
}

static struct slice raw_of(yyjson_val *v)
{
    return (struct slice){yyjson_get_raw(v), yyjson_get_len(v)};
}

static unsigned type_of(struct arena *a, yyjson_val *v)
{
    if (yyjson_is_raw(v))
        return SCHEMA_NUMBER | (number_is_whole(a, raw_of(v)) ? (unsigned)SCHEMA_INTEGER : 0);
    return yyjson_is_null(v)   ? SCHEMA_NULL
           : yyjson_is_bool(v) ? SCHEMA_BOOLEAN
           : yyjson_is_str(v)  ? SCHEMA_STRING
           : yyjson_is_arr(v)  ? SCHEMA_ARRAY
                               : SCHEMA_OBJECT;
}

static struct slice list_types(struct arena *a, unsigned types)
{
    struct text t = text_new(a, 128);
    for (unsigned type = 1; type <= SCHEMA_OBJECT; type *= 2)
        if ((types & type) != 0) {
            text_put_c(&t, t.len > 0 ? " or " : "");
            text_put_c(&t, schema_type_name(type));
        }
    return text_slice(&t);
}

static bool check_type(struct check *c, const struct schema *s, yyjson_val *v,
                       const struct spot *at)
{
    unsigned type = type_of(c->arena, v);
    if (s->types == 0 || (s->types & type) != 0)
        return true;
    struct text t = text_new(c->arena, 256);
    text_put(&t, list_types(c->arena, s->types));
    text_put_c(&t, ", but is ");
    text_put_c(&t, yyjson_is_raw(v) ? "number" : schema_type_name(type));
    return fail(c, at, "must be ", text_slice(&t));
}

/* --- the same value --- */

static bool is_same(struct arena *a, yyjson_val *x, yyjson_val *y);

static bool is_same_list(struct arena *a, yyjson_val *x, yyjson_val *y)
{
    yyjson_arr_iter left = yyjson_arr_iter_with(x), right = yyjson_arr_iter_with(y);
    yyjson_val *item;
    while ((item = yyjson_arr_iter_next(&left)) != NULL)
        if (!is_same(a, item, yyjson_arr_iter_next(&right)))
            return false;
    return true;
}

static bool is_same_object(struct arena *a, yyjson_val *x, yyjson_val *y)
{
    yyjson_obj_iter it = yyjson_obj_iter_with(x);
    for (yyjson_val *k; (k = yyjson_obj_iter_next(&it)) != NULL;) {
        yyjson_val *other = yyjson_obj_getn(y, yyjson_get_str(k), yyjson_get_len(k));
        if (other == NULL || !is_same(a, yyjson_obj_iter_get_val(k), other))
            return false;
    }
    return true;
}

/* 1 and 1.0 are the same; the order of members does not count. As deep as the schema's source. */
static bool is_same(struct arena *a, yyjson_val *x, yyjson_val *y)
{
    if (yyjson_get_tag(x) != yyjson_get_tag(y) && yyjson_get_type(x) != yyjson_get_type(y))
        return false;
    if (yyjson_is_raw(x))
        return number_compare(a, raw_of(x), raw_of(y)) == 0;
    if (yyjson_is_str(x))
        return slice_eq(json_text(x), json_text(y));
    if (!yyjson_is_ctn(x))
        return yyjson_get_tag(x) == yyjson_get_tag(y);
    if (yyjson_get_len(x) != yyjson_get_len(y))
        return false;
    return yyjson_is_arr(x) ? is_same_list(a, x, y) : is_same_object(a, x, y);
}

static bool check_choice(struct check *c, const struct schema *s, yyjson_val *v,
                         const struct spot *at)
{
    if (s->constant != NULL && !is_same(c->arena, s->constant, v))
        return fail(c, at, "must be ", json_write(c->arena, s->constant));
    if (s->choices == NULL)
        return true;
    yyjson_arr_iter it = yyjson_arr_iter_with(s->choices);
    for (yyjson_val *choice; (choice = yyjson_arr_iter_next(&it)) != NULL;)
        if (is_same(c->arena, choice, v))
            return true;
    return fail(c, at, "must be one of ", json_write(c->arena, s->choices));
}

/* --- ranges --- */

static bool check_range(struct check *c, const struct schema_range *r, struct slice n,
                        const struct spot *at, const char *unit)
{
    struct text t = text_new(c->arena, 256);
    bool is_low = r->least.at != NULL && number_compare(c->arena, n, r->least) < 0;
    if (!is_low && (r->most.at == NULL || number_compare(c->arena, n, r->most) <= 0))
        return true;
    text_put_c(&t, is_low ? "at least " : "at most ");
    text_put(&t, is_low ? r->least : r->most);
    text_put_c(&t, unit);
    return fail(c, at, *unit == '\0' ? "must be " : "must have ", text_slice(&t));
}

static struct slice count_text(struct arena *a, size_t n)
{
    struct text t = text_new(a, 24);
    text_put_int(&t, (int64_t)n);
    return text_slice(&t);
}

static size_t count_characters(struct slice s)
{
    size_t count = 0;
    for (size_t k = 0; k < s.len; k++)
        count += ((unsigned char)s.at[k] & 0xc0) != 0x80;
    return count;
}

static bool has_range(const struct schema_range *r)
{
    return r->least.at != NULL || r->most.at != NULL;
}

static bool check_ranges(struct check *c, const struct schema *s, yyjson_val *v,
                         const struct spot *at)
{
    if (yyjson_is_raw(v) && has_range(&s->value))
        return check_range(c, &s->value, raw_of(v), at, "");
    if (yyjson_is_str(v) && has_range(&s->length))
        return check_range(c, &s->length, count_text(c->arena, count_characters(json_text(v))), at,
                           " characters");
    if (yyjson_is_arr(v) && has_range(&s->size))
        return check_range(c, &s->size, count_text(c->arena, yyjson_arr_size(v)), at, " items");
    return true;
}

/* --- members and items --- */

static const struct schema_name *find_name(const struct schema *s, struct slice name)
{
    uint32_t low = 0, high = s->name_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = slice_compare(s->names[middle].name, name);
        if (order == 0)
            return &s->names[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool check_member(struct check *c, const struct schema *s, const struct schema_name *n,
                         yyjson_val *v, const struct spot *at)
{
    if (n != NULL && n->schema != NULL)
        return check_value(c, n->schema, v, at);
    /* A name that is only required is not one of the properties. */
    return !s->is_closed || fail(c, at, "is not one of the properties", SLICE_NONE);
}

static bool check_object(struct check *c, const struct schema *s, yyjson_val *v,
                         const struct spot *at)
{
    uint32_t found = 0;
    yyjson_obj_iter it = yyjson_obj_iter_with(v);
    for (yyjson_val *k; (k = yyjson_obj_iter_next(&it)) != NULL;) {
        struct spot member = {at, json_text(k), 0};
        const struct schema_name *n = find_name(s, member.name);
        found += n != NULL && n->is_required;
        if (!check_member(c, s, n, yyjson_obj_iter_get_val(k), &member))
            return false;
    }
    for (uint32_t k = 0; found < s->required_count && k < s->name_count; k++) {
        const struct schema_name *n = &s->names[k];
        struct spot member = {at, n->name, 0};
        if (n->is_required && yyjson_obj_getn(v, n->name.at, n->name.len) == NULL)
            return fail(c, &member, "is missing", SLICE_NONE);
    }
    return true;
}

static bool check_items(struct check *c, const struct schema *s, yyjson_val *v,
                        const struct spot *at)
{
    struct spot item = {at, SLICE_NONE, 0};
    yyjson_arr_iter it = yyjson_arr_iter_with(v);
    if (s->items == NULL)
        return true;
    for (yyjson_val *i; (i = yyjson_arr_iter_next(&it)) != NULL; item.index++)
        if (!check_value(c, s->items, i, &item))
            return false;
    return true;
}

/* As deep as the schema: SCHEMA_DEPTH_MAX. */
static bool check_value(struct check *c, const struct schema *s, yyjson_val *v,
                        const struct spot *at)
{
    if (!check_type(c, s, v, at) || !check_choice(c, s, v, at) || !check_ranges(c, s, v, at))
        return false;
    if (yyjson_is_obj(v))
        return check_object(c, s, v, at);
    return !yyjson_is_arr(v) || check_items(c, s, v, at);
}

enum err schema_check(struct arena *a, const struct schema *s, struct slice json, struct slice *why)
{
    struct check c = {.arena = a};
    yyjson_val *root;
    *why = SLICE("the value is not JSON within the limits");
    /* An absent value is null, as in expressions. */
    if (json_read(a, json.at == NULL ? SLICE("null") : json, EVENT_BYTES_MAX, JSON_DEPTH_MAX, NULL,
                  &root) != ERR_NONE)
        return ERR_INVALID;
    bool is_good = check_value(&c, s, root, NULL);
    *why = c.why;
    return is_good ? ERR_NONE : ERR_INVALID;
}
