/* Numbers as JSON writes them, told apart and compared without changing them. */
#ifndef SWM_CORE_NUMBER_H
#define SWM_CORE_NUMBER_H

#include "base/slice.h"

/* The nearest double; what is beyond a double's reach becomes the largest one. */
double number_double(struct arena *a, struct slice number);
/* <0, 0, >0; exact for whole numbers of any length. */
int number_compare(struct arena *a, struct slice x, struct slice y);
/* Whole in value: 2, 2.0 and 2e3 are. */
bool number_is_whole(struct arena *a, struct slice number);
/* The shortest text that reads back as the same double: 2, 0.1, 1e+30. */
struct slice number_text(struct arena *a, double number);

#endif
