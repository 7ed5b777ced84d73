/* Compiles a JSON value with expressions in its texts. Templates come before; expr_eval.c works the
 * result out. Numbers and texts without expressions stay as they are written, so that nothing about
 * them changes. */
#include "core/expr.h"

#include "base/arena.h"
#include "base/json.h"
#include "core/expr_int.h"
#include "core/limits.h"

#include <string.h>

struct compiler {
    struct arena *arena;
    struct expr *e;
    struct slice why; /* absent: all is well */
};

static struct slice quote(struct arena *a, struct slice s)
{
    struct text t = text_new(a, TEMPLATE_BYTES_MAX * 2);
    text_put_json(&t, s);
    return text_slice(&t);
}

static struct expr_node *add_part(struct arena *a, struct expr_node *text)
{
    if ((text->count & (text->count - 1)) == 0) { /* full at each power of two */
        struct expr_node *grown =
            arena_array(a, text->count == 0 ? 1 : text->count * 2, sizeof *grown);
        if (text->count > 0)
            memcpy(grown, text->items, text->count * sizeof *grown);
        text->items = grown;
    }
    return &text->items[text->count++];
}

static void add_literal(struct arena *a, struct expr_node *text, struct text *literal)
{
    if (literal->len == 0)
        return;
    *add_part(a, text) = (struct expr_node){.kind = EXPR_LITERAL, .literal = text_slice(literal)};
    *literal = text_new(a, TEMPLATE_BYTES_MAX);
}

/* Cuts a text into literals and paths. `$${` is a literal `${`. */
static void split_text(struct compiler *c, struct slice s, struct expr_node *text)
{
    struct text literal = text_new(c->arena, TEMPLATE_BYTES_MAX);
    while (s.len > 0 && c->why.at == NULL) {
        bool is_escape = slice_has_prefix(s, SLICE("$${"));
        size_t used = is_escape ? 3 : 1;
        if (slice_has_prefix(s, SLICE("${"))) {
            add_literal(c->arena, text, &literal);
            expr_parse_path(c->arena, c->e, &s, add_part(c->arena, text), &c->why);
            continue;
        }
        text_put(&literal, is_escape ? SLICE("${") : (struct slice){s.at, 1});
        s = (struct slice){s.at + used, s.len - used};
    }
    add_literal(c->arena, text, &literal);
}

static void compile_text(struct compiler *c, struct slice s, struct expr_node *out)
{
    struct expr_node text = {.kind = EXPR_TEXT};
    split_text(c, s, &text);
    if (text.count == 1 && text.items[0].kind == EXPR_PATH)
        *out = text.items[0];
    else if (text.count == 0 || (text.count == 1 && text.items[0].kind == EXPR_LITERAL))
        *out = (struct expr_node){
            .kind = EXPR_LITERAL,
            .literal = quote(c->arena, text.count == 0 ? SLICE("") : text.items[0].literal)};
    else
        *out = text;
}

static struct slice compile_key(struct compiler *c, struct slice key)
{
    struct expr_node text = {.kind = EXPR_TEXT};
    split_text(c, key, &text);
    if (c->why.at == NULL && text.count > 0 &&
        (text.count > 1 || text.items[0].kind != EXPR_LITERAL))
        c->why = SLICE("an expression stands in a value, not in a key");
    return quote(c->arena,
                 text.count == 0 || c->why.at != NULL ? SLICE("") : text.items[0].literal);
}

static void compile_value(struct compiler *c, yyjson_val *v, struct expr_node *out);

static void compile_items(struct compiler *c, yyjson_val *v, struct expr_node *out)
{
    size_t k = 0;
    if (yyjson_is_arr(v)) {
        yyjson_arr_iter it = yyjson_arr_iter_with(v);
        for (yyjson_val *item; c->why.at == NULL && (item = yyjson_arr_iter_next(&it)) != NULL; k++)
            compile_value(c, item, &out->items[k]);
        return;
    }
    yyjson_obj_iter it = yyjson_obj_iter_with(v);
    for (yyjson_val *key; c->why.at == NULL && (key = yyjson_obj_iter_next(&it)) != NULL; k++) {
        out->keys[k] = compile_key(c, json_text(key));
        compile_value(c, yyjson_obj_iter_get_val(key), &out->items[k]);
    }
}

/* As deep as TEMPLATE_DEPTH_MAX. */
static void compile_value(struct compiler *c, yyjson_val *v, struct expr_node *out)
{
    if (yyjson_is_str(v)) {
        compile_text(c, json_text(v), out);
    } else if (yyjson_is_ctn(v)) {
        size_t count = yyjson_is_arr(v) ? yyjson_arr_size(v) : yyjson_obj_size(v);
        *out = (struct expr_node){.kind = yyjson_is_arr(v) ? EXPR_LIST : EXPR_MAP};
        out->count = (uint32_t)count;
        out->items = arena_array(c->arena, count, sizeof *out->items);
        if (out->kind == EXPR_MAP)
            out->keys = arena_array(c->arena, count, sizeof *out->keys);
        compile_items(c, v, out);
    } else {
        *out = (struct expr_node){.kind = EXPR_LITERAL, .literal = json_write(c->arena, v)};
    }
}

enum err expr_compile(struct arena *a, struct slice json, const struct expr **out,
                      struct slice *why)
{
    struct compiler c = {.arena = a};
    yyjson_val *root;
    *out = NULL;
    *why = SLICE_NONE;
    if (json_read(a, json, TEMPLATE_BYTES_MAX, TEMPLATE_DEPTH_MAX, NULL, &root) != ERR_NONE) {
        *why = SLICE("not JSON, too large or nested too deeply");
        return ERR_INVALID;
    }
    c.e = arena_alloc(a, sizeof *c.e);
    c.e->source = json_write(a, root);
    compile_value(&c, root, &c.e->root);
    *why = c.why;
    if (c.why.at != NULL)
        return ERR_INVALID;
    *out = c.e;
    return ERR_NONE;
}

struct slice expr_source(const struct expr *e)
{
    return e->source;
}

void expr_each_path(const struct expr *e,
                    void (*visit)(void *context, struct slice root, struct slice task),
                    void *context)
{
    if (e->uses_input)
        visit(context, SLICE("input"), SLICE_NONE);
    for (uint32_t k = 0; k < e->task_count; k++)
        visit(context, SLICE("tasks"), e->tasks[k]);
}
