/* What compiling a schema and checking a value share. */
#ifndef SWM_CORE_SCHEMA_INT_H
#define SWM_CORE_SCHEMA_INT_H

#include "base/json.h"
#include "core/schema.h"

enum schema_type {
    SCHEMA_NULL = 1,
    SCHEMA_BOOLEAN = 2,
    SCHEMA_INTEGER = 4,
    SCHEMA_NUMBER = 8,
    SCHEMA_STRING = 16,
    SCHEMA_ARRAY = 32,
    SCHEMA_OBJECT = 64
};

/* A name that `properties` or `required` tells of. */
struct schema_name {
    struct slice name;
    const struct schema *schema; /* NULL: anything */
    bool is_required;
};

/* From `least` to `most`; absent: no bound. */
struct schema_range {
    struct slice least, most;
};

struct schema {
    struct slice source;
    unsigned types;            /* bits; 0: any */
    struct schema_name *names; /* in order of name */
    uint32_t name_count, required_count;
    bool is_closed; /* additionalProperties: false */
    const struct schema *items;
    yyjson_val *choices, *constant;          /* enum, const; NULL: none */
    struct schema_range value, length, size; /* of numbers, strings and arrays */
};

/* "string", "integer" and so on; 0: no type. */
unsigned schema_type_of(struct slice name);
const char *schema_type_name(unsigned type);

#endif
