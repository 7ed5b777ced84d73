/* Draws one instance. Before it stands `swm show` or `swm watch` with the server's answer, after it
 * the terminal. It must work with any member missing: servers of other versions may say less. */
#include "app/view.h"

#include "base/time.h"

#include <inttypes.h>
#include <string.h>

#define NAME_COLUMNS_MAX 40
#define STATUS_COLUMNS 11

static const struct {
    const char *status, *mark;
    enum tint tint;
} looks[] = {
    {"PENDING", "·", TINT_DIM},     {"SCHEDULED", "○", TINT_CYAN},  {"RUNNING", "●", TINT_CYAN},
    {"ACTIVE", "●", TINT_CYAN},     {"RETRYING", "↻", TINT_YELLOW}, {"PAUSED", "‖", TINT_YELLOW},
    {"COMPLETED", "✔", TINT_GREEN}, {"FAILED", "✘", TINT_RED},      {"CANCELLED", "⊘", TINT_DIM},
};

#define LOOK_COUNT (sizeof looks / sizeof looks[0])

static size_t find_look(struct slice status)
{
    size_t i = 0;
    while (i < LOOK_COUNT && !slice_eq_text(status, looks[i].status))
        i++;
    return i;
}

enum tint view_tint(struct slice status)
{
    size_t i = find_look(status);
    return i < LOOK_COUNT ? looks[i].tint : TINT_NONE;
}

const char *view_mark(struct slice status)
{
    size_t i = find_look(status);
    return i < LOOK_COUNT ? looks[i].mark : "?";
}

enum tint view_verdict_tint(struct slice verdict)
{
    if (slice_eq_text(verdict, "applied"))
        return TINT_GREEN;
    bool is_harmless = slice_eq_text(verdict, "duplicate") || slice_eq_text(verdict, "stale");
    return is_harmless ? TINT_DIM : TINT_YELLOW;
}

struct slice view_name(yyjson_val *instance)
{
    struct slice key = json_get_text(instance, "key");
    return key.len > 0 ? key : json_get_text(instance, "instance");
}

int64_t view_time(yyjson_val *object, const char *name)
{
    int64_t at_ms = 0;
    struct slice text = json_get_text(object, name);
    return text.len > 0 && time_parse(text, &at_ms) ? at_ms : 0;
}

bool view_is_open(yyjson_val *instance)
{
    struct slice status = json_get_text(instance, "status");
    return slice_eq_text(status, "RUNNING") || slice_eq_text(status, "PAUSED");
}

/* --- the head --- */

static void dot(struct term *t)
{
    term_put_c(t, TINT_DIM, " · ");
}

static void draw_times(struct term *t, yyjson_val *i, int64_t now_ms)
{
    char text[TERM_AGO_BYTES];
    int64_t started = view_time(i, "started_at"), finished = view_time(i, "finished_at");
    int64_t resume = view_time(i, "resume_at");
    if (finished == 0 && !view_is_open(i))
        finished = view_time(i, "updated_at");
    if (started != 0) {
        dot(t);
        term_printf(t, TINT_DIM, "started %s", term_ago(started, now_ms, text));
    }
    if (started != 0 && finished >= started) {
        dot(t);
        term_printf(t, TINT_DIM, "took %s", term_span(finished - started, text));
    }
    if (resume != 0) {
        dot(t);
        term_printf(t, TINT_YELLOW, "goes on %s", term_ago(resume, now_ms, text));
    }
}

static void draw_error(struct term *t, yyjson_val *object)
{
    struct slice error = json_get_text(object, "error"), message = json_get_text(object, "message");
    term_put(t, TINT_RED, error);
    if (message.len > 0) {
        term_put_c(t, TINT_RED, error.len > 0 ? ": " : "");
        term_put(t, TINT_NONE, message);
    }
}

static void draw_head(struct term *t, yyjson_val *i, int64_t now_ms)
{
    struct slice status = json_get_text(i, "status");
    struct slice business = json_get_text(i, "business_status");
    int64_t version = 0, revision = 0;
    term_put(t, TINT_BOLD, view_name(i));
    term_printf(t, view_tint(status), "  %s ", view_mark(status));
    term_put(t, view_tint(status), status);
    if (business.len > 0) {
        term_put_c(t, TINT_NONE, "  ");
        term_put(t, TINT_NONE, business);
    }
    term_end_line(t);
    term_put(t, TINT_DIM, json_get_text(i, "template"));
    if (json_get_int(i, "version", &version))
        term_printf(t, TINT_DIM, " v%" PRId64, version);
    dot(t);
    term_put(t, TINT_DIM, json_get_text(i, "instance"));
    if (json_get_int(i, "revision", &revision)) {
        dot(t);
        term_printf(t, TINT_DIM, "revision %" PRId64, revision);
    }
    draw_times(t, i, now_ms);
    term_end_line(t);
    if (json_get_text(i, "error").len > 0) {
        draw_error(t, i);
        term_end_line(t);
    }
    term_end_line(t);
}

/* --- tasks --- */

/* Details follow each other with a dot between them. */
static void begin_detail(struct term *t, int start)
{
    if (t->column > start)
        dot(t);
}

static void draw_numbers(struct term *t, yyjson_val *task, int start)
{
    int64_t generation = 1, attempt = 1;
    (void)json_get_int(task, "generation", &generation);
    (void)json_get_int(task, "attempt", &attempt);
    if (generation > 1) {
        begin_detail(t, start);
        term_printf(t, TINT_NONE, "generation %" PRId64, generation);
    }
    if (attempt > 1) {
        begin_detail(t, start);
        term_printf(t, TINT_NONE, "attempt %" PRId64, attempt);
    }
}

static void draw_clock(struct term *t, yyjson_val *task, int64_t now_ms)
{
    char text[TERM_AGO_BYTES];
    struct slice status = json_get_text(task, "status");
    int64_t sent = view_time(task, "sent_at"), started = view_time(task, "started_at");
    int64_t from = started != 0 ? started : sent, finished = view_time(task, "finished_at");
    int64_t retry = view_time(task, "retry_at");
    if (retry == 0)
        retry = view_time(task, "wake_at");
    if (slice_eq_text(status, "RETRYING") && retry > now_ms)
        term_printf(t, TINT_YELLOW, "next try %s", term_ago(retry, now_ms, text));
    else if (slice_eq_text(status, "RETRYING"))
        term_put_c(t, TINT_YELLOW, "next try now");
    else if (slice_eq_text(status, "RUNNING") && from != 0)
        term_printf(t, TINT_NONE, "for %s", term_span(now_ms - from, text));
    else if (slice_eq_text(status, "COMPLETED") && from != 0 && finished >= from)
        term_put_c(t, TINT_DIM, term_span(finished - from, text));
}

static void draw_person(struct term *t, yyjson_val *task, int64_t now_ms, int start)
{
    char text[TERM_AGO_BYTES];
    struct slice who = json_get_text(task, "assignee"), status = json_get_text(task, "status");
    int64_t due = view_time(task, "due_at");
    bool is_out = slice_eq_text(status, "SCHEDULED") || slice_eq_text(status, "RUNNING");
    if (!slice_eq_text(json_get_text(task, "kind"), "human") || !is_out)
        return;
    begin_detail(t, start);
    term_put_c(t, TINT_NONE, "waits for ");
    term_put(t, TINT_NONE, who.len > 0 ? who : SLICE("a person"));
    if (due != 0) {
        begin_detail(t, start);
        term_printf(t, due < now_ms ? TINT_RED : TINT_NONE, "due %s", term_ago(due, now_ms, text));
    }
}

static void draw_task(struct term *t, yyjson_val *task, int64_t now_ms, int name_columns)
{
    struct slice status = json_get_text(task, "status");
    term_printf(t, view_tint(status), "  %s ", view_mark(status));
    bool is_quiet = slice_eq_text(status, "PENDING");
    term_put(t, is_quiet ? TINT_DIM : TINT_NONE, json_get_text(task, "name"));
    term_pad(t, name_columns);
    term_put(t, view_tint(status), status);
    int start = name_columns + STATUS_COLUMNS;
    if (!is_quiet) {
        term_pad(t, start);
        draw_clock(t, task, now_ms);
        draw_person(t, task, now_ms, start);
        draw_numbers(t, task, start);
        if (json_get_text(task, "error").len > 0) {
            begin_detail(t, start);
            draw_error(t, task);
        }
    }
    term_end_line(t);
}

/* --- stages --- */

static int measure_names(yyjson_val *stages)
{
    int widest = 0;
    yyjson_arr_iter s = yyjson_arr_iter_with(stages);
    for (yyjson_val *stage; (stage = yyjson_arr_iter_next(&s)) != NULL;) {
        yyjson_arr_iter k = yyjson_arr_iter_with(json_get(stage, "tasks"));
        for (yyjson_val *task; (task = yyjson_arr_iter_next(&k)) != NULL;) {
            int width = term_width(json_get_text(task, "name"));
            widest = width > widest ? width : widest;
        }
    }
    return (widest < NAME_COLUMNS_MAX ? widest : NAME_COLUMNS_MAX) + 6;
}

static bool is_eventful(struct slice status)
{
    return slice_eq_text(status, "ACTIVE") || slice_eq_text(status, "FAILED");
}

static void draw_stage(struct term *t, yyjson_val *stage)
{
    struct slice status = json_get_text(stage, "status");
    size_t count = yyjson_arr_size(json_get(stage, "tasks"));
    term_printf(t, view_tint(status), "%s ", view_mark(status));
    term_put(t, slice_eq_text(status, "PENDING") ? TINT_DIM : TINT_BOLD,
             json_get_text(stage, "name"));
    if (count == 0)
        term_put_c(t, TINT_DIM, "  passes through: it has no tasks");
    term_end_line(t);
}

void view_instance(struct term *t, yyjson_val *shown, int64_t now_ms, bool is_brief)
{
    yyjson_val *stages = json_get(shown, "stages");
    int name_columns = measure_names(stages);
    draw_head(t, shown, now_ms);
    yyjson_arr_iter s = yyjson_arr_iter_with(stages);
    for (yyjson_val *stage; (stage = yyjson_arr_iter_next(&s)) != NULL;) {
        draw_stage(t, stage);
        if (is_brief && !is_eventful(json_get_text(stage, "status")))
            continue;
        yyjson_arr_iter k = yyjson_arr_iter_with(json_get(stage, "tasks"));
        for (yyjson_val *task; (task = yyjson_arr_iter_next(&k)) != NULL;)
            draw_task(t, task, now_ms, name_columns);
    }
}
