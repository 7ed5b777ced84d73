/* Templates: list, apply, check, show, draw, compare. Before it stands the route table, after it
 * flow's catalog and core's parser and layout. */
#include "api/rest_int.h"

#include "core/layout.h"
#include "core/limits.h"

#define TEMPLATE_ANSWER_BYTES_MAX (8 * TEMPLATE_BYTES_MAX)

static struct slice file_name(const struct http_request *r)
{
    struct slice file = http_query(r, "file");
    return file.len > 0 ? file : SLICE("template");
}

static void write_digest(struct http_request *r, struct json_out *o, const struct template *t)
{
    json_put_string(o, "digest", hex_encode(http_arena(r), t->digest, SHA256_BYTES));
}

static void write_applied(struct rest *x, struct json_out *o, const struct template *t)
{
    struct flow_application a;
    if (!flow_template_applied(x->flow, t, &a))
        return;
    json_put_time(o, "applied_at", a.at_ms);
    json_put_string(o, "applied_by", a.by);
    json_put_string(o, "note", a.note);
}

/* --- apply and validate ----------------------------------------------------------------------- */

static void write_errors(struct json_out *o, const char *name, const struct template_report *report,
                         bool is_warning)
{
    json_key(o, name);
    template_report_json(o, report, is_warning);
}

static const struct template_error *first_error(const struct template_report *report)
{
    for (uint32_t i = 0; i < report->shown_count; i++) {
        if (!report->errors[i].is_warning)
            return &report->errors[i];
    }
    return NULL;
}

/* All errors of the file; the first one also where every error of this interface is. */
static void reply_report(struct http_request *r, const struct template_report *report)
{
    const struct template_error *first = first_error(report);
    struct json_out o = json_out_new(http_arena(r), TEMPLATE_ANSWER_BYTES_MAX);
    json_object(&o);
    json_key(&o, "error");
    json_object(&o);
    json_put_text(&o, "code", err_name(ERR_INVALID));
    json_put_string(&o, "message", first != NULL ? first->message : SLICE("it is not valid"));
    if (first != NULL) {
        struct text where = text_new(http_arena(r), 1024);
        text_put(&where, first->file);
        if (first->line > 0)
            text_printf(&where, ":%u:%u", first->line, first->column);
        json_put_string(&o, "where", text_slice(&where));
    }
    json_object_end(&o);
    write_errors(&o, "errors", report, false);
    write_errors(&o, "warnings", report, true);
    json_put_number(&o, "error_count", report->error_count);
    json_object_end(&o);
    http_reply_json(r, err_http(ERR_INVALID), json_out_slice(&o));
}

struct applying {
    struct http_request *request;
    const struct flow_applied *answer;
};

static void reply_applied(void *context)
{
    const struct applying *p = context;
    const struct flow_applied *a = p->answer;
    struct http_request *r = p->request;
    if (a->err == ERR_INVALID && a->report != NULL) {
        reply_report(r, a->report);
        return;
    }
    if (a->err != ERR_NONE) {
        http_reply_error(r, a->err, slice_of(a->why), SLICE_NONE);
        return;
    }
    struct json_out o = json_out_new(http_arena(r), TEMPLATE_ANSWER_BYTES_MAX);
    json_object(&o);
    json_put_string(&o, "template", a->template->name);
    json_put_number(&o, "version", a->template->version);
    write_digest(r, &o, a->template);
    json_put_boolean(&o, "created", a->created);
    write_errors(&o, "warnings", a->report, true);
    json_object_end(&o);
    http_reply_json(r, 200, json_out_slice(&o));
}

static void take_applied(void *context, const struct flow_applied *answer)
{
    struct applying p = {context, answer};
    (void)http_guard(p.request, reply_applied, &p);
}

static bool check_size(struct http_request *r)
{
    if (http_body(r).len <= TEMPLATE_BYTES_MAX)
        return true;
    rest_fail(r, ERR_TOO_LARGE, "a template is at most 1 MiB long");
    return false;
}

void rest_template_apply(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    struct flow_source source = {file_name(r), http_body(r), rest_actor(r), http_query(r, "note")};
    if (source.note.len == 0)
        source.note = SLICE_NONE;
    if (source.note.len > REASON_BYTES_MAX)
        rest_fail(r, ERR_TOO_LARGE, "a note has %d bytes at most", REASON_BYTES_MAX);
    else if (check_size(r))
        flow_apply(x->flow, &source, take_applied, r);
}

/* What applying it would do, so that it can be shown before it is done. */
static void write_forecast(struct http_request *r, struct json_out *o, const struct template *t,
                           const struct flow_forecast *foreseen)
{
    const struct template *newest = foreseen->newest;
    json_put_number(o, "version", (newest == NULL ? 0 : newest->version) + foreseen->created);
    json_put_boolean(o, "created", foreseen->created);
    if (newest == NULL)
        return;
    json_put_number(o, "newest", newest->version);
    json_put_raw(o, "changes", template_diff(http_arena(r), newest, t));
}

void rest_template_validate(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    struct template_report report = {0};
    struct template *t = NULL;
    struct flow_forecast foreseen;
    if (!check_size(r))
        return;
    if (template_parse(http_arena(r), file_name(r), http_body(r), &report, &t) != ERR_NONE) {
        reply_report(r, &report);
        return;
    }
    if (flow_foresee(x->flow, t, &foreseen) != ERR_NONE) {
        http_reply_error(r, ERR_EXISTS, slice_of(foreseen.why), SLICE_NONE);
        return;
    }
    struct json_out o = json_out_new(http_arena(r), TEMPLATE_ANSWER_BYTES_MAX);
    json_object(&o);
    json_put_boolean(&o, "valid", true);
    json_put_string(&o, "template", t->name);
    write_digest(r, &o, t);
    write_forecast(r, &o, t, &foreseen);
    write_errors(&o, "warnings", &report, true);
    json_key(&o, "graph");
    json_raw(&o, layout_json(http_arena(r), t, NULL));
    json_object_end(&o);
    http_reply_json(r, 200, json_out_slice(&o));
}

/* --- show ------------------------------------------------------------------------------------- */

static void write_head(struct rest *x, struct http_request *r, struct json_out *o,
                       const struct template *t)
{
    json_put_string(o, "template", t->name);
    json_put_number(o, "version", t->version);
    write_digest(r, o, t);
    json_put_string(o, "title", t->title);
    json_put_string(o, "alias", t->alias);
    json_put_string(o, "description", t->description);
    write_applied(x, o, t);
}

void rest_template_list(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    struct json_out o = json_out_new(http_arena(r), WORK_BYTES_MAX / 2);
    json_object(&o);
    json_key(&o, "templates");
    json_array(&o);
    size_t cursor = 0;
    const struct template *t;
    while ((t = flow_template_next(x->flow, &cursor)) != NULL) {
        json_object(&o);
        write_head(x, r, &o, t);
        json_put_number(&o, "stages", t->stage_count);
        json_put_number(&o, "tasks", t->task_count);
        json_object_end(&o);
    }
    json_array_end(&o);
    json_object_end(&o);
    http_reply_json(r, 200, json_out_slice(&o));
}

static void write_versions(struct rest *x, struct http_request *r, struct json_out *o,
                           struct slice name)
{
    const struct template *t;
    json_key(o, "versions");
    json_array(o);
    for (int64_t version = 1; (t = flow_template(x->flow, name, version)) != NULL; version++) {
        json_object(o);
        json_put_number(o, "version", version);
        write_digest(r, o, t);
        write_applied(x, o, t);
        json_object_end(o);
    }
    json_array_end(o);
}

static void show(struct rest *x, struct http_request *r, const struct template *t)
{
    struct json_out o = json_out_new(http_arena(r), WORK_BYTES_MAX / 2);
    json_object(&o);
    write_head(x, r, &o, t);
    write_versions(x, r, &o, t->name);
    json_put_raw(&o, "content", template_canonical(http_arena(r), t));
    json_put_string(&o, "source", t->source);
    json_object_end(&o);
    http_reply_json(r, 200, json_out_slice(&o));
}

/* A version by its number; NULL: there is none, and that is answered. */
static const struct template *find(struct rest *x, struct http_request *r, struct slice name,
                                   struct slice version)
{
    int64_t n = 0;
    const struct template *t = NULL;
    if (version.at == NULL || (slice_to_int(version, &n) && n > 0))
        t = flow_template(x->flow, name, n);
    if (t == NULL)
        http_reply_error(r, ERR_UNKNOWN_TEMPLATE, SLICE_NONE, SLICE_NONE);
    return t;
}

void rest_template_get(struct rest *x, struct http_request *r, const struct slice *args)
{
    const struct template *t = find(x, r, args[0], SLICE_NONE);
    if (t != NULL)
        show(x, r, t);
}

void rest_template_version(struct rest *x, struct http_request *r, const struct slice *args)
{
    const struct template *t = find(x, r, args[0], args[1]);
    if (t != NULL)
        show(x, r, t);
}

void rest_template_diff(struct rest *x, struct http_request *r, const struct slice *args)
{
    struct slice from = http_query(r, "from"), to = http_query(r, "to");
    if (from.at == NULL) {
        rest_fail(r, ERR_INVALID, "say which versions to compare: ?from=1&to=2");
        return;
    }
    const struct template *a = find(x, r, args[0], from);
    const struct template *b = a != NULL ? find(x, r, args[0], to) : NULL;
    if (a == NULL || b == NULL)
        return;
    struct json_out o = json_out_new(http_arena(r), WORK_BYTES_MAX / 2);
    json_object(&o);
    json_put_string(&o, "template", a->name);
    json_put_number(&o, "from", a->version);
    json_put_number(&o, "to", b->version);
    json_put_raw(&o, "changes", template_diff(http_arena(r), a, b));
    json_object_end(&o);
    http_reply_json(r, 200, json_out_slice(&o));
}

/* --- draw ------------------------------------------------------------------------------------- */

static struct slice draw_svg(struct arena *a, const struct template *t)
{
    return layout_svg(a, t, NULL);
}

static struct slice draw_json(struct arena *a, const struct template *t)
{
    return layout_json(a, t, NULL);
}

static void draw(struct http_request *r, const struct template *t, struct slice file)
{
    static const struct {
        const char *file, *format, *type;
        struct slice (*draw)(struct arena *a, const struct template *t);
    } forms[] = {
        {"graph.svg", "svg", "image/svg+xml", draw_svg},
        {"graph.json", "json", "application/json", draw_json},
        {"graph.dot", "dot", "text/vnd.graphviz; charset=utf-8", layout_dot},
        {"graph.mermaid", "mermaid", "text/plain; charset=utf-8", layout_mermaid},
    };
    struct slice format = http_query(r, "format");
    bool is_named = format.at != NULL && slice_eq_text(file, "graph.svg");
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (is_named ? slice_eq_text(format, forms[i].format)
                     : slice_eq_text(file, forms[i].file)) {
            http_reply(r, 200, forms[i].type, forms[i].draw(http_arena(r), t));
            return;
        }
    }
    rest_fail(r, ERR_NOT_FOUND,
              "a graph is drawn as graph.svg, graph.json, graph.dot, "
              "graph.mermaid");
}

void rest_template_graph(struct rest *x, struct http_request *r, const struct slice *args)
{
    const struct template *t = find(x, r, args[0], SLICE_NONE);
    if (t != NULL)
        draw(r, t, args[1]);
}

void rest_template_version_graph(struct rest *x, struct http_request *r, const struct slice *args)
{
    const struct template *t = find(x, r, args[0], args[1]);
    if (t != NULL)
        draw(r, t, args[2]);
}

void rest_template_schema(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)x;
    (void)args;
    http_reply(r, 200, "application/schema+json", template_schema_json());
}
