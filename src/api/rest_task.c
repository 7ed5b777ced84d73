/* Workers' answers and the inbox. Before it stands the route table, after it rest_event.c: an
 * answer is an event, named by the address. */
#include "api/rest_int.h"

#include "core/limits.h"

void rest_task_complete(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    rest_arrive_as(x, r, EVENT_COMPLETED, SLICE_NONE);
}

void rest_task_fail(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    rest_arrive_as(x, r, EVENT_FAILED, SLICE_NONE);
}

void rest_task_heartbeat(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    rest_arrive_as(x, r, EVENT_HEARTBEAT, SLICE_NONE);
}

void rest_task_start(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    rest_arrive_as(x, r, EVENT_STARTED, SLICE_NONE);
}

void rest_task_pending(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    rest_arrive_as(x, r, EVENT_PENDING, SLICE_NONE);
}

void rest_task_inbox(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    struct flow_query q = {.what = FLOW_INBOX,
                           .after = http_query(r, "after"),
                           .assignee = http_query(r, "assignee"),
                           .group = http_query(r, "group"),
                           .template = http_query(r, "template")};
    if (rest_take_flag(r, "overdue", &q.overdue_only) &&
        rest_take_limit(r, "limit", LIST_LIMIT_DEFAULT, &q.limit))
        rest_read(x, r, &q);
}
