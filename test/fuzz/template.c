/* Any bytes are a template or a report with at least one error; a template has a content that is
 * stable, and its diff with itself is empty. */
#include "core/template.h"

#include "base/arena.h"
#include "base/text.h"
#include "core/limits.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void use(struct arena *a, const struct template *t)
{
    struct template_report report;
    struct template *again;
    struct slice content = template_canonical(a, t);
    assert(slice_eq(template_diff(a, t, t), SLICE("[]")));
    for (uint32_t k = 0; k < t->task_count; k++)
        assert(template_find_task(t, -1, t->tasks[k].id) == (int)k);
    /* The content is a template that means the same; earlier ones have no form of ours. */
    if (t->is_earlier || content.len > TEMPLATE_BYTES_MAX)
        return;
    if (template_parse(a, SLICE("content"), content, &report, &again) == ERR_NONE)
        assert(slice_eq(template_canonical(a, again), content));
    else
        assert(content.len > TEMPLATE_BYTES_MAX / 2 || report.error_count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena a;
    struct template_report report;
    struct template *t;
    jmp_buf edge;
    arena_init(&a, WORK_BYTES_MAX);
    a.edge = &edge;
    if (setjmp(edge) == 0) {
        struct slice source = {(const char *)bytes, len};
        if (template_parse(&a, SLICE("f"), source, &report, &t) == ERR_NONE)
            use(&a, t);
        else
            assert(report.error_count > 0 && report.shown_count > 0);
        for (uint32_t k = 0; k < report.shown_count; k++)
            assert(slice_is_utf8(template_error_text(&a, &report.errors[k])));
    }
    arena_drop(&a);
    return 0;
}
