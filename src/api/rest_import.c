/* Instances that leave and come in whole. Before it stands the route table, after it the engine's
 * export and import. It must not look into a record. */
#include "api/rest_int.h"

#include "core/limits.h"
#include "flow/import.h"

void rest_instance_records(struct rest *x, struct http_request *r, const struct slice *args)
{
    struct flow_query q = {.what = FLOW_EXPORT, .id = args[0], .after = http_query(r, "after")};
    if (rest_take_limit(r, "limit", LIST_LIMIT_DEFAULT, &q.limit))
        rest_read(x, r, &q);
}

/* An array of strings. False: it has been answered. */
static bool take_texts(struct http_request *r, yyjson_val *body, const char *name,
                       struct slice **out, uint32_t *count)
{
    yyjson_val *list = json_get(body, name), *item;
    size_t n = yyjson_arr_size(list);
    yyjson_arr_iter it = yyjson_arr_iter_with(list);
    *count = 0;
    *out = arena_array(http_arena(r), n + 1, sizeof **out);
    while (n > 0 && (item = yyjson_arr_iter_next(&it)) != NULL && yyjson_is_str(item))
        (*out)[(*count)++] = json_text(item);
    if (*count == n && (list == NULL || yyjson_is_arr(list)))
        return true;
    rest_fail(r, ERR_INVALID, "%s must be an array of strings", name);
    return false;
}

struct importing {
    struct http_request *request;
    struct import_chain chain;
    const struct import_answer *answer;
};

static void reply(void *context)
{
    const struct importing *p = context;
    const struct import_answer *a = p->answer;
    if (a->err != ERR_NONE) {
        http_reply_error(p->request, a->err, a->why, SLICE_NONE);
        return;
    }
    struct json_out o = json_out_new(http_arena(p->request), HTTP_BODY_BYTES_MAX);
    json_object(&o);
    json_put_text(&o, "verdict", vocab_name(VOCAB_VERDICT, (int)a->verdict));
    json_put_string(&o, "instance", p->chain.instance);
    json_put_string(&o, "template", p->chain.template);
    json_put_number(&o, "version", p->chain.version);
    json_put_some(&o, "key", a->key);
    json_put_string(&o, "status", a->status);
    json_put_number(&o, "records", p->chain.record_count);
    json_object_end(&o);
    http_reply_json(p->request, 200, json_out_slice(&o));
}

static void take_imported(void *context, const struct import_answer *answer)
{
    struct importing *p = context;
    p->answer = answer;
    (void)http_guard(p->request, reply, p);
}

void rest_instance_import(struct rest *x, struct http_request *r, const struct slice *args)
{
    yyjson_val *body;
    if (!rest_take_object(r, &body))
        return;
    struct importing *p = arena_alloc(http_arena(r), sizeof *p);
    struct import_chain *c = &p->chain;
    struct slice *records, *payloads;
    p->request = r;
    c->instance = args[0];
    c->template = json_get_text(body, "template");
    c->actor = rest_actor(r);
    if (c->template.len == 0 || !json_get_int(body, "version", &c->version) || c->version < 1 ||
        !hex_decode(json_get_text(body, "digest"), c->digest, SHA256_BYTES)) {
        rest_fail(r, ERR_INVALID, "template, version and digest are needed");
        return;
    }
    if (!take_texts(r, body, "records", &records, &c->record_count) ||
        !take_texts(r, body, "payloads", &payloads, &c->payload_count))
        return;
    c->records = records;
    c->payloads = payloads;
    flow_import(x->flow, c, take_imported, p);
}
