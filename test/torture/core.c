/* Memory that runs out at every place where it can: for each n, the n-th request for memory fails
 * while a template is parsed and an instance lives a whole life. Each failure must come back to the
 * edge and leave nothing behind; a sanitizer sees what is left. */
#include "base/arena.h"
#include "core/check.h"
#include "core/message.h"
#include "core/record.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>

#define NOW_MS 1700000000000
#define TRIES_MAX 100000

static const char source[] =
    "name: torture\n"
    "key: ${ .input.id }\n"
    "input: {type: object, required: [id], properties: {id: {type: string}}}\n"
    "stages:\n"
    "  - name: one\n"
    "    tasks:\n"
    "      - {name: a, queue: qa, input: {text: \"for ${ .input.id }\"}}\n"
    "      - {name: b, queue: qb, needs: [a], input: \"${ .tasks.a.output }\"}\n"
    "  - name: two\n"
    "    tasks:\n"
    "      - {name: c, human: {assignee: ann, form: {type: object}}}\n"
    "output: {all: \"${ .tasks.b.output }\"}\n";

static void take(struct arena *a, struct instance *i, struct instance *folded, const char *json)
{
    yyjson_val *root;
    struct event e;
    struct slice why;
    struct outcome out;
    struct record r;
    struct payload_list payloads = {0};
    enum err err = json_read(a, slice_of(json), EVENT_BYTES_MAX, JSON_DEPTH_MAX, NULL, &root);
    assert(err == ERR_NONE);
    err = event_decode(a, root, &e, &why);
    assert(err == ERR_NONE);
    step(a, i, &e, (struct step_time){NOW_MS, 0}, &out);
    assert(out.verdict == VERDICT_APPLIED && check_instance(i) == NULL);
    struct slice bytes = record_encode(a, i, &e, &out, &payloads);
    err = record_decode(a, bytes, &r);
    assert(err == ERR_NONE);
    err = record_fold(a, folded, &r, &payloads);
    assert(err == ERR_NONE);
}

static void live(struct arena *a)
{
    struct template_report report;
    struct template *t;
    enum err err = template_parse(a, SLICE("t"), slice_of(source), &report, &t);
    assert(err == ERR_NONE);
    t->version = 1;
    struct instance *i = instance_new(a, SLICE("0123456789abcdefghjk"), t);
    struct instance *folded = instance_new(a, i->id, t);
    take(a, i, folded,
         "{\"event\":\"StartWorkflow\",\"template\":\"torture\",\"input\":{\"id\":\"A\"}}");
    (void)message_write(a, i, 0, NULL);
    take(a, i, folded,
         "{\"event\":\"TaskCompleted\",\"instance\":\"I\",\"task\":\"a\",\"output\":[1]}");
    take(a, i, folded,
         "{\"event\":\"TaskCompleted\",\"instance\":\"I\",\"task\":\"b\",\"output\":{}}");
    take(a, i, folded,
         "{\"event\":\"TaskCompleted\",\"instance\":\"I\",\"task\":\"c\",\"output\":{}}");
    assert(i->status == INSTANCE_COMPLETED);
    take(a, i, folded, "{\"event\":\"ReplayTask\",\"instance\":\"I\",\"task\":\"a\"}");
    struct payload_list none = {0};
    (void)state_encode(a, i, &none);
}

/* True: the life ended well; false: memory was short and the edge was reached. */
static bool try_life(unsigned long n)
{
    static struct arena a;
    jmp_buf edge;
    arena_init(&a, 64u << 20);
    a.edge = &edge;
    bool is_well = setjmp(edge) == 0;
    if (is_well) {
        arena_fail_after(n);
        live(&a);
    }
    arena_fail_after(0);
    arena_drop(&a);
    return is_well;
}

int main(void)
{
    unsigned long n = 1;
    while (n < TRIES_MAX && !try_life(n))
        n++;
    if (n == TRIES_MAX || n < 2) {
        printf("not ok torture core: gave up after %lu\n", n);
        return 1;
    }
    printf("ok torture core: memory failed at each of %lu places and came back to the edge\n",
           n - 1);
    return 0;
}
