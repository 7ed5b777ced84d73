/* The same graph in the languages of other drawing tools, Graphviz and Mermaid, and as JSON with
 * coordinates. Comes after layout.c and the template; the text goes to files and to the page. Names
 * are quoted so that no name can end its label or begin a command of those languages. */
#include "core/layout.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"

enum { TEXT_BYTES_MAX = 48 * 1024 * 1024 };

/* Graphviz: inside double quotes. */
static void put_dot(struct text *o, struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c == '"' || c == '\\')
            text_put_char(o, '\\');
        text_put_char(o, c < 0x20 || c == 0x7F ? ' ' : (char)c);
    }
}

/* Mermaid has no escape inside quotes but its own form of character references. */
static void put_mermaid(struct text *o, struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        bool plain = c >= 0x80 || c == ' ' || c == '_' || c == '-' || c == '/' ||
                     (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (c < 0x20 || c == 0x7F)
            text_put_char(o, ' ');
        else if (plain)
            text_put_char(o, (char)c);
        else
            text_printf(o, "#%u;", c);
    }
}

static void put_dot_stage(struct text *o, const struct template *t, uint32_t s)
{
    const struct stage *stage = &t->stages[s];
    text_printf(o, "  subgraph cluster_%u {\n    label=\"", s);
    put_dot(o, stage->name);
    text_put_c(o, "\";\n");
    if (stage->task_count == 0)
        text_printf(o,
                    "    s%u [label=\"no tasks\", shape=plaintext, style=\"\", "
                    "fontcolor=\"#667085\"];\n",
                    s);
    for (uint32_t i = stage->first_task; i < stage->first_task + stage->task_count; i++) {
        bool is_human = t->tasks[i].kind == TASK_KIND_HUMAN;
        text_printf(o, "    t%u [label=\"", i);
        put_dot(o, t->tasks[i].name);
        text_put_c(o, "\\n");
        put_dot(o, layout_subtitle(&t->tasks[i]));
        text_put_c(o, is_human ? "\", fillcolor=\"#fdf6e3\"];\n" : "\"];\n");
    }
    text_put_c(o, "  }\n");
}

/* The box of a stage that stands for it where stages are put in order. */
static void put_anchor(struct text *o, const struct template *t, uint32_t s, bool last)
{
    const struct stage *stage = &t->stages[s];
    if (stage->task_count == 0)
        text_printf(o, "s%u", s);
    else
        text_printf(o, "t%u", stage->first_task + (last ? stage->task_count - 1 : 0));
}

struct slice layout_dot(struct arena *a, const struct template *t)
{
    struct text o = text_new(a, TEXT_BYTES_MAX);
    text_put_c(&o, "digraph \"");
    put_dot(&o, t->name);
    text_put_c(&o,
               "\" {\n  rankdir=LR;\n  ranksep=0.7;\n  fontname=\"Helvetica,Arial,sans-serif\";\n"
               "  graph [style=\"rounded,filled\", color=\"#e4e7ec\", fillcolor=\"#f5f6f8\", "
               "labeljust=l, fontcolor=\"#1d2433\", margin=16];\n"
               "  node [shape=box, style=\"rounded,filled\", fillcolor=white, "
               "color=\"#b3bac6\", fontname=\"Helvetica,Arial,sans-serif\", fontsize=12, "
               "margin=\"0.2,0.12\"];\n"
               "  edge [color=\"#7b8596\", arrowsize=0.7];\n");
    for (uint32_t s = 0; s < t->stage_count; s++)
        put_dot_stage(&o, t, s);
    for (uint32_t s = 0; s + 1 < t->stage_count; s++) {
        text_put_c(&o, "  ");
        put_anchor(&o, t, s, true);
        text_put_c(&o, " -> ");
        put_anchor(&o, t, s + 1, false);
        text_put_c(&o, " [style=invis];\n");
    }
    for (uint32_t i = 0; i < t->task_count; i++)
        for (uint32_t k = 0; k < t->tasks[i].needs_count; k++)
            text_printf(&o, "  t%u -> t%u;\n", t->tasks[i].needs[k], i);
    text_put_c(&o, "}\n");
    return text_slice(&o);
}

static void put_mermaid_stage(struct text *o, const struct template *t, uint32_t s)
{
    const struct stage *stage = &t->stages[s];
    text_printf(o, "  subgraph s%u[\"", s);
    put_mermaid(o, stage->name);
    text_put_c(o, "\"]\n");
    if (stage->task_count == 0)
        text_printf(o, "    e%u[\"no tasks\"]\n", s);
    for (uint32_t i = stage->first_task; i < stage->first_task + stage->task_count; i++) {
        bool is_human = t->tasks[i].kind == TASK_KIND_HUMAN;
        text_printf(o, "    t%u%s\"", i, is_human ? "([" : "[");
        put_mermaid(o, t->tasks[i].name);
        text_put_c(o, "<br/>");
        put_mermaid(o, layout_subtitle(&t->tasks[i]));
        text_put_c(o, is_human ? "\"])\n" : "\"]\n");
    }
    text_put_c(o, "  end\n");
}

struct slice layout_mermaid(struct arena *a, const struct template *t)
{
    struct text o = text_new(a, TEXT_BYTES_MAX);
    text_put_c(&o, "flowchart LR\n");
    for (uint32_t s = 0; s < t->stage_count; s++)
        put_mermaid_stage(&o, t, s);
    for (uint32_t s = 0; s + 1 < t->stage_count; s++)
        text_printf(&o, "  s%u ==> s%u\n", s, s + 1);
    for (uint32_t i = 0; i < t->task_count; i++)
        for (uint32_t k = 0; k < t->tasks[i].needs_count; k++)
            text_printf(&o, "  t%u --> t%u\n", t->tasks[i].needs[k], i);
    return text_slice(&o);
}

static void put_box(struct json_out *o, const struct layout_box *b)
{
    json_put_number(o, "x", b->x);
    json_put_number(o, "y", b->y);
    json_put_number(o, "width", b->width);
    json_put_number(o, "height", b->height);
}

static void put_json_paint(struct json_out *o, const struct layout_paint *p, uint32_t i)
{
    if (p != NULL && p->task_status != NULL)
        json_put_text(o, "status", vocab_name(VOCAB_TASK_STATUS, (int)p->task_status[i]));
    if (p != NULL && p->generation != NULL)
        json_put_number(o, "generation", p->generation[i]);
    if (p != NULL && p->attempt != NULL)
        json_put_number(o, "attempt", p->attempt[i]);
}

static void put_json_stage(struct json_out *o, const struct template *t, const struct layout *l,
                           const struct layout_paint *p, uint32_t s)
{
    json_object(o);
    json_put_string(o, "name", t->stages[s].name);
    if (p != NULL && p->stage_status != NULL)
        json_put_text(o, "status", vocab_name(VOCAB_STAGE_STATUS, (int)p->stage_status[s]));
    put_box(o, &l->stages[s]);
    json_object_end(o);
}

static void put_json_task(struct json_out *o, const struct template *t, const struct layout *l,
                          const struct layout_paint *p, uint32_t i)
{
    const struct task *task = &t->tasks[i];
    json_object(o);
    json_put_string(o, "name", task->name);
    json_put_string(o, "id", task->id);
    json_put_string(o, "stage", t->stages[task->stage].name);
    json_put_text(o, "kind", vocab_name(VOCAB_TASK_KIND, (int)task->kind));
    json_put_string(o, "queue", task->queue);
    json_put_string(o, "assignee", task->assignee);
    json_put_string(o, "group", task->group);
    json_put_string(o, "business_status", task->business_status);
    put_json_paint(o, p, i);
    put_box(o, &l->tasks[i]);
    json_object_end(o);
}

static void put_json_edge(struct json_out *o, const struct template *t, const struct layout_edge *e)
{
    json_object(o);
    json_put_string(o, "from", t->tasks[e->from].id);
    json_put_string(o, "to", t->tasks[e->to].id);
    json_key(o, "points");
    json_array(o);
    for (uint32_t i = 0; i < 2 * e->point_count; i++)
        json_number(o, e->points[i]);
    json_array_end(o);
    json_object_end(o);
}

struct slice layout_json(struct arena *a, const struct template *t, const struct layout_paint *p)
{
    struct layout l;
    layout_make(a, t, &l);
    struct json_out o = json_out_new(a, TEXT_BYTES_MAX);
    json_object(&o);
    json_put_number(&o, "width", l.width);
    json_put_number(&o, "height", l.height);
    json_key(&o, "stages");
    json_array(&o);
    for (uint32_t s = 0; s < t->stage_count; s++)
        put_json_stage(&o, t, &l, p, s);
    json_array_end(&o);
    json_key(&o, "tasks");
    json_array(&o);
    for (uint32_t i = 0; i < t->task_count; i++)
        put_json_task(&o, t, &l, p, i);
    json_array_end(&o);
    json_key(&o, "edges");
    json_array(&o);
    for (uint32_t e = 0; e < l.edge_count; e++)
        put_json_edge(&o, t, &l.edges[e]);
    json_array_end(&o);
    json_object_end(&o);
    return json_out_slice(&o);
}
