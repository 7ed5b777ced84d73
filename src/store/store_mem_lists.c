/* The memory store's reads of what is not an instance or a record: task messages, templates,
 * queues, foreign messages. store_mem_read.c comes here; the rules of that file hold. */
#include "store/cursor.h"
#include "store/grow.h"
#include "store/store_mem_int.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* --- task messages --- */

static int by_place(const void *a, const void *b)
{
    const struct store_ready *x = a, *y = b;
    int order = slice_compare(x->queue, y->queue);

    if (order == 0) {
        order = (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
    }
    if (order == 0) {
        order = slice_compare(x->instance, y->instance);
    }
    if (order == 0) {
        order = slice_compare(x->task, y->task);
    }
    return order != 0 ? order : (x->item > y->item) - (x->item < y->item);
}

static void add_ready_of(struct store_request *r, const struct store_row *row, void **items,
                         const struct store_ready *last)
{
    for (uint32_t i = 0; i < row->ready_count; i++) {
        const struct store_ready *it = &row->ready[i];
        if ((r->id.at != NULL && !slice_eq(r->id, it->queue)) ||
            (r->after.at != NULL && by_place(it, last) <= 0)) {
            continue;
        }
        struct store_ready *copy = grow_one(r->arena, items, &r->ready_count, sizeof(*copy));
        *copy = *it;
        copy->queue = mem_copy(r->arena, it->queue);
        copy->instance = mem_copy(r->arena, it->instance);
        copy->task = mem_copy(r->arena, it->task);
    }
}

enum err mem_read_ready(struct store_mem *s, struct store_request *r)
{
    struct store_ready last;
    void *items = NULL;
    enum err err = cursor_read_ready(r->after, &last);

    if (err != ERR_NONE) {
        return err;
    }
    for (uint32_t i = 0; i < s->data.instance_count; i++) {
        if (s->data.instances[i]->row != NULL) {
            add_ready_of(r, s->data.instances[i]->row, &items, &last);
        }
    }
    r->ready = items;
    if (r->ready_count > 0) {
        qsort(r->ready, r->ready_count, sizeof(*r->ready), by_place);
    }
    if (r->limit != 0 && r->ready_count > r->limit) {
        r->ready_count = r->limit;
        r->next = cursor_of_ready(r->arena, &r->ready[r->limit - 1]);
    }
    return ERR_NONE;
}

/* --- templates and queues --- */

static int by_version(const void *a, const void *b)
{
    const struct store_template *x = a, *y = b;
    int order = slice_compare(x->name, y->name);

    return order != 0 ? order : (x->version > y->version) - (x->version < y->version);
}

enum err mem_read_templates(struct store_mem *s, struct store_request *r)
{
    r->templates = arena_array(r->arena, s->data.template_count, sizeof(*r->templates));
    for (uint32_t i = 0; i < s->data.template_count; i++) {
        const struct store_template *t = &s->data.templates[i];
        if (r->at_ms == 0 || t->applied_at_ms >= r->at_ms) {
            mem_copy_template(r->arena, &r->templates[r->template_count++], t);
        }
    }
    qsort(r->templates, r->template_count, sizeof(*r->templates), by_version);
    return ERR_NONE;
}

static int by_name(const void *a, const void *b)
{
    return slice_compare(((const struct store_queue *)a)->name,
                         ((const struct store_queue *)b)->name);
}

enum err mem_read_queues(struct store_mem *s, struct store_request *r)
{
    r->queues = arena_array(r->arena, s->data.queue_count, sizeof(*r->queues));
    r->queue_count = s->data.queue_count;
    for (uint32_t i = 0; i < r->queue_count; i++) {
        mem_copy_queue(r->arena, &r->queues[i], &s->data.queues[i]);
    }
    qsort(r->queues, r->queue_count, sizeof(*r->queues), by_name);
    return ERR_NONE;
}

/* --- foreign messages: the cursor is n --- */

enum err mem_read_messages(struct store_mem *s, struct store_request *r)
{
    int64_t after = 0, last = 0;
    void *items = NULL;

    if (r->after.at != NULL && !slice_to_int(r->after, &after)) {
        return ERR_INVALID;
    }
    for (uint32_t i = 0; i < s->data.message_count; i++) {
        const struct mem_message *m = &s->data.messages[i];
        if (m->is_gone || m->n <= after || !slice_eq(m->message.queue, r->id)) {
            continue;
        }
        if (r->limit != 0 && r->message_count == r->limit) {
            struct text t = text_new(r->arena, TIME_TEXT_BYTES);
            text_put_int(&t, last);
            r->next = text_slice(&t);
            break;
        }
        struct store_message *copy = grow_one(r->arena, &items, &r->message_count, sizeof(*copy));
        mem_copy_message(r->arena, copy, &m->message);
        last = m->n;
    }
    r->messages = items;
    return ERR_NONE;
}
