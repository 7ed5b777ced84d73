/* Reads a template in the earlier form (workflow_name, component_name, stage_order, parent_task).
 * Its names may hold blanks and any letters; fields it does not know are kept and travel in the
 * task message. What comes out is the same model, so that nothing after this asks which form it
 * was. */
#include "core/template_int.h"

#include "base/arena.h"
#include "core/number.h"

#include <stdlib.h>
#include <string.h>

enum { SLUG_HASH_BYTES = 4 };

/* Fields of a document that were written while a workflow ran. */
static const char *const ignored[] = {"status", "reason", "last_updated_time_pretty", NULL};
/* What the task message says itself. */
static const char *const message_fields[] = {
    "event", "token",    "template",   "version",         "instance",       "key",
    "stage", "task",     "item",       "generation",      "attempt",        "idempotency_key",
    "input", "deadline", "event_name", "business_ref_no", "component_name", "stage_name",
    NULL};

static bool is_one_of(struct slice s, const char *const *words)
{
    for (; *words != NULL; words++)
        if (slice_eq_text(s, *words))
            return true;
    return false;
}

bool template_is_earlier(const struct doc_value *root)
{
    return doc_get(root, "workflow_name") != NULL || doc_get(root, "component_name") != NULL;
}

/* Fields that are not in `rules` become one JSON object; absent when there are none. */
static struct slice collect_extra(struct parser *p, const struct doc_value *v,
                                  const struct key_rule *rules, bool is_task)
{
    struct text t = text_new(p->arena, TEMPLATE_BYTES_MAX);
    for (uint32_t k = 0; k < v->count; k++) {
        const struct doc_member *m = &v->members[k];
        const char *quoted = report_quote(p->arena, m->key);
        const struct key_rule *rule = rules;
        struct suggestion near = report_suggest(m->key);
        for (; rule->name != NULL && !slice_eq_text(m->key, rule->name); rule++)
            report_candidate(&near, slice_of(rule->name));
        if (rule->name != NULL)
            continue;
        if (is_one_of(m->key, ignored)) {
            report_warning(p->report, m->place, "%s is ignored in a template", quoted);
            continue;
        }
        if (is_task && is_one_of(m->key, message_fields)) {
            report_warning(p->report, m->place,
                           "%s is ignored: the task message has a field of that name", quoted);
            continue;
        }
        if (near.best.at != NULL)
            report_warning(p->report, m->place, "%s is kept as a field of your own%s", quoted,
                           report_hint(p->arena, &near));
        text_put_char(&t, t.len == 0 ? '{' : ',');
        text_put_json(&t, m->key);
        text_put_char(&t, ':');
        doc_put_json(&t, m->value);
    }
    if (t.len == 0)
        return SLICE_NONE;
    text_put_char(&t, '}');
    if (t.is_cut)
        report_error(p->report, v->place, "the further fields have more than %d bytes as JSON",
                     TEMPLATE_BYTES_MAX);
    return text_slice(&t);
}

static void read_fields(struct parser *p, const struct doc_value *v, const struct key_rule *rules,
                        void *target)
{
    for (uint32_t k = 0; k < v->count; k++)
        for (const struct key_rule *rule = rules; rule->name != NULL; rule++)
            if (rule->take != NULL && slice_eq_text(v->members[k].key, rule->name))
                rule->take(p, &v->members[k], target);
}

static void read_earlier_name(struct parser *p, const struct doc_member *m, struct slice *out)
{
    struct slice s = SLICE_NONE;
    if (!read_text(p, m, EARLIER_NAME_BYTES_MAX, &s))
        return;
    if (memchr(s.at, '/', s.len) != NULL)
        report_error(p->report, m->value->place, "%s holds a /, which names may not",
                     report_quote(p->arena, s));
    else
        *out = s;
}

static void require(struct parser *p, const struct doc_value *v, const char *key)
{
    if (doc_get(v, key) == NULL)
        report_error(p->report, v->place, "\"%s\" is missing", key);
}

/* --- a task --- */

static void take_task_name(struct parser *p, const struct doc_member *m, void *target)
{
    struct task *t = target;
    template_source(p, t)->place = m->value->place;
    read_earlier_name(p, m, &t->name);
}

static void take_parent_task(struct parser *p, const struct doc_member *m, void *target)
{
    if (m->value->type != DOC_NULL && read_type(p, m->value, DOC_LIST, "\"parent_task\""))
        template_source(p, target)->needs = m->value;
}

static void take_task_queue(struct parser *p, const struct doc_member *m, void *target)
{
    struct task *t = target;
    if (m->value->type != DOC_NULL)
        read_queue(p, m, &t->queue);
}

static void take_task_type(struct parser *p, const struct doc_member *m, void *target)
{
    struct task *t = target;
    template_source(p, t)->has_human = slice_eq_text(m->value->text, "HUMAN");
    if (m->value->type != DOC_TEXT ||
        (!slice_eq_text(m->value->text, "HUMAN") && !slice_eq_text(m->value->text, "SERVICE")))
        report_error(p->report, m->value->place, "\"task_type\" must be SERVICE or HUMAN");
}

static void take_business_status(struct parser *p, const struct doc_member *m, void *target)
{
    struct task *t = target;
    if (m->value->type != DOC_NULL)
        read_text(p, m, EARLIER_NAME_BYTES_MAX, &t->business_status);
}

static void take_assigned_to(struct parser *p, const struct doc_member *m, void *target)
{
    struct task *t = target;
    if (m->value->type != DOC_NULL)
        read_text(p, m, EARLIER_NAME_BYTES_MAX, &t->assignee);
}

static const struct key_rule task_rules[] = {
    {"task_name", take_task_name},
    {"parent_task", take_parent_task},
    {"task_queue", take_task_queue},
    {"task_type", take_task_type},
    {"business_status", take_business_status},
    {"assigned_to", take_assigned_to},
    {NULL, NULL},
};

static void parse_task(struct parser *p, const struct doc_value *v)
{
    struct task *t = template_add_task(p, v->place);
    if (t == NULL || !read_type(p, v, DOC_MAP, "a task"))
        return;
    read_fields(p, v, task_rules, t);
    t->extra = collect_extra(p, v, task_rules, true);
    t->kind = template_source(p, t)->has_human ? TASK_KIND_HUMAN : TASK_KIND_QUEUE;
    t->retry = p->retry;
    if (t->kind == TASK_KIND_QUEUE)
        t->timeout = p->timeouts;
    require(p, v, "task_name");
    require(p, v, "task_type");
    if (t->kind == TASK_KIND_QUEUE)
        require(p, v, "task_queue");
}

/* --- stages, in the order of stage_order --- */

struct ordered {
    const struct doc_value *stage;
    double order;
    uint32_t index; /* in the file */
};

static int compare_ordered(const void *x, const void *y)
{
    const struct ordered *a = x, *b = y;
    if (a->order < b->order || a->order > b->order)
        return a->order < b->order ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static struct ordered order_of(struct parser *p, const struct doc_value *v, uint32_t index)
{
    const struct doc_value *order = doc_get(v, "stage_order");
    struct ordered o = {v, 0, index};
    if (order == NULL)
        return o;
    if (order->type == DOC_INT || order->type == DOC_FLOAT)
        o.order = number_double(p->arena, order->text);
    else
        report_error(p->report, order->place, "\"stage_order\" must be a number");
    return o;
}

static struct ordered *sort_stages(struct parser *p)
{
    uint32_t count = p->stages->count;
    struct ordered *all = arena_array(p->arena, count, sizeof *all);
    for (uint32_t k = 0; k < count; k++)
        all[k] = order_of(p, p->stages->items[k], k);
    qsort(all, count, sizeof *all, compare_ordered);
    for (uint32_t k = 1; k < count; k++) {
        const struct doc_value *first = doc_get(all[k - 1].stage, "stage_order");
        const struct doc_value *second = doc_get(all[k].stage, "stage_order");
        if (first != NULL && second != NULL && !(all[k - 1].order < all[k].order))
            report_error(p->report, second->place,
                         "\"stage_order\" is that of another stage too, at %u:%u",
                         first->place.line, first->place.column);
    }
    return all;
}

static void take_stage_name(struct parser *p, const struct doc_member *m, void *target)
{
    struct stage *s = target;
    p->stage_places[s - p->t->stages] = m->value->place;
    read_earlier_name(p, m, &s->name);
}

static void take_tasks(struct parser *p, const struct doc_member *m, void *target)
{
    (void)target;
    read_tasks(p, m, parse_task);
}

static void parse_stage(struct parser *p, const struct ordered *o)
{
    static const struct key_rule rules[] = {{"stage_name", take_stage_name},
                                            {"stage_order", NULL},
                                            {"tasks", take_tasks},
                                            {NULL, NULL}};
    struct stage *s = template_add_stage(p, o->stage->place);
    if (!read_type(p, o->stage, DOC_MAP, "a stage"))
        return;
    require(p, o->stage, "stage_name");
    require(p, o->stage, "stage_order");
    read_fields(p, o->stage, rules, s);
    s->order = number_text(p->arena, o->order);
    s->extra = collect_extra(p, o->stage, rules, false);
}

/* --- the template --- */

/* "Admit Patient" becomes admit-patient. What has no letter to begin with gets one. */
static struct slice make_slug(struct parser *p, struct slice title)
{
    struct text t = text_new(p->arena, NAME_BYTES_MAX);
    bool has_gap = false;
    for (size_t k = 0; k < title.len; k++) {
        char c = title.at[k];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        bool is_kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (is_kept && has_gap && t.len > 0 && t.len + 1 < NAME_BYTES_MAX)
            text_put_char(&t, '-');
        if (is_kept && t.len == 0 && c <= '9')
            text_put_c(&t, "workflow-");
        if (is_kept)
            text_put_char(&t, c);
        has_gap = !is_kept;
    }
    if (t.len > 0)
        return text_slice(&t);
    uint8_t digest[SHA256_BYTES];
    hash_sha256(title, digest);
    text_put_c(&t, "workflow-");
    text_put(&t, hex_encode(p->arena, digest, SLUG_HASH_BYTES));
    return text_slice(&t);
}

static void take_workflow_name(struct parser *p, const struct doc_member *m, void *target)
{
    struct template *t = target;
    if (read_text(p, m, EARLIER_NAME_BYTES_MAX, &t->title))
        t->name = make_slug(p, t->title);
}

static void take_component_name(struct parser *p, const struct doc_member *m, void *target)
{
    struct template *t = target;
    read_earlier_name(p, m, &t->alias);
}

static void take_stages(struct parser *p, const struct doc_member *m, void *target)
{
    (void)target;
    p->stages = m->value;
}

void template_parse_earlier(struct parser *p, const struct doc_value *root)
{
    static const struct key_rule rules[] = {{"workflow_name", take_workflow_name},
                                            {"component_name", take_component_name},
                                            {"stages", take_stages},
                                            {NULL, NULL}};
    p->t->is_earlier = true;
    require(p, root, "workflow_name");
    require(p, root, "component_name");
    read_fields(p, root, rules, p->t);
    p->t->extra = collect_extra(p, root, rules, false);
    if (!template_make_room(p))
        return;
    const struct ordered *all = sort_stages(p);
    for (uint32_t k = 0; k < p->stages->count; k++)
        parse_stage(p, &all[k]);
}
