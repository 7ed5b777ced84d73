/* One text case while it runs; see table.c. */
#ifndef SWM_TEST_TABLE_H
#define SWM_TEST_TABLE_H

#include "base/arena.h"
#include "core/step.h"

#define TABLE_EPOCH_MS 1000000000000 /* "at 0" */

struct table_case;
struct cluster;

/* What a case is run against. */
struct table_way {
    const char *name;
    /* c->template, c->live and c->folded are set. */
    void (*begin)(struct table_case *c, struct slice source);
    /* The event happens; then c->before, c->after and c->out say what it did. */
    void (*take)(struct table_case *c, struct event *e, int64_t at_ms);
    void (*end)(struct table_case *c);
};

struct table_case {
    const struct table_way *way;
    struct arena *arena;
    const char *file;
    unsigned line;
    struct slice name, key;
    bool is_failed;
    const struct template *template;
    struct instance *live;   /* what step made */
    struct instance *folded; /* what folding its records gives */
    const struct instance *before, *after;
    struct outcome out;
    struct cluster *cluster; /* cluster.c's own */
};

extern const struct table_way table_cluster; /* three engines over one store: cluster.c */

void table_fail(struct table_case *c, const char *what, struct slice detail);
/* Cuts the next word off *rest: up to a blank, or a JSON value with its brackets and quotes. */
struct slice table_word(struct slice *rest);
/* The event that the words left of the arrow name. False: a failure was reported. */
bool table_event(struct table_case *c, struct slice words, struct event *e);
/* Compares what happened with the words right of the arrow. */
void table_expect(struct table_case *c, struct slice words);

#endif
