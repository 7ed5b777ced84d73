/* The catalogue: every version of every template, parsed, in memory. A template is immutable; a
 * changed one is a new version, the same content none. Applies go one at a time, so that versions
 * count up without gaps; each is durable, and recorded, before it is answered. */
#include "flow/flow_int.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define VERSION_BYTES_MAX (64 * 1024 * 1024)

struct apply {
    struct link link;
    struct version *version; /* parsed; NULL when it is not valid */
    struct template *template;
    struct template_report report;
    enum err err;
    const char *why;  /* ERR_EXISTS */
    bool is_checking; /* the catalogue was asked to be as new as the store */
    bool was_read;    /* the version came back from the store before the answer did */
    flow_apply_reply *reply;
    void *context;
};

static struct family *find_family(const struct flow *f, struct slice name)
{
    struct family *by_name = map_find(&f->families, name);
    return by_name != NULL ? by_name : map_find(&f->aliases, name);
}

const struct template *flow_template(const struct flow *f, struct slice name, int64_t version)
{
    const struct family *family = find_family(f, name);
    if (family == NULL || family->count == 0 || version < 0 || version > family->count)
        return NULL;
    return family->versions[version == 0 ? family->count - 1 : (uint32_t)version - 1]->template;
}

const struct template *flow_template_next(const struct flow *f, size_t *cursor)
{
    const struct family *family = map_next(&f->families, cursor);
    return family == NULL ? NULL : family->versions[family->count - 1]->template;
}

bool flow_template_applied(const struct flow *f, const struct template *t,
                           struct flow_application *out)
{
    const struct family *family = find_family(f, t->name);
    if (family == NULL || t->version == 0 || t->version > family->count)
        return false;
    const struct version *v = family->versions[t->version - 1];
    *out = (struct flow_application){v->applied_at_ms, v->applied_by, v->note};
    return true;
}

static const char *alias_conflict(const struct flow *f, const struct template *t)
{
    const struct family *by_name = map_find(&f->aliases, t->name);
    const struct family *by_alias = t->alias.len > 0 ? find_family(f, t->alias) : NULL;
    if (by_name != NULL && !slice_eq(by_name->name, t->name))
        return "the name is another template's component_name";
    if (by_alias != NULL && !slice_eq(by_alias->name, t->name))
        return "the component_name is another template's";
    return NULL;
}

enum err flow_foresee(const struct flow *f, const struct template *t, struct flow_forecast *out)
{
    *out = (struct flow_forecast){.why = alias_conflict(f, t)};
    if (out->why != NULL)
        return ERR_EXISTS;
    const struct family *family = map_find(&f->families, t->name);
    out->newest = family == NULL ? NULL : family->versions[family->count - 1]->template;
    out->created = out->newest == NULL || memcmp(out->newest->digest, t->digest, SHA256_BYTES) != 0;
    return ERR_NONE;
}

/* --- the maps --- */

static void free_version(struct version *v)
{
    if (v == NULL)
        return;
    arena_drop(&v->arena);
    free(v);
}

static struct family *get_family(struct flow *f, const struct template *t)
{
    struct family *family = map_find(&f->families, t->name);
    if (family != NULL)
        return family;
    family = calloc(1, sizeof *family);
    if (family == NULL)
        return NULL;
    family->name = t->name; /* in the first version's arena, which lives as long */
    family->alias = t->alias;
    if (map_put(&f->families, family->name, family) != ERR_NONE) {
        free(family);
        return NULL;
    }
    return family;
}

static enum err add_version(struct flow *f, struct version *v)
{
    struct family *family = get_family(f, v->template);
    if (family == NULL)
        return ERR_MEMORY;
    if (family->count == family->capacity) {
        uint32_t capacity = family->capacity == 0 ? 4 : family->capacity * 2;
        struct version **grown = realloc(family->versions, capacity * sizeof(struct version *));
        if (grown == NULL)
            return ERR_MEMORY;
        family->versions = grown;
        family->capacity = capacity;
    }
    family->versions[family->count++] = v;
    if (v->template->alias.len > 0)
        return map_put(&f->aliases, v->template->alias, family);
    return ERR_NONE;
}

/* --- parsing --- */

struct parsing {
    struct version *version;
    struct template *template;
    struct template_report report;
};

static enum err parse_within(struct parsing *p, struct slice file, struct slice source)
{
    jmp_buf edge;
    struct arena *a = &p->version->arena;
    a->edge = &edge;
    if (setjmp(edge) != 0)
        return ERR_MEMORY;
    enum err err =
        template_parse(a, slice_copy(a, file), slice_copy(a, source), &p->report, &p->template);
    a->edge = NULL;
    return err;
}

static enum err parse(struct parsing *p, struct slice file, struct slice source)
{
    *p = (struct parsing){.version = calloc(1, sizeof *p->version)};
    if (p->version == NULL)
        return ERR_MEMORY;
    arena_init(&p->version->arena, VERSION_BYTES_MAX);
    enum err err = parse_within(p, file, source);
    p->version->template = p->template;
    return err;
}

static bool keep_words(struct version *v, struct slice actor, struct slice note)
{
    jmp_buf edge;
    v->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    v->applied_by = slice_copy(&v->arena, actor);
    v->note = slice_copy(&v->arena, note);
    v->arena.edge = NULL;
    return true;
}

/* --- reading: at the start all of them, then what other nodes applied --- */

#define APPLIED_OVERLAP_MS 10000 /* clocks of nodes differ a little, and writes take a while */

static bool is_digest(const struct template *t, struct slice hex)
{
    uint8_t digest[SHA256_BYTES];
    return hex_decode(hex, digest, sizeof digest) && memcmp(digest, t->digest, sizeof digest) == 0;
}

static int64_t count_versions(const struct flow *f, struct slice name)
{
    const struct family *family = map_find(&f->families, name);
    return family == NULL ? 0 : family->count;
}

static enum err take_stored(struct flow *f, const struct store_template *t)
{
    struct parsing p;
    enum err err = parse(&p, t->name, t->source);
    int64_t expected = err == ERR_NONE ? count_versions(f, t->name) + 1 : 0;
    if (err == ERR_NONE && (t->version != expected || !is_digest(p.template, t->digest_hex)))
        err = ERR_CORRUPT;
    if (err == ERR_NONE) {
        p.template->version = (uint32_t)t->version;
        p.version->applied_at_ms = t->applied_at_ms;
        err =
            keep_words(p.version, t->applied_by, t->note) ? add_version(f, p.version) : ERR_MEMORY;
    }
    if (err == ERR_NONE) {
        if (t->applied_at_ms > f->newest_applied_at_ms)
            f->newest_applied_at_ms = t->applied_at_ms;
        return err;
    }
    log_line(LOG_ERROR, "flow", "template %.*s version %lld cannot be read: %s", SLICE_ARG(t->name),
             (long long)t->version, err_text(err));
    free_version(p.version);
    return err == ERR_INVALID ? ERR_CORRUPT : err;
}

static void templates_read(struct flow *f, struct ask *q)
{
    enum err err = q->r.err;
    for (uint32_t k = 0; k < q->r.template_count && err == ERR_NONE; k++)
        err = take_stored(f, &q->r.templates[k]);
    flow_start_step_done(f, err);
}

void catalog_load(struct flow *f)
{
    struct ask *q = ask_new(f, STORE_TEMPLATES, templates_read);
    if (q == NULL)
        flow_start_step_done(f, ERR_MEMORY);
    else
        ask_submit(f, q);
}

/* What waited for a template when the catalogue was asked goes on: arrivals, instances, applies. An
 * answer may be older than the wish of those that came later. */
static void go_on(struct flow *f, enum err err)
{
    struct link *k;
    size_t left = f->arrivals_asked;
    for (; left > 0 && (k = list_take(&f->template_arrivals)) != NULL; left--) {
        struct arrival *v = LINK_OWNER(k, struct arrival, link);
        if (err == ERR_NONE)
            arrive_again(f, v);
        else
            arrival_fail(f, v, err);
    }
    for (left = f->loads_asked; left > 0; left--) {
        struct entry *e = LINK_OWNER(list_take(&f->template_loads), struct entry, run);
        e->is_template_sought = err == ERR_NONE;
        entry_load(f, e);
    }
    f->is_catalog_new |= err == ERR_NONE && f->is_apply_asked;
}

static bool is_apply_checking(const struct flow *f)
{
    struct link *k = list_first(&f->applies);
    return k != NULL && LINK_OWNER(k, struct apply, link)->is_checking;
}

static bool is_awaited(const struct flow *f)
{
    return list_first(&f->template_arrivals) != NULL || list_first(&f->template_loads) != NULL ||
           (is_apply_checking(f) && !f->is_catalog_new);
}

static void news_read(struct flow *f, struct ask *q)
{
    enum err err = q->r.err;
    f->is_catalog_asked = false;
    for (uint32_t k = 0; k < q->r.template_count && err == ERR_NONE; k++)
        if (q->r.templates[k].version > count_versions(f, q->r.templates[k].name))
            err = take_stored(f, &q->r.templates[k]);
    go_on(f, err);
    if (err == ERR_NONE && is_awaited(f)) /* else the next beat asks */
        catalog_refresh(f);
}

void catalog_refresh(struct flow *f)
{
    struct ask *q = f->is_catalog_asked ? NULL : ask_new(f, STORE_TEMPLATES, news_read);
    if (q == NULL)
        return; /* the next beat asks again */
    f->is_catalog_asked = true;
    f->arrivals_asked = f->template_arrivals.count;
    f->loads_asked = f->template_loads.count;
    f->is_apply_asked = is_apply_checking(f);
    q->r.at_ms = f->newest_applied_at_ms - APPLIED_OVERLAP_MS;
    ask_submit(f, q);
}

/* --- applying --- */

static void answer(struct apply *p, enum err err, const struct template *t, bool created)
{
    struct flow_applied applied = {err, &p->report, t, created, p->why};
    if (p->reply != NULL)
        p->reply(p->context, &applied);
    if (!created || p->was_read)
        free_version(p->version);
    free(p);
}

static void finish(struct flow *f, struct apply *p, enum err err, const struct template *t,
                   bool created)
{
    f->is_applying = false;
    answer(p, err, t, created);
}

static void recorded(struct flow *f, void *context, enum err err)
{
    struct apply *p = context;
    (void)err; /* the version stands; who applied it is in its row too */
    finish(f, p, ERR_NONE, p->version->template, true);
}

static bool describe(struct arrival *v, const struct template *t, struct slice *data)
{
    jmp_buf edge;
    v->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    struct json_out o = json_out_new(&v->arena, SYS_BODY_BYTES_MAX);
    json_object(&o);
    json_put_number(&o, "version", t->version);
    json_put_string(&o, "digest", hex_encode(&v->arena, t->digest, SHA256_BYTES));
    json_object_end(&o);
    *data = json_out_slice(&o);
    v->arena.edge = NULL;
    return true;
}

static void record(struct flow *f, struct apply *p)
{
    const struct template *t = p->version->template;
    struct event e = {.kind = EVENT_TEMPLATE_APPLIED,
                      .template = t->name,
                      .actor = p->version->applied_by,
                      .reason = p->version->note};
    struct slice data;
    struct arrival *v = arrival_new(f, &e, NULL, NULL);
    if (v == NULL) {
        finish(f, p, ERR_NONE, t, true);
        return;
    }
    f->arrivals_in_flight++;
    if (!describe(v, t, &data))
        data = SLICE_NONE;
    sys_add_own(f, v, data, recorded, p);
}

static void stored(struct flow *f, struct ask *q)
{
    struct apply *p = q->context;
    enum err err = q->r.err;
    if (err == ERR_CONFLICT && f->is_shared) { /* another node had the same number */
        p->is_checking = false;
        f->is_applying = false;
        list_prepend(&f->applies, &p->link);
        return;
    }
    p->was_read = err == ERR_NONE && count_versions(f, p->template->name) >= p->template->version;
    if (err == ERR_NONE && !p->was_read)
        err = add_version(f, p->version);
    if (err == ERR_NONE)
        record(f, p);
    else
        finish(f, p, err, NULL, false);
}

static bool fill(struct flow *f, struct ask *q, struct apply *p)
{
    struct template *t = p->template;
    const struct family *family = map_find(&f->families, t->name);
    jmp_buf edge;
    q->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    struct store_template *row = arena_alloc(&q->arena, sizeof *row);
    t->version = family == NULL ? 1 : family->count + 1;
    p->version->applied_at_ms = f->now_ms;
    row->name = t->name;
    row->alias = t->alias.len > 0 ? t->alias : SLICE_NONE;
    row->version = t->version;
    row->digest_hex = hex_encode(&q->arena, t->digest, SHA256_BYTES);
    row->source = t->source;
    row->applied_by = p->version->applied_by;
    row->note = p->version->note;
    row->applied_at_ms = f->now_ms;
    q->r.templates = row;
    q->r.template_count = 1;
    q->r.id = t->name;
    q->context = p;
    q->arena.edge = NULL;
    return true;
}

static void apply_one(struct flow *f, struct apply *p)
{
    struct flow_forecast foreseen = {0};
    if (p->err == ERR_NONE)
        p->err = flow_foresee(f, p->template, &foreseen);
    p->why = foreseen.why;
    if (!foreseen.created) {
        answer(p, p->err, p->err == ERR_NONE ? foreseen.newest : NULL, false);
        return;
    }
    struct ask *q = ask_new(f, STORE_TEMPLATE_PUT, stored);
    if (q == NULL || !fill(f, q, p)) {
        if (q != NULL)
            ask_free(q);
        answer(p, ERR_MEMORY, NULL, false);
        return;
    }
    f->is_applying = true;
    ask_submit(f, q);
}

/* Where other nodes apply too, the newest versions are read before the first of those that wait. */
static bool is_checked(struct flow *f, struct apply *p)
{
    if (f->is_shared && !p->is_checking) {
        p->is_checking = true;
        f->is_catalog_new = false;
        catalog_refresh(f);
    }
    return !f->is_shared || f->is_catalog_new;
}

bool catalog_has_work(const struct flow *f)
{
    struct link *k = list_first(&f->applies);
    if (k == NULL || f->is_applying)
        return false;
    return !f->is_shared || f->is_catalog_new || !LINK_OWNER(k, struct apply, link)->is_checking;
}

void catalog_round(struct flow *f)
{
    struct link *k;
    while (!f->is_applying && (k = list_first(&f->applies)) != NULL) {
        struct apply *p = LINK_OWNER(k, struct apply, link);
        if (!is_checked(f, p))
            return;
        list_remove(&f->applies, k);
        apply_one(f, p);
    }
}

void catalog_drop(struct flow *f)
{
    size_t cursor = 0;
    struct family *family;
    struct link *k;
    while ((k = list_take(&f->applies)) != NULL)
        answer(LINK_OWNER(k, struct apply, link), ERR_CLOSING, NULL, false);
    while ((family = map_next(&f->families, &cursor)) != NULL) {
        for (uint32_t n = 0; n < family->count; n++)
            free_version(family->versions[n]);
        free(family->versions);
        free(family);
    }
    map_drop(&f->families);
    map_drop(&f->aliases);
}

void flow_apply(struct flow *f, const struct flow_source *source, flow_apply_reply *reply,
                void *context)
{
    struct parsing parsing;
    struct apply *p = calloc(1, sizeof *p);
    struct flow_applied refused = {.err = flow_write_refusal(f)};
    if (p == NULL || refused.err != ERR_NONE) {
        refused.err = refused.err == ERR_NONE ? ERR_MEMORY : refused.err;
        free(p);
        reply(context, &refused);
        return;
    }
    p->err = parse(&parsing, source->file, source->text);
    p->version = parsing.version;
    p->template = parsing.template;
    p->report = parsing.report;
    p->reply = reply;
    p->context = context;
    if (p->version != NULL && !keep_words(p->version, source->actor, source->note))
        p->err = ERR_MEMORY;
    list_append(&f->applies, &p->link);
}
