/* Templates made by hand for the tests of layouts, and what must hold of every layout. */
#ifndef SWM_UNIT_LAYOUT_RIG_H
#define SWM_UNIT_LAYOUT_RIG_H

#include "base/arena.h"
#include "core/layout.h"
#include "unit.h"

enum { NEEDS_HERE = 8, TASKS_HERE = 5000 };

struct builder {
    struct arena arena;
    struct template t;
    uint32_t (*needs)[NEEDS_HERE];
};

void layout_rig_begin(struct builder *b);
void layout_rig_stage(struct builder *b, const char *name);
uint32_t layout_rig_task(struct builder *b, const char *name);
void layout_rig_need(struct builder *b, uint32_t task, uint32_t need);
/* order: confirm; prepare: make, assign, both needed by send; deliver: bring, by a human. */
void layout_rig_pizza(struct builder *b);
/* A stage of `tasks` with two earlier ones needed by each but the first few. */
void layout_rig_tangle(struct builder *b, uint32_t tasks);
bool layout_rig_has(struct slice text, const char *part);
bool layout_rig_overlap(const struct layout_box *a, const struct layout_box *b);
void layout_rig_check_boxes(const struct builder *b, const struct layout *l);
void layout_rig_check_arrows(const struct layout *l);

#endif
