/* The store as an engine sees it. A request has its effect after a while, and its answer comes
 * after another; some fail, undone or done; a read may tell what was there a moment ago. A crash is
 * a flag: from that verb on nothing the engine does has an effect, but what it had sent before may
 * still arrive. */
#include "sim.h"

#include "base/time.h"
#include "store/store_mem.h"

#include <assert.h>
#include <string.h>

#define GIVE_UP_MS 20000 /* the driver tries no longer */
#define LANDS_MS 800     /* what a dead node sent has arrived by then, or never will */
#define STALE_MS 300     /* a read may be so old */

static struct sim_node *node_of(struct store *s)
{
    return LINK_OWNER(s, struct sim_node, faulty);
}

static int64_t delay_ms(struct sim *s)
{
    if (s->is_calm)
        return 0;
    if (sim_once_in(s, 50))
        return (int64_t)sim_random(s, s->is_gentle ? 400 : 3000);
    return (int64_t)sim_random(s, 20);
}

static void submit(struct store *store, struct store_request *r)
{
    struct sim_node *n = node_of(store);
    struct sim *s = n->sim;
    if (nodes_verb(n, "submit"))
        return;
    unsigned k = 0;
    while (k < n->held_count && n->held[k].is_taken)
        k++;
    assert(k < SIM_HELD_MAX);
    if (k == n->held_count)
        n->held_count++;
    int64_t effect_at_ms = s->now_ms + delay_ms(s);
    n->held[k] = (struct sim_held){.request = r, .asked_at_ms = s->now_ms, .is_taken = true};
    n->held[k].effect_at_ms = effect_at_ms;
    n->held[k].answer_at_ms = effect_at_ms + (s->is_cluster ? delay_ms(s) : 0);
    n->held[k].pos = s->last_pos;
}

void faults_ask(struct sim *s, struct store_request *r)
{
    struct store_request *done = NULL;
    s->real->ops->submit(s->real, r);
    size_t count = s->real->ops->complete(s->real, &done, 1);
    assert(count == 1 && done == r);
    if (r->op == STORE_COMMIT && r->err == ERR_NONE)
        s->last_pos = r->last_pos;
}

/* What is told to a node once is not taken back by a later read: both come from one primary. */
static struct sim_known *find_known(struct sim_node *n, struct slice instance)
{
    for (unsigned k = 0; k < n->known_count; k++)
        if (slice_eq(n->known[k].instance, instance))
            return &n->known[k];
    assert(n->known_count < SIM_INSTANCES_MAX);
    n->known[n->known_count].instance = slice_copy(&n->sim->arena, instance);
    n->known[n->known_count].seq = 0;
    return &n->known[n->known_count++];
}

static void note_known(struct sim_node *n, const struct store_request *r)
{
    bool tells = (r->op == STORE_COMMIT || r->op == STORE_LOAD) && r->id.at != NULL;
    if (r->err != ERR_NONE || !tells || r->record_count == 0 || !n->sim->is_cluster)
        return;
    struct sim_known *known = find_known(n, r->id);
    uint64_t seq = r->records[r->record_count - 1].seq;
    known->seq = seq > known->seq ? seq : known->seq;
}

/* Drops from what a LOAD found the records of the last moments. That there is an instance at all
 * stays: a read right after a write that made it finds it. */
static void age_read(struct sim_node *n, struct store_request *r)
{
    struct sim *s = n->sim;
    uint32_t kept = r->record_count;
    uint64_t known_seq = r->id.at == NULL ? 0 : find_known(n, r->id)->seq;
    int64_t until_ms = s->now_ms - (int64_t)sim_random(s, STALE_MS);
    until_ms = until_ms > n->listed_at_ms ? until_ms : n->listed_at_ms;
    while (kept > 0 && r->records[kept - 1].at_ms > until_ms &&
           r->records[kept - 1].seq > known_seq)
        kept--;
    if (kept + r->row_count > 0 || r->seq > 0)
        r->record_count = kept;
}

static void say_write(const struct sim_node *n, const struct store_request *r)
{
    for (uint32_t k = 0; r->op == STORE_COMMIT && k < r->record_count; k++)
        sim_say(n->sim, "    %s: %.*s %llu %.*s %.*s: %s", n->name, SLICE_ARG(r->id),
                (unsigned long long)r->records[k].seq, SLICE_ARG(r->records[k].event),
                SLICE_ARG(r->records[k].verdict), err_name(r->err));
    for (uint32_t k = 0; r->op == STORE_ROWS && k < r->row_count; k++)
        sim_say(n->sim, "    %s: row of %.*s up to %llu: %s", n->name, SLICE_ARG(r->rows[k].id),
                (unsigned long long)r->rows[k].rev, err_name(r->err));
    if (r->op == STORE_NODE_DROP)
        sim_say(n->sim, "    %s: forgets %.*s: %s", n->name, SLICE_ARG(r->id), err_name(r->err));
    if (r->op == STORE_BEHIND)
        sim_say(n->sim, "    %s: %u instances of %.*s from %llu", n->name, r->row_count,
                SLICE_ARG(r->node), (unsigned long long)r->seq);
}

static void carry_out(struct sim_node *n, struct sim_held *h)
{
    struct sim *s = n->sim;
    struct store_request *r = h->request;
    bool can_fail = !s->is_calm;
    h->is_done = true;
    bool may_be_lost = !s->is_gentle || r->op != STORE_COMMIT;
    if (can_fail && may_be_lost && sim_once_in(s, 150)) {
        r->err = ERR_STORE; /* not done */
        return;
    }
    if (can_fail && !s->is_cluster && r->op == STORE_COMMIT && sim_once_in(s, 100)) {
        r->err = ERR_CONFLICT; /* somebody else is said to have been first */
        return;
    }
    if (r->op == STORE_NODE_PUT)
        r->at_ms = s->now_ms; /* the store's clock */
    faults_ask(s, r);
    say_write(n, r);
    if (r->op == STORE_BEHIND)
        n->listed_at_ms = s->now_ms; /* what it named can be read */
    if (r->op == STORE_NODE_PUT && r->last_pos > h->pos)
        r->last_pos = h->pos; /* what was asked later may have come before */
    if (r->err == ERR_CONFLICT && r->op == STORE_COMMIT)
        s->conflicts++;
    if (can_fail && !s->is_gentle && r->err == ERR_NONE && r->op == STORE_COMMIT &&
        sim_once_in(s, 100))
        r->err = ERR_STORE; /* done, but the answer is lost */
    if (can_fail && s->is_cluster && r->err == ERR_NONE && r->op == STORE_LOAD && sim_once_in(s, 4))
        age_read(n, r);
    note_known(n, r);
}

/* A node that hears nothing of the store: what it asks has no effect until it is back, or it has
 * and nobody tells; what takes too long has failed. */
static void cut_off(struct sim_node *n, struct sim_held *h)
{
    struct sim *s = n->sim;
    int64_t back_ms = n->cut_until_ms + 1 + (int64_t)sim_random(s, 50);
    if (sim_once_in(s, 4))
        carry_out(n, h);
    else
        h->effect_at_ms = back_ms;
    h->answer_at_ms = back_ms;
    if (back_ms <= h->asked_at_ms + GIVE_UP_MS)
        return;
    h->answer_at_ms = s->now_ms;
    h->is_done = true;
    h->request->err = ERR_STORE;
}

/* The process stands still; what its kernel has sent arrives all the same. */
static void hold_frozen(struct sim_node *n, struct sim_held *h)
{
    if (sim_once_in(n->sim, 2))
        carry_out(n, h);
    else
        h->effect_at_ms = h->answer_at_ms = n->frozen_until_ms;
}

static void have_effect(struct sim_node *n, struct sim_held *h)
{
    struct sim *s = n->sim;
    if (n->is_crashed)
        carry_out(n, h); /* it was on its way */
    else if (n->cut_until_ms > s->now_ms)
        cut_off(n, h);
    else if (nodes_is_frozen(n))
        hold_frozen(n, h);
    else
        carry_out(n, h);
    h->is_done |= n->is_crashed;
}

void faults_round(struct sim *s)
{
    for (unsigned i = 0; i < s->node_count; i++) {
        struct sim_node *n = &s->nodes[i];
        uint64_t first = n->held_count == 0 ? 0 : sim_random(s, n->held_count);
        for (unsigned k = 0; k < n->held_count; k++) {
            struct sim_held *h = &n->held[(k + first) % n->held_count];
            if (h->is_taken && !h->is_done && h->effect_at_ms <= s->now_ms)
                have_effect(n, h);
        }
    }
}

/* What is answered, in an order that chance decides. */
static size_t complete(struct store *store, struct store_request **done, size_t max)
{
    struct sim_node *n = node_of(store);
    struct sim *s = n->sim;
    size_t count = 0;
    if (n->is_crashed || n->held_count == 0)
        return 0;
    uint64_t first = sim_random(s, n->held_count);
    for (unsigned k = 0; k < n->held_count && count < max; k++) {
        struct sim_held *h = &n->held[(k + first) % n->held_count];
        if (!h->is_taken || !h->is_done || h->answer_at_ms > s->now_ms)
            continue;
        h->is_taken = false;
        if (nodes_verb(n, "complete"))
            return 0;
        done[count++] = h->request;
    }
    return count;
}

static int64_t next_of(const struct sim_node *n)
{
    int64_t at_ms = TIME_NEVER;
    for (unsigned k = 0; k < n->held_count; k++) {
        const struct sim_held *h = &n->held[k];
        if (!h->is_taken)
            continue;
        if (!h->is_done)
            at_ms = time_min(at_ms, h->effect_at_ms);
        else if (!n->is_crashed && !nodes_is_frozen(n))
            at_ms = time_min(at_ms, h->answer_at_ms);
    }
    return at_ms;
}

int64_t faults_next(const struct sim *s)
{
    int64_t at_ms = TIME_NEVER;
    for (unsigned i = 0; i < s->node_count; i++)
        at_ms = time_min(at_ms, next_of(&s->nodes[i]));
    return at_ms;
}

/* Half of what is unanswered had left: it lands soon, or at once where the engine comes back under
 * its own name. */
void faults_forget(struct sim_node *n)
{
    struct sim *s = n->sim;
    for (unsigned k = 0; k < n->held_count; k++) {
        struct sim_held *h = &n->held[k];
        if (!h->is_taken || h->is_done || sim_once_in(s, 2)) {
            h->is_taken = false;
            continue;
        }
        int64_t lands_ms = s->now_ms + (s->is_cluster ? (int64_t)sim_random(s, LANDS_MS) : 0);
        h->effect_at_ms = time_min(h->effect_at_ms, lands_ms);
        if (h->effect_at_ms <= s->now_ms)
            have_effect(n, h);
    }
}

void faults_calm(struct sim *s)
{
    for (unsigned i = 0; i < s->node_count; i++)
        for (unsigned k = 0; k < s->nodes[i].held_count; k++) {
            struct sim_held *h = &s->nodes[i].held[k];
            h->effect_at_ms = time_min(h->effect_at_ms, s->now_ms);
            h->answer_at_ms = time_min(h->answer_at_ms, s->now_ms);
        }
}

bool faults_is_on_wire(const struct sim_node *n)
{
    for (unsigned k = 0; k < n->held_count; k++)
        if (n->held[k].is_taken && !n->held[k].is_done)
            return true;
    return false;
}

static int wake_fd(const struct store *store)
{
    (void)store;
    return -1;
}

static void close_nothing(struct store *store)
{
    (void)store;
}

void faults_attach(struct sim_node *n)
{
    static const struct store_ops ops = {.name = "simulated",
                                         .submit = submit,
                                         .complete = complete,
                                         .wake_fd = wake_fd,
                                         .close = close_nothing};
    static const struct store_ops shared = {.name = "simulated",
                                            .submit = submit,
                                            .complete = complete,
                                            .wake_fd = wake_fd,
                                            .close = close_nothing,
                                            .is_shared = true};
    n->faulty.ops = n->sim->is_cluster ? &shared : &ops;
    n->held_count = n->known_count = 0;
}

void faults_open(struct sim *s)
{
    enum err err = store_mem_open(&s->real);
    assert(err == ERR_NONE);
    if (s->is_cluster)
        store_mem_share(s->real);
}
