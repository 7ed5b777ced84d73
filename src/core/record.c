/* Records: what is stored of an event for ever. Before: step's outcome. After: the store appends
 * the bytes, and a load folds them. The bytes are hashed into a chain; nothing here stores
 * anything. */
#include "core/record_int.h"

#include "base/arena.h"

#include <assert.h>
#include <string.h>

/* Changes of one step at most rewrite the whole state; a snapshot adds the state itself. */
#define RECORD_BYTES_MAX (4 * INSTANCE_BYTES_MAX)
#define HASH_CHARS 43 /* SHA-256 in base64url */

static struct slice hash_text(struct arena *a, const uint8_t hash[SHA256_BYTES])
{
    return base64url_encode(a, (struct slice){(const char *)hash, SHA256_BYTES});
}

struct slice record_path(struct arena *a, const struct template *t, const struct change *c)
{
    uint32_t count;
    const struct field *f = &model_fields(c->scope, &count)[c->field];
    if (c->scope == SCOPE_INSTANCE)
        return slice_of(f->name);
    bool is_task = c->scope == SCOPE_TASK;
    struct slice name = is_task ? t->tasks[c->index].id : t->stages[c->index].name;
    struct text path = text_new(a, 3 * EARLIER_NAME_BYTES_MAX);
    text_put(&path, is_task ? SLICE("tasks.") : SLICE("stages."));
    text_put(&path, name);
    text_put_char(&path, '.');
    text_put_c(&path, f->name);
    return text_slice(&path);
}

static void put_optional(struct json_out *o, const char *name, struct slice s)
{
    if (s.len > 0)
        json_put_string(o, name, s);
}

static void put_number_if(struct json_out *o, const char *name, int64_t n)
{
    if (n != 0)
        json_put_number(o, name, n);
}

/* What every record begins with. */
static void put_head(struct json_out *o, uint64_t seq, const struct event *e,
                     const struct outcome *out)
{
    json_put_number(o, "f", RECORD_FORMAT);
    json_put_number(o, "seq", (int64_t)seq);
    json_put_number(o, "at", out->at_ms);
    json_put_text(o, "event", vocab_name(VOCAB_EVENT_KIND, (int)e->kind));
    json_put_text(o, "verdict", vocab_name(VOCAB_VERDICT, (int)out->verdict));
    put_optional(o, "id", e->id);
    if (e->sum != 0) {
        uint8_t sum[4] = {(uint8_t)(e->sum >> 24), (uint8_t)(e->sum >> 16), (uint8_t)(e->sum >> 8),
                          (uint8_t)e->sum};
        json_put_string(o, "sum", hex_encode(o->text.arena, sum, sizeof sum));
    }
    put_optional(o, "source", e->source);
    put_optional(o, "actor", e->actor);
    put_optional(o, "stage", e->stage);
    put_optional(o, "task", e->task);
    put_number_if(o, "generation", e->generation);
    put_number_if(o, "attempt", e->attempt);
    put_optional(o, "reason", e->reason);
    put_optional(o, "why", out->reason);
    if (out->count > 1)
        json_put_number(o, "count", (int64_t)out->count);
}

static void put_content(struct json_out *o, const char *name, struct slice json,
                        struct payload_list *payloads)
{
    if (json.len == 0)
        return;
    json_key(o, name);
    if (json.len <= PAYLOAD_INLINE_BYTES_MAX) {
        json_raw(o, json);
        return;
    }
    json_object(o);
    value_put_ref(o, (struct value){0, json}, payloads);
    json_object_end(o);
}

/* What the event brought, where the changes don't say it: when it was not applied, and the options
 * of a replay or pause. */
static void put_data(struct json_out *o, const struct event *e, const struct outcome *out,
                     struct payload_list *payloads)
{
    bool is_lost = out->verdict != VERDICT_APPLIED;
    bool has_content =
        e->input.len > 0 || e->output.len > 0 || e->error.len > 0 || e->message.len > 0;
    if (!e->only && !(is_lost && has_content))
        return;
    json_key(o, "data");
    json_object(o);
    if (e->only)
        json_put_boolean(o, "only", true);
    if (is_lost) {
        put_content(o, "input", e->input, payloads);
        put_content(o, "output", e->output, payloads);
        put_optional(o, "error", e->error);
        put_optional(o, "message", e->message);
    }
    json_object_end(o);
}

static void put_changes(struct json_out *o, const struct instance *i, const struct outcome *out,
                        struct payload_list *payloads)
{
    if (out->change_count == 0)
        return;
    json_key(o, "changes");
    json_array(o);
    for (uint32_t k = 0; k < out->change_count; k++) {
        const struct change *c = &out->changes[k];
        uint32_t count;
        const struct field *f = &model_fields(c->scope, &count)[c->field];
        json_object(o);
        json_put_string(o, "path", record_path(o->text.arena, i->template, c));
        if (value_is_apart(f, c->to)) {
            value_put_ref(o, c->to, payloads);
        } else {
            json_key(o, "to");
            value_put(o, c->scope, f, c->to);
        }
        json_object_end(o);
    }
    json_array_end(o);
}

struct slice record_encode(struct arena *a, struct instance *work, const struct event *e,
                           const struct outcome *o, struct payload_list *payloads)
{
    struct json_out j = json_out_new(a, RECORD_BYTES_MAX);
    work->seq++;
    work->at_ms = o->at_ms;
    if (o->verdict == VERDICT_APPLIED && e->id.len > 0)
        instance_remember(work, (struct recent_event){hash_64(e->id), e->sum});
    json_object(&j);
    put_head(&j, work->seq, e, o);
    put_data(&j, e, o, payloads);
    put_changes(&j, work, o, payloads);
    if (work->seq % SNAPSHOT_EVERY == 0) {
        json_key(&j, "state");
        json_object(&j);
        state_put(&j, work, payloads);
        json_object_end(&j);
    }
    json_put_string(&j, "prev", hash_text(a, work->hash));
    json_object_end(&j);
    assert(!j.text.is_cut);
    hash_sha256(json_out_slice(&j), work->hash);
    return json_out_slice(&j);
}

struct slice record_encode_sys(struct arena *a, struct chain_head *head, const struct event *e,
                               const struct outcome *o, struct slice data)
{
    struct json_out j = json_out_new(a, RECORD_BYTES_MAX);
    struct outcome dated = *o;
    head->seq++;
    head->at_ms = dated.at_ms = o->at_ms > head->at_ms ? o->at_ms : head->at_ms;
    json_object(&j);
    put_head(&j, head->seq, e, &dated);
    put_optional(&j, "instance", e->instance);
    put_optional(&j, "template", e->template);
    put_optional(&j, "key", e->key);
    if (data.len > 0)
        json_put_raw(&j, "data", data);
    json_put_string(&j, "prev", hash_text(a, head->hash));
    json_object_end(&j);
    hash_sha256(json_out_slice(&j), head->hash);
    return json_out_slice(&j);
}

static enum err take_hashes(struct arena *a, yyjson_val *root, struct slice bytes,
                            struct record *out)
{
    struct slice prev, text = json_get_text(root, "prev");
    if (text.len != HASH_CHARS || !base64url_decode(a, text, &prev) || prev.len != SHA256_BYTES)
        return ERR_CORRUPT;
    memcpy(out->prev, prev.at, SHA256_BYTES);
    hash_sha256(bytes, out->hash);
    return ERR_NONE;
}

enum err record_decode(struct arena *a, struct slice bytes, struct record *out)
{
    yyjson_val *root;
    int64_t seq;
    uint8_t sum[4] = {0};
    *out = (struct record){.format = 0};
    if (json_read(a, bytes, RECORD_BYTES_MAX, JSON_DEPTH_MAX + 8, NULL, &root) != ERR_NONE)
        return ERR_CORRUPT;
    if (!json_get_int(root, "f", &out->format) || !json_get_int(root, "seq", &seq) ||
        !json_get_int(root, "at", &out->at_ms))
        return ERR_CORRUPT;
    if (out->format > RECORD_FORMAT)
        return ERR_NEWER;
    out->seq = (uint64_t)seq;
    out->event = json_get_text(root, "event");
    out->verdict = json_get_text(root, "verdict");
    out->id = json_get_text(root, "id");
    out->source = json_get_text(root, "source");
    out->actor = json_get_text(root, "actor");
    out->instance = json_get_text(root, "instance");
    out->template = json_get_text(root, "template");
    out->key = json_get_text(root, "key");
    out->stage = json_get_text(root, "stage");
    out->task = json_get_text(root, "task");
    out->reason = json_get_text(root, "reason");
    out->why = json_get_text(root, "why");
    (void)json_get_int(root, "generation", &out->generation);
    (void)json_get_int(root, "attempt", &out->attempt);
    (void)json_get_int(root, "count", &out->count);
    out->data = json_get(root, "data");
    out->changes = json_get(root, "changes");
    out->state = json_get(root, "state");
    if (hex_decode(json_get_text(root, "sum"), sum, sizeof sum))
        out->sum = (uint32_t)sum[0] << 24 | (uint32_t)sum[1] << 16 | (uint32_t)sum[2] << 8 | sum[3];
    return take_hashes(a, root, bytes, out);
}

enum err record_refs(struct arena *a, const struct record *r, struct payload_list *out)
{
    yyjson_val *change;
    yyjson_arr_iter it = yyjson_arr_iter_with(r->changes);
    while (r->changes != NULL && (change = yyjson_arr_iter_next(&it)) != NULL) {
        uint8_t digest[SHA256_BYTES];
        if (value_take_ref(change, digest))
            payload_add(a, out, SLICE_NONE, digest);
    }
    return r->state == NULL ? ERR_NONE : state_take_refs(a, r->state, out);
}

void record_data_refs(struct arena *a, const struct record *r, struct payload_list *out)
{
    uint8_t digest[SHA256_BYTES];
    yyjson_obj_iter it = yyjson_obj_iter_with(r->data);
    for (yyjson_val *name; r->data != NULL && (name = yyjson_obj_iter_next(&it)) != NULL;)
        if (value_take_ref(yyjson_obj_iter_get_val(name), digest))
            payload_add(a, out, SLICE_NONE, digest);
}

enum err record_template(const struct record *first, struct slice *name, int64_t *version)
{
    yyjson_val *change;
    yyjson_arr_iter it = yyjson_arr_iter_with(first->changes);
    *name = SLICE_NONE;
    *version = 0;
    while (first->changes != NULL && (change = yyjson_arr_iter_next(&it)) != NULL) {
        struct slice path = json_get_text(change, "path");
        if (slice_eq_text(path, "template"))
            *name = json_get_text(change, "to");
        else if (slice_eq_text(path, "version"))
            (void)json_get_int(change, "to", version);
    }
    return name->len > 0 && *version > 0 ? ERR_NONE : ERR_CORRUPT;
}
