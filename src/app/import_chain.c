/* Tells an instance of the earlier implementation again: from what its document says of each task
 * to events, and by the rules of core to the records that these events would have left. Before it
 * stands import_earlier.c, after it the server, which folds the records again. It must end in the
 * state that the document shows, or say why it cannot. */
#include "app/import_earlier.h"

#include "base/time.h"
#include "core/check.h"
#include "core/record.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

enum told { TOLD_PENDING, TOLD_SCHEDULED, TOLD_COMPLETED, TOLD_FAILED, TOLD_UNKNOWN };

struct fact { /* what the document says of a task */
    enum told status;
    int64_t at_ms; /* 0: not said */
    struct slice reason;
};

struct chain {
    struct arena *arena;
    struct earlier_chain *c;
    struct instance *i;
    struct fact *facts; /* of each task */
    struct payload_list payloads;
    int64_t now_ms;
};

static bool refuse(struct chain *h, const char *format, ...)
{
    char line[REASON_BYTES_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    size_t kept = len < 0 ? 0 : (size_t)len < sizeof line ? (size_t)len : sizeof line - 1;
    h->c->why = slice_copy(h->arena, (struct slice){line, kept});
    return false;
}

/* --- what the document says --- */

/* "Fri Jun 28 10:45:41 2019", taken as UTC; else RFC 3339, or milliseconds since 1970. */
static int64_t read_time(struct arena *a, yyjson_val *v)
{
    struct tm parts = {0};
    int64_t at_ms = 0;
    struct slice s = v == NULL ? SLICE_NONE : import_plain(a, v, NULL);
    if (s.len > 2 && s.at[0] == '"')
        s = (struct slice){s.at + 1, s.len - 2};
    if (s.len == 0 || time_parse(s, &at_ms))
        return at_ms;
    const char *end = strptime(slice_text(a, s), "%a %b %d %H:%M:%S %Y", &parts);
    return end != NULL && *end == '\0' ? (int64_t)timegm(&parts) * 1000 : 0;
}

static enum told read_status(struct slice s)
{
    static const char *const words[] = {"PENDING", "SCHEDULED", "COMPLETED", "FAILED"};
    for (int k = 0; k < TOLD_UNKNOWN; k++)
        if (slice_eq_text(s, words[k]))
            return (enum told)k;
    return s.len == 0 ? TOLD_PENDING : TOLD_UNKNOWN;
}

static yyjson_val *find_named(yyjson_val *list, const char *member, struct slice name)
{
    yyjson_val *item;
    yyjson_arr_iter it = yyjson_arr_iter_with(list);
    while (list != NULL && (item = yyjson_arr_iter_next(&it)) != NULL)
        if (slice_eq(json_get_text(item, member), name))
            return item;
    return NULL;
}

static bool read_facts(struct chain *h)
{
    const struct template *t = h->c->t;
    h->facts = arena_array(h->arena, t->task_count + 1, sizeof *h->facts);
    for (uint32_t k = 0; k < t->task_count; k++) {
        const struct task *task = &t->tasks[k];
        yyjson_val *stage = find_named(json_get(h->c->document, "stages"), "stage_name",
                                       t->stages[task->stage].name);
        yyjson_val *told = find_named(json_get(stage, "tasks"), "task_name", task->name);
        struct fact *f = &h->facts[k];
        f->status = read_status(json_get_text(told, "status"));
        f->at_ms = read_time(h->arena, json_get(told, "last_updated_time_pretty"));
        f->reason = json_get_text(told, "reason");
        if (f->status == TOLD_UNKNOWN)
            return refuse(h, "the task %.*s has the status %.*s, which is none",
                          SLICE_ARG(task->id), SLICE_ARG(json_get_text(told, "status")));
    }
    return true;
}

/* The earliest time that the document tells. */
static int64_t find_start(const struct chain *h)
{
    int64_t at_ms = h->now_ms, said_ms;
    for (uint32_t k = 0; k < h->c->t->task_count; k++)
        if (h->facts[k].at_ms > 0)
            at_ms = time_min(at_ms, h->facts[k].at_ms);
    said_ms = read_time(h->arena, json_get(h->c->document, "updated_at"));
    return said_ms > 0 ? time_min(at_ms, said_ms) : at_ms;
}

/* --- events and their records --- */

static void add_record(struct chain *h, struct slice bytes)
{
    struct earlier_chain *c = h->c;
    if (c->record_count == c->record_capacity) {
        uint32_t capacity = c->record_capacity == 0 ? 32 : c->record_capacity * 2;
        struct slice *grown = arena_array(h->arena, capacity, sizeof *grown);
        for (uint32_t k = 0; k < c->record_count; k++)
            grown[k] = c->records[k];
        c->records = grown;
        c->record_capacity = capacity;
    }
    c->records[c->record_count++] = bytes;
}

static bool tell(struct chain *h, struct event e, int64_t at_ms, const char *what)
{
    struct outcome out;
    struct text id = text_new(h->arena, EVENT_ID_BYTES_MAX);
    const char *broken;
    text_printf(&id, "import/%.*s/%s", SLICE_ARG(h->c->id), what);
    if (e.task.len > 0)
        text_printf(&id, "/%.*s", SLICE_ARG(e.task));
    e.id = text_slice(&id);
    e.source = SLICE("import");
    event_sum(h->arena, &e);
    step(h->arena, h->i, &e, (struct step_time){.now_ms = at_ms}, &out);
    if (out.verdict != VERDICT_APPLIED)
        return refuse(h, "%s%s%.*s can't be told again: %.*s", what, e.task.len > 0 ? " of " : "",
                      SLICE_ARG(e.task), SLICE_ARG(out.reason));
    if ((broken = check_instance(h->i)) != NULL)
        return refuse(h, "%s", broken);
    add_record(h, record_encode(h->arena, h->i, &e, &out, &h->payloads));
    return true;
}

/* The record of a failure may be later than the failure: what is out was sent again before it. */
static struct slice say_when(struct chain *h, const struct fact *f)
{
    char text[TIME_TEXT_BYTES];
    struct text t = text_new(h->arena, REASON_BYTES_MAX);
    if (f->at_ms == 0 || f->at_ms >= h->i->at_ms)
        return SLICE_NONE;
    text_put_c(&t, "it failed at ");
    text_put(&t, (struct slice){text, time_format(f->at_ms, text)});
    return text_slice(&t);
}

static bool tell_task(struct chain *h, uint32_t k, enum event_kind kind, const char *what)
{
    const struct fact *f = &h->facts[k];
    struct event e = {.kind = kind, .task = h->c->t->tasks[k].id};
    bool is_now = kind == EVENT_PENDING || f->at_ms == 0;
    e.reason = kind == EVENT_COMPLETED ? f->reason : SLICE_NONE;
    if (kind == EVENT_FAILED) {
        e.error = SLICE("Failed");
        e.message = f->reason;
        e.reason = say_when(h, f);
    }
    return tell(h, e, is_now ? h->now_ms : f->at_ms, what);
}

static bool tell_start(struct chain *h)
{
    struct slice version = SLICE("?");
    struct text reason = text_new(h->arena, REASON_BYTES_MAX);
    yyjson_val *number = json_get(h->c->document, "version");
    if (number != NULL)
        version = import_plain(h->arena, number, NULL);
    text_printf(&reason, "imported from the earlier implementation, its version %.*s",
                SLICE_ARG(version));
    struct event e = {.kind = EVENT_START,
                      .template = h->c->t->name,
                      .key = h->c->key,
                      .input = h->c->input,
                      .reason = text_slice(&reason)};
    return tell(h, e, find_start(h), "start");
}

static bool is_out(const struct chain *h, uint32_t k)
{
    return task_status_is_out((enum task_status)h->i->tasks[k].status);
}

/* The one among those that can end now which ended first. */
static int find_next(const struct chain *h, enum told status)
{
    int next = -1;
    for (uint32_t k = 0; k < h->c->t->task_count; k++)
        if (h->facts[k].status == status && is_out(h, k) &&
            (next < 0 || h->facts[k].at_ms < h->facts[next].at_ms))
            next = (int)k;
    return next;
}

static bool tell_ends(struct chain *h, enum told status, enum event_kind kind, const char *what)
{
    int k;
    while ((k = find_next(h, status)) >= 0)
        if (!tell_task(h, (uint32_t)k, kind, what))
            return false;
    return true;
}

/* What is out goes out again, now: its message lies in a queue of before, and its clocks begin. A
 * failure comes after that, since nothing is sent any more then. */
static bool tell_what_is_out(struct chain *h)
{
    for (uint32_t k = 0; k < h->c->t->task_count; k++)
        if (is_out(h, k) && h->facts[k].status != TOLD_FAILED &&
            !tell_task(h, k, EVENT_PENDING, "sent-again"))
            return false;
    return true;
}

static bool tell_all(struct chain *h)
{
    return tell_start(h) && tell_ends(h, TOLD_COMPLETED, EVENT_COMPLETED, "completed") &&
           tell_what_is_out(h) && tell_ends(h, TOLD_FAILED, EVENT_FAILED, "failed");
}

/* --- whether it is the same --- */

static bool check_task(struct chain *h, uint32_t k)
{
    static const char *const words[] = {"PENDING", "SCHEDULED", "COMPLETED", "FAILED"};
    enum task_status is = (enum task_status)h->i->tasks[k].status;
    enum told told = h->facts[k].status;
    bool is_same = (told == TOLD_COMPLETED && is == TASK_COMPLETED) ||
                   (told == TOLD_FAILED && is == TASK_FAILED) ||
                   (told == TOLD_SCHEDULED && is_out(h, k)) ||
                   (told == TOLD_PENDING && (is == TASK_PENDING || is_out(h, k)));
    if (is_same)
        return true;
    return refuse(h, "the task %.*s is %s, but from what was done before it would be %s",
                  SLICE_ARG(h->c->t->tasks[k].id), words[told],
                  vocab_name(VOCAB_TASK_STATUS, (int)is));
}

static bool check_all(struct chain *h)
{
    for (uint32_t k = 0; k < h->c->t->task_count; k++)
        if (!check_task(h, k))
            return false;
    return true;
}

/* --- the chain --- */

void import_chain_name(struct arena *a, struct earlier_chain *c)
{
    struct text t = text_new(a, EVENT_BYTES_MAX);
    yyjson_val *id = json_get(c->document, "_id");
    text_put_c(&t, "import/");
    text_put(&t, c->key);
    text_put_char(&t, '/');
    if (id != NULL)
        text_put(&t, import_plain(a, id, NULL));
    c->id = step_instance_id(a, c->t->alias, text_slice(&t));
}

static void list_payloads(struct chain *h)
{
    struct earlier_chain *c = h->c;
    c->payloads = arena_array(h->arena, h->payloads.count + 1, sizeof *c->payloads);
    for (uint32_t k = 0; k < h->payloads.count; k++)
        c->payloads[c->payload_count++] = h->payloads.items[k].text;
}

bool import_chain_make(struct arena *a, struct earlier_chain *c, int64_t now_ms)
{
    struct chain h = {.arena = a, .c = c, .now_ms = now_ms};
    if (c->key.len == 0 || c->key.len > KEY_BYTES_MAX)
        return refuse(&h, "its business_ref_no has %zu bytes", c->key.len);
    for (uint32_t k = 0; k < c->t->task_count; k++)
        c->t->tasks[k].retry.max_attempts = 1; /* what failed then is not tried again by itself */
    h.i = instance_new(a, c->id, c->t);
    if (!read_facts(&h) || !tell_all(&h) || !check_all(&h))
        return false;
    list_payloads(&h);
    c->status = slice_of(vocab_name(VOCAB_INSTANCE_STATUS, (int)h.i->status));
    return true;
}
