/* Templates in our form: what a file means, what is wrong with it and where, and that nothing a
 * file may hold costs more than its limits. The errors are cases in test/data/templates/errors.txt:
 * a title, the file, two dashes, the lines that are told. */
#include "core/template.h"

#include "base/arena.h"
#include "base/text.h"
#include "core/expr.h"
#include "core/limits.h"
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static struct template_report report;

static struct template *parse_bytes(struct slice source)
{
    struct template *t;
    arena_drop(&arena);
    arena_init(&arena, WORK_BYTES_MAX);
    enum err err = template_parse(&arena, SLICE("t"), source, &report, &t);
    CHECK((err == ERR_NONE) == (t != NULL));
    CHECK((err == ERR_INVALID) == (report.error_count > 0));
    return t;
}

static struct template *parse(const char *source)
{
    return parse_bytes(slice_of(source));
}

static struct slice first_error(void)
{
    return report.shown_count == 0 ? SLICE("") : template_error_text(&arena, &report.errors[0]);
}

static struct slice read_file(const char *name)
{
    static char bytes[1 << 20];
    FILE *f = fopen(name, "rb");
    CHECK(f != NULL);
    size_t len = f == NULL ? 0 : fread(bytes, 1, sizeof bytes, f);
    if (f != NULL)
        (void)fclose(f);
    return (struct slice){bytes, len};
}

/* --- errors --- */

static struct slice take_until(struct slice *left, const char *end)
{
    const char *found = memmem(left->at, left->len, end, strlen(end));
    size_t len = found == NULL ? left->len : (size_t)(found - left->at);
    struct slice taken = {left->at, len};
    size_t used = found == NULL ? len : len + strlen(end);
    *left = (struct slice){left->at + used, left->len - used};
    return taken;
}

/* "line:column: message" for each; of the whole file: 0:0. */
static struct slice told(void)
{
    struct text t = text_new(&arena, 1 << 20);
    for (uint32_t k = 0; k < report.shown_count; k++) {
        const struct template_error *e = &report.errors[k];
        text_printf(&t, "%u:%u: %s", e->line, e->column, e->is_warning ? "warning: " : "");
        text_put(&t, e->message);
        text_put_char(&t, '\n');
    }
    return text_slice(&t);
}

TEST(errors_are_told_with_their_places)
{
    struct slice left = read_file("test/data/templates/errors.txt");
    size_t cases = 0;
    take_until(&left, "== ");
    while (left.len > 0) {
        struct slice one = take_until(&left, "\n== ");
        struct slice title = take_until(&one, "\n");
        struct slice source = take_until(&one, "\n--\n");
        source.len++; /* its last line ends, too */
        parse_bytes(source);
        struct slice is = slice_trim(told()), should = slice_trim(one);
        if (!slice_eq(is, should))
            printf("%.*s\n%.*s\n", SLICE_ARG(title), SLICE_ARG(is));
        CHECK(slice_eq(is, should));
        CHECK(should.len > 0);
        cases++;
    }
    CHECK(cases >= 65);
}

TEST(an_error_names_file_line_and_column)
{
    parse("name: a\nstages: [{nam: s}]\n");
    CHECK_TEXT(first_error(), "t:2:10: a stage needs a name");
    parse("");
    CHECK_TEXT(first_error(), "t: the file is empty");
    parse("{\"workflow_name\":\"A\",\"component_name\":\"C\",\"status\":1,"
          "\"stages\":[{\"stage_name\":\"S\",\"stage_order\":1}]}");
    CHECK_INT(report.error_count, 0);
    CHECK_INT(report.warning_count, 1);
    CHECK_TEXT(first_error(), "t:1:43: warning: \"status\" is ignored in a template");
}

TEST(a_hundred_errors_are_shown_and_all_are_counted)
{
    struct text t = text_new(&arena, 1 << 20);
    parse("");
    t = text_new(&arena, 1 << 20);
    text_put_c(&t, "name: a\n");
    for (int k = 0; k < 250; k++)
        text_printf(&t, "unknown%d: x\n", k);
    text_put_c(&t, "stages: [{name: s}]\n");
    char *source = strdup(text_c(&t));
    parse(source);
    free(source);
    CHECK_INT(report.error_count, 250);
    CHECK_INT(report.shown_count, TEMPLATE_ERRORS_MAX);
    CHECK_INT(report.errors[99].line, 101);
}

TEST(bytes_that_are_no_text_are_refused_with_their_place)
{
    parse_bytes(SLICE("name: a\nx: \xff\n"));
    CHECK_TEXT(first_error(), "t:2:4: this is not UTF-8; save the file in that encoding");
    parse_bytes(SLICE("\xff\xfen\0a\0"));
    CHECK_TEXT(first_error(), "t:1:1: this is not UTF-8; save the file in that encoding");
    parse_bytes(SLICE("name: a\0b\n"));
    CHECK_TEXT(first_error(), "t:1:8: a control character (0x00) has no place here");
    parse_bytes(SLICE("name: \x1b[31m\n"));
    CHECK_TEXT(first_error(), "t:1:7: a control character (0x1b) has no place here");
    CHECK(parse_bytes(SLICE("\xef\xbb\xbfname: a\r\nstages:\r\n  - name: s\r\n")) != NULL);
}

/* --- meaning --- */

TEST(the_food_order_example_means_what_it_says)
{
    struct template *t = parse_bytes(read_file("examples/food-order.yaml"));
    CHECK(t != NULL);
    if (t == NULL)
        return;
    CHECK_INT(report.shown_count, 0);
    CHECK_TEXT(t->name, "food-order");
    CHECK_INT(t->stage_count, 3);
    CHECK_INT(t->task_count, 5);
    CHECK_INT(t->timeout_ms, 2 * 3600 * 1000);
    int food = template_find_task(t, -1, SLICE("make_food"));
    int confirm = template_find_task(t, 1, SLICE("confirm_delivery"));
    int deliver = template_find_task(t, -1, SLICE("deliver_food"));
    CHECK_INT(food, 1);
    CHECK_INT(confirm, 3);
    CHECK_INT(deliver, 4);
    CHECK_INT(t->tasks[confirm].needs_count, 2);
    CHECK_INT(t->tasks[food].retry.max_attempts, 5);
    CHECK_INT(t->tasks[food].retry.delay_ms, 2000);
    CHECK_INT(t->tasks[food].retry.jitter, JITTER_FULL);
    CHECK_INT(t->tasks[food].timeout.heartbeat_ms, 120000);
    CHECK_INT(t->tasks[confirm].timeout.running_ms, 600000);
    CHECK_INT(t->tasks[deliver].kind, TASK_KIND_HUMAN);
    CHECK_INT(t->tasks[deliver].timeout.running_ms, 0);
    CHECK_INT(t->tasks[deliver].due_ms, 30 * 60 * 1000);
    CHECK_TEXT(t->tasks[deliver].assignee, "delivery_executive");
    CHECK(t->key != NULL && t->output != NULL && t->input != NULL);
    CHECK_INT(template_find_task(t, 0, SLICE("make_food")), -1);
    CHECK_INT(template_find_stage(t, SLICE("deliver")), 2);
}

TEST(defaults_are_merged_key_by_key)
{
    struct template *t = parse(
        "stages:\n"
        "  - name: s\n"
        "    tasks:\n"
        "      - {name: bare, queue: q}\n"
        "      - {name: own, queue: q, retry: {delay: 5s}, timeout: {queued: 1m, running: none}}\n"
        "      - {name: person, human: {}}\n"
        "defaults: {retry: {max_attempts: 7, max_delay: 1h}, timeout: {running: 10m}}\n"
        "name: a\n");
    CHECK(t != NULL);
    if (t == NULL)
        return;
    CHECK_INT(t->tasks[0].retry.max_attempts, 7);
    CHECK_INT(t->tasks[0].retry.delay_ms, RETRY_DELAY_MS_DEFAULT);
    CHECK_INT(t->tasks[0].timeout.running_ms, 600000);
    CHECK_INT(t->tasks[1].retry.max_attempts, 7);
    CHECK_INT(t->tasks[1].retry.delay_ms, 5000);
    CHECK_INT(t->tasks[1].retry.max_delay_ms, 3600000);
    CHECK_INT(t->tasks[1].timeout.running_ms, 0);
    CHECK_INT(t->tasks[1].timeout.queued_ms, 60000);
    CHECK_INT(t->tasks[2].retry.max_attempts, 7);
    CHECK_INT(t->tasks[2].timeout.running_ms, 0);
}

TEST(without_a_word_a_queue_task_has_three_attempts_and_a_day)
{
    struct template *t = parse("name: a\nstages: [{name: s, tasks: [{name: t, queue: q}]}]\n");
    CHECK(t != NULL);
    if (t == NULL)
        return;
    CHECK_INT(t->tasks[0].retry.max_attempts, 3);
    CHECK_INT(t->tasks[0].retry.delay_ms, 1000);
    CHECK(t->tasks[0].retry.backoff > 1.99 && t->tasks[0].retry.backoff < 2.01);
    CHECK_INT(t->tasks[0].timeout.running_ms, 24 * 3600 * 1000);
    CHECK_INT(t->on_duplicate, ON_DUPLICATE_RETURN);
}

TEST(needs_are_indexes_in_order_without_repeats)
{
    struct template *t = parse("name: a\nstages:\n- name: s\n  tasks:\n"
                               "  - {name: x, queue: q}\n  - {name: y, queue: q}\n"
                               "  - {name: z, queue: q, needs: [y, x, y]}\n");
    CHECK(t != NULL);
    if (t == NULL)
        return;
    CHECK_INT(t->tasks[2].needs_count, 2);
    CHECK_INT(t->tasks[2].needs[0], 0);
    CHECK_INT(t->tasks[2].needs[1], 1);
    CHECK_INT(report.warning_count, 1);
}

TEST(a_need_of_an_earlier_stage_is_kept)
{
    struct template *t = parse("name: a\nstages:\n- {name: s, tasks: [{name: x, queue: q}]}\n"
                               "- {name: u, tasks: [{name: y, queue: q, needs: [x]}]}\n");
    CHECK(t != NULL);
    if (t != NULL)
        CHECK_INT(t->tasks[1].needs[0], 0);
}

/* --- content and digest --- */

static void digest_of(const char *source, uint8_t digest[SHA256_BYTES])
{
    struct template *t = parse(source);
    CHECK(t != NULL);
    memset(digest, 0, SHA256_BYTES);
    if (t != NULL)
        memcpy(digest, t->digest, SHA256_BYTES);
}

static bool means_the_same(const char *a, const char *b)
{
    uint8_t x[SHA256_BYTES], y[SHA256_BYTES];
    digest_of(a, x);
    digest_of(b, y);
    return memcmp(x, y, SHA256_BYTES) == 0;
}

TEST(the_digest_is_of_the_meaning_not_of_the_spelling)
{
    CHECK(means_the_same(
        "name: a\ntimeout: 90m\nstages:\n- name: s\n  tasks:\n  - name: t\n    queue: q\n"
        "    input: {b: 1, a: {d: 1, c: 2}}\n    retry: {backoff: 2.0, not_on: [Y, X, Y]}\n",
        "{\"stages\":[{\"tasks\":[{\"queue\":\"q\",\"retry\":{\"not_on\":[\"X\",\"Y\"],"
        "\"max_attempts\":3},\"input\":{\"a\":{\"c\":2,\"d\":1},\"b\":1},\"name\":\"t\"}],"
        "\"name\":\"s\"}],\"timeout\":\"PT1H30M\",\"name\":\"a\"}"));
    CHECK(means_the_same("name: a\non_duplicate: return\nstages: [{name: s}]\n",
                         "# x\nname: a\nstages:\n  - name: s\n    tasks: []\n"));
    CHECK(means_the_same("name: a\ndefaults: {timeout: {running: 1h}}\n"
                         "stages: [{name: s, tasks: [{name: t, queue: q}]}]\n",
                         "name: a\n"
                         "stages: [{name: s, tasks: [{name: t, queue: q, timeout: {running: "
                         "60m}}]}]\n"));
}

TEST(whatever_has_an_effect_changes_the_digest)
{
    static const char base[] = "name: a\nstages: [{name: s, tasks: [{name: t, queue: q}]}]\n";
    static const char *const others[] = {
        "name: b\nstages: [{name: s, tasks: [{name: t, queue: q}]}]\n",
        "name: a\ndescription: x\nstages: [{name: s, tasks: [{name: t, queue: q}]}]\n",
        "name: a\nkey: ${ .input.k }\nstages: [{name: s, tasks: [{name: t, queue: q}]}]\n",
        "name: a\non_duplicate: start\nstages: [{name: s, tasks: [{name: t, queue: q}]}]\n",
        "name: a\ninput: {}\nstages: [{name: s, tasks: [{name: t, queue: q}]}]\n",
        "name: a\ntimeout: 1h\nstages: [{name: s, tasks: [{name: t, queue: q}]}]\n",
        "name: a\noutput: 1\nstages: [{name: s, tasks: [{name: t, queue: q}]}]\n",
        "name: a\nstages: [{name: r, tasks: [{name: t, queue: q}]}]\n",
        "name: a\nstages: [{name: s, tasks: [{name: u, queue: q}]}]\n",
        "name: a\nstages: [{name: s, tasks: [{name: t, queue: r}]}]\n",
        "name: a\nstages: [{name: s, tasks: [{name: t, human: {}}]}]\n",
        "name: a\nstages: [{name: s, tasks: [{name: t, queue: q, input: {}}]}]\n",
        "name: a\nstages: [{name: s, tasks: [{name: t, queue: q, input: 1.0}]}]\n",
        "name: a\nstages: [{name: s, tasks: [{name: t, queue: q, business_status: x}]}]\n",
        "name: a\nstages: [{name: s, tasks: [{name: t, queue: q, retry: {max_attempts: 1}}]}]\n",
        "name: a\nstages: [{name: s, tasks: [{name: t, queue: q, retry: {jitter: full}}]}]\n",
        "name: a\nstages: [{name: s, tasks: [{name: t, queue: q, retry: {not_on: [E]}}]}]\n",
        "name: a\nstages: [{name: s, tasks: [{name: t, queue: q, timeout: {total: 1h}}]}]\n",
        "name: a\nstages: [{name: s, tasks: [{name: t, queue: q, timeout: {running: none}}]}]\n",
        "name: a\nstages: [{name: s, tasks: [{name: t, queue: q}]}, {name: e}]\n"};
    enum { COUNT = sizeof others / sizeof *others };
    uint8_t digests[COUNT + 1][SHA256_BYTES];
    digest_of(base, digests[COUNT]);
    for (int k = 0; k < COUNT; k++)
        digest_of(others[k], digests[k]);
    for (int x = 0; x < COUNT + 1; x++)
        for (int y = 0; y < x; y++)
            CHECK(memcmp(digests[x], digests[y], SHA256_BYTES) != 0);
}

TEST(the_content_is_a_template_that_means_the_same)
{
    struct template *t = parse_bytes(read_file("examples/food-order.yaml"));
    CHECK(t != NULL);
    if (t == NULL)
        return;
    uint8_t digest[SHA256_BYTES];
    memcpy(digest, t->digest, SHA256_BYTES);
    struct slice content = template_canonical(&arena, t);
    char *copy = strndup(content.at, content.len);
    struct template *again = parse(copy);
    free(copy);
    CHECK(again != NULL && memcmp(again->digest, digest, SHA256_BYTES) == 0);
}

TEST(the_schema_served_is_the_one_in_docs)
{
    CHECK(slice_eq(template_schema_json(), read_file("docs/template.schema.json")));
}

/* --- numbers in YAML --- */

static struct slice output_of(const char *yaml)
{
    static char source[512];
    (void)snprintf(source, sizeof source, "name: a\nstages: [{name: s}]\noutput: %s\n", yaml);
    struct template *t = parse(source);
    return t == NULL ? first_error() : expr_source(t->output);
}

TEST(plain_scalars_follow_the_core_schema)
{
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        {"[1, -1, +1, 007, 0, -0]", "[1,-1,1,7,0,-0]"},
        {"[0x1F, 0o17, 0xffffffffffffffff]", "[31,15,18446744073709551615]"},
        {"[1.50, .5, 5., -.5e3, +1E+2, 1e3]", "[1.50,0.5,5.0,-0.5e3,1e+2,1e3]"},
        {"[123456789012345678901234567890]", "[123456789012345678901234567890]"},
        {"[true, True, FALSE, null, ~, Null]", "[true,true,false,null,null,null]"},
        {"[yes, no, on, off, 0b1, 1_000, 12:30, 0x, 1e, e1, ., +, -x]",
         "[\"yes\",\"no\",\"on\",\"off\",\"0b1\",\"1_000\",\"12:30\",\"0x\",\"1e\",\"e1\",\".\","
         "\"+\",\"-x\"]"},
        {"['1', \"true\", !!str 5, ! 6]", "[\"1\",\"true\",\"5\",\"6\"]"},
        {"[!!int \"7\", !!float 1, !!null '', !!bool True]", "[7,1,null,true]"},
        {"{a: , 1: x, true: y}", "{\"a\":null,\"1\":\"x\",\"true\":\"y\"}"},
        {"\"tab\\t quote\\\" \\u263a \\x07\"", "\"tab\\t quote\\\" ☺ \\u0007\""},
        {"|\n  two\n  lines", "\"two\\nlines\\n\""},
        {">-\n  folded\n  lines", "\"folded lines\""},
        {"[&a {x: 1}, *a]", "[{\"x\":1},{\"x\":1}]"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        CHECK_TEXT(output_of(cases[k].yaml), cases[k].json);
}

TEST(json_texts_are_decoded)
{
    struct template *t = parse("{\"name\": \"a\", \"stages\": [{\"name\": \"s\"}], \"output\": "
                               "[\"\\u00e9\\ud83d\\ude00\\n\\/\\b\\f\\r\\t\", 1.50, -0, 1e3]}");
    CHECK(t != NULL);
    if (t != NULL)
        CHECK_TEXT(expr_source(t->output), "[\"é😀\\n/\\b\\f\\r\\t\",1.50,-0,1e3]");
}

static bool is_queue_taken(const char *queue)
{
    char source[512];
    (void)snprintf(source, sizeof source,
                   "name: a\nstages: [{name: s, tasks: [{name: t, queue: \"%s\"}]}]\n", queue);
    return parse(source) != NULL;
}

TEST(a_queue_may_be_named_by_its_arn_or_its_url)
{
    static const char *const good[] = {
        "arn:aws:sqs:eu-west-1:123456789012:orders", "arn:aws-cn:sqs:cn-north-1:1:o.fifo",
        "https://sqs.eu-west-1.amazonaws.com/123456789012/orders", "http://127.0.0.1:9324/0/a-b"};
    static const char *const bad[] = {"arn:aws:sns:eu-west-1:123456789012:orders",
                                      "arn:aws:sqs:eu-west-1:account:orders",
                                      "arn:aws:sqs:eu-west-1:1:orders:more",
                                      "https:///1/orders",
                                      "https://host/orders",
                                      "https://user@host/1/orders",
                                      "ftp://host/1/orders",
                                      "https://host/1/orders?x=1"};
    for (size_t k = 0; k < sizeof good / sizeof *good; k++)
        CHECK(is_queue_taken(good[k]));
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        CHECK(!is_queue_taken(bad[k]));
    CHECK_TEXT(template_queue_name(slice_of(good[0])), "orders");
    CHECK_TEXT(template_queue_name(slice_of(good[3])), "a-b");
    CHECK_TEXT(template_queue_name(SLICE("plain")), "plain");
}
