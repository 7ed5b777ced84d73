/* What is allowed, read from the records alone by code that shares nothing with step: a flat walk
 * over {"event","verdict","changes"}. It knows the rules of order, numbers and ends, not how they
 * are brought about. */
#include "sim.h"

#include <string.h>

#define WALK_BYTES_MAX (64u << 20)
#define APPLIED_MAX 1024

struct walk {
    struct sim *s;
    struct slice instance;
    const struct template *t;
    struct oracle_task *tasks;
    struct slice status;
    bool was_replayed_alone, was_cancelled, was_paused, was_timed_out;
    yyjson_val *record;
    struct slice event;
    int64_t seq, at_ms;
    uint8_t hash[SHA256_BYTES];        /* of the record before */
    struct slice applied[APPLIED_MAX]; /* ids of events that changed it */
    unsigned applied_count;
};

static uint32_t read_records(struct sim *s, struct slice instance, struct store_record **out)
{
    struct store_request r = {.op = STORE_RECORDS, .arena = &s->scratch, .id = instance};
    r.limit = 1000000;
    faults_ask(s, &r);
    *out = r.records;
    return r.err == ERR_NONE ? r.record_count : 0;
}

yyjson_val *oracle_parse(struct sim *s, struct slice bytes)
{
    yyjson_val *root;
    if (json_read(&s->scratch, bytes, WALK_BYTES_MAX, 200, NULL, &root) != ERR_NONE) {
        sim_fail(s, "a record is not JSON: %.*s", SLICE_ARG(bytes));
        return NULL;
    }
    return root;
}

bool oracle_has(struct sim *s, struct slice instance, uint64_t seq, struct slice event_id,
                enum verdict v)
{
    struct store_record *records;
    arena_reset(&s->scratch);
    uint32_t count = read_records(s, instance, &records);
    if (seq == 0 || seq > count)
        return false;
    yyjson_val *root = oracle_parse(s, records[seq - 1].bytes);
    return slice_eq(json_get_text(root, "id"), event_id) &&
           slice_eq_text(json_get_text(root, "verdict"), vocab_name(VOCAB_VERDICT, (int)v));
}

static int task_of(const struct walk *w, struct slice path, struct slice *field)
{
    if (!slice_has_prefix(path, SLICE("tasks.")))
        return -1;
    struct slice name;
    slice_cut((struct slice){path.at + 6, path.len - 6}, '.', &name, field);
    for (uint32_t k = 0; k < w->t->task_count; k++)
        if (slice_eq(w->t->tasks[k].id, name))
            return (int)k;
    return -1;
}

static bool is_status(const struct oracle_task *t, const char *status)
{
    return slice_eq_text(t->status, status);
}

static bool is_event(const struct walk *w, const char *event)
{
    return slice_eq_text(w->event, event);
}

#define BROKEN(w, what, name)                                                                      \
    sim_fail((w)->s, "%s: instance %.*s seq %lld task %.*s", what, SLICE_ARG((w)->instance),       \
             (long long)(w)->seq, SLICE_ARG(name))

static bool is_completed_before(const struct walk *w, uint32_t task)
{
    const struct task *t = &w->t->tasks[task];
    for (uint32_t k = 0; k < w->t->task_count; k++)
        if (w->t->tasks[k].stage < t->stage && !is_status(&w->tasks[k], "COMPLETED"))
            return false;
    for (uint32_t k = 0; k < t->needs_count; k++)
        if (!is_status(&w->tasks[t->needs[k]], "COMPLETED"))
            return false;
    return true;
}

/* A task goes out: after what it needs, not before its retry time, under the next number. */
static void check_sent(struct walk *w, uint32_t task)
{
    struct oracle_task *t = &w->tasks[task];
    struct slice name = w->t->tasks[task].name;
    if (!w->was_replayed_alone && !is_completed_before(w, task))
        BROKEN(w, "sent before what it needs is done", name);
    if (is_status(t, "RETRYING") && is_event(w, "Wake") && w->at_ms < t->retry_at_ms)
        BROKEN(w, "sent before its retry time", name);
    if (is_status(t, "COMPLETED"))
        BROKEN(w, "sent again although it is completed", name);
    bool is_out = is_status(t, "SCHEDULED") || is_status(t, "RUNNING");
    if (is_out && !is_event(w, "TaskPending"))
        BROKEN(w, "sent again although an attempt is out", name);
    t->is_answered = false;
    t->scheduled_at_ms = w->at_ms;
}

static void check_failed(struct walk *w, uint32_t task)
{
    const struct task *t = &w->t->tasks[task];
    const struct oracle_task *o = &w->tasks[task];
    bool is_used_up = o->failures >= (int64_t)t->retry.max_attempts;
    bool is_final = slice_eq_text(o->error, "Timeout.total") || slice_eq_text(o->error, "Final") ||
                    slice_eq_text(o->error, "ExpressionError");
    if (!is_used_up && !is_final && t->retry.total_ms == 0)
        BROKEN(w, "failed with attempts left", t->name);
}

/* Silence is over an attempt's limit only from the last sign that any node has heard. */
static void check_silence(struct walk *w, uint32_t task)
{
    const struct sim *s = w->s;
    const struct task *t = &w->t->tasks[task];
    const struct oracle_task *o = &w->tasks[task];
    for (unsigned k = 0; k < s->heard_count && k < SIM_HEARD_MAX; k++) {
        const struct sim_heard *h = &s->heard[k];
        bool is_this = h->generation == o->generation && h->attempt == o->attempt &&
                       slice_eq(h->instance, w->instance) && slice_eq(h->task, t->id);
        if (is_this && w->at_ms < h->at_ms + t->timeout.heartbeat_ms)
            BROKEN(w, "timed out although it was heard", t->name);
    }
}

static void set_task_error(struct walk *w, uint32_t task, struct slice error)
{
    w->tasks[task].error = error;
    if (slice_eq_text(error, "Timeout.heartbeat"))
        check_silence(w, task);
}

static void set_task_status(struct walk *w, uint32_t task, struct slice status)
{
    struct oracle_task *t = &w->tasks[task];
    struct slice name = w->t->tasks[task].name;
    if (slice_eq_text(status, "SCHEDULED"))
        check_sent(w, task);
    bool is_outcome = slice_eq_text(status, "COMPLETED") || slice_eq_text(status, "RETRYING") ||
                      slice_eq_text(status, "FAILED");
    if (is_outcome && t->is_answered)
        BROKEN(w, "a second outcome of one attempt", name);
    if (is_outcome)
        t->is_answered = true;
    if (slice_eq_text(status, "COMPLETED") && !is_event(w, "TaskCompleted"))
        BROKEN(w, "completed by another event than TaskCompleted", name);
    if (slice_eq_text(status, "FAILED"))
        check_failed(w, task);
    if (slice_eq_text(status, "PENDING")) {
        t->failures = 0;
        t->is_answered = false;
        if (!slice_has_prefix(w->event, SLICE("Replay")))
            BROKEN(w, "taken back by something that is no replay", name);
    }
    t->status = status;
}

/* The wait before a retry: exactly delay * factor ^ (failures - 1), or with jitter at most that. */
static void check_delay(struct walk *w, uint32_t task)
{
    const struct retry *r = &w->t->tasks[task].retry;
    int64_t waits_ms = w->tasks[task].retry_at_ms - w->at_ms;
    double most_ms = (double)r->delay_ms;
    for (int64_t k = 1; k < w->tasks[task].failures; k++)
        most_ms *= r->backoff;
    bool is_right = r->jitter == JITTER_FULL ? waits_ms >= 0 && waits_ms <= (int64_t)most_ms
                                             : waits_ms == (int64_t)most_ms;
    if (!is_right && w->status.len > 0 && !is_event(w, "Wake"))
        BROKEN(w, "another wait than the template says", w->t->tasks[task].name);
}

static void set_number(struct walk *w, uint32_t task, struct slice field, int64_t to)
{
    struct oracle_task *t = &w->tasks[task];
    struct slice name = w->t->tasks[task].name;
    if (slice_eq_text(field, "attempt")) {
        if (to != 0 && to != t->attempt + 1)
            BROKEN(w, "an attempt was skipped", name);
        t->attempt = to;
    } else if (slice_eq_text(field, "generation")) {
        if (to != t->generation + 1 || !slice_has_prefix(w->event, SLICE("Replay")))
            BROKEN(w, "a generation without a replay", name);
        t->generation = to;
    } else if (slice_eq_text(field, "tries")) {
        t->failures = to;
    } else if (slice_eq_text(field, "retry_at")) {
        t->retry_at_ms = to;
        bool is_paused = slice_eq_text(w->status, "PAUSED"); /* then it counts from the pause */
        if (is_status(t, "RETRYING") && !is_event(w, "ResumeWorkflow") && !is_paused)
            check_delay(w, task);
    }
}

static void set_instance_status(struct walk *w, struct slice status)
{
    bool is_all = true, is_any_failed = false;
    for (uint32_t k = 0; k < w->t->task_count; k++) {
        is_all = is_all && is_status(&w->tasks[k], "COMPLETED");
        is_any_failed = is_any_failed || is_status(&w->tasks[k], "FAILED");
    }
    if (slice_eq_text(status, "COMPLETED") && !is_all)
        BROKEN(w, "COMPLETED with work left", SLICE("-"));
    bool is_timeout = w->t->timeout_ms > 0 && is_event(w, "Wake");
    if (slice_eq_text(status, "FAILED") && !is_any_failed && !is_timeout)
        BROKEN(w, "FAILED without a reason", SLICE("-"));
    if (slice_eq_text(status, "CANCELLED") && !is_event(w, "CancelWorkflow"))
        BROKEN(w, "CANCELLED by nobody", SLICE("-"));
    if (slice_eq_text(status, "PAUSED") && !is_event(w, "PauseWorkflow"))
        BROKEN(w, "PAUSED by nobody", SLICE("-"));
    w->status = status;
}

static void take_change(struct walk *w, yyjson_val *change)
{
    struct slice path = json_get_text(change, "path"), field = SLICE_NONE;
    yyjson_val *to = json_get(change, "to");
    int64_t number;
    int task = task_of(w, path, &field);
    if (slice_eq_text(path, "status"))
        set_instance_status(w, json_text(to));
    else if (task >= 0 && slice_eq_text(field, "status"))
        set_task_status(w, (uint32_t)task, json_text(to));
    else if (task >= 0 && slice_eq_text(field, "error"))
        set_task_error(w, (uint32_t)task, json_text(to));
    else if (task >= 0 && json_int(to, &number))
        set_number(w, (uint32_t)task, field, number);
}

/* What names an attempt may only change something when it is the current one. */
static void check_attempt(struct walk *w)
{
    int64_t generation = 0, attempt = 0;
    struct slice name = json_get_text(w->record, "task");
    (void)json_get_int(w->record, "generation", &generation);
    (void)json_get_int(w->record, "attempt", &attempt);
    if (attempt == 0 || !slice_eq_text(json_get_text(w->record, "verdict"), "applied"))
        return;
    for (uint32_t k = 0; k < w->t->task_count; k++) {
        const struct oracle_task *t = &w->tasks[k];
        bool is_current = t->generation == generation && t->attempt == attempt;
        if (slice_eq(w->t->tasks[k].id, name) && !is_current)
            BROKEN(w, "an answer to another attempt was applied", name);
    }
}

/* Each record names the hash of the one before. */
static void check_chain(struct walk *w, struct slice bytes)
{
    struct slice prev, text = json_get_text(w->record, "prev");
    bool is_next = base64url_decode(&w->s->scratch, text, &prev) && prev.len == SHA256_BYTES &&
                   memcmp(prev.at, w->hash, SHA256_BYTES) == 0;
    if (!is_next)
        BROKEN(w, "the chain is broken", SLICE("-"));
    hash_sha256(bytes, w->hash);
}

static void check_once(struct walk *w)
{
    struct slice id = json_get_text(w->record, "id");
    for (unsigned k = 0; k < w->applied_count && id.len > 0; k++)
        if (slice_eq(w->applied[k], id))
            BROKEN(w, "one event was applied twice", id);
    if (id.len > 0 && w->applied_count < APPLIED_MAX)
        w->applied[w->applied_count++] = id;
}

static void take_record(struct walk *w, const struct store_record *r, uint64_t expected)
{
    w->record = oracle_parse(w->s, r->bytes);
    if (w->record == NULL)
        return;
    check_chain(w, r->bytes);
    w->event = json_get_text(w->record, "event");
    (void)json_get_int(w->record, "seq", &w->seq);
    int64_t at_ms = 0;
    (void)json_get_int(w->record, "at", &at_ms);
    if (w->seq != (int64_t)expected)
        BROKEN(w, "a gap in the records", SLICE("-"));
    if (at_ms < w->at_ms)
        BROKEN(w, "time ran backwards", SLICE("-"));
    w->at_ms = at_ms;
    check_attempt(w);
    yyjson_val *changes = json_get(w->record, "changes"), *change;
    bool only = false;
    (void)json_get_bool(json_get(w->record, "data"), "only", &only);
    bool is_applied = slice_eq_text(json_get_text(w->record, "verdict"), "applied");
    if (is_applied)
        check_once(w);
    w->was_replayed_alone = w->was_replayed_alone || (only && is_applied);
    if (changes != NULL && !is_applied)
        BROKEN(w, "a verdict that is not applied changed something", SLICE("-"));
    yyjson_arr_iter it = yyjson_arr_iter_with(changes);
    while (changes != NULL && (change = yyjson_arr_iter_next(&it)) != NULL)
        take_change(w, change);
}

static const struct template *find_version(struct sim *s, struct slice name, int64_t version)
{
    for (unsigned k = 0; k < SIM_TEMPLATES; k++)
        if (slice_eq(s->templates[k].name, name) && version >= 1 &&
            version <= s->templates[k].version_count)
            return s->templates[k].versions[version - 1];
    return NULL;
}

static const struct template *template_of(struct sim *s, const struct store_record *first)
{
    yyjson_val *root = oracle_parse(s, first->bytes), *change;
    struct slice name = SLICE_NONE;
    int64_t version = 0;
    yyjson_arr_iter it = yyjson_arr_iter_with(json_get(root, "changes"));
    while (json_get(root, "changes") != NULL && (change = yyjson_arr_iter_next(&it)) != NULL) {
        if (slice_eq_text(json_get_text(change, "path"), "template"))
            name = json_get_text(change, "to");
        else if (slice_eq_text(json_get_text(change, "path"), "version"))
            (void)json_int(json_get(change, "to"), &version);
    }
    return find_version(s, name, version);
}

static void walk(struct walk *w, struct oracle_view *view)
{
    struct store_record *records;
    uint32_t count = read_records(w->s, w->instance, &records);
    w->t = count == 0 ? NULL : template_of(w->s, &records[0]);
    *view = (struct oracle_view){.template = w->t};
    w->tasks = view->tasks;
    if (w->t == NULL) {
        sim_fail(w->s, "no records of instance %.*s", SLICE_ARG(w->instance));
        return;
    }
    for (uint32_t k = 0; k < w->t->task_count; k++)
        w->tasks[k] = (struct oracle_task){.status = SLICE("PENDING"), .generation = 1};
    for (uint32_t k = 0; k < count && w->s->failure == NULL; k++)
        take_record(w, &records[k], k + 1);
    view->status = w->status;
    view->at_ms = w->at_ms;
}

void oracle_instance(struct sim *s, struct slice instance, struct oracle_view *view)
{
    struct walk w = {.s = s, .instance = instance};
    arena_reset(&s->scratch);
    walk(&w, view);
}

bool oracle_is_sent(struct sim *s, const struct queue_message *m)
{
    struct walk w = {.s = s, .instance = m->instance};
    struct oracle_view view;
    struct slice field = SLICE_NONE;
    arena_reset(&s->scratch);
    walk(&w, &view);
    if (w.t == NULL)
        return false;
    struct text path = text_new(&s->scratch, 512);
    text_put_c(&path, "tasks.");
    text_put(&path, m->task);
    text_put_c(&path, ".status");
    int task = task_of(&w, text_slice(&path), &field);
    if (task < 0)
        return false;
    const struct oracle_task *t = &w.tasks[task];
    return m->generation < t->generation ||
           (m->generation == t->generation && m->attempt <= t->attempt);
}
