/* The store in MongoDB, shared by any number of nodes: see port/store.h for what that means.
 *
 * Records are documents named INSTANCE:SEQ, inserted with a write concern of majority and journal;
 * the insert is the commit. libmongoc blocks, so each kind of work has threads of its own. */
#ifndef SWM_STORE_STORE_MONGO_H
#define SWM_STORE_STORE_MONGO_H

#include "port/store.h"

#define STORE_MONGO_FORMAT 1 /* of the documents; in the collection meta */
#define STORE_MONGO_MESSAGE_BYTES 512

/* Opens the database that the address names ("swm" where it names none); makes collections and
 * indexes where they are missing. `node` is this node's name, copied. ERR_INVALID: not an address
 * that can be used. ERR_STORE: no primary answers within ten seconds. ERR_NEWER: a later version of
 * swm wrote it. ERR_CORRUPT: an index is there with another meaning. ERR_MEMORY. `message` says
 * what is wrong in a sentence for the user; a password is never in it. */
enum err store_mongo_open(const char *address, const char *node, struct store **out,
                          char message[STORE_MONGO_MESSAGE_BYTES]) MUST_USE;
/* The same for a process that lives for a short time and sleeps in between, of which there may be a
 * thousand: few connections, and the indexes are taken as they were once found to be. */
enum err store_mongo_open_brief(const char *address, const char *node, struct store **out,
                                char message[STORE_MONGO_MESSAGE_BYTES]) MUST_USE;

#endif
