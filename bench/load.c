/* The client side of the benchmark over the wire: HTTP/1.1 on kept connections, one thread, one
 * epoll, so that the server is what is measured. Prints one line of JSON. The template and what it
 * means is bench/run.py's; this only knows its queues.
 *
 *     load PORT start  INSTANCES                 events in arrays of 100
 *     load PORT single INSTANCES CONNECTIONS     receive ten, complete each alone
 *     load PORT batch  INSTANCES CONNECTIONS     SQS protocol: receive ten, answer ten at once
 *     load PORT hop    INSTANCES                 one instance at a time, a parked worker per task
 *
 * and of a cluster, where PORT is the server of the queues, apart from the nodes:
 *
 *     load PORT far     INSTANCES CONNECTIONS QUEUE EVENTS   receive ten, answer ten, delete ten
 *     load PORT far-hop INSTANCES NODE_PORT EVENTS           as hop; answers go to the events queue
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define TASKS 3
#define BATCH 10
#define STARTS_BATCH 100
#define TOKEN_BYTES_MAX 1024
#define RECEIPT_BYTES_MAX 512
#define BYTES_MAX (256 * 1024)
#define SQS "Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS."
#define JSON "Content-Type: application/json"

enum state { RECEIVING, COMPLETING, SENDING, DELETING, STARTING };

struct connection {
    int fd;
    const char *port;
    enum state state;
    char tokens[BATCH][TOKEN_BYTES_MAX];
    char receipts[BATCH][RECEIPT_BYTES_MAX];
    unsigned token_count, next_token;
    char in[BYTES_MAX];
    size_t in_len;
    int status;
    char *body; /* of the newest reply, NUL-terminated */
};

static struct connection *connections[CONNECTIONS_MAX];
static int epoll_fd;
static const char *queue = "bench_work", *events_queue = "swm-events";
static uint64_t wanted, done;

static double read_seconds(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void give_up(const char *what, const char *detail)
{
    fprintf(stderr, "load: %s: %.400s\n", what, detail);
    exit(1);
}

/* --- one connection --- */

static struct connection *open_connection(const char *port)
{
    struct connection *c = calloc(1, sizeof *c);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)strtol(port, NULL, 10)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    int on = 1;
    if (c == NULL)
        give_up("memory", "is short");
    c->port = port;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0 ||
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e) != 0)
        give_up("the server can't be reached", port);
    return c;
}

static void send_request(struct connection *c, const char *path, const char *headers,
                         const char *body, size_t len)
{
    static char out[BYTES_MAX];
    int head =
        snprintf(out, sizeof out,
                 "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n%s\r\nContent-Length: %zu\r\n\r\n",
                 path, c->port, headers, len);
    if (head < 0 || (size_t)head + len > sizeof out)
        give_up("a request is too long", path);
    memcpy(out + head, body, len);
    size_t whole = (size_t)head + len;
    for (size_t sent = 0; sent < whole;) {
        ssize_t n = send(c->fd, out + sent, whole - sent, MSG_NOSIGNAL);
        if (n <= 0)
            give_up("the server closed a connection", path);
        sent += (size_t)n;
    }
}

static size_t length_of(const char *head)
{
    const char *at = strcasestr(head, "\r\nContent-Length:");
    if (at == NULL)
        give_up("a reply has no length", head);
    return strtoul(at + 17, NULL, 10);
}

/* Reads what is there; true when a whole reply is. One request is on its way at a time. */
static bool read_reply(struct connection *c)
{
    ssize_t n = recv(c->fd, c->in + c->in_len, sizeof c->in - 1 - c->in_len, MSG_DONTWAIT);
    if (n <= 0)
        give_up("the server closed a connection", "while it was asked");
    c->in_len += (size_t)n;
    c->in[c->in_len] = '\0';
    char *end = strstr(c->in, "\r\n\r\n");
    if (end == NULL || c->in_len < (size_t)(end + 4 - c->in) + length_of(c->in))
        return false;
    c->status = (int)strtol(c->in + 9, NULL, 10);
    c->body = end + 4;
    c->in_len = 0;
    if (c->status != 200)
        give_up("a reply is not 200", c->in);
    return true;
}

/* The next value of a member of this name, "name":"…" or the same escaped inside a text; where it
 * ends, or NULL when there is none. */
static const char *take_value(const char *at, const char *name, char *out, size_t max)
{
    at = strstr(at, name);
    if (at == NULL)
        return NULL;
    at += strlen(name) + strspn(at + strlen(name), "\\\": ");
    size_t len = strcspn(at, "\\\"");
    if (len == 0 || len >= max)
        give_up("not a value", at);
    memcpy(out, at, len);
    out[len] = '\0';
    return at + len;
}

/* The tokens in a reply of either protocol. */
static void take_tokens(struct connection *c)
{
    const char *at = c->body;
    c->token_count = c->next_token = 0;
    while (c->token_count < BATCH &&
           (at = take_value(at, "token", c->tokens[c->token_count], TOKEN_BYTES_MAX)) != NULL)
        c->token_count++;
}

/* Of messages that are deleted by whoever has received them. */
static void take_receipts(struct connection *c)
{
    const char *at = c->body;
    unsigned count = 0;
    while (count < BATCH &&
           (at = take_value(at, "ReceiptHandle", c->receipts[count], RECEIPT_BYTES_MAX)) != NULL)
        count++;
    if (count != c->token_count)
        give_up("messages without tokens or receipts", c->body);
}

/* --- requests --- */

static void send_receive(struct connection *c, const char *from, unsigned max)
{
    char path[128], body[64];
    snprintf(path, sizeof path, "/v1/queues/%s/receive", from);
    int len = snprintf(body, sizeof body, "{\"max\":%u,\"wait_seconds\":20}", max);
    c->state = RECEIVING;
    send_request(c, path, JSON, body, (size_t)len);
}

static void send_sqs_receive(struct connection *c, const char *from)
{
    char body[512];
    int len = snprintf(body, sizeof body,
                       "{\"QueueUrl\":\"http://127.0.0.1:%s/000000000000/%s\","
                       "\"MaxNumberOfMessages\":%d,\"WaitTimeSeconds\":20}",
                       c->port, from, BATCH);
    c->state = RECEIVING;
    send_request(c, "/", SQS "ReceiveMessage", body, (size_t)len);
}

static void send_complete(struct connection *c, const char *token)
{
    char body[TOKEN_BYTES_MAX + 64];
    int len = snprintf(body, sizeof body, "{\"token\":\"%s\",\"output\":{\"n\":42}}", token);
    c->state = COMPLETING;
    send_request(c, "/v1/tasks/complete", JSON, body, (size_t)len);
}

static void send_sqs_answers(struct connection *c)
{
    static char body[BYTES_MAX / 2];
    int len = snprintf(body, sizeof body,
                       "{\"QueueUrl\":\"http://127.0.0.1:%s/000000000000/%s\",\"Entries\":[",
                       c->port, events_queue);
    for (unsigned i = 0; i < c->token_count; i++)
        len += snprintf(body + len, sizeof body - (size_t)len,
                        "%s{\"Id\":\"%u\",\"MessageBody\":\"{\\\"event\\\":\\\"TaskCompleted\\\","
                        "\\\"token\\\":\\\"%s\\\",\\\"output\\\":{\\\"n\\\":42}}\"}",
                        i == 0 ? "" : ",", i, c->tokens[i]);
    len += snprintf(body + len, sizeof body - (size_t)len, "]}");
    c->state = SENDING;
    send_request(c, "/", SQS "SendMessageBatch", body, (size_t)len);
}

static void send_sqs_deletes(struct connection *c, const char *from)
{
    static char body[BYTES_MAX / 2];
    int len = snprintf(body, sizeof body,
                       "{\"QueueUrl\":\"http://127.0.0.1:%s/000000000000/%s\",\"Entries\":[",
                       c->port, from);
    for (unsigned i = 0; i < c->token_count; i++)
        len += snprintf(body + len, sizeof body - (size_t)len,
                        "%s{\"Id\":\"%u\",\"ReceiptHandle\":\"%s\"}", i == 0 ? "" : ",", i,
                        c->receipts[i]);
    len += snprintf(body + len, sizeof body - (size_t)len, "]}");
    c->state = DELETING;
    send_request(c, "/", SQS "DeleteMessageBatch", body, (size_t)len);
}

static void send_starts(struct connection *c, const char *template, unsigned count)
{
    static char body[BYTES_MAX / 2];
    int len = snprintf(body, sizeof body, "[");
    for (unsigned i = 0; i < count; i++)
        len += snprintf(body + len, sizeof body - (size_t)len,
                        "%s{\"event\":\"StartWorkflow\",\"template\":\"%s\","
                        "\"input\":{\"order_id\":\"ORDER-000042\",\"amount\":12.5}}",
                        i == 0 ? "" : ",", template);
    len += snprintf(body + len, sizeof body - (size_t)len, "]");
    c->state = STARTING;
    send_request(c, "/v1/events", JSON, body, (size_t)len);
}

/* --- throughput --- */

static uint64_t count_in(const char *text, const char *word)
{
    uint64_t count = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at += strlen(word))
        count++;
    return count;
}

static void go_on_starting(struct connection *c)
{
    static uint64_t sent;
    if (c->body != NULL)
        done += count_in(c->body, "\"verdict\":\"applied\"");
    uint64_t left = wanted > sent ? wanted - sent : 0;
    unsigned count = left > STARTS_BATCH ? STARTS_BATCH : (unsigned)left;
    sent += count;
    if (count > 0)
        send_starts(c, "bench", count);
}

static void go_on_single(struct connection *c)
{
    if (c->body != NULL && c->state == COMPLETING)
        done += count_in(c->body, "\"verdict\":\"applied\"");
    else if (c->body != NULL)
        take_tokens(c);
    if (c->next_token < c->token_count)
        send_complete(c, c->tokens[c->next_token++]);
    else
        send_receive(c, queue, BATCH);
}

static void go_on_batch(struct connection *c)
{
    if (c->body != NULL && c->state == SENDING) {
        done += count_in(c->body, "\"MessageId\"");
        c->token_count = 0;
    } else if (c->body != NULL) {
        take_tokens(c);
    }
    if (c->token_count > 0)
        send_sqs_answers(c);
    else
        send_sqs_receive(c, queue);
}

/* A message is deleted when its answer was acknowledged. */
static void go_on_far(struct connection *c)
{
    if (c->body != NULL && c->state == SENDING) {
        done += count_in(c->body, "\"MessageId\"");
        send_sqs_deletes(c, queue);
        return;
    }
    c->token_count = c->body != NULL && c->state == DELETING ? 0 : c->token_count;
    if (c->body != NULL && c->state == RECEIVING) {
        take_tokens(c);
        take_receipts(c);
    }
    if (c->token_count > 0)
        send_sqs_answers(c);
    else
        send_sqs_receive(c, queue);
}

static void run(void (*go_on)(struct connection *c), unsigned count)
{
    struct epoll_event events[64];
    double began = read_seconds(CLOCK_MONOTONIC), cpu = read_seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (unsigned i = 0; i < count; i++)
        go_on(connections[i]);
    while (done < wanted) {
        int n = epoll_wait(epoll_fd, events, 64, 60000);
        if (n <= 0)
            give_up("nothing came for a minute", "");
        for (int i = 0; i < n; i++) {
            if (read_reply(events[i].data.ptr))
                go_on(events[i].data.ptr);
        }
    }
    double seconds = read_seconds(CLOCK_MONOTONIC) - began;
    printf("{\"done\":%llu,\"seconds\":%.4f,\"client_cpu_s\":%.4f}\n", (unsigned long long)done,
           seconds, read_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
}

/* --- latency --- */

/* Waits until both have their replies; either may be NULL. Returns when the first one's came. */
static double wait_both(struct connection *first, struct connection *second)
{
    struct epoll_event event;
    double at = 0;
    while (first != NULL || second != NULL) {
        if (epoll_wait(epoll_fd, &event, 1, 60000) != 1)
            give_up("nothing came for a minute", "");
        struct connection *c = event.data.ptr;
        double now = read_seconds(CLOCK_MONOTONIC);
        if (!read_reply(c))
            continue;
        if (c == first) {
            at = now;
            first = NULL;
        } else if (c == second) {
            second = NULL;
        } else {
            give_up("a reply came that nobody waits for", c->body);
        }
    }
    return at;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double pick(double *values, size_t count, double part)
{
    qsort(values, count, sizeof *values, compare);
    return values[(size_t)((double)(count - 1) * part)] * 1e3;
}

static const char *const hop_queues[TASKS] = {"bench_1", "bench_2", "bench_3"};

/* One instance from its start to the acknowledged last answer; the hops between its tasks. */
static double follow(struct connection *client, struct connection *workers[TASKS], double *hops)
{
    double began = read_seconds(CLOCK_MONOTONIC), sent = began;
    send_starts(client, "bench-hop", 1);
    wait_both(workers[0], client);
    for (unsigned i = 0; i < TASKS; i++) {
        take_tokens(workers[i]);
        if (workers[i]->token_count != 1)
            give_up("not one message came", workers[i]->body);
        send_receive(workers[i], hop_queues[i], 1);
        sent = read_seconds(CLOCK_MONOTONIC);
        send_complete(client, workers[i]->tokens[0]);
        if (i + 1 < TASKS)
            hops[i] = wait_both(workers[i + 1], client) - sent;
    }
    return wait_both(client, NULL) - began;
}

/* The same where answers go to the events queue: each worker sends its own, and deletes its
 * message while the next one already has work. */
static double follow_far(struct connection *client, struct connection *workers[TASKS], double *hops)
{
    double began = read_seconds(CLOCK_MONOTONIC), sent = began;
    send_starts(client, "bench-hop", 1);
    wait_both(workers[0], client);
    for (unsigned i = 0; i < TASKS; i++) {
        struct connection *w = workers[i];
        take_tokens(w);
        take_receipts(w);
        if (w->token_count != 1)
            give_up("not one message came", w->body);
        sent = read_seconds(CLOCK_MONOTONIC);
        send_sqs_answers(w);
        if (i + 1 < TASKS)
            hops[i] = wait_both(workers[i + 1], w) - sent;
        else
            wait_both(w, NULL);
        send_sqs_deletes(w, hop_queues[i]);
        wait_both(w, NULL);
        send_sqs_receive(w, hop_queues[i]);
    }
    return sent - began;
}

static void measure_hops(size_t count, const char *port, const char *node_port)
{
    bool is_far = node_port != NULL;
    struct connection *client = open_connection(is_far ? node_port : port), *workers[TASKS];
    double *hops = calloc(count * (TASKS - 1), sizeof *hops), *whole = calloc(count, sizeof *whole);
    if (hops == NULL || whole == NULL || count == 0)
        give_up("memory", "is short");
    for (unsigned i = 0; i < TASKS; i++) {
        workers[i] = open_connection(port);
        if (is_far)
            send_sqs_receive(workers[i], hop_queues[i]);
        else
            send_receive(workers[i], hop_queues[i], 1);
    }
    for (size_t i = 0; i < count; i++)
        whole[i] = (is_far ? follow_far : follow)(client, workers, hops + i * (TASKS - 1));
    size_t hop_count = count * (TASKS - 1);
    printf("{\"hop_ms_p50\":%.3f,\"hop_ms_p99\":%.3f,", pick(hops, hop_count, 0.5),
           pick(hops, hop_count, 0.99));
    printf("\"workflow_ms_p50\":%.3f,\"workflow_ms_p99\":%.3f,\"instances\":%zu}\n",
           pick(whole, count, 0.5), pick(whole, count, 0.99), count);
    free(hops);
    free(whole);
}

typedef void go_on(struct connection *c);

static go_on *find_mode(const char *name)
{
    static const struct {
        const char *name;
        go_on *go_on;
    } modes[] = {{"start", go_on_starting},
                 {"single", go_on_single},
                 {"batch", go_on_batch},
                 {"far", go_on_far}};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(name, modes[i].name) == 0)
            return modes[i].go_on;
    give_up("no such mode", name);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        give_up("usage", "load PORT start|single|batch|hop|far|far-hop INSTANCES …");
    const char *port = argv[1], *mode = argv[2];
    uint64_t instances = strtoull(argv[3], NULL, 10);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (strcmp(mode, "hop") == 0 || (strcmp(mode, "far-hop") == 0 && argc > 5)) {
        events_queue = argc > 5 ? argv[5] : events_queue;
        measure_hops(instances, port, argc > 5 ? argv[4] : NULL);
        return 0;
    }
    unsigned count = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 4;
    queue = argc > 6 ? argv[5] : queue;
    events_queue = argc > 6 ? argv[6] : events_queue;
    if (count > CONNECTIONS_MAX)
        give_up("too many connections", argv[4]);
    for (unsigned i = 0; i < count; i++)
        connections[i] = open_connection(port);
    wanted = find_mode(mode) == go_on_starting ? instances : instances * TASKS;
    run(find_mode(mode), count);
    return 0;
}
