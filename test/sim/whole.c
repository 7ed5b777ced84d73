/* What holds for all instances together, read from the store past all faults: one open instance per
 * key, every effect sent, always under the same names, and nothing left lying that nothing holds
 * up. */
#include "sim.h"

#include "base/time.h"

#include <stdlib.h>
#include <string.h>

#define LATE_MS 8000 /* a dead node is found after two seconds; then its work has to be read */

/* --- effects --- */

static struct slice name_effect(struct sim *s, struct slice instance, struct slice task,
                                int64_t generation, int64_t attempt)
{
    struct text t = text_new(&s->scratch, 512);
    text_put(&t, instance);
    text_put_c(&t, " ");
    text_put(&t, task);
    text_printf(&t, " %lld.%lld", (long long)generation, (long long)attempt);
    return text_slice(&t);
}

static void check_twice(struct sim_node *n, const struct sim_effect *e, const struct sim_unsent *u,
                        struct slice name)
{
    struct sim *s = n->sim;
    if (!slice_eq(e->token, u->token) || !slice_eq(e->key, u->key))
        sim_fail(s, "one effect has two names: %.*s", SLICE_ARG(name));
    if (u->is_sent_again)
        return;
    s->doubled++;
    sim_say(s, "  %s sends again: %.*s", n->name, SLICE_ARG(name));
    if (s->is_gentle)
        sim_fail(s, "sent twice where no node died: %.*s by %s and %s", SLICE_ARG(name), e->node,
                 n->name);
}

void whole_note_sent(struct sim_node *n, const struct sim_unsent *u)
{
    struct sim *s = n->sim;
    s->sent++;
    if (!oracle_is_sent(s, &u->m))
        sim_fail(s, "delivered before it was committed: instance %.*s task %.*s",
                 SLICE_ARG(u->m.instance), SLICE_ARG(u->m.task));
    arena_reset(&s->scratch);
    struct slice name = name_effect(s, u->m.instance, u->m.task, u->m.generation, u->m.attempt);
    struct sim_effect *e = map_find(&s->effects, name);
    if (e != NULL) {
        check_twice(n, e, u, name);
        return;
    }
    sim_say(s, "  %s sends %.*s", n->name, SLICE_ARG(name));
    e = arena_alloc(&s->arena, sizeof *e);
    *e = (struct sim_effect){.token = u->token, .key = u->key};
    memcpy(e->node, n->name, sizeof e->node);
    if (map_put(&s->effects, slice_copy(&s->arena, name), e) != ERR_NONE)
        abort();
}

/* --- nothing is late --- */

static void be_late(struct sim *s, const char *what, struct slice instance, int64_t since_ms)
{
    int64_t late_ms = s->now_ms - since_ms;
    if (late_ms > 0 && (unsigned long)late_ms > s->late_ms)
        s->late_ms = (unsigned long)late_ms;
    if (late_ms > LATE_MS)
        sim_fail(s, "%s for %lld ms: instance %.*s", what, (long long)late_ms, SLICE_ARG(instance));
}

static int64_t latest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* A task that waits for an answer was sent. */
static void check_sent(struct sim *s, struct slice instance, const struct oracle_view *view)
{
    for (uint32_t k = 0; k < view->template->task_count; k++) {
        const struct task *t = &view->template->tasks[k];
        const struct oracle_task *o = &view->tasks[k];
        if (t->queue.len == 0 || !slice_eq_text(o->status, "SCHEDULED"))
            continue;
        struct slice name = name_effect(s, instance, t->id, o->generation, o->attempt);
        if (map_find(&s->effects, name) == NULL)
            be_late(s, "a message is not sent", instance,
                    latest(o->scheduled_at_ms, s->calm_at_ms));
    }
}

/* The row has every record, and its wake-up, if it has one, is not long past. */
static void check_row(struct sim *s, unsigned index)
{
    struct slice instance = s->instances[index];
    uint64_t behind_seq = 0;
    struct store_request r = {.op = STORE_LOAD, .arena = &s->scratch, .id = instance};
    faults_ask(s, &r);
    if (r.err == ERR_NONE && r.record_count > 0)
        behind_seq = r.records[0].seq;
    if (s->behind[index].seq != behind_seq)
        s->behind[index].since_ms = s->now_ms;
    s->behind[index].seq = behind_seq;
    if (behind_seq > 0)
        be_late(s, "a record is not in its row", instance,
                latest(s->behind[index].since_ms, s->calm_at_ms));
    else if (r.err == ERR_NONE && r.row_count > 0 && r.rows->wake_at_ms < s->now_ms)
        be_late(s, "nobody wakes", instance, latest(r.rows->wake_at_ms, s->calm_at_ms));
}

void whole_check_time(struct sim *s)
{
    struct oracle_view view;
    for (unsigned k = 0; k < s->instance_count && s->failure == NULL; k++) {
        oracle_instance(s, s->instances[k], &view);
        bool is_in_time = s->is_cluster && !s->has_guests; /* those are as late as their tick */
        if (s->failure == NULL && is_in_time)
            check_sent(s, s->instances[k], &view);
        if (s->failure == NULL && is_in_time)
            check_row(s, k);
    }
}

/* --- keys --- */

struct holder {
    struct slice instance, template, key;
    bool is_open;
};

static struct holder *find_holder(struct holder *of, unsigned *count, struct slice instance)
{
    for (unsigned k = 0; k < *count; k++)
        if (slice_eq(of[k].instance, instance))
            return &of[k];
    of[*count] = (struct holder){.instance = instance};
    return &of[(*count)++];
}

static bool is_open(struct slice status)
{
    return slice_eq_text(status, "RUNNING") || slice_eq_text(status, "PAUSED") ||
           slice_eq_text(status, "COMPENSATING");
}

static void take(struct sim *s, struct holder *h, const struct store_record *r)
{
    yyjson_val *changes = json_get(oracle_parse(s, r->bytes), "changes"), *change;
    yyjson_arr_iter it = yyjson_arr_iter_with(changes);
    while (changes != NULL && (change = yyjson_arr_iter_next(&it)) != NULL) {
        struct slice path = json_get_text(change, "path"), to = json_get_text(change, "to");
        if (slice_eq_text(path, "template"))
            h->template = to;
        else if (slice_eq_text(path, "key"))
            h->key = to;
        else if (slice_eq_text(path, "status"))
            h->is_open = is_open(to);
    }
}

void whole_check_keys(struct sim *s)
{
    arena_reset(&s->scratch);
    struct store_request r = {.op = STORE_FEED, .arena = &s->scratch};
    faults_ask(s, &r);
    struct holder *of = arena_array(&s->scratch, r.record_count + 1, sizeof *of);
    unsigned count = 0;
    for (uint32_t k = 0; k < r.record_count && s->failure == NULL; k++) {
        if (slice_has_prefix(r.records[k].instance, SLICE("_sys:")))
            continue;
        struct holder *h = find_holder(of, &count, r.records[k].instance);
        bool was_open = h->is_open;
        take(s, h, &r.records[k]);
        for (unsigned i = 0; i < count && h->is_open && !was_open; i++)
            if (&of[i] != h && of[i].is_open && slice_eq(of[i].key, h->key) &&
                slice_eq(of[i].template, h->template))
                sim_fail(s, "two open instances of key %.*s: %.*s and %.*s", SLICE_ARG(h->key),
                         SLICE_ARG(of[i].instance), SLICE_ARG(h->instance));
    }
}
