/* Instances whose task messages were given to another queue driver: the server was started with
 * another --queue, or its data came from another store. What they have out is sent again, by the
 * driver of now; workers of the old queues that still answer are heard, the first one counts. It is
 * looked for them once, after the start, a page at a time. */
#include "flow/flow_int.h"

#include "base/log.h"

#include <stdlib.h>

#define PAGE 256
#define AGAIN_MS 1000 /* after a failure */

struct moving {
    struct visit visit;
    struct moved *of;
};

static void moved(struct flow *f, struct visit *v, struct entry *e, enum err err)
{
    struct moving *m = LINK_OWNER(v, struct moving, visit);
    (void)f;
    (void)e;
    m->of->loading--;
    m->of->is_failed |= err != ERR_NONE && err != ERR_UNKNOWN_INSTANCE;
    free(m);
}

static bool move(struct flow *f, struct slice id)
{
    struct moving *m = malloc(sizeof *m);
    struct entry *e = m == NULL ? NULL : entry_get(f, id);
    if (e == NULL) {
        free(m);
        return false;
    }
    *m = (struct moving){.visit = {.run = moved}, .of = &f->moved};
    f->moved.loading++;
    entry_take_over(f, e, 0);
    entry_visit(f, e, &m->visit);
    return true;
}

static bool keep_cursor(struct moved *m, struct slice after)
{
    jmp_buf edge;
    arena_drop(&m->arena);
    arena_init(&m->arena, EVENT_BYTES_MAX);
    m->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    m->after = slice_copy(&m->arena, after);
    m->arena.edge = NULL;
    return true;
}

static void page_read(struct flow *f, struct ask *q)
{
    struct moved *m = &f->moved;
    m->is_asked = false;
    m->is_failed |= q->r.err != ERR_NONE;
    for (uint32_t k = 0; k < q->r.row_count && !m->is_failed; k++)
        if (cluster_is_mine(f, q->r.rows[k].id))
            m->is_failed |= !move(f, q->r.rows[k].id);
    if (q->r.row_count > 0)
        log_line(LOG_INFO, "flow", "%u instances have their messages on another queue",
                 (unsigned)q->r.row_count);
    m->at_ms = f->now_ms;
    if (m->is_failed || !keep_cursor(m, q->r.next)) {
        m->is_failed = false;
        m->after = SLICE_NONE;
        m->at_ms = f->now_ms + AGAIN_MS;
    } else if (q->r.next.at == NULL) {
        m->at_ms = TIME_NEVER;
    }
}

static void ask_page(struct flow *f)
{
    struct moved *m = &f->moved;
    struct ask *q = ask_new(f, STORE_LIST, page_read);
    m->at_ms = f->now_ms + AGAIN_MS;
    if (q == NULL)
        return;
    m->is_asked = true;
    q->r.filter.not_queue = f->config.queue_name;
    q->r.after = m->after;
    q->r.limit = PAGE;
    ask_submit(f, q);
}

static bool can_look(const struct flow *f)
{
    return f->state == FLOW_READY && f->config.queue_name.len > 0 && !f->config.is_still &&
           guest_may_tidy(f) && !f->moved.is_asked && f->moved.loading == 0;
}

void moved_round(struct flow *f)
{
    if (can_look(f) && f->now_ms >= f->moved.at_ms)
        ask_page(f);
}

void moved_drop(struct flow *f)
{
    arena_drop(&f->moved.arena);
}

int64_t moved_next(const struct flow *f)
{
    return can_look(f) ? f->moved.at_ms : TIME_NEVER;
}
