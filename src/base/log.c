/* Log lines on standard error. A reader that does not read must never hold up the engine: a line
 * that does not fit at once is dropped and counted. */
#include "base/log.h"

#include "base/slice.h"
#include "base/time.h"

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 2048 /* below PIPE_BUF: a line is written whole or not at all */

static struct {
    enum log_level least;
    bool as_json;
    unsigned long dropped;
    pthread_mutex_t lock;
} sink = {LOG_INFO, false, 0, PTHREAD_MUTEX_INITIALIZER};

void log_open(enum log_level least, bool as_json)
{
    sink.least = least;
    sink.as_json = as_json;
}

unsigned long log_dropped_count(void)
{
    (void)pthread_mutex_lock(&sink.lock);
    unsigned long dropped = sink.dropped;
    (void)pthread_mutex_unlock(&sink.lock);
    return dropped;
}

#define ESCAPE_BYTES 6

/* What the character at s[0] is written as: itself (true), or the \u escape of *code. Controls,
 * those of two bytes and the delete character too, would command a terminal. */
static bool is_written_plain(struct slice s, size_t *len, unsigned *code)
{
    unsigned char c = (unsigned char)s.at[0];
    *len = 1;
    *code = c;
    if (c < 0x80)
        return c >= 0x20 && c != 0x7f && c != '\\' && (c != '"' || !sink.as_json);
    *code = 0xfffd;
    for (size_t k = 2; k <= 4 && k <= s.len; k++) {
        if (!slice_is_utf8((struct slice){s.at, k}))
            continue;
        *len = k;
        *code = (unsigned char)s.at[1];
        return c != 0xc2 || *code >= 0xa0;
    }
    return false;
}

/* A line stays a line, in text and in JSON. */
static void escape(const char *text, char *out, size_t size)
{
    size_t len = 0, taken;
    unsigned code;
    for (struct slice s = slice_of(text); s.len > 0 && len + ESCAPE_BYTES < size;) {
        if (is_written_plain(s, &taken, &code)) {
            memcpy(out + len, s.at, taken);
            len += taken;
        } else {
            len += (size_t)snprintf(out + len, size - len, "\\u%04x", code & 0xffff);
        }
        s.at += taken;
        s.len -= taken;
    }
    out[len] = '\0';
}

static void write_line(const char *line, size_t len)
{
    struct pollfd out = {STDERR_FILENO, POLLOUT, 0};
    (void)pthread_mutex_lock(&sink.lock);
    bool is_ready = poll(&out, 1, 0) == 1 && out.revents == POLLOUT; /* an error says more */
    if (!is_ready || write(STDERR_FILENO, line, len) != (ssize_t)len)
        sink.dropped++;
    (void)pthread_mutex_unlock(&sink.lock);
}

void log_line(enum log_level level, const char *room, const char *format, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char message[LINE_BYTES / 2], escaped[LINE_BYTES - 256], line[LINE_BYTES], at[TIME_TEXT_BYTES];
    struct timespec now;
    va_list arguments;
    if (level < sink.least)
        return;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)time_format((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, at);
    escape(message, escaped, sizeof escaped);
    const char *form = sink.as_json
                           ? "{\"at\":\"%s\",\"level\":\"%s\",\"room\":\"%s\",\"message\":\"%s\"}\n"
                           : "%s %-5s %s: %s\n";
    int len = snprintf(line, sizeof line, form, at, names[level], room, escaped);
    if (len > 0)
        write_line(line, (size_t)len < sizeof line ? (size_t)len : sizeof line - 1);
}
