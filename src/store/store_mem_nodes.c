/* The memory store's nodes and access keys. store_mem_write.c and store_mem_read.c come here by
 * their tables; what they say about refusals and memory holds. */
#include "store/grow.h"
#include "store/store_mem_int.h"

#include <stdlib.h>

/* --- access keys --- */

enum err mem_put_key(struct store_mem *s, struct store_request *r)
{
    struct store_key copy = {mem_copy(&s->kept, r->keys[0].id),
                             mem_copy(&s->kept, r->keys[0].body)};
    struct store_key *place = NULL;
    void *items = s->data.keys;

    for (uint32_t i = 0; i < s->data.key_count && place == NULL; i++) {
        place = slice_eq(s->data.keys[i].id, copy.id) ? &s->data.keys[i] : NULL;
    }
    if (place == NULL) {
        place = grow_one(&s->kept, &items, &s->data.key_count, sizeof(copy));
        s->data.keys = items;
    }
    *place = copy;
    return ERR_NONE;
}

static int by_key_id(const void *a, const void *b)
{
    return slice_compare(((const struct store_key *)a)->id, ((const struct store_key *)b)->id);
}

enum err mem_read_keys(struct store_mem *s, struct store_request *r)
{
    r->keys = arena_array(r->arena, s->data.key_count, sizeof(*r->keys));
    r->key_count = s->data.key_count;
    for (uint32_t i = 0; i < r->key_count; i++) {
        r->keys[i].id = mem_copy(r->arena, s->data.keys[i].id);
        r->keys[i].body = mem_copy(r->arena, s->data.keys[i].body);
    }
    qsort(r->keys, r->key_count, sizeof(*r->keys), by_key_id);
    return ERR_NONE;
}

/* --- nodes --- */

static struct store_node *find_node(const struct store_mem *s, struct slice id)
{
    for (uint32_t i = 0; i < s->data.node_count; i++) {
        if (slice_eq(s->data.nodes[i].id, id)) {
            return &s->data.nodes[i];
        }
    }
    return NULL;
}

const struct store_node *mem_find_node(const struct store_mem *s, struct slice id)
{
    return find_node(s, id);
}

static int by_node_id(const void *a, const void *b)
{
    return slice_compare(((const struct store_node *)a)->id, ((const struct store_node *)b)->id);
}

static void give_nodes(struct store_mem *s, struct store_request *r)
{
    r->nodes = arena_array(r->arena, s->data.node_count, sizeof(*r->nodes));
    r->node_count = s->data.node_count;
    for (uint32_t i = 0; i < r->node_count; i++) {
        r->nodes[i] = s->data.nodes[i];
        r->nodes[i].id = mem_copy(r->arena, s->data.nodes[i].id);
        r->nodes[i].info = mem_copy(r->arena, s->data.nodes[i].info);
    }
    qsort(r->nodes, r->node_count, sizeof(*r->nodes), by_node_id);
    r->last_pos = s->data.feed_count;
}

enum err mem_put_node(struct store_mem *s, struct store_request *r)
{
    struct store_node copy = r->nodes[0], *place = find_node(s, copy.id);
    void *items = s->data.nodes;

    copy.id = place != NULL ? place->id : mem_copy(&s->kept, copy.id);
    copy.info = place != NULL && slice_eq(place->info, copy.info) ? place->info
                                                                  : mem_copy(&s->kept, copy.info);
    copy.seen_at_ms = r->at_ms;
    if (place == NULL) {
        place = grow_one(&s->kept, &items, &s->data.node_count, sizeof(copy));
        s->data.nodes = items;
    }
    *place = copy;
    give_nodes(s, r);
    return ERR_NONE;
}

enum err mem_drop_node(struct store_mem *s, struct store_request *r)
{
    struct store_node *n = find_node(s, r->id);

    if (n != NULL && r->at_ms != 0 && n->seen_at_ms != r->at_ms) {
        return ERR_CONFLICT;
    }
    if (n != NULL) {
        *n = s->data.nodes[--s->data.node_count];
    }
    return ERR_NONE;
}
