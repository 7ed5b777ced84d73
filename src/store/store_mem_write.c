/* The writes of the memory store. A write first looks whether it is refused, then copies what it is
 * given, and links the copies in last; a shortage of memory on the way undoes what was linked (see
 * do_request in store_mem.c). Nothing here may change a result of an earlier request. */
#include "store/grow.h"
#include "store/store_mem_int.h"

#include <string.h>

struct slice mem_copy(struct arena *a, struct slice s)
{
    if (s.at == NULL) {
        return s;
    }
    return s.len == 0 ? SLICE("") : slice_copy(a, s);
}

void mem_copy_row(struct arena *a, struct store_row *to, const struct store_row *from)
{
    *to = *from;
    to->id = mem_copy(a, from->id);
    to->template = mem_copy(a, from->template);
    to->key = mem_copy(a, from->key);
    to->status = mem_copy(a, from->status);
    to->stage = mem_copy(a, from->stage);
    to->business_status = mem_copy(a, from->business_status);
    to->queue = mem_copy(a, from->queue);
    to->node = mem_copy(a, from->node);
    to->state = mem_copy(a, from->state);
    to->ready = NULL;
    to->ready_count = 0;
    to->had_ready = false;
}

void mem_copy_record(struct arena *a, struct store_record *to, const struct store_record *from)
{
    *to = *from;
    to->instance = mem_copy(a, from->instance);
    to->event = mem_copy(a, from->event);
    to->verdict = mem_copy(a, from->verdict);
    to->bytes = mem_copy(a, from->bytes);
    to->node = mem_copy(a, from->node);
}

void mem_copy_message(struct arena *a, struct store_message *to, const struct store_message *from)
{
    *to = *from;
    to->queue = mem_copy(a, from->queue);
    to->id = mem_copy(a, from->id);
    to->body = mem_copy(a, from->body);
    to->attributes = mem_copy(a, from->attributes);
}

void mem_copy_queue(struct arena *a, struct store_queue *to, const struct store_queue *from)
{
    *to = *from;
    to->name = mem_copy(a, from->name);
    to->attributes = mem_copy(a, from->attributes);
}

void mem_copy_template(struct arena *a, struct store_template *to,
                       const struct store_template *from)
{
    *to = *from;
    to->name = mem_copy(a, from->name);
    to->alias = mem_copy(a, from->alias);
    to->digest_hex = mem_copy(a, from->digest_hex);
    to->source = mem_copy(a, from->source);
    to->applied_by = mem_copy(a, from->applied_by);
    to->note = mem_copy(a, from->note);
}

/* The instance's entry, made where it is new: without row and records nobody sees it. */
static struct mem_instance *obtain(struct store_mem *s, struct slice id)
{
    struct mem_instance *i = map_find(&s->instances, id);
    void *items = s->data.instances;

    if (i != NULL) {
        return i;
    }
    i = arena_alloc(&s->kept, sizeof(*i));
    i->id = mem_copy(&s->kept, id);
    i->n = s->data.instance_count + 1;
    struct mem_instance **place =
        grow_one(&s->kept, &items, &s->data.instance_count, sizeof(struct mem_instance *));
    s->data.instances = items;
    *place = i;
    if (map_put(&s->instances, i->id, i) != ERR_NONE) {
        arena_give_up(&s->kept);
    }
    s->saved = s->data; /* the map has it: it is not undone any more */
    return i;
}

/* A row as it is kept: with its own list of ready entries, or, where the new row has nothing to say
 * about them, those of the old one. */
static struct store_row *keep_row(struct store_mem *s, const struct store_row *from,
                                  const struct store_row *old, struct slice node)
{
    struct store_row *row = arena_alloc(&s->kept, sizeof(*row));
    uint32_t kept = old != NULL && !from->had_ready ? old->ready_count : 0;
    struct store_ready *ready =
        arena_array(&s->kept, kept + from->ready_count, sizeof(struct store_ready));

    mem_copy_row(&s->kept, row, from);
    row->node = s->base.ops->is_shared ? mem_copy(&s->kept, node) : SLICE_NONE;
    row->is_unsettled = false;
    if (kept > 0) {
        memcpy(ready, old->ready, kept * sizeof(*ready));
    }
    for (uint32_t i = 0; i < from->ready_count; i++) {
        ready[kept + i] = (struct store_ready){
            .queue = mem_copy(&s->kept, from->ready[i].queue),
            .instance = row->id,
            .task = mem_copy(&s->kept, from->ready[i].task),
            .item = from->ready[i].item,
            .at_ms = from->ready[i].at_ms,
            .generation = from->ready[i].generation,
            .attempt = from->ready[i].attempt,
            .visibility_ms = from->ready[i].visibility_ms,
        };
    }
    row->ready = ready;
    row->ready_count = kept + from->ready_count;
    return row;
}

static void keep_payloads(struct store_mem *s, const struct store_request *r)
{
    for (uint32_t i = 0; i < r->payload_count; i++) {
        struct slice digest = {(const char *)r->payloads[i].digest, SHA256_BYTES};
        if (map_find(&s->payloads, digest) != NULL) {
            continue;
        }
        struct store_payload *p = arena_alloc(&s->kept, sizeof(*p));
        *p = r->payloads[i];
        p->text = mem_copy(&s->kept, r->payloads[i].text);
        digest.at = (const char *)p->digest;
        if (map_put(&s->payloads, digest, p) != ERR_NONE) {
            arena_give_up(&s->kept);
        }
    }
}

static bool claims_key(const struct store_row *row)
{
    return row->is_open && !row->shares_key && row->key.at != NULL && row->template.at != NULL;
}

static bool takes_key_of(const struct store_row *row, const struct store_row *other)
{
    return claims_key(row) && claims_key(other) && slice_eq(row->key, other->key) &&
           slice_eq(row->template, other->template) && !slice_eq(row->id, other->id);
}

/* ERR_EXISTS: an open instance, or a row earlier in the request, has the row's key. */
static enum err check_key(struct store_mem *s, struct store_request *r, uint32_t at)
{
    const struct store_row *row = &r->rows[at];
    struct slice holder = SLICE_NONE;

    for (uint32_t i = 0; i < s->data.instance_count && claims_key(row); i++) {
        const struct store_row *other = s->data.instances[i]->row;
        if (other != NULL && takes_key_of(row, other)) {
            holder = other->id;
        }
    }
    for (uint32_t i = 0; i < at; i++) { /* what comes earlier in the request stands already */
        if (slice_eq(r->rows[i].id, holder) && !takes_key_of(row, &r->rows[i])) {
            holder = SLICE_NONE;
        } else if (takes_key_of(row, &r->rows[i])) {
            holder = r->rows[i].id;
        }
    }
    r->value = mem_copy(r->arena, holder);
    return holder.at == NULL ? ERR_NONE : ERR_EXISTS;
}

static bool has_seq(const struct mem_instance *i, uint64_t seq)
{
    for (uint32_t k = 0; k < i->record_count && seq <= i->seq_max; k++) {
        if (i->records[k].seq == seq) {
            return true;
        }
    }
    return false;
}

static enum err check_seqs(const struct mem_instance *i, const struct store_request *r)
{
    for (uint32_t k = 0; k < r->record_count; k++) {
        if (has_seq(i, r->records[k].seq)) {
            return ERR_CONFLICT;
        }
        for (uint32_t before = 0; before < k; before++) {
            if (r->records[before].seq == r->records[k].seq) {
                return ERR_CONFLICT;
            }
        }
    }
    return ERR_NONE;
}

static void link_record(struct store_mem *s, struct mem_instance *i, struct store_record *rec,
                        struct slice node)
{
    void *feed = s->data.feed, *records = i->records;
    struct store_record copy;

    rec->pos = s->data.feed_count + 1;
    mem_copy_record(&s->kept, &copy, rec);
    copy.instance = i->id;
    copy.node = s->base.ops->is_shared ? mem_copy(&s->kept, node) : SLICE_NONE;
    struct store_record *in_feed = grow_one(&s->kept, &feed, &s->data.feed_count, sizeof(copy));
    s->data.feed = feed;
    *in_feed = copy;
    struct store_record *in_records = grow_one(&s->kept, &records, &i->record_count, sizeof(copy));
    i->records = records;
    *in_records = copy;
    i->seq_max = copy.seq > i->seq_max ? copy.seq : i->seq_max;
}

/* Where nodes share the store, a commit's row only says who has the key; ROWS writes it. What a row
 * says of an earlier revision must not give the key away again. */
static struct store_row *reserve_key(struct store_mem *s, struct mem_instance *i,
                                     const struct store_request *r)
{
    struct store_row *row;

    if (!claims_key(&r->rows[0])) {
        return NULL;
    }
    i->held_seq = r->record_count > 0 ? r->records[0].seq : 0;
    row = arena_alloc(&s->kept, sizeof(*row));
    *row = (struct store_row){.id = i->id, .wake_at_ms = TIME_NEVER};
    if (i->row != NULL) {
        *row = *i->row;
    }
    row->template = mem_copy(&s->kept, r->rows[0].template);
    row->key = mem_copy(&s->kept, r->rows[0].key);
    row->node = mem_copy(&s->kept, r->node);
    row->is_open = true;
    return row;
}

static enum err commit(struct store_mem *s, struct store_request *r)
{
    struct mem_instance *i = obtain(s, r->id);
    struct store_row *row = NULL;
    bool is_shared = s->base.ops->is_shared;
    enum err err = check_seqs(i, r);

    if (err == ERR_NONE && r->row_count > 0) {
        err = check_key(s, r, 0);
    }
    if (err != ERR_NONE) {
        return err;
    }
    s->touched_saved = *i;
    s->touched = i;
    if (r->row_count > 0) {
        row = is_shared ? reserve_key(s, i, r) : keep_row(s, &r->rows[0], i->row, r->node);
    }
    for (uint32_t k = 0; k < r->record_count; k++) {
        link_record(s, i, &r->records[k], r->node);
    }
    keep_payloads(s, r);
    i->row = row != NULL ? row : i->row;
    r->last_pos = s->data.feed_count;
    r->is_row_written = row != NULL && !is_shared;
    return ERR_NONE;
}

static enum err write_rows(struct store_mem *s, struct store_request *r)
{
    struct mem_instance **of = arena_array(r->arena, r->row_count, sizeof(struct mem_instance *));
    struct store_row **rows = arena_array(r->arena, r->row_count, sizeof(struct store_row *));

    for (uint32_t i = 0; i < r->row_count; i++) {
        of[i] = obtain(s, r->rows[i].id);
        rows[i] = of[i]->row;
        if ((rows[i] != NULL && rows[i]->rev > r->rows[i].rev) ||
            of[i]->held_seq > r->rows[i].rev) {
            continue; /* a commit's own row is newer: this one says nothing */
        }
        enum err err = check_key(s, r, i);
        if (err != ERR_NONE) {
            return err;
        }
        rows[i] = keep_row(s, &r->rows[i], of[i]->row, r->node);
    }
    keep_payloads(s, r);
    for (uint32_t i = 0; i < r->row_count; i++) {
        of[i]->row = rows[i];
    }
    if (r->folded_pos > s->data.folded_pos) {
        s->data.folded_pos = r->folded_pos;
    }
    return ERR_NONE;
}

/* The numbers of its records stay gaps. */
static enum err remove_instance(struct store_mem *s, struct store_request *r)
{
    struct mem_instance *i = map_find(&s->instances, r->id);

    for (uint32_t k = 0; i != NULL && k < i->record_count; k++) {
        s->data.feed[i->records[k].pos - 1].instance = SLICE_NONE;
    }
    if (i != NULL) {
        i->row = NULL;
        i->record_count = 0;
        i->seq_max = i->held_seq = 0;
    }
    return ERR_NONE;
}

static enum err put_template(struct store_mem *s, struct store_request *r)
{
    const struct store_template *t = &r->templates[0];
    void *items = s->data.templates;
    struct store_template copy;
    bool is_taken = false;

    for (uint32_t i = 0; i < s->data.template_count; i++) {
        const struct store_template *other = &s->data.templates[i];
        if (slice_eq(t->name, other->name) && t->version == other->version) {
            return ERR_CONFLICT;
        }
        is_taken =
            is_taken || (t->alias.at != NULL && other->alias.at != NULL &&
                         slice_eq(t->alias, other->alias) && !slice_eq(t->name, other->name));
    }
    if (is_taken) {
        return ERR_EXISTS;
    }
    mem_copy_template(&s->kept, &copy, t);
    struct store_template *place =
        grow_one(&s->kept, &items, &s->data.template_count, sizeof(copy));
    s->data.templates = items;
    *place = copy;
    return ERR_NONE;
}

static enum err put_queue(struct store_mem *s, struct store_request *r)
{
    struct store_queue copy, *place = NULL;
    void *items = s->data.queues;

    mem_copy_queue(&s->kept, &copy, &r->queues[0]);
    for (uint32_t i = 0; i < s->data.queue_count && place == NULL; i++) {
        place = slice_eq(s->data.queues[i].name, copy.name) ? &s->data.queues[i] : NULL;
    }
    if (place == NULL) {
        place = grow_one(&s->kept, &items, &s->data.queue_count, sizeof(copy));
        s->data.queues = items;
    }
    *place = copy;
    return ERR_NONE;
}

static enum err purge(struct store_mem *s, struct store_request *r)
{
    for (uint32_t i = 0; i < s->data.message_count; i++) {
        if (slice_eq(s->data.messages[i].message.queue, r->id)) {
            s->data.messages[i].is_gone = true;
        }
    }
    return ERR_NONE;
}

static enum err drop_queue(struct store_mem *s, struct store_request *r)
{
    for (uint32_t i = 0; i < s->data.queue_count; i++) {
        if (slice_eq(s->data.queues[i].name, r->id)) {
            s->data.queues[i] = s->data.queues[--s->data.queue_count];
            break;
        }
    }
    return purge(s, r);
}

static struct mem_message *find_message(const struct mem_data *d, const struct store_message *m)
{
    for (uint32_t i = 0; i < d->message_count; i++) {
        struct mem_message *other = &d->messages[i];
        if (!other->is_gone && slice_eq(other->message.id, m->id) &&
            slice_eq(other->message.queue, m->queue)) {
            return other;
        }
    }
    return NULL;
}

static void add_message(struct store_mem *s, const struct store_message *copy)
{
    void *items = s->data.messages;
    struct mem_message *place =
        grow_one(&s->kept, &items, &s->data.message_count, sizeof(struct mem_message));

    s->data.messages = items;
    *place = (struct mem_message){.message = *copy, .n = s->data.message_count};
}

/* New ones first, which may run short of memory; then nothing can fail. */
static enum err put_messages(struct store_mem *s, struct store_request *r)
{
    struct store_message *copies =
        arena_array(r->arena, r->message_count, sizeof(struct store_message));

    for (uint32_t i = 0; i < r->message_count; i++) {
        mem_copy_message(&s->kept, &copies[i], &r->messages[i]);
        if (find_message(&s->data, &copies[i]) == NULL) {
            add_message(s, &copies[i]);
        }
    }
    for (uint32_t i = 0; i < r->message_count; i++) {
        find_message(&s->data, &copies[i])->message = copies[i];
    }
    return ERR_NONE;
}

static enum err drop_messages(struct store_mem *s, struct store_request *r)
{
    for (uint32_t i = 0; i < r->message_count; i++) {
        struct mem_message *m = find_message(&s->data, &r->messages[i]);
        if (m != NULL) {
            m->is_gone = true;
        }
    }
    return ERR_NONE;
}

struct mem_meta *mem_find_meta(const struct store_mem *s, struct slice name)
{
    for (uint32_t i = 0; i < s->data.meta_count; i++) {
        if (slice_eq(s->data.metas[i].name, name)) {
            return &s->data.metas[i];
        }
    }
    return NULL;
}

static enum err add_meta(struct store_mem *s, struct store_request *r)
{
    struct mem_meta *m = mem_find_meta(s, r->id);
    void *items = s->data.metas;

    if (m == NULL) {
        struct mem_meta copy = {mem_copy(&s->kept, r->id), mem_copy(&s->kept, r->key)};
        m = grow_one(&s->kept, &items, &s->data.meta_count, sizeof(*m));
        s->data.metas = items;
        *m = copy;
    }
    r->value = mem_copy(r->arena, m->value);
    return ERR_NONE;
}

static enum err (*const writes[STORE_OP_COUNT])(struct store_mem *, struct store_request *) = {
    [STORE_COMMIT] = commit,
    [STORE_ROWS] = write_rows,
    [STORE_TEMPLATE_PUT] = put_template,
    [STORE_QUEUE_PUT] = put_queue,
    [STORE_QUEUE_DELETE] = drop_queue,
    [STORE_MESSAGE_PUT] = put_messages,
    [STORE_MESSAGE_DELETE] = drop_messages,
    [STORE_PURGE] = purge,
    [STORE_META] = add_meta,
    [STORE_KEY_PUT] = mem_put_key,
    [STORE_NODE_PUT] = mem_put_node,
    [STORE_NODE_DROP] = mem_drop_node,
    [STORE_REMOVE] = remove_instance,
};

/* META without a value only reads. */
bool mem_writes(const struct store_request *r)
{
    return writes[r->op] != NULL && (r->op != STORE_META || r->key.at != NULL);
}

enum err mem_write(struct store_mem *s, struct store_request *r)
{
    r->value = SLICE_NONE;
    return writes[r->op](s, r);
}
