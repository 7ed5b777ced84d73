/* Stored messages beyond those held: read page by page when few are left, oldest first; and those
 * that are older than the queue keeps them, deleted. The round comes here, after it stands the
 * store. A page may show what was deleted or is held already: such messages are passed over. */
#include "queue/queue_local_int.h"

#include <stdlib.h>
#include <string.h>

/* --- pages --- */

static void wait_a_little(struct queue_local *q, struct work_queue *w)
{
    w->read_at_ms = time_add(q->now_ms, RETRY_MS);
}

static void free_ghosts(struct queue_local *q, struct work_queue *w)
{
    struct link *k;
    while ((k = list_take(&w->ghosts)) != NULL)
        message_free(q, LINK_OWNER(k, struct message, age));
}

/* Takes what there is room for. False: not all of it. */
static bool take_messages(struct queue_local *q, struct work_queue *w,
                          const struct store_request *page, uint32_t *taken)
{
    for (uint32_t i = 0; i < page->message_count; i++) {
        const struct store_message *from = &page->messages[i];
        size_t bytes = from->id.len + from->body.len + from->attributes.len;
        if (map_find(&w->foreign, from->id) != NULL)
            continue;
        struct message *m = foreign_has_room(q, w, bytes) ? message_make_foreign(q, w, from) : NULL;
        if (m == NULL)
            return false;
        message_place(q, m, from->visible_at_ms);
        w->foreign_beyond -= w->foreign_beyond > 0;
        ++*taken;
    }
    return true;
}

static bool keep_cursor(struct work_queue *w, struct slice next)
{
    char *copy = strndup(next.at, next.len);
    if (copy == NULL)
        return false;
    free(w->cursor);
    w->cursor = copy;
    return true;
}

static void take_page(struct queue_local *q, struct work_queue *w, const struct store_request *page)
{
    uint32_t taken = 0;
    bool is_whole = take_messages(q, w, page, &taken);
    if (is_whole && page->next.at == NULL) {
        w->is_unread = w->is_sent_beyond;
        w->foreign_beyond = w->is_unread ? w->foreign_beyond : 0;
    } else if (is_whole) {
        is_whole = keep_cursor(w, page->next);
    }
    if (!is_whole && taken == 0)
        wait_a_little(q, w);
}

static void finish_page(struct queue_local *q, struct request *r)
{
    struct work_queue *w = request_queue(q, r);
    if (w == NULL)
        return;
    w->is_reading = false;
    if (r->store.err != ERR_NONE)
        wait_a_little(q, w);
    else if (!w->is_void)
        take_page(q, w, &r->store);
    w->is_void = w->is_sent_beyond = false;
    free_ghosts(q, w);
    mark_busy(q, w);
}

static void fill_page(struct request *r, const void *from)
{
    const struct work_queue *w = from;
    if (w->cursor != NULL)
        r->store.after = slice_copy(&r->arena, slice_of(w->cursor));
    r->store.limit = FOREIGN_PAGE;
}

void page_top_up(struct queue_local *q, struct work_queue *w)
{
    if (!w->is_unread || w->is_reading || w->purges > 0 || w->is_dropping ||
        w->foreign_visible >= FOREIGN_PAGE || q->now_ms < w->read_at_ms ||
        !foreign_has_room(q, w, 1))
        return;
    struct request *r = request_make(q, STORE_MESSAGES, w->name, fill_page, w);
    if (r == NULL) {
        wait_a_little(q, w);
        return;
    }
    r->finish = finish_page;
    w->is_reading = true;
    request_submit(q, r, w);
}

/* --- retention --- */

static int64_t expires_at(const struct work_queue *w, const struct message *m)
{
    return time_add(m->sent_at_ms, w->settings.retention_s * 1000);
}

int64_t page_next(const struct work_queue *w)
{
    struct link *first = list_first(&w->ages);
    if (first == NULL)
        return TIME_NEVER;
    int64_t at_ms = expires_at(w, LINK_OWNER(first, struct message, age));
    return at_ms > w->expire_at_ms ? at_ms : w->expire_at_ms;
}

struct expired {
    struct message *messages[FOREIGN_PAGE];
    uint32_t count;
};

static void fill_expired(struct request *r, const void *from)
{
    const struct expired *e = from;
    r->store.messages = arena_array(&r->arena, e->count, sizeof *r->store.messages);
    r->store.message_count = e->count;
    for (uint32_t i = 0; i < e->count; i++) {
        r->store.messages[i].queue = r->queue;
        r->store.messages[i].id = slice_copy(&r->arena, e->messages[i]->key);
    }
}

static void keep_old(struct queue_local *q, struct work_queue *w, struct message *m)
{
    if (!link_is_in(&m->age))
        list_prepend(&w->ages, &m->age);
    message_undo_delete(q, m);
    w->expire_at_ms = time_add(q->now_ms, RETRY_MS);
}

static void finish_expire(struct queue_local *q, struct request *r)
{
    struct work_queue *w = request_queue(q, r);
    for (uint32_t i = 0; w != NULL && i < r->store.message_count; i++) {
        struct message *m = map_find(&w->foreign, r->store.messages[i].id);
        if (m == NULL || m->state == MESSAGE_GONE)
            continue;
        if (r->store.err == ERR_NONE)
            foreign_forget(q, m);
        else
            keep_old(q, w, m);
    }
}

void page_expire(struct queue_local *q, struct work_queue *w)
{
    struct expired e = {.count = 0};
    const struct link *k = list_first(&w->ages);
    if (k == NULL || page_next(w) > q->now_ms)
        return;
    for (; k != NULL && e.count < FOREIGN_PAGE; k = list_after(&w->ages, k)) {
        struct message *m = LINK_OWNER(k, struct message, age);
        if (expires_at(w, m) > q->now_ms)
            break;
        e.messages[e.count++] = m;
    }
    struct request *r = request_make(q, STORE_MESSAGE_DELETE, w->name, fill_expired, &e);
    if (r == NULL) {
        w->expire_at_ms = time_add(q->now_ms, RETRY_MS);
        return;
    }
    for (uint32_t i = 0; i < e.count; i++) {
        list_remove(&w->ages, &e.messages[i]->age);
        message_begin_delete(q, e.messages[i]);
    }
    r->finish = finish_expire;
    request_submit(q, r, w);
}
