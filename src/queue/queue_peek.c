/* Looking at messages without receiving them: copies of what is visible, longest first. Before it
 * stand the doors, after it the engine, which knows the texts. It must keep nothing of a message
 * but copies: it may go away while the texts of others are read. */
#include "queue/queue_local_int.h"

#include <stdlib.h>
#include <string.h>

static struct slice put(char **at, struct slice s)
{
    struct slice copy = {*at, s.len};
    if (s.at == NULL)
        return SLICE_NONE;
    if (s.len > 0)
        memcpy(*at, s.at, s.len);
    *at += s.len;
    return copy;
}

static void look_at(struct poll *p, const struct message *m)
{
    struct poll_slot *slot = &p->slots[p->count++];
    *slot = (struct poll_slot){.poll = p};
    slot->delivery = (struct queue_delivery){.sent_at_ms = m->sent_at_ms,
                                             .first_received_at_ms = m->first_received_at_ms,
                                             .receives = m->receives,
                                             .is_task = m->is_task};
    char *at = malloc(m->key.len + m->body.len + m->attributes.len + 1);
    slot->text = at;
    if (at == NULL) {
        slot->err = ERR_MEMORY;
        return;
    }
    slot->delivery.id = put(&at, m->key);
    slot->delivery.body = put(&at, m->body);
    slot->delivery.attributes = put(&at, m->attributes);
    if (m->is_task) {
        slot->name = m->name;
        slot->name.instance.at = slot->text + (m->name.instance.at - m->key.at);
        slot->name.task.at = slot->text + (m->name.task.at - m->key.at);
        message_write_id(m, slot->id);
    }
}

void peek_finish(struct queue_local *q, struct poll *p)
{
    struct queue_delivery d[PEEK_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        struct poll_slot *slot = &p->slots[i];
        if (slot->delivery.is_task)
            slot->delivery.id = (struct slice){slot->id, HASH_ID_CHARS};
        if (slot->err == ERR_NONE)
            d[count++] = slot->delivery;
    }
    p->receive.reply(p->receive.context, ERR_NONE, d, count);
    poll_free(q, p);
}

void poll_peek(struct queue_front *f, struct slice queue, uint32_t max, queue_front_received *reply,
               void *context)
{
    struct queue_local *q = local_of_front(f);
    struct work_queue *w = queue_find_open(q, queue);
    enum err err = w == NULL ? ERR_UNKNOWN_QUEUE : ERR_NONE;
    max = max > PEEK_MAX ? PEEK_MAX : max;
    struct poll *p = err == ERR_NONE ? poll_make(q, w, max, TIME_NEVER) : NULL;
    if (p == NULL) {
        reply(context, err == ERR_NONE ? ERR_MEMORY : err, NULL, 0);
        return;
    }
    p->is_peek = true;
    p->receive = (struct queue_receive){.reply = reply, .context = context};
    list_append(&q->picking, &p->link);
    const struct link *k = list_first(&w->visible);
    for (; k != NULL && p->count < max; k = list_after(&w->visible, k))
        look_at(p, LINK_OWNER(k, const struct message, place));
    p->outstanding = 1;
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->slots[i].delivery.is_task && p->slots[i].err == ERR_NONE)
            poll_ask(&p->slots[i], &p->slots[i].name);
    }
    poll_asked(p);
}
