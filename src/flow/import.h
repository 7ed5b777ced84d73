/* An instance from elsewhere, with its whole chain of records: exported by another server, or made
 * from what an earlier implementation kept. It comes in byte by byte as it is, or not at all, and
 * goes on from where it stood. One thread, the engine's. */
#ifndef SWM_FLOW_IMPORT_H
#define SWM_FLOW_IMPORT_H

#include "flow/flow.h"

struct import_chain { /* everything is the caller's until the reply */
    struct slice instance, template;
    int64_t version;
    uint8_t digest[SHA256_BYTES]; /* of the template's version */
    const struct slice *records;  /* from the first one on, without a gap */
    uint32_t record_count;
    const struct slice *payloads; /* large values that they name */
    uint32_t payload_count;
    struct slice actor;
};

struct import_answer {    /* texts are valid during the reply */
    enum err err;         /* else nothing came in, and `why` may say in a sentence why not */
    enum verdict verdict; /* applied; duplicate: these very records are there already */
    struct slice why;
    struct slice key, status;
};

typedef void import_reply(void *context, const struct import_answer *answer);

/* ERR_UNKNOWN_TEMPLATE: there is no such version, or it has another content. ERR_INVALID: the
 * records are no chain that gives an instance. ERR_EXISTS: the instance is there with other
 * records, or another open one has its key. Where some of the records are there and no other, as
 * after a crash, the rest follows. */
void flow_import(struct flow *f, const struct import_chain *chain, import_reply *reply,
                 void *context);

#endif
