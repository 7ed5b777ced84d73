/* The versions of templates that the server has, and those that come with an import. Before it
 * stand import_earlier.c and import_export.c, after it the server. Content is known by its digest,
 * so that nothing is applied twice. */
#include "app/import.h"

#include <string.h>

static void add_digest(struct arena *a, struct import_family *f, struct slice hex)
{
    if (f->count == f->capacity) {
        uint32_t capacity = f->capacity == 0 ? 8 : f->capacity * 2;
        struct slice *grown = arena_array(a, capacity, sizeof *grown);
        for (uint32_t k = 0; k < f->count; k++)
            grown[k] = f->digests[k];
        f->digests = grown;
        f->capacity = capacity;
    }
    f->digests[f->count++] = slice_copy(a, hex);
}

static void take_family(struct importer *m, struct import_family *f, yyjson_val *shown)
{
    yyjson_val *version;
    yyjson_arr_iter it = yyjson_arr_iter_with(json_get(shown, "versions"));
    while ((version = yyjson_arr_iter_next(&it)) != NULL)
        add_digest(&m->cli->arena, f, json_get_text(version, "digest"));
    f->alias = json_get_text(shown, "alias");
    f->newest = json_get_text(shown, "source");
    f->was_there = true;
}

static struct import_family *add_family(struct importer *m, struct slice name)
{
    if (m->family_count == m->family_capacity) {
        uint32_t capacity = m->family_capacity == 0 ? 16 : m->family_capacity * 2;
        struct import_family *grown = arena_array(&m->cli->arena, capacity, sizeof *grown);
        if (m->family_count > 0)
            memcpy(grown, m->families, m->family_count * sizeof *grown);
        m->families = grown;
        m->family_capacity = capacity;
    }
    struct import_family *f = &m->families[m->family_count++];
    *f = (struct import_family){.name = slice_copy(&m->cli->arena, name)};
    return f;
}

struct import_family *import_family(struct importer *m, struct slice name)
{
    struct cli *c = m->cli;
    yyjson_val *shown;
    for (uint32_t k = 0; k < m->family_count; k++)
        if (slice_eq(m->families[k].name, name))
            return &m->families[k];
    const char *path = cli_path(c, "/v1/templates/", slice_text(&c->arena, name), "");
    int exit = cli_send_quiet(c, &(struct client_request){.method = "GET", .path = path}, &shown);
    if (exit == EXIT_REFUSED && c->client != NULL && c->answer.status != 404)
        exit = cli_say_error(c, shown);
    else if (exit == EXIT_REFUSED && c->client != NULL)
        exit = EXIT_OK; /* there is none yet */
    if (exit != EXIT_OK) {
        m->exit = exit;
        return NULL;
    }
    struct import_family *f = add_family(m, name);
    if (c->answer.status == 200)
        take_family(m, f, shown);
    return f;
}

int64_t import_version(const struct import_family *f, struct slice digest_hex)
{
    for (uint32_t k = f->count; k > 0; k--)
        if (slice_eq(f->digests[k - 1], digest_hex))
            return k;
    return 0;
}

static void tell_applied(struct importer *m, const struct import_family *f)
{
    struct import_report r = {.result = IMPORT_TEMPLATE, .what = f->name, .version = f->count};
    m->templates++;
    import_tell(m, &r);
}

bool import_apply(struct importer *m, struct import_family *f, struct slice source,
                  struct slice digest_hex)
{
    struct cli *c = m->cli;
    yyjson_val *answer;
    struct client_request r = {.method = "POST", .path = "/v1/templates", .body = source};
    bool is_json = slice_trim(source).len > 0 && slice_trim(source).at[0] == '{';
    r.type = is_json ? "application/json" : "application/yaml";
    int exit = c->args.dry_run ? EXIT_OK : cli_send_quiet(c, &r, &answer);
    if (exit == EXIT_UNREACHABLE || (exit != EXIT_OK && c->client == NULL)) {
        m->exit = exit;
        return false;
    }
    if (exit != EXIT_OK) {
        struct slice message = json_get_text(json_get(answer, "error"), "message");
        import_skip(m, &c->arena, f->name, "the template is refused: %.*s", SLICE_ARG(message));
        return false;
    }
    add_digest(&c->arena, f, digest_hex);
    f->newest = slice_copy(&c->arena, source);
    tell_applied(m, f);
    return true;
}
