/* Intrusive doubly linked list. A link is part of the thing it links; a thing is in at most one
 * list per link. */
#ifndef SWM_BASE_LIST_H
#define SWM_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct link {
    struct link *next, *prev; /* both NULL: in no list */
};

struct list {
    struct link head;
    size_t count;
};

/* The struct of type `type` whose member `member` is `link`. */
#define LINK_OWNER(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

void list_init(struct list *l);
void list_append(struct list *l, struct link *k);
void list_prepend(struct list *l, struct link *k);
void list_remove(struct list *l, struct link *k); /* nothing when it is in no list */
struct link *list_first(const struct list *l);    /* NULL: empty */
struct link *list_after(const struct list *l, const struct link *k);
struct link *list_take(struct list *l); /* removes and returns the first, or NULL */
bool link_is_in(const struct link *k);

#endif
