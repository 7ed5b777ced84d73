/* Reads: each is a small state machine between questions to the store. They answer JSON text. */
#ifndef SWM_FLOW_QUERY_INT_H
#define SWM_FLOW_QUERY_INT_H

#include "flow/flow_int.h"

#define ANSWER_BYTES_MAX (48 * 1024 * 1024)

struct walk;
struct search;
struct timeline;
struct attention;
struct feed;
struct inbox;

struct page {                       /* of the records of one instance */
    uint64_t first, last, revision; /* those asked for; the newest there is */
};

struct query {
    struct visit visit; /* waits for rows to be written, or for an instance */
    struct flow *f;
    struct arena arena; /* of the query: its copy of q, its answer */
    struct flow_query q;
    flow_read_reply *reply;
    void *context;
    struct json_out out;
    struct walk *walk;
    uint64_t instances, events, problems; /* FLOW_VERIFY */
    uint64_t removed;                     /* likewise: instances, by retention at this node */
    bool is_one, is_of_chains, is_key_tried;
    struct search *search; /* FLOW_SHOW as of a time: query_show.c */
    struct page page;      /* FLOW_EVENTS, FLOW_TIMELINE */
    uint64_t scanned;      /* FLOW_EVENTS, brief: records looked at */
    struct slice *lines;   /* likewise: what was found, as it is read */
    uint32_t line_count;
    struct timeline *timeline;   /* FLOW_TIMELINE: query_timeline.c */
    struct attention *attention; /* FLOW_ATTENTION: attention.c */
    struct feed *feed;           /* FLOW_FEED: query_feed.c */
    struct inbox *inbox;         /* FLOW_INBOX: query_inbox.c */
    struct payload_list refs;    /* FLOW_EXPORT: what the records name */
    struct slice *ids;           /* FLOW_VERIFY: this page of instances */
    uint32_t id_count, id_at;
    struct slice cursor;
};

void query_answer(struct query *q, enum err err, struct slice json); /* frees q */
/* Runs `part` with the query's arena guarded. False: memory was short. */
bool query_guard(struct query *q, void (*part)(struct query *q, void *argument), void *argument);

/* Answers with q->out after `part` has written the last of it, or with the error. */
void query_end(struct query *q, enum err err, void (*part)(struct query *q, void *argument),
               void *argument);
/* Likewise, where `part` writes all of it from the store's answer. */
void query_finish(struct query *q, void (*part)(struct query *q, void *argument), struct ask *a);
ask_done query_counts_read;
/* A question about q, to be filled in and submitted. NULL: memory is short, and q is answered. */
struct ask *query_ask(struct query *q, enum store_op op, ask_done *done);

/* Walks the records of one instance in order, page by page, folding each.
 * take: called with the state before the record; false ends the walk. */
struct walk {
    struct flow *f;
    struct query *query;
    struct arena arena, page; /* the state; one page of records */
    struct arena tight;       /* a copy of the state that is being made */
    struct slice id;
    const struct template *template; /* NULL: a sys chain: nothing is folded */
    struct instance *i;
    struct chain_head head;
    uint64_t from, next;
    bool (*take)(struct walk *w, const struct record *r, const struct store_record *stored,
                 const struct payload_list *payloads);
    void (*done)(struct walk *w, enum err err); /* ERR_NONE: the end, or take said so */
    struct ask *records;                        /* kept while their payloads are read */
    bool is_stopped;
};
/* Begins at the snapshot at or before `seq` (0, 1: at the first record). NULL: memory is short. */
struct walk *walk_new(struct query *q, struct slice id, const struct template *t, uint64_t seq);
void walk_on(struct walk *w); /* reads the next page */
void walk_free(struct walk *w);

void query_show(struct query *q, struct entry *e);
void query_show_now(struct query *q, const struct instance *i);
/* Which records `after`, `limit` and `newest_first` mean of `revision` records; and "next", which
 * goes on from there. */
void query_page(struct query *q, uint64_t revision);
void query_put_next(struct query *q);
void query_events(struct query *q, struct entry *e);
void query_brief(struct query *q, struct entry *e);
void query_timeline(struct query *q, struct entry *e);
void query_export(struct query *q, struct entry *e);
void query_verify(struct query *q);
void query_inbox(struct query *q);
void query_feed(struct query *q);
void query_count(struct query *q);
void query_activity(struct query *q);
void query_attention(struct query *q);
void query_put_summary(struct json_out *o, const struct store_row *row);
bool query_is_any(const struct store_any *any, struct slice value);      /* or nothing is asked */
bool query_is_asked(const struct flow_query *q, const struct record *r); /* verdict, event, task */
void query_put_brief(struct json_out *o, const struct record *r); /* without data and changes */
void query_put_record(struct json_out *o, const struct record *r, struct slice changes);

#endif
