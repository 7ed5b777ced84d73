/* Values that are stored apart from records and rows, once by their digest: what refers to them is
 * found, asked for and listed here, and here they are handed to a write. Loads and walks come here
 * between reading and folding, commits and rows before they are submitted. */
#include "flow/flow_int.h"

#include <string.h>

void apart_put(struct store_request *r, const struct payload_list *l)
{
    r->payload_count = l->count;
    r->payloads = arena_array(r->arena, l->count + 1, sizeof *r->payloads);
    for (uint32_t k = 0; k < l->count; k++) {
        memcpy(r->payloads[k].digest, l->items[k].digest, SHA256_BYTES);
        r->payloads[k].text = l->items[k].text;
    }
}

static enum err collect(struct arena *a, const struct store_request *r, struct payload_list *refs)
{
    enum err err = r->row_count > 0 ? state_refs(a, r->rows[0].state, refs) : ERR_NONE;
    for (uint32_t k = 0; k < r->record_count && err == ERR_NONE; k++) {
        struct record record;
        err = record_decode(a, r->records[k].bytes, &record);
        if (err == ERR_NONE)
            err = record_refs(a, &record, refs);
    }
    return err;
}

enum err apart_refs(struct arena *a, const struct store_request *r, struct payload_list *refs)
{
    jmp_buf edge;
    a->edge = &edge;
    if (setjmp(edge) != 0) {
        a->edge = NULL;
        return ERR_MEMORY;
    }
    enum err err = collect(a, r, refs);
    a->edge = NULL;
    return err;
}

static bool name_refs(struct ask *q, const struct payload_list *refs)
{
    jmp_buf edge;
    q->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    apart_put(&q->r, refs);
    q->arena.edge = NULL;
    return true;
}

struct ask *apart_ask(struct flow *f, const struct payload_list *refs, ask_done *done)
{
    struct ask *q = ask_new(f, STORE_PAYLOADS, done);
    if (q == NULL || name_refs(q, refs))
        return q;
    ask_free(q);
    return NULL;
}

enum err apart_take(struct ask *q, struct payload_list *texts)
{
    jmp_buf edge;
    if (q->r.err != ERR_NONE)
        return q->r.err;
    q->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return ERR_MEMORY;
    for (uint32_t k = 0; k < q->r.payload_count; k++)
        payload_add(&q->arena, texts, q->r.payloads[k].text, q->r.payloads[k].digest);
    q->arena.edge = NULL;
    return ERR_NONE;
}
