/* Queues themselves: found, made, changed, dropped, shown. Before it stand the doors and the
 * engine; after it the store, which keeps a row of each queue that a client made or sent to. A
 * queue that only templates name needs no row: it comes back with them. */
#include "queue/queue_local_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- the table of queues --- */

bool queue_is_events(struct slice name)
{
    return slice_eq_text(name, QUEUE_EVENTS);
}

struct work_queue *queue_find(const struct queue_local *q, struct slice name)
{
    return map_find(&q->queues, name);
}

struct work_queue *queue_find_open(const struct queue_local *q, struct slice name)
{
    struct work_queue *w = queue_find(q, name);
    return w == NULL || w->is_dropping || (w->is_creating && !w->is_declared) ? NULL : w;
}

/* The place of the first name that is not before `name`. */
static size_t find_place(const struct queue_local *q, struct slice name)
{
    size_t low = 0, high = q->name_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (slice_compare(q->names[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool grow_names(struct queue_local *q)
{
    if (q->name_count < q->name_capacity)
        return true;
    size_t capacity = q->name_capacity == 0 ? 64 : q->name_capacity * 2;
    struct work_queue **grown = realloc(q->names, capacity * sizeof(struct work_queue *));
    if (grown == NULL)
        return false;
    q->names = grown;
    q->name_capacity = capacity;
    return true;
}

static void init(struct queue_local *q, struct work_queue *w, struct slice name)
{
    if (name.len > 0)
        memcpy(w->bytes, name.at, name.len);
    w->name = (struct slice){w->bytes, name.len};
    w->timer.kind = TIMER_QUEUE;
    w->local = q;
    w->serial = ++q->serials;
    w->settings = w->wanted = settings_default;
    w->created_at_ms = w->modified_at_ms = q->now_ms;
    w->is_spilled = true; /* what the store holds of it is not known yet */
    list_init(&w->visible);
    list_init(&w->polls);
    list_init(&w->ages);
    list_init(&w->ghosts);
    map_init(&w->foreign, q->nonce);
}

struct work_queue *queue_obtain(struct queue_local *q, struct slice name)
{
    struct work_queue *w = queue_find(q, name);
    if (w != NULL)
        return w;
    if (!grow_names(q) || (w = calloc(1, sizeof *w + name.len)) == NULL)
        return NULL;
    init(q, w, name);
    if (heap_put(&q->times, &w->timer.entry, TIME_NEVER, w->serial) != ERR_NONE ||
        map_put(&q->queues, w->name, w) != ERR_NONE) {
        heap_remove(&q->times, &w->timer.entry);
        free(w);
        return NULL;
    }
    size_t place = find_place(q, name);
    memmove(&q->names[place + 1], &q->names[place],
            (q->name_count - place) * sizeof(struct work_queue *));
    q->names[place] = w;
    q->name_count++;
    mark_busy(q, w);
    return w;
}

/* Removing shifts others back in the map: the same place is looked at again. */
void queue_free_messages(struct queue_local *q, struct map *messages)
{
    while (messages->count > 0) {
        struct message *m;
        for (size_t cursor = 0; (m = map_next(messages, &cursor)) != NULL; cursor--)
            message_free(q, m);
    }
}

void queue_free(struct queue_local *q, struct work_queue *w)
{
    queue_free_messages(q, &w->foreign); /* of tasks it has none, or all are freed before */
    heap_remove(&q->times, &w->timer.entry);
    list_remove(&q->busy, &w->busy);
    map_remove(&q->queues, w->name);
    map_drop(&w->foreign);
    free(w->cursor);
    size_t place = find_place(q, w->name);
    assert(place < q->name_count && q->names[place] == w);
    q->name_count--;
    memmove(&q->names[place], &q->names[place + 1],
            (q->name_count - place) * sizeof(struct work_queue *));
    free(w);
}

/* --- rows --- */

static void take_row(struct queue_local *q, struct request *r, const struct store_queue *row)
{
    struct slice why;
    struct work_queue *w = queue_obtain(q, row->name);
    if (w == NULL) {
        q->start_error = ERR_MEMORY;
        return;
    }
    /* What a newer version may have added is not ours to judge. */
    enum err e = settings_read(&r->arena, row->attributes, &w->settings, &why);
    (void)e;
    w->wanted = w->settings;
    w->created_at_ms = row->created_at_ms;
    w->modified_at_ms = row->modified_at_ms;
    w->is_stored = true;
    w->is_unread = true;
    mark_busy(q, w);
}

void queue_take_rows(struct queue_local *q, struct request *r)
{
    jmp_buf edge;
    q->start_error = r->store.err;
    if (q->start_error != ERR_NONE)
        return;
    r->arena.edge = &edge;
    if (setjmp(edge) != 0) {
        q->start_error = ERR_MEMORY;
        return;
    }
    for (uint32_t i = 0; i < r->store.queue_count && q->start_error == ERR_NONE; i++)
        take_row(q, r, &r->store.queues[i]);
    q->is_ready = q->start_error == ERR_NONE;
}

struct row_from {
    const struct queue_local *q;
    const struct work_queue *w;
};

static void fill_row(struct request *r, const void *from)
{
    const struct row_from *f = from;
    char text[SETTINGS_TEXT_BYTES];
    struct store_queue *row = arena_alloc(&r->arena, sizeof *row);
    row->name = r->queue;
    row->attributes = slice_copy(&r->arena, settings_write(&f->w->wanted, text));
    row->created_at_ms = f->w->created_at_ms;
    row->modified_at_ms = f->q->now_ms;
    r->store.queues = row;
    r->store.queue_count = 1;
    r->settings = f->w->wanted;
}

/* A queue that could not be made never was, unless a template has come to name it. */
static void take_back(struct queue_local *q, struct work_queue *w)
{
    w->wanted = w->settings;
    if (w->is_creating && w->puts == 0 && !w->is_declared)
        queue_free(q, w);
}

static void finish_put(struct queue_local *q, struct request *r)
{
    struct work_queue *w = request_queue(q, r);
    enum err err = w == NULL ? ERR_UNKNOWN_QUEUE : r->store.err;
    if (w != NULL)
        w->puts--;
    if (err == ERR_NONE) {
        w->settings = r->settings;
        w->modified_at_ms = r->store.queues[0].modified_at_ms;
        w->is_stored = true;
        w->is_creating = false;
        mark_busy(q, w);
    } else if (w != NULL) {
        take_back(q, w);
    }
    if (r->done != NULL)
        r->done(r->context, err, slice_of(err_text(err)));
}

static bool put_row(struct queue_local *q, struct work_queue *w, queue_front_done *done,
                    void *context)
{
    struct row_from from = {q, w};
    struct request *r = request_make(q, STORE_QUEUE_PUT, w->name, fill_row, &from);
    if (r == NULL)
        return false;
    r->finish = finish_put;
    r->done = done;
    r->context = context;
    w->puts++;
    request_submit(q, r, w);
    return true;
}

bool queue_keep(struct queue_local *q, struct work_queue *w)
{
    return w->is_stored || w->puts > 0 || put_row(q, w, NULL, NULL);
}

/* --- what clients do --- */

static bool is_name(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool is_good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_';
        if (!is_good)
            return false;
    }
    return s.len > 0 && s.len <= QUEUE_NAME_BYTES_MAX;
}

struct change { /* what scratch_run carries */
    struct queue_local *q;
    struct slice attributes;
    struct queue_settings settings;
    enum err err;
    struct slice why;
};

static void read_change(void *context)
{
    struct change *c = context;
    c->err = settings_read(&c->q->scratch, c->attributes, &c->settings, &c->why);
}

static struct change change_from(struct queue_local *q, struct slice attributes,
                                 struct queue_settings base)
{
    struct change c = {.q = q,
                       .attributes = attributes.at == NULL ? SLICE("{}") : attributes,
                       .settings = base,
                       .err = ERR_MEMORY,
                       .why = slice_of(err_text(ERR_MEMORY))};
    if (!scratch_run(q, read_change, &c))
        c.err = ERR_MEMORY;
    return c;
}

static void tell(queue_front_done *done, void *context, enum err err, const char *why)
{
    done(context, err, slice_of(why));
}

/* Asked for again, a queue must be what is asked for. One that only templates name takes what its
 * first client states. */
static void create_again(struct queue_local *q, struct work_queue *w, struct slice attributes,
                         queue_front_done *done, void *context)
{
    struct change c = change_from(q, attributes, w->wanted);
    const char *differs = settings_differ(&c.settings, &w->wanted);
    bool is_first = !w->is_stored && w->puts == 0 && !queue_is_events(w->name);
    if (c.err != ERR_NONE)
        done(context, c.err, c.why);
    else if (w->is_dropping)
        tell(done, context, ERR_OVERLOAD, "the queue is being deleted; try again shortly");
    else if (differs != NULL && !is_first)
        tell(done, context, ERR_EXISTS, differs);
    else if (!is_first && !w->is_creating)
        tell(done, context, ERR_NONE, NULL);
    else {
        w->wanted = c.settings;
        if (!put_row(q, w, done, context))
            tell(done, context, ERR_MEMORY, err_text(ERR_MEMORY));
    }
}

static enum err make_queue(struct queue_local *q, struct slice name, const struct change *c,
                           queue_front_done *done, void *context)
{
    struct work_queue *w = queue_obtain(q, name);
    if (w == NULL)
        return ERR_MEMORY;
    w->wanted = c->settings;
    w->is_creating = true;
    if (put_row(q, w, done, context))
        return ERR_NONE;
    queue_free(q, w);
    return ERR_MEMORY;
}

void queue_create(struct queue_front *f, struct slice name, struct slice attributes,
                  queue_front_done *done, void *context)
{
    struct queue_local *q = local_of_front(f);
    struct work_queue *w = queue_find(q, name);
    if (!q->is_ready) {
        tell(done, context, ERR_OVERLOAD, "the server is starting");
        return;
    }
    if (w != NULL) {
        create_again(q, w, attributes, done, context);
        return;
    }
    struct change c = change_from(q, attributes, settings_default);
    if (!is_name(name)) {
        tell(
            done, context, ERR_INVALID,
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length");
    } else if (c.err != ERR_NONE) {
        done(context, c.err, c.why);
    } else if (q->name_count >= QUEUES_MAX) {
        tell(done, context, ERR_OVERLOAD, "there are too many queues");
    } else {
        enum err err = make_queue(q, name, &c, done, context);
        if (err != ERR_NONE)
            tell(done, context, err, err_text(err));
    }
}

void queue_set(struct queue_front *f, struct slice name, struct slice attributes,
               queue_front_done *done, void *context)
{
    struct queue_local *q = local_of_front(f);
    struct work_queue *w = queue_find_open(q, name);
    if (w == NULL) {
        tell(done, context, ERR_UNKNOWN_QUEUE, err_text(ERR_UNKNOWN_QUEUE));
        return;
    }
    if (!q->is_ready || queue_is_events(name)) {
        enum err err = q->is_ready ? ERR_REFUSED : ERR_OVERLOAD;
        tell(done, context, err, "swm-events has no attributes that can be changed");
        return;
    }
    struct change c = change_from(q, attributes, w->wanted);
    if (c.err != ERR_NONE) {
        done(context, c.err, c.why);
        return;
    }
    w->wanted = c.settings;
    if (!put_row(q, w, done, context))
        tell(done, context, ERR_MEMORY, err_text(ERR_MEMORY));
}

static void finish_drop(struct queue_local *q, struct request *r)
{
    struct work_queue *w = request_queue(q, r);
    if (w != NULL && r->store.err == ERR_NONE && w->is_declared) {
        w->is_dropping = w->is_stored = false; /* a template has come to name it meanwhile */
        foreign_forget_all(q, w, UINT64_MAX);
    } else if (w != NULL && r->store.err == ERR_NONE) {
        poll_end_all(q, w, ERR_UNKNOWN_QUEUE);
        queue_free(q, w);
    } else if (w != NULL) {
        w->is_dropping = false;
    }
    r->done(r->context, r->store.err, slice_of(err_text(r->store.err)));
}

void queue_drop(struct queue_front *f, struct slice name, queue_front_done *done, void *context)
{
    struct queue_local *q = local_of_front(f);
    struct work_queue *w = queue_find_open(q, name);
    if (w == NULL) {
        tell(done, context, ERR_UNKNOWN_QUEUE, err_text(ERR_UNKNOWN_QUEUE));
        return;
    }
    if (!q->is_ready || w->is_declared) {
        enum err err = q->is_ready ? ERR_REFUSED : ERR_OVERLOAD;
        tell(done, context, err, "templates send their tasks to this queue: it can't be deleted");
        return;
    }
    struct request *r = request_make(q, STORE_QUEUE_DELETE, name, NULL, NULL);
    if (r == NULL) {
        tell(done, context, ERR_MEMORY, err_text(ERR_MEMORY));
        return;
    }
    w->is_dropping = true;
    r->finish = finish_drop;
    r->done = done;
    r->context = context;
    request_submit(q, r, w);
}

/* --- showing --- */

static void show(struct queue_local *q, const struct work_queue *w, struct queue_info *out)
{
    const struct link *first = list_first(&w->visible);
    *out = (struct queue_info){.name = w->name,
                               .attributes = settings_write(&w->settings, q->settings_text),
                               .visible = (int64_t)w->visible.count + w->foreign_beyond,
                               .in_flight = w->in_flight,
                               .delayed = w->delayed,
                               .created_at_ms = w->created_at_ms,
                               .modified_at_ms = w->modified_at_ms,
                               .waiting_receives = (int64_t)w->polls.count,
                               .has_more = w->is_spilled};
    if (first != NULL)
        out->oldest_at_ms = LINK_OWNER(first, const struct message, place)->sent_at_ms;
}

enum err queue_info(struct queue_front *f, struct slice name, struct queue_info *out)
{
    struct queue_local *q = local_of_front(f);
    const struct work_queue *w = queue_find_open(q, name);
    if (w == NULL)
        return ERR_NOT_FOUND;
    show(q, w, out);
    return ERR_NONE;
}

/* Names with the prefix stand together from the prefix on. */
bool queue_next(struct queue_front *f, struct slice after, struct slice prefix,
                struct queue_info *out)
{
    struct queue_local *q = local_of_front(f);
    size_t place = find_place(q, slice_compare(after, prefix) > 0 ? after : prefix);
    for (; place < q->name_count; place++) {
        const struct work_queue *w = q->names[place];
        if (!slice_has_prefix(w->name, prefix))
            return false;
        if (slice_compare(w->name, after) <= 0 && after.len > 0)
            continue;
        if (queue_find_open(q, w->name) == NULL)
            continue;
        show(q, w, out);
        return true;
    }
    return false;
}
