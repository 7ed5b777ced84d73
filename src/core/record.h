/* A record: one event with its verdict and changes, as it is stored for ever. Its exact bytes are
 * hashed, and the next record of the instance holds that hash: a chain.
 *
 *   {"f":1,"seq":5,"at":1764000000000,"event":"TaskCompleted","verdict":"applied","id":"…",
 *    "sum":"9c0ffee0","source":"sqs","actor":"…","task":"make_food","generation":1,"attempt":1,
 *    "reason":"…","why":"…","data":{…},"count":3,
 *    "changes":[{"path":"tasks.make_food.status","to":"COMPLETED"}],"state":{…},"prev":"…"}
 *
 * Members without a value are left out. `data` is what the event brought, where the changes do not
 * already say it. `count` counts identical repeats. `state` is the full state every SNAPSHOT_EVERY
 * records. Values of more than PAYLOAD_INLINE_BYTES_MAX are stored apart: {"path":…,"ref":HEX,
 * "bytes":N}. Fields are added, never given a new meaning; `f` is the format. */
#ifndef SWM_CORE_RECORD_H
#define SWM_CORE_RECORD_H

#include "core/step.h"

#ifndef RECORD_FORMAT /* build/next has the one after it */
#define RECORD_FORMAT 1
#endif

struct payload {
    uint8_t digest[SHA256_BYTES];
    struct slice text;
};

/* Payloads that a record or a row refers to. Growable, in the arena of whoever fills it. */
struct payload_list {
    struct payload *items;
    uint32_t count, capacity;
};

void payload_add(struct arena *a, struct payload_list *l, struct slice text,
                 uint8_t digest[SHA256_BYTES]); /* once per digest */
const struct payload *payload_find(const struct payload_list *l,
                                   const uint8_t digest[SHA256_BYTES]);

/* Encodes the record of `e` and `o` for `work` (the state after the step) and advances work's seq,
 * at_ms, hash and ring of recent events. Payloads it refers to are added to *payloads. Returns the
 * record's bytes, in the arena. */
struct slice record_encode(struct arena *a, struct instance *work, const struct event *e,
                           const struct outcome *o, struct payload_list *payloads);
/* The record of an arrival that names no instance, or of a template apply, for the chain `_sys:…`:
 * head is seq, at_ms and hash of the chain's last record and is advanced. */
struct chain_head {
    uint64_t seq;
    int64_t at_ms;
    uint8_t hash[SHA256_BYTES];
};
struct slice record_encode_sys(struct arena *a, struct chain_head *head, const struct event *e,
                               const struct outcome *o, struct slice data);

/* A decoded record. Texts point into the document, which is in the arena. */
struct record {
    int64_t format;
    uint64_t seq;
    int64_t at_ms;
    struct slice event, verdict, id, source, actor, stage, task;
    struct slice reason;                  /* given by the sender */
    struct slice why;                     /* the verdict's */
    struct slice instance, template, key; /* in a chain `_sys:…`: what it is about; else absent */
    int64_t generation, attempt, count;
    yyjson_val *data, *changes, *state; /* NULL: none */
    uint32_t sum;
    uint8_t prev[SHA256_BYTES];
    uint8_t hash[SHA256_BYTES]; /* computed from the bytes */
};
/* ERR_CORRUPT: not a record; ERR_NEWER: of a later format. */
enum err record_decode(struct arena *a, struct slice bytes, struct record *out) MUST_USE;
/* Adds the digests that a record's changes and state refer to (texts absent). */
enum err record_refs(struct arena *a, const struct record *r, struct payload_list *out) MUST_USE;

/* Likewise those of what the event brought that did not come to be a change: folding does not need
 * them. */
void record_data_refs(struct arena *a, const struct record *r, struct payload_list *out);

/* Makes the instance as of a snapshot record (one with `state`) from it alone. */
enum err record_restore(struct arena *a, struct instance *i, const struct record *r,
                        const struct payload_list *payloads) MUST_USE;

/* Folds one record into the instance: seq must be the next and prev must match, else ERR_CORRUPT.
 * Texts are copied into the instance's arena; payloads are looked up in `payloads`, a missing one
 * is an erased one and reads as null. */
enum err record_fold(struct arena *a, struct instance *i, const struct record *r,
                     const struct payload_list *payloads) MUST_USE;
/* The changes of `r` with `from`, given the state before it, as JSON:
 * [{"path":…,"from":…,"to":…}]. Times as RFC 3339. Does not change `before`. */
struct slice record_changes_json(struct arena *a, const struct instance *before,
                                 const struct record *r, const struct payload_list *payloads);

/* The instance's full state for its row, with seq, time and hash of its last record. (The `state`
 * in a snapshot record is the same without the hash, which is the record's own.) */
struct slice state_encode(struct arena *a, const struct instance *i, struct payload_list *payloads);
/* `json` as state_encode wrote it, into an instance whose texts live in i's arena. */
enum err state_decode(struct arena *a, struct slice json, struct instance *i,
                      const struct payload_list *payloads) MUST_USE;
enum err state_refs(struct arena *a, struct slice json, struct payload_list *out) MUST_USE;
/* The template and version that a state or a first record names, before the template is at hand. */
enum err state_template(struct arena *a, struct slice json, struct slice *name,
                        int64_t *version) MUST_USE;
enum err record_template(const struct record *first, struct slice *name, int64_t *version) MUST_USE;

/* The path of a change, e.g. "tasks.make_food.status", "stages.order.status", "status". */
struct slice record_path(struct arena *a, const struct template *t, const struct change *c);

#endif
