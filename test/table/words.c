/* The words of text cases: events left of the arrow, expectations right of it. */
#include "table.h"

#include "base/time.h"

#include <stdio.h>
#include <string.h>

struct slice table_word(struct slice *rest)
{
    *rest = slice_trim(*rest);
    size_t end = 0;
    int depth = 0;
    bool is_quoted = false;
    for (; end < rest->len; end++) {
        char ch = rest->at[end];
        if (is_quoted) {
            if (ch == '\\')
                end++;
            else if (ch == '"')
                is_quoted = false;
            continue;
        }
        if (ch == '"')
            is_quoted = true;
        else if (ch == '{' || ch == '[')
            depth++;
        else if (ch == '}' || ch == ']')
            depth--;
        else if (depth == 0 && (ch == ' ' || ch == '\t'))
            break;
    }
    if (end > rest->len)
        end = rest->len;
    struct slice word = {rest->at, end};
    *rest = slice_trim((struct slice){rest->at + end, rest->len - end});
    return word;
}

static struct slice unquote(struct slice s)
{
    if (s.len >= 2 && s.at[0] == '"' && s.at[s.len - 1] == '"')
        return (struct slice){s.at + 1, s.len - 2};
    return s;
}

static const struct {
    const char *word;
    enum event_kind kind;
} verbs[] = {
    {"start", EVENT_START},
    {"started", EVENT_STARTED},
    {"heartbeat", EVENT_HEARTBEAT},
    {"completed", EVENT_COMPLETED},
    {"failed", EVENT_FAILED},
    {"pending", EVENT_PENDING},
    {"pause", EVENT_PAUSE},
    {"resume", EVENT_RESUME},
    {"cancel", EVENT_CANCEL},
    {"replay", EVENT_REPLAY_TASK},
    {"replay-stage", EVENT_REPLAY_STAGE},
    {"wake", EVENT_WAKE},
    {"deleted", EVENT_MESSAGE_DELETED},
};

static bool find_verb(struct slice word, enum event_kind *kind)
{
    for (size_t k = 0; k < sizeof verbs / sizeof *verbs; k++)
        if (slice_eq_text(word, verbs[k].word)) {
            *kind = verbs[k].kind;
            return true;
        }
    return false;
}

static bool is_about_task(enum event_kind k)
{
    return k == EVENT_STARTED || k == EVENT_HEARTBEAT || k == EVENT_COMPLETED ||
           k == EVENT_FAILED || k == EVENT_PENDING || k == EVENT_REPLAY_TASK ||
           k == EVENT_MESSAGE_DELETED;
}

/* "@2.1": generation 2, attempt 1. */
static bool take_attempt(struct slice word, struct event *e)
{
    struct slice generation, attempt;
    slice_cut((struct slice){word.at + 1, word.len - 1}, '.', &generation, &attempt);
    return slice_to_int(generation, &e->generation) && slice_to_int(attempt, &e->attempt);
}

static bool take_option(struct event *e, struct slice word, struct slice *rest)
{
    int64_t at_ms;
    if (word.at[0] == '@')
        return take_attempt(word, e);
    if (word.at[0] == '#')
        e->id = word;
    else if (slice_eq_text(word, "only"))
        e->only = true;
    else if (slice_eq_text(word, "dry-run"))
        e->dry_run = true;
    else if (slice_eq_text(word, "run"))
        e->timers = TIMERS_RUN;
    else if (slice_eq_text(word, "input"))
        e->input = table_word(rest);
    else if (slice_eq_text(word, "output"))
        e->output = table_word(rest);
    else if (slice_eq_text(word, "error"))
        e->error = unquote(table_word(rest));
    else if (slice_eq_text(word, "message"))
        e->message = unquote(table_word(rest));
    else if (slice_eq_text(word, "reason"))
        e->reason = unquote(table_word(rest));
    else if (slice_eq_text(word, "item"))
        return slice_to_int(table_word(rest), &e->item);
    else if (slice_eq_text(word, "stage"))
        e->stage = table_word(rest);
    else if (slice_eq_text(word, "until") && slice_to_int(table_word(rest), &at_ms))
        e->resume_at_ms = at_ms + TABLE_EPOCH_MS;
    else
        return false;
    return true;
}

bool table_event(struct table_case *c, struct slice words, struct event *e)
{
    *e = (struct event){.source = SLICE("table")};
    struct slice verb = table_word(&words);
    if (!find_verb(verb, &e->kind)) {
        table_fail(c, "no such event:", verb);
        return false;
    }
    if (is_about_task(e->kind))
        e->task = table_word(&words);
    if (e->kind == EVENT_REPLAY_STAGE)
        e->stage = table_word(&words);
    if (e->kind == EVENT_START)
        e->key = slice_eq_text(c->key, "-") ? SLICE_NONE : c->key;
    e->template = c->template->name;
    while (words.len > 0) {
        struct slice word = table_word(&words);
        if (!take_option(e, word, &words)) {
            table_fail(c, "no such option:", word);
            return false;
        }
    }
    event_sum(c->arena, e);
    return true;
}

/* What happened, as words in a fixed order, to compare with what is written. */
struct happening {
    bool *is_told; /* per task: its status change was written */
    bool *is_sent; /* per task: its message was written */
    bool is_instance_told, is_verdict_told;
};

static bool is_changed(const struct table_case *c, enum scope scope, uint32_t index)
{
    for (uint32_t k = 0; k < c->out.change_count; k++) {
        const struct change *x = &c->out.changes[k];
        if (x->scope == scope && x->index == index &&
            x->field == (uint32_t)model_find_field(scope, SLICE("status")))
            return true;
    }
    return false;
}

static bool has_effect(const struct table_case *c, enum effect_kind kind, uint32_t task)
{
    for (uint32_t k = 0; k < c->out.effect_count; k++)
        if (c->out.effects[k].kind == kind && c->out.effects[k].task == task)
            return true;
    return false;
}

/* The text in static memory is overwritten by the next call. */
static struct slice say(const char *format, struct slice name, const char *word)
{
    static char line[512];
    int len = snprintf(line, sizeof line, format, SLICE_ARG(name), word);
    return (struct slice){line, len < 0 ? 0 : (size_t)len};
}

static void expect_status(struct table_case *c, struct happening *h, struct slice name,
                          struct slice status)
{
    const char *now;
    if (slice_eq_text(name, "instance")) {
        h->is_instance_told = true;
        now = vocab_name(VOCAB_INSTANCE_STATUS, (int)c->after->status);
    } else if (slice_has_prefix(name, SLICE("stage:"))) {
        int stage = template_find_stage(c->template, (struct slice){name.at + 6, name.len - 6});
        now = stage < 0 ? "no such stage"
                        : vocab_name(VOCAB_STAGE_STATUS, (int)c->after->stages[stage].status);
    } else {
        int task = template_find_task(c->template, -1, name);
        if (task >= 0)
            h->is_told[task] = true;
        now = task < 0 ? "no such task"
                       : vocab_name(VOCAB_TASK_STATUS, (int)c->after->tasks[task].status);
        if (task >= 0 && !is_changed(c, SCOPE_TASK, (uint32_t)task))
            table_fail(c, "its status did not change:", name);
    }
    if (!slice_eq_text(status, now))
        table_fail(c, "status:", say("%.*s is %s", name, now));
}

static void expect_send(struct table_case *c, struct happening *h, struct slice *words)
{
    struct slice queue = table_word(words);
    int64_t attempt = 0, generation = 0;
    for (struct slice rest = *words;; *words = rest) {
        struct slice word = table_word(&rest);
        bool is_attempt = slice_eq_text(word, "attempt");
        if (!is_attempt && !slice_eq_text(word, "generation"))
            break;
        (void)slice_to_int(table_word(&rest), is_attempt ? &attempt : &generation);
    }
    for (uint32_t k = 0; k < c->template->task_count; k++) {
        const struct task_state *s = &c->after->tasks[k];
        if (!slice_eq(c->template->tasks[k].queue, queue) || h->is_sent[k] ||
            !has_effect(c, EFFECT_SEND, k))
            continue;
        h->is_sent[k] = true;
        if ((attempt > 0 && attempt != s->attempt) ||
            (generation > 0 && generation != s->generation))
            table_fail(c, "sent under another number:", queue);
        return;
    }
    table_fail(c, "was not sent:", queue);
}

static void expect_wake(struct table_case *c, struct slice word)
{
    int64_t at_ms = instance_wake_at(c->after, 0), want_ms;
    if (slice_eq_text(word, "never"))
        want_ms = TIME_NEVER;
    else if (slice_to_int(word, &want_ms))
        want_ms += TABLE_EPOCH_MS;
    char now[64];
    (void)snprintf(now, sizeof now, "%lld", (long long)(at_ms - TABLE_EPOCH_MS));
    if (at_ms != want_ms)
        table_fail(c, "wakes at", at_ms == TIME_NEVER ? SLICE("never") : slice_of(now));
}

static void expect_text(struct table_case *c, const char *what, struct slice got, struct slice want)
{
    bool is_nothing = got.len == 0 && slice_eq_text(want, "null");
    if (!is_nothing && !slice_eq(got, unquote(want)) && !slice_eq(got, want))
        table_fail(c, what, say("is %.*s%s", got, ""));
}

static bool contains(struct slice text, struct slice part)
{
    for (size_t k = 0; k + part.len <= text.len; k++)
        if (memcmp(text.at + k, part.at, part.len) == 0)
            return true;
    return false;
}

static void expect_runs(struct table_case *c, struct slice words)
{
    struct text t = text_new(c->arena, 4096);
    for (uint32_t k = 0; k < c->out.replayed_count; k++) {
        if (k > 0)
            text_put_char(&t, ',');
        text_put(&t, c->template->tasks[c->out.replayed[k]].id);
    }
    expect_text(c, "what runs again", text_slice(&t), words);
}

/* "input TASK JSON", "output TASK JSON" of a task; "output JSON", "error NAME" of the instance. */
static void expect_data(struct table_case *c, struct slice what, struct slice *words)
{
    struct slice first = table_word(words);
    int task = template_find_task(c->template, -1, first);
    const struct instance *i = c->after;
    if (slice_eq_text(what, "input") && task >= 0)
        expect_text(c, "the task's input", i->tasks[task].input, table_word(words));
    else if (slice_eq_text(what, "output") && task >= 0)
        expect_text(c, "the task's output", i->tasks[task].output, table_word(words));
    else if (slice_eq_text(what, "output"))
        expect_text(c, "the output", i->output, first);
    else if (slice_eq_text(what, "error") && task >= 0)
        expect_text(c, "the task's error", i->tasks[task].error, table_word(words));
    else
        expect_text(c, "the error", i->error, first);
}

static bool expect_word(struct table_case *c, struct happening *h, struct slice word,
                        struct slice *words)
{
    int verdict = vocab_find(VOCAB_VERDICT, word);
    if (verdict >= 0) {
        h->is_verdict_told = true;
        if (verdict != (int)c->out.verdict)
            table_fail(c, "the verdict is",
                       slice_of(vocab_name(VOCAB_VERDICT, (int)c->out.verdict)));
    } else if (slice_eq_text(word, "(nothing)")) {
        if (c->out.change_count > 0)
            table_fail(c, "something changed", SLICE_NONE);
    } else if (slice_eq_text(word, "unrecorded")) {
        if (!c->out.is_unrecorded)
            table_fail(c, "it would be recorded", SLICE_NONE);
    } else if (slice_eq_text(word, "send")) {
        expect_send(c, h, words);
    } else if (slice_eq_text(word, "wake")) {
        expect_wake(c, table_word(words));
    } else if (slice_eq_text(word, "business")) {
        expect_text(c, "the business status", c->after->business_status, table_word(words));
    } else if (slice_eq_text(word, "reason")) {
        if (!contains(c->out.reason, unquote(table_word(words))))
            table_fail(c, "the reason is", c->out.reason);
    } else if (slice_eq_text(word, "runs")) {
        expect_runs(c, table_word(words));
    } else if (slice_eq_text(word, "withdraw")) {
        int task = template_find_task(c->template, -1, table_word(words));
        if (task < 0 || !has_effect(c, EFFECT_WITHDRAW, (uint32_t)task))
            table_fail(c, "is not withdrawn", SLICE_NONE);
    } else if (slice_eq_text(word, "input") || slice_eq_text(word, "output") ||
               slice_eq_text(word, "error")) {
        expect_data(c, word, words);
    } else {
        return false;
    }
    return true;
}

static void check_untold(struct table_case *c, const struct happening *h)
{
    for (uint32_t k = 0; k < c->template->task_count; k++) {
        struct slice name = c->template->tasks[k].id;
        if (is_changed(c, SCOPE_TASK, k) && !h->is_told[k])
            table_fail(c, "not written:",
                       say("%.*s=%s", name,
                           vocab_name(VOCAB_TASK_STATUS, (int)c->after->tasks[k].status)));
        if (has_effect(c, EFFECT_SEND, k) && !h->is_sent[k])
            table_fail(c, "not written: a message to", c->template->tasks[k].queue);
    }
    if (c->before->status != c->after->status && !h->is_instance_told && c->before->seq > 0)
        table_fail(c, "not written:",
                   say("%.*s is %s", SLICE("instance"),
                       vocab_name(VOCAB_INSTANCE_STATUS, (int)c->after->status)));
    if (!h->is_verdict_told && c->out.verdict != VERDICT_APPLIED)
        table_fail(c, vocab_name(VOCAB_VERDICT, (int)c->out.verdict), c->out.reason);
}

void table_expect(struct table_case *c, struct slice words)
{
    struct happening h = {.is_told = arena_array(c->arena, c->template->task_count + 1, 1),
                          .is_sent = arena_array(c->arena, c->template->task_count + 1, 1)};
    words = slice_trim(words);
    while (words.len > 0) {
        struct slice word = table_word(&words), name, status;
        slice_cut(word, '=', &name, &status);
        if (status.at != NULL)
            expect_status(c, &h, name, status);
        else if (!expect_word(c, &h, word, &words))
            table_fail(c, "no such expectation:", word);
    }
    check_untold(c, &h);
}
