/* The picture of a template or of an instance as one SVG document. Coordinates come from layout.c;
 * the bytes go into documents, to the browser and into the page, which styles the same classes
 * itself and drops the style element.
 *
 * Plain shapes and plain CSS only: no identifiers (several pictures share one page), no variables,
 * no markers, no script, nothing fetched, so that every viewer draws it. Every text that a template
 * brought is escaped, and colour never speaks alone: each status has its own shape and its word. */
#include "core/layout.h"

#include "base/arena.h"
#include "base/text.h"

enum {
    SVG_BYTES_MAX = 48 * 1024 * 1024,
    BOX_PAD = 14,
    NAME_SIZE = 15,
    SMALL_SIZE = 12,
    PILL_SIZE = 11,
    PILL_HEIGHT = 20
};

static const char STYLE[] =
    "<style>"
    "text{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica "
    "Neue\",Arial,sans-serif}"
    ".g-back{fill:#fff}"
    ".g-lane{fill:#f5f6f8;stroke:#e4e7ec}"
    ".g-next{fill:none;stroke:#b3bac6;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}"
    ".g-ordinal{font-size:11px;font-weight:600;letter-spacing:.06em;fill:#667085}"
    ".g-stage{font-size:15px;font-weight:600;fill:#1d2433}"
    ".g-empty{font-size:12px;fill:#667085;font-style:italic}"
    ".g-edge{fill:none;stroke:#a3acba;stroke-width:1.6}.g-tip{fill:#a3acba}"
    ".g-done .g-edge{stroke:#4d9e75}.g-done .g-tip{fill:#4d9e75}"
    ".g-box{fill:#fff;stroke:#d3d8e0}"
    ".g-name{font-size:15px;font-weight:600;fill:#1d2433}"
    ".g-kind{font-size:12px;fill:#5a6475}"
    ".g-sign{fill:none;stroke:#7b8596;stroke-width:1.4;stroke-linecap:round;stroke-linejoin:round}"
    ".g-rule{fill:none;stroke:#e4e7ec}"
    ".g-says{font-size:11px;font-weight:600;letter-spacing:.02em;fill:#5a6475}"
    ".g-badge{fill:none;stroke:#c6ccd6}.g-count{font-size:11px;fill:#475063}"
    ".g-pill{fill:#eceef2}.g-word{font-size:11px;font-weight:600;fill:#515b6c}"
    ".g-icon{fill:none;stroke:#515b6c;stroke-width:1.7;stroke-linecap:round;stroke-linejoin:round}"
    ".s-PENDING .g-box{stroke-dasharray:4 3}"
    ".s-SCHEDULED .g-box{stroke:#8b97e8}.s-SCHEDULED .g-pill{fill:#e6e9fc}"
    ".s-SCHEDULED .g-word{fill:#3a46b0}.s-SCHEDULED .g-icon{stroke:#3a46b0}"
    ".s-RUNNING .g-box{stroke:#3d8fdc;stroke-width:1.8}"
    ".s-RUNNING .g-pill,.s-ACTIVE .g-pill{fill:#dcecfd}"
    ".s-RUNNING .g-word,.s-ACTIVE .g-word{fill:#0b58a3}"
    ".s-RUNNING .g-icon,.s-ACTIVE .g-icon{stroke:#0b58a3;fill:#0b58a3}"
    ".s-RETRYING .g-box{stroke:#d99a2b;stroke-width:1.8}.s-RETRYING .g-pill{fill:#fcefd0}"
    ".s-RETRYING .g-word{fill:#7d4b00}.s-RETRYING .g-icon{stroke:#7d4b00}"
    ".s-COMPLETED .g-box{stroke:#8fcbaa}.s-COMPLETED .g-pill{fill:#dcf3e5}"
    ".s-COMPLETED .g-word{fill:#12643a}.s-COMPLETED .g-icon{stroke:#12643a}"
    ".s-FAILED .g-box{stroke:#d9584f;stroke-width:1.8}.s-FAILED .g-pill{fill:#fce3e1}"
    ".s-FAILED .g-word{fill:#a3221b}.s-FAILED .g-icon{stroke:#a3221b}"
    ".s-CANCELLED .g-box{stroke-dasharray:2 3}.s-CANCELLED .g-pill{fill:#e9e6f0}"
    ".s-CANCELLED .g-word{fill:#554b6b}.s-CANCELLED .g-icon{stroke:#554b6b}"
    "@media(prefers-color-scheme:dark){"
    ".g-back{fill:#0e1217}.g-lane{fill:#151b23;stroke:#232c38}.g-next{stroke:#465264}"
    ".g-ordinal,.g-empty{fill:#93a0b3}.g-stage,.g-name{fill:#e7ecf3}"
    ".g-edge{stroke:#58667a}.g-tip{fill:#58667a}"
    ".g-done .g-edge{stroke:#3f8f68}.g-done .g-tip{fill:#3f8f68}"
    ".g-box{fill:#1c242f;stroke:#354152}.g-kind,.g-says{fill:#a3afc0}.g-sign{stroke:#8593a8}"
    ".g-rule{stroke:#2b3543}.g-badge{stroke:#465264}.g-count{fill:#b9c4d3}"
    ".g-pill{fill:#2a3442}.g-word{fill:#b9c4d3}.g-icon{stroke:#b9c4d3}"
    ".s-SCHEDULED .g-box{stroke:#5c69c4}.s-SCHEDULED .g-pill{fill:#272f5e}"
    ".s-SCHEDULED .g-word{fill:#bcc5ff}.s-SCHEDULED .g-icon{stroke:#bcc5ff}"
    ".s-RUNNING .g-box{stroke:#3b86cc}.s-RUNNING .g-pill,.s-ACTIVE .g-pill{fill:#123a61}"
    ".s-RUNNING .g-word,.s-ACTIVE .g-word{fill:#a5d3ff}"
    ".s-RUNNING .g-icon,.s-ACTIVE .g-icon{stroke:#a5d3ff;fill:#a5d3ff}"
    ".s-RETRYING .g-box{stroke:#b98324}.s-RETRYING .g-pill{fill:#4a3509}"
    ".s-RETRYING .g-word{fill:#ffd27f}.s-RETRYING .g-icon{stroke:#ffd27f}"
    ".s-COMPLETED .g-box{stroke:#33694d}.s-COMPLETED .g-pill{fill:#143d28}"
    ".s-COMPLETED .g-word{fill:#93e0b4}.s-COMPLETED .g-icon{stroke:#93e0b4}"
    ".s-FAILED .g-box{stroke:#c2524b}.s-FAILED .g-pill{fill:#521d1a}"
    ".s-FAILED .g-word{fill:#ffb4ad}.s-FAILED .g-icon{stroke:#ffb4ad}"
    ".s-CANCELLED .g-pill{fill:#322c42}.s-CANCELLED .g-word{fill:#c9bfe0}"
    ".s-CANCELLED .g-icon{stroke:#c9bfe0}"
    "}</style>";

#define CIRCLE "M-4.6 0a4.6 4.6 0 1 0 9.2 0a4.6 4.6 0 1 0-9.2 0Z"

static const char *const TASK_ICONS[TASK_STATUS_COUNT] = {
    [TASK_PENDING] = CIRCLE,
    [TASK_SCHEDULED] = CIRCLE "M0-2.4V.3L1.8 1.6",
    [TASK_RUNNING] = "M-2.8-3.8L3.8 0L-2.8 3.8Z",
    [TASK_RETRYING] = "M3.9-2.4A4.6 4.6 0 1 0 4.6.9M4.3-5.2V-2.2H1.3",
    [TASK_COMPLETED] = "M-4.2.4L-1.3 3.3L4.2-3.2",
    [TASK_FAILED] = "M-3.4-3.4L3.4 3.4M3.4-3.4L-3.4 3.4",
    [TASK_CANCELLED] = CIRCLE "M-3.1 3.1L3.1-3.1",
};

static const char *const STAGE_ICONS[STAGE_STATUS_COUNT] = {
    [STAGE_PENDING] = CIRCLE,
    [STAGE_ACTIVE] = "M-2.8-3.8L3.8 0L-2.8 3.8Z",
    [STAGE_COMPLETED] = "M-4.2.4L-1.3 3.3L4.2-3.2",
    [STAGE_FAILED] = "M-3.4-3.4L3.4 3.4M3.4-3.4L-3.4 3.4",
};

static const char *const KIND_SIGNS[TASK_KIND_COUNT] = {
    [TASK_KIND_QUEUE] = "M-5-4H5M-5 0H5M-5 4H1",
    [TASK_KIND_HUMAN] = "M0-.4a2.7 2.7 0 1 0 0-5.4a2.7 2.7 0 1 0 0 5.4ZM-5 5.6c0-2.9 2.1-4.4 5-4.4"
                        "s5 1.5 5 4.4",
};

/* A text element of `class`, cut with an ellipsis where it is wider than `width`. */
static void put_label(struct text *o, const char *class, const struct layout_box *at,
                      struct slice s)
{
    int size = at->height;
    struct slice shown = s;
    if (layout_text_width(s, size) > at->width) {
        int room = at->width - size;
        while (shown.len > 0 && layout_text_width(shown, size) > room) {
            do
                shown.len--;
            while (shown.len > 0 && ((unsigned char)shown.at[shown.len] & 0xC0) == 0x80);
        }
    }
    text_printf(o, "<text class=\"%s\" x=\"%d\" y=\"%d\">", class, at->x, at->y);
    text_put_xml(o, shown);
    text_put_c(o, shown.len < s.len ? "\xE2\x80\xA6</text>" : "</text>");
}

/* The status with its shape and word; returns its width. Its left end is x, its middle y; a
 * negative x is where it ends. */
static int put_pill(struct text *o, int x, int y, const char *icon, const char *word)
{
    int text_width = layout_text_width(slice_of(word), PILL_SIZE) + 6;
    int width = text_width + 33, left = x < 0 ? -x - width : x;
    text_printf(o,
                "<rect class=\"g-pill\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"10\"/>",
                left, y - PILL_HEIGHT / 2, width, PILL_HEIGHT);
    text_printf(o, "<path class=\"g-icon\" transform=\"translate(%d %d)\" d=\"%s\"/>", left + 13, y,
                icon);
    text_printf(o, "<text class=\"g-word\" text-anchor=\"middle\" x=\"%d\" y=\"%d\">%s</text>",
                left + 24 + text_width / 2, y + 4, word);
    return width;
}

/* "gen 2" or "try 3", right-aligned to `right`; returns its left end. */
static int put_badge(struct text *o, int right, int y, const char *what, uint32_t number)
{
    int digits_width = 0;
    for (uint32_t rest = number; rest > 0; rest /= 10)
        digits_width += 7;
    int width = layout_text_width(slice_of(what), PILL_SIZE) + digits_width + 15;
    int left = right - width;
    text_printf(
        o, "<rect class=\"g-badge\" x=\"%d.5\" y=\"%d.5\" width=\"%d\" height=\"19\" rx=\"6\"/>",
        left, y - 10, width - 1);
    text_printf(o, "<text class=\"g-count\" text-anchor=\"middle\" x=\"%d\" y=\"%d\">%s %u</text>",
                left + width / 2, y + 4, what, number);
    return left - 5;
}

static void put_lane(struct text *o, const struct template *t, const struct layout *l,
                     const struct layout_paint *p, uint32_t s)
{
    const struct layout_box *b = &l->stages[s];
    const char *status = p != NULL && p->stage_status != NULL
                             ? vocab_name(VOCAB_STAGE_STATUS, (int)p->stage_status[s])
                             : NULL;
    text_put_c(o, "<g class=\"g-stagegroup s-");
    text_put_c(o, status != NULL ? status : "NONE");
    text_put_c(o, "\" data-stage=\"");
    text_put_xml(o, t->stages[s].name);
    if (status != NULL)
        text_printf(o, "\" data-status=\"%s", status);
    text_put_c(o, "\"><title>");
    text_put_xml(o, t->stages[s].name);
    text_put_c(o, "</title>");
    text_printf(
        o, "<rect class=\"g-lane\" x=\"%d.5\" y=\"%d.5\" width=\"%d\" height=\"%d\" rx=\"14\"/>",
        b->x, b->y, b->width - 1, b->height - 1);
    text_printf(o, "<text class=\"g-ordinal\" x=\"%d\" y=\"%d\">STAGE %u</text>", b->x + 20,
                b->y + 27, s + 1);
    struct layout_box title = {b->x + 20, b->y + 48, b->width - 40, NAME_SIZE};
    put_label(o, "g-stage", &title, t->stages[s].name);
    if (status != NULL)
        put_pill(o, -(b->x + b->width - 14), b->y + 23, STAGE_ICONS[p->stage_status[s]], status);
    if (t->stages[s].task_count == 0)
        text_printf(o, "<text class=\"g-empty\" x=\"%d\" y=\"%d\">no tasks: passes through</text>",
                    b->x + 20, b->y + 64);
    text_put_c(o, "</g>");
    if (s + 1 < t->stage_count)
        text_printf(o, "<path class=\"g-next\" d=\"M%d %dl7 8l-7 8\"/>", b->x + b->width + 14,
                    b->y + 25);
}

static bool is_done(const struct layout_edge *e, const struct layout_paint *p)
{
    return p != NULL && p->task_status != NULL && p->task_status[e->from] == TASK_COMPLETED;
}

static void put_edge(struct text *o, const struct layout_edge *e, const struct layout_paint *p)
{
    bool done = is_done(e, p);
    const int *end = e->points + 2 * (e->point_count - 1);
    text_printf(o, "<g%s><path class=\"g-edge\" d=\"M%d %d", done ? " class=\"g-done\"" : "",
                e->points[0], e->points[1]);
    for (uint32_t i = 1; i < e->point_count; i += 3) {
        const int *q = e->points + 2 * i;
        bool is_last = i + 3 == e->point_count;
        text_printf(o, "C%d %d %d %d %d %d", q[0], q[1], q[2], q[3], q[4] - (is_last ? 7 : 0),
                    q[5]);
    }
    text_printf(o, "\"/><path class=\"g-tip\" d=\"M%d %dl-9-5l2 5l-2 5Z\"/></g>", end[0], end[1]);
}

/* The last row of a box: the status of an instance's task, or what a template's task says. */
static void put_state(struct text *o, const struct task *task, const struct layout_box *b,
                      const struct layout_paint *p, uint32_t i)
{
    int y = b->y + b->height - 19;
    if (p != NULL && p->task_status != NULL) {
        put_pill(o, b->x + BOX_PAD - 2, y, TASK_ICONS[p->task_status[i]],
                 vocab_name(VOCAB_TASK_STATUS, (int)p->task_status[i]));
        int right = b->x + b->width - 10;
        if (p->attempt != NULL && p->attempt[i] > 1)
            right = put_badge(o, right, y, "try", p->attempt[i]);
        if (p->generation != NULL && p->generation[i] > 1)
            put_badge(o, right, y, "gen", p->generation[i]);
    } else if (task->business_status.len > 0) {
        text_printf(o, "<path class=\"g-rule\" d=\"M%d %d.5h%d\"/>", b->x + 1, y - 10,
                    b->width - 2);
        struct layout_box at = {b->x + BOX_PAD, y + 8, b->width - 2 * BOX_PAD, PILL_SIZE};
        put_label(o, "g-says", &at, task->business_status);
    }
}

static void put_title(struct text *o, const struct task *task, const char *status)
{
    text_put_c(o, "<title>");
    text_put_xml(o, task->name);
    text_printf(o, " (%s: ", vocab_name(VOCAB_TASK_KIND, (int)task->kind));
    text_put_xml(o, layout_subtitle(task));
    text_put_c(o, status != NULL ? ") " : ")");
    text_put_c(o, status != NULL ? status : "");
    text_put_c(o, "</title>");
}

static void put_task(struct text *o, const struct template *t, const struct layout *l,
                     const struct layout_paint *p, uint32_t i)
{
    const struct task *task = &t->tasks[i];
    const struct layout_box *b = &l->tasks[i];
    bool painted = p != NULL && p->task_status != NULL;
    const char *status = painted ? vocab_name(VOCAB_TASK_STATUS, (int)p->task_status[i]) : NULL;
    text_printf(o, "<g class=\"g-task s-%s\" data-task=\"", painted ? status : "NONE");
    text_put_xml(o, task->id);
    if (painted)
        text_printf(o, "\" data-status=\"%s", status);
    text_put_c(o, "\">");
    put_title(o, task, status);
    text_printf(
        o, "<rect class=\"g-box\" x=\"%d.5\" y=\"%d.5\" width=\"%d\" height=\"%d\" rx=\"10\"/>",
        b->x, b->y, b->width - 1, b->height - 1);
    bool has_row = painted || task->business_status.len > 0;
    int top = b->y + (has_row ? 0 : 13), inner = b->width - 2 * BOX_PAD;
    struct layout_box name = {b->x + BOX_PAD, top + 25, inner, NAME_SIZE};
    put_label(o, "g-name", &name, task->name);
    text_printf(o, "<path class=\"g-sign\" transform=\"translate(%d %d)\" d=\"%s\"/>",
                b->x + BOX_PAD + 5, top + 40, KIND_SIGNS[task->kind]);
    struct layout_box kind = {b->x + BOX_PAD + 18, top + 44, inner - 18, SMALL_SIZE};
    put_label(o, "g-kind", &kind, layout_subtitle(task));
    put_state(o, task, b, p, i);
    text_put_c(o, "</g>");
}

struct slice layout_svg(struct arena *a, const struct template *t, const struct layout_paint *p)
{
    struct layout l;
    layout_make(a, t, &l);
    struct text o = text_new(a, SVG_BYTES_MAX);
    text_printf(&o,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"graph\" role=\"img\" "
                "width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\"><title>",
                l.width, l.height, l.width, l.height);
    text_put_xml(&o, t->title.len > 0 ? t->title : t->name);
    if (t->version > 0)
        text_printf(&o, ", version %u", t->version);
    text_put_c(&o, "</title>");
    text_put_c(&o, STYLE);
    text_put_c(&o, "<rect class=\"g-back\" width=\"100%\" height=\"100%\"/>");
    for (uint32_t s = 0; s < t->stage_count; s++)
        put_lane(&o, t, &l, p, s);
    for (int done = 0; done < 2; done++) /* the path taken lies above the others */
        for (uint32_t e = 0; e < l.edge_count; e++)
            if (is_done(&l.edges[e], p) == (done == 1))
                put_edge(&o, &l.edges[e], p);
    for (uint32_t i = 0; i < t->task_count; i++)
        put_task(&o, t, &l, p, i);
    text_put_c(&o, "</svg>\n");
    return text_slice(&o);
}
