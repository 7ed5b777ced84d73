/* The cache of instances. An entry is made when something asks for an instance, is loaded (load.c),
 * and is dropped when it was unused for longest, idle and written. The cache is never asked whether
 * it is right: the append tells. */
#include "flow/flow_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_OVERHEAD_BYTES 1024

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
    e->is_ours = !f->is_shared;
    e->unsent_from_ms = TIME_NEVER;
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

bool entry_make_blank(struct flow *f, struct entry *e, const struct template *t)
{
    arena_drop(&e->arena);
    if (!make_blank(e, t))
        return false;
    heap_remove(&f->wakes, &e->wake);
    e->state = ENTRY_IDLE;
    e->checked_at_ms = f->now_ms;
    e->fresh_bytes = e->arena.used_bytes;
    entry_count(f, e);
    return true;
}

struct entry *entry_new_blank(struct flow *f, struct slice id, const struct template *t)
{
    struct entry *e = make(f, id);
    if (e == NULL)
        return NULL;
    if (entry_make_blank(f, e, t))
        return e;
    entry_drop(f, e);
    return NULL;
}

void entry_close_key(struct flow *f, struct entry *e)
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
    entry_close_key(f, e);
    if (!is_open)
        return;
    struct slice name = open_key_of(buf, sizeof buf, i->template_name, i->key);
    if (name.at == NULL || (e->open_key = malloc(name.len + 1)) == NULL)
        return; /* the store's index still knows */
    memcpy(e->open_key, buf, name.len + 1);
    if (map_put(&f->open_keys, (struct slice){e->open_key, name.len}, e) != ERR_NONE)
        entry_close_key(f, e);
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
    entry_close_key(f, e);
    heap_remove(&f->wakes, &e->wake);
    list_remove(&f->run, &e->run);
    list_remove(&f->lru, &e->lru);
    list_remove(&f->dirty, &e->dirty);
    list_remove(&f->unsent, &e->unsent);
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
    bool is_needed =
        list_first(&e->pending) != NULL || list_first(&e->visits) != NULL || link_is_in(&e->unsent);
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

/* A node that seems alone is not sure to be: one that has just joined, or that was taken for dead,
 * is noticed with the next beat only. */
bool entry_is_fresh(const struct flow *f, const struct entry *e)
{
    bool may_be_behind = f->is_shared && e->checked_at_ms < f->now_ms;
    return entry_is_here(e) && !may_be_behind;
}

void entry_visit_fresh(struct flow *f, struct entry *e, struct visit *v)
{
    if (!f->is_shared || !entry_is_here(e)) {
        entry_visit(f, e, v);
        return;
    }
    list_append(&e->visits, &v->link); /* others append within the same millisecond, too */
    if (e->state == ENTRY_IDLE)
        entry_refresh(f, e);
}

bool entry_is_stale(const struct flow *f, const struct entry *e)
{
    return e->i->seq > 0 && f->now_ms >= e->checked_at_ms + FRESH_MS &&
           cluster_may_have_changed(f, e->checked_at_ms);
}

/* --- making room --- */

bool entry_can_drop(const struct entry *e)
{
    return e->state == ENTRY_IDLE && list_first(&e->pending) == NULL &&
           list_first(&e->visits) == NULL && !link_is_in(&e->dirty) && !e->is_flushing &&
           e->repeat.unrecorded == 0 && e->unsent_from_ms == TIME_NEVER;
}

void entry_hold(struct flow *f, struct entry *e)
{
    assert(entry_can_drop(e));
    heap_remove(&f->wakes, &e->wake);
    list_remove(&f->run, &e->run);
    entry_close_key(f, e);
    e->state = ENTRY_LOADING;
    e->must_load = e->is_wake_pending = false;
    e->i = NULL;
    arena_drop(&e->arena);
    entry_count(f, e);
}

void entry_shrink_cache(struct flow *f)
{
    struct link *k = list_first(&f->lru), *next;
    for (; k != NULL && f->cached_bytes > f->config.cache_bytes_max; k = next) {
        next = list_after(&f->lru, k);
        struct entry *e = LINK_OWNER(k, struct entry, lru);
        if (!entry_can_drop(e))
            continue;
        supervisor_evicted(f, e);
        entry_drop(f, e);
    }
}
