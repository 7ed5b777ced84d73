/* Reads templates for the command line and shows what is wrong with them. Before it stands
 * cmd_template.c, after it core's parser or the server. It must say what they said and no more. */
#include "app/template_file.h"

#include "base/hash.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

/* --- errors --- */

static struct slice find_line(struct slice source, int64_t number)
{
    struct slice line = SLICE_NONE;
    while (number-- > 0 && source.at != NULL)
        slice_cut(source, '\n', &line, &source);
    return number < 0 ? line : SLICE_NONE;
}

/* The part of a line before its column, which counts characters from 1. */
static struct slice before_column(struct slice line, int64_t column)
{
    size_t len = 0;
    for (; len < line.len; len++) {
        bool is_first_byte = ((unsigned char)line.at[len] & 0xc0) != 0x80;
        if (is_first_byte && column-- <= 1)
            break;
    }
    return (struct slice){line.at, len};
}

static void put_source_line(struct term *t, struct slice line, int64_t number, int64_t column)
{
    char head[24];
    if (line.at == NULL)
        return;
    t->cut_at = t->columns;
    (void)snprintf(head, sizeof head, "%6" PRId64 " | ", number);
    term_put_c(t, TINT_DIM, head);
    term_put(t, TINT_NONE, line);
    term_end_line(t);
    term_put_c(t, TINT_DIM, "       | ");
    int at = t->column + term_width(before_column(line, column));
    while (t->column < at && !t->is_line_cut)
        term_put_c(t, TINT_NONE, " ");
    term_put_c(t, TINT_RED, "^");
    term_end_line(t);
    t->cut_at = 0;
}

struct complaint {
    int64_t line, column;
    struct slice message;
    bool is_warning;
};

static void put_complaint(struct term *t, const char *file, struct slice source,
                          const struct complaint *e)
{
    term_put_c(t, TINT_BOLD, file);
    if (e->line > 0)
        term_printf(t, TINT_BOLD, ":%" PRId64 ":%" PRId64, e->line, e->column);
    term_put_c(t, TINT_NONE, ": ");
    if (e->is_warning)
        term_put_c(t, TINT_YELLOW, "warning: ");
    term_put(t, TINT_NONE, e->message);
    term_end_line(t);
    if (e->line > 0)
        put_source_line(t, find_line(source, e->line), e->line, e->column);
}

void template_file_say(struct cli *c, const char *file, struct slice source, yyjson_val *errors,
                       bool is_warning)
{
    struct term t;
    (void)term_flush(&c->out);
    term_init(&t, &c->arena, stderr);
    yyjson_arr_iter it = yyjson_arr_iter_with(errors);
    for (yyjson_val *error; (error = yyjson_arr_iter_next(&it)) != NULL;) {
        struct complaint e = {.message = json_get_text(error, "message"), .is_warning = is_warning};
        (void)json_get_int(error, "line", &e.line);
        (void)json_get_int(error, "column", &e.column);
        put_complaint(&t, file, source, &e);
    }
    (void)term_flush(&t);
}

static void say_report(struct cli *c, const char *file, const struct template_file *f)
{
    struct term t;
    const struct template_report *r = &f->report;
    (void)term_flush(&c->out);
    term_init(&t, &c->arena, stderr);
    for (uint32_t i = 0; i < r->shown_count; i++) {
        const struct template_error *e = &r->errors[i];
        put_complaint(&t, file, f->source,
                      &(struct complaint){e->line, e->column, e->message, e->is_warning});
    }
    if (r->error_count > r->shown_count - r->warning_count) {
        term_printf(&t, TINT_NONE, "%s: %u errors in all", file, r->error_count);
        term_end_line(&t);
    }
    (void)term_flush(&t);
}

static void print_report(struct json_out *o, const struct template_report *r, bool is_warning)
{
    json_key(o, is_warning ? "warnings" : "errors");
    template_report_json(o, r, is_warning);
}

/* Where every error of a program is: the first one of the file. */
static void print_error(struct cli *c, struct json_out *o, const char *file,
                        const struct template_report *r)
{
    uint32_t i = 0;
    while (i < r->shown_count && r->errors[i].is_warning)
        i++;
    struct text where = text_new(&c->arena, 4096);
    text_put_c(&where, file);
    if (i < r->shown_count && r->errors[i].line > 0)
        text_printf(&where, ":%u:%u", r->errors[i].line, r->errors[i].column);
    json_key(o, "error");
    json_object(o);
    json_put_text(o, "code", err_name(ERR_INVALID));
    json_put_string(o, "message",
                    i < r->shown_count ? r->errors[i].message : slice_of(err_text(ERR_INVALID)));
    json_put_string(o, "where", text_slice(&where));
    json_object_end(o);
}

void template_file_print(struct cli *c, const char *file, const struct template_file *f)
{
    struct json_out o = json_out_new(&c->arena, WORK_BYTES_MAX);
    json_object(&o);
    json_put_text(&o, "file", file);
    json_put_boolean(&o, "valid", f->template != NULL);
    if (f->template != NULL) {
        json_put_string(&o, "template", f->template->name);
        json_put_string(&o, "digest", hex_encode(&c->arena, f->template->digest, SHA256_BYTES));
    } else {
        print_error(c, &o, file, &f->report);
        print_report(&o, &f->report, false);
        json_put_number(&o, "error_count", f->report.error_count);
    }
    print_report(&o, &f->report, true);
    json_object_end(&o);
    cli_print_line(c, json_out_slice(&o));
}

/* --- reading --- */

bool template_file_parse(struct cli *c, const char *file, struct template_file *f)
{
    f->report = (struct template_report){0};
    f->template = NULL;
    enum err e = template_parse(&c->arena, slice_of(file), f->source, &f->report, &f->template);
    if (!c->args.json)
        say_report(c, file, f);
    return e == ERR_NONE;
}

/* NAME@VERSION; the last @ counts. */
const char *template_file_path(struct cli *c, const char *word)
{
    const char *at = strrchr(word, '@');
    int64_t version = 0;
    char after[48] = "";
    if (at == NULL || !slice_to_int(slice_of(at + 1), &version) || version < 1)
        return cli_path(c, "/v1/templates/", word, "");
    char *name = slice_text(&c->arena, (struct slice){word, (size_t)(at - word)});
    (void)snprintf(after, sizeof after, "/versions/%" PRId64, version);
    return cli_path(c, "/v1/templates/", name, after);
}

static int load_from_server(struct cli *c, const char *word, struct template_file *f)
{
    yyjson_val *answer;
    int64_t version = 0;
    int exit = cli_get(c, template_file_path(c, word), &answer);
    if (exit != EXIT_OK)
        return exit;
    f->source = json_get_text(answer, "source");
    (void)json_get_int(answer, "version", &version);
    if (!template_file_parse(c, word, f))
        return cli_fail(c, EXIT_REFUSED, "invalid", word,
                        "this version of swm does not understand it");
    f->template->version = (uint32_t)version;
    return EXIT_OK;
}

int template_file_load(struct cli *c, const char *word, struct template_file *f)
{
    struct stat found;
    if (stat(word, &found) != 0 && strcmp(word, "-") != 0)
        return load_from_server(c, word, f);
    if (cli_read_file(c, word, &f->source) != ERR_NONE)
        return EXIT_REFUSED;
    if (template_file_parse(c, word, f))
        return EXIT_OK;
    if (c->args.json)
        template_file_print(c, word, f);
    return EXIT_REFUSED;
}

void template_file_put(struct cli *c, struct slice source)
{
    source = slice_trim(source);
    while (source.at != NULL) {
        struct slice line;
        slice_cut(source, '\n', &line, &source);
        if (line.len > 0 && line.at[line.len - 1] == '\r')
            line.len--;
        term_put(&c->out, TINT_NONE, line);
        term_end_line(&c->out);
    }
}
