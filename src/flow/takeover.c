/* The work of a node that died: records whose messages may not be out, and then those whose rows it
 * has not written, which are more. One of the living goes through them; should that one die too,
 * the next finds them again. */
#include "flow/cluster_int.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define BEHIND_PAGE 1000 /* instances read at a time */

struct taking { /* one instance of it */
    struct visit visit;
    struct takeover *of;
};

static void taken(struct flow *f, struct visit *v, struct entry *e, enum err err)
{
    struct taking *t = LINK_OWNER(v, struct taking, visit);
    (void)f;
    (void)e;
    t->of->loading--;
    t->of->is_failed |= err != ERR_NONE && err != ERR_UNKNOWN_INSTANCE;
    free(t);
}

static bool take_instance(struct flow *f, struct takeover *t, const struct store_row *row)
{
    struct taking *taking = malloc(sizeof *taking);
    struct entry *e = taking == NULL ? NULL : entry_get(f, row->id);
    if (e == NULL) {
        free(taking);
        return false;
    }
    *taking = (struct taking){.visit = {.run = taken}, .of = t};
    t->loading++;
    list_append(&e->visits, &taking->visit.link);
    entry_take_over(f, e, t->is_sent_read ? TIME_NEVER : row->updated_at_ms);
    return true;
}

static void behind_read(struct flow *f, struct ask *q)
{
    struct takeover *t = &f->cluster->takeover;
    int64_t from = 0;
    t->is_page_asked = false;
    t->is_failed |= q->r.err != ERR_NONE;
    for (uint32_t k = 0; k < q->r.row_count && !t->is_failed; k++)
        if (!store_is_chain(q->r.rows[k].id))
            t->is_failed |= !take_instance(f, t, &q->r.rows[k]);
    if (!t->is_failed && slice_to_int(q->r.next, &from)) {
        t->from_pos = (uint64_t)from;
    } else if (!t->is_failed && !t->is_sent_read) {
        t->is_sent_read = true;
        t->from_pos = t->folded_pos + 1;
    } else {
        t->is_read = true;
    }
}

static void read_page(struct flow *f, struct takeover *t)
{
    struct ask *q = ask_new(f, STORE_BEHIND, behind_read);
    if (q == NULL)
        return;
    t->is_page_asked = true;
    q->r.node = (struct slice){t->id, t->id_len};
    q->r.seq = t->from_pos;
    q->r.limit = BEHIND_PAGE;
    ask_submit(f, q);
}

static void rows_are_written(struct flow *f, struct visit *v, struct entry *e, enum err err)
{
    struct takeover *t = LINK_OWNER(v, struct takeover, written);
    (void)e;
    t->is_written = true;
    t->is_failed |= err != ERR_NONE;
    t->sent_pos = f->last_pos + 1;
}

/* Until the next beat tells anew, the node is not looked at again. */
static void forgotten(struct flow *f, struct ask *q)
{
    struct cluster *c = f->cluster;
    struct slice id = {c->takeover.id, c->takeover.id_len};
    (void)q; /* where it was seen again it lives, and where not it is found again */
    for (uint32_t k = 0; k < c->peer_count; k++)
        if (slice_eq(c->peers[k].node.id, id))
            c->peers[k] = c->peers[--c->peer_count];
    c->takeover = (struct takeover){0};
}

static void forget(struct flow *f, struct takeover *t)
{
    struct ask *q = ask_new(f, STORE_NODE_DROP, forgotten);
    if (q == NULL)
        return;
    t->is_dropping = true;
    q->r.id = (struct slice){t->id, t->id_len};
    q->r.at_ms = t->seen_at_ms;
    ask_submit(f, q);
}

/* Read all, write their rows, see their messages out, and only then forget the node: should this
 * one die meanwhile, the next finds it all again. */
static void work_on_takeover(struct flow *f, struct takeover *t)
{
    if (t->is_page_asked || t->is_dropping || t->loading > 0)
        return;
    if (t->is_failed && (!t->is_flush_asked || t->is_written)) {
        t->is_active = false; /* begun again, but not at once */
        f->cluster->take_over_at_ms = f->now_ms + NODE_BEAT_MS;
    } else if (!t->is_read) {
        read_page(f, t);
    } else if (!t->is_flush_asked) {
        t->is_flush_asked = true;
        t->written = (struct visit){.run = rows_are_written};
        rows_flush(f, &t->written);
    } else if (t->is_written && relay_unsent_pos(f) > t->sent_pos) {
        forget(f, t);
    }
}

static bool is_ours_to_replace(const struct flow *f, const struct peer *p)
{
    return !p->node.is_alive && !cluster_is_self(f, p->node.id) && cluster_is_mine(f, p->node.id) &&
           p->node.id.len <= sizeof f->cluster->takeover.id;
}

/* The first one, or the next after the one that was tried last: what a later version wrote, this
 * node cannot finish, and it must not hold up the others. */
static const struct peer *find_dead(const struct flow *f)
{
    const struct cluster *c = f->cluster;
    struct slice last = {c->takeover.id, c->takeover.id_len};
    const struct peer *first = NULL;
    bool is_after = false;
    for (uint32_t k = 0; k < c->peer_count; k++) {
        const struct peer *p = &c->peers[k];
        bool is_ours = is_ours_to_replace(f, p);
        if (is_ours && is_after)
            return p;
        if (is_ours && first == NULL)
            first = p;
        is_after |= slice_eq(p->node.id, last);
    }
    return first;
}

static void look_for_dead(struct flow *f)
{
    const struct peer *p = find_dead(f);
    if (p == NULL)
        return;
    struct takeover *t = &f->cluster->takeover;
    *t = (struct takeover){.is_active = true, .id_len = p->node.id.len};
    memcpy(t->id, p->node.id.at, p->node.id.len);
    t->seen_at_ms = p->node.seen_at_ms;
    t->from_pos = (p->sent_pos > p->folded_pos ? p->sent_pos : p->folded_pos) + 1;
    t->folded_pos = p->folded_pos;
    log_line(LOG_WARN, "flow", "finishing the work of node %.*s", SLICE_ARG(p->node.id));
}

bool takeover_is_over(const struct flow *f)
{
    const struct cluster *c = f->cluster;
    for (uint32_t k = 0; k < c->peer_count; k++)
        if (is_ours_to_replace(f, &c->peers[k]))
            return false;
    return !c->takeover.is_active;
}

void takeover_round(struct flow *f)
{
    struct takeover *t = &f->cluster->takeover;
    if (!t->is_active && f->state == FLOW_READY && f->now_ms >= f->cluster->take_over_at_ms)
        look_for_dead(f);
    if (t->is_active)
        work_on_takeover(f, t);
}
