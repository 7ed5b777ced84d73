/* The limits that users meet, as GET /v1/status tells them: one table, whose numbers are those of
 * core/limits.h. Nothing is limited here. */
#include "api/rest_int.h"

#include "core/limits.h"

struct limit {
    const char *name;
    int64_t value;
    const char *unit; /* absent: a number of things */
    const char *what;
};

static const struct limit limits[] = {
    {"template_bytes", TEMPLATE_BYTES_MAX, "bytes", "a template's source"},
    {"stages", STAGES_MAX, NULL, "stages of a template"},
    {"tasks", TASKS_MAX, NULL, "tasks of a template"},
    {"needs", NEEDS_MAX, NULL, "tasks that one task needs"},
    {"name_bytes", NAME_BYTES_MAX, "bytes", "a name of a template, stage, task or queue"},
    {"retry_attempts", RETRY_ATTEMPTS_MAX, NULL, "attempts that a task may state"},
    {"duration_ms", DURATION_MS_MAX, "ms", "a time or a timeout in a template"},
    {"event_bytes", EVENT_BYTES_MAX, "bytes", "an event as it arrives"},
    {"events_per_request", EVENTS_BATCH_MAX, NULL, "events in one request"},
    {"payload_bytes", PAYLOAD_BYTES_MAX, "bytes", "an input, an output, a result of an expression"},
    {"message_bytes", MESSAGE_BYTES_MAX, "bytes", "a task message"},
    {"key_bytes", KEY_BYTES_MAX, "bytes", "a business key"},
    {"event_id_bytes", EVENT_ID_BYTES_MAX, "bytes", "an event's id"},
    {"reason_bytes", REASON_BYTES_MAX, "bytes", "a reason"},
    {"json_depth", JSON_DEPTH_MAX, NULL, "nesting of JSON"},
    {"instance_bytes", INSTANCE_BYTES_MAX, "bytes", "the state of an instance"},
    {"recent_events", RECENT_EVENTS_MAX, NULL, "event ids that an instance remembers"},
    {"pending_events", PENDING_EVENTS_MAX, NULL, "events that wait for one instance"},
    {"list", LIST_LIMIT_MAX, NULL, "entries of one page of a list"},
    {"filter_values", FILTER_VALUES_MAX, NULL, "values of one filter"},
    {"feed_look", FEED_LOOK_MAX, NULL, "events that one page of the feed passes over"},
    {"queues", QUEUES_MAX, NULL, "queues"},
    {"queue_messages", QUEUE_FOREIGN_MAX, NULL, "messages in a queue that are no tasks"},
    {"queue_in_flight", QUEUE_INFLIGHT_MAX, NULL, "messages of a queue in flight"},
    {"queue_body_bytes", QUEUE_BODY_BYTES_MAX, "bytes", "a message's body"},
    {"queue_delay_s", QUEUE_DELAY_S_MAX, "s", "a message's delay"},
    {"queue_visibility_s", QUEUE_VISIBILITY_S_MAX, "s", "a message's visibility"},
    {"connections", HTTP_CONNECTIONS_MAX, NULL, "open HTTP connections"},
    {"body_bytes", HTTP_BODY_BYTES_MAX, "bytes", "a request's body"},
    {"streams", STREAMS_MAX, NULL, "open event streams"},
    {"start_wait_s", START_WAIT_S_MAX, "s", "how long the answer to a start may wait"},
    {"nodes", NODES_MAX, NULL, "nodes that share a store"},
    {"access_keys", ACCESS_KEYS_MAX, NULL, "access keys, revoked ones among them"},
};

void rest_put_limits(struct json_out *o)
{
    json_key(o, "limits");
    json_array(o);
    for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
        json_object(o);
        json_put_text(o, "name", limits[k].name);
        json_put_number(o, "value", limits[k].value);
        json_put_string(o, "unit", slice_of(limits[k].unit));
        json_put_text(o, "what", limits[k].what);
        json_object_end(o);
    }
    json_array_end(o);
}
