/* swm watch: one instance, live. In a terminal its picture is drawn anew in place; elsewhere each
 * event is a line. Before it stands the command line, after it follow.c, which says when to look.
 * It ends with the instance. */
#include "app/cli.h"

#include "app/follow.h"
#include "app/listing.h"
#include "app/view.h"

#define REDRAW_MS 1000 /* times told from now go on */
#define AWAY_MS 2000   /* a server that was away for so long is worth a line */

struct watch {
    struct cli *cli;
    struct follow follow;
    struct client_request request;
    struct arena pages;     /* of the picture that is being drawn */
    struct arena rounds[2]; /* of what is shown, and of what is being read */
    int current;
    yyjson_val *shown;
    int drawn_lines;
    int64_t away_since_ms; /* 0: the server is there */
};

/* --- drawing --- */

static int count_lines(struct slice s)
{
    int count = 0;
    for (size_t i = 0; i < s.len; i++)
        count += s.at[i] == '\n';
    return count;
}

static void draw_foot(struct watch *w, struct term *t, int64_t now_ms)
{
    char text[TERM_AGO_BYTES];
    term_end_line(t);
    if (w->away_since_ms != 0 && now_ms - w->away_since_ms >= AWAY_MS) {
        term_printf(t, TINT_YELLOW, "the server has been away for %s; waiting for it",
                    term_span(now_ms - w->away_since_ms, text));
        term_end_line(t);
    } else if (view_is_open(w->shown)) {
        term_put_c(t, TINT_DIM, "Ctrl-C stops watching; the work goes on");
        term_end_line(t);
    }
}

/* As much of the picture as the terminal has rows for. */
static struct slice cut_rows(struct slice page, int rows)
{
    int lines = 0;
    for (size_t i = 0; i < page.len; i++) {
        lines += page.at[i] == '\n';
        if (lines == rows)
            return (struct slice){page.at, i + 1};
    }
    return page;
}

/* What is too tall for the terminal is drawn in brief. */
static struct slice draw_page(struct watch *w, struct term *t)
{
    int64_t now_ms = cli_now_ms();
    arena_reset(&w->pages);
    for (int brief = 0; brief < 2; brief++) {
        t->text = text_new(&w->pages, WORK_BYTES_MAX);
        view_instance(t, w->shown, now_ms, brief == 1);
        draw_foot(w, t, now_ms);
        if (count_lines(text_slice(&t->text)) < t->rows)
            break;
    }
    return cut_rows(text_slice(&t->text), t->rows - 1);
}

/* Over the last picture, in one write that terminals show at once. */
static void draw(struct watch *w)
{
    struct term *out = &w->cli->out, page = *out;
    term_measure(&page);
    page.cut_at = page.columns;
    struct slice picture = draw_page(w, &page);
    term_raw(out, "\x1b[?2026h\r");
    if (w->drawn_lines > 0)
        text_printf(&out->text, "\x1b[%dA", w->drawn_lines);
    term_raw(out, "\x1b[J");
    text_put(&out->text, picture);
    term_raw(out, "\x1b[?2026l");
    (void)term_flush(out);
    w->drawn_lines = count_lines(picture);
}

/* --- looking --- */

/* EXIT_OK, or why there is nothing more to see. A server that is away is waited for; the last
 * picture stays meanwhile. */
static int look(struct watch *w)
{
    yyjson_val *answer;
    struct arena *round = &w->rounds[1 - w->current];
    arena_reset(round);
    enum err e = cli_try(w->cli, &w->request, round, &answer);
    if (e == ERR_REFUSED)
        return cli_say_error(w->cli, answer);
    if (e == ERR_NONE) {
        w->shown = answer;
        w->current = 1 - w->current;
        w->away_since_ms = 0;
    } else if (w->away_since_ms == 0) {
        w->away_since_ms = cli_now_ms();
    }
    return EXIT_OK;
}

static int exit_of(yyjson_val *shown)
{
    return slice_eq_text(json_get_text(shown, "status"), "COMPLETED") ? EXIT_OK : EXIT_REFUSED;
}

static int watch_terminal(struct watch *w)
{
    int exit = look(w);
    while (exit == EXIT_OK && w->shown != NULL) {
        draw(w);
        if (!view_is_open(w->shown))
            return exit_of(w->shown);
        bool is_news = follow_wait(&w->follow, REDRAW_MS);
        if (is_news || w->away_since_ms != 0)
            exit = look(w);
    }
    if (exit == EXIT_OK)
        exit = cli_fail(w->cli, EXIT_UNREACHABLE, "unreachable", NULL, client_why(w->cli->client));
    return exit;
}

static int watch(struct cli *c)
{
    struct watch w = {.cli = c};
    struct arena *arenas[] = {&w.pages, &w.rounds[0], &w.rounds[1]};
    yyjson_val *first;
    int exit = cli_get(c, cli_path(c, "/v1/instances/", c->args.words[0], ""), &first);
    if (exit != EXIT_OK)
        return exit;
    const char *id = slice_text(&c->arena, json_get_text(first, "instance"));
    if (!c->out.is_terminal || c->args.json)
        return listing_print(c, id, LISTING_FINISH);
    for (size_t i = 0; i < 3; i++) {
        arena_init(arenas[i], WORK_BYTES_MAX * 2);
        arenas[i]->edge = c->arena.edge;
    }
    w.request =
        (struct client_request){.method = "GET", .path = cli_path(c, "/v1/instances/", id, "")};
    follow_open(&w.follow, c, id);
    exit = watch_terminal(&w);
    follow_close(&w.follow);
    for (size_t i = 0; i < 3; i++)
        arena_drop(arenas[i]);
    return exit;
}

static const struct verb verbs[] = {{"watch", watch, "", 1, 1}, {NULL, NULL, NULL, 0, 0}};

int cmd_watch(int argc, char **argv)
{
    return cli_run(verbs, argc, argv);
}

void cmd_watch_help(void)
{
    cli_help(verbs, "  swm watch ORDER-1\n"
                    "  swm watch ORDER-1 --json        (its events, a line each, until it ends)\n");
}
