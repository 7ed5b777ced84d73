/* What the files that turn a document into a template share: the template being built with the
 * document's places beside it, tables of keys, and readers of single values. Every reader reports
 * what is wrong and lets the reading go on, so that all errors are found at once. */
#ifndef SWM_CORE_TEMPLATE_INT_H
#define SWM_CORE_TEMPLATE_INT_H

#include "core/doc.h"
#include "core/limits.h"
#include "core/template.h"

struct task_source {
    struct place place;            /* of its name */
    const struct doc_value *needs; /* as written; NULL: none */
    const struct doc_value *input;
    bool has_queue, has_human, has_later_kind;
};

struct parser {
    struct arena *arena;
    struct report *report;
    struct template *t;
    struct task_source *sources; /* one for each task */
    struct place *stage_places;  /* of their names */
    uint32_t stage_capacity, task_capacity;
    const struct doc_value *key, *output; /* expressions of the template; NULL: none */
    const struct doc_value *stages, *defaults;
    struct retry retry;       /* what tasks start from */
    struct timeouts timeouts; /* queue tasks; human ones state their own */
    const uint32_t *by_name;  /* task indexes in order of name, then of index */
    uint64_t *rows;           /* of bits, one row a task; NULL: the needs make a circle */
    uint32_t row_words;
};

/* A key of a mapping. Those without `take` are words of a later version, told apart from typing
 * errors. */
typedef void take_key(struct parser *p, const struct doc_member *m, void *target);
struct key_rule {
    const char *name;
    take_key *take;
};

/* --- template_read.c: single values --- */

/* Whether v is of this type; reports under the name `what` when it isn't. */
bool read_type(struct parser *p, const struct doc_value *v, enum doc_type type, const char *what);
/* Each task of a stage's "tasks", which may be null. */
void read_tasks(struct parser *p, const struct doc_member *m,
                void (*parse)(struct parser *p, const struct doc_value *v));
/* Takes every member of a mapping by its rule (`rules` ends with a NULL name). */
void read_map(struct parser *p, const struct doc_value *v, const struct key_rule *rules,
              const char *what, void *target);
/* A text of 1 to bytes_max bytes without control characters but line breaks where allowed. */
bool read_text(struct parser *p, const struct doc_member *m, size_t bytes_max, struct slice *out);
bool read_name(struct parser *p, const struct doc_member *m, struct slice *out);
bool read_queue(struct parser *p, const struct doc_member *m, struct slice *out);
/* Longer than zero, or `none` where that is allowed, which is 0. */
void read_duration(struct parser *p, const struct doc_member *m, bool may_be_none, int64_t *out);
void read_int(struct parser *p, const struct doc_member *m, int64_t max, uint32_t *out);
/* The word's number in the table, or -1. */
int read_word(struct parser *p, const struct doc_member *m, enum vocab table);
const struct schema *read_schema(struct parser *p, const struct doc_member *m);
struct slice read_json(struct parser *p, const struct doc_value *v);
/* Expressions come in a later version here: a text that looks like one is refused. */
bool read_plain_text(struct parser *p, const struct doc_member *m, size_t bytes_max,
                     struct slice *out);

/* --- template_parse.c and template_earlier.c: the two forms --- */

void template_parse_form(struct parser *p, const struct doc_value *root);
bool template_is_earlier(const struct doc_value *root);
void template_parse_earlier(struct parser *p, const struct doc_value *root);
/* Room for the stages and tasks; false: too many, or stages is no list. */
bool template_make_room(struct parser *p);
/* The next stage, the next task in the last stage; NULL: there is no room, which only a key that is
 * there twice can bring about. */
struct stage *template_add_stage(struct parser *p, struct place at);
struct task *template_add_task(struct parser *p, struct place at);
struct task_source *template_source(struct parser *p, const struct task *task);

/* --- template_check.c, template_needs.c, template_expr.c: the whole --- */

/* Names are unique; ids and the two orders for finding are made. */
void template_check_names(struct parser *p);
/* A task by its name: in the earlier form in this stage, else in the template. -1: none. */
int template_find_named(const struct parser *p, struct slice name, uint32_t stage);
/* Fills in needs, and the rows that say which tasks of its stage a task comes after. */
void template_check_needs(struct parser *p);
bool template_is_after(const struct parser *p, uint32_t task, uint32_t earlier);
/* Compiles expressions, and checks that the tasks they name exist and come before. */
void template_check_expressions(struct parser *p);

/* --- template_content.c: the canonical form --- */

struct content_field {
    const char *name;
    struct slice json;
};
#define CONTENT_FIELDS_MAX 16
/* Fields with meaning, absent ones left out, always in the same order; how many there are. */
uint32_t content_of_template(struct arena *a, const struct template *t,
                             struct content_field fields[CONTENT_FIELDS_MAX]);
uint32_t content_of_stage(struct arena *a, const struct stage *s,
                          struct content_field fields[CONTENT_FIELDS_MAX]);
uint32_t content_of_task(struct arena *a, const struct template *t, const struct task *task,
                         struct content_field fields[CONTENT_FIELDS_MAX]);

#endif
