/* Values of fields between memory and JSON. Before: a change or a state. After: bytes of a record
 * or a row, or the other way round. Large values are stored apart, by their digest. */
#include "core/record_int.h"

#include "base/arena.h"

#include <string.h>

static enum vocab words_of(enum scope scope, enum value_type type)
{
    if (type == VALUE_TIMERS)
        return VOCAB_TIMERS;
    return scope == SCOPE_INSTANCE ? VOCAB_INSTANCE_STATUS
           : scope == SCOPE_STAGE  ? VOCAB_STAGE_STATUS
                                   : VOCAB_TASK_STATUS;
}

void value_put(struct json_out *o, enum scope scope, const struct field *f, struct value v)
{
    switch (f->type) {
    case VALUE_INT:
    case VALUE_TIME:
        json_number(o, v.number);
        break;
    case VALUE_BOOL:
        json_boolean(o, v.number != 0);
        break;
    case VALUE_STATUS:
    case VALUE_TIMERS:
        json_string(o, slice_of(vocab_name(words_of(scope, f->type), (int)v.number)));
        break;
    case VALUE_TEXT:
        json_string(o, v.text.len > 0 ? v.text : SLICE_NONE);
        break;
    case VALUE_JSON:
        json_raw(o, v.text.len > 0 ? v.text : SLICE_NONE);
        break;
    }
}

void value_put_shown(struct json_out *o, enum scope scope, const struct field *f, struct value v)
{
    if (f->type == VALUE_TIME)
        json_time(o, v.number);
    else
        value_put(o, scope, f, v);
}

enum err value_take(struct arena *a, enum scope scope, const struct field *f, yyjson_val *v,
                    struct value *out)
{
    *out = (struct value){0, SLICE_NONE};
    switch (f->type) {
    case VALUE_INT:
    case VALUE_TIME:
        return json_int(v, &out->number) ? ERR_NONE : ERR_CORRUPT;
    case VALUE_BOOL:
        out->number = yyjson_get_bool(v);
        return yyjson_is_bool(v) ? ERR_NONE : ERR_CORRUPT;
    case VALUE_STATUS:
    case VALUE_TIMERS:
        out->number = vocab_find(words_of(scope, f->type), json_text(v));
        return out->number >= 0 ? ERR_NONE : ERR_CORRUPT;
    case VALUE_TEXT:
        out->text = json_text(v);
        return yyjson_is_null(v) || yyjson_is_str(v) ? ERR_NONE : ERR_CORRUPT;
    case VALUE_JSON:
        out->text = v == NULL || yyjson_is_null(v) ? SLICE_NONE : json_write(a, v);
        return ERR_NONE;
    }
    return ERR_CORRUPT;
}

bool value_is_apart(const struct field *f, struct value v)
{
    return f->type == VALUE_JSON && v.text.len > PAYLOAD_INLINE_BYTES_MAX;
}

void payload_add(struct arena *a, struct payload_list *l, struct slice text,
                 uint8_t digest[SHA256_BYTES])
{
    if (payload_find(l, digest) != NULL)
        return;
    if (l->count == l->capacity) {
        uint32_t capacity = l->capacity == 0 ? 4 : l->capacity * 2;
        struct payload *grown = arena_array(a, capacity, sizeof *grown);
        if (l->count > 0)
            memcpy(grown, l->items, l->count * sizeof *grown);
        l->items = grown;
        l->capacity = capacity;
    }
    struct payload *p = &l->items[l->count++];
    memcpy(p->digest, digest, SHA256_BYTES);
    p->text = text;
}

const struct payload *payload_find(const struct payload_list *l, const uint8_t digest[SHA256_BYTES])
{
    for (uint32_t k = 0; k < l->count; k++)
        if (memcmp(l->items[k].digest, digest, SHA256_BYTES) == 0)
            return &l->items[k];
    return NULL;
}

void value_put_ref(struct json_out *o, struct value v, struct payload_list *payloads)
{
    uint8_t digest[SHA256_BYTES];
    hash_sha256(v.text, digest);
    payload_add(o->text.arena, payloads, v.text, digest);
    json_put_string(o, "ref", hex_encode(o->text.arena, digest, SHA256_BYTES));
    json_put_number(o, "bytes", (int64_t)v.text.len);
}

bool value_take_ref(yyjson_val *holder, uint8_t digest[SHA256_BYTES])
{
    return hex_decode(json_get_text(holder, "ref"), digest, SHA256_BYTES);
}

struct slice value_payload(const struct payload_list *payloads, const uint8_t digest[SHA256_BYTES])
{
    const struct payload *p = payload_find(payloads, digest);
    return p == NULL || p->text.at == NULL ? SLICE("null") : p->text;
}

/* "NAME.field", where the name may hold dots but the field can't. */
static bool cut_last_dot(struct slice s, struct slice *name, struct slice *field)
{
    for (size_t k = s.len; k > 0; k--) {
        if (s.at[k - 1] != '.')
            continue;
        *name = (struct slice){s.at, k - 1};
        *field = (struct slice){s.at + k, s.len - k};
        return true;
    }
    return false;
}

enum err value_find_path(const struct template *t, struct slice path, struct change *out)
{
    struct slice name = SLICE_NONE, field = path, rest = path;
    int index = 0;
    out->scope = SCOPE_INSTANCE;
    if (slice_has_prefix(path, SLICE("tasks."))) {
        out->scope = SCOPE_TASK;
        rest = (struct slice){path.at + 6, path.len - 6};
    } else if (slice_has_prefix(path, SLICE("stages."))) {
        out->scope = SCOPE_STAGE;
        rest = (struct slice){path.at + 7, path.len - 7};
    }
    if (out->scope != SCOPE_INSTANCE) {
        if (!cut_last_dot(rest, &name, &field))
            return ERR_CORRUPT;
        index = out->scope == SCOPE_TASK ? template_find_task(t, -1, name)
                                         : template_find_stage(t, name);
    }
    int f = model_find_field(out->scope, field);
    if (index < 0 || f < 0)
        return ERR_CORRUPT;
    out->index = (uint32_t)index;
    out->field = (uint32_t)f;
    return ERR_NONE;
}
