/* What is about the server itself: index, counts, verify, backup, health, and the page's files.
 * Before it stands the route table, after it flow's reads and the files inside the program. */
#include "api/rest_int.h"

#include "api/asset.h"
#include "base/version.h"
#include "core/limits.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define BACKUP_NAME_BYTES_MAX 100

void rest_index(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    struct json_out o = json_out_new(http_arena(r), 64 * 1024);
    json_object(&o);
    json_put_text(&o, "service", "swm");
    json_put_text(&o, "version", version_text);
    json_put_text(&o, "store", x->store);
    json_put_text(&o, "node", x->node);
    json_put_time(&o, "started_at", x->began_at_ms);
    json_put_boolean(&o, "keys", auth_is_on(&x->auth));
    json_put_text(&o, "role", vocab_name(VOCAB_ROLE, (int)auth_role(r)));
    json_put_string(&o, "actor", auth_actor(r));
    json_key(&o, "routes");
    json_array(&o);
    for (const struct route *row = route_table; row->method != NULL; row++) {
        json_object(&o);
        json_put_text(&o, "method", row->method);
        json_put_text(&o, "path", row->path);
        json_put_text(&o, "role", vocab_name(VOCAB_ROLE, (int)row->role));
        json_put_text(&o, "summary", row->summary);
        json_object_end(&o);
    }
    json_array_end(&o);
    json_object_end(&o);
    http_reply_json(r, 200, json_out_slice(&o));
}

void rest_stats(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    struct flow_query q = {.what = FLOW_STATS, .id = http_query(r, "template")};
    rest_read(x, r, &q);
}

void rest_verify(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    struct flow_query q = {.what = FLOW_VERIFY, .id = http_query(r, "instance")};
    rest_read(x, r, &q);
}

/* --- backup ----------------------------------------------------------------------------------- */

static bool is_file_name(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '-' || c == '_' || (c == '.' && i > 0);
        if (!is_plain)
            return false;
    }
    return s.len > 0 && s.len <= BACKUP_NAME_BYTES_MAX;
}

/* Backups lie in a folder of their own inside the data folder: who may ask for one over the network
 * does not choose where this process writes. */
void rest_backup(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    yyjson_val *body;
    struct stat found;
    if (!rest_take_object(r, &body))
        return;
    struct slice name = json_get_text(body, "file");
    if (x->data_folder == NULL) {
        rest_fail(r, ERR_REFUSED,
                  "this server keeps nothing on disk; a database is backed up with its own tools");
        return;
    }
    if (!is_file_name(name)) {
        rest_fail(r, ERR_INVALID,
                  "file must be a name of letters, digits, '-', '_' and '.', "
                  "without a folder");
        return;
    }
    struct text path = text_new(http_arena(r), 4096);
    text_put_c(&path, x->data_folder);
    text_put_c(&path, "/backups");
    bool has_folder = mkdir(text_c(&path), 0700) == 0 || errno == EEXIST;
    text_put_char(&path, '/');
    text_put(&path, name);
    if (!has_folder || path.is_cut)
        rest_fail(r, ERR_IO, "the folder for backups can't be made: %s", strerror(errno));
    else if (stat(text_c(&path), &found) == 0)
        rest_fail(r, ERR_EXISTS, "there is a backup of that name");
    else
        rest_read(x, r, &(struct flow_query){.what = FLOW_BACKUP, .id = text_slice(&path)});
}

/* --- health and files ------------------------------------------------------------------------- */

void rest_health(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)x;
    (void)args;
    http_reply_json(r, 200, SLICE("{\"ok\":true}"));
}

/* Whether a list such as "br, gzip;q=0.5" names gzip, and not to refuse it. */
static bool takes_gzip(const struct http_request *r)
{
    struct slice rest = http_header(r, "Accept-Encoding"), one, name, weight;
    while (rest.at != NULL) {
        slice_cut(rest, ',', &one, &rest);
        slice_cut(one, ';', &name, &weight);
        if (slice_eq_text(slice_trim(name), "gzip"))
            return !slice_eq_text(slice_trim(weight), "q=0");
    }
    return false;
}

/* What lies in assets/ has its content in its name: it is asked for once. All else is asked for
 * again, and answered only when it is another. */
static void reply_asset(struct http_request *r, const struct asset *a)
{
    bool is_named_by_content = strncmp(a->name, "assets/", strlen("assets/")) == 0;
    bool is_known = slice_eq_text(http_header(r, "If-None-Match"), a->etag);
    struct slice body = {(const char *)a->bytes, a->len};
    http_add(r, "ETag", slice_of(a->etag));
    http_add(r, "Vary", SLICE("Accept-Encoding"));
    http_add(r, "Cache-Control",
             is_named_by_content ? SLICE("public, max-age=31536000, immutable")
                                 : SLICE("no-cache"));
    if (a->gzip != NULL && !is_known && takes_gzip(r)) {
        http_add(r, "Content-Encoding", SLICE("gzip"));
        body = (struct slice){(const char *)a->gzip, a->gzip_len};
    }
    http_reply(r, is_known ? 304 : 200, a->type, is_known ? SLICE("") : body);
}

void rest_openapi(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)x;
    (void)args;
    const struct asset *a = asset_find(SLICE("openapi.json"));
    if (a != NULL)
        reply_asset(r, a);
    else
        http_reply_error(r, ERR_NOT_FOUND, SLICE_NONE, SLICE_NONE);
}

/* The one page that other sites may show in a frame: it draws what a share link opens, and can do
 * nothing else. */
#define EMBED_POLICY                                                                               \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src "        \
    "'self'; "                                                                                     \
    "form-action 'none'; base-uri 'none'; frame-ancestors *"

static const struct asset *find_page(struct http_request *r)
{
    struct slice path = http_path(r);
    if (path.len == 1)
        return asset_find(SLICE("index.html"));
    if (!slice_eq_text(path, "/embed"))
        return asset_find((struct slice){path.at + 1, path.len - 1});
    http_add(r, "Content-Security-Policy", SLICE(EMBED_POLICY));
    return asset_find(SLICE("embed.html"));
}

void rest_page(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)x;
    (void)args;
    const struct asset *a = find_page(r);
    if (a != NULL)
        reply_asset(r, a);
    else
        http_reply_error(r, ERR_NOT_FOUND, SLICE("there is no such address; GET /v1 lists them"),
                         SLICE_NONE);
}
