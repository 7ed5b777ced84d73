/* Log lines, read back from a pipe that stands in for standard error. */
#include "harness.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/log.h"
#include "base/time.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static struct {
    int read_end, original; /* descriptors */
} pipe_ends;
static char told[16384];

static void begin(enum log_level least, bool as_json)
{
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    pipe_ends.original = dup(STDERR_FILENO);
    pipe_ends.read_end = ends[0];
    CHECK(dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
    (void)close(ends[1]);
    log_open(least, as_json);
}

/* What was logged since begin, without the end of the last line. */
static struct slice end(void)
{
    size_t len = 0;
    (void)dup2(pipe_ends.original, STDERR_FILENO);
    (void)close(pipe_ends.original);
    for (ssize_t got; (got = read(pipe_ends.read_end, told + len, sizeof told - len)) > 0;)
        len += (size_t)got;
    (void)close(pipe_ends.read_end);
    log_open(LOG_INFO, false);
    CHECK(len == 0 || told[len - 1] == '\n');
    return (struct slice){told, len == 0 ? 0 : len - 1};
}

TEST(log_lines_name_time_level_room_and_message)
{
    begin(LOG_INFO, false);
    log_line(LOG_DEBUG, "api", "not seen");
    log_line(LOG_WARN, "api", "%s has %d", "queue", 3);
    struct slice line = end();
    int64_t at_ms = 0;
    CHECK(time_parse((struct slice){line.at, 24}, &at_ms) && at_ms > 0);
    CHECK_INT(line.at[24], ' ');
    CHECK_TEXT(((struct slice){line.at + 25, line.len - 25}), "warn  api: queue has 3");
}

TEST(log_arguments_cannot_begin_a_line_or_command_a_terminal)
{
    begin(LOG_DEBUG, false);
    log_line(LOG_DEBUG, "api", "%s", "a\nb\x1b[2J\x7f\xc2\x9b\\ \xff \"é€😀\"");
    struct slice line = end();
    CHECK(memchr(line.at, '\n', line.len) == NULL);
    CHECK(slice_has_suffix(line, SLICE("debug api: a\\u000ab\\u001b[2J\\u007f\\u009b\\u005c "
                                       "\\ufffd \"é€😀\"")));
}

TEST(log_as_json_is_json_whatever_the_message)
{
    struct arena a;
    yyjson_val *v = NULL;
    arena_init(&a, 1 << 20);
    begin(LOG_INFO, true);
    log_line(LOG_ERROR, "flow", "%s", "\"q\"\\\n\xff é");
    struct slice line = end();
    CHECK(json_read(&a, line, 4096, 4, NULL, &v) == ERR_NONE);
    CHECK_TEXT(json_get_text(v, "level"), "error");
    CHECK_TEXT(json_get_text(v, "room"), "flow");
    CHECK_TEXT(json_get_text(v, "message"), "\"q\"\\\n\xef\xbf\xbd é");
    arena_drop(&a);
}

TEST(log_line_of_any_length_stays_one_whole_line)
{
    static char wide[8000];
    struct arena a;
    yyjson_val *v = NULL;
    arena_init(&a, 1 << 20);
    for (int k = 0; k < 3; k++) {
        memset(wide, k == 0 ? 'x' : k == 1 ? '\n' : '\xc3', sizeof wide - 1);
        begin(LOG_INFO, true);
        log_line(LOG_INFO, "app", "%s", wide);
        struct slice line = end();
        CHECK(line.len > 1000 && line.len < 4096);
        CHECK(json_read(&a, line, 4096, 4, NULL, &v) == ERR_NONE);
    }
    arena_drop(&a);
}

TEST(log_drops_and_counts_lines_nobody_reads)
{
    static char full[65536];
    unsigned long before = log_dropped_count();
    begin(LOG_INFO, false);
    CHECK(fcntl(STDERR_FILENO, F_SETPIPE_SZ, 4096) >= 4096);
    int flags = fcntl(STDERR_FILENO, F_GETFL);
    CHECK(fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK) == 0);
    memset(full, '\n', sizeof full);
    while (write(STDERR_FILENO, full, sizeof full) > 0)
        continue;
    CHECK(fcntl(STDERR_FILENO, F_SETFL, flags) == 0); /* a write would wait for ever */
    log_line(LOG_INFO, "app", "one");
    log_line(LOG_INFO, "app", "two");
    CHECK_INT(log_dropped_count() - before, 2);
    CHECK(read(pipe_ends.read_end, told, 4096) == 4096);
    log_line(LOG_INFO, "app", "three");
    CHECK(slice_has_suffix(end(), SLICE("app: three")));
    CHECK_INT(log_dropped_count() - before, 2);
}

TEST(log_outlives_its_reader)
{
    unsigned long before = log_dropped_count();
    void (*was)(int) = signal(SIGPIPE, SIG_DFL);
    begin(LOG_INFO, false);
    (void)close(pipe_ends.read_end);
    log_line(LOG_INFO, "app", "to nobody");
    pipe_ends.read_end = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK_INT(end().len, 0);
    CHECK_INT(log_dropped_count() - before, 1);
    (void)signal(SIGPIPE, was);
}
