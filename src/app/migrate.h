/* Moves everything from one store to another: what `swm migrate-store` does, in its steps. The
 * source is only read. The target says in `meta` that it is being filled, and no server takes it
 * before it says that it is whole; so the move may be cut off anywhere and be begun again. */
#ifndef SWM_APP_MIGRATE_H
#define SWM_APP_MIGRATE_H

#include "app/bulk.h"
#include "app/cli.h"
#include "app/drivers.h"

#define MIGRATE_MESSAGE_BYTES 768
#define MIGRATE_ID_BYTES 32 /* of an instance's id and its end of line */

struct migrate_sum { /* the same whatever the order of the records */
    uint64_t count, low, high;
};

struct migrate {
    struct cli *cli;
    const char *from_place, *to_place; /* as they may be shown: without a password */
    struct drivers *from, *to;
    struct bulk source, target;
    char node[24];                       /* what the target's records and rows are signed with */
    char message[MIGRATE_MESSAGE_BYTES]; /* what is wrong, where an error says too little */
    struct arena arena;                  /* of the question that is being asked */
    bool is_resumed;

    struct migrate_sum copied, found; /* the source's records, the target's */
    FILE *ids;                        /* of every instance, a line each */
    struct slice *seeds;              /* ids of instances with a long history */
    uint32_t seed_count, seed_capacity;
    uint64_t templates, keys, queues, messages, instances, payloads, bytes;
    uint64_t written;          /* records that were not there yet */
    uint64_t missing_payloads; /* named, but not in the source either */
    int64_t began_at_ms, step_at_ms, told_at_ms;
};

/* `place`: a data folder, or the address of a MongoDB. */
enum err migrate_open(struct migrate *m, const char *from, const char *to) MUST_USE;
enum err migrate_lists(struct migrate *m) MUST_USE;   /* keys, templates, queues, messages */
enum err migrate_records(struct migrate *m) MUST_USE; /* with the payloads that they name */
enum err migrate_compare(struct migrate *m) MUST_USE; /* reads the target's records back */
enum err migrate_rows(struct migrate *m) MUST_USE;    /* folds, and verifies the target */
enum err migrate_finish(struct migrate *m) MUST_USE;  /* from here on servers take it */
void migrate_close(struct migrate *m);

/* --- what the steps share --- */
enum err migrate_fail(struct migrate *m, enum err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Empties m->arena and makes a request in it. */
int64_t migrate_now_ms(const struct drivers *d); /* by the store's time, where it has one */
struct store_request migrate_ask(struct migrate *m, enum store_op op);
/* A line on a terminal that is written over; nothing where there is none. */
void migrate_tell(struct migrate *m, const char *what, uint64_t count);
void migrate_tell_step(struct migrate *m); /* the next lines are about something else */

#endif
