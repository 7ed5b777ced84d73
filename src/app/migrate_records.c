/* Copies records in the order of their positions, with the payloads that they name, and reads them
 * back. Comes after migrate_lists.c, before migrate_rows.c. The source is read page by page, the
 * next one while this one is written; a page is cut into pieces so that few payloads are in memory,
 * and a piece is durable before the next one is begun. So a move that was cut off goes on not far
 * before the newest record that the target has. Nothing here looks into a record but for the
 * payloads that it names. */
#include "app/migrate.h"

#include "base/map.h"
#include "core/record.h"

#include <string.h>

#define PAGE_RECORDS 2048
#define PAGE_BYTES_MAX (256u << 20)
#define PIECE_PAYLOADS 64          /* of up to PAYLOAD_BYTES_MAX each */
#define GROUP_RECORDS 64           /* of one instance in one commit */
#define GROUP_BYTES_MAX (4u << 20) /* likewise, but at least one record */
#define SEED_RECORDS 4096          /* a longer history is not folded from its beginning */
#define CAREFUL_RECORDS (2 * PAGE_RECORDS)

struct page {
    struct arena arena;
    struct store_request feed;
    struct payload_list *refs; /* of each record */
};

struct group { /* records of one instance, in one commit */
    struct arena arena;
    struct store_request commit;
    struct store_record *records; /* all of the piece; `done` of them are written */
    const struct payload_list **refs;
    uint32_t count, capacity, done;
};

struct copy {
    struct migrate *m;
    struct page pages[2];
    bool is_read[2];
    uint32_t limit;        /* records of a page */
    uint64_t pos;          /* of the last record that was read */
    uint64_t known_pos;    /* up to here the target has everything */
    uint64_t newest_pos;   /* in the source, of the newest record that the target has */
    uint32_t careful_left; /* records after that one that the target may have as well */
    struct map by_instance;
    struct group *groups;
    uint32_t group_count;
    struct arena arena; /* of a piece */
    struct payload_list texts;
};

static void add_up(struct migrate_sum *s, struct arena *a, const struct store_record *r)
{
    uint8_t digest[SHA256_BYTES];
    uint64_t parts[2];
    struct text t = text_new(a, r->bytes.len + 512);
    text_put(&t, r->instance);
    text_printf(&t, " %llu ", (unsigned long long)r->seq);
    text_put(&t, r->bytes);
    hash_sha256(text_slice(&t), digest);
    memcpy(parts, digest, sizeof parts);
    s->count++;
    s->low += parts[0];
    s->high += parts[1];
}

/* --- what there is --- */

static void note_seed(struct migrate *m, struct slice id)
{
    if (m->seed_count == m->seed_capacity) {
        uint32_t capacity = m->seed_capacity == 0 ? 64 : m->seed_capacity * 2;
        struct slice *grown = arena_array(&m->cli->arena, capacity, sizeof *grown);
        for (uint32_t k = 0; k < m->seed_count; k++)
            grown[k] = m->seeds[k];
        m->seeds = grown;
        m->seed_capacity = capacity;
    }
    m->seeds[m->seed_count++] = slice_copy(&m->cli->arena, id);
}

static enum err note_instance(struct migrate *m, const struct store_record *r)
{
    if (store_is_chain(r->instance))
        return ERR_NONE;
    if (r->seq == SEED_RECORDS)
        note_seed(m, r->instance);
    if (r->seq != 1)
        return ERR_NONE;
    m->instances++;
    if (fprintf(m->ids, "%.*s\n", SLICE_ARG(r->instance)) > 0)
        return ERR_NONE;
    return migrate_fail(m, ERR_IO, "the temporary file can't be written");
}

static enum err find_refs(struct arena *a, const struct store_record *r, struct payload_list *refs)
{
    struct record record;
    enum err err = record_decode(a, r->bytes, &record);
    if (err == ERR_NONE)
        err = record_refs(a, &record, refs);
    if (err == ERR_NONE)
        record_data_refs(a, &record, refs);
    return err;
}

static enum err take_page(struct copy *c, struct page *p)
{
    struct migrate *m = c->m;
    enum err err = ERR_NONE;
    p->refs = arena_array(&p->arena, p->feed.record_count + 1, sizeof *p->refs);
    for (uint32_t k = 0; k < p->feed.record_count && err == ERR_NONE; k++) {
        const struct store_record *r = &p->feed.records[k];
        arena_reset(&m->arena);
        add_up(&m->copied, &m->arena, r);
        m->bytes += r->bytes.len;
        err = note_instance(m, r);
        if (err == ERR_NONE)
            err = find_refs(&p->arena, r, &p->refs[k]);
        if (err == ERR_CORRUPT || err == ERR_NEWER)
            return migrate_fail(m, err, "%s: record %llu of %.*s: %s", m->from_place,
                                (unsigned long long)r->seq, SLICE_ARG(r->instance), err_text(err));
    }
    return err;
}

/* --- reading --- */

static void ask_page(struct copy *c, unsigned which)
{
    struct page *p = &c->pages[which];
    arena_reset(&p->arena);
    p->feed = (struct store_request){.op = STORE_FEED, .arena = &p->arena};
    p->feed.pos = c->pos;
    p->feed.limit = c->limit;
    bulk_submit(&c->m->source, &p->feed, &c->is_read[which]);
}

/* Records may be so large that a page of them is more than fits. */
static enum err wait_page(struct copy *c, unsigned which)
{
    struct page *p = &c->pages[which];
    bulk_wait(&c->m->source);
    while (p->feed.err == ERR_MEMORY && c->limit > 1) {
        c->limit = (c->limit + 7) / 8;
        ask_page(c, which);
        bulk_wait(&c->m->source);
    }
    if (p->feed.err == ERR_NONE && p->feed.record_count > 0)
        c->pos = p->feed.records[p->feed.record_count - 1].pos;
    return p->feed.err;
}

/* --- where a move that was cut off goes on --- */

static enum err find_newest(struct copy *c)
{
    struct migrate *m = c->m;
    struct store_request newest = migrate_ask(m, STORE_FEED);
    newest.newest_first = true;
    newest.limit = 1;
    enum err err = bulk_ask(&m->target, &newest);
    if (err != ERR_NONE || newest.record_count == 0)
        return err;
    struct store_request same = {.op = STORE_RECORDS, .arena = &m->arena};
    same.id = newest.records[0].instance;
    same.seq = newest.records[0].seq;
    same.limit = 1;
    err = bulk_ask(&m->source, &same);
    if (err == ERR_NONE && (same.record_count == 0 || same.records[0].seq != same.seq))
        return migrate_fail(m, ERR_EXISTS, "%s has a record that %s does not have: %llu of %.*s",
                            m->to_place, m->from_place, (unsigned long long)same.seq,
                            SLICE_ARG(same.id));
    if (err == ERR_NONE)
        c->newest_pos = same.records[0].pos;
    return err;
}

/* The piece that this record belongs to may be there in part, and begins so many records before it
 * at most; everything before is there. */
static enum err find_beginning(struct copy *c)
{
    struct migrate *m = c->m;
    enum err err = m->is_resumed ? find_newest(c) : ERR_NONE;
    if (err != ERR_NONE || c->newest_pos == 0)
        return err;
    c->careful_left = CAREFUL_RECORDS;
    struct store_request before = migrate_ask(m, STORE_FEED);
    before.newest_first = true;
    before.pos = c->newest_pos;
    before.limit = PAGE_RECORDS;
    err = bulk_ask(&m->source, &before);
    if (err == ERR_NONE && before.record_count == PAGE_RECORDS)
        c->known_pos = before.records[PAGE_RECORDS - 1].pos;
    return err;
}

/* --- a piece: its instances --- */

static struct group *group_of(struct copy *c, const struct store_record *r)
{
    struct group *g = map_find(&c->by_instance, r->instance);
    if (g != NULL)
        return g;
    g = &c->groups[c->group_count++];
    arena_init(&g->arena, WORK_BYTES_MAX);
    g->arena.edge = c->arena.edge;
    if (map_put(&c->by_instance, r->instance, g) != ERR_NONE)
        arena_give_up(&c->arena);
    return g;
}

static void add_record(struct copy *c, const struct store_record *r,
                       const struct payload_list *refs)
{
    struct group *g = group_of(c, r);
    if (g->count == g->capacity) {
        uint32_t capacity = g->capacity == 0 ? 8 : g->capacity * 2;
        struct store_record *records = arena_array(&c->arena, capacity, sizeof *records);
        const struct payload_list **all = arena_array(&c->arena, capacity, sizeof *all);
        for (uint32_t k = 0; k < g->count; k++) {
            records[k] = g->records[k];
            all[k] = g->refs[k];
        }
        g->records = records;
        g->refs = all;
        g->capacity = capacity;
    }
    g->records[g->count] = *r;
    g->refs[g->count++] = refs;
}

/* How many of the page's records, from `at` on, are one piece. */
static uint32_t piece_length(const struct page *p, uint32_t at)
{
    uint32_t count = 0, refs = 0;
    while (at + count < p->feed.record_count) {
        refs += p->refs[at + count].count;
        if (count > 0 && refs > PIECE_PAYLOADS)
            break;
        count++;
    }
    return count;
}

static enum err read_texts(struct copy *c, const struct page *p, uint32_t at, uint32_t count)
{
    struct migrate *m = c->m;
    struct payload_list wanted = {0};
    struct store_request r = {.op = STORE_PAYLOADS, .arena = &c->arena};
    for (uint32_t k = at; k < at + count; k++)
        for (uint32_t n = 0; n < p->refs[k].count; n++)
            payload_add(&c->arena, &wanted, SLICE_NONE, p->refs[k].items[n].digest);
    c->texts = (struct payload_list){0};
    if (wanted.count == 0)
        return ERR_NONE;
    r.payloads = arena_array(&c->arena, wanted.count, sizeof *r.payloads);
    r.payload_count = wanted.count;
    for (uint32_t k = 0; k < wanted.count; k++)
        memcpy(r.payloads[k].digest, wanted.items[k].digest, SHA256_BYTES);
    enum err err = bulk_ask(&m->source, &r);
    for (uint32_t k = 0; k < r.payload_count && err == ERR_NONE; k++) {
        if (r.payloads[k].text.at == NULL)
            m->missing_payloads++;
        else
            payload_add(&c->arena, &c->texts, r.payloads[k].text, r.payloads[k].digest);
    }
    m->payloads += c->texts.count;
    return err;
}

/* Where a move is taken up, what the target has of these instances is asked for first: an append
 * that only overlaps another need not be noticed by a store. */
static enum err skip_known(struct copy *c)
{
    enum err err = ERR_NONE;
    for (uint32_t k = 0; k < c->group_count && err == ERR_NONE; k++) {
        struct group *g = &c->groups[k];
        struct store_request last = {.op = STORE_RECORDS, .arena = &g->arena};
        last.id = g->records[0].instance;
        last.newest_first = true;
        last.limit = 1;
        err = bulk_ask(&c->m->target, &last);
        uint64_t seq = last.record_count > 0 ? last.records[0].seq : 0;
        while (err == ERR_NONE && g->done < g->count && g->records[g->done].seq <= seq)
            g->done++;
        arena_reset(&g->arena);
    }
    return err;
}

/* --- a piece: writing --- */

static void add_texts(struct copy *c, struct store_request *r, const struct payload_list *refs)
{
    for (uint32_t k = 0; k < refs->count; k++) {
        const struct payload *text = payload_find(&c->texts, refs->items[k].digest);
        if (text == NULL)
            continue;
        struct store_payload *p = &r->payloads[r->payload_count++];
        memcpy(p->digest, text->digest, SHA256_BYTES);
        p->text = text->text;
    }
}

/* The next commit of an instance. */
static void submit_group(struct copy *c, struct group *g)
{
    uint32_t count = 0, refs = 0;
    size_t bytes = 0;
    struct store_request *r = &g->commit;
    arena_reset(&g->arena);
    *r = (struct store_request){.op = STORE_COMMIT, .arena = &g->arena};
    r->records = &g->records[g->done];
    r->id = r->records->instance;
    r->node = slice_of(c->m->node);
    while (g->done + count < g->count && count < GROUP_RECORDS) {
        bytes += r->records[count].bytes.len;
        if (count > 0 && bytes > GROUP_BYTES_MAX)
            break;
        refs += g->refs[g->done + count]->count;
        count++;
    }
    r->record_count = count;
    r->payloads = arena_array(&g->arena, refs + 1, sizeof *r->payloads);
    for (uint32_t k = 0; k < count; k++)
        add_texts(c, r, g->refs[g->done + k]);
    bulk_submit(&c->m->target, r, NULL);
}

static enum err take_result(struct copy *c, struct group *g)
{
    struct migrate *m = c->m;
    enum err err = g->commit.err;
    if (err == ERR_NONE) {
        g->done += g->commit.record_count;
        m->written += g->commit.record_count;
        return ERR_NONE;
    }
    return migrate_fail(m, err, "%s: record %llu of %.*s can't be written: %s", m->to_place,
                        (unsigned long long)g->commit.records->seq,
                        SLICE_ARG(g->commit.records->instance), err_text(err));
}

/* Of each instance one commit is in flight; all are durable before the next. */
static enum err write_groups(struct copy *c)
{
    enum err err = ERR_NONE;
    bool is_more = true;
    while (is_more && err == ERR_NONE) {
        is_more = false;
        for (uint32_t k = 0; k < c->group_count; k++)
            if (c->groups[k].done < c->groups[k].count)
                submit_group(c, &c->groups[k]);
        bulk_wait(&c->m->target);
        for (uint32_t k = 0; k < c->group_count && err == ERR_NONE; k++) {
            struct group *g = &c->groups[k];
            if (g->commit.record_count > 0 && g->done < g->count)
                err = take_result(c, g);
            is_more |= g->done < g->count;
        }
    }
    return err;
}

static enum err write_piece(struct copy *c, const struct page *p, uint32_t at, uint32_t count)
{
    arena_reset(&c->arena);
    map_init(&c->by_instance, c->pos);
    c->groups = arena_array(&c->arena, count, sizeof *c->groups);
    c->group_count = 0;
    for (uint32_t k = at; k < at + count; k++)
        if (p->feed.records[k].pos > c->known_pos)
            add_record(c, &p->feed.records[k], &p->refs[k]);
    bool is_careful = c->group_count > 0 && c->careful_left > 0;
    enum err err = c->group_count > 0 ? read_texts(c, p, at, count) : ERR_NONE;
    if (err == ERR_NONE && is_careful)
        err = skip_known(c);
    if (err == ERR_NONE)
        err = write_groups(c);
    if (is_careful && p->feed.records[at].pos > c->newest_pos)
        c->careful_left -= count < c->careful_left ? count : c->careful_left;
    for (uint32_t k = 0; k < c->group_count; k++)
        arena_drop(&c->groups[k].arena);
    map_drop(&c->by_instance);
    return err;
}

static enum err write_page(struct copy *c, const struct page *p)
{
    enum err err = ERR_NONE;
    for (uint32_t at = 0, count; at < p->feed.record_count && err == ERR_NONE; at += count) {
        count = piece_length(p, at);
        err = write_piece(c, p, at, count);
        migrate_tell(c->m, "records", c->m->copied.count);
    }
    return err;
}

/* --- all of them --- */

static enum err copy_pages(struct copy *c)
{
    unsigned which = 0;
    ask_page(c, which);
    for (;; which = 1 - which) {
        struct page *p = &c->pages[which];
        enum err err = wait_page(c, which);
        if (err == ERR_NONE)
            err = take_page(c, p);
        if (err != ERR_NONE || p->feed.record_count == 0)
            return err;
        ask_page(c, 1 - which);
        err = write_page(c, p);
        if (err != ERR_NONE)
            return err;
    }
}

enum err migrate_records(struct migrate *m)
{
    struct copy c = {.m = m, .limit = PAGE_RECORDS};
    struct arena *const arenas[] = {&c.pages[0].arena, &c.pages[1].arena, &c.arena};
    for (size_t k = 0; k < sizeof arenas / sizeof *arenas; k++) {
        arena_init(arenas[k], PAGE_BYTES_MAX);
        arenas[k]->edge = m->cli->arena.edge;
    }
    migrate_tell_step(m);
    enum err err = find_beginning(&c);
    if (err == ERR_NONE)
        err = copy_pages(&c);
    bulk_wait(&m->source);
    for (size_t k = 0; k < sizeof arenas / sizeof *arenas; k++)
        arena_drop(arenas[k]);
    return err;
}

/* --- reading back --- */

enum err migrate_compare(struct migrate *m)
{
    uint64_t pos = 0;
    uint32_t limit = PAGE_RECORDS;
    struct arena page;
    enum err err = ERR_NONE;
    arena_init(&page, PAGE_BYTES_MAX);
    page.edge = m->cli->arena.edge;
    migrate_tell_step(m);
    for (bool is_more = true; is_more && err == ERR_NONE;) {
        arena_reset(&page);
        struct store_request r = {.op = STORE_FEED, .arena = &page, .pos = pos, .limit = limit};
        err = bulk_ask(&m->target, &r);
        if (err == ERR_MEMORY && limit > 1) {
            limit = (limit + 7) / 8;
            err = ERR_NONE;
            continue;
        }
        for (uint32_t k = 0; k < r.record_count && err == ERR_NONE; k++) {
            arena_reset(&m->arena);
            add_up(&m->found, &m->arena, &r.records[k]);
            pos = r.records[k].pos;
        }
        is_more = r.record_count > 0;
        migrate_tell(m, "read back", m->found.count);
    }
    arena_drop(&page);
    if (err != ERR_NONE || memcmp(&m->copied, &m->found, sizeof m->copied) == 0)
        return err;
    return migrate_fail(m, ERR_CORRUPT,
                        "%s does not have the records of %s: %llu are there, %llu were copied; "
                        "was one of them changed meanwhile?",
                        m->to_place, m->from_place, (unsigned long long)m->found.count,
                        (unsigned long long)m->copied.count);
}
