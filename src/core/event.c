/* Decoding events: our form, the earlier form, CloudEvents. The first stop of the street; what
 * comes after gets a struct event or a reason. Bytes are never interpreted twice. */
#include "core/event.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/time.h"
#include "core/limits.h"

#include <string.h>

struct decoder {
    struct arena *arena;
    struct event *e;
    struct slice *why;
};

static enum err complain(struct decoder *d, const char *what, struct slice name)
{
    struct text t = text_new(d->arena, REASON_BYTES_MAX);
    text_put_c(&t, what);
    text_put(&t, name);
    *d->why = text_slice(&t);
    return ERR_INVALID;
}

/* A member that must be a string where it is there at all. */
static enum err take_text(struct decoder *d, yyjson_val *object, const char *name, size_t bytes_max,
                          struct slice *out)
{
    yyjson_val *v = json_get(object, name);
    if (v == NULL || yyjson_is_null(v))
        return ERR_NONE;
    if (!yyjson_is_str(v))
        return complain(d, "must be a string: ", slice_of(name));
    *out = json_text(v);
    if (out->len > bytes_max) {
        (void)complain(d, "is longer than its limit: ", slice_of(name));
        return ERR_TOO_LARGE;
    }
    return ERR_NONE;
}

static enum err take_json(struct decoder *d, yyjson_val *object, const char *name,
                          struct slice *out)
{
    yyjson_val *v = json_get(object, name);
    if (v == NULL || yyjson_is_null(v))
        return ERR_NONE;
    *out = json_write(d->arena, v);
    if (out->len > PAYLOAD_BYTES_MAX) {
        (void)complain(d, "is larger than 256 KiB: ", slice_of(name));
        return ERR_TOO_LARGE;
    }
    return ERR_NONE;
}

static enum err take_bool(struct decoder *d, yyjson_val *object, const char *name, bool *out)
{
    yyjson_val *v = json_get(object, name);
    if (v == NULL || yyjson_is_null(v))
        return ERR_NONE;
    if (!yyjson_is_bool(v))
        return complain(d, "must be true or false: ", slice_of(name));
    *out = yyjson_get_bool(v);
    return ERR_NONE;
}

static enum err take_int(struct decoder *d, yyjson_val *object, const char *name, int64_t *out)
{
    yyjson_val *v = json_get(object, name);
    if (v == NULL || yyjson_is_null(v))
        return ERR_NONE;
    if (!json_int(v, out) || *out < 0)
        return complain(d, "must be a whole number from 0: ", slice_of(name));
    return ERR_NONE;
}

static enum err take_pause(struct decoder *d, yyjson_val *object)
{
    struct slice timers = SLICE_NONE, until = SLICE_NONE;
    enum err err = take_text(d, object, "timers", 16, &timers);
    if (err == ERR_NONE)
        err = take_text(d, object, "resume_at", 64, &until);
    if (err != ERR_NONE)
        return err;
    int word = timers.len > 0 ? vocab_find(VOCAB_TIMERS, timers) : TIMERS_FREEZE;
    if (word < 0)
        return complain(d, "timers must be \"freeze\" or \"run\", not ", timers);
    d->e->timers = (enum timers)word;
    if (until.len > 0 && !time_parse(until, &d->e->resume_at_ms))
        return complain(d, "resume_at must be a time like 2026-11-23T12:00:00Z, not ", until);
    return ERR_NONE;
}

#define TRY(call)                                                                                  \
    if (err == ERR_NONE)                                                                           \
    err = (call)

static enum err take_address(struct decoder *d, yyjson_val *object)
{
    struct event *e = d->e;
    enum err err = take_text(d, object, "token", 2048, &e->token);
    TRY(take_text(d, object, "instance", KEY_BYTES_MAX + NAME_BYTES_MAX + 1, &e->instance));
    TRY(take_text(d, object, "template", EARLIER_NAME_BYTES_MAX, &e->template));
    TRY(take_text(d, object, "key", KEY_BYTES_MAX, &e->key));
    TRY(take_text(d, object, "stage", EARLIER_NAME_BYTES_MAX, &e->stage));
    TRY(take_text(d, object, "task", 2 * EARLIER_NAME_BYTES_MAX + 1, &e->task));
    TRY(take_int(d, object, "item", &e->item));
    TRY(take_int(d, object, "generation", &e->generation));
    TRY(take_int(d, object, "attempt", &e->attempt));
    return err;
}

static enum err take_content(struct decoder *d, yyjson_val *object)
{
    struct event *e = d->e;
    enum err err = take_text(d, object, "event_id", EVENT_ID_BYTES_MAX, &e->id);
    TRY(take_text(d, object, "reason", REASON_BYTES_MAX, &e->reason));
    TRY(take_text(d, object, "error", ERROR_NAME_BYTES_MAX, &e->error));
    TRY(take_text(d, object, "message", ERROR_MESSAGE_BYTES_MAX, &e->message));
    TRY(take_json(d, object, "input", &e->input));
    TRY(take_json(d, object, "output", &e->output));
    TRY(take_bool(d, object, "only", &e->only));
    TRY(take_bool(d, object, "dry_run", &e->dry_run));
    TRY(take_pause(d, object));
    return err;
}

static bool is_task_event(enum event_kind k)
{
    return k == EVENT_STARTED || k == EVENT_HEARTBEAT || k == EVENT_COMPLETED ||
           k == EVENT_FAILED || k == EVENT_PENDING;
}

/* Which members an event of this kind can't do without. */
static enum err check_members(struct decoder *d)
{
    const struct event *e = d->e;
    if (e->kind == EVENT_START)
        return e->template.len > 0 ? ERR_NONE : complain(d, "is missing: ", SLICE("template"));
    if (is_task_event(e->kind) && e->token.len > 0)
        return ERR_NONE;
    if (e->instance.len == 0 && e->key.len == 0)
        return complain(d, "is missing: ",
                        is_task_event(e->kind) ? SLICE("token (or instance and task)")
                                               : SLICE("instance (or template and key)"));
    if ((is_task_event(e->kind) || e->kind == EVENT_REPLAY_TASK) && e->task.len == 0)
        return complain(d, "is missing: ", SLICE("task"));
    if (e->kind == EVENT_REPLAY_STAGE && e->stage.len == 0)
        return complain(d, "is missing: ", SLICE("stage"));
    return ERR_NONE;
}

static enum err take_kind(struct decoder *d, struct slice name)
{
    int kind = vocab_find(VOCAB_EVENT_KIND, name);
    if (name.len == 0 || kind < 0) {
        const char *near = vocab_suggest(VOCAB_EVENT_KIND, name);
        struct text t = text_new(d->arena, REASON_BYTES_MAX);
        text_put_c(&t, "there is no event \"");
        text_put(&t, name.len > ACTOR_BYTES_MAX ? (struct slice){name.at, ACTOR_BYTES_MAX} : name);
        text_put_c(&t, "\"");
        if (near != NULL)
            text_printf(&t, "; did you mean %s?", near);
        *d->why = text_slice(&t);
        return ERR_INVALID;
    }
    d->e->kind = (enum event_kind)kind;
    if (event_kind_is_own((enum event_kind)kind))
        return complain(d, "cannot be sent from outside: ", name);
    return ERR_NONE;
}

static enum err decode_ours(struct decoder *d, yyjson_val *object)
{
    struct slice kind = SLICE_NONE;
    enum err err = take_text(d, object, "event", 64, &kind);
    TRY(take_kind(d, kind));
    TRY(take_address(d, object));
    TRY(take_content(d, object));
    TRY(check_members(d));
    return err;
}

static bool is_earlier_member(struct slice name)
{
    static const char *const known[] = {"event_name", "business_ref_no", "component_name",
                                        "stage_name", "task_name",       "task_type",
                                        "reason",     "event_id"};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (slice_eq_text(name, known[k]))
            return true;
    return false;
}

/* Further fields of a StartWorkflow in the earlier form are the instance's input. */
static enum err take_earlier_input(struct decoder *d, yyjson_val *object)
{
    struct json_out o = json_out_new(d->arena, PAYLOAD_BYTES_MAX + 1);
    yyjson_obj_iter it = yyjson_obj_iter_with(object);
    yyjson_val *name;
    json_object(&o);
    while ((name = yyjson_obj_iter_next(&it)) != NULL) {
        if (is_earlier_member(json_text(name)))
            continue;
        json_key_slice(&o, json_text(name));
        json_raw(&o, json_write(d->arena, yyjson_obj_iter_get_val(name)));
    }
    json_object_end(&o);
    d->e->input = json_out_slice(&o);
    if (!o.text.is_cut && d->e->input.len <= PAYLOAD_BYTES_MAX)
        return ERR_NONE;
    (void)complain(d, "is larger than 256 KiB: ", SLICE("the workflow's input"));
    return ERR_TOO_LARGE;
}

static enum err require(struct decoder *d, struct slice value, const char *name)
{
    return value.len > 0 ? ERR_NONE : complain(d, "is missing: ", slice_of(name));
}

static enum err decode_earlier(struct decoder *d, yyjson_val *object)
{
    struct event *e = d->e;
    struct slice kind = SLICE_NONE;
    e->is_earlier = true;
    enum err err = take_text(d, object, "event_name", 64, &kind);
    TRY(take_kind(d, kind));
    TRY(take_text(d, object, "business_ref_no", KEY_BYTES_MAX, &e->key));
    TRY(take_text(d, object, "component_name", EARLIER_NAME_BYTES_MAX, &e->template));
    TRY(take_text(d, object, "stage_name", EARLIER_NAME_BYTES_MAX, &e->stage));
    TRY(take_text(d, object, "task_name", EARLIER_NAME_BYTES_MAX, &e->task));
    TRY(take_text(d, object, "event_id", EVENT_ID_BYTES_MAX, &e->id));
    TRY(take_text(d, object, "reason", ERROR_MESSAGE_BYTES_MAX, &e->message));
    TRY(require(d, e->key, "business_ref_no"));
    TRY(require(d, e->template, "component_name"));
    if (err == ERR_NONE && e->kind == EVENT_START)
        return take_earlier_input(d, object);
    if (err == ERR_NONE && e->kind != EVENT_COMPLETED && e->kind != EVENT_FAILED &&
        e->kind != EVENT_PENDING)
        return complain(d, "is not an event of this form: ", kind);
    TRY(require(d, e->stage, "stage_name"));
    TRY(require(d, e->task, "task_name"));
    return err;
}

/* CloudEvents 1.0, structured JSON: type swm.<Event>, our fields in data, source and id the id. */
static enum err decode_cloud(struct decoder *d, yyjson_val *object)
{
    struct slice type = SLICE_NONE, id = SLICE_NONE, source = SLICE_NONE;
    yyjson_val *data = json_get(object, "data");
    enum err err = take_text(d, object, "type", 128, &type);
    TRY(take_text(d, object, "id", EVENT_ID_BYTES_MAX / 2, &id));
    TRY(take_text(d, object, "source", EVENT_ID_BYTES_MAX / 2, &source));
    TRY(require(d, id, "id"));
    TRY(require(d, source, "source"));
    if (err != ERR_NONE)
        return err;
    if (!slice_has_prefix(type, SLICE("swm.")))
        return complain(d, "type must be swm.<Event>, not ", type);
    if (data == NULL || !yyjson_is_obj(data))
        return complain(d, "must be an object: ", SLICE("data"));
    err = take_kind(d, (struct slice){type.at + 4, type.len - 4});
    TRY(take_address(d, data));
    TRY(take_content(d, data));
    TRY(check_members(d));
    if (err == ERR_NONE && d->e->id.len == 0) {
        struct text t = text_new(d->arena, EVENT_ID_BYTES_MAX);
        text_put(&t, source);
        text_put_char(&t, '/');
        text_put(&t, id);
        d->e->id = text_slice(&t);
    }
    return err;
}

enum err event_decode(struct arena *a, yyjson_val *object, struct event *out, struct slice *why)
{
    *out = (struct event){.kind = EVENT_NONE};
    struct decoder d = {a, out, why};
    if (!yyjson_is_obj(object))
        return complain(&d, "an event is a JSON object", SLICE_NONE);
    enum err err;
    if (json_get(object, "event_name") != NULL)
        err = decode_earlier(&d, object);
    else if (json_get(object, "specversion") != NULL)
        err = decode_cloud(&d, object);
    else
        err = decode_ours(&d, object);
    if (err == ERR_NONE)
        event_sum(a, out);
    return err;
}

void event_sum(struct arena *a, struct event *e)
{
    const struct slice parts[] = {e->template, e->key,    e->stage, e->task,
                                  e->input,    e->output, e->error, e->message};
    size_t bytes = 128;
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
        bytes += parts[k].len + 1;
    struct text t = text_new(a, bytes);
    text_printf(&t, "%s\n%d\n%lld\n", vocab_name(VOCAB_EVENT_KIND, (int)e->kind), e->only,
                (long long)e->resume_at_ms);
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
        text_put(&t, parts[k]);
        text_put_char(&t, '\n');
    }
    e->sum = (uint32_t)(hash_64(text_slice(&t)) >> 32);
}

static bool is_answer(enum event_kind kind)
{
    return kind == EVENT_COMPLETED || kind == EVENT_FAILED || kind == EVENT_PENDING;
}

bool event_is_act(const struct event *e, bool is_for_people)
{
    bool is_persons = slice_eq_text(e->source, "page") || slice_eq_text(e->source, "cli");
    switch (e->kind) {
    case EVENT_NONE:
    case EVENT_START:            /* is the work itself */
    case EVENT_WAKE:             /* the clock's */
    case EVENT_MESSAGE_DELETED:  /* a worker's */
    case EVENT_INSTANCE_REMOVED: /* retention's */
        return false;
    default:
        if (is_answer(e->kind))
            return is_for_people || (is_persons && !e->is_by_token && e->token.len == 0);
        return event_kind_is_own(e->kind) || event_kind_role(e->kind) >= ROLE_OPERATOR;
    }
}

struct slice event_brief(struct arena *a, struct slice body)
{
    struct text t = text_new(a, SYS_BODY_BYTES_MAX);
    for (size_t k = 0; k < body.len && !t.is_cut; k++) {
        unsigned char byte = (unsigned char)body.at[k];
        text_put_char(&t, byte < 0x20 || byte == 0x7f ? ' ' : (char)byte);
    }
    return text_slice(&t);
}
