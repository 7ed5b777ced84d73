/* Inside the engine: what its files share. One thread; nothing here is seen from outside flow/.
 *
 * - flow.c: opens, starts, drives, ends; arrive.c: events in, which instance is meant
 * - catalog.c: templates in memory; entry.c, load.c: the cache of instances
 * - scheduler.c: step and commit; relay.c: after the commit, tell everybody
 * - unsent.c: messages that may not be out; supervisor.c: due wake-ups; rows.c: rows behind; sys.c:
 * arrivals that name no instance
 * - cluster.c: other nodes at the same store, and the work of one that died; guest.c: a node that
 * works now and then
 * - import.c: instances from elsewhere, with their records
 * - retention.c: finished instances that were kept long enough
 * - access.c: access keys; share.c: links that show one instance; messages.c: what the queue asks;
 * apart.c: values stored apart
 * - query*.c: reads */
#ifndef SWM_FLOW_FLOW_INT_H
#define SWM_FLOW_FLOW_INT_H

#include "flow/flow.h"

#include "base/arena.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/time.h"
#include "core/record.h"

struct entry;
struct ask;

/* --- a question to the store --- */

typedef void ask_done(struct flow *f, struct ask *q);

struct ask { /* owned by flow, lent to the store; freed after `done` unless that submits it again */
    struct store_request r;
    struct link link;   /* among those in flight */
    struct arena arena; /* of the request: inputs made for it and results */
    ask_done *done;
    struct entry *entry; /* what it is about, where it is about one */
    void *context;
    bool is_kept; /* done has submitted it again, or keeps it */
    struct flow *f;
};

struct ask *ask_new(struct flow *f, enum store_op op, ask_done *done); /* NULL: memory is short */
void ask_submit(struct flow *f, struct ask *q);
void ask_free(struct ask *q);

/* What waits until an entry is loaded, for example a read; called with NULL where there is none. */
struct visit {
    struct link link;
    void (*run)(struct flow *f, struct visit *v, struct entry *e, enum err err);
    uint64_t stamp; /* of a flush: what became dirty up to here must be written */
};

/* --- an event on its way --- */

struct arrival {
    struct link link;
    struct arena arena;
    struct event e;
    flow_reply *reply;
    void *context;
    struct outcome out; /* in the sys chain: its verdict */
    struct slice data;  /* there: what came, as JSON */
    void (*own_done)(struct flow *f, void *context, enum err err); /* there: no sender to answer */
    struct visit row_wait;          /* for the row of the instance that had the key of a start */
    bool is_template_sought;        /* the catalogue was read again for it */
    bool is_forwarded;              /* a start that another instance's key sent to that instance */
    bool is_key_tried;              /* what names the instance was looked up as an id first */
    char blocked_by[HASH_ID_CHARS]; /* a reopening that another open instance forbids: its id */
};

/* --- an instance in memory --- */

enum entry_state {
    ENTRY_LOADING,    /* nothing is known yet */
    ENTRY_IDLE,       /* `i` is what the store has */
    ENTRY_COMMITTING, /* one commit is in flight */
    ENTRY_BROKEN,     /* it could not be read again after a failed commit; that is tried on */
};

struct repeat { /* identical verdicts in a row that are counted, not recorded one by one */
    uint64_t what;
    uint64_t in_a_row, unrecorded;
    struct event e; /* texts in the entry's repeat arena */
    struct outcome out;
};

struct entry {
    char id_text[HASH_ID_CHARS + 1];
    struct slice id;
    enum entry_state state;
    struct arena arena;   /* holds `i` */
    struct instance *i;   /* NULL while loading; blank (seq 0) for a start that may be the first */
    size_t fresh_bytes;   /* of the arena when it was last copied tight */
    size_t counted_bytes; /* of the arena, in flow's cached_bytes */
    struct list pending;  /* arrivals */
    struct list visits;
    size_t arrivals_asked, visits_asked; /* those that waited when it was asked for */
    struct link run, lru, dirty; /* to be stepped; unused for longest; to be written behind */
    struct link unsent;          /* among those with messages that may not be out */
    struct heap_entry wake;
    bool must_load; /* it was in memory: not being able to read it must not forget it */
    bool is_ours;   /* this node made the last record that is known, or took the instance over: it
                       wakes it. Always where the store is not shared */
    bool is_taken;  /* over from another node; until it has been read */
    bool is_in_conflict;     /* its last commit was not the first */
    bool is_template_sought; /* the catalogue was read again for it */
    bool is_orphan_sought;   /* it was read again because of a node that lives no more */
    int64_t checked_at_ms;   /* when it was as new as the store */
    int64_t unsent_from_ms;  /* messages sent from then on may not be out; TIME_NEVER: all are */
    uint64_t unsent_pos;     /* their records are not before this position */
    uint64_t doubt_seq;      /* of the first record of a commit that may stand; 0: none */
    int64_t doubt_until_ms;
    bool is_wake_pending, is_flushing, has_ready_rows, is_repeat_due;
    uint64_t row_rev;         /* what the row has folded in */
    uint64_t first_dirty_pos; /* of the first record that it has not */
    uint64_t dirty_stamp;     /* order of becoming dirty */
    int64_t dirty_at_ms;
    char *open_key; /* "template\0key" while it holds its key */
    struct repeat repeat;
    struct arena repeat_arena;
};

/* A wake-up of an instance that is not in memory. */
struct far_wake {
    struct heap_entry wake;
    char id_text[HASH_ID_CHARS + 1];
    struct slice id;
};

/* --- templates --- */

struct version {
    struct arena arena;
    const struct template *template;
    int64_t applied_at_ms;
    struct slice applied_by, note;
};

struct family { /* all versions of one name */
    struct slice name, alias;
    struct version **versions; /* by number - 1 */
    uint32_t count, capacity;
};

/* --- the engine --- */

enum flow_state { FLOW_STARTING, FLOW_READY, FLOW_DRAINING, FLOW_CLOSING };

struct flow {
    struct flow_config config;
    enum flow_state state;
    enum err start_err;
    size_t start_step;
    uint64_t rng;
    int64_t now_ms, grace_from_ms;
    struct arena scratch; /* of one step of the round */
    struct arena tight;   /* a copy of an instance that is being made */
    struct arena own;     /* what lives as long as the engine */
    struct token_keys keys;
    struct slice sys_id;

    struct map families, aliases;
    struct list applies; /* waiting template applies, one at a time */
    bool is_applying;

    struct map entries, open_keys;
    struct list run, lru, dirty;
    size_t cached_bytes;

    struct heap wakes;
    struct map far_wakes;
    struct map places; /* how far queues are refilled: messages.c */
    int64_t window_end_ms, window_next_ms;
    bool is_window_asked;

    struct access {
        struct map keys; /* id -> access.c's own */
        int64_t read_at_ms;
        bool is_reading;
    } access;

    struct chain_head sys_head;
    struct list sys_pending;
    bool is_sys_committing;
    bool is_sys_lost; /* the head must be read again */
    int64_t sys_second;
    unsigned sys_this_second;
    uint64_t sys_surplus;

    uint64_t last_pos;
    uint64_t stated_pos;             /* up to here the store knows that rows have everything */
    uint64_t idle_pos;               /* up to here nothing was left to do when all was done */
    struct list unsent;              /* entries with messages that may not be out: unsent.c */
    int64_t unsent_at_ms;            /* when they are looked at again */
    struct list committing;          /* commits in flight, oldest first */
    uint64_t stamps, flushing_stamp; /* of what became dirty; the first of what is being written */
    uint64_t flushing_pos;           /* likewise: the first record that those rows lack */
    bool is_flushing;
    int64_t flush_after_ms;
    struct list flush_waiters; /* visits that run when every row is written */

    struct moved { /* instances whose messages went to another queue driver: moved.c */
        struct slice after;
        struct arena arena; /* of `after` */
        int64_t at_ms;      /* when it is looked for them next; TIME_NEVER: no more */
        uint32_t loading;
        bool is_asked, is_failed;
    } moved;

    struct list imports; /* import.c */
    struct retention {   /* retention.c */
        struct list removals;
        int64_t at_ms; /* when it is looked for more */
        uint32_t kept; /* of those that were found, could not be removed then */
        bool is_asked;
    } retention;

    struct guest { /* guest.c */
        bool is_in, is_old, is_tick_due, is_due_asked, is_leaving;
        enum flow_visit what;
        int64_t fresh_at_ms; /* when the catalogue and the keys were last asked for */
    } guest;

    bool is_shared; /* other nodes write to the store */
    struct cluster *cluster;
    bool is_catalog_asked, is_catalog_new;
    size_t arrivals_asked, loads_asked; /* that waited when the catalogue was asked */
    bool is_apply_asked;
    int64_t newest_applied_at_ms;
    int64_t looked_at_ms;                          /* when this node was last asked for a list */
    struct list template_arrivals, template_loads; /* wait for the catalogue to be read again */

    uint64_t arrivals_in_flight;
    struct list asks;    /* in flight */
    struct list unheard; /* answered commits, until the others see that this node lives */
    struct list spare_asks, spare_arrivals; /* with memory that is used again */
    struct flow_stats stats;
};

uint64_t flow_random(struct flow *f);
enum err flow_refusal(const struct flow *f); /* why it answers nothing now; ERR_NONE: it does */
enum err flow_write_refusal(const struct flow *f); /* why it takes nothing now */

/* entry.c */
struct entry *entry_find(const struct flow *f, struct slice id);
/* The entry of an id, loading it when it is not in memory. NULL: memory is short. */
struct entry *entry_get(struct flow *f, struct slice id);
/* A blank entry for a start that may be the first; not loaded. NULL: memory is short. */
struct entry *entry_new_blank(struct flow *f, struct slice id, const struct template *t);
/* The same for an entry whose first commit may stand, but can't be read: the append tells. */
bool entry_make_blank(struct flow *f, struct entry *e, const struct template *t);
void entry_close_key(struct flow *f, struct entry *e); /* it holds its key no more */

void entry_drop(struct flow *f, struct entry *e); /* from memory; nothing may wait for it */
bool entry_can_drop(const struct entry *e);       /* nothing waits for it, all of it is written */
/* Forgets what is cached; what comes waits until entry_load. The entry could be dropped. */
void entry_hold(struct flow *f, struct entry *e);
bool entry_is_here(const struct entry *e); /* its state is known and it exists */
void entry_visit(struct flow *f, struct entry *e, struct visit *v);
bool entry_is_fresh(const struct flow *f,
                    const struct entry *e); /* here, and as new as the store */
void entry_visit_fresh(struct flow *f, struct entry *e, struct visit *v); /* as new as the store */
void entry_touch(struct flow *f, struct entry *e);
void entry_run_later(struct flow *f, struct entry *e);
void entry_set_open(struct flow *f, struct entry *e); /* keeps the map of open keys true */
struct entry *entry_find_open(const struct flow *f, struct slice template, struct slice key);
void entry_count(struct flow *f, struct entry *e); /* its arena has grown or shrunk */
/* It has nothing to do now: runs on when something waits, goes when it is of no instance. */
void entry_rest(struct flow *f, struct entry *e);
void entry_shrink_cache(struct flow *f);

/* load.c */
void entry_load(struct flow *f, struct entry *e);
/* Reads what other nodes appended; what waits goes on waiting. The entry is idle, with an instance.
 */
void entry_refresh(struct flow *f, struct entry *e);
bool entry_is_stale(const struct flow *f, const struct entry *e);
/* It is this node's to wake, to write and to send, from when it is loaded or its commit is through:
 * what was sent from `unsent_from_ms` on is sent again (TIME_NEVER: nothing). */
void entry_take_over(struct flow *f, struct entry *e, int64_t unsent_from_ms);
/* Forgets what is cached and loads again; what waits goes on waiting. */
void entry_reload(struct flow *f, struct entry *e);

/* arrive.c */
struct arrival *arrival_new(struct flow *f, const struct event *e, flow_reply *reply,
                            void *context);
void arrivals_drop_spare(struct flow *f);
void arrival_answer(struct flow *f, struct arrival *v, const struct flow_answer *answer);
void arrival_fail(struct flow *f, struct arrival *v, enum err err);
void arrive_at(struct flow *f, struct entry *e, struct arrival *v); /* pending there */
void arrive_by_key(struct flow *f, struct arrival *v);              /* what it names is no id */
void arrive_again(struct flow *f, struct arrival *v); /* a start whose entry has gone */
void arrive_unknown(struct flow *f, struct arrival *v, struct slice why);
/* Which instance a text means ("ID", "KEY", "template/key"): calls found with its entry (loading or
 * loaded), or NULL and why not. */
typedef void seek_found(struct flow *f, void *context, struct entry *e, enum err err,
                        struct slice why);
void seek(struct flow *f, struct slice text, struct slice template, seek_found *found,
          void *context);
void seek_by_key(struct flow *f, struct slice text, struct slice template, seek_found *found,
                 void *context);

/* scheduler.c */
void scheduler_run(struct flow *f, struct entry *e);

/* relay.c */
struct commit {       /* one commit of one instance in flight, in the arena of its question */
    struct link link; /* among those in flight */
    struct arena *arena;
    struct instance *work;
    struct arrival **arrivals;
    struct outcome *outcomes;
    uint64_t *seqs;                /* 0: not recorded */
    const struct slice **replayed; /* ids of the outcome's replayed tasks */
    uint32_t count, capacity;
    uint64_t repeats;   /* counted ones that one of the records stands for */
    uint64_t after_pos; /* the records' positions are beyond this one */
    bool has_row;
};
void relay_committed(struct flow *f, struct entry *e, struct commit *c, struct ask *q);
/* Nothing of the commit is stored: signs of life are passed on, senders answered. */
void relay_unstored(struct flow *f, struct entry *e, const struct commit *c);
int64_t relay_visibility_ms(const struct task *t); /* 0: the template does not state one */
/* An instance has come into memory: its messages are offered where the queue derives them, else
 * those that may not be out. */
void relay_loaded(struct flow *f, struct entry *e);
uint64_t relay_unsent_pos(const struct flow *f); /* lowest of what is offered and not sent */

/* unsent.c */
/* What was sent from `from_ms` on, by records not before `pos`, may not be out: it is offered when
 * the instance is here (TIME_NEVER: nothing). */
void unsent_keep(struct flow *f, struct entry *e, int64_t from_ms, uint64_t pos);
void unsent_doubt(struct flow *f, struct entry *e, const struct commit *c); /* it may stand */
bool unsent_is_in_doubt(const struct flow *f, const struct entry *e);
void unsent_settled(struct flow *f, struct entry *e); /* all is offered */
uint64_t unsent_pos(const struct flow *f);            /* the lowest of them; UINT64_MAX: none */
void unsent_round(struct flow *f);
int64_t unsent_next(const struct flow *f);

/* supervisor.c */
void supervisor_note(struct flow *f, struct entry *e); /* its wake-up time may have changed */
void supervisor_round(struct flow *f);
int64_t supervisor_next(const struct flow *f);
/* A wake-up of an instance that is not in memory. */
void supervisor_add_far(struct flow *f, struct slice id, int64_t at_ms);
void supervisor_evicted(struct flow *f, struct entry *e);
void supervisor_drop(struct flow *f);

/* query_inbox.c: the entries of a person's task among ready ones: in the inbox of all, of its
 * template, of its assignee or group. `base` names the attempt and the place. How many they are. */
#define INBOX_ENTRIES 3
#define READY_PER_TASK_MAX (INBOX_ENTRIES + 2) /* a message, and one that asks for attention */
uint32_t inbox_entries(struct arena *a, const struct instance *i, uint32_t task,
                       const struct store_ready *base, struct store_ready *out);
/* The time by which all of an instance's tasks for people come; TIME_NEVER: it has none. */
int64_t inbox_place(const struct instance *i);

/* attention.c: when somebody should look at a task that is not done, and the queue name among ready
 * entries under which it is found then; TIME_NEVER: not as it stands. */
int64_t attention_at(const struct instance *i, uint32_t task, struct slice *queue);

/* rows.c */
void rows_dirty(struct flow *f, struct entry *e, uint64_t first_pos);
void rows_put_off(struct flow *f, struct entry *e); /* who waits for rows waits no more for its */
void rows_round(struct flow *f);
int64_t rows_next(const struct flow *f);
bool rows_are_idle(const struct flow *f); /* nothing is left to be written behind */
/* This node's records up to here are durable and their messages are out; and their rows written. */
uint64_t rows_sent_pos(const struct flow *f);
uint64_t rows_done_pos(const struct flow *f);
/* Runs `v` once every row is as new as what was acknowledged. */
void rows_flush(struct flow *f, struct visit *v);
void rows_make(struct flow *f, struct arena *a, const struct instance *i, struct store_row *row,
               struct payload_list *payloads);

/* apart.c */
/* Hands payloads to a write, or their digests to a question; in the request's arena, which the
 * caller guards. */
void apart_put(struct store_request *r, const struct payload_list *l);
/* What an answer's row and records refer to, in `a`. */
enum err apart_refs(struct arena *a, const struct store_request *r,
                    struct payload_list *refs) MUST_USE;
/* A question for texts, to be submitted. NULL: memory is short. */
struct ask *apart_ask(struct flow *f, const struct payload_list *refs, ask_done *done);
/* The texts that it found, listed in its arena; or why there are none. */
enum err apart_take(struct ask *q, struct payload_list *texts) MUST_USE;

/* sys.c */
/* The arrival names no instance: it is recorded there, then answered. */
void sys_add(struct flow *f, struct arrival *v, enum verdict verdict, struct slice reason,
             struct slice data);
/* A record of the engine's own; `done` is called when it is durable, or failed. */
void sys_add_own(struct flow *f, struct arrival *v, struct slice data,
                 void (*done)(struct flow *f, void *context, enum err err), void *context);
void sys_round(struct flow *f);
void sys_load(struct flow *f);
void sys_drop(struct flow *f);

/* moved.c */
void moved_round(struct flow *f);
void moved_drop(struct flow *f);
int64_t moved_next(const struct flow *f);

/* retention.c */
void retention_round(struct flow *f);
int64_t retention_next(const struct flow *f);
void retention_drop(struct flow *f);

/* import.c: see also import.h */
void import_round(struct flow *f);
int64_t import_next(const struct flow *f);
void import_drop(struct flow *f);

/* cluster.c: nothing to do where the store is not shared */
enum err cluster_open(struct flow *f) MUST_USE;
void cluster_start(struct flow *f); /* a step of the start */
void cluster_round(struct flow *f);
int64_t cluster_next(const struct flow *f);
/* Whether, of all the living, this node is the one for a thing. */
bool cluster_is_mine(const struct flow *f, struct slice thing);
bool cluster_has_peers(const struct flow *f); /* other nodes that live */
/* Whether other nodes may have appended since then. */
bool cluster_may_have_changed(const struct flow *f, int64_t since_ms);
bool cluster_is_looked_at(const struct flow *f); /* somebody asks one of the nodes for lists */
bool cluster_is_living(const struct flow *f, struct slice node);
/* Whether a node has said that the messages of its record there are out. */
bool cluster_has_sent(const struct flow *f, struct slice node, uint64_t pos);
bool cluster_is_heard(const struct flow *f); /* the others see that this node lives */
bool cluster_is_deaf(const struct flow *f);  /* for longer than an election should take */
bool cluster_is_watching(const struct flow *f, struct slice node); /* it lives, and is no guest */
bool cluster_has_left(const struct flow *f);                       /* draining: the others know */
void cluster_drop(struct flow *f);

/* guest.c: all may be done where the node is no guest */
bool guest_may_wake(const struct flow *f); /* what is due; others must know that it is there */
bool guest_may_tidy(const struct flow *f); /* what is nobody's in particular */
void guest_round(struct flow *f);
void guest_note_early(struct flow *f, struct entry *e); /* a wake from outside found nothing due */

/* takeover.c: see also cluster_int.h */
bool takeover_is_over(const struct flow *f); /* no dead node is left to be replaced by this one */

/* messages.c */
void messages_drop(struct flow *f);

/* catalog.c */
void catalog_load(struct flow *f);
/* Reads versions that other nodes applied; then what waits for a template goes on. */
void catalog_refresh(struct flow *f);
void catalog_round(struct flow *f);
bool catalog_has_work(const struct flow *f);
void catalog_drop(struct flow *f);

/* access.c */
void access_load(struct flow *f);
void access_round(struct flow *f);
int64_t access_due(const struct flow *f); /* when they are read again */
void access_drop(struct flow *f);

/* flow.c */
void flow_start_step_done(struct flow *f, enum err err);
/* Nothing is asked of the store, and nothing that came waits for its answer. */
bool flow_is_quiet(const struct flow *f);

#endif
