/* The street's engine room: takes arrivals, loads, steps, commits, relays, and then answers. One
 * thread, never blocks. serve's loop, the simulator and the Lambda handler drive it alike:
 *
 *     flow_arrive(…) / flow_wake(…)      events in
 *     flow_round(flow, now)              completions from the store, due wake-ups, steps, commits
 *     flow_next(flow)                    when to call flow_round again if nothing arrives
 *
 * Answers come through the callback of each arrival, after the commit is durable, in the thread
 * that calls flow_round. */
#ifndef SWM_FLOW_FLOW_H
#define SWM_FLOW_FLOW_H

#include "core/event.h"
#include "core/token.h"
#include "port/queue.h"
#include "port/store.h"

struct flow;

#define FLOW_TOKEN_KEY "token_key" /* in the store's meta: the key that signs tokens, as hex */

struct flow_config {
    struct store *store;
    struct queue *queue; /* where messages are offered; may be set later by flow_set_queue */
    struct slice node;   /* this node's name: its chain is "_sys:NODE". Where nodes share a store it
                            differs from start to start */
    struct slice queue_name; /* of the queue driver and where it is, "builtin", "sqs://REGION" */
    struct slice info;       /* what the others may know of this node: a JSON object with "queue" */
    uint64_t seed;           /* of hash tables and generated ids; random in production */
    uint8_t fresh_key[SHA256_BYTES]; /* the tokens' key if the store has none yet; random */
    size_t cache_bytes_max;          /* 0: CACHE_BYTES_MAX */
    /* Called after each durable record, in order of position, for streams. May be NULL. */
    void (*tell)(void *context, struct slice instance, const struct store_record *r);
    void *tell_context;
    int64_t
        retention_ms; /* finished instances are removed so long after their last change; 0: never */
    bool is_guest;    /* it works only between flow_enter and flow_leave; the store is shared */
    int64_t tick_ms;  /* of a guest: somebody enters with FLOW_TICKS about so often */
    bool is_still;    /* it reads, folds and writes rows; it wakes, sends and takes over nothing */
};

/* What became of an arrival. Texts are valid during the callback only. */
struct flow_answer {
    enum err err; /* ERR_NONE: there is a verdict. Else nothing is decided: try again later */
    enum verdict verdict;
    struct slice reason;
    struct slice instance, template, key, status; /* of the instance, where there is one */
    int64_t version;
    struct slice task;
    const struct slice *tasks; /* replay: ids of the tasks that run again */
    uint32_t task_count;
    uint64_t seq; /* of the record; 0: not recorded */
};

typedef void flow_reply(void *context, const struct flow_answer *answer);

/* Makes the engine. Nothing is read yet. ERR_MEMORY. */
enum err flow_open(const struct flow_config *config, struct flow **out) MUST_USE;
void flow_set_queue(struct flow *f, struct queue *q);
/* Reads what a start needs (keys, templates, the sys chain, instances whose rows are behind, the
 * window of wake-ups and messages). Call flow_round until flow_is_ready; ERR in flow_start_error.
 */
void flow_start(struct flow *f, int64_t now_ms);
bool flow_is_ready(const struct flow *f);
enum err flow_start_error(const struct flow *f);
/* Stops taking arrivals (they are answered ERR_CLOSING), lets commits in flight finish and writes
 * rows behind; flow_is_idle says when. Then flow_close. */
void flow_drain(struct flow *f);
bool flow_is_idle(const struct flow *f);
void flow_close(struct flow *f);

/* A guest's visits. Nothing of it runs in between, and nobody misses it (flow/guest.c). Before
 * events and reads come, flow_is_fresh: what others have changed meanwhile has been read. When the
 * visit's answers are there and flow_is_settled, all of it is durable, in rows, and out; one that
 * is left before has its work finished by others. After flow_leave flow_round is called until
 * flow_has_left. */
enum flow_visit {
    FLOW_READS,  /* nothing is written */
    FLOW_WRITES, /* events come; those instances are woken that they make due */
    FLOW_TICKS   /* all that is due is woken, what dead nodes left is finished, old ones go */
};
void flow_enter(struct flow *f, int64_t now_ms, enum flow_visit what);
bool flow_is_fresh(const struct flow *f);
bool flow_is_settled(const struct flow *f);
void flow_leave(struct flow *f);
bool flow_has_left(const struct flow *f);

/* An event in. `e` is copied. reply may be NULL. The answer may come before this returns only for
 * ERR_OVERLOAD, ERR_CLOSING and ERR_MEMORY. */
void flow_arrive(struct flow *f, const struct event *e, flow_reply *reply, void *context);
/* Bytes that are no event: recorded in the sys chain. `e` has what is known of them. */
struct flow_bad {
    enum verdict verdict;      /* invalid, too_large */
    struct slice reason, body; /* why; the bytes, kept in short */
};
void flow_arrive_bad(struct flow *f, const struct event *e, const struct flow_bad *bad,
                     flow_reply *reply, void *context);
void flow_round(struct flow *f, int64_t now_ms);
int64_t flow_next(const struct flow *f); /* TIME_NEVER: nothing to do until something arrives */

/* Templates (flow/catalog.c). Apply is recorded in the sys chain. */
struct flow_applied {
    enum err err; /* ERR_INVALID: see report */
    const struct template_report *report;
    const struct template *template;
    bool created;
    const char *why; /* ERR_EXISTS: whose the name or the alias is; else NULL */
};
typedef void flow_apply_reply(void *context, const struct flow_applied *answer);
struct flow_source {
    struct slice file; /* for messages only */
    struct slice text, actor;
    struct slice note; /* what the version is for; absent: nothing is said */
};
void flow_apply(struct flow *f, const struct flow_source *source, flow_apply_reply *reply,
                void *context);
/* version 0: the newest. By name or alias. NULL: none. Valid until flow_close. */
const struct template *flow_template(const struct flow *f, struct slice name, int64_t version);
/* All templates' newest versions: iterate with *cursor = 0 until NULL. */
const struct template *flow_template_next(const struct flow *f, size_t *cursor);
/* Who applied a version, when, and what for (absent: he did not say). False: it is none of the
 * catalogue's. */
struct flow_application {
    int64_t at_ms;
    struct slice by, note;
};
bool flow_template_applied(const struct flow *f, const struct template *t,
                           struct flow_application *out);
/* What applying `t` would do now: `newest` is the version that there is (NULL: none), `created`
 * whether another one would come. Nodes that share a store may know of a newer one. ERR_EXISTS: its
 * name or its alias is another template's; *why says which. */
struct flow_forecast {
    const struct template *newest;
    bool created;
    const char *why;
};
enum err flow_foresee(const struct flow *f, const struct template *t,
                      struct flow_forecast *out) MUST_USE;

/* Reads (flow/query.c): each answers JSON text through its callback, rows flushed before. */
typedef void flow_read_reply(void *context, enum err err, struct slice json);
enum flow_read {
    FLOW_SHOW,     /* one instance, as of `at_seq`, or `at_ms`, or now */
    FLOW_EVENTS,   /* records of one instance with `from` worked out: {"events":[…],"next":…};
                      `brief`: without changes and data */
    FLOW_TIMELINE, /* its attempts, stages and pauses as they follow from a page of records */
    FLOW_FEED,     /* records of all after `after`, a bounded number of them looked at:
                      {"events":[…],"next":"…","more":bool,"searched_to":time} */
    FLOW_LIST,     /* {"instances":[…],"next":"…"} */
    FLOW_COUNT,    /* how many FLOW_LIST gives: {"count":n,"more":bool,"by_status":{…}} */
    FLOW_ACTIVITY, /* what began and ended in each `width_ms` the last `limit`: {"buckets":[…],…} */
    FLOW_ATTENTION, /* what somebody should look at: {"failed":{…},"overdue":{…},…,"items":[…]} */
    FLOW_STATS,   /* {"instances":{"RUNNING":n,…},"templates":[…],…} */
    FLOW_INBOX,   /* {"tasks":[…],"count":n,"next":"…"} */
    FLOW_GRAPH,   /* SVG of one instance, as SHOW */
    FLOW_LAYOUT,  /* the same picture's coordinates and statuses as JSON */
    FLOW_EXPLAIN, /* why it does not move, in plain words, as SHOW: {"lines":["…"]} */
    FLOW_VERIFY,  /* the chain and the fold of every instance, or of one */
    FLOW_EXPORT,  /* exact records of one instance after the seq `after`, with what they name */
    FLOW_REWRITE, /* the row of one instance is written again, from what a load gives */
    FLOW_BACKUP   /* into the file named `id` */
};
struct flow_query {
    enum flow_read what;
    struct slice id;    /* an instance id, a key, or "template/key"; STATS: a template's name */
    uint64_t at_seq;    /* SHOW, GRAPH, LAYOUT, EXPLAIN, TIMELINE: 0 now */
    int64_t at_ms;      /* the same but TIMELINE: 0 now */
    int64_t width_ms;   /* ACTIVITY */
    struct slice after; /* EVENTS, TIMELINE: a seq; FEED, LIST, INBOX: a cursor */
    bool newest_first;  /* EVENTS, TIMELINE, FEED */
    bool brief;         /* SHOW: without inputs and outputs; EVENTS */
    uint32_t limit;
    struct store_filter filter;      /* LIST, COUNT */
    struct store_any verdict, event; /* FEED, EVENTS: only these; none: all */
    struct store_any source;         /* FEED likewise */
    struct slice task;               /* EVENTS, SHOW: only this one's; absent: all */
    struct slice actor;              /* FEED: this one, or whom its key's name begins with */
    bool acts_only;                  /* FEED: what somebody did: the audit */
    int64_t since_ms, until_ms;      /* FEED: at or after, before; 0: not asked */
    struct slice template, key;      /* FEED, INBOX (template): of the instance; absent: all */
    struct slice assignee, group;    /* INBOX; absent: all */
    bool overdue_only;               /* INBOX */
};
/* The same question with texts of its own, in an arena that the caller guards. */
void flow_query_copy(struct arena *a, const struct flow_query *from, struct flow_query *out);
/* `q` is copied. */
void flow_read(struct flow *f, const struct flow_query *q, flow_read_reply *reply, void *context);

/* What the queue driver asks of the engine (wired in app): the text of a message that exists
 * (ERR_NOT_FOUND: no more; withdraw follows), through the callback because the instance may have to
 * be loaded. */
typedef void flow_message_reply(void *context, enum err err, struct slice json);
void flow_message(struct flow *f, const struct queue_message *m, flow_message_reply *reply,
                  void *context);
/* More visible messages of `queue` than the driver holds may be in the store: read its next window
 * and offer them; `done` says whether there are more. */
typedef void flow_refill_reply(void *context, enum err err, bool has_more);
void flow_refill(struct flow *f, struct slice queue, flow_refill_reply *reply, void *context);

/* The nodes that share the store, this one among them; how many there are. Texts are valid until
 * the next round. */
struct flow_node {
    struct slice id, info;
    int64_t seen_at_ms;
    bool is_alive;
};
bool flow_is_shared(const struct flow *f); /* others append to the store as well */
bool flow_is_guest(const struct flow *f);  /* it works now and then, as in AWS Lambda */
bool flow_is_heard(const struct flow *f);  /* the others see that this node lives */
size_t flow_nodes(const struct flow *f, struct flow_node *out, size_t max);

struct flow_stats {
    uint64_t events_by_verdict[VERDICT_COUNT];
    uint64_t commits, records, conflicts, loads, rows_written;
    size_t cached_instances, cached_bytes, waiting_events, dirty_rows;
    int64_t next_wake_at_ms;
    uint64_t removed;    /* instances, by retention */
    uint64_t taken_over; /* instances whose wake-up or unfinished work was another node's */
    enum err store_err;  /* of the store's last answer, where it failed; ERR_NONE: it answers */
    int64_t behind_ms;   /* age of the oldest row that is to be written */
};
void flow_get_stats(const struct flow *f, struct flow_stats *out);
const struct token_keys *flow_token_keys(const struct flow *f);

#endif
