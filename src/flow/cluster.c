/* Other nodes at the same store. There is no leader and no lock: the append decides. Each node says
 * every half second that it lives, and up to where its records are in rows and its messages out.
 * Who falls silent is replaced: one of the living, the same for all that look, goes through what
 * the dead one left unfinished. A wake-up is the business of the node that wrote the instance's row
 * last; what is overdue goes to one of the others. Where two do the same, one append wins. */
#include "flow/cluster_int.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define PEERS_BYTES_MAX (4 * 1024 * 1024)
#define DUE_EVERY_MS 500
#define LEAVE_TRIES 3
/* A gap between two beats of this node after which any other may have one of NODE_SILENT_MS for the
 * same cause: the store was away, or the machine was busy. */
#define GAP_MS (NODE_SILENT_MS - NODE_BEAT_MS)

bool cluster_has_peers(const struct flow *f)
{
    return f->cluster != NULL && f->cluster->living > 0;
}

bool cluster_has_left(const struct flow *f)
{
    return f->cluster == NULL || f->state != FLOW_DRAINING || f->cluster->is_dropped ||
           !f->cluster->has_joined;
}

/* --- who lives, and who of them --- */

bool cluster_is_self(const struct flow *f, struct slice node)
{
    return slice_eq(node, f->config.node);
}

static const struct peer *find_peer(const struct flow *f, struct slice node)
{
    const struct cluster *c = f->cluster;
    for (uint32_t k = 0; k < c->peer_count; k++)
        if (slice_eq(c->peers[k].node.id, node))
            return &c->peers[k];
    return NULL;
}

bool cluster_is_living(const struct flow *f, struct slice node)
{
    const struct peer *p = find_peer(f, node);
    return cluster_is_self(f, node) || (p != NULL && p->node.is_alive);
}

bool cluster_has_sent(const struct flow *f, struct slice node, uint64_t pos)
{
    const struct peer *p = find_peer(f, node);
    return p != NULL && pos <= p->sent_pos;
}

static uint64_t score(struct slice node, struct slice thing)
{
    uint64_t z = slice_hash(node) ^ (slice_hash(thing) * 0x9e3779b97f4a7c15U);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    return z ^ z >> 29;
}

/* Whether, of all the living, this node is the one for a thing (rendezvous hashing): nodes that see
 * the same living agree, and one that comes or goes moves only its own share. A guest does what it
 * finds: it cannot wait and see. */
bool cluster_is_mine(const struct flow *f, struct slice thing)
{
    const struct cluster *c = f->cluster;
    uint64_t own = score(f->config.node, thing);
    for (uint32_t k = 0; c != NULL && k < c->peer_count && !f->config.is_guest; k++)
        if (c->peers[k].node.is_alive && !c->peers[k].is_guest &&
            !cluster_is_self(f, c->peers[k].node.id) && score(c->peers[k].node.id, thing) > own)
            return false;
    return true;
}

bool cluster_is_watching(const struct flow *f, struct slice node)
{
    const struct peer *p = find_peer(f, node);
    return p != NULL && p->node.is_alive && !p->is_guest;
}

static void look_who_lives(struct flow *f)
{
    struct cluster *c = f->cluster;
    bool is_deaf = c->heard_at_ms > 0 && f->now_ms >= c->heard_at_ms + GAP_MS; /* it knows less */
    c->living = 0;
    for (uint32_t k = 0; k < c->peer_count; k++) {
        struct flow_node *n = &c->peers[k].node;
        bool was_alive = n->is_alive;
        int64_t from_ms = n->seen_at_ms > c->steady_from_ms ? n->seen_at_ms : c->steady_from_ms;
        if (!is_deaf)
            n->is_alive = f->now_ms < from_ms + NODE_SILENT_MS;
        bool is_news = f->now_ms < from_ms + NODE_SILENT_MS + NODE_BEAT_MS;
        if (was_alive && is_news && !n->is_alive && !cluster_is_self(f, n->id))
            log_line(LOG_WARN, "flow", "node %.*s is silent", SLICE_ARG(n->id));
        if (n->is_alive && !cluster_is_self(f, n->id))
            c->living++;
    }
    if (c->living > 0)
        c->company_at_ms = f->now_ms;
}

bool cluster_is_heard(const struct flow *f)
{
    return f->cluster == NULL || f->now_ms < f->cluster->heard_at_ms + NODE_SILENT_MS;
}

/* Until then what has arrived waits: a store that elects another primary is soon back. */
bool cluster_is_deaf(const struct flow *f)
{
    const struct cluster *c = f->cluster;
    return c != NULL && !f->config.is_guest && c->heard_at_ms > 0 &&
           f->now_ms >= c->heard_at_ms + NODE_DEAF_MS;
}

/* A guest is heard while it has something to say. */
bool flow_is_heard(const struct flow *f)
{
    return f->config.is_guest || cluster_is_heard(f);
}

bool flow_is_guest(const struct flow *f)
{
    return f->config.is_guest;
}

bool flow_is_shared(const struct flow *f)
{
    return f->is_shared;
}

size_t flow_nodes(const struct flow *f, struct flow_node *out, size_t max)
{
    const struct cluster *c = f->cluster;
    for (uint32_t k = 0; c != NULL && k < c->peer_count && k < max; k++)
        out[k] = c->peers[k].node;
    return c == NULL ? 0 : c->peer_count;
}

bool cluster_may_have_changed(const struct flow *f, int64_t since_ms)
{
    return f->cluster != NULL && since_ms <= f->cluster->company_at_ms;
}

/* Rows are for whoever looks at lists; a node knows the others' askers from their beats. */
bool cluster_is_looked_at(const struct flow *f)
{
    int64_t at_ms = f->looked_at_ms;
    if (f->cluster != NULL && f->cluster->looked_at_ms > at_ms)
        at_ms = f->cluster->looked_at_ms;
    return f->now_ms < time_add(at_ms, ROW_LOOK_MS);
}

/* --- the beat --- */

/* What a node says of itself: the queue driver it sends to, and whether it comes and goes. */
static struct slice read_info(struct arena *a, struct slice info, bool *is_guest)
{
    yyjson_val *root;
    *is_guest = false;
    if (json_read(a, info, EVENT_BYTES_MAX, JSON_DEPTH_MAX, NULL, &root) != ERR_NONE)
        return SLICE_NONE;
    (void)json_get_bool(root, "guest", is_guest);
    return json_get_text(root, "queue");
}

static bool keep_peers(struct flow *f, const struct store_request *r)
{
    struct cluster *c = f->cluster;
    jmp_buf edge;
    arena_reset(&c->arena);
    c->peers = NULL;
    c->peer_count = 0;
    c->arena.edge = &edge;
    if (setjmp(edge) != 0) {
        c->peer_count = 0;
        c->arena.edge = NULL;
        return false;
    }
    bool is_guest;
    c->own_queue = read_info(&c->arena, f->config.info, &is_guest);
    c->peers = arena_array(&c->arena, r->node_count, sizeof *c->peers);
    for (uint32_t k = 0; k < r->node_count && k < NODES_MAX; k++) {
        struct peer *p = &c->peers[k];
        p->node.id = slice_copy(&c->arena, r->nodes[k].id);
        p->node.info = slice_copy(&c->arena, r->nodes[k].info);
        p->node.seen_at_ms = r->nodes[k].seen_at_ms;
        p->node.is_alive = true;
        p->folded_pos = r->nodes[k].folded_pos;
        p->queue = read_info(&c->arena, p->node.info, &p->is_guest);
        if (slice_eq(p->queue, c->own_queue)) /* else where nobody reads now */
            p->sent_pos = r->nodes[k].sent_pos;
        c->peer_count++;
    }
    c->arena.edge = NULL;
    for (uint32_t k = 0; k < c->peer_count; k++)
        if (r->nodes[k].looked_at_ms > c->looked_at_ms)
            c->looked_at_ms = r->nodes[k].looked_at_ms;
    return true;
}

/* Built-in queues have one owner, and messages that go two ways reach no worker for certain. */
static bool is_at_odds(const struct flow *f)
{
    const struct cluster *c = f->cluster;
    bool is_derived = f->config.queue != NULL && f->config.queue->ops->is_derived;
    for (uint32_t k = 0; k < c->peer_count; k++) {
        const struct peer *p = &c->peers[k];
        bool is_other = p->node.is_alive && !cluster_is_self(f, p->node.id);
        if (is_other && (is_derived || !slice_eq(p->queue, c->own_queue)))
            return true;
    }
    return false;
}

static void join(struct flow *f)
{
    struct cluster *c = f->cluster;
    if (c->living > 0 && f->now_ms < c->joined_at_ms + 2 * NODE_BEAT_MS)
        return; /* until all of them know this one: what they do not know they take for dead */
    if (!is_at_odds(f)) {
        c->has_joined = true;
        flow_start_step_done(f, ERR_NONE);
    } else if (f->now_ms >= c->joined_at_ms + NODE_SILENT_MS + 2 * NODE_BEAT_MS) {
        log_line(LOG_ERROR, "flow",
                 "another node is running at this store: built-in queues have one owner, and "
                 "--queue must be the same at all nodes");
        flow_start_step_done(f, ERR_BUSY);
    } /* else it may be one that died a moment ago */
}

/* The store says when it heard this node: its answer may have been long under way. */
static void note_heard(struct flow *f)
{
    struct cluster *c = f->cluster;
    int64_t before_ms = c->heard_at_ms;
    for (uint32_t k = 0; k < c->peer_count; k++)
        if (cluster_is_self(f, c->peers[k].node.id))
            c->heard_at_ms = c->peers[k].node.seen_at_ms;
    if (before_ms > 0 && c->heard_at_ms >= before_ms + GAP_MS)
        c->steady_from_ms = c->heard_at_ms;
}

static void beaten(struct flow *f, struct ask *q)
{
    struct cluster *c = f->cluster;
    c->is_beating = false;
    if (q->r.err != ERR_NONE) {
        log_line(LOG_WARN, "flow", "the store does not hear this node: %s", err_text(q->r.err));
        return;
    }
    if (!keep_peers(f, &q->r))
        return;
    note_heard(f);
    look_who_lives(f);
    if (c->is_idle_beat && q->r.last_pos > f->idle_pos)
        f->idle_pos = q->r.last_pos;
    if (f->state == FLOW_STARTING && f->start_err == ERR_NONE)
        join(f);
}

static bool is_done_with_all(const struct flow *f)
{
    return list_first(&f->committing) == NULL && list_first(&f->dirty) == NULL && !f->is_flushing &&
           !f->is_sys_committing && relay_unsent_pos(f) == UINT64_MAX &&
           !f->cluster->takeover.is_active;
}

static bool fill_beat(struct flow *f, struct ask *q)
{
    jmp_buf edge;
    q->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    uint64_t done_pos = rows_done_pos(f), sent_pos = rows_sent_pos(f);
    q->r.nodes = arena_alloc(&q->arena, sizeof *q->r.nodes);
    q->r.node_count = 1;
    *q->r.nodes = (struct store_node){.id = f->config.node, .info = f->config.info};
    q->r.nodes->folded_pos = done_pos > f->idle_pos ? done_pos : f->idle_pos;
    q->r.nodes->sent_pos = sent_pos > f->idle_pos ? sent_pos : f->idle_pos;
    q->r.nodes->looked_at_ms = f->looked_at_ms;
    q->r.at_ms = f->now_ms;
    q->arena.edge = NULL;
    return true;
}

static void beat(struct flow *f)
{
    struct cluster *c = f->cluster;
    struct ask *q = ask_new(f, STORE_NODE_PUT, beaten);
    c->beat_at_ms = f->now_ms + NODE_BEAT_MS;
    if (q == NULL || !fill_beat(f, q)) {
        if (q != NULL)
            ask_free(q);
        return;
    }
    c->is_beating = true;
    c->is_idle_beat = is_done_with_all(f);
    ask_submit(f, q);
}

/* --- what is due --- */

/* Whether this node wakes an instance whose row says that it is due. One that its node has woken
 * stays so until its row is written. */
static bool must_wake(const struct flow *f, const struct store_row *row)
{
    if (cluster_is_self(f, row->node))
        return true;
    bool is_overdue = f->now_ms >= row->wake_at_ms + NODE_SILENT_MS + ROW_LAZY_MS;
    return (is_overdue || !cluster_is_living(f, row->node)) && cluster_is_mine(f, row->id);
}

static void take_due_row(struct flow *f, const struct store_row *row)
{
    struct entry *e = entry_find(f, row->id);
    if (cluster_is_self(f, row->node) && (e == NULL || e->is_ours)) {
        supervisor_add_far(f, row->id, row->wake_at_ms); /* nothing when it is in memory */
        return;
    }
    e = entry_get(f, row->id);
    if (e != NULL && !e->is_taken)
        entry_take_over(f, e, TIME_NEVER);
}

static void due_read(struct flow *f, struct ask *q)
{
    struct cluster *c = f->cluster;
    uint32_t count = 0;
    c->is_due_asked = false;
    for (uint32_t k = 0; k < q->r.row_count && q->r.err == ERR_NONE; k++) {
        if (!must_wake(f, &q->r.rows[k]))
            continue;
        take_due_row(f, &q->r.rows[k]);
        count++;
    }
    bool has_more = count > 0 && q->r.row_count == DUE_ROWS_MAX;
    c->due_at_ms = f->now_ms + (has_more ? NODE_BEAT_MS / 10 : DUE_EVERY_MS);
}

static void ask_due(struct flow *f)
{
    struct cluster *c = f->cluster;
    struct ask *q = ask_new(f, STORE_DUE, due_read);
    c->due_at_ms = f->now_ms + DUE_EVERY_MS;
    if (q == NULL)
        return;
    c->is_due_asked = true;
    q->r.at_ms = f->now_ms + DUE_EVERY_MS; /* what is due before the next look */
    q->r.limit = DUE_ROWS_MAX;
    f->window_end_ms = q->r.at_ms;
    ask_submit(f, q);
}

/* --- leaving --- */

static void left(struct flow *f, struct ask *q)
{
    bool is_done = q->r.err == ERR_NONE || ++f->cluster->leave_failures >= LEAVE_TRIES;
    f->cluster->is_dropped = is_done; /* at worst the others wait until it is silent */
    f->cluster->is_leaving = is_done;
}

/* Everything is written and sent: nobody needs to look after this node. */
static void leave(struct flow *f)
{
    struct cluster *c = f->cluster;
    bool can_leave = flow_is_quiet(f) && list_first(&f->applies) == NULL && !c->is_leaving &&
                     rows_are_idle(f) && is_done_with_all(f);
    struct ask *q = can_leave ? ask_new(f, STORE_NODE_DROP, left) : NULL;
    if (q == NULL)
        return;
    c->is_leaving = true;
    q->r.id = f->config.node;
    ask_submit(f, q);
}

/* --- the round --- */

enum err cluster_open(struct flow *f)
{
    if (!f->is_shared)
        return ERR_NONE;
    f->cluster = calloc(1, sizeof *f->cluster);
    if (f->cluster == NULL)
        return ERR_MEMORY;
    arena_init(&f->cluster->arena, PEERS_BYTES_MAX);
    return ERR_NONE;
}

void cluster_start(struct flow *f)
{
    f->cluster->joined_at_ms = f->now_ms;
    if (f->config.is_guest)
        flow_start_step_done(f, ERR_NONE); /* it comes and goes: nobody waits for it */
    else
        beat(f);
}

/* A guest looks for what is due when it is told to. */
static bool is_waking(const struct flow *f)
{
    return f->state == FLOW_READY && !f->config.is_still && !f->config.is_guest;
}

void cluster_round(struct flow *f)
{
    struct cluster *c = f->cluster;
    if (c == NULL || c->joined_at_ms == 0)
        return;
    if (f->now_ms >= c->beat_at_ms && !c->is_beating && !c->is_leaving && guest_may_wake(f)) {
        look_who_lives(f);
        beat(f);
        if (f->state != FLOW_STARTING)
            catalog_refresh(f);
    }
    if (is_waking(f) && f->now_ms >= c->due_at_ms && !c->is_due_asked)
        ask_due(f);
    if (!f->config.is_still && guest_may_tidy(f))
        takeover_round(f);
    guest_round(f);
    if (f->state == FLOW_DRAINING)
        leave(f);
}

int64_t cluster_next(const struct flow *f)
{
    const struct cluster *c = f->cluster;
    if (c == NULL || c->joined_at_ms == 0)
        return TIME_NEVER;
    bool can_beat = !c->is_beating && !c->is_leaving && guest_may_wake(f);
    int64_t at_ms = can_beat ? c->beat_at_ms : TIME_NEVER;
    if (is_waking(f) && !c->is_due_asked)
        at_ms = time_min(at_ms, c->due_at_ms);
    return at_ms;
}

void cluster_drop(struct flow *f)
{
    if (f->cluster == NULL)
        return;
    arena_drop(&f->cluster->arena);
    free(f->cluster);
    f->cluster = NULL;
}
