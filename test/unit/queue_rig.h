/* The built-in queues over the memory store, under a made-up clock, with an engine that does what a
 * test tells it. */
#ifndef SWM_TEST_QUEUE_RIG_H
#define SWM_TEST_QUEUE_RIG_H

#include "queue/queue_local.h"
#include "store/store_mem.h"
#include "unit.h"

#define RIG_START_MS 1700000000000
#define RIG_GOTS 64
#define RIG_READS 64
#define RIG_TEXT_BYTES 1024

struct queue_rig_got { /* one receive */
    struct rig *rig;
    uint64_t handle;
    bool is_answered, is_gone; /* gone: its client has left */
    enum err err;
    uint32_t count;
    struct queue_rig_message {
        char id[RIG_TEXT_BYTES], body[RIG_TEXT_BYTES], receipt[RIG_TEXT_BYTES],
            attributes[RIG_TEXT_BYTES];
        int64_t receives, sent_at_ms, first_received_at_ms;
        bool is_task;
    } messages[10];
};

struct queue_rig_read { /* a text that was asked for and not told yet */
    queue_local_text *reply;
    void *context;
    char task[64];
};

struct rig {
    struct store *store;
    struct queue_local *q;
    struct queue *port;
    struct queue_front *front;
    int64_t now_ms;
    uint64_t lives;
    struct queue_rig_got *gots;
    unsigned got_count;

    bool is_slow; /* texts wait for queue_rig_tell_texts */
    struct queue_rig_read reads[RIG_READS];
    unsigned read_count;
    const char *missing; /* the task that exists no more */
    unsigned refills, deletes;
    void (*refill)(struct rig *t); /* what a refill offers */
    bool has_more;                 /* what it says then */
    enum err delete_err;
    bool is_done; /* the last rig_… that waits for the store */
    enum err err;
    char detail[256];
    enum err store_err; /* writes of the store fail with it */
};

void queue_rig_open(struct rig *t);
void queue_rig_close(struct rig *t);
void queue_rig_restart(struct rig *t); /* what is only in memory is lost */
/* Time goes on by so much, then rounds until nothing is to do now. */
void queue_rig_pass(struct rig *t, int64_t ms);
void queue_rig_settle(struct rig *t);
void queue_rig_tell_texts(struct rig *t);

enum err queue_rig_offer(struct rig *t, const char *task,
                         int64_t attempt); /* to the queue "food" */
struct queue_message queue_rig_name(const struct rig *t, const char *task, int64_t attempt);
/* wait_ms and visibility_ms as in struct queue_receive. */
struct queue_rig_got *queue_rig_receive(struct rig *t, const char *queue, uint32_t max,
                                        int64_t wait_ms, int64_t visibility_ms);
struct queue_rig_got *queue_rig_take(struct rig *t, const char *queue); /* up to ten, at once */
enum err queue_rig_delete(struct rig *t, const char *queue, const char *receipt);
enum err queue_rig_send(struct rig *t, const char *queue, const char *id, const char *body);
enum err queue_rig_send_later(struct rig *t, const char *queue, const char *id, int64_t delay_ms);
enum err queue_rig_create(struct rig *t, const char *queue, const char *attributes);
enum err queue_rig_set(struct rig *t, const char *queue, const char *attributes);
enum err queue_rig_purge(struct rig *t, const char *queue);
enum err queue_rig_drop(struct rig *t, const char *queue);
queue_front_done queue_rig_done;         /* context: the rig */
queue_front_received queue_rig_received; /* context: a got */
struct queue_rig_got *queue_rig_got(struct rig *t);
bool queue_rig_is(const struct queue_rig_got *g,
                  const char *bodies); /* "a b": these bodies, in order */

#endif
