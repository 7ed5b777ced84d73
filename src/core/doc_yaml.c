/* Reads YAML 1.2 into a document with libfyaml, event by event. Bytes that are known to be UTF-8
 * come in from doc_read. libfyaml's memory is its own, and the arena may jump away at any
 * allocation: all of it hangs on one struct, and an edge of our own gives it back before the jump
 * goes on. Nothing is written to standard error. */
#include "core/doc_int.h"

#include "base/arena.h"

#include <libfyaml.h>
#include <string.h>

#define CORE_TAG SLICE("tag:yaml.org,2002:")

struct anchor {
    struct slice name;
    const struct doc_value *value; /* complete, unless it is open */
    uint32_t depth;                /* of the builder when it was opened; 0 with a scalar */
};

struct yaml_reader {
    struct doc_builder *b;
    struct fy_diag *diag;
    struct fy_parser *parser;
    struct fy_event *event; /* the one being looked at */
    struct fy_token_iter *pieces;
    bool is_in_pieces;
    struct place place;     /* of the event, or of the last one that has one */
    struct anchor *anchors; /* room for TEMPLATE_ANCHORS_MAX from the first one on */
    uint32_t anchor_count, document_count;
    struct anchor *open[TEMPLATE_DEPTH_MAX + 1]; /* of each level; NULL: none */
};

static void drop_output(struct fy_diag *diag, void *user, const char *text, size_t len)
{
    (void)diag;
    (void)user;
    (void)text;
    (void)len;
}

static void close_reader(struct yaml_reader *r)
{
    if (r->is_in_pieces)
        fy_token_iter_finish(r->pieces);
    if (r->pieces != NULL)
        fy_token_iter_destroy(r->pieces);
    if (r->event != NULL)
        fy_parser_event_free(r->parser, r->event);
    if (r->parser != NULL)
        fy_parser_destroy(r->parser);
    if (r->diag != NULL)
        fy_diag_destroy(r->diag);
    r->pieces = NULL;
    r->event = NULL;
    r->parser = NULL;
    r->diag = NULL;
}

static bool open_reader(struct yaml_reader *r)
{
    struct fy_diag_cfg told;
    struct fy_parse_cfg cfg;
    memset(&told, 0, sizeof told);
    told.output_fn = drop_output;
    told.level = FYET_ERROR;
    told.module_mask = ~0u;
    r->diag = fy_diag_create(&told);
    if (r->diag == NULL)
        return false;
    fy_diag_set_collect_errors(r->diag, true);
    memset(&cfg, 0, sizeof cfg);
    cfg.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE;
    cfg.diag = r->diag;
    r->parser = fy_parser_create(&cfg);
    r->pieces = fy_token_iter_create(NULL);
    return r->parser != NULL && r->pieces != NULL &&
           fy_parser_set_string(r->parser, r->b->source.at, r->b->source.len) == 0;
}

static bool refuse(struct yaml_reader *r, const char *what)
{
    report_error(r->b->report, r->place, "%s", what);
    return false;
}

/* The marks of quoted texts and of aliases stand behind their first character. */
static void find_place(struct yaml_reader *r)
{
    const struct fy_mark *mark = fy_event_start_mark(r->event);
    const struct slice s = r->b->source;
    if (mark == NULL || mark->input_pos > s.len)
        return;
    size_t at = mark->input_pos;
    const char *marks = r->event->type == FYET_ALIAS ? "*" : "";
    if (r->event->type == FYET_SCALAR && r->event->scalar.value != NULL &&
        fy_token_scalar_style(r->event->scalar.value) != FYSS_PLAIN)
        marks = "\"'";
    if (at > 0 && s.at[at - 1] != '\0' && strchr(marks, s.at[at - 1]) != NULL)
        at--;
    r->place = doc_place_of(r->b, at);
}

/* Piece by piece: asked for as a whole, a text of more than a hundred pieces (lines, escapes) leaks
 * memory in libfyaml 0.7. */
static struct slice token_text(struct yaml_reader *r, struct fy_token *token)
{
    struct text t = text_new(r->b->report->arena, 4 * r->b->source.len + 1);
    const struct fy_iter_chunk *piece = NULL;
    if (token == NULL)
        return SLICE("");
    fy_token_iter_start(token, r->pieces);
    r->is_in_pieces = true;
    while ((piece = fy_token_iter_chunk_next(r->pieces, piece, NULL)) != NULL)
        text_put(&t, (struct slice){piece->str, piece->len});
    fy_token_iter_finish(r->pieces);
    r->is_in_pieces = false;
    return text_slice(&t);
}

/* The newest anchor of a name counts. */
static struct anchor *find_anchor(struct yaml_reader *r, struct slice name)
{
    for (uint32_t k = r->anchor_count; k > 0; k--)
        if (slice_eq(r->anchors[k - 1].name, name))
            return &r->anchors[k - 1];
    return NULL;
}

/* *out gets the anchor that the event sets, or NULL. */
static bool take_anchor(struct yaml_reader *r, struct anchor **out)
{
    struct fy_token *token = fy_event_get_anchor_token(r->event);
    *out = NULL;
    if (token == NULL)
        return true;
    if (r->anchor_count == TEMPLATE_ANCHORS_MAX) {
        report_error(r->b->report, r->place, "the file has more than %d anchors",
                     TEMPLATE_ANCHORS_MAX);
        return false;
    }
    if (r->anchors == NULL)
        r->anchors = arena_array(r->b->report->arena, TEMPLATE_ANCHORS_MAX, sizeof(struct anchor));
    *out = &r->anchors[r->anchor_count++];
    **out = (struct anchor){.name = token_text(r, token)};
    return true;
}

/* The name of a core tag ("str"), empty for none and for `!`, which means a text or a plain level;
 * false: another tag. */
static bool take_tag(struct yaml_reader *r, struct slice *name, bool *is_plain)
{
    struct fy_token *token = fy_event_get_tag_token(r->event);
    *is_plain = token == NULL;
    *name = SLICE("");
    if (token == NULL)
        return true;
    struct slice tag = token_text(r, token);
    if (slice_eq(tag, SLICE("!")) || tag.len == 0)
        return true;
    if (slice_has_prefix(tag, CORE_TAG)) {
        *name = (struct slice){tag.at + CORE_TAG.len, tag.len - CORE_TAG.len};
        return true;
    }
    report_error(r->b->report, r->place, "the tag %s is none of YAML's core schema",
                 report_quote(r->b->report->arena, tag));
    return false;
}

static bool is_tag_of(struct slice tag, enum doc_type type)
{
    static const char *const tags[] = {
        [DOC_NULL] = "null", [DOC_BOOL] = "bool", [DOC_INT] = "int", [DOC_FLOAT] = "float",
        [DOC_TEXT] = "str",  [DOC_LIST] = "seq",  [DOC_MAP] = "map"};
    return slice_eq_text(tag, tags[type]) || (type == DOC_INT && slice_eq_text(tag, "float"));
}

static bool refuse_tag(struct yaml_reader *r, struct slice tag)
{
    report_error(r->b->report, r->place, "the value does not fit its tag !!%.*s",
                 tag.len > 40 ? 40 : (int)tag.len, tag.at);
    return false;
}

/* The type and the text of a scalar by its tag, its style and the core schema. */
static bool resolve(struct yaml_reader *r, struct slice source, enum doc_type *type,
                    struct slice *text)
{
    struct slice tag;
    bool has_no_tag;
    struct fy_token *token = r->event->scalar.value;
    bool is_plain = token == NULL || fy_token_scalar_style(token) == FYSS_PLAIN;
    if (!take_tag(r, &tag, &has_no_tag))
        return false;
    *type = DOC_TEXT;
    *text = source;
    bool is_text = has_no_tag ? !is_plain : tag.len == 0 || slice_eq_text(tag, "str");
    if (is_text)
        return true;
    if (!doc_resolve(r->b->report->arena, source, type, text))
        return refuse(r, "JSON has no such number; if it is a text, put it in quotes");
    return has_no_tag || is_tag_of(tag, *type) || refuse_tag(r, tag);
}

static bool take_scalar(struct yaml_reader *r)
{
    enum doc_type type;
    struct anchor *anchor;
    struct slice source = token_text(r, r->event->scalar.value), text;
    bool is_plain = r->event->scalar.value == NULL ||
                    fy_token_scalar_style(r->event->scalar.value) == FYSS_PLAIN;
    if (!resolve(r, source, &type, &text) || !take_anchor(r, &anchor))
        return false;
    if (doc_wants_key(r->b)) {
        if (is_plain && slice_eq_text(source, "<<"))
            return refuse(r, "merge keys (<<) are not part of YAML 1.2; write the keys out");
        doc_key(r->b, source, r->place);
        return anchor == NULL || refuse(r, "an anchor on a key has no effect; remove it");
    }
    const struct doc_value *v = doc_scalar(r->b, type, text, r->place);
    if (anchor != NULL)
        anchor->value = v;
    return v != NULL;
}

static bool take_start(struct yaml_reader *r, enum doc_type type)
{
    struct slice tag;
    struct anchor *anchor;
    bool has_no_tag;
    if (doc_wants_key(r->b))
        return refuse(r, "a key must be a text");
    if (!take_tag(r, &tag, &has_no_tag) || !take_anchor(r, &anchor))
        return false;
    if (tag.len > 0 && !is_tag_of(tag, type))
        return refuse_tag(r, tag);
    if (doc_open(r->b, type, r->place) == NULL)
        return false;
    r->open[r->b->depth] = anchor;
    return true;
}

static bool take_end(struct yaml_reader *r)
{
    struct doc_builder *b = r->b;
    struct anchor *anchor = r->open[b->depth];
    if (anchor != NULL)
        anchor->value = b->frames[b->depth - 1].value;
    return doc_close(b);
}

static bool take_alias(struct yaml_reader *r)
{
    struct slice name = token_text(r, r->event->alias.anchor);
    const struct anchor *anchor = find_anchor(r, name);
    const char *quoted = report_quote(r->b->report->arena, name);
    if (doc_wants_key(r->b))
        return refuse(r, "a key must be a text; an alias can't be one");
    if (anchor != NULL && anchor->value != NULL)
        return doc_add_alias(r->b, anchor->value, r->place);
    report_error(r->b->report, r->place,
                 anchor == NULL ? "the alias %s has no anchor before it"
                                : "the alias %s stands inside its own anchor",
                 quoted);
    return false;
}

static bool take_event(struct yaml_reader *r)
{
    find_place(r);
    switch (r->event->type) {
    case FYET_DOCUMENT_START:
        return ++r->document_count == 1 || refuse(r, "a file holds one template: a second document "
                                                     "begins here");
    case FYET_MAPPING_START:
        return take_start(r, DOC_MAP);
    case FYET_SEQUENCE_START:
        return take_start(r, DOC_LIST);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        return take_end(r);
    case FYET_SCALAR:
        return take_scalar(r);
    case FYET_ALIAS:
        return take_alias(r);
    default:
        return true;
    }
}

/* Whether `part` is in the line that begins nearest before the place. */
static bool is_in_line(struct slice source, uint32_t line, struct slice part)
{
    struct slice head, rest = source;
    for (uint32_t k = 0; k < line && rest.at != NULL; k++)
        slice_cut(rest, '\n', &head, &rest);
    for (size_t k = 0; line > 0 && k + part.len <= head.len; k++)
        if (slice_has_prefix((struct slice){head.at + k, head.len - k}, part))
            return true;
    return false;
}

/* What libfyaml says is wrong; the first of it, the rest follows from that. */
static bool report_syntax(struct yaml_reader *r)
{
    void *cursor = NULL;
    const struct fy_diag_error *e = fy_diag_errors_iterate(r->diag, &cursor);
    if (e == NULL)
        return refuse(r, "not YAML that can be read");
    uint32_t line = e->line > 0 ? (uint32_t)e->line : 0;
    struct place at = {line, e->column > 0 ? (uint32_t)e->column : 0};
    struct slice what = slice_of(e->msg == NULL ? "it can't be read" : e->msg);
    bool is_expression = is_in_line(r->b->source, line, SLICE("${"));
    report_error(
        r->b->report, at, "not YAML: %.*s%s", what.len > 300 ? 300 : (int)what.len, what.at,
        is_expression ? "; inside { } and [ ] an expression needs quotes: \"${ … }\"" : "");
    return false;
}

static bool read_all(struct yaml_reader *r)
{
    while ((r->event = fy_parser_parse(r->parser)) != NULL) {
        if (!take_event(r))
            return false;
        fy_parser_event_free(r->parser, r->event);
        r->event = NULL;
    }
    return !fy_parser_get_stream_error(r->parser) || report_syntax(r);
}

bool doc_read_yaml(struct doc_builder *b)
{
    struct arena *a = b->report->arena;
    struct yaml_reader *r = arena_alloc(a, sizeof *r); /* in the arena: it is whole after a jump */
    jmp_buf edge, *outer = a->edge;
    r->b = b;
    r->place = (struct place){1, 1};
    if (setjmp(edge) != 0) {
        close_reader(r);
        a->edge = outer;
        arena_give_up(a);
    }
    a->edge = &edge;
    if (!open_reader(r))
        arena_give_up(a); /* only memory can be missing */
    bool is_good = read_all(r);
    close_reader(r);
    a->edge = outer;
    return is_good;
}
