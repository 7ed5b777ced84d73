/* Templates: the way from a file's bytes to a checked template, and finding in it. Documents come
 * before (doc.c); layout, step and the catalogue of versions use what comes out. */
#include "core/template.h"

#include "base/arena.h"
#include "base/text.h"
#include "core/template_int.h"

#include <string.h>

static const struct retry builtin_retry = {.max_attempts = RETRY_ATTEMPTS_DEFAULT,
                                           .delay_ms = RETRY_DELAY_MS_DEFAULT,
                                           .backoff = RETRY_BACKOFF_DEFAULT};
static const struct timeouts builtin_timeouts = {.running_ms = RUNNING_TIMEOUT_MS_DEFAULT};

/* How many tasks a stage has; a key that is there twice counts twice. */
static uint32_t count_tasks(const struct doc_value *stage)
{
    uint32_t count = 0;
    for (uint32_t k = 0; stage->type == DOC_MAP && k < stage->count; k++)
        if (slice_eq_text(stage->members[k].key, "tasks"))
            count += stage->members[k].value->count;
    return count;
}

bool template_make_room(struct parser *p)
{
    struct place whole = {1, 1};
    uint32_t tasks = 0;
    if (p->stages == NULL) {
        report_error(p->report, whole, "the template needs stages");
        return false;
    }
    if (!read_type(p, p->stages, DOC_LIST, "\"stages\""))
        return false;
    for (uint32_t k = 0; k < p->stages->count; k++)
        tasks += count_tasks(p->stages->items[k]);
    if (p->stages->count == 0 || p->stages->count > STAGES_MAX || tasks > TASKS_MAX) {
        report_error(p->report, p->stages->place,
                     "the template has %u stages and %u tasks; 1 to %d stages and at most %d tasks "
                     "are allowed",
                     p->stages->count, tasks, STAGES_MAX, TASKS_MAX);
        return false;
    }
    p->stage_capacity = p->stages->count;
    p->task_capacity = tasks;
    p->t->stages = arena_array(p->arena, p->stage_capacity, sizeof *p->t->stages);
    p->stage_places = arena_array(p->arena, p->stage_capacity, sizeof *p->stage_places);
    p->t->tasks = arena_array(p->arena, tasks, sizeof *p->t->tasks);
    p->sources = arena_array(p->arena, tasks, sizeof *p->sources);
    return true;
}

struct stage *template_add_stage(struct parser *p, struct place at)
{
    struct template *t = p->t;
    p->stage_places[t->stage_count] = at;
    struct stage *s = &t->stages[t->stage_count++];
    s->first_task = t->task_count;
    return s;
}

struct task *template_add_task(struct parser *p, struct place at)
{
    struct template *t = p->t;
    if (t->task_count == p->task_capacity)
        return NULL;
    p->sources[t->task_count].place = at;
    struct task *task = &t->tasks[t->task_count++];
    task->stage = t->stage_count - 1;
    t->stages[task->stage].task_count++;
    return task;
}

struct task_source *template_source(struct parser *p, const struct task *task)
{
    return &p->sources[task - p->t->tasks];
}

static void parse_document(struct parser *p, const struct doc_value *root)
{
    if (!read_type(p, root, DOC_MAP, "a template"))
        return;
    if (template_is_earlier(root))
        template_parse_earlier(p, root);
    else
        template_parse_form(p, root);
    if (p->t->stages == NULL)
        return;
    template_check_names(p);
    template_check_needs(p);
    template_check_expressions(p);
}

enum err template_parse(struct arena *a, struct slice file, struct slice source,
                        struct template_report *report, struct template **out)
{
    struct report *r = arena_alloc(a, sizeof *r);
    struct parser *p = arena_alloc(a, sizeof *p);
    const struct doc_value *root;
    report_init(r, a, file);
    *out = NULL;
    *p = (struct parser){.arena = a, .report = r, .retry = builtin_retry};
    p->timeouts = builtin_timeouts;
    p->t = arena_alloc(a, sizeof *p->t);
    if (doc_read(r, source, &root) == ERR_NONE)
        parse_document(p, root);
    report_finish(r, report);
    if (report->error_count > 0)
        return ERR_INVALID;
    p->t->source = slice_copy(a, source);
    hash_sha256(template_canonical(a, p->t), p->t->digest);
    *out = p->t;
    return ERR_NONE;
}

int template_find_stage(const struct template *t, struct slice name)
{
    for (uint32_t k = 0; k < t->stage_count; k++)
        if (slice_eq(t->stages[k].name, name))
            return (int)k;
    return -1;
}

static int find_by_id(const struct template *t, struct slice id)
{
    uint32_t low = 0, high = t->task_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2, task = t->by_id[middle];
        int order = slice_compare(t->tasks[task].id, id);
        if (order == 0)
            return (int)task;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

int template_find_task(const struct template *t, int stage, struct slice name)
{
    if (stage < 0 && t->by_id != NULL)
        return find_by_id(t, name);
    uint32_t first = stage < 0 ? 0 : t->stages[stage].first_task;
    uint32_t count = stage < 0 ? t->task_count : t->stages[stage].task_count;
    for (uint32_t k = first; k < first + count; k++)
        if (slice_eq(stage < 0 ? t->tasks[k].id : t->tasks[k].name, name))
            return (int)k;
    return -1;
}

int template_named_task(const struct template *t, struct slice stage, struct slice task)
{
    int index = stage.len > 0 ? template_find_stage(t, stage) : -1;
    return stage.len > 0 && index < 0 ? -1 : template_find_task(t, index, task);
}

bool template_is_for_people(const struct template *t, struct slice stage, struct slice task)
{
    int index = template_named_task(t, stage, task);
    return index >= 0 && t->tasks[index].kind == TASK_KIND_HUMAN;
}

struct slice template_error_text(struct arena *a, const struct template_error *e)
{
    struct text t = text_new(a, e->file.len + e->message.len + 64);
    text_put(&t, e->file);
    if (e->line > 0)
        text_printf(&t, ":%u:%u", e->line, e->column);
    text_put_c(&t, e->is_warning ? ": warning: " : ": ");
    text_put(&t, e->message);
    return text_slice(&t);
}

struct slice template_queue_name(struct slice queue)
{
    size_t from = queue.len;
    while (from > 0 && queue.at[from - 1] != ':' && queue.at[from - 1] != '/')
        from--;
    return queue.at == NULL ? queue : (struct slice){queue.at + from, queue.len - from};
}
