/* Checks names across the whole template and makes ids of them. The two forms are read before;
 * needs and expressions, which find tasks by name, are checked after. */
#include "core/template_int.h"

#include "base/arena.h"

#include <stdlib.h>

struct named {
    struct slice name;
    uint32_t index;
};

static int compare_named(const void *x, const void *y)
{
    const struct named *a = x, *b = y;
    int order = slice_compare(a->name, b->name);
    return order != 0 ? order : a->index < b->index ? -1 : a->index > b->index;
}

static const uint32_t *sort_tasks(struct parser *p, bool by_id)
{
    const struct template *t = p->t;
    struct named *all = arena_array(p->arena, t->task_count, sizeof *all);
    uint32_t *sorted = arena_array(p->arena, t->task_count, sizeof *sorted);
    for (uint32_t k = 0; k < t->task_count; k++)
        all[k] = (struct named){by_id ? t->tasks[k].id : t->tasks[k].name, k};
    qsort(all, t->task_count, sizeof *all, compare_named);
    for (uint32_t k = 0; k < t->task_count; k++)
        sorted[k] = all[k].index;
    return sorted;
}

int template_find_named(const struct parser *p, struct slice name, uint32_t stage)
{
    const struct template *t = p->t;
    struct named wanted = {name, t->is_earlier ? t->stages[stage].first_task : 0};
    uint32_t low = 0, high = t->task_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct named here = {t->tasks[p->by_name[middle]].name, p->by_name[middle]};
        if (compare_named(&here, &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == t->task_count || !slice_eq(t->tasks[p->by_name[low]].name, name))
        return -1;
    uint32_t found = p->by_name[low];
    return t->is_earlier && t->tasks[found].stage != stage ? -1 : (int)found;
}

static void check_stage_names(struct parser *p)
{
    const struct template *t = p->t;
    for (uint32_t k = 1; k < t->stage_count; k++) {
        int first = template_find_stage(t, t->stages[k].name);
        if (first < 0 || (uint32_t)first == k || t->stages[k].name.at == NULL)
            continue;
        struct place at = p->stage_places[first];
        report_error(p->report, p->stage_places[k], "the stage %s is there already, at %u:%u",
                     report_quote(p->arena, t->stages[k].name), at.line, at.column);
    }
}

/* Same names lie side by side in by_name, in order of stages. */
static void check_task_names(struct parser *p)
{
    const struct template *t = p->t;
    for (uint32_t k = 1; k < t->task_count; k++) {
        uint32_t before = p->by_name[k - 1], index = p->by_name[k];
        const struct task *task = &t->tasks[index];
        if (task->name.at == NULL || !slice_eq(t->tasks[before].name, task->name) ||
            (t->is_earlier && t->tasks[before].stage != task->stage))
            continue;
        struct place at = p->sources[before].place;
        report_error(
            p->report, p->sources[index].place, "the task %s is there already, at %u:%u; %s",
            report_quote(p->arena, task->name), at.line, at.column,
            t->is_earlier ? "names are unique in a stage" : "names are unique in a template");
    }
}

static struct slice join_id(struct parser *p, const struct task *task)
{
    struct text id = text_new(p->arena, 2 * EARLIER_NAME_BYTES_MAX + 1);
    text_put(&id, p->t->stages[task->stage].name);
    text_put_char(&id, '/');
    text_put(&id, task->name);
    return text_slice(&id);
}

static void make_ids(struct parser *p)
{
    struct template *t = p->t;
    for (uint32_t k = 0; k < t->task_count; k++) {
        struct task *task = &t->tasks[p->by_name[k]];
        bool is_like_last = k > 0 && slice_eq(t->tasks[p->by_name[k - 1]].name, task->name);
        bool is_like_next =
            k + 1 < t->task_count && slice_eq(t->tasks[p->by_name[k + 1]].name, task->name);
        task->id = is_like_last || is_like_next ? join_id(p, task) : task->name;
    }
    t->by_id = sort_tasks(p, true);
}

void template_check_names(struct parser *p)
{
    p->by_name = sort_tasks(p, false);
    check_stage_names(p);
    check_task_names(p);
    make_ids(p);
}
