/* Follows one instance. Before it stands a command that waits, after it the event stream, which
 * only says that there is news: what it is, is read from the server. It must not lose news between
 * a read and the next stream, so that a new stream is news by itself. */
#include "app/follow.h"

#include "app/view.h"

#include <limits.h>

#define RETRY_MS 500

void follow_open(struct follow *f, struct cli *c, const char *instance)
{
    *f = (struct follow){.cli = c, .path = cli_query(c, "/v1/events", "instance", instance)};
}

static void connect_stream(struct follow *f, int64_t now_ms)
{
    if (f->stream != NULL || now_ms < f->retry_at_ms)
        return;
    struct client_request r = {.method = "GET", .path = f->path, .is_stream = true};
    f->stream = client_begin(f->cli->client, &r);
    f->retry_at_ms = now_ms + RETRY_MS;
    f->was_connected = false;
}

static void take_news(struct follow *f)
{
    if (f->stream == NULL)
        return;
    f->is_news |= client_has_news(f->stream);
    if (!f->was_connected && client_is_connected(f->stream))
        f->was_connected = f->is_news = true;
    if (!client_is_done(f->stream))
        return;
    client_drop(f->cli->client, f->stream);
    f->stream = NULL;
    f->is_news = true; /* what came while nobody listened */
}

bool follow_wait(struct follow *f, int timeout_ms)
{
    int64_t now_ms = cli_now_ms(), until_ms = now_ms + timeout_ms;
    while (!f->is_news && now_ms < until_ms) {
        connect_stream(f, now_ms);
        int64_t left_ms = until_ms - now_ms;
        if (f->stream == NULL && left_ms > RETRY_MS)
            left_ms = RETRY_MS;
        client_wait(f->cli->client, NULL, 0, left_ms < INT_MAX ? (int)left_ms : INT_MAX);
        take_news(f);
        now_ms = cli_now_ms();
    }
    bool is_news = f->is_news;
    f->is_news = false;
    return is_news;
}

void follow_close(struct follow *f)
{
    if (f->stream != NULL)
        client_drop(f->cli->client, f->stream);
    f->stream = NULL;
}

int follow_to_end(struct cli *c, const char *instance, yyjson_val **shown)
{
    struct follow f;
    struct client_request r = {.method = "GET",
                               .path = cli_path(c, "/v1/instances/", instance, "")};
    struct arena round;
    int exit = -1;
    arena_init(&round, WORK_BYTES_MAX * 2);
    round.edge = c->arena.edge;
    follow_open(&f, c, instance);
    while (exit < 0) {
        yyjson_val *now;
        arena_reset(&round);
        enum err e = cli_try(c, &r, &round, &now);
        if (e == ERR_NONE && !view_is_open(now))
            exit = EXIT_OK;
        else if (e == ERR_REFUSED)
            exit = cli_say_error(c, now);
        else
            (void)follow_wait(&f, 10000);
    }
    follow_close(&f);
    arena_drop(&round);
    return exit == EXIT_OK ? cli_get(c, r.path, shown) : exit;
}
