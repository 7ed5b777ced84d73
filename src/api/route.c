/* The table of addresses and the search in it. Before it stands the HTTP server, after it the
 * handlers of rest_*.c. It must not look at anything but method and path. */
#include "api/route.h"

#include "api/rest_int.h"

#include <string.h>

const struct route route_table[] = {
    {"POST", "/v1/tasks/complete", rest_task_complete, ROLE_WORKER, "", "Completes a task"},
    {"POST", "/v1/queues/{queue}/receive", rest_queue_receive, ROLE_WORKER, "",
     "Takes messages, waiting for them if asked to"},
    {"POST", "/v1/events", rest_event_post, ROLE_WORKER, "", "Takes one event or an array of them"},
    {"POST", "/v1/instances", rest_instance_start, ROLE_OPERATOR, "", "Starts an instance"},
    {"POST", "/v1/tasks/fail", rest_task_fail, ROLE_WORKER, "", "Fails an attempt of a task"},
    {"POST", "/v1/tasks/heartbeat", rest_task_heartbeat, ROLE_WORKER, "", "Gives a sign of life"},
    {"POST", "/v1/tasks/start", rest_task_start, ROLE_WORKER, "", "Says that work has begun"},
    {"POST", "/v1/tasks/pending", rest_task_pending, ROLE_WORKER, "", "Puts a task back"},
    {"GET", "/v1/tasks", rest_task_inbox, ROLE_VIEWER,
     "assignee group template overdue after limit", "Lists tasks that wait for people"},
    {"GET", "/v1/events", rest_event_feed, ROLE_VIEWER,
     "after limit verdict event source actor template key instance since until newest_first share",
     "Reads or streams all events in order"},
    {"GET", "/v1/audit", rest_audit, ROLE_VIEWER,
     "after limit verdict event source actor template key instance since until",
     "Lists what people did, the newest first"},
    {"GET", "/v1/instances", rest_instance_list, ROLE_VIEWER,
     "template version status stage key business_status since until started_since started_until "
     "after limit",
     "Lists instances"},
    {"GET", "/v1/instances/count", rest_instance_count, ROLE_VIEWER,
     "template version status stage key business_status since until started_since started_until",
     "Counts the instances that a list would give"},
    {"GET", "/v1/activity", rest_activity, ROLE_VIEWER, "window",
     "What began and ended over the last hour or day"},
    {"GET", "/v1/attention", rest_attention, ROLE_VIEWER, "limit",
     "What failed, is overdue or is tried again and again"},
    {"GET", "/v1/instances/{id}", rest_instance_get, ROLE_VIEWER, "at fields task share",
     "Shows an instance, now or as of a record or a time"},
    {"GET", "/v1/instances/{id}/events", rest_instance_events, ROLE_VIEWER,
     "after limit verdict event task fields newest_first share", "Lists the events of an instance"},
    {"GET", "/v1/instances/{id}/timeline", rest_instance_timeline, ROLE_VIEWER,
     "at after limit newest_first share", "Lists attempts, stages and pauses with their times"},
    {"GET", "/v1/instances/{id}/graph.svg", rest_instance_graph, ROLE_VIEWER, "at share",
     "Draws an instance"},
    {"GET", "/v1/instances/{id}/graph.json", rest_instance_layout, ROLE_VIEWER, "at share",
     "Gives the drawing's coordinates and statuses"},
    {"GET", "/v1/instances/{id}/explain", rest_instance_explain, ROLE_VIEWER, "at share",
     "Says what an instance waits for"},
    {"POST", "/v1/instances/{id}/share", rest_share, ROLE_OPERATOR, "",
     "Makes a link that shows one instance to whoever has it, until it expires"},
    {"GET", "/v1/instances/{id}/records", rest_instance_records, ROLE_VIEWER, "after limit",
     "Gives the exact records of an instance, to be imported elsewhere"},
    {"POST", "/v1/instances/{id}/import", rest_instance_import, ROLE_ADMIN, "",
     "Takes in an instance with all its records"},
    {"POST", "/v1/instances/{id}/replay", rest_instance_replay, ROLE_OPERATOR, "",
     "Runs a task or a stage again"},
    {"POST", "/v1/instances/{id}/pause", rest_instance_pause, ROLE_OPERATOR, "",
     "Pauses an instance"},
    {"POST", "/v1/instances/{id}/resume", rest_instance_resume, ROLE_OPERATOR, "",
     "Resumes an instance"},
    {"POST", "/v1/instances/{id}/cancel", rest_instance_cancel, ROLE_OPERATOR, "",
     "Cancels an instance"},
    {"GET", "/v1/templates", rest_template_list, ROLE_VIEWER, "", "Lists templates"},
    {"POST", "/v1/templates", rest_template_apply, ROLE_AUTHOR, "file note", "Applies a template"},
    {"POST", "/v1/templates/validate", rest_template_validate, ROLE_VIEWER, "file",
     "Checks a template and changes nothing"},
    {"GET", "/v1/templates/{name}", rest_template_get, ROLE_VIEWER, "",
     "Shows the newest version of a template"},
    {"GET", "/v1/templates/{name}/diff", rest_template_diff, ROLE_VIEWER, "from to",
     "Compares two versions"},
    {"GET", "/v1/templates/{name}/{graph}", rest_template_graph, ROLE_VIEWER, "format",
     "Draws the newest version: graph.svg, graph.json, graph.dot, graph.mermaid"},
    {"GET", "/v1/templates/{name}/versions/{version}", rest_template_version, ROLE_VIEWER, "",
     "Shows one version"},
    {"GET", "/v1/templates/{name}/versions/{version}/{graph}", rest_template_version_graph,
     ROLE_VIEWER, "format", "Draws one version"},
    {"GET", "/v1/template.schema.json", rest_template_schema, ROLE_VIEWER, "",
     "The JSON Schema of the template language"},
    {"GET", "/v1/queues", rest_queue_list, ROLE_VIEWER, "prefix after limit", "Lists queues"},
    {"GET", "/v1/queues/{queue}", rest_queue_get, ROLE_VIEWER, "", "Shows a queue"},
    {"GET", "/v1/queues/{queue}/peek", rest_queue_peek, ROLE_OPERATOR, "limit",
     "Looks at messages without taking them"},
    {"POST", "/v1/queues/{queue}/send", rest_queue_send, ROLE_WORKER, "", "Sends a message"},
    {"POST", "/v1/queues/{queue}/delete", rest_queue_delete, ROLE_WORKER, "",
     "Deletes a received message"},
    {"POST", "/v1/queues/{queue}/purge", rest_queue_purge, ROLE_OPERATOR, "",
     "Deletes the messages that are not tasks"},
    {"GET", "/v1/status", rest_status_show, ROLE_VIEWER, "", "How the server and its nodes are"},
    {"GET", "/v1/stats", rest_stats, ROLE_VIEWER, "template", "Counts"},
    {"GET", "/v1/verify", rest_verify, ROLE_OPERATOR, "instance",
     "Proves the chain of records and the state that follows from it"},
    {"GET", "/v1/keys", rest_key_list, ROLE_ADMIN, "", "Lists access keys"},
    {"POST", "/v1/keys", rest_key_create, ROLE_ADMIN, "", "Makes an access key"},
    {"DELETE", "/v1/keys/{id}", rest_key_revoke, ROLE_ADMIN, "", "Revokes an access key"},
    {"POST", "/v1/backup", rest_backup, ROLE_ADMIN, "", "Writes a consistent copy of the data"},
    {"GET", "/v1/openapi.json", rest_openapi, ROLE_VIEWER, "", "This interface as OpenAPI"},
    {"GET", "/v1", rest_index, ROLE_VIEWER, "", "What is served here"},
    {"GET", "/metrics", metrics_show, ROLE_VIEWER, "", "Numbers for Prometheus"},
    {"GET", "/healthz", rest_health, ROLE_ANYBODY, "", "The process is alive"},
    {"GET", "/readyz", rest_ready, ROLE_ANYBODY, "", "The process takes work"},
    {NULL, NULL, NULL, ROLE_ANYBODY, NULL, NULL},
};

/* Compares piece by piece; an encoded slash is part of its piece. */
static bool match_path(struct http_request *r, const char *pattern, struct slice *args)
{
    struct slice want = slice_of(pattern), have = http_raw_path(r), w, h;
    size_t count = 0;
    while (want.at != NULL && have.at != NULL) {
        slice_cut(want, '/', &w, &want);
        slice_cut(have, '/', &h, &have);
        if (w.len > 0 && w.at[0] == '{') {
            if (h.len == 0)
                return false;
            args[count++] = h;
        } else if (!slice_eq(w, h)) {
            return false;
        }
    }
    return want.at == NULL && have.at == NULL;
}

/* HEAD is GET without its body, which the library leaves out. */
static bool match_method(struct http_request *r, const char *method)
{
    struct slice m = http_method(r);
    return slice_eq_text(m, method) || (slice_eq_text(m, "HEAD") && strcmp(method, "GET") == 0);
}

/* Each method of an address, once; HEAD beside GET, and both before the others. */
static void add_method(struct http_request *r, const char *method, struct slice *allow)
{
    struct text t = text_new(http_arena(r), 64);
    bool is_get = strcmp(method, "GET") == 0;
    text_put_c(&t, is_get ? "GET, HEAD" : "");
    if (is_get && allow->at != NULL)
        text_put_c(&t, ", ");
    text_put(&t, *allow);
    if (!is_get && allow->at != NULL)
        text_put_c(&t, ", ");
    text_put_c(&t, is_get ? "" : method);
    *allow = text_slice(&t);
}

const struct route *route_find(struct http_request *r, struct slice args[ROUTE_ARGS_MAX],
                               struct slice *allow)
{
    for (const struct route *row = route_table; row->method != NULL; row++) {
        if (!match_path(r, row->path, args))
            continue;
        if (match_method(r, row->method)) {
            for (size_t i = 0; i < ROUTE_ARGS_MAX; i++)
                args[i] = http_decode(r, args[i], false);
            return row;
        }
        add_method(r, row->method, allow);
    }
    return NULL;
}
