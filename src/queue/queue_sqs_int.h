/* What the files of the driver for Amazon SQS share. Their names begin with far: these queues lie
 * outside.
 *
 *   queue_sqs.c              opening, the round, what the engine tells
 *   queue_sqs_config.c       the configuration's URL, names of queues; pure
 *   queue_sqs_http.c         HTTP requests on libcurl
 *   queue_sqs_call.c         calls of Amazon SQS: signed, answered, judged
 *   queue_sqs_credentials.c  where credentials come from, and when again
 *   queue_sqs_profile.c      files with profiles, and the JSON that hands out credentials; pure
 *   queue_sqs_queue.c        queues: found, made, how deep they are, what is wrong with them
 *   queue_sqs_message.c      task messages that are not sent yet
 *   queue_sqs_send.c         sending them
 *   queue_sqs_receive.c      receiving events, keeping them hidden
 *   queue_sqs_delete.c       deleting events and giving them back
 *   queue_sqs_front.c        what the doors ask
 *   queue_sqs_take.c         receives of the doors
 *   queue_sqs_remind.c       delayed messages that wake instances
 */
#ifndef SWM_QUEUE_QUEUE_SQS_INT_H
#define SWM_QUEUE_QUEUE_SQS_INT_H

#include "base/heap.h"
#include "base/json.h"
#include "base/list.h"
#include "base/map.h"
#include "base/sigv4.h"
#include "base/time.h"
#include "core/limits.h"
#include "queue/queue_sqs.h"

#include <curl/curl.h>

#define FAR_REGION_BYTES 64

#define FAR_ACTION_TABLE(X)                                                                        \
    X(FAR_SEND, "SendMessageBatch")                                                                \
    X(FAR_RECEIVE, "ReceiveMessage")                                                               \
    X(FAR_DELETE, "DeleteMessageBatch")                                                            \
    X(FAR_HIDE, "ChangeMessageVisibilityBatch")                                                    \
    X(FAR_GET_URL, "GetQueueUrl")                                                                  \
    X(FAR_CREATE, "CreateQueue")                                                                   \
    X(FAR_GET_ATTRIBUTES, "GetQueueAttributes")                                                    \
    X(FAR_SET_ATTRIBUTES, "SetQueueAttributes")                                                    \
    X(FAR_DROP, "DeleteQueue")                                                                     \
    X(FAR_PURGE, "PurgeQueue")

enum far_action {
#define X(symbol, name) symbol,
    FAR_ACTION_TABLE(X)
#undef X
        FAR_ACTION_COUNT
};

/* --- queue_sqs_config.c: pure --- */

enum far_name_kind { FAR_NAME, FAR_URL, FAR_ARN };

struct far_name { /* how a template names a queue */
    enum far_name_kind kind;
    struct slice name;    /* alone */
    struct slice region;  /* of a URL at Amazon or an ARN; absent: the configuration's */
    struct slice account; /* of an ARN */
    bool is_fifo;
    bool is_amazon; /* of a URL: its host is Amazon SQS's */
};
/* False: none of the three. */
bool far_name_read(struct slice text, struct far_name *out);
/* "https://sqs.REGION.amazonaws.com". */
struct slice far_endpoint(struct arena *a, struct slice region);
/* Whether a host is this machine: no proxy leads there. */
bool far_is_loopback(struct slice url);

/* --- queue_sqs_http.c --- */

struct far_http {
    CURLM *multi;
    int epoll_fd, timer_fd;
    struct list exchanges;
    char *ca_file; /* NULL: the system's */
};

#define FAR_HEADER_BYTES 128

struct far_exchange { /* one HTTP request */
    struct link link;
    struct far_http *http;
    struct arena arena; /* of the request and of reading its answer */
    CURL *easy;
    struct curl_slist *headers;
    const char *method, *url; /* in the arena */
    struct slice body;
    long timeout_ms;
    bool is_local; /* never through a proxy */
    void (*finish)(struct far_exchange *x);
    void *owner;
    /* the answer */
    CURLcode result;
    long status;
    char *bytes;
    size_t len, capacity;
    char date[FAR_HEADER_BYTES], error[FAR_HEADER_BYTES]; /* headers Date, x-amzn-query-error */
};

enum err far_http_open(struct far_http *h) MUST_USE;
/* NULL: memory is short. */
struct far_exchange *far_http_make(struct far_http *h);
/* False: memory is short. */
bool far_http_add_header(struct far_exchange *x, const char *name, struct slice value);
/* Method, url, headers and body are set. False: memory is short, and it is not begun. */
bool far_http_begin(struct far_exchange *x);
/* Not begun, finished, or given up: `finish` is not called. */
void far_http_free(struct far_exchange *x);
/* Reads and writes what is ready; finishes what is done. Each is freed after its `finish`. */
void far_http_round(struct far_http *h);
void far_http_close(struct far_http *h);

/* --- queue_sqs_profile.c: pure --- */

struct far_keys { /* credentials; texts in an arena or NUL-terminated elsewhere */
    struct slice access_key, secret, token;
    int64_t expires_at_ms; /* 0: never */
};
/* Finds [profile] in the text of a credentials file. False: it is not there or not whole. */
bool far_profile_read(struct slice text, struct slice profile, struct far_keys *out);
/* {"AccessKeyId","SecretAccessKey","Token","Expiration"}. */
bool far_profile_read_json(struct arena *a, struct slice json, struct far_keys *out);

/* --- queue_sqs_credentials.c --- */

enum far_source { FAR_NOWHERE, FAR_ENVIRONMENT, FAR_FILE, FAR_CONTAINER, FAR_METADATA };

struct far_credentials {
    struct arena arena; /* the keys in use */
    struct far_keys keys;
    enum far_source source;
    bool is_known, is_asking;
    unsigned failures;           /* to get any, in a row */
    unsigned refusals;           /* by Amazon SQS, in a row */
    uint64_t serial;             /* which ones they are */
    int64_t ask_at_ms;           /* not before; TIME_NEVER: they do not end */
    char token[1024], role[256]; /* of the metadata service, while asking */
    char error[FAR_ERROR_BYTES_MAX];
};

void far_credentials_open(struct queue_sqs *q);
void far_credentials_round(struct queue_sqs *q);
int64_t far_credentials_next(const struct queue_sqs *q);
/* Amazon SQS did not take those: they are asked for again, later and later. */
void far_credentials_refuse(struct queue_sqs *q, uint64_t serial);
void far_credentials_accept(struct queue_sqs *q);
void far_credentials_close(struct queue_sqs *q);

/* --- queue_sqs_call.c --- */

enum far_outcome {
    FAR_OK,
    FAR_AGAIN,     /* it may work next time */
    FAR_SLOWER,    /* too much at once */
    FAR_CORRECTED, /* the clock or the credentials were the cause; they are seen to */
    FAR_NO_QUEUE,
    FAR_QUEUE_EXISTS, /* with other attributes */
    FAR_TOO_LONG,     /* the batch */
    FAR_REFUSED       /* it will not work until somebody changes something */
};

struct far_queue;
struct far_call;
typedef void far_call_done(struct queue_sqs *q, struct far_call *c);

struct far_ask {
    enum far_action action;
    struct far_queue *queue; /* its URL is written where it is known; NULL: none */
    long wait_ms;            /* that the answer may take beyond the usual */
    void (*fill)(struct json_out *o, const void *from); /* members of the request; NULL: none */
    const void *from;
    far_call_done *done;
    void *context;
};

struct far_call {
    struct far_exchange *exchange;
    struct queue_sqs *owner;
    struct link link;
    enum far_action action;
    struct far_queue *queue;
    far_call_done *done;
    void *context;
    /* the answer */
    enum far_outcome outcome;
    struct slice code, message; /* of an error */
    yyjson_val *answer;         /* an object, where FAR_OK */
    int64_t began_at_ms, skew_ms;
    uint64_t serial; /* of the credentials that signed it */
};

const char *far_call_name(enum far_action action);
/* Whether calls can be made: there are credentials. */
bool far_call_is_possible(const struct queue_sqs *q);
/* NULL: memory is short. */
struct far_call *far_call_begin(struct queue_sqs *q, const struct far_ask *ask);
void far_call_drop(struct far_call *c); /* given up: its `done` is not called */
/* What the error says, in the arena of the call or static. */
enum far_outcome far_call_judge(struct slice code, long status);
/* How long to wait after so many failures in a row, with jitter. */
int64_t far_backoff_ms(struct queue_sqs *q, enum far_outcome outcome, unsigned failures);
uint64_t far_random(struct queue_sqs *q);

/* --- queue_sqs_queue.c --- */

enum far_timer_kind { FAR_TIMER_MESSAGE, FAR_TIMER_QUEUE, FAR_TIMER_HELD };

/* Every timer lies in the heap from its making to its end, at TIME_NEVER when it waits for nothing:
 * moving it needs no memory and so cannot fail. */
struct far_timer {
    struct heap_entry entry;
    enum far_timer_kind kind;
};

struct far_events; /* what an events queue has beside */

struct far_queue {
    struct far_timer timer; /* when it has something to do again */
    struct link busy;       /* among those that have something to do in the next round */
    struct far_name name;   /* its texts are in `bytes` */
    struct slice text;      /* how it was named */
    uint64_t serial;
    char *url;      /* NULL: not known */
    char *endpoint; /* where its requests go */
    char region[FAR_REGION_BYTES];
    bool is_asking; /* for the URL, or to be made */
    bool can_make, is_optional;
    bool is_declared;
    unsigned failures; /* in a row */
    int64_t retry_at_ms;
    int64_t visibility_s; /* when it is made */
    char error_code[FAR_HEADER_BYTES], error[FAR_ERROR_BYTES_MAX], warning[FAR_ERROR_BYTES_MAX];
    char problem[FAR_ERROR_BYTES_MAX + FAR_TEXT_BYTES_MAX]; /* the error with its name */

    struct list ready;              /* task messages whose text has not been asked for */
    struct list texts;              /* those with a text */
    uint32_t asked, sending, sends; /* texts asked for, messages and requests in flight */
    uint64_t unsent;
    size_t batch_bytes_max;

    int64_t visible, in_flight, delayed, depth_at_ms;
    char *attributes; /* JSON object of strings, as Amazon SQS told; NULL: not yet */
    bool is_asking_depth;

    struct far_events *events; /* NULL: a task queue */
    char bytes[];
};

struct far_queue *far_queue_find(const struct queue_sqs *q, struct slice text);
/* The first after that name, in order, with the prefix; NULL: none. */
struct far_queue *far_queue_after(const struct queue_sqs *q, struct slice after,
                                  struct slice prefix);
/* NULL: memory is short, or there are too many. */
struct far_queue *far_queue_obtain(struct queue_sqs *q, struct slice text);
void far_queue_mark(struct queue_sqs *q, struct far_queue *w); /* it has something to do */
void far_queue_wake_at(struct queue_sqs *q, struct far_queue *w, int64_t at_ms);
/* Its URL is known; else it is being found out. */
bool far_queue_is_ready(struct queue_sqs *q, struct far_queue *w);
/* A call to it failed: notes why, and when to try again. */
void far_queue_fail(struct queue_sqs *q, struct far_queue *w, const struct far_call *c);
/* A part of it failed. */
void far_queue_note(struct queue_sqs *q, struct far_queue *w, const struct far_call *c);
void far_queue_works(struct queue_sqs *q, struct far_queue *w);
void far_queue_forget_url(struct far_queue *w);
void far_queue_ask_depth(struct queue_sqs *q, struct far_queue *w);
void far_queue_free(struct queue_sqs *q, struct far_queue *w);
/* Its error with its name; absent: none. Valid until the next round. */
struct slice far_queue_problem(struct far_queue *w);
void far_say(struct queue_sqs *q, bool is_bad, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- queue_sqs_message.c --- */

enum far_state { FAR_HELD /* until a time */, FAR_READY, FAR_ASKED, FAR_TEXTED, FAR_SENDING };

struct far_message {
    struct far_timer timer;
    struct heap_entry unsent;
    struct link link; /* in its queue's ready or texts */
    struct link all;
    struct far_queue *queue;
    struct queue_sqs *owner;
    enum far_state state;
    bool is_withdrawn; /* not in the table any more; freed when it comes back */
    unsigned failures;
    struct queue_message name;
    int64_t offered_at_ms;
    char *text;
    size_t text_len;
    struct slice key;
    char bytes[];
};

/* <0: `a` is an earlier attempt than `b`. */
int far_message_compare(const struct queue_message *a, const struct queue_message *b);
/* The key of (instance, task, item) in tables. */
size_t far_message_key_bytes(const struct queue_message *m);
void far_message_write_key(char *out, const struct queue_message *m);
enum err far_message_offer(struct queue_sqs *q, const struct queue_message *m) MUST_USE;
void far_message_withdraw(struct queue_sqs *q, const struct queue_message *m);
uint64_t far_message_unsent_pos(const struct queue_sqs *q);
/* To be sent as soon as may be; at the front where it was taken before. */
void far_message_place(struct queue_sqs *q, struct far_message *m, bool at_front);
void far_message_hold(struct queue_sqs *q, struct far_message *m, int64_t until_ms);
/* Amazon SQS has it, or it exists no more. */
void far_message_end(struct queue_sqs *q, struct far_message *m);
void far_message_free_all(struct queue_sqs *q);
/* The escaped text of a body: characters that Amazon SQS does not take become JSON escapes. */
struct slice far_message_body(struct arena *a, struct slice json);

/* --- queue_sqs_send.c --- */

void far_send_round(struct queue_sqs *q, struct far_queue *w);
void far_send_close(struct queue_sqs *q);
/* The names by which Amazon SQS tells repeats: 20 characters. */
struct slice far_send_dedup_id(struct arena *a, const struct queue_message *m);

/* --- queue_sqs_receive.c --- */

enum far_event_state {
    FAR_WAITING, /* for the one before it in its group */
    FAR_WORKING, /* the engine has it */
    FAR_ENDING   /* to be deleted or given back */
};

struct far_event {
    struct link link; /* in hand, or among those that end */
    struct far_queue *queue;
    struct queue_sqs *owner;
    enum far_event_state state;
    int64_t hide_again_at_ms;
    int64_t back_s; /* given back: visible after so long */
    unsigned failures;
    struct slice id, receipt, group, body;
    char bytes[];
};

struct far_events {
    struct list in_hand; /* without a verdict, in the order in which they are to be hidden again */
    struct list ending;  /* to be deleted */
    struct list backs;   /* to be given back */
    uint32_t polls, wanted;  /* receives in flight, and how many there should be */
    uint32_t deletes, hides; /* requests in flight */
    struct far_call *calls[FAR_POLLS_MAX];
    int64_t receive_at_ms; /* not before */
    int64_t delete_at_ms;  /* the first delete has waited long enough */
};

enum err far_receive_open(struct queue_sqs *q, struct slice name, bool is_optional) MUST_USE;
void far_receive_round(struct queue_sqs *q, struct far_queue *w);
void far_receive_drain(struct queue_sqs *q, struct far_queue *w);
bool far_receive_is_idle(const struct far_queue *w);
void far_receive_free(struct queue_sqs *q, struct far_queue *w);

/* --- queue_sqs_delete.c --- */

void far_delete_event(struct queue_sqs *q, struct far_event *e); /* when some are together */
/* Visible again after so many seconds. */
void far_delete_give_back(struct queue_sqs *q, struct far_event *e, int64_t after_s);
/* Deletes, gives back, and keeps hidden what has been in hand for long. */
void far_delete_round(struct queue_sqs *q, struct far_queue *w);
int64_t far_delete_next(const struct far_queue *w);
void far_delete_free(struct queue_sqs *q, struct far_event *e);
void far_delete_close(struct queue_sqs *q);

/* --- queue_sqs_front.c --- */

struct far_request { /* one that is handed through to Amazon SQS */
    struct link link;
    struct queue_sqs *owner;
    struct far_queue *queue;
    enum far_action action;
    struct arena arena;
    struct far_call *call;       /* NULL: it waits for the queue's URL */
    int64_t give_up_at_ms;       /* waiting */
    struct slice settings;       /* JSON: attributes of a queue */
    struct slice receipt;        /* of a delete or a change of visibility */
    int64_t hidden_s;            /* of a change of visibility */
    struct queue_send *messages; /* of a send */
    uint32_t count;
    queue_front_done *done; /* NULL: nobody waits */
    void *context;
};

extern const struct queue_front_ops far_front_ops;
/* By the name that doors use: the last part of a URL or an ARN. NULL: none, or not shown. */
struct far_queue *far_front_find(const struct queue_sqs *q, struct slice name);
/* Nobody waits for its end. Memory that is short loses it. */
void far_front_tell(struct queue_sqs *q, struct far_queue *w, const struct far_request *what);
void far_front_round(struct queue_sqs *q);
int64_t far_front_next(const struct queue_sqs *q);
void far_front_close(struct queue_sqs *q);

/* --- queue_sqs_take.c --- */

struct far_take;

struct far_held {           /* a task message that was received through the doors */
    struct far_timer timer; /* when it is visible again */
    struct far_queue *queue;
    struct queue_message name;
    struct slice receipt, key;
    int64_t hidden_s;
    char bytes[];
};

uint64_t far_take_begin(struct queue_front *f, const struct queue_receive *r);
void far_take_cancel(struct queue_front *f, uint64_t handle);
void far_take_round(struct queue_sqs *q);
int64_t far_take_next(const struct queue_sqs *q);
void far_take_drain(struct queue_sqs *q); /* receives that wait are answered empty */
/* A task whose message was received here has ended, or its worker lives. */
void far_take_withdraw(struct queue_sqs *q, const struct queue_message *m);
void far_take_extend(struct queue_sqs *q, const struct queue_message *m);
void far_take_expire(struct queue_sqs *q, struct far_held *h);
void far_take_close(struct queue_sqs *q);

/* --- queue_sqs_remind.c --- */

struct far_reminder;
enum err far_remind(struct queue_sqs *q, struct slice instance, int64_t at_ms) MUST_USE;
void far_remind_round(struct queue_sqs *q);

/* --- queue_sqs.c --- */

struct queue_sqs {
    struct queue port; /* must be first */
    struct queue_front front;
    struct queue_sqs_engine engine;
    char *region, *endpoint; /* endpoint NULL: Amazon's */
    bool must_exist, is_started, is_draining;
    bool could_call; /* there were credentials in the last round */
    uint64_t random, serials;
    int64_t now_ms, skew_ms;
    struct far_http http;
    struct far_credentials credentials;
    struct list calls;
    struct map queues;
    struct far_queue **names; /* in order of text */
    size_t name_count, name_capacity;
    struct list busy;
    struct list blocked; /* queues that wait for a send of another to end */
    struct heap times;
    struct map messages;      /* unsent, by instance, task and item */
    struct list all_messages; /* those, and withdrawn ones that are out */
    struct heap unsent;       /* by position */
    uint32_t sends;
    struct far_queue *event_queues[FAR_EVENT_QUEUES_MAX];
    size_t event_queue_count;
    size_t events_in_hand, event_bytes;
    struct far_queue *timers;       /* NULL: there is none */
    struct far_reminder *reminders; /* until the round */
    size_t reminder_count, reminder_capacity;
    struct list requests; /* of the doors */
    struct list takes;    /* their receives */
    struct map held;      /* what was received there, by instance, task and item */
    uint64_t handles;
    uint64_t calls_made[FAR_ACTION_COUNT];
};

#endif
