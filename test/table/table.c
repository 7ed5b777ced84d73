/* Runs text cases against step. A case is a few lines that anyone can write:
 *
 *     case: a failed task is retried later, not at once
 *       given   pizza.yaml  ORDER-1
 *       at 0    start                 -> confirm_order=SCHEDULED   send confirm_queue attempt 1
 *       at 10   failed confirm_order  -> confirm_order=RETRYING    wake 1010
 *
 * Left of the arrow stands an event, right of it everything it does: each task and the instance
 * whose status changes, each message sent. What is not written must not happen; `wake`, `output`,
 * `input`, `error`, `business`, `stage`, `reason`, `runs` and `withdraw` are checked where they are
 * written. test/table/README.md lists the words.
 *
 * After every line the runner also checks the invariants, folds the record into a second instance
 * and compares the two, restores the row's state and compares that too. */
#include "table.h"

#include "base/log.h"
#include "base/time.h"
#include "core/check.h"
#include "core/message.h"
#include "core/record.h"

#include <assert.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_file(struct arena *a, const char *name, size_t *len)
{
    FILE *f = fopen(name, "rb");
    if (f == NULL)
        return NULL;
    char *bytes = arena_alloc(a, TEMPLATE_BYTES_MAX);
    *len = fread(bytes, 1, TEMPLATE_BYTES_MAX - 1, f);
    (void)fclose(f);
    return bytes;
}

void table_fail(struct table_case *c, const char *what, struct slice detail)
{
    if (c->is_failed)
        return;
    c->is_failed = true;
    printf("not ok %s: %.*s: %s:%u: %s %.*s\n", c->way->name, SLICE_ARG(c->name), c->file, c->line,
           what, SLICE_ARG(detail));
}

static void give(struct table_case *c, struct slice rest)
{
    struct slice file = table_word(&rest), source;
    c->key = table_word(&rest);
    char name[512];
    (void)snprintf(name, sizeof name, "test/table/%.*s", SLICE_ARG(file));
    source.at = read_file(c->arena, name, &source.len);
    if (source.at == NULL) {
        table_fail(c, "cannot read", file);
        return;
    }
    struct template_report report;
    struct template *t;
    if (template_parse(c->arena, file, source, &report, &t) != ERR_NONE) {
        table_fail(c, "template:", template_error_text(c->arena, &report.errors[0]));
        return;
    }
    t->version = 1;
    c->template = t;
    c->live = instance_new(c->arena, SLICE("instance0000000000000"), t);
    c->folded = instance_new(c->arena, c->live->id, t);
    c->way->begin(c, source);
}

/* Folding the record must give what step made, and so must the row's state. */
static void compare_copies(struct table_case *c, struct slice bytes,
                           const struct payload_list *payloads)
{
    struct record r;
    struct payload_list none = {0};
    if (record_decode(c->arena, bytes, &r) != ERR_NONE ||
        record_fold(c->arena, c->folded, &r, payloads) != ERR_NONE) {
        table_fail(c, "the record does not fold:", bytes);
        return;
    }
    struct slice live = state_encode(c->arena, c->live, &none);
    struct slice folded = state_encode(c->arena, c->folded, &none);
    if (!slice_eq(live, folded))
        table_fail(c, "folding gives another state:", folded);
    struct instance *row = instance_new(c->arena, c->live->id, c->template);
    if (state_decode(c->arena, live, row, payloads) != ERR_NONE ||
        !slice_eq(state_encode(c->arena, row, &none), live))
        table_fail(c, "the row does not restore:", live);
}

static void begin_step(struct table_case *c, struct slice source)
{
    (void)c;
    (void)source;
}

static void end_step(struct table_case *c)
{
    (void)c;
}

static void take_step(struct table_case *c, struct event *e, int64_t at_ms)
{
    struct instance *work = instance_borrow(c->arena, c->live);
    c->before = c->live;
    step(c->arena, work, e, (struct step_time){at_ms, 0}, &c->out);
    c->after = work;
    const char *broken = check_instance(work);
    if (broken != NULL)
        table_fail(c, broken, SLICE_NONE);
    if (c->out.is_unrecorded || e->dry_run ||
        (c->live->seq == 0 && c->out.verdict != VERDICT_APPLIED))
        return;
    struct payload_list payloads = {0};
    struct slice bytes = record_encode(c->arena, work, e, &c->out, &payloads);
    c->live = work;
    compare_copies(c, bytes, &payloads);
}

static const struct table_way table_step = {"table", begin_step, take_step, end_step};

static void run_line(struct table_case *c, struct slice line)
{
    struct slice command = line, expected = SLICE_NONE;
    for (size_t k = 0; k + 1 < line.len; k++)
        if (line.at[k] == '-' && line.at[k + 1] == '>') {
            command = (struct slice){line.at, k};
            expected = (struct slice){line.at + k + 2, line.len - k - 2};
            break;
        }
    (void)table_word(&command);
    int64_t at_ms;
    if (!slice_to_int(table_word(&command), &at_ms) || c->live == NULL) {
        table_fail(c, "a line is: at MILLISECONDS event -> what happens", line);
        return;
    }
    struct event e;
    if (!table_event(c, command, &e))
        return;
    c->way->take(c, &e, at_ms + TABLE_EPOCH_MS);
    if (!c->is_failed)
        table_expect(c, expected);
}

static void end_case(struct table_case *c, unsigned *failed, unsigned *passed)
{
    if (c->name.len == 0)
        return;
    if (c->template != NULL)
        c->way->end(c);
    if (c->is_failed) {
        (*failed)++;
    } else {
        printf("ok %s: %.*s\n", c->way->name, SLICE_ARG(c->name));
        (*passed)++;
    }
    c->name = SLICE_NONE;
}

static void run_file(const char *file, const struct table_way *way, unsigned *failed,
                     unsigned *passed)
{
    struct arena a, text;
    size_t len;
    arena_init(&a, 512u << 20);
    arena_init(&text, 16u << 20);
    struct slice rest = {read_file(&text, file, &len), 0}, line;
    assert(rest.at != NULL);
    rest.len = len;
    struct table_case c = {.arena = &a, .file = file, .way = way};
    for (unsigned number = 1; rest.at != NULL; number++) {
        slice_cut(rest, '\n', &line, &rest);
        line = slice_trim(line);
        if (line.len == 0 || line.at[0] == '#')
            continue;
        if (slice_has_prefix(line, SLICE("case:"))) {
            end_case(&c, failed, passed);
            arena_reset(&a);
            c = (struct table_case){.arena = &a, .file = file, .way = way};
            c.name = slice_trim((struct slice){line.at + 5, line.len - 5});
            c.line = number;
            continue;
        }
        c.line = number;
        if (c.is_failed)
            continue;
        if (slice_has_prefix(line, SLICE("given")))
            give(&c, (struct slice){line.at + 5, line.len - 5});
        else
            run_line(&c, line);
    }
    end_case(&c, failed, passed);
    arena_drop(&a);
    arena_drop(&text);
}

int main(int argc, char **argv)
{
    unsigned failed = 0, passed = 0;
    glob_t files = {0};
    bool is_cluster = argc > 1 && strcmp(argv[1], "--cluster") == 0;
    int first = is_cluster ? 2 : 1;
    log_open(LOG_ERROR, false); /* nodes of cases that stand still are found silent */
    int found = glob(argc > first ? argv[first] : "test/table/*.case", 0, NULL, &files);
    assert(found == 0);
    for (size_t k = 0; k < files.gl_pathc; k++)
        run_file(files.gl_pathv[k], is_cluster ? &table_cluster : &table_step, &failed, &passed);
    globfree(&files);
    return failed > 0 || passed == 0;
}
