/* What `swm import` shares between its files: the documents that it reads, the templates that the
 * server has, and how it went with each document. */
#ifndef SWM_APP_IMPORT_H
#define SWM_APP_IMPORT_H

#include "app/cli.h"
#include "core/template.h"

struct import_family { /* a template at the server; in the command's arena */
    struct slice name, alias;
    struct slice *digests; /* of its versions, as hex */
    uint32_t count, capacity;
    struct slice newest; /* its source */
    bool was_there;      /* before the import */
};

struct importer {
    struct cli *cli;
    struct import_family *families;
    uint32_t family_count, family_capacity;
    uint64_t templates, imported, present, skipped;
    const char *place;            /* the file, or the collection, that is being read */
    uint64_t number;              /* of the document in it, from 1 */
    int exit;                     /* anything but EXIT_OK ends the import: it has been said why */
    struct import_found *found;   /* import_earlier.c: definitions */
    struct import_export *export; /* import_export.c: an export whose lines are being read */
};

/* import_read.c. Each document of the files, or of the database; one at a time, in an arena that is
 * reset after each. */
typedef void import_take(struct importer *m, struct arena *a, yyjson_val *document);
void import_read_all(struct importer *m, import_take *take);
/* A document as plain JSON, without the types that database exports spell as objects, and without
 * the members that `is_kept` (NULL: all are) says no to. */
struct slice import_plain(struct arena *a, yyjson_val *v,
                          bool (*is_kept)(unsigned depth, struct slice name));
bool import_is_definition(yyjson_val *document);
bool import_is_instance(yyjson_val *document);

/* import_template.c. NULL: the server can't be asked; it has been said. */
struct import_family *import_family(struct importer *m, struct slice name);
int64_t import_version(const struct import_family *f, struct slice digest_hex); /* 0: none */
/* Applies it as the next version, or, with --dry-run, says that it would. False: the server says
 * no, and that is reported. */
bool import_apply(struct importer *m, struct import_family *f, struct slice source,
                  struct slice digest_hex);

/* import_earlier.c, import_export.c */
void import_definitions(struct importer *m); /* of the earlier form, in their order */
import_take import_earlier, import_exported;
void import_end_export(struct importer *m); /* the file ended */

/* cmd_import.c: how it went with a document. */
enum import_result { IMPORT_DONE, IMPORT_PRESENT, IMPORT_SKIPPED, IMPORT_TEMPLATE };
struct import_report {
    enum import_result result;
    struct slice what; /* a key, an id, a template */
    struct slice instance, status, why;
    int64_t version;
};
void import_tell(struct importer *m, const struct import_report *r);
/* The same for what is not imported, with a reason made of a format. */
void import_skip(struct importer *m, struct arena *a, struct slice what, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Asks the server; the answer lives in `a`, its status in m->cli->answer. False: it can't be
 * reached, or does not let us in: m->exit. */
bool import_ask(struct importer *m, struct arena *a, const struct client_request *r,
                yyjson_val **answer);
/* Hands a chain to the server, or, with --dry-run, says that it would. */
struct import_body {
    struct slice instance, template, what, status;
    int64_t version;
    struct slice digest_hex;
    const struct slice *records, *payloads;
    uint32_t record_count, payload_count;
};
void import_send(struct importer *m, struct arena *a, const struct import_body *b);

#endif
