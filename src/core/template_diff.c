/* What changed between two versions of a template, told by stages and tasks. It compares the fields
 * of template_content.c, so that a difference of the digest is always a difference here. */
#include "core/template_int.h"

#include "base/arena.h"
#include "base/json.h"

#include <string.h>

#define DIFF_BYTES_MAX WORK_BYTES_MAX

struct diff {
    struct arena *arena;
    struct json_out out;
    const struct template *from, *to;
};

/* A place in the template: up to four names joined by dots. */
static struct slice join(struct arena *a, struct slice head, const char *middle, struct slice tail)
{
    struct text t = text_new(a, 4 * EARLIER_NAME_BYTES_MAX);
    text_put(&t, head);
    text_put_c(&t, middle);
    text_put(&t, tail);
    return text_slice(&t);
}

static void put_change(struct diff *d, struct slice path, struct slice from, struct slice to)
{
    const char *change = from.at == NULL ? "added" : to.at == NULL ? "removed" : "changed";
    json_object(&d->out);
    json_put_string(&d->out, "path", path);
    json_put_text(&d->out, "change", change);
    if (from.at != NULL)
        json_put_raw(&d->out, "from", from);
    if (to.at != NULL)
        json_put_raw(&d->out, "to", to);
    json_object_end(&d->out);
}

struct content {
    struct content_field fields[CONTENT_FIELDS_MAX];
    uint32_t count;
};

static struct slice find_field(const struct content *c, const char *name)
{
    for (uint32_t k = 0; k < c->count; k++)
        if (strcmp(c->fields[k].name, name) == 0)
            return c->fields[k].json;
    return SLICE_NONE;
}

/* `prefix` ends in a dot or is empty. */
static void compare_fields(struct diff *d, struct slice prefix, const struct content *from,
                           const struct content *to)
{
    for (uint32_t k = 0; k < from->count; k++) {
        const char *name = from->fields[k].name;
        struct slice other = find_field(to, name);
        if (other.at == NULL || !slice_eq(from->fields[k].json, other))
            put_change(d, join(d->arena, prefix, "", slice_of(name)), from->fields[k].json, other);
    }
    for (uint32_t k = 0; k < to->count; k++) {
        const char *name = to->fields[k].name;
        if (find_field(from, name).at == NULL)
            put_change(d, join(d->arena, prefix, "", slice_of(name)), SLICE_NONE,
                       to->fields[k].json);
    }
}

static struct slice write_content(struct arena *a, const struct content *c)
{
    struct json_out o = json_out_new(a, DIFF_BYTES_MAX);
    json_object(&o);
    for (uint32_t k = 0; k < c->count; k++)
        json_put_raw(&o, c->fields[k].name, c->fields[k].json);
    json_object_end(&o);
    return json_out_slice(&o);
}

static struct content task_content(struct arena *a, const struct template *t, uint32_t task)
{
    struct content c;
    c.count = content_of_task(a, t, &t->tasks[task], c.fields);
    return c;
}

static struct content stage_content(struct arena *a, const struct stage *s)
{
    struct content c;
    c.count = content_of_stage(a, s, c.fields);
    return c;
}

/* --- order: the names that both have, in each one's order --- */

struct order {
    const struct template *mine, *other;
    int stage, other_stage; /* -1: of the stages themselves */
};

static struct slice common_names(struct arena *a, const struct order *o)
{
    struct json_out out = json_out_new(a, DIFF_BYTES_MAX);
    const struct stage *s = o->stage < 0 ? NULL : &o->mine->stages[o->stage];
    uint32_t count = s == NULL ? o->mine->stage_count : s->task_count;
    json_array(&out);
    for (uint32_t k = 0; k < count; k++) {
        struct slice name =
            s == NULL ? o->mine->stages[k].name : o->mine->tasks[s->first_task + k].name;
        int there = s == NULL ? template_find_stage(o->other, name)
                              : template_find_task(o->other, o->other_stage, name);
        if (there >= 0)
            json_string(&out, name);
    }
    json_array_end(&out);
    return json_out_slice(&out);
}

static void compare_order(struct diff *d, struct slice path, int from_stage, int to_stage)
{
    struct slice from =
        common_names(d->arena, &(struct order){d->from, d->to, from_stage, to_stage});
    struct slice to = common_names(d->arena, &(struct order){d->to, d->from, to_stage, from_stage});
    if (!slice_eq(from, to))
        put_change(d, path, from, to);
}

/* --- stages --- */

static struct slice task_path(struct diff *d, struct slice stage, struct slice task)
{
    return join(d->arena, join(d->arena, SLICE("stages."), "", stage), ".tasks.", task);
}

static void compare_task(struct diff *d, int from_stage, int to_stage, struct slice name)
{
    int from = from_stage < 0 ? -1 : template_find_task(d->from, from_stage, name);
    int to = to_stage < 0 ? -1 : template_find_task(d->to, to_stage, name);
    struct slice stage =
        from_stage >= 0 ? d->from->stages[from_stage].name : d->to->stages[to_stage].name;
    struct slice path = task_path(d, stage, name);
    struct content before = {.count = 0}, after = {.count = 0};
    if (from >= 0)
        before = task_content(d->arena, d->from, (uint32_t)from);
    if (to >= 0)
        after = task_content(d->arena, d->to, (uint32_t)to);
    if (from >= 0 && to >= 0)
        compare_fields(d, join(d->arena, path, ".", SLICE("")), &before, &after);
    else
        put_change(d, path, from < 0 ? SLICE_NONE : write_content(d->arena, &before),
                   to < 0 ? SLICE_NONE : write_content(d->arena, &after));
}

/* Those of `from` first, then what only `to` has. */
static void compare_tasks(struct diff *d, int from_stage, int to_stage)
{
    const struct stage *f = from_stage < 0 ? NULL : &d->from->stages[from_stage];
    const struct stage *t = to_stage < 0 ? NULL : &d->to->stages[to_stage];
    for (uint32_t k = 0; f != NULL && k < f->task_count; k++)
        compare_task(d, from_stage, to_stage, d->from->tasks[f->first_task + k].name);
    for (uint32_t k = 0; t != NULL && k < t->task_count; k++) {
        struct slice name = d->to->tasks[t->first_task + k].name;
        if (f == NULL || template_find_task(d->from, from_stage, name) < 0)
            compare_task(d, from_stage, to_stage, name);
    }
}

static void compare_stage(struct diff *d, int from, int to)
{
    struct content before = {.count = 0}, after = {.count = 0};
    struct slice name = from >= 0 ? d->from->stages[from].name : d->to->stages[to].name;
    struct slice path = join(d->arena, SLICE("stages."), "", name);
    if (from >= 0)
        before = stage_content(d->arena, &d->from->stages[from]);
    if (to >= 0)
        after = stage_content(d->arena, &d->to->stages[to]);
    if (from >= 0 && to >= 0) {
        compare_fields(d, join(d->arena, path, ".", SLICE("")), &before, &after);
        compare_order(d, join(d->arena, path, ".", SLICE("tasks")), from, to);
    } else {
        put_change(d, path, from < 0 ? SLICE_NONE : write_content(d->arena, &before),
                   to < 0 ? SLICE_NONE : write_content(d->arena, &after));
    }
    compare_tasks(d, from, to);
}

struct slice template_diff(struct arena *a, const struct template *from, const struct template *to)
{
    struct diff d = {a, json_out_new(a, DIFF_BYTES_MAX), from, to};
    struct content before, after;
    before.count = content_of_template(a, from, before.fields);
    after.count = content_of_template(a, to, after.fields);
    json_array(&d.out);
    compare_fields(&d, SLICE(""), &before, &after);
    compare_order(&d, SLICE("stages"), -1, -1);
    for (uint32_t k = 0; k < from->stage_count; k++)
        compare_stage(&d, (int)k, template_find_stage(to, from->stages[k].name));
    for (uint32_t k = 0; k < to->stage_count; k++)
        if (template_find_stage(from, to->stages[k].name) < 0)
            compare_stage(&d, -1, (int)k);
    json_array_end(&d.out);
    return json_out_slice(&d.out);
}
