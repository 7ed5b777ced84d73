/* Unit tests are functions that register themselves; unit.c runs them all and prints `ok NAME` or
 * `not ok NAME: why` for each. A name is its sentence, underscores and all. */
#ifndef SWM_TEST_UNIT_H
#define SWM_TEST_UNIT_H

#include <stdbool.h>

struct unit_case {
    const char *name;
    void (*run)(void);
    struct unit_case *next;
};

void unit_add(struct unit_case *c);
/* Notes the first failure of the running case; what follows in it still runs. */
void unit_check(bool is, const char *what, const char *file, int line);

#define CHECK(is) unit_check((is), #is, __FILE__, __LINE__)

#define TEST(name)                                                                                 \
    static void name(void);                                                                        \
    static struct unit_case case_##name = {#name, name, NULL};                                     \
    __attribute__((constructor)) static void add_##name(void)                                      \
    {                                                                                              \
        unit_add(&case_##name);                                                                    \
    }                                                                                              \
    static void name(void)

#endif
