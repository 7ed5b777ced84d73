/* Checks what tasks need: that it exists, comes before, and makes no circle. Names are checked
 * before. Expressions are checked after: they ask whether one task comes after another. */
#include "core/template_int.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { CIRCLE_SHOWN_MAX = 12 };

static void refuse_unknown(struct parser *p, struct place at, struct slice name, uint32_t task)
{
    const struct template *t = p->t;
    uint32_t stage = t->tasks[task].stage;
    struct suggestion near = report_suggest(name);
    for (uint32_t k = 0; k < t->task_count && !report_is_full(p->report); k++)
        if (k != task && (t->is_earlier ? t->tasks[k].stage == stage : t->tasks[k].stage <= stage))
            report_candidate(&near, t->tasks[k].name);
    report_error(p->report, at, "there is no task %s%s%s", report_quote(p->arena, name),
                 t->is_earlier ? " in this stage" : "", report_hint(p->arena, &near));
}

/* The index of the task that is needed, or -1 after saying what is wrong with it. */
static int resolve_need(struct parser *p, const struct doc_value *v, uint32_t task)
{
    const struct template *t = p->t;
    if (!read_type(p, v, DOC_TEXT, "the name of a needed task"))
        return -1;
    int need = template_find_named(p, v->text, t->tasks[task].stage);
    const char *quoted = report_quote(p->arena, v->text);
    if (need < 0) {
        refuse_unknown(p, v->place, v->text, task);
    } else if ((uint32_t)need == task) {
        report_error(p->report, v->place, "the task %s needs itself", quoted);
    } else if (t->tasks[need].stage > t->tasks[task].stage) {
        report_error(p->report, v->place, "the task %s is in a later stage, %s", quoted,
                     report_quote(p->arena, t->stages[t->tasks[need].stage].name));
    } else {
        return need;
    }
    return -1;
}

static int compare_indexes(const void *x, const void *y)
{
    const uint32_t *a = x, *b = y;
    return *a < *b ? -1 : *a > *b;
}

static void resolve_needs(struct parser *p, uint32_t task)
{
    const struct doc_value *v = p->sources[task].needs;
    uint32_t count = 0, kept = 0;
    if (v == NULL || v->count == 0)
        return;
    if (v->count > NEEDS_MAX) {
        report_error(p->report, v->place, "the task needs %u others; %d are the most", v->count,
                     NEEDS_MAX);
        return;
    }
    uint32_t *needs = arena_array(p->arena, v->count, sizeof *needs);
    for (uint32_t k = 0; k < v->count; k++) {
        int need = resolve_need(p, v->items[k], task);
        if (need >= 0)
            needs[count++] = (uint32_t)need;
    }
    qsort(needs, count, sizeof *needs, compare_indexes);
    for (uint32_t k = 0; k < count; k++)
        if (kept == 0 || needs[kept - 1] != needs[k])
            needs[kept++] = needs[k];
    if (kept < count)
        report_warning(p->report, v->place, "a task is named here more than once");
    p->t->tasks[task].needs = needs;
    p->t->tasks[task].needs_count = kept;
}

/* --- circles, and what comes after what --- */

enum colour { COLOUR_NEW, COLOUR_OPEN, COLOUR_DONE };

/* A walk along the needs, depth first, without recursion: a chain may be as long as a stage. */
struct walk {
    struct parser *p;
    uint8_t *colours;
    uint32_t *path, *next; /* tasks on the way, and which of its needs each takes next */
    uint32_t depth;
    bool has_circle;
};

static uint64_t *row_of(const struct parser *p, uint32_t task)
{
    return p->rows + (size_t)task * p->row_words;
}

static uint32_t bit_of(const struct parser *p, uint32_t task)
{
    return task - p->t->stages[p->t->tasks[task].stage].first_task;
}

static void report_circle(struct walk *w, uint32_t task)
{
    struct parser *p = w->p;
    struct text t = text_new(p->arena, CIRCLE_SHOWN_MAX * (EARLIER_NAME_BYTES_MAX + 8));
    uint32_t from = w->depth;
    while (w->path[from - 1] != task)
        from--;
    for (uint32_t k = from - 1; k < w->depth && k < from - 1 + CIRCLE_SHOWN_MAX; k++) {
        text_put(&t, p->t->tasks[w->path[k]].name);
        text_put_c(&t, " -> ");
    }
    if (w->depth - (from - 1) > CIRCLE_SHOWN_MAX)
        text_put_c(&t, "… -> ");
    text_put(&t, p->t->tasks[task].name);
    uint32_t last = w->path[w->depth - 1];
    report_error(p->report, p->sources[last].needs->place, "the needs go round in a circle: %s",
                 text_c(&t));
    w->has_circle = true;
}

static void enter(struct walk *w, uint32_t task)
{
    w->colours[task] = COLOUR_OPEN;
    w->path[w->depth] = task;
    w->next[w->depth++] = 0;
}

/* All it needs is known: it comes after those and after what they come after. */
static void leave(struct walk *w, uint32_t task)
{
    struct parser *p = w->p;
    const struct task *t = &p->t->tasks[task];
    uint64_t *row = row_of(p, task);
    for (uint32_t k = 0; k < t->needs_count; k++) {
        uint32_t need = t->needs[k];
        if (p->t->tasks[need].stage != t->stage)
            continue;
        for (uint32_t word = 0; word < p->row_words; word++)
            row[word] |= row_of(p, need)[word];
        row[bit_of(p, need) / 64] |= 1ull << (bit_of(p, need) % 64);
    }
    w->colours[task] = COLOUR_DONE;
    w->depth--;
}

static void walk_from(struct walk *w, uint32_t start)
{
    const struct template *t = w->p->t;
    if (w->colours[start] != COLOUR_NEW)
        return;
    enter(w, start);
    while (w->depth > 0) {
        uint32_t task = w->path[w->depth - 1], *next = &w->next[w->depth - 1];
        if (*next == t->tasks[task].needs_count) {
            leave(w, task);
            continue;
        }
        uint32_t need = t->tasks[task].needs[(*next)++];
        if (w->colours[need] == COLOUR_OPEN)
            report_circle(w, need);
        else if (w->colours[need] == COLOUR_NEW && t->tasks[need].stage == t->tasks[task].stage)
            enter(w, need);
    }
}

void template_check_needs(struct parser *p)
{
    const struct template *t = p->t;
    struct walk w = {.p = p};
    uint32_t widest = 0;
    for (uint32_t k = 0; k < t->stage_count; k++)
        if (t->stages[k].task_count > widest)
            widest = t->stages[k].task_count;
    p->row_words = (widest + 63) / 64;
    p->rows = arena_array(p->arena, (size_t)t->task_count * p->row_words, sizeof *p->rows);
    w.colours = arena_alloc(p->arena, t->task_count);
    w.path = arena_array(p->arena, t->task_count, sizeof *w.path);
    w.next = arena_array(p->arena, t->task_count, sizeof *w.next);
    for (uint32_t k = 0; k < t->task_count; k++)
        resolve_needs(p, k);
    for (uint32_t k = 0; k < t->task_count; k++)
        walk_from(&w, k);
    if (w.has_circle)
        p->rows = NULL;
}

bool template_is_after(const struct parser *p, uint32_t task, uint32_t earlier)
{
    const struct template *t = p->t;
    if (t->tasks[earlier].stage != t->tasks[task].stage)
        return t->tasks[earlier].stage < t->tasks[task].stage;
    if (p->rows == NULL)
        return true; /* a circle has been reported; more of it would only confuse */
    uint32_t bit = bit_of(p, earlier);
    return (row_of(p, task)[bit / 64] >> (bit % 64) & 1) != 0;
}
