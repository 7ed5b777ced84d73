/* swm import: exports of another server, and what the earlier implementation kept. Before it stands
 * the command line, after it import_read.c and those who take documents. Every document is
 * accounted for: imported, there already, or skipped and why. */
#include "app/import.h"

#include "app/view.h"

#include <inttypes.h>
#include <stdarg.h>

#define BUSY_TRIES 20
#define BUSY_MS 300

static const struct {
    const char *word, *mark;
    enum tint tint;
} results[] = {
    [IMPORT_DONE] = {"imported", "✔", TINT_GREEN},
    [IMPORT_PRESENT] = {"present", "·", TINT_DIM},
    [IMPORT_SKIPPED] = {"skipped", "✘", TINT_RED},
    [IMPORT_TEMPLATE] = {"template", "✔", TINT_GREEN},
};

static void print_report(struct cli *c, const struct importer *m, const struct import_report *r)
{
    struct json_out o = json_out_new(&c->arena, EVENT_BYTES_MAX);
    json_object(&o);
    json_put_text(&o, "result", results[r->result].word);
    json_put_string(&o, r->result == IMPORT_TEMPLATE ? "template" : "key", r->what);
    if (r->version > 0)
        json_put_number(&o, "version", r->version);
    if (r->result != IMPORT_TEMPLATE) {
        json_put_some(&o, "instance", r->instance);
        json_put_some(&o, "status", r->status);
        json_put_text(&o, "where", m->place);
        json_put_number(&o, "number", (int64_t)m->number);
    }
    if (r->why.len > 0)
        json_put_string(&o, "reason", r->why);
    json_object_end(&o);
    cli_print_line(c, json_out_slice(&o));
}

static void show_report(struct cli *c, const struct importer *m, const struct import_report *r)
{
    struct term *t = &c->out;
    term_put_c(t, results[r->result].tint, results[r->result].mark);
    term_put_c(t, TINT_NONE, r->result == IMPORT_TEMPLATE ? " template " : " ");
    term_put(t, TINT_BOLD, r->what);
    if (r->result == IMPORT_TEMPLATE)
        term_printf(t, TINT_DIM, "@%" PRId64, r->version);
    term_put_c(t, TINT_NONE, "  ");
    term_put(t, view_tint(r->status), r->status);
    if (r->result == IMPORT_PRESENT)
        term_put_c(t, TINT_DIM, "  there already");
    if (r->result == IMPORT_SKIPPED) {
        term_put_c(t, TINT_RED, "skipped: ");
        term_put(t, TINT_NONE, r->why);
        term_printf(t, TINT_DIM, "  (%s, document %" PRIu64 ")", m->place, m->number);
    }
    term_end_line(t);
}

void import_tell(struct importer *m, const struct import_report *r)
{
    m->imported += r->result == IMPORT_DONE;
    m->present += r->result == IMPORT_PRESENT;
    m->skipped += r->result == IMPORT_SKIPPED;
    if (m->cli->args.json)
        print_report(m->cli, m, r);
    else
        show_report(m->cli, m, r);
}

void import_skip(struct importer *m, struct arena *a, struct slice what, const char *format, ...)
{
    char line[REASON_BYTES_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    size_t kept = len < 0 ? 0 : (size_t)len < sizeof line ? (size_t)len : sizeof line - 1;
    struct import_report r = {.result = IMPORT_SKIPPED, .what = what};
    r.why = slice_copy(a, (struct slice){line, kept});
    import_tell(m, &r);
}

/* --- to the server --- */

static void put_texts(struct json_out *o, const char *name, const struct slice *items,
                      uint32_t count)
{
    json_key(o, name);
    json_array(o);
    for (uint32_t k = 0; k < count; k++)
        json_string(o, items[k]);
    json_array_end(o);
}

static struct slice write_body(struct arena *a, const struct import_body *b)
{
    struct json_out o = json_out_new(a, HTTP_BODY_BYTES_MAX);
    json_object(&o);
    json_put_string(&o, "template", b->template);
    json_put_number(&o, "version", b->version);
    json_put_string(&o, "digest", b->digest_hex);
    put_texts(&o, "records", b->records, b->record_count);
    put_texts(&o, "payloads", b->payloads, b->payload_count);
    json_object_end(&o);
    return o.text.is_cut ? SLICE_NONE : json_out_slice(&o);
}

static void take_answer(struct importer *m, const struct import_body *b, yyjson_val *answer)
{
    struct slice verdict = json_get_text(answer, "verdict");
    bool is_new = slice_eq_text(verdict, "applied");
    struct import_report r = {.result = is_new ? IMPORT_DONE : IMPORT_PRESENT, .what = b->what};
    r.instance = b->instance;
    r.status = json_get_text(answer, "status");
    import_tell(m, &r);
}

bool import_ask(struct importer *m, struct arena *a, const struct client_request *r,
                yyjson_val **answer)
{
    struct cli *c = m->cli;
    if (cli_connect(c) != ERR_NONE) {
        m->exit = EXIT_REFUSED;
        return false;
    }
    enum err err = cli_try(c, r, a, answer);
    for (int k = 0; k < BUSY_TRIES && err == ERR_OVERLOAD; k++) {
        client_wait(c->client, NULL, 0, BUSY_MS);
        err = cli_try(c, r, a, answer);
    }
    int status = c->answer.status;
    if (err == ERR_IO)
        m->exit = cli_fail(c, EXIT_UNREACHABLE, "unreachable", NULL, client_why(c->client));
    else if (err == ERR_OVERLOAD || status == 401 || status == 403)
        m->exit = cli_say_error(c, *answer); /* the next one will fare no better */
    return m->exit == EXIT_OK;
}

void import_send(struct importer *m, struct arena *a, const struct import_body *b)
{
    struct cli *c = m->cli;
    yyjson_val *answer;
    struct slice body = write_body(a, b);
    if (body.at == NULL) {
        import_skip(m, a, b->what,
                    "its history is larger than one request may be (4 MiB); "
                    "\"swm migrate-store\" moves a store as a whole");
        return;
    }
    if (c->args.dry_run) {
        struct import_report r = {
            .result = IMPORT_DONE, .what = b->what, .instance = b->instance, .status = b->status};
        import_tell(m, &r);
        return;
    }
    struct client_request r = {.method = "POST", .body = body};
    r.path = cli_path(c, "/v1/instances/", slice_text(a, b->instance), "/import");
    if (!import_ask(m, a, &r, &answer))
        return;
    struct slice why = json_get_text(json_get(answer, "error"), "message");
    if (c->answer.status == 200)
        take_answer(m, b, answer);
    else
        import_skip(m, a, b->what, "%.*s", SLICE_ARG(why));
}

/* --- the command --- */

static void take_document(struct importer *m, struct arena *a, yyjson_val *document)
{
    bool is_line = json_get(document, "swm") != NULL || m->export != NULL;
    if (import_is_instance(document)) {
        import_end_export(m);
        import_earlier(m, a, document);
    } else if (!import_is_definition(document) && is_line) {
        import_exported(m, a, document);
    } else if (!import_is_definition(document)) {
        import_skip(m, a, SLICE("?"), "it is neither an export nor a document of the earlier form");
    }
}

static void print_sums(struct cli *c, const struct importer *m)
{
    if (c->args.json) {
        struct json_out o = json_out_new(&c->arena, EVENT_BYTES_MAX);
        json_object(&o);
        json_put_boolean(&o, "dry_run", c->args.dry_run);
        json_put_number(&o, "templates", (int64_t)m->templates);
        json_put_number(&o, "imported", (int64_t)m->imported);
        json_put_number(&o, "present", (int64_t)m->present);
        json_put_number(&o, "skipped", (int64_t)m->skipped);
        json_object_end(&o);
        cli_print_line(c, json_out_slice(&o));
        return;
    }
    term_put_c(&c->out, TINT_BOLD, c->args.dry_run ? "would import " : "imported ");
    term_printf(&c->out, TINT_BOLD, "%" PRIu64 " instances", m->imported);
    term_printf(&c->out, TINT_NONE,
                " and %" PRIu64 " template versions; %" PRIu64 " were there, %" PRIu64
                " were skipped",
                m->templates, m->present, m->skipped);
    term_end_line(&c->out);
}

static int import(struct cli *c)
{
    struct importer m = {.cli = c};
    if ((c->args.from == NULL) == (c->args.word_count == 0))
        return cli_usage(c, "files or --from mongodb://… are needed, and not both");
    import_definitions(&m);
    if (m.exit == EXIT_OK)
        import_read_all(&m, take_document);
    import_end_export(&m);
    if (m.exit != EXIT_OK)
        return m.exit;
    print_sums(c, &m);
    return m.skipped > 0 ? EXIT_REFUSED : EXIT_OK;
}

static const struct verb verbs[] = {{"import", import, "from dry-run", 0, -1},
                                    {NULL, NULL, NULL, 0, 0}};

int cmd_import(int argc, char **argv)
{
    return cli_run(verbs, argc, argv);
}

void cmd_import_help(void)
{
    cli_help(verbs, "  swm import order-1.jsonl\n"
                    "  swm import wf_workflow_definition.json wf_workflow_instance.json --dry-run\n"
                    "  swm import --from \"mongodb://db1/orders\"\n");
    puts("\nFiles are what \"swm export\" wrote, or the earlier implementation's collections as "
         "JSON\n"
         "lines or as one array. An instance of the earlier form comes in as it stands: what is\n"
         "done stays done, what was out is sent again under a new attempt, and answers in the\n"
         "earlier form count. What can't be told by the rules is skipped, and it is said why.\n"
         "Importing again changes nothing.");
}
