/* One instance as a picture of lines: its head, its stages, their tasks with marks. `swm show`
 * prints it, `swm watch` draws it again and again. */
#ifndef SWM_APP_VIEW_H
#define SWM_APP_VIEW_H

#include "app/term.h"
#include "base/json.h"

enum tint view_tint(struct slice status);   /* of an instance, a stage or a task */
const char *view_mark(struct slice status); /* one character */
enum tint view_verdict_tint(struct slice verdict);

/* What people call it: its key, or its id where it has none. */
struct slice view_name(yyjson_val *instance);
int64_t view_time(yyjson_val *object, const char *name); /* a member that is a time; 0: none */
bool view_is_open(yyjson_val *instance);                 /* RUNNING or PAUSED */

/* `shown`: what GET /v1/instances/{id} answers. `is_brief`: stages in which nothing happens get one
 * line. */
void view_instance(struct term *t, yyjson_val *shown, int64_t now_ms, bool is_brief);

#endif
