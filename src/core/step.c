/* step: from an instance and an event to an outcome. Comes after decode and load, before commit.
 * The policy is the two tables below; the rules they name are in step_task.c, step_control.c and
 * step_replay.c, and what follows from them in step_settle.c. Nothing here does I/O, reads a clock
 * or remembers anything. */
#include "core/step_int.h"

#include "base/arena.h"
#include "base/text.h"
#include "core/check.h"
#include "core/expr.h"
#include "core/schema.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void rule_stale(struct step_context *c)
{
    step_answer(c, VERDICT_STALE, "the instance is %s",
                vocab_name(VOCAB_INSTANCE_STATUS, (int)c->i->status));
}

static void rule_refused(struct step_context *c)
{
    step_answer(c, VERDICT_REFUSED, "%s is not possible while the instance is %s",
                vocab_name(VOCAB_EVENT_KIND, (int)c->e->kind),
                vocab_name(VOCAB_INSTANCE_STATUS, (int)c->i->status));
}

static void rule_already(struct step_context *c)
{
    step_answer(c, VERDICT_DUPLICATE, "the instance is %s already",
                vocab_name(VOCAB_INSTANCE_STATUS, (int)c->i->status));
}

static void rule_unknown(struct step_context *c)
{
    step_answer(c, VERDICT_UNKNOWN, "there is no such instance");
}

static void rule_nothing(struct step_context *c)
{
    c->out->is_unrecorded = true;
}

/* Answers to an attempt that has ended, or has not begun. */
static void rule_ended(struct step_context *c)
{
    step_answer(c, VERDICT_STALE, "the task is %s; this attempt awaits no answer",
                vocab_name(VOCAB_TASK_STATUS, (int)c->i->tasks[c->task].status));
}

static void rule_repeated(struct step_context *c)
{
    step_answer(c, VERDICT_DUPLICATE, "this attempt has been answered so already");
}

/* A failed attempt may fail once: said again it is a repeat, but an attempt that was ended by a
 * timeout was not answered at all. */
static void rule_failed_again(struct step_context *c)
{
    if (slice_has_prefix(c->i->tasks[c->task].error, SLICE("Timeout.")))
        rule_ended(c);
    else
        rule_repeated(c);
}

static step_rule by_task;

/* What an event means by the status of its instance. Rows: events; columns: the instance.
 *   NONE (there is none yet), RUNNING, PAUSED, COMPLETED, FAILED, CANCELLED */
#define ROW(...)                                                                                   \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
static step_rule *const by_instance_table[EVENT_KIND_COUNT][INSTANCE_STATUS_COUNT] = {
    [EVENT_START] = ROW(rule_start, rule_start_again, rule_start_again, rule_start_again,
                        rule_start_again, rule_start_again),
    [EVENT_STARTED] = ROW(rule_unknown, by_task, by_task, by_task, by_task, rule_stale),
    [EVENT_HEARTBEAT] = ROW(rule_unknown, by_task, by_task, by_task, by_task, rule_stale),
    [EVENT_COMPLETED] = ROW(rule_unknown, by_task, by_task, by_task, by_task, rule_stale),
    [EVENT_FAILED] = ROW(rule_unknown, by_task, by_task, by_task, by_task, rule_stale),
    [EVENT_PENDING] = ROW(rule_unknown, by_task, by_task, by_task, by_task, rule_stale),
    [EVENT_MESSAGE_DELETED] = ROW(rule_unknown, by_task, by_task, by_task, by_task, rule_stale),
    [EVENT_PAUSE] =
        ROW(rule_unknown, rule_pause, rule_already, rule_refused, rule_refused, rule_refused),
    [EVENT_RESUME] =
        ROW(rule_unknown, rule_already, rule_resume, rule_refused, rule_refused, rule_refused),
    [EVENT_CANCEL] =
        ROW(rule_unknown, rule_cancel, rule_cancel, rule_refused, rule_cancel, rule_already),
    [EVENT_REPLAY_TASK] = ROW(rule_unknown, rule_replay_task, rule_replay_task, rule_replay_task,
                              rule_replay_task, rule_replay_task),
    [EVENT_REPLAY_STAGE] = ROW(rule_unknown, rule_replay_stage, rule_replay_stage,
                               rule_replay_stage, rule_replay_stage, rule_replay_stage),
    [EVENT_WAKE] =
        ROW(rule_nothing, rule_wake, rule_wake, rule_nothing, rule_nothing, rule_nothing),
};

/* What a word about an attempt means by the status of its task, when it is about the current one.
 *   PENDING, SCHEDULED, RUNNING, RETRYING, COMPLETED, FAILED, CANCELLED */
static step_rule *const by_task_table[EVENT_KIND_COUNT][TASK_STATUS_COUNT] = {
    [EVENT_STARTED] =
        ROW(rule_ended, rule_begin, rule_repeated, rule_ended, rule_ended, rule_ended, rule_ended),
    [EVENT_HEARTBEAT] =
        ROW(rule_ended, rule_begin, rule_beat, rule_ended, rule_ended, rule_ended, rule_ended),
    [EVENT_COMPLETED] = ROW(rule_ended, rule_complete, rule_complete, rule_ended, rule_repeated,
                            rule_ended, rule_ended),
    [EVENT_FAILED] = ROW(rule_ended, rule_fail, rule_fail, rule_failed_again, rule_ended,
                         rule_failed_again, rule_ended),
    [EVENT_PENDING] = ROW(rule_ended, rule_put_back, rule_put_back, rule_put_back, rule_ended,
                          rule_ended, rule_ended),
    [EVENT_MESSAGE_DELETED] = ROW(rule_ended, rule_message_gone, rule_message_gone, rule_ended,
                                  rule_ended, rule_ended, rule_ended),
};
#undef ROW

static void add_change(struct step_context *c, struct change change)
{
    struct outcome *o = c->out;
    if (o->change_count == o->change_capacity) {
        uint32_t capacity = o->change_capacity == 0 ? 8 : o->change_capacity * 2;
        struct change *grown = arena_array(c->arena, capacity, sizeof *grown);
        if (o->change_count > 0)
            memcpy(grown, o->changes, o->change_count * sizeof *grown);
        o->changes = grown;
        o->change_capacity = capacity;
    }
    o->changes[o->change_count++] = change;
    instance_apply(c->i, &change, o->at_ms);
}

void step_set_number(struct step_context *c, enum scope scope, uint32_t index, const char *field,
                     int64_t to)
{
    int f = model_find_field(scope, slice_of(field));
    assert(f >= 0);
    bool is_status = strcmp(field, "status") == 0;
    if (!is_status && instance_get(c->i, scope, index, (uint32_t)f).number == to)
        return;
    add_change(c, (struct change){scope, index, (uint32_t)f, {to, SLICE_NONE}});
}

void step_set_text(struct step_context *c, enum scope scope, uint32_t index, const char *field,
                   struct slice to)
{
    int f = model_find_field(scope, slice_of(field));
    assert(f >= 0);
    if (slice_eq_text(to, "null"))
        to = SLICE_NONE; /* JSON null and nothing are one, in memory as in records */
    if (slice_eq(instance_get(c->i, scope, index, (uint32_t)f).text, to))
        return;
    add_change(c, (struct change){scope, index, (uint32_t)f, {0, to}});
}

void step_add_effect(struct step_context *c, enum effect_kind kind, uint32_t task)
{
    struct outcome *o = c->out;
    if (o->effect_count == o->effect_capacity) {
        uint32_t capacity = o->effect_capacity == 0 ? 8 : o->effect_capacity * 2;
        struct effect *grown = arena_array(c->arena, capacity, sizeof *grown);
        if (o->effect_count > 0)
            memcpy(grown, o->effects, o->effect_count * sizeof *grown);
        o->effects = grown;
        o->effect_capacity = capacity;
    }
    o->effects[o->effect_count++] = (struct effect){kind, task};
}

void step_answer(struct step_context *c, enum verdict v, const char *reason, ...)
{
    c->out->verdict = v;
    if (reason == NULL)
        return;
    char line[REASON_BYTES_MAX];
    va_list arguments;
    va_start(arguments, reason);
    int len = vsnprintf(line, sizeof line, reason, arguments);
    va_end(arguments);
    size_t kept = len < 0 ? 0 : (size_t)len;
    if (kept >= sizeof line)
        kept = sizeof line - 1;
    c->out->reason = slice_copy(c->arena, (struct slice){line, kept});
}

/* Is the event about the current attempt? An event that names none means the current one. */
static bool is_current(struct step_context *c)
{
    const struct event *e = c->e;
    const struct task_state *s = &c->i->tasks[c->task];
    if (e->attempt == 0 || (e->generation == s->generation && e->attempt == s->attempt))
        return true;
    bool is_older = e->generation < s->generation ||
                    (e->generation == s->generation && e->attempt < s->attempt);
    step_answer(c, is_older ? VERDICT_STALE : VERDICT_REFUSED,
                "it is about generation %lld, attempt %lld; the current one is %lld, %lld",
                (long long)e->generation, (long long)e->attempt, (long long)s->generation,
                (long long)s->attempt);
    return false;
}

static void by_task(struct step_context *c)
{
    const struct event *e = c->e;
    c->task = template_named_task(c->i->template, e->stage, e->task);
    if (c->task < 0) {
        step_answer(c, VERDICT_UNKNOWN, "the template %.*s has no task \"%.*s\"%s%.*s",
                    SLICE_ARG(c->i->template->name), SLICE_ARG(e->task),
                    e->stage.len > 0 ? " in a stage " : "", SLICE_ARG(e->stage));
        return;
    }
    if (e->is_workers && c->i->template->tasks[c->task].kind == TASK_KIND_HUMAN) {
        step_answer(c, VERDICT_REFUSED, "the task waits for a person; a worker may not answer it");
        return;
    }
    if (e->item != 0) {
        step_answer(c, VERDICT_UNKNOWN, "the task has no item %lld", (long long)e->item);
        return;
    }
    if (!is_current(c))
        return;
    by_task_table[e->kind][c->i->tasks[c->task].status](c);
}

/* An event whose id was applied before is a duplicate, or, with another content, a mistake. */
static bool is_known(struct step_context *c)
{
    if (c->e->id.len == 0)
        return false;
    const struct recent_event *known = instance_recall(c->i, hash_64(c->e->id));
    if (known == NULL)
        return false;
    if (known->sum == c->e->sum)
        step_answer(c, VERDICT_DUPLICATE, "the event %.*s has been applied already",
                    SLICE_ARG(c->e->id));
    else
        step_answer(c, VERDICT_REFUSED,
                    "the event_id %.*s has been used for an event with another content",
                    SLICE_ARG(c->e->id));
    return true;
}

void step(struct arena *a, struct instance *work, const struct event *e, struct step_time time,
          struct outcome *out)
{
    *out = (struct outcome){.verdict = VERDICT_APPLIED, .reason = SLICE_NONE};
    out->at_ms = time.now_ms > work->at_ms ? time.now_ms : work->at_ms;
    struct step_context c = {a, work, e, time, out, -1};
    if (is_known(&c))
        return;
    step_rule *rule = by_instance_table[e->kind][work->status];
    if (rule == NULL) {
        step_answer(&c, VERDICT_INVALID, "%s is not an event for an instance",
                    vocab_name(VOCAB_EVENT_KIND, (int)e->kind));
        return;
    }
    rule(&c);
    assert(out->verdict == VERDICT_APPLIED || out->change_count == 0);
}

struct slice step_instance_id(struct arena *a, struct slice template, struct slice event_id)
{
    struct text t = text_new(a, template.len + event_id.len + 2);
    text_put(&t, template);
    text_put_char(&t, '\n');
    text_put(&t, event_id);
    uint8_t digest[SHA256_BYTES];
    hash_sha256(text_slice(&t), digest);
    char *id = arena_alloc(a, HASH_ID_CHARS);
    hash_id(digest, id);
    return (struct slice){id, HASH_ID_CHARS};
}

static enum err find_start_key(struct arena *a, const struct template *t, const struct event *e,
                               struct slice *key, struct slice *why)
{
    *key = e->key;
    if (e->key.len > 0 || t->key == NULL)
        return ERR_NONE;
    struct expr_scope scope = {.input = e->input};
    struct slice json;
    enum err err = expr_eval(a, t->key, &scope, &json, why);
    if (err != ERR_NONE)
        return err;
    yyjson_val *value;
    err = json_read(a, json, PAYLOAD_BYTES_MAX, JSON_DEPTH_MAX, NULL, &value);
    assert(err == ERR_NONE);
    struct slice text = yyjson_is_raw(value) ? json : json_text(value);
    if (text.len == 0 || text.len > KEY_BYTES_MAX) {
        *why = SLICE("the template's key must come out as a number or a string of 1 to 256 bytes");
        return ERR_INVALID;
    }
    *key = text;
    return ERR_NONE;
}

/* An input that does not fit the template rarely has its key: the first reason is the one to say.
 */
enum err step_start_key(struct arena *a, const struct template *t, const struct event *e,
                        struct slice *key, struct slice *why)
{
    enum err err = find_start_key(a, t, e, key, why);
    struct slice input = e->input.len > 0 ? e->input : SLICE("{}"), misfit;
    if (err == ERR_NONE || t->input == NULL ||
        schema_check(a, t->input, input, &misfit) == ERR_NONE)
        return err;
    struct text reason = text_new(a, REASON_BYTES_MAX);
    text_put_c(&reason, "the input does not fit the template: ");
    text_put(&reason, misfit);
    *why = text_slice(&reason);
    return err;
}
