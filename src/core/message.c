/* The task message that a worker gets, made from the instance whenever it is asked for. */
#include "core/message.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/time.h"

#define MESSAGE_ROOM (MESSAGE_BYTES_MAX * 2) /* beyond the limit, so that it can be measured */

static void put_names(struct json_out *o, const struct instance *i, const struct task *t)
{
    const struct template *m = i->template;
    json_put_string(o, "template", m->name);
    json_put_number(o, "version", m->version);
    json_put_string(o, "instance", i->id);
    json_put_some(o, "key", i->key);
    json_put_string(o, "stage", m->stages[t->stage].name);
    json_put_string(o, "task", t->name);
}

/* The members of a JSON object that was checked when the template was applied. */
static void put_members(struct json_out *o, struct arena *a, struct slice object)
{
    yyjson_val *root, *name;
    if (object.len == 0 ||
        json_read(a, object, TEMPLATE_BYTES_MAX, JSON_DEPTH_MAX, NULL, &root) != ERR_NONE)
        return;
    yyjson_obj_iter it = yyjson_obj_iter_with(root);
    while ((name = yyjson_obj_iter_next(&it)) != NULL) {
        json_key_slice(o, json_text(name));
        json_raw(o, json_write(a, yyjson_obj_iter_get_val(name)));
    }
}

/* What workers of the earlier form read. */
static void put_earlier(struct json_out *o, struct arena *a, const struct instance *i,
                        const struct task *t)
{
    const struct template *m = i->template;
    json_put_text(o, "event_name", "StartTask");
    json_put_string(o, "business_ref_no", i->key);
    json_put_string(o, "component_name", m->alias);
    json_put_string(o, "stage_name", m->stages[t->stage].name);
    json_put_string(o, "task_name", t->name);
    json_put_text(o, "task_type", t->kind == TASK_KIND_HUMAN ? "HUMAN" : "SERVICE");
    put_members(o, a, t->extra);
}

/* When the attempt is over if nothing is heard; the worker's to know, not to rely on. */
static int64_t deadline_of(const struct instance *i, uint32_t task)
{
    int64_t at_ms = instance_task_wake_at(i, task, 0, NULL);
    return at_ms == TIME_NEVER ? 0 : at_ms;
}

struct slice message_write(struct arena *a, const struct instance *i, uint32_t task,
                           const struct token_keys *keys)
{
    static const struct token_keys placeholder = {.count = 1};
    const struct task *t = &i->template->tasks[task];
    const struct task_state *s = &i->tasks[task];
    struct token token = {i->id, t->id, 0, s->generation, s->attempt}, key = token;
    key.attempt = 0;
    struct json_out o = json_out_new(a, MESSAGE_ROOM);
    json_object(&o);
    json_put_text(&o, "event", "StartTask");
    json_put_string(&o, "token", token_encode(a, keys == NULL ? &placeholder : keys, &token));
    put_names(&o, i, t);
    json_put_number(&o, "item", 0);
    json_put_number(&o, "generation", s->generation);
    json_put_number(&o, "attempt", s->attempt);
    json_put_string(&o, "idempotency_key", token_effect_id(a, &key, SLICE("run")));
    json_put_raw(&o, "input", s->input);
    json_put_time(&o, "deadline", deadline_of(i, task));
    if (i->template->is_earlier)
        put_earlier(&o, a, i, t);
    json_object_end(&o);
    return json_out_slice(&o);
}
