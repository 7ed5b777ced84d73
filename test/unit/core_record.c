/* Records and states: what is stored comes back the same, large values apart, chains that hold. */
#include "unit.h"

#include "base/arena.h"
#include "base/time.h"
#include "core/check.h"
#include "core/message.h"
#include "core/record.h"

#include <stdio.h>
#include <string.h>

#define NOW_MS 1700000000000

static const char source[] = "name: t\n"
                             "stages:\n"
                             "  - name: s\n"
                             "    tasks:\n"
                             "      - name: a\n"
                             "        queue: q\n"
                             "        retry: {max_attempts: 500, delay: 100ms, jitter: full}\n"
                             "        timeout: {running: 10m, heartbeat: 1m}\n";

static struct arena arena;
static struct instance *live, *folded;
static struct payload_list payloads;
static struct slice last; /* the last record's bytes */

static void begin(void)
{
    struct template_report report;
    struct template *t;
    arena_drop(&arena);
    arena_init(&arena, 512u << 20);
    payloads = (struct payload_list){0};
    enum err err = template_parse(&arena, SLICE("t"), slice_of(source), &report, &t);
    CHECK(err == ERR_NONE);
    t->version = 1;
    live = instance_new(&arena, SLICE("0123456789abcdefghjk"), t);
    folded = instance_new(&arena, live->id, t);
}

static struct outcome take(struct event e, int64_t at_ms)
{
    struct outcome out;
    struct record r;
    event_sum(&arena, &e);
    step(&arena, live, &e, (struct step_time){at_ms, 0}, &out);
    CHECK(check_instance(live) == NULL);
    last = record_encode(&arena, live, &e, &out, &payloads);
    CHECK(record_decode(&arena, last, &r) == ERR_NONE);
    CHECK(record_fold(&arena, folded, &r, &payloads) == ERR_NONE);
    return out;
}

static bool is_same(const struct instance *a, const struct instance *b)
{
    struct payload_list none = {0};
    return slice_eq(state_encode(&arena, a, &none), state_encode(&arena, b, &none));
}

static bool has(struct slice text, const char *part)
{
    struct slice s = slice_of(part);
    for (size_t k = 0; k + s.len <= text.len; k++)
        if (memcmp(text.at + k, s.at, s.len) == 0)
            return true;
    return false;
}

static struct slice large_json(size_t bytes)
{
    char *text = arena_alloc(&arena, bytes);
    memset(text, 'x', bytes);
    text[0] = text[bytes - 1] = '"';
    return (struct slice){text, bytes};
}

TEST(folding_records_gives_the_state)
{
    begin();
    (void)take((struct event){.kind = EVENT_START, .template = SLICE("t"), .id = SLICE("e1")},
               NOW_MS);
    (void)take((struct event){.kind = EVENT_STARTED, .task = SLICE("a")}, NOW_MS + 5);
    (void)take((struct event){.kind = EVENT_FAILED, .task = SLICE("a"), .error = SLICE("X")},
               NOW_MS + 9);
    CHECK(is_same(live, folded));
    CHECK(live->seq == 3);
}

TEST(a_value_over_the_inline_limit_is_stored_apart_and_found_again)
{
    begin();
    struct slice large = large_json(PAYLOAD_INLINE_BYTES_MAX + 1);
    (void)take((struct event){.kind = EVENT_START, .template = SLICE("t"), .input = large}, NOW_MS);
    CHECK(payloads.count == 1);
    CHECK(last.len < 2000 && has(last, "\"ref\":") && has(last, "\"bytes\":16385"));
    CHECK(slice_eq(folded->input, large));
    struct payload_list refs = {0}, none = {0};
    struct slice state = state_encode(&arena, live, &none);
    CHECK(state_refs(&arena, state, &refs) == ERR_NONE && refs.count == 1);
    struct instance *row = instance_new(&arena, live->id, live->template);
    CHECK(state_decode(&arena, state, row, &payloads) == ERR_NONE);
    CHECK(slice_eq(row->input, large));
}

TEST(a_value_of_the_inline_limit_stays_in_the_record)
{
    begin();
    (void)take((struct event){.kind = EVENT_START,
                              .template = SLICE("t"),
                              .input = large_json(PAYLOAD_INLINE_BYTES_MAX)},
               NOW_MS);
    CHECK(payloads.count == 0 && last.len > PAYLOAD_INLINE_BYTES_MAX);
}

TEST(an_erased_payload_reads_as_null_and_the_chain_holds)
{
    begin();
    (void)take((struct event){.kind = EVENT_START,
                              .template = SLICE("t"),
                              .input = large_json(PAYLOAD_INLINE_BYTES_MAX + 1)},
               NOW_MS);
    struct record r;
    struct payload_list erased = {0};
    struct instance *i = instance_new(&arena, live->id, live->template);
    CHECK(record_decode(&arena, last, &r) == ERR_NONE);
    CHECK(record_fold(&arena, i, &r, &erased) == ERR_NONE);
    CHECK(slice_eq_text(i->input, "null"));
    CHECK(memcmp(i->hash, live->hash, SHA256_BYTES) == 0);
}

TEST(every_256th_record_carries_the_state)
{
    begin();
    (void)take((struct event){.kind = EVENT_START, .template = SLICE("t")}, NOW_MS);
    for (unsigned k = 2; k <= SNAPSHOT_EVERY; k++)
        (void)take((struct event){.kind = EVENT_PENDING, .task = SLICE("a")}, NOW_MS + k);
    struct record r;
    CHECK(record_decode(&arena, last, &r) == ERR_NONE && r.state != NULL);
    struct instance *i = instance_new(&arena, live->id, live->template);
    CHECK(record_restore(&arena, i, &r, &payloads) == ERR_NONE);
    CHECK(is_same(i, live));
}

TEST(a_record_out_of_order_or_altered_does_not_fold)
{
    begin();
    (void)take((struct event){.kind = EVENT_START, .template = SLICE("t")}, NOW_MS);
    struct slice first = last;
    (void)take((struct event){.kind = EVENT_STARTED, .task = SLICE("a")}, NOW_MS + 1);
    struct record r;
    struct instance *i = instance_new(&arena, live->id, live->template);
    CHECK(record_decode(&arena, last, &r) == ERR_NONE);
    CHECK(record_fold(&arena, i, &r, &payloads) == ERR_CORRUPT);
    char *altered = slice_text(&arena, first);
    altered[first.len - 60] ^= 1;
    enum err err = record_decode(&arena, (struct slice){altered, first.len}, &r);
    if (err == ERR_NONE)
        err = record_fold(&arena, i, &r, &payloads);
    if (err == ERR_NONE) {
        CHECK(record_decode(&arena, last, &r) == ERR_NONE);
        err = record_fold(&arena, i, &r, &payloads);
    }
    CHECK(err == ERR_CORRUPT);
}

TEST(a_record_of_a_newer_format_is_told_from_a_broken_one)
{
    struct record r;
    begin();
    CHECK(record_decode(&arena, SLICE("{\"f\":2,\"seq\":1,\"at\":1}"), &r) == ERR_NEWER);
    CHECK(record_decode(&arena, SLICE("{\"seq\":1,\"at\":1}"), &r) == ERR_CORRUPT);
    CHECK(record_decode(&arena, SLICE("nonsense"), &r) == ERR_CORRUPT);
}

TEST(the_last_256_applied_events_are_remembered_and_no_more)
{
    begin();
    (void)take((struct event){.kind = EVENT_START, .template = SLICE("t"), .id = SLICE("first")},
               NOW_MS);
    char id[16];
    for (unsigned k = 0; k < RECENT_EVENTS_MAX - 1; k++) {
        (void)snprintf(id, sizeof id, "p%u", k);
        (void)take((struct event){.kind = EVENT_PENDING, .task = SLICE("a"), .id = slice_of(id)},
                   NOW_MS + k);
    }
    CHECK(instance_recall(live, hash_64(SLICE("first"))) != NULL);
    (void)take((struct event){.kind = EVENT_PENDING, .task = SLICE("a"), .id = SLICE("one more")},
               NOW_MS);
    CHECK(instance_recall(live, hash_64(SLICE("first"))) == NULL);
    CHECK(instance_recall(live, hash_64(SLICE("p0"))) != NULL);
    CHECK(is_same(live, folded));
}

TEST(changes_are_shown_with_what_was_before)
{
    begin();
    (void)take((struct event){.kind = EVENT_START, .template = SLICE("t")}, NOW_MS);
    struct instance *before = instance_copy(&arena, live);
    (void)take((struct event){.kind = EVENT_STARTED, .task = SLICE("a")}, NOW_MS + 1);
    struct record r;
    CHECK(record_decode(&arena, last, &r) == ERR_NONE);
    struct slice json = record_changes_json(&arena, before, &r, &payloads);
    CHECK(slice_eq_text(json, "[{\"path\":\"tasks.a.status\",\"from\":\"SCHEDULED\","
                              "\"to\":\"RUNNING\"}]"));
}

TEST(full_jitter_waits_at_most_the_delay_and_is_the_same_everywhere)
{
    int64_t waits[2][40], least = INT64_MAX, most = 0;
    for (int round = 0; round < 2; round++) {
        begin();
        (void)take((struct event){.kind = EVENT_START, .template = SLICE("t")}, NOW_MS);
        int64_t now_ms = NOW_MS;
        for (int k = 0; k < 8; k++) {
            (void)take((struct event){.kind = EVENT_FAILED, .task = SLICE("a")}, now_ms);
            waits[round][k] = live->tasks[0].retry_at_ms - now_ms;
            CHECK(waits[round][k] >= 0 && waits[round][k] <= 100LL << k);
            least = waits[round][k] < least ? waits[round][k] : least;
            most = waits[round][k] > most ? waits[round][k] : most;
            now_ms = live->tasks[0].retry_at_ms;
            (void)take((struct event){.kind = EVENT_WAKE}, now_ms);
        }
    }
    CHECK(memcmp(waits[0], waits[1], 8 * sizeof(int64_t)) == 0);
    CHECK(least < most);
}

TEST(after_a_start_running_deadlines_have_a_grace_of_one_heartbeat_limit)
{
    begin();
    (void)take((struct event){.kind = EVENT_START, .template = SLICE("t")}, NOW_MS);
    (void)take((struct event){.kind = EVENT_STARTED, .task = SLICE("a")}, NOW_MS);
    CHECK(instance_wake_at(live, 0) == NOW_MS + 80000);
    int64_t restart_ms = NOW_MS + 3600000;
    CHECK(instance_wake_at(live, restart_ms) == restart_ms + 60000);
    CHECK(instance_wake_at(live, NOW_MS - 3600000) == NOW_MS + 80000);
}

TEST(a_deadline_allows_for_heartbeats_that_are_not_recorded)
{
    begin();
    (void)take((struct event){.kind = EVENT_START, .template = SLICE("t")}, NOW_MS);
    (void)take((struct event){.kind = EVENT_STARTED, .task = SLICE("a")}, NOW_MS);
    struct outcome out;
    struct event beat = {.kind = EVENT_HEARTBEAT, .task = SLICE("a")};
    step(&arena, live, &beat, (struct step_time){NOW_MS + 19999, 0}, &out);
    CHECK(out.is_unrecorded && out.change_count == 0);
    CHECK(instance_wake_at(live, 0) == NOW_MS + 80000); /* a limit of 60 s after this one */
    step(&arena, live, &beat, (struct step_time){NOW_MS + 20000, 0}, &out);
    CHECK(!out.is_unrecorded);
    CHECK(instance_wake_at(live, 0) == NOW_MS + 100000);
}

TEST(a_message_beyond_its_limit_fails_the_task_alone)
{
    begin();
    (void)take((struct event){.kind = EVENT_START, .template = SLICE("t")}, NOW_MS);
    struct event replay = {
        .kind = EVENT_REPLAY_TASK, .task = SLICE("a"), .input = large_json(PAYLOAD_BYTES_MAX)};
    struct outcome out = take(replay, NOW_MS + 1);
    CHECK(out.verdict == VERDICT_APPLIED);
    CHECK(live->tasks[0].status == TASK_FAILED);
    CHECK(slice_eq_text(live->tasks[0].error, "MessageTooLarge"));
    replay.input = large_json(PAYLOAD_BYTES_MAX - 2000);
    (void)take(replay, NOW_MS + 2);
    CHECK(live->tasks[0].status == TASK_SCHEDULED);
    CHECK(message_write(&arena, live, 0, NULL).len <= MESSAGE_BYTES_MAX);
}
