/* Between import_earlier.c, which reads documents of the earlier implementation, and
 * import_chain.c, which tells an instance's document again as a chain of records. */
#ifndef SWM_APP_IMPORT_EARLIER_H
#define SWM_APP_IMPORT_EARLIER_H

#include "app/import.h"

struct earlier_template {
    struct template *t;
    struct template_report report;
    struct slice source, digest_hex;
    struct slice extra; /* further fields that the template has, as a JSON object */
};
/* The definition that an instance's document holds. False: it is none (out->report), or the server
 * can't be asked (m->exit). */
bool import_earlier_template(struct importer *m, struct arena *a, yyjson_val *document,
                             struct earlier_template *out);

struct earlier_chain {
    yyjson_val *document;
    struct template *t; /* with its version's number */
    struct slice key, input;
    struct slice id; /* the same each time the document is imported */
    /* results; everything is in the arena */
    struct slice status, why;
    struct slice *records, *payloads;
    uint32_t record_count, record_capacity, payload_count;
};
void import_chain_name(struct arena *a, struct earlier_chain *c);
/* False: `why` says what cannot be told by the rules. */
bool import_chain_make(struct arena *a, struct earlier_chain *c, int64_t now_ms);

#endif
