/* Asks the server on behalf of a command: addresses, bodies, files, answers. Before it stands the
 * command, after it client.c. A server that is starting or busy is asked again for a while. */
#include "app/cli.h"

#include "base/hash.h"
#include "base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define BUSY_TRIES 20
#define BUSY_MS 300

enum err cli_connect(struct cli *c)
{
    char why[CLIENT_WHY_BYTES];
    if (c->client != NULL)
        return ERR_NONE;
    enum err e = client_open(NULL, &c->client, why);
    if (e == ERR_INVALID)
        (void)cli_usage(c, "%s", why);
    else if (e != ERR_NONE)
        (void)cli_fail(c, EXIT_REFUSED, err_name(e), NULL, err_text(e));
    return e;
}

enum err cli_try(struct cli *c, const struct client_request *r, struct arena *a, yyjson_val **root)
{
    c->answer = (struct client_answer){0};
    enum err e = client_ask(c->client, a, r, &c->answer);
    if (e != ERR_NONE)
        return ERR_IO;
    enum err read =
        json_read(a, c->answer.body, c->answer.body.len, 4 * JSON_DEPTH_MAX, NULL, root);
    if (c->answer.status == 503)
        return ERR_OVERLOAD;
    return c->answer.status == 200 && read == ERR_NONE ? ERR_NONE : ERR_REFUSED;
}

int cli_send_quiet(struct cli *c, const struct client_request *r, yyjson_val **root)
{
    *root = NULL;
    enum err e = cli_connect(c);
    if (e != ERR_NONE)
        return e == ERR_INVALID ? EXIT_USAGE : EXIT_REFUSED;
    e = cli_try(c, r, &c->arena, root);
    for (int i = 0; i < BUSY_TRIES && e == ERR_OVERLOAD; i++) {
        client_wait(c->client, NULL, 0, BUSY_MS);
        e = cli_try(c, r, &c->arena, root);
    }
    if (e == ERR_IO)
        return cli_fail(c, EXIT_UNREACHABLE, "unreachable", NULL, client_why(c->client));
    return e == ERR_NONE ? EXIT_OK : EXIT_REFUSED;
}

int cli_send(struct cli *c, const struct client_request *r, yyjson_val **root)
{
    int exit = cli_send_quiet(c, r, root);
    return exit == EXIT_REFUSED && c->client != NULL ? cli_say_error(c, *root) : exit;
}

int cli_get(struct cli *c, const char *path, yyjson_val **root)
{
    return cli_send(c, &(struct client_request){.method = "GET", .path = path}, root);
}

int cli_post(struct cli *c, const char *path, struct slice body, yyjson_val **root)
{
    return cli_send(c, &(struct client_request){.method = "POST", .path = path, .body = body},
                    root);
}

/* --- addresses --- */

static void encode(struct text *t, const char *piece)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *piece != '\0'; piece++) {
        if (strchr(plain, *piece) != NULL)
            text_put_char(t, *piece);
        else
            text_printf(t, "%%%02X", (unsigned)(unsigned char)*piece);
    }
}

const char *cli_path(struct cli *c, const char *before, const char *piece, const char *after)
{
    struct text t = text_new(&c->arena, HTTP_HEADER_BYTES_MAX);
    text_put_c(&t, before);
    encode(&t, piece);
    text_put_c(&t, after);
    return text_c(&t);
}

const char *cli_query(struct cli *c, const char *path, const char *name, const char *value)
{
    if (value == NULL)
        return path;
    struct text t = text_new(&c->arena, HTTP_HEADER_BYTES_MAX);
    text_put_c(&t, path);
    text_put_char(&t, strchr(path, '?') != NULL ? '&' : '?');
    text_put_c(&t, name);
    text_put_char(&t, '=');
    encode(&t, value);
    return text_c(&t);
}

void cli_put_event_id(struct cli *c, struct json_out *o)
{
    uint8_t bytes[16];
    if (c->args.event_id != NULL) {
        json_put_text(o, "event_id", c->args.event_id);
        return;
    }
    if (getrandom(bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes)
        json_put_string(o, "event_id", hex_encode(&c->arena, bytes, sizeof bytes));
}

/* --- what options say --- */

enum err cli_read_file(struct cli *c, const char *name, struct slice *out)
{
    bool is_standard = strcmp(name, "-") == 0;
    int fd = is_standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    struct text t = text_new(&c->arena, HTTP_BODY_BYTES_MAX);
    char piece[16384];
    ssize_t len = fd < 0 ? -1 : 1;
    while (len > 0 && !t.is_cut) {
        len = read(fd, piece, sizeof piece);
        if (len > 0)
            text_put(&t, (struct slice){piece, (size_t)len});
    }
    int why = errno;
    if (fd > STDIN_FILENO)
        close(fd);
    *out = t.len > 0 ? text_slice(&t) : SLICE("");
    if (len < 0) {
        (void)cli_fail(c, EXIT_REFUSED, "io", name, strerror(why));
        return ERR_IO;
    }
    if (t.is_cut) {
        (void)cli_fail(c, EXIT_REFUSED, "too_large", name, "the file is larger than 4 MiB");
        return ERR_TOO_LARGE;
    }
    return ERR_NONE;
}

int cli_take_json(struct cli *c, const char *value, struct slice *out)
{
    struct json_error why = {0, ""};
    yyjson_val *root;
    *out = SLICE_NONE;
    if (value == NULL)
        return EXIT_OK;
    bool is_file = value[0] == '@';
    if (!is_file)
        *out = slice_of(value);
    else if (cli_read_file(c, value + 1, out) != ERR_NONE)
        return EXIT_REFUSED;
    *out = slice_trim(*out);
    enum err e = json_read(&c->arena, *out, HTTP_BODY_BYTES_MAX, JSON_DEPTH_MAX, &why, &root);
    if (e == ERR_NONE)
        return EXIT_OK;
    return cli_usage(c, "%s is not JSON: %s at byte %zu", is_file ? value + 1 : value, why.what,
                     why.offset);
}

int cli_take_time(struct cli *c, const char *value, int direction, int64_t *at_ms)
{
    int64_t ms;
    *at_ms = 0;
    if (value == NULL || time_parse(slice_of(value), at_ms))
        return EXIT_OK;
    if (!duration_parse(slice_of(value), &ms))
        return cli_usage(c, "%s is neither a time like 2026-11-23T12:00:00Z nor a length like 30m",
                         value);
    *at_ms = cli_now_ms() + direction * ms;
    return EXIT_OK;
}

const char *cli_query_since(struct cli *c, const char *path)
{
    char since[TIME_TEXT_BYTES] = "";
    int64_t since_ms = 0;
    if (cli_take_time(c, c->args.since, -1, &since_ms) != EXIT_OK)
        return NULL;
    if (since_ms != 0)
        since[time_format(since_ms, since)] = '\0';
    return cli_query(c, path, "since", since_ms != 0 ? since : NULL);
}

int cli_take_count(struct cli *c, const char *option, const char *value, int64_t *out)
{
    if (value == NULL || (slice_to_int(slice_of(value), out) && *out > 0))
        return EXIT_OK;
    return cli_usage(c, "--%s needs a whole number from 1: %s", option, value);
}
