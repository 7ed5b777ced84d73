/* Access keys in memory, and their changes: stored, recorded in the sys chain, then answered.
 * Before it stand the doors, which make keys and check them; after it the store. It never sees a
 * secret, only its hash. */
#include "flow/access.h"

#include "base/log.h"
#include "flow/flow_int.h"

#include <stdlib.h>
#include <string.h>

#define BODY_BYTES_MAX 4096
#define KEY_FORMAT 1

struct key {
    struct access_key shown;
    char id[HASH_ID_CHARS], name[NAME_BYTES_MAX], created_by[ACTOR_BYTES_MAX],
        revoked_by[ACTOR_BYTES_MAX];
};

struct writing {     /* one key on its way into the store */
    struct key *key; /* a copy that takes the place of the known one when it is durable */
    enum event_kind kind;
    access_reply *reply;
    void *context;
};

static struct slice keep(char *place, size_t size, struct slice s)
{
    size_t len = s.len < size ? s.len : size;
    if (len > 0)
        memcpy(place, s.at, len);
    return s.at == NULL ? SLICE_NONE : (struct slice){place, len};
}

/* --- reading them --- */

const struct access_key *access_find(const struct flow *f, struct slice id)
{
    const struct key *key = map_find(&f->access.keys, id);
    return key == NULL ? NULL : &key->shown;
}

const struct access_key *access_next(const struct flow *f, size_t *cursor)
{
    const struct key *key = map_next(&f->access.keys, cursor);
    return key == NULL ? NULL : &key->shown;
}

size_t access_count(const struct flow *f)
{
    return f->access.keys.count;
}

bool access_is_valid(const struct access_key *key, int64_t now_ms)
{
    return key->revoked_at_ms == 0 && (key->expires_at_ms == 0 || now_ms < key->expires_at_ms);
}

void access_use(struct flow *f, const struct access_key *key, int64_t now_ms)
{
    struct key *k = map_find(&f->access.keys, key->id);
    if (k != NULL)
        k->shown.used_at_ms = now_ms;
}

/* --- their stored form --- */

static struct slice encode(struct arena *a, const struct access_key *k)
{
    struct json_out o = json_out_new(a, BODY_BYTES_MAX);
    json_object(&o);
    json_put_number(&o, "f", KEY_FORMAT);
    json_put_text(&o, "role", vocab_name(VOCAB_ROLE, (int)k->role));
    json_put_string(&o, "name", k->name);
    json_put_string(&o, "hash", hex_encode(a, k->hash, sizeof k->hash));
    json_put_time(&o, "created_at", k->created_at_ms);
    json_put_string(&o, "created_by", k->created_by);
    json_put_time(&o, "expires_at", k->expires_at_ms);
    json_put_time(&o, "revoked_at", k->revoked_at_ms);
    json_put_string(&o, "revoked_by", k->revoked_by);
    json_object_end(&o);
    return json_out_slice(&o);
}

static bool take_time(yyjson_val *object, const char *name, int64_t *at_ms)
{
    struct slice text = json_get_text(object, name);
    *at_ms = 0;
    return text.at == NULL || time_parse(text, at_ms);
}

static enum err decode(struct arena *a, const struct store_key *stored, struct key *out)
{
    yyjson_val *root;
    int64_t format = 0;
    struct access_key *k = &out->shown;
    *out = (struct key){.shown = {.role = ROLE_ANYBODY}};
    if (stored->id.len != HASH_ID_CHARS ||
        json_read(a, stored->body, BODY_BYTES_MAX, JSON_DEPTH_MAX, NULL, &root) != ERR_NONE ||
        !json_get_int(root, "f", &format))
        return ERR_CORRUPT;
    if (format > KEY_FORMAT)
        return ERR_NEWER;
    int role = vocab_find(VOCAB_ROLE, json_get_text(root, "role"));
    if (role >= 0)
        k->role = (enum role)role;
    k->id = keep(out->id, sizeof out->id, stored->id);
    k->name = keep(out->name, sizeof out->name, json_get_text(root, "name"));
    k->created_by =
        keep(out->created_by, sizeof out->created_by, json_get_text(root, "created_by"));
    k->revoked_by =
        keep(out->revoked_by, sizeof out->revoked_by, json_get_text(root, "revoked_by"));
    bool is_good = hex_decode(json_get_text(root, "hash"), k->hash, sizeof k->hash) &&
                   take_time(root, "created_at", &k->created_at_ms) &&
                   take_time(root, "expires_at", &k->expires_at_ms) &&
                   take_time(root, "revoked_at", &k->revoked_at_ms);
    return is_good ? ERR_NONE : ERR_CORRUPT;
}

/* --- the map --- */

/* The texts of a copy are in the copy. */
static void rebase(struct key *to, const struct key *from)
{
    *to = *from;
    to->shown.id.at = to->id;
    if (to->shown.name.at != NULL)
        to->shown.name.at = to->name;
    if (to->shown.created_by.at != NULL)
        to->shown.created_by.at = to->created_by;
    if (to->shown.revoked_by.at != NULL)
        to->shown.revoked_by.at = to->revoked_by;
}

/* A known key changes in its place, where others point to it. What is revoked stays so: an answer
 * of the store may be older than what was written since. */
static enum err put(struct flow *f, const struct key *from)
{
    struct key *known = map_find(&f->access.keys, from->shown.id);
    if (known != NULL) {
        int64_t used_at_ms = known->shown.used_at_ms;
        if (known->shown.revoked_at_ms == 0)
            rebase(known, from);
        known->shown.used_at_ms = used_at_ms;
        return ERR_NONE;
    }
    struct key *key = malloc(sizeof *key);
    if (key == NULL)
        return ERR_MEMORY;
    rebase(key, from);
    enum err err = map_put(&f->access.keys, key->shown.id, key);
    if (err != ERR_NONE)
        free(key);
    return err;
}

static enum err take_within(struct flow *f, const struct store_key *stored)
{
    struct key key;
    jmp_buf edge;
    f->scratch.edge = &edge;
    if (setjmp(edge) != 0)
        return ERR_MEMORY;
    enum err err = decode(&f->scratch, stored, &key);
    if (err == ERR_NONE)
        err = put(f, &key);
    f->scratch.edge = NULL;
    return err;
}

static enum err take_stored(struct flow *f, const struct store_request *r)
{
    enum err err = r->err;
    for (uint32_t k = 0; k < r->key_count && err == ERR_NONE; k++) {
        err = take_within(f, &r->keys[k]);
        arena_reset(&f->scratch);
        if (err != ERR_NONE)
            log_line(LOG_ERROR, "flow", "the access key %.*s cannot be read: %s",
                     SLICE_ARG(r->keys[k].id), err_text(err));
    }
    return err;
}

static void keys_read(struct flow *f, struct ask *q)
{
    enum err err = take_stored(f, &q->r);
    f->access.is_reading = false;
    f->access.read_at_ms = f->now_ms;
    if (f->state == FLOW_STARTING)
        flow_start_step_done(f, err);
}

void access_load(struct flow *f)
{
    struct ask *q = ask_new(f, STORE_KEYS, keys_read);
    if (q != NULL) {
        f->access.is_reading = true;
        ask_submit(f, q);
    } else if (f->state == FLOW_STARTING) {
        flow_start_step_done(f, ERR_MEMORY);
    }
}

static bool is_read_again(const struct flow *f)
{
    return f->is_shared && f->state == FLOW_READY && !f->access.is_reading;
}

void access_round(struct flow *f)
{
    if (is_read_again(f) && f->now_ms >= access_due(f))
        access_load(f);
}

int64_t access_due(const struct flow *f)
{
    return is_read_again(f) ? time_add(f->access.read_at_ms, FRESH_MS) : TIME_NEVER;
}

void access_drop(struct flow *f)
{
    size_t cursor = 0;
    struct key *key;
    while ((key = map_next(&f->access.keys, &cursor)) != NULL)
        free(key);
    map_drop(&f->access.keys);
}

/* --- changing one --- */

static void finish(struct flow *f, struct writing *c, enum err err)
{
    struct access_answer a = {.err = err};
    if (err == ERR_NONE)
        a.key = access_find(f, c->key->shown.id);
    c->reply(c->context, &a);
    free(c->key);
    free(c);
}

static void recorded(struct flow *f, void *context, enum err err)
{
    finish(f, context, err);
}

static bool describe(struct arrival *v, const struct access_key *k, struct slice *data)
{
    jmp_buf edge;
    v->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    struct json_out o = json_out_new(&v->arena, SYS_BODY_BYTES_MAX);
    json_object(&o);
    json_put_string(&o, "key_id", k->id);
    json_put_text(&o, "role", vocab_name(VOCAB_ROLE, (int)k->role));
    if (k->name.at != NULL)
        json_put_string(&o, "name", k->name);
    if (k->expires_at_ms != 0)
        json_put_time(&o, "expires_at", k->expires_at_ms);
    json_object_end(&o);
    *data = json_out_slice(&o);
    v->arena.edge = NULL;
    return true;
}

static void record(struct flow *f, struct writing *c)
{
    const struct access_key *k = &c->key->shown;
    bool is_new = c->kind == EVENT_KEY_CREATED;
    struct event e = {.kind = c->kind, .actor = is_new ? k->created_by : k->revoked_by};
    struct slice data = SLICE_NONE;
    struct arrival *v = arrival_new(f, &e, NULL, NULL);
    if (v == NULL) {
        finish(f, c, ERR_MEMORY);
        return;
    }
    f->arrivals_in_flight++;
    if (!describe(v, k, &data))
        data = SLICE_NONE;
    sys_add_own(f, v, data, recorded, c);
}

static void stored(struct flow *f, struct ask *q)
{
    struct writing *c = q->context;
    enum err err = q->r.err;
    if (err == ERR_NONE)
        err = put(f, c->key);
    if (err == ERR_NONE)
        record(f, c);
    else
        finish(f, c, err);
}

static bool fill(struct ask *q, struct writing *c)
{
    jmp_buf edge;
    q->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    q->r.keys = arena_alloc(&q->arena, sizeof *q->r.keys);
    *q->r.keys = (struct store_key){c->key->shown.id, encode(&q->arena, &c->key->shown)};
    q->r.key_count = 1;
    q->r.id = c->key->shown.id;
    q->context = c;
    q->arena.edge = NULL;
    return true;
}

static void refuse(access_reply *reply, void *context, enum err err, const char *why)
{
    reply(context, &(struct access_answer){.err = err, .why = why});
}

static void write_key(struct flow *f, const struct key *key, const struct writing *how)
{
    struct ask *q = ask_new(f, STORE_KEY_PUT, stored);
    struct writing *c = malloc(sizeof *c);
    struct key *copy = malloc(sizeof *copy);
    if (c != NULL)
        *c = *how;
    if (c != NULL && copy != NULL) {
        rebase(copy, key);
        c->key = copy;
    }
    if (q != NULL && c != NULL && copy != NULL && fill(q, c)) {
        ask_submit(f, q);
        return;
    }
    free(c);
    free(copy);
    if (q != NULL)
        ask_free(q);
    refuse(how->reply, how->context, ERR_MEMORY, NULL);
}

static bool is_name_taken(const struct flow *f, struct slice name)
{
    const struct access_key *k;
    for (size_t cursor = 0; (k = access_next(f, &cursor)) != NULL;) {
        if (name.len > 0 && slice_eq(k->name, name) && access_is_valid(k, f->now_ms))
            return true;
    }
    return false;
}

void access_create(struct flow *f, const struct access_order *o, access_reply *reply, void *context)
{
    struct key key = {.shown = {.role = o->role, .expires_at_ms = o->expires_at_ms}};
    enum err refusal = flow_write_refusal(f);
    if (refusal != ERR_NONE) {
        refuse(reply, context, refusal, NULL);
        return;
    }
    if (access_count(f) >= ACCESS_KEYS_MAX) {
        refuse(reply, context, ERR_REFUSED, "there are too many access keys");
        return;
    }
    if (is_name_taken(f, o->name)) {
        refuse(reply, context, ERR_EXISTS, "a valid key has this name; revoke it first");
        return;
    }
    key.shown.id = keep(key.id, sizeof key.id, o->id);
    key.shown.name = keep(key.name, sizeof key.name, o->name);
    key.shown.created_by = keep(key.created_by, sizeof key.created_by, o->actor);
    key.shown.created_at_ms = f->now_ms;
    memcpy(key.shown.hash, o->hash, sizeof key.shown.hash);
    write_key(f, &key,
              &(struct writing){.kind = EVENT_KEY_CREATED, .reply = reply, .context = context});
}

void access_revoke(struct flow *f, struct slice id, struct slice actor, access_reply *reply,
                   void *context)
{
    const struct key *known = map_find(&f->access.keys, id);
    struct key key;
    enum err refusal = flow_write_refusal(f);
    if (refusal != ERR_NONE || known == NULL) {
        bool is_unknown = refusal == ERR_NONE;
        refuse(reply, context, is_unknown ? ERR_NOT_FOUND : refusal,
               is_unknown ? "there is no such key" : NULL);
        return;
    }
    if (known->shown.revoked_at_ms != 0) {
        reply(context, &(struct access_answer){.err = ERR_NONE, .key = &known->shown});
        return;
    }
    rebase(&key, known);
    key.shown.revoked_by = keep(key.revoked_by, sizeof key.revoked_by, actor);
    key.shown.revoked_at_ms = f->now_ms;
    write_key(f, &key,
              &(struct writing){.kind = EVENT_KEY_REVOKED, .reply = reply, .context = context});
}
