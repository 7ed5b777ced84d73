/* The state of one instance: field tables, blank instances, copies, and the one function that
 * changes a state. What comes before: step decides changes, or a load reads them. What comes after:
 * the state is shown, encoded or stepped again. Nothing here decides anything. */
#include "core/model.h"

#include "base/arena.h"
#include "base/time.h"

#include <assert.h>
#include <string.h>

#define X(member, name, type) {name, type, offsetof(struct instance, member)},
static const struct field instance_fields[] = {INSTANCE_FIELD_TABLE(X)};
#undef X
#define X(member, name, type) {name, type, offsetof(struct stage_state, member)},
static const struct field stage_fields[] = {STAGE_FIELD_TABLE(X)};
#undef X
#define X(member, name, type) {name, type, offsetof(struct task_state, member)},
static const struct field task_fields[] = {TASK_FIELD_TABLE(X)};
#undef X

#define LENGTH(array) (uint32_t)(sizeof(array) / sizeof *(array))

const struct field *model_fields(enum scope scope, uint32_t *count)
{
    switch (scope) {
    case SCOPE_INSTANCE:
        *count = LENGTH(instance_fields);
        return instance_fields;
    case SCOPE_STAGE:
        *count = LENGTH(stage_fields);
        return stage_fields;
    case SCOPE_TASK:
        *count = LENGTH(task_fields);
        return task_fields;
    }
    assert(!"a scope");
    return NULL;
}

int model_find_field(enum scope scope, struct slice name)
{
    uint32_t count;
    const struct field *fields = model_fields(scope, &count);
    for (uint32_t f = 0; f < count; f++)
        if (slice_eq_text(name, fields[f].name))
            return (int)f;
    return -1;
}

struct instance *instance_new(struct arena *a, struct slice id, const struct template *t)
{
    struct instance *i = arena_alloc(a, sizeof *i);
    i->arena = a;
    i->id = slice_copy(a, id);
    i->template = t;
    i->stages = arena_array(a, t->stage_count, sizeof *i->stages);
    i->tasks = arena_array(a, t->task_count, sizeof *i->tasks);
    for (uint32_t k = 0; k < t->task_count; k++)
        i->tasks[k].generation = 1;
    return i;
}

struct instance *instance_borrow(struct arena *a, const struct instance *from)
{
    const struct template *t = from->template;
    struct instance *i = arena_alloc(a, sizeof *i);
    *i = *from;
    i->arena = a;
    i->stages = arena_array(a, t->stage_count, sizeof *i->stages);
    i->tasks = arena_array(a, t->task_count, sizeof *i->tasks);
    if (t->stage_count > 0)
        memcpy(i->stages, from->stages, t->stage_count * sizeof *i->stages);
    if (t->task_count > 0)
        memcpy(i->tasks, from->tasks, t->task_count * sizeof *i->tasks);
    return i;
}

static bool is_text(enum value_type type)
{
    return type == VALUE_TEXT || type == VALUE_JSON;
}

static char *member_of(struct instance *i, enum scope scope, uint32_t index, uint32_t field)
{
    uint32_t count;
    const struct field *fields = model_fields(scope, &count);
    assert(field < count);
    char *base = (char *)i;
    if (scope == SCOPE_STAGE) {
        assert(index < i->template->stage_count);
        base = (char *)&i->stages[index];
    } else if (scope == SCOPE_TASK) {
        assert(index < i->template->task_count);
        base = (char *)&i->tasks[index];
    }
    return base + fields[field].offset;
}

static void copy_texts(struct instance *i, enum scope scope, uint32_t index)
{
    uint32_t count;
    const struct field *fields = model_fields(scope, &count);
    for (uint32_t f = 0; f < count; f++) {
        if (!is_text(fields[f].type))
            continue;
        struct slice *s = (void *)member_of(i, scope, index, f);
        *s = slice_copy(i->arena, *s);
    }
}

struct instance *instance_copy(struct arena *a, const struct instance *from)
{
    struct instance *i = instance_borrow(a, from);
    i->id = slice_copy(a, from->id);
    copy_texts(i, SCOPE_INSTANCE, 0);
    for (uint32_t k = 0; k < i->template->task_count; k++)
        copy_texts(i, SCOPE_TASK, k);
    return i;
}

struct value instance_get(const struct instance *i, enum scope scope, uint32_t index,
                          uint32_t field)
{
    uint32_t count;
    const struct field *fields = model_fields(scope, &count);
    const void *member = member_of((struct instance *)(uintptr_t)i, scope, index, field);
    struct value v = {0, SLICE_NONE};
    if (is_text(fields[field].type))
        v.text = *(const struct slice *)member;
    else
        v.number = *(const int64_t *)member;
    return v;
}

static void move_task_clocks(struct task_state *t, int64_t at_ms)
{
    switch ((enum task_status)t->status) {
    case TASK_PENDING:
        t->first_at_ms = t->sent_at_ms = t->started_at_ms = 0;
        t->alive_at_ms = t->retry_at_ms = t->finished_at_ms = 0;
        break;
    case TASK_SCHEDULED:
        t->sent_at_ms = at_ms;
        if (t->first_at_ms == 0)
            t->first_at_ms = at_ms;
        t->started_at_ms = t->alive_at_ms = 0;
        t->retry_at_ms = t->finished_at_ms = 0;
        break;
    case TASK_RUNNING:
        t->started_at_ms = t->alive_at_ms = at_ms;
        break;
    case TASK_COMPLETED:
    case TASK_FAILED:
    case TASK_CANCELLED:
        t->finished_at_ms = at_ms;
        break;
    case TASK_RETRYING:
    case TASK_STATUS_COUNT:
        break;
    }
}

static void move_stage_clocks(struct stage_state *s, int64_t at_ms)
{
    switch ((enum stage_status)s->status) {
    case STAGE_PENDING:
        s->started_at_ms = s->finished_at_ms = 0;
        break;
    case STAGE_ACTIVE:
        if (s->started_at_ms == 0)
            s->started_at_ms = at_ms;
        s->finished_at_ms = 0;
        break;
    case STAGE_COMPLETED:
    case STAGE_FAILED:
        s->finished_at_ms = at_ms;
        break;
    case STAGE_STATUS_COUNT:
        break;
    }
}

static void move_instance_clocks(struct instance *i, int64_t at_ms)
{
    switch ((enum instance_status)i->status) {
    case INSTANCE_RUNNING:
        if (i->started_at_ms == 0)
            i->started_at_ms = at_ms;
        i->finished_at_ms = i->paused_at_ms = 0;
        break;
    case INSTANCE_PAUSED:
        i->paused_at_ms = at_ms;
        break;
    case INSTANCE_COMPLETED:
    case INSTANCE_FAILED:
    case INSTANCE_CANCELLED:
        i->finished_at_ms = at_ms;
        i->paused_at_ms = 0;
        break;
    case INSTANCE_NONE:
    case INSTANCE_STATUS_COUNT:
        break;
    }
}

void instance_apply(struct instance *i, const struct change *c, int64_t at_ms)
{
    uint32_t count;
    const struct field *fields = model_fields(c->scope, &count);
    void *member = member_of(i, c->scope, c->index, c->field);
    if (is_text(fields[c->field].type))
        *(struct slice *)member = c->to.text;
    else
        *(int64_t *)member = c->to.number;
    if (fields[c->field].type != VALUE_STATUS)
        return;
    if (c->scope == SCOPE_TASK)
        move_task_clocks(&i->tasks[c->index], at_ms);
    else if (c->scope == SCOPE_STAGE)
        move_stage_clocks(&i->stages[c->index], at_ms);
    else
        move_instance_clocks(i, at_ms);
}

void instance_remember(struct instance *i, struct recent_event e)
{
    i->recent[i->recent_next] = e;
    i->recent_next = (i->recent_next + 1) % RECENT_EVENTS_MAX;
    if (i->recent_count < RECENT_EVENTS_MAX)
        i->recent_count++;
}

const struct recent_event *instance_recall(const struct instance *i, uint64_t id)
{
    for (uint32_t k = 0; k < i->recent_count; k++)
        if (i->recent[k].id == id)
            return &i->recent[k];
    return NULL;
}

bool instance_has_message(const struct instance *i, uint32_t task)
{
    const struct task_state *s = &i->tasks[task];
    return i->template->tasks[task].queue.len > 0 &&
           task_status_is_out((enum task_status)s->status) && !s->message_deleted &&
           i->status != INSTANCE_CANCELLED;
}

bool instance_is_in_inbox(const struct instance *i, uint32_t task)
{
    return i->template->tasks[task].kind == TASK_KIND_HUMAN &&
           task_status_is_out((enum task_status)i->tasks[task].status);
}

int64_t instance_due_at(const struct instance *i, uint32_t task)
{
    int64_t due_ms = i->template->tasks[task].due_ms, sent_at_ms = i->tasks[task].sent_at_ms;
    return due_ms > 0 && sent_at_ms > 0 ? time_add(sent_at_ms, due_ms) : 0;
}

int instance_current_stage(const struct instance *i)
{
    int last = -1;
    for (uint32_t k = 0; k < i->template->stage_count; k++) {
        int64_t status = i->stages[k].status;
        if (status == STAGE_ACTIVE || status == STAGE_FAILED)
            return (int)k;
        if (status == STAGE_COMPLETED)
            last = (int)k;
    }
    return last;
}
