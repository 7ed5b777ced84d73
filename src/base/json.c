/* JSON in and out: yyjson reads into an arena under our bounds, texts are written by hand. */
#include "base/json.h"

#include "base/arena.h"
#include "base/time.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* yyjson asks for memory through these. It holds nothing else, so a shortage may jump over it. */
static void *give_block(void *context, size_t size)
{
    return arena_alloc(context, size);
}

static void *grow_block(void *context, void *block, size_t old_size, size_t size)
{
    if (size <= old_size)
        return block;
    void *grown = arena_alloc(context, size);
    memcpy(grown, block, old_size);
    return grown;
}

static void keep_block(void *context, void *block)
{
    (void)context;
    (void)block;
}

static yyjson_alc allocator(struct arena *a)
{
    return (yyjson_alc){give_block, grow_block, keep_block, a};
}

/* Nesting counted over the bytes, before anything recurses or allocates by it. */
static bool is_too_deep(struct slice s, unsigned depth_max, size_t *offset)
{
    unsigned depth = 0;
    bool is_quoted = false;
    for (size_t k = 0; k < s.len; k++) {
        char c = s.at[k];
        if (is_quoted) {
            if (c == '\\')
                k++;
            else if (c == '"')
                is_quoted = false;
        } else if (c == '"') {
            is_quoted = true;
        } else if ((c == '{' || c == '[') && ++depth > depth_max) {
            *offset = k;
            return true;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

static int compare_names(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    return slice_compare(*x, *y);
}

#define FEW_MEMBERS 8

static bool has_repeated(struct slice *names, size_t count)
{
    if (count > FEW_MEMBERS)
        qsort(names, count, sizeof *names, compare_names);
    for (size_t k = 1; k < count; k++) {
        size_t from = count > FEW_MEMBERS ? k - 1 : 0;
        for (size_t j = from; j < k; j++)
            if (slice_eq(names[j], names[k]))
                return true;
    }
    return false;
}

/* Depth is bounded before, so the recursion is. */
static bool has_duplicate(struct arena *a, yyjson_val *v)
{
    size_t index, max;
    yyjson_val *name, *item;
    if (yyjson_is_arr(v)) {
        yyjson_arr_foreach(v, index, max, item)
        {
            if (yyjson_is_ctn(item) && has_duplicate(a, item))
                return true;
        }
        return false;
    }
    if (!yyjson_is_obj(v))
        return false;
    struct slice few[FEW_MEMBERS], *names = few;
    size_t count = 0;
    if (yyjson_obj_size(v) > FEW_MEMBERS)
        names = arena_array(a, yyjson_obj_size(v), sizeof *names);
    yyjson_obj_foreach(v, index, max, name, item)
    {
        names[count++] = json_text(name);
        if (yyjson_is_ctn(item) && has_duplicate(a, item))
            return true;
    }
    return has_repeated(names, count);
}

static enum err refuse(struct json_error *why, size_t offset, const char *what)
{
    if (why != NULL)
        *why = (struct json_error){offset, what};
    return ERR_INVALID;
}

enum err json_read(struct arena *a, struct slice s, size_t bytes_max, unsigned depth_max,
                   struct json_error *why, yyjson_val **root)
{
    size_t offset = 0;
    *root = NULL;
    if (s.len > bytes_max)
        return ERR_TOO_LARGE;
    if (s.len == 0)
        return refuse(why, 0, "there is nothing");
    if (is_too_deep(s, depth_max, &offset))
        return refuse(why, offset, "it is nested too deeply");
    yyjson_alc alc = allocator(a);
    yyjson_read_err error;
    yyjson_doc *doc =
        yyjson_read_opts((char *)(uintptr_t)s.at, s.len, YYJSON_READ_NUMBER_AS_RAW, &alc, &error);
    if (doc == NULL)
        return refuse(why, error.pos, error.msg);
    *root = yyjson_doc_get_root(doc);
    if (has_duplicate(a, *root)) {
        *root = NULL;
        return refuse(why, 0, "an object has two members of the same name");
    }
    return ERR_NONE;
}

yyjson_val *json_get(yyjson_val *object, const char *name)
{
    return yyjson_obj_get(object, name);
}

struct slice json_text(yyjson_val *v)
{
    if (!yyjson_is_str(v))
        return SLICE_NONE;
    return (struct slice){yyjson_get_str(v), yyjson_get_len(v)};
}

struct slice json_get_text(yyjson_val *object, const char *name)
{
    return json_text(yyjson_obj_get(object, name));
}

bool json_int(yyjson_val *v, int64_t *out)
{
    if (yyjson_is_sint(v) || (yyjson_is_uint(v) && yyjson_get_uint(v) <= INT64_MAX)) {
        *out = yyjson_get_sint(v);
        return true;
    }
    if (!yyjson_is_raw(v))
        return false;
    return slice_to_int((struct slice){yyjson_get_raw(v), yyjson_get_len(v)}, out);
}

bool json_get_int(yyjson_val *object, const char *name, int64_t *out)
{
    return json_int(yyjson_obj_get(object, name), out);
}

bool json_get_bool(yyjson_val *object, const char *name, bool *out)
{
    yyjson_val *v = yyjson_obj_get(object, name);
    if (!yyjson_is_bool(v))
        return false;
    *out = yyjson_get_bool(v);
    return true;
}

struct slice json_write(struct arena *a, yyjson_val *v)
{
    if (v == NULL)
        return SLICE_NONE;
    yyjson_alc alc = allocator(a);
    size_t len = 0;
    char *text = yyjson_val_write_opts(v, YYJSON_WRITE_NOFLAG, &alc, &len, NULL);
    assert(text != NULL); /* what was read can be written; memory jumps to the edge */
    return (struct slice){text, len};
}

struct json_out json_out_new(struct arena *a, size_t bytes_max)
{
    return (struct json_out){.text = text_new(a, bytes_max)};
}

#define OUT_DEPTH_MAX 64

/* The innermost open level in has_item; outside of all levels there is no comma and no bit. */
static uint64_t level_bit(const struct json_out *o)
{
    return o->depth == 0 ? 0 : UINT64_C(1) << (o->depth - 1);
}

/* A comma where an item came before on this level. */
static void begin_item(struct json_out *o)
{
    if ((o->has_item & level_bit(o)) != 0)
        text_put_char(&o->text, ',');
    o->has_item |= level_bit(o);
}

static void open_level(struct json_out *o, char bracket)
{
    begin_item(o);
    text_put_char(&o->text, bracket);
    assert(o->depth < OUT_DEPTH_MAX);
    o->depth++;
    o->has_item &= ~level_bit(o);
}

static void close_level(struct json_out *o, char bracket)
{
    assert(o->depth > 0);
    o->depth--;
    text_put_char(&o->text, bracket);
}

void json_object(struct json_out *o)
{
    open_level(o, '{');
}

void json_object_end(struct json_out *o)
{
    close_level(o, '}');
}

void json_array(struct json_out *o)
{
    open_level(o, '[');
}

void json_array_end(struct json_out *o)
{
    close_level(o, ']');
}

void json_key_slice(struct json_out *o, struct slice name)
{
    begin_item(o);
    text_put_json(&o->text, name);
    text_put_char(&o->text, ':');
    o->has_item &= ~level_bit(o); /* its value gets no comma */
}

void json_key(struct json_out *o, const char *name)
{
    json_key_slice(o, slice_of(name));
}

void json_raw(struct json_out *o, struct slice json)
{
    begin_item(o);
    text_put(&o->text, json.at == NULL ? SLICE("null") : json);
}

void json_string(struct json_out *o, struct slice s)
{
    if (s.at == NULL) {
        json_raw(o, SLICE_NONE);
        return;
    }
    begin_item(o);
    text_put_json(&o->text, s);
}

void json_number(struct json_out *o, int64_t n)
{
    begin_item(o);
    text_put_int(&o->text, n);
}

void json_boolean(struct json_out *o, bool b)
{
    json_raw(o, b ? SLICE("true") : SLICE("false"));
}

void json_null(struct json_out *o)
{
    json_raw(o, SLICE_NONE);
}

void json_time(struct json_out *o, int64_t at_ms)
{
    char text[TIME_TEXT_BYTES];
    if (at_ms == 0) {
        json_null(o);
        return;
    }
    size_t len = time_format(at_ms, text);
    json_string(o, (struct slice){text, len});
}

void json_put_string(struct json_out *o, const char *name, struct slice s)
{
    json_key(o, name);
    json_string(o, s);
}

void json_put_some(struct json_out *o, const char *name, struct slice s)
{
    json_put_string(o, name, s.len > 0 ? s : SLICE_NONE);
}

void json_put_text(struct json_out *o, const char *name, const char *s)
{
    json_put_string(o, name, slice_of(s));
}

void json_put_number(struct json_out *o, const char *name, int64_t n)
{
    json_key(o, name);
    json_number(o, n);
}

void json_put_boolean(struct json_out *o, const char *name, bool b)
{
    json_key(o, name);
    json_boolean(o, b);
}

void json_put_raw(struct json_out *o, const char *name, struct slice json)
{
    json_key(o, name);
    json_raw(o, json);
}

void json_put_time(struct json_out *o, const char *name, int64_t at_ms)
{
    json_key(o, name);
    json_time(o, at_ms);
}

struct slice json_out_slice(const struct json_out *o)
{
    return text_slice(&o->text);
}
