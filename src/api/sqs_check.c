/* The rules for messages and their attributes, and their digests, as Amazon SQS states them. Before
 * it stand sending and receiving. Pure functions over memory: no request, no queue. */
#include "api/sqs_int.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_BYTES_LIMIT 256
#define DIGESTED_BYTES_MAX (HTTP_BODY_BYTES_MAX * 2)

bool sqs_take_number(struct arena *a, yyjson_val *input, struct sqs_number *n,
                     struct sqs_fault *fault)
{
    yyjson_val *v = json_get(input, n->name);
    if (v == NULL || yyjson_is_null(v))
        return true;
    if (!json_int(v, &n->value))
        return sqs_fault_set(a, fault, SQS_BAD_JSON, "%s must be a whole number", n->name);
    if (n->value >= n->least && n->value <= n->most)
        return true;
    bool is_count = n->least > 0;
    return sqs_fault_set(a, fault, SQS_BAD_VALUE,
                         is_count
                             ? "Value %lld for parameter %s is invalid. Reason: Must be between "
                               "%lld and %lld, if provided."
                             : "Value %lld for parameter %s is invalid. Reason: Must be >= %lld "
                               "and <= %lld, if provided.",
                         (long long)n->value, n->name, (long long)n->least, (long long)n->most);
}

/* --- characters --- */

/* The characters of XML 1.0; of those that are no such, UTF-8 can hold control characters, U+FFFE
 * and U+FFFF. */
bool sqs_is_content(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c < ' ' && c != '\t' && c != '\n' && c != '\r')
            return false;
        if (c == 0xef && i + 2 < s.len && (unsigned char)s.at[i + 1] == 0xbf &&
            ((unsigned char)s.at[i + 2] & 0xfe) == 0xbe)
            return false;
    }
    return true;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

static bool has_prefix_of_any_case(struct slice s, const char *prefix)
{
    return s.len >= strlen(prefix) && strncasecmp(s.at, prefix, strlen(prefix)) == 0;
}

static bool is_attribute_name(struct slice s)
{
    if (s.len == 0 || s.len > NAME_BYTES_LIMIT || s.at[0] == '.' || s.at[s.len - 1] == '.')
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (!is_name_char(s.at[i]) || (s.at[i] == '.' && s.at[i + 1 < s.len ? i + 1 : 0] == '.'))
            return false;
    }
    return !has_prefix_of_any_case(s, "AWS.") && !has_prefix_of_any_case(s, "Amazon.");
}

static bool is_type(struct slice type, const char *base)
{
    size_t len = strlen(base);
    return type.len >= len && memcmp(type.at, base, len) == 0 &&
           (type.len == len || type.at[len] == '.');
}

static bool is_number(struct slice s)
{
    size_t i = 0, digits = 0, points = 0;
    if (s.len > 0 && (s.at[0] == '-' || s.at[0] == '+'))
        i++;
    for (; i < s.len && (s.at[i] == '.' || (s.at[i] >= '0' && s.at[i] <= '9')); i++) {
        digits += s.at[i] != '.';
        points += s.at[i] == '.';
    }
    if (digits == 0 || points > 1)
        return false;
    if (i == s.len)
        return true;
    int64_t exponent;
    size_t sign = i + 1 < s.len && s.at[i + 1] == '+';
    return (s.at[i] == 'e' || s.at[i] == 'E') &&
           slice_to_int((struct slice){s.at + i + 1 + sign, s.len - i - 1 - sign}, &exponent);
}

/* --- attributes of a message --- */

static bool take_value(struct arena *a, yyjson_val *v, struct sqs_attribute *out,
                       struct sqs_fault *fault)
{
    const char *member = out->is_binary ? "BinaryValue" : "StringValue";
    out->text = out->raw = json_get_text(v, member);
    if (json_get(v, "StringListValues") != NULL || json_get(v, "BinaryListValues") != NULL)
        return sqs_fault_set(a, fault, SQS_UNSUPPORTED,
                             "Message attribute list values are not supported.");
    if (out->is_binary && !base64_decode(a, out->text, &out->raw))
        return sqs_fault_set(a, fault, SQS_BAD_JSON, "BinaryValue of '%.*s' is not base64",
                             SLICE_ARG(out->name));
    if (out->raw.len == 0)
        return sqs_fault_set(a, fault, SQS_BAD_VALUE,
                             "Message (user) attribute '%.*s' must contain a non-empty value of "
                             "type '%.*s'.",
                             SLICE_ARG(out->name), SLICE_ARG(out->type));
    if (!out->is_binary && !sqs_is_content(out->raw))
        return sqs_fault_set(a, fault, SQS_BAD_VALUE,
                             "Message (user) attribute '%.*s' has characters that are not allowed.",
                             SLICE_ARG(out->name));
    if (is_type(out->type, "Number") && !is_number(out->raw))
        return sqs_fault_set(a, fault, SQS_BAD_VALUE,
                             "Can't cast the value of message (user) attribute '%.*s' to a number.",
                             SLICE_ARG(out->name));
    return true;
}

static bool take_attribute(struct arena *a, struct slice name, yyjson_val *v,
                           struct sqs_attribute *out, struct sqs_fault *fault)
{
    *out = (struct sqs_attribute){.name = name, .type = json_get_text(v, "DataType")};
    out->is_binary = is_type(out->type, "Binary");
    if (out->type.len == 0)
        return sqs_fault_set(a, fault, SQS_BAD_VALUE,
                             "The message attribute '%.*s' must contain a non-empty message "
                             "attribute type.",
                             SLICE_ARG(name));
    if (out->type.len > NAME_BYTES_LIMIT ||
        (!out->is_binary && !is_type(out->type, "String") && !is_type(out->type, "Number")))
        return sqs_fault_set(a, fault, SQS_BAD_VALUE,
                             "The message attribute '%.*s' has an invalid message attribute type, "
                             "the set of supported type prefixes is Binary, Number, and String.",
                             SLICE_ARG(name));
    return take_value(a, v, out, fault);
}

static bool check_name(struct arena *a, struct slice name, enum sqs_attributes_kind kind,
                       struct sqs_fault *fault)
{
    if (kind == SQS_OF_SYSTEM && !slice_eq_text(name, "AWSTraceHeader"))
        return sqs_fault_set(a, fault, SQS_BAD_VALUE,
                             "Message system attribute name '%.*s' is invalid.", SLICE_ARG(name));
    if (kind == SQS_OF_USER && !is_attribute_name(name))
        return sqs_fault_set(a, fault, SQS_BAD_VALUE,
                             "The message attribute name '%.*s' is invalid. It can have letters, "
                             "digits, _, - and single dots inside, is at most 256 characters long "
                             "and does not begin with AWS. or Amazon.",
                             name.len > NAME_BYTES_LIMIT ? NAME_BYTES_LIMIT : (int)name.len,
                             name.at);
    return true;
}

static int by_name(const void *a, const void *b)
{
    const struct sqs_attribute *x = a, *y = b;
    return slice_compare(x->name, y->name);
}

bool sqs_attributes_read(struct arena *a, yyjson_val *map, enum sqs_attributes_kind kind,
                         struct sqs_attributes *out, struct sqs_fault *fault)
{
    *out = (struct sqs_attributes){NULL, 0};
    if (map == NULL || yyjson_is_null(map))
        return true;
    size_t count = yyjson_obj_size(map);
    if (!yyjson_is_obj(map))
        return sqs_fault_set(a, fault, SQS_BAD_JSON, "message attributes must be an object");
    if (count > MESSAGE_ATTRIBUTES_MAX)
        return sqs_fault_set(a, fault, SQS_BAD_VALUE,
                             "Number of message attributes [%zu] exceeds the allowed maximum [%d].",
                             count, MESSAGE_ATTRIBUTES_MAX);
    if (count == 0)
        return true;
    out->items = arena_array(a, count, sizeof *out->items);
    yyjson_obj_iter it = yyjson_obj_iter_with(map);
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&it)) != NULL; out->count++) {
        if (!check_name(a, json_text(name), kind, fault) ||
            !take_attribute(a, json_text(name), yyjson_obj_iter_get_val(name),
                            &out->items[out->count], fault))
            return false;
    }
    qsort(out->items, out->count, sizeof *out->items, by_name);
    return true;
}

void sqs_attributes_write(struct json_out *o, const struct sqs_attributes *attributes)
{
    json_object(o);
    for (size_t i = 0; i < attributes->count; i++) {
        const struct sqs_attribute *it = &attributes->items[i];
        json_key_slice(o, it->name);
        json_object(o);
        json_put_string(o, it->is_binary ? "BinaryValue" : "StringValue", it->text);
        json_put_string(o, "DataType", it->type);
        json_object_end(o);
    }
    json_object_end(o);
}

size_t sqs_attributes_bytes(const struct sqs_attributes *attributes)
{
    size_t bytes = 0;
    for (size_t i = 0; i < attributes->count; i++) {
        const struct sqs_attribute *it = &attributes->items[i];
        bytes += it->name.len + it->type.len + it->raw.len;
    }
    return bytes;
}

static bool is_asked(struct slice name, yyjson_val *names)
{
    yyjson_arr_iter it = yyjson_arr_iter_with(names);
    for (yyjson_val *v; (v = yyjson_arr_iter_next(&it)) != NULL;) {
        struct slice asked = json_text(v);
        if (slice_eq_text(asked, "All") || slice_eq(asked, name))
            return true;
        if (slice_has_suffix(asked, SLICE(".*")) &&
            slice_has_prefix(name, (struct slice){asked.at, asked.len - 2}))
            return true;
    }
    return false;
}

struct sqs_attributes sqs_attributes_asked(struct arena *a, const struct sqs_attributes *attributes,
                                           yyjson_val *names)
{
    struct sqs_attributes out = {NULL, 0};
    if (attributes->count == 0 || !yyjson_is_arr(names))
        return out;
    out.items = arena_array(a, attributes->count, sizeof *out.items);
    for (size_t i = 0; i < attributes->count; i++) {
        if (is_asked(attributes->items[i].name, names))
            out.items[out.count++] = attributes->items[i];
    }
    return out;
}

/* --- digests --- */

struct slice sqs_md5(struct arena *a, struct slice s)
{
    uint8_t digest[16];
    hash_md5(s, digest);
    return hex_encode(a, digest, sizeof digest);
}

static void put_piece(struct text *t, struct slice s)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        text_put_char(t, (char)(unsigned char)(s.len >> shift));
    text_put(t, s);
}

/* For each in order of name: length and name, length and type, 1 (text) or 2 (binary), length and
 * value; lengths in four bytes, the highest first. */
struct slice sqs_attributes_md5(struct arena *a, const struct sqs_attributes *attributes)
{
    struct text t = text_new(a, DIGESTED_BYTES_MAX);
    for (size_t i = 0; i < attributes->count; i++) {
        const struct sqs_attribute *it = &attributes->items[i];
        put_piece(&t, it->name);
        put_piece(&t, it->type);
        text_put_char(&t, it->is_binary ? 2 : 1);
        put_piece(&t, it->raw);
    }
    return sqs_md5(a, text_slice(&t));
}
