/* Prints a list page by page. Before it stands a command, which knows address and columns; after it
 * the server. */
#include "app/pages.h"

#include <inttypes.h>
#include <stdio.h>

static const char *page_path(struct cli *c, const struct pages *p, const char *path, int64_t left)
{
    char limit[24];
    (void)snprintf(limit, sizeof limit, "%" PRId64, left < p->page_limit ? left : p->page_limit);
    return cli_query(c, path, "limit", limit);
}

/* One page: its rows, and where the next begins (NULL: there is none). */
static int64_t put_page(struct cli *c, const struct pages *p, struct table *table, yyjson_val *page,
                        const char **after)
{
    int64_t count = 0;
    yyjson_arr_iter it = yyjson_arr_iter_with(json_get(page, p->member));
    for (yyjson_val *row; (row = yyjson_arr_iter_next(&it)) != NULL; count++) {
        if (c->args.json)
            cli_print_line(c, json_write(&c->arena, row));
        else
            p->put_row(c, table, row, cli_now_ms());
    }
    struct slice next = json_get_text(page, "next");
    *after = next.len > 0 ? slice_text(&c->arena, next) : NULL;
    return count;
}

static void end_table(struct cli *c, const struct pages *p, struct table *table, bool has_more)
{
    if (table->count == 0)
        term_put_c(&c->out, TINT_DIM, p->nothing);
    else
        table_draw(table);
    if (has_more)
        term_put_c(&c->out, TINT_DIM, "… and more: --limit N shows them");
    if (table->count == 0 || has_more)
        term_end_line(&c->out);
}

int pages_print(struct cli *c, const struct pages *p, const char *path)
{
    int64_t left = c->args.json ? INT64_MAX : p->people_limit;
    const char *after = NULL;
    struct table table = table_new(&c->out, p->columns, p->column_count);
    int exit = cli_take_count(c, "limit", c->args.limit, &left);
    bool is_first = true;
    while (exit == EXIT_OK && left > 0 && (is_first || after != NULL)) {
        yyjson_val *page;
        exit = cli_get(c, cli_query(c, page_path(c, p, path, left), "after", after), &page);
        if (exit == EXIT_OK)
            left -= put_page(c, p, &table, page, &after);
        is_first = false;
    }
    if (exit == EXIT_OK && !c->args.json)
        end_table(c, p, &table, after != NULL);
    return exit;
}
