/* What the files of the built-in queues share:
 *
 *   queue_local.c     opening, the round, what the engine tells (offer, withdraw, extend)
 *   queue_message.c   one message: its states, its place among the visible ones, its receipts
 *   queue_admin.c     queues: made, changed, dropped, shown
 *   queue_settings.c  the attributes of a queue as texts
 *   queue_receive.c   receives: picking, waiting, handing over
 *   queue_peek.c      looking without receiving
 *   queue_window.c    task messages beyond those held
 *   queue_foreign.c   messages that somebody sent
 *   queue_page.c      reading stored messages page by page; retention
 *   queue_delete.c    what a worker does with a receipt
 *   queue_request.c   requests to the store
 */
#ifndef SWM_QUEUE_QUEUE_LOCAL_INT_H
#define SWM_QUEUE_QUEUE_LOCAL_INT_H

#include "base/hash.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/text.h"
#include "base/time.h"
#include "core/limits.h"
#include "queue/queue_local.h"

#define RETRY_MS 1000                               /* after an error of the store or the engine */
#define FOREIGN_PAGE 32                             /* stored messages read at once */
#define FOREIGN_QUEUE_BYTES_MAX (64u * 1024 * 1024) /* held of one queue */
#define FOREIGN_BYTES_MAX (256u * 1024 * 1024)      /* and of all; each may hold one at least */
#define RECEIVE_BYTES_MAX (4u * 1024 * 1024)        /* of foreign messages in one receive */
#define SETTINGS_TEXT_BYTES 512
#define PEEK_MAX 100

/* Every timer lies in the heap from its making to its end, at TIME_NEVER when it waits for nothing:
 * moving it needs no memory and so cannot fail. */
enum timer_kind { TIMER_MESSAGE, TIMER_POLL, TIMER_QUEUE };

struct timer {
    struct heap_entry entry;
    enum timer_kind kind;
};

struct queue_settings { /* seconds and bytes, as the attributes state them */
    int64_t visibility_s, delay_s, size_max, retention_s, wait_s;
};

struct work_queue {
    struct timer timer; /* the nearest of retention and trying again */
    struct queue_local *local;
    struct slice name;
    uint64_t serial;
    struct queue_settings settings; /* in force and durable */
    struct queue_settings wanted;   /* with what is on its way to the store */
    int64_t created_at_ms, modified_at_ms;
    bool is_declared; /* named by a template, or task messages were offered */
    bool is_stored;   /* there is a row of it */
    bool is_creating; /* not there before its row is durable */
    bool is_dropping;
    uint32_t puts; /* of its row, on their way */

    struct list visible; /* since longest first */
    struct list polls;   /* receives that wait, in order */
    int64_t in_flight, delayed;
    struct link busy; /* among those that have something to do in the next round */

    uint32_t tasks_waiting;               /* task messages held that are not in flight */
    uint64_t offers_taken, offers_before; /* before: when the refill began */
    bool is_spilled;                      /* more task messages exist than are held */
    bool is_refilling;
    bool has_dropped; /* one was dropped while refilling */
    int64_t refill_at_ms;

    struct map foreign; /* by id */
    struct list ages;   /* foreign ones, oldest first */
    struct list ghosts; /* deleted while a page is being read that may still show them */
    size_t foreign_bytes;
    int64_t foreign_visible;
    int64_t foreign_beyond; /* known to be stored but not held */
    bool is_unread;         /* more are stored than are held */
    bool is_reading;
    bool is_sent_beyond;              /* one was stored and not held while a page is being read */
    bool is_void;                     /* a purge makes the page being read worthless */
    uint32_t purges;                  /* on their way */
    uint64_t purge_serial;            /* of the latest */
    int64_t read_at_ms, expire_at_ms; /* not before, after an error */
    char *cursor; /* up to where everything stored is held or gone; NULL: the start */
    char bytes[]; /* the name */
};

enum message_state {
    MESSAGE_NEW, /* being made */
    MESSAGE_DELAYED,
    MESSAGE_VISIBLE,
    MESSAGE_READING, /* picked; its text is being asked for */
    MESSAGE_IN_FLIGHT,
    MESSAGE_DELETING, /* until that is durable */
    MESSAGE_GONE
};

struct message {
    struct timer timer; /* when it becomes visible */
    struct work_queue *queue;
    enum message_state state;
    uint64_t serial;
    struct link place;      /* among the visible ones */
    struct poll_slot *slot; /* READING: whose */
    struct slice key;       /* task: in queue_local.tasks; foreign: its id */
    bool is_task;
    struct queue_message name;     /* task */
    struct slice body, attributes; /* foreign */
    struct link age;
    int64_t sent_at_ms, visible_at_ms, first_received_at_ms, receives;
    int64_t received_at_ms, hides_ms; /* of the last receive: when, for how long */
    char bytes[];
};

struct poll_slot {
    struct poll *poll;
    struct message *message; /* NULL: it went away meanwhile; a peek keeps none */
    struct queue_delivery delivery;
    struct queue_message name; /* of a peek; its texts are in `text` until that is answered */
    char id[HASH_ID_CHARS];
    char *text; /* own copy */
    enum err err;
};

struct poll {           /* one receive or peek */
    struct timer timer; /* when it ends */
    struct link link;   /* in its queue's polls, or among those being read */
    struct queue_local *local;
    struct work_queue *queue;     /* NULL: it was dropped */
    struct queue_receive receive; /* its texts are not kept */
    uint64_t handle;
    bool is_parked, is_peek, is_cancelled;
    bool is_last; /* its time is over; it gets what is visible in the next round, or nothing */
    int64_t until_ms;
    uint32_t outstanding; /* texts asked for, and one while asking */
    uint32_t max, count;
    enum err err; /* why a message could not be read */
    struct poll_slot slots[];
};

struct request { /* one to the store */
    struct store_request store;
    struct arena arena;
    struct link link;
    uint64_t queue_serial;
    struct slice queue; /* in the arena */
    void (*finish)(struct queue_local *q, struct request *r);
    queue_front_done *done;
    void *context;
    struct queue_settings settings;
    uint64_t serial; /* order among sends and purges */
};

struct removal;

struct queue_local {
    struct queue port; /* must be first */
    struct queue_front front;
    struct store *store;
    struct queue_local_engine engine;
    uint64_t nonce, serials;
    int64_t now_ms;
    struct map queues, tasks, polls;
    struct work_queue **names; /* in order of name */
    size_t name_count, name_capacity;
    struct heap times;
    struct list busy, picking, requests, removals;
    size_t foreign_bytes;
    bool is_started, is_ready, is_draining;
    enum err start_error;
    struct arena scratch; /* of one call */
    char settings_text[SETTINGS_TEXT_BYTES];
};

/* queue_local.c */
struct queue_local *local_of_front(struct queue_front *f);
void mark_busy(struct queue_local *q, struct work_queue *w);

/* queue_message.c */
#define KEY_BYTES_LIMIT 1024
struct task_key {
    char bytes[KEY_BYTES_LIMIT];
    size_t len;
};
/* False: the names are longer than any key. */
bool key_make(struct task_key *key, const struct queue_message *m);
struct message *message_find(struct queue_local *q, const struct queue_message *m);
/* NULL: memory is short. It is in no state that clients see until it is shown or delayed. */
struct message *message_make_task(struct queue_local *q, struct work_queue *w,
                                  const struct queue_message *m);
struct message *message_make_foreign(struct queue_local *q, struct work_queue *w,
                                     const struct store_message *m);
void message_set_state(struct queue_local *q, struct message *m, enum message_state state);
/* Visible from visible_at_ms on. */
void message_place(struct queue_local *q, struct message *m, int64_t visible_at_ms);
void message_hide(struct queue_local *q, struct message *m, int64_t until_ms);
/* Picked and not handed over: visible again, before all others. */
void message_give_back(struct queue_local *q, struct message *m);
/* Not shown until its deletion is durable; failing that, where it was before. */
void message_begin_delete(struct queue_local *q, struct message *m);
void message_undo_delete(struct queue_local *q, struct message *m);
void message_free(struct queue_local *q, struct message *m);
void message_write_id(const struct message *m, char out[HASH_ID_CHARS]);

struct receipt {
    uint64_t nonce;
    int64_t receives;
    bool is_task;
    struct slice queue, id; /* id: of a foreign one */
    struct queue_message name;
};
struct slice receipt_write(struct arena *a, const struct queue_local *q, const struct message *m);
bool receipt_read(struct arena *a, struct slice text, struct receipt *out);
/* The message that the receipt still speaks for, or NULL: it was received again, or is gone. */
struct message *receipt_find(struct queue_local *q, struct work_queue *w, const struct receipt *r);

/* queue_admin.c */
struct work_queue *queue_find(const struct queue_local *q, struct slice name);
/* Only those that clients may use; NULL too while it is being made or dropped. */
struct work_queue *queue_find_open(const struct queue_local *q, struct slice name);
struct work_queue *queue_obtain(struct queue_local *q, struct slice name); /* NULL: memory */
void queue_free(struct queue_local *q, struct work_queue *w);
void queue_free_messages(struct queue_local *q, struct map *messages);
bool queue_is_events(struct slice name);
void queue_take_rows(struct queue_local *q, struct request *r); /* finish of the first read */
/* Writes the row of a queue that has none. False: memory. */
bool queue_keep(struct queue_local *q, struct work_queue *w);
void queue_create(struct queue_front *f, struct slice name, struct slice attributes,
                  queue_front_done *done, void *context);
void queue_set(struct queue_front *f, struct slice name, struct slice attributes,
               queue_front_done *done, void *context);
void queue_drop(struct queue_front *f, struct slice name, queue_front_done *done, void *context);
enum err queue_info(struct queue_front *f, struct slice name, struct queue_info *out);
bool queue_next(struct queue_front *f, struct slice after, struct slice prefix,
                struct queue_info *out);

/* queue_settings.c */
extern const struct queue_settings settings_default;
/* Takes the attributes that `json` states over into *s. ERR_INVALID: *why says which is wrong. */
enum err settings_read(struct arena *a, struct slice json, struct queue_settings *s,
                       struct slice *why) MUST_USE;
/* The name of the first attribute in which they differ; NULL: none. */
const char *settings_differ(const struct queue_settings *a, const struct queue_settings *b);
struct slice settings_write(const struct queue_settings *s, char out[SETTINGS_TEXT_BYTES]);

/* queue_receive.c */
uint64_t poll_begin(struct queue_front *f, const struct queue_receive *r);
void poll_cancel(struct queue_front *f, uint64_t handle);
void poll_serve(struct queue_local *q, struct work_queue *w); /* hands over what is visible */
void poll_end(struct queue_local *q, struct poll *p);         /* its time is over */
void poll_end_all(struct queue_local *q, struct work_queue *w, enum err err);
void poll_free(struct queue_local *q, struct poll *p);
struct poll *poll_make(struct queue_local *q, struct work_queue *w, uint32_t max,
                       int64_t until_ms); /* NULL: memory is short */
void poll_ask(struct poll_slot *slot, const struct queue_message *m);
void poll_asked(struct poll *p); /* all has been asked for; it may be finished now */

/* queue_peek.c */
void peek_finish(struct queue_local *q, struct poll *p);
void poll_peek(struct queue_front *f, struct slice queue, uint32_t max, queue_front_received *reply,
               void *context);

/* queue_window.c */
void window_top_up(struct queue_local *q, struct work_queue *w);

/* queue_foreign.c */
void foreign_send(struct queue_front *f, const struct queue_send *m, uint32_t count,
                  queue_front_done *done, void *context);
void foreign_purge(struct queue_front *f, struct slice name, queue_front_done *done, void *context);
/* Deletes one from the store, and, when that is durable, from here. False: memory is short. `done`
 * may be NULL. */
bool foreign_delete(struct queue_local *q, struct work_queue *w, struct slice id,
                    queue_front_done *done, void *context);
bool foreign_has_room(const struct queue_local *q, const struct work_queue *w, size_t bytes);
void foreign_forget(struct queue_local *q, struct message *m); /* the store has deleted it */
/* The store has deleted all that were made before `serial`. */
void foreign_forget_all(struct queue_local *q, struct work_queue *w, uint64_t serial);

/* queue_page.c */
void page_top_up(struct queue_local *q, struct work_queue *w);
void page_expire(struct queue_local *q, struct work_queue *w);
int64_t page_next(const struct work_queue *w); /* when the next message expires; TIME_NEVER */

/* queue_delete.c */
void receipt_remove(struct queue_front *f, struct slice queue, struct slice receipt,
                    queue_front_done *done, void *context);
enum err receipt_set_visibility(struct queue_front *f, struct slice queue, struct slice receipt,
                                int64_t visibility_ms);
void receipt_free_removals(struct queue_local *q);

/* queue_request.c */
/* NULL: memory is short. `fill` puts the inputs into the request's arena. */
struct request *request_make(struct queue_local *q, enum store_op op, struct slice queue,
                             void (*fill)(struct request *r, const void *from), const void *from);
void request_submit(struct queue_local *q, struct request *r, const struct work_queue *w);
/* The queue that the request was made for; NULL: it is gone. */
struct work_queue *request_queue(const struct queue_local *q, const struct request *r);
void request_free(struct queue_local *q, struct request *r);
/* Runs `work` with the scratch arena reset and guarded. False: memory was short. */
bool scratch_run(struct queue_local *q, void (*work)(void *context), void *context);

#endif
