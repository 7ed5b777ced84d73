/* A list that the server gives in pages: for programs all of it, a line each; for people so many
 * rows of a table, unless they ask for more. */
#ifndef SWM_APP_PAGES_H
#define SWM_APP_PAGES_H

#include "app/cli.h"

struct pages {
    const char *member;  /* of an answer: the array of what is listed */
    const char *nothing; /* what people are told where there is none */
    const struct table_column *columns;
    size_t column_count;
    int64_t page_limit, people_limit;
    void (*put_row)(struct cli *c, struct table *table, yyjson_val *row, int64_t now_ms);
};

/* `path`: the address with its filters, to which `limit` and `after` are added. Returns an exit
 * code; what is wrong has been said. Takes the options --json and --limit. */
int pages_print(struct cli *c, const struct pages *p, const char *path);

#endif
