/* Intrusive lists: a ring through the list's own head. */
#include "base/list.h"

void list_init(struct list *l)
{
    l->head.next = l->head.prev = &l->head;
    l->count = 0;
}

static void put_between(struct list *l, struct link *k, struct link *prev, struct link *next)
{
    k->prev = prev;
    k->next = next;
    prev->next = k;
    next->prev = k;
    l->count++;
}

void list_append(struct list *l, struct link *k)
{
    put_between(l, k, l->head.prev, &l->head);
}

void list_prepend(struct list *l, struct link *k)
{
    put_between(l, k, &l->head, l->head.next);
}

void list_remove(struct list *l, struct link *k)
{
    if (k->next == NULL)
        return;
    k->prev->next = k->next;
    k->next->prev = k->prev;
    k->next = k->prev = NULL;
    l->count--;
}

struct link *list_first(const struct list *l)
{
    return l->count == 0 ? NULL : l->head.next;
}

struct link *list_after(const struct list *l, const struct link *k)
{
    return k->next == &l->head ? NULL : k->next;
}

struct link *list_take(struct list *l)
{
    struct link *first = list_first(l);
    if (first != NULL)
        list_remove(l, first);
    return first;
}

bool link_is_in(const struct link *k)
{
    return k->next != NULL;
}
