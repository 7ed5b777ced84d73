/* The records of one instance, each change with what was before: worked out by folding from the
 * snapshot before the page. In brief they are only read. */
#include "flow/query_int.h"

#define SCAN_RECORDS 64 /* read at one time: as many as one answer of the store can hold */
#define LINE_BYTES_MAX 16384

/* newest_first gives the last page, still in order of seq; `after` is then "before". */
void query_page(struct query *q, uint64_t revision)
{
    int64_t after = 0;
    struct page *p = &q->page;
    (void)slice_to_int(q->q.after, &after);
    p->revision = revision;
    if (q->q.newest_first) {
        p->last = after > 0 && (uint64_t)after <= revision ? (uint64_t)after - 1 : revision;
        p->first = p->last > q->q.limit ? p->last - q->q.limit + 1 : 1;
    } else {
        p->first = (uint64_t)after + 1;
        p->last = (uint64_t)after + q->q.limit;
        p->last = p->last < revision ? p->last : revision;
    }
}

void query_put_next(struct query *q)
{
    struct text next = text_new(&q->arena, 32);
    bool is_down = q->q.newest_first;
    bool has_more = is_down ? q->page.first > 1 : q->page.revision > q->page.last;
    text_put_int(&next, (int64_t)(is_down ? q->page.first : q->page.last));
    json_put_string(&q->out, "next", has_more ? text_slice(&next) : SLICE_NONE);
}

static bool take(struct walk *w, const struct record *r, const struct store_record *stored,
                 const struct payload_list *payloads)
{
    struct query *q = w->query;
    (void)stored;
    if (r->seq > q->page.last)
        return false;
    if (r->seq < q->page.first || !query_is_asked(&q->q, r))
        return true;
    json_object(&q->out);
    query_put_record(&q->out, r, record_changes_json(&q->arena, w->i, r, payloads));
    json_object_end(&q->out);
    return true;
}

static void end(struct query *q, void *argument)
{
    (void)argument;
    json_array_end(&q->out);
    query_put_next(q);
    json_object_end(&q->out);
}

static void walked(struct walk *w, enum err err)
{
    query_end(w->query, err, end, NULL);
}

static void begin(struct query *q, void *argument)
{
    (void)argument;
    json_object(&q->out);
    json_key(&q->out, "events");
    json_array(&q->out);
}

void query_events(struct query *q, struct entry *e)
{
    q->out = json_out_new(&q->arena, ANSWER_BYTES_MAX);
    query_page(q, e->i->seq);
    if (!query_guard(q, begin, NULL)) {
        query_answer(q, ERR_MEMORY, SLICE_NONE);
        return;
    }
    /* From the snapshot before the first record asked for: its own changes need what was before. */
    struct walk *w = walk_new(q, q->q.id, e->i->template, q->page.first - 1);
    if (w == NULL) {
        query_answer(q, ERR_MEMORY, SLICE_NONE);
        return;
    }
    w->take = take;
    w->done = walked;
    walk_on(w);
}

/* --- in brief ---
 * Nothing is folded. Where only some are asked for, up to EVENTS_SCANNED_MAX records are looked at
 * for one page of them, so that a few among many are found in few requests. */

static void scan_on(struct query *q);

static void keep_line(struct query *q, const struct store_record *stored)
{
    struct record r;
    struct json_out o = json_out_new(&q->arena, LINE_BYTES_MAX);
    arena_reset(&q->f->scratch);
    if (record_decode(&q->f->scratch, stored->bytes, &r) != ERR_NONE || !query_is_asked(&q->q, &r))
        return;
    json_object(&o);
    query_put_brief(&o, &r);
    json_object_end(&o);
    q->lines[q->line_count++] = json_out_slice(&o);
}

static bool is_scanned(const struct query *q)
{
    bool is_at_end = q->q.newest_first ? q->page.first <= 1 : q->page.last >= q->page.revision;
    return is_at_end || q->line_count >= q->q.limit || q->scanned >= EVENTS_SCANNED_MAX;
}

/* The page ends where the last record was looked at. */
static void take_records(struct query *q, void *argument)
{
    const struct store_request *r = argument;
    q->f->scratch.edge = q->arena.edge;
    for (uint32_t k = 0; k < r->record_count && !is_scanned(q); k++) {
        const struct store_record *stored = &r->records[k];
        if (stored->seq > q->page.revision)
            continue; /* it came meanwhile */
        keep_line(q, stored);
        q->scanned++;
        *(q->q.newest_first ? &q->page.first : &q->page.last) = stored->seq;
    }
    q->f->scratch.edge = NULL;
}

static void put_lines(struct query *q, void *argument)
{
    begin(q, NULL);
    for (uint32_t k = 0; k < q->line_count; k++)
        json_raw(&q->out, q->lines[q->q.newest_first ? q->line_count - 1 - k : k]);
    end(q, argument);
}

static void scanned(struct flow *f, struct ask *a)
{
    struct query *q = a->context;
    enum err err = a->r.err;
    (void)f;
    bool is_empty = a->r.record_count == 0; /* removed meanwhile */
    if (err == ERR_NONE && !query_guard(q, take_records, &a->r))
        err = ERR_MEMORY;
    if (err == ERR_NONE && !is_empty && !is_scanned(q)) {
        scan_on(q);
        return;
    }
    query_end(q, err, put_lines, NULL);
}

static void scan_on(struct query *q)
{
    struct ask *a = query_ask(q, STORE_RECORDS, scanned);
    if (a == NULL)
        return;
    a->r.id = q->q.id;
    a->r.newest_first = q->q.newest_first;
    a->r.seq = q->q.newest_first ? q->page.first : q->page.last + 1;
    a->r.limit = SCAN_RECORDS;
    ask_submit(q->f, a);
}

static void make_lines(struct query *q, void *argument)
{
    (void)argument;
    q->lines = arena_array(&q->arena, q->q.limit, sizeof *q->lines);
}

void query_brief(struct query *q, struct entry *e)
{
    query_page(q, e->i->seq);
    if (q->q.newest_first) /* nothing is looked at yet */
        q->page.first = q->page.last + 1;
    else
        q->page.last = q->page.first - 1;
    q->out = json_out_new(&q->arena, ANSWER_BYTES_MAX);
    if (query_guard(q, make_lines, NULL))
        scan_on(q);
    else
        query_answer(q, ERR_MEMORY, SLICE_NONE);
}
