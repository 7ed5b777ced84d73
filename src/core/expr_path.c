/* Reads a plain path of jq between `${` and `}`: names, quoted names and indexes. What jq has
 * beyond that is told apart from what is no jq at all, so that the message says "not yet" or what
 * is wrong. */
#include "base/arena.h"
#include "base/json.h"
#include "core/expr_int.h"
#include "core/limits.h"
#include "core/report.h"

#include <string.h>

enum { SEGMENTS_MAX = 256, SHOWN_BYTES = 60 };

struct scanner {
    struct arena *arena;
    struct slice left, whole;
    struct slice *why;
    struct expr_segment segments[SEGMENTS_MAX];
    uint32_t count;
};

static int peek(const struct scanner *s)
{
    return s->left.len > 0 ? (unsigned char)s->left.at[0] : -1;
}

static void skip(struct scanner *s, size_t bytes)
{
    s->left = (struct slice){s->left.at + bytes, s->left.len - bytes};
}

static void skip_space(struct scanner *s)
{
    while (peek(s) == ' ' || peek(s) == '\t' || peek(s) == '\n' || peek(s) == '\r')
        skip(s, 1);
}

/* The expression as it begins, up to its brace. */
static const char *shown(const struct scanner *s)
{
    struct slice head, tail;
    slice_cut(s->whole, '}', &head, &tail);
    if (tail.at != NULL)
        head.len++;
    return report_quote(s->arena, head);
}

static bool refuse(struct scanner *s, const char *what)
{
    struct text t = text_new(s->arena, 1024);
    if (s->why->at != NULL)
        return false;
    text_printf(&t, "in %s: %s", shown(s), what);
    *s->why = text_slice(&t);
    return false;
}

static bool refuse_later(struct scanner *s)
{
    return refuse(s, "not yet: this version takes plain paths such as .input.order_id or "
                     ".tasks.make_food.output.dish");
}

static bool is_name_start(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static struct slice take_name(struct scanner *s)
{
    const char *from = s->left.at;
    while (is_name_start(peek(s)) || (peek(s) >= '0' && peek(s) <= '9'))
        skip(s, 1);
    return (struct slice){from, (size_t)(s->left.at - from)};
}

static bool add_segment(struct scanner *s, struct slice name, int64_t index)
{
    if (s->count == SEGMENTS_MAX)
        return refuse(s, "the path has more than 256 parts");
    s->segments[s->count++] = (struct expr_segment){name, index};
    return true;
}

/* A text in double quotes, as in JSON. */
static bool take_quoted(struct scanner *s)
{
    size_t end = 1;
    while (end < s->left.len && s->left.at[end] != '"')
        end += s->left.at[end] == '\\' ? 2 : 1;
    if (end >= s->left.len)
        return refuse(s, "a name in quotes has no closing quote");
    struct slice quoted = {s->left.at, end + 1};
    yyjson_val *v;
    for (size_t k = 0; k + 1 < quoted.len; k++)
        if (quoted.at[k] == '\\' && quoted.at[++k] == '(')
            return refuse_later(s);
    if (json_read(s->arena, quoted, TEMPLATE_BYTES_MAX, 1, NULL, &v) != ERR_NONE)
        return refuse(s, "a name in quotes is not a text as JSON writes it");
    skip(s, quoted.len);
    return add_segment(s, json_text(v), 0);
}

static bool take_index(struct scanner *s)
{
    size_t len = peek(s) == '-' ? 1 : 0;
    int64_t index;
    while (len < s->left.len && s->left.at[len] >= '0' && s->left.at[len] <= '9')
        len++;
    if (!slice_to_int((struct slice){s->left.at, len}, &index))
        return refuse_later(s);
    skip(s, len);
    return add_segment(s, SLICE_NONE, index);
}

/* At the opening bracket. */
static bool take_bracket(struct scanner *s)
{
    skip(s, 1);
    skip_space(s);
    if (peek(s) < 0)
        return refuse(s, "it has no closing bracket");
    if (!(peek(s) == '"' ? take_quoted(s) : take_index(s)))
        return false;
    skip_space(s);
    if (peek(s) != ']')
        return peek(s) < 0 ? refuse(s, "it has no closing bracket") : refuse_later(s);
    skip(s, 1);
    return true;
}

/* ".make-food" is a subtraction in jq, which nobody means who has a task of that name. */
static bool has_dash(const struct scanner *s)
{
    return s->left.len > 1 && s->left.at[0] == '-' && is_name_start((unsigned char)s->left.at[1]);
}

/* At the dot. */
static bool take_dotted(struct scanner *s)
{
    skip(s, 1);
    skip_space(s);
    if (peek(s) == '[')
        return take_bracket(s);
    if (peek(s) == '"')
        return take_quoted(s);
    if (!is_name_start(peek(s)))
        return refuse(s, "a name is missing after the dot");
    struct slice name = take_name(s);
    if (has_dash(s))
        return refuse(s, "a name with a dash is written in brackets and quotes: "
                         ".tasks[\"make-food\"]");
    return add_segment(s, name, 0);
}

static bool take_segments(struct scanner *s)
{
    for (;;) {
        skip_space(s);
        int c = peek(s);
        if (c == '}')
            return true;
        if (c < 0)
            return refuse(s, "it has no closing brace");
        if (c == '.' ? !take_dotted(s) : c == '[' ? !take_bracket(s) : !refuse_later(s))
            return false;
    }
}

/* What a path may start from, now and in a later version. */
static bool check_root(struct scanner *s, struct slice name)
{
    static const char *const later[] = {"item", "index", "instance", "event", NULL};
    struct suggestion near = report_suggest(name);
    struct text t = text_new(s->arena, 512);
    for (int k = 0; later[k] != NULL; k++)
        if (slice_eq_text(name, later[k]))
            return refuse_later(s);
    report_candidate(&near, SLICE("input"));
    report_candidate(&near, SLICE("tasks"));
    text_printf(&t, "a path starts with .input or .tasks, not with %s%s",
                report_quote(s->arena, name), report_hint(s->arena, &near));
    return refuse(s, text_c(&t));
}

static uint32_t find_task(struct arena *a, struct expr *e, struct slice task)
{
    for (uint32_t k = 0; k < e->task_count; k++)
        if (slice_eq(e->tasks[k], task))
            return k + 1;
    if (e->task_count == e->task_capacity) {
        e->task_capacity = e->task_capacity == 0 ? 4 : e->task_capacity * 2;
        struct slice *grown = arena_array(a, e->task_capacity, sizeof *grown);
        if (e->task_count > 0)
            memcpy(grown, e->tasks, e->task_count * sizeof *grown);
        e->tasks = grown;
    }
    e->tasks[e->task_count++] = task;
    return e->task_count;
}

/* .input… or .tasks.NAME.output…; `used` gets the number of parts that say where it starts. */
static bool find_root(struct scanner *s, struct expr *e, uint32_t *root, uint32_t *used)
{
    const struct expr_segment *p = s->segments;
    *root = 0;
    *used = 1;
    if (p[0].name.at == NULL)
        return refuse(s, "a path starts with .input or .tasks");
    if (slice_eq_text(p[0].name, "input")) {
        e->uses_input = true;
        return true;
    }
    if (!slice_eq_text(p[0].name, "tasks"))
        return check_root(s, p[0].name);
    if (s->count < 3 || p[1].name.at == NULL || p[2].name.at == NULL ||
        !slice_eq_text(p[2].name, "output"))
        return refuse(s, "of a task its output can be used: .tasks.NAME.output");
    *root = find_task(s->arena, e, p[1].name);
    *used = 3;
    return true;
}

/* The expression does not begin with a dot. */
static bool refuse_start(struct scanner *s)
{
    struct slice name = take_name(s);
    if (peek(s) < 0 && name.len == 0)
        return refuse(s, "it has no closing brace");
    if (peek(s) == '}' && name.len == 0)
        return refuse(s, "there is nothing between the braces");
    if (slice_eq_text(name, "input") || slice_eq_text(name, "tasks"))
        return refuse(s, "a path starts with a dot");
    return refuse_later(s);
}

bool expr_parse_path(struct arena *a, struct expr *e, struct slice *rest, struct expr_node *out,
                     struct slice *why)
{
    struct scanner scanner, *s = &scanner;
    uint32_t used;
    scanner.arena = a;
    scanner.left = scanner.whole = *rest;
    scanner.why = why;
    scanner.count = 0;
    skip(s, 2);
    skip_space(s);
    const char *from = s->left.at;
    if (peek(s) != '.')
        return refuse_start(s);
    if (slice_has_prefix(s->left, SLICE("..")))
        return refuse_later(s);
    if (!take_segments(s))
        return false;
    *out = (struct expr_node){.kind = EXPR_PATH};
    if (!find_root(s, e, &out->root, &used))
        return false;
    out->path = slice_trim((struct slice){from, (size_t)(s->left.at - from)});
    out->path = slice_copy(a, out->path);
    out->segment_count = s->count - used;
    out->segments = arena_array(a, out->segment_count, sizeof *out->segments);
    for (uint32_t k = 0; k < out->segment_count; k++) {
        out->segments[k] = s->segments[used + k];
        out->segments[k].name = slice_copy(a, out->segments[k].name);
    }
    skip(s, 1);
    *rest = s->left;
    return true;
}
