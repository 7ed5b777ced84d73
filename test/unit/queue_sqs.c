/* The driver for Amazon SQS without Amazon SQS: how queues are named, what answers mean, where
 * credentials come from, and what it knows of messages that it cannot send. */
#include "harness.h"

#include "queue/queue_sqs_int.h"

#include <stdlib.h>
#include <string.h>

static struct arena arena;

static void begin(void)
{
    arena_drop(&arena);
    arena_init(&arena, 1 << 20);
    unsetenv("AWS_REGION");
    unsetenv("AWS_DEFAULT_REGION");
    unsetenv("AWS_ENDPOINT_URL");
    unsetenv("AWS_ENDPOINT_URL_SQS");
}

/* --- names --- */

static struct far_name name_of(const char *text)
{
    struct far_name n;
    CHECK(far_name_read(slice_of(text), &n));
    return n;
}

TEST(sqs_reads_a_queue_by_name_url_or_arn)
{
    struct far_name n = name_of("make_food");
    CHECK(n.kind == FAR_NAME && !n.is_fifo);
    CHECK_TEXT(n.name, "make_food");
    n = name_of("make_food.fifo");
    CHECK(n.is_fifo);
    CHECK_TEXT(n.name, "make_food.fifo");
    n = name_of("arn:aws:sqs:eu-west-1:123456789012:cooks.fifo");
    CHECK(n.kind == FAR_ARN && n.is_fifo);
    CHECK_TEXT(n.name, "cooks.fifo");
    CHECK_TEXT(n.region, "eu-west-1");
    CHECK_TEXT(n.account, "123456789012");
    n = name_of("https://sqs.eu-west-1.amazonaws.com/123456789012/cooks");
    CHECK(n.kind == FAR_URL && n.is_amazon && !n.is_fifo);
    CHECK_TEXT(n.name, "cooks");
    CHECK_TEXT(n.region, "eu-west-1");
    n = name_of("https://us-east-1.queue.amazonaws.com/123456789012/cooks");
    CHECK(n.is_amazon);
    CHECK_TEXT(n.region, "us-east-1");
    n = name_of("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/cooks");
    CHECK(n.is_amazon);
    CHECK_TEXT(n.region, "cn-north-1");
}

TEST(sqs_sends_no_credentials_to_an_address_that_only_looks_like_amazon)
{
    CHECK(!name_of("https://sqs.eu-west-1.amazonaws.com.evil.example/1/cooks").is_amazon);
    CHECK(!name_of("http://sqs.eu-west-1.amazonaws.com/1/cooks").is_amazon);
    CHECK(!name_of("https://sqs.eu-west-1.amazonaws.com:99/1/cooks").is_amazon);
    CHECK(!name_of("https://evil@sqs.eu-west-1.amazonaws.com/1/cooks").is_amazon);
    CHECK(!name_of("https://127.0.0.1/1/cooks").is_amazon);
}

TEST(sqs_refuses_what_names_no_queue)
{
    static const char *const bad[] = {
        "",     ".fifo", "a b",      "a.b",      "arn:aws:sqs:eu:1:", "arn:aws:sns:eu-west-1:1:q",
        "a/b",  "ftp:q", "http://h", "https://", "https://h/",        "arn:aws:sqs:eu-west-1::q",
        "fifo."};
    struct far_name n;
    char longer[QUEUE_NAME_BYTES_MAX + 2];
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
        unit_check(!far_name_read(slice_of(bad[k]), &n), bad[k], __FILE__, __LINE__);
    memset(longer, 'q', sizeof longer);
    CHECK(!far_name_read((struct slice){longer, QUEUE_NAME_BYTES_MAX + 1}, &n));
    CHECK(far_name_read((struct slice){longer, QUEUE_NAME_BYTES_MAX}, &n));
}

TEST(sqs_knows_the_endpoint_of_a_region_and_its_own_machine)
{
    begin();
    CHECK_TEXT(far_endpoint(&arena, SLICE("eu-central-1")),
               "https://sqs.eu-central-1.amazonaws.com");
    CHECK_TEXT(far_endpoint(&arena, SLICE("cn-north-1")),
               "https://sqs.cn-north-1.amazonaws.com.cn");
    CHECK(far_is_loopback(SLICE("http://127.0.0.1:9324")));
    CHECK(far_is_loopback(SLICE("http://localhost/x")));
    CHECK(far_is_loopback(SLICE("https://[::1]:1")));
    CHECK(!far_is_loopback(SLICE("http://localhost.example")));
    CHECK(!far_is_loopback(SLICE("http://10.0.0.1")));
    arena_drop(&arena);
}

/* --- the configuration --- */

TEST(sqs_reads_its_url)
{
    struct queue_sqs_config c;
    struct slice why;
    begin();
    CHECK_INT(queue_sqs_read(&arena, SLICE("sqs://eu-central-1"), &c, &why), ERR_NONE);
    CHECK_TEXT(c.region, "eu-central-1");
    CHECK(c.endpoint.at == NULL && c.events.at == NULL && !c.must_exist);
    CHECK_INT(queue_sqs_read(&arena,
                             SLICE("sqs://eu?endpoint=http%3A%2F%2F127.0.0.1%3A9324/"
                                   "&events=a,b.fifo&timers=t&create=no"),
                             &c, &why),
              ERR_NONE);
    CHECK_TEXT(c.endpoint, "http://127.0.0.1:9324");
    CHECK_TEXT(c.events, "a,b.fifo");
    CHECK_TEXT(c.timers, "t");
    CHECK(c.must_exist);
    arena_drop(&arena);
}

TEST(sqs_takes_from_the_environment_what_its_url_does_not_say)
{
    struct queue_sqs_config c;
    struct slice why;
    begin();
    setenv("AWS_REGION", "eu-west-3", 1);
    setenv("AWS_ENDPOINT_URL", "http://one:1", 1);
    CHECK_INT(queue_sqs_read(&arena, SLICE("sqs://"), &c, &why), ERR_NONE);
    CHECK_TEXT(c.region, "eu-west-3");
    CHECK_TEXT(c.endpoint, "http://one:1");
    setenv("AWS_ENDPOINT_URL_SQS", "http://two:2", 1);
    CHECK_INT(queue_sqs_read(&arena, SLICE("sqs://us-east-2"), &c, &why), ERR_NONE);
    CHECK_TEXT(c.region, "us-east-2");
    CHECK_TEXT(c.endpoint, "http://two:2");
    begin();
    arena_drop(&arena);
}

TEST(sqs_says_what_is_wrong_with_its_url)
{
    static const char *const bad[][2] = {
        {"sqs://", "region"},
        {"sqs://eu/west", "region"},
        {"sqs://eu?endpoint=ftp://x", "endpoint"},
        {"sqs://eu?endpoint=http://x/path", "endpoint"},
        {"sqs://eu?create=perhaps", "perhaps"},
        {"sqs://eu?colour=red", "colour"},
        {"sqs://eu?events=a,,b", "events"},
        {"sqs://eu?timers=t.fifo", "standard queue"},
        {"sqs://eu?events=a,b,c,d,e", "more than 4"},
        {"http://eu", "sqs://"},
    };
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        struct queue_sqs_config c;
        struct slice why;
        begin();
        enum err e = queue_sqs_read(&arena, slice_of(bad[k][0]), &c, &why);
        bool is_told = e == ERR_INVALID && why.at != NULL && strstr(why.at, bad[k][1]) != NULL;
        unit_check(is_told, bad[k][0], __FILE__, __LINE__);
    }
    arena_drop(&arena);
}

/* --- credentials --- */

TEST(sqs_finds_a_profile_in_a_file)
{
    struct slice text = SLICE("# mine\n[default]\naws_access_key_id=A\naws_secret_access_key = B\n"
                              "\n[ kitchen ]\n; hot\naws_access_key_id = C\r\n"
                              "aws_secret_access_key = D=/+\naws_session_token = E\nregion = x\n"
                              "[broken]\naws_access_key_id = F\n");
    struct far_keys k;
    CHECK(far_profile_read(text, SLICE("default"), &k));
    CHECK_TEXT(k.access_key, "A");
    CHECK_TEXT(k.secret, "B");
    CHECK(k.token.at == NULL);
    CHECK(far_profile_read(text, SLICE("kitchen"), &k));
    CHECK_TEXT(k.access_key, "C");
    CHECK_TEXT(k.secret, "D=/+");
    CHECK_TEXT(k.token, "E");
    CHECK(!far_profile_read(text, SLICE("broken"), &k));
    CHECK(!far_profile_read(text, SLICE("nobody"), &k));
    CHECK(!far_profile_read(SLICE_NONE, SLICE("default"), &k));
}

TEST(sqs_reads_credentials_that_a_service_hands_out)
{
    struct far_keys k;
    begin();
    CHECK(far_profile_read_json(&arena,
                                SLICE("{\"Code\":\"Success\",\"AccessKeyId\":\"A\","
                                      "\"SecretAccessKey\":\"B\",\"Token\":\"C\","
                                      "\"Expiration\":\"2026-11-23T12:00:00Z\"}"),
                                &k));
    CHECK_TEXT(k.access_key, "A");
    CHECK_TEXT(k.secret, "B");
    CHECK_TEXT(k.token, "C");
    CHECK_INT(k.expires_at_ms, 1795435200000);
    CHECK(!far_profile_read_json(&arena, SLICE("{\"AccessKeyId\":\"A\"}"), &k));
    CHECK(!far_profile_read_json(&arena, SLICE("no"), &k));
    arena_drop(&arena);
}

TEST(sqs_gets_credentials_anew_before_they_end)
{
    int64_t now_ms = 1700000000000, minute_ms = 60000;
    CHECK_INT(far_credentials_renew_ms(now_ms + 60 * minute_ms, now_ms), now_ms + 55 * minute_ms);
    CHECK_INT(far_credentials_renew_ms(now_ms + 3 * minute_ms, now_ms), now_ms + minute_ms);
    CHECK_INT(far_credentials_renew_ms(now_ms - minute_ms, now_ms), now_ms + minute_ms);
    CHECK_INT(far_credentials_renew_ms(0, now_ms), TIME_NEVER);
}

/* --- answers --- */

TEST(sqs_judges_errors)
{
    CHECK(far_call_judge(SLICE("AWS.SimpleQueueService.NonExistentQueue"), 400) == FAR_NO_QUEUE);
    CHECK(far_call_judge(SLICE("ThrottlingException"), 400) == FAR_SLOWER);
    CHECK(far_call_judge(SLICE("RequestThrottled"), 403) == FAR_SLOWER);
    CHECK(far_call_judge(SLICE_NONE, 503) == FAR_SLOWER);
    CHECK(far_call_judge(SLICE_NONE, 500) == FAR_AGAIN);
    CHECK(far_call_judge(SLICE("InternalFailure"), 500) == FAR_AGAIN);
    CHECK(far_call_judge(SLICE("ExpiredToken"), 403) == FAR_CORRECTED);
    CHECK(far_call_judge(SLICE("InvalidSignatureException"), 403) == FAR_CORRECTED);
    CHECK(far_call_judge(SLICE("AccessDenied"), 403) == FAR_REFUSED);
    CHECK(far_call_judge(SLICE("InvalidParameterValue"), 400) == FAR_REFUSED);
}

/* --- messages --- */

static bool always_able(void *context)
{
    (void)context;
    return true;
}

static void never_say(void *context, bool is_bad, struct slice sentence)
{
    (void)context;
    (void)is_bad;
    (void)sentence;
}

static struct queue_sqs *open_queues(void)
{
    struct queue_sqs_config c = {.region = SLICE("eu-central-1"),
                                 .endpoint = SLICE("http://127.0.0.1:1"),
                                 .engine = {.say = never_say, .is_able = always_able},
                                 .seed = 7,
                                 .now_ms = 1000000};
    struct queue_sqs *q = NULL;
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    CHECK_INT(queue_sqs_open(&c, &q), ERR_NONE);
    return q;
}

static struct queue_message message(const char *instance, int64_t attempt, uint64_t pos)
{
    return (struct queue_message){.queue = SLICE("cooks"),
                                  .instance = slice_of(instance),
                                  .task = SLICE("make"),
                                  .generation = 1,
                                  .attempt = attempt,
                                  .pos = pos};
}

static void offer(struct queue_sqs *q, const char *instance, int64_t attempt, uint64_t pos)
{
    struct queue *port = queue_sqs_queue(q);
    struct queue_message m = message(instance, attempt, pos);
    CHECK_INT(port->ops->offer(port, &m), ERR_NONE);
}

static void withdraw(struct queue_sqs *q, const char *instance, int64_t attempt)
{
    struct queue *port = queue_sqs_queue(q);
    struct queue_message m = message(instance, attempt, 0);
    port->ops->withdraw(port, &m);
}

static uint64_t unsent_pos(struct queue_sqs *q)
{
    return queue_sqs_queue(q)->ops->unsent_pos(queue_sqs_queue(q));
}

static uint64_t unsent(struct queue_sqs *q)
{
    struct queue_health h;
    queue_sqs_queue(q)->ops->health(queue_sqs_queue(q), &h);
    return h.unsent;
}

TEST(sqs_tells_the_lowest_position_that_is_unsent)
{
    struct queue_sqs *q = open_queues();
    CHECK(unsent_pos(q) == UINT64_MAX);
    offer(q, "a", 1, 30);
    offer(q, "b", 1, 10);
    offer(q, "c", 1, 20);
    CHECK_INT(unsent_pos(q), 10);
    withdraw(q, "b", 1);
    CHECK_INT(unsent_pos(q), 20);
    withdraw(q, "c", 1);
    withdraw(q, "a", 1);
    CHECK(unsent_pos(q) == UINT64_MAX);
    queue_sqs_close(q);
}

TEST(sqs_keeps_one_message_for_an_attempt_and_the_newest_of_a_task)
{
    struct queue_sqs *q = open_queues();
    offer(q, "a", 1, 30);
    offer(q, "a", 1, 20);
    CHECK_INT(unsent(q), 1);
    CHECK_INT(unsent_pos(q), 20);
    offer(q, "a", 2, 40);
    CHECK_INT(unsent(q), 1);
    CHECK_INT(unsent_pos(q), 40);
    offer(q, "a", 1, 50);
    CHECK_INT(unsent_pos(q), 40);
    withdraw(q, "a", 1); /* an older word than what is there */
    CHECK_INT(unsent(q), 1);
    withdraw(q, "a", 2);
    CHECK_INT(unsent(q), 0);
    queue_sqs_close(q);
}

TEST(sqs_holds_what_is_to_be_seen_later_than_amazon_can_delay)
{
    struct queue_sqs *q = open_queues();
    struct queue *port = queue_sqs_queue(q);
    struct queue_message m = message("a", 1, 5);
    m.visible_at_ms = 1000000 + QUEUE_DELAY_S_MAX * 1000 + 60000;
    CHECK_INT(port->ops->offer(port, &m), ERR_NONE);
    CHECK_INT(unsent_pos(q), 5);
    CHECK_INT(far_queue_find(q, SLICE("cooks"))->ready.count, 0);
    queue_sqs_round(q, 1000000 + 60000);
    CHECK_INT(far_queue_find(q, SLICE("cooks"))->ready.count, 1);
    queue_sqs_close(q);
}

TEST(sqs_escapes_what_may_not_stand_in_a_message)
{
    begin();
    CHECK_TEXT(far_message_body(&arena, SLICE("{\"a\":\"\xef\xbf\xbe\xef\xbf\xbf\xef\xbf\xbd\"}")),
               "{\"a\":\"\\ufffe\\uffff\xef\xbf\xbd\"}");
    CHECK_TEXT(far_message_body(&arena, SLICE("{}")), "{}");
    arena_drop(&arena);
}

TEST(sqs_tells_attempts_apart_by_deduplication_id)
{
    struct queue_message one = message("a", 1, 0), two = message("a", 2, 0);
    begin();
    struct slice first = far_send_dedup_id(&arena, &one);
    CHECK(slice_eq(first, far_send_dedup_id(&arena, &one)));
    CHECK(!slice_eq(first, far_send_dedup_id(&arena, &two)));
    CHECK_INT(first.len, 20);
    arena_drop(&arena);
}

TEST(sqs_waits_longer_after_each_failure_and_never_too_long)
{
    struct queue_sqs *q = open_queues();
    int64_t most_ms = 0;
    for (unsigned k = 1; k < 60; k++) {
        int64_t ms = far_backoff_ms(q, FAR_SLOWER, k);
        CHECK(ms >= 1 && ms <= 20000);
        most_ms = ms > most_ms ? ms : most_ms;
        CHECK(far_backoff_ms(q, FAR_AGAIN, 1) <= 100);
    }
    CHECK(most_ms > 5000);
    CHECK_INT(far_backoff_ms(q, FAR_CORRECTED, 1), 0);
    CHECK(far_backoff_ms(q, FAR_REFUSED, 1) >= 30000);
    queue_sqs_close(q);
}

/* --- events --- */

static struct far_event *put_in_hand(struct queue_sqs *q, struct far_queue *w)
{
    struct far_event *e = calloc(1, sizeof *e);
    e->queue = w;
    e->owner = q;
    e->state = FAR_WORKING;
    e->receipt = SLICE("receipt");
    e->hide_again_at_ms = q->now_ms + FAR_EVENT_HIDDEN_S * 1000 / 2;
    list_append(&w->events->in_hand, &e->link);
    q->events_in_hand++;
    return e;
}

TEST(sqs_keeps_an_event_hidden_while_the_engine_has_it)
{
    setenv("AWS_ACCESS_KEY_ID", "a", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "b", 1);
    struct queue_sqs *q = open_queues();
    struct far_queue *w = far_queue_find(q, SLICE(QUEUE_EVENTS));
    w->url = strdup("http://127.0.0.1:1/1/swm-events");
    w->events->wanted = 0; /* nothing is received */
    put_in_hand(q, w);
    queue_sqs_start(q);
    queue_sqs_round(q, 1004999);
    CHECK_INT(q->calls_made[FAR_HIDE], 0);
    CHECK_INT(queue_sqs_next(q), 1005000);
    queue_sqs_round(q, 1005000);
    CHECK_INT(q->calls_made[FAR_HIDE], 1);
    CHECK_INT(queue_sqs_next(q), 1010000);
    queue_sqs_close(q);
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
}

TEST(sqs_deletes_some_events_together)
{
    setenv("AWS_ACCESS_KEY_ID", "a", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "b", 1);
    struct queue_sqs *q = open_queues();
    struct far_queue *w = far_queue_find(q, SLICE(QUEUE_EVENTS));
    w->url = strdup("http://127.0.0.1:1/1/swm-events");
    w->events->wanted = 0;
    queue_sqs_start(q);
    queue_sqs_round(q, 1000000);
    for (int k = 0; k < QUEUE_BATCH_MAX + 1; k++)
        far_delete_event(q, put_in_hand(q, w));
    queue_sqs_round(q, 1000000);
    CHECK_INT(q->calls_made[FAR_DELETE], 1); /* ten at once, one waits for others */
    CHECK_INT(queue_sqs_next(q), 1000000 + FAR_DELETE_AFTER_MS);
    queue_sqs_round(q, 1000000 + FAR_DELETE_AFTER_MS);
    CHECK_INT(q->calls_made[FAR_DELETE], 2);
    queue_sqs_close(q);
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
}
