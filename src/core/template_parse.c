/* Reads a template in our form out of a document: one table of keys for each mapping, one function
 * for each key. The document comes before; what concerns the whole (needs, expressions) is checked
 * after, in template_check.c. */
#include "core/template_int.h"

#include "base/arena.h"
#include "base/time.h"
#include "core/number.h"

/* --- retry and timeouts --- */

static void take_max_attempts(struct parser *p, const struct doc_member *m, void *target)
{
    struct retry *r = target;
    read_int(p, m, RETRY_ATTEMPTS_MAX, &r->max_attempts);
}

static void take_delay(struct parser *p, const struct doc_member *m, void *target)
{
    struct retry *r = target;
    read_duration(p, m, false, &r->delay_ms);
}

static void take_backoff(struct parser *p, const struct doc_member *m, void *target)
{
    struct retry *r = target;
    bool is_number = m->value->type == DOC_INT || m->value->type == DOC_FLOAT;
    double backoff = is_number ? number_double(p->arena, m->value->text) : 0;
    if (backoff >= 1 && backoff <= RETRY_BACKOFF_MAX)
        r->backoff = backoff;
    else
        report_error(p->report, m->value->place, "\"backoff\" must be a number from 1 to %d",
                     RETRY_BACKOFF_MAX);
}

static void take_max_delay(struct parser *p, const struct doc_member *m, void *target)
{
    struct retry *r = target;
    read_duration(p, m, true, &r->max_delay_ms);
}

static void take_retry_total(struct parser *p, const struct doc_member *m, void *target)
{
    struct retry *r = target;
    read_duration(p, m, true, &r->total_ms);
}

static void take_jitter(struct parser *p, const struct doc_member *m, void *target)
{
    struct retry *r = target;
    int word = read_word(p, m, VOCAB_JITTER);
    if (word >= 0)
        r->jitter = (enum jitter)word;
}

static void take_not_on(struct parser *p, const struct doc_member *m, void *target)
{
    struct retry *r = target;
    if (!read_type(p, m->value, DOC_LIST, "\"not_on\""))
        return;
    struct slice *names = arena_array(p->arena, m->value->count, sizeof *names);
    for (uint32_t k = 0; k < m->value->count; k++) {
        const struct doc_value *v = m->value->items[k];
        struct doc_member item = {SLICE("not_on"), v->place, v};
        read_text(p, &item, ERROR_NAME_BYTES_MAX, &names[k]);
    }
    r->not_on = names;
    r->not_on_count = m->value->count;
}

static void take_queued(struct parser *p, const struct doc_member *m, void *target)
{
    struct timeouts *t = target;
    read_duration(p, m, true, &t->queued_ms);
}

static void take_running(struct parser *p, const struct doc_member *m, void *target)
{
    struct timeouts *t = target;
    read_duration(p, m, true, &t->running_ms);
}

static void take_heartbeat(struct parser *p, const struct doc_member *m, void *target)
{
    struct timeouts *t = target;
    read_duration(p, m, true, &t->heartbeat_ms);
}

static void take_total(struct parser *p, const struct doc_member *m, void *target)
{
    struct timeouts *t = target;
    read_duration(p, m, true, &t->total_ms);
}

static const struct key_rule retry_rules[] = {
    {"max_attempts", take_max_attempts},
    {"delay", take_delay},
    {"backoff", take_backoff},
    {"max_delay", take_max_delay},
    {"jitter", take_jitter},
    {"total", take_retry_total},
    {"not_on", take_not_on},
    {NULL, NULL},
};

static const struct key_rule timeout_rules[] = {
    {"queued", take_queued},
    {"running", take_running},
    {"heartbeat", take_heartbeat},
    {"total", take_total},
    {NULL, NULL},
};

static void take_default_retry(struct parser *p, const struct doc_member *m, void *target)
{
    (void)target;
    read_map(p, m->value, retry_rules, "retry", &p->retry);
}

static void take_default_timeout(struct parser *p, const struct doc_member *m, void *target)
{
    (void)target;
    read_map(p, m->value, timeout_rules, "timeout", &p->timeouts);
}

/* --- a human's part --- */

static void take_assignee(struct parser *p, const struct doc_member *m, void *target)
{
    struct task *t = target;
    read_plain_text(p, m, EARLIER_NAME_BYTES_MAX, &t->assignee);
}

static void take_group(struct parser *p, const struct doc_member *m, void *target)
{
    struct task *t = target;
    read_plain_text(p, m, EARLIER_NAME_BYTES_MAX, &t->group);
}

static void take_due(struct parser *p, const struct doc_member *m, void *target)
{
    struct task *t = target;
    read_duration(p, m, true, &t->due_ms);
}

static void take_form(struct parser *p, const struct doc_member *m, void *target)
{
    struct task *t = target;
    t->form = read_schema(p, m);
}

static const struct key_rule human_rules[] = {
    {"assignee", take_assignee}, {"group", take_group}, {"due", take_due},
    {"form", take_form},         {NULL, NULL},
};

/* --- a task --- */

static void take_task_name(struct parser *p, const struct doc_member *m, void *target)
{
    struct task *t = target;
    template_source(p, t)->place = m->value->place;
    read_name(p, m, &t->name);
}

static void take_queue(struct parser *p, const struct doc_member *m, void *target)
{
    struct task *t = target;
    template_source(p, t)->has_queue = true;
    read_queue(p, m, &t->queue);
}

static void take_human(struct parser *p, const struct doc_member *m, void *target)
{
    struct task *t = target;
    template_source(p, t)->has_human = true;
    read_map(p, m->value, human_rules, "human", t);
    if (t->assignee.len > 0 && t->group.len > 0)
        report_error(p->report, m->value->place,
                     "\"human\" has an assignee and a group; give one of them");
}

static void take_later_kind(struct parser *p, const struct doc_member *m, void *target)
{
    template_source(p, target)->has_later_kind = true;
    report_error(p->report, m->place,
                 "not yet: tasks of the kind %s come with a later version; this one has queue and "
                 "human",
                 report_quote(p->arena, m->key));
}

static void take_needs(struct parser *p, const struct doc_member *m, void *target)
{
    if (read_type(p, m->value, DOC_LIST, "\"needs\""))
        template_source(p, target)->needs = m->value;
}

static void take_task_input(struct parser *p, const struct doc_member *m, void *target)
{
    template_source(p, target)->input = m->value;
}

static void take_business_status(struct parser *p, const struct doc_member *m, void *target)
{
    struct task *t = target;
    read_plain_text(p, m, EARLIER_NAME_BYTES_MAX, &t->business_status);
}

static void take_retry(struct parser *p, const struct doc_member *m, void *target)
{
    struct task *t = target;
    read_map(p, m->value, retry_rules, "retry", &t->retry);
}

static void take_timeout(struct parser *p, const struct doc_member *m, void *target)
{
    struct task *t = target;
    read_map(p, m->value, timeout_rules, "timeout", &t->timeout);
}

static const struct key_rule task_rules[] = {
    {"name", take_task_name},
    {"queue", take_queue},
    {"human", take_human},
    {"needs", take_needs},
    {"input", take_task_input},
    {"business_status", take_business_status},
    {"retry", take_retry},
    {"timeout", take_timeout},
    {"http", take_later_kind},
    {"wait", take_later_kind},
    {"event", take_later_kind},
    {"workflow", take_later_kind},
    {"publish", take_later_kind},
    {"when", NULL},
    {"on_failure", NULL},
    {"catch", NULL},
    {"compensate", NULL},
    {"for_each", NULL},
    {"max_concurrent", NULL},
    {"repeat", NULL},
    {"priority", NULL},
    {"labels", NULL},
    {NULL, NULL},
};

static void check_kind(struct parser *p, const struct task *t, const struct doc_value *v)
{
    const struct task_source *s = template_source(p, t);
    if (t->name.at == NULL && doc_get(v, "name") == NULL)
        report_error(p->report, v->place, "a task needs a name");
    if (s->has_queue && s->has_human)
        report_error(p->report, s->place, "a task has either queue or human, not both");
    if (!s->has_queue && !s->has_human && !s->has_later_kind)
        report_error(p->report, s->place,
                     "the task does not say who does it: give it queue or human");
}

static void parse_task(struct parser *p, const struct doc_value *v)
{
    struct task *t = template_add_task(p, v->place);
    if (t == NULL || !read_type(p, v, DOC_MAP, "a task"))
        return;
    bool is_human = doc_get(v, "human") != NULL && doc_get(v, "queue") == NULL;
    t->kind = is_human ? TASK_KIND_HUMAN : TASK_KIND_QUEUE;
    t->retry = p->retry;
    if (!is_human)
        t->timeout = p->timeouts;
    read_map(p, v, task_rules, "a task", t);
    check_kind(p, t, v);
}

/* --- a stage --- */

static void take_stage_name(struct parser *p, const struct doc_member *m, void *target)
{
    struct stage *s = target;
    p->stage_places[s - p->t->stages] = m->value->place;
    read_name(p, m, &s->name);
}

static void take_tasks(struct parser *p, const struct doc_member *m, void *target)
{
    (void)target;
    read_tasks(p, m, parse_task);
}

static const struct key_rule stage_rules[] = {
    {"name", take_stage_name},
    {"tasks", take_tasks},
    {NULL, NULL},
};

static void parse_stage(struct parser *p, const struct doc_value *v)
{
    struct stage *s = template_add_stage(p, v->place);
    read_map(p, v, stage_rules, "a stage", s);
    if (v->type == DOC_MAP && doc_get(v, "name") == NULL)
        report_error(p->report, v->place, "a stage needs a name");
}

/* --- the template --- */

static void take_name(struct parser *p, const struct doc_member *m, void *target)
{
    (void)target;
    read_name(p, m, &p->t->name);
}

static void take_description(struct parser *p, const struct doc_member *m, void *target)
{
    (void)target;
    read_text(p, m, DESCRIPTION_BYTES_MAX, &p->t->description);
}

static void take_key_expression(struct parser *p, const struct doc_member *m, void *target)
{
    (void)target;
    if (read_type(p, m->value, DOC_TEXT, "\"key\""))
        p->key = m->value;
}

static void take_on_duplicate(struct parser *p, const struct doc_member *m, void *target)
{
    (void)target;
    int word = read_word(p, m, VOCAB_ON_DUPLICATE);
    if (word >= 0)
        p->t->on_duplicate = (enum on_duplicate)word;
}

static void take_input(struct parser *p, const struct doc_member *m, void *target)
{
    (void)target;
    p->t->input = read_schema(p, m);
}

static void take_workflow_timeout(struct parser *p, const struct doc_member *m, void *target)
{
    (void)target;
    read_duration(p, m, true, &p->t->timeout_ms);
}

static void take_defaults(struct parser *p, const struct doc_member *m, void *target)
{
    static const struct key_rule rules[] = {
        {"retry", take_default_retry},
        {"timeout", take_default_timeout},
        {NULL, NULL},
    };
    read_map(p, m->value, rules, "defaults", target);
}

static void take_stages(struct parser *p, const struct doc_member *m, void *target)
{
    (void)target;
    p->stages = m->value;
}

static void take_output(struct parser *p, const struct doc_member *m, void *target)
{
    (void)target;
    p->output = m->value;
}

static const struct key_rule template_rules[] = {
    {"name", take_name},
    {"description", take_description},
    {"key", take_key_expression},
    {"on_duplicate", take_on_duplicate},
    {"input", take_input},
    {"timeout", take_workflow_timeout},
    {"defaults", take_defaults},
    {"stages", take_stages},
    {"output", take_output},
    {"priority", NULL},
    {"labels", NULL},
    {NULL, NULL},
};

void template_parse_form(struct parser *p, const struct doc_value *root)
{
    /* Defaults are known before the stages are read, wherever they stand. */
    read_map(p, root, template_rules, "the template", p->t);
    if (doc_get(root, "name") == NULL)
        report_error(p->report, root->place, "the template needs a name");
    if (!template_make_room(p))
        return;
    for (uint32_t k = 0; k < p->stages->count; k++)
        parse_stage(p, p->stages->items[k]);
}
