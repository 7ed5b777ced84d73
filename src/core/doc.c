/* The tree of a document: building it within bounds, finding in it, writing it as JSON. Bytes come
 * before, through doc_yaml.c or doc_json.c; the template is read from the tree after. It knows no
 * word of the template language. */
#include "core/doc.h"

#include "base/arena.h"
#include "core/doc_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void doc_begin(struct doc_builder *b, struct report *r, struct slice source)
{
    b->report = r;
    b->source = source;
    b->seen_place = (struct place){1, 1};
}

/* Places are asked for in the order of the file, so counting goes on from the last one. */
struct place doc_place_of(struct doc_builder *b, size_t offset)
{
    if (offset < b->seen) {
        b->seen = 0;
        b->seen_place = (struct place){1, 1};
    }
    for (; b->seen < offset && b->seen < b->source.len; b->seen++) {
        unsigned char c = (unsigned char)b->source.at[b->seen];
        if (c == '\n')
            b->seen_place = (struct place){b->seen_place.line + 1, 1};
        else
            b->seen_place.column += (c & 0xc0) != 0x80;
    }
    return b->seen_place;
}

bool doc_wants_key(const struct doc_builder *b)
{
    const struct doc_frame *f = b->depth == 0 ? NULL : &b->frames[b->depth - 1];
    return f != NULL && f->value->type == DOC_MAP && !f->has_key;
}

void doc_key(struct doc_builder *b, struct slice key, struct place at)
{
    struct doc_frame *f = &b->frames[b->depth - 1];
    assert(doc_wants_key(b));
    f->key = key;
    f->key_place = at;
    f->has_key = true;
}

static void *grow(struct arena *a, void *old, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity)
        return old;
    *capacity = *capacity == 0 ? 4 : *capacity * 2;
    void *grown = arena_array(a, *capacity, size);
    if (count > 0)
        memcpy(grown, old, count * size);
    return grown;
}

static void attach(struct doc_builder *b, const struct doc_value *v)
{
    struct arena *a = b->report->arena;
    if (b->depth == 0) {
        b->root = v;
        return;
    }
    struct doc_frame *f = &b->frames[b->depth - 1];
    struct doc_value *into = f->value;
    if (into->type == DOC_MAP) {
        assert(f->has_key);
        into->members = grow(a, into->members, into->count, &f->capacity, sizeof *into->members);
        into->members[into->count++] = (struct doc_member){f->key, f->key_place, v};
        into->bytes += f->key.len;
        f->has_key = false;
    } else {
        into->items = grow(a, into->items, into->count, &f->capacity, sizeof *into->items);
        into->items[into->count++] = v;
    }
    into->size += v->size;
    into->bytes += v->bytes;
    if (v->height >= into->height)
        into->height = v->height + 1;
}

/* Room for values worth `size` and `bytes` more. */
static bool count_in(struct doc_builder *b, uint32_t size, size_t bytes, struct place at)
{
    b->size += size;
    b->bytes += bytes;
    if (b->size > TEMPLATE_VALUES_MAX)
        report_error(b->report, at,
                     "the file has more than %d values, aliases counted as often as "
                     "they are used",
                     TEMPLATE_VALUES_MAX);
    else if (b->bytes > 2 * (size_t)TEMPLATE_BYTES_MAX)
        report_error(b->report, at,
                     "the file is larger than %d bytes once its aliases are written "
                     "out",
                     2 * TEMPLATE_BYTES_MAX);
    else
        return true;
    return false;
}

static bool is_too_deep(struct doc_builder *b, uint32_t levels, struct place at)
{
    if (levels <= TEMPLATE_DEPTH_MAX)
        return false;
    report_error(b->report, at, "nested more than %d levels deep", TEMPLATE_DEPTH_MAX);
    return true;
}

struct doc_value *doc_open(struct doc_builder *b, enum doc_type type, struct place at)
{
    if (is_too_deep(b, b->depth + 1, at) || !count_in(b, 1, 0, at))
        return NULL;
    struct doc_value *v = arena_alloc(b->report->arena, sizeof *v);
    *v = (struct doc_value){.type = type, .place = at, .size = 1};
    b->frames[b->depth++] = (struct doc_frame){.value = v};
    return v;
}

static int compare_members(const void *x, const void *y)
{
    const struct doc_member *const *a = x, *const *b = y;
    int order = slice_compare((*a)->key, (*b)->key);
    return order != 0 ? order : *a < *b ? -1 : *a > *b;
}

static void find_duplicates(struct doc_builder *b, const struct doc_value *map)
{
    const struct doc_member **sorted =
        arena_array(b->report->arena, map->count, sizeof(const struct doc_member *));
    for (uint32_t k = 0; k < map->count; k++)
        sorted[k] = &map->members[k];
    qsort(sorted, map->count, sizeof(const struct doc_member *), compare_members);
    const struct doc_member *first = NULL;
    for (uint32_t k = 0; k < map->count; k++) {
        if (first == NULL || !slice_eq(first->key, sorted[k]->key))
            first = sorted[k];
        else
            report_error(b->report, sorted[k]->place,
                         "the key %s is here a second time; the first is at %u:%u",
                         report_quote(b->report->arena, first->key), first->place.line,
                         first->place.column);
    }
}

bool doc_close(struct doc_builder *b)
{
    assert(b->depth > 0);
    struct doc_value *v = b->frames[--b->depth].value;
    if (v->type == DOC_MAP && v->count > 1)
        find_duplicates(b, v);
    attach(b, v);
    return true;
}

bool doc_add(struct doc_builder *b, struct doc_value *v)
{
    v->size = 1;
    v->bytes = v->text.len;
    if (!count_in(b, 1, v->bytes, v->place))
        return false;
    attach(b, v);
    return true;
}

bool doc_add_alias(struct doc_builder *b, const struct doc_value *v, struct place at)
{
    if (!count_in(b, v->size, v->bytes, at) ||
        is_too_deep(b, b->depth + v->height + (v->type >= DOC_LIST), at))
        return false;
    attach(b, v);
    return true;
}

struct doc_value *doc_scalar(struct doc_builder *b, enum doc_type type, struct slice text,
                             struct place at)
{
    struct doc_value *v = arena_alloc(b->report->arena, sizeof *v);
    *v = (struct doc_value){.type = type, .place = at, .text = text};
    return doc_add(b, v) ? v : NULL;
}

const struct doc_value *doc_get(const struct doc_value *map, const char *key)
{
    for (uint32_t k = 0; map->type == DOC_MAP && k < map->count; k++)
        if (slice_eq_text(map->members[k].key, key))
            return map->members[k].value;
    return NULL;
}

/* The child of v that `path` begins with; the rest of the path in *rest. A key may hold dots. */
static const struct doc_value *child_of(const struct doc_value *v, struct slice path,
                                        struct slice *rest)
{
    for (uint32_t k = 0; v->type == DOC_MAP && k < v->count; k++) {
        struct slice key = v->members[k].key;
        if (!slice_has_prefix(path, key) || (path.len > key.len && path.at[key.len] != '.'))
            continue;
        size_t used = path.len > key.len ? key.len + 1 : key.len;
        *rest = (struct slice){path.at + used, path.len - used};
        return v->members[k].value;
    }
    int64_t index;
    struct slice head;
    slice_cut(path, '.', &head, rest);
    if (v->type != DOC_LIST || !slice_to_int(head, &index) || index < 0 || index >= v->count)
        return NULL;
    return v->items[index];
}

const struct doc_value *doc_at(const struct doc_value *v, struct slice path)
{
    while (path.len > 0) {
        struct slice rest = SLICE_NONE;
        const struct doc_value *child = child_of(v, path, &rest);
        if (child == NULL)
            break;
        v = child;
        path = rest;
    }
    return v;
}

/* As deep as the document: TEMPLATE_DEPTH_MAX. */
void doc_put_json(struct text *t, const struct doc_value *v)
{
    bool is_map = v->type == DOC_MAP;
    if (v->type == DOC_TEXT)
        text_put_json(t, v->text);
    if (v->type < DOC_TEXT)
        text_put(t, v->text);
    if (v->type <= DOC_TEXT)
        return;
    text_put_char(t, is_map ? '{' : '[');
    for (uint32_t k = 0; k < v->count; k++) {
        if (k > 0)
            text_put_char(t, ',');
        if (is_map) {
            text_put_json(t, v->members[k].key);
            text_put_char(t, ':');
        }
        doc_put_json(t, is_map ? v->members[k].value : v->items[k]);
    }
    text_put_char(t, is_map ? '}' : ']');
}

const char *doc_type_text(enum doc_type type)
{
    static const char *const texts[] = {
        [DOC_NULL] = "empty",     [DOC_BOOL] = "true or false", [DOC_INT] = "a number",
        [DOC_FLOAT] = "a number", [DOC_TEXT] = "a text",        [DOC_LIST] = "a list",
        [DOC_MAP] = "a mapping",
    };
    return texts[type];
}

/* What neither language allows, found before either reader sees it. */
static bool has_bad_byte(struct report *r, struct doc_builder *b)
{
    for (size_t k = 0; k < b->source.len; k++) {
        unsigned char c = (unsigned char)b->source.at[k];
        if ((c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t' || c == '\r')
            continue;
        report_error(r, doc_place_of(b, k), "a control character (0x%02x) has no place here", c);
        return true;
    }
    return false;
}

static bool is_json(struct slice source)
{
    return slice_has_prefix(slice_trim(source), SLICE("{"));
}

/* Where the first byte that is not UTF-8 stands. */
static size_t utf8_length(struct slice s)
{
    size_t good = 0, len = 1;
    while (good < s.len && len <= 4) {
        for (len = 1; len <= 4; len++)
            if (good + len <= s.len && slice_is_utf8((struct slice){s.at + good, len}))
                break;
        good += len <= 4 ? len : 0;
    }
    return good;
}

enum err doc_read(struct report *r, struct slice source, const struct doc_value **root)
{
    struct place whole = {0, 0};
    struct doc_builder *b = arena_alloc(r->arena, sizeof *b);
    *root = NULL;
    if (source.len > TEMPLATE_BYTES_MAX) {
        report_error(r, whole, "the file has %zu bytes; %d are the most", source.len,
                     TEMPLATE_BYTES_MAX);
        return ERR_INVALID;
    }
    if (slice_has_prefix(source, SLICE("\xef\xbb\xbf")))
        source = (struct slice){source.at + 3, source.len - 3};
    doc_begin(b, r, source);
    if (!slice_is_utf8(source)) {
        report_error(r, doc_place_of(b, utf8_length(source)),
                     "this is not UTF-8; save the file in that encoding");
        return ERR_INVALID;
    }
    if (has_bad_byte(r, b) || !(is_json(source) ? doc_read_json(b) : doc_read_yaml(b)))
        return ERR_INVALID;
    if (b->root == NULL) {
        report_error(r, whole, "the file is empty");
        return ERR_INVALID;
    }
    *root = b->root;
    return ERR_NONE;
}
