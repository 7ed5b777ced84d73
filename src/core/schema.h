/* A small, stated subset of JSON Schema for inputs and forms: type (one or several), required,
 * properties, additionalProperties (boolean), items, enum, const, minimum, maximum, minLength,
 * maxLength, minItems, maxItems; title, description, default and examples are kept for forms.
 * Any other keyword is an error when the template is applied: none is accepted without effect. */
#ifndef SWM_CORE_SCHEMA_H
#define SWM_CORE_SCHEMA_H

#include "base/err.h"
#include "base/slice.h"

struct schema;

/* Compiles a schema given as JSON text. ERR_INVALID: *why, *where (a path such as
 * "properties.items"). */
enum err schema_compile(struct arena *a, struct slice json, const struct schema **out,
                        struct slice *why, struct slice *where) MUST_USE;
/* The same with every error told; the slices are good while it is told. NULL: there was at least
 * one. */
typedef void schema_told(void *context, struct slice why, struct slice where);
const struct schema *schema_compile_all(struct arena *a, struct slice json, schema_told *told,
                                        void *context);
/* Checks a value given as JSON text. ERR_INVALID: *why names the place and what is expected. */
enum err schema_check(struct arena *a, const struct schema *s, struct slice json,
                      struct slice *why) MUST_USE;
struct slice schema_source(const struct schema *s); /* as compact JSON */

#endif
