/* swm export: an instance as lines of JSON, exact to the byte, with the large values that its
 * records name and the versions of its template. Before it stands the command line, after it the
 * server; `swm import` takes the lines in. */
#include "app/cli.h"

#include <inttypes.h>

#define PAGE_RECORDS 64

struct exporting {
    struct cli *cli;
    const char *id;
    int64_t next; /* the seq after which the next page begins */
    uint32_t limit;
    uint64_t records, payloads;
    bool is_over;
};

static int ask_page(struct exporting *x, yyjson_val **page)
{
    struct cli *c = x->cli;
    char query[64];
    for (;;) {
        (void)snprintf(query, sizeof query, "/records?after=%" PRId64 "&limit=%u", x->next,
                       x->limit);
        const char *path = cli_path(c, "/v1/instances/", x->id, query);
        int exit = cli_send_quiet(c, &(struct client_request){.method = "GET", .path = path}, page);
        bool is_large = exit == EXIT_REFUSED && c->client != NULL && c->answer.status == 413;
        if (!is_large || x->limit == 1)
            return exit == EXIT_REFUSED && c->client != NULL ? cli_say_error(c, *page) : exit;
        x->limit = (x->limit + 7) / 8; /* records may be large */
    }
}

static void print_texts(struct exporting *x, yyjson_val *list, const char *name, uint64_t *count)
{
    yyjson_val *item;
    yyjson_arr_iter it = yyjson_arr_iter_with(list);
    while ((item = yyjson_arr_iter_next(&it)) != NULL) {
        struct json_out o = json_out_new(&x->cli->arena, WORK_BYTES_MAX);
        json_object(&o);
        json_put_string(&o, name, json_text(item));
        json_object_end(&o);
        cli_print_line(x->cli, json_out_slice(&o));
        (*count)++;
    }
}

/* The head is written when the first page tells what it is about; `revision` as of then is where
 * the export ends, whatever is appended meanwhile. */
static void print_head(struct exporting *x, yyjson_val *page)
{
    static const char *const texts[] = {"instance", "template", "digest", "key"};
    static const char *const numbers[] = {"version", "revision"};
    struct json_out o = json_out_new(&x->cli->arena, EVENT_BYTES_MAX);
    json_object(&o);
    json_put_text(&o, "swm", "export");
    json_put_number(&o, "format", 1);
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        json_put_string(&o, texts[k], json_get_text(page, texts[k]));
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        json_put_raw(&o, numbers[k], json_write(&x->cli->arena, json_get(page, numbers[k])));
    json_object_end(&o);
    cli_print_line(x->cli, json_out_slice(&o));
}

static int print_templates(struct exporting *x, yyjson_val *page)
{
    struct cli *c = x->cli;
    const char *name = slice_text(&c->arena, json_get_text(page, "template"));
    int64_t versions = 0;
    (void)json_get_int(page, "version", &versions);
    for (int64_t version = 1; version <= versions; version++) {
        char after[32];
        yyjson_val *shown;
        (void)snprintf(after, sizeof after, "/versions/%" PRId64, version);
        int exit = cli_get(c, cli_path(c, "/v1/templates/", name, after), &shown);
        if (exit != EXIT_OK)
            return exit;
        struct json_out o = json_out_new(&c->arena, WORK_BYTES_MAX);
        json_object(&o);
        json_put_text(&o, "template", name);
        json_put_number(&o, "version", version);
        json_put_string(&o, "digest", json_get_text(shown, "digest"));
        json_put_string(&o, "source", json_get_text(shown, "source"));
        json_object_end(&o);
        cli_print_line(c, json_out_slice(&o));
    }
    return EXIT_OK;
}

static int64_t revision_of(yyjson_val *page)
{
    int64_t revision = 0;
    (void)json_get_int(page, "revision", &revision);
    return revision;
}

static int print_pages(struct exporting *x, yyjson_val *page, int64_t revision)
{
    for (;;) {
        yyjson_val *records = json_get(page, "records");
        print_texts(x, json_get(page, "payloads"), "payload", &x->payloads);
        print_texts(x, records, "record", &x->records);
        x->next += (int64_t)yyjson_arr_size(records);
        if (x->next >= revision)
            return EXIT_OK;
        if (revision - x->next < x->limit)
            x->limit = (uint32_t)(revision - x->next);
        int exit = ask_page(x, &page);
        if (exit != EXIT_OK)
            return exit;
        if (yyjson_arr_size(json_get(page, "records")) == 0)
            return cli_fail(x->cli, EXIT_REFUSED, "corrupt", NULL,
                            "the newest records are missing");
    }
}

static int export(struct cli *c)
{
    struct exporting x = {.cli = c, .id = c->args.words[0], .limit = 1};
    yyjson_val *page;
    int exit = ask_page(&x, &page);
    if (exit != EXIT_OK)
        return exit;
    int64_t revision = revision_of(page);
    x.limit = revision > PAGE_RECORDS ? PAGE_RECORDS : (uint32_t)(revision > 1 ? revision : 1);
    x.id = slice_text(&c->arena, json_get_text(page, "instance")); /* its key may change hands */
    print_head(&x, page);
    exit = print_templates(&x, page);
    if (exit == EXIT_OK)
        exit = print_pages(&x, page, revision);
    if (exit != EXIT_OK)
        return exit;
    struct json_out o = json_out_new(&c->arena, EVENT_BYTES_MAX);
    json_object(&o);
    json_put_boolean(&o, "end", true);
    json_put_number(&o, "records", (int64_t)x.records);
    json_put_number(&o, "payloads", (int64_t)x.payloads);
    json_object_end(&o);
    cli_print_line(c, json_out_slice(&o));
    return EXIT_OK;
}

static const struct verb verbs[] = {{"export", export, "", 1, 1}, {NULL, NULL, NULL, 0, 0}};

int cmd_export(int argc, char **argv)
{
    return cli_run(verbs, argc, argv);
}

void cmd_export_help(void)
{
    cli_help(verbs, "  swm export ORDER-1 > order-1.jsonl\n");
}
