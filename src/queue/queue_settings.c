/* The attributes of a queue as texts: a table says which there are and what each may be. Whoever
 * makes or changes a queue comes here; it must not know where they are kept. Pure functions. */
#include "queue/queue_local_int.h"

#include "base/json.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

const struct queue_settings settings_default = {.visibility_s = QUEUE_VISIBILITY_S_DEFAULT,
                                                .delay_s = 0,
                                                .size_max = QUEUE_BODY_BYTES_MAX,
                                                .retention_s = QUEUE_RETENTION_S_DEFAULT,
                                                .wait_s = 0};

struct setting {
    const char *name;
    size_t offset;
    int64_t least, most;
};

#define SETTING(field) offsetof(struct queue_settings, field)
#define SETTING_COUNT 5

static const struct setting table[SETTING_COUNT] = {
    {"VisibilityTimeout", SETTING(visibility_s), 0, QUEUE_VISIBILITY_S_MAX},
    {"DelaySeconds", SETTING(delay_s), 0, QUEUE_DELAY_S_MAX},
    {"MaximumMessageSize", SETTING(size_max), 1024, QUEUE_BODY_BYTES_MAX},
    {"MessageRetentionPeriod", SETTING(retention_s), QUEUE_RETENTION_S_MIN, QUEUE_RETENTION_S_MAX},
    {"ReceiveMessageWaitTimeSeconds", SETTING(wait_s), 0, QUEUE_WAIT_S_MAX},
};

static int64_t *value_of(struct queue_settings *s, const struct setting *row)
{
    return (int64_t *)(void *)((char *)s + row->offset);
}

static int64_t value_in(const struct queue_settings *s, const struct setting *row)
{
    int64_t value;
    memcpy(&value, (const char *)s + row->offset, sizeof value);
    return value;
}

static const struct setting *find(struct slice name)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (slice_eq_text(name, table[i].name))
            return &table[i];
    }
    return NULL;
}

static enum err refuse(struct arena *a, struct slice *why, struct slice name,
                       const struct setting *row)
{
    struct text t = text_new(a, REASON_BYTES_MAX);
    if (row == NULL) {
        text_put_c(&t, "Unknown Attribute ");
        text_put(&t, name);
        text_put_char(&t, '.');
    } else {
        text_printf(&t,
                    "Invalid value for the parameter %s. Reason: Must be between %lld and %lld.",
                    row->name, (long long)row->least, (long long)row->most);
    }
    *why = text_slice(&t);
    return ERR_INVALID;
}

enum err settings_read(struct arena *a, struct slice json, struct queue_settings *s,
                       struct slice *why)
{
    yyjson_val *root, *name;
    *why = SLICE("the attributes must be a JSON object of strings");
    if (json_read(a, json, HTTP_BODY_BYTES_MAX, JSON_DEPTH_MAX, NULL, &root) != ERR_NONE ||
        !yyjson_is_obj(root))
        return ERR_INVALID;
    yyjson_obj_iter it = yyjson_obj_iter_with(root);
    while ((name = yyjson_obj_iter_next(&it)) != NULL) {
        yyjson_val *value = yyjson_obj_iter_get_val(name);
        const struct setting *row = find(json_text(name));
        int64_t n = 0;
        if (row == NULL)
            return refuse(a, why, json_text(name), NULL);
        if ((!json_int(value, &n) && !slice_to_int(json_text(value), &n)) || n < row->least ||
            n > row->most)
            return refuse(a, why, json_text(name), row);
        *value_of(s, row) = n;
    }
    return ERR_NONE;
}

const char *settings_differ(const struct queue_settings *a, const struct queue_settings *b)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (value_in(a, &table[i]) != value_in(b, &table[i]))
            return table[i].name;
    }
    return NULL;
}

struct slice settings_write(const struct queue_settings *s, char out[SETTINGS_TEXT_BYTES])
{
    size_t len = 0;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        int n = snprintf(out + len, SETTINGS_TEXT_BYTES - len, "%s\"%s\":\"%lld\"",
                         i == 0 ? "{" : ",", table[i].name, (long long)value_in(s, &table[i]));
        len += (size_t)n;
    }
    out[len++] = '}';
    return (struct slice){out, len};
}
