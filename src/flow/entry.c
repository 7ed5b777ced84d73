/* The cache of instances. An entry is made when something asks for an instance, loads it from its
 * row and the records that the row does not have, and is dropped when it was unused for longest,
 * idle and written. The cache is never asked whether it is right: the append tells. */
#include "flow/flow_int.h"

#include "base/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_OVERHEAD_BYTES 1024
#define RELOAD_MS 1000 /* between two tries to read again what was in memory */

struct entry *entry_find(const struct flow *f, struct slice id)
{
    return map_find(&f->entries, id);
}

void entry_touch(struct flow *f, struct entry *e)
{
    list_remove(&f->lru, &e->lru);
    list_append(&f->lru, &e->lru);
}

static struct entry *make(struct flow *f, struct slice id)
{
    struct entry *e = id.len > HASH_ID_CHARS ? NULL : calloc(1, sizeof *e);
    if (e == NULL)
        return NULL;
    memcpy(e->id_text, id.at, id.len);
    e->id = (struct slice){e->id_text, id.len};
    arena_init(&e->arena, 3 * INSTANCE_BYTES_MAX); /* with texts that were replaced */
    arena_init(&e->repeat_arena, EVENT_BYTES_MAX * 2);
    list_init(&e->pending);
    list_init(&e->visits);
    if (map_put(&f->entries, e->id, e) != ERR_NONE) {
        free(e);
        return NULL;
    }
    list_append(&f->lru, &e->lru);
    f->cached_bytes += sizeof *e + ENTRY_OVERHEAD_BYTES;
    return e;
}

void entry_count(struct flow *f, struct entry *e)
{
    f->cached_bytes += e->arena.used_bytes - e->counted_bytes;
    e->counted_bytes = e->arena.used_bytes;
}

struct entry *entry_get(struct flow *f, struct slice id)
{
    struct entry *e = entry_find(f, id);
    if (e != NULL) {
        entry_touch(f, e);
        return e;
    }
    e = make(f, id);
    if (e != NULL)
        entry_load(f, e);
    return e;
}

static bool make_blank(struct entry *e, const struct template *t)
{
    jmp_buf edge;
    e->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    e->i = instance_new(&e->arena, e->id, t);
    e->arena.edge = NULL;
    return true;
}

struct entry *entry_new_blank(struct flow *f, struct slice id, const struct template *t)
{
    struct entry *e = make(f, id);
    if (e == NULL)
        return NULL;
    if (!make_blank(e, t)) {
        entry_drop(f, e);
        return NULL;
    }
    e->state = ENTRY_IDLE;
    e->fresh_bytes = e->arena.used_bytes;
    entry_count(f, e);
    return e;
}

static void close_open_key(struct flow *f, struct entry *e)
{
    if (e->open_key == NULL)
        return;
    size_t template_len = strlen(e->open_key);
    struct slice key = {e->open_key, template_len + 1 + strlen(e->open_key + template_len + 1)};
    if (map_find(&f->open_keys, key) == e)
        (void)map_remove(&f->open_keys, key);
    free(e->open_key);
    e->open_key = NULL;
}

static struct slice open_key_of(char *buf, size_t size, struct slice template, struct slice key)
{
    if (template.len + key.len + 2 > size)
        return SLICE_NONE;
    memcpy(buf, template.at, template.len);
    buf[template.len] = '\0';
    memcpy(buf + template.len + 1, key.at, key.len);
    buf[template.len + 1 + key.len] = '\0';
    return (struct slice){buf, template.len + 1 + key.len};
}

void entry_set_open(struct flow *f, struct entry *e)
{
    char buf[EARLIER_NAME_BYTES_MAX + KEY_BYTES_MAX + 2];
    const struct instance *i = e->i;
    bool is_open = instance_status_is_open((enum instance_status)i->status) && i->key.len > 0;
    if (is_open == (e->open_key != NULL))
        return;
    close_open_key(f, e);
    if (!is_open)
        return;
    struct slice name = open_key_of(buf, sizeof buf, i->template_name, i->key);
    if (name.at == NULL || (e->open_key = malloc(name.len + 1)) == NULL)
        return; /* the store's index still knows */
    memcpy(e->open_key, buf, name.len + 1);
    if (map_put(&f->open_keys, (struct slice){e->open_key, name.len}, e) != ERR_NONE)
        close_open_key(f, e);
}

struct entry *entry_find_open(const struct flow *f, struct slice template, struct slice key)
{
    char buf[EARLIER_NAME_BYTES_MAX + KEY_BYTES_MAX + 2];
    struct slice name = open_key_of(buf, sizeof buf, template, key);
    return name.at == NULL ? NULL : map_find(&f->open_keys, name);
}

void entry_drop(struct flow *f, struct entry *e)
{
    assert(list_first(&e->pending) == NULL && list_first(&e->visits) == NULL);
    close_open_key(f, e);
    heap_remove(&f->wakes, &e->wake);
    list_remove(&f->run, &e->run);
    list_remove(&f->lru, &e->lru);
    list_remove(&f->dirty, &e->dirty);
    (void)map_remove(&f->entries, e->id);
    f->cached_bytes -= sizeof *e + ENTRY_OVERHEAD_BYTES + e->counted_bytes;
    arena_drop(&e->arena);
    arena_drop(&e->repeat_arena);
    free(e);
}

void entry_run_later(struct flow *f, struct entry *e)
{
    bool can_run = e->state == ENTRY_IDLE && (list_first(&e->pending) != NULL || e->is_repeat_due);
    if (can_run && !link_is_in(&e->run))
        list_append(&f->run, &e->run);
}

/* Made for a start that did not come about. */
static bool is_blank(const struct entry *e)
{
    return e->state == ENTRY_IDLE && e->i != NULL && e->i->seq == 0;
}

void entry_rest(struct flow *f, struct entry *e)
{
    bool is_needed = list_first(&e->pending) != NULL || list_first(&e->visits) != NULL;
    if (is_blank(e) && list_first(&e->visits) != NULL)
        entry_load(f, e);
    else if (is_blank(e) && !is_needed)
        entry_drop(f, e);
    else
        entry_run_later(f, e);
}

void entry_visit(struct flow *f, struct entry *e, struct visit *v)
{
    if (entry_is_here(e)) {
        v->run(f, v, e, ERR_NONE);
        return;
    }
    list_append(&e->visits, &v->link);
    if (e->state == ENTRY_BROKEN || is_blank(e))
        entry_load(f, e);
}

bool entry_is_here(const struct entry *e)
{
    return e->state != ENTRY_LOADING && e->i != NULL && e->i->seq > 0;
}

/* --- loading --- */

static enum err find_template(struct flow *f, struct arena *scratch, const struct store_request *r,
                              const struct template **out)
{
    struct slice name;
    int64_t version;
    enum err err;
    if (r->row_count > 0) {
        err = state_template(scratch, r->rows[0].state, &name, &version);
    } else {
        struct record first;
        err = record_decode(scratch, r->records[0].bytes, &first);
        if (err == ERR_NONE)
            err = record_template(&first, &name, &version);
    }
    if (err != ERR_NONE)
        return err;
    *out = flow_template(f, name, version);
    return *out == NULL ? ERR_CORRUPT : ERR_NONE;
}

/* What LOAD found, as an instance in the entry's arena. */
static enum err decode(struct flow *f, struct entry *e, const struct store_request *r,
                       const struct payload_list *payloads)
{
    const struct template *t;
    struct arena *scratch = &f->scratch;
    enum err err = find_template(f, scratch, r, &t);
    if (err != ERR_NONE)
        return err;
    struct instance *i = instance_new(&e->arena, e->id, t);
    if (r->row_count > 0)
        err = state_decode(scratch, r->rows[0].state, i, payloads);
    for (uint32_t k = 0; k < r->record_count && err == ERR_NONE; k++) {
        struct record record;
        err = record_decode(scratch, r->records[k].bytes, &record);
        if (err == ERR_NONE)
            err = record_fold(scratch, i, &record, payloads);
    }
    e->i = i;
    return err;
}

/* Starts are kept in *starts when there is no instance: they may make it. */
static void fail_waiting(struct flow *f, struct entry *e, enum err err, struct list *starts)
{
    struct link *k;
    while ((k = list_take(&e->visits)) != NULL) {
        struct visit *v = LINK_OWNER(k, struct visit, link);
        v->run(f, v, NULL, err);
    }
    while ((k = list_take(&e->pending)) != NULL) {
        struct arrival *v = LINK_OWNER(k, struct arrival, link);
        if (err == ERR_UNKNOWN_INSTANCE && v->e.kind == EVENT_START)
            list_append(starts, &v->link);
        else if (err == ERR_UNKNOWN_INSTANCE && v->e.instance.len > 0 && !v->is_key_tried)
            arrive_by_key(f, v);
        else if (err == ERR_UNKNOWN_INSTANCE)
            arrive_unknown(f, v, SLICE("there is no such instance"));
        else
            arrival_fail(f, v, err);
    }
}

static void not_loaded(struct flow *f, struct entry *e, enum err err)
{
    struct list starts;
    struct link *k;
    list_init(&starts);
    if (err != ERR_UNKNOWN_INSTANCE && err != ERR_CLOSING)
        log_line(LOG_ERROR, "flow", "instance %.*s cannot be loaded: %s", SLICE_ARG(e->id),
                 err_text(err));
    fail_waiting(f, e, err, &starts);
    bool is_kept = e->must_load && err_is_retryable(err) && f->state != FLOW_CLOSING &&
                   heap_put(&f->wakes, &e->wake, f->now_ms + RELOAD_MS, 0) == ERR_NONE;
    if (is_kept)
        e->state = ENTRY_BROKEN;
    else
        entry_drop(f, e);
    while ((k = list_take(&starts)) != NULL)
        arrive_again(f, LINK_OWNER(k, struct arrival, link));
}

static void loaded(struct flow *f, struct entry *e, enum err err)
{
    if (err != ERR_NONE) {
        not_loaded(f, e, err);
        return;
    }
    e->state = ENTRY_IDLE;
    e->must_load = false;
    e->fresh_bytes = e->arena.used_bytes;
    entry_count(f, e);
    if (e->repeat.unrecorded > 0)
        supervisor_dirty(f, e, f->last_pos + 1);
    entry_set_open(f, e);
    supervisor_note(f, e);
    relay_offer_all(f, e->i);
    struct link *k;
    while ((k = list_take(&e->visits)) != NULL) {
        struct visit *v = LINK_OWNER(k, struct visit, link);
        v->run(f, v, e, ERR_NONE);
    }
    entry_run_later(f, e);
}

/* The instance from what the store found; with payloads when it refers to some. */
static enum err build(struct flow *f, struct entry *e, struct ask *load,
                      const struct payload_list *payloads)
{
    jmp_buf edge;
    arena_drop(&e->arena);
    arena_reset(&f->scratch);
    e->arena.edge = f->scratch.edge = &edge;
    enum err err = ERR_MEMORY;
    if (setjmp(edge) == 0)
        err = decode(f, e, &load->r, payloads);
    e->arena.edge = f->scratch.edge = NULL;
    if (err != ERR_NONE) {
        e->i = NULL;
        arena_drop(&e->arena);
        return err;
    }
    bool has_row = load->r.row_count > 0;
    e->row_rev = has_row ? load->r.rows[0].rev : 0;
    e->has_ready_rows = true; /* there may be some */
    if (load->r.record_count > 0)
        supervisor_dirty(f, e, load->r.records[0].pos);
    else
        list_remove(&f->dirty, &e->dirty);
    return ERR_NONE;
}

static void payloads_read(struct flow *f, struct ask *q)
{
    struct entry *e = q->entry;
    struct ask *load = q->context;
    struct payload_list payloads = {0};
    enum err err = apart_take(q, &payloads);
    if (err == ERR_NONE)
        err = build(f, e, load, &payloads);
    ask_free(load);
    loaded(f, e, err);
}

static void load_read(struct flow *f, struct ask *q)
{
    struct entry *e = q->entry;
    struct payload_list refs = {0}, none = {0};
    enum err err = q->r.err == ERR_NOT_FOUND ? ERR_UNKNOWN_INSTANCE : q->r.err;
    if (err == ERR_NONE && q->r.row_count + q->r.record_count == 0)
        err = ERR_UNKNOWN_INSTANCE;
    if (err == ERR_NONE)
        err = apart_refs(&q->arena, &q->r, &refs);
    struct ask *texts =
        err == ERR_NONE && refs.count > 0 ? apart_ask(f, &refs, payloads_read) : NULL;
    if (texts != NULL) {
        q->is_kept = true; /* until they are here */
        texts->entry = e;
        texts->context = q;
        ask_submit(f, texts);
        return;
    }
    if (err == ERR_NONE)
        err = refs.count > 0 ? ERR_MEMORY : build(f, e, q, &none);
    loaded(f, e, err);
}

void entry_load(struct flow *f, struct entry *e)
{
    struct ask *q = ask_new(f, STORE_LOAD, load_read);
    e->state = ENTRY_LOADING;
    e->i = NULL;
    f->stats.loads++;
    if (q == NULL) {
        loaded(f, e, ERR_MEMORY);
        return;
    }
    q->entry = e;
    q->r.id = e->id;
    ask_submit(f, q);
}

void entry_reload(struct flow *f, struct entry *e)
{
    heap_remove(&f->wakes, &e->wake);
    list_remove(&f->run, &e->run);
    close_open_key(f, e);
    e->is_wake_pending = false;
    e->must_load = true;
    entry_load(f, e);
}

/* --- making room --- */

static bool can_drop(const struct entry *e)
{
    return e->state == ENTRY_IDLE && list_first(&e->pending) == NULL &&
           list_first(&e->visits) == NULL && !link_is_in(&e->dirty) && !e->is_flushing &&
           e->repeat.unrecorded == 0;
}

void entry_shrink_cache(struct flow *f)
{
    struct link *k = list_first(&f->lru), *next;
    for (; k != NULL && f->cached_bytes > f->config.cache_bytes_max; k = next) {
        next = list_after(&f->lru, k);
        struct entry *e = LINK_OWNER(k, struct entry, lru);
        if (!can_drop(e))
            continue;
        supervisor_evicted(f, e);
        entry_drop(f, e);
    }
}
