/* Folding: from recorded changes to a state, and back to what a person reads of them. Loads, time
 * travel and verification all go through here; nothing is decided again. */
#include "core/record_int.h"

#include "base/arena.h"

#include <string.h>

/* One recorded change; its texts are in the arena or the document. */
static enum err take_change(struct arena *a, const struct template *t, yyjson_val *v,
                            const struct payload_list *payloads, struct change *out)
{
    enum err err = value_find_path(t, json_get_text(v, "path"), out);
    if (err != ERR_NONE)
        return err;
    uint8_t digest[SHA256_BYTES];
    uint32_t count;
    if (value_take_ref(v, digest)) {
        out->to = (struct value){0, value_payload(payloads, digest)};
        return ERR_NONE;
    }
    const struct field *fields = model_fields(out->scope, &count);
    return value_take(a, out->scope, &fields[out->field], json_get(v, "to"), &out->to);
}

static enum err fold_changes(struct arena *a, struct instance *i, const struct record *r,
                             const struct payload_list *payloads)
{
    yyjson_val *v;
    yyjson_arr_iter it = yyjson_arr_iter_with(r->changes);
    while (r->changes != NULL && (v = yyjson_arr_iter_next(&it)) != NULL) {
        struct change c;
        enum err err = take_change(a, i->template, v, payloads, &c);
        if (err != ERR_NONE)
            return err;
        c.to.text = slice_copy(i->arena, c.to.text);
        instance_apply(i, &c, r->at_ms);
    }
    return ERR_NONE;
}

enum err record_fold(struct arena *a, struct instance *i, const struct record *r,
                     const struct payload_list *payloads)
{
    if (r->seq != i->seq + 1 || memcmp(r->prev, i->hash, SHA256_BYTES) != 0)
        return ERR_CORRUPT;
    enum err err = fold_changes(a, i, r, payloads);
    if (err != ERR_NONE)
        return err;
    if (r->id.len > 0 && slice_eq_text(r->verdict, vocab_name(VOCAB_VERDICT, VERDICT_APPLIED)))
        instance_remember(i, (struct recent_event){hash_64(r->id), r->sum});
    i->seq = r->seq;
    i->at_ms = r->at_ms;
    memcpy(i->hash, r->hash, SHA256_BYTES);
    return ERR_NONE;
}

enum err record_restore(struct arena *a, struct instance *i, const struct record *r,
                        const struct payload_list *payloads)
{
    if (r->state == NULL)
        return ERR_CORRUPT;
    enum err err = state_take(a, r->state, i, payloads);
    i->seq = r->seq;
    i->at_ms = r->at_ms;
    memcpy(i->hash, r->hash, SHA256_BYTES);
    return err;
}

/* A change that can't be read, for example of a task that its template does not have, is shown as
 * it is stored. */
static void put_unread(struct json_out *o, struct arena *a, yyjson_val *v)
{
    json_raw(o, json_write(a, v));
}

struct slice record_changes_json(struct arena *a, const struct instance *before,
                                 const struct record *r, const struct payload_list *payloads)
{
    struct instance *i = instance_borrow(a, before);
    struct json_out o = json_out_new(a, WORK_BYTES_MAX / 2);
    yyjson_val *v;
    yyjson_arr_iter it = yyjson_arr_iter_with(r->changes);
    json_array(&o);
    while (r->changes != NULL && (v = yyjson_arr_iter_next(&it)) != NULL) {
        struct change c;
        uint32_t count;
        if (take_change(a, i->template, v, payloads, &c) != ERR_NONE) {
            put_unread(&o, a, v);
            continue;
        }
        const struct field *f = &model_fields(c.scope, &count)[c.field];
        json_object(&o);
        json_put_string(&o, "path", json_get_text(v, "path"));
        json_key(&o, "from");
        value_put_shown(&o, c.scope, f, instance_get(i, c.scope, c.index, c.field));
        json_key(&o, "to");
        value_put_shown(&o, c.scope, f, c.to);
        json_object_end(&o);
        instance_apply(i, &c, r->at_ms);
    }
    json_array_end(&o);
    return json_out_slice(&o);
}
