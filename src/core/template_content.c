/* The content of a template as one canonical JSON text: what its digest covers, what is shown as
 * its content, and what versions are compared by. Everything that has an effect is in it, with
 * defaults filled in; nothing of the spelling is. The content of a template in our form is itself a
 * template that means the same. */
#include "core/template_int.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/time.h"
#include "core/expr.h"
#include "core/number.h"
#include "core/schema.h"

#include <assert.h>
#include <stdlib.h>

#define CONTENT_BYTES_MAX WORK_BYTES_MAX

/* --- objects with their members in order of name --- */

struct sorted_member {
    struct slice key;
    yyjson_val *value;
};

static int compare_keys(const void *x, const void *y)
{
    const struct sorted_member *a = x, *b = y;
    return slice_compare(a->key, b->key);
}

static void put_sorted(struct text *t, yyjson_val *v);

static void put_sorted_object(struct text *t, yyjson_val *object)
{
    size_t count = 0, size = yyjson_obj_size(object);
    struct sorted_member *members = arena_array(t->arena, size, sizeof *members);
    yyjson_obj_iter it = yyjson_obj_iter_with(object);
    for (yyjson_val *k; (k = yyjson_obj_iter_next(&it)) != NULL; count++)
        members[count] = (struct sorted_member){json_text(k), yyjson_obj_iter_get_val(k)};
    qsort(members, size, sizeof *members, compare_keys);
    text_put_char(t, '{');
    for (size_t k = 0; k < size; k++) {
        if (k > 0)
            text_put_char(t, ',');
        text_put_json(t, members[k].key);
        text_put_char(t, ':');
        put_sorted(t, members[k].value);
    }
    text_put_char(t, '}');
}

/* As deep as the source: TEMPLATE_DEPTH_MAX. */
static void put_sorted(struct text *t, yyjson_val *v)
{
    if (yyjson_is_obj(v)) {
        put_sorted_object(t, v);
    } else if (yyjson_is_arr(v)) {
        yyjson_arr_iter it = yyjson_arr_iter_with(v);
        text_put_char(t, '[');
        for (yyjson_val *item; (item = yyjson_arr_iter_next(&it)) != NULL;) {
            if (it.idx > 1)
                text_put_char(t, ',');
            put_sorted(t, item);
        }
        text_put_char(t, ']');
    } else if (yyjson_is_str(v)) {
        text_put_json(t, json_text(v));
    } else {
        text_put(t, json_write(t->arena, v));
    }
}

static struct slice sort_json(struct arena *a, struct slice json)
{
    yyjson_val *root;
    struct text t = text_new(a, CONTENT_BYTES_MAX);
    if (json.at == NULL)
        return SLICE_NONE;
    enum err err = json_read(a, json, CONTENT_BYTES_MAX, JSON_DEPTH_MAX, NULL, &root);
    assert(err == ERR_NONE); /* it was made from a document */
    put_sorted(&t, root);
    return text_slice(&t);
}

/* --- fields --- */

struct fields {
    struct arena *arena;
    struct content_field *items;
    uint32_t count;
};

static void add_json(struct fields *f, const char *name, struct slice json)
{
    if (json.at == NULL)
        return;
    assert(f->count < CONTENT_FIELDS_MAX);
    f->items[f->count++] = (struct content_field){name, json};
}

static void add_text(struct fields *f, const char *name, struct slice s)
{
    struct text t = text_new(f->arena, CONTENT_BYTES_MAX);
    if (s.at == NULL)
        return;
    text_put_json(&t, s);
    add_json(f, name, text_slice(&t));
}

static struct slice duration_text(struct arena *a, int64_t ms)
{
    char text[TIME_TEXT_BYTES];
    size_t len = duration_format(ms, text);
    return slice_copy(a, (struct slice){text, len});
}

static void add_duration(struct fields *f, const char *name, int64_t ms)
{
    if (ms > 0)
        add_text(f, name, duration_text(f->arena, ms));
}

static struct slice write_fields(struct arena *a, const struct content_field *fields,
                                 uint32_t count)
{
    struct json_out o = json_out_new(a, CONTENT_BYTES_MAX);
    json_object(&o);
    for (uint32_t k = 0; k < count; k++)
        json_put_raw(&o, fields[k].name, fields[k].json);
    json_object_end(&o);
    return json_out_slice(&o);
}

static struct slice expr_json(struct arena *a, const struct expr *e)
{
    return e == NULL ? SLICE_NONE : sort_json(a, expr_source(e));
}

static struct slice schema_json(struct arena *a, const struct schema *s)
{
    return s == NULL ? SLICE_NONE : sort_json(a, schema_source(s));
}

uint32_t content_of_template(struct arena *a, const struct template *t,
                             struct content_field fields[CONTENT_FIELDS_MAX])
{
    struct fields f = {a, fields, 0};
    add_text(&f, "name", t->name);
    add_text(&f, "workflow_name", t->title);
    add_text(&f, "component_name", t->alias);
    add_text(&f, "description", t->description);
    add_json(&f, "key", expr_json(a, t->key));
    if (t->on_duplicate != ON_DUPLICATE_RETURN)
        add_text(&f, "on_duplicate",
                 slice_of(vocab_name(VOCAB_ON_DUPLICATE, (int)t->on_duplicate)));
    add_json(&f, "input", schema_json(a, t->input));
    add_duration(&f, "timeout", t->timeout_ms);
    add_json(&f, "output", expr_json(a, t->output));
    add_json(&f, "extra", sort_json(a, t->extra));
    return f.count;
}

uint32_t content_of_stage(struct arena *a, const struct stage *s,
                          struct content_field fields[CONTENT_FIELDS_MAX])
{
    struct fields f = {a, fields, 0};
    add_text(&f, "name", s->name);
    add_json(&f, "stage_order", s->order);
    add_json(&f, "extra", sort_json(a, s->extra));
    return f.count;
}

/* --- a task --- */

static int compare_slices(const void *x, const void *y)
{
    return slice_compare(*(const struct slice *)x, *(const struct slice *)y);
}

static struct slice name_list(struct arena *a, const struct slice *names, uint32_t count)
{
    struct json_out o = json_out_new(a, CONTENT_BYTES_MAX);
    json_array(&o);
    for (uint32_t k = 0; k < count; k++)
        json_string(&o, names[k]);
    json_array_end(&o);
    return json_out_slice(&o);
}

static struct slice sorted_list(struct arena *a, const struct slice *names, uint32_t count)
{
    struct slice *sorted = arena_array(a, count, sizeof *sorted);
    uint32_t kept = 0;
    for (uint32_t k = 0; k < count; k++)
        sorted[k] = names[k];
    qsort(sorted, count, sizeof *sorted, compare_slices);
    for (uint32_t k = 0; k < count; k++)
        if (kept == 0 || !slice_eq(sorted[kept - 1], sorted[k]))
            sorted[kept++] = sorted[k];
    return count == 0 ? SLICE_NONE : name_list(a, sorted, kept);
}

static struct slice needs_json(struct arena *a, const struct template *t, const struct task *task)
{
    struct slice *names = arena_array(a, task->needs_count, sizeof *names);
    for (uint32_t k = 0; k < task->needs_count; k++)
        names[k] = t->tasks[task->needs[k]].name;
    return task->needs_count == 0 ? SLICE_NONE : name_list(a, names, task->needs_count);
}

static struct slice retry_json(struct arena *a, const struct retry *r)
{
    struct content_field fields[CONTENT_FIELDS_MAX];
    struct fields f = {a, fields, 0};
    struct text attempts = text_new(a, 16);
    text_put_int(&attempts, r->max_attempts);
    add_json(&f, "max_attempts", text_slice(&attempts));
    add_text(&f, "delay", duration_text(a, r->delay_ms));
    add_json(&f, "backoff", number_text(a, r->backoff));
    add_duration(&f, "max_delay", r->max_delay_ms);
    if (r->jitter != JITTER_NONE)
        add_text(&f, "jitter", slice_of(vocab_name(VOCAB_JITTER, (int)r->jitter)));
    add_duration(&f, "total", r->total_ms);
    add_json(&f, "not_on", sorted_list(a, r->not_on, r->not_on_count));
    return write_fields(a, fields, f.count);
}

/* That a queue task has no running timeout is said, since without a word it would have one. */
static struct slice timeout_json(struct arena *a, const struct task *task)
{
    struct content_field fields[CONTENT_FIELDS_MAX];
    struct fields f = {a, fields, 0};
    add_duration(&f, "queued", task->timeout.queued_ms);
    add_duration(&f, "running", task->timeout.running_ms);
    if (task->timeout.running_ms == 0 && task->kind == TASK_KIND_QUEUE)
        add_text(&f, "running", SLICE("none"));
    add_duration(&f, "heartbeat", task->timeout.heartbeat_ms);
    add_duration(&f, "total", task->timeout.total_ms);
    return f.count == 0 ? SLICE_NONE : write_fields(a, fields, f.count);
}

static struct slice human_json(struct arena *a, const struct task *task)
{
    struct content_field fields[CONTENT_FIELDS_MAX];
    struct fields f = {a, fields, 0};
    if (task->kind != TASK_KIND_HUMAN)
        return SLICE_NONE;
    add_text(&f, "assignee", task->assignee);
    add_text(&f, "group", task->group);
    add_duration(&f, "due", task->due_ms);
    add_json(&f, "form", schema_json(a, task->form));
    return write_fields(a, fields, f.count);
}

uint32_t content_of_task(struct arena *a, const struct template *t, const struct task *task,
                         struct content_field fields[CONTENT_FIELDS_MAX])
{
    struct fields f = {a, fields, 0};
    add_text(&f, "name", task->name);
    add_text(&f, "queue", task->queue);
    add_json(&f, "human", human_json(a, task));
    if (task->kind != TASK_KIND_HUMAN)
        add_text(&f, "assigned_to", task->assignee);
    add_json(&f, "needs", needs_json(a, t, task));
    add_json(&f, "input", expr_json(a, task->input));
    add_text(&f, "business_status", task->business_status);
    add_json(&f, "retry", retry_json(a, &task->retry));
    add_json(&f, "timeout", timeout_json(a, task));
    add_json(&f, "extra", sort_json(a, task->extra));
    return f.count;
}

/* --- the whole --- */

static void put_fields(struct json_out *o, const struct content_field *fields, uint32_t count)
{
    for (uint32_t k = 0; k < count; k++)
        json_put_raw(o, fields[k].name, fields[k].json);
}

static void put_stage(struct json_out *o, struct arena *a, const struct template *t,
                      const struct stage *s)
{
    struct content_field fields[CONTENT_FIELDS_MAX];
    json_object(o);
    put_fields(o, fields, content_of_stage(a, s, fields));
    json_key(o, "tasks");
    json_array(o);
    for (uint32_t k = s->first_task; k < s->first_task + s->task_count; k++) {
        json_object(o);
        put_fields(o, fields, content_of_task(a, t, &t->tasks[k], fields));
        json_object_end(o);
    }
    json_array_end(o);
    json_object_end(o);
}

struct slice template_canonical(struct arena *a, const struct template *t)
{
    struct content_field fields[CONTENT_FIELDS_MAX];
    struct json_out o = json_out_new(a, CONTENT_BYTES_MAX);
    json_object(&o);
    put_fields(&o, fields, content_of_template(a, t, fields));
    json_key(&o, "stages");
    json_array(&o);
    for (uint32_t k = 0; k < t->stage_count; k++)
        put_stage(&o, a, t, &t->stages[k]);
    json_array_end(&o);
    json_object_end(&o);
    return json_out_slice(&o);
}
