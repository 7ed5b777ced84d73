/* Maps, heaps and lists, each against a plain model of itself. */
#include "harness.h"

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"

#include <stdio.h>
#include <string.h>

#define KEYS 1000

struct thing {
    char name[16];
    int is_there;
};

static struct thing things[KEYS];

static struct slice name_of(size_t k)
{
    (void)snprintf(things[k].name, sizeof things[k].name, "key-%zu", k);
    return slice_of(things[k].name);
}

static void match(const struct map *m)
{
    size_t there = 0, met = 0, cursor = 0;
    for (size_t k = 0; k < KEYS; k++) {
        there += (size_t)things[k].is_there;
        CHECK(map_find(m, name_of(k)) == (things[k].is_there ? &things[k] : NULL));
    }
    for (struct thing *t; (t = map_next(m, &cursor)) != NULL; met++)
        CHECK(t->is_there);
    CHECK_INT(m->count, there);
    CHECK_INT(met, there);
}

static void put(struct map *m, size_t k)
{
    CHECK(map_put(m, name_of(k), &things[k]) == ERR_NONE);
    things[k].is_there = 1;
}

static void take(struct map *m, size_t k)
{
    CHECK(map_remove(m, name_of(k)) == (things[k].is_there ? &things[k] : NULL));
    things[k].is_there = 0;
}

TEST(map_finds_what_was_put_through_growth_and_removal)
{
    for (uint64_t seed = 0; seed < 3; seed++) {
        struct map m;
        memset(things, 0, sizeof things);
        map_init(&m, seed * 0x9e3779b97f4a7c15U);
        match(&m);
        for (size_t k = 0; k < KEYS; k++)
            put(&m, k);
        match(&m);
        for (size_t k = 0; k < KEYS; k += 3)
            take(&m, k);
        match(&m);
        for (size_t k = 0; k < 20 * KEYS; k++) {
            size_t which = k * 7919 % KEYS;
            if (things[which].is_there)
                take(&m, which);
            else
                put(&m, which);
        }
        match(&m);
        map_drop(&m);
        CHECK(map_find(&m, SLICE("key-1")) == NULL && m.count == 0);
    }
}

TEST(map_put_replaces_and_its_age_takes_no_room)
{
    struct map m;
    int one = 1, two = 2;
    map_init(&m, 5);
    for (int k = 0; k < 10000; k++) {
        CHECK(map_put(&m, SLICE("same"), &one) == ERR_NONE);
        CHECK(map_put(&m, SLICE("same"), &two) == ERR_NONE);
        CHECK_INT(m.count, 1);
        CHECK(map_remove(&m, SLICE("same")) == &two);
    }
    CHECK_INT(m.capacity, 16);
    map_drop(&m);
}

TEST(map_takes_the_empty_key_and_keys_that_differ_in_a_nul)
{
    struct map m;
    int a, b, c;
    map_init(&m, 1);
    CHECK(map_put(&m, SLICE_NONE, &a) == ERR_NONE);
    CHECK(map_put(&m, SLICE("x"), &b) == ERR_NONE);
    CHECK(map_put(&m, SLICE("x\0"), &c) == ERR_NONE);
    CHECK(map_find(&m, SLICE("")) == &a);
    CHECK(map_find(&m, SLICE("x")) == &b);
    CHECK(map_find(&m, SLICE("x\0")) == &c);
    CHECK(map_remove(&m, SLICE("y")) == NULL);
    map_drop(&m);
}

#define ENTRIES 300

static struct heap_entry entries[ENTRIES];

static struct heap_entry *least(void)
{
    struct heap_entry *found = NULL;
    for (size_t k = 0; k < ENTRIES; k++) {
        struct heap_entry *e = &entries[k];
        if (e->place != 0 && (found == NULL || e->at_ms < found->at_ms ||
                              (e->at_ms == found->at_ms && e->tie < found->tie)))
            found = e;
    }
    return found;
}

TEST(heap_first_is_the_least_through_puts_moves_and_removals)
{
    struct heap h;
    uint64_t chance = 12345;
    memset(entries, 0, sizeof entries);
    heap_init(&h);
    CHECK(heap_first(&h) == NULL);
    for (int k = 0; k < 5000; k++) {
        chance = chance * 6364136223846793005U + 1442695040888963407U;
        struct heap_entry *e = &entries[(chance >> 33) % ENTRIES];
        if ((chance >> 20) % 3 == 0)
            heap_remove(&h, e);
        else
            CHECK(heap_put(&h, e, (int64_t)(chance >> 50) % 50 - 25, (uint64_t)(e - entries)) ==
                  ERR_NONE);
        CHECK(heap_first(&h) == least());
    }
    int64_t last_ms = INT64_MIN;
    for (struct heap_entry *e; (e = heap_first(&h)) != NULL; heap_remove(&h, e)) {
        CHECK(e->at_ms >= last_ms && e == least());
        last_ms = e->at_ms;
    }
    CHECK(least() == NULL);
    heap_drop(&h);
}

TEST(heap_orders_equal_times_by_tie_and_lets_go_when_dropped)
{
    struct heap h;
    memset(entries, 0, sizeof entries);
    heap_init(&h);
    CHECK(heap_put(&h, &entries[0], INT64_MAX, 9) == ERR_NONE);
    CHECK(heap_put(&h, &entries[1], INT64_MAX, 2) == ERR_NONE);
    CHECK(heap_first(&h) == &entries[1]);
    CHECK(heap_put(&h, &entries[0], INT64_MIN, 9) == ERR_NONE);
    CHECK(heap_first(&h) == &entries[0]);
    CHECK_INT(h.count, 2);
    heap_remove(&h, &entries[2]);
    CHECK_INT(h.count, 2);
    heap_drop(&h);
    CHECK_INT(entries[0].place, 0);
    CHECK_INT(entries[1].place, 0);
}

struct item {
    int n;
    struct link link;
};

static int number_of(const struct link *k)
{
    return k == NULL ? 0 : LINK_OWNER(k, struct item, link)->n;
}

TEST(list_keeps_order_and_knows_what_is_in_it)
{
    struct list l;
    struct item one = {.n = 1}, two = {.n = 2}, three = {.n = 3};
    list_init(&l);
    CHECK(list_first(&l) == NULL && list_take(&l) == NULL);
    list_append(&l, &two.link);
    list_append(&l, &three.link);
    list_prepend(&l, &one.link);
    CHECK_INT(l.count, 3);
    CHECK_INT(number_of(list_first(&l)), 1);
    CHECK_INT(number_of(list_after(&l, &one.link)), 2);
    CHECK(list_after(&l, &three.link) == NULL);
    list_remove(&l, &two.link);
    list_remove(&l, &two.link);
    CHECK_INT(l.count, 2);
    CHECK(!link_is_in(&two.link) && link_is_in(&one.link));
    CHECK_INT(number_of(list_take(&l)), 1);
    CHECK_INT(number_of(list_take(&l)), 3);
    CHECK(list_take(&l) == NULL && !link_is_in(&three.link));
    list_append(&l, &two.link);
    CHECK_INT(number_of(list_first(&l)), 2);
}
