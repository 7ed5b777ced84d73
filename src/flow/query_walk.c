/* Walking the records of one instance in order: time travel, events with what was before, and
 * verification are this walk with another `take`. Pages are bounded, so a long history holds up
 * nothing else. */
#include "flow/query_int.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_RECORDS                                                                               \
    64 /* with the payloads they refer to they fit into one answer of the store                    \
        */

struct walk *walk_new(struct query *q, struct slice id, const struct template *t, uint64_t seq)
{
    struct walk *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    arena_init(&w->arena, INSTANCE_BYTES_MAX * 2);
    arena_init(&w->tight, INSTANCE_BYTES_MAX * 2);
    arena_init(&w->page, WORK_BYTES_MAX * 2);
    w->f = q->f;
    w->query = q;
    w->id = id;
    w->template = t;
    w->from = w->next = seq < SNAPSHOT_EVERY ? 1 : seq / SNAPSHOT_EVERY * SNAPSHOT_EVERY;
    q->walk = w;
    return w;
}

void walk_free(struct walk *w)
{
    if (w->records != NULL)
        ask_free(w->records);
    w->query->walk = NULL;
    arena_drop(&w->arena);
    arena_drop(&w->tight);
    arena_drop(&w->page);
    free(w);
}

static enum err take_one(struct walk *w, const struct store_record *stored,
                         const struct payload_list *payloads)
{
    struct record r;
    enum err err = record_decode(&w->page, stored->bytes, &r);
    if (err != ERR_NONE)
        return err;
    if (r.seq != w->next)
        return ERR_CORRUPT;
    w->next++;
    if (w->template == NULL) {
        bool is_linked = memcmp(r.prev, w->head.hash, SHA256_BYTES) == 0;
        memcpy(w->head.hash, r.hash, SHA256_BYTES);
        w->is_stopped = !w->take(w, &r, stored, payloads);
        return is_linked ? ERR_NONE : ERR_CORRUPT;
    }
    if (w->i == NULL)
        w->i = instance_new(&w->arena, w->id, w->template);
    if (r.seq == w->from && r.seq > 1)
        return record_restore(&w->page, w->i, &r, payloads);
    w->is_stopped = !w->take(w, &r, stored, payloads);
    return w->is_stopped ? ERR_NONE : record_fold(&w->page, w->i, &r, payloads);
}

/* Texts that the fold replaced go with a tight copy from page to page. */
static void tighten(struct walk *w)
{
    if (w->i == NULL)
        return;
    w->tight.edge = w->arena.edge;
    struct instance *copy = instance_copy(&w->tight, w->i);
    struct arena loose = w->arena;
    w->arena = w->tight;
    w->tight = loose;
    arena_drop(&w->tight);
    w->i = copy;
    copy->arena = &w->arena;
}

static enum err take_page(struct walk *w, const struct store_request *r,
                          const struct payload_list *payloads)
{
    jmp_buf edge;
    arena_reset(&w->page);
    w->arena.edge = w->page.edge = w->query->arena.edge = &edge;
    if (setjmp(edge) != 0) {
        w->arena.edge = w->page.edge = w->query->arena.edge = NULL;
        return ERR_MEMORY;
    }
    enum err err = ERR_NONE;
    for (uint32_t k = 0; k < r->record_count && err == ERR_NONE && !w->is_stopped; k++)
        err = take_one(w, &r->records[k], payloads);
    if (err == ERR_NONE)
        tighten(w);
    w->arena.edge = w->page.edge = w->query->arena.edge = NULL;
    return err;
}

static void end_page(struct walk *w, struct ask *records, const struct payload_list *payloads)
{
    uint32_t count = records->r.record_count;
    enum err err = take_page(w, &records->r, payloads);
    if (err != ERR_NONE || w->is_stopped || count < PAGE_RECORDS)
        w->done(w, err);
    else
        walk_on(w);
}

static void payloads_read(struct flow *f, struct ask *a)
{
    struct walk *w = a->context;
    struct payload_list payloads = {0};
    struct ask *records = w->records;
    (void)f;
    enum err err = apart_take(a, &payloads);
    if (err != ERR_NONE) {
        w->done(w, err);
        return;
    }
    w->records = NULL;
    end_page(w, records, &payloads);
    ask_free(records);
}

static void records_read(struct flow *f, struct ask *a)
{
    struct walk *w = a->context;
    struct payload_list refs = {0}, none = {0};
    enum err err = a->r.err;
    if (err == ERR_NOT_FOUND)
        err = ERR_NONE;
    arena_reset(&w->page);
    if (err == ERR_NONE && w->template != NULL)
        err = apart_refs(&w->page, &a->r, &refs);
    if (err != ERR_NONE) {
        w->done(w, err);
        return;
    }
    if (refs.count == 0) {
        end_page(w, a, &none);
        return;
    }
    struct ask *texts = apart_ask(f, &refs, payloads_read);
    if (texts == NULL) {
        w->done(w, ERR_MEMORY);
        return;
    }
    a->is_kept = true;
    w->records = a;
    texts->context = w;
    ask_submit(f, texts);
}

void walk_on(struct walk *w)
{
    struct ask *a = ask_new(w->f, STORE_RECORDS, records_read);
    if (a == NULL) {
        w->done(w, ERR_MEMORY);
        return;
    }
    a->r.id = w->id;
    a->r.seq = w->next;
    a->r.limit = PAGE_RECORDS;
    a->context = w;
    ask_submit(w->f, a);
}
