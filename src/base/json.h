/* Reading and writing JSON. Reading is yyjson's, in an arena, with our bounds: a maximum depth,
 * no duplicate keys, valid UTF-8. Numbers are kept as they were written
 * (YYJSON_READ_NUMBER_AS_RAW), so that what passes through is not changed, beyond 2^53 either.
 * Writing is a thin layer over struct text that knows where commas belong. */
#ifndef SWM_BASE_JSON_H
#define SWM_BASE_JSON_H

#include "base/err.h"
#include "base/text.h"

#include <yyjson.h>

struct json_error {
    size_t offset;    /* byte offset in the input */
    const char *what; /* a sentence fragment, static */
};

/* Parses `s` (at most `bytes_max`, deeper than `depth_max` is an error). ERR_INVALID fills *why
 * (may be NULL), ERR_TOO_LARGE when s is longer. The document lives in the arena. */
enum err json_read(struct arena *a, struct slice s, size_t bytes_max, unsigned depth_max,
                   struct json_error *why, yyjson_val **root) MUST_USE;

/* Members of an object; each is absent (NULL, SLICE_NONE, false) when missing or of another type.
 */
yyjson_val *json_get(yyjson_val *object, const char *name);
struct slice json_get_text(yyjson_val *object, const char *name);
bool json_get_int(yyjson_val *object, const char *name, int64_t *out); /* whole numbers only */
bool json_get_bool(yyjson_val *object, const char *name, bool *out);
struct slice json_text(yyjson_val *v); /* a string's bytes */
bool json_int(yyjson_val *v, int64_t *out);
/* The value as compact JSON text in the arena. NULL gives an absent slice. */
struct slice json_write(struct arena *a, yyjson_val *v);

/* Writing. A struct json_out is a text plus the comma state; nesting up to 64. */
struct json_out {
    struct text text;
    uint64_t has_item; /* one bit per open level */
    unsigned depth;
};

struct json_out json_out_new(struct arena *a, size_t bytes_max);
void json_object(struct json_out *o);
void json_object_end(struct json_out *o);
void json_array(struct json_out *o);
void json_array_end(struct json_out *o);
void json_key(struct json_out *o, const char *name);
void json_key_slice(struct json_out *o, struct slice name);
void json_string(struct json_out *o, struct slice s); /* an absent slice writes null */
void json_number(struct json_out *o, int64_t n);
void json_boolean(struct json_out *o, bool b);
void json_null(struct json_out *o);
void json_raw(struct json_out *o, struct slice json); /* JSON text; absent writes null */
void json_time(struct json_out *o, int64_t at_ms);    /* RFC 3339; 0 writes null */
/* key + value in one */
void json_put_string(struct json_out *o, const char *name, struct slice s);
void json_put_text(struct json_out *o, const char *name, const char *s);
void json_put_some(struct json_out *o, const char *name, struct slice s); /* empty: null */
void json_put_number(struct json_out *o, const char *name, int64_t n);
void json_put_boolean(struct json_out *o, const char *name, bool b);
void json_put_raw(struct json_out *o, const char *name, struct slice json);
void json_put_time(struct json_out *o, const char *name, int64_t at_ms);
struct slice json_out_slice(const struct json_out *o);

#endif
