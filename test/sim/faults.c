/* The store as the engine sees it. Requests wait for a while; some fail, undone or done; some
 * commits are told that somebody else was first. A crash is a flag: from that verb on nothing the
 * engine does has an effect, until the loop has dropped it and made a new one. */
#include "sim.h"

#include "base/time.h"
#include "store/store_mem.h"

#include <assert.h>
#include <string.h>

static struct sim *sim_of(struct store *s)
{
    return LINK_OWNER(s, struct sim, faulty);
}

bool faults_verb(struct sim *s, const char *verb)
{
    s->verbs++;
    if (s->is_crashed)
        return true;
    if (s->crash_in == 0 || --s->crash_in > 0)
        return false;
    sim_say(s, "crash at %s", verb);
    s->is_crashed = true;
    s->crashes++;
    return true;
}

static int64_t delay_ms(struct sim *s)
{
    if (s->is_calm)
        return 0;
    return sim_once_in(s, 50) ? (int64_t)sim_random(s, 3000) : (int64_t)sim_random(s, 20);
}

static void submit(struct store *store, struct store_request *r)
{
    struct sim *s = sim_of(store);
    if (faults_verb(s, "submit"))
        return;
    unsigned k = 0;
    while (k < s->held_count && s->held[k].is_taken)
        k++;
    assert(k < SIM_HELD_MAX);
    if (k == s->held_count)
        s->held_count++;
    s->held[k] = (struct sim_held){r, s->now_ms + delay_ms(s), true};
}

void faults_ask(struct sim *s, struct store_request *r)
{
    struct store_request *done = NULL;
    s->real->ops->submit(s->real, r);
    size_t count = s->real->ops->complete(s->real, &done, 1);
    assert(count == 1 && done == r);
}

static void carry_out(struct sim *s, struct store_request *r)
{
    bool can_fail = !s->is_calm;
    if (can_fail && sim_once_in(s, 150)) {
        r->err = ERR_STORE; /* not done */
        return;
    }
    if (can_fail && r->op == STORE_COMMIT && sim_once_in(s, 100)) {
        r->err = ERR_CONFLICT; /* somebody else is said to have been first */
        return;
    }
    faults_ask(s, r);
    if (can_fail && r->err == ERR_NONE && r->op == STORE_COMMIT && sim_once_in(s, 100))
        r->err = ERR_STORE; /* done, but the answer is lost */
}

/* What is due, in an order that chance decides. */
static size_t complete(struct store *store, struct store_request **done, size_t max)
{
    struct sim *s = sim_of(store);
    size_t count = 0;
    if (s->is_crashed || s->held_count == 0)
        return 0;
    uint64_t first = sim_random(s, s->held_count);
    for (unsigned k = 0; k < s->held_count && count < max; k++) {
        struct sim_held *h = &s->held[(k + first) % s->held_count];
        if (!h->is_taken || h->at_ms > s->now_ms)
            continue;
        h->is_taken = false;
        carry_out(s, h->request);
        if (faults_verb(s, "complete"))
            return 0;
        done[count++] = h->request;
    }
    return count;
}

int64_t faults_next(const struct sim *s)
{
    int64_t at_ms = TIME_NEVER;
    for (unsigned k = 0; k < s->held_count; k++)
        if (s->held[k].is_taken)
            at_ms = time_min(at_ms, s->held[k].at_ms);
    return at_ms;
}

void faults_forget(struct sim *s)
{
    for (unsigned k = 0; k < s->held_count; k++)
        if (s->held[k].is_taken && sim_once_in(s, 2))
            faults_ask(s, s->held[k].request);
    s->held_count = 0;
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

void faults_open(struct sim *s)
{
    static const struct store_ops ops = {.name = "simulated",
                                         .submit = submit,
                                         .complete = complete,
                                         .wake_fd = wake_fd,
                                         .close = close_nothing};
    enum err err = store_mem_open(&s->real);
    assert(err == ERR_NONE);
    s->faulty.ops = &ops;
}
