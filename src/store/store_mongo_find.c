/* One search: a cursor walked to its end, or to where whoever takes the documents has enough. All
 * files of the driver that read come here; nothing here knows what is searched for. */
#include "store/store_mongo_int.h"

#include "base/log.h"

enum err mongo_err(const bson_error_t *error)
{
    log_line(LOG_WARN, "mongo", "%s", error->message);
    return ERR_STORE;
}

static enum err walk(mongoc_cursor_t *cursor, const struct find *f)
{
    bson_error_t error;
    const bson_t *b;
    bool goes_on = true;
    while (goes_on && mongoc_cursor_next(cursor, &b))
        goes_on = f->take(f->context, b);
    return goes_on && mongoc_cursor_error(cursor, &error) ? mongo_err(&error) : ERR_NONE;
}

/* What takes the documents may run short of memory: the cursor is given back, and whoever asked has
 * queries of its own to give back. */
enum err mongo_walk(struct lane *l, mongoc_cursor_t *cursor, const struct find *f)
{
    jmp_buf edge;
    jmp_buf *const outer = l->arena == NULL ? NULL : l->arena->edge;
    if (l->arena != NULL)
        l->arena->edge = &edge;
    enum err err = setjmp(edge) == 0 ? walk(cursor, f) : ERR_MEMORY;
    if (l->arena != NULL)
        l->arena->edge = outer;
    mongoc_cursor_destroy(cursor);
    return err;
}

enum err mongo_find(struct lane *l, const struct find *f)
{
    return mongo_walk(
        l, mongoc_collection_find_with_opts(l->collections[f->in], f->filter, f->opts, NULL), f);
}
