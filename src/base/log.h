/* One line of log on standard error: time, level, room, message, as text or as JSON. Control
 * characters in arguments are escaped. Never blocks: a full pipe drops lines and counts them.
 * Only api, app and flow call it; lower layers return errors. Thread-safe. */
#ifndef SWM_BASE_LOG_H
#define SWM_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_open(enum log_level least, bool as_json);
void log_line(enum log_level level, const char *room, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
unsigned long log_dropped_count(void);

#endif
