/* What a durable commit costs in the SQLite store: commits of one 600-byte record, with 1 and with
 * 64 in flight, and beside them, in the same run and folder, the same bytes written to a plain file
 * and synced, one by one and 64 at a time. Prints one line of JSON.
 *
 *     store_append DIR [SECONDS]      DIR: an existing folder on the disk to be measured */
#include "store/store_sqlite.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RECORD_BYTES 600
#define IN_FLIGHT_MAX 64
#define INSTANCES 10000

struct commit {
    struct store_request request;
    struct arena arena;
    struct store_record record;
    char id[32];
};

static char body[RECORD_BYTES];
static uint64_t seqs[INSTANCES];
static uint32_t next_instance;

static double read_seconds(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void give_up(const char *what)
{
    fprintf(stderr, "store_append: %s\n", what);
    exit(1);
}

/* The next record of the next instance: like traffic, not like one long chain. */
static void submit(struct store *s, struct commit *c)
{
    uint32_t i = next_instance++ % INSTANCES;
    int len = snprintf(c->id, sizeof(c->id), "instance-%010u", i);

    c->record = (struct store_record){
        .seq = ++seqs[i],
        .at_ms = 1764000000000,
        .event = SLICE("TaskCompleted"),
        .verdict = SLICE("applied"),
        .bytes = {body, sizeof(body)},
    };
    c->request = (struct store_request){
        .op = STORE_COMMIT,
        .arena = &c->arena,
        .owner = c,
        .id = {c->id, (size_t)len},
        .records = &c->record,
        .record_count = 1,
    };
    s->ops->submit(s, &c->request);
}

static size_t collect(struct store *s, struct store_request **done)
{
    struct pollfd p = {.fd = s->ops->wake_fd(s), .events = POLLIN};

    if (poll(&p, 1, -1) != 1) {
        give_up("poll failed");
    }
    size_t count = s->ops->complete(s, done, IN_FLIGHT_MAX);
    for (size_t i = 0; i < count; i++) {
        if (done[i]->err != ERR_NONE) {
            give_up(err_text(done[i]->err));
        }
    }
    return count;
}

/* Commits a second, with `in_flight` at a time. */
static double measure_store(struct store *s, unsigned in_flight, double seconds)
{
    static struct commit commits[IN_FLIGHT_MAX];
    struct store_request *done[IN_FLIGHT_MAX];
    double began = read_seconds(CLOCK_MONOTONIC), now = began;
    unsigned long finished = 0;

    for (unsigned i = 0; i < in_flight; i++) {
        arena_init(&commits[i].arena, SIZE_MAX);
        submit(s, &commits[i]);
    }
    while (now - began < seconds) {
        size_t count = collect(s, done);
        finished += count;
        now = read_seconds(CLOCK_MONOTONIC);
        for (size_t i = 0; i < count; i++) {
            submit(s, done[i]->owner);
        }
    }
    for (unsigned left = in_flight; left > 0;) {
        left -= (unsigned)collect(s, done);
    }
    return (double)finished / (now - began);
}

/* Records a second when `batch` of them are written and then synced. */
static double measure_raw(const char *path, unsigned batch, double seconds)
{
    static char bytes[RECORD_BYTES * IN_FLIGHT_MAX];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    double began = read_seconds(CLOCK_MONOTONIC), now = began;
    unsigned long finished = 0;

    if (fd < 0) {
        give_up("the plain file cannot be made");
    }
    for (; now - began < seconds; now = read_seconds(CLOCK_MONOTONIC)) {
        size_t len = (size_t)RECORD_BYTES * batch;
        if (write(fd, bytes, len) != (ssize_t)len || fdatasync(fd) != 0) {
            give_up("the plain file cannot be written");
        }
        finished += batch;
    }
    close(fd);
    unlink(path);
    return (double)finished / (now - began);
}

int main(int argc, char **argv)
{
    char message[STORE_SQLITE_MESSAGE_BYTES], data[512], raw[512];
    struct store *s = NULL;
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 2;

    if (argc < 2) {
        give_up("usage: store_append DIR [SECONDS]");
    }
    memset(body, 'x', sizeof(body));
    snprintf(data, sizeof(data), "%s/store", argv[1]);
    snprintf(raw, sizeof(raw), "%s/raw", argv[1]);
    if (store_sqlite_open(data, &s, message) != ERR_NONE) {
        give_up(message);
    }
    double raw_1 = measure_raw(raw, 1, seconds);
    double store_1 = measure_store(s, 1, seconds);
    double raw_64 = measure_raw(raw, IN_FLIGHT_MAX, seconds);
    double cpu_began = read_seconds(CLOCK_PROCESS_CPUTIME_ID);
    double store_64 = measure_store(s, IN_FLIGHT_MAX, seconds);
    double cpu = read_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_began;
    s->ops->close(s);
    printf("{\"bench\":\"store_append\",\"record_bytes\":%d,\"commits_per_s_1\":%.0f,"
           "\"raw_per_s_1\":%.0f,\"commits_per_s_64\":%.0f,\"raw_per_s_64\":%.0f,"
           "\"cpu_us_per_commit_64\":%.1f}\n",
           RECORD_BYTES, store_1, raw_1, store_64, raw_64, cpu * 1e6 / (store_64 * seconds));
    return 0;
}
