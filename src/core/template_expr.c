/* Compiles the expressions of a template and checks the tasks they name: each exists and has come
 * to its end before the expression is worked out. Each text is tried alone first, so that an error
 * has the place of its text. Needs are checked before. */
#include "core/template_int.h"

#include "base/arena.h"
#include "core/expr.h"

/* Who may read what: a key the input, a task what comes before it, the output everything. */
struct reader {
    struct parser *p;
    struct place place;
    int64_t task; /* whose input it is; -1: the output */
    bool is_key;  /* .input alone */
};

static void check_path(void *context, struct slice root, struct slice task)
{
    const struct reader *r = context;
    struct parser *p = r->p;
    const char *quoted = report_quote(p->arena, task);
    if (slice_eq_text(root, "input"))
        return;
    if (r->is_key) {
        report_error(p->report, r->place,
                     "the key is made when an instance starts: only .input "
                     "is there");
        return;
    }
    int found = template_find_named(p, task, 0);
    struct suggestion near = report_suggest(task);
    for (uint32_t k = 0; found < 0 && k < p->t->task_count && !report_is_full(p->report); k++)
        report_candidate(&near, p->t->tasks[k].name);
    if (found < 0)
        report_error(p->report, r->place, "there is no task %s%s", quoted,
                     report_hint(p->arena, &near));
    else if (r->task == found)
        report_error(p->report, r->place, "the input of %s can't use its own output", quoted);
    else if (r->task >= 0 && !template_is_after(p, (uint32_t)r->task, (uint32_t)found))
        report_error(p->report, r->place,
                     "%s may not be finished then: it must be in an earlier stage, or needed",
                     quoted);
}

static bool has_expression(struct slice s)
{
    for (size_t k = 0; k + 1 < s.len; k++)
        if (s.at[k] == '$' && s.at[k + 1] == '{')
            return true;
    return false;
}

static void check_json(struct reader *r, struct slice json, struct place at)
{
    const struct expr *e;
    struct slice why;
    r->place = at;
    if (expr_compile(r->p->arena, json, &e, &why) == ERR_NONE)
        expr_each_path(e, check_path, r);
    else
        report_error(r->p->report, at, "%.*s", SLICE_ARG(why));
}

static void check_key(struct reader *r, const struct doc_member *m)
{
    struct text json = text_new(r->p->arena, TEMPLATE_BYTES_MAX);
    if (!has_expression(m->key))
        return;
    text_put_char(&json, '{');
    text_put_json(&json, m->key);
    text_put_c(&json, ":null}");
    check_json(r, text_slice(&json), m->place);
}

static void check_texts(struct reader *r, const struct doc_value *v)
{
    if (v->type == DOC_TEXT && has_expression(v->text)) {
        struct slice json = read_json(r->p, v);
        if (json.at != NULL)
            check_json(r, json, v->place);
    }
    for (uint32_t k = 0; k < v->count; k++) {
        if (v->type == DOC_MAP)
            check_key(r, &v->members[k]);
        check_texts(r, v->type == DOC_MAP ? v->members[k].value : v->items[k]);
    }
}

static const struct expr *compile(struct reader r, const struct doc_value *v)
{
    const struct expr *e = NULL;
    struct slice why;
    uint32_t before = r.p->report->error_count;
    if (v == NULL)
        return NULL;
    check_texts(&r, v);
    if (r.p->report->error_count > before)
        return NULL;
    struct slice json = read_json(r.p, v);
    if (json.at != NULL && expr_compile(r.p->arena, json, &e, &why) != ERR_NONE)
        report_error(r.p->report, v->place, "%.*s", SLICE_ARG(why));
    return e;
}

void template_check_expressions(struct parser *p)
{
    struct template *t = p->t;
    t->key = compile((struct reader){.p = p, .task = -1, .is_key = true}, p->key);
    for (uint32_t k = 0; k < t->task_count; k++)
        t->tasks[k].input = compile((struct reader){.p = p, .task = k}, p->sources[k].input);
    t->output = compile((struct reader){.p = p, .task = -1}, p->output);
}
