/* The records of one instance, each change with what was before: worked out by folding from the
 * snapshot before the page. */
#include "flow/query_int.h"

struct page {
    uint64_t first, last; /* the records asked for */
};

static bool take(struct walk *w, const struct record *r, const struct store_record *stored,
                 const struct payload_list *payloads)
{
    struct query *q = w->query;
    (void)stored;
    if (r->seq > q->page->last)
        return false;
    if (r->seq < q->page->first || !query_is_asked(&q->q, r))
        return true;
    json_object(&q->out);
    query_put_record(&q->out, r, record_changes_json(&q->arena, w->i, r, payloads));
    json_object_end(&q->out);
    return true;
}

static void end(struct query *q, void *argument)
{
    struct text next = text_new(&q->arena, 32);
    bool is_down = q->q.newest_first;
    bool has_more = is_down ? q->page->first > 1 : *(const uint64_t *)argument > q->page->last;
    json_array_end(&q->out);
    text_put_int(&next, (int64_t)(is_down ? q->page->first : q->page->last));
    json_put_string(&q->out, "next", has_more ? text_slice(&next) : SLICE_NONE);
    json_object_end(&q->out);
}

static void walked(struct walk *w, enum err err)
{
    struct query *q = w->query;
    if (err == ERR_NONE && !query_guard(q, end, &q->revision))
        err = ERR_MEMORY;
    query_answer(q, err, err == ERR_NONE ? json_out_slice(&q->out) : SLICE_NONE);
}

/* newest_first gives the last page, still in order of seq; `after` is then "before". */
static void begin(struct query *q, void *argument)
{
    const struct instance *i = argument;
    int64_t after = 0;
    q->revision = i->seq;
    q->page = arena_alloc(&q->arena, sizeof *q->page);
    (void)slice_to_int(q->q.after, &after);
    if (q->q.newest_first) {
        q->page->last = after > 0 && (uint64_t)after <= i->seq ? (uint64_t)after - 1 : i->seq;
        q->page->first = q->page->last > q->q.limit ? q->page->last - q->q.limit + 1 : 1;
    } else {
        q->page->first = (uint64_t)after + 1;
        q->page->last = (uint64_t)after + q->q.limit;
        if (q->page->last > i->seq)
            q->page->last = i->seq;
    }
    json_object(&q->out);
    json_key(&q->out, "events");
    json_array(&q->out);
}

void query_events(struct query *q, struct entry *e)
{
    q->out = json_out_new(&q->arena, ANSWER_BYTES_MAX);
    if (!query_guard(q, begin, e->i)) {
        query_answer(q, ERR_MEMORY, SLICE_NONE);
        return;
    }
    /* From the snapshot before the first record asked for: its own changes need what was before. */
    struct walk *w = walk_new(q, q->q.id, e->i->template, q->page->first - 1);
    if (w == NULL) {
        query_answer(q, ERR_MEMORY, SLICE_NONE);
        return;
    }
    w->take = take;
    w->done = walked;
    walk_on(w);
}
