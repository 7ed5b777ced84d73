/* The store port: submit and complete. A driver has its own threads (or none, in memory); the loop
 * submits requests and collects them when they are done, and never waits.
 *
 * A request is lent to the store from submit until complete returns it; meanwhile nobody else
 * touches it or its arena. Inputs stay valid as long; results live in the request's arena, which a
 * driver may only use in between. Requests complete in any order, but writes take effect in the
 * order of submission; COMMITs of one instance are never in flight two at a time (flow sees to it).
 * Reads see everything that was reported durable before they were submitted.
 *
 * The events collection is the truth: the append of a record under (instance, seq) is the commit.
 * Rows are a cache of folding them; `state` texts are opaque to a store. */
#ifndef SWM_PORT_STORE_H
#define SWM_PORT_STORE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/list.h"

enum store_op {
    STORE_COMMIT,       /* append records, with a row where `open` changes; durable when done */
    STORE_ROWS,         /* write rows behind; one older than what is there changes nothing */
    STORE_LOAD,         /* a row and the records it does not have yet */
    STORE_PAYLOADS,     /* texts by digest */
    STORE_RECORDS,      /* records of one instance */
    STORE_FEED,         /* records of all, in order of position */
    STORE_NAMES,        /* template and key of some instances */
    STORE_LIST,         /* rows by filter */
    STORE_COUNTS,       /* numbers of instances by template, version and status */
    STORE_MATCHES,      /* how many rows LIST would give, by status */
    STORE_ACTIVITY,     /* how many began and ended, by time */
    STORE_OVERDUE,      /* how many ready entries of a queue are due, and the oldest of them */
    STORE_DUE,          /* wake-ups */
    STORE_BEHIND,       /* instances with records beyond what was folded: after a crash */
    STORE_READY,        /* task messages by queue, from rows */
    STORE_TEMPLATE_PUT, /* a new version, if absent; durable when done */
    STORE_TEMPLATES,    /* all templates, every version */
    STORE_QUEUE_PUT,    /* a queue and its attributes, durable when done */
    STORE_QUEUE_DELETE, /* with its messages */
    STORE_QUEUES,       /* all */
    STORE_MESSAGE_PUT,  /* foreign messages, durable when done */
    STORE_MESSAGE_DELETE,
    STORE_MESSAGES,  /* foreign messages of a queue, oldest first */
    STORE_PURGE,     /* all foreign messages of a queue */
    STORE_META,      /* insert if absent and read: token keys, … */
    STORE_BACKUP,    /* a consistent copy into a file */
    STORE_KEY_PUT,   /* an access key, new or changed, durable when done */
    STORE_KEYS,      /* all access keys */
    STORE_NODE_PUT,  /* a node says that it lives and how far it is; reads all nodes */
    STORE_NODE_DROP, /* a node that ended, or whose work others have finished */
    STORE_EXPIRED,   /* finished instances that were last changed before a time */
    STORE_REMOVE,    /* an instance whole: its row and its records */
    STORE_CHAINS,    /* the chains that belong to no instance */
    STORE_OP_COUNT
};

struct store_row { /* an instance's row; absent texts are NULL */
    struct slice id, template, key, status, stage, business_status;
    int64_t version;
    int64_t started_at_ms, updated_at_ms;
    int64_t wake_at_ms; /* TIME_NEVER: none */
    bool is_open;       /* at most one open row per (template, key), unless `shares_key` */
    bool shares_key;    /* on_duplicate: start */
    bool is_unsettled;  /* result of LOAD: a commit that did not come about has left its mark in the
                           row, which must be written again */
    struct slice node;  /* result of LOAD and DUE: who wrote it last; absent: not said */
    uint64_t rev;       /* seq of the last record folded in */
    struct slice
        queue; /* the queue driver that its task messages were given to; absent: none was */
    struct slice state;
    const struct store_ready *ready; /* replaces the instance's entries */
    uint32_t ready_count;
    bool had_ready; /* false: there are no entries to replace */
};

struct store_ready { /* a task message that exists, or an inbox entry (queue "@inbox") */
    struct slice queue, instance, task;
    int64_t item, at_ms;
    int64_t generation, attempt;
    int64_t visibility_ms; /* how long a receive hides it; 0: the queue's attribute */
};

struct store_record {
    struct slice instance; /* set on reading */
    uint64_t seq;
    int64_t at_ms;
    struct slice event, verdict; /* copies for columns */
    struct slice bytes;          /* the record's exact bytes */
    uint64_t pos;                /* set by the store: order of arrival, growing */
    struct slice node;           /* set on reading: whose commit it was; absent: not said */
    bool is_act;                 /* somebody's own doing: FEED can give these alone */
};

struct store_payload {
    uint8_t digest[SHA256_BYTES];
    struct slice text; /* absent on reading: not there */
};

struct store_template {
    struct slice name, alias; /* alias: absent or unique to the name */
    int64_t version;
    struct slice digest_hex, source, applied_by, note;
    int64_t applied_at_ms;
};

struct store_queue {
    struct slice name;
    struct slice attributes; /* JSON object of strings */
    int64_t created_at_ms, modified_at_ms;
};

struct store_message { /* foreign: sent by somebody, not derived from an instance */
    struct slice queue, id, body;
    struct slice attributes; /* JSON: message attributes and system attributes; may be absent */
    int64_t sent_at_ms, visible_at_ms;
};

struct store_key { /* an access key: opaque to a store */
    struct slice id;
    struct slice body; /* JSON, without the secret itself */
};

struct store_node { /* a running server that shares the store */
    struct slice id;
    struct slice info;    /* JSON for people and for the others; opaque to a store */
    int64_t seen_at_ms;   /* by the store's clock: when it last said that it lives */
    uint64_t folded_pos;  /* its own records up to here are in rows, and their effects are out */
    uint64_t sent_pos;    /* the effects of those up to here, which may be further; 0: not said */
    int64_t looked_at_ms; /* when it was last asked for a list of rows; 0: never */
};

struct store_any { /* one of these texts; none: not asked */
    const struct slice *texts;
    uint32_t count;
};

/* Quick by key, by status, by template and status (a caller that asks for a template in any status
 * names them all), and by started_*; what else is asked is looked for among those. */
struct store_filter { /* absent or 0: not asked */
    struct store_any template, status, stage, business_status;
    struct slice key;
    struct slice key_prefix; /* not together with `key` */
    int64_t version;
    int64_t since_ms, until_ms;                 /* updated at or after, before */
    int64_t started_since_ms, started_until_ms; /* started at or after, before */
    struct slice not_queue; /* open ones whose messages were given to another queue driver */
    bool with_new; /* LIST: also those of which no record is folded into the row yet; it has the
                      template, the key and the start alone */
};

struct store_request {
    enum store_op op;
    enum err err;        /* the result */
    struct arena *arena; /* for results */
    void *owner;         /* the submitter's */
    struct link link;    /* the store's while it has the request */

    const struct slice *ids; /* NAMES */
    uint32_t id_count;
    struct slice id;   /* instance; template name; queue; meta key; access key; node; file name
                          (BACKUP) */
    struct slice node; /* COMMIT, ROWS: who writes; BEHIND: whose records; absent: all */
    struct slice key;  /* LOAD without id: business key; META: the value to insert (absent: read) */
    struct slice template; /* LOAD without id: template; absent: any */
    uint64_t seq;          /* RECORDS: from this one on (0 and 1 alike); BEHIND: from this position;
                              LOAD: known up to here, so no row is read, only records beyond */
    uint64_t pos;          /* FEED: after this position */
    int64_t at_ms;         /* DUE: due at or before; TEMPLATES: applied at or after; EXPIRED: last
                              changed before; NODE_DROP: only if last seen then (0: anyway);
                              NODE_PUT: now, for a store without a clock of its own (memory);
                              ACTIVITY: from then on; OVERDUE: due at or before; FEED where `pos`
                              is 0: from this time on, newest_first before it, as far as records
                              of later positions are not of earlier times */
    int64_t width_ms;      /* ACTIVITY: of a bucket */
    uint32_t limit;        /* RECORDS FEED LIST DUE READY BEHIND MESSAGES EXPIRED OVERDUE CHAINS: so
                              many; 0: all */
    uint32_t look_max;     /* MATCHES, ACTIVITY, OVERDUE: about so many are counted, the newest of
                              ACTIVITY; is_more says when there are more. LIST: so many that do not
                              match are passed before it answers what it has, with `next`; not in
                              MongoDB. 0: all */
    bool newest_first;     /* RECORDS, FEED: from the end: seq, pos mean "before" (0: the end) */
    bool acts_only;        /* FEED */
    struct store_filter filter; /* LIST, MATCHES */
    struct slice after; /* LIST, MESSAGES, READY, CHAINS: cursor of the previous answer; absent:
                           from the start */

    /* inputs and results: the count beside each says how many there are */
    struct store_row *rows; /* COMMIT: 0 or 1; ROWS; results of LOAD (0 or 1), NAMES (id,
                               template, key), LIST (without
                               state), DUE (id, template, wake_at_ms, node), BEHIND (id;
                               updated_at_ms: the time of the first such record), EXPIRED (id),
                               CHAINS (id; in an order of the store's own) */
    uint32_t row_count;
    struct store_record *records; /* COMMIT; results of LOAD (after the row's rev), RECORDS, FEED */
    uint32_t record_count;
    struct store_payload *payloads; /* COMMIT, ROWS: to store if absent; PAYLOADS: digests in, texts
                                       out */
    uint32_t payload_count;
    struct store_ready *ready; /* results of READY, OVERDUE */
    uint32_t ready_count;
    struct store_template *templates; /* TEMPLATE_PUT: 1; result of TEMPLATES */
    uint32_t template_count;
    struct store_queue *queues; /* QUEUE_PUT: 1; result of QUEUES */
    uint32_t queue_count;
    struct store_message
        *messages; /* MESSAGE_PUT; MESSAGE_DELETE (queue, id); result of MESSAGES */
    uint32_t message_count;
    struct store_count *counts; /* result of COUNTS; of MATCHES (status, count); of OVERDUE: one */
    uint32_t count_count;
    struct store_bucket *buckets; /* result of ACTIVITY, in order of time, without empty ones */
    uint32_t bucket_count;
    int64_t whole_from_ms; /* result of ACTIVITY: what was before is not all in it; 0: all is */
    bool is_more;          /* result of MATCHES and OVERDUE: there are more than the counted ones */
    struct store_key *keys; /* KEY_PUT: 1; result of KEYS, in order of id */
    uint32_t key_count;
    struct store_node *nodes; /* NODE_PUT: 1, all but seen_at_ms; its result: all, in order of
                                 id */
    uint32_t node_count;
    struct slice next;   /* result of LIST, MESSAGES, READY, CHAINS: cursor to go on; of BEHIND: the
                            position (decimal) to go on from in `seq`; absent: at the end */
    struct slice value;  /* result of META: what is stored; COMMIT's ERR_EXISTS: the id of the
                            open instance that has the key */
    uint64_t folded_pos; /* ROWS: all records up to this position are in rows (0: not said);
                            results of BEHIND */
    uint64_t last_pos;   /* result of COMMIT (of its last record), BEHIND: newest position; of FEED:
                            nothing comes to be at or before this position any more; of NODE_PUT:
                            every COMMIT submitted later comes to be after it (0: not said) */
    bool is_row_written; /* result of COMMIT: the row it brought is in the store as well */
    bool is_refused;     /* result of COMMIT that failed: it does not stand, nor will it */
};

struct store_count { /* in order of template, version, status */
    struct slice template, status;
    int64_t version;
    uint64_t count;
};

struct store_bucket { /* [at_ms, at_ms + width_ms) */
    int64_t at_ms;
    struct slice status; /* that ended ones have now; absent: those that began */
    uint64_t count;
};

/* A store that several nodes share (is_shared): the append decides between them, so what a node has
 * in memory may be behind, never wrong for long. There a row that a COMMIT brings only reserves the
 * business key, where it opens an instance; ROWS writes it in full (is_row_written tells).
 * Positions are the store's time; records of two nodes may come to be in another order than their
 * positions, so a reader of FEED goes on from the smaller of what it read last and `last_pos`, and
 * drops by (instance, seq) what it knows. NODE_PUT states folded_pos, ROWS does not, and BEHIND
 * reads the records of one node after the position it stated. A COMMIT's records are read together
 * or not at all, and its first one follows the last that is there: what overlaps otherwise need not
 * be noticed. A row that only reserves the key is not listed, and LOAD gives it only where it was
 * asked by key. ROWS that meets ERR_EXISTS may have written the other rows.
 *
 * Errors of single operations:
 *   COMMIT     ERR_CONFLICT: a record with this (instance, seq) is there; nothing was written.
 *              ERR_EXISTS: the row would be a second open one for (template, key); nothing written.
 *              Where both hold, ERR_CONFLICT.
 *   ROWS       ERR_EXISTS likewise; `value` names the open one.
 *   REMOVE     nothing where there is nothing.
 *   NODE_DROP  ERR_CONFLICT: it was seen again meanwhile, and stays.
 *   LOAD       ERR_NOT_FOUND: neither row nor record. By key it finds the open instance, else the
 *              newest. Records without a row (a chain such as "_sys:NODE"): row_count 0. With `seq`
 *              it is ERR_NONE also where nothing is beyond it.
 *   READY      without id: of all queues, in order of queue, then time.
 *   META       a read of what is not there: ERR_NONE, `value` absent.
 *   BACKUP     ERR_EXISTS: the file is there already.
 *   TEMPLATE_PUT ERR_CONFLICT: the version is there; ERR_EXISTS: another name has the alias.
 *   any        ERR_DISK_FULL, ERR_STORE, ERR_CORRUPT, ERR_MEMORY: nothing of the request was done.
 *              Only where the operating system failed a sync is it unknown until the next opening;
 *              every later write fails too; sent again, a commit that stood meets ERR_CONFLICT.
 * A failing request never harms the others of its batch. */
struct store;

struct store_ops {
    const char *name;
    void (*submit)(struct store *s, struct store_request *r);
    /* Up to `max` finished requests; 0: none now. */
    size_t (*complete)(struct store *s, struct store_request **done, size_t max);
    /* Readable (poll) while finished requests wait; -1: they are finished as soon as submitted. */
    int (*wake_fd)(const struct store *s);
    /* Finishes what was submitted, then gives everything back. Uncollected requests are dropped. */
    void (*close)(struct store *s);
    /* To be added to this machine's steady clock (CLOCK_BOOTTIME), which nobody sets, for the
     * store's time, in milliseconds. Any thread. NULL: it has no time of its own. */
    int64_t (*offset_ms)(const struct store *s);
    bool is_shared; /* other nodes write here too */
};

struct store { /* the first member of every driver's struct */
    const struct store_ops *ops;
};

#define STORE_CHAIN "_sys:" /* the names of chains that belong to no instance begin so */

static inline bool store_is_chain(struct slice id)
{
    return slice_has_prefix(id, SLICE(STORE_CHAIN));
}

/* Queue names of ready entries that are no messages. Of the latter two `at_ms` is when somebody
 * should look. Those of an instance in queues whose names begin with STORE_INBOX have one at_ms. */
#define STORE_INBOX "@inbox"       /* waits for a person */
#define STORE_LATE "@late"         /* a person's task that has a due time */
#define STORE_RETRYING "@retrying" /* a task that failed and is tried again */

#endif
