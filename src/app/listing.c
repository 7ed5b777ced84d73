/* Prints events, one a line. Before it stands `swm events` or `swm watch`, after it the server,
 * asked for what comes after the last one that was printed: nothing is told twice or left out. */
#include "app/listing.h"

#include "app/follow.h"
#include "app/view.h"

#include <inttypes.h>
#include <string.h>

#define EVENTS_PAGE 500
#define LOOK_MS 10000
#define DATE_CHARS 10 /* of 2026-11-23T12:00:00.000Z */
#define CLOCK_CHARS 12

struct listing {
    struct cli *cli;
    struct arena page; /* of the events that are being printed */
    const char *path, *events_path;
    char after[24]; /* the last one's seq */
    char day[DATE_CHARS + 1];
};

/* --- one event --- */

static bool is_status(struct slice path)
{
    return slice_eq_text(path, "status") || slice_has_suffix(path, SLICE(".status"));
}

/* "tasks.make_food.status" is make_food's; the instance's own has no name before it. */
static struct slice subject_of(struct slice path)
{
    struct slice head, rest;
    if (slice_eq_text(path, "status"))
        return SLICE("instance");
    path.len -= strlen(".status");
    slice_cut(path, '.', &head, &rest);
    return rest.at != NULL ? rest : path;
}

/* What the event did, as far as a line tells: statuses and errors. */
static void put_changes(struct term *t, yyjson_val *event)
{
    yyjson_arr_iter it = yyjson_arr_iter_with(json_get(event, "changes"));
    for (yyjson_val *change; (change = yyjson_arr_iter_next(&it)) != NULL;) {
        struct slice path = json_get_text(change, "path"), to = json_get_text(change, "to");
        if (slice_has_suffix(path, SLICE(".error")) && to.len > 0) {
            term_put_c(t, TINT_NONE, "  ");
            term_put(t, TINT_RED, to);
        }
        if (!is_status(path) || to.len == 0)
            continue;
        term_printf(t, view_tint(to), "  %s ", view_mark(to));
        term_put(t, TINT_NONE, subject_of(path));
        term_put_c(t, TINT_NONE, " ");
        term_put(t, view_tint(to), to);
    }
}

static void put_subject(struct term *t, yyjson_val *event)
{
    int64_t generation = 1, attempt = 1;
    struct slice task = json_get_text(event, "task");
    if (task.len == 0)
        return;
    (void)json_get_int(event, "generation", &generation);
    (void)json_get_int(event, "attempt", &attempt);
    term_put_c(t, TINT_NONE, " ");
    term_put(t, TINT_NONE, task);
    if (generation > 1)
        term_printf(t, TINT_DIM, " generation %" PRId64, generation);
    if (attempt > 1)
        term_printf(t, TINT_DIM, " attempt %" PRId64, attempt);
}

static void put_source(struct term *t, yyjson_val *event)
{
    struct slice source = json_get_text(event, "source"), actor = json_get_text(event, "actor");
    if (source.len == 0)
        return;
    term_put_c(t, TINT_DIM, "  by ");
    term_put(t, TINT_DIM, actor.len > 0 ? actor : source);
    if (actor.len > 0) {
        term_put_c(t, TINT_DIM, " (");
        term_put(t, TINT_DIM, source);
        term_put_c(t, TINT_DIM, ")");
    }
}

static void put_day(struct listing *l, struct slice at)
{
    struct term *t = &l->cli->out;
    if (at.len < DATE_CHARS || memcmp(at.at, l->day, DATE_CHARS) == 0)
        return;
    memcpy(l->day, at.at, DATE_CHARS);
    term_printf(t, TINT_DIM, "%s UTC", l->day);
    term_end_line(t);
}

static void put_event(struct listing *l, yyjson_val *event)
{
    struct term *t = &l->cli->out;
    struct slice at = json_get_text(event, "at"), verdict = json_get_text(event, "verdict");
    struct slice reason = json_get_text(event, "reason");
    bool is_applied = slice_eq_text(verdict, "applied");
    put_day(l, at);
    t->cut_at = t->columns;
    term_printf(t, TINT_DIM, "%4s  ", l->after);
    if (at.len > DATE_CHARS + CLOCK_CHARS)
        term_put(t, TINT_DIM, (struct slice){at.at + DATE_CHARS + 1, CLOCK_CHARS});
    term_put_c(t, TINT_NONE, "  ");
    term_put(t, TINT_BOLD, json_get_text(event, "event"));
    put_subject(t, event);
    if (!is_applied) {
        term_put_c(t, TINT_NONE, "  ");
        term_put(t, view_verdict_tint(verdict), verdict);
    }
    if (reason.len > 0) {
        term_put_c(t, TINT_NONE, "  ");
        term_put(t, is_applied ? TINT_NONE : TINT_DIM, reason);
    }
    put_changes(t, event);
    put_source(t, event);
    term_end_line(t);
    t->cut_at = 0;
}

/* --- pages --- */

static void put_page(struct listing *l, yyjson_val *page)
{
    yyjson_arr_iter it = yyjson_arr_iter_with(json_get(page, "events"));
    for (yyjson_val *event; (event = yyjson_arr_iter_next(&it)) != NULL;) {
        int64_t seq = 0;
        (void)json_get_int(event, "seq", &seq);
        (void)snprintf(l->after, sizeof l->after, "%" PRId64, seq);
        if (l->cli->args.json)
            cli_print_line(l->cli, json_write(&l->page, event));
        else
            put_event(l, event);
    }
    (void)term_flush(&l->cli->out);
}

#define AWAY (-1) /* the server can't be reached for the moment; else an exit code */

static int look(struct listing *l, const char *path, yyjson_val **answer)
{
    struct client_request r = {.method = "GET", .path = path};
    enum err e = cli_try(l->cli, &r, &l->page, answer);
    if (e == ERR_REFUSED)
        return cli_say_error(l->cli, *answer);
    return e == ERR_NONE ? EXIT_OK : AWAY;
}

/* Everything after the last one that was printed. */
static int put_new(struct listing *l)
{
    size_t count = EVENTS_PAGE;
    while (count == EVENTS_PAGE) {
        yyjson_val *page;
        arena_reset(&l->page);
        struct text path = text_new(&l->page, HTTP_HEADER_BYTES_MAX);
        text_printf(&path, "%s?limit=%d", l->events_path, EVENTS_PAGE);
        if (l->after[0] != '\0')
            text_printf(&path, "&after=%s", l->after);
        int exit = look(l, text_c(&path), &page);
        if (exit != EXIT_OK)
            return exit;
        put_page(l, page);
        count = yyjson_arr_size(json_get(page, "events"));
    }
    return EXIT_OK;
}

/* Whether it is finished is read before its events, so that the last one is among those printed. */
static int put_until(struct listing *l, enum listing_end end, bool *is_over)
{
    yyjson_val *shown;
    int final = EXIT_OK;
    arena_reset(&l->page);
    if (end == LISTING_FINISH) {
        int exit = look(l, l->path, &shown);
        if (exit != EXIT_OK)
            return exit;
        *is_over = !view_is_open(shown);
        bool is_completed = slice_eq_text(json_get_text(shown, "status"), "COMPLETED");
        final = *is_over && !is_completed ? EXIT_REFUSED : EXIT_OK;
    }
    int exit = put_new(l);
    return exit == EXIT_OK ? final : exit;
}

int listing_print(struct cli *c, const char *instance, enum listing_end end)
{
    struct listing l = {.cli = c,
                        .path = cli_path(c, "/v1/instances/", instance, ""),
                        .events_path = cli_path(c, "/v1/instances/", instance, "/events")};
    struct follow f;
    bool is_over = end == LISTING_NOW;
    arena_init(&l.page, WORK_BYTES_MAX * 2);
    l.page.edge = c->arena.edge;
    follow_open(&f, c, instance);
    int exit = put_until(&l, end, &is_over);
    if (exit == AWAY)
        exit = cli_fail(c, EXIT_UNREACHABLE, "unreachable", NULL, client_why(c->client));
    while (!is_over && (exit == EXIT_OK || exit == AWAY) && !ferror(stdout)) {
        (void)follow_wait(&f, LOOK_MS);
        exit = put_until(&l, end, &is_over);
    }
    follow_close(&f);
    arena_drop(&l.page);
    return exit;
}
