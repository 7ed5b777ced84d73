/* Reads single values of a template out of the document: texts, names, durations, words. Each says
 * what is wrong at the place of the value, in the words of the key it stands under. */
#include "core/template_int.h"

#include <string.h>

#include "base/arena.h"
#include "base/time.h"
#include "core/schema.h"

#define QUOTED(p, s) report_quote((p)->arena, (s))

static const char *quote_key(struct parser *p, const struct doc_member *m)
{
    return QUOTED(p, m->key);
}

bool read_type(struct parser *p, const struct doc_value *v, enum doc_type type, const char *what)
{
    if (v->type == type)
        return true;
    bool needs_quotes = type == DOC_TEXT && v->type < DOC_TEXT && v->type != DOC_NULL;
    report_error(p->report, v->place, "%s must be %s, but it is %s%s", what, doc_type_text(type),
                 doc_type_text(v->type), needs_quotes ? "; put it in quotes" : "");
    return false;
}

static void refuse_key(struct parser *p, const struct doc_member *m, const struct key_rule *rules,
                       const char *what)
{
    struct suggestion near = report_suggest(m->key);
    for (; rules->name != NULL && !report_is_full(p->report); rules++)
        report_candidate(&near, slice_of(rules->name));
    report_error(p->report, m->place, "unknown key %s in %s%s", quote_key(p, m), what,
                 report_hint(p->arena, &near));
}

void read_map(struct parser *p, const struct doc_value *v, const struct key_rule *rules,
              const char *what, void *target)
{
    if (!read_type(p, v, DOC_MAP, what))
        return;
    for (uint32_t k = 0; k < v->count; k++) {
        const struct doc_member *m = &v->members[k];
        const struct key_rule *rule = rules;
        while (rule->name != NULL && !slice_eq_text(m->key, rule->name))
            rule++;
        if (rule->name == NULL)
            refuse_key(p, m, rules, what);
        else if (rule->take == NULL)
            report_error(p->report, m->place,
                         "not yet: %s in %s comes with a later version; remove it", quote_key(p, m),
                         what);
        else
            rule->take(p, m, target);
    }
}

static bool has_control(struct slice s, bool allows_lines)
{
    for (size_t k = 0; k < s.len; k++) {
        unsigned char c = (unsigned char)s.at[k];
        if (c == 0x7f || (c < 0x20 && !(allows_lines && (c == '\n' || c == '\t'))))
            return true;
        if (c == 0xc2 && k + 1 < s.len && (unsigned char)s.at[k + 1] < 0xa0)
            return true;
    }
    return false;
}

bool read_text(struct parser *p, const struct doc_member *m, size_t bytes_max, struct slice *out)
{
    struct slice s = m->value->text;
    bool allows_lines = bytes_max >= DESCRIPTION_BYTES_MAX;
    if (!read_type(p, m->value, DOC_TEXT, quote_key(p, m)))
        return false;
    if (s.len == 0 || s.len > bytes_max)
        report_error(p->report, m->value->place, "%s has %zu bytes; 1 to %zu are allowed",
                     quote_key(p, m), s.len, bytes_max);
    else if (has_control(s, allows_lines))
        report_error(p->report, m->value->place, "%s holds a control character", quote_key(p, m));
    else
        *out = slice_copy(p->arena, s);
    return out->at != NULL;
}

bool read_plain_text(struct parser *p, const struct doc_member *m, size_t bytes_max,
                     struct slice *out)
{
    if (!read_text(p, m, bytes_max, out))
        return false;
    size_t k = 0;
    while (k < out->len &&
           !slice_has_prefix((struct slice){out->at + k, out->len - k}, SLICE("${")))
        k++;
    if (k == out->len)
        return true;
    report_error(p->report, m->value->place, "not yet: %s takes no expression in this version",
                 quote_key(p, m));
    return false;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(struct slice s)
{
    for (size_t k = 0; k < s.len; k++)
        if (!is_letter(s.at[k]) && !(s.at[k] >= '0' && s.at[k] <= '9') && s.at[k] != '_' &&
            s.at[k] != '-')
            return false;
    return s.len > 0;
}

bool read_name(struct parser *p, const struct doc_member *m, struct slice *out)
{
    struct slice s = m->value->text;
    if (!read_type(p, m->value, DOC_TEXT, quote_key(p, m)))
        return false;
    if (s.len <= NAME_BYTES_MAX && is_word(s) && is_letter(s.at[0])) {
        *out = slice_copy(p->arena, s);
        return true;
    }
    report_error(p->report, m->value->place,
                 "%s is no name: a letter, then letters, digits, _ and -, %d at most", QUOTED(p, s),
                 NAME_BYTES_MAX);
    return false;
}

static bool is_queue_name(struct slice s)
{
    size_t len = s.len;
    if (slice_has_suffix(s, SLICE(".fifo")))
        s.len -= 5;
    return len <= QUEUE_NAME_BYTES_MAX && is_word(s);
}

static bool is_account(struct slice s)
{
    for (size_t k = 0; k < s.len; k++)
        if (s.at[k] < '0' || s.at[k] > '9')
            return false;
    return s.len > 0;
}

/* arn:PARTITION:sqs:REGION:ACCOUNT:NAME */
static bool is_queue_arn(struct slice s)
{
    struct slice part[6], rest = s;
    for (int k = 0; k < 6; k++) {
        if (rest.at == NULL)
            return false;
        slice_cut(rest, ':', &part[k], &rest);
    }
    return rest.at == NULL && slice_eq_text(part[0], "arn") && is_word(part[1]) &&
           slice_eq_text(part[2], "sqs") && is_word(part[3]) && is_account(part[4]) &&
           is_queue_name(part[5]);
}

/* https://HOST/ACCOUNT/NAME */
static bool is_queue_url(struct slice s)
{
    struct slice scheme, host, account, name;
    slice_cut(s, '/', &scheme, &host);
    if (!slice_eq_text(scheme, "https:") && !slice_eq_text(scheme, "http:"))
        return false;
    slice_cut(host, '/', &scheme, &host);
    if (scheme.len > 0 || host.at == NULL)
        return false;
    slice_cut(host, '/', &host, &account);
    slice_cut(account, '/', &account, &name);
    for (size_t k = 0; k < host.len; k++)
        if (host.at[k] <= ' ' || host.at[k] > '~' || strchr("\"\\@?#%<>{}|^`", host.at[k]) != NULL)
            return false;
    return host.len > 0 && is_account(account) && is_queue_name(name);
}

bool read_queue(struct parser *p, const struct doc_member *m, struct slice *out)
{
    struct slice s = m->value->text;
    if (!read_type(p, m->value, DOC_TEXT, quote_key(p, m)))
        return false;
    if (s.len <= QUEUE_ADDRESS_BYTES_MAX &&
        (is_queue_name(s) || is_queue_arn(s) || is_queue_url(s))) {
        *out = slice_copy(p->arena, s);
        return true;
    }
    report_error(p->report, m->value->place,
                 "%s is no queue: a name of letters, digits, _ and -, %d at most, perhaps with "
                 ".fifo at the end; or the ARN or the URL of a queue on Amazon SQS",
                 QUOTED(p, s), QUEUE_NAME_BYTES_MAX);
    return false;
}

void read_duration(struct parser *p, const struct doc_member *m, bool may_be_none, int64_t *out)
{
    int64_t ms = 0;
    const struct doc_value *v = m->value;
    if (may_be_none && v->type == DOC_TEXT && slice_eq_text(v->text, "none")) {
        *out = 0;
        return;
    }
    if (v->type == DOC_TEXT && duration_parse(v->text, &ms) && (ms > 0 || !may_be_none)) {
        *out = ms;
        return;
    }
    if (v->type == DOC_TEXT && duration_parse(v->text, &ms))
        report_error(p->report, v->place, "%s must be longer than 0s; write none for no limit",
                     quote_key(p, m));
    else
        report_error(p->report, v->place,
                     "%s must be a duration such as 30s, 10m or 1h30m, ten years at most%s",
                     quote_key(p, m), v->type == DOC_INT ? "; a number alone has no unit" : "");
}

void read_int(struct parser *p, const struct doc_member *m, int64_t max, uint32_t *out)
{
    int64_t n = 0;
    if (m->value->type == DOC_INT && slice_to_int(m->value->text, &n) && n >= 1 && n <= max)
        *out = (uint32_t)n;
    else
        report_error(p->report, m->value->place, "%s must be a whole number from 1 to %lld",
                     quote_key(p, m), (long long)max);
}

/* The words of a table as "a, b or c". */
static const char *list_words(struct parser *p, enum vocab table)
{
    struct text t = text_new(p->arena, 512);
    int count = vocab_count(table);
    for (int k = 0; k < count; k++) {
        if (k > 0)
            text_put_c(&t, k + 1 == count ? " or " : ", ");
        text_put_c(&t, vocab_name(table, k));
    }
    return text_c(&t);
}

int read_word(struct parser *p, const struct doc_member *m, enum vocab table)
{
    if (!read_type(p, m->value, DOC_TEXT, quote_key(p, m)))
        return -1;
    int found = vocab_find(table, m->value->text);
    if (found >= 0)
        return found;
    const char *near = vocab_suggest(table, m->value->text);
    report_error(p->report, m->value->place, "%s must be %s, not %s%s%s%s", quote_key(p, m),
                 list_words(p, table), QUOTED(p, m->value->text),
                 near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
                 near == NULL ? "" : "\"?");
    return -1;
}

struct slice read_json(struct parser *p, const struct doc_value *v)
{
    struct text t = text_new(p->arena, TEMPLATE_BYTES_MAX);
    doc_put_json(&t, v);
    if (!t.is_cut)
        return text_slice(&t);
    report_error(p->report, v->place, "written as JSON this has more than %d bytes",
                 TEMPLATE_BYTES_MAX);
    return SLICE_NONE;
}

struct schema_context {
    struct parser *p;
    const struct doc_member *m;
};

static void report_schema(void *context, struct slice why, struct slice where)
{
    const struct schema_context *c = context;
    const struct doc_value *v = c->m->value;
    if (!report_is_full(c->p->report)) /* finding the place takes its time */
        v = doc_at(v, where);
    report_error(c->p->report, v->place, "%s: %.*s", quote_key(c->p, c->m), SLICE_ARG(why));
}

const struct schema *read_schema(struct parser *p, const struct doc_member *m)
{
    struct schema_context context = {p, m};
    struct slice json = read_json(p, m->value);
    return json.at == NULL ? NULL : schema_compile_all(p->arena, json, report_schema, &context);
}

void read_tasks(struct parser *p, const struct doc_member *m,
                void (*parse)(struct parser *p, const struct doc_value *v))
{
    if (m->value->type == DOC_NULL || !read_type(p, m->value, DOC_LIST, "\"tasks\""))
        return;
    for (uint32_t k = 0; k < m->value->count; k++)
        parse(p, m->value->items[k]);
}
