/* What the files of the memory store share. */
#ifndef SWM_STORE_STORE_MEM_INT_H
#define SWM_STORE_STORE_MEM_INT_H

#include "base/map.h"
#include "base/time.h"
#include "store/store_mem.h"

/* Everything kept lives in the store's arena until close. */
struct mem_instance {
    struct slice id;
    uint64_t n;                   /* order of arrival */
    struct store_row *row;        /* NULL: none */
    struct store_record *records; /* in order of arrival; their texts are the feed's */
    uint32_t record_count;
    uint64_t seq_max;
    uint64_t held_seq; /* shared: the commit that reserved the key; older rows change nothing */
};

struct mem_message {
    struct store_message message;
    int64_t n;
    bool is_gone;
};

struct mem_meta {
    struct slice name, value;
};

struct mem_data {
    struct mem_instance **instances;
    struct store_record *feed; /* position - 1 is the index; removed ones have no instance */
    struct store_template *templates;
    struct store_queue *queues;
    struct mem_message *messages;
    struct mem_meta *metas;
    struct store_key *keys;
    struct store_node *nodes;
    uint32_t instance_count, feed_count, template_count, queue_count, message_count, meta_count;
    uint32_t key_count, node_count;
    uint64_t folded_pos;
};

struct store_mem {
    struct store base;
    struct arena kept;
    struct map instances, payloads; /* by id; by digest */
    struct mem_data data;
    /* What a request that runs out of memory goes back to. */
    struct mem_data saved;
    struct mem_instance *touched, touched_saved;
    struct list waiting, done;
    store_mem_fault *fault;
    void *fault_context;
};

enum err mem_write(struct store_mem *s, struct store_request *r) MUST_USE;
enum err mem_read(struct store_mem *s, struct store_request *r) MUST_USE;
enum err mem_read_ready(struct store_mem *s, struct store_request *r) MUST_USE;
enum err mem_read_templates(struct store_mem *s, struct store_request *r) MUST_USE;
enum err mem_read_queues(struct store_mem *s, struct store_request *r) MUST_USE;
enum err mem_read_messages(struct store_mem *s, struct store_request *r) MUST_USE;
enum err mem_read_keys(struct store_mem *s, struct store_request *r) MUST_USE;
enum err mem_read_matches(struct store_mem *s, struct store_request *r) MUST_USE;
enum err mem_read_activity(struct store_mem *s, struct store_request *r) MUST_USE;
enum err mem_read_overdue(struct store_mem *s, struct store_request *r) MUST_USE;
bool mem_passes(const struct store_row *row, const struct store_filter *f);
enum err mem_put_key(struct store_mem *s, struct store_request *r) MUST_USE;
enum err mem_put_node(struct store_mem *s, struct store_request *r) MUST_USE;
enum err mem_drop_node(struct store_mem *s, struct store_request *r) MUST_USE;
const struct store_node *mem_find_node(const struct store_mem *s, struct slice id);
bool mem_is_row(const struct mem_instance *i); /* it has one that is more than a reserved key */
bool mem_writes(const struct store_request *r);
struct slice mem_copy(struct arena *a, struct slice s); /* absent stays absent */
void mem_copy_row(struct arena *a, struct store_row *to, const struct store_row *from);
void mem_copy_record(struct arena *a, struct store_record *to, const struct store_record *from);
void mem_copy_message(struct arena *a, struct store_message *to, const struct store_message *from);
void mem_copy_queue(struct arena *a, struct store_queue *to, const struct store_queue *from);
void mem_copy_template(struct arena *a, struct store_template *to,
                       const struct store_template *from);
struct mem_meta *mem_find_meta(const struct store_mem *s, struct slice name);

#endif
