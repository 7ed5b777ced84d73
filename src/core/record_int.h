/* Values between memory and JSON, shared by records and states. */
#ifndef SWM_CORE_RECORD_INT_H
#define SWM_CORE_RECORD_INT_H

#include "core/record.h"

/* Writes a field's value as it is stored: texts empty as null, times as milliseconds, statuses as
 * words. JSON beyond PAYLOAD_INLINE_BYTES_MAX must go through value_put_ref. */
void value_put(struct json_out *o, enum scope scope, const struct field *f, struct value v);
/* The same for people: times as RFC 3339. */
void value_put_shown(struct json_out *o, enum scope scope, const struct field *f, struct value v);
/* Reads a stored value; texts point into the document or, for JSON, the arena. ERR_CORRUPT. */
enum err value_take(struct arena *a, enum scope scope, const struct field *f, yyjson_val *v,
                    struct value *out) MUST_USE;

bool value_is_apart(const struct field *f, struct value v); /* too large to be stored inline */
/* Adds the value to *payloads and writes "ref":HEX,"bytes":N. */
void value_put_ref(struct json_out *o, struct value v, struct payload_list *payloads);
/* Reads {"ref":HEX,…}; false: it is not there or not a digest. */
bool value_take_ref(yyjson_val *holder, uint8_t digest[SHA256_BYTES]);
/* The text of a payload, JSON null when it is not at hand: it was erased. */
struct slice value_payload(const struct payload_list *payloads, const uint8_t digest[SHA256_BYTES]);

/* "tasks.make_food.status" to scope, index and field. ERR_CORRUPT: of no such thing. */
enum err value_find_path(const struct template *t, struct slice path, struct change *out) MUST_USE;

/* The body of a state without its head and hash; opens and closes its own members. */
void state_put(struct json_out *o, const struct instance *i, struct payload_list *payloads);
enum err state_take(struct arena *a, yyjson_val *state, struct instance *i,
                    const struct payload_list *payloads) MUST_USE;
enum err state_take_refs(struct arena *a, yyjson_val *state, struct payload_list *out) MUST_USE;

#endif
