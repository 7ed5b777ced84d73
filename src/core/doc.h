/* A document: one tree of values with the place of each, read from YAML 1.2 (core schema) or JSON.
 * What follows does not know which of the two it was. A file whose first character is `{` is read
 * as JSON, everything else as YAML.
 *
 * Bounds: TEMPLATE_BYTES_MAX, TEMPLATE_DEPTH_MAX, TEMPLATE_VALUES_MAX (aliases expanded; their
 * expanded text is bounded by TEMPLATE_BYTES_MAX too). An alias shares the value of its anchor, so
 * the tree is a graph without cycles, and walking it costs no more than those bounds. */
#ifndef SWM_CORE_DOC_H
#define SWM_CORE_DOC_H

#include "base/err.h"
#include "base/text.h"
#include "core/report.h"

enum doc_type { DOC_NULL, DOC_BOOL, DOC_INT, DOC_FLOAT, DOC_TEXT, DOC_LIST, DOC_MAP };

struct doc_member {
    struct slice key;
    struct place place; /* of the key */
    const struct doc_value *value;
};

struct doc_value {
    enum doc_type type;
    struct place place;
    struct slice text; /* DOC_TEXT: decoded; null, booleans and numbers: as JSON spells them */
    uint32_t count;    /* of a list or map */
    const struct doc_value **items;
    struct doc_member *members;
    uint32_t size, height; /* values in it, itself included; levels below it */
    size_t bytes;          /* of all texts in it */
};

/* Reads `source`, which the tree borrows from. ERR_INVALID: it can't be read, the report says why.
 * Errors that leave a readable tree (duplicate keys) are reported too, with ERR_NONE. */
enum err doc_read(struct report *r, struct slice source, const struct doc_value **root) MUST_USE;

const struct doc_value *doc_get(const struct doc_value *map, const char *key); /* NULL: none */
/* The value at "properties.items.0", as far as the path leads: never NULL. */
const struct doc_value *doc_at(const struct doc_value *v, struct slice path);
/* As compact JSON, members in the order of the file. */
void doc_put_json(struct text *t, const struct doc_value *v);
/* "a text", "a list" and so on, for messages. */
const char *doc_type_text(enum doc_type type);

#endif
