/* The exact records of one instance and the large values that they name, a page at a time: what an
 * export consists of. Comes after query.c, before nobody: what comes out can be taken in again. */
#include "flow/query_int.h"

static void put_records(struct query *q, void *argument)
{
    const struct store_request *r = argument;
    struct json_out *o = &q->out;
    json_key(o, "records");
    json_array(o);
    for (uint32_t k = 0; k < r->record_count; k++)
        json_string(o, r->records[k].bytes);
    json_array_end(o);
    json_key(o, "next");
    if (r->record_count < q->q.limit)
        json_null(o);
    else
        json_number(o, (int64_t)r->records[r->record_count - 1].seq);
}

static void put_payloads(struct query *q, void *argument)
{
    const struct payload_list *texts = argument;
    struct json_out *o = &q->out;
    json_key(o, "payloads");
    json_array(o);
    for (uint32_t k = 0; texts != NULL && k < texts->count; k++)
        if (texts->items[k].text.at != NULL)
            json_string(o, texts->items[k].text);
    json_array_end(o);
    json_object_end(o);
}

static void finish(struct query *q, struct payload_list *texts)
{
    bool is_put = query_guard(q, put_payloads, texts) && !q->out.text.is_cut;
    query_answer(q, is_put ? ERR_NONE : ERR_TOO_LARGE,
                 is_put ? json_out_slice(&q->out) : SLICE("ask for fewer at once"));
}

static void payloads_read(struct flow *f, struct ask *a)
{
    struct payload_list texts = {0};
    struct query *q = a->context;
    enum err err = apart_take(a, &texts);
    (void)f;
    if (err == ERR_NONE)
        finish(q, &texts);
    else
        query_answer(q, err, SLICE_NONE);
}

static void find_refs(struct query *q, void *argument)
{
    const struct store_request *r = argument;
    for (uint32_t k = 0; k < r->record_count; k++) {
        struct record record;
        if (record_decode(&q->arena, r->records[k].bytes, &record) != ERR_NONE)
            continue; /* it comes out as it is; who takes it in will say so */
        if (record_refs(&q->arena, &record, &q->refs) == ERR_NONE)
            record_data_refs(&q->arena, &record, &q->refs);
    }
}

static void records_read(struct flow *f, struct ask *a)
{
    struct query *q = a->context;
    enum err err = a->r.err == ERR_NOT_FOUND ? ERR_NONE : a->r.err;
    if (err == ERR_NONE && (!query_guard(q, put_records, &a->r) || q->out.text.is_cut))
        err = ERR_TOO_LARGE;
    if (err == ERR_NONE && !query_guard(q, find_refs, &a->r))
        err = ERR_TOO_LARGE;
    if (err != ERR_NONE) {
        query_answer(q, err, err == ERR_TOO_LARGE ? SLICE("ask for fewer at once") : SLICE_NONE);
        return;
    }
    struct ask *texts = q->refs.count > 0 ? apart_ask(f, &q->refs, payloads_read) : NULL;
    if (texts != NULL) {
        texts->context = q;
        ask_submit(f, texts);
    } else if (q->refs.count > 0) {
        query_answer(q, ERR_MEMORY, SLICE_NONE);
    } else {
        finish(q, NULL);
    }
}

static void put_head(struct query *q, void *argument)
{
    const struct instance *i = argument;
    q->out = json_out_new(&q->arena, ANSWER_BYTES_MAX);
    json_object(&q->out);
    json_put_string(&q->out, "instance", slice_copy(&q->arena, i->id));
    json_put_string(&q->out, "template", i->template_name);
    json_put_number(&q->out, "version", i->version);
    json_put_string(&q->out, "digest", hex_encode(&q->arena, i->template->digest, SHA256_BYTES));
    json_put_some(&q->out, "key", i->key);
    json_put_number(&q->out, "revision", (int64_t)i->seq);
}

void query_export(struct query *q, struct entry *e)
{
    int64_t after = 0;
    struct ask *a = ask_new(q->f, STORE_RECORDS, records_read);
    bool is_cursor = q->q.after.len == 0 || (slice_to_int(q->q.after, &after) && after >= 0);
    if (a == NULL || !is_cursor || !query_guard(q, put_head, e->i)) {
        if (a != NULL)
            ask_free(a);
        query_answer(q, is_cursor ? ERR_MEMORY : ERR_INVALID, SLICE_NONE);
        return;
    }
    a->r.id = q->q.id;
    a->r.seq = (uint64_t)after + 1;
    a->r.limit = q->q.limit;
    a->context = q;
    ask_submit(q->f, a);
}
