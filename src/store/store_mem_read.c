/* The reads of the memory store. Results are copies in the request's arena, so that whoever keeps
 * one longer than the arena lives is found out. Orders and cursors are those of the SQLite driver.
 * Nothing here may change what is kept. */
#include "store/cursor.h"
#include "store/grow.h"
#include "store/store_mem_int.h"

#include "base/text.h"

#include <stdlib.h>

static int by_number(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_time(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* --- records --- */

static int by_seq(const void *a, const void *b)
{
    return by_number(((const struct store_record *)a)->seq, ((const struct store_record *)b)->seq);
}

static int by_pos(const void *a, const void *b)
{
    return by_number(((const struct store_record *)a)->pos, ((const struct store_record *)b)->pos);
}

static void turn_around(struct store_record *records, uint32_t count)
{
    for (uint32_t i = 0; i < count / 2; i++) {
        struct store_record t = records[i];
        records[i] = records[count - 1 - i];
        records[count - 1 - i] = t;
    }
}

/* The chosen ones in order, cut at the limit, copied. */
static void give_records(struct store_request *r, struct store_record *chosen, uint32_t count,
                         int (*order)(const void *, const void *))
{
    if (count > 0) {
        qsort(chosen, count, sizeof(*chosen), order);
    }
    if (r->newest_first) {
        turn_around(chosen, count);
    }
    if (r->limit != 0 && count > r->limit) {
        count = r->limit;
    }
    r->records = arena_array(r->arena, count, sizeof(*chosen));
    r->record_count = count;
    for (uint32_t i = 0; i < count; i++) {
        mem_copy_record(r->arena, &r->records[i], &chosen[i]);
    }
}

static enum err records(struct store_mem *s, struct store_request *r)
{
    const struct mem_instance *of = map_find(&s->instances, r->id);
    uint32_t count = 0;

    if (of == NULL) {
        return ERR_NONE;
    }
    struct store_record *chosen = arena_array(r->arena, of->record_count, sizeof(*chosen));
    for (uint32_t i = 0; i < of->record_count; i++) {
        uint64_t seq = of->records[i].seq;
        if (r->newest_first ? r->seq == 0 || seq < r->seq : seq >= r->seq) {
            chosen[count++] = of->records[i];
        }
    }
    give_records(r, chosen, count, by_seq);
    return ERR_NONE;
}

static bool is_fed(const struct store_request *r, const struct store_record *rec)
{
    bool is_within = r->newest_first ? r->pos == 0 || rec->pos < r->pos : rec->pos > r->pos;

    if (r->pos == 0 && r->at_ms > 0) {
        is_within = r->newest_first ? rec->at_ms < r->at_ms : rec->at_ms >= r->at_ms;
    }
    return is_within && rec->instance.at != NULL && (rec->is_act || !r->acts_only);
}

static enum err feed(struct store_mem *s, struct store_request *r)
{
    struct store_record *chosen = arena_array(r->arena, s->data.feed_count, sizeof(*chosen));
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->data.feed_count; i++) {
        if (is_fed(r, &s->data.feed[i])) {
            chosen[count++] = s->data.feed[i];
        }
    }
    give_records(r, chosen, count, by_pos);
    r->last_pos = s->data.feed_count;
    return ERR_NONE;
}

bool mem_is_row(const struct mem_instance *i)
{
    return i->row != NULL && i->row->rev > 0;
}

static enum err names(struct store_mem *s, struct store_request *r)
{
    r->rows = arena_array(r->arena, r->id_count, sizeof(*r->rows));
    for (uint32_t k = 0; k < r->id_count; k++) {
        const struct mem_instance *i = map_find(&s->instances, r->ids[k]);
        if (i != NULL && i->row != NULL) {
            mem_copy_row(r->arena, &r->rows[r->row_count++], i->row);
        }
    }
    return ERR_NONE;
}

static const struct mem_instance *find_by_key(const struct store_mem *s,
                                              const struct store_request *r)
{
    const struct mem_instance *best = NULL;

    for (uint32_t i = 0; i < s->data.instance_count; i++) {
        const struct mem_instance *it = s->data.instances[i];
        if (it->row == NULL || it->row->key.at == NULL || !slice_eq(it->row->key, r->key) ||
            (r->template.at != NULL && !slice_eq(it->row->template, r->template))) {
            continue;
        }
        if (best == NULL || it->row->is_open > best->row->is_open ||
            (it->row->is_open == best->row->is_open &&
             it->row->started_at_ms >= best->row->started_at_ms)) {
            best = it;
        }
    }
    return best;
}

static enum err load(struct store_mem *s, struct store_request *r)
{
    const struct mem_instance *i =
        r->id.at != NULL ? map_find(&s->instances, r->id) : find_by_key(s, r);
    uint32_t count = 0;
    uint64_t known = r->seq;

    if (i == NULL || (i->row == NULL && i->record_count == 0)) {
        return r->seq > 0 ? ERR_NONE : ERR_NOT_FOUND;
    }
    if (r->seq == 0 && i->row != NULL && (mem_is_row(i) || r->id.at == NULL)) {
        known = i->row->rev;
        r->rows = arena_array(r->arena, 1, sizeof(*r->rows));
        r->row_count = 1;
        mem_copy_row(r->arena, &r->rows[0], i->row);
    }
    struct store_record *chosen = arena_array(r->arena, i->record_count, sizeof(*chosen));
    for (uint32_t k = 0; k < i->record_count; k++) {
        if (i->records[k].seq > known) {
            chosen[count++] = i->records[k];
        }
    }
    give_records(r, chosen, count, by_seq);
    return ERR_NONE;
}

/* --- rows --- */

static int newest_first(const void *a, const void *b)
{
    const struct mem_instance *x = *(const struct mem_instance *const *)a;
    const struct mem_instance *y = *(const struct mem_instance *const *)b;
    int order = by_time(y->row->started_at_ms, x->row->started_at_ms);

    return order != 0 ? order : by_number(y->n, x->n);
}

static int due_first(const void *a, const void *b)
{
    const struct mem_instance *x = *(const struct mem_instance *const *)a;
    const struct mem_instance *y = *(const struct mem_instance *const *)b;
    int order = by_time(x->row->wake_at_ms, y->row->wake_at_ms);

    return order != 0 ? order : by_number(x->n, y->n);
}

static bool is_after(const struct mem_instance *i, int64_t at_ms, int64_t n)
{
    return i->row->started_at_ms < at_ms || (i->row->started_at_ms == at_ms && (int64_t)i->n < n);
}

static enum err list(struct store_mem *s, struct store_request *r)
{
    const struct mem_instance **chosen =
        arena_array(r->arena, s->data.instance_count, sizeof(struct mem_instance *));
    uint32_t count = 0;
    int64_t at_ms, n;
    enum err err = cursor_read_list(r->after, &at_ms, &n);

    if (err != ERR_NONE) {
        return err;
    }
    for (uint32_t i = 0; i < s->data.instance_count; i++) {
        const struct mem_instance *it = s->data.instances[i];
        bool is_there = mem_is_row(it) || (r->filter.with_new && it->row != NULL);
        if (is_there && is_after(it, at_ms, n) && mem_passes(it->row, &r->filter)) {
            chosen[count++] = it;
        }
    }
    qsort(chosen, count, sizeof(struct mem_instance *), newest_first);
    r->row_count = r->limit != 0 && count > r->limit ? r->limit : count;
    r->rows = arena_array(r->arena, r->row_count, sizeof(*r->rows));
    for (uint32_t i = 0; i < r->row_count; i++) {
        mem_copy_row(r->arena, &r->rows[i], chosen[i]->row);
        r->rows[i].state = SLICE_NONE;
    }
    if (count > r->row_count) {
        const struct mem_instance *last = chosen[r->row_count - 1];
        struct text t = text_new(r->arena, TIME_TEXT_BYTES * 2);
        text_printf(&t, "%lld:%llu", (long long)last->row->started_at_ms,
                    (unsigned long long)last->n);
        r->next = text_slice(&t);
    }
    return ERR_NONE;
}

static enum err due(struct store_mem *s, struct store_request *r)
{
    const struct mem_instance **chosen =
        arena_array(r->arena, s->data.instance_count, sizeof(struct mem_instance *));
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->data.instance_count; i++) {
        const struct store_row *row = s->data.instances[i]->row;
        if (row != NULL && row->wake_at_ms != TIME_NEVER && row->wake_at_ms <= r->at_ms) {
            chosen[count++] = s->data.instances[i];
        }
    }
    qsort(chosen, count, sizeof(struct mem_instance *), due_first);
    r->row_count = r->limit != 0 && count > r->limit ? r->limit : count;
    r->rows = arena_array(r->arena, r->row_count, sizeof(*r->rows));
    for (uint32_t i = 0; i < r->row_count; i++) {
        r->rows[i].id = mem_copy(r->arena, chosen[i]->id);
        r->rows[i].template = mem_copy(r->arena, chosen[i]->row->template);
        r->rows[i].wake_at_ms = chosen[i]->row->wake_at_ms;
        r->rows[i].node = mem_copy(r->arena, chosen[i]->row->node);
    }
    return ERR_NONE;
}

static int oldest_first(const void *a, const void *b)
{
    const struct mem_instance *x = *(const struct mem_instance *const *)a;
    const struct mem_instance *y = *(const struct mem_instance *const *)b;
    int order = by_time(x->row->updated_at_ms, y->row->updated_at_ms);

    return order != 0 ? order : by_number(x->n, y->n);
}

static enum err expired(struct store_mem *s, struct store_request *r)
{
    const struct mem_instance **chosen =
        arena_array(r->arena, s->data.instance_count, sizeof(struct mem_instance *));
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->data.instance_count; i++) {
        const struct mem_instance *it = s->data.instances[i];
        if (mem_is_row(it) && !it->row->is_open && it->row->updated_at_ms < r->at_ms) {
            chosen[count++] = it;
        }
    }
    qsort(chosen, count, sizeof(struct mem_instance *), oldest_first);
    r->row_count = r->limit != 0 && count > r->limit ? r->limit : count;
    r->rows = arena_array(r->arena, r->row_count, sizeof(*r->rows));
    for (uint32_t i = 0; i < r->row_count; i++) {
        r->rows[i].id = mem_copy(r->arena, chosen[i]->id);
    }
    return ERR_NONE;
}

static bool is_among(const struct store_request *r, struct slice id)
{
    for (uint32_t i = 0; i < r->row_count; i++) {
        if (slice_eq(r->rows[i].id, id)) {
            return true;
        }
    }
    return false;
}

static enum err behind(struct store_mem *s, struct store_request *r)
{
    const struct store_node *node = mem_find_node(s, r->node);
    uint64_t folded_pos = r->node.at == NULL ? s->data.folded_pos
                          : node != NULL     ? node->folded_pos
                                             : 0;
    uint64_t from = r->seq > folded_pos ? r->seq : folded_pos + 1;
    void *rows = NULL;

    r->folded_pos = folded_pos;
    r->last_pos = s->data.feed_count;
    for (uint64_t pos = from; pos <= s->data.feed_count; pos++) {
        const struct store_record *record = &s->data.feed[pos - 1];
        struct slice id = record->instance;
        bool is_asked = r->node.at == NULL || slice_eq(record->node, r->node);
        if (id.at == NULL || !is_asked || is_among(r, id)) {
            continue;
        }
        if (r->limit != 0 && r->row_count == r->limit) {
            struct text t = text_new(r->arena, TIME_TEXT_BYTES);
            text_put_int(&t, (int64_t)pos);
            r->next = text_slice(&t);
            break;
        }
        struct store_row *row = grow_one(r->arena, &rows, &r->row_count, sizeof(*row));
        *row = (struct store_row){
            .id = mem_copy(r->arena, id), .updated_at_ms = record->at_ms, .wake_at_ms = TIME_NEVER};
        r->rows = rows;
    }
    return ERR_NONE;
}

static int by_id(const void *a, const void *b)
{
    return slice_compare(((const struct store_row *)a)->id, ((const struct store_row *)b)->id);
}

/* All of them are gathered, then those before the cursor and beyond the limit left out. */
static enum err chains(struct store_mem *s, struct store_request *r)
{
    void *rows = NULL;
    uint32_t from = 0;

    for (uint64_t pos = 1; pos <= s->data.feed_count; pos++) {
        struct slice id = s->data.feed[pos - 1].instance;
        if (id.at == NULL || !store_is_chain(id) || is_among(r, id)) {
            continue;
        }
        struct store_row *row = grow_one(r->arena, &rows, &r->row_count, sizeof(*row));
        *row = (struct store_row){.id = mem_copy(r->arena, id), .wake_at_ms = TIME_NEVER};
        r->rows = rows;
    }
    if (r->row_count > 0) {
        qsort(r->rows, r->row_count, sizeof(*r->rows), by_id);
    }
    while (r->after.at != NULL && from < r->row_count &&
           slice_compare(r->rows[from].id, r->after) <= 0) {
        from++;
    }
    r->rows += from;
    r->row_count -= from;
    if (r->limit != 0 && r->row_count > r->limit) {
        r->row_count = r->limit;
        r->next = r->rows[r->limit - 1].id;
    }
    return ERR_NONE;
}

static int by_name(const void *a, const void *b)
{
    const struct store_count *x = a, *y = b;
    int order = slice_compare(x->template, y->template);

    if (order == 0) {
        order = (x->version > y->version) - (x->version < y->version);
    }
    return order != 0 ? order : slice_compare(x->status, y->status);
}

static struct slice text_of(struct slice s)
{
    return s.at == NULL ? SLICE("") : s;
}

static enum err counts(struct store_mem *s, struct store_request *r)
{
    void *items = NULL;

    for (uint32_t i = 0; i < s->data.instance_count; i++) {
        const struct mem_instance *it = s->data.instances[i];
        const struct store_row *row = mem_is_row(it) ? it->row : NULL;
        struct store_count *c = NULL;
        for (uint32_t k = 0; k < r->count_count && row != NULL && c == NULL; k++) {
            bool is_it = slice_eq(r->counts[k].template, text_of(row->template)) &&
                         r->counts[k].version == row->version &&
                         slice_eq(r->counts[k].status, text_of(row->status));
            c = is_it ? &r->counts[k] : NULL;
        }
        if (c == NULL && row != NULL) {
            c = grow_one(r->arena, &items, &r->count_count, sizeof(*c));
            c->template = mem_copy(r->arena, text_of(row->template));
            c->version = row->version;
            c->status = mem_copy(r->arena, text_of(row->status));
            r->counts = items;
        }
        if (c != NULL) {
            c->count++;
        }
    }
    if (r->count_count > 0) {
        qsort(r->counts, r->count_count, sizeof(*r->counts), by_name);
    }
    return ERR_NONE;
}

static enum err payloads(struct store_mem *s, struct store_request *r)
{
    for (uint32_t i = 0; i < r->payload_count; i++) {
        struct slice digest = {(const char *)r->payloads[i].digest, SHA256_BYTES};
        const struct store_payload *p = map_find(&s->payloads, digest);
        r->payloads[i].text = p == NULL ? SLICE_NONE : mem_copy(r->arena, p->text);
    }
    return ERR_NONE;
}

static enum err meta(struct store_mem *s, struct store_request *r)
{
    const struct mem_meta *m = mem_find_meta(s, r->id);

    r->value = m == NULL ? SLICE_NONE : mem_copy(r->arena, m->value);
    return ERR_NONE;
}

static enum err back_up(struct store_mem *s, struct store_request *r)
{
    (void)s;
    (void)r;
    return ERR_STORE;
}

static enum err (*const reads[STORE_OP_COUNT])(struct store_mem *, struct store_request *) = {
    [STORE_LOAD] = load,
    [STORE_PAYLOADS] = payloads,
    [STORE_RECORDS] = records,
    [STORE_FEED] = feed,
    [STORE_NAMES] = names,
    [STORE_LIST] = list,
    [STORE_COUNTS] = counts,
    [STORE_MATCHES] = mem_read_matches,
    [STORE_ACTIVITY] = mem_read_activity,
    [STORE_OVERDUE] = mem_read_overdue,
    [STORE_DUE] = due,
    [STORE_BEHIND] = behind,
    [STORE_READY] = mem_read_ready,
    [STORE_TEMPLATES] = mem_read_templates,
    [STORE_QUEUES] = mem_read_queues,
    [STORE_MESSAGES] = mem_read_messages,
    [STORE_META] = meta,
    [STORE_BACKUP] = back_up,
    [STORE_KEYS] = mem_read_keys,
    [STORE_EXPIRED] = expired,
    [STORE_CHAINS] = chains,
};

enum err mem_read(struct store_mem *s, struct store_request *r)
{
    r->rows = NULL;
    r->records = NULL;
    r->counts = NULL;
    r->buckets = NULL;
    r->row_count = r->record_count = r->ready_count = r->template_count = 0;
    r->queue_count = r->message_count = r->count_count = r->key_count = 0;
    r->bucket_count = 0;
    r->whole_from_ms = 0;
    r->is_more = false;
    r->next = r->value = SLICE_NONE;
    return reads[r->op](s, r);
}
