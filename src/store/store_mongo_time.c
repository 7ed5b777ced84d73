/* The database's time, by an offset that is measured now and then, and positions, which are made of
 * it. A lane takes positions just before it sends, anew for each try, so that no record comes to be
 * long after its position; what is on its way holds back how far the node says that it is settled.
 * The lanes come here; nothing here waits but for the answer that tells the time. */
#include "store/store_mongo_int.h"

#include <time.h>

#define OFFSET_TRIES 5
#define TIME_SLACK_MS 200 /* what is thought to be the database's time may be off by so much */

static int64_t read_ms(clockid_t id)
{
    struct timespec t = {0};
    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t mongo_steady_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

int64_t mongo_now_ms(const struct store_mongo *s)
{
    return read_ms(CLOCK_BOOTTIME) + atomic_load(&s->offset_ms);
}

/* A position is the database's time in milliseconds, a number within it, and eight bits of the
 * node's name, so that two nodes hardly ever give the same one. */
static uint64_t take(struct store_mongo *s, uint32_t count)
{
    uint64_t unit = (uint64_t)mongo_now_ms(s) << 12;
    if (unit <= s->last_unit)
        unit = s->last_unit + 1;
    s->last_unit = unit + count - 1;
    return unit * POS_UNIT + slice_hash(slice_of(s->node)) % POS_UNIT;
}

uint64_t mongo_take_pos(struct lane *l, uint32_t count)
{
    struct store_mongo *s = l->store;
    pthread_mutex_lock(&s->lock);
    uint64_t pos = take(s, count);
    if (pos < l->oldest_pos)
        l->oldest_pos = pos;
    pthread_mutex_unlock(&s->lock);
    return pos;
}

void mongo_settle_pos(struct lane *l)
{
    pthread_mutex_lock(&l->store->lock);
    l->oldest_pos = UINT64_MAX;
    pthread_mutex_unlock(&l->store->lock);
}

uint64_t mongo_settled_pos(struct store_mongo *s)
{
    pthread_mutex_lock(&s->lock);
    uint64_t pos = take(s, 1);
    for (int k = 0; k < s->lane_count; k++)
        if (s->lanes[k].oldest_pos <= pos)
            pos = s->lanes[k].oldest_pos - 1;
    pthread_mutex_unlock(&s->lock);
    return pos;
}

static bool read_offset(struct lane *l, int64_t *offset_ms, int64_t *trip_ms)
{
    bson_t reply, *hello = BCON_NEW("hello", BCON_INT32(1));
    bson_error_t error;
    mongoc_read_prefs_t *primary = mongoc_read_prefs_new(MONGOC_READ_PRIMARY);
    int64_t before = read_ms(CLOCK_BOOTTIME);
    bool is_done =
        mongoc_client_command_simple(l->client, l->store->database, hello, primary, &reply, &error);
    *trip_ms = read_ms(CLOCK_BOOTTIME) - before;
    if (is_done)
        *offset_ms = get_int(&reply, "localTime") - (before + *trip_ms / 2);
    bson_destroy(&reply);
    bson_destroy(hello);
    mongoc_read_prefs_destroy(primary);
    return is_done;
}

/* The shortest round trip says it best. */
bool mongo_measure(struct lane *l)
{
    int64_t best_trip_ms = INT64_MAX, offset_ms, trip_ms;
    for (int k = 0; k < OFFSET_TRIES; k++) {
        if (!read_offset(l, &offset_ms, &trip_ms) || trip_ms >= best_trip_ms)
            continue;
        best_trip_ms = trip_ms;
        atomic_store(&l->store->offset_ms, offset_ms);
    }
    return best_trip_ms != INT64_MAX;
}

int64_t mongo_boot_ms(void)
{
    return read_ms(CLOCK_BOOTTIME);
}

/* Even the steady clock may have stood still, with all of the machine. */
void mongo_check_time(struct lane *l, int64_t sent_ms, int64_t told_ms)
{
    int64_t offset_ms = atomic_load(&l->store->offset_ms), now_ms = mongo_boot_ms();
    bool is_off = told_ms < sent_ms + offset_ms - TIME_SLACK_MS ||
                  told_ms > now_ms + offset_ms + TIME_SLACK_MS;
    if (told_ms != 0 && is_off)
        (void)mongo_measure(l);
}

/* The caller has the lock. */
uint64_t mongo_mark_pos(struct store_mongo *s)
{
    return take(s, 1);
}

/* --- how far the feed may be trusted --- */

struct feed_end {
    struct lane *lane;
    int64_t now_ms;
    uint64_t pos;
};

static bool take_end(void *context, const bson_t *b)
{
    struct feed_end *x = context;
    uint64_t settled = (uint64_t)get_int(b, "settled_position");
    if (get_int(b, "seen_at") >= x->now_ms - GONE_MS && settled < x->pos &&
        !slice_eq(get_text(b, x->lane->arena, "_id"), slice_of(x->lane->store->node)))
        x->pos = settled;
    return true;
}

/* Up to where nothing of any node comes to be any more: it is found out before the records are
 * read. Who joins this moment gives positions of now, give or take how far its clock is off. */
enum err mongo_find_end(struct lane *l, uint64_t *pos)
{
    int64_t now_ms = mongo_now_ms(l->store);
    struct feed_end x = {l, now_ms, mongo_settled_pos(l->store)};
    bson_t filter = BSON_INITIALIZER;
    if (x.pos > POS_OF_MS(now_ms - MARGIN_MS))
        x.pos = POS_OF_MS(now_ms - MARGIN_MS);
    enum err err = mongo_find(l, &(struct find){C_NODES, &filter, NULL, take_end, &x});
    bson_destroy(&filter);
    *pos = x.pos;
    return err;
}
