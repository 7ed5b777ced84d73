/* Runs every unit test, or those whose name holds the argument. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

static struct unit_case *cases;
static const char *failed_what, *failed_file;
static int failed_line;

void unit_add(struct unit_case *c)
{
    c->next = cases;
    cases = c;
}

void unit_check(bool is, const char *what, const char *file, int line)
{
    if (is || failed_what != NULL)
        return;
    failed_what = what;
    failed_file = file;
    failed_line = line;
}

int main(int argc, char **argv)
{
    int failures = 0;
    for (struct unit_case *c = cases; c != NULL; c = c->next) {
        if (argc > 1 && strstr(c->name, argv[1]) == NULL)
            continue;
        failed_what = NULL;
        c->run();
        failures += failed_what != NULL;
        if (failed_what != NULL)
            printf("not ok %s: %s:%d: %s\n", c->name, failed_file, failed_line, failed_what);
        else
            printf("ok %s\n", c->name);
        (void)fflush(stdout);
    }
    return failures > 0;
}
