/* What the two readers of documents share: a builder that puts values together in the order they
 * come, holds the bounds and finds duplicate keys. */
#ifndef SWM_CORE_DOC_INT_H
#define SWM_CORE_DOC_INT_H

#include "core/doc.h"
#include "core/limits.h"

struct doc_frame {
    struct doc_value *value;
    uint32_t capacity;
    struct slice key; /* of the member whose value comes next */
    struct place key_place;
    bool has_key;
};

struct doc_builder {
    struct report *report;
    struct slice source;
    size_t seen; /* offset up to which lines and columns are counted */
    struct place seen_place;
    struct doc_frame frames[TEMPLATE_DEPTH_MAX];
    uint32_t depth;
    uint32_t size; /* values so far, aliases expanded */
    size_t bytes;
    const struct doc_value *root;
};

void doc_begin(struct doc_builder *b, struct report *r, struct slice source);
struct place doc_place_of(struct doc_builder *b, size_t offset);
bool doc_wants_key(const struct doc_builder *b);
void doc_key(struct doc_builder *b, struct slice key, struct place at);
/* Each false: a bound is reached and reported; reading ends. */
struct doc_value *doc_open(struct doc_builder *b, enum doc_type type, struct place at);
bool doc_close(struct doc_builder *b);
bool doc_add(struct doc_builder *b, struct doc_value *v);
bool doc_add_alias(struct doc_builder *b, const struct doc_value *v, struct place at);
/* A scalar that is added, or NULL. */
struct doc_value *doc_scalar(struct doc_builder *b, enum doc_type type, struct slice text,
                             struct place at);

/* Plain YAML scalars by the core schema: the type, and for numbers the JSON spelling in *json.
 * False: a number that JSON can't spell (.inf, .nan, hexadecimal beyond 64 bits). */
bool doc_resolve(struct arena *a, struct slice plain, enum doc_type *type, struct slice *json);

bool doc_read_json(struct doc_builder *b);
bool doc_read_yaml(struct doc_builder *b);

#endif
