/* Works an expression out against an instance's input and the outputs of its tasks. step asks for
 * it; the result is the input of a task, a key or an output. Values on their way are not changed:
 * numbers stay as they were written. Bounded in steps, bytes and depth. */
#include "base/arena.h"
#include "base/json.h"
#include "core/expr_int.h"
#include "core/limits.h"
#include "core/report.h"

#include <string.h>

enum { MEMBERS_PER_STEP = 64 }; /* looking through a large object costs more than one step */

struct evaluation {
    struct arena *arena;
    const struct expr *e;
    const struct expr_scope *scope;
    struct text out;
    yyjson_val **roots; /* read when first asked for */
    bool *is_read;
    size_t steps;
    struct slice why;
};

static enum err fail(struct evaluation *v, const struct expr_node *path, const char *what)
{
    struct text t = text_new(v->arena, 1024);
    if (path != NULL)
        text_printf(&t, "%s: ", report_quote(v->arena, path->path));
    text_put_c(&t, what);
    v->why = text_slice(&t);
    return ERR_INVALID;
}

static enum err count_steps(struct evaluation *v, size_t steps)
{
    v->steps += steps;
    if (v->steps <= EXPR_STEPS_MAX)
        return ERR_NONE;
    struct text t = text_new(v->arena, 128);
    text_printf(&t, "the expression takes more than %d steps", EXPR_STEPS_MAX);
    return fail(v, NULL, text_c(&t));
}

static enum err check_size(struct evaluation *v, const struct text *t)
{
    if (!t->is_cut)
        return ERR_NONE;
    struct text why = text_new(v->arena, 128);
    text_printf(&why, "the result has more than %d bytes", PAYLOAD_BYTES_MAX);
    v->why = text_slice(&why);
    return ERR_TOO_LARGE;
}

static enum err read_root(struct evaluation *v, const struct expr_node *path, yyjson_val **out)
{
    uint32_t k = path->root;
    *out = v->roots[k];
    if (v->is_read[k])
        return ERR_NONE;
    struct slice json = v->scope->input;
    if (k > 0)
        json = v->scope->task_output == NULL
                   ? SLICE_NONE
                   : v->scope->task_output(v->scope->context, v->e->tasks[k - 1]);
    if (json.at != NULL && json_read(v->arena, json, PAYLOAD_BYTES_MAX, JSON_DEPTH_MAX, NULL,
                                     &v->roots[k]) != ERR_NONE)
        return fail(v, path, "what it starts from is not JSON within the limits");
    v->is_read[k] = true;
    *out = v->roots[k];
    return ERR_NONE;
}

static const char *type_text(yyjson_val *value)
{
    return yyjson_is_obj(value)    ? "an object"
           : yyjson_is_arr(value)  ? "an array"
           : yyjson_is_str(value)  ? "a string"
           : yyjson_is_bool(value) ? "a boolean"
                                   : "a number";
}

static enum err refuse_type(struct evaluation *v, const struct expr_node *path,
                            const struct expr_segment *at, yyjson_val *value)
{
    struct text t = text_new(v->arena, 512);
    if (at->name.at != NULL)
        text_printf(&t, "%s can't be taken from %s", report_quote(v->arena, at->name),
                    type_text(value));
    else
        text_printf(&t, "[%lld] can't be taken from %s", (long long)at->index, type_text(value));
    return fail(v, path, text_c(&t));
}

static yyjson_val *take_item(yyjson_val *list, int64_t index)
{
    int64_t size = (int64_t)yyjson_arr_size(list);
    if (index < 0)
        index += size;
    return index < 0 || index >= size ? NULL : yyjson_arr_get(list, (size_t)index);
}

/* NULL stands for null from here on, and stays null whatever is taken from it. */
static enum err walk(struct evaluation *v, const struct expr_node *path, yyjson_val **out)
{
    enum err err = read_root(v, path, out);
    for (uint32_t k = 0; err == ERR_NONE && k < path->segment_count; k++) {
        const struct expr_segment *at = &path->segments[k];
        yyjson_val *value = *out;
        if (value == NULL || yyjson_is_null(value))
            *out = NULL;
        else if (at->name.at != NULL && yyjson_is_obj(value))
            *out = yyjson_obj_getn(value, at->name.at, at->name.len);
        else if (at->name.at == NULL && yyjson_is_arr(value))
            *out = take_item(value, at->index);
        else
            return refuse_type(v, path, at, value);
        err = count_steps(v, 1 + yyjson_get_len(value) / MEMBERS_PER_STEP);
    }
    return err;
}

/* Levels of nesting in JSON text that is known to be good. */
static unsigned depth_of(struct slice json)
{
    unsigned depth = 0, deepest = 0;
    bool is_quoted = false;
    for (size_t k = 0; k < json.len; k++) {
        char c = json.at[k];
        if (is_quoted && c == '\\')
            k++;
        else if (c == '"')
            is_quoted = !is_quoted;
        else if (!is_quoted && (c == '{' || c == '['))
            deepest = ++depth > deepest ? depth : deepest;
        else if (!is_quoted && (c == '}' || c == ']'))
            depth--;
    }
    return deepest;
}

static enum err put_path(struct evaluation *v, const struct expr_node *n, unsigned depth)
{
    yyjson_val *value;
    enum err err = walk(v, n, &value);
    if (err != ERR_NONE)
        return err;
    if (value == NULL) {
        text_put_c(&v->out, "null");
        return ERR_NONE;
    }
    struct slice json = json_write(v->arena, value);
    if (depth + depth_of(json) > JSON_DEPTH_MAX)
        return fail(v, n, "the result would be nested too deeply");
    text_put(&v->out, json);
    return ERR_NONE;
}

static enum err put_text(struct evaluation *v, const struct expr_node *n)
{
    struct text whole = text_new(v->arena, PAYLOAD_BYTES_MAX);
    enum err err = ERR_NONE;
    for (uint32_t k = 0; err == ERR_NONE && k < n->count; k++) {
        yyjson_val *value = NULL;
        if (n->items[k].kind == EXPR_LITERAL)
            text_put(&whole, n->items[k].literal);
        else
            err = walk(v, &n->items[k], &value);
        if (err == ERR_NONE && yyjson_is_str(value))
            text_put(&whole, json_text(value));
        else if (err == ERR_NONE && value != NULL && !yyjson_is_null(value))
            text_put(&whole, json_write(v->arena, value));
        if (err == ERR_NONE)
            err = check_size(v, &whole);
    }
    text_put_json(&v->out, text_slice(&whole));
    return err;
}

static enum err put_node(struct evaluation *v, const struct expr_node *n, unsigned depth);

static enum err put_items(struct evaluation *v, const struct expr_node *n, unsigned depth)
{
    bool is_map = n->kind == EXPR_MAP;
    enum err err = ERR_NONE;
    text_put_char(&v->out, is_map ? '{' : '[');
    for (uint32_t k = 0; err == ERR_NONE && k < n->count; k++) {
        if (k > 0)
            text_put_char(&v->out, ',');
        if (is_map) {
            text_put(&v->out, n->keys[k]);
            text_put_char(&v->out, ':');
        }
        err = put_node(v, &n->items[k], depth + 1);
    }
    text_put_char(&v->out, is_map ? '}' : ']');
    return err;
}

/* As deep as TEMPLATE_DEPTH_MAX. */
static enum err put_node(struct evaluation *v, const struct expr_node *n, unsigned depth)
{
    enum err err = count_steps(v, 1);
    if (err != ERR_NONE)
        return err;
    if (n->kind == EXPR_LITERAL)
        text_put(&v->out, n->literal);
    else if (n->kind == EXPR_PATH)
        err = put_path(v, n, depth);
    else
        err = n->kind == EXPR_TEXT ? put_text(v, n) : put_items(v, n, depth);
    return err == ERR_NONE ? check_size(v, &v->out) : err;
}

enum err expr_eval(struct arena *a, const struct expr *e, const struct expr_scope *scope,
                   struct slice *json, struct slice *why)
{
    struct evaluation v = {.arena = a, .e = e, .scope = scope};
    v.out = text_new(a, PAYLOAD_BYTES_MAX);
    v.roots = arena_array(a, e->task_count + 1, sizeof(yyjson_val *));
    v.is_read = arena_array(a, e->task_count + 1, sizeof(bool));
    enum err err = put_node(&v, &e->root, 0);
    *why = v.why;
    *json = err == ERR_NONE ? text_slice(&v.out) : SLICE_NONE;
    return err;
}
