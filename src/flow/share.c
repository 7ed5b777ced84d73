/* Makes sure that an instance is there, and records that a link to it was made. Comes after the
 * REST interface's check of who asks; what it hands back there is signed. */
#include "flow/share.h"

#include "flow/flow_int.h"

#include <stdlib.h>

struct sharing {
    struct visit visit;
    struct flow *f;
    struct arena arena;
    struct share_order order;
    struct slice instance, template, key;
    share_reply *reply;
    void *context;
    bool is_key_tried;
};

static void finish(struct sharing *s, enum err err, struct slice why)
{
    s->reply(s->context, err, s->instance, why);
    arena_drop(&s->arena);
    free(s);
}

static bool guard(struct sharing *s, struct arena *a, void (*part)(struct sharing *s, void *what),
                  void *what)
{
    jmp_buf edge;
    a->edge = &edge;
    bool is_done = setjmp(edge) == 0;
    if (is_done)
        part(s, what);
    a->edge = NULL;
    return is_done;
}

static void recorded(struct flow *f, void *context, enum err err)
{
    (void)f;
    finish(context, err, SLICE_NONE);
}

static void keep_names(struct sharing *s, void *what)
{
    const struct entry *e = what;
    s->instance = slice_copy(&s->arena, e->id);
    s->template = slice_copy(&s->arena, e->i->template_name);
    s->key = slice_copy(&s->arena, e->i->key);
}

static void describe(struct sharing *s, void *what)
{
    struct arrival *v = what;
    struct json_out o = json_out_new(&v->arena, SYS_BODY_BYTES_MAX);
    json_object(&o);
    json_put_time(&o, "expires_at", s->order.expires_at_ms);
    json_object_end(&o);
    v->data = json_out_slice(&o);
}

static void record(struct sharing *s)
{
    struct event e = {.kind = EVENT_INSTANCE_SHARED,
                      .source = s->order.source,
                      .actor = s->order.actor,
                      .instance = s->instance,
                      .template = s->template,
                      .key = s->key};
    struct arrival *v = arrival_new(s->f, &e, NULL, NULL);
    if (v == NULL) {
        finish(s, ERR_MEMORY, SLICE_NONE);
        return;
    }
    s->f->arrivals_in_flight++;
    if (!guard(s, &v->arena, describe, v)) {
        arrival_fail(s->f, v, ERR_MEMORY);
        finish(s, ERR_MEMORY, SLICE_NONE);
        return;
    }
    sys_add_own(s->f, v, v->data, recorded, s);
}

static seek_found sought;

static void loaded(struct flow *f, struct visit *v, struct entry *e, enum err err)
{
    struct sharing *s = LINK_OWNER(v, struct sharing, visit);
    if (err == ERR_UNKNOWN_INSTANCE && !s->is_key_tried) {
        s->is_key_tried = true; /* it has the form of an id, but may be a key */
        seek_by_key(f, s->order.id, SLICE_NONE, sought, s);
    } else if (err != ERR_NONE) {
        finish(s, err, SLICE_NONE);
    } else if (guard(s, &s->arena, keep_names, e)) {
        record(s);
    } else {
        finish(s, ERR_MEMORY, SLICE_NONE);
    }
}

static void sought(struct flow *f, void *context, struct entry *e, enum err err, struct slice why)
{
    struct sharing *s = context;
    if (e != NULL)
        entry_visit_fresh(f, e, &s->visit);
    else
        finish(s, err, why);
}

static void copy_order(struct sharing *s, void *what)
{
    const struct share_order *o = what;
    s->order = *o;
    s->order.id = slice_copy(&s->arena, o->id);
    s->order.source = slice_copy(&s->arena, o->source);
    s->order.actor = slice_copy(&s->arena, o->actor);
}

void share_make(struct flow *f, const struct share_order *o, share_reply *reply, void *context)
{
    enum err refusal = flow_write_refusal(f);
    struct sharing *s = refusal == ERR_NONE ? calloc(1, sizeof *s) : NULL;
    if (s == NULL) {
        reply(context, refusal == ERR_NONE ? ERR_MEMORY : refusal, SLICE_NONE, SLICE_NONE);
        return;
    }
    s->f = f;
    s->reply = reply;
    s->context = context;
    s->visit.run = loaded;
    arena_init(&s->arena, 64 * 1024);
    if (guard(s, &s->arena, copy_order, (void *)(uintptr_t)o))
        seek(f, s->order.id, SLICE_NONE, sought, s);
    else
        finish(s, ERR_MEMORY, SLICE_NONE);
}
