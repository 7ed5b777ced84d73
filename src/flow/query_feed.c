/* The feed: records of all instances in the order in which they came to be, from a place on or back
 * from it, those that are asked for. The store gives them page by page; what is asked for is looked
 * for here, among a bounded number of them: then the answer says how far it came, and its `next`
 * goes on. Each is shown with the template and the key of its instance, from memory or from the
 * instance's row. Nothing here changes anything. */
#include "flow/query_int.h"

#define PAGE_RECORDS 256
#define BYTES_ENOUGH (8 * 1024 * 1024) /* of an answer */
#define SLACK_MS 10000 /* a record may be so much older than the one before it: clocks are set */

struct feed {
    uint64_t pos;  /* looked at up to here */
    uint64_t next; /* where the next page begins */
    uint32_t page; /* records asked of the store at one time */
    uint32_t looked, found;
    int64_t searched_to_ms;
    bool is_begun, is_at_end;
    bool is_next_fixed;  /* what other nodes append may still come to be after it */
    struct ask *records; /* this page, kept while names are read */
    bool *is_wanted;     /* of this page */
    struct slice *ids;   /* whose names are asked for */
    uint32_t id_count;
    const struct store_row *names;
    uint32_t name_count;
};

/* --- whose it is --- */

struct name {
    struct slice template, key;
};

/* NULL: it is not in memory. */
static const struct instance *find_here(const struct query *q, struct slice id)
{
    const struct entry *e = entry_find(q->f, id);
    return e != NULL && e->i != NULL && e->i->seq > 0 ? e->i : NULL;
}

static struct name find_name(const struct query *q, struct slice id)
{
    const struct instance *i = find_here(q, id);
    if (i != NULL)
        return (struct name){i->template_name, i->key};
    for (uint32_t k = 0; k < q->feed->name_count; k++)
        if (slice_eq(q->feed->names[k].id, id))
            return (struct name){q->feed->names[k].template, q->feed->names[k].key};
    return (struct name){SLICE_NONE, SLICE_NONE};
}

static void note_id(struct query *q, struct slice id)
{
    struct feed *w = q->feed;
    for (uint32_t k = 0; k < w->id_count; k++)
        if (slice_eq(w->ids[k], id))
            return;
    w->ids[w->id_count++] = id;
}

/* --- what is asked for --- */

static bool is_by(struct slice asked, struct slice actor)
{
    struct slice key, person;
    slice_cut(actor, '/', &key, &person);
    return asked.len == 0 || slice_eq(asked, actor) || slice_eq(asked, key) ||
           (person.at != NULL && slice_eq(asked, person));
}

/* By what is beside its bytes. */
static bool may_be_asked(const struct flow_query *q, const struct store_record *s)
{
    return query_is_any(&q->verdict, s->verdict) && query_is_any(&q->event, s->event) &&
           s->at_ms >= q->since_ms && (q->until_ms == 0 || s->at_ms < q->until_ms) &&
           (q->id.len == 0 || slice_eq(q->id, s->instance) ||
            (q->acts_only && store_is_chain(s->instance)));
}

static bool is_asked(const struct flow_query *q, const struct store_record *s,
                     const struct record *r)
{
    bool is_its = q->id.len == 0 || slice_eq(q->id, s->instance) ||
                  (q->acts_only && slice_eq(q->id, r->instance));
    return is_its && query_is_asked(q, r) && query_is_any(&q->source, r->source) &&
           is_by(q->actor, r->actor);
}

/* The rest stands in its bytes only. */
static bool asks_for_more(const struct flow_query *q)
{
    return q->task.len + q->source.count + q->actor.len > 0 || (q->acts_only && q->id.len > 0);
}

static bool is_wanted(struct query *q, const struct store_record *s)
{
    struct record r;
    if (!may_be_asked(&q->q, s))
        return false;
    if (!asks_for_more(&q->q))
        return true;
    arena_reset(&q->f->scratch);
    return record_decode(&q->f->scratch, s->bytes, &r) == ERR_NONE && is_asked(&q->q, s, &r);
}

static bool is_named_so(const struct flow_query *q, struct name n)
{
    return (q->template.len == 0 || slice_eq(q->template, n.template)) &&
           (q->key.len == 0 || slice_eq(q->key, n.key));
}

/* Marks the records of the page that are asked for as far as they tell it themselves. */
static void choose(struct query *q, void *argument)
{
    const struct store_request *page = argument;
    struct feed *w = q->feed;
    w->is_wanted = arena_array(&q->arena, page->record_count, sizeof *w->is_wanted);
    w->ids = arena_array(&q->arena, page->record_count, sizeof *w->ids);
    w->id_count = w->name_count = 0;
    q->f->scratch.edge = q->arena.edge;
    for (uint32_t k = 0; k < page->record_count; k++) {
        const struct store_record *s = &page->records[k];
        w->is_wanted[k] = is_wanted(q, s);
        if (w->is_wanted[k] && !store_is_chain(s->instance) && find_here(q, s->instance) == NULL)
            note_id(q, s->instance);
    }
    q->f->scratch.edge = NULL;
}

/* --- the answer --- */

static void put_record(struct query *q, const struct store_record *s)
{
    struct json_out *o = &q->out;
    struct record r;
    arena_reset(&q->f->scratch);
    if (record_decode(&q->f->scratch, s->bytes, &r) != ERR_NONE)
        return;
    struct name n =
        store_is_chain(s->instance) ? (struct name){r.template, r.key} : find_name(q, s->instance);
    if (!is_named_so(&q->q, n))
        return;
    q->feed->found++;
    json_object(o);
    json_put_string(o, "instance", s->instance);
    json_put_number(o, "position", (int64_t)s->pos);
    json_put_some(o, "template", n.template);
    json_put_some(o, "key", n.key);
    if (r.instance.len > 0)
        json_put_string(o, "about", r.instance);
    json_put_boolean(o, "act", s->is_act);
    query_put_record(o, &r, json_write(&q->f->scratch, r.changes));
    json_object_end(o);
}

/* Beyond the time that is asked for, with the slack. */
static bool is_beyond(const struct flow_query *q, int64_t at_ms)
{
    if (q->newest_first)
        return q->since_ms > 0 && at_ms < q->since_ms - SLACK_MS;
    return q->until_ms > 0 && at_ms >= time_add(q->until_ms, SLACK_MS);
}

static bool is_full(const struct query *q)
{
    return q->feed->found >= q->q.limit || q->out.text.len >= BYTES_ENOUGH;
}

static void put_page(struct query *q, void *argument)
{
    const struct store_request *page = argument;
    struct feed *w = q->feed;
    uint32_t k = 0;
    q->f->scratch.edge = q->arena.edge;
    for (; k < page->record_count && !is_full(q) && !w->is_at_end; k++) {
        const struct store_record *s = &page->records[k];
        w->is_at_end = is_beyond(&q->q, s->at_ms);
        if (w->is_wanted[k])
            put_record(q, s);
        w->pos = s->pos;
        w->searched_to_ms = s->at_ms;
        w->looked++;
    }
    q->f->scratch.edge = NULL;
    w->is_at_end |= k == page->record_count && page->record_count < w->page;
}

/* Where nodes share the store, what another one appended may still come to be before the last of
 * these: then some are read twice rather than one never. */
static void fix_next(struct query *q, const struct store_request *page)
{
    struct feed *w = q->feed;
    bool is_beyond_settled = !q->q.newest_first && w->pos > page->last_pos;
    if (w->is_next_fixed)
        return;
    w->next = is_beyond_settled ? page->last_pos : w->pos;
    if (w->looked == 0 && w->pos == 0 && !q->q.newest_first)
        w->next = page->last_pos; /* nothing has come since the time that is asked for */
    w->is_next_fixed = is_beyond_settled;
}

static void put_end(struct query *q, void *argument)
{
    struct feed *w = q->feed;
    struct text next = text_new(&q->arena, 32);
    (void)argument;
    text_put_int(&next, (int64_t)w->next);
    json_array_end(&q->out);
    bool has_next = !q->q.newest_first || !w->is_at_end;
    json_put_string(&q->out, "next", has_next ? text_slice(&next) : SLICE_NONE);
    json_put_boolean(&q->out, "more", !w->is_at_end);
    json_put_time(&q->out, "searched_to", w->searched_to_ms);
    json_object_end(&q->out);
}

/* --- page by page --- */

static void ask_page(struct query *q);

static void take_page(struct query *q, const struct store_request *page)
{
    struct feed *w = q->feed;
    if (!query_guard(q, put_page, (void *)(uintptr_t)page)) {
        query_answer(q, ERR_MEMORY, SLICE_NONE);
        return;
    }
    fix_next(q, page);
    if (!w->is_at_end && !is_full(q) && w->looked < FEED_LOOK_MAX)
        ask_page(q);
    else
        query_end(q, ERR_NONE, put_end, NULL);
}

static void names_read(struct flow *f, struct ask *a)
{
    struct query *q = a->context;
    struct ask *records = q->feed->records;
    (void)f;
    q->feed->names = a->r.rows;
    q->feed->name_count = a->r.row_count;
    if (a->r.err == ERR_NONE)
        take_page(q, &records->r);
    else
        query_answer(q, a->r.err, SLICE_NONE);
    ask_free(records);
}

static void ask_names(struct query *q, struct ask *page)
{
    struct ask *a = query_ask(q, STORE_NAMES, names_read);
    if (a == NULL)
        return;
    page->is_kept = true;
    q->feed->records = page;
    a->r.ids = q->feed->ids;
    a->r.id_count = q->feed->id_count;
    ask_submit(q->f, a);
}

static void page_read(struct flow *f, struct ask *a)
{
    struct query *q = a->context;
    struct feed *w = q->feed;
    (void)f;
    if (a->r.err == ERR_MEMORY && w->page > 1) { /* records may be so large that a page of them is
                                                    more than the store may answer */
        w->page = (w->page + 7) / 8;
        ask_page(q);
        return;
    }
    w->is_begun = true;
    if (a->r.err != ERR_NONE)
        query_answer(q, a->r.err, SLICE_NONE);
    else if (!query_guard(q, choose, &a->r))
        query_answer(q, ERR_MEMORY, SLICE_NONE);
    else if (w->id_count > 0)
        ask_names(q, a);
    else
        take_page(q, &a->r);
}

static void ask_page(struct query *q)
{
    struct feed *w = q->feed;
    struct ask *a = query_ask(q, STORE_FEED, page_read);
    if (a == NULL)
        return;
    a->r.pos = w->pos;
    a->r.at_ms = w->is_begun ? 0 : q->q.newest_first ? q->q.until_ms : q->q.since_ms;
    a->r.limit = w->page;
    a->r.newest_first = q->q.newest_first;
    a->r.acts_only = q->q.acts_only;
    ask_submit(q->f, a);
}

static bool asks_for_some(const struct flow_query *q)
{
    return q->verdict.count + q->event.count + q->source.count > 0 ||
           q->id.len + q->actor.len + q->template.len + q->key.len > 0;
}

static void begin(struct query *q, void *argument)
{
    struct feed *w = arena_alloc(&q->arena, sizeof *w);
    *w = (struct feed){.pos = (uint64_t) * (const int64_t *)argument, .page = PAGE_RECORDS};
    w->next = w->pos;
    if (!asks_for_some(&q->q) && q->q.limit < w->page)
        w->page = q->q.limit;
    q->feed = w;
    json_object(&q->out);
    json_key(&q->out, "events");
    json_array(&q->out);
}

void query_feed(struct query *q)
{
    int64_t after = 0;
    q->out = json_out_new(&q->arena, ANSWER_BYTES_MAX);
    if (q->q.after.len > 0 && (!slice_to_int(q->q.after, &after) || after < 0))
        query_answer(q, ERR_INVALID, SLICE_NONE);
    else if (query_guard(q, begin, &after))
        ask_page(q);
    else
        query_answer(q, ERR_MEMORY, SLICE_NONE);
}
