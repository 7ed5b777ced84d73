/* Messages of which it is not known that the queue has them: memory was short for their names, or
 * the commit that sends them was answered by nobody. Such a commit may stand, and a read may not
 * show it yet, so it is looked for until another record has its number or it can't come any more.
 * Comes after scheduler and load; what is certain goes to the relay. A queue that derives its
 * messages needs none of this: it is offered all of them whenever an instance is loaded. */
#include "flow/flow_int.h"

#define AGAIN_MS 1000  /* between two looks */
#define DOUBT_MS 10000 /* after its failure a commit does not come about any more */

void unsent_keep(struct flow *f, struct entry *e, int64_t from_ms, uint64_t pos)
{
    bool is_derived = f->config.queue != NULL && f->config.queue->ops->is_derived;
    bool is_new = !link_is_in(&e->unsent);
    if (from_ms == TIME_NEVER || is_derived)
        return;
    e->unsent_from_ms = time_min(e->unsent_from_ms, from_ms);
    e->unsent_pos = is_new || pos < e->unsent_pos ? pos : e->unsent_pos;
    if (list_first(&f->unsent) == NULL)
        f->unsent_at_ms = f->now_ms + AGAIN_MS;
    if (is_new)
        list_append(&f->unsent, &e->unsent);
}

void unsent_doubt(struct flow *f, struct entry *e, const struct commit *c)
{
    int64_t from_ms = c->count > 0 ? c->outcomes[0].at_ms : c->work->at_ms;
    unsent_keep(f, e, from_ms, c->after_pos + 1);
    if (!link_is_in(&e->unsent) || e->i == NULL)
        return;
    e->doubt_seq = e->doubt_seq == 0 ? e->i->seq + 1 : e->doubt_seq;
    e->doubt_until_ms = f->now_ms + DOUBT_MS;
}

bool unsent_is_in_doubt(const struct flow *f, const struct entry *e)
{
    uint64_t seq = e->i == NULL ? 0 : e->i->seq;
    return e->doubt_seq > seq && f->now_ms < e->doubt_until_ms;
}

void unsent_settled(struct flow *f, struct entry *e)
{
    e->doubt_seq = 0;
    e->unsent_from_ms = TIME_NEVER;
    list_remove(&f->unsent, &e->unsent);
}

uint64_t unsent_pos(const struct flow *f)
{
    uint64_t pos = UINT64_MAX;
    for (struct link *k = list_first(&f->unsent); k != NULL; k = list_after(&f->unsent, k)) {
        const struct entry *e = LINK_OWNER(k, struct entry, unsent);
        pos = e->unsent_pos < pos ? e->unsent_pos : pos;
    }
    return pos;
}

static void look_again(struct flow *f, struct entry *e)
{
    if (e->state == ENTRY_BROKEN) {
        heap_remove(&f->wakes, &e->wake);
        entry_load(f, e);
    } else if (e->state != ENTRY_IDLE) {
        return; /* what is under way tells */
    } else if (unsent_is_in_doubt(f, e)) {
        if (entry_is_here(e))
            entry_refresh(f, e);
        else
            entry_reload(f, e);
    } else if (entry_is_here(e)) {
        relay_loaded(f, e);
    } else { /* a start that did not come about */
        unsent_settled(f, e);
        entry_rest(f, e);
    }
}

void unsent_round(struct flow *f)
{
    struct link *k = list_first(&f->unsent), *next;
    if (k == NULL || f->now_ms < f->unsent_at_ms)
        return;
    f->unsent_at_ms = f->now_ms + AGAIN_MS;
    for (; k != NULL; k = next) {
        next = list_after(&f->unsent, k);
        look_again(f, LINK_OWNER(k, struct entry, unsent));
    }
}

int64_t unsent_next(const struct flow *f)
{
    return list_first(&f->unsent) == NULL ? TIME_NEVER : f->unsent_at_ms;
}
