/* The full state of an instance as JSON: what its row caches and a snapshot record carries. Fields
 * that have their first value are left out. */
#include "core/record_int.h"

#include "base/arena.h"

#include <string.h>

#define STATE_BYTES_MAX (2 * INSTANCE_BYTES_MAX)
#define RECENT_BYTES 12

static bool is_first_value(enum scope scope, const struct field *f, struct value v)
{
    if (f->type == VALUE_TEXT || f->type == VALUE_JSON)
        return v.text.len == 0;
    bool starts_at_one = scope == SCOPE_TASK && strcmp(f->name, "generation") == 0;
    return v.number == (starts_at_one ? 1 : 0);
}

/* The fields of one scope as members of the object that is open. */
static void put_fields(struct json_out *o, const struct instance *i, enum scope scope,
                       uint32_t index, struct payload_list *payloads)
{
    uint32_t count;
    const struct field *fields = model_fields(scope, &count);
    for (uint32_t f = 0; f < count; f++) {
        struct value v = instance_get(i, scope, index, f);
        if (is_first_value(scope, &fields[f], v))
            continue;
        json_key(o, fields[f].name);
        if (!value_is_apart(&fields[f], v)) {
            value_put(o, scope, &fields[f], v);
            continue;
        }
        json_object(o);
        value_put_ref(o, v, payloads);
        json_object_end(o);
    }
}

static void put_apart_list(struct json_out *o, const struct instance *i, enum scope scope,
                           uint32_t index)
{
    uint32_t count;
    const struct field *fields = model_fields(scope, &count);
    bool has_any = false;
    for (uint32_t f = 0; f < count; f++) {
        if (!value_is_apart(&fields[f], instance_get(i, scope, index, f)))
            continue;
        if (!has_any) {
            json_key(o, "apart");
            json_array(o);
        }
        has_any = true;
        json_string(o, slice_of(fields[f].name));
    }
    if (has_any)
        json_array_end(o);
}

static void put_scope(struct json_out *o, const struct instance *i, enum scope scope,
                      uint32_t index, struct payload_list *payloads)
{
    put_fields(o, i, scope, index, payloads);
    put_apart_list(o, i, scope, index);
}

/* The ring of applied events, oldest first: twelve bytes each, big-endian. */
static void put_recent(struct json_out *o, const struct instance *i)
{
    uint8_t bytes[RECENT_EVENTS_MAX * RECENT_BYTES];
    uint32_t first = (i->recent_next + RECENT_EVENTS_MAX - i->recent_count) % RECENT_EVENTS_MAX;
    for (uint32_t k = 0; k < i->recent_count; k++) {
        const struct recent_event *r = &i->recent[(first + k) % RECENT_EVENTS_MAX];
        for (int b = 0; b < 8; b++)
            bytes[k * RECENT_BYTES + (uint32_t)b] = (uint8_t)(r->id >> (56 - 8 * b));
        for (int b = 0; b < 4; b++)
            bytes[k * RECENT_BYTES + 8 + (uint32_t)b] = (uint8_t)(r->sum >> (24 - 8 * b));
    }
    struct slice s = {(const char *)bytes, i->recent_count * RECENT_BYTES};
    json_put_string(o, "recent", base64url_encode(o->text.arena, s));
}

void state_put(struct json_out *o, const struct instance *i, struct payload_list *payloads)
{
    const struct template *t = i->template;
    put_scope(o, i, SCOPE_INSTANCE, 0, payloads);
    json_key(o, "stages");
    json_object(o);
    for (uint32_t k = 0; k < t->stage_count; k++) {
        if (i->stages[k].status == STAGE_PENDING)
            continue;
        json_key_slice(o, t->stages[k].name);
        json_object(o);
        put_scope(o, i, SCOPE_STAGE, k, payloads);
        json_object_end(o);
    }
    json_object_end(o);
    json_key(o, "tasks");
    json_object(o);
    for (uint32_t k = 0; k < t->task_count; k++) {
        const struct task_state *s = &i->tasks[k];
        if (s->status == TASK_PENDING && s->generation == 1)
            continue;
        json_key_slice(o, t->tasks[k].id);
        json_object(o);
        put_scope(o, i, SCOPE_TASK, k, payloads);
        json_object_end(o);
    }
    json_object_end(o);
    put_recent(o, i);
}

struct slice state_encode(struct arena *a, const struct instance *i, struct payload_list *payloads)
{
    struct json_out o = json_out_new(a, STATE_BYTES_MAX);
    json_object(&o);
    json_put_number(&o, "f", RECORD_FORMAT);
    json_put_number(&o, "seq", (int64_t)i->seq);
    json_put_number(&o, "at", i->at_ms);
    json_put_string(&o, "hash",
                    base64url_encode(a, (struct slice){(const char *)i->hash, SHA256_BYTES}));
    state_put(&o, i, payloads);
    json_object_end(&o);
    return json_out_slice(&o);
}

static bool is_listed(yyjson_val *list, struct slice name)
{
    yyjson_val *item;
    yyjson_arr_iter it = yyjson_arr_iter_with(list);
    while (list != NULL && (item = yyjson_arr_iter_next(&it)) != NULL)
        if (slice_eq(json_text(item), name))
            return true;
    return false;
}

static bool is_head(struct slice name)
{
    static const char *const heads[] = {"f",      "seq",   "at",     "hash",
                                        "stages", "tasks", "recent", "apart"};
    for (size_t k = 0; k < sizeof heads / sizeof *heads; k++)
        if (slice_eq_text(name, heads[k]))
            return true;
    return false;
}

static enum err take_field(struct arena *a, yyjson_val *v, const struct field *f, struct change *c,
                           const struct payload_list *apart)
{
    if (apart == NULL)
        return value_take(a, c->scope, f, v, &c->to);
    uint8_t digest[SHA256_BYTES];
    if (!value_take_ref(v, digest))
        return ERR_CORRUPT;
    c->to.text = value_payload(apart, digest);
    return ERR_NONE;
}

/* Members of `object` into the fields of one scope, as they are: no clock moves. Statuses come
 * before clocks in the tables, so a clock that a status moved is put right by its own member;
 * clocks of value 0 are put right first. */
static enum err take_scope(struct arena *a, yyjson_val *object, struct instance *i,
                           struct change at, const struct payload_list *payloads)
{
    uint32_t count;
    const struct field *fields = model_fields(at.scope, &count);
    yyjson_val *apart = json_get(object, "apart"), *name;
    yyjson_obj_iter it = yyjson_obj_iter_with(object);
    while ((name = yyjson_obj_iter_next(&it)) != NULL) {
        if (is_head(json_text(name)))
            continue;
        int f = model_find_field(at.scope, json_text(name));
        if (f < 0)
            return ERR_CORRUPT;
        at.field = (uint32_t)f;
        bool is_apart = is_listed(apart, json_text(name));
        enum err err = take_field(a, yyjson_obj_iter_get_val(name), &fields[f], &at,
                                  is_apart ? payloads : NULL);
        if (err != ERR_NONE)
            return err;
        at.to.text = slice_copy(i->arena, at.to.text);
        instance_apply(i, &at, 0);
    }
    return ERR_NONE;
}

static enum err take_recent(struct arena *a, struct instance *i, struct slice text)
{
    struct slice bytes;
    if (!base64url_decode(a, text, &bytes) || bytes.len % RECENT_BYTES != 0 ||
        bytes.len / RECENT_BYTES > RECENT_EVENTS_MAX)
        return ERR_CORRUPT;
    i->recent_count = i->recent_next = 0;
    for (size_t at = 0; at < bytes.len; at += RECENT_BYTES) {
        struct recent_event r = {0, 0};
        for (size_t b = 0; b < 8; b++)
            r.id = r.id << 8 | (uint8_t)bytes.at[at + b];
        for (size_t b = 8; b < RECENT_BYTES; b++)
            r.sum = r.sum << 8 | (uint8_t)bytes.at[at + b];
        instance_remember(i, r);
    }
    return ERR_NONE;
}

/* Each member of state.stages or state.tasks. */
static enum err take_members(struct arena *a, yyjson_val *state, struct instance *i,
                             enum scope scope, const struct payload_list *payloads)
{
    yyjson_val *all = json_get(state, scope == SCOPE_STAGE ? "stages" : "tasks"), *name;
    yyjson_obj_iter it = yyjson_obj_iter_with(all);
    while (all != NULL && (name = yyjson_obj_iter_next(&it)) != NULL) {
        int index = scope == SCOPE_STAGE ? template_find_stage(i->template, json_text(name))
                                         : template_find_task(i->template, -1, json_text(name));
        if (index < 0)
            return ERR_CORRUPT;
        struct change at = {.scope = scope, .index = (uint32_t)index};
        enum err err = take_scope(a, yyjson_obj_iter_get_val(name), i, at, payloads);
        if (err != ERR_NONE)
            return err;
    }
    return ERR_NONE;
}

enum err state_take(struct arena *a, yyjson_val *state, struct instance *i,
                    const struct payload_list *payloads)
{
    struct change at = {.scope = SCOPE_INSTANCE};
    enum err err = take_scope(a, state, i, at, payloads);
    if (err == ERR_NONE)
        err = take_members(a, state, i, SCOPE_STAGE, payloads);
    if (err == ERR_NONE)
        err = take_members(a, state, i, SCOPE_TASK, payloads);
    if (err == ERR_NONE)
        err = take_recent(a, i, json_get_text(state, "recent"));
    return err;
}

static enum err read_state(struct arena *a, struct slice json, yyjson_val **out)
{
    int64_t format;
    enum err err = json_read(a, json, STATE_BYTES_MAX, JSON_DEPTH_MAX + 8, NULL, out);
    if (err != ERR_NONE || !json_get_int(*out, "f", &format))
        return ERR_CORRUPT;
    return format > RECORD_FORMAT ? ERR_NEWER : ERR_NONE;
}

enum err state_decode(struct arena *a, struct slice json, struct instance *i,
                      const struct payload_list *payloads)
{
    yyjson_val *state;
    int64_t seq;
    struct slice hash;
    enum err err = read_state(a, json, &state);
    if (err != ERR_NONE)
        return err;
    if (!json_get_int(state, "seq", &seq) || !json_get_int(state, "at", &i->at_ms) ||
        !base64url_decode(a, json_get_text(state, "hash"), &hash) || hash.len != SHA256_BYTES)
        return ERR_CORRUPT;
    i->seq = (uint64_t)seq;
    memcpy(i->hash, hash.at, SHA256_BYTES);
    return state_take(a, state, i, payloads);
}

static enum err take_refs(struct arena *a, yyjson_val *object, struct payload_list *out)
{
    yyjson_val *apart = json_get(object, "apart"), *name;
    yyjson_arr_iter it = yyjson_arr_iter_with(apart);
    while (apart != NULL && (name = yyjson_arr_iter_next(&it)) != NULL) {
        struct slice text = json_text(name);
        uint8_t digest[SHA256_BYTES];
        if (!value_take_ref(yyjson_obj_getn(object, text.at, text.len), digest))
            return ERR_CORRUPT;
        payload_add(a, out, SLICE_NONE, digest);
    }
    return ERR_NONE;
}

enum err state_take_refs(struct arena *a, yyjson_val *state, struct payload_list *out)
{
    enum err err = take_refs(a, state, out);
    yyjson_val *tasks = json_get(state, "tasks"), *name;
    yyjson_obj_iter it = yyjson_obj_iter_with(tasks);
    while (err == ERR_NONE && tasks != NULL && (name = yyjson_obj_iter_next(&it)) != NULL)
        err = take_refs(a, yyjson_obj_iter_get_val(name), out);
    return err;
}

enum err state_refs(struct arena *a, struct slice json, struct payload_list *out)
{
    yyjson_val *state;
    enum err err = read_state(a, json, &state);
    return err == ERR_NONE ? state_take_refs(a, state, out) : err;
}

enum err state_template(struct arena *a, struct slice json, struct slice *name, int64_t *version)
{
    yyjson_val *state;
    enum err err = read_state(a, json, &state);
    if (err != ERR_NONE)
        return err;
    *name = json_get_text(state, "template");
    return json_get_int(state, "version", version) && name->len > 0 ? ERR_NONE : ERR_CORRUPT;
}
