/* Checks that show what was there when they fail; `CHECK(condition)` and TEST are unit.h's. */
#ifndef SWM_TEST_HARNESS_H
#define SWM_TEST_HARNESS_H

#include "unit.h"

#include "base/slice.h"

struct harness_place {
    const char *what, *file;
    int line;
};

void harness_check_int(struct harness_place place, int64_t is, int64_t should);
void harness_check_text(struct harness_place place, struct slice is, struct slice should);

#define HARNESS_PLACE(what) ((struct harness_place){what, __FILE__, __LINE__})
/* Two whole numbers are equal. */
#define CHECK_INT(is, should)                                                                      \
    harness_check_int(HARNESS_PLACE(#is " == " #should), (int64_t)(is), (int64_t)(should))
/* A slice holds the bytes of a C string, and is there at all. */
#define CHECK_TEXT(is, should)                                                                     \
    harness_check_text(HARNESS_PLACE(#is " is " #should), (is), slice_of(should))

#endif
